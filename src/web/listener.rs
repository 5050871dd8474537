//! Accepts connections: TLS handshakes run side by side and in bounded number, and no connection stays for ever.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;

use crate::web::tls::TlsMode;

/// Connections that may be open at once.
const MAX_CONNECTIONS: usize = 512;

/// Connections that may be open at once from one address; a local reverse proxy is not held to it.
const MAX_CONNECTIONS_PER_ADDRESS: usize = 32;

/// How long a TLS handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a connection may be silent; longer than any request takes.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);

/// How long a connection may be open.
const LIFETIME: Duration = Duration::from_secs(10 * 60);

/// How long to wait when the system has no more sockets.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

impl Connected<IncomingStream<'_, WebListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, WebListener>) -> Self {
        *stream.remote_addr()
    }
}

/// The listener for `axum::serve`.
pub(super) struct WebListener {
    tcp: TcpListener,
    tls: TlsMode,
    seats: Arc<Seats>,
    handshakes: JoinSet<Option<(Connection, Peer)>>,
}

impl WebListener {
    pub(super) fn new(tcp: TcpListener, tls: TlsMode) -> Self {
        Self {
            tcp,
            tls,
            seats: Arc::default(),
            handshakes: JoinSet::new(),
        }
    }

    fn begin(&mut self, stream: TcpStream, address: SocketAddr) {
        let Some(seat) = Seats::take(&self.seats, address.ip()) else {
            tracing::debug!(%address, "too many connections to the web side");
            return;
        };
        let tls = self.tls.clone();
        self.handshakes.spawn(async move {
            let stream = match tls {
                TlsMode::Plain => Stream::Plain(stream),
                TlsMode::Tls(config) => {
                    let handshake = TlsAcceptor::from(config).accept(stream);
                    match timeout(HANDSHAKE_TIMEOUT, handshake).await {
                        Ok(Ok(stream)) => Stream::Tls(Box::new(stream)),
                        Ok(Err(error)) => {
                            tracing::debug!(%address, %error, "a TLS handshake failed");
                            return None;
                        }
                        Err(_) => return None,
                    }
                }
            };
            Some((Connection::new(stream, seat), Peer(address)))
        });
    }
}

impl Listener for WebListener {
    type Io = Connection;
    type Addr = Peer;

    async fn accept(&mut self) -> (Connection, Peer) {
        loop {
            tokio::select! {
                Some(done) = self.handshakes.join_next() => {
                    if let Ok(Some(ready)) = done {
                        return ready;
                    }
                }
                accepted = self.tcp.accept() => match accepted {
                    Ok((stream, address)) => self.begin(stream, address),
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a connection to the web side");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
    }

    fn local_addr(&self) -> io::Result<Peer> {
        self.tcp.local_addr().map(Peer)
    }
}

/// Who is connected how often.
#[derive(Default)]
struct Seats(Mutex<HashMap<IpAddr, usize>>);

/// The right to one connection; given back when dropped.
struct Seat {
    seats: Arc<Seats>,
    address: IpAddr,
}

impl Seats {
    fn take(seats: &Arc<Self>, address: IpAddr) -> Option<Seat> {
        let mut taken = seats.0.lock().unwrap_or_else(PoisonError::into_inner);
        let here = taken.get(&address).copied().unwrap_or(0);
        let crowded = here >= MAX_CONNECTIONS_PER_ADDRESS && !address.to_canonical().is_loopback();
        if crowded || taken.values().sum::<usize>() >= MAX_CONNECTIONS {
            return None;
        }
        taken.insert(address, here + 1);
        let seats = Arc::clone(seats);
        Some(Seat { seats, address })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.0.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.get_mut(&self.address) {
            Some(here) if *here > 1 => *here -= 1,
            Some(_) | None => {
                taken.remove(&self.address);
            }
        }
    }
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<tokio_rustls::server::TlsStream<TcpStream>>),
}

/// A connection that ends when it is silent or open for too long.
pub(super) struct Connection {
    stream: Stream,
    ends: Instant,
    idle: Pin<Box<Sleep>>,
    _seat: Seat,
}

impl Connection {
    fn new(stream: Stream, seat: Seat) -> Self {
        let now = Instant::now();
        Self {
            stream,
            ends: now + LIFETIME,
            idle: Box::pin(sleep_until(now + IDLE_TIMEOUT)),
            _seat: seat,
        }
    }

    /// The stream's own answer, unless it has to be waited for too long.
    fn in_time<T>(
        &mut self,
        context: &mut Context<'_>,
        answer: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if answer.is_pending() {
            return match self.idle.as_mut().poll(context) {
                Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
                Poll::Pending => Poll::Pending,
            };
        }
        let until = (Instant::now() + IDLE_TIMEOUT).min(self.ends);
        self.idle.as_mut().reset(until);
        answer
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let answer = match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Stream::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        };
        self.in_time(context, answer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let answer = match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Stream::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        };
        self.in_time(context, answer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let answer = match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(context),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(context),
        };
        self.in_time(context, answer)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let answer = match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        };
        self.in_time(context, answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_cannot_take_all_connections() {
        let seats = Arc::default();
        let (greedy, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let mut taken: Vec<_> = (0..MAX_CONNECTIONS_PER_ADDRESS)
            .map(|_| Seats::take(&seats, greedy).unwrap())
            .collect();
        assert!(Seats::take(&seats, greedy).is_none());
        assert!(Seats::take(&seats, other).is_some());
        taken.pop();
        assert!(Seats::take(&seats, greedy).is_some());
    }

    #[test]
    fn a_local_proxy_may_use_them_all_but_no_more() {
        let seats = Arc::default();
        let local = IpAddr::from([127, 0, 0, 1]);
        let taken: Vec<_> = std::iter::from_fn(|| Seats::take(&seats, local)).collect();
        assert_eq!(taken.len(), MAX_CONNECTIONS);
    }
}
