//! The task that owns a recording's file. It gathers what came, and has it encoded, digested and written on a blocking
//! thread, one batch at a time; no thread is kept by a quiet session. Its first error ends it.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::record::asciicast::utf8::Joiner;
use crate::record::asciicast::{Encoder, TerminalSize};
use crate::record::live::Audience;
use crate::record::writer::{Entry, Finished, Meter, Outcome, QUEUE_EVENTS, RecordError, State};

/// Longest that output stays in memory.
pub(super) const FLUSH_TIME: Duration = Duration::from_millis(500);
/// The same while somebody watches.
const WATCHED_TIME: Duration = Duration::from_millis(25);
/// Longest that a batch may take to be written.
pub(super) const WRITE_TIME: Duration = Duration::from_secs(30);
/// So much output is written before its time.
const BATCH_BYTES: usize = 256 * 1024;
/// The exit status of sessions that did not end by themselves.
const CUT_STATUS: u32 = 254;

/// Where a recording is written to.
pub(super) trait Sink: Write + Send {
    /// Returns when all that was written survives a crash of the machine.
    fn sync(&mut self) -> io::Result<()>;
}

impl Sink for File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }
}

/// What becomes one line of the file, or several.
pub(super) enum Line {
    /// One that is whole already.
    Header(Vec<u8>),
    Output {
        at: Duration,
        bytes: Bytes,
        /// Given back when the bytes are encoded.
        room: OwnedSemaphorePermit,
    },
    /// What a character that never ended becomes.
    OutputEnd(Duration),
    Marker(Duration, String),
    Resize(Duration, TerminalSize),
    Exit(Duration, u32),
}

/// The file and all that goes with it to the thread that writes.
struct Reel {
    sink: Box<dyn Sink>,
    encoder: Encoder,
    joiner: Joiner,
    /// What is encoded and not written yet.
    text: Vec<u8>,
    bytes: u64,
    digest: Context,
}

impl Reel {
    /// Writes a batch, and gives the file's length. Only a session with much output keeps the buffer.
    fn write(&mut self, lines: Vec<Line>) -> io::Result<u64> {
        let before = self.bytes;
        for line in lines {
            self.encode(line);
            if self.text.len() >= BATCH_BYTES {
                self.put()?;
            }
        }
        self.put()?;
        if self.bytes - before < BATCH_BYTES as u64 {
            self.text = Vec::new();
        }
        self.sink.flush()?;
        Ok(self.bytes)
    }

    fn encode(&mut self, line: Line) {
        let (encoder, text) = (&mut self.encoder, &mut self.text);
        match line {
            Line::Header(line) => text.extend_from_slice(&line),
            Line::Output { at, bytes, room } => {
                encoder.output(at, &self.joiner.push(&bytes), text);
                drop(room);
            }
            Line::OutputEnd(at) => encoder.output(at, self.joiner.end(), text),
            Line::Marker(at, marker) => encoder.marker(at, &marker, text),
            Line::Resize(at, size) => encoder.resize(at, size, text),
            Line::Exit(at, status) => encoder.exit(at, status, text),
        }
    }

    /// Writes what is encoded.
    fn put(&mut self) -> io::Result<()> {
        self.digest.update(&self.text);
        self.bytes += self.text.len() as u64;
        self.sink.write_all(&self.text)?;
        self.text.clear();
        Ok(())
    }

    fn finished(&self) -> Finished {
        Finished {
            bytes: self.bytes,
            sha256: hex::encode(self.digest.clone().finish()),
        }
    }
}

/// A recording's file. An error takes it away, so nothing can follow it.
pub(super) struct Disk {
    reel: Option<Box<Reel>>,
}

impl Disk {
    pub(super) fn new(sink: Box<dyn Sink>) -> Self {
        Self {
            reel: Some(Box::new(Reel {
                sink,
                encoder: Encoder::default(),
                joiner: Joiner::default(),
                text: Vec::new(),
                bytes: 0,
                digest: Context::new(&SHA256),
            })),
        }
    }

    /// Writes lines, and gives the file's length.
    pub(super) async fn write(&mut self, lines: Vec<Line>) -> Result<u64, RecordError> {
        self.with_reel(|reel| reel.write(lines)).await
    }

    async fn finish(&mut self, lines: Vec<Line>) -> Result<Finished, RecordError> {
        self.with_reel(|reel| {
            reel.write(lines)?;
            reel.sink.sync()?;
            Ok(reel.finished())
        })
        .await
    }

    async fn with_reel<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Reel) -> io::Result<T> + Send + 'static,
    ) -> Result<T, RecordError> {
        let mut reel = self.reel.take().ok_or(RecordError::Stopped)?;
        let working = tokio::task::spawn_blocking(move || work(&mut reel).map(|done| (reel, done)));
        match tokio::time::timeout(WRITE_TIME, working).await {
            Ok(Ok(worked)) => {
                let (reel, done) = worked?;
                self.reel = Some(reel);
                Ok(done)
            }
            Ok(Err(_)) => Err(RecordError::Stopped),
            Err(_) => Err(RecordError::Stalled),
        }
    }
}

pub(super) struct Writer {
    disk: Disk,
    entries: mpsc::Receiver<Entry>,
    meter: Arc<Meter>,
    audience: Arc<Audience>,
    batch: Vec<Line>,
    /// Bytes of output in the batch.
    gathered: usize,
    /// When the oldest line of the batch has to be written.
    due: Instant,
    at: Duration,
}

/// What ended a recording that did not fail.
enum End {
    Finish(Outcome, oneshot::Sender<Finished>),
    /// The recorder was dropped: the recording stays without an end.
    Abandoned,
}

impl Writer {
    pub(super) fn new(
        disk: Disk,
        entries: mpsc::Receiver<Entry>,
        meter: Arc<Meter>,
        audience: Arc<Audience>,
    ) -> Self {
        Self {
            disk,
            entries,
            meter,
            audience,
            batch: Vec::new(),
            gathered: 0,
            due: Instant::now(),
            at: Duration::ZERO,
        }
    }

    /// Runs to the end and reports how it went; only then are entries that still wait dropped.
    pub(super) async fn run(mut self, report: watch::Sender<State>) {
        let finished = match self.take_entries().await {
            Ok(end) => self.end(end).await,
            Err(error) => Err(error),
        };
        match finished {
            Ok((finished, reply)) => {
                report.send_replace(State::Finished);
                if let Some(reply) = reply {
                    // The one who asked may have gone; the file is whole all the same.
                    let _ = reply.send(finished);
                }
            }
            Err(error) => {
                tracing::error!(%error, "a recording failed");
                report.send_replace(State::Failed(error));
            }
        }
        self.audience.over();
    }

    async fn take_entries(&mut self) -> Result<End, RecordError> {
        loop {
            let entry = if self.batch.is_empty() {
                self.entries.recv().await
            } else {
                match tokio::time::timeout_at(self.due, self.entries.recv()).await {
                    Ok(entry) => entry,
                    Err(_) => {
                        self.flush().await?;
                        continue;
                    }
                }
            };
            match entry {
                None => return Ok(End::Abandoned),
                Some(entry) => {
                    if let Some(end) = self.take(entry).await? {
                        return Ok(end);
                    }
                }
            }
        }
    }

    async fn take(&mut self, entry: Entry) -> Result<Option<End>, RecordError> {
        if self.batch.is_empty() {
            let within = if self.audience.is_there() {
                WATCHED_TIME
            } else {
                FLUSH_TIME
            };
            self.due = Instant::now() + within;
        }
        match entry {
            Entry::Output { at, bytes, room } => {
                self.at = at;
                self.gathered += bytes.len();
                self.batch.push(Line::Output { at, bytes, room });
            }
            Entry::Marker { at, text } => {
                self.at = at;
                self.batch.push(Line::Marker(at, text));
                self.flush().await?;
            }
            Entry::Resize { at, size } => {
                self.at = at;
                self.batch.push(Line::Resize(at, size));
            }
            Entry::Finish { at, outcome, reply } => {
                self.at = at;
                return Ok(Some(End::Finish(outcome, reply)));
            }
        }
        if self.gathered >= BATCH_BYTES || self.batch.len() >= QUEUE_EVENTS {
            self.flush().await?;
        }
        Ok(None)
    }

    async fn end(
        &mut self,
        end: End,
    ) -> Result<(Finished, Option<oneshot::Sender<Finished>>), RecordError> {
        self.batch.push(Line::OutputEnd(self.at));
        let left_out = self.meter.left_out();
        if left_out > 0 {
            self.mark(format!("{left_out} more bytes of output were not recorded"));
        }
        let reply = match end {
            End::Abandoned => None,
            End::Finish(outcome, reply) => {
                let status = match outcome {
                    Outcome::Exited(status) => status,
                    Outcome::Cut(how) => {
                        self.mark(how);
                        CUT_STATUS
                    }
                };
                self.batch.push(Line::Exit(self.at, status));
                Some(reply)
            }
        };
        let finished = self.disk.finish(std::mem::take(&mut self.batch)).await?;
        self.audience.written(finished.bytes);
        Ok((finished, reply))
    }

    fn mark(&mut self, text: String) {
        self.batch.push(Line::Marker(self.at, text));
    }

    async fn flush(&mut self) -> Result<(), RecordError> {
        self.gathered = 0;
        let written = self.disk.write(std::mem::take(&mut self.batch)).await?;
        self.audience.written(written);
        Ok(())
    }
}
