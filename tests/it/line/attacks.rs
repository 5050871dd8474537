//! Ways that people found to have a line run that nobody was asked about, each as it was found.

use std::path::Path;

use super::stage::{By, Scene, Stage};
use crate::harness::terminal::Paste;

pub(super) fn absent(stage: &Stage, name: &str) {
    assert!(!Path::new(&stage.file(name)).exists(), "{name}");
}

/// The shell's own syntax, with `touch` where a bash would see text.
fn read_apart(stage: &Stage, lines: &[&str]) {
    for line in lines {
        let line = line.replace("MARK", &stage.file("apart"));
        stage.terminal.type_text(&line);
        stage.is_refused(&line);
        absent(stage, "apart");
    }
    stage.runs("echo read alike", "read alike");
}

const FISH: &[Scene] = &[
    Scene {
        name: "quotes and words that fish reads otherwise",
        play: |stage| {
            let lines = [
                r"echo 'a\' '; touch MARK; echo \'",
                "echo \"`echo \"; touch MARK; echo \"`\"",
                "a=(touch MARK) true",
                r"\x74ouch MARK",
                "echo \"$x[(touch MARK)]\"",
            ];
            read_apart(stage, &lines);
        },
    },
    Scene {
        name: "a key that takes a comment's mark away runs nothing",
        play: |stage| {
            let lines = format!("true\n#touch {}", stage.file("comment"));
            stage.terminal.paste(&lines, Paste::Bracketed);
            stage.terminal.wait_for("comment");
            stage.terminal.press(&["M-#"]);
            stage.terminal.press(&["C-c"]);
            stage.runs("echo no comment", "no comment");
            absent(stage, "comment");
        },
    },
    Scene {
        name: "no key opens an editor, in which keys would flow",
        play: |stage| {
            stage.terminal.type_text("cat /etc/hostname");
            stage.terminal.press(&["M-e", "M-v", "M-o", "M-h", "M-p"]);
            stage.terminal.press(&["C-u"]);
            stage.runs("echo no editor", "no editor");
        },
    },
];

const ZSH: &[Scene] = &[
    Scene {
        name: "quotes and words that zsh reads otherwise",
        play: |stage| {
            let lines = [
                "echo \"${x:-'}\"; touch MARK; echo \"'}\"",
                "=touch MARK",
                "echo \"'\" # ;touch MARK",
                "echo hi;#;touch MARK",
                "echo \"'\" \"!!\"",
            ];
            read_apart(stage, &lines);
        },
    },
    Scene {
        name: "no key that completes or lists runs a substitution",
        play: |stage| {
            let line = format!("echo $(touch {})", stage.file("listed"));
            stage.terminal.type_text(&line);
            for keys in [
                &["C-d"][..],
                &["C-x", "e"],
                &["C-x", "d"],
                &["C-x", "m"],
                &["C-x", "g"],
            ] {
                stage.terminal.press(keys);
            }
            stage.is_refused(&line);
            absent(stage, "listed");
        },
    },
];

const BASH: &[Scene] = &[
    Scene {
        name: "the bastion's keys are no text, whatever waits for some",
        play: |stage| {
            stage.runs("echo found", "found");
            stage.terminal.press(&["M-p"]);
            stage.terminal.press(&["Enter"]);
            stage.runs("echo behind", "behind");
            stage.terminal.type_text("echo /usr/bin/");
            stage.terminal.press(&["Tab", "Tab"]);
            stage.submits("echo /usr/bin/", "/usr/bin/");
            let shown = stage.terminal.screen();
            assert!(!shown.contains("7878"), "{shown}");
        },
    },
    Scene {
        name: "the bastion's keys are not shown by a prompt that takes long",
        play: |stage| {
            let line = "PS1='$(sleep 0.3)target$ '";
            stage.terminal.type_text(line);
            let id = stage.asks(line);
            stage.answer("approve", &id);
            stage.prompt();
            stage.terminal.enter("echo one");
            stage.terminal.enter("echo two");
            stage.expect("echo one");
            stage.expect("echo two");
            stage.wait_for_lines("two", 1);
            let shown = stage.terminal.screen();
            assert!(!shown.contains("7878"), "{shown}");
        },
    },
];

/// What an interrupt of a slow prompt must not do, with the shell's own way to have one.
fn interrupted(stage: &Stage) {
    stage.terminal.enter("true");
    stage.expect("true");
    stage.terminal.wait_for("slow");
    stage.terminal.press(&["C-c"]);
    stage.prompt();
    stage.terminal.type_text("touch interrupted");
    stage.is_refused("touch interrupted");
    stage.runs("echo after it", "after it");
    absent(stage, "interrupted");
}

/// What fish reads at its start.
pub(super) const CONFIG_FISH: &str = ".config/fish/config.fish";

/// A stage whose shell reads more at its start.
pub(super) fn started_with(shell: &'static str, by: By, file: &str, more: &str) -> Stage {
    let stage = Stage::open(shell, by);
    let file = stage.file(file);
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text + more).unwrap();
    stage.again()
}

#[test]
fn attacks_on_the_widget_of_bash() {
    Stage::open("/bin/bash", By::Widget).play(BASH);
}

#[test]
fn attacks_on_the_widget_of_fish() {
    let more = "set -gx EDITOR vim; set -gx PAGER less\n";
    started_with("/usr/bin/fish", By::Widget, CONFIG_FISH, more).play(FISH);
}

#[test]
fn attacks_on_the_widget_of_zsh() {
    let more = "autoload -U compinit; compinit -u\n";
    started_with("/usr/bin/zsh", By::Widget, ".zshrc", more).play(ZSH);
}

#[test]
fn an_interrupt_while_a_prompt_is_made_opens_nothing() {
    let zsh = "precmd() { [[ $TTY == '' ]] || { print slow; sleep 1 } }\n";
    let stage = started_with("/usr/bin/zsh", By::Widget, ".zshrc", zsh);
    interrupted(&stage);
    stage.check();
    let fish = "function slow --on-event fish_prompt; echo slow; sleep 1; end\n";
    let stage = started_with("/usr/bin/fish", By::Widget, CONFIG_FISH, fish);
    interrupted(&stage);
    stage.check();
}

#[test]
fn a_completion_that_evaluates_its_words_is_not_asked_for() {
    let more = "_run() { eval \"x=$2\"; }; complete -F _run cat\n";
    for by in [By::Widget, By::Screen] {
        let stage = started_with("/bin/bash", by, ".bash_profile", more);
        let line = format!("cat $(touch {})", stage.file("completed"));
        if by == By::Widget {
            stage.terminal.type_text(&line);
            stage.terminal.press(&["Tab"]);
            stage.is_refused(&line);
            stage.terminal.type_text(&line);
            stage.terminal.press(&["C-u", "C-y", "Tab"]);
            stage.is_refused(&line);
        } else {
            stage.terminal.type_text(&line);
            stage.terminal.press(&["C-u"]);
            stage.runs("echo yanked", "yanked");
            stage.terminal.press(&["C-y"]);
            stage.terminal.wait_for("target$ cat $(touch");
            let id = stage.waits_for(&line, &["Tab"]);
            stage.answer("refuse", &id);
        }
        absent(&stage, "completed");
        stage.check();
    }
}

#[test]
fn what_looks_like_a_terminals_answer_is_a_part_of_the_line() {
    let stage = Stage::open("/bin/dash", By::Screen);
    stage.terminal.type_text("\x1b];touch answered;\x1b\\");
    stage.terminal.press(&["Enter"]);
    // Its first key is held, behind which nothing stands yet.
    let id = stage.held("", 0);
    stage.answer("refuse", &id);
    stage.runs("echo no answer", "no answer");
    absent(&stage, "answered");
    stage.check();
}

#[test]
fn a_key_that_may_open_an_editor_is_asked_about_on_an_empty_line() {
    let stage = Stage::open("/bin/bash", By::Screen);
    let id = stage.waits_for("", &["C-x"]);
    stage.answer("refuse", &id);
    stage.runs("echo no editor", "no editor");
    stage.check();
}

#[test]
fn a_row_that_only_looks_like_a_search_is_not_believed() {
    let stage = Stage::open("/bin/bash", By::Screen);
    let fake = "printf \"(reverse-i-search)\\`x': echo \"";
    stage.terminal.enter(fake);
    stage.expect(fake);
    stage.terminal.wait_for("x': echo target$");
    stage.terminal.type_text("touch searched");
    stage.terminal.press(&["Left", "Right"]);
    let id = stage.asks("touch searched");
    stage.answer("refuse", &id);
    absent(&stage, "searched");
}
