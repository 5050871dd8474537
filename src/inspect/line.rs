//! The command line of an interactive shell, read off an emulated screen: a guard rail.
//!
//! It owns the screen and a model of what was typed. Invariant: a line is understood only when the screen and the
//! model agree on it, or, after editing keys, when it stands whole behind a prompt that has not changed; everything
//! else is opaque. What is not echoed is never in [`Line::bytes`]: it may be a secret. The screen cannot switch
//! inspection off. It withholds nothing: the gate does.

mod typing;

use crate::domain::command::{PARSED_BYTES, Reading, visible};
use crate::domain::keystroke::INTERRUPT;

use super::screen::{Place, Screen};
use super::{exec, shell};
use typing::Typing;

/// What stands for a line that was typed but not shown.
const NOT_ECHOED: &str = "(input that is not echoed)";
/// Readline's operate-and-get-next, which fills the next line by itself.
const OPERATE: u8 = 0x0f;

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
    /// The key that submitted the last line may have filled this one.
    Filled,
    /// The last line is not complete, so this one goes on with it.
    Continues,
    /// Ctrl-C went out on this row; only below it is the line new.
    Interrupted(u64),
}

/// Follows one interactive channel.
pub struct LineTracker {
    screen: Screen,
    typing: Typing,
    beginning: Beginning,
    doubt: Doubt,
}

impl LineTracker {
    /// Begins with an empty screen of the terminal's size.
    pub fn new(rows: u16, columns: u16) -> Self {
        Self {
            screen: Screen::new(rows, columns),
            typing: Typing::default(),
            beginning: Beginning::Untouched,
            doubt: Doubt::None,
        }
    }

    /// The terminal's size changed.
    pub fn resize(&mut self, rows: u16, columns: u16) {
        self.screen.resize(rows, columns);
    }

    /// The target sent this.
    pub fn output(&mut self, bytes: &[u8]) {
        self.screen.output(bytes);
    }

    /// The target got this, and no key that submits.
    pub fn input(&mut self, bytes: &[u8]) {
        let Some(last) = bytes.iter().rposition(|b| *b == INTERRUPT) else {
            return self.typed(bytes);
        };
        let (_, after) = bytes.split_at(last + 1);
        self.begin_anew(Doubt::Interrupted(self.screen.cursor().row));
        self.typed(after);
    }

    /// The line that the withheld key would submit. To be asked when the echo is quiet.
    pub fn read(&self) -> Line {
        let line = self.line();
        match self.doubted() {
            Some(why) => opaque(String::from_utf8_lossy(&line.bytes).into_owned(), why),
            None => line,
        }
    }

    /// The key that submits went out.
    pub fn submitted(&mut self, key: &[u8]) {
        let line = self.read();
        let text = String::from_utf8_lossy(&line.bytes);
        let doubt = if key.contains(&OPERATE) {
            Doubt::Filled
        } else if text.ends_with('\\') || shell::is_unfinished(&text) {
            Doubt::Continues
        } else if matches!(self.doubt, Doubt::Continues) {
            self.doubt
        } else {
            Doubt::None
        };
        self.begin_anew(doubt);
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
            self.screen.redrawn()
        } else {
            Vec::new()
        }
    }

    fn begin_anew(&mut self, doubt: Doubt) {
        self.typing = Typing::default();
        self.beginning = Beginning::Untouched;
        self.doubt = doubt;
    }

    fn typed(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if matches!(self.beginning, Beginning::Untouched) {
            let place = self.screen.cursor();
            if let Doubt::Interrupted(row) = self.doubt
                && place.row > row
            {
                self.doubt = Doubt::None;
            }
            self.beginning = match self.screen.before(place) {
                Some(prompt) if self.screen.has_lines() => Beginning::At { place, prompt },
                Some(_) | None => Beginning::Unknown,
            };
        }
        self.typing.take(bytes);
    }

    fn doubted(&self) -> Option<&'static str> {
        match self.doubt {
            Doubt::None => None,
            Doubt::Filled => Some("a line that the shell may have filled"),
            Doubt::Continues => Some("a line that goes on with an unfinished one"),
            Doubt::Interrupted(row) if self.screen.cursor().row > row => None,
            Doubt::Interrupted(_) => Some("a line that Ctrl-C may not have cleared"),
        }
    }

    fn line(&self) -> Line {
        let (place, prompt) = match &self.beginning {
            Beginning::Untouched if self.screen.has_lines() => return understood(String::new()),
            Beginning::Untouched => return opaque(String::new(), FULL_SCREEN),
            Beginning::At { place, prompt } if self.screen.has_lines() => (*place, prompt),
            Beginning::At { .. } | Beginning::Unknown => return self.at_cursor(FULL_SCREEN),
        };
        if self.typing.is_simple() {
            self.simple(place)
        } else {
            self.edited(place, prompt)
        }
    }

    /// Only printable characters and deletions: the screen must show just them.
    fn simple(&self, place: Place) -> Line {
        let Some(typed) = self.typing.text() else {
            return opaque(NOT_ECHOED.to_owned(), "typed bytes that are not text");
        };
        let Some((shown, _)) = self.screen.line_from(place) else {
            return self.at_cursor("a line that left the screen");
        };
        if shown == typed.trim_end() {
            return understood(typed.to_owned());
        }
        if shown.is_empty() && self.screen.cursor() == place {
            return opaque(NOT_ECHOED.to_owned(), "input that is not echoed");
        }
        if self.screen.line_start().row > place.row {
            return self.at_cursor(MISMATCH);
        }
        opaque(shown, MISMATCH)
    }

    /// Last resort for simply typed text: the line that the cursor ends must end with all of it.
    fn at_cursor(&self, why: &'static str) -> Line {
        let shown = self
            .screen
            .line_from(self.screen.line_start())
            .map(|(text, _)| text)
            .unwrap_or_default();
        match self.typing.text().map(str::trim_end) {
            Some(typed)
                if self.typing.is_simple() && !typed.is_empty() && shown.ends_with(typed) =>
            {
                understood(typed.to_owned())
            }
            Some(_) | None if shown.is_empty() => opaque(NOT_ECHOED.to_owned(), why),
            Some(_) | None => opaque(shown, why),
        }
    }

    /// History, completion, cursor keys: the line is what the screen shows behind the prompt.
    fn edited(&self, place: Place, prompt: &str) -> Line {
        if let Some(found) = self.searched() {
            return found;
        }
        let Some(place) = self.prompt_place(place, prompt) else {
            return self.at_cursor("a prompt that changed while the line was edited");
        };
        let Some((shown, last)) = self.screen.line_from(place) else {
            return self.at_cursor("a line that left the screen");
        };
        let cursor = self.screen.cursor();
        if cursor < place || cursor.row > last {
            return opaque(shown, "a line of several rows");
        }
        if shown.is_empty() && self.typing.has_printable() {
            return opaque(NOT_ECHOED.to_owned(), "input that is not echoed");
        }
        understood(shown)
    }

    /// Where the prompt stands now: it moves when the screen is cleared or redrawn.
    fn prompt_place(&self, place: Place, prompt: &str) -> Option<Place> {
        let stands = |row: u64| {
            let place = Place { row, ..place };
            (self.screen.before(place).as_deref() == Some(prompt)).then_some(place)
        };
        if prompt.trim().is_empty() {
            return stands(place.row);
        }
        stands(place.row).or_else(|| {
            let bottom = self.screen.cursor().row;
            (self.screen.top()..=bottom).rev().find_map(stands)
        })
    }

    /// The line that bash's incremental search has found: `(reverse-i-search)‵text': line`.
    fn searched(&self) -> Option<Line> {
        let (shown, _) = self.screen.line_from(self.screen.line_start())?;
        let found = ["(reverse-i-search)`", "(i-search)`"]
            .iter()
            .find_map(|mark| shown.strip_prefix(mark))?;
        let mut parts = found.split("': ");
        match (parts.next(), parts.next(), parts.next()) {
            (Some(_), Some(line), None) => Some(understood(line.to_owned())),
            _ => Some(opaque(
                shown.clone(),
                "a history search that could not be read",
            )),
        }
    }
}

const FULL_SCREEN: &str = "a line in a full-screen program";
const MISMATCH: &str = "the screen does not show what was typed";

fn opaque(text: String, why: &str) -> Line {
    Line {
        bytes: text.into_bytes(),
        reading: Reading::opaque(why),
    }
}

fn understood(text: String) -> Line {
    let reading = if text.trim().is_empty() {
        Reading::default()
    } else if text.len() > PARSED_BYTES {
        Reading::opaque("a line that is too long to read")
    } else if let Some(why) = typing::interactive_syntax(&text) {
        Reading::opaque(why)
    } else {
        exec(text.as_bytes())
    };
    Line {
        bytes: text.into_bytes(),
        reading,
    }
}

#[cfg(test)]
mod tests;
