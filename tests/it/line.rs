//! Lines typed in an interactive shell of a production target.

mod adversary;

mod attacks;

mod editing;

mod nested;

mod scenes;

mod secrets;

mod stage;

mod start;

use std::path::PathBuf;

use crate::harness::person::{HELD, hold_id};
use crate::harness::sshd::PROMPT;
use crate::harness::terminal::Paste;
use crate::harness::{Options, Person, Terminal, World};

/// Alice in a shell of production, and Carol who answers.
struct Shell {
    world: World,
    carol: Person,
    _alice: Person,
    terminal: Terminal,
}

impl Shell {
    fn open() -> Self {
        Self::of(World::with(Options {
            targets: "enter_widget = true\n",
            ..Options::default()
        }))
    }

    /// A shell whose lines are read off the screen.
    fn without_widget() -> Self {
        Self::of(World::start())
    }

    fn of(world: World) -> Self {
        let (alice, carol) = (world.person("alice"), world.person("carol"));
        let terminal = alice.terminal(120, 40, &["-t", "db1"]);
        terminal.wait_for(PROMPT);
        Self {
            world,
            carol,
            _alice: alice,
            terminal,
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.world.sshd.home().join(name)
    }

    /// Waits for the notice of the given hold, counted from 1.
    fn wait_for_hold(&self, count: usize) -> String {
        let screen = self
            .terminal
            .wait_until(&format!("hold {count}"), |screen| {
                screen.matches(HELD).count() >= count && hold_id(screen).is_some()
            });
        hold_id(&screen).unwrap()
    }

    fn answer(&self, word: &str, id: &str) {
        let output = self.carol.ssh(&["bastion", word, id, "-m", "seen"]);
        output.expect_success();
    }

    /// Whether the shell still takes and runs what needs nobody's approval.
    fn assert_alive(&self) {
        self.terminal.enter("cd /usr/share && pwd");
        self.terminal.wait_for("\n/usr/share");
    }
}

#[test]
fn a_line_runs_only_after_someone_else_approves() {
    let shell = Shell::open();
    let file = shell.file("mark");
    shell.terminal.enter(&format!("touch {}", file.display()));
    let id = shell.wait_for_hold(1);
    assert!(!file.exists());
    shell.answer("approve", &id);
    shell.world.sshd.wait_for_file(&file, "");
    shell.assert_alive();
    let commands = shell.world.bastion.events("command");
    let seen = commands.iter().any(|event| {
        event["layer"] == "line" && event["text"].as_str().unwrap().starts_with("touch ")
    });
    assert!(seen, "{commands:#?}");
}

#[test]
fn a_refused_line_is_cleared_and_the_shell_goes_on() {
    let shell = Shell::open();
    let file = shell.file("mark");
    shell.terminal.enter(&format!("touch {}", file.display()));
    let id = shell.wait_for_hold(1);
    shell.answer("refuse", &id);
    shell.terminal.wait_for("refused by carol@example.test");
    shell.assert_alive();
    assert!(!file.exists());
}

#[test]
fn each_line_of_a_paste_needs_its_own_approval() {
    let shell = Shell::open();
    let (one, two) = (shell.file("one"), shell.file("two"));
    let lines = format!("touch {}\ntouch {}\n", one.display(), two.display());
    shell.terminal.paste(&lines, Paste::AsTyped);
    let first = shell.wait_for_hold(1);
    assert!(!one.exists() && !two.exists());
    shell.answer("approve", &first);
    shell.world.sshd.wait_for_file(&one, "");
    let second = shell.wait_for_hold(2);
    assert_ne!(first, second);
    assert!(!two.exists());
    shell.answer("approve", &second);
    shell.world.sshd.wait_for_file(&two, "");
}

#[test]
fn a_bracketed_paste_runs_nothing_that_nobody_approved() {
    let shell = Shell::open();
    let (one, two) = (shell.file("one"), shell.file("two"));
    let lines = format!("touch {}\ntouch {}", one.display(), two.display());
    shell.terminal.paste(&lines, Paste::Bracketed);
    shell.terminal.press(&["Enter"]);
    let first = shell.wait_for_hold(1);
    assert!(!one.exists() && !two.exists());
    shell.answer("refuse", &first);
    shell.terminal.wait_for("refused by carol@example.test");
    shell.terminal.press(&["C-c"]);
    shell.assert_alive();
    assert!(!one.exists() && !two.exists());
}

#[test]
fn a_line_that_was_edited_is_judged_as_it_stands_on_the_screen() {
    let shell = Shell::open();
    let file = shell.file("mark");
    // Typed as a harmless `pwd`, then changed in front of the cursor.
    shell
        .terminal
        .type_text(&format!("{}; pwd", file.display()));
    shell.terminal.press(&["C-a"]);
    shell.terminal.type_text("touch ");
    shell.terminal.press(&["Enter"]);
    let id = shell.wait_for_hold(1);
    let queue = shell.carol.ssh(&["bastion", "requests", "--json"]);
    assert!(
        queue.text().contains(&format!("touch {}", file.display())),
        "{queue}"
    );
    assert!(!file.exists());
    shell.answer("refuse", &id);
}

#[test]
fn a_line_from_the_history_is_held_like_a_typed_one() {
    let shell = Shell::open();
    let file = shell.file("mark");
    shell.terminal.enter(&format!("touch {}", file.display()));
    let first = shell.wait_for_hold(1);
    shell.answer("approve", &first);
    shell.world.sshd.wait_for_file(&file, "");
    std::fs::remove_file(&file).unwrap();
    shell.terminal.press(&["Up"]);
    shell.terminal.press(&["Enter"]);
    let second = shell.wait_for_hold(2);
    assert_ne!(first, second);
    assert!(!file.exists());
}

#[test]
fn ctrl_c_withdraws_a_held_line() {
    let shell = Shell::open();
    let file = shell.file("mark");
    shell.terminal.enter(&format!("touch {}", file.display()));
    shell.wait_for_hold(1);
    shell.terminal.press(&["C-c"]);
    let ended = shell.world.bastion.wait_for_event("hold_ended");
    assert_eq!(ended["resolution"]["how"], "withdrawn", "{ended}");
    shell.assert_alive();
    assert!(!file.exists());
}

#[test]
fn every_key_that_submits_is_withheld() {
    let shell = Shell::without_widget();
    for (count, key) in (1..).zip(["Enter", "C-j", "C-o"]) {
        let file = shell.file(&format!("mark-{key}"));
        shell
            .terminal
            .type_text(&format!("touch {}", file.display()));
        shell.terminal.press(&[key]);
        let id = shell.wait_for_hold(count);
        assert!(!file.exists(), "{key}");
        shell.answer("refuse", &id);
        shell.terminal.wait_until("the refusal", |screen| {
            screen.matches("refused by").count() >= count
        });
        assert!(!file.exists(), "{key}");
    }
}

#[test]
fn keys_that_run_a_line_without_enter_are_withheld() {
    // Readline: insert-comment with an argument takes the `#` off and runs the line; shell-expand-line runs a
    // substitution; a keyboard macro replays an Enter that was cleared before.
    let ways: [(&str, &[&str]); 3] = [
        ("#", &["Escape", "1", "Escape", "#"]),
        ("$( )", &["Escape", "C-e"]),
        ("", &["C-x", "e"]),
    ];
    for (around, keys) in ways {
        let shell = Shell::without_widget();
        let file = shell.file("mark");
        let command = format!("touch {}", file.display());
        let line = match around {
            "$( )" => format!("$({command})"),
            before => format!("{before}{command}"),
        };
        shell.terminal.type_text(&line);
        shell.terminal.wait_for(&line);
        shell.terminal.press(keys);
        let id = shell.wait_for_hold(1);
        assert!(!file.exists(), "{line}");
        shell.answer("refuse", &id);
        shell.terminal.wait_for("refused by");
        assert!(!file.exists(), "{line}");
    }
}

#[test]
fn a_terminal_that_cannot_draw_a_line_is_not_believed_to_be_one() {
    let world = World::start();
    let alice = world.person("alice");
    let ssh = ["-o", "SetEnv=TERM=dumb", "-t", "db1"];
    let terminal = alice.terminal(120, 40, &ssh);
    terminal.wait_for(PROMPT);
    terminal.enter("cd / && echo $TERM");
    let screen = terminal.wait_until("an answer", |screen| {
        screen.contains(HELD) || screen.contains("\nxterm")
    });
    assert!(!screen.contains("\ndumb"), "{screen}");
}
