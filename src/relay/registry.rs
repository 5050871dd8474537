//! The sessions that run on this node, so that they can be told something or be ended.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::domain::id::SessionId;

/// Messages to one session that may wait for its terminal.
const MESSAGES: usize = 16;

#[derive(Debug)]
struct Running {
    messages: mpsc::Sender<String>,
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
    /// What is to be shown on the session's terminal.
    pub messages: mpsc::Receiver<String>,
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
            let _ = running.messages.try_send(message.to_owned());
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
