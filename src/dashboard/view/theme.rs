//! Colours and marks. Only the sixteen ANSI colours and modifiers are used, and nothing is told by colour alone.

use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Padding};

use crate::dashboard::model::Tone;

/// The mark of what runs with another user's rights.
pub(super) const ELEVATION: &str = "▲";
/// The mark of what could not be read.
pub(super) const OPAQUE: &str = "◆";
/// The mark of programs that can start a shell.
pub(super) const ESCAPES: &str = "●";
/// The bar at what is chosen.
pub(super) const BAR: &str = "▌";

pub(super) const fn plain() -> Style {
    Style::new()
}

/// What matters most.
pub(super) const fn strong() -> Style {
    Style::new().add_modifier(Modifier::BOLD)
}

/// What explains the rest.
pub(super) const fn quiet() -> Style {
    Style::new().add_modifier(Modifier::DIM)
}

/// A line end within a command: told, but no alarm.
pub(super) const fn line_end() -> Style {
    Style::new().fg(Color::Yellow).add_modifier(Modifier::DIM)
}

/// What belongs to the program: its name, keys, the chosen tab.
pub(super) const fn accent() -> Style {
    Style::new().fg(Color::Cyan).add_modifier(Modifier::BOLD)
}

pub(super) const fn elevation() -> Style {
    Style::new().fg(Color::Red).add_modifier(Modifier::BOLD)
}

pub(super) const fn opaque() -> Style {
    Style::new().fg(Color::Magenta).add_modifier(Modifier::BOLD)
}

pub(super) const fn escapes() -> Style {
    Style::new().fg(Color::Yellow).add_modifier(Modifier::BOLD)
}

/// Characters that had to be spelled out.
pub(super) const fn spelled() -> Style {
    Style::new()
        .fg(Color::Yellow)
        .add_modifier(Modifier::REVERSED)
}

pub(super) const fn good() -> Style {
    Style::new().fg(Color::Green)
}

pub(super) const fn bad() -> Style {
    Style::new().fg(Color::Red)
}

pub(super) const fn warning() -> Style {
    Style::new().fg(Color::Yellow)
}

pub(super) const fn border() -> Style {
    Style::new().fg(Color::DarkGray)
}

pub(super) const fn tone(tone: Tone) -> Style {
    match tone {
        Tone::Good => good(),
        Tone::Plain => Style::new().fg(Color::Cyan),
        Tone::Bad => bad(),
    }
}

/// A word on a patch of its own colour.
pub(super) fn badge(word: &str, style: Style) -> Span<'static> {
    Span::styled(
        format!(" {word} "),
        style.add_modifier(Modifier::REVERSED | Modifier::BOLD),
    )
}

/// The badge of production.
pub(super) fn production(word: &'static str) -> Span<'static> {
    badge(word, bad())
}

/// A rounded frame with a title.
pub(super) fn panel(title: Line<'static>, style: Style) -> Block<'static> {
    Block::bordered()
        .border_type(BorderType::Rounded)
        .border_style(style)
        .title_style(Style::new().fg(Color::Reset))
        .padding(Padding::horizontal(1))
        .title_top(title)
}
