//! The Enter widget: what a shell that was started by the bastion reports of its own line editor, exactly.
//!
//! It owns the text that a shell is started with ([`start`]), the reports that it writes to its terminal, and what
//! they prove about who reads what is typed. Invariants: a report counts only with the session's nonce, and none ever
//! leaves [`Widget::output`]; a line is the answer to one question, and the key that comes with it submits that line
//! and no other, once. It is a guard rail: the person's own shell can undo it, and then tells nothing more. It judges
//! no line, and sends nothing.

mod mask;

mod reports;

mod start;

mod undoing;

use bytes::Bytes;

use crate::domain::command::Reading;
use crate::domain::gate::Reader;

use super::line::{Dialect, Line, reading_of};
use super::table::listed;
use super::{doubtful, shell};
pub use reports::Nonce;
use reports::{Ends, Report, Reports};

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
    /// Whether the last that was typed of it is Enter.
    pub entered: bool,
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
    /// Nobody knows from then on: the line may change the shell itself.
    Over,
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
    /// It is not believed any more.
    Over,
}

/// Follows one shell that was started with a [`start`] text.
pub struct Widget {
    reports: Reports,
    state: State,
    /// Whether the line was asked for.
    asked: bool,
    told: Option<(u64, Ends, bool, Vec<u8>)>,
    /// How the shell reads a line.
    dialect: Dialect,
    /// A line that goes on, so that Enter on an empty further line ends it.
    unfinished: Option<String>,
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
            dialect: Dialect::Unknown,
            unfinished: None,
            tainted: false,
        }
    }

    /// The command that the shell is started with.
    pub fn command(&self) -> Vec<u8> {
        start::command(self.reports.nonce())
    }

    /// What a shell is sent that says hello when nobody waits for it any more.
    pub fn plain(&self) -> Vec<u8> {
        start::plain(self.reports.nonce())
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
            _ if self.state == State::Over => None,
            Report::Hello(shell) => {
                self.dialect = Dialect::of(&shell);
                Some(Said::Hello(shell))
            }
            Report::Prompt => {
                self.state = State::Editing;
                self.unfinished = None;
                self.told = None;
                Some(Said::Prompt)
            }
            // Only a line that is edited has such an Enter, whatever was thought before.
            Report::Enter => {
                self.state = State::Editing;
                Some(Said::Enter)
            }
            Report::Line {
                count,
                ends,
                entered,
                text,
            } => {
                // Nobody else asks: what was not asked for is no answer.
                let wanted = std::mem::take(&mut self.asked) && self.state == State::Editing;
                wanted.then(|| self.told = Some((count, ends, entered, text)))?;
                Some(Said::Line)
            }
        }
    }

    /// Who reads what is typed.
    pub fn reader(&self) -> Reader {
        match self.state {
            State::Silent | State::Over => Reader::Unknown,
            State::Editing => Reader::Editor,
            State::Running(reader) => reader,
        }
    }

    /// The line is asked for, by the key that this gives. What goes before it ends a search through the history, which is
    /// not the line yet.
    pub fn ask(&mut self) -> Vec<u8> {
        self.asked = true;
        self.told = None;
        [b"\x1e".as_slice(), &self.key("1")].concat()
    }

    /// The key that goes on with a line that is not whole.
    pub fn newline(&self) -> Vec<u8> {
        self.key("2")
    }

    /// The key that empties the line.
    pub fn clear(&self) -> Vec<u8> {
        self.key("3")
    }

    fn key(&self, which: &str) -> Vec<u8> {
        let digits = self.reports.nonce().digits();
        format!("\x1b[7878;{digits};{which}~").into_bytes()
    }

    /// The answer, once.
    pub fn told(&mut self) -> Option<Told> {
        let (count, ends, entered, bytes) = self.told.take()?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let unfinished = match ends {
            Ends::Unknown => shell::is_unfinished(&text),
            Ends::Here => false,
            Ends::Later => true,
        };
        let goes_on = unfinished && self.unfinished.as_ref() != Some(&text);
        self.unfinished = unfinished.then(|| text.clone());
        let reading = match std::str::from_utf8(&bytes) {
            Ok(text) => reading_of(text, self.dialect),
            Err(_) => doubtful(&bytes, "characters that are not text"),
        };
        let input = match Input::of(&text, &reading) {
            // What is typed next may be the rest of it.
            Input::Data | Input::Resumed if unfinished => Input::Unknown,
            input => input,
        };
        let kind = if input == Input::Over { 8 } else { 9 };
        Some(Told {
            input,
            line: Line { bytes, reading },
            key: self.key(&format!("{kind};{count}")),
            goes_on,
            entered,
        })
    }

    /// The line was only looked at: nobody wants to submit it.
    pub fn looked_at(&mut self) {
        self.unfinished = None;
    }

    /// There was no answer: whoever reads what is typed, it is not the line editor.
    pub fn lost(&mut self) {
        self.asked = false;
        self.state = match self.state {
            State::Over => State::Over,
            State::Silent | State::Editing | State::Running(_) => State::Silent,
        };
    }

    /// A line went out that makes this of what is typed.
    pub fn submitted(&mut self, input: Input) {
        let reader = match input {
            Input::Data => Reader::Program,
            Input::Resumed if !self.tainted => Reader::Program,
            Input::Resumed | Input::Unknown | Input::Over => Reader::Unknown,
        };
        self.tainted |= reader == Reader::Unknown;
        self.state = match self.state {
            State::Silent => State::Silent,
            State::Over => State::Over,
            State::Editing | State::Running(_) if input == Input::Over => State::Over,
            State::Editing | State::Running(_) => State::Running(reader),
        };
    }
}

/// Programs that fill the screen. They can run commands as well: policy held or allowed them as what can start a shell,
/// and what is typed in them is what was approved with them.
const SCREENS: &str = "vi vim view vimdiff nvim vim.basic vim.tiny nano rnano pico emacs joe jmacs ne micro mcedit ed \
    less more most man top htop atop btop iotop watch journalctl info";
/// Programs that make nothing else of what is typed than data, or read nothing of it.
const PLAIN: &str = "cat tee head tail wc sort uniq tr cut grep egrep fgrep sleep true false echo printf read cd pwd ls date \
    uptime whoami id hostname uname df du free ps stat file which clear diff cmp md5sum sha256sum ping touch mkdir cp mv \
    rm ln chmod chown";
/// Builtins that go on with a program which was started before.
const RESUMING: &str = "fg bg jobs wait";
/// Where a program is that is called by its path and counts as the one of its name.
const FOLDERS: [&str; 2] = ["/usr/bin/", "/bin/"];

impl Input {
    /// It is data only of a line that was read as a whole, and has no program in it but those that are listed.
    fn of(text: &str, reading: &Reading) -> Self {
        let names = || {
            reading.commands.iter().map(|command| {
                let program = command.program.as_str();
                let bare = FOLDERS.iter().find_map(|at| program.strip_prefix(at));
                bare.unwrap_or(program)
            })
        };
        let resumes = |name: &str| listed(RESUMING, name) || name.starts_with('%');
        let known = |name: &str| listed(SCREENS, name) || listed(PLAIN, name);
        if undoing::changes_shell(text, names()) {
            Self::Over
        } else if reading.is_opaque() || names().next().is_none() {
            Self::Unknown
        } else if names().all(known) {
            Self::Data
        } else if names().all(|name| known(name) || resumes(name)) {
            Self::Resumed
        } else {
            Self::Unknown
        }
    }
}

#[cfg(test)]
mod tests;
