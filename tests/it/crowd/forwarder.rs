//! A proxy in miniature: takes connections, and passes each on from an address of its own, after a header.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};

use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::{Builder, Runtime};

/// A proxy on loopback; it ends with this.
pub(super) struct Forwarder {
    port: u16,
    _runtime: Runtime,
}

impl Forwarder {
    /// Forwards to `to` from the loopback address `from`; `header` goes before the client's first byte.
    pub(super) fn start(from: Ipv4Addr, to: SocketAddr, header: &[u8]) -> Self {
        let mut runtime = Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        let header = header.to_vec();
        runtime.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let header = header.clone();
                tokio::spawn(async move {
                    let _ = forward(client, from.into(), to, &header).await;
                });
            }
        });
        Self {
            port,
            _runtime: runtime,
        }
    }

    /// Where it listens, on loopback.
    pub(super) fn port(&self) -> u16 {
        self.port
    }
}

async fn forward(
    mut client: tokio::net::TcpStream,
    from: IpAddr,
    to: SocketAddr,
    header: &[u8],
) -> std::io::Result<()> {
    use tokio::io::AsyncWriteExt;
    let mut server = open(from, to).await?;
    server.write_all(header).await?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

async fn open(from: IpAddr, to: SocketAddr) -> std::io::Result<tokio::net::TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(from, 0))?;
    socket.connect(to).await
}

/// A connection from another address than the usual one, which blocks.
pub(super) fn connect_from(from: IpAddr, to: SocketAddr) -> TcpStream {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let stream = runtime.block_on(async { open(from, to).await?.into_std() });
    let stream = stream.unwrap();
    stream.set_nonblocking(false).unwrap();
    stream
}
