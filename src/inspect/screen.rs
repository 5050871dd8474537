//! The emulated screen of one interactive channel, with rows that keep their number when the screen scrolls.
//!
//! It is fed with the target's output only, and believed in nothing but what stands where. Invariant: what the
//! emulation does is bounded by a small number of steps for each byte of output. Output that asks for more, or that
//! makes the emulator panic, leaves a broken screen, on which nothing can be read any more.

use std::num::NonZeroU16;
use std::panic::{AssertUnwindSafe, catch_unwind};

use vt100::Callbacks;

use crate::emulator::Emulator;

/// Smallest and largest size that is emulated; beyond it, what is read does not match and is opaque.
const ROWS: (u16, u16) = (2, 500);
const COLUMNS: (u16, u16) = (8, 1000);
/// What each byte of output adds to the room for emulating it: what a line feed costs on the widest screen, while
/// programs that draw need little more than one.
const ROOM_A_BYTE: usize = 32;
/// Most room that is saved up for later: some milliseconds of work.
const MOST_ROOM: usize = 256 * 1024;
/// A change of size comes in a packet of about so many bytes.
const RESIZE_BYTES: usize = 64;

/// A place that stays the same when the screen scrolls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// The row, counted from the first one that ever was.
    pub(super) row: u64,
    /// The column.
    pub(super) column: u16,
}

#[derive(Debug, Default)]
struct Scrolled(u64);

impl Callbacks for Scrolled {
    fn on_scroll(&mut self, _: vt100::capture::RowContents<'_>, alternate_screen: bool) {
        if !alternate_screen {
            self.0 = self.0.saturating_add(1);
        }
    }
}

/// The screen.
pub(super) struct Screen {
    emulator: Emulator<Scrolled>,
    room: usize,
    broken: bool,
}

impl Screen {
    pub(super) fn new(rows: u16, columns: u16) -> Self {
        let (rows, columns) = size(rows, columns);
        Self {
            emulator: Emulator::new(rows, columns, Scrolled::default()),
            room: MOST_ROOM,
            broken: false,
        }
    }

    pub(super) fn resize(&mut self, rows: u16, columns: u16) {
        let (rows, columns) = size(rows, columns);
        self.guarded(RESIZE_BYTES, |emulator, _| {
            Some(emulator.resize(rows, columns))
        });
    }

    pub(super) fn output(&mut self, bytes: &[u8]) {
        self.guarded(bytes.len(), |emulator, room| {
            let fed = emulator.feed(bytes, room);
            fed.rest.is_empty().then_some(fed.cost)
        });
    }

    /// Does what `bytes` of the peer ask for, and breaks when that panics, does not end within the room, or costs more.
    fn guarded(
        &mut self,
        bytes: usize,
        work: impl FnOnce(&mut Emulator<Scrolled>, usize) -> Option<usize>,
    ) {
        if self.broken {
            return;
        }
        let room = self.room.saturating_add(bytes.saturating_mul(ROOM_A_BYTE));
        let done = catch_unwind(AssertUnwindSafe(|| work(&mut self.emulator, room)));
        match done.ok().flatten().and_then(|cost| room.checked_sub(cost)) {
            Some(left) => self.room = left.min(MOST_ROOM),
            None => self.broken = true,
        }
    }

    /// Whether lines can be told from it: not while a full-screen program has it, nor when it broke.
    pub(super) fn has_lines(&self) -> bool {
        !self.broken && !self.emulator.screen().alternate_screen()
    }

    /// Where the cursor is.
    pub(super) fn cursor(&self) -> Place {
        let (row, column) = self.emulator.screen().cursor_position();
        Place {
            row: self.emulator.callbacks().0.saturating_add(u64::from(row)),
            column,
        }
    }

    /// The text from a place to the end of its line, wrapped rows joined, and the number of its last row; `None`
    /// when the place is no longer on the screen.
    pub(super) fn line_from(&self, start: Place) -> Option<(String, u64)> {
        let screen = self.emulator.screen();
        let (_, columns) = screen.size();
        let mut row = self.visible(start.row)?;
        let mut text = String::new();
        let mut column = start.column;
        loop {
            let goes_on = self.goes_on(row);
            while column < columns.get() {
                let cell = screen.cell(row, column)?;
                let pushed_on = goes_on && column + 1 == columns.get() && !cell.has_contents();
                if cell.is_wide_continuation() || pushed_on {
                } else if cell.has_contents() {
                    text.push_str(cell.contents());
                } else {
                    text.push(' ');
                }
                column += 1;
            }
            if !goes_on {
                break;
            }
            (row, column) = (row + 1, 0);
        }
        let last = self.emulator.callbacks().0.saturating_add(u64::from(row));
        Some((text.trim_end().to_owned(), last))
    }

    /// What stands between two places, all rows taken as one line that fills them; `None` when a part is not visible.
    pub(super) fn between(&self, start: Place, end: Place) -> Option<String> {
        let screen = self.emulator.screen();
        let (_, columns) = screen.size();
        let (first, last) = (self.visible(start.row)?, self.visible(end.row)?);
        let mut text = String::new();
        for row in first..=last {
            let from = if row == first { start.column } else { 0 };
            let until = if row == last {
                end.column
            } else {
                columns.get()
            };
            for column in from..until {
                let cell = screen.cell(row, column)?;
                if cell.has_contents() {
                    text.push_str(cell.contents());
                } else if !cell.is_wide_continuation() {
                    text.push(' ');
                }
            }
        }
        Some(text)
    }

    /// What stands before a place on its row.
    pub(super) fn before(&self, place: Place) -> Option<String> {
        let row = self.visible(place.row)?;
        self.emulator
            .screen()
            .rows(0, place.column)
            .nth(usize::from(row))
    }

    /// The line that the cursor is on, and the rows before it from `begin` on, drawn anew from the left edge, with the
    /// cursor where it stands and room below it down to the row `lowest`.
    pub(super) fn redrawn(&self, begin: Place, lowest: u64) -> Vec<u8> {
        let screen = self.emulator.screen();
        let (row, column) = screen.cursor_position();
        let (_, columns) = screen.size();
        let begin = begin.min(self.line_start());
        let first = self.visible(begin.row).unwrap_or(0);
        let mut drawn = Vec::new();
        for (number, bytes) in screen.rows_formatted(0, columns.get()).enumerate() {
            if (usize::from(first)..=usize::from(row)).contains(&number) {
                if number > usize::from(first) {
                    drawn.extend_from_slice(b"\r\n");
                }
                drawn.extend_from_slice(b"\x1b[m");
                drawn.extend_from_slice(bytes.as_bytes());
            }
        }
        drawn.extend_from_slice(screen.attributes_formatted().as_bytes());
        let last = self.visible(lowest).unwrap_or(row);
        let below = usize::from(last.saturating_sub(row));
        if below > 0 {
            drawn.extend_from_slice(&b"\r\n".repeat(below));
            drawn.extend_from_slice(format!("\x1b[{below}A").as_bytes());
        }
        drawn.push(b'\r');
        if column > 0 {
            drawn.extend_from_slice(format!("\x1b[{column}C").as_bytes());
        }
        drawn
    }

    /// The first row of the line that the cursor is on.
    pub(super) fn line_start(&self) -> Place {
        let screen = self.emulator.screen();
        let (mut row, _) = screen.cursor_position();
        while row > 0 && self.goes_on(row - 1) {
            row -= 1;
        }
        Place {
            row: self.emulator.callbacks().0.saturating_add(u64::from(row)),
            column: 0,
        }
    }

    /// The number of the first row that is visible.
    pub(super) fn top(&self) -> u64 {
        self.emulator.callbacks().0
    }

    /// All rows, from the top.
    pub(super) fn rows(&self) -> Vec<String> {
        let (_, columns) = self.emulator.screen().size();
        self.emulator.screen().rows(0, columns.get()).collect()
    }

    /// Whether the line of a row goes on in the next one. The emulator does not say so where a wide character did not
    /// fit; then a free last column is followed by one.
    fn goes_on(&self, row: u16) -> bool {
        let screen = self.emulator.screen();
        let (rows, columns) = screen.size();
        let last = columns.get().saturating_sub(1);
        let occupied = |column: u16| {
            screen
                .cell(row, column)
                .is_some_and(|cell| cell.has_contents() || cell.is_wide_continuation())
        };
        row + 1 < rows.get()
            && (screen.row_wrapped(row)
                || (!occupied(last)
                    && occupied(last.saturating_sub(1))
                    && screen.cell(row + 1, 0).is_some_and(vt100::Cell::is_wide)))
    }

    fn visible(&self, row: u64) -> Option<u16> {
        let (rows, _) = self.emulator.screen().size();
        let row = row.checked_sub(self.emulator.callbacks().0)?;
        u16::try_from(row).ok().filter(|row| *row < rows.get())
    }
}

fn size(rows: u16, columns: u16) -> (NonZeroU16, NonZeroU16) {
    let within = |value: u16, (least, most): (u16, u16)| {
        NonZeroU16::new(value.clamp(least, most)).unwrap_or(NonZeroU16::MIN)
    };
    (within(rows, ROWS), within(columns, COLUMNS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_keeps_its_row_when_the_screen_scrolls() {
        let mut screen = Screen::new(3, 20);
        screen.output(b"one\r\ntwo\r\n$ ");
        let place = screen.cursor();
        screen.output(b"ls\r\n$ ");
        assert_eq!(screen.line_from(place), Some(("ls".to_owned(), 2)));
        screen.output(b"\r\n\r\n\r\n");
        assert_eq!(screen.line_from(place), None);
    }

    #[test]
    fn a_wide_character_that_did_not_fit_leaves_no_gap() {
        let mut screen = Screen::new(4, 8);
        screen.output("1234567漢字".as_bytes());
        let start = Place { row: 0, column: 0 };
        assert_eq!(screen.line_from(start), Some(("1234567漢字".to_owned(), 1)));
    }

    /// Rows that scrolled away are counted, so here they tell how many cells were drawn.
    #[test]
    fn a_flood_of_repetitions_breaks_the_screen_and_draws_little_for_each_byte() {
        let flood = b"\x1b[65535b".repeat(8192);
        let mut screen = Screen::new(2, 8);
        screen.output(b"x");
        for piece in flood.chunks(1000) {
            screen.output(piece);
        }
        let drawn = usize::try_from(screen.top()).unwrap() * 8;
        assert!(drawn <= MOST_ROOM + 1000 * ROOM_A_BYTE + 65_535, "{drawn}");
        assert!(!screen.has_lines());
    }

    #[test]
    fn floods_that_clear_or_resize_a_large_screen_break_it() {
        for code in [
            "\x1bc",
            "\x1b[J",
            "\x1b[999L",
            "\x1b[?1049;1049h\x1b[?1049l",
        ] {
            let mut screen = Screen::new(500, 1000);
            screen.output(&code.repeat(1000).into_bytes());
            assert!(!screen.has_lines(), "{code:?}");
        }
        let mut screen = Screen::new(2, 8);
        for _ in 0..100 {
            screen.resize(500, 1000);
            screen.resize(2, 8);
        }
        assert!(!screen.has_lines());
    }

    #[test]
    fn programs_that_draw_much_are_followed() {
        let mut screen = Screen::new(60, 200);
        let row = format!("\x1b[1;31m=\x1b[198b\x1b[m{}\r\n", "text ".repeat(30));
        for _ in 0..1000 {
            screen.output(b"\x1b[H\x1b[2J\x1b[3JSat Jan  3 12:00:00 UTC 2026\r\n");
            screen.output(b"\r\x1b[0m\x1b[27m\x1b[24m\x1b[Jdeploy@db1 % \x1b[K");
            screen.output(b"\x1b[?1049h\x1b[22;0;0t\x1b[1;24r\x1b[H\x1b[J");
            screen.output(row.repeat(6).as_bytes());
            screen.output(b"\x1b[5L\x1b[5M\x1b[?1049l");
        }
        assert!(screen.has_lines());
        for columns in (80..180).chain((80..180).rev()) {
            screen.resize(60, columns);
        }
        assert!(screen.has_lines());
    }
}
