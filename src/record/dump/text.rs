//! Terminal output to lines of text: escape codes go, and the line being edited is edited.

use std::io::{self, Write};

use crate::record::drawable;

/// Longest line, in characters; a longer one is written in parts.
const LINE_CHARS: usize = 16 * 1024;
/// Longest parameters of a control sequence that are understood.
const PARAMETER_BYTES: usize = 64;

/// Where in an escape code the text is (ECMA-48).
enum State {
    Text,
    Escape,
    /// An escape code with intermediate bytes, such as a choice of character set.
    Intermediate,
    Control(String),
    /// A string for the terminal: a title, the clipboard, a device control.
    String,
    StringEscape,
}

/// Writes lines as they end.
pub(super) struct Transcript<W> {
    into: W,
    state: State,
    line: Vec<char>,
    column: usize,
    /// Whether the cursor went back to the line's start and may write over it.
    returned: bool,
}

impl<W: Write> Transcript<W> {
    pub(super) fn new(into: W) -> Self {
        Self {
            into,
            state: State::Text,
            line: Vec::new(),
            column: 0,
            returned: false,
        }
    }

    pub(super) fn push(&mut self, text: &str) -> io::Result<()> {
        text.chars().try_for_each(|c| self.take(c))
    }

    /// Writes the last line, whether it ended or not.
    pub(super) fn end(mut self) -> io::Result<()> {
        self.break_line()?;
        self.into.flush()
    }

    fn take(&mut self, c: char) -> io::Result<()> {
        let state = std::mem::replace(&mut self.state, State::Text);
        self.state = match (state, c) {
            // CAN and SUB end any code.
            (_, '\u{18}' | '\u{1a}') => State::Text,
            (State::String, '\u{1b}') => State::StringEscape,
            (State::String, '\u{7}') | (State::StringEscape, '\\') => State::Text,
            (State::String, _) => State::String,
            (_, '\u{1b}') => State::Escape,
            (State::Text, c) => return self.text(c),
            (State::Escape | State::StringEscape, '[') => State::Control(String::new()),
            (State::Escape | State::StringEscape, ']' | 'P' | 'X' | '^' | '_') => State::String,
            (State::Escape | State::Intermediate | State::StringEscape, ' '..='/') => {
                State::Intermediate
            }
            (State::Escape | State::Intermediate | State::StringEscape, _) => State::Text,
            (State::Control(mut parameters), ' '..='?') => {
                if parameters.len() < PARAMETER_BYTES {
                    parameters.push(c);
                }
                State::Control(parameters)
            }
            (State::Control(parameters), end @ '@'..='~') => {
                return self.control(&parameters, end);
            }
            // Control characters within a sequence act at once.
            (control @ State::Control(_), c) if c.is_control() => {
                self.text(c)?;
                control
            }
            (State::Control(_), _) => State::Text,
        };
        Ok(())
    }

    fn text(&mut self, c: char) -> io::Result<()> {
        match c {
            '\n' | '\u{b}' | '\u{c}' => self.end_line(),
            '\r' => {
                self.column = 0;
                self.returned = true;
                Ok(())
            }
            '\u{8}' => {
                self.column = self.column.saturating_sub(1);
                Ok(())
            }
            '\t' => self.forward(8 - self.column % 8),
            c if drawable(c) => self.print(c),
            _ => Ok(()),
        }
    }

    fn control(&mut self, parameters: &str, end: char) -> io::Result<()> {
        let first = parameters
            .split(';')
            .next()
            .and_then(|first| first.parse().ok());
        let count = first.unwrap_or(1).clamp(1, LINE_CHARS);
        match end {
            'C' => self.forward(count),
            'D' => {
                self.column = self.column.saturating_sub(count);
                Ok(())
            }
            'G' | '`' => {
                self.column = 0;
                self.forward(count - 1)
            }
            'K' | 'J' if matches!(first, None | Some(0)) => {
                self.keep_overwritten()?;
                self.line.truncate(self.column);
                Ok(())
            }
            'P' | '@' => {
                let here = self.column.min(self.line.len());
                if end == 'P' {
                    let until = (here + count).min(self.line.len());
                    self.line.drain(here..until);
                } else {
                    let room = LINE_CHARS.saturating_sub(self.line.len());
                    let blanks = std::iter::repeat_n(' ', count.min(room));
                    self.line.splice(here..here, blanks);
                }
                Ok(())
            }
            // Elsewhere on the screen: what stands there is another line.
            'A' | 'B' | 'E' | 'F' | 'H' | 'f' | 'd' | 'J' | 'K' | 'S' | 'T' | 'L' | 'M' => {
                self.break_line()
            }
            _ => Ok(()),
        }
    }

    fn print(&mut self, c: char) -> io::Result<()> {
        if self.line.get(self.column).is_some_and(|there| *there != c) {
            self.keep_overwritten()?;
        }
        if self.column >= LINE_CHARS {
            self.end_line()?;
        }
        if self.line.len() < self.column {
            self.line.resize(self.column, ' ');
        }
        match self.line.get_mut(self.column) {
            Some(there) => *there = c,
            None => self.line.push(c),
        }
        self.column += 1;
        Ok(())
    }

    fn forward(&mut self, count: usize) -> io::Result<()> {
        self.column = (self.column + count).min(LINE_CHARS);
        Ok(())
    }

    /// Writes the line out before it is written over. What stood before the cursor stays in place.
    fn keep_overwritten(&mut self) -> io::Result<()> {
        let lost = self.line.get(self.column..).unwrap_or_default();
        if !std::mem::take(&mut self.returned) || lost.iter().all(|c| *c == ' ') {
            return Ok(());
        }
        self.write_line()?;
        self.line.truncate(self.column);
        Ok(())
    }

    fn break_line(&mut self) -> io::Result<()> {
        if self.line.iter().all(|c| *c == ' ') {
            self.line.clear();
            self.column = 0;
            self.returned = false;
            return Ok(());
        }
        self.end_line()
    }

    fn end_line(&mut self) -> io::Result<()> {
        self.write_line()?;
        self.line.clear();
        self.column = 0;
        self.returned = false;
        Ok(())
    }

    fn write_line(&mut self) -> io::Result<()> {
        let text: String = self.line.iter().collect();
        self.into.write_all(text.trim_end_matches(' ').as_bytes())?;
        self.into.write_all(b"\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transcript(text: &str) -> String {
        let mut lines = Vec::new();
        let mut transcript = Transcript::new(&mut lines);
        transcript.push(text).unwrap();
        transcript.end().unwrap();
        String::from_utf8(lines).unwrap()
    }

    #[test]
    fn escape_codes_leave_no_trace() {
        for code in [
            "\u{1b}[1;31m",
            "\u{1b}]0;title\u{7}",
            "\u{1b}]52;c;aGk=\u{1b}\\",
            "\u{1b}Pq#0\u{1b}\\",
            "\u{1b}(B",
            "\u{1b}=",
            "\u{1b}[?2004h",
            "\u{1b}[c",
            "\u{202e}",
            "\u{0}\u{7}",
        ] {
            assert_eq!(
                transcript(&format!("be{code}fore\r\n")),
                "before\n",
                "{code:?}"
            );
        }
    }

    #[test]
    fn an_edited_line_reads_as_it_was_submitted() {
        let typed = "$ sudx\u{8}\u{1b}[Ko id\u{8}\u{8}\u{8}\u{1b}[3@ -n\u{1b}[C\r\nok\r\n";
        assert_eq!(transcript(typed), "$ sudo -n id\nok\n");
        assert_eq!(transcript("ab\u{8}\u{8}\u{1b}[1Pc"), "c\n");
    }

    #[test]
    fn what_was_painted_over_is_still_there() {
        assert_eq!(transcript("10%\r20%\r30%\n"), "10%\n20%\n30%\n");
        assert_eq!(transcript("evil\r\u{1b}[Kgood\n"), "evil\ngood\n");
        assert_eq!(transcript("evil\u{1b}[2J\u{1b}[Hgood\n"), "evil\ngood\n");
        assert_eq!(transcript("same\rsame\n"), "same\n");
    }

    proptest::proptest! {
        #[test]
        fn any_text_becomes_clean_lines(text in "([\\x00-\\x7f]|\\PC|\u{1b}[\\[\\]P][0-9;]{0,5}[@-~]){0,200}") {
            let clean = transcript(&text);
            proptest::prop_assert!(clean.chars().all(|c| c == '\n' || drawable(c)));
        }
    }
}
