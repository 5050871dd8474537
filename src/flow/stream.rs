//! A channel as a byte stream, for a second SSH connection inside it (`ssh -J`).

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::queue::{Credited, Drain, Ended, Item};

/// Reads a channel's data from its counted queue and writes through the channel's window.
pub struct ChannelStream<W> {
    drain: Drain,
    current: Option<(Credited, Bytes)>,
    ended: bool,
    /// Watched while writing: the library does not wake a write whose connection is gone, and a client whose SSH ended
    /// may leave the channel half open behind it, with a window that never opens again.
    peer: Ended,
    writer: W,
}

impl<W> ChannelStream<W> {
    /// Joins the two halves of a channel.
    pub fn new(drain: Drain, writer: W) -> Self {
        drain.is_transport();
        Self {
            peer: drain.end(),
            drain,
            current: None,
            ended: false,
            writer,
        }
    }
}

impl<W: Unpin> AsyncRead for ChannelStream<W> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if let Some((_, bytes)) = &mut this.current {
                let taken = bytes.len().min(buffer.remaining());
                buffer.put_slice(&bytes.split_to(taken));
                if !bytes.has_remaining() {
                    this.current = None;
                }
                return Poll::Ready(Ok(()));
            }
            if this.ended {
                return Poll::Ready(Ok(()));
            }
            match ready!(this.drain.poll_next(context)) {
                Some(Item::Data(data)) => {
                    let bytes = data.bytes().clone();
                    this.current = Some((data, bytes));
                }
                Some(Item::Message(russh::ChannelMsg::Eof)) | None => this.ended = true,
                Some(Item::Extended(..) | Item::Message(_)) => {}
            }
        }
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for ChannelStream<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.peer.poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        Pin::new(&mut self.writer).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.peer.poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        Pin::new(&mut self.writer).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.peer.poll(context).is_ready() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.writer).poll_shutdown(context)
    }
}
