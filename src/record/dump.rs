//! A recording without its timing: its output as plain text, for pipes, and its facts as data.
//!
//! Invariant: the text holds no escape code and no control character but line feeds, and nothing that was
//! printed is left out because it was painted over later: a line that is overwritten after a carriage return is
//! written out first. It is a reading aid; what somebody truly saw is shown by the replay.

use std::io::{self, Read, Seek, Write};
use std::time::Duration;

use serde::Serialize;

use crate::record::asciicast::decode::DecodeError;
use crate::record::asciicast::{EventKind, Origin};
use crate::record::dump::text::Transcript;
use crate::record::recording::{Ending, Recording};

mod text;

/// Why a dump was not completed.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// The recording cannot be read.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The text could not be written; a pipe that was closed is among the causes.
    #[error("the text cannot be written: {0}")]
    Write(#[from] io::Error),
}

/// The facts of a recording, for scripts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Whose it is, in recordings of our own.
    pub origin: Option<Origin>,
    /// Its name.
    pub title: Option<String>,
    /// The command that was asked for.
    pub command: Option<String>,
    /// When it started.
    pub started: Option<jiff::Timestamp>,
    /// How long it took.
    pub seconds: f64,
    /// The exit status; `None` when the recording has no end.
    pub exit: Option<String>,
    /// Its markers, up to [`crate::record::recording::MOST_MARKERS`].
    pub markers: Vec<SummaryMarker>,
    /// How many more there are.
    pub markers_left_out: u64,
}

/// A marker in a summary.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SummaryMarker {
    /// When, since the recording began.
    pub seconds: f64,
    /// Its text.
    pub text: String,
}

/// Writes the output of a recording as plain text.
///
/// # Errors
/// When the recording cannot be read or the text not be written.
pub fn dump<S: Read + Seek>(
    recording: &mut Recording<S>,
    into: &mut impl Write,
) -> Result<(), DumpError> {
    recording.rewind()?;
    let mut transcript = Transcript::new(into);
    while let Some(event) = recording.next_event()? {
        match event.kind {
            EventKind::Output(text) => transcript.push(&text)?,
            EventKind::Marker(_)
            | EventKind::Resize(_)
            | EventKind::Exit(_)
            | EventKind::Other(_) => {}
        }
    }
    Ok(transcript.end()?)
}

/// Reads the facts of a recording.
///
/// # Errors
/// When the recording cannot be read.
pub fn summary<S: Read + Seek>(recording: &mut Recording<S>) -> Result<Summary, DecodeError> {
    let survey = recording.survey(Duration::MAX)?;
    let header = recording.header();
    let markers = survey.markers.into_iter().map(|marker| SummaryMarker {
        seconds: marker.recorded.as_secs_f64(),
        text: marker.text,
    });
    Ok(Summary {
        origin: header.origin.clone(),
        title: header.title.clone(),
        command: header.command.clone(),
        started: header.started,
        seconds: survey.recorded.as_secs_f64(),
        exit: match survey.ending {
            Ending::Exit(status) => Some(status),
            Ending::Open => None,
        },
        markers: markers.collect(),
        markers_left_out: survey.markers_left_out,
    })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn recording(lines: &str) -> Recording<Cursor<String>> {
        let head = r#"{"version":3,"term":{"cols":80,"rows":24},"title":"t"}"#;
        Recording::new(Cursor::new(format!("{head}\n{lines}"))).unwrap()
    }

    #[test]
    fn a_dump_is_the_output_and_nothing_else() {
        let mut recording = recording(
            "[1,\"o\",\"$ l\"]\n[9,\"m\",\"mark\"]\n[1,\"o\",\"s\\r\\n\\u001b[1mfile\\u001b[0m\\r\\n\"]\n[1,\"x\",\"0\"]\n",
        );
        for _ in 0..2 {
            let mut text = Vec::new();
            dump(&mut recording, &mut text).unwrap();
            assert_eq!(String::from_utf8(text).unwrap(), "$ ls\nfile\n");
        }
    }

    #[test]
    fn a_closed_pipe_ends_a_dump() {
        let mut recording = recording("[1,\"o\",\"a\\n\"]\n");
        let mut full = [0u8; 0];
        let refused = dump(&mut recording, &mut full.as_mut_slice());
        assert!(matches!(refused, Err(DumpError::Write(_))));
    }

    #[test]
    fn a_summary_tells_times_as_they_were() {
        let mut recording =
            recording("[1,\"o\",\"a\"]\n[3600,\"m\",\"$ sudo id\"]\n[0.5,\"x\",\"130\"]\n");
        let json = serde_json::to_string(&summary(&mut recording).unwrap()).unwrap();
        let expected = concat!(
            r#"{"origin":null,"title":"t","command":null,"started":null,"seconds":3601.5,"exit":"130","#,
            r#""markers":[{"seconds":3601.0,"text":"$ sudo id"}],"markers_left_out":0}"#
        );
        assert_eq!(json, expected);
    }
}
