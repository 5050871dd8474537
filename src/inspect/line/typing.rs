//! The model of a line as it is typed.

use std::borrow::Cow;

use crate::domain::command::PARSED_BYTES;
use crate::domain::keystroke;

const BACKSPACE: u8 = 0x08;
const DELETE: u8 = 0x7f;
const KILL_LINE: u8 = 0x15;
const KILL_WORD: u8 = 0x17;
/// Ctrl-R and Ctrl-S.
const SEARCHES: [u8; 2] = [0x12, 0x13];
/// End of line, then kill to its start: what clears a refused line.
const CLEAR_LINE: &[u8] = &[0x05, KILL_LINE];

/// What was typed since the line began.
#[derive(Debug, Clone, Default)]
pub(super) struct Typing {
    bytes: Vec<u8>,
    edited: bool,
    printable: bool,
    searched: bool,
}

impl Typing {
    /// Takes forwarded bytes.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        let mut left = bytes;
        while let Some((byte, rest)) = left.split_first() {
            if let Some(after) = left.strip_prefix(CLEAR_LINE) {
                *self = Self::default();
                left = after;
                continue;
            }
            self.key(*byte);
            left = rest;
        }
    }

    /// Whether it holds only characters and deletions at the line's end.
    pub(super) fn is_simple(&self) -> bool {
        !self.edited
    }

    /// The line holds more than was typed.
    pub(super) fn edit(&mut self) {
        self.edited = true;
    }

    /// Whether any character was typed.
    pub(super) fn has_printable(&self) -> bool {
        self.printable
    }

    /// Whether a search through the history was asked for.
    pub(super) fn has_searched(&self) -> bool {
        self.searched
    }

    /// The text; `None` where it is not text.
    pub(super) fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.bytes).ok()
    }

    fn key(&mut self, byte: u8) {
        self.searched |= SEARCHES.contains(&byte);
        match byte {
            BACKSPACE | DELETE => self.erase(),
            KILL_LINE => self.bytes.clear(),
            KILL_WORD => {
                self.erase_while(|b| b == b' ');
                self.erase_while(|b| b != b' ');
            }
            0..=0x1f => self.edited = true,
            _ if self.bytes.len() >= PARSED_BYTES => self.edited = true,
            printable => {
                self.printable = true;
                self.bytes.push(printable);
            }
        }
    }

    /// Takes off one character, of however many bytes.
    fn erase(&mut self) {
        while self.bytes.pop().is_some_and(|b| b & 0xc0 == 0x80) {}
    }

    fn erase_while(&mut self, matches: impl Fn(u8) -> bool) {
        while self.bytes.last().is_some_and(|b| matches(*b)) {
            self.bytes.pop();
        }
    }
}

/// Takes off a terminal's answers, which programs ask for and nobody typed.
pub(super) fn without_answers(bytes: &[u8]) -> Cow<'_, [u8]> {
    if !bytes.contains(&keystroke::ESCAPE) {
        return Cow::Borrowed(bytes);
    }
    let (mut kept, mut left) = (Vec::with_capacity(bytes.len()), bytes);
    while !left.is_empty() {
        let answer = keystroke::answer_length(left);
        let (taken, rest) = left.split_at(answer.unwrap_or(1).min(left.len()));
        if answer.is_none() {
            kept.extend_from_slice(taken);
        }
        left = rest;
    }
    Cow::Owned(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(bytes: &[u8]) -> Typing {
        let mut typing = Typing::default();
        typing.take(bytes);
        typing
    }

    #[test]
    fn deletions_take_off_what_was_typed_last() {
        assert_eq!(typed(b"lss\x7f -l\x08a").text(), Some("ls -a"));
        assert_eq!(typed("é漢\x7f".as_bytes()).text(), Some("é"));
        assert_eq!(typed(b"sudo id\x15ls").text(), Some("ls"));
        assert_eq!(typed(b"ls /etc /tmp  \x17").text(), Some("ls /etc "));
        assert_eq!(typed(b"\x7f\x7f\x17").text(), Some(""));
    }

    #[test]
    fn every_other_control_key_edits() {
        for key in (0..0x20u8).filter(|b| ![BACKSPACE, KILL_LINE, KILL_WORD].contains(b)) {
            assert!(!typed(&[b'a', key]).is_simple(), "{key}");
        }
        assert!(
            typed(b"sudo id\x1b[A\x05\x15").is_simple(),
            "a cleared line is new"
        );
    }

    #[test]
    fn what_a_terminal_says_of_its_cursor_is_not_typed() {
        let typed = b"a\x1b[24;9R\x1b[?62;c\x1b]11;rgb:0/0/0\x07b\x1b[A\x1b[1";
        assert_eq!(without_answers(typed).as_ref(), b"ab\x1b[A\x1b[1");
    }
}
