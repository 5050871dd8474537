//! Reads recordings, ours and those of other recorders. Every line is bounded, and what is malformed is refused
//! with the number of its line.

use std::io::{self, BufRead, Read, Seek};
use std::time::Duration;

use jiff::Timestamp;

use crate::record::asciicast::{
    Event, EventKind, Header, HeaderLine, LINE_BYTES, TerminalSize, plain,
};

/// Why a recording could not be read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The file could not be read.
    #[error("the recording cannot be read: {0}")]
    Read(#[from] io::Error),
    /// The first line is missing.
    #[error("the recording is empty")]
    Empty,
    /// Another version of the format.
    #[error("asciicast version {0} is not supported, only 3; `asciinema convert` makes one of it")]
    Version(u64),
    /// The first line is no header.
    #[error("line 1 is not an asciicast header: {0}")]
    Header(serde_json::Error),
    /// A line is longer than any recorder writes.
    #[error("line {line} is longer than {LINE_BYTES} bytes")]
    LineTooLong {
        /// Which.
        line: u64,
    },
    /// A line is no event.
    #[error("line {line} is not an event: {why}")]
    Malformed {
        /// Which.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
    /// The last line has no end: the recorder is still writing it, or was stopped.
    #[error("line {line} is cut off")]
    CutOff {
        /// Which.
        line: u64,
    },
}

/// The events of a recording, in order. The first error is the last item.
#[derive(Debug)]
pub struct Decoder<R> {
    source: R,
    line: u64,
    at: Duration,
    buffer: Vec<u8>,
    over: bool,
    /// Whether it was the source's end, and no error, that ended it.
    ended: bool,
}

impl<R: BufRead> Decoder<R> {
    /// Reads the header and stands before the first event.
    ///
    /// # Errors
    /// When the source does not begin with a header of version 3.
    pub fn open(source: R) -> Result<(Header, Self), DecodeError> {
        let mut decoder = Self {
            source,
            line: 0,
            at: Duration::ZERO,
            buffer: Vec::new(),
            over: false,
            ended: false,
        };
        match decoder.read_line()? {
            Line::End => Err(DecodeError::Empty),
            Line::Whole | Line::Cut => Ok((header(&decoder.buffer)?, decoder)),
        }
    }

    /// Stands before the first event again.
    ///
    /// # Errors
    /// When the source cannot be read.
    pub fn rewind(&mut self) -> Result<(), DecodeError>
    where
        R: Seek,
    {
        self.source.rewind()?;
        self.line = 0;
        self.at = Duration::ZERO;
        self.over = false;
        self.read_line().map(|_| ())
    }

    /// Looks for more behind the source's end. After an error there is nothing more.
    pub fn resume(&mut self) {
        if std::mem::take(&mut self.ended) {
            self.over = false;
        }
    }

    fn read_line(&mut self) -> Result<Line, DecodeError> {
        self.buffer.clear();
        self.line += 1;
        let most = LINE_BYTES as u64 + 1;
        let read = (&mut self.source)
            .take(most)
            .read_until(b'\n', &mut self.buffer)?;
        match self.buffer.pop_if(|byte| *byte == b'\n') {
            Some(_) => Ok(Line::Whole),
            None if read == 0 => Ok(Line::End),
            None if read as u64 == most => Err(DecodeError::LineTooLong { line: self.line }),
            None => Ok(Line::Cut),
        }
    }

    fn read_event(&mut self) -> Result<Option<Event>, DecodeError> {
        loop {
            let end = self.read_line()?;
            match end {
                Line::End => {
                    self.line -= 1;
                    self.ended = true;
                    return Ok(None);
                }
                Line::Whole | Line::Cut => {}
            }
            let blank = self.buffer.trim_ascii().is_empty();
            if !blank && !self.buffer.starts_with(b"#") {
                return match (self.event(), end) {
                    (Err(_), Line::Cut) => Err(DecodeError::CutOff { line: self.line }),
                    (event, Line::Whole | Line::Cut | Line::End) => event.map(Some),
                };
            }
        }
    }

    fn event(&mut self) -> Result<Event, DecodeError> {
        let malformed = |why: String| DecodeError::Malformed {
            line: self.line,
            why,
        };
        let (interval, code, data): (f64, String, String) =
            serde_json::from_slice(&self.buffer).map_err(|error| malformed(error.to_string()))?;
        let at = Duration::try_from_secs_f64(interval)
            .ok()
            .and_then(|interval| self.at.checked_add(interval))
            .filter(|at| *at <= LONGEST)
            .ok_or_else(|| malformed(format!("`{interval}` is not an interval in seconds")))?;
        let kind = match code.as_str() {
            "o" => EventKind::Output(data),
            "m" => EventKind::Marker(plain(&data)),
            "r" => {
                let size = data.parse::<TerminalSize>();
                EventKind::Resize(size.map_err(|error| malformed(error.to_string()))?)
            }
            "x" => EventKind::Exit(plain(&data)),
            "" => return Err(malformed("its code is empty".to_owned())),
            _ => EventKind::Other(plain(&code)),
        };
        self.at = at;
        Ok(Event { at, kind })
    }
}

/// Longest recording that is believed: a hundred years.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

impl<R: BufRead> Iterator for Decoder<R> {
    type Item = Result<Event, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let item = self.read_event().transpose();
        self.over = !matches!(item, Some(Ok(_)));
        item
    }
}

enum Line {
    Whole,
    Cut,
    End,
}

fn header(line: &[u8]) -> Result<Header, DecodeError> {
    let json: serde_json::Value = serde_json::from_slice(line).map_err(DecodeError::Header)?;
    match json.get("version").and_then(serde_json::Value::as_u64) {
        Some(3) | None => {}
        Some(version) => return Err(DecodeError::Version(version)),
    }
    let header: HeaderLine = serde_json::from_value(json).map_err(DecodeError::Header)?;
    let started = match &header.countersign {
        Some(origin) => Some(origin.started),
        None => header
            .timestamp
            .and_then(|seconds| Timestamp::from_second(seconds).ok()),
    };
    Ok(Header {
        size: TerminalSize::near(header.term.cols, header.term.rows),
        term: header.term.kind.as_deref().map(plain),
        started,
        title: header.title.as_deref().map(plain),
        command: header.command.as_deref().map(plain),
        origin: header.countersign,
    })
}
