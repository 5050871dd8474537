//! What a person may ask of the bastion itself, each question put to policy: used by the commands and the dashboard.

mod lists;

mod memo;

mod signing;

use std::fs::File;
use std::sync::Arc;

use jiff::Timestamp;

use super::reception::Visit;
use crate::certificate::fingerprint;
use crate::domain::action::Action;
use crate::domain::audit::AuditEvent;
use crate::domain::command::CommandDigest;
use crate::domain::hold::{self, Answered, Reply, Resolution};
use crate::domain::id::{HoldId, SessionId};
use crate::domain::name::GroupName;
use crate::domain::principal::{Principal, Subject};
use crate::domain::recording::{EndOrder, SessionSummary};
use crate::domain::target::TargetInfo;
use crate::domain::verdict::{Circumstances, Denial, Permit, Question, Resource, Tell, Verdict};
use crate::record::{Library, Live, Recording};
pub use lists::TargetView;
pub use memo::Memo;
pub use signing::{ApproverAgent, Sign};

/// A refusal or a failure, in words for the person who asked.
pub type Refusal = String;

/// The operations of one identified person.
pub struct Operations<'a> {
    visit: &'a Arc<Visit>,
    /// Which requests they may answer.
    answerable: Memo<HoldId, bool>,
    /// Which sessions they may see.
    visible: Memo<(Subject, TargetInfo), bool>,
    /// The targets that they may open.
    targets: Memo<(), Vec<TargetView>>,
}

/// A session that somebody may watch.
pub struct Running {
    /// Whose, and where.
    pub session: SessionSummary,
    /// The way to its screen.
    pub live: Live,
}

/// The groups that may answer a request, which are the same for whoever looks.
pub type ApproverGroups = Memo<HoldId, Vec<GroupName>>;

fn failed(error: impl std::fmt::Display) -> Refusal {
    error.to_string()
}

impl<'a> Operations<'a> {
    /// What the person behind `visit` may ask.
    pub fn new(visit: &'a Arc<Visit>) -> Self {
        Self {
            visit,
            answerable: Memo::default(),
            visible: Memo::default(),
            targets: Memo::default(),
        }
    }

    /// Returns when the node takes nothing new any more.
    pub async fn draining(&self) {
        self.visit.services.draining.cancelled().await;
    }

    /// Who they are.
    pub fn me(&self) -> &'a Principal {
        self.visit.identified.identity().principal()
    }

    /// Asks policy, as long as the sign-in holds: a dashboard may stay open longer.
    fn ask(&self, action: Action, resource: Resource<'_>) -> Verdict {
        if !self.visit.identified.identity().holds(Timestamp::now()) {
            return Verdict::Deny(Denial::SignInEnded);
        }
        let question = Question {
            principal: self.me(),
            action,
            resource,
            circumstances: Circumstances {
                reason: None,
                command: None,
                source: self.visit.source,
                now: Timestamp::now(),
                login: None,
                reading: None,
                forward: None,
            },
        };
        self.visit.services.policy.current().decide(&question)
    }

    fn permit(&self, action: Action, resource: Resource<'_>) -> Result<Permit, Refusal> {
        match self.ask(action, resource) {
            Verdict::Allow(permit) => Ok(permit),
            Verdict::Hold(_) => {
                Err("policy wants an approval for this, which cannot be asked for here".to_owned())
            }
            Verdict::Deny(denial) => {
                let verb = if action == Action::Administer {
                    "end"
                } else {
                    action.as_str()
                };
                Err(format!(
                    "you may not {verb} this: {denial}; whoever writes the bastion's policies can change that"
                ))
            }
        }
    }

    fn may(&self, action: Action, resource: Resource<'_>) -> bool {
        matches!(self.ask(action, resource), Verdict::Allow(_))
    }

    /// Lets the requester know that this person, who may answer it, has a request before them. Nobody waits for that.
    pub fn seen(&self, hold: HoldId) {
        let visit = Arc::clone(self.visit);
        let tasks = visit.services.tasks.clone();
        tasks.spawn(async move {
            let operations = Operations::new(&visit);
            let approvals = &visit.services.approvals;
            let name = &operations.me().name;
            let may = |request: &_| operations.may(Action::Approve, Resource::Hold(request));
            if let Err(error) = approvals.seen(&hold, name, may).await {
                tracing::warn!(%hold, %error, "a requester does not learn who looks at their request");
            }
        });
    }

    /// Answers a request. `shown` is the digest of what the person saw; a script that names only the request answers
    /// whatever it is bound to.
    ///
    /// # Errors
    /// When they may not, the request has ended or is another, or something fails.
    pub async fn answer(
        &self,
        id: &HoldId,
        shown: Option<&CommandDigest>,
        reply: Reply,
    ) -> Result<String, Refusal> {
        let services = &self.visit.services;
        let hold = services.approvals.waiting_hold(id).await.map_err(failed)?;
        if hold.request().requester.subject == self.me().subject {
            return Err("nobody may answer their own request".to_owned());
        }
        let permit = self.permit(Action::Approve, Resource::Hold(hold.request()))?;
        let shown = shown.unwrap_or_else(|| hold.digest()).clone();
        // In a task of its own: a client that goes away meanwhile must not keep the record from being written.
        let (services, id, me) = (Arc::clone(services), id.clone(), self.me().clone());
        let tasks = services.tasks.clone();
        let answering = tasks.spawn(async move {
            let given = services
                .approvals
                .answer(&id, &shown, &me, &reply, &permit)
                .await;
            let (approval, answered) = given.map_err(failed)?;
            let event = AuditEvent::Answered {
                hold: id.clone(),
                digest: shown,
                answer: reply.answer,
                by: approval,
            };
            services
                .audit
                .append(event, Timestamp::now())
                .await
                .map_err(failed)?;
            Ok(told(&answered, &id))
        });
        answering.await.map_err(failed)?
    }

    /// The way to watch a session that runs on this node, where policy lets them. The audit knows before anything is
    /// shown, and the session's person is told where policy says so.
    ///
    /// # Errors
    /// When they may not, it does not run here, or something fails.
    pub async fn watch(&self, session: SessionId) -> Result<Running, Refusal> {
        let services = &self.visit.services;
        let summary = self.known(session).await?;
        let permit = self.may_watch(&summary)?;
        if let Some(end) = &summary.ended {
            return Err(format!(
                "session `{session}` has ended ({}); `replay {session}` shows it",
                end.how
            ));
        }
        let live = services.registry.live(&session).ok_or_else(|| {
            format!("session `{session}` does not run on this node of the bastion (yet): watch it on its own")
        })?;
        let me = self.me();
        let event = AuditEvent::Watched {
            session,
            person: me.subject.clone(),
            name: me.name.to_string(),
        };
        let told = services.audit.append(event, Timestamp::now()).await;
        told.map_err(failed)?;
        match permit.tell() {
            Tell::Nobody => {}
            Tell::Owner => {
                let text = format!("{} watches this session", me.name);
                if !services.registry.announce(&session, &me.name, text).await {
                    return Err("its person could not be told, so it is not shown: their terminal takes nothing".to_owned());
                }
            }
        }
        Ok(Running {
            session: summary,
            live,
        })
    }

    /// Whether they still may watch it.
    ///
    /// # Errors
    /// When they may not any more.
    pub fn may_watch(&self, session: &SessionSummary) -> Result<Permit, Refusal> {
        let resource = Resource::Session {
            owner: &session.subject,
            target: &session.target,
        };
        self.permit(Action::Watch, resource)
    }

    /// Tells the audit that they watch a session no more.
    ///
    /// # Errors
    /// When it cannot be audited.
    pub async fn watched(&self, session: SessionId) -> Result<(), Refusal> {
        let event = AuditEvent::WatchEnded {
            session,
            person: self.me().subject.clone(),
            name: self.me().name.to_string(),
        };
        let told = self.visit.services.audit.append(event, Timestamp::now());
        told.await.map(drop).map_err(failed)
    }

    async fn known(&self, session: SessionId) -> Result<SessionSummary, Refusal> {
        let found = self.visit.services.store.session(&session).await;
        let missing = || format!("there is no session `{session}`");
        found.map_err(failed)?.ok_or_else(missing)
    }

    /// Orders that a session end at once, on whichever node it runs. The audit knows before it is ordered.
    ///
    /// # Errors
    /// When they may not, it does not run, or something fails.
    pub async fn end(&self, session: SessionId, reason: &str) -> Result<String, Refusal> {
        let services = &self.visit.services;
        let summary = self.known(session).await?;
        let resource = Resource::Session {
            owner: &summary.subject,
            target: &summary.target,
        };
        self.permit(Action::Administer, resource)?;
        if let Some(end) = summary.ended {
            return Err(format!("session `{session}` has ended: {}", end.how));
        }
        let order = EndOrder {
            by: self.me().clone(),
            reason: hold::reason(reason),
            at: Timestamp::now(),
        };
        let event = AuditEvent::EndOrdered {
            session,
            person: order.by.subject.clone(),
            name: order.by.name.to_string(),
            reason: order.reason.clone(),
        };
        // In a task of its own: a client that goes away meanwhile must not keep it from being done.
        let (services, tasks) = (Arc::clone(services), services.tasks.clone());
        let ordering = tasks.spawn(async move {
            let appended = services.audit.append(event, order.at).await;
            appended.map_err(failed)?;
            let ordered = services.store.order_end(&session, &order).await;
            ordered.map_err(failed)
        });
        ordering.await.map_err(failed)??;
        Ok(format!("{session} is ordered to end"))
    }

    /// A certificate for the key that was proved in this connection, as a line for a file.
    ///
    /// # Errors
    /// When it cannot be made or kept.
    pub async fn certificate(&self) -> Result<String, Refusal> {
        let services = &self.visit.services;
        let identity = self.visit.identified.identity();
        let now = Timestamp::now();
        let latest = now
            .saturating_add(services.config().certificates.person_ttl)
            .unwrap_or(now);
        let until = latest.min(identity.valid_until());
        if until <= now {
            return Err("your sign-in has ended; connect again".to_owned());
        }
        let serial = services.store.next_serial().await.map_err(failed)?;
        let minted =
            services
                .authority
                .mint_for_person(self.me(), &self.visit.key, serial, now, until);
        let certificate = minted.map_err(failed)?;
        let key = fingerprint(&self.visit.key);
        let kept =
            services
                .store
                .record_certificate(serial, certificate.key_id(), self.me(), &key, until);
        let event = AuditEvent::Certificate {
            serial,
            key_id: certificate.key_id().to_owned(),
            person: self.me().subject.clone(),
            principals: certificate.valid_principals().to_vec(),
            until,
            command: None,
        };
        let (kept, told) = tokio::join!(kept, services.audit.append(event, now));
        kept.map_err(failed)?;
        told.map_err(failed)?;
        certificate.to_openssh().map_err(failed)
    }

    /// Opens a recording, where policy lets them replay it. The audit knows before anything is shown.
    ///
    /// # Errors
    /// When there is none, they may not, or it cannot be read.
    pub async fn recording(&self, session: SessionId) -> Result<Recording<File>, Refusal> {
        let services = &self.visit.services;
        let summary = self.known(session).await?;
        self.permit(
            Action::Replay,
            Resource::Session {
                owner: &summary.subject,
                target: &summary.target,
            },
        )?;
        let event = AuditEvent::Replayed {
            session,
            person: self.me().subject.clone(),
            name: self.me().name.to_string(),
        };
        services
            .audit
            .append(event, Timestamp::now())
            .await
            .map_err(failed)?;
        let library = Library::new(services.config().recordings.folder.clone());
        let opening = tokio::task::spawn_blocking(move || library.open(session));
        opening.await.map_err(failed)?.map_err(failed)
    }
}

/// What an answer did, for the person who gave it.
fn told(answered: &Answered, id: &HoldId) -> String {
    match answered {
        Answered::Waiting(hold) => {
            let missing = usize::from(hold.requirements().approvals.get())
                .saturating_sub(hold.approvals().len());
            format!("{id}: your approval counts; {missing} more needed")
        }
        Answered::Resolved(resolved) => match resolved.resolution() {
            Resolution::Approved { .. } => format!("{id}: approved, it runs now"),
            Resolution::Refused { .. } => format!("{id}: refused"),
            Resolution::Expired | Resolution::Withdrawn { .. } => {
                format!("{id}: {}", resolved.resolution().word())
            }
        },
    }
}
