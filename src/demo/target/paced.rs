//! The connection's stream: it reads more slowly while a channel is full, and ends when it is told to.
//!
//! Without the pace the two-byte grants of a full channel would run as fast as the processor goes.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::demo::target::flow::Flow;

/// What a client may have had under way when its channel became full.
const FREE_RUN: usize = 4 * 1024 * 1024;
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(25);

pub(super) struct Paced<S> {
    stream: S,
    flow: Arc<Flow>,
    end: CancellationToken,
    read_end: Pin<Box<WaitForCancellationFutureOwned>>,
    write_end: Pin<Box<WaitForCancellationFutureOwned>>,
    pause: Pin<Box<Sleep>>,
    length: Duration,
    free: usize,
}

impl<S> Paced<S> {
    pub(super) fn new(stream: S, flow: Arc<Flow>, end: CancellationToken) -> Self {
        Self {
            stream,
            flow,
            read_end: Box::pin(end.clone().cancelled_owned()),
            write_end: Box::pin(end.clone().cancelled_owned()),
            end,
            pause: Box::pin(sleep(Duration::ZERO)),
            length: SHORTEST_PAUSE,
            free: FREE_RUN,
        }
    }

    /// Decides how long the next read waits, after one of `bytes`.
    fn pace(&mut self, bytes: usize) {
        if !self.flow.congested() {
            self.free = FREE_RUN;
            self.length = SHORTEST_PAUSE;
            return;
        }
        self.free = self.free.saturating_sub(bytes);
        if self.free == 0 {
            self.pause.as_mut().reset(Instant::now() + self.length);
            self.length = (self.length * 2).min(LONGEST_PAUSE);
        }
    }

    fn ended(&self) -> io::Error {
        io::Error::from(io::ErrorKind::ConnectionAborted)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read_end.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(self.ended()));
        }
        ready!(self.pause.as_mut().poll(context));
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let bytes = buffer.filled().len().saturating_sub(before);
        self.pace(bytes);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.write_end.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(self.ended()));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.end.is_cancelled() {
            return Poll::Ready(Err(self.ended()));
        }
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
