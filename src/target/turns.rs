//! Handshakes with one target, a few at a time: an `sshd` drops at random what exceeds its `MaxStartups`, which is
//! 10 by default. Whoever comes later waits in line, first come, first served.
//!
//! Connections that are dialled ahead wait for a client to sign in, so they have turns of their own: however long that
//! takes, nobody else's session waits for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::TargetError;
use crate::config::TargetConfig;

/// Handshakes for sessions that wait for them, with one `sshd` at a time.
const SESSIONS: usize = 5;
/// Handshakes that are done ahead, with one `sshd` at a time. Together they stay below 10.
const AHEAD: usize = 3;
/// How long a session waits for its turn.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whose turn it is, by address and port of the target.
#[derive(Debug, Clone, Default)]
pub struct Turns(Arc<Mutex<HashMap<(String, u16), Line>>>);

/// A handshake that may go on; over when this is dropped.
#[derive(Debug)]
pub struct Turn {
    _permit: OwnedSemaphorePermit,
}

#[derive(Debug, Clone)]
struct Line {
    sessions: Arc<Semaphore>,
    ahead: Arc<Semaphore>,
}

impl Turns {
    /// Waits for a turn.
    ///
    /// # Errors
    /// When those before take too long.
    pub async fn wait(&self, target: &TargetConfig) -> Result<Turn, TargetError> {
        let line = self.line(target);
        let turn = tokio::time::timeout(PATIENCE, line.sessions.acquire_owned()).await;
        match turn {
            Ok(Ok(permit)) => Ok(Turn { _permit: permit }),
            Ok(Err(_)) | Err(_) => Err(TargetError::Busy(target.info.name.to_string())),
        }
    }

    /// A turn to dial ahead, when there is one to spare.
    pub fn spare(&self, target: &TargetConfig) -> Option<Turn> {
        let permit = self.line(target).ahead.try_acquire_owned().ok()?;
        Some(Turn { _permit: permit })
    }

    /// The line before a target; those before which nobody stands are forgotten.
    fn line(&self, target: &TargetConfig) -> Line {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = (target.address.clone(), target.port);
        if !lines.contains_key(&place) {
            lines.retain(|_, line| !line.is_empty());
        }
        lines.entry(place).or_default().clone()
    }
}

impl Default for Line {
    fn default() -> Self {
        Self {
            sessions: Arc::new(Semaphore::new(SESSIONS)),
            ahead: Arc::new(Semaphore::new(AHEAD)),
        }
    }
}

impl Line {
    fn is_empty(&self) -> bool {
        // Whoever has a turn, or waits for one, has a share of its semaphore.
        Arc::strong_count(&self.sessions) == 1 && Arc::strong_count(&self.ahead) == 1
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::config::HostTrust;
    use crate::domain::target::TargetInfo;

    fn target(port: u16) -> TargetConfig {
        TargetConfig {
            info: TargetInfo {
                name: "db1".parse().unwrap(),
                aliases: BTreeSet::new(),
                logins: BTreeSet::new(),
                labels: BTreeMap::new(),
                layers: BTreeSet::new(),
            },
            address: "10.0.0.5".to_owned(),
            port,
            host: HostTrust::Pinned(Vec::new()),
            hostname: "db1".parse().unwrap(),
            enter_widget: false,
        }
    }

    #[tokio::test]
    async fn so_many_shake_hands_at_once_and_the_next_waits_for_the_first_to_be_done() {
        let (turns, target) = (Turns::default(), target(22));
        let mut mine = Vec::new();
        for _ in 0..SESSIONS {
            mine.push(turns.wait(&target).await.unwrap());
        }
        let next = turns.wait(&target);
        tokio::pin!(next);
        assert!(futures::poll!(next.as_mut()).is_pending());
        mine.pop();
        assert!(next.await.is_ok());
    }

    #[tokio::test]
    async fn whoever_dials_ahead_takes_nobodys_turn_and_does_not_wait() {
        let (turns, here) = (Turns::default(), target(22));
        let ahead: Vec<Turn> = std::iter::from_fn(|| turns.spare(&here)).collect();
        assert_eq!(ahead.len(), AHEAD);
        assert!(turns.wait(&here).await.is_ok());
        assert!(turns.spare(&target(23)).is_some());
    }

    #[tokio::test]
    async fn a_target_where_nobody_connects_is_forgotten() {
        let turns = Turns::default();
        for port in 1..100 {
            drop(turns.spare(&target(port)));
        }
        let _kept = turns.spare(&target(100));
        drop(turns.spare(&target(101)));
        drop(turns.spare(&target(102)));
        assert_eq!(turns.0.lock().unwrap().len(), 2);
    }
}
