//! What a connection has to say about its forwards, which have no terminal of their own: it is shown by the connection's
//! sessions. What is said before there is one waits for it.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use tokio::sync::broadcast;

/// Notices that wait for a session, or for one whose terminal is stuck; older ones are dropped.
const WAITING: usize = 16;

/// The notices of one connection.
#[derive(Debug)]
pub struct Notices {
    sender: broadcast::Sender<String>,
    waiting: Mutex<VecDeque<String>>,
}

/// What one session is told.
#[derive(Debug)]
pub struct Told {
    waited: VecDeque<String>,
    receiver: broadcast::Receiver<String>,
}

impl Default for Notices {
    fn default() -> Self {
        Self {
            sender: broadcast::channel(WAITING).0,
            waiting: Mutex::default(),
        }
    }
}

impl Notices {
    /// Says something on every session of the connection, or on the next.
    pub fn say(&self, text: &str) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if self.sender.send(text.to_owned()).is_err() {
            if waiting.len() >= WAITING {
                waiting.pop_front();
            }
            waiting.push_back(text.to_owned());
        }
    }

    /// What waits, and what is said from now on.
    pub fn listen(&self) -> Told {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        Told {
            waited: std::mem::take(&mut waiting),
            receiver: self.sender.subscribe(),
        }
    }
}

impl Told {
    /// The next notice; never returns once the connection is gone. Safe to cancel.
    pub async fn next(&mut self) -> String {
        if let Some(waited) = self.waited.pop_front() {
            return waited;
        }
        loop {
            match self.receiver.recv().await {
                Ok(notice) => return notice,
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_said_before_there_is_a_session_waits_for_it() {
        let notices = Notices::default();
        for count in 0..20 {
            notices.say(&count.to_string());
        }
        let mut told = notices.listen();
        notices.say("live");
        for count in 4..20 {
            assert_eq!(told.next().await, count.to_string());
        }
        assert_eq!(told.next().await, "live");
        let mut other = notices.listen();
        notices.say("both");
        assert_eq!(told.next().await, "both");
        assert_eq!(other.next().await, "both");
    }
}
