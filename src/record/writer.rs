//! The recorder of one session: takes what the target writes and hands it to one task that owns the file.
//!
//! Invariants: the header is in the file before [`Recorder::start`] returns its proof; an event is either in
//! the queue or its caller hears the error; when the file fails every later call fails and [`Recorder::failed`]
//! resolves, so that the session ends (invariant 4 of the design). Callers wait when the queue is full and do no
//! formatting. It does not know what the bytes mean and keeps nothing of what the client types.

use std::fs::{DirBuilder, File, OpenOptions};
use std::future::Future;
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use crate::domain::id::SessionId;
use crate::domain::recording::LiveRecording;
use crate::record::asciicast::{EVENT_BYTES, Encoder, Header, Origin, TEXT_BYTES, TerminalSize};
use crate::record::live::{Audience, Live};
use crate::record::writer::disk::{Disk, Line, Sink, Writer};

mod disk;

/// Most events that wait for the file.
pub const QUEUE_EVENTS: usize = 1024;
/// Most bytes of output that wait for the file.
pub const QUEUE_BYTES: usize = 1024 * 1024;
/// What is kept of the output of a session without a terminal, unless configured otherwise.
pub const EXEC_OUTPUT_BYTES: u64 = 1024 * 1024;
/// The extension of recordings.
pub const EXTENSION: &str = "cast";

/// Why a session cannot be recorded (any longer). The fault is the bastion's disk, never the client's.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RecordError {
    /// The file could not be made; an existing one is never overwritten.
    #[error("the recording `{path}` cannot be started: {error}")]
    Start {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        error: Arc<io::Error>,
    },
    /// The file could not be written.
    #[error("the recording cannot be written: {0}")]
    Write(Arc<io::Error>),
    /// The file did not take a write in time.
    #[error("the recording cannot be written: the disk did not answer for {} s", disk::WRITE_TIME.as_secs())]
    Stalled,
    /// The recording was finished before.
    #[error("the recording has ended")]
    Finished,
    /// The recorder's task is gone.
    #[error("the recorder was stopped")]
    Stopped,
}

impl From<io::Error> for RecordError {
    fn from(error: io::Error) -> Self {
        Self::Write(Arc::new(error))
    }
}

/// What is known when a recording starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// Whose session it is.
    pub origin: Origin,
    /// What players show as its name.
    pub title: String,
    /// The command that was asked for; `None` for a shell.
    pub command: Option<String>,
    /// The client's terminal, or the usual size where there is none.
    pub size: TerminalSize,
    /// The terminal's type, where there is one.
    pub term: Option<String>,
}

/// How much of the output is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordLimit {
    /// All of it: what a person sees on a terminal.
    Everything,
    /// The first bytes; a marker at the end says how many were left out.
    Bytes(u64),
}

/// How a recorded session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The command or shell ended with this status.
    Exited(u32),
    /// It ended otherwise: `signal TERM`, `ended by carol@example.com`, …. Kept as a marker; the status is 254.
    Cut(String),
}

/// A finished recording: what the audit needs to prove it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// The file's length.
    pub bytes: u64,
    /// The file's SHA-256, in hexadecimal.
    pub sha256: String,
}

/// The recorder of one session.
#[derive(Debug)]
pub struct Recorder {
    started: Timestamp,
    queue: mpsc::Sender<Entry>,
    room: Arc<Semaphore>,
    state: watch::Receiver<State>,
    meter: Arc<Meter>,
    live: Live,
}

#[derive(Debug)]
enum Entry {
    Output {
        at: Duration,
        bytes: Bytes,
        /// Given back when the bytes are encoded.
        room: tokio::sync::OwnedSemaphorePermit,
    },
    Marker {
        at: Duration,
        text: String,
    },
    Resize {
        at: Duration,
        size: TerminalSize,
    },
    Finish {
        at: Duration,
        outcome: Outcome,
        reply: oneshot::Sender<Finished>,
    },
}

#[derive(Debug, Clone)]
enum State {
    Running,
    Failed(RecordError),
    Finished,
}

/// Counts what a limit lets in.
#[derive(Debug)]
struct Meter {
    limit: RecordLimit,
    kept: AtomicU64,
    left_out: AtomicU64,
}

impl Meter {
    /// How many of `length` more bytes are kept.
    fn admit(&self, length: usize) -> usize {
        let RecordLimit::Bytes(limit) = self.limit else {
            return length;
        };
        let asked = u64::try_from(length).unwrap_or(u64::MAX);
        let before = self.kept.fetch_add(asked, Ordering::Relaxed);
        let admitted = limit.saturating_sub(before).min(asked);
        self.left_out.fetch_add(asked - admitted, Ordering::Relaxed);
        usize::try_from(admitted).unwrap_or(length)
    }

    fn left_out(&self) -> u64 {
        self.left_out.load(Ordering::Relaxed)
    }
}

impl Recorder {
    /// Makes `folder/YYYY-MM-DD/<session>.cast`, writes the header and gives the proof that the recording runs.
    ///
    /// # Errors
    /// When the file exists already or cannot be made or written.
    pub async fn start(
        folder: &Path,
        opening: Opening,
        limit: RecordLimit,
    ) -> Result<(Self, LiveRecording), RecordError> {
        let path = path_in(folder, opening.origin.session, opening.origin.started);
        let file = path.clone();
        let making = tokio::task::spawn_blocking(move || create(&file));
        let file = match tokio::time::timeout(disk::WRITE_TIME, making).await {
            Ok(Ok(file)) => file?,
            Ok(Err(_)) => return Err(RecordError::Stopped),
            Err(_) => return Err(RecordError::Stalled),
        };
        Self::on(Box::new(file), path, opening, limit).await
    }

    async fn on(
        sink: Box<dyn Sink>,
        path: PathBuf,
        opening: Opening,
        limit: RecordLimit,
    ) -> Result<(Self, LiveRecording), RecordError> {
        let (session, started) = (opening.origin.session, opening.origin.started);
        let header = Header {
            size: opening.size,
            term: opening.term,
            started: Some(started),
            title: Some(opening.title),
            command: opening.command,
            origin: Some(opening.origin),
        };
        let mut line = Vec::new();
        Encoder::header(&header, &mut line).map_err(io::Error::from)?;
        let mut disk = Disk::new(sink);
        let audience = Arc::new(Audience::new());
        audience.written(disk.write(vec![Line::Header(line)]).await?);

        let (queue, entries) = mpsc::channel(QUEUE_EVENTS);
        let (report, state) = watch::channel(State::Running);
        let meter = Arc::new(Meter {
            limit,
            kept: AtomicU64::new(0),
            left_out: AtomicU64::new(0),
        });
        let writer = Writer::new(disk, entries, Arc::clone(&meter), Arc::clone(&audience));
        tokio::spawn(writer.run(report));
        let recorder = Self {
            started,
            queue,
            room: Arc::new(Semaphore::new(QUEUE_BYTES)),
            state,
            meter,
            live: Live::new(path, audience),
        };
        Ok((recorder, LiveRecording::started(session)))
    }

    /// The way for others to watch.
    pub fn live(&self) -> Live {
        self.live.clone()
    }

    /// Records what the target wrote, to standard output or error alike. Waits while the queue is full.
    ///
    /// # Errors
    /// When the recording has failed or ended; the session must end then.
    pub async fn output(&self, bytes: Bytes, at: Timestamp) -> Result<(), RecordError> {
        self.running()?;
        let mut left = bytes.slice(..self.meter.admit(bytes.len()));
        let at = self.since_start(at);
        while !left.is_empty() {
            let bytes = left.split_to(left.len().min(EVENT_BYTES));
            let size = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            let room = Arc::clone(&self.room).acquire_many_owned(size).await;
            let room = room.map_err(|_| RecordError::Stopped)?;
            self.send(Entry::Output { at, bytes, room }).await?;
        }
        Ok(())
    }

    /// Records a place worth finding again, such as a command or a hold, and has it written at once.
    ///
    /// # Errors
    /// When the recording has failed or ended; the session must end then.
    pub async fn marker(&self, text: &str, at: Timestamp) -> Result<(), RecordError> {
        self.running()?;
        let (text, _) = text.split_at(text.floor_char_boundary(TEXT_BYTES));
        let at = self.since_start(at);
        let text = text.to_owned();
        self.send(Entry::Marker { at, text }).await
    }

    /// Records that the client's terminal got another size.
    ///
    /// # Errors
    /// When the recording has failed or ended; the session must end then.
    pub async fn resize(&self, size: TerminalSize, at: Timestamp) -> Result<(), RecordError> {
        self.running()?;
        let at = self.since_start(at);
        self.send(Entry::Resize { at, size }).await
    }

    /// Records the end, and returns when all of it is on the disk.
    ///
    /// # Errors
    /// When the recording has failed or ended before.
    pub async fn finish(&self, outcome: Outcome, at: Timestamp) -> Result<Finished, RecordError> {
        self.running()?;
        let at = self.since_start(at);
        let (reply, finished) = oneshot::channel();
        self.send(Entry::Finish { at, outcome, reply }).await?;
        finished.await.map_err(|_| self.why())
    }

    /// Resolves when the recording has failed, with why, and never otherwise. It borrows nothing.
    pub fn failed(&self) -> impl Future<Output = RecordError> + Send + 'static {
        let mut state = self.state.clone();
        async move {
            let ended = state.wait_for(|state| !matches!(state, State::Running));
            let state = match ended.await {
                Ok(state) => state.clone(),
                Err(_) => return RecordError::Stopped,
            };
            match state {
                State::Failed(error) => error,
                State::Finished | State::Running => std::future::pending().await,
            }
        }
    }

    async fn send(&self, entry: Entry) -> Result<(), RecordError> {
        self.queue.send(entry).await.map_err(|_| self.why())
    }

    fn running(&self) -> Result<(), RecordError> {
        match &*self.state.borrow() {
            State::Running => Ok(()),
            State::Failed(error) => Err(error.clone()),
            State::Finished => Err(RecordError::Finished),
        }
    }

    /// Why the writer takes no more; it reports before it goes.
    fn why(&self) -> RecordError {
        self.running().err().unwrap_or(RecordError::Stopped)
    }

    fn since_start(&self, at: Timestamp) -> Duration {
        let since = at.duration_since(self.started);
        Duration::try_from(since).unwrap_or(Duration::ZERO)
    }
}

/// Where the recording of a session that started then is kept.
pub(in crate::record) fn path_in(folder: &Path, session: SessionId, started: Timestamp) -> PathBuf {
    let day = TimeZone::UTC.to_datetime(started).date().to_string();
    folder.join(day).join(format!("{session}.{EXTENSION}"))
}

fn create(path: &Path) -> Result<File, RecordError> {
    let make = || {
        if let Some(day) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(day)?;
        }
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
    };
    make().map_err(|error| RecordError::Start {
        path: path.to_owned(),
        error: Arc::new(error),
    })
}

#[cfg(test)]
mod tests;
