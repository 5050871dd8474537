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
            stage.prompt();
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
            // A shell without a line editor clears one row.
            stage.terminal.press(&["C-c"]);
            stage.prompt();
            stage.runs("echo unwrapped", "unwrapped");
        },
    },
    Scene {
        name: "ctrl-c leaves the line",
        play: |stage| {
            stage.terminal.type_text("touch never");
            stage.terminal.press(&["C-c"]);
            stage.prompt();
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

/// What bash and zsh do alike beyond fish.
const SEARCH: &[Scene] = &[Scene {
    name: "a line that a search through the history found",
    play: |stage| {
        stage.runs("echo needle", "needle");
        stage.runs("echo hay", "hay");
        stage.terminal.press(&["C-r"]);
        stage.terminal.type_text("need");
        stage.terminal.wait_until("what was found", |screen| {
            screen.trim_end().ends_with("need_") || screen.contains("need': echo needle")
        });
        stage.submits("echo needle", "needle");
    },
}];

/// What is exact where the shell reports its lines.
const EXACT: &[Scene] = &[
    Scene {
        name: "lines of a bracketed paste are one question, and run together",
        play: |stage| {
            stage
                .terminal
                .paste("echo pasted\necho behind", Paste::Bracketed);
            stage.terminal.wait_for("echo behind");
            stage.submits("echo pasted^Jecho behind", "behind");
            assert_eq!(stage.lines("pasted"), 1);
        },
    },
    Scene {
        name: "what is typed ahead of the prompt is asked about when the shell has it",
        play: |stage| {
            stage.terminal.enter("sleep 1");
            stage.expect("sleep 1");
            stage.terminal.enter("touch ahead");
            let id = stage.held("touch ahead", stage.holds());
            stage.answer("refuse", &id);
            stage.runs("echo caught up", "caught up");
        },
    },
    Scene {
        name: "what a program reads is no question",
        play: |stage| {
            let file = stage.file("read");
            let line = format!("echo ready; cat > {file}");
            stage.runs(&line, "ready");
            stage.terminal.enter("sudo id");
            stage.terminal.enter("rm -rf /");
            stage.terminal.press(&["C-d"]);
            stage.wait_for_file("read", "sudo id\nrm -rf /\n");
        },
    },
    Scene {
        name: "keys flow in an editor",
        play: |stage| {
            let line = format!("vim -u NONE -n {}", stage.file("edited"));
            stage.terminal.enter(&line);
            stage.expect(&line);
            stage.terminal.wait_for("[New File]");
            stage.terminal.type_text("itwo lines");
            stage.terminal.press(&["Enter"]);
            stage.terminal.type_text("sudo id");
            stage.terminal.press(&["Escape"]);
            stage.terminal.enter(":wq");
            stage.wait_for_file("edited", "two lines\nsudo id\n");
        },
    },
    Scene {
        name: "keys flow in a pager",
        play: |stage| {
            stage.terminal.enter("less /etc/services");
            stage.expect("less /etc/services");
            stage.terminal.wait_for("/etc/services");
            stage.terminal.enter("/^domain");
            stage.terminal.wait_until("the match", |screen| {
                screen.lines().any(|line| line.starts_with("domain"))
            });
            stage.terminal.type_text("q");
            stage.prompt();
            stage.runs("echo read", "read");
        },
    },
    Scene {
        name: "keys flow in a monitor and in a simple editor",
        play: |stage| {
            stage.terminal.enter("top");
            stage.expect("top");
            stage.terminal.wait_for("load average");
            stage.terminal.type_text("q");
            stage.prompt();
            let line = format!("nano -I {}", stage.file("noted"));
            stage.terminal.type_text(&line);
            stage.terminal.wait_for(&line);
            stage.terminal.press(&["Enter"]);
            stage.expect(&line);
            stage.terminal.wait_for("GNU nano");
            stage.terminal.type_text("noted");
            stage.terminal.press(&["C-o"]);
            stage.terminal.wait_for("File Name to Write");
            stage.terminal.press(&["Enter"]);
            stage.wait_for_file("noted", "noted\n");
            stage.terminal.press(&["C-x"]);
            stage.prompt();
            stage.runs("echo left", "left");
        },
    },
    Scene {
        name: "a line that is resized while it is typed",
        play: |stage| {
            stage.terminal.type_text("echo before it was narrow");
            stage.terminal.resize(30, 20);
            stage.terminal.type_text("er");
            stage.terminal.resize(100, 40);
            stage.submits("echo before it was narrower", "before it was narrower");
        },
    },
    Scene {
        name: "a line of the history that is called back by a mark",
        play: |stage| {
            stage.terminal.type_text("echo !!");
            stage.is_refused("echo !!");
        },
    },
    Scene {
        name: "a faked report is nothing",
        play: |stage| {
            let line =
                r"printf '\033]7878;0123456789abcdef;prompt\007\033]7878;hello;bash\007faked\n'";
            stage.runs(line, "faked");
            stage.terminal.type_text("touch faked");
            stage.is_refused("touch faked");
        },
    },
    Scene {
        name: "a faked screen switches nothing off",
        play: |stage| {
            stage.runs(
                r"printf '\033[?1049h\033[H**\030B00000000000000\nzmodem\n'",
                "zmodem",
            );
            stage.terminal.type_text("touch behind");
            stage.is_refused("touch behind");
            stage.runs(r"printf '\033[?1049l\nback\n'", "back");
        },
    },
    Scene {
        name: "games with the cursor change no line",
        play: |stage| {
            stage
                .terminal
                .enter(r"printf '\033[5A\033[3Gecho harmless\033[5B\n'");
            stage.expect(r"printf '\033[5A\033[3Gecho harmless\033[5B\n'");
            stage.terminal.type_text("touch games");
            stage.is_refused("touch games");
        },
    },
    Scene {
        name: "keys of the bastion that a client types submit nothing",
        play: |stage| {
            for count in 1..4 {
                stage.terminal.type_text(&format!("touch typed{count}"));
                for key in ["1", "9;1", "8;1", "9;2", "6"] {
                    stage.terminal.type_text(&format!("\x1b[7878;{key}~"));
                }
                stage.terminal.press(&["C-e", "C-u"]);
                stage.runs(&format!("echo typed {count}"), &format!("typed {count}"));
                assert!(!std::path::Path::new(&stage.file(&format!("typed{count}"))).exists());
            }
        },
    },
    Scene {
        name: "a quote that goes on is one line",
        play: |stage| {
            stage.terminal.enter("echo 'never");
            stage.terminal.type_text("closed'");
            stage.submits("echo 'never^Jclosed'", "closed");
        },
    },
    Scene {
        name: "what is typed ahead behind Enter is not submitted with it",
        play: |stage| {
            stage.terminal.enter("sleep 1");
            stage.expect("sleep 1");
            stage.terminal.enter("echo ahead");
            stage.terminal.type_text("echo unsub");
            stage
                .terminal
                .wait_until("both lines in the editor", |screen| {
                    screen.trim_end().ends_with("echo unsub")
                        && screen.contains("target$ echo ahead")
                });
            stage.terminal.type_text("mitted");
            stage.submits("echo ahead^Jecho unsubmitted", "unsubmitted");
        },
    },
    Scene {
        name: "ctrl-c takes a hold back, and the next line runs",
        play: |stage| {
            stage.terminal.type_text("touch withdrawn");
            stage.asks("touch withdrawn");
            stage.terminal.press(&["C-c"]);
            stage.terminal.wait_for("was withdrawn");
            stage.prompt();
            stage.runs("echo again", "again");
        },
    },
];

/// Bash and zsh, by their own syntax.
const POSIX: &[Scene] = &[
    Scene {
        name: "a construct of several lines is one question",
        play: |stage| {
            stage.terminal.enter("for i in 1; do");
            stage.terminal.enter("echo looped");
            stage.terminal.type_text("done");
            stage.submits("for i in 1; do^Jecho looped^Jdone", "looped");
        },
    },
    Scene {
        name: "lines of a nested shell are read off the screen",
        play: |stage| {
            stage.terminal.enter("bash --norc");
            stage.expect("bash --norc");
            stage.terminal.wait_for("bash-5.2$ ");
            stage.runs("echo nested", "nested");
            stage.terminal.type_text("touch nested");
            stage.is_refused("touch nested");
            stage.terminal.enter("exit");
            stage.expect("exit");
            stage.runs("echo out again", "out again");
        },
    },
];

const BASH: &[Scene] = &[
    Scene {
        name: "a prompt of two rows",
        play: |stage| {
            stage.terminal.type_text(r"PS1='upper\ntarget$ '");
            let id = stage.asks(r"PS1='upper\ntarget$ '");
            stage.answer("approve", &id);
            stage.runs("echo lower", "lower");
        },
    },
    Scene {
        name: "editing as vi does",
        play: |stage| {
            stage.terminal.enter("set -o vi");
            stage.expect("set -o vi");
            stage.terminal.type_text("echo wrld");
            stage.terminal.press(&["Escape"]);
            stage.terminal.type_text("0wlio");
            stage.terminal.press(&["Escape"]);
            stage.submits("echo world", "world");
            stage.terminal.press(&["Escape"]);
            stage.terminal.type_text("kA again");
            stage.submits("echo world again", "world again");
            stage.terminal.type_text("touch vi");
            stage.terminal.press(&["Escape"]);
            stage.is_refused("touch vi");
            stage.terminal.type_text("i");
            stage.terminal.enter("set -o emacs");
            stage.expect("set -o emacs");
            stage.runs("echo emacs", "emacs");
        },
    },
    Scene {
        name: "keys that run a line without Enter do not",
        play: |stage| {
            stage.terminal.type_text("#touch insert-comment");
            stage.terminal.press(&["Escape", "1", "Escape", "#"]);
            stage.terminal.press(&["C-x", "C-e"]);
            stage.terminal.press(&["C-a", "C-k"]);
            stage.terminal.type_text("$(touch expanded)");
            stage.terminal.press(&["Escape", "C-e"]);
            stage.is_refused("$(touch expanded)");
            assert!(!stage.world.sshd.home().join("expanded").exists());
        },
    },
    Scene {
        name: "a secret that a program reads by the line editor is no question, and told nobody",
        play: |stage| {
            stage.terminal.enter("read -es -p pw: secret");
            stage.expect("read -es -p pw: secret");
            stage.terminal.wait_for("pw:");
            stage.terminal.enter("hunter5");
            stage.prompt();
            stage.runs("echo read by readline", "read by readline");
            stage.never_told("hunter5");
        },
    },
    Scene {
        name: "the start file of readline is not read again",
        play: |stage| {
            std::fs::write(stage.file(".inputrc"), "\"\\C-t\": accept-line\n").unwrap();
            stage.terminal.type_text("touch inputrc");
            stage.terminal.press(&["C-x", "C-r", "C-t"]);
            stage.terminal.press(&["C-e", "C-u"]);
            stage.runs("echo not read", "not read");
            std::fs::remove_file(stage.file(".inputrc")).unwrap();
            assert!(!stage.world.sshd.home().join("inputrc").exists());
        },
    },
    Scene {
        name: "a keyboard macro presses no Enter",
        play: |stage| {
            stage.terminal.press(&["C-x", "("]);
            stage.runs("echo macro", "macro");
            stage.terminal.press(&["C-x", ")"]);
            stage.terminal.press(&["C-a", "C-k"]);
            let before = stage.lines("macro");
            stage.terminal.press(&["C-x", "e"]);
            stage.terminal.wait_for("echo macro");
            stage.terminal.press(&["C-a", "C-k"]);
            stage.runs("echo after", "after");
            assert_eq!(stage.lines("macro"), before);
        },
    },
    Scene {
        name: "output that comes while a line is typed",
        play: |stage| {
            stage.terminal.enter("sleep 0.3 && echo noise &");
            stage.expect("sleep 0.3 && echo noise &");
            stage.terminal.type_text("echo undist");
            stage.wait_for_lines("noise", 0);
            stage
                .terminal
                .wait_until("noise", |screen| screen.matches("noise").count() > 1);
            stage.terminal.type_text("urbed");
            stage.submits("echo undisturbed", "undisturbed");
        },
    },
    Scene {
        name: "input that is not echoed is a program's",
        play: |stage| {
            stage.terminal.enter("read -s secret");
            stage.expect("read -s secret");
            stage.terminal.enter("hunter2");
            stage.runs("echo kept", "kept");
            stage.terminal.type_text("sudo -k true");
            let id = stage.asks("sudo -k true");
            stage.answer("approve", &id);
            stage.terminal.wait_for("password for");
            stage.terminal.enter("hunter2");
            stage.terminal.wait_for("try again");
            stage.terminal.press(&["C-c"]);
            stage.prompt();
            stage.runs("echo no password", "no password");
            stage.never_told("hunter2");
        },
    },
];

const ZSH: &[Scene] = &[
    Scene {
        name: "a prompt on the right",
        play: |stage| {
            stage.terminal.type_text("RPROMPT=right");
            let id = stage.asks("RPROMPT=right");
            stage.answer("approve", &id);
            stage.runs("echo left of it", "left of it");
            stage.terminal.type_text("RPROMPT=");
            let id = stage.asks("RPROMPT=");
            stage.answer("approve", &id);
        },
    },
    Scene {
        name: "a completion runs no substitution",
        play: |stage| {
            let line = format!("echo $(touch {})", stage.file("completed"));
            stage.terminal.type_text(&line);
            stage.terminal.press(&["Tab"]);
            stage.is_refused(&line);
            assert!(!stage.world.sshd.home().join("completed").exists());
        },
    },
];

const FISH: &[Scene] = &[Scene {
    name: "a construct of several lines and a completion, as fish writes them",
    play: |stage| {
        stage.terminal.enter("for i in 1");
        stage.terminal.enter("echo looped");
        stage.terminal.type_text("end");
        let id = stage.asks("for i in 1^Jecho looped^Jend");
        stage.answer("approve", &id);
        stage.wait_for_lines("looped", 1);
        let line = format!("echo (touch {})", stage.file("completed"));
        stage.terminal.type_text(&line);
        stage.terminal.press(&["Tab"]);
        stage.is_refused(&line);
        assert!(!stage.world.sshd.home().join("completed").exists());
    },
}];

/// To be played last.
const OVER: &[Scene] = &[Scene {
    name: "a line that changes what the widget uses is the last that it is believed",
    play: |stage| {
        stage.terminal.type_text("printf() { :; }");
        let id = stage.asks("printf() { :; }");
        stage.answer("approve", &id);
        stage.prompt();
        stage.runs("echo by the screen", "by the screen");
        stage.terminal.type_text("touch by the screen");
        stage.is_refused("touch by the screen");
        stage.runs("echo still by the screen", "still by the screen");
    },
}];

const NAMED: &[Scene] = &[Scene {
    name: "no widget of zsh submits by its name",
    play: |stage| {
        stage.terminal.type_text("touch named");
        stage.terminal.press(&["Escape", "x"]);
        stage.terminal.type_text(".accept-line ");
        stage.terminal.press(&["Escape", "?"]);
        stage.terminal.press(&["Escape", "h"]);
        stage.terminal.press(&["C-e", "C-u"]);
        stage.runs("echo by no name", "by no name");
        assert!(!stage.world.sshd.home().join("named").exists());
    },
}];

fn play(shell: &'static str, by: By, tables: &[&[Scene]]) {
    let stage = Stage::open(shell, by);
    stage.play(tables.iter().copied().flatten());
}

#[test]
fn bash_with_the_widget() {
    let tables = [
        EVERYWHERE, ALPHABETS, EDITORS, SEARCH, EXACT, POSIX, BASH, OVER,
    ];
    play("/bin/bash", By::Widget, &tables);
}

#[test]
fn zsh_with_the_widget() {
    let tables = [
        EVERYWHERE, ALPHABETS, EDITORS, SEARCH, EXACT, POSIX, NAMED, ZSH, OVER,
    ];
    play("/usr/bin/zsh", By::Widget, &tables);
}

#[test]
fn fish_with_the_widget() {
    let tables = [EVERYWHERE, ALPHABETS, EDITORS, EXACT, FISH];
    play("/usr/bin/fish", By::Widget, &tables);
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
