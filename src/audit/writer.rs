//! The one task that writes a node's chain. What waits together is committed together.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::audit::AuditError;
use crate::domain::audit::AuditRecord;
use crate::domain::name::NodeName;
use crate::store::{AuditEntry, Store, StoreError};

/// Most events in one transaction.
const BATCH: usize = 64;

/// One event on its way into the chain.
#[derive(Debug)]
pub(super) struct Append {
    /// The event.
    pub(super) entry: AuditEntry,
    /// Who waits for it; may have gone, the event happened all the same.
    pub(super) done: oneshot::Sender<Result<AuditRecord, AuditError>>,
}

/// Writes what comes in through the [`Audit`](crate::audit::Audit) handles of its node.
#[derive(Debug)]
pub struct AuditWriter {
    store: Store,
    node: NodeName,
    waiting: mpsc::Receiver<Append>,
}

impl AuditWriter {
    pub(super) fn new(store: Store, node: NodeName, waiting: mpsc::Receiver<Append>) -> Self {
        Self {
            store,
            node,
            waiting,
        }
    }

    /// Writes until every handle is dropped and the queue is empty. A batch that fails is answered with the error;
    /// the next one is tried again, from the head that the database has then.
    pub async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH);
        while self.waiting.recv_many(&mut batch, BATCH).await > 0 {
            self.write(&mut batch).await;
        }
    }

    async fn write(&self, batch: &mut Vec<Append>) {
        let (entries, waiters): (Vec<_>, Vec<_>) = batch
            .drain(..)
            .map(|append| (append.entry, append.done))
            .unzip();
        match self.store.append_audit(&self.node, &entries).await {
            Ok(records) => answer(waiters, records),
            Err(error) => fail(waiters, error),
        }
    }
}

/// A waiter that has gone is no error: its event is in the chain.
fn answer(
    waiters: Vec<oneshot::Sender<Result<AuditRecord, AuditError>>>,
    records: Vec<AuditRecord>,
) {
    for (waiter, record) in waiters.into_iter().zip(records) {
        let _gone = waiter.send(Ok(record));
    }
}

fn fail(waiters: Vec<oneshot::Sender<Result<AuditRecord, AuditError>>>, error: StoreError) {
    tracing::error!(%error, "the audit could not be written");
    let error = Arc::new(error);
    for waiter in waiters {
        let _gone = waiter.send(Err(AuditError::Store(Arc::clone(&error))));
    }
}
