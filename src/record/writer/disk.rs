//! The task that owns a recording's file. It encodes, buffers, and writes on a blocking thread, one write at a
//! time; no thread is kept by a quiet session. Its first error ends it.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::record::asciicast::Encoder;
use crate::record::asciicast::utf8::Joiner;
use crate::record::writer::{Entry, Finished, Meter, Outcome, RecordError, State};

/// Longest that output stays in memory.
pub(super) const FLUSH_TIME: Duration = Duration::from_millis(500);
/// Longest that a write may take.
pub(super) const WRITE_TIME: Duration = Duration::from_secs(30);
/// A buffer of this size is written before its time.
const BUFFER_BYTES: usize = 256 * 1024;
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

/// A sink with the length and digest of what it took. An error takes the sink away, so nothing can follow it.
pub(super) struct Disk {
    sink: Option<Box<dyn Sink>>,
    bytes: u64,
    digest: Context,
}

impl Disk {
    pub(super) fn new(sink: Box<dyn Sink>) -> Self {
        Self {
            sink: Some(sink),
            bytes: 0,
            digest: Context::new(&SHA256),
        }
    }

    pub(super) async fn write(&mut self, bytes: Vec<u8>) -> Result<(), RecordError> {
        self.digest.update(&bytes);
        self.bytes += bytes.len() as u64;
        self.with_sink(move |sink| {
            sink.write_all(&bytes)?;
            sink.flush()
        })
        .await
    }

    async fn finish(&mut self) -> Result<Finished, RecordError> {
        self.with_sink(|sink| sink.sync()).await?;
        Ok(Finished {
            bytes: self.bytes,
            sha256: hex::encode(self.digest.clone().finish()),
        })
    }

    async fn with_sink(
        &mut self,
        work: impl FnOnce(&mut dyn Sink) -> io::Result<()> + Send + 'static,
    ) -> Result<(), RecordError> {
        let mut sink = self.sink.take().ok_or(RecordError::Stopped)?;
        let working = tokio::task::spawn_blocking(move || work(sink.as_mut()).map(|()| sink));
        match tokio::time::timeout(WRITE_TIME, working).await {
            Ok(Ok(worked)) => self.sink = Some(worked?),
            Ok(Err(_)) => return Err(RecordError::Stopped),
            Err(_) => return Err(RecordError::Stalled),
        }
        Ok(())
    }
}

pub(super) struct Writer {
    disk: Disk,
    entries: mpsc::Receiver<Entry>,
    meter: Arc<Meter>,
    encoder: Encoder,
    joiner: Joiner,
    buffer: Vec<u8>,
    /// When the oldest byte of the buffer has to be written.
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
    pub(super) fn new(disk: Disk, entries: mpsc::Receiver<Entry>, meter: Arc<Meter>) -> Self {
        Self {
            disk,
            entries,
            meter,
            encoder: Encoder::default(),
            joiner: Joiner::default(),
            buffer: Vec::new(),
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
    }

    async fn take_entries(&mut self) -> Result<End, RecordError> {
        loop {
            let entry = if self.buffer.is_empty() {
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
        if self.buffer.is_empty() {
            self.due = Instant::now() + FLUSH_TIME;
        }
        match entry {
            Entry::Output { at, bytes, room } => {
                self.at = at;
                let text = self.joiner.push(&bytes);
                self.encoder
                    .output(at, &text, &mut self.buffer)
                    .map_err(io::Error::from)?;
                drop(room);
                if self.buffer.len() >= BUFFER_BYTES {
                    self.flush().await?;
                }
            }
            Entry::Marker { at, text } => {
                self.at = at;
                self.mark(&text)?;
                self.flush().await?;
            }
            Entry::Resize { at, size } => {
                self.at = at;
                self.encoder
                    .resize(at, size, &mut self.buffer)
                    .map_err(io::Error::from)?;
            }
            Entry::Finish { at, outcome, reply } => {
                self.at = at;
                return Ok(Some(End::Finish(outcome, reply)));
            }
        }
        Ok(None)
    }

    async fn end(
        &mut self,
        end: End,
    ) -> Result<(Finished, Option<oneshot::Sender<Finished>>), RecordError> {
        let text = self.joiner.end();
        self.encoder
            .output(self.at, text, &mut self.buffer)
            .map_err(io::Error::from)?;
        let left_out = self.meter.left_out();
        if left_out > 0 {
            self.mark(&format!(
                "{left_out} more bytes of output were not recorded"
            ))?;
        }
        let reply = match end {
            End::Abandoned => None,
            End::Finish(outcome, reply) => {
                let status = match outcome {
                    Outcome::Exited(status) => status,
                    Outcome::Cut(how) => {
                        self.mark(&how)?;
                        CUT_STATUS
                    }
                };
                self.encoder
                    .exit(self.at, status, &mut self.buffer)
                    .map_err(io::Error::from)?;
                Some(reply)
            }
        };
        self.flush().await?;
        let finished = self.disk.finish().await?;
        Ok((finished, reply))
    }

    fn mark(&mut self, text: &str) -> Result<(), RecordError> {
        self.encoder
            .marker(self.at, text, &mut self.buffer)
            .map_err(io::Error::from)?;
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), RecordError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.disk.write(std::mem::take(&mut self.buffer)).await
    }
}
