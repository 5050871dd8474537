//! The keys by which the bastion speaks to a shell: whoever types cannot have them shown, and could not type them.

use std::fs::read_to_string;

use super::attacks::{CONFIG_FISH, absent, started_with};
use super::stage::{By, Stage};
use crate::harness::{PATIENCE, eventually};

/// The secret of the session's keys, from a file that the account's start file wrote the widget into.
fn secret(stage: &Stage) -> String {
    let digits = || {
        let text = read_to_string(stage.file("told")).ok()?;
        let (_, behind) = text.split_once("[7878;")?;
        let (digits, _) = behind.split_once(';')?;
        Some(digits.to_owned())
    };
    let secret = eventually(PATIENCE, digits).unwrap();
    assert!(secret.len() > 16 && secret.bytes().all(|byte| byte.is_ascii_digit()));
    secret
}

/// Types the keys that submit a line, as somebody would who knows the secret, with bytes in them that a terminal eats.
fn types_the_keys(stage: &Stage, secret: &str) {
    for eaten in ["\x1b[78\x1178", "\x1b\x11[7878", "\x1b[7\x13\x11878"] {
        stage.terminal.type_text("touch typed");
        for key in ["1", "9;1", "4;1", "6;1", "9;2", "4;2", "6;2", "9;3"] {
            stage
                .terminal
                .type_text(&format!("{eaten};{secret};{key}~"));
        }
        stage.terminal.press(&["C-e", "C-u"]);
        stage.runs("echo not typed", "not typed");
        absent(stage, "typed");
    }
}

/// A paste that the bastion sees no begin of: the shell takes for a part of it what the bastion asks for the line.
fn asked_in_a_paste(stage: &Stage) {
    stage.terminal.type_text("\x1b[20\x110~touch pasted\r");
    stage
        .terminal
        .wait_until("a hold", |screen| screen.contains("countersign: held"));
    stage.terminal.press(&["C-c"]);
    stage.terminal.wait_for("was withdrawn");
    stage.terminal.press(&["C-c"]);
    stage.prompt();
    stage.terminal.enter("echo behind it");
    stage.wait_for_lines("behind it", 1);
    absent(stage, "pasted");
}

#[test]
fn keys_of_the_bastion_stay_its_own_in_bash_whoever_knows_them() {
    let more = "stty ixon\nPROMPT_COMMAND='declare -f __countersign_tell >told'\n";
    let stage = started_with("/bin/bash", By::Widget, ".bash_profile", more);
    let secret = secret(&stage);
    types_the_keys(&stage, &secret);
    stage.terminal.press(&["M-p"]);
    stage.terminal.type_text("x");
    stage.is_refused("x");
    stage.terminal.enter("cat told");
    stage.expect("cat told");
    stage.terminal.wait_for("__countersign_told=");
    stage.check();
    asked_in_a_paste(&stage);
    stage.never_told(&secret);
}

#[test]
fn keys_of_the_bastion_stay_its_own_in_zsh_whoever_knows_them() {
    let more = "stty ixon\nprecmd() { functions __countersign_tell >told }\n";
    let stage = started_with("/usr/bin/zsh", By::Widget, ".zshrc", more);
    let secret = secret(&stage);
    types_the_keys(&stage, &secret);
    stage.check();
    asked_in_a_paste(&stage);
    stage.never_told(&secret);
}

#[test]
fn an_account_that_has_another_cat_gets_the_widget_of_fish_and_shows_nothing_of_it() {
    let more = "alias cat 'cat -n'\n";
    let stage = started_with("/usr/bin/fish", By::Widget, CONFIG_FISH, more);
    stage.terminal.enter("for i in 1");
    stage.terminal.type_text("end");
    stage.is_refused("for i in 1^Jend");
    stage.never_told("__countersign");
    stage.check();
}
