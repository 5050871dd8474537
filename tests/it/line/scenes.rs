//! What is typed in every shell, as people do, and what must be asked about.
//!
//! To add a scene, add it to a table below: type with `stage.terminal`, and say by `runs`, `submits`, `asks`, `is_refused`
//! what must come of it. A line that is asked about and is not said here fails the test, and so does one that is not.

use super::stage::{By, Scene, Stage};
use crate::harness::terminal::Paste;

/// What every shell must do right, line editor or not.
const EVERYWHERE: &[Scene] = &[
    Scene {
        name: "a line runs at once",
        play: |stage| stage.runs("echo one", "one"),
    },
    Scene {
        name: "an empty line is no question",
        play: |stage| {
            stage.terminal.press(&["Enter", "Enter"]);
            stage.runs("echo behind nothing", "behind nothing");
        },
    },
    Scene {
        name: "a line that is rubbed out and typed again",
        play: |stage| {
            stage.terminal.type_text("echo twoo");
            stage.terminal.press(&["BSpace"]);
            stage.submits("echo two", "two");
        },
    },
    Scene {
        name: "a held line that is refused does not run, and the next one does",
        play: |stage| {
            stage.terminal.type_text("touch refused");
            stage.is_refused("touch refused");
            stage.runs("echo three", "three");
        },
    },
    Scene {
        name: "a held line that is approved runs",
        play: |stage| {
            let file = stage.world.sshd.home().join("approved");
            let line = format!("touch {}", file.display());
            stage.terminal.type_text(&line);
            let id = stage.asks(&line);
            stage.answer("approve", &id);
            stage.world.sshd.wait_for_file(&file, "");
        },
    },
    Scene {
        name: "lines that are pasted as if typed are questions of their own",
        play: |stage| {
            stage
                .terminal
                .paste("echo four\necho five\n", Paste::AsTyped);
            stage.expect("echo four");
            stage.expect("echo five");
            stage.wait_for_lines("five", 1);
            assert_eq!(stage.lines("four"), 1);
        },
    },
    Scene {
        name: "a long line that wraps",
        play: |stage| {
            let words = "abcdefghij ".repeat(30);
            let line = format!("touch {words}end");
            stage.terminal.type_text(&line);
            stage.is_refused(&line);
            stage.runs("echo unwrapped", "unwrapped");
        },
    },
    Scene {
        name: "ctrl-c leaves the line",
        play: |stage| {
            stage.terminal.type_text("touch never");
            stage.terminal.press(&["C-c"]);
            stage.runs("echo six", "six");
        },
    },
];

/// Not so in busybox, whose line editor shows other characters than it runs.
const ALPHABETS: &[Scene] = &[Scene {
    name: "letters of every alphabet",
    play: |stage| stage.runs("echo né 漢字 🦀", "né 漢字 🦀"),
}];

const REPLACED_ALPHABETS: &[Scene] = &[Scene {
    name: "letters that are not shown as they are",
    play: |stage| {
        stage.terminal.type_text("echo 漢字");
        stage.is_refused("echo ??");
    },
}];

/// What shells with a line editor do.
const EDITORS: &[Scene] = &[
    Scene {
        name: "a line from the history",
        play: |stage| {
            stage.runs("echo remembered", "remembered");
            stage.terminal.press(&["Up"]);
            stage.submits("echo remembered", "remembered");
        },
    },
    Scene {
        name: "a line that is changed in its middle",
        play: |stage| {
            stage.terminal.type_text("echo midle");
            stage.terminal.press(&["Left", "Left"]);
            stage.terminal.type_text("d");
            stage.submits("echo middle", "middle");
        },
    },
    Scene {
        name: "a completed name",
        play: |stage| {
            stage.terminal.type_text("echo /etc/hostn");
            stage.terminal.press(&["Tab"]);
            stage.terminal.wait_for("echo /etc/hostname");
            stage.terminal.type_text("s");
            stage.terminal.press(&["BSpace", "BSpace", "BSpace"]);
            stage.submits("echo /etc/hostnam", "/etc/hostnam");
        },
    },
];

fn play(shell: &'static str, by: By, tables: &[&[Scene]]) {
    let stage = Stage::open(shell, by);
    stage.play(tables.iter().copied().flatten());
}

#[test]
fn bash_with_the_widget() {
    play("/bin/bash", By::Widget, &[EVERYWHERE, ALPHABETS, EDITORS]);
}

#[test]
fn zsh_with_the_widget() {
    play(
        "/usr/bin/zsh",
        By::Widget,
        &[EVERYWHERE, ALPHABETS, EDITORS],
    );
}

#[test]
fn fish_with_the_widget() {
    play(
        "/usr/bin/fish",
        By::Widget,
        &[EVERYWHERE, ALPHABETS, EDITORS],
    );
}

#[test]
fn dash_by_the_screen() {
    play("/bin/dash", By::Widget, &[EVERYWHERE, ALPHABETS]);
}

#[test]
fn busybox_ash_by_the_screen() {
    play("ash", By::Widget, &[EVERYWHERE, REPLACED_ALPHABETS]);
}

#[test]
fn bash_by_the_screen() {
    play("/bin/bash", By::Screen, &[EVERYWHERE, ALPHABETS, EDITORS]);
}
