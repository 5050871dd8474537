//! The sessions that run on this node, so that they can be told something or be ended at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::domain::id::SessionId;
use crate::domain::name::PrincipalName;
use crate::record::Live;

/// Messages to one session that may wait for its terminal.
const MESSAGES: usize = 16;

/// How long somebody who was announced is not announced anew.
const ANNOUNCED: Duration = Duration::from_secs(60);

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
    live: Option<Live>,
    /// Who was announced, and when.
    announced: Vec<(PrincipalName, Instant)>,
    end: watch::Sender<Option<String>>,
}

impl Running {
    fn order(&self, why: &str) {
        self.end.send_if_modified(|order| {
            let first = order.is_none();
            order.get_or_insert_with(|| why.to_owned());
            first
        });
    }
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
    /// Whether the session is to end.
    pub end: End,
}

/// Waits for the order that a session end at once.
#[derive(Debug, Clone)]
pub struct End(watch::Receiver<Option<String>>);

impl End {
    /// Returns when the session is to end, with the reason for its client. Safe to cancel.
    pub async fn ordered(&mut self) -> String {
        loop {
            if let Some(why) = self.0.borrow_and_update().clone() {
                return why;
            }
            if self.0.changed().await.is_err() {
                // Whoever could order it is gone with the session's entry.
                std::future::pending::<()>().await;
            }
        }
    }
}

impl Registry {
    /// Enters a session that starts.
    pub fn enter(&self, session: SessionId) -> Entry {
        let (sender, messages) = mpsc::channel(MESSAGES);
        let (order, end) = watch::channel(None);
        let running = Running {
            messages: sender,
            live: None,
            announced: Vec::new(),
            end: order,
        };
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(session, running);
        Entry {
            registry: self.clone(),
            session,
            messages,
            end: End(end),
        }
    }

    /// A session's recording runs: it can be watched.
    pub fn recorded(&self, session: &SessionId, live: Live) {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = sessions.get_mut(session) {
            running.live = Some(live);
        }
    }

    /// The recording of a session that runs here.
    pub fn live(&self, session: &SessionId) -> Option<Live> {
        let sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.get(session)?.live.clone()
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

    /// Tells a session's terminal that somebody is there now, once a while for each of them; whether it was told, or is not
    /// told anew yet.
    pub async fn announce(&self, session: &SessionId, name: &PrincipalName, text: String) -> bool {
        let messages = {
            let now = Instant::now();
            let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(running) = sessions.get_mut(session) else {
                return false;
            };
            let recent = |(_, at): &(PrincipalName, Instant)| now.duration_since(*at) < ANNOUNCED;
            running.announced.retain(recent);
            if running.announced.iter().any(|(known, _)| known == name) {
                return true;
            }
            running.messages.clone()
        };
        let told = messages.send_timeout(Message::Shown(text), PATIENCE).await;
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Ok(()), Some(running)) = (&told, sessions.get_mut(session)) {
            running.announced.push((name.clone(), Instant::now()));
        }
        told.is_ok()
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

    /// Ends one session, where it runs here; the first reason stays.
    pub fn end(&self, session: &SessionId, why: &str) {
        let sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = sessions.get(session) {
            running.order(why);
        }
    }

    /// Ends every session.
    pub fn end_all(&self, why: &str) {
        for running in self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
        {
            running.order(why);
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
