//! The terminal that a replay is fed to, guarded against what the emulation itself cannot take.
//!
//! Three things are kept from `vt100`: the variation selector that widens a character already drawn (at the end
//! of the last row it leaves half a character, over which a later one makes the emulation panic), strings to the
//! terminal beyond a limit (it would keep an unended one whole), and, in one call, more repetitions of a character
//! (ECMA-48 REP, up to 65535 for eight bytes) than there is room for.

use std::num::NonZeroU16;

use crate::record::asciicast::TerminalSize;

/// Longest string to the terminal that is passed on. None is acted on, so nothing is lost.
const STRING_BYTES: usize = 1024;
/// Asks for the emoji form of the character before; it is drawn in its text form instead.
const EMOJI_FORM: char = '\u{fe0f}';

/// An emulated terminal.
pub(super) struct Emulator {
    parser: vt100::Parser,
    place: Place,
}

/// Where in an escape code the text is, as far as the guards need to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Text,
    Escape,
    /// In a control sequence, with its first parameter so far.
    Control {
        first: usize,
        ended: bool,
    },
    /// In a string to the terminal, after so many bytes.
    String(usize),
}

/// How far one call came.
pub(super) struct Fed<'a> {
    /// What it cost, in bytes and the like.
    pub(super) cost: usize,
    /// What is left to feed.
    pub(super) rest: &'a str,
}

impl Emulator {
    pub(super) fn new(size: TerminalSize) -> Self {
        let (rows, cols) = dimensions(size);
        Self {
            parser: vt100::Parser::new(rows, cols, 0),
            place: Place::Text,
        }
    }

    pub(super) fn screen(&self) -> &vt100::Screen {
        self.parser.screen()
    }

    pub(super) fn resize(&mut self, size: TerminalSize) {
        let (rows, cols) = dimensions(size);
        self.parser.set_size(rows, cols);
    }

    /// Feeds output until about `room` is used up, at least one character.
    pub(super) fn feed<'a>(&mut self, text: &'a str, room: usize) -> Fed<'a> {
        let mut cost = 0;
        let mut passed = String::new();
        let mut chars = text.chars();
        while cost < room.max(1) {
            let Some(c) = chars.next() else { break };
            cost += c.len_utf8() + self.repetitions(c);
            self.place = self.place.after(c);
            let kept = match self.place {
                Place::String(length) => length <= STRING_BYTES,
                Place::Text | Place::Escape | Place::Control { .. } => c != EMOJI_FORM,
            };
            if kept {
                passed.push(c);
            }
        }
        self.parser.process(passed.as_bytes());
        Fed {
            cost,
            rest: chars.as_str(),
        }
    }

    fn repetitions(&self, c: char) -> usize {
        match self.place {
            Place::Control { first, .. } if c == 'b' => first,
            Place::Control { .. } | Place::Text | Place::Escape | Place::String(_) => 0,
        }
    }
}

impl Place {
    fn after(self, c: char) -> Self {
        match (self, c) {
            (_, '\u{1b}') => Self::Escape,
            (_, '\u{18}' | '\u{1a}') | (Self::String(_), '\u{7}') => Self::Text,
            (Self::String(length), c) => Self::String(length.saturating_add(c.len_utf8())),
            (Self::Escape, '[') => Self::Control {
                first: 0,
                ended: false,
            },
            (Self::Escape, ']') => Self::String(0),
            (Self::Escape, '0'..='~') | (Self::Control { .. }, '@'..='~') => Self::Text,
            (Self::Control { first, ended }, c) => match c.to_digit(10) {
                Some(digit) if !ended => Self::Control {
                    first: (first * 10 + digit as usize).min(u16::MAX.into()),
                    ended,
                },
                Some(_) | None => Self::Control {
                    first,
                    ended: ended || matches!(c, ';' | ':'),
                },
            },
            (here @ (Self::Text | Self::Escape), _) => here,
        }
    }
}

fn dimensions(size: TerminalSize) -> (NonZeroU16, NonZeroU16) {
    let positive = |length| NonZeroU16::new(length).unwrap_or(NonZeroU16::MIN);
    (positive(size.rows()), positive(size.cols()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed_all(emulator: &mut Emulator, text: &str, room: usize) -> usize {
        let (mut left, mut calls) = (text, 0);
        while !left.is_empty() {
            left = emulator.feed(left, room).rest;
            calls += 1;
        }
        calls
    }

    #[test]
    fn a_character_widened_at_the_screens_last_place_breaks_nothing() {
        let mut emulator = Emulator::new(TerminalSize::USUAL);
        feed_all(&mut emulator, "\x1b[24;80H☀\u{fe0f}\x1b[23;80Ha", 1000);
        assert_eq!(emulator.screen().cell(23, 79).unwrap().contents(), "☀");
        assert_eq!(emulator.screen().cell(22, 79).unwrap().contents(), "a");
    }

    #[test]
    fn repetitions_count_as_what_they_draw() {
        let mut emulator = Emulator::new(TerminalSize::USUAL);
        for code in ["x\x1b[65535b", "\x1b[99999999999;3b", "\x1b[60\u{7}000b"] {
            let calls = feed_all(&mut emulator, &code.repeat(10), 60_000);
            assert!((9..=11).contains(&calls), "{code:?}: {calls}");
        }
        let plain = "0b 1b \x1b[31mb\x1b]0;9999b\u{7}".repeat(100);
        assert_eq!(feed_all(&mut emulator, &plain, 65_536), 1);
    }

    #[test]
    fn a_string_without_end_is_dropped_until_it_ends() {
        let mut emulator = Emulator::new(TerminalSize::USUAL);
        feed_all(&mut emulator, "a\x1b]0;", 100);
        feed_all(&mut emulator, &"x".repeat(100_000), 100);
        feed_all(&mut emulator, "\u{7}b", 100);
        assert_eq!(emulator.screen().contents(), "ab");
    }

    proptest::proptest! {
        #[test]
        fn the_guards_change_nothing_else(
            text in "([ -~\\x00-\\x1f]|\u{1b}[\\[\\]P][0-9;? ]{0,6}[@-~]|[é中🦀\u{301}]){0,60}",
            room in 1usize..50,
        ) {
            let size = TerminalSize::near(12, 4);
            let mut emulator = Emulator::new(size);
            feed_all(&mut emulator, &text, room);
            let (rows, cols) = dimensions(size);
            let mut direct = vt100::Parser::new(rows, cols, 0);
            direct.process(text.as_bytes());
            proptest::prop_assert_eq!(
                emulator.screen().state_formatted(),
                direct.screen().state_formatted()
            );
        }
    }
}
