//! The emulated terminal that output of others is fed to, guarded against what the emulation itself cannot take.
//!
//! It owns the terminal's state and the measure of what feeding it costs. Invariants: what one call does is bounded
//! by the room that it is given and one more escape code, and no output makes the emulation panic that is known to.
//! Everything but this reaches it as it came, whatever the pieces:
//!
//! * the variation selector that widens a character already drawn (at the end of the last row it leaves half a
//!   character, over which a later one makes the emulation panic);
//! * what strings to the terminal say, such as titles and clipboards (nothing acts on them);
//! * characters in two pieces, which are put together here (the emulation loses a character that follows).
//!
//! It decides neither how much room there is nor what becomes of output that there is none for.

use std::num::NonZeroU16;
use std::str;

use vt100::{Callbacks, Parser, Screen};

/// Cells that are cleared at the cost of one that is drawn, measured.
const CLEARED_AS_ONE: usize = 64;
/// What a reset costs beside clearing the screen: it is made anew.
const RESET: usize = 8;
const ESCAPE: u8 = 0x1b;
/// Asks for the emoji form of the character before; it is drawn in its text form instead.
const EMOJI_FORM: &[u8] = "\u{fe0f}".as_bytes();
const EMOJI_LEAD: u8 = 0xef;
/// The private mode that clears the alternate screen and shows it.
const CLEARED_ALTERNATE: usize = 1049;

/// An emulated terminal.
pub struct Emulator<C: Callbacks = ()> {
    parser: Parser<C>,
    place: Place,
    /// The beginning of a character whose rest has not come.
    held: Vec<u8>,
}

/// Where in an escape code the output is, as `vte` reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Text, or a string that is ignored.
    Text,
    Escape,
    Intermediate,
    Control(Parameters),
    /// A string that would be kept.
    String,
}

/// What the parameters of a control sequence say, as far as its cost goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Parameters {
    first: usize,
    first_ended: bool,
    current: usize,
    alternates: usize,
}

/// How far one call came.
#[derive(Debug)]
pub struct Fed<'a> {
    /// What it cost: a byte, or a cell that is drawn again, counts one.
    pub cost: usize,
    /// What is left to feed; never in the middle of a character of valid UTF-8.
    pub rest: &'a [u8],
}

/// Output on its way to the parser.
struct Feeding<'a> {
    /// Begins where what the parser got ends.
    run: &'a [u8],
    rest: &'a [u8],
    cost: usize,
}

impl<C: Callbacks> Emulator<C> {
    /// A terminal with an empty screen.
    pub fn new(rows: NonZeroU16, columns: NonZeroU16, callbacks: C) -> Self {
        Self {
            parser: Parser::new_with_callbacks(rows, columns, 0, callbacks),
            place: Place::Text,
            held: Vec::new(),
        }
    }

    /// What it shows.
    pub fn screen(&self) -> &Screen {
        self.parser.screen()
    }

    /// What was told of it.
    pub fn callbacks(&self) -> &C {
        self.parser.callbacks()
    }

    /// Changes the size, and gives what that cost.
    pub fn resize(&mut self, rows: NonZeroU16, columns: NonZeroU16) -> usize {
        let (old_rows, old_columns) = self.screen().size();
        let kept = area(rows.min(old_rows), columns.min(old_columns));
        self.parser.set_size(rows, columns);
        usize::from(rows.get()) + (area(rows, columns) - kept) * RESET / CLEARED_AS_ONE
    }

    /// Feeds output until about `room` is used up, at least one character.
    pub fn feed<'a>(&mut self, bytes: &'a [u8], room: usize) -> Fed<'a> {
        let room = room.max(1);
        let rest = self.finish_character(bytes);
        let mut feeding = Feeding {
            run: rest,
            rest,
            cost: bytes.len() - rest.len(),
        };
        while let Some(first) = feeding.rest.first()
            && feeding.cost < room
        {
            let left = room - feeding.cost;
            match self.place {
                Place::Text => self.text(&mut feeding, left),
                Place::String => self.string(&mut feeding, left),
                Place::Escape | Place::Intermediate | Place::Control(_) => {
                    feeding.cost += self.price(*first);
                    self.place = self.place.after(*first);
                    feeding.take_character();
                }
            }
        }
        self.pass(feeding.taken());
        Fed {
            cost: feeding.cost,
            rest: feeding.rest,
        }
    }

    /// Gives the last of it to the parser, but for a character that has only begun.
    fn pass(&mut self, run: &[u8]) {
        let (whole, begun) = match self.place {
            Place::Text => split_unfinished(run),
            Place::Escape | Place::Intermediate | Place::Control(_) | Place::String => {
                (run, [].as_slice())
            }
        };
        self.parser.process(whole);
        self.held.extend_from_slice(begun);
    }

    /// Takes what a character held back lacks, and gives what is left.
    fn finish_character<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let mut rest = bytes;
        while let Some((byte, after)) = rest.split_first()
            && !self.held.is_empty()
        {
            self.held.push(*byte);
            match str::from_utf8(&self.held) {
                Err(error) if error.error_len().is_none() => {}
                Err(_) => {
                    self.held.pop();
                    self.parser.process(&self.held);
                    self.held.clear();
                    return rest;
                }
                Ok(_) => {
                    if self.held != EMOJI_FORM {
                        self.parser.process(&self.held);
                    }
                    self.held.clear();
                }
            }
            rest = after;
        }
        rest
    }

    fn text(&mut self, feeding: &mut Feeding<'_>, room: usize) {
        let stops = |byte, rest: &[u8]| {
            byte == ESCAPE || (byte == EMOJI_LEAD && rest.starts_with(EMOJI_FORM))
        };
        match length_until(feeding.rest, room, stops) {
            0 if feeding.rest.starts_with(EMOJI_FORM) => self.skip(feeding, EMOJI_FORM.len()),
            0 => {
                self.place = Place::Escape;
                feeding.take(1);
            }
            length => feeding.take(length),
        }
    }

    fn string(&mut self, feeding: &mut Feeding<'_>, room: usize) {
        let ends = |byte, _: &[u8]| matches!(byte, 0x07 | 0x18 | 0x1a | ESCAPE);
        match length_until(feeding.rest, room, ends) {
            0 => {
                self.place = match feeding.rest.first() {
                    Some(&ESCAPE) => Place::Escape,
                    Some(_) | None => Place::Text,
                };
                feeding.take(1);
            }
            length => self.skip(feeding, length),
        }
    }

    /// Keeps bytes from the parser.
    fn skip(&mut self, feeding: &mut Feeding<'_>, length: usize) {
        self.parser.process(feeding.taken());
        feeding.take(length);
        feeding.run = feeding.rest;
    }

    /// What a code costs beside its bytes, if this one ends it. What costs at most a row is not counted.
    fn price(&self, last: u8) -> usize {
        match self.place {
            Place::Escape if last == b'c' => self.rows_cleared(usize::MAX) * RESET,
            Place::Control(parameters) => match last {
                b'b' => parameters.count(),
                b'J' => self.rows_cleared(usize::MAX),
                b'L' | b'M' | b'S' | b'T' => self.rows_cleared(parameters.count()),
                b'h' => parameters.alternates() * self.rows_cleared(usize::MAX),
                _ => 0,
            },
            Place::Text | Place::Escape | Place::Intermediate | Place::String => 0,
        }
    }

    /// What it costs to clear so many rows, or all that there are.
    fn rows_cleared(&self, count: usize) -> usize {
        let (rows, columns) = self.screen().size();
        let rows = count.min(rows.get().into());
        rows * usize::from(columns.get()) / CLEARED_AS_ONE
    }
}

impl Place {
    /// Where a byte of an escape code leads.
    fn after(self, byte: u8) -> Self {
        match self {
            Self::Escape => Self::after_escape(byte),
            Self::Intermediate => Self::after_intermediate(byte),
            Self::Control(parameters) => parameters.then(byte),
            Self::Text | Self::String => self,
        }
    }

    fn after_escape(byte: u8) -> Self {
        match byte {
            b'[' => Self::Control(Parameters::default()),
            b']' => Self::String,
            b' '..=b'/' => Self::Intermediate,
            0x18 | 0x1a | b'0'..=b'~' => Self::Text,
            _ => Self::Escape,
        }
    }

    fn after_intermediate(byte: u8) -> Self {
        match byte {
            ESCAPE => Self::Escape,
            0x18 | 0x1a | b'0'..=b'~' => Self::Text,
            _ => Self::Intermediate,
        }
    }
}

impl Parameters {
    fn then(mut self, byte: u8) -> Place {
        match byte {
            ESCAPE => return Place::Escape,
            0x18 | 0x1a | b'@'..=b'~' => return Place::Text,
            b'0'..=b'9' => {
                let value = self.current * 10 + usize::from(byte - b'0');
                self.current = value.min(u16::MAX.into());
                if !self.first_ended {
                    self.first = self.current;
                }
            }
            b';' | b':' => {
                self.alternates = self.alternates();
                self.current = 0;
                self.first_ended = true;
            }
            // Other bytes act at once or not at all.
            _ => {}
        }
        Place::Control(self)
    }

    fn count(self) -> usize {
        self.first.max(1)
    }

    /// How often the alternate screen is to be cleared.
    fn alternates(self) -> usize {
        self.alternates + usize::from(self.current == CLEARED_ALTERNATE)
    }
}

impl<'a> Feeding<'a> {
    /// What the parser is to get.
    fn taken(&self) -> &'a [u8] {
        let length = self.run.len() - self.rest.len();
        self.run.get(..length).unwrap_or_default()
    }

    fn take(&mut self, length: usize) {
        self.rest = self.rest.get(length..).unwrap_or_default();
        self.cost += length;
    }

    /// Takes a byte of an escape code; a character that has no place in one is taken whole.
    fn take_character(&mut self) {
        self.take(whole_length(self.rest, 1));
    }
}

fn area(rows: NonZeroU16, columns: NonZeroU16) -> usize {
    usize::from(rows.get()) * usize::from(columns.get())
}

/// How many bytes come before one that ends them, at most `most` or the character's few more.
fn length_until(bytes: &[u8], most: usize, ends: impl Fn(u8, &[u8]) -> bool) -> usize {
    let near = bytes.get(..most).unwrap_or(bytes);
    let found = near
        .iter()
        .enumerate()
        .position(|(at, byte)| ends(*byte, bytes.get(at..).unwrap_or_default()));
    found.unwrap_or_else(|| whole_length(bytes, near.len()))
}

/// The nearest length, not less, that cuts no character.
fn whole_length(bytes: &[u8], length: usize) -> usize {
    let after = bytes.get(length..).unwrap_or_default();
    let goes_on = after
        .iter()
        .take(3)
        .take_while(|byte| **byte & 0xc0 == 0x80);
    length + goes_on.count()
}

/// Splits off the beginning of a character that goes on after the bytes.
fn split_unfinished(bytes: &[u8]) -> (&[u8], &[u8]) {
    (1..=3)
        .rev()
        .filter_map(|length| bytes.split_at_checked(bytes.len().checked_sub(length)?))
        .find(|(_, end)| {
            let error = str::from_utf8(end).err();
            error.is_some_and(|e| e.valid_up_to() == 0 && e.error_len().is_none())
        })
        .unwrap_or((bytes, &[]))
}

#[cfg(test)]
mod tests;
