//! The client's side of SSH: the library's callbacks turned into questions for a [`Reception`].
//!
//! Nothing is decided here. Every request on a channel is answered at once, because OpenSSH sends the next without
//! waiting, and is found again, in order, in the channel's [`Drain`]. Callbacks that would wait for a person or a
//! target do not exist: what takes long is a round of keyboard-interactive or a task of its own.

mod connection;

pub mod limits;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use russh::keys::{Certificate, PrivateKey, PublicKey};
use russh::server::{self, Auth, Msg, Session};
use russh::{Channel, ChannelId, ChannelOpenFailure, MethodKind, MethodSet};
use tokio_util::task::TaskTracker;

use crate::algorithms;
use crate::domain::forward::{Direction, Endpoint, Forward};
use crate::flow::Load;
use connection::Gauges;

pub use connection::{ClientChannel, ClientConnection, NotOpened, Offer};

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

/// What a client opens a channel for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish<'a> {
    /// A shell, a command or a subsystem.
    Session,
    /// A connection to a host and port (`ssh -J`, `-W`, `-L`, `-D`).
    Port(&'a str, u32),
    /// A connection to a Unix socket (`ssh -L`).
    Socket(&'a str),
}

/// When a channel that is wanted is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Now: what it is for is decided inside.
    Now,
    /// When it was decided that it may be, if ever.
    Decided,
}

/// A channel that a client wants.
pub enum Opened {
    /// For a shell, a command or a subsystem.
    Session(ClientChannel),
    /// For a second SSH connection to a host (`ssh -J`).
    Jump {
        /// The channel.
        channel: ClientChannel,
        /// The host that was asked for.
        host: String,
    },
    /// Through a target to something beside it; not opened yet.
    Forward(Offer),
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

    /// May there be such a channel, and when?
    ///
    /// # Errors
    /// The reason to refuse it with.
    fn admits(&mut self, wish: Wish<'_>) -> Result<When, ChannelOpenFailure>;

    /// Takes over a channel that was admitted; its task is the reception's.
    fn opened(&mut self, opened: Opened);

    /// May a target listen for the client? Gives the port that the target chose where the client left that open, else
    /// 0; `None` when it does not listen. The protocol wants the answer in order, so that this connection waits for it:
    /// it comes within seconds.
    fn listen(
        &mut self,
        forward: Forward,
        connection: ClientConnection,
    ) -> impl Future<Output = Option<u32>> + Send;

    /// Ends the listening of a forward; whether there was any.
    fn unlisten(&mut self, forward: &Forward) -> bool;
}

/// One connection's callbacks.
pub struct Callbacks<R> {
    reception: R,
    gauges: Gauges,
    tasks: TaskTracker,
}

impl<R: Reception> Callbacks<R> {
    /// Callbacks that ask `reception`, pace by `load` and spawn on `tasks`.
    pub fn new(reception: R, load: Arc<Load>, tasks: TaskTracker) -> Self {
        Self {
            reception,
            gauges: Gauges::new(load),
            tasks,
        }
    }

    fn connection(&self, session: &Session) -> ClientConnection {
        ClientConnection::new(session.handle(), self.gauges.clone(), self.tasks.clone())
    }

    fn admits(&mut self, wish: Wish<'_>) -> Result<When, ChannelOpenFailure> {
        if self.gauges.full() {
            return Err(ChannelOpenFailure::ResourceShortage);
        }
        self.reception.admits(wish)
    }

    /// A channel to somewhere: a jump is opened at once, a forward when it was decided about.
    async fn direct(
        &mut self,
        channel: Channel<Msg>,
        wish: Wish<'_>,
        reply: server::ChannelOpenHandle,
        connection: ClientConnection,
    ) {
        let forward = match wish {
            Wish::Session => return reply.reject(ChannelOpenFailure::ConnectFailed).await,
            Wish::Port(host, port) => Forward::port(Direction::Local, host, port),
            Wish::Socket(path) => Forward::socket(Direction::Local, path),
        };
        let (when, forward) = match (self.admits(wish), forward) {
            (Ok(when), Ok(forward)) => (when, forward),
            (Err(reason), _) => return reply.reject(reason).await,
            (Ok(_), Err(_)) => return reply.reject(ChannelOpenFailure::ConnectFailed).await,
        };
        let channel = connection.adopt(channel);
        let opened = match (when, forward) {
            (
                When::Now,
                Forward {
                    endpoint: Endpoint::Port { host, .. },
                    ..
                },
            ) => {
                reply.accept().await;
                Opened::Jump { channel, host }
            }
            (When::Now | When::Decided, forward) => {
                Opened::Forward(Offer::new(forward, channel, reply))
            }
        };
        self.reception.opened(opened);
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
        match self.admits(Wish::Session) {
            Ok(_) => {
                reply.accept().await;
                let channel = self.connection(session).adopt(channel);
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
        let connection = self.connection(session);
        self.direct(channel, Wish::Port(host, port), reply, connection)
            .await;
        Ok(())
    }

    async fn channel_open_direct_streamlocal(
        &mut self,
        channel: Channel<Msg>,
        path: &str,
        reply: server::ChannelOpenHandle,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let connection = self.connection(session);
        self.direct(channel, Wish::Socket(path), reply, connection)
            .await;
        Ok(())
    }

    async fn tcpip_forward(
        &mut self,
        address: &str,
        port: &mut u32,
        session: &mut Session,
    ) -> Result<bool, Self::Error> {
        let Ok(forward) = Forward::port(Direction::Remote, address, *port) else {
            return Ok(false);
        };
        let connection = self.connection(session);
        let listening = self.reception.listen(forward, connection).await;
        if let (Some(chosen), 0) = (listening, *port) {
            *port = chosen;
        }
        Ok(listening.is_some())
    }

    async fn cancel_tcpip_forward(
        &mut self,
        address: &str,
        port: u32,
        _session: &mut Session,
    ) -> Result<bool, Self::Error> {
        let forward = Forward::port(Direction::Remote, address, port);
        Ok(forward.is_ok_and(|forward| self.reception.unlisten(&forward)))
    }

    async fn streamlocal_forward(
        &mut self,
        path: &str,
        session: &mut Session,
    ) -> Result<bool, Self::Error> {
        let Ok(forward) = Forward::socket(Direction::Remote, path) else {
            return Ok(false);
        };
        let connection = self.connection(session);
        Ok(self.reception.listen(forward, connection).await.is_some())
    }

    async fn cancel_streamlocal_forward(
        &mut self,
        path: &str,
        _session: &mut Session,
    ) -> Result<bool, Self::Error> {
        let forward = Forward::socket(Direction::Remote, path);
        Ok(forward.is_ok_and(|forward| self.reception.unlisten(&forward)))
    }

    async fn channel_close(
        &mut self,
        channel: ChannelId,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.gauges.remove(channel);
        Ok(())
    }

    fn adjust_window(&mut self, channel: ChannelId, current: u32) -> u32 {
        self.gauges.window(channel, current)
    }

    // Whether the agent is passed on is decided when the program starts; a client that may not is told there.
    async fn agent_request(
        &mut self,
        _channel: ChannelId,
        _session: &mut Session,
    ) -> Result<bool, Self::Error> {
        Ok(true)
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
