//! Draws an emulated screen on the viewer's terminal, whatever the sizes of the two.
//!
//! Invariant: all it ever emits is cursor positions, colours and attributes, cursor visibility, and drawable
//! characters. It keeps what the viewer's terminal shows and sends the difference. Of a screen that is too
//! large it shows the left part of the rows that end with the cursor's.

use std::fmt::Write;

use vt100::{Cell, Color, Screen};

use crate::record::asciicast::TerminalSize;
use crate::record::drawable;

/// What the viewer's terminal shows.
pub(in crate::record) struct Painter {
    view: TerminalSize,
    /// The rows above the status line; `None` is a blank cell.
    shown: Vec<Vec<Option<Cell>>>,
    status: String,
    cursor: Option<(u16, u16)>,
    /// Whether the terminal holds something else than `shown`.
    stale: bool,
}

impl Painter {
    pub(in crate::record) fn new(view: TerminalSize) -> Self {
        let row = vec![None; view.cols().into()];
        Self {
            view,
            shown: vec![row; view.rows().saturating_sub(1).into()],
            status: String::new(),
            cursor: None,
            stale: true,
        }
    }

    /// Makes the terminal show `screen` above `status`.
    pub(in crate::record) fn paint(&mut self, screen: &Screen, status: &str, into: &mut Vec<u8>) {
        let mut out = String::new();
        self.begin(&mut out);
        let (cursor_row, cursor_col) = screen.cursor_position();
        let area = u16::try_from(self.shown.len()).unwrap_or(u16::MAX);
        let skipped = (cursor_row + 1).saturating_sub(area);
        for (row, shown) in (0..).zip(&mut self.shown) {
            let wanted: Vec<_> = (0..self.view.cols())
                .map(|col| wanted(screen, row + skipped, col, self.view.cols()))
                .collect();
            paint_row(row, shown, &wanted, &mut out);
        }
        let visible = !screen.hide_cursor() && area > 0 && cursor_col < self.view.cols();
        let cursor = visible.then_some((cursor_row - skipped.min(cursor_row), cursor_col));
        self.end(&out, status, cursor, into);
    }

    /// Changes the status line alone.
    pub(in crate::record) fn paint_status(&mut self, status: &str, into: &mut Vec<u8>) {
        let mut out = String::new();
        self.begin(&mut out);
        self.end(&out, status, self.cursor, into);
    }

    fn begin(&mut self, out: &mut String) {
        if std::mem::take(&mut self.stale) {
            out.push_str("\x1b[?25l\x1b[0m\x1b[2J");
            self.status.clear();
            self.cursor = None;
        }
    }

    fn end(&mut self, drawn: &str, status: &str, cursor: Option<(u16, u16)>, into: &mut Vec<u8>) {
        let mut out = drawn.to_owned();
        if self.status != status {
            place(self.view.rows() - 1, 0, &mut out);
            let _ = write!(out, "\x1b[0;7m{status}");
            status.clone_into(&mut self.status);
        }
        if out.is_empty() && self.cursor == cursor {
            return;
        }
        self.cursor = cursor;
        // Hidden while things are drawn, so that it does not flicker over the screen.
        into.extend_from_slice(b"\x1b[?25l");
        out.push_str("\x1b[0m");
        if let Some((row, col)) = cursor {
            place(row, col, &mut out);
            out.push_str("\x1b[?25h");
        }
        into.extend_from_slice(out.as_bytes());
    }
}

fn wanted(screen: &Screen, row: u16, col: u16, cols: u16) -> Option<&Cell> {
    let cell = screen.cell(row, col)?;
    let second_half = screen.cell(row, col + 1).filter(|_| col + 1 < cols);
    let cut = cell.is_wide() && !second_half.is_some_and(Cell::is_wide_continuation);
    let blank =
        !cell.has_contents() && !cell.is_wide_continuation() && Look::of(cell) == Look::BLANK;
    (!cut && !blank).then_some(cell)
}

/// Draws from the first cell that differs to the last, whole characters only.
fn paint_row(row: u16, shown: &mut [Option<Cell>], wanted: &[Option<&Cell>], out: &mut String) {
    let differs = |(shown, wanted): (&Option<Cell>, &Option<&Cell>)| shown.as_ref() != *wanted;
    let Some(mut first) = shown.iter().zip(wanted).position(differs) else {
        return;
    };
    let last = shown.iter().zip(wanted).rposition(differs).unwrap_or(first);
    let second_half = |cell: Option<&Cell>| cell.is_some_and(Cell::is_wide_continuation);
    let halves = |col: usize| {
        second_half(shown.get(col).and_then(Option::as_ref))
            || second_half(wanted.get(col).copied().flatten())
    };
    while first > 0 && halves(first) {
        first -= 1;
    }
    let mut look = Look::BLANK;
    let mut placed = false;
    out.push_str("\x1b[0m");
    let cells = shown.iter_mut().zip(wanted).enumerate();
    for (col, (shown, wanted)) in cells.take(last + 1).skip(first) {
        *shown = wanted.cloned();
        if wanted.is_some_and(Cell::is_wide_continuation) {
            continue;
        }
        if !placed {
            place(row, u16::try_from(col).unwrap_or(u16::MAX), out);
        }
        let wanted_look = wanted.map_or(Look::BLANK, Look::of);
        if wanted_look != look {
            look = wanted_look;
            look.write(out);
        }
        let text = wanted.map_or("", Cell::contents);
        let before = out.len();
        out.extend(text.chars().filter(|c| drawable(*c)));
        if out.len() == before {
            out.push(' ');
        }
        // Terminals disagree on the width of what is not plain: after it the place is said anew.
        placed = text.is_ascii();
    }
    out.push_str("\x1b[0m");
}

fn place(row: u16, col: u16, out: &mut String) {
    let (row, col) = (u32::from(row) + 1, u32::from(col) + 1);
    let _ = write!(out, "\x1b[{row};{col}H");
}

/// Colours and attributes of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Look {
    foreground: Color,
    background: Color,
    attributes: [bool; 5],
}

impl Look {
    const BLANK: Self = Self {
        foreground: Color::Default,
        background: Color::Default,
        attributes: [false; 5],
    };

    fn of(cell: &Cell) -> Self {
        Self {
            foreground: cell.fgcolor(),
            background: cell.bgcolor(),
            attributes: [
                cell.bold(),
                cell.dim(),
                cell.italic(),
                cell.underline(),
                cell.inverse(),
            ],
        }
    }

    /// Select graphic rendition (ECMA-48 8.3.117), always from a clean slate.
    fn write(self, out: &mut String) {
        out.push_str("\x1b[0");
        for (set, code) in self.attributes.into_iter().zip([1, 2, 3, 4, 7]) {
            if set {
                let _ = write!(out, ";{code}");
            }
        }
        for (color, code) in [(self.foreground, 38), (self.background, 48)] {
            let _ = match color {
                Color::Default => Ok(()),
                Color::Idx(index) => write!(out, ";{code};5;{index}"),
                Color::Rgb(red, green, blue) => write!(out, ";{code};2;{red};{green};{blue}"),
            };
        }
        out.push('m');
    }
}
