//! The target's side of SSH: dialling with host key verification, logging in with a minted certificate, one session.
//!
//! Each session has a connection of its own, so that the reading of a target can stop without harm to another
//! session. Everything a target might open towards us (agents, forwards, X11) is refused.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use russh::client::{self, Msg};
use russh::keys::{Algorithm, Certificate, PrivateKey, PublicKey, PublicKeyOrCertificate};
use russh::{Channel, ChannelOpenFailure, ChannelWriteHalf};
use tokio::net::TcpStream;
use tokio_util::task::TaskTracker;

use crate::algorithms;
use crate::certificate::verify_host_certificate;
use crate::config::{HostTrust, TargetConfig};
use crate::domain::name::LoginName;
use crate::flow::{Drain, Gauge, Load, PromptSocket, TargetSocket, pump, queue};

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
}

/// A connection to a target whose host key is verified; nobody is logged in yet.
pub struct Dialled {
    name: String,
    handle: client::Handle<HostCheck>,
    from: Option<IpAddr>,
    load: Arc<Load>,
}

/// A connection that is logged in.
pub struct Link {
    name: String,
    handle: client::Handle<HostCheck>,
    load: Arc<Load>,
}

/// A session channel on a target, with the connection that it keeps open.
pub struct TargetChannel {
    /// What comes from the target, in order.
    pub input: Drain,
    /// What goes to the target.
    pub output: ChannelWriteHalf<Msg>,
    link: Link,
}

impl TargetChannel {
    /// The two directions, and the connection that must be kept as long as either is used.
    pub fn into_parts(self) -> (Drain, ChannelWriteHalf<Msg>, Link) {
        (self.input, self.output, self.link)
    }
}

/// Connects to a target and verifies its host key.
///
/// # Errors
/// When it cannot be reached in time or is not who it should be.
pub async fn dial(target: &TargetConfig) -> Result<Dialled, TargetError> {
    let name = target.info.name.to_string();
    match tokio::time::timeout(DIAL_TIMEOUT, connect(target)).await {
        Ok(dialled) => dialled,
        Err(_) => Err(TargetError::TimedOut { name }),
    }
}

async fn connect(target: &TargetConfig) -> Result<Dialled, TargetError> {
    let name = target.info.name.to_string();
    let unreachable = |cause| TargetError::Unreachable {
        name: name.clone(),
        cause,
    };
    let socket = TcpStream::connect((target.address.as_str(), target.port))
        .await
        .map_err(unreachable)?;
    socket.set_nodelay(true).map_err(unreachable)?;
    let from = socket
        .local_addr()
        .map(|address: SocketAddr| address.ip())
        .ok();
    let load = Arc::new(Load::default());
    let check = HostCheck {
        names: vec![name.clone(), target.address.clone()],
        trust: target.host.clone(),
    };
    let settings = Arc::new(settings(&target.host));
    match client::connect_stream(
        settings,
        TargetSocket::new(PromptSocket::new(socket), Arc::clone(&load)),
        check,
    )
    .await
    {
        Ok(handle) => Ok(Dialled {
            name,
            handle,
            from,
            load,
        }),
        Err(russh::Error::UnknownKey) => Err(TargetError::HostKey(name)),
        Err(cause) => Err(TargetError::Protocol { name, cause }),
    }
}

fn settings(trust: &HostTrust) -> client::Config {
    let mut preferred = algorithms::preferred();
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
    let weak = Algorithm::Rsa { hash: None };
    russh::Preferred::DEFAULT
        .key
        .iter()
        .filter(|a| **a != weak && pinned(a))
        .cloned()
        .collect()
}

impl Dialled {
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
        match tokio::time::timeout(DIAL_TIMEOUT, self.handle.channel_open_session()).await {
            Err(_) => Err(TargetError::TimedOut { name: self.name }),
            Ok(Err(cause)) => Err(TargetError::Protocol {
                name: self.name,
                cause,
            }),
            Ok(Ok(channel)) => {
                let (reader, output) = channel.split();
                let (filler, input) = queue(Gauge::new(Arc::clone(&self.load)));
                tasks.spawn(pump(reader, filler));
                Ok(TargetChannel {
                    input,
                    output,
                    link: self,
                })
            }
        }
    }
}

/// Verifies the host key and refuses whatever a target opens.
struct HostCheck {
    names: Vec<String>,
    trust: HostTrust,
}

impl client::Handler for HostCheck {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        shown: &PublicKeyOrCertificate,
    ) -> Result<bool, Self::Error> {
        Ok(match (&self.trust, shown) {
            (HostTrust::Pinned(keys), PublicKeyOrCertificate::PublicKey { key, .. }) => keys
                .iter()
                .any(|pinned| pinned.key_data() == key.key_data()),
            (HostTrust::Authority(authority), PublicKeyOrCertificate::Certificate(certificate)) => {
                let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
                let verified =
                    verify_host_certificate(certificate, authority, &names, Timestamp::now());
                if let Err(refused) = &verified {
                    tracing::warn!(target = %self.names.join("/"), %refused, "host certificate refused");
                }
                verified.is_ok()
            }
            (HostTrust::Pinned(_), PublicKeyOrCertificate::Certificate(_))
            | (HostTrust::Authority(_), PublicKeyOrCertificate::PublicKey { .. }) => false,
        })
    }

    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        _channel: Channel<Msg>,
        _address: &str,
        _port: u32,
        _originator_address: &str,
        _originator_port: u32,
        reply: client::ChannelOpenHandle,
        _session: &mut client::Session,
    ) -> Result<(), Self::Error> {
        reply
            .reject(ChannelOpenFailure::AdministrativelyProhibited)
            .await;
        Ok(())
    }

    async fn server_channel_open_forwarded_streamlocal(
        &mut self,
        _channel: Channel<Msg>,
        _path: &str,
        reply: client::ChannelOpenHandle,
        _session: &mut client::Session,
    ) -> Result<(), Self::Error> {
        reply
            .reject(ChannelOpenFailure::AdministrativelyProhibited)
            .await;
        Ok(())
    }

    async fn server_channel_open_agent_forward(
        &mut self,
        _channel: Channel<Msg>,
        reply: client::ChannelOpenHandle,
        _session: &mut client::Session,
    ) -> Result<(), Self::Error> {
        reply
            .reject(ChannelOpenFailure::AdministrativelyProhibited)
            .await;
        Ok(())
    }

    async fn server_channel_open_session(
        &mut self,
        _channel: Channel<Msg>,
        reply: client::ChannelOpenHandle,
        _session: &mut client::Session,
    ) -> Result<(), Self::Error> {
        reply
            .reject(ChannelOpenFailure::AdministrativelyProhibited)
            .await;
        Ok(())
    }

    async fn server_channel_open_direct_tcpip(
        &mut self,
        _channel: Channel<Msg>,
        _host: &str,
        _port: u32,
        _originator_address: &str,
        _originator_port: u32,
        reply: client::ChannelOpenHandle,
        _session: &mut client::Session,
    ) -> Result<(), Self::Error> {
        reply
            .reject(ChannelOpenFailure::AdministrativelyProhibited)
            .await;
        Ok(())
    }

    async fn server_channel_open_direct_streamlocal(
        &mut self,
        _channel: Channel<Msg>,
        _path: &str,
        reply: client::ChannelOpenHandle,
        _session: &mut client::Session,
    ) -> Result<(), Self::Error> {
        reply
            .reject(ChannelOpenFailure::AdministrativelyProhibited)
            .await;
        Ok(())
    }

    async fn server_channel_open_x11(
        &mut self,
        _channel: Channel<Msg>,
        _address: &str,
        _port: u32,
        reply: client::ChannelOpenHandle,
        _session: &mut client::Session,
    ) -> Result<(), Self::Error> {
        reply
            .reject(ChannelOpenFailure::AdministrativelyProhibited)
            .await;
        Ok(())
    }
}
