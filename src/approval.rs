//! Holds that wait for people: opened, answered, withdrawn, expired, and awaited.
//!
//! The rows of the store decide, so that an answer given on one node reaches a hold on another: a change is a
//! compare-and-swap, and whoever waits reads the row. Waking is only a hint that something changed, and a missed one
//! is repaired by looking again. Who may answer is policy's business: an answer comes with its permit.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use crate::domain::action::Requirements;
use crate::domain::command::CommandDigest;
use crate::domain::hold::{AnswerError, Answered, Approval, Hold, Reply, Resolved};
use crate::domain::id::HoldId;
use crate::domain::name::{NodeName, PrincipalName};
use crate::domain::principal::Principal;
use crate::domain::request::ApprovalRequest;
use crate::domain::verdict::Permit;
use crate::store::{HoldState, Store, StoreError, Woken};

/// How often a waiter looks at its row without being woken: the most that an answer from another node is late.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// A hold is overdue when its waiter has not ended it for so long.
const OVERDUE: Duration = Duration::from_secs(30);
/// How often a change is tried anew when somebody else changed the hold first.
const ATTEMPTS: usize = 16;
/// How many ids are drawn for a new hold before the store is given up on.
const DRAWS: usize = 8;

/// Why an approval operation failed.
#[derive(Debug, thiserror::Error)]
pub enum ApprovalError {
    /// There is no such request.
    #[error("there is no request `{0}`")]
    Unknown(HoldId),
    /// It ended before.
    #[error("request `{id}` has ended: it was {how}")]
    Ended {
        /// Which.
        id: HoldId,
        /// `approved`, `refused`, `expired` or `withdrawn`.
        how: &'static str,
    },
    /// What was shown to the approver is not what waits.
    #[error("request `{0}` is not the one that was shown; look at it again")]
    Changed(HoldId),
    /// The answer does not count.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// The store failed; nothing was changed.
    #[error("the request could not be changed: {0}")]
    Store(#[from] StoreError),
    /// Too many people at once.
    #[error("request `{0}` is being answered by others; try again")]
    Busy(HoldId),
    /// The system gave no random bytes.
    #[error("the system gave no random bytes")]
    Random,
}

/// What waits, or why nobody can tell.
pub type Listed = Result<Arc<Vec<Arc<Hold>>>, String>;

/// The way to the holds. Clones share their wake-ups.
#[derive(Debug, Clone)]
pub struct Approvals {
    store: Store,
    node: NodeName,
    changes: watch::Sender<u64>,
    list: watch::Sender<Listed>,
}

impl Approvals {
    /// The holds of a store, as seen from one node.
    pub fn new(store: Store, node: NodeName) -> Self {
        Self {
            store,
            node,
            changes: watch::Sender::new(0),
            list: watch::Sender::new(Ok(Arc::default())),
        }
    }

    /// Wakes whenever a hold changed on this node.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// What waits, as [`Approvals::follow`] read it last: once for whoever looks on. It wakes at every change.
    pub fn list(&self) -> watch::Receiver<Listed> {
        self.list.subscribe()
    }

    fn changed(&self) {
        self.changes
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Suspends an action. The request is made for the id that was drawn.
    ///
    /// # Errors
    /// When the store fails; then nothing waits and nothing may run.
    pub async fn open(
        &self,
        request: impl Fn(HoldId) -> ApprovalRequest,
        requirements: &Requirements,
        now: Timestamp,
    ) -> Result<Hold, ApprovalError> {
        let mut last = None;
        for _ in 0..DRAWS {
            let mut random = [0; 4];
            aws_lc_rs::rand::fill(&mut random).map_err(|_| ApprovalError::Random)?;
            let id = HoldId::new(u32::from_ne_bytes(random));
            let hold = Hold::open(request(id), requirements.clone(), now);
            match self.store.hold_opened(&self.node, &hold).await {
                Ok(()) => {
                    self.changed();
                    return Ok(hold);
                }
                Err(StoreError::Taken(id)) => last = Some(StoreError::Taken(id)),
                Err(error) => return Err(error.into()),
            }
        }
        Err(last.map_or(ApprovalError::Random, ApprovalError::Store))
    }

    /// One waiting hold.
    ///
    /// # Errors
    /// When there is none, or it has ended.
    pub async fn waiting_hold(&self, id: &HoldId) -> Result<Hold, ApprovalError> {
        match self.store.hold(id).await? {
            Some(stored) => waiting(id, stored.state),
            None => Err(ApprovalError::Unknown(id.clone())),
        }
    }

    /// Takes one person's answer to exactly the action that has `shown`; gives it as it was kept and what it did.
    ///
    /// # Errors
    /// When the answer does not count, the hold has ended or is another, or the store fails.
    pub async fn answer(
        &self,
        id: &HoldId,
        shown: &CommandDigest,
        approver: &Principal,
        reply: &Reply,
        permit: &Permit,
    ) -> Result<(Approval, Answered), ApprovalError> {
        self.change(id, |state| {
            let hold = waiting(id, state)?;
            if hold.digest() != shown {
                return Err(ApprovalError::Changed(id.clone()));
            }
            let given = hold.answer(approver.clone(), reply, permit, Timestamp::now());
            let (approval, answered) = given.map_err(|refused| ApprovalError::Answer(refused.1))?;
            let state = match &answered {
                Answered::Waiting(hold) => HoldState::Waiting(hold.clone()),
                Answered::Resolved(resolved) => HoldState::Resolved(resolved.clone()),
            };
            Ok((Some(state), (approval, answered)))
        })
        .await
    }

    /// Takes a hold back. Tells how it ended, which may have been otherwise meanwhile.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn withdraw(&self, id: &HoldId, why: &str) -> Result<Resolved, ApprovalError> {
        self.end(id, |hold, now| Ok(hold.withdraw(why, now))).await
    }

    /// Ends a hold unless it has ended already; `ending` may also leave it waiting.
    async fn end(
        &self,
        id: &HoldId,
        ending: impl Fn(Hold, Timestamp) -> Result<Resolved, Box<Hold>>,
    ) -> Result<Resolved, ApprovalError> {
        self.change(id, |state| {
            let hold = match state {
                HoldState::Resolved(resolved) => return Ok((None, *resolved)),
                HoldState::Waiting(hold) => *hold,
            };
            let ended = ending(hold, Timestamp::now());
            let resolved = ended.map_err(|_| ApprovalError::Busy(id.clone()))?;
            let state = HoldState::Resolved(Box::new(resolved.clone()));
            Ok((Some(state), resolved))
        })
        .await
    }

    /// Changes a hold, anew when somebody else changed it first. `step` gives what becomes of it, or nothing where it
    /// stays as it is, and what is to be told of that.
    async fn change<T>(
        &self,
        id: &HoldId,
        step: impl Fn(HoldState) -> Result<(Option<HoldState>, T), ApprovalError>,
    ) -> Result<T, ApprovalError> {
        for _ in 0..ATTEMPTS {
            let Some(stored) = self.store.hold(id).await? else {
                return Err(ApprovalError::Unknown(id.clone()));
            };
            let (state, told) = step(stored.state)?;
            let Some(state) = state else {
                return Ok(told);
            };
            match self.store.transition(id, stored.version, &state).await {
                Ok(_) => {
                    self.changed();
                    return Ok(told);
                }
                Err(StoreError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(ApprovalError::Busy(id.clone()))
    }

    /// The wait for the end of a hold, with what is heard of it meanwhile.
    pub fn wait(&self, id: &HoldId) -> Waiting<'_> {
        Waiting {
            approvals: self,
            id: id.clone(),
            changes: self.changes(),
            approved: 0,
            seen: 0,
        }
    }

    /// Notes that somebody has a hold before them, when it waits and they `may` answer it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn seen(
        &self,
        id: &HoldId,
        by: &PrincipalName,
        may: impl Fn(&ApprovalRequest) -> bool,
    ) -> Result<(), ApprovalError> {
        self.change(id, |state| {
            let HoldState::Waiting(mut hold) = state else {
                return Ok((None, ()));
            };
            let news = may(hold.request()) && hold.look(by);
            Ok((news.then_some(HoldState::Waiting(hold)), ()))
        })
        .await
    }

    /// Ends the holds whose time has been over for a while: whoever waited for one has ended it, or is gone.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn expire_overdue(&self) -> Result<Vec<Resolved>, ApprovalError> {
        let overdue = Timestamp::now()
            .saturating_sub(OVERDUE)
            .unwrap_or(Timestamp::UNIX_EPOCH);
        let mut ended = Vec::new();
        for hold in self.store.waiting().await? {
            if hold.expires() < overdue {
                ended.push(self.end(&hold.request().hold, Hold::expire).await?);
            }
        }
        Ok(ended)
    }

    /// Wakes whoever waits when a hold changed on any node, and keeps the [`Approvals::list`]. Runs for ever.
    pub async fn follow(&self) {
        loop {
            match self.store.changes().await {
                Ok(mut changes) => loop {
                    self.read_list().await;
                    match changes.next().await {
                        Woken::Changed => self.changed(),
                        // Waiters look for themselves.
                        Woken::Polled => {}
                    }
                },
                Err(error) => {
                    tracing::error!(%error, "changes of requests on other nodes are seen late");
                }
            }
            // Until it can be listened again, what waits is looked at like this.
            self.read_list().await;
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Reads what waits for whoever looks on.
    async fn read_list(&self) {
        let waiting = self.store.waiting().await;
        let listed = waiting
            .map(|waiting| Arc::new(waiting.into_iter().map(Arc::new).collect()))
            .map_err(|error| error.to_string());
        self.list.send_if_modified(|list| {
            if *list == listed {
                return false;
            }
            if let Err(error) = &listed {
                tracing::error!(%error, "what waits could not be read");
            }
            *list = listed;
            true
        });
    }

    /// The holds that wait now, the oldest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn waiting(&self) -> Result<Vec<Hold>, ApprovalError> {
        let now = Timestamp::now();
        let waiting = self.store.waiting().await?;
        Ok(waiting
            .into_iter()
            .filter(|hold| hold.expires() > now)
            .collect())
    }

    /// The holds that ended, the last ended first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn history(&self, limit: u32) -> Result<Vec<Resolved>, ApprovalError> {
        Ok(self.store.resolved(limit).await?)
    }
}

/// The hold of a state that waits.
fn waiting(id: &HoldId, state: HoldState) -> Result<Hold, ApprovalError> {
    match state {
        HoldState::Waiting(hold) => Ok(*hold),
        HoldState::Resolved(resolved) => Err(ApprovalError::Ended {
            id: id.clone(),
            how: resolved.resolution().word(),
        }),
    }
}

/// What is heard of a hold that is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// Somebody approved, and it needs so many more.
    Approved {
        /// Their approval.
        by: Box<Approval>,
        /// How many are missing yet.
        missing: usize,
    },
    /// Somebody who may answer has it before them.
    Seen(PrincipalName),
    /// It ended.
    Ended(Box<Resolved>),
}

/// The wait for one hold.
#[derive(Debug)]
pub struct Waiting<'a> {
    approvals: &'a Approvals,
    id: HoldId,
    changes: watch::Receiver<u64>,
    /// Approvals that were told of.
    approved: usize,
    /// People that were told of.
    seen: usize,
}

impl Waiting<'_> {
    /// The next news. A hold whose time is over is ended here. Safe to cancel.
    ///
    /// # Errors
    /// When the store fails: whoever waits must treat that as a refusal.
    pub async fn next(&mut self) -> Result<News, ApprovalError> {
        loop {
            self.changes.borrow_and_update();
            let Some(stored) = self.approvals.store.hold(&self.id).await? else {
                return Err(ApprovalError::Unknown(self.id.clone()));
            };
            let hold = match stored.state {
                HoldState::Resolved(resolved) => return Ok(News::Ended(resolved)),
                HoldState::Waiting(hold) => hold,
            };
            if let Some(news) = self.news(&hold) {
                return Ok(news);
            }
            let left = Duration::try_from(hold.expires().duration_since(Timestamp::now()))
                .unwrap_or_default();
            if left.is_zero() {
                let ended = self.approvals.end(&self.id, Hold::expire).await?;
                return Ok(News::Ended(Box::new(ended)));
            }
            let wait = left.min(LOOK_AGAIN);
            let _ = tokio::time::timeout(wait, self.changes.changed()).await;
        }
    }

    fn news(&mut self, hold: &Hold) -> Option<News> {
        if let Some(by) = hold.approvals().get(self.approved) {
            self.approved += 1;
            let needed = usize::from(hold.requirements().approvals.get());
            return Some(News::Approved {
                by: Box::new(by.clone()),
                missing: needed.saturating_sub(self.approved),
            });
        }
        let name = hold.seen().get(self.seen)?;
        self.seen += 1;
        Some(News::Seen(name.clone()))
    }
}

impl News {
    /// In words for the requester; nothing of an end, which is told with its consequences.
    pub fn told(&self) -> Option<String> {
        match self {
            Self::Approved { by, missing } => {
                let name = &by.approver.name;
                let said = match by.reason.as_str() {
                    "" => String::new(),
                    reason => format!(": \"{reason}\""),
                };
                Some(format!("approved by {name}{said}; {missing} more needed"))
            }
            Self::Seen(name) => Some(format!("{name} is looking at it")),
            Self::Ended(_) => None,
        }
    }
}
