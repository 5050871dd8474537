//! Lines that are edited, in the ways that shells and alphabets have, and what may be drawn over them meanwhile.

use super::attacks::{CONFIG_FISH, absent, started_with};
use super::stage::{By, Stage};

/// Columns of the prompt.
const PROMPT: u16 = 8;

/// Types a line and leaves it for vi's command mode, which takes the cursor back by one.
fn commands(stage: &Stage, line: &str) {
    stage.terminal.type_text(line);
    let end = PROMPT + u16::try_from(line.len()).unwrap();
    stage.terminal.wait_for_cursor(end);
    stage.terminal.press(&["Escape"]);
    stage.terminal.wait_for_cursor(end - 1);
}

/// What editing as vi does in every shell alike, in one that begins so.
fn edits_as_vi(stage: &Stage) {
    commands(stage, "echo wrld");
    stage.terminal.type_text("blio");
    stage.terminal.wait_for("target$ echo world");
    stage.terminal.press(&["Escape"]);
    stage.submits("echo world", "world");
    commands(stage, "touch vi");
    stage.is_refused("touch vi");
    stage.terminal.press(&["C-c"]);
    stage.prompt();
}

#[test]
fn lines_that_are_edited_as_vi_does_are_read_in_zsh() {
    let stage = started_with("/usr/bin/zsh", By::Widget, ".zshrc", "bindkey -v\n");
    edits_as_vi(&stage);
    stage.check();
}

#[test]
fn a_line_that_keys_make_a_comment_and_a_command_again_is_asked_about_in_zsh() {
    let stage = started_with("/usr/bin/zsh", By::Widget, ".zshrc", "bindkey -v\n");
    commands(&stage, "echo Xtouch vi");
    stage.terminal.type_text("bbbdw");
    stage.terminal.wait_for("target$ Xtouch vi");
    let before = stage.holds();
    stage.terminal.type_text("r##");
    let id = stage.held("#touch vi", before);
    stage.answer("refuse", &id);
    absent(&stage, "vi");
    stage.check();
}

#[test]
fn lines_that_are_edited_as_vi_does_are_read_in_fish() {
    let more = "fish_vi_key_bindings; function fish_mode_prompt; end\n";
    let stage = started_with("/usr/bin/fish", By::Widget, CONFIG_FISH, more);
    edits_as_vi(&stage);
    stage.check();
}

#[test]
fn a_key_that_opens_an_editor_for_an_allowed_line_is_asked_about() {
    let more = "export EDITOR='vim -u NONE -n'\nset -o vi\nbind '\"\\C-x\\C-e\": edit-and-execute-command'\n";
    let stage = started_with("/bin/bash", By::Screen, ".bash_profile", more);
    stage.terminal.type_text("pwd");
    stage.terminal.wait_for("target$ pwd");
    let id = stage.waits_for("pwd", &["C-x", "C-e"]);
    stage.answer("refuse", &id);
    stage.runs("echo no editor", "no editor");
    commands(&stage, "pwd");
    let id = stage.waits_for("pwd", &["b", "v"]);
    stage.answer("refuse", &id);
    stage.check();
}

#[test]
fn output_that_is_drawn_over_an_edited_line_is_not_believed() {
    let stage = Stage::open("/bin/bash", By::Screen);
    // Before anything is typed, and when all of it is.
    for (shown, keys) in [
        ("target$ echo hitouch over", &["C-e"][..]),
        ("target$ echo hi", &[]),
    ] {
        let line = r"sleep 1 && printf '\r\033[Ktarget$ echo hi' &";
        stage.terminal.enter(line);
        stage.expect(line);
        stage.prompt();
        if keys.is_empty() {
            stage.terminal.type_text("touch over");
            stage.terminal.press(&["C-e"]);
            stage.terminal.wait_for("target$ touch over");
        }
        stage
            .terminal
            .wait_until("what is drawn over it", |screen| {
                screen.trim_end().ends_with("\ntarget$ echo hi")
            });
        if !keys.is_empty() {
            stage.terminal.type_text("touch over");
            stage.terminal.press(keys);
        }
        stage.is_refused(shown);
        stage.terminal.press(&["C-c"]);
        stage.prompt();
        absent(&stage, "over");
    }
    stage.check();
}

#[test]
fn a_command_that_a_paste_reaches_is_not_evaluated() {
    let more = "autoload -U compinit; compinit -u\n";
    let stage = started_with("/usr/bin/zsh", By::Widget, ".zshrc", more);
    stage.terminal.type_text("echo a");
    stage.terminal.press(&["C-x", "C-r"]);
    let rubbed_out = "\x7f".repeat(6);
    stage.terminal.type_text(&format!(
        "\x1b[200~{rubbed_out}_x;touch evaluated\n\x1b[201~"
    ));
    stage.terminal.press(&["C-c"]);
    stage.prompt();
    stage.runs("echo not evaluated", "not evaluated");
    absent(&stage, "evaluated");
    stage.check();
}

#[test]
fn what_is_no_line_of_fish_leaves_its_next_line_a_question() {
    let stage = Stage::open("/usr/bin/fish", By::Widget);
    stage.terminal.enter("cat <<< x");
    stage.expect("cat <<< x");
    stage.terminal.wait_for("Expected a string");
    stage.terminal.press(&["C-u"]);
    stage.terminal.type_text("touch behind");
    stage.is_refused("touch behind");
    absent(&stage, "behind");
    stage.runs("echo a line again", "a line again");
    stage.check();
}

#[test]
fn keys_are_bound_only_by_lines_that_somebody_approved() {
    let stage = Stage::open("/bin/bash", By::Screen);
    for line in [
        r#"bind '"\C-t": accept-line'"#,
        r#"bind '"q": "\C-m"'"#,
        r#"bind -x '"q":touch bound'"#,
    ] {
        stage.terminal.type_text(line);
        stage.is_refused(line);
    }
    stage.terminal.type_text("touch bound");
    stage.terminal.wait_for("target$ touch bound");
    stage.terminal.press(&["C-t"]);
    stage.terminal.type_text("q");
    stage.terminal.wait_for("touch boudnq");
    stage.is_refused("touch boudnq");
    absent(&stage, "bound");
    stage.check();
}

#[test]
fn characters_that_join_or_run_from_right_to_left_are_read_as_they_are() {
    let texts = ["e\u{301}a\u{308}", "שלום", "مرحبا"];
    for (shell, by) in [
        ("/bin/bash", By::Screen),
        ("/bin/bash", By::Widget),
        ("/usr/bin/zsh", By::Widget),
        ("/usr/bin/fish", By::Widget),
    ] {
        let stage = Stage::open(shell, by);
        for text in texts {
            stage.runs(&format!("echo {text}"), text);
            stage.terminal.type_text(&format!("touch {text}"));
            stage.is_refused(&format!("touch {text}"));
        }
        // What is not shown by itself is spelled out.
        for (text, told) in [
            ("a\u{202e}b", r"touch a\u{202e}b"),
            ("👩\u{200d}💻", r"touch 👩\u{200d}💻"),
        ] {
            stage.terminal.type_text(&format!("touch {text}"));
            stage.is_refused(told);
        }
        stage.check();
    }
}
