//! The target's side of SSH: dialling with host key verification, logging in with a minted certificate, one session,
//! one forwarded connection or one forward that the target listens for.
//!
//! Each of them has a connection of its own, so that the reading of a target can stop without harm to another. What a
//! target opens towards us is refused, unless it was asked to open it: see [`Openings`].

mod callbacks;

mod turns;

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use russh::client::{self, Msg};
use russh::keys::{Algorithm, Certificate, PrivateKey, PublicKey};
use russh::{Channel, ChannelWriteHalf};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use crate::algorithms;
use crate::config::{HostTrust, RekeyLimits, TargetConfig};
use crate::domain::command::Layer;
use crate::domain::forward::{AGENT, Direction, Endpoint, Forward};
use crate::domain::hold::Clearance;
use crate::domain::name::LoginName;
use crate::domain::target::HostSeen;
use crate::flow::{Drain, Gauge, Load, PromptSocket, ReadAhead, TargetSocket, pump, queue};
use callbacks::{HostCheck, Welcome};

pub use callbacks::{Opened, Origin};

pub use turns::{Turn, Turns};

/// How long connecting to a target and logging in may take.
const DIAL_TIMEOUT: Duration = Duration::from_secs(15);
/// How often an idle target is asked whether it is still there.
const KEEPALIVE: Duration = Duration::from_secs(5);
const WINDOW_BYTES: u32 = 2 * 1024 * 1024;

/// A target that cannot be used, in words for the person who wanted it.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Nothing answers there.
    #[error("cannot reach `{name}`: {cause}")]
    Unreachable {
        /// The target.
        name: String,
        /// Why.
        cause: std::io::Error,
    },
    /// It took too long.
    #[error("`{name}` did not answer within {} s", DIAL_TIMEOUT.as_secs())]
    TimedOut {
        /// The target.
        name: String,
    },
    /// Many others connect there, and none of them came through in time.
    #[error("too many connect to `{0}` at once; try again")]
    Busy(String),
    /// The host key is not the one that is configured.
    #[error(
        "the host key of `{0}` is not the one that is configured: somebody may be in between; tell the bastion's administrators"
    )]
    HostKey(String),
    /// It does not accept our certificate.
    #[error(
        "`{name}` does not accept the certificate for `{login}`: its sshd must trust the bastion's user CA and have that account"
    )]
    LoginRefused {
        /// The target.
        name: String,
        /// The account.
        login: LoginName,
    },
    /// The SSH protocol failed.
    #[error("the connection to `{name}` failed: {cause}")]
    Protocol {
        /// The target.
        name: String,
        /// Why.
        cause: russh::Error,
    },
    /// Its sshd does not forward, or not this.
    #[error("`{name}` does not forward that: {cause}")]
    NotForwarded {
        /// The target.
        name: String,
        /// Why.
        cause: russh::Error,
    },
    /// What was cleared is no forward of this kind.
    #[error("what was cleared is not this forward")]
    NotCleared,
}

/// A connection to a target whose host key is verified; nobody is logged in yet.
pub struct Dialled {
    name: String,
    handle: client::Handle<HostCheck>,
    host: HostSeen,
    from: Option<IpAddr>,
    load: Arc<Load>,
    welcome: Welcome,
    opened: mpsc::Receiver<Box<Opened>>,
}

/// A connection that is logged in.
pub struct Link {
    name: String,
    handle: client::Handle<HostCheck>,
    load: Arc<Load>,
    welcome: Welcome,
    openings: Option<Openings>,
}

/// The channels that a target opens because it was asked to. Dropped, all of them are refused.
pub struct Openings {
    opened: mpsc::Receiver<Box<Opened>>,
    load: Arc<Load>,
}

/// A channel on a target, with the connection that it keeps open.
pub struct TargetChannel {
    /// What comes from the target, in order.
    pub input: Drain,
    /// What goes to the target.
    pub output: ChannelWriteHalf<Msg>,
    link: Link,
}

impl TargetChannel {
    /// The target may open channels to the client's agent from now on, where that is what was cleared; they come by
    /// [`TargetChannel::openings`].
    pub fn expect_agent(&self, clearance: &Clearance) -> bool {
        let command = clearance.command();
        let cleared = command.layer == Layer::Forward && command.bytes == AGENT.as_bytes();
        if cleared {
            self.link.welcome.agents();
        }
        cleared
    }

    /// The target may open channels to the bastion's own agent from now on, which signs nothing without a clearance of
    /// its own; they come by [`TargetChannel::openings`].
    pub fn expect_sudo(&self) {
        self.link.welcome.agents();
    }

    /// What the target opens; there is one to take.
    pub fn openings(&mut self) -> Option<Openings> {
        self.link.openings()
    }

    /// The two directions, and the connection that must be kept as long as either is used.
    pub fn into_parts(self) -> (Drain, ChannelWriteHalf<Msg>, Link) {
        (self.input, self.output, self.link)
    }
}

/// Connects to a target and verifies its host key. New keys are exchanged with it by `rekey`.
///
/// # Errors
/// When it cannot be reached in time or is not who it should be.
pub async fn dial(target: &TargetConfig, rekey: RekeyLimits) -> Result<Dialled, TargetError> {
    let name = target.info.name.to_string();
    match tokio::time::timeout(DIAL_TIMEOUT, connect(target, rekey)).await {
        Ok(dialled) => dialled,
        Err(_) => Err(TargetError::TimedOut { name }),
    }
}

async fn connect(target: &TargetConfig, rekey: RekeyLimits) -> Result<Dialled, TargetError> {
    let name = target.info.name.to_string();
    let unreachable = |cause| TargetError::Unreachable {
        name: name.clone(),
        cause,
    };
    let socket = TcpStream::connect((target.address.as_str(), target.port))
        .await
        .map_err(unreachable)?;
    socket.set_nodelay(true).map_err(unreachable)?;
    let address = socket.peer_addr().map_err(unreachable)?.ip().to_canonical();
    let from = socket
        .local_addr()
        .map(|address: SocketAddr| address.ip())
        .ok();
    let load = Arc::new(Load::default());
    let welcome = Welcome::default();
    let (check, opened) = HostCheck::new(
        vec![name.clone(), target.address.clone()],
        target.host.clone(),
        welcome.clone(),
    );
    let settings = Arc::new(settings(&target.host, rekey));
    let key = check.key();
    match client::connect_stream(
        settings,
        TargetSocket::new(ReadAhead::new(PromptSocket::new(socket)), Arc::clone(&load)),
        check,
    )
    .await
    {
        Ok(handle) => match key.get().cloned() {
            Some(key) => Ok(Dialled {
                name,
                handle,
                host: HostSeen { key, address },
                from,
                load,
                welcome,
                opened,
            }),
            None => Err(TargetError::HostKey(name)),
        },
        Err(russh::Error::UnknownKey) => Err(TargetError::HostKey(name)),
        Err(cause) => Err(TargetError::Protocol { name, cause }),
    }
}

fn settings(trust: &HostTrust, rekey: RekeyLimits) -> client::Config {
    let mut preferred = algorithms::with_old_macs();
    preferred.host_key_certificates = match trust {
        HostTrust::Pinned(_) => Cow::Borrowed(&[]),
        HostTrust::Authority(_) => preferred.key.clone(),
    };
    preferred.key = match trust {
        HostTrust::Pinned(keys) => Cow::Owned(pinned_algorithms(keys)),
        HostTrust::Authority(_) => preferred.key,
    };
    client::Config {
        client_id: russh::SshId::Standard(Cow::Borrowed(concat!(
            "SSH-2.0-Countersign_",
            env!("CARGO_PKG_VERSION")
        ))),
        window_size: WINDOW_BYTES,
        preferred,
        limits: algorithms::rekeying(rekey),
        keepalive_interval: Some(KEEPALIVE),
        keepalive_max: 0,
        nodelay: true,
        ..client::Config::default()
    }
}

/// Only the algorithms of the pinned keys are asked for, so that a target shows the key that we know.
fn pinned_algorithms(keys: &[PublicKey]) -> Vec<Algorithm> {
    let pinned = |algorithm: &Algorithm| {
        let same = |key: &PublicKey| {
            key.algorithm() == *algorithm
                || (matches!(algorithm, Algorithm::Rsa { .. }) && key.algorithm().is_rsa())
        };
        keys.iter().any(same)
    };
    algorithms::preferred()
        .key
        .iter()
        .filter(|algorithm| pinned(algorithm))
        .cloned()
        .collect()
}

impl Dialled {
    /// The host that was found there.
    pub fn host(&self) -> &HostSeen {
        &self.host
    }

    /// Our address as the target sees it, unless something translates it in between.
    pub fn from(&self) -> Option<IpAddr> {
        self.from
    }

    /// Logs in with a minted certificate.
    ///
    /// # Errors
    /// When the target refuses it, or the connection fails.
    pub async fn log_in(
        mut self,
        login: &LoginName,
        key: PrivateKey,
        certificate: Certificate,
    ) -> Result<Link, TargetError> {
        let attempt =
            self.handle
                .authenticate_openssh_cert(login.as_str(), Arc::new(key), certificate);
        match tokio::time::timeout(DIAL_TIMEOUT, attempt).await {
            Err(_) => Err(TargetError::TimedOut { name: self.name }),
            Ok(Err(cause)) => Err(TargetError::Protocol {
                name: self.name,
                cause,
            }),
            Ok(Ok(result)) if result.success() => Ok(Link {
                name: self.name,
                handle: self.handle,
                welcome: self.welcome,
                openings: Some(Openings {
                    opened: self.opened,
                    load: Arc::clone(&self.load),
                }),
                load: self.load,
            }),
            Ok(Ok(_)) => Err(TargetError::LoginRefused {
                name: self.name,
                login: login.clone(),
            }),
        }
    }
}

impl Link {
    /// Opens the connection's one session channel; its messages are drained on `tasks`.
    ///
    /// # Errors
    /// When the target does not open it.
    pub async fn open(self, tasks: &TaskTracker) -> Result<TargetChannel, TargetError> {
        let channel = in_time(&self.name, self.handle.channel_open_session()).await?;
        let channel = channel.map_err(|cause| self.failed(cause))?;
        Ok(self.with(channel, tasks))
    }

    /// Opens a connection from the target to the host or socket that was cleared (RFC 4254 section 7.2).
    ///
    /// # Errors
    /// When something else was cleared, or the target does not make the connection.
    pub async fn reach(
        self,
        clearance: &Clearance,
        tasks: &TaskTracker,
    ) -> Result<TargetChannel, TargetError> {
        // Where the client's own connection came from is nothing that a target has to know.
        let (originator, port) = ("127.0.0.1", 0);
        let channel = match cleared(clearance, Direction::Local)? {
            Endpoint::Port { host, port: to } => {
                let opening =
                    self.handle
                        .channel_open_direct_tcpip(host, to.into(), originator, port);
                in_time(&self.name, opening).await?
            }
            Endpoint::Socket(path) => {
                let opening = self.handle.channel_open_direct_streamlocal(path);
                in_time(&self.name, opening).await?
            }
        };
        let channel = channel.map_err(|cause| self.not_forwarded(cause))?;
        Ok(self.with(channel, tasks))
    }

    /// Has the target listen on what was cleared (RFC 4254 section 7.1), as long as this link is kept, and gives the
    /// port that it chose where that was 0. What connects there comes by [`Link::openings`].
    ///
    /// # Errors
    /// When something else was cleared, or the target does not listen.
    pub async fn listen(&self, clearance: &Clearance) -> Result<u32, TargetError> {
        let endpoint = cleared(clearance, Direction::Remote)?;
        self.welcome.forwards();
        let listening = match endpoint {
            Endpoint::Port { host, port } => {
                let asked = self.handle.tcpip_forward(host, port.into());
                in_time(&self.name, asked).await?
            }
            Endpoint::Socket(path) => {
                let asked = self.handle.streamlocal_forward(path);
                in_time(&self.name, asked).await?.map(|()| 0)
            }
        };
        listening.map_err(|cause| self.not_forwarded(cause))
    }

    /// Has the target listen no more. A target that does not answer goes on until the link is dropped; what it opens
    /// then is refused.
    pub async fn unlisten(&self, forward: &Forward) {
        match &forward.endpoint {
            Endpoint::Port { host, port } => {
                let asked = self.handle.cancel_tcpip_forward(host, u32::from(*port));
                let _ = in_time(&self.name, asked).await;
            }
            Endpoint::Socket(path) => {
                let asked = self.handle.cancel_streamlocal_forward(path);
                let _ = in_time(&self.name, asked).await;
            }
        }
    }

    /// What the target opens; there is one to take.
    pub fn openings(&mut self) -> Option<Openings> {
        self.openings.take()
    }

    fn with(self, channel: Channel<Msg>, tasks: &TaskTracker) -> TargetChannel {
        let (input, output) = split(channel, &self.load, tasks);
        TargetChannel {
            input,
            output,
            link: self,
        }
    }

    fn failed(&self, cause: russh::Error) -> TargetError {
        let name = self.name.clone();
        TargetError::Protocol { name, cause }
    }

    fn not_forwarded(&self, cause: russh::Error) -> TargetError {
        let name = self.name.clone();
        TargetError::NotForwarded { name, cause }
    }
}

impl Openings {
    /// The next channel; `None` when the link is gone. Safe to cancel.
    pub async fn next(&mut self) -> Option<Opened> {
        self.opened.recv().await.map(|opened| *opened)
    }

    /// What takes channels over, so that the next is waited for meanwhile.
    pub fn acceptor(&self, tasks: &TaskTracker) -> Acceptor {
        Acceptor {
            load: Arc::clone(&self.load),
            tasks: tasks.clone(),
        }
    }
}

/// Takes over channels that a target opened.
pub struct Acceptor {
    load: Arc<Load>,
    tasks: TaskTracker,
}

impl Acceptor {
    /// Opens a channel; its messages are drained.
    pub async fn accept(&self, opened: Opened) -> (Drain, ChannelWriteHalf<Msg>) {
        split(opened.accept().await, &self.load, &self.tasks)
    }
}

fn split(
    channel: Channel<Msg>,
    load: &Arc<Load>,
    tasks: &TaskTracker,
) -> (Drain, ChannelWriteHalf<Msg>) {
    let (reader, output) = channel.split();
    let (filler, input) = queue(Gauge::new(Arc::clone(load)));
    tasks.spawn(pump(reader, filler));
    (input, output)
}

/// What a target is asked for, unless it takes too long.
async fn in_time<T>(name: &str, asked: impl Future<Output = T>) -> Result<T, TargetError> {
    let timed = tokio::time::timeout(DIAL_TIMEOUT, asked).await;
    timed.map_err(|_| TargetError::TimedOut {
        name: name.to_owned(),
    })
}

/// The forward of a clearance, read back from the bytes that were cleared.
fn cleared(clearance: &Clearance, direction: Direction) -> Result<Endpoint, TargetError> {
    match Forward::of(clearance.command()) {
        Some(forward) if forward.direction == direction => Ok(forward.endpoint),
        Some(_) | None => Err(TargetError::NotCleared),
    }
}
