//! Text from outside as lines that fit: made visible, coloured, and broken without losing a character.
//!
//! What would be of no width, or would join its neighbour, is spelled out: what does not take a place on the
//! screen could hide in a command.

use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthChar;

use crate::domain::command::{Command, Reading, shows_as_itself, visible};
use crate::inspect::marks::{Mark, Risk, marks};

use super::theme;

/// One place on the screen: a character, or one that was spelled out.
#[derive(Debug, Clone)]
struct Cell {
    shown: Shown,
    style: Style,
    /// Whether the line ends after it.
    ends_line: bool,
}

#[derive(Debug, Clone)]
enum Shown {
    Plain(char),
    Spelled(String),
}

impl Cell {
    fn of(c: char, style: Style) -> Self {
        let (shown, style) = if c == '\n' {
            (Shown::Spelled(visible(b"\n")), theme::line_end())
        } else if shows_as_itself(c) && c.width().unwrap_or(0) > 0 {
            (Shown::Plain(c), style)
        } else {
            let spelled = match u8::try_from(c) {
                Ok(byte) if c.is_ascii() => visible(&[byte]),
                Ok(_) | Err(_) => c.escape_unicode().to_string(),
            };
            (Shown::Spelled(spelled), theme::spelled())
        };
        Self {
            shown,
            style,
            ends_line: c == '\n',
        }
    }

    fn byte(byte: u8) -> Self {
        Self {
            shown: Shown::Spelled(visible(&[byte])),
            style: theme::spelled(),
            ends_line: false,
        }
    }

    fn width(&self) -> usize {
        match &self.shown {
            Shown::Plain(c) => c.width().unwrap_or(0),
            Shown::Spelled(text) => text.len(),
        }
    }

    fn is_space(&self) -> bool {
        matches!(self.shown, Shown::Plain(' '))
    }
}

/// Styled texts as lines of at most `width` columns. Every character is there; lines break after spaces where they can.
pub(super) fn lines(pieces: &[(String, Style)], width: u16) -> Vec<Line<'static>> {
    let cells = pieces
        .iter()
        .flat_map(|(text, style)| text.chars().map(|c| Cell::of(c, *style)));
    wrapped(cells, width)
}

/// A command as lines of at most `width` columns, with what inspection found marked where it stands.
pub(super) fn command(command: &Command, reading: &Reading, width: u16) -> Vec<Line<'static>> {
    let marks = marks(&command.bytes, reading);
    wrapped(cells(&command.bytes, |offset| style(&marks, offset)), width)
}

/// Bytes as lines of at most `width` columns.
pub(super) fn bytes(bytes: &[u8], width: u16) -> Vec<Line<'static>> {
    wrapped(cells(bytes, |_| theme::plain()), width)
}

fn cells(bytes: &[u8], style: impl Fn(usize) -> Style) -> Vec<Cell> {
    let mut cells = Vec::new();
    let mut offset = 0;
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            cells.push(Cell::of(c, style(offset)));
            offset += c.len_utf8();
        }
        cells.extend(chunk.invalid().iter().map(|byte| Cell::byte(*byte)));
        offset += chunk.invalid().len();
    }
    cells
}

/// Cut to `width` columns, with an ellipsis where something is missing.
pub(super) fn short(text: &str, width: usize) -> String {
    let cells: Vec<Cell> = text
        .chars()
        .take(width + 1)
        .map(|c| Cell::of(c, theme::plain()))
        .collect();
    let whole: usize = cells.iter().map(Cell::width).sum();
    let room = if whole > width {
        width.saturating_sub(1)
    } else {
        width
    };
    let mut used = 0;
    let mut kept = String::new();
    for cell in &cells {
        used += cell.width();
        if used > room {
            break;
        }
        match &cell.shown {
            Shown::Plain(c) => kept.push(*c),
            Shown::Spelled(text) => kept.push_str(text),
        }
    }
    if whole > width {
        kept.push('…');
    }
    kept
}

/// The columns a text takes.
pub(super) fn width(text: &str) -> usize {
    text.chars()
        .map(|c| Cell::of(c, theme::plain()).width())
        .sum()
}

fn wrapped(cells: impl IntoIterator<Item = Cell>, width: u16) -> Vec<Line<'static>> {
    let room = usize::from(width.max(1));
    let mut lines = Vec::new();
    let mut line: Vec<Cell> = Vec::new();
    let mut used = 0;
    for cell in cells {
        while used + cell.width() > room && !line.is_empty() {
            let rest = overhang(&mut line);
            lines.push(joined(&line));
            line = rest;
            used = line.iter().map(Cell::width).sum();
        }
        used += cell.width();
        let ends = cell.ends_line;
        line.push(cell);
        if ends {
            lines.push(joined(&line));
            line.clear();
            used = 0;
        }
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(joined(&line));
    }
    lines
}

/// Takes the begun word off a full line, unless the line would be left too short for it.
fn overhang(line: &mut Vec<Cell>) -> Vec<Cell> {
    let after_space = line.iter().rposition(Cell::is_space).map(|at| at + 1);
    match after_space {
        Some(at) if at > line.len() / 3 => line.split_off(at),
        Some(_) | None => Vec::new(),
    }
}

fn joined(cells: &[Cell]) -> Line<'static> {
    let mut spans: Vec<Span<'static>> = Vec::new();
    for run in cells.chunk_by(|left, right| left.style == right.style) {
        let mut text = String::new();
        for cell in run {
            match &cell.shown {
                Shown::Plain(c) => text.push(*c),
                Shown::Spelled(spelled) => text.push_str(spelled),
            }
        }
        let style = run.first().map_or_else(theme::plain, |cell| cell.style);
        spans.push(Span::styled(text, style));
    }
    Line::from(spans)
}

/// How a byte of a command is coloured: by the first risky part that covers it.
fn style(marks: &[Mark], offset: usize) -> Style {
    let covers = |mark: &&Mark| (mark.span.0..mark.span.1).contains(&offset);
    match marks.iter().find(covers).map(|mark| mark.risk) {
        Some(Risk::Elevation) => theme::elevation(),
        Some(Risk::Escape) => theme::escapes(),
        Some(Risk::Unknown) => theme::opaque(),
        None => theme::strong(),
    }
}
