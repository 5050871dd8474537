//! The Enter widget: what a shell that was started by the bastion reports of its own line editor, exactly.
//!
//! It owns the text that a shell is started with ([`start`]), the reports that it writes to its terminal, and what
//! they prove about who reads what is typed. Invariants: a report counts only with the session's nonce, and none ever
//! leaves [`Widget::output`]; a line is the answer to one question, and the key that comes with it submits that line
//! and no other, once. It is a guard rail: the person's own shell can undo it, and then tells nothing more. It judges
//! no line, and sends nothing.

mod reports;

pub mod start;

use bytes::Bytes;

use crate::domain::command::{Reading, Unknown};
use crate::domain::gate::Reader;

use super::line::{Line, reading_of};
use super::table::listed;
use super::{piped, shell};
pub use reports::Nonce;
use reports::{Ends, Report, Reports};

/// Asks the line editor for its line. The first key ends a search through the history, which is not the line yet.
pub const ASK: &[u8] = b"\x1e\x1b[7878;1~";
/// Goes on with a line that is not whole.
pub const NEWLINE: &[u8] = b"\x1b[7878;2~";
/// Empties the line.
pub const CLEAR: &[u8] = b"\x1b[7878;3~";

/// What a shell said that somebody has to act on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// It can be given its start file; the name of the account's shell.
    Hello(String),
    /// It is about to draw a prompt.
    Prompt,
    /// It told its line.
    Line,
    /// A key that is not the bastion's wants to submit the line.
    Enter,
}

/// The line that stood in the editor when it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The line, and what it means.
    pub line: Line,
    /// The key that submits exactly this line.
    pub key: Vec<u8>,
    /// Whether the shell would go on reading it; then it is not submitted.
    pub goes_on: bool,
    /// What becomes of what is typed while it runs.
    pub input: Input,
}

/// What a line makes of what is typed while it runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Input {
    /// Nobody knows, or it may be commands.
    #[default]
    Unknown,
    /// It is data of the line's programs, as far as is known.
    Data,
    /// The same, unless a program that was started before and takes commands goes on with it.
    Resumed,
}

/// What the shell does, as far as it said so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It has not said anything, or not what it was asked for.
    Silent,
    /// It edits a line.
    Editing,
    /// It runs a line that was cleared; who reads what is typed meanwhile.
    Running(Reader),
}

/// Follows one shell that was started with a [`start`] text.
pub struct Widget {
    reports: Reports,
    state: State,
    /// Whether the line was asked for.
    asked: bool,
    told: Option<(u64, Ends, String)>,
    /// A line that goes on, so that Enter on an empty further line ends it.
    unfinished: Option<String>,
    /// Whether a line is edited that no prompt was told for: it may go on with another one.
    unprompted: bool,
    /// Whether a program that takes commands, or that nobody knows, may still wait in the background.
    tainted: bool,
}

impl Widget {
    /// Follows a shell that gets this nonce.
    pub fn new(nonce: Nonce) -> Self {
        Self {
            reports: Reports::new(nonce),
            state: State::Silent,
            asked: false,
            told: None,
            unfinished: None,
            unprompted: false,
            tainted: false,
        }
    }

    /// What the shell is sent once it said hello.
    pub fn installation(&self, shell: &str) -> Vec<u8> {
        start::installation(shell, self.reports.nonce())
    }

    /// Takes output, and gives it without the reports, and what was said in them.
    pub fn output(&mut self, bytes: &Bytes) -> (Bytes, Vec<Said>) {
        let (shown, reports) = self.reports.take(bytes);
        let said = reports.into_iter().filter_map(|report| self.note(report));
        (shown, said.collect())
    }

    fn note(&mut self, report: Report) -> Option<Said> {
        match report {
            Report::Hello(shell) => Some(Said::Hello(shell)),
            Report::Prompt => {
                self.state = State::Editing;
                self.unfinished = None;
                self.unprompted = false;
                self.told = None;
                Some(Said::Prompt)
            }
            Report::Enter => {
                self.unprompted |= self.state != State::Editing;
                self.state = State::Editing;
                Some(Said::Enter)
            }
            Report::Line { count, ends, text } => {
                // Nobody else asks: what was not asked for is no answer.
                let wanted = std::mem::take(&mut self.asked) && self.state == State::Editing;
                wanted.then(|| self.told = Some((count, ends, text)))?;
                Some(Said::Line)
            }
        }
    }

    /// Who reads what is typed.
    pub fn reader(&self) -> Reader {
        match self.state {
            State::Silent => Reader::Unknown,
            State::Editing => Reader::Editor,
            State::Running(reader) => reader,
        }
    }

    /// The line is asked for, by [`ASK`].
    pub fn ask(&mut self) {
        self.asked = true;
        self.told = None;
    }

    /// The answer, once.
    pub fn told(&mut self) -> Option<Told> {
        let (count, ends, text) = self.told.take()?;
        let unfinished = match ends {
            Ends::Unknown => shell::is_unfinished(&text),
            Ends::Here => false,
            Ends::Later => true,
        };
        let goes_on = unfinished && self.unfinished.as_ref() != Some(&text);
        self.unfinished = goes_on.then(|| text.clone());
        let mut reading = reading_of(&text);
        if self.unprompted {
            reading.unknowns.push(Unknown {
                reason: "a line that may go on with an unfinished one".to_owned(),
                span: None,
            });
        }
        let input = Input::of(&text, &reading);
        Some(Told {
            input,
            line: Line {
                bytes: text.into_bytes(),
                reading,
            },
            key: format!("\x1b[7878;9;{count}~").into_bytes(),
            goes_on,
        })
    }

    /// There was no answer: whoever reads what is typed, it is not the line editor.
    pub fn lost(&mut self) {
        self.asked = false;
        self.state = State::Silent;
    }

    /// A line went out that makes this of what is typed.
    pub fn submitted(&mut self, input: Input) {
        let reader = match input {
            Input::Data => Reader::Program,
            Input::Resumed if !self.tainted => Reader::Program,
            Input::Resumed | Input::Unknown => Reader::Unknown,
        };
        self.tainted |= reader == Reader::Unknown;
        self.state = match self.state {
            State::Silent => State::Silent,
            State::Editing | State::Running(_) => State::Running(reader),
        };
    }
}

/// Programs that hand what is typed to a shell, and their likes; others are known by what they make of their input.
const HOSTS: &str = "tmux screen byobu zellij dtach abduco script ttyrec su sudo sudoedit doas pkexec run0 machinectl \
    ssh mosh telnet login newgrp sg expect dvtm mc ranger nnn vifm lf exec eval source . builtin command enable trap";
/// Programs that fill the screen. They can run commands as well: policy held or allowed them as what can start a shell,
/// and what is typed in them is what was approved with them.
const SCREENS: &str = "vi vim view vimdiff nvim vim.basic vim.tiny nano rnano pico emacs joe jmacs ne micro mcedit ed \
    less more most man top htop atop btop iotop watch journalctl systemctl git tig mutt info tail dialog whiptail";
/// Builtins that go on with a program which was started before.
const RESUMING: &str = "fg bg jobs wait";

impl Input {
    /// It is data only of a line that was read as a whole, with no shell in it, no interpreter at a prompt of its own and
    /// nothing that hosts one.
    fn of(text: &str, reading: &Reading) -> Self {
        let names = || {
            let programs = reading.commands.iter().map(|command| &command.program);
            programs.filter_map(|program| program.rsplit('/').next())
        };
        let resumes = |name: &str| listed(RESUMING, name) || name.starts_with('%');
        let fills_screen = names().next().is_some() && names().all(|name| listed(SCREENS, name));
        let data = fills_screen || piped(text.as_bytes()).input.is_data();
        if reading.is_opaque() || !data || names().any(|name| listed(HOSTS, name)) {
            Self::Unknown
        } else if names().any(resumes) {
            Self::Resumed
        } else {
            Self::Data
        }
    }
}

#[cfg(test)]
mod tests;
