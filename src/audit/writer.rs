//! The one task that writes a node's chain. What waits together is committed together.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::audit::AuditError;
use crate::domain::audit::AuditRecord;
use crate::domain::name::NodeName;
use crate::store::{AuditEntry, Store, StoreError, Survives};

/// Most events in one transaction.
const BATCH: usize = 64;

/// Longest that an event which survives the bastion waits to survive the machine.
pub(super) const SYNC_TIME: Duration = Duration::from_secs(1);

/// One event on its way into the chain.
#[derive(Debug)]
pub(super) struct Append {
    /// The event.
    pub(super) entry: AuditEntry,
    /// What it survives when its waiter is answered.
    pub(super) survives: Survives,
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
        // When what survives only the bastion yet has to survive more.
        let mut due: Option<Instant> = None;
        loop {
            let waiting = self.waiting.recv_many(&mut batch, BATCH);
            let came = match due {
                None => Ok(waiting.await),
                Some(due) => tokio::time::timeout_at(due, waiting).await,
            };
            due = match came {
                Ok(0) => break,
                Ok(_) => match self.write(&mut batch).await {
                    Survives::Machine => None,
                    Survives::Bastion => due.or(Some(Instant::now() + SYNC_TIME)),
                },
                Err(_) if self.synced().await => None,
                Err(_) => Some(Instant::now() + SYNC_TIME),
            };
        }
        if due.is_some() {
            self.synced().await;
        }
    }

    /// Writes a batch, and tells what it survives: the most that any event of it should.
    async fn write(&self, batch: &mut Vec<Append>) -> Survives {
        let survives = batch.iter().map(|append| append.survives).max();
        let survives = survives.unwrap_or(Survives::Machine);
        let (entries, waiters): (Vec<_>, Vec<_>) = batch
            .drain(..)
            .map(|append| (append.entry, append.done))
            .unzip();
        match self
            .store
            .append_audit(&self.node, &entries, survives)
            .await
        {
            Ok(records) => answer(waiters, records),
            Err(error) => fail(waiters, error),
        }
        survives
    }

    /// Whether all that was written survives the machine now; otherwise it is tried again.
    async fn synced(&self) -> bool {
        match self.store.sync().await {
            Ok(all) => all,
            Err(error) => {
                tracing::error!(%error, "the audit's last records may not survive the machine");
                false
            }
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
