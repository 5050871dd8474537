//! Flow control between an SSH library that never waits and peers that may.
//!
//! The library re-grants a channel's window on receipt and then blocks its whole connection on a short queue, so that
//! one stalled channel would stall all. Here every channel's messages are drained at once into a queue that is
//! *counted*: the count sets the window that the peer is granted, and beyond it paces the socket. Nothing is lost
//! and memory stays bounded; see DESIGN §5.

mod ahead;

mod paced;

mod pulse;

mod queue;

mod stream;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures::task::AtomicWaker;

pub use ahead::ReadAhead;
pub use paced::{ClientSocket, PromptSocket, TargetSocket};
pub use pulse::{Pulse, Waiting, idle_for};
pub use queue::{Credited, Drain, Ended, Filler, Item, pump, queue};
pub use stream::ChannelStream;

/// Bytes of one channel that may wait here before its peer is slowed.
const CHANNEL_BYTES: usize = 3 * 1024 * 1024;

/// The window that an idle channel is granted.
const WINDOW_BYTES: usize = 2 * 1024 * 1024;

/// Below this much room a channel counts as congested.
const CONGESTED_ROOM: usize = 64 * 1024;

/// Bytes of all channels of one connection that may wait before all of them are slowed.
const CONNECTION_BYTES: usize = 64 * 1024 * 1024;

/// Bytes of one connection at which it is ended: its peer ignores the windows it was granted.
pub const HARD_LIMIT: usize = 256 * 1024 * 1024;

/// The window that keeps a congested channel alive: two bytes, each of which asks for the next grant.
const TRICKLE: u32 = 2;

/// What waits of one connection, over all of its channels.
#[derive(Debug, Default)]
pub struct Load {
    queued: AtomicUsize,
    congested: AtomicUsize,
    eased: AtomicWaker,
    pulse: Pulse,
}

impl Load {
    /// The load of a connection whose data is noted by `pulse`.
    pub fn with(pulse: Pulse) -> Self {
        Self {
            pulse,
            ..Self::default()
        }
    }

    fn queued(&self) -> usize {
        self.queued.load(Ordering::Acquire)
    }

    fn is_congested(&self) -> bool {
        self.congested.load(Ordering::Acquire) > 0 || self.queued() > CONNECTION_BYTES
    }
}

/// What waits of one channel. Shared by the queue, which counts, and the connection, which grants windows.
#[derive(Debug)]
pub struct Gauge {
    load: Arc<Load>,
    queued: AtomicUsize,
    congested: AtomicBool,
}

impl Gauge {
    /// The gauge of a new channel of the connection with that load.
    pub fn new(load: Arc<Load>) -> Arc<Self> {
        Arc::new(Self {
            load,
            queued: AtomicUsize::new(0),
            congested: AtomicBool::new(false),
        })
    }

    /// The window to grant the channel's peer now.
    pub fn window(&self) -> u32 {
        let room = CHANNEL_BYTES.saturating_sub(self.queued.load(Ordering::Acquire));
        if room < CONGESTED_ROOM || self.load.queued() > CONNECTION_BYTES {
            return TRICKLE;
        }
        u32::try_from(room.min(WINDOW_BYTES)).unwrap_or(TRICKLE)
    }

    fn add(&self, bytes: usize) {
        let before = self.queued.fetch_add(bytes, Ordering::AcqRel);
        self.load.queued.fetch_add(bytes, Ordering::AcqRel);
        self.weigh(before + bytes);
    }

    fn subtract(&self, bytes: usize) {
        let before = self.queued.fetch_sub(bytes, Ordering::AcqRel);
        self.load.queued.fetch_sub(bytes, Ordering::AcqRel);
        self.weigh(before.saturating_sub(bytes));
        self.load.eased.wake();
    }

    fn weigh(&self, queued: usize) {
        let congested = queued + CONGESTED_ROOM > CHANNEL_BYTES;
        if self.congested.swap(congested, Ordering::AcqRel) != congested {
            match congested {
                true => self.load.congested.fetch_add(1, Ordering::AcqRel),
                false => self.load.congested.fetch_sub(1, Ordering::AcqRel),
            };
        }
    }
}

#[cfg(test)]
mod tests;
