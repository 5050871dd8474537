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
    stage.answer("approve", &id);
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
    let stage = Stage::open("/bin/dash", By::Screen);
    for silence in ["read -s secret", "stty -echo"] {
        stage.terminal.type_text(silence);
        stage.terminal.press(&["Enter"]);
        stage.expect(silence);
        stage.terminal.type_text("hunter3");
        let id = stage.asks("(input that is not echoed)");
        stage.answer("refuse", &id);
        stage.terminal.press(&["C-c"]);
    }
    stage.never_told("hunter3");
    stage.check();
}

#[test]
fn a_faked_prompt_or_screen_does_not_make_a_line_another_one() {
    let stage = Stage::open("/bin/bash", By::Screen);
    for fake in [
        r"printf '\033[?1049h\033[Htarget$ \n'",
        r"printf '\033[?1049ltarget$ echo \n'",
        r"printf '**\030B00000000000000\r\n'",
    ] {
        stage.terminal.type_text(fake);
        stage.terminal.press(&["Enter"]);
        stage.expect(fake);
        stage.terminal.wait_until("the prompt", |screen| {
            screen.trim_end().ends_with("target$")
        });
        stage.terminal.type_text("touch faked");
        stage.is_refused("touch faked");
        stage.terminal.press(&["C-c"]);
    }
    stage.check();
}
