//! The sessions that run on this node, so that they can be told something or be ended.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::domain::id::SessionId;

/// Messages to one session that may wait for its terminal.
const MESSAGES: usize = 16;

/// How long a session's terminal may keep a mark from its recording.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a session is told while it runs.
#[derive(Debug)]
pub enum Message {
    /// To be shown on its terminal.
    Shown(String),
    /// Something happened that its recording is to mark.
    Marked(String),
}

#[derive(Debug)]
struct Running {
    messages: mpsc::Sender<Message>,
    end: CancellationToken,
}

/// Sessions by identifier.
#[derive(Debug, Clone, Default)]
pub struct Registry(Arc<Mutex<HashMap<SessionId, Running>>>);

/// A session's entry, which lasts as long as this.
#[derive(Debug)]
pub struct Entry {
    registry: Registry,
    session: SessionId,
    /// What the session is told.
    pub messages: mpsc::Receiver<Message>,
    /// Cancelled when the session is to end at once.
    pub end: CancellationToken,
}

impl Registry {
    /// Enters a session that starts.
    pub fn enter(&self, session: SessionId) -> Entry {
        let (sender, messages) = mpsc::channel(MESSAGES);
        let end = CancellationToken::new();
        let running = Running {
            messages: sender,
            end: end.clone(),
        };
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(session, running);
        Entry {
            registry: self.clone(),
            session,
            messages,
            end,
        }
    }

    /// Shows a message on every session's terminal; one whose terminal is stuck misses it.
    pub fn tell_all(&self, message: &str) {
        for running in self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
        {
            let _ = running
                .messages
                .try_send(Message::Shown(message.to_owned()));
        }
    }

    /// Tells one session something; one that is stuck, or has ended, misses it.
    pub fn tell(&self, session: &SessionId, message: Message) {
        let sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = sessions.get(session) {
            let _ = running.messages.try_send(message);
        }
    }

    /// Has the recording of a session mark something, and waits until it takes that; tells whether it did, before its
    /// patience ended.
    pub async fn mark(&self, session: &SessionId, text: String) -> bool {
        let messages = {
            let sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            sessions
                .get(session)
                .map(|running| running.messages.clone())
        };
        match messages {
            Some(messages) => {
                let taken = messages.send_timeout(Message::Marked(text), PATIENCE);
                taken.await.is_ok()
            }
            None => false,
        }
    }

    /// Ends every session.
    pub fn end_all(&self) {
        for running in self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
        {
            running.end.cancel();
        }
    }

    /// How many sessions run.
    pub fn running(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.registry
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.session);
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_mark_waits_for_a_terminal_that_is_stuck_and_is_never_missed_unnoticed() {
        let registry = Registry::default();
        let session = SessionId::new(Timestamp::UNIX_EPOCH, [1; 10]);
        let mut entry = registry.enter(session);
        for _ in 0..=MESSAGES {
            registry.tell(&session, Message::Shown("busy".to_owned()));
        }
        assert!(!registry.mark(&session, "hold: sudo id".to_owned()).await);
        let marked = registry.mark(&session, "hold: sudo ls".to_owned());
        let reads = async {
            loop {
                if let Some(Message::Marked(text)) = entry.messages.recv().await {
                    return text;
                }
            }
        };
        let (marked, text) = tokio::join!(marked, reads);
        assert!(marked);
        assert_eq!(text, "hold: sudo ls");
        drop(entry);
        assert!(!registry.mark(&session, "hold: sudo id".to_owned()).await);
    }
}
