//! The sign-ins that wait for a browser: bounded, expiring, each finished once. Pure but for the wake-up of the terminal.
//!
//! A sign-in whose terminal is gone counts as gone, and one that is taken for its callback is no longer here: whatever
//! happens to it then, the terminal hears of it when it is dropped.

use std::collections::HashMap;
use std::net::IpAddr;

use jiff::Timestamp;
use openidconnect::{CsrfToken, Nonce, PkceCodeVerifier};
use subtle::ConstantTimeEq;
use tokio::sync::oneshot;

use crate::domain::id::LoginCode;
use crate::domain::principal::{KeyFingerprint, VerifiedIdentity};
use crate::identity::browser::BrowserSecret;
use crate::identity::error::IdentityError;

/// Sign-ins that may wait at once.
const MAX_PENDING: usize = 1024;

/// Sign-ins that may wait at once for one source address (IPv6: one /64 network).
const MAX_PENDING_PER_SOURCE: usize = 32;

/// How a sign-in ends, as its terminal hears of it.
pub(super) type Outcome = Result<VerifiedIdentity, IdentityError>;

/// A waiting sign-in as the confirmation page shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingView {
    /// The code that the terminal shows.
    pub code: LoginCode,
    /// Where the terminal connected from.
    pub source: IpAddr,
    /// The key that it proved.
    pub key: KeyFingerprint,
    /// When it is too late.
    pub expires: Timestamp,
}

/// What ties the provider's answer to one authorization request.
pub(super) struct RequestSecrets {
    pub(super) state: CsrfToken,
    pub(super) nonce: Nonce,
    pub(super) verifier: PkceCodeVerifier,
}

/// A sign-in that was taken out for its callback.
pub(super) struct Taken {
    pub(super) key: KeyFingerprint,
    pub(super) secrets: RequestSecrets,
    terminal: oneshot::Sender<Outcome>,
}

impl Taken {
    pub(super) fn fail(self, error: IdentityError) {
        tell(self.terminal, Err(error));
    }

    pub(super) fn complete(self, identity: VerifiedIdentity) -> Result<(), IdentityError> {
        let told = self.terminal.send(Ok(identity));
        told.map_err(|_| IdentityError::TerminalGone)
    }
}

/// All that wait.
#[derive(Default)]
pub(super) struct PendingLogins(HashMap<LoginCode, Pending>);

struct Pending {
    source: IpAddr,
    key: KeyFingerprint,
    expires: Timestamp,
    phase: Phase,
    terminal: oneshot::Sender<Outcome>,
}

enum Phase {
    Shown,
    Confirmed(RequestSecrets, BrowserSecret),
}

impl Pending {
    fn waits(&self, now: Timestamp) -> bool {
        now < self.expires && !self.terminal.is_closed()
    }
}

impl PendingLogins {
    /// Lets a new sign-in wait under `code`; the receiver is its terminal's.
    pub(super) fn open(
        &mut self,
        code: LoginCode,
        source: IpAddr,
        key: KeyFingerprint,
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<oneshot::Receiver<Outcome>, IdentityError> {
        self.0.retain(|_, pending| pending.waits(now));
        let network = network(source);
        let beside = |pending: &&Pending| self::network(pending.source) == network;
        let full = self.0.len() >= MAX_PENDING
            || self.0.values().filter(beside).count() >= MAX_PENDING_PER_SOURCE;
        // 40 random bits: a code that is taken already is as good as never seen, and refused all the same.
        if full || self.0.contains_key(&code) {
            return Err(IdentityError::TooManyWaiting);
        }
        let (terminal, receiver) = oneshot::channel();
        let pending = Pending {
            source,
            key,
            expires,
            phase: Phase::Shown,
            terminal,
        };
        self.0.insert(code, pending);
        Ok(receiver)
    }

    pub(super) fn view(&self, code: &LoginCode, now: Timestamp) -> Option<PendingView> {
        let pending = self.0.get(code).filter(|pending| pending.waits(now))?;
        Some(PendingView {
            code: code.clone(),
            source: pending.source,
            key: pending.key.clone(),
            expires: pending.expires,
        })
    }

    /// The person confirmed: from now on only this request and this browser count.
    pub(super) fn authorize(
        &mut self,
        code: &LoginCode,
        secrets: RequestSecrets,
        browser: BrowserSecret,
        now: Timestamp,
    ) -> Result<(), IdentityError> {
        let waiting = self.0.get_mut(code).filter(|pending| pending.waits(now));
        let pending = waiting.ok_or(IdentityError::UnknownSignIn)?;
        pending.phase = Phase::Confirmed(secrets, browser);
        Ok(())
    }

    /// Takes out the sign-in that the provider answers; a wrong browser ends it.
    pub(super) fn take(
        &mut self,
        state: &str,
        browser: Option<&BrowserSecret>,
        now: Timestamp,
    ) -> Result<Taken, IdentityError> {
        let answered = |pending: &Pending| match &pending.phase {
            Phase::Shown => false,
            Phase::Confirmed(secrets, _) => secrets
                .state
                .secret()
                .as_bytes()
                .ct_eq(state.as_bytes())
                .into(),
        };
        let found = self.0.iter().find(|(_, pending)| answered(pending));
        let code = found.map(|(code, _)| code.clone());
        let pending = code.and_then(|code| self.0.remove(&code));
        let Some(pending) = pending.filter(|pending| pending.waits(now)) else {
            return Err(IdentityError::UnknownSignIn);
        };
        match pending.phase {
            Phase::Confirmed(secrets, expected) if browser.is_some_and(|b| b.is(&expected)) => {
                Ok(Taken {
                    key: pending.key,
                    secrets,
                    terminal: pending.terminal,
                })
            }
            Phase::Confirmed(..) | Phase::Shown => {
                tell(pending.terminal, Err(IdentityError::OtherBrowser));
                Err(IdentityError::OtherBrowser)
            }
        }
    }

    /// Turns the terminal away.
    pub(super) fn deny(&mut self, code: &LoginCode, now: Timestamp) -> Result<(), IdentityError> {
        match self.0.remove(code).filter(|pending| pending.waits(now)) {
            Some(pending) => {
                tracing::warn!(source = %pending.source, key = %pending.key, "a sign-in was turned away as “this was not me”");
                tell(pending.terminal, Err(IdentityError::NotMe));
                Ok(())
            }
            None => Err(IdentityError::UnknownSignIn),
        }
    }
}

fn tell(terminal: oneshot::Sender<Outcome>, outcome: Outcome) {
    if terminal.send(outcome).is_err() {
        tracing::debug!("the terminal of a sign-in left before it ended");
    }
}

/// What counts as one source: an IPv6 host has a whole /64 to itself.
pub(crate) fn network(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn later(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn source(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn key() -> KeyFingerprint {
        KeyFingerprint::new("SHA256:x".to_owned())
    }

    fn secrets(state: &str) -> RequestSecrets {
        RequestSecrets {
            state: CsrfToken::new(state.to_owned()),
            nonce: Nonce::new("n".to_owned()),
            verifier: PkceCodeVerifier::new("v".repeat(43)),
        }
    }

    fn open(logins: &mut PendingLogins, code: u64, from: u8) -> oneshot::Receiver<Outcome> {
        let opened = logins.open(LoginCode::new(code), source(from), key(), later(300), NOW);
        opened.unwrap()
    }

    #[test]
    fn the_browser_that_confirmed_takes_the_sign_in_exactly_once() {
        let mut logins = PendingLogins::default();
        let _terminal = open(&mut logins, 1, 1);
        let browser = BrowserSecret::random().unwrap();
        let code = LoginCode::new(1);
        logins
            .authorize(&code, secrets("s"), browser.clone(), NOW)
            .unwrap();
        assert!(logins.take("s", Some(&browser), NOW).is_ok());
        let again = logins.take("s", Some(&browser), NOW);
        assert_eq!(again.err(), Some(IdentityError::UnknownSignIn));
        assert_eq!(logins.view(&code, NOW), None);
    }

    #[test]
    fn another_browser_ends_the_sign_in_and_the_terminal_hears_it() {
        for cookie in [None, Some(BrowserSecret::random().unwrap())] {
            let mut logins = PendingLogins::default();
            let mut terminal = open(&mut logins, 1, 1);
            let browser = BrowserSecret::random().unwrap();
            logins
                .authorize(&LoginCode::new(1), secrets("s"), browser.clone(), NOW)
                .unwrap();
            let taken = logins.take("s", cookie.as_ref(), NOW);
            assert_eq!(taken.err(), Some(IdentityError::OtherBrowser));
            assert_eq!(terminal.try_recv(), Ok(Err(IdentityError::OtherBrowser)));
            assert!(logins.take("s", Some(&browser), NOW).is_err());
        }
    }

    #[test]
    fn a_state_that_was_never_given_out_takes_nothing() {
        let mut logins = PendingLogins::default();
        let _terminal = open(&mut logins, 1, 1);
        let browser = BrowserSecret::random().unwrap();
        for state in ["", "s"] {
            assert!(logins.take(state, Some(&browser), NOW).is_err());
        }
        assert!(logins.view(&LoginCode::new(1), NOW).is_some());
    }

    #[test]
    fn a_sign_in_ends_with_its_time_and_with_its_terminal() {
        let mut logins = PendingLogins::default();
        let terminal = open(&mut logins, 1, 1);
        assert!(logins.view(&LoginCode::new(1), later(299)).is_some());
        assert!(logins.view(&LoginCode::new(1), later(300)).is_none());
        drop(terminal);
        assert!(logins.view(&LoginCode::new(1), NOW).is_none());
        assert!(logins.deny(&LoginCode::new(1), NOW).is_err());
    }

    #[test]
    fn turning_a_sign_in_away_tells_the_terminal() {
        let mut logins = PendingLogins::default();
        let mut terminal = open(&mut logins, 1, 1);
        logins.deny(&LoginCode::new(1), NOW).unwrap();
        assert_eq!(terminal.try_recv(), Ok(Err(IdentityError::NotMe)));
    }

    #[test]
    fn one_source_cannot_take_all_the_room_and_all_sources_find_an_end() {
        let mut logins = PendingLogins::default();
        let mut terminals = Vec::new();
        let mut refused = 0;
        for n in 0..(MAX_PENDING as u64 + 64) {
            let from = u8::try_from(n / 31).unwrap();
            match logins.open(LoginCode::new(n), source(from), key(), later(300), NOW) {
                Ok(terminal) => terminals.push(terminal),
                Err(_) => refused += 1,
            }
        }
        assert_eq!((terminals.len(), refused), (MAX_PENDING, 64));
        let mut logins = PendingLogins::default();
        let kept: Vec<_> = (0..MAX_PENDING_PER_SOURCE as u64)
            .map(|n| open(&mut logins, n, 1))
            .collect();
        let more = logins.open(LoginCode::new(99), source(1), key(), later(300), NOW);
        assert_eq!(more.err(), Some(IdentityError::TooManyWaiting));
        drop(kept);
        assert!(
            logins
                .open(LoginCode::new(99), source(1), key(), later(300), NOW)
                .is_ok()
        );
    }
}
