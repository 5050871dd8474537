//! The transfer that a session is, shared by its two directions: followed, told to the audit, never recorded whole.
//!
//! Invariants: the input side alone lets requests through; the output side alone puts answers of our own between the
//! target's, as many as wait at a time, and none before the target's first; a file's end is in the audit before the client hears of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::{Notify, mpsc};

use super::reception::Visit;
use super::start::{Start, What};
use crate::audit::{AuditError, Survives};
use crate::domain::audit::AuditEvent;
use crate::domain::command::visible;
use crate::domain::hold::Clearance;
use crate::domain::id::SessionId;
use crate::flow::{Drain, Item};
use crate::transfer::scp::Scp;
use crate::transfer::sftp::{Asked, Look, Seen, Sftp, Step};
use crate::transfer::{FarEnd, Malformed, Transferred};

/// Answers of our own that wait for a place between the target's.
const ANSWERS: usize = 64;

/// A session that is followed as a transfer.
pub struct Transfer {
    visit: Arc<Visit>,
    session: SessionId,
    followed: Mutex<Followed>,
    answers: mpsc::Sender<Bytes>,
    waiting: Mutex<Option<mpsc::Receiver<Bytes>>>,
    eased: Notify,
    looks: AtomicU64,
}

enum Followed {
    Sftp(Box<Sftp>),
    Scp(Box<Scp>),
    /// Its content is one transfer; all that is known of it is what the session's end tells.
    Rsync,
}

impl Transfer {
    /// What is followed of a session that starts so, where anything is.
    pub fn of(visit: &Arc<Visit>, session: SessionId, start: &Start) -> Option<Self> {
        let end = match &start.what {
            What::Shell => return None,
            What::Subsystem(name) => (name == "sftp").then_some(FarEnd::Sftp),
            What::Exec(command) => FarEnd::of(command),
        }?;
        let followed = match end {
            FarEnd::Sftp => Followed::Sftp(Box::default()),
            FarEnd::Scp { direction, paths } => {
                Followed::Scp(Box::new(Scp::new(direction, &paths)))
            }
            FarEnd::Rsync { .. } => Followed::Rsync,
        };
        let (answers, waiting) = mpsc::channel(ANSWERS);
        Some(Self {
            visit: Arc::clone(visit),
            session,
            followed: Mutex::new(followed),
            answers,
            waiting: Mutex::new(Some(waiting)),
            eased: Notify::new(),
            looks: AtomicU64::new(0),
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Followed) -> T) -> T {
        work(&mut self.followed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether each of its operations is asked about.
    pub fn is_sftp(&self) -> bool {
        self.with(|followed| matches!(followed, Followed::Sftp(_)))
    }

    /// Takes bytes of the client off the front of `left`, as [`Sftp::from_client`] does. Gives the files that ended.
    ///
    /// # Errors
    /// When the client does not hold to the protocol: nothing more may pass.
    pub fn from_client(
        &self,
        left: &mut Bytes,
    ) -> Result<(Vec<Step>, Vec<Transferred>), Malformed> {
        self.with(|followed| {
            let ended = match followed {
                Followed::Sftp(sftp) => return Ok((sftp.from_client(left)?, Vec::new())),
                Followed::Scp(scp) => scp.from_client(left)?,
                Followed::Rsync => Vec::new(),
            };
            Ok((vec![Step::Pass(std::mem::take(left))], ended))
        })
    }

    /// Follows bytes of the target, which pass.
    ///
    /// # Errors
    /// When the target does not hold to the protocol: nothing more may pass.
    pub fn from_target(&self, chunk: &[u8]) -> Result<Seen, Malformed> {
        let seen = self.with(|followed| match followed {
            Followed::Sftp(sftp) => sftp.from_target(chunk),
            Followed::Scp(scp) => scp.from_target(chunk).map(|ended| Seen {
                boundary: None,
                ended,
            }),
            Followed::Rsync => Ok(Seen::default()),
        });
        self.eased.notify_one();
        seen
    }

    /// The bytes of a request that was cleared; `None` when the clearance is for anything else.
    pub fn release(&self, asked: Asked, clearance: &Clearance) -> Option<Bytes> {
        self.with(|followed| match followed {
            Followed::Sftp(sftp) => sftp.release(asked, clearance),
            Followed::Scp(_) | Followed::Rsync => None,
        })
    }

    /// The bytes of a request that only looks, and may. It is counted: it has no record of its own.
    pub fn pass_look(&self, look: Look) -> Option<Bytes> {
        let passed = self.with(|followed| match followed {
            Followed::Sftp(sftp) => Some(sftp.pass_look(look)),
            Followed::Scp(_) | Followed::Rsync => None,
        });
        self.looks
            .fetch_add(u64::from(passed.is_some()), Ordering::Relaxed);
        passed
    }

    /// How many requests passed that only looked.
    pub fn looks(&self) -> u64 {
        self.looks.load(Ordering::Relaxed)
    }

    /// Waits until the target has answered enough of what it was asked.
    pub async fn room(&self) {
        while self.with(|followed| match followed {
            Followed::Sftp(sftp) => sftp.is_full(),
            Followed::Scp(_) | Followed::Rsync => false,
        }) {
            self.eased.notified().await;
        }
    }

    /// Has an answer of our own sent to the client. Waits while too many wait already.
    pub async fn answer(&self, answer: Bytes) {
        // Whoever would send it is gone only with the session.
        let _ = self.answers.send(answer).await;
    }

    /// Tells the audit of files that ended.
    ///
    /// # Errors
    /// When it is not known to be durable: nothing more may pass.
    pub async fn told(&self, ended: Vec<Transferred>) -> Result<(), AuditError> {
        for file in ended {
            let (sha256, unproved) = match file.sha256 {
                Ok(sha256) => (Some(sha256), None),
                Err(why) => (None, Some(why.to_string())),
            };
            let event = AuditEvent::Transferred {
                session: self.session,
                action: file.direction.action(),
                path: visible(&file.path),
                name: file.name.as_deref().map(visible),
                bytes: file.bytes,
                sha256,
                unproved,
            };
            let audit = &self.visit.services.audit;
            let survives = Survives::Bastion;
            audit.append_to(survives, event, Timestamp::now()).await?;
        }
        Ok(())
    }

    /// Tells of the files that were still open when the session ended.
    pub async fn finish(&self) {
        let left = self.with(|followed| match followed {
            Followed::Sftp(sftp) => sftp.left_open(),
            Followed::Scp(scp) => scp.left_open(),
            Followed::Rsync => Vec::new(),
        });
        if let Err(error) = self.told(left).await {
            tracing::error!(session = %self.session, %error, "the end of a file could not be audited");
        }
    }
}

/// What goes to the client next.
pub enum Next {
    /// Something of the target.
    Target(Item),
    /// An answer of our own.
    Answer(Bytes),
}

/// The answers of our own on their way to the client: none is put into a packet of the target.
pub struct Answers {
    waiting: Option<mpsc::Receiver<Bytes>>,
    between: bool,
}

impl Answers {
    /// Those of a transfer, where the session is one.
    pub fn of(transfer: Option<&Transfer>) -> Self {
        let waiting = transfer.and_then(|transfer| {
            let mut waiting = transfer.waiting.lock();
            waiting.as_deref_mut().ok().and_then(Option::take)
        });
        // Nothing of ours goes before the target's first packet.
        Self {
            waiting,
            between: false,
        }
    }

    /// The next thing for the client; `None` when the target has closed the channel and nothing is left to say.
    pub async fn next(&mut self, target: &mut Drain) -> Option<Next> {
        let between = self.between;
        let Some(waiting) = &mut self.waiting else {
            return target.next().await.map(Next::Target);
        };
        let item = tokio::select! {
            Some(answer) = waiting.recv(), if between => return Some(Next::Answer(answer)),
            item = target.next() => item,
        };
        match item {
            Some(item) => Some(Next::Target(item)),
            None if between => waiting.try_recv().ok().map(Next::Answer),
            None => None,
        }
    }

    /// An answer that waits already.
    pub fn ready(&mut self) -> Option<Bytes> {
        self.waiting.as_mut()?.try_recv().ok()
    }

    /// The target's stream stands between two packets now, or not.
    pub fn stands(&mut self, between: bool) {
        self.between = between;
    }
}
