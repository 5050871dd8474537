//! Sockets whose reading slows or stops while what they brought still waits.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::{HARD_LIMIT, Load};

/// Bytes that a congested client connection may still bring before its reading is paced.
const UNPACED_BYTES: usize = 4 * 1024 * 1024;
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(25);

/// Bytes at which the reading of a target's connection stops, and at which it goes on.
const PAUSE_BYTES: usize = 3 * 1024 * 1024;
const RESUME_BYTES: usize = 3 * 512 * 1024;

/// A client's socket: never stopped, as its keepalives and other channels must get through, but paced while congested.
#[derive(Debug)]
pub struct ClientSocket<S> {
    socket: S,
    load: Arc<Load>,
    brought: usize,
    pause: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl<S> ClientSocket<S> {
    /// Paces `socket` by the load of its connection. When `cut` is cancelled it fails, which ends the connection
    /// even where the library's loop is stuck.
    pub fn new(socket: S, load: Arc<Load>, cut: CancellationToken) -> Self {
        let cut = Box::pin(cut.cancelled_owned());
        Self {
            socket,
            load,
            brought: 0,
            pause: SHORTEST_PAUSE,
            sleep: None,
            cut,
        }
    }

    /// Whichever waits, the library's reading or its writing, is woken by the cut.
    fn intact(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.cut.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::ErrorKind::ConnectionAborted.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ClientSocket<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.intact(context)?;
        if this.load.queued() > HARD_LIMIT {
            return Poll::Ready(Err(io::Error::other("the peer ignores its window")));
        }
        if !this.load.is_congested() {
            (this.brought, this.pause, this.sleep) = (0, SHORTEST_PAUSE, None);
        } else if this.brought >= UNPACED_BYTES {
            let pause = this.pause;
            let sleep = this
                .sleep
                .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + pause)));
            ready!(sleep.as_mut().poll(context));
            this.sleep = None;
            this.pause = (this.pause * 2).min(LONGEST_PAUSE);
            this.brought = UNPACED_BYTES.saturating_sub(buffer.remaining());
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.socket).poll_read(context, buffer))?;
        this.brought += buffer.filled().len() - before;
        Poll::Ready(Ok(()))
    }
}

/// A target's socket: it has one session only, so that its reading may stop until the client took what waits.
#[derive(Debug)]
pub struct TargetSocket<S> {
    socket: S,
    load: Arc<Load>,
    paused: bool,
}

impl<S> TargetSocket<S> {
    /// Stops and resumes `socket` by the load of its connection.
    pub fn new(socket: S, load: Arc<Load>) -> Self {
        Self {
            socket,
            load,
            paused: false,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for TargetSocket<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.load.eased.register(context.waker());
        let limit = if this.paused {
            RESUME_BYTES
        } else {
            PAUSE_BYTES
        };
        this.paused = this.load.queued() > limit;
        if this.paused {
            return Poll::Pending;
        }
        Pin::new(&mut this.socket).poll_read(context, buffer)
    }
}

/// Reads that are acknowledged at once: those of a handshake, a login and the start of a program.
const PROMPT_READS: u32 = 64;

/// A socket to an `sshd` that acknowledges at once what opens a session. Until then `sshd` leaves Nagle's algorithm on
/// and waits with its next small packet for an acknowledgement, which the system delays for up to 40 ms.
#[derive(Debug)]
pub struct PromptSocket {
    socket: TcpStream,
    left: u32,
}

impl PromptSocket {
    /// Acknowledges the first reads of `socket` at once.
    pub fn new(socket: TcpStream) -> Self {
        Self {
            socket,
            left: PROMPT_READS,
        }
    }
}

impl AsyncRead for PromptSocket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(Pin::new(&mut this.socket).poll_read(context, buffer))?;
        if let Some(left) = this.left.checked_sub(1) {
            this.left = left;
            // Only speed is lost where the system does not have it.
            let _ = this.socket.set_quickack(true);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ClientSocket<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.intact(context)?;
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.intact(context)?;
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.intact(context)?;
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

macro_rules! write_through {
    (<$($parameter:ident: $first:ident + $second:ident)?> $socket:ty) => {
        impl<$($parameter: $first + $second)?> AsyncWrite for $socket {
            fn poll_write(
                mut self: Pin<&mut Self>,
                context: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut self.socket).poll_write(context, bytes)
            }

            fn poll_flush(
                mut self: Pin<&mut Self>,
                context: &mut Context<'_>,
            ) -> Poll<io::Result<()>> {
                Pin::new(&mut self.socket).poll_flush(context)
            }

            fn poll_shutdown(
                mut self: Pin<&mut Self>,
                context: &mut Context<'_>,
            ) -> Poll<io::Result<()>> {
                Pin::new(&mut self.socket).poll_shutdown(context)
            }
        }
    };
}
write_through!(<S: AsyncWrite + Unpin> TargetSocket<S>);
write_through!(<> PromptSocket);
