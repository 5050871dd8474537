//! What the screen tells of the line, and whether that can be what would be submitted.
//!
//! Invariant: a text without a doubt stands whole on the screen, and nothing that is known of how it came there speaks
//! against it.

use super::super::screen::Place;
use super::{Beginning, LineTracker};

/// Columns at the right edge that a line may not touch with its end: it may go on beyond them, unseen.
const EDGE: u16 = 3;

/// What the screen tells about the line.
pub(super) struct Seen {
    /// `None` when it is not echoed.
    pub(super) text: Option<String>,
    /// Why this may not be what would be submitted.
    pub(super) doubt: Option<&'static str>,
}

impl LineTracker {
    pub(super) fn seen(&self) -> Seen {
        let (place, prompt) = match &self.beginning {
            Beginning::Untouched if self.screen.has_lines() => return self.untouched(),
            Beginning::Untouched => return doubted(String::new(), FULL_SCREEN),
            Beginning::At { place, prompt } if self.screen.has_lines() => (*place, prompt),
            Beginning::At { .. } | Beginning::Unknown => return self.at_cursor(FULL_SCREEN),
        };
        if self.typing.is_simple() {
            self.simple(place)
        } else {
            self.edited(place, prompt)
        }
    }

    /// Nothing was typed: the line is empty if nothing stands behind the prompt either.
    fn untouched(&self) -> Seen {
        let cursor = self.screen.cursor();
        let before = self.screen.before(cursor).unwrap_or_default();
        let after = self.screen.line_from(cursor).map(|(text, _)| text);
        let text = format!(
            "{}{}",
            self.prompts.behind(&before),
            after.unwrap_or_default()
        );
        if text.trim().is_empty() {
            understood(String::new())
        } else {
            doubted(text, "a line that was not typed")
        }
    }

    /// Only printable characters and deletions: the screen must show just them.
    fn simple(&self, place: Place) -> Seen {
        let Some(typed) = self.typing.text() else {
            return not_echoed("typed bytes that are not text");
        };
        let Some((shown, _)) = self.screen.line_from(place) else {
            return self.at_cursor("a line that left the screen");
        };
        if shown == typed.trim_end() {
            return understood(typed.to_owned());
        }
        let cursor = self.screen.cursor();
        if shown.is_empty() && cursor == place {
            return not_echoed("input that is not echoed");
        }
        // A shell that wraps its line by itself does not say that rows belong together.
        if cursor.row > place.row && self.screen.between(place, cursor).as_deref() == Some(typed) {
            return understood(typed.to_owned());
        }
        if self.screen.line_start().row > place.row {
            return self.at_cursor(MISMATCH);
        }
        doubted(shown, MISMATCH)
    }

    /// Last resort for simply typed text: the line that the cursor ends must end with all of it.
    fn at_cursor(&self, why: &'static str) -> Seen {
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
            Some(_) | None if shown.is_empty() => not_echoed(why),
            Some(_) | None => doubted(shown, why),
        }
    }

    /// History, completion, cursor keys: the line is what the screen shows behind the prompt.
    fn edited(&self, place: Place, prompt: &str) -> Seen {
        let replaced = self.screen.before(place).as_deref() != Some(prompt);
        if self.typing.has_searched()
            && replaced
            && let Some(found) = self.searched()
        {
            return found;
        }
        if self.left_running {
            return self
                .at_cursor("an edited line that a program in the background may have drawn over");
        }
        let Some(place) = self.prompt_place(place, prompt) else {
            return self.at_cursor("a prompt that changed while the line was edited");
        };
        let Some((shown, last)) = self.screen.line_from(place) else {
            return self.at_cursor("a line that left the screen");
        };
        let cursor = self.screen.cursor();
        if cursor < place || cursor.row > last || self.has_rows_below(last) {
            return doubted(shown, "a line of several rows");
        }
        if shown.is_empty() && self.typing.has_printable() {
            return not_echoed("input that is not echoed");
        }
        if shown.contains('?') {
            return doubted(shown, "a character that may stand for another");
        }
        if self.reaches_edge(last) || shown.trim_start().starts_with('<') {
            return doubted(shown, "a line that may go on beyond the edge of the screen");
        }
        understood(shown)
    }

    /// Whether anything stands below the line, down to where the cursor was since it began: it may be the rest of it.
    fn has_rows_below(&self, last: u64) -> bool {
        let mut next = Place {
            row: last + 1,
            column: 0,
        };
        while next.row <= self.lowest
            && let Some((text, last)) = self.screen.line_from(next)
        {
            if !text.trim().is_empty() {
                return true;
            }
            next.row = last + 1;
        }
        false
    }

    /// Whether a row has anything in its last columns.
    fn reaches_edge(&self, row: u64) -> bool {
        let until = |column: u16| {
            let text = self.screen.before(Place { row, column });
            text.map(|text| text.trim_end().to_owned())
        };
        until(self.columns) != until(self.columns.saturating_sub(EDGE))
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
    fn searched(&self) -> Option<Seen> {
        let (shown, _) = self.screen.line_from(self.screen.line_start())?;
        let found = ["(reverse-i-search)`", "(i-search)`"]
            .iter()
            .find_map(|mark| shown.strip_prefix(mark))?;
        let mut parts = found.split("': ");
        match (parts.next(), parts.next(), parts.next()) {
            (Some(_), Some(line), None) => Some(understood(line.to_owned())),
            _ => Some(doubted(
                shown.clone(),
                "a history search that could not be read",
            )),
        }
    }
}

pub(super) const FULL_SCREEN: &str = "a line in a full-screen program";
const MISMATCH: &str = "the screen does not show what was typed";

fn understood(text: String) -> Seen {
    Seen {
        text: Some(text),
        doubt: None,
    }
}

fn doubted(text: String, why: &'static str) -> Seen {
    Seen {
        text: Some(text),
        doubt: Some(why),
    }
}

fn not_echoed(why: &'static str) -> Seen {
    Seen {
        text: None,
        doubt: Some(why),
    }
}
