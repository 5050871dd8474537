//! How many connections may be open: in all, before they are identified, and before that from one address; and how
//! much of something one person may have. Of IPv6 a network of 64 bits is one address: one machine has all of it.
//!
//! A [`Place`] or a [`Share`] is held as long as what it was taken for, and gives its seat back by itself. As the
//! seats for the unidentified fill up, more and more new connections are dropped at random, as `sshd` does with
//! `MaxStartups`: whoever floods the bastion is dropped most often, and everybody else gets in at a second attempt.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use crate::config::ConnectionLimits;

/// Why a connection is not taken, in words for its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// Too many connections in all.
    #[error("too many connections are open; try again later")]
    Connections,
    /// Too many that are not identified, or one of those that are dropped at random before there are too many.
    #[error("too many clients are signing in at once; try again")]
    Unidentified,
    /// Too many that are not identified, from this address.
    #[error("too many clients are signing in from your address at once; try again")]
    Address,
}

/// A random number from 0 to 99, which decides whether a new connection is dropped early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lot(u8);

impl Lot {
    /// A lot from the system's random bytes; the unluckiest one when there are none.
    pub fn draw() -> Self {
        let mut random = [0; 8];
        match aws_lc_rs::rand::fill(&mut random) {
            Ok(()) => Self::of(u64::from_le_bytes(random)),
            Err(_) => Self(0),
        }
    }

    fn of(random: u64) -> Self {
        Self(u8::try_from(random % 100).unwrap_or(0))
    }
}

/// Whether one more connection is dropped, by how many are not identified: never below the start, always at the
/// limit, and in between with a chance that rises in a line from the rate to certainty.
pub fn drops(limits: ConnectionLimits, unidentified: usize, lot: Lot) -> bool {
    let ConnectionLimits {
        unidentified: full,
        early_drop_start: start,
        early_drop_rate: rate,
        ..
    } = limits;
    if unidentified >= full {
        return true;
    }
    let Some(beyond) = unidentified.checked_sub(start) else {
        return false;
    };
    let rate = usize::from(rate.min(100));
    // Below the limit and not below the start, so that the span is at least one.
    let chance = rate + (100 - rate) * beyond / full.saturating_sub(start).max(1);
    usize::from(lot.0) < chance
}

#[derive(Debug, Default)]
struct Counts {
    connections: usize,
    unidentified: usize,
    by_address: HashMap<Neighbourhood, usize>,
}

/// Counts connections against the limits.
#[derive(Debug, Clone, Default)]
pub struct Seats(Arc<Mutex<Counts>>);

impl Seats {
    /// A place for a new connection, whose source is not counted yet.
    ///
    /// # Errors
    /// When there are too many in all, or too many that are not identified for this lot.
    pub fn take(&self, limits: ConnectionLimits, lot: Lot) -> Result<Place, Full> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.connections >= limits.open {
            return Err(Full::Connections);
        }
        if drops(limits, counts.unidentified, lot) {
            return Err(Full::Unidentified);
        }
        counts.connections += 1;
        counts.unidentified += 1;
        Ok(Place {
            seats: self.clone(),
            stage: Stage::Unknown,
        })
    }

    /// Connections that are open.
    pub fn open(&self) -> usize {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .connections
    }
}

/// The addresses that count as one: an IPv4 address, or the network of 64 bits of an IPv6 address, within which a
/// machine chooses addresses as it likes (RFC 4291 section 2.5.1, RFC 8981).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Neighbourhood(IpAddr);

impl Neighbourhood {
    fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => address.into(),
            IpAddr::V6(address) => {
                let network = address.to_bits() & (u128::MAX << 64);
                Ipv6Addr::from_bits(network).into()
            }
        })
    }
}

/// What is known of an open connection, and so how it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Unknown,
    From(Neighbourhood),
    Identified,
}

/// The place of one open connection.
#[derive(Debug)]
pub struct Place {
    seats: Seats,
    stage: Stage,
}

impl Place {
    /// The connection comes from `source`, and counts among those of that address until it is identified.
    ///
    /// # Errors
    /// When there are too many from there.
    pub fn comes_from(&mut self, source: IpAddr, limits: ConnectionLimits) -> Result<(), Full> {
        let mut counts = self.seats.0.lock().unwrap_or_else(PoisonError::into_inner);
        match self.stage {
            Stage::From(_) | Stage::Identified => return Ok(()),
            Stage::Unknown => {}
        }
        let source = Neighbourhood::of(source);
        let here = counts.by_address.get(&source).copied().unwrap_or(0);
        if here >= limits.unidentified_per_address {
            return Err(Full::Address);
        }
        counts.by_address.insert(source, here + 1);
        self.stage = Stage::From(source);
        Ok(())
    }

    /// The connection is identified: it counts only among all connections from now on.
    pub fn identified(&mut self) {
        let before = std::mem::replace(&mut self.stage, Stage::Identified);
        let mut counts = self.seats.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.leave(before);
    }
}

impl Counts {
    fn leave(&mut self, stage: Stage) {
        match stage {
            Stage::Identified => return,
            Stage::Unknown => {}
            Stage::From(source) => less(&mut self.by_address, &source),
        }
        self.unidentified = self.unidentified.saturating_sub(1);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.seats.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.connections = counts.connections.saturating_sub(1);
        counts.leave(self.stage);
    }
}

fn less<K: Hash + Eq>(counts: &mut HashMap<K, usize>, key: &K) {
    match counts.get_mut(key) {
        Some(count) if *count > 1 => *count -= 1,
        Some(_) | None => {
            counts.remove(key);
        }
    }
}

/// Counts how much of something each of many has.
#[derive(Debug)]
pub struct Shares<K: Hash + Eq>(Arc<Mutex<HashMap<K, usize>>>);

/// One of what is counted; no longer when this is dropped.
#[derive(Debug)]
pub struct Share<K: Hash + Eq> {
    shares: Shares<K>,
    of: K,
}

impl<K: Hash + Eq + Clone> Shares<K> {
    /// One more for `of`, unless that would be more than `limit`.
    pub fn take(&self, of: &K, limit: usize) -> Option<Share<K>> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.get(of).copied().unwrap_or(0);
        if count >= limit {
            return None;
        }
        counts.insert(of.clone(), count + 1);
        Some(Share {
            shares: Self(Arc::clone(&self.0)),
            of: of.clone(),
        })
    }
}

impl<K: Hash + Eq> Default for Shares<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Hash + Eq> Drop for Share<K> {
    fn drop(&mut self) {
        let mut counts = self.shares.0.lock().unwrap_or_else(PoisonError::into_inner);
        less(&mut counts, &self.of);
    }
}

#[cfg(test)]
mod tests;
