//! Sockets in, connections out: limits, what a proxy says, deadlines, and the second SSH inside a jump.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use russh::server;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Services;
use super::reception::{Door, Inside, Visit};
use crate::accept::greeting::Greeted;
use crate::accept::limits::{Full, Lot, Place, Share};
use crate::accept::proxy::{self, ProxyError, Source};
use crate::accept::{self, Callbacks, ClientChannel, farewell, greeting};
use crate::algorithms;
use crate::config::SshConfig;
use crate::domain::principal::Subject;
use crate::flow::{ChannelStream, ClientSocket, Load, Pulse, ReadAhead, idle_for};

/// How long to wait after the system refused to take a connection, such as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long a client may take to name its version. Nobody is asked anything before that.
const VERSION_DEADLINE: Duration = Duration::from_secs(20);

/// How long sessions may take to say that their connection was idle.
const PARTING: Duration = Duration::from_secs(2);

/// How long a client that is turned away may take to hear why.
const GOODBYE: Duration = Duration::from_secs(1);

const LATE: &str = "the sign-in was not finished in time; connect again";

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
    let peer = peer.ip().to_canonical();
    let taken = services.seats.take(config.ssh.connections, Lot::draw());
    let _ = socket.set_nodelay(true);
    // It is to be woken on its lane, not here.
    let socket = match socket.into_std() {
        Ok(socket) => socket,
        Err(error) => return tracing::warn!(%peer, %error, "connection lost"),
    };
    let connected = Arc::clone(services);
    services.lanes.run(&services.tasks, async move {
        let services = connected;
        let mut socket = match TcpStream::from_std(socket) {
            Ok(socket) => socket,
            Err(error) => return tracing::warn!(%peer, %error, "connection lost"),
        };
        let taken = match taken {
            Ok(place) => seated(&config.ssh, &mut socket, peer, place).await,
            Err(full) => Err(Turned::Away(peer, full)),
        };
        match taken {
            Ok((source, place)) => {
                let names = [config.ssh.public_host.clone()];
                let visitor = Visitor {
                    source,
                    place: Some(place),
                    inside: None,
                    pulse: Pulse::default(),
                };
                serve(services, ReadAhead::new(socket), visitor, &names).await;
            }
            Err(Turned::Away(source, full)) => {
                tracing::debug!(%source, %full, "connection refused");
                farewell::too_many(socket, &full.to_string()).await;
            }
            Err(Turned::Unknown(error)) => {
                tracing::warn!(%peer, %error, "connection of a proxy refused");
            }
        }
    });
}

/// Why a connection is not served.
enum Turned {
    /// There are too many.
    Away(IpAddr, Full),
    /// It is a proxy's, and its source cannot be known.
    Unknown(ProxyError),
}

/// Finds out where a connection comes from, and counts it there.
async fn seated(
    config: &SshConfig,
    socket: &mut TcpStream,
    peer: IpAddr,
    mut place: Place,
) -> Result<(IpAddr, Place), Turned> {
    let is_proxy = config
        .proxy_protocol_from
        .iter()
        .any(|network| network.contains(&peer));
    let source = match is_proxy {
        true => match proxy::read(socket).await.map_err(Turned::Unknown)? {
            Source::Client(source) => source,
            Source::Proxy => peer,
        },
        false => peer,
    };
    match place.comes_from(source, config.connections) {
        Ok(()) => Ok((source, place)),
        Err(full) => Err(Turned::Away(source, full)),
    }
}

/// Serves the SSH connection that a client speaks inside a channel of another (`ssh -J`).
pub async fn serve_inside(services: Arc<Services>, channel: ClientChannel, inside: Inside) {
    let ClientChannel { input, output, .. } = channel;
    let stream = ChannelStream::new(input, output.make_writer());
    match jump(&services, &inside.visit) {
        Err(reason) => farewell::too_many(stream, &reason).await,
        Ok(_share) => {
            let names = [inside.typed.clone(), inside.target.to_string()];
            let visitor = Visitor {
                source: inside.visit.source,
                place: None,
                pulse: inside.visit.pulse.clone(),
                inside: Some(inside),
            };
            serve(services, stream, visitor, &names).await;
        }
    }
    let _ = output.close().await;
}

/// One more connection inside this one, unless it or its person has too many.
fn jump(
    services: &Services,
    visit: &Visit,
) -> Result<(OwnedSemaphorePermit, Share<Subject>), String> {
    let limits = services.config().ssh.person;
    let here = Arc::clone(&visit.jumps).try_acquire_owned().map_err(|_| {
        let limit = limits.jumps_per_connection;
        format!("{limit} connections go through this one already: end some, or connect anew")
    })?;
    let person = &visit.identified.identity().principal().subject;
    let share = services.jumps.take(person, limits.jumps);
    let share = share.ok_or_else(|| {
        let limit = limits.jumps;
        format!("{limit} of your connections go through others already: end some of them first")
    })?;
    Ok((here, share))
}

struct Visitor {
    source: IpAddr,
    place: Option<Place>,
    inside: Option<Inside>,
    pulse: Pulse,
}

async fn serve<S>(services: Arc<Services>, socket: S, visitor: Visitor, names: &[String])
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Visitor {
        source,
        place,
        inside,
        pulse,
    } = visitor;
    let config = services.config();
    let deadline = Instant::now() + config.ssh.login_deadline;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let certificate = match services.authority.mint_for_host(&names, Timestamp::now()) {
        Ok(certificate) => certificate,
        Err(error) => return tracing::error!(%error, "no host certificate could be made"),
    };
    let (socket, preferred) = match greeted(&config.ssh, socket).await {
        Ok(greeted) => greeted,
        Err(reason) => return tracing::debug!(%source, reason, "no handshake"),
    };
    let host_key = services.authority.host_key().clone();
    let rekey = algorithms::rekeying(config.ssh.rekey);
    let settings = Arc::new(accept::settings(host_key, certificate, preferred, rekey));
    let load = Arc::new(Load::with(pulse.clone()));
    let (entered, cut) = (CancellationToken::new(), CancellationToken::new());
    // A connection inside another ends with that one.
    let patience = config.ssh.idle_timeout.filter(|_| inside.is_none());
    let door = Door::new(
        Arc::clone(&services),
        source,
        place,
        inside,
        entered.clone(),
        pulse.clone(),
    );
    let callbacks = Callbacks::new(door, Arc::clone(&load), services.tasks.clone());
    let socket = ClientSocket::new(socket, load, cut.clone());
    let mut running = match server::run_stream(settings, socket, callbacks).await {
        Ok(running) => running,
        Err(error) => return tracing::debug!(%source, %error, "handshake failed"),
    };
    let text = tokio::select! {
        ended = &mut running => {
            if let Err(error) = ended {
                tracing::debug!(%source, %error, "connection ended");
            }
            return;
        }
        () = late(&entered, deadline) => LATE.to_owned(),
        idle = pulse.idle(patience) => {
            pulse.stop(idle);
            if tokio::time::timeout(PARTING, &mut running).await.is_ok() {
                return;
            }
            idle_for(idle)
        }
    };
    let handle = running.handle();
    let told = handle.disconnect(russh::Disconnect::ByApplication, text, String::new());
    let _ = tokio::time::timeout(GOODBYE, told).await;
    let _ = tokio::time::timeout(GOODBYE, &mut running).await;
    cut.cancel();
}

/// Lets both sides name their versions, and chooses what the client is offered.
async fn greeted<S>(config: &SshConfig, socket: S) -> Result<(Greeted<S>, russh::Preferred), String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match tokio::time::timeout(VERSION_DEADLINE, greeting::greet(socket)).await {
        Ok(Ok((socket, version))) if version.has_gcm() && !config.always_offer_ctr => {
            Ok((socket, algorithms::gcm_only()))
        }
        Ok(Ok((socket, version))) if version.needs_old_macs() => {
            Ok((socket, algorithms::with_old_macs()))
        }
        Ok(Ok((socket, _))) => Ok((socket, algorithms::preferred())),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("no version line in time".to_owned()),
    }
}

/// Returns at the deadline, unless the client is in by then.
async fn late(entered: &CancellationToken, deadline: Instant) {
    tokio::select! {
        () = entered.cancelled() => std::future::pending().await,
        () = tokio::time::sleep_until(deadline) => {}
    }
}
