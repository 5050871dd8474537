//! The asciicast v3 format: a header line and one `[interval, code, data]` line an event.
//!
//! <https://docs.asciinema.org/manual/asciicast/v3/>. What is Countersign's own stands under one key of the
//! header that other players ignore. Times are kept as the time since the recording began; intervals are only
//! how they are written. The encoder never makes a line that [`decode::Decoder`] would refuse.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::id::SessionId;
use crate::domain::name::PrincipalName;
use crate::domain::target::Destination;

pub mod decode;

mod json;

pub mod utf8;

/// Longest line of a recording, in bytes, that is read.
pub const LINE_BYTES: usize = 1024 * 1024;
/// Most bytes of output in one event. Escaped as JSON they grow at most sixfold and stay below [`LINE_BYTES`].
pub const EVENT_BYTES: usize = 64 * 1024;
/// Longest text of a marker or title, in bytes.
pub const TEXT_BYTES: usize = 4096;
/// Narrowest terminal; the emulator cannot put a character of two columns on a narrower one.
pub const LEAST_COLS: u16 = 2;
/// Widest terminal that is recorded or replayed; a wider one counts as this wide.
pub const MOST_COLS: u16 = 1000;
/// Highest terminal that is recorded or replayed; a higher one counts as this high.
pub const MOST_ROWS: u16 = 500;

/// The size of a terminal, within what can be replayed with bounded memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TerminalSize {
    cols: u16,
    rows: u16,
}

impl TerminalSize {
    /// The size that is taken where none is known.
    pub const USUAL: Self = Self { cols: 80, rows: 24 };

    /// The nearest size that can be replayed. Zero, which clients send for "unknown", becomes the usual size.
    pub fn near(cols: u32, rows: u32) -> Self {
        let near = |given: u32, usual: u16, most: u16| match u16::try_from(given) {
            Ok(0) => usual,
            Ok(size) => size.min(most),
            Err(_) => most,
        };
        Self {
            cols: near(cols, Self::USUAL.cols, MOST_COLS).max(LEAST_COLS),
            rows: near(rows, Self::USUAL.rows, MOST_ROWS),
        }
    }

    /// Columns, at least [`LEAST_COLS`].
    pub fn cols(self) -> u16 {
        self.cols
    }

    /// Rows, at least one.
    pub fn rows(self) -> u16 {
        self.rows
    }
}

impl fmt::Display for TerminalSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.cols, self.rows)
    }
}

/// The text of a resize event was not `COLSxROWS`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a terminal size such as `80x24`")]
pub struct SizeError;

impl FromStr for TerminalSize {
    type Err = SizeError;
    fn from_str(text: &str) -> Result<Self, SizeError> {
        let (cols, rows) = text.split_once('x').ok_or(SizeError)?;
        let cols = cols.parse().map_err(|_| SizeError)?;
        let rows = rows.parse().map_err(|_| SizeError)?;
        Ok(Self::near(cols, rows))
    }
}

/// Whose session a recording is: Countersign's own part of the header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The session, which also names the file.
    pub session: SessionId,
    /// The person, by the name they had.
    pub person: PrincipalName,
    /// Where the session ran.
    pub destination: Destination,
    /// Where the client connected from.
    pub source: IpAddr,
    /// When it started, to the microsecond; the format's own field has seconds.
    pub started: Timestamp,
}

/// The first line of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The terminal's size at the start.
    pub size: TerminalSize,
    /// The terminal's type, such as `xterm-256color`.
    pub term: Option<String>,
    /// When it started.
    pub started: Option<Timestamp>,
    /// What the recording is called.
    pub title: Option<String>,
    /// The command that was asked for.
    pub command: Option<String>,
    /// Whose session it is; absent in files of other recorders.
    pub origin: Option<Origin>,
}

/// One thing that happened, at a time since the recording began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When, since the recording began.
    pub at: Duration,
    /// What.
    pub kind: EventKind,
}

/// What an event tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// The target wrote this to the terminal.
    Output(String),
    /// A place worth finding again, with a text for people.
    Marker(String),
    /// The terminal got another size.
    Resize(TerminalSize),
    /// The session ended with this status.
    Exit(String),
    /// Something other recorders write, by its code; it is passed over.
    Other(String),
}

#[derive(Serialize, Deserialize)]
struct HeaderLine {
    version: u8,
    term: TermPart,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timestamp: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    command: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    countersign: Option<Origin>,
}

#[derive(Serialize, Deserialize)]
struct TermPart {
    cols: u32,
    rows: u32,
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
}

/// Writes a header and events as lines into a buffer. It knows the time of the last event, nothing else.
#[derive(Debug, Default)]
pub struct Encoder {
    micros: u128,
}

impl Encoder {
    /// Appends the header's line.
    ///
    /// # Errors
    /// When the header cannot be put as JSON.
    pub fn header(header: &Header, into: &mut Vec<u8>) -> Result<(), serde_json::Error> {
        let line = HeaderLine {
            version: 3,
            term: TermPart {
                cols: header.size.cols.into(),
                rows: header.size.rows.into(),
                kind: header.term.as_deref().map(plain),
            },
            timestamp: header.started.map(Timestamp::as_second),
            command: header.command.as_deref().map(plain),
            title: header.title.as_deref().map(plain),
            countersign: header.origin.clone(),
        };
        serde_json::to_writer(&mut *into, &line)?;
        into.push(b'\n');
        Ok(())
    }

    /// Appends output, in as many events as its length needs.
    pub fn output(&mut self, at: Duration, text: &str, into: &mut Vec<u8>) {
        let mut left = text;
        while !left.is_empty() {
            let (now, later) = left.split_at(left.floor_char_boundary(EVENT_BYTES));
            self.line(at, "o", now, into);
            left = later;
        }
    }

    /// Appends a marker; its text is made plain and cut to [`TEXT_BYTES`].
    pub fn marker(&mut self, at: Duration, text: &str, into: &mut Vec<u8>) {
        self.line(at, "m", &plain(text), into);
    }

    /// Appends a change of the terminal's size.
    pub fn resize(&mut self, at: Duration, size: TerminalSize, into: &mut Vec<u8>) {
        self.line(at, "r", &size.to_string(), into);
    }

    /// Appends the end. Stock players read the status as a signed 32-bit number, so no larger one is written.
    pub fn exit(&mut self, at: Duration, status: u32, into: &mut Vec<u8>) {
        let status = i32::try_from(status).unwrap_or(i32::MAX);
        self.line(at, "x", &status.to_string(), into);
    }

    /// Intervals are taken between rounded times, so that roundings do not add up; a clock that was set back counts as standing still.
    fn line(&mut self, at: Duration, code: &str, data: &str, into: &mut Vec<u8>) {
        let interval = at.as_micros().saturating_sub(self.micros);
        self.micros += interval;
        let (seconds, micros) = (interval / 1_000_000, interval % 1_000_000);
        into.extend_from_slice(format!("[{seconds}.{micros:06}, \"{code}\", ").as_bytes());
        json::string(data, into);
        into.extend_from_slice(b"]\n");
    }
}

/// A text without control characters, cut to [`TEXT_BYTES`].
fn plain(text: &str) -> String {
    let cut = text.split_at(text.floor_char_boundary(TEXT_BYTES)).0;
    cut.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests;
