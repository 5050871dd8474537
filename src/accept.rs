//! The client's side of SSH: the library's callbacks turned into questions for a [`Reception`].
//!
//! Nothing is decided here. Every request on a channel is answered at once, because OpenSSH sends the next without
//! waiting, and is found again, in order, in the channel's queue. No callback waits for a person: what takes long is a
//! round of keyboard-interactive or a task of its own. One waits for a target, for seconds: the protocol has no other
//! way to say whether it listens ([`Reception::listen`]).

mod callbacks;

mod connection;

pub mod farewell;

pub mod greeting;

pub mod limits;

pub mod proxy;

use std::borrow::Cow;
use std::time::Duration;

use russh::keys::{Certificate, PrivateKey, PublicKey};
use russh::server;
use russh::{ChannelOpenFailure, MethodKind, MethodSet};

use crate::domain::forward::Forward;

pub use callbacks::Callbacks;
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

/// How we name ourselves (RFC 4253 section 4.2).
const VERSION: &str = concat!("SSH-2.0-Countersign_", env!("CARGO_PKG_VERSION"));

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

/// The library's settings for clients: what is offered, the key and certificate that prove who we are, and when new
/// keys are exchanged.
pub fn settings(
    host_key: PrivateKey,
    certificate: Certificate,
    preferred: russh::Preferred,
    limits: russh::Limits,
) -> server::Config {
    let mut methods = MethodSet::empty();
    methods.push(MethodKind::PublicKey);
    methods.push(MethodKind::KeyboardInteractive);
    server::Config {
        server_id: russh::SshId::Standard(Cow::Borrowed(VERSION)),
        limits,
        methods,
        auth_rejection_time: REJECTION_TIME,
        auth_rejection_time_initial: Some(Duration::ZERO),
        keys: vec![host_key],
        certificates: vec![certificate],
        window_size: WINDOW_BYTES,
        maximum_packet_size: PACKET_BYTES,
        preferred,
        max_auth_attempts: AUTHENTICATION_ATTEMPTS,
        inactivity_timeout: None,
        keepalive_interval: Some(KEEPALIVE),
        keepalive_max: UNANSWERED,
        nodelay: true,
        ..server::Config::default()
    }
}
