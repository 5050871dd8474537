//! A client's connection as its channels need it: the gauges that set their windows, and the channels that we open.
//!
//! Invariant: every channel has a gauge as long as somebody reads it, whoever opened it; none is left behind.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use russh::server::{self, ChannelOpenHandle, Msg};
use russh::{Channel, ChannelId, ChannelOpenFailure, ChannelWriteHalf};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use crate::domain::forward::Forward;
use crate::flow::{Drain, Gauge, Load, pump, queue};

/// Channels that one connection may have open.
const CHANNELS: usize = 100;
/// Channels that we may be opening on one connection at a time; more are refused until the client has answered.
pub(super) const OPENING: usize = 16;
/// How long a client may take to answer a channel that we open.
const ANSWER_TIME: Duration = Duration::from_secs(30);

/// The client's end of a channel.
pub struct ClientChannel {
    /// Its number on the connection.
    pub id: ChannelId,
    /// What comes from the client, in order.
    pub input: Drain,
    /// What goes to the client.
    pub output: ChannelWriteHalf<Msg>,
    /// The connection, for what the write half cannot send.
    pub connection: ClientConnection,
}

/// A channel that a client wants, to be decided about. Dropped, it is refused.
pub struct Offer {
    /// What the channel is to reach.
    pub forward: Forward,
    channel: ClientChannel,
    reply: ChannelOpenHandle,
}

impl Offer {
    pub(super) fn new(forward: Forward, channel: ClientChannel, reply: ChannelOpenHandle) -> Self {
        Self {
            forward,
            channel,
            reply,
        }
    }

    /// Opens it.
    pub async fn accept(self) -> ClientChannel {
        self.reply.accept().await;
        self.channel
    }

    /// Refuses it.
    pub async fn refuse(self, reason: ChannelOpenFailure) {
        self.reply.reject(reason).await;
    }
}

/// Why a client did not get a channel that we wanted to open.
#[derive(Debug, thiserror::Error)]
pub enum NotOpened {
    /// It has too many.
    #[error("the client has {CHANNELS} channels open")]
    Full,
    /// It refused, or is gone.
    #[error("the client did not open a channel: {0}")]
    Refused(#[from] russh::Error),
    /// The target opened something that it was not asked for.
    #[error("the target opened something else than it was asked to")]
    Uninvited,
    /// It did not answer.
    #[error("the client did not answer within {} s", ANSWER_TIME.as_secs())]
    TimedOut,
}

/// One client's connection.
#[derive(Clone)]
pub struct ClientConnection {
    handle: server::Handle,
    gauges: Gauges,
    opening: Arc<Semaphore>,
    tasks: TaskTracker,
}

impl ClientConnection {
    pub(super) fn new(
        handle: server::Handle,
        gauges: Gauges,
        opening: Arc<Semaphore>,
        tasks: TaskTracker,
    ) -> Self {
        Self {
            handle,
            gauges,
            opening,
            tasks,
        }
    }

    /// The library's handle.
    pub fn handle(&self) -> &server::Handle {
        &self.handle
    }

    /// Opens a channel for a connection that came to a port that a target listens on (RFC 4254 section 7.2).
    ///
    /// # Errors
    /// When the client does not take it.
    pub async fn open_port(
        &self,
        connected: (&str, u32),
        originator: (&str, u32),
    ) -> Result<ClientChannel, NotOpened> {
        self.open(self.handle.channel_open_forwarded_tcpip(
            connected.0,
            connected.1,
            originator.0,
            originator.1,
        ))
        .await
    }

    /// Opens a channel for a connection that came to a Unix socket (OpenSSH PROTOCOL section 2.4).
    ///
    /// # Errors
    /// When the client does not take it.
    pub async fn open_socket(&self, path: &str) -> Result<ClientChannel, NotOpened> {
        self.open(self.handle.channel_open_forwarded_streamlocal(path))
            .await
    }

    /// Opens a channel to the client's agent.
    ///
    /// # Errors
    /// When the client does not take it.
    pub async fn open_agent(&self) -> Result<ClientChannel, NotOpened> {
        self.open(self.handle.channel_open_agent()).await
    }

    async fn open(
        &self,
        opening: impl Future<Output = Result<Channel<Msg>, russh::Error>>,
    ) -> Result<ClientChannel, NotOpened> {
        let opening_one = self.opening.try_acquire();
        let _place = opening_one.map_err(|_| NotOpened::Full)?;
        if self.gauges.full() {
            return Err(NotOpened::Full);
        }
        match tokio::time::timeout(ANSWER_TIME, opening).await {
            Ok(channel) => Ok(self.adopt(channel?)),
            Err(_) => Err(NotOpened::TimedOut),
        }
    }

    /// Drains a channel into its counted queue.
    pub(super) fn adopt(&self, channel: Channel<Msg>) -> ClientChannel {
        let id = channel.id();
        let gauge = self.gauges.add(id);
        let (reader, output) = channel.split();
        let (filler, input) = queue(gauge);
        self.tasks.spawn(pump(reader, filler));
        ClientChannel {
            id,
            input,
            output,
            connection: self.clone(),
        }
    }
}

/// The gauges of a connection's channels.
#[derive(Clone)]
pub(super) struct Gauges {
    load: Arc<Load>,
    channels: Arc<Mutex<HashMap<ChannelId, Arc<Gauge>>>>,
}

impl Gauges {
    pub(super) fn new(load: Arc<Load>) -> Self {
        Self {
            load,
            channels: Arc::default(),
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut HashMap<ChannelId, Arc<Gauge>>) -> T) -> T {
        work(&mut self.channels.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn add(&self, id: ChannelId) -> Arc<Gauge> {
        let gauge = Gauge::new(Arc::clone(&self.load));
        self.with(|channels| channels.insert(id, Arc::clone(&gauge)));
        gauge
    }

    pub(super) fn remove(&self, id: ChannelId) {
        self.with(|channels| channels.remove(&id));
    }

    /// Whether there are as many channels as there may be. One that was refused is never closed: nobody reads it.
    pub(super) fn full(&self) -> bool {
        self.with(|channels| {
            if channels.len() >= CHANNELS {
                channels.retain(|_, gauge| Arc::strong_count(gauge) > 1);
            }
            channels.len() >= CHANNELS
        })
    }

    /// The window to grant a channel's peer; `current` for one that is not known.
    pub(super) fn window(&self, id: ChannelId, current: u32) -> u32 {
        let gauge = self.with(|channels| channels.get(&id).cloned());
        gauge.map_or(current, |gauge| gauge.window())
    }
}
