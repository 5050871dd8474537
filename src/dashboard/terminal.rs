//! The terminal at the other end of a channel: drawings become the bytes that change what it shows.
//!
//! It owns what was drawn last, so that only changed cells are sent. It never touches a terminal of this
//! process: no raw mode, no size that is asked for, no standard output; bytes are handed out, and the size
//! is what the client said.

use std::io;

use crossterm::cursor::{Hide, Show};
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::style::Print;
use crossterm::terminal::{
    Clear, ClearType as CrosstermClear, EnterAlternateScreen, LeaveAlternateScreen, SetTitle,
};
use crossterm::{Command, queue};
use ratatui::backend::{Backend, ClearType, CrosstermBackend, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Rect, Size};
use ratatui::{Terminal, TerminalOptions, Viewport};

use crate::dashboard::model::Dashboard;
use crate::dashboard::view;
use crate::domain::command::shows_as_itself;

/// The title of the client's window, behind how many requests wait for the viewer.
const TITLE: &str = "countersign";
/// What a terminal keeps its title and gives it back with (xterm's window operations 22 and 23).
const KEEP_TITLE: &str = "\x1b[22;2t";
const OLD_TITLE: &str = "\x1b[23;2t";
/// Largest width and height that are believed: a client may claim anything.
const LARGEST: u16 = 1000;

/// A drawing surface whose changes come out as bytes.
#[derive(Debug)]
pub struct Screen {
    terminal: Terminal<Bytes>,
    title: Option<String>,
}

impl Screen {
    /// A surface of the client's size.
    ///
    /// # Errors
    /// Never in practice: the surface is memory.
    pub fn new(columns: u16, rows: u16) -> io::Result<Self> {
        let size = believed(columns, rows);
        let backend = Bytes {
            written: Vec::new(),
            size,
            cursor: Position::ORIGIN,
        };
        let viewport = Viewport::Fixed(Rect::from((Position::ORIGIN, size)));
        let terminal = Terminal::with_options(backend, TerminalOptions { viewport })?;
        Ok(Self {
            terminal,
            title: None,
        })
    }

    /// Takes over the client's terminal.
    ///
    /// # Errors
    /// Never in practice: the surface is memory.
    pub fn enter(&mut self) -> io::Result<Vec<u8>> {
        let bytes = &mut self.terminal.backend_mut().written;
        queue!(
            bytes,
            EnterAlternateScreen,
            Hide,
            EnableBracketedPaste,
            Print(KEEP_TITLE),
            Clear(CrosstermClear::All)
        )?;
        Ok(std::mem::take(bytes))
    }

    /// Gives the terminal back as it was.
    ///
    /// # Errors
    /// Never in practice: the surface is memory.
    pub fn leave(&mut self) -> io::Result<Vec<u8>> {
        let bytes = &mut self.terminal.backend_mut().written;
        queue!(
            bytes,
            DisableBracketedPaste,
            Print(OLD_TITLE),
            Show,
            LeaveAlternateScreen
        )?;
        Ok(std::mem::take(bytes))
    }

    /// Takes another size; the next drawing is sent whole.
    ///
    /// # Errors
    /// Never in practice: the surface is memory.
    pub fn resize(&mut self, columns: u16, rows: u16) -> io::Result<()> {
        let size = believed(columns, rows);
        self.terminal.backend_mut().size = size;
        self.terminal.resize(Rect::from((Position::ORIGIN, size)))
    }

    /// Draws the dashboard and gives the bytes that bring the client's terminal to it.
    ///
    /// # Errors
    /// Never in practice: the surface is memory.
    pub fn draw(&mut self, dashboard: &Dashboard) -> io::Result<Vec<u8>> {
        self.terminal.draw(|frame| view::draw(frame, dashboard))?;
        let title = match dashboard.answerable().count() {
            0 => TITLE.to_owned(),
            waiting => format!("({waiting}) {TITLE}"),
        };
        if self.title.as_ref() != Some(&title) {
            self.terminal
                .backend_mut()
                .write(SetTitle(title.as_str()))?;
            self.title = Some(title);
        }
        Ok(std::mem::take(&mut self.terminal.backend_mut().written))
    }
}

/// Rings a terminal's bell and has its desktop show a notification, by both ways in use: OSC 9 (iTerm2, ConEmu, Windows
/// Terminal) and OSC 777 (rxvt-unicode, foot, Ghostty). Others ignore them.
pub fn announcement(text: &str) -> String {
    let text: String = text.chars().filter(|c| shows_as_itself(*c)).collect();
    let rest = text.replace(';', ",");
    format!("\x07\x1b]9;{TITLE}: {text}\x1b\\\x1b]777;notify;{TITLE};{rest}\x1b\\")
}

fn believed(columns: u16, rows: u16) -> Size {
    Size::new(columns.clamp(1, LARGEST), rows.clamp(1, LARGEST))
}

/// A backend that collects bytes and knows its own size and cursor.
#[derive(Debug)]
struct Bytes {
    written: Vec<u8>,
    size: Size,
    cursor: Position,
}

impl Bytes {
    fn crossterm(&mut self) -> CrosstermBackend<&mut Vec<u8>> {
        CrosstermBackend::new(&mut self.written)
    }

    fn write(&mut self, command: impl Command) -> io::Result<()> {
        queue!(self.written, command)
    }
}

impl Backend for Bytes {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        self.crossterm().draw(content)
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        self.write(Hide)
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        self.write(Show)
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(self.cursor)
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        self.cursor = position.into();
        let cursor = self.cursor;
        self.crossterm().set_cursor_position(cursor)
    }

    fn clear(&mut self) -> io::Result<()> {
        self.clear_region(ClearType::All)
    }

    fn clear_region(&mut self, region: ClearType) -> io::Result<()> {
        self.crossterm().clear_region(region)
    }

    fn size(&self) -> io::Result<Size> {
        Ok(self.size)
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        Ok(WindowSize {
            columns_rows: self.size,
            pixels: Size::ZERO,
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
