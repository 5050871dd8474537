//! A recording to be read: its header, and its events as an iterator over a source that can begin again.
//!
//! It is never loaded whole; memory is bounded by one line and the list of markers, however long the file is.
//! Reading blocks on the file: on an async runtime it belongs on a blocking thread.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;
use std::time::Duration;

use crate::record::asciicast::decode::{DecodeError, Decoder};
use crate::record::asciicast::{Event, EventKind, Header};

/// Most markers that are listed; later ones are counted.
pub const MOST_MARKERS: usize = 10_000;
/// What is kept of a marker's text in lists, in bytes.
pub const MARKER_BYTES: usize = 512;

/// A recording and a place in it.
#[derive(Debug)]
pub struct Recording<S> {
    header: Header,
    events: Decoder<BufReader<S>>,
}

/// What one pass over a recording tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// How long it took.
    pub recorded: Duration,
    /// How long its replay takes, with idle time cut.
    pub played: Duration,
    /// Its markers, in order.
    pub markers: Vec<Marker>,
    /// Markers beyond [`MOST_MARKERS`].
    pub markers_left_out: u64,
    /// How it ends.
    pub ending: Ending,
}

/// One marker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    /// When, since the recording began.
    pub recorded: Duration,
    /// When, in a replay with idle time cut.
    pub played: Duration,
    /// For people, safe to print.
    pub text: String,
}

/// How a recording ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// With the session, and its exit status.
    Exit(String),
    /// With nothing: the session still runs, or its recorder was stopped.
    Open,
}

/// Times since the recording began, turned into times of a replay in which no pause is longer than a limit.
#[derive(Debug, Clone)]
pub struct Timeline {
    idle: Duration,
    recorded: Duration,
    played: Duration,
}

impl Timeline {
    /// The beginning of a replay whose pauses last at most `idle`.
    pub fn new(idle: Duration) -> Self {
        Self {
            idle,
            recorded: Duration::ZERO,
            played: Duration::ZERO,
        }
    }

    /// Goes on to the next event and gives its time in the replay.
    pub fn go_to(&mut self, recorded: Duration) -> Duration {
        let interval = recorded.saturating_sub(self.recorded);
        self.recorded = self.recorded.max(recorded);
        self.played = self.played.saturating_add(interval.min(self.idle));
        self.played
    }
}

impl Recording<File> {
    /// Opens a recording's file.
    ///
    /// # Errors
    /// When it cannot be read or is no recording.
    pub fn open(path: &Path) -> Result<Self, DecodeError> {
        Self::new(File::open(path)?)
    }
}

impl<S: Read + Seek> Recording<S> {
    /// Reads the header of a recording that begins where `source` does.
    ///
    /// # Errors
    /// When it cannot be read or is no recording.
    pub fn new(source: S) -> Result<Self, DecodeError> {
        let (header, events) = Decoder::open(BufReader::new(source))?;
        Ok(Self { header, events })
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The next event. A last line that is cut off ends the recording: its recorder was stopped there.
    ///
    /// # Errors
    /// When the file cannot be read or is malformed.
    pub fn next_event(&mut self) -> Result<Option<Event>, DecodeError> {
        match self.events.next().transpose() {
            Err(DecodeError::CutOff { .. }) => Ok(None),
            event => event,
        }
    }

    /// Looks for more behind the end, where the recording is still written.
    pub fn resume(&mut self) {
        self.events.resume();
    }

    /// Stands before the first event again.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn rewind(&mut self) -> Result<(), DecodeError> {
        self.events.rewind()
    }

    /// Reads all of it once and stands before the first event again.
    ///
    /// # Errors
    /// When the file cannot be read or is malformed.
    pub fn survey(&mut self, idle: Duration) -> Result<Survey, DecodeError> {
        self.rewind()?;
        let mut timeline = Timeline::new(idle);
        let mut survey = Survey {
            recorded: Duration::ZERO,
            played: Duration::ZERO,
            markers: Vec::new(),
            markers_left_out: 0,
            ending: Ending::Open,
        };
        while let Some(event) = self.next_event()? {
            survey.recorded = event.at;
            survey.played = timeline.go_to(event.at);
            match event.kind {
                EventKind::Marker(text) => survey.note(text),
                EventKind::Exit(status) => survey.ending = Ending::Exit(status),
                EventKind::Output(_) | EventKind::Resize(_) | EventKind::Other(_) => {}
            }
        }
        self.rewind()?;
        Ok(survey)
    }
}

impl Survey {
    fn note(&mut self, mut text: String) {
        if self.markers.len() == MOST_MARKERS {
            self.markers_left_out += 1;
            return;
        }
        text.truncate(text.floor_char_boundary(MARKER_BYTES));
        self.markers.push(Marker {
            recorded: self.recorded,
            played: self.played,
            text,
        });
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    const HEAD: &str = "{\"version\":3,\"term\":{\"cols\":80,\"rows\":24}}\n";

    fn survey(lines: &str) -> Survey {
        let source = Cursor::new(format!("{HEAD}{lines}"));
        let mut recording = Recording::new(source).unwrap();
        recording.survey(Duration::from_secs(2)).unwrap()
    }

    #[test]
    fn idle_time_is_cut_in_a_replay_and_kept_in_the_facts() {
        let survey = survey("[1,\"o\",\"a\"]\n[3600,\"m\",\"back\"]\n[0.5,\"x\",\"0\"]\n");
        assert_eq!(survey.recorded, Duration::from_millis(3_601_500));
        assert_eq!(survey.played, Duration::from_millis(3_500));
        let marker = &survey.markers[0];
        assert_eq!(marker.recorded, Duration::from_secs(3601));
        assert_eq!(marker.played, Duration::from_secs(3));
        assert_eq!(survey.ending, Ending::Exit("0".to_owned()));
    }

    #[test]
    fn a_recording_that_was_cut_off_is_read_up_to_there() {
        let survey = survey("[1,\"m\",\"first\"]\n[1,\"m\",\"sec");
        assert_eq!(survey.markers.len(), 1);
        assert_eq!(survey.ending, Ending::Open);
    }

    #[test]
    fn markers_are_listed_up_to_a_limit_and_counted_beyond() {
        let survey = survey(&"[0,\"m\",\"x\"]\n".repeat(MOST_MARKERS + 3));
        assert_eq!(survey.markers.len(), MOST_MARKERS);
        assert_eq!(survey.markers_left_out, 3);
    }
}
