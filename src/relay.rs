//! Where the stages meet: the life of one connection, from the handshake to the last byte of its sessions.
//!
//! Read in this order: [`listener`] takes a socket and puts it on one of the [`lanes`], [`reception`] finds out who it is,
//! [`opening`] turns a grant into a logged-in link to a target ([`admission`] waits where others must agree to that), [`session`] runs one channel through its gate,
//! [`decision`] asks inspection and policy about one command, [`suspension`] waits for people. [`transfer`] follows the
//! files of a session; [`forwards`] and [`agent`] join channels that carry other protocols; [`sudo`] is the agent that every
//! sudo on a target with the gate asks; [`peers`] knows which nodes live, for its sake. [`console`], [`board`] and
//! [`theatre`] are the bastion's own commands, the dashboard, and recordings: replayed, or watched as they are made.
//!
//! Invariants: no session without a running recording, nothing on a target without a clearance, no action without
//! its audit record; when any of that fails, the session ends.

pub mod admission;

pub mod agent;

pub mod board;

pub mod client;

pub mod console;

pub mod decision;

pub mod operations;

pub mod forwards;

pub mod input;

pub mod lanes;

pub mod launch;

pub mod listener;

pub mod notices;

pub mod opening;

pub mod output;

pub mod peers;

pub mod reception;

pub mod registry;

pub mod screen;

pub mod session;

pub mod splice;

pub mod start;

pub mod sudo;

pub mod suspension;

pub mod theatre;

pub mod transfer;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::accept::limits::{Seats, Shares};
use crate::approval::Approvals;
use crate::audit::{Audit, AuditError};
use crate::authority::Authority;
use crate::config::Config;
use crate::domain::audit::AuditEvent;
use crate::domain::hold::Resolved;
use crate::domain::id::{HoldId, SessionId};
use crate::domain::name::NodeName;
use crate::domain::principal::Subject;
use crate::identity::Identity;
use crate::policy::PolicyKeeper;
use crate::store::Store;
use crate::target::Turns;

/// Exit status of whatever Countersign itself ended or refused.
pub const REFUSED_STATUS: u32 = 254;

/// How often orders to end sessions are looked for without being woken.
const ORDERS_POLL: Duration = Duration::from_millis(500);

/// Everything a connection needs of its node.
pub struct Services {
    config: RwLock<Arc<Config>>,
    /// The node's name.
    pub node: NodeName,
    /// Logins, sessions, holds.
    pub store: Store,
    /// The node's chain.
    pub audit: Audit,
    /// Certificates.
    pub authority: Authority,
    /// The policy in force.
    pub policy: PolicyKeeper,
    /// Sign-ins.
    pub identity: Identity,
    /// Holds that wait.
    pub approvals: Approvals,
    /// Where connections run.
    pub lanes: Arc<lanes::Lanes>,
    /// Connections that are open.
    pub seats: Seats,
    /// Connections that each person speaks inside channels of others.
    pub jumps: Shares<Subject>,
    /// Sessions that each person has.
    pub sessions: Shares<Subject>,
    /// Handshakes with targets.
    pub turns: Turns,
    /// Sudos that asked to be signed.
    pub sudos: sudo::Sudos,
    /// Sessions that run on this node.
    pub registry: registry::Registry,
    /// Who may answer what waits.
    pub approver_groups: operations::ApproverGroups,
    /// The nodes that share its store.
    pub peers: Arc<peers::Peers>,
    /// Every task of every connection.
    pub tasks: TaskTracker,
    /// Cancelled when no new connection or session is taken any more.
    pub draining: CancellationToken,
}

/// What a node is made of, to be put together once at its start.
pub struct Parts {
    /// The configuration.
    pub config: Config,
    /// Logins, sessions, holds.
    pub store: Store,
    /// The node's chain.
    pub audit: Audit,
    /// Certificates.
    pub authority: Authority,
    /// The policy in force.
    pub policy: PolicyKeeper,
    /// Sign-ins.
    pub identity: Identity,
    /// Where connections run.
    pub lanes: lanes::Lanes,
}

impl Services {
    /// Puts a node's services together.
    pub fn new(parts: Parts) -> Arc<Self> {
        let node = parts.config.node.clone();
        let approvals = Approvals::new(parts.store.clone(), node.clone());
        Arc::new(Self {
            config: RwLock::new(Arc::new(parts.config)),
            node,
            store: parts.store,
            audit: parts.audit,
            authority: parts.authority,
            policy: parts.policy,
            identity: parts.identity,
            approvals,
            lanes: Arc::new(parts.lanes),
            seats: Seats::default(),
            jumps: Shares::default(),
            sessions: Shares::default(),
            turns: Turns::default(),
            sudos: sudo::Sudos::default(),
            registry: registry::Registry::default(),
            approver_groups: operations::ApproverGroups::default(),
            peers: Arc::default(),
            tasks: TaskTracker::new(),
            draining: CancellationToken::new(),
        })
    }

    /// The configuration in force.
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another configuration in force for what starts from now on.
    pub fn reconfigure(&self, config: Config) {
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
    }
}

impl Services {
    /// Tells the audit how a hold ended.
    ///
    /// # Errors
    /// When the record is not durable: nothing may go on that rests on it.
    pub async fn hold_ended(&self, resolved: &Resolved) -> Result<(), AuditError> {
        let request = resolved.hold().request();
        let event = AuditEvent::HoldEnded {
            hold: request.hold.clone(),
            session: request.command.scope.session,
            resolution: resolved.resolution().clone(),
        };
        self.audit.append(event, Timestamp::now()).await.map(drop)
    }

    /// Takes a hold back for whoever is not there any more, and tells the audit.
    pub async fn withdraw(&self, hold: &HoldId, why: &str) {
        match self.approvals.withdraw(hold, why).await {
            Ok(resolved) => {
                if let Err(error) = self.hold_ended(&resolved).await {
                    tracing::error!(%hold, %error, "the end of a request could not be audited");
                }
            }
            Err(error) => tracing::error!(%hold, %error, "a request could not be withdrawn"),
        }
    }

    /// Ends the sessions of this node that were ordered to end, on whatever node that was. Runs until the node is drained.
    pub async fn obey_end_orders(&self) {
        let mut changes = self.approvals.changes();
        let mut failing = false;
        loop {
            changes.borrow_and_update();
            if self.registry.running() > 0 {
                match self.store.ordered_ends(&self.node).await {
                    Ok(orders) => {
                        failing = false;
                        for (session, order) in orders {
                            self.registry.end(&session, &order.shown());
                        }
                    }
                    Err(error) if !failing => {
                        failing = true;
                        tracing::error!(%error, "orders to end sessions are not seen");
                    }
                    Err(_) => {}
                }
            }
            tokio::select! {
                _ = changes.changed() => {}
                () = tokio::time::sleep(ORDERS_POLL) => {}
            }
            if self.draining.is_cancelled() && self.registry.running() == 0 {
                return;
            }
        }
    }

    /// Ends the holds whose time is over and for which nobody waits any more.
    pub async fn sweep(&self) {
        match self.approvals.expire_overdue().await {
            Ok(ended) => {
                for resolved in &ended {
                    if let Err(error) = self.hold_ended(resolved).await {
                        tracing::error!(%error, "the end of a request could not be audited");
                    }
                }
            }
            Err(error) => tracing::error!(%error, "overdue requests could not be ended"),
        }
    }
}

/// A session identifier from the clock and the system's random bytes; `None` when there are none.
pub fn new_session_id() -> Option<SessionId> {
    let mut random = [0; 10];
    aws_lc_rs::rand::fill(&mut random).ok()?;
    Some(SessionId::new(Timestamp::now(), random))
}
