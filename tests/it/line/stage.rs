//! A stage for scenes in an inspected shell: somebody types, and what was asked about is held against what should be.

use std::cell::RefCell;

use serde_json::Value;

use crate::harness::person::{HELD, hold_id};
use crate::harness::sshd::PROMPT;
use crate::harness::{Options, PATIENCE, Person, Terminal, World, eventually};

/// Looking is free, anything else is asked about, and everybody may answer.
const LOOKING: &str = r#"
@id("open") permit (principal, action in [Action::"connect", Action::"shell"], resource);
@id("look") permit (principal, action == Action::"exec", resource) when {
  !context.command.programs.isEmpty() && !context.command.opaque && [
    "bash", "bind", "cat", "cd", "clear", "dash", "echo", "exec", "exit", "fg", "fish", "less", "nano", "printf", "pwd",
    "python3", "read", "screen", "set", "sh", "sleep", "stty", "tmux", "top", "true", "vim", "zsh"
  ].containsAll(context.command.programs) };
@id("ask") permit (principal, action in [Action::"request:exec", Action::"request:sudo"], resource);
@id("answer") permit (principal, action == Action::"approve", resource);
"#;

/// One thing that happens in a shell, and all that must come of it.
pub(crate) struct Scene {
    pub(crate) name: &'static str,
    pub(crate) play: fn(&Stage),
}

/// How the bastion knows what is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// The shell reports its line.
    Widget,
    /// The line is read off the screen.
    Screen,
}

/// Alice in a shell, and Carol who answers.
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) terminal: Terminal,
    alice: Person,
    carol: Person,
    /// Every line that is to be asked about, with its verdict, in order.
    expected: RefCell<Vec<(String, &'static str)>>,
    scene: RefCell<&'static str>,
}

fn options(by: By) -> Options {
    Options {
        policy: Some(LOOKING),
        targets: match by {
            By::Widget => "enter_widget = true\n",
            By::Screen => "enter_widget = false\n",
        },
        ..Options::default()
    }
}

impl Stage {
    /// A shell of that program, at its first prompt.
    pub(crate) fn open(shell: &'static str, by: By) -> Self {
        Self::of(World::with(Options {
            shell,
            ..options(by)
        }))
    }

    /// A bash on a host of its own.
    pub(crate) fn on_host(name: &'static str, by: By, script: &str) -> Self {
        let world = World::with(Options {
            host: Some(name),
            ..options(by)
        });
        world.sshd.set_up(script);
        Self::of(world)
    }

    /// Another session after this one, as if nothing had happened.
    pub(crate) fn again(mut self) -> Self {
        self.terminal = self.alice.terminal(100, 40, &["-t", "db1"]);
        self.terminal.wait_for(PROMPT);
        self
    }

    fn of(world: World) -> Self {
        let (alice, carol) = (world.person("alice"), world.person("carol"));
        let terminal = alice.terminal(100, 40, &["-t", "db1"]);
        terminal.wait_for(PROMPT);
        Self {
            world,
            terminal,
            alice,
            carol,
            expected: RefCell::default(),
            scene: RefCell::new(""),
        }
    }

    /// Plays scenes one after the other, and then holds all that was asked about against what should have been.
    pub(crate) fn play<'a>(&self, scenes: impl IntoIterator<Item = &'a Scene>) {
        for scene in scenes {
            eprintln!("scene: {}", scene.name);
            self.scene.replace(scene.name);
            (scene.play)(self);
        }
        self.check();
    }

    /// Holds all that was asked about so far against what should have been.
    pub(crate) fn check(&self) {
        let expected = self.expected.borrow();
        let asked = || {
            let asked = self.judged();
            (asked.len() >= expected.len()).then_some(asked)
        };
        let asked = eventually(PATIENCE, asked).unwrap_or_else(|| self.judged());
        assert_eq!(asked, *expected, "{}", self.terminal.screen());
    }

    fn judged(&self) -> Vec<(String, &'static str)> {
        let commands = self.world.bastion.events("command");
        let lines = commands.iter().filter(|event| event["layer"] == "line");
        let text = |event: &Value| event["text"].as_str().unwrap().to_owned();
        lines
            .map(|event| match event["verdict"].as_str().unwrap() {
                "allow" => (text(event), "allow"),
                "hold" => (text(event), "hold"),
                other => panic!("{other}"),
            })
            .collect()
    }

    /// Whoever types.
    pub(crate) fn alice(&self) -> &Person {
        &self.alice
    }

    /// Types a line, presses Enter, and expects it to run at once and to print `shows` on a line of its own.
    pub(crate) fn runs(&self, line: &str, shows: &str) {
        self.terminal.type_text(line);
        self.submits(line, shows);
    }

    /// Presses Enter, and expects `line` to run at once and to print `shows` on a line of its own.
    pub(crate) fn submits(&self, line: &str, shows: &str) {
        let before = self.lines(shows);
        self.terminal.press(&["Enter"]);
        self.expect(line);
        self.wait_for_lines(shows, before + 1);
    }

    /// Expects a line to be asked about, and to be allowed.
    pub(crate) fn expect(&self, line: &str) {
        self.expected.borrow_mut().push((line.to_owned(), "allow"));
    }

    /// How many lines of the screen are `text`, and nothing else.
    pub(crate) fn lines(&self, text: &str) -> usize {
        let screen = self.terminal.screen();
        screen.lines().filter(|line| line.trim() == text).count()
    }

    pub(crate) fn wait_for_lines(&self, text: &str, count: usize) {
        let what = format!("`{text}` {count} times in `{}`", self.scene.borrow());
        self.terminal.wait_until(&what, |screen| {
            screen.lines().filter(|line| line.trim() == text).count() >= count
        });
    }

    /// The path of a file in the home folder of the target's account.
    pub(crate) fn file(&self, name: &str) -> String {
        self.world.sshd.home().join(name).display().to_string()
    }

    /// Waits until a file there is `text`, to the byte.
    pub(crate) fn wait_for_file(&self, name: &str, text: &str) {
        let read = || std::fs::read_to_string(self.file(name)).ok();
        let same = eventually(PATIENCE, || read().filter(|found| found == text));
        let scene = self.scene.borrow();
        assert!(
            same.is_some(),
            "{name} is {:?} in `{scene}`\n{}",
            read(),
            self.terminal.screen()
        );
    }

    /// Waits until an empty line is waited for.
    pub(crate) fn prompt(&self) {
        let what = format!("a prompt in `{}`", self.scene.borrow());
        self.terminal.wait_until(&what, |screen| {
            screen.trim_end().ends_with(PROMPT.trim_end())
        });
    }

    /// How many holds the screen tells of.
    pub(crate) fn holds(&self) -> usize {
        self.terminal.screen().matches(HELD).count()
    }

    /// Makes sure that a text is in no recording, no record and no log.
    pub(crate) fn never_told(&self, secret: &str) {
        let bastion = &self.world.bastion;
        for recording in bastion.recordings() {
            let text = std::fs::read_to_string(recording).unwrap();
            assert!(!text.contains(secret), "in a recording");
        }
        let audit = serde_json::to_string(&bastion.audit_export()).unwrap();
        assert!(!audit.contains(secret), "in the audit");
        assert!(!bastion.log().contains(secret), "in the log");
        assert!(!self.terminal.screen().contains(secret), "on the screen");
    }

    /// Presses Enter, and expects a hold for `line`.
    pub(crate) fn asks(&self, line: &str) -> String {
        self.waits_for(line, &["Enter"])
    }

    /// Presses keys, and expects a hold for `line`.
    pub(crate) fn waits_for(&self, line: &str, keys: &[&str]) -> String {
        let before = self.terminal.screen().matches(HELD).count();
        self.terminal.press(keys);
        self.held(line, before)
    }

    /// Expects one more hold than before, for `line`.
    pub(crate) fn held(&self, line: &str, before: usize) -> String {
        let what = format!("a hold in `{}`", self.scene.borrow());
        let screen = self.terminal.wait_until(&what, |screen| {
            screen.matches(HELD).count() > before && hold_id(screen).is_some()
        });
        self.expected.borrow_mut().push((line.to_owned(), "hold"));
        hold_id(&screen).unwrap()
    }

    /// Answers a request, and waits until it is told.
    pub(crate) fn answer(&self, word: &str, id: &str) {
        let told = |screen: &str| screen.matches("by carol@example.test").count();
        let before = told(&self.terminal.screen());
        self.send_answer(word, id);
        self.terminal
            .wait_until("the answer", |screen| told(screen) > before);
    }

    /// Answers a request, of which nothing may be told.
    pub(crate) fn send_answer(&self, word: &str, id: &str) {
        let output = self.carol.ssh(&["bastion", word, id, "-m", "seen"]);
        output.expect_success();
    }

    /// Presses Enter, expects a hold for `line`, and has it refused.
    pub(crate) fn is_refused(&self, line: &str) {
        let id = self.asks(line);
        self.answer("refuse", &id);
    }
}
