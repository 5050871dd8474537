//! A limit on guessing sign-in codes: a bucket of tokens for each source network. Pure; the time is an argument.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::identity::network;

/// Wrong codes that one network may try at once.
const BURST: u32 = 20;

/// How long until one more wrong code is allowed.
const REFILL: Duration = Duration::from_secs(6);

/// Networks that are remembered.
const MAX_NETWORKS: usize = 4096;

/// Who guessed how much lately.
#[derive(Default)]
pub(super) struct Guesses(HashMap<IpAddr, Instant>);

impl Guesses {
    /// Whether this source may try a code now.
    pub(super) fn may_try(&self, source: IpAddr, now: Instant) -> bool {
        match self.0.get(&network(source)) {
            Some(empty_until) => *empty_until <= now + REFILL * (BURST - 1),
            // When nobody more can be remembered, strangers have to wait: somebody is guessing from everywhere.
            None => self.0.len() < MAX_NETWORKS,
        }
    }

    /// Counts a wrong code.
    pub(super) fn wrong(&mut self, source: IpAddr, now: Instant) {
        let network = network(source);
        if self.0.len() >= MAX_NETWORKS {
            self.0.retain(|_, full_at| *full_at > now);
            if self.0.len() >= MAX_NETWORKS && !self.0.contains_key(&network) {
                return;
            }
        }
        // A bucket is full again at this time; each guess moves it on by one token.
        let full_at = self.0.entry(network).or_insert(now);
        *full_at = (*full_at).max(now) + REFILL;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guessing_ends_after_a_burst_and_goes_on_slowly() {
        let (mut guesses, start) = (Guesses::default(), Instant::now());
        let source = IpAddr::from([192, 0, 2, 1]);
        let mut tried = 0;
        while guesses.may_try(source, start) {
            guesses.wrong(source, start);
            tried += 1;
        }
        assert_eq!(tried, BURST);
        assert!(!guesses.may_try(source, start + REFILL / 2));
        assert!(guesses.may_try(source, start + REFILL));
        assert!(guesses.may_try(IpAddr::from([192, 0, 2, 2]), start));
    }

    #[test]
    fn a_host_cannot_hide_in_its_own_ipv6_network() {
        let (mut guesses, now) = (Guesses::default(), Instant::now());
        for last in 0..u16::try_from(BURST).unwrap() {
            guesses.wrong(IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, last]), now);
        }
        assert!(!guesses.may_try(IpAddr::from([0x2001, 0xdb8, 0, 0, 9, 9, 9, 9]), now));
        assert!(guesses.may_try(IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, 1]), now));
    }

    #[test]
    fn no_more_networks_are_remembered_than_there_is_room_for() {
        let (mut guesses, now) = (Guesses::default(), Instant::now());
        for n in 0..u32::try_from(MAX_NETWORKS).unwrap() + 10 {
            guesses.wrong(IpAddr::from(n.to_be_bytes()), now);
        }
        assert_eq!(guesses.0.len(), MAX_NETWORKS);
        assert!(!guesses.may_try(IpAddr::from([203, 0, 113, 1]), now));
        guesses.wrong(IpAddr::from([203, 0, 113, 1]), now + REFILL * 2);
        assert_eq!(guesses.0.len(), 1);
    }
}
