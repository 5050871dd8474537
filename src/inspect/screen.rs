//! The emulated screen of one interactive channel, with rows that keep their number when the screen scrolls.
//!
//! It is fed with the target's output only, and believed in nothing but what stands where. A terminal emulator
//! that panics leaves a broken screen, on which nothing can be read any more.

use std::num::NonZeroU16;
use std::panic::{AssertUnwindSafe, catch_unwind};

use vt100::{Callbacks, Parser};

/// Smallest and largest size that is emulated; beyond it, what is read does not match and is opaque.
const ROWS: (u16, u16) = (2, 500);
const COLUMNS: (u16, u16) = (8, 1000);

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
    parser: Parser<Scrolled>,
    broken: bool,
}

impl Screen {
    pub(super) fn new(rows: u16, columns: u16) -> Self {
        let (rows, columns) = size(rows, columns);
        Self {
            parser: Parser::new_with_callbacks(rows, columns, 0, Scrolled::default()),
            broken: false,
        }
    }

    pub(super) fn resize(&mut self, rows: u16, columns: u16) {
        let (rows, columns) = size(rows, columns);
        self.guarded(|parser| parser.set_size(rows, columns));
    }

    pub(super) fn output(&mut self, bytes: &[u8]) {
        self.guarded(|parser| parser.process(bytes));
    }

    fn guarded(&mut self, change: impl FnOnce(&mut Parser<Scrolled>)) {
        if !self.broken {
            self.broken = catch_unwind(AssertUnwindSafe(|| change(&mut self.parser))).is_err();
        }
    }

    /// Whether lines can be told from it: not while a full-screen program has it, nor when it broke.
    pub(super) fn has_lines(&self) -> bool {
        !self.broken && !self.parser.screen().alternate_screen()
    }

    /// Where the cursor is.
    pub(super) fn cursor(&self) -> Place {
        let (row, column) = self.parser.screen().cursor_position();
        Place {
            row: self.parser.callbacks().0.saturating_add(u64::from(row)),
            column,
        }
    }

    /// The text from a place to the end of its line, wrapped rows joined, and the number of its last row; `None`
    /// when the place is no longer on the screen.
    pub(super) fn line_from(&self, start: Place) -> Option<(String, u64)> {
        let screen = self.parser.screen();
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
        let last = self.parser.callbacks().0.saturating_add(u64::from(row));
        Some((text.trim_end().to_owned(), last))
    }

    /// What stands before a place on its row.
    pub(super) fn before(&self, place: Place) -> Option<String> {
        let row = self.visible(place.row)?;
        self.parser
            .screen()
            .rows(0, place.column)
            .nth(usize::from(row))
    }

    /// The line that the cursor is on, drawn anew from the left edge, with the cursor where it stands.
    pub(super) fn redrawn(&self) -> Vec<u8> {
        let screen = self.parser.screen();
        let (row, column) = screen.cursor_position();
        let (_, columns) = screen.size();
        let first = self.visible(self.line_start().row).unwrap_or(row);
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
        drawn.push(b'\r');
        if column > 0 {
            drawn.extend_from_slice(format!("\x1b[{column}C").as_bytes());
        }
        drawn
    }

    /// The first row of the line that the cursor is on.
    pub(super) fn line_start(&self) -> Place {
        let screen = self.parser.screen();
        let (mut row, _) = screen.cursor_position();
        while row > 0 && self.goes_on(row - 1) {
            row -= 1;
        }
        Place {
            row: self.parser.callbacks().0.saturating_add(u64::from(row)),
            column: 0,
        }
    }

    /// The number of the first row that is visible.
    pub(super) fn top(&self) -> u64 {
        self.parser.callbacks().0
    }

    /// All rows, from the top.
    pub(super) fn rows(&self) -> Vec<String> {
        let (_, columns) = self.parser.screen().size();
        self.parser.screen().rows(0, columns.get()).collect()
    }

    /// Whether the line of a row goes on in the next one. The emulator does not say so where a wide character did not
    /// fit; then a free last column is followed by one.
    fn goes_on(&self, row: u16) -> bool {
        let screen = self.parser.screen();
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
        let (rows, _) = self.parser.screen().size();
        let row = row.checked_sub(self.parser.callbacks().0)?;
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
}
