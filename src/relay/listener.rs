//! Sockets in, connections out: limits, the login deadline, and the second SSH inside a jump.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use russh::server;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::Services;
use super::reception::{Door, Inside};
use crate::accept::limits::{Limits, Place};
use crate::accept::{self, Callbacks, ClientChannel};
use crate::flow::{ChannelStream, ClientSocket, Load};

/// How long to wait after the system refused to take a connection, such as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long a client that is turned away may take to hear why.
const GOODBYE: Duration = Duration::from_secs(1);

/// Takes connections until the node drains.
pub async fn listen(services: Arc<Services>, listener: TcpListener) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = services.draining.cancelled() => return,
        };
        match accepted {
            Ok((socket, peer)) => take(&services, socket, peer),
            Err(error) => {
                tracing::warn!(%error, "no connection could be taken");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn take(services: &Arc<Services>, socket: TcpStream, peer: SocketAddr) {
    let config = services.config();
    let limits = Limits {
        connections: config.ssh.max_connections,
        unidentified: config.ssh.max_unidentified,
        per_address: config.ssh.max_unidentified_per_address,
    };
    let source = peer.ip().to_canonical();
    let place = match services.seats.take(source, limits) {
        Ok(place) => place,
        Err(full) => {
            tracing::warn!(%source, %full, "connection refused");
            return;
        }
    };
    let _ = socket.set_nodelay(true);
    let services = Arc::clone(services);
    let tracker = services.tasks.clone();
    tracker.spawn(async move {
        let names = [config.ssh.public_host.clone()];
        let visitor = Visitor {
            source,
            place: Some(place),
            inside: None,
        };
        serve(services, socket, visitor, &names).await;
    });
}

/// Serves the SSH connection that a client speaks inside a channel of another (`ssh -J`).
pub async fn serve_inside(services: Arc<Services>, channel: ClientChannel, inside: Inside) {
    let ClientChannel { input, output, .. } = channel;
    let stream = ChannelStream::new(input, output.make_writer());
    let names = [inside.typed.clone(), inside.target.to_string()];
    let visitor = Visitor {
        source: inside.visit.source,
        place: None,
        inside: Some(inside),
    };
    serve(services, stream, visitor, &names).await;
    let _ = output.close().await;
}

struct Visitor {
    source: IpAddr,
    place: Option<Place>,
    inside: Option<Inside>,
}

async fn serve<S>(services: Arc<Services>, socket: S, visitor: Visitor, names: &[String])
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let source = visitor.source;
    let config = services.config();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let certificate = match services.authority.mint_for_host(&names, Timestamp::now()) {
        Ok(certificate) => certificate,
        Err(error) => {
            tracing::error!(%error, "no host certificate could be made");
            return;
        }
    };
    let settings = Arc::new(accept::settings(
        services.authority.host_key().clone(),
        certificate,
    ));
    let load = Arc::new(Load::default());
    let (entered, cut) = (CancellationToken::new(), CancellationToken::new());
    let door = Door::new(
        Arc::clone(&services),
        source,
        visitor.place,
        visitor.inside,
        entered.clone(),
    );
    let callbacks = Callbacks::new(door, Arc::clone(&load), services.tasks.clone());
    let deadline = tokio::time::Instant::now() + config.ssh.login_deadline;
    let starting = server::run_stream(
        settings,
        ClientSocket::new(socket, load, cut.clone()),
        callbacks,
    );
    let running = match tokio::time::timeout_at(deadline, starting).await {
        Ok(Ok(running)) => running,
        Ok(Err(error)) => return tracing::debug!(%source, %error, "handshake failed"),
        Err(_) => return tracing::debug!(%source, "no handshake before the deadline"),
    };
    let handle = running.handle();
    tokio::pin!(running);
    let late = async {
        tokio::select! {
            () = entered.cancelled() => std::future::pending().await,
            () = tokio::time::sleep_until(deadline) => {}
        }
    };
    tokio::select! {
        ended = &mut running => {
            if let Err(error) = ended {
                tracing::debug!(%source, %error, "connection ended");
            }
        }
        () = late => {
            let text = "the sign-in was not finished in time; connect again".to_owned();
            let told = handle.disconnect(russh::Disconnect::ByApplication, text, String::new());
            let _ = tokio::time::timeout(GOODBYE, told).await;
            let _ = tokio::time::timeout(GOODBYE, &mut running).await;
            cut.cancel();
        }
    }
}
