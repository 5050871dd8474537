//! How many connections may be open: in all, before they are identified, and before that from one address.
//!
//! A [`Place`] is held as long as a connection is open and gives its seat back by itself.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// The limits that the configuration sets.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections in all.
    pub connections: usize,
    /// Connections that are not identified yet.
    pub unidentified: usize,
    /// The same from one address.
    pub per_address: usize,
}

/// Why a connection is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// Too many connections in all.
    #[error("too many connections")]
    Connections,
    /// Too many that are not identified.
    #[error("too many connections that are not signed in")]
    Unidentified,
    /// Too many that are not identified, from this address.
    #[error("too many connections from this address that are not signed in")]
    Address,
}

#[derive(Debug, Default)]
struct Counts {
    connections: usize,
    unidentified: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// Counts connections against the limits.
#[derive(Debug, Clone, Default)]
pub struct Seats(Arc<Mutex<Counts>>);

impl Seats {
    /// A place for a new connection from `address`.
    ///
    /// # Errors
    /// When one of the limits is reached.
    pub fn take(&self, address: IpAddr, limits: Limits) -> Result<Place, Full> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let here = counts.by_address.get(&address).copied().unwrap_or(0);
        if counts.connections >= limits.connections {
            return Err(Full::Connections);
        }
        if counts.unidentified >= limits.unidentified {
            return Err(Full::Unidentified);
        }
        if here >= limits.per_address {
            return Err(Full::Address);
        }
        counts.connections += 1;
        counts.unidentified += 1;
        counts.by_address.insert(address, here + 1);
        Ok(Place {
            seats: self.clone(),
            address,
            identified: false,
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

/// The place of one open connection.
#[derive(Debug)]
pub struct Place {
    seats: Seats,
    address: IpAddr,
    identified: bool,
}

impl Place {
    /// The connection is identified: it counts only among all connections from now on.
    pub fn identified(&mut self) {
        if !std::mem::replace(&mut self.identified, true) {
            let mut counts = self.seats.0.lock().unwrap_or_else(PoisonError::into_inner);
            counts.leave_unidentified(self.address);
        }
    }
}

impl Counts {
    fn leave_unidentified(&mut self, address: IpAddr) {
        self.unidentified = self.unidentified.saturating_sub(1);
        match self.by_address.get_mut(&address) {
            Some(count) if *count > 1 => *count -= 1,
            Some(_) | None => {
                self.by_address.remove(&address);
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.seats.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.connections = counts.connections.saturating_sub(1);
        if !self.identified {
            counts.leave_unidentified(self.address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        connections: 4,
        unidentified: 3,
        per_address: 2,
    };

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[test]
    fn one_address_cannot_take_every_place() {
        let seats = Seats::default();
        let _first = seats.take(address(1), LIMITS).unwrap();
        let second = seats.take(address(1), LIMITS).unwrap();
        assert_eq!(seats.take(address(1), LIMITS).unwrap_err(), Full::Address);
        let _other = seats.take(address(2), LIMITS).unwrap();
        assert_eq!(
            seats.take(address(3), LIMITS).unwrap_err(),
            Full::Unidentified
        );
        drop(second);
        assert!(seats.take(address(1), LIMITS).is_ok());
    }

    #[test]
    fn an_identified_connection_counts_only_among_all() {
        let seats = Seats::default();
        let mut places = Vec::new();
        for _ in 0..4 {
            let mut place = seats.take(address(1), LIMITS).unwrap();
            place.identified();
            places.push(place);
        }
        assert_eq!(
            seats.take(address(1), LIMITS).unwrap_err(),
            Full::Connections
        );
        places.clear();
        assert_eq!(seats.open(), 0);
        assert!(seats.take(address(1), LIMITS).is_ok());
    }
}
