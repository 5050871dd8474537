//! What a target says without being asked: its host key, and the channels it opens.
//!
//! Invariant: a channel is refused unless one of its kind was welcomed before, and more than a few that wait are
//! refused as well. Nothing is decided about those that pass: they come out as [`Opened`].

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use russh::client::{self, ChannelOpenHandle, Msg};
use russh::keys::{PublicKey, PublicKeyOrCertificate};
use russh::{Channel, ChannelOpenFailure};
use tokio::sync::mpsc;

use crate::certificate::{fingerprint, verify_host_certificate};
use crate::config::HostTrust;
use crate::domain::principal::KeyFingerprint;

/// Channels that a target opened and nobody took yet; beyond it they are refused.
const WAITING: usize = 16;

/// Which channels a target may open.
#[derive(Debug, Clone, Default)]
pub(super) struct Welcome(Arc<Kinds>);

#[derive(Debug, Default)]
struct Kinds {
    forwards: AtomicBool,
    agents: AtomicBool,
}

impl Welcome {
    /// Those of the forward it was asked to listen for.
    pub(super) fn forwards(&self) {
        self.0.forwards.store(true, Ordering::Release);
    }

    /// Those to the client's agent.
    pub(super) fn agents(&self) {
        self.0.agents.store(true, Ordering::Release);
    }
}

/// What a channel that a target opened is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Somebody connected to a port that the target listens on (RFC 4254 section 7.2): to which it says itself, which
    /// is nothing to go by.
    Port {
        /// Where they came from.
        originator: String,
        /// From which port.
        originator_port: u32,
    },
    /// Somebody connected to a Unix socket.
    Socket,
    /// A program wants the client's agent.
    Agent,
}

/// A channel that a target opened because it was asked to. Dropped, it is refused.
pub struct Opened {
    /// What it is for.
    pub origin: Origin,
    channel: Channel<Msg>,
    reply: ChannelOpenHandle,
}

impl Opened {
    pub(super) async fn accept(self) -> Channel<Msg> {
        self.reply.accept().await;
        self.channel
    }
}

/// Verifies the host key and refuses whatever a target was not asked to open.
pub(super) struct HostCheck {
    names: Vec<String>,
    trust: HostTrust,
    /// The key that was accepted.
    key: Arc<OnceLock<KeyFingerprint>>,
    welcome: Welcome,
    /// Boxed: the queue's room is there whether anything comes or not.
    opened: mpsc::Sender<Box<Opened>>,
}

impl HostCheck {
    /// The check for a target of these names, and where the channels come out that it may open.
    pub(super) fn new(
        names: Vec<String>,
        trust: HostTrust,
        welcome: Welcome,
    ) -> (Self, mpsc::Receiver<Box<Opened>>) {
        let (opened, receiver) = mpsc::channel(WAITING);
        let check = Self {
            names,
            trust,
            key: Arc::default(),
            welcome,
            opened,
        };
        (check, receiver)
    }

    /// Where the key stands once it was accepted.
    pub(super) fn key(&self) -> Arc<OnceLock<KeyFingerprint>> {
        Arc::clone(&self.key)
    }

    fn verify(&self, shown: &PublicKeyOrCertificate) -> Option<PublicKey> {
        match (&self.trust, shown) {
            (HostTrust::Pinned(keys), PublicKeyOrCertificate::PublicKey { key, .. }) => {
                let same = |pinned: &PublicKey| pinned.key_data() == key.key_data();
                keys.iter().any(same).then(|| key.clone())
            }
            (HostTrust::Authority(authority), PublicKeyOrCertificate::Certificate(certificate)) => {
                let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
                let verified =
                    verify_host_certificate(certificate, authority, &names, Timestamp::now());
                if let Err(refused) = &verified {
                    tracing::warn!(target = %self.names.join("/"), %refused, "host certificate refused");
                }
                verified
                    .is_ok()
                    .then(|| PublicKey::from(certificate.public_key().clone()))
            }
            (HostTrust::Pinned(_), PublicKeyOrCertificate::Certificate(_))
            | (HostTrust::Authority(_), PublicKeyOrCertificate::PublicKey { .. }) => None,
        }
    }

    /// Passes on a channel of a kind that is welcome.
    async fn take(
        &self,
        welcome: &AtomicBool,
        origin: Origin,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
    ) {
        if !welcome.load(Ordering::Acquire) {
            return refuse(reply).await;
        }
        let opened = Box::new(Opened {
            origin,
            channel,
            reply,
        });
        if let Err(error) = self.opened.try_send(opened) {
            let left = error.into_inner();
            left.reply
                .reject(ChannelOpenFailure::ResourceShortage)
                .await;
        }
    }
}

async fn refuse(reply: ChannelOpenHandle) {
    reply
        .reject(ChannelOpenFailure::AdministrativelyProhibited)
        .await;
}

impl client::Handler for HostCheck {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        shown: &PublicKeyOrCertificate,
    ) -> Result<bool, Self::Error> {
        let key = self.verify(shown);
        if let Some(key) = &key {
            // Keys are exchanged anew later, with the same host key or not at all.
            let first = self.key.get_or_init(|| fingerprint(key));
            return Ok(*first == fingerprint(key));
        }
        Ok(false)
    }

    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        channel: Channel<Msg>,
        _address: &str,
        _port: u32,
        originator: &str,
        originator_port: u32,
        reply: client::ChannelOpenHandle,
        _session: &mut client::Session,
    ) -> Result<(), Self::Error> {
        let origin = Origin::Port {
            originator: originator.to_owned(),
            originator_port,
        };
        self.take(&self.welcome.0.forwards, origin, channel, reply)
            .await;
        Ok(())
    }

    async fn server_channel_open_forwarded_streamlocal(
        &mut self,
        channel: Channel<Msg>,
        _path: &str,
        reply: client::ChannelOpenHandle,
        _session: &mut client::Session,
    ) -> Result<(), Self::Error> {
        let origin = Origin::Socket;
        self.take(&self.welcome.0.forwards, origin, channel, reply)
            .await;
        Ok(())
    }

    async fn server_channel_open_agent_forward(
        &mut self,
        channel: Channel<Msg>,
        reply: client::ChannelOpenHandle,
        _session: &mut client::Session,
    ) -> Result<(), Self::Error> {
        let origin = Origin::Agent;
        self.take(&self.welcome.0.agents, origin, channel, reply)
            .await;
        Ok(())
    }

    async fn server_channel_open_session(
        &mut self,
        _channel: Channel<Msg>,
        reply: client::ChannelOpenHandle,
        _session: &mut client::Session,
    ) -> Result<(), Self::Error> {
        refuse(reply).await;
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
        refuse(reply).await;
        Ok(())
    }

    async fn server_channel_open_direct_streamlocal(
        &mut self,
        _channel: Channel<Msg>,
        _path: &str,
        reply: client::ChannelOpenHandle,
        _session: &mut client::Session,
    ) -> Result<(), Self::Error> {
        refuse(reply).await;
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
        refuse(reply).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
