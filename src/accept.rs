//! The client's side of SSH: the library's callbacks turned into questions for a [`Reception`].
//!
//! Nothing is decided here. Every request on a channel is answered at once, because OpenSSH sends the next without
//! waiting, and is found again, in order, in the channel's [`Drain`]. Callbacks that would wait for a person or a
//! target do not exist: what takes long is a round of keyboard-interactive or a task of its own.

pub mod limits;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use russh::keys::{Certificate, PrivateKey, PublicKey};
use russh::server::{self, Auth, Msg, Session};
use russh::{Channel, ChannelId, ChannelOpenFailure, ChannelWriteHalf, MethodKind, MethodSet};
use tokio_util::task::TaskTracker;

use crate::algorithms;
use crate::flow::{Drain, Gauge, Load, pump, queue};

/// Largest packet we take (RFC 4253 section 6.1 asks for 32768 at least).
const PACKET_BYTES: u32 = 32 * 1024;
/// The window a channel begins with.
const WINDOW_BYTES: u32 = 2 * 1024 * 1024;
/// How long a refused authentication takes, whatever its reason.
const REJECTION_TIME: Duration = Duration::from_millis(300);
/// Sign-in rounds are authentication attempts to the library; a sign-in may take hundreds of them.
const AUTHENTICATION_ATTEMPTS: usize = 20;
/// How often a silent client is asked whether it is still there, and how often it may not answer: a laptop may sleep
/// for ten minutes.
const KEEPALIVE: Duration = Duration::from_secs(30);
const UNANSWERED: usize = 20;
/// Channels that one connection may have open.
const CHANNELS: usize = 100;

/// What becomes of an authentication attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// The client is in.
    Accept,
    /// The key is proved; the person has to sign in by keyboard-interactive, or the client proves another key.
    SignIn,
    /// Not with this.
    Refuse,
}

/// What the next round of a sign-in shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Round {
    /// A text for the terminal; nothing is asked.
    Say(String),
    /// Nothing new: the client is only asked whether it is still there.
    Wait,
    /// The client is in.
    Accept,
    /// The sign-in failed; the reason was said in a round before.
    Refuse,
}

/// A channel that a client opened.
pub enum Opened {
    /// For a shell, a command or a subsystem.
    Session(ClientChannel),
    /// To a host and port (`ssh -J`, `-W`, `-L`).
    Direct {
        /// The channel.
        channel: ClientChannel,
        /// The host that was asked for.
        host: String,
        /// The port.
        port: u32,
    },
}

/// The client's end of a channel.
pub struct ClientChannel {
    /// Its number on the connection.
    pub id: ChannelId,
    /// What comes from the client, in order.
    pub input: Drain,
    /// What goes to the client.
    pub output: ChannelWriteHalf<Msg>,
    /// The connection, for what the write half cannot send.
    pub connection: server::Handle,
}

/// Whoever answers the questions of one connection.
pub trait Reception: Send + 'static {
    /// Shown to the client before it logs in.
    fn banner(&self) -> Option<String>;

    /// May this key, whose possession the client has proved, log in as `user`?
    fn key(&mut self, user: &str, key: &PublicKey) -> impl Future<Output = Admission> + Send;

    /// May this certificate, whose key the client has proved, log in as `user`?
    fn certificate(
        &mut self,
        user: &str,
        certificate: &Certificate,
    ) -> impl Future<Output = Admission> + Send;

    /// The next round of the sign-in of whoever proved a key before. Returns within seconds.
    fn round(&mut self) -> impl Future<Output = Round> + Send;

    /// The client is in.
    fn entered(&mut self);

    /// A channel was opened. It is confirmed already; its task is the reception's.
    ///
    /// # Errors
    /// The reason to refuse it with.
    fn admits(&mut self, direct: Option<(&str, u32)>) -> Result<(), ChannelOpenFailure>;

    /// Takes over a channel that was admitted.
    fn opened(&mut self, opened: Opened);
}

/// One connection's callbacks.
pub struct Callbacks<R> {
    reception: R,
    load: Arc<Load>,
    gauges: HashMap<ChannelId, Arc<Gauge>>,
    tasks: TaskTracker,
}

impl<R: Reception> Callbacks<R> {
    /// Callbacks that ask `reception`, pace by `load` and spawn on `tasks`.
    pub fn new(reception: R, load: Arc<Load>, tasks: TaskTracker) -> Self {
        Self {
            reception,
            load,
            gauges: HashMap::new(),
            tasks,
        }
    }

    fn adopt(&mut self, channel: Channel<Msg>, session: &Session) -> ClientChannel {
        let id = channel.id();
        let gauge = Gauge::new(Arc::clone(&self.load));
        self.gauges.insert(id, Arc::clone(&gauge));
        let (reader, output) = channel.split();
        let (filler, input) = queue(gauge);
        self.tasks.spawn(pump(reader, filler));
        ClientChannel {
            id,
            input,
            output,
            connection: session.handle(),
        }
    }

    fn admits(&mut self, direct: Option<(&str, u32)>) -> Result<(), ChannelOpenFailure> {
        if self.gauges.len() >= CHANNELS {
            return Err(ChannelOpenFailure::ResourceShortage);
        }
        self.reception.admits(direct)
    }
}

fn answer(admission: Admission) -> Auth {
    match admission {
        Admission::Accept => Auth::Accept,
        Admission::Refuse => Auth::reject(),
        Admission::SignIn => Auth::Reject {
            proceed_with_methods: Some(MethodSet::from(
                &[MethodKind::PublicKey, MethodKind::KeyboardInteractive][..],
            )),
            partial_success: true,
        },
    }
}

impl<R: Reception> server::Handler for Callbacks<R> {
    type Error = russh::Error;

    async fn authentication_banner(&mut self) -> Result<Option<String>, Self::Error> {
        Ok(self.reception.banner())
    }

    async fn auth_publickey(
        &mut self,
        user: &str,
        key: server::VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        Ok(answer(self.reception.key(user, key.public_key).await))
    }

    async fn auth_openssh_certificate(
        &mut self,
        user: &str,
        certificate: &Certificate,
    ) -> Result<Auth, Self::Error> {
        Ok(answer(self.reception.certificate(user, certificate).await))
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        _user: &str,
        _submethods: &str,
        _response: Option<server::Response<'a>>,
    ) -> Result<Auth, Self::Error> {
        let say = |instructions: Cow<'static, str>| Auth::Partial {
            name: Cow::Borrowed(""),
            instructions,
            prompts: Cow::Borrowed(&[]),
        };
        Ok(match self.reception.round().await {
            Round::Say(text) => say(Cow::Owned(text)),
            Round::Wait => say(Cow::Borrowed("")),
            Round::Accept => Auth::Accept,
            Round::Refuse => Auth::reject(),
        })
    }

    async fn auth_succeeded(&mut self, _session: &mut Session) -> Result<(), Self::Error> {
        self.reception.entered();
        Ok(())
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: server::ChannelOpenHandle,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        match self.admits(None) {
            Ok(()) => {
                reply.accept().await;
                let channel = self.adopt(channel, session);
                self.reception.opened(Opened::Session(channel));
            }
            Err(reason) => reply.reject(reason).await,
        }
        Ok(())
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        channel: Channel<Msg>,
        host: &str,
        port: u32,
        _originator_address: &str,
        _originator_port: u32,
        reply: server::ChannelOpenHandle,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        match self.admits(Some((host, port))) {
            Ok(()) => {
                reply.accept().await;
                let channel = self.adopt(channel, session);
                self.reception.opened(Opened::Direct {
                    channel,
                    host: host.to_owned(),
                    port,
                });
            }
            Err(reason) => reply.reject(reason).await,
        }
        Ok(())
    }

    async fn channel_close(
        &mut self,
        channel: ChannelId,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.gauges.remove(&channel);
        Ok(())
    }

    fn adjust_window(&mut self, channel: ChannelId, current: u32) -> u32 {
        self.gauges
            .get(&channel)
            .map_or(current, |gauge| gauge.window())
    }

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        _term: &str,
        _columns: u32,
        _rows: u32,
        _width: u32,
        _height: u32,
        _modes: &[(russh::Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_success(channel)
    }

    async fn env_request(
        &mut self,
        channel: ChannelId,
        _name: &str,
        _value: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_success(channel)
    }

    async fn shell_request(
        &mut self,
        channel: ChannelId,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_success(channel)
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        _command: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_success(channel)
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        _name: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_success(channel)
    }

    async fn x11_request(
        &mut self,
        channel: ChannelId,
        _single: bool,
        _protocol: &str,
        _cookie: &str,
        _screen: u32,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_failure(channel)
    }
}

/// The library's settings for clients: what is offered, and the key and certificate that prove who we are.
pub fn settings(host_key: PrivateKey, certificate: Certificate) -> server::Config {
    let mut methods = MethodSet::empty();
    methods.push(MethodKind::PublicKey);
    methods.push(MethodKind::KeyboardInteractive);
    server::Config {
        server_id: russh::SshId::Standard(Cow::Borrowed(concat!(
            "SSH-2.0-Countersign_",
            env!("CARGO_PKG_VERSION")
        ))),
        methods,
        auth_rejection_time: REJECTION_TIME,
        auth_rejection_time_initial: Some(Duration::ZERO),
        keys: vec![host_key],
        certificates: vec![certificate],
        window_size: WINDOW_BYTES,
        maximum_packet_size: PACKET_BYTES,
        preferred: algorithms::preferred(),
        max_auth_attempts: AUTHENTICATION_ATTEMPTS,
        inactivity_timeout: None,
        keepalive_interval: Some(KEEPALIVE),
        keepalive_max: UNANSWERED,
        nodelay: true,
        ..server::Config::default()
    }
}
