//! A socket that reads a little more than it was asked for.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::io::poll_read_buf;

/// What is read at once where less was asked for: many small packets, or the head of a great one. Greater reads go
/// straight to where they were asked for, as copying them would cost more than another call of the system.
const AHEAD_BYTES: usize = 4096;

/// A socket whose small reads are served from a greater one. The library asks for the four bytes of a packet's length,
/// then for the packet, then for the next length, which is a call of the system each. While nothing waits, no buffer is
/// kept.
#[derive(Debug)]
pub struct ReadAhead<S> {
    socket: S,
    ahead: BytesMut,
}

impl<S> ReadAhead<S> {
    /// Reads ahead on `socket`.
    pub fn new(socket: S) -> Self {
        Self {
            socket,
            ahead: BytesMut::new(),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ReadAhead<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.ahead.is_empty() {
            if buffer.remaining() >= AHEAD_BYTES {
                return Pin::new(&mut this.socket).poll_read(context, buffer);
            }
            let mut ahead = BytesMut::with_capacity(AHEAD_BYTES);
            ready!(poll_read_buf(
                Pin::new(&mut this.socket),
                context,
                &mut ahead
            ))?;
            this.ahead = ahead;
        }
        let taken = this.ahead.len().min(buffer.remaining());
        buffer.put_slice(this.ahead.get(..taken).unwrap_or_default());
        this.ahead.advance(taken);
        if this.ahead.is_empty() {
            this.ahead = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ReadAhead<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn whatever_is_asked_for_comes_in_order_and_once() {
        let sent: Vec<u8> = (0..200_000_u32).map(|n| (n % 251) as u8).collect();
        let mut socket = ReadAhead::new(sent.as_slice());
        let mut came = Vec::new();
        for asked in (0..).map(|round: usize| [4, 80, 30_000, 1, 4095, 4096][round % 6]) {
            let mut piece = vec![0; asked];
            let read = socket.read(&mut piece).await.unwrap();
            if read == 0 {
                break;
            }
            came.extend_from_slice(&piece[..read]);
        }
        assert_eq!(came, sent);
        assert_eq!(socket.ahead.capacity(), 0);
    }
}
