//! What the sudo gate remembers: requests that were asked, refusals of a moment ago, and approvals that were used.
//!
//! Invariant: everything is bounded, and what cannot be remembered is refused. No lock is held across a wait.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::domain::id::HoldId;
use crate::domain::sudo::{CLOCK_SKEW, Cookie};

/// Requests that are remembered as long as their time could still pass for now.
const COOKIES: usize = 100_000;
/// Requests of one session among them: one session cannot take the room of all.
const SHARE: usize = 2_000;
/// How long a request is remembered: whatever is older than both clocks may differ is refused for its time.
const REMEMBERED: SignedDuration = SignedDuration::from_secs(2 * CLOCK_SKEW.as_secs());
/// Refusals that are remembered.
const REFUSALS: usize = 64;
/// How long PAM may take to ask again.
const RETRY: SignedDuration = SignedDuration::from_secs(3);
/// Refusals of one session that the audit has a record of; the rest is the same.
const TOLD: usize = 16;

/// Whether a request was asked before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// It was not.
    First,
    /// It was.
    Before,
    /// Nothing more can be remembered.
    Full,
}

/// The requests of every session of a node.
#[derive(Debug, Default)]
pub struct Sudos(Mutex<BTreeMap<Cookie, Timestamp>>);

impl Sudos {
    /// Notes that a request is asked; each is asked once.
    pub(super) fn note(&self, cookie: &Cookie, now: Timestamp) -> Seen {
        let mut cookies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = |at: &Timestamp| now.duration_since(*at) <= REMEMBERED;
        if cookies.len() >= COOKIES {
            cookies.retain(|_, at| kept(at));
        }
        if cookies.contains_key(cookie) {
            Seen::Before
        } else if cookies.len() >= COOKIES {
            Seen::Full
        } else {
            cookies.insert(cookie.clone(), now);
            Seen::First
        }
    }
}

/// What one session's gate remembers.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    refusals: VecDeque<(Vec<u8>, Timestamp)>,
    used: BTreeSet<HoldId>,
    told: usize,
    /// When requests were asked that are remembered.
    asked: VecDeque<Timestamp>,
}

impl Memory {
    fn with<T>(&self, work: impl FnOnce(&mut Kept) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether the session has room for one more request in its share, which it takes.
    pub(super) fn may_ask(&self, now: Timestamp) -> bool {
        self.with(|kept| {
            let forgotten = |at: &Timestamp| now.duration_since(*at) > REMEMBERED;
            while kept.asked.front().is_some_and(forgotten) {
                kept.asked.pop_front();
            }
            let room = kept.asked.len() < SHARE;
            if room {
                kept.asked.push_back(now);
            }
            room
        })
    }

    /// Notes that a sudo was refused.
    pub(super) fn refused(&self, text: Vec<u8>, now: Timestamp) {
        self.with(|kept| {
            if kept.refusals.len() >= REFUSALS {
                kept.refusals.pop_front();
            }
            kept.refusals.push_back((text, now));
        });
    }

    /// Whether the same sudo was refused just now.
    pub(super) fn refused_lately(&self, text: &[u8], now: Timestamp) -> bool {
        let lately = |at: &Timestamp| now.duration_since(*at) <= RETRY;
        self.with(|kept| {
            kept.refusals
                .iter()
                .any(|(refused, at)| refused == text && lately(at))
        })
    }

    /// Notes that an approval was used; tells whether it was not before.
    pub(super) fn use_up(&self, hold: &HoldId) -> bool {
        self.with(|kept| kept.used.insert(hold.clone()))
    }

    /// Whether the audit is to have one more record of something that is never signed.
    pub(super) fn may_tell(&self) -> bool {
        self.with(|kept| {
            kept.told = kept.told.saturating_add(1);
            kept.told <= TOLD
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sudo::SudoRequest;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_request_is_asked_once_as_long_as_its_time_could_pass_for_now() {
        let sudos = Sudos::default();
        let request = SudoRequest::for_tests(&["sudo", "id"]);
        assert_eq!(sudos.note(request.cookie(), at(0)), Seen::First);
        assert_eq!(sudos.note(request.cookie(), at(600)), Seen::Before);
    }

    #[test]
    fn the_same_sudo_is_refused_again_for_a_moment_and_another_is_not() {
        let memory = Memory::default();
        memory.refused(b"sudo id".to_vec(), at(0));
        assert!(memory.refused_lately(b"sudo id", at(3)));
        assert!(!memory.refused_lately(b"sudo id", at(4)));
        assert!(!memory.refused_lately(b"sudo ls", at(1)));
    }

    #[test]
    fn one_session_cannot_take_the_room_that_all_have_for_requests() {
        let memory = Memory::default();
        assert!((0..SHARE).all(|_| memory.may_ask(at(0))));
        assert!(!memory.may_ask(at(600)));
        assert!(Memory::default().may_ask(at(600)));
        // What is forgotten takes no room.
        assert!(memory.may_ask(at(601)));
        const { assert!(SHARE * 10 < COOKIES) };
    }

    #[test]
    fn an_approval_is_used_once() {
        let memory = Memory::default();
        assert!(memory.use_up(&HoldId::new(7)));
        assert!(!memory.use_up(&HoldId::new(7)));
        assert!(memory.use_up(&HoldId::new(8)));
    }
}
