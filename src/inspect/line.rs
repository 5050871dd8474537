//! The command line of an interactive shell, read off an emulated screen: a guard rail.
//!
//! It owns the screen and a model of what was typed. Invariant: a line is understood only when the screen and the
//! model agree on it, or, after editing keys, when it stands whole behind a prompt that has not changed; everything
//! else is opaque. What is not echoed is never in [`Line::bytes`]: it may be a secret. The screen cannot switch
//! inspection off, and a doubt never hides what can be read: it is added to it. It withholds nothing: the gate does.

mod earlier;

mod prompts;

mod seen;

mod syntax;

mod typing;

use crate::domain::command::{Reading, Unknown, visible};
use crate::domain::keystroke::INTERRUPT;

use super::screen::{Place, Screen};
use super::{doubtful, glimpse, known, typed};
use earlier::Earlier;
use prompts::Prompts;
use seen::{FULL_SCREEN, Seen};
pub(super) use syntax::{Dialect, hides};
use typing::Typing;

/// What stands for a line that was typed but not shown.
const NOT_ECHOED: &str = "(input that is not echoed)";
/// The keys that submit a line as it stands, and do nothing else.
const ENTER: [&[u8]; 2] = [b"\r", b"\n"];
/// Tab, which may run a substitution in the line, and completes it.
const COMPLETE: &[u8] = b"\t";
/// Ctrl-Z.
const SUSPEND: u8 = 0x1a;
/// Ctrl-D: ends the input on an empty line, and deletes a character or submits a part on any other.
const END_OF_FILE: &[u8] = b"\x04";
/// The narrowest and widest screen that is emulated.
const COLUMNS: (u16, u16) = (8, 1000);

/// The line that a withheld key would submit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its text, as far as it is shown on the screen.
    pub bytes: Vec<u8>,
    /// What it means.
    pub reading: Reading,
}

/// Where the line began.
#[derive(Debug, Clone)]
enum Beginning {
    /// Nothing was forwarded since the last submission or interrupt.
    Untouched,
    /// The cursor's place when its first byte was forwarded, and what stood before it.
    At { place: Place, prompt: String },
    /// Not known: a full-screen program had the screen.
    Unknown,
}

/// Why a line cannot be understood whatever the screen shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doubt {
    None,
    /// A key went out that may have changed the line, or submitted it and filled the next one.
    Altered,
    /// Ctrl-C went out on this row; only below it is the line new.
    Interrupted(u64),
}

/// What a line means that a shell told of its own editor: all of it, as it would run.
pub(super) fn reading_of(text: &str, shell: Dialect) -> Reading {
    let undoes = syntax::undoes_widget(text).then_some("a line that may change what Enter does");
    let mut doubts = [
        syntax::interactive(text),
        syntax::read_otherwise(text, shell),
        undoes,
    ]
    .into_iter()
    .flatten();
    match doubts.next() {
        None if text.trim().is_empty() => Reading::default(),
        None => known(text.as_bytes()),
        Some(first) => with_doubts(doubtful(text.as_bytes(), first), doubts),
    }
}

fn with_doubts(mut reading: Reading, doubts: impl Iterator<Item = &'static str>) -> Reading {
    reading.unknowns.extend(doubts.map(|reason| Unknown {
        reason: reason.to_owned(),
        span: None,
    }));
    reading
}

/// Follows one interactive channel.
pub struct LineTracker {
    screen: Screen,
    columns: u16,
    typing: Typing,
    beginning: Beginning,
    prompts: Prompts,
    doubt: Doubt,
    earlier: Earlier,
    /// The lowest row that the cursor was on since the line began: a line editor may count on the rows up to there.
    lowest: u64,
    /// Whether a program may have been left in the background, which writes when it wants.
    left_running: bool,
}

impl LineTracker {
    /// Begins with an empty screen of the terminal's size.
    pub fn new(rows: u16, columns: u16) -> Self {
        Self {
            screen: Screen::new(rows, columns),
            columns: columns.clamp(COLUMNS.0, COLUMNS.1),
            typing: Typing::default(),
            beginning: Beginning::Untouched,
            prompts: Prompts::default(),
            doubt: Doubt::None,
            earlier: Earlier::None,
            lowest: 0,
            left_running: false,
        }
    }

    /// The terminal's size changed.
    pub fn resize(&mut self, rows: u16, columns: u16) {
        self.columns = columns.clamp(COLUMNS.0, COLUMNS.1);
        self.screen.resize(rows, columns);
    }

    /// The target sent this.
    pub fn output(&mut self, bytes: &[u8]) {
        self.screen.output(bytes);
        self.lowest = self.lowest.max(self.screen.cursor().row);
        if let Doubt::Interrupted(row) = self.doubt
            && self.screen.line_start().row > row
        {
            self.doubt = Doubt::None;
            self.earlier = Earlier::None;
        }
    }

    /// The target got this, and no key that submits.
    pub fn input(&mut self, bytes: &[u8]) {
        let typed = &typing::without_answers(bytes);
        if typed.len() < bytes.len() && matches!(self.beginning, Beginning::Untouched) {
            // A shell that takes the answer for text shows it behind its prompt.
            self.know_prompt();
        }
        let bytes = typed;
        self.left_running |= bytes.contains(&SUSPEND);
        let Some(last) = bytes.iter().rposition(|b| *b == INTERRUPT) else {
            return self.typed(bytes);
        };
        let (_, after) = bytes.split_at(last + 1);
        self.begin_anew(Doubt::Interrupted(self.screen.cursor().row));
        self.typed(after);
    }

    /// The line that the withheld key would submit. To be asked when the echo is quiet.
    pub fn read(&self) -> Line {
        let seen = self.seen();
        let mut reading = self.reading(&seen);
        if self.doubt == Doubt::Altered {
            reading
                .elevation
                .extend(glimpse::elevation(&self.shown_since_beginning()));
        }
        Line {
            bytes: seen.text.unwrap_or(NOT_ECHOED.to_owned()).into_bytes(),
            reading,
        }
    }

    /// The withheld key went out. Only Enter begins a new line for certain.
    pub fn submitted(&mut self, key: &[u8]) {
        let seen = self.seen();
        self.left_running |= seen.text.as_deref().is_some_and(syntax::leaves_running);
        if ENTER.contains(&key) {
            self.earlier = self.earlier_after(seen);
            self.begin_anew(Doubt::None);
        } else if key == COMPLETE {
            self.typed(key);
        } else if key == END_OF_FILE {
            match seen.text {
                Some(text) if text.trim().is_empty() => self.begin_anew(self.doubt),
                Some(_) | None => self.typed(key),
            }
        } else {
            self.typed(key);
            self.doubt = Doubt::Altered;
        }
    }

    /// The shell is about to draw a prompt: whatever was typed before is done.
    pub fn prompted(&mut self) {
        self.earlier = Earlier::None;
        self.begin_anew(Doubt::None);
    }

    /// Whether a full-screen program has the screen.
    pub fn is_full(&self) -> bool {
        !self.screen.has_lines()
    }

    /// Whether a line was typed and is shown as it was typed, and `text` does not end with it.
    pub fn contradicts(&self, text: &str) -> bool {
        let typed = self.typing.is_simple() && self.typing.has_printable();
        let seen = self.seen();
        let shown = seen.text.filter(|_| seen.doubt.is_none());
        typed && shown.is_some_and(|shown| !text.trim_end().ends_with(shown.trim_end()))
    }

    /// The last lines on the screen that are not empty, safe to print.
    pub fn screen_lines(&self, n: usize) -> Vec<String> {
        let rows = self.screen.rows();
        let mut lines: Vec<String> = rows
            .iter()
            .rev()
            .map(|row| row.trim_end())
            .filter(|row| !row.is_empty())
            .take(n)
            .map(|row| visible(row.as_bytes()))
            .collect();
        lines.reverse();
        lines
    }

    /// The prompt with the line as it stands, to be drawn anew below a notice; nothing in a full-screen program.
    pub fn redrawn(&self) -> Vec<u8> {
        if self.screen.has_lines() {
            let first = match &self.beginning {
                Beginning::At { place, .. } => *place,
                Beginning::Untouched | Beginning::Unknown => self.screen.line_start(),
            };
            self.screen.redrawn(first, self.lowest)
        } else {
            Vec::new()
        }
    }

    fn know_prompt(&mut self) {
        let place = self.screen.cursor();
        let before = self
            .screen
            .before(place)
            .filter(|_| self.screen.has_lines());
        if let Some(before) = before
            && self.prompts.followed(&before).is_none()
        {
            self.prompts.remember(&before, place.column);
        }
    }

    fn begin_anew(&mut self, doubt: Doubt) {
        self.typing = Typing::default();
        self.beginning = Beginning::Untouched;
        self.doubt = doubt;
        self.lowest = self.screen.cursor().row;
    }

    fn typed(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if matches!(self.beginning, Beginning::Untouched) {
            self.begin();
        }
        self.typing.take(bytes);
    }

    /// The first byte of a line goes out: what stands before the cursor is the prompt, but for what the shell filled in.
    fn begin(&mut self) {
        let place = self.screen.cursor();
        self.beginning = match self.screen.before(place) {
            Some(before) if self.screen.has_lines() => match self.prompts.followed(&before) {
                Some(known) => {
                    self.typing.edit();
                    Beginning::At {
                        place: Place {
                            column: known.column,
                            ..place
                        },
                        prompt: known.text.clone(),
                    }
                }
                None => {
                    if self.doubt == Doubt::None {
                        self.prompts.remember(&before, place.column);
                        if self.earlier.ends_at(&before) {
                            self.earlier = Earlier::None;
                        }
                    }
                    Beginning::At {
                        place,
                        prompt: before,
                    }
                }
            },
            Some(_) | None => Beginning::Unknown,
        };
    }

    /// What is not run yet once Enter went out behind this line.
    fn earlier_after(&self, seen: Seen) -> Earlier {
        let prompt = match &self.beginning {
            Beginning::At { prompt, .. } => prompt.as_str(),
            Beginning::Untouched | Beginning::Unknown => "",
        };
        let certain = self.doubt == Doubt::None && seen.doubt.is_none();
        match seen.text {
            Some(_) if seen.doubt == Some(FULL_SCREEN) => self.earlier.clone().with_unseen(),
            Some(line) if certain => self.earlier.clone().with(line, prompt),
            Some(line) => self.earlier.clone().with_uncertain(&line, prompt),
            None => self.earlier.clone().with_unseen(),
        }
    }

    /// What the line means, with every doubt about it.
    fn reading(&self, seen: &Seen) -> Reading {
        let around = match self.doubt {
            Doubt::None => None,
            Doubt::Altered => Some("a line that a key may have changed unseen"),
            Doubt::Interrupted(_) => Some("a line that Ctrl-C may not have cleared"),
        };
        let goes_on =
            (self.earlier != Earlier::None).then_some("a line that goes on with an unfinished one");
        let line = seen.text.as_deref().unwrap_or_default();
        let text = self.earlier.joined(line);
        let syntax = syntax::interactive(line).or_else(|| syntax::interactive(&text));
        let otherwise = syntax::read_otherwise(&text, Dialect::Unknown);
        let mut doubts = [
            goes_on,
            around,
            self.unprompted(),
            seen.doubt,
            syntax,
            otherwise,
        ]
        .into_iter()
        .flatten();
        let Some(first) = doubts.next() else {
            return if text.trim().is_empty() {
                Reading::default()
            } else {
                typed(text.as_bytes())
            };
        };
        with_doubts(doubtful(text.as_bytes(), first), doubts)
    }

    /// A line that begins where no prompt stands may be read by a program that runs, or only a part of it.
    fn unprompted(&self) -> Option<&'static str> {
        match &self.beginning {
            Beginning::At { prompt, .. } if prompt.trim().is_empty() => {
                Some("a line that was not typed at a prompt")
            }
            Beginning::At { .. } | Beginning::Untouched | Beginning::Unknown => None,
        }
    }

    /// Everything that the screen shows since the line began: after a key of unknown effect the line is in it.
    fn shown_since_beginning(&self) -> String {
        let place = match &self.beginning {
            Beginning::At { place, .. } => *place,
            Beginning::Untouched | Beginning::Unknown => self.screen.line_start(),
        };
        let mut next = Place {
            row: place.row.max(self.screen.top()),
            column: 0,
        };
        let mut lines = Vec::new();
        while let Some((line, last)) = self.screen.line_from(next) {
            lines.push(line);
            next.row = last + 1;
        }
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests;
