//! How much the client may send: window grants that follow what its channels have waiting.
//!
//! A grant is never zero, because the SSH library would ignore it: two bytes keep a full channel alive and make
//! it notice when there is room again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use russh::ChannelId;

use crate::demo::target::inbox::Inbox;

/// The largest window.
pub(super) const LARGEST_GRANT: u32 = 2 * 1024 * 1024;
/// The smallest; one byte would be halved to nothing.
const SMALLEST_GRANT: u32 = 2;
/// A channel with less room than this is full.
const LITTLE_ROOM: usize = 64 * 1024;
/// What all channels of a connection together may have waiting.
const BUDGET: usize = 32 * 1024 * 1024;

/// The channels of one connection.
#[derive(Default)]
pub(super) struct Flow {
    channels: Mutex<HashMap<ChannelId, Arc<Inbox>>>,
}

impl Flow {
    fn channels(&self) -> MutexGuard<'_, HashMap<ChannelId, Arc<Inbox>>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, channel: ChannelId, inbox: Arc<Inbox>) {
        self.channels().insert(channel, inbox);
    }

    pub(super) fn remove(&self, channel: ChannelId) {
        self.channels().remove(&channel);
    }

    /// The next window of `channel`.
    pub(super) fn grant(&self, channel: ChannelId) -> u32 {
        let channels = self.channels();
        let room = channels
            .get(&channel)
            .map_or(usize::MAX, |inbox| inbox.room());
        if room < LITTLE_ROOM || over_budget(&channels) {
            return SMALLEST_GRANT;
        }
        u32::try_from(room)
            .unwrap_or(LARGEST_GRANT)
            .min(LARGEST_GRANT)
    }

    /// Whether reading from the client should slow down.
    pub(super) fn congested(&self) -> bool {
        let channels = self.channels();
        channels.values().any(|inbox| inbox.room() < LITTLE_ROOM) || over_budget(&channels)
    }
}

fn over_budget(channels: &HashMap<ChannelId, Arc<Inbox>>) -> bool {
    let queued: usize = channels.values().map(|inbox| inbox.queued()).sum();
    queued > BUDGET
}
