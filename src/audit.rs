//! The audit: every event goes into the hash chain of its node before what it tells of goes on.
//!
//! The invariant: [`Audit::append`] answers with the record only when it is durable; an error means that nothing more
//! may run. Of files that policy lets pass unasked, a power failure of the machine may take the last second
//! ([`Survives::Bastion`]). [`verify`] proves that no record was changed, removed or put in, and that the signatures of
//! approvers are theirs. What a chain alone cannot show is that
//! its end was cut off, or the whole of it: compare the [`ChainHead`]s that it reports with those you noted before,
//! or with an export that is kept elsewhere.
//!
//! What happened is decided by the caller, and logs for operators are not written here.

mod export;

mod signatures;
mod verify;
mod writer;

#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};

use crate::audit::writer::Append;
use crate::domain::audit::{AuditEvent, AuditRecord, ChainError};
use crate::domain::name::NodeName;
use crate::signature::SignatureError;
use crate::store::{AuditEntry, Store, StoreError};

pub use crate::store::Survives;

pub use crate::audit::export::{Period, export, signatures_of_export, verify_export};
pub use crate::audit::signatures::{Signatures, SignedRecord, Signer, UnknownSigner};
pub use crate::audit::verify::{ChainHead, Report, signatures, verify};
pub use crate::audit::writer::AuditWriter;

/// Longest text of one event.
pub const EVENT_BYTES: usize = 2 * 1024 * 1024;

/// Most events that wait to be written.
const QUEUE: usize = 256;

/// Longest wait for room in the queue.
const QUEUE_WAIT: Duration = Duration::from_secs(10);

/// Why an event was not appended, or why a chain does not hold.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The database's fault.
    #[error("the audit cannot be written or read: {0}")]
    Store(Arc<StoreError>),
    /// The database is slower than events happen.
    #[error("the audit is overloaded")]
    Overloaded,
    /// The task that writes has ended.
    #[error("the audit is closed")]
    Closed,
    /// The caller's event cannot be written.
    #[error("the event cannot be written: {0}")]
    Event(String),
    /// Somebody changed the chain.
    #[error("the audit does not hold: {0}")]
    Broken(#[from] ChainError),
    /// Somebody changed a record so that it cannot even be exported.
    #[error("the audit does not hold: node {node}: record {seq} holds no event")]
    NoEvent {
        /// The chain.
        node: NodeName,
        /// Where.
        seq: u64,
    },
    /// A line of an export is not what we write.
    #[error("line {line} is not a line of an audit export: {reason}")]
    Line {
        /// Which, from 1.
        line: u64,
        /// What is wrong.
        reason: String,
    },
    /// Somebody changed an answer or its signature.
    #[error("the audit does not hold: node {node}: record {seq}: {reason}")]
    Signature {
        /// The chain.
        node: NodeName,
        /// Where.
        seq: u64,
        /// What is wrong with it.
        reason: SignatureError,
    },
    /// Somebody else signed an answer.
    #[error("the audit does not hold: {0}")]
    Signer(UnknownSigner),
    /// A record holds a signature that cannot be checked.
    #[error("the audit does not hold: node {node}: record {seq} cannot be read: {reason}")]
    Unreadable {
        /// The chain.
        node: NodeName,
        /// Where.
        seq: u64,
        /// Why.
        reason: String,
    },
    /// There are more keys of people than signatures can be checked with.
    #[error("people logged in with more than {0} keys: verify the exports of shorter periods")]
    Keys(usize),
    /// The file or pipe that is read or written.
    #[error("the export cannot be read or written: {0}")]
    Io(io::Error),
}

impl From<StoreError> for AuditError {
    fn from(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}

/// The way into the chain of one node. Clones lead to the same chain.
#[derive(Debug, Clone)]
pub struct Audit {
    queue: mpsc::Sender<Append>,
}

impl Audit {
    /// The audit of a node, and the writer that its owner runs as a task.
    pub fn open(store: Store, node: NodeName) -> (Self, AuditWriter) {
        let (queue, waiting) = mpsc::channel(QUEUE);
        (Self { queue }, AuditWriter::new(store, node, waiting))
    }

    /// Appends an event, and answers when it is durable.
    ///
    /// # Errors
    /// When it is not known to be durable: then nothing of what it tells of may go on.
    pub async fn append(
        &self,
        event: AuditEvent,
        now: Timestamp,
    ) -> Result<AuditRecord, AuditError> {
        self.append_to(Survives::Machine, event, now).await
    }

    /// Appends an event, and answers when it survives that much. What survives the bastion alone is for what policy lets
    /// pass many times a second: it survives the machine a second later.
    ///
    /// # Errors
    /// As [`Audit::append`].
    pub async fn append_to(
        &self,
        survives: Survives,
        event: AuditEvent,
        now: Timestamp,
    ) -> Result<AuditRecord, AuditError> {
        let text =
            serde_json::to_string(&event).map_err(|error| AuditError::Event(error.to_string()))?;
        if text.len() > EVENT_BYTES {
            let reason = format!("it has {} bytes, more than {EVENT_BYTES}", text.len());
            return Err(AuditError::Event(reason));
        }
        let (done, written) = oneshot::channel();
        let entry = AuditEntry {
            at: now,
            event: text,
        };
        let append = Append {
            entry,
            survives,
            done,
        };
        match self.queue.send_timeout(append, QUEUE_WAIT).await {
            Ok(()) => {}
            Err(mpsc::error::SendTimeoutError::Timeout(_)) => return Err(AuditError::Overloaded),
            Err(mpsc::error::SendTimeoutError::Closed(_)) => return Err(AuditError::Closed),
        }
        match written.await {
            Ok(result) => result,
            Err(_) => Err(AuditError::Closed),
        }
    }
}
