//! Lines that are read off the screen, and people who want it misread: unsure is held.

use super::stage::{By, Stage};

#[test]
fn a_held_line_that_another_client_of_a_multiplexer_changes_is_asked_about_anew() {
    let stage = Stage::open("/bin/bash", By::Screen);
    let name = format!("cs{}", std::process::id());
    let file = stage.file("one");
    stage.terminal.enter(&format!("tmux -L {name} -f/dev/null"));
    stage.expect(&format!("tmux -L {name} -f/dev/null"));
    stage.terminal.wait_for("[0] 0:");
    stage.runs("echo in tmux", "in tmux");
    let other = stage.alice().terminal(100, 40, &["-t", "db1"]);
    other.wait_for("target$ ");
    other.enter(&format!("tmux -L {name} attach"));
    stage.expect(&format!("tmux -L {name} attach"));
    other.wait_for("in tmux");
    stage.terminal.type_text(&format!("touch {file}"));
    let id = stage.asks(&format!("touch {file}"));
    other.type_text(" two");
    other.wait_for(&format!("touch {file} two"));
    let before = stage.holds();
    stage.send_answer("approve", &id);
    let again = stage.held(&format!("target$ touch {file} two"), before);
    assert!(!stage.world.sshd.home().join("one").exists());
    stage.answer("refuse", &again);
    stage.terminal.press(&["C-c"]);
    assert!(!stage.world.sshd.home().join("one").exists());
    other.press(&["C-c"]);
    other.type_text("exit");
    other.wait_for("target$ exit");
    stage.check();
}

#[test]
fn what_is_not_echoed_is_held_and_never_told() {
    let stage = Stage::open("/bin/bash", By::Screen);
    stage.terminal.type_text("read -s secret");
    let id = stage.asks("read -s secret");
    stage.answer("approve", &id);
    stage.terminal.type_text("hunter3");
    let id = stage.asks("(input that is not echoed)");
    stage.answer("refuse", &id);
    stage.terminal.press(&["C-c"]);
    stage.prompt();
    stage.runs("echo behind", "behind");
    stage.never_told("hunter3");
    stage.check();
}

#[test]
fn a_shell_that_does_not_echo_is_not_understood() {
    let stage = Stage::open("/bin/dash", By::Screen);
    stage.terminal.type_text("stty -echo; echo silent");
    stage.submits("stty -echo; echo silent", "silent");
    stage.terminal.wait_until("the prompt", |screen| {
        screen.trim_end().ends_with("silent\ntarget$")
    });
    stage.terminal.type_text("touch hunter4");
    let id = stage.asks("(input that is not echoed)");
    stage.answer("refuse", &id);
    stage.never_told("hunter4");
    stage.check();
}

#[test]
fn a_faked_prompt_or_screen_does_not_make_a_line_another_one() {
    let stage = Stage::open("/bin/bash", By::Screen);
    for (number, fake) in [
        "\x1b[?1049h\x1b[Htarget$ \n",
        "\x1b[?1049ltarget$ echo \n",
        "**\x18B00000000000000\r\n",
        "\x1b[3A\x1b[Kpassword: \x1b[8m",
    ]
    .into_iter()
    .enumerate()
    {
        let file = stage.file(&format!("fake{number}"));
        std::fs::write(&file, format!("{fake}shown {number}\n")).unwrap();
        stage.terminal.enter(&format!("cat {file}"));
        stage.expect(&format!("cat {file}"));
        stage.terminal.wait_for(&format!("shown {number}\ntarget$"));
        let before = stage.holds();
        stage.terminal.enter("touch faked");
        // However it is read: it is held, and whoever answers sees it.
        let id = stage.held("touch faked", before);
        stage.answer("refuse", &id);
        stage.terminal.press(&["C-c"]);
        stage.prompt();
    }
    assert!(!stage.world.sshd.home().join("faked").exists());
    stage.check();
}
