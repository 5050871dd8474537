//! What a person may see of the targets, the sessions and the requests: for the commands that list, and the dashboard.
//!
//! It changes nothing. What policy answered a moment ago is good enough for a list.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::{Operations, Refusal, failed};
use crate::dashboard::model::{self, HistoryEntry, HoldView, Snapshot};
use crate::domain::action::Action;
use crate::domain::hold::Hold;
use crate::domain::name::LoginName;
use crate::domain::recording::SessionSummary;
use crate::domain::request::ApprovalRequest;
use crate::domain::target::TargetInfo;
use crate::domain::verdict::{Resource, Verdict};
use crate::relay::decision::Asker;
use crate::store::{SessionFilter, Which};

/// How many sessions and ended requests lists look at.
const LISTED: u32 = 200;
/// How many sessions that run lists look at.
const RUNNING_LISTED: u32 = crate::store::LISTED;

/// A target as a person sees it.
#[derive(Debug, Clone, Serialize)]
pub struct TargetView {
    /// The target.
    #[serde(flatten)]
    pub info: TargetInfo,
    /// What happens to a shell there: `allow`, `hold` or `deny`.
    pub shell: &'static str,
}

impl Operations<'_> {
    /// The targets that they may connect to as at least one login.
    pub fn targets(&self) -> Vec<TargetView> {
        let policy = self.visit.services.policy.current();
        self.targets
            .answer(policy.digest(), (), || self.targets_now())
    }

    fn targets_now(&self) -> Vec<TargetView> {
        let config = self.visit.services.config();
        let mut views = Vec::new();
        for target in config.targets.values() {
            let mut info = target.info.clone();
            let verdict = |login: &LoginName, action| {
                Asker::new(self.visit, &target.info, login).verdict(action)
            };
            info.logins
                .retain(|login| !matches!(verdict(login, Action::Connect), Verdict::Deny(_)));
            if let Some(login) = info.logins.first() {
                let shell = verdict(login, Action::Shell).word();
                views.push(TargetView { info, shell });
            }
        }
        views
    }

    /// The sessions that they may see: their own, and those that they may watch or replay. The newest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn sessions(&self, which: Which) -> Result<Vec<SessionSummary>, Refusal> {
        let store = &self.visit.services.store;
        let listed = |which, limit| SessionFilter {
            which,
            person: None,
            limit,
        };
        // Those that run are listed whatever was started and ended after them.
        let running = store
            .sessions(&listed(Which::Running, RUNNING_LISTED))
            .await;
        let mut sessions = running.map_err(failed)?;
        if which == Which::All {
            let latest = store.sessions(&listed(Which::All, LISTED)).await;
            sessions.extend(latest.map_err(failed)?);
            sessions.sort_by_key(|session| std::cmp::Reverse((session.started, session.id)));
            sessions.dedup_by_key(|session| session.id);
        }
        sessions.retain(|session| session.subject == self.me().subject || self.sees(session));
        Ok(sessions)
    }

    fn sees(&self, session: &SessionSummary) -> bool {
        let policy = self.visit.services.policy.current();
        let about = (session.subject.clone(), session.target.clone());
        self.visible.answer(policy.digest(), about, || {
            let resource = Resource::Session {
                owner: &session.subject,
                target: &session.target,
            };
            let actions = [Action::Watch, Action::Replay, Action::Administer];
            actions.iter().any(|action| self.may(*action, resource))
        })
    }

    /// The requests that wait: their own, and those that they may answer.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn requests(&self) -> Result<Vec<HoldView>, Refusal> {
        let waiting = self.visit.services.approvals.waiting().await;
        let waiting = waiting.map_err(failed)?;
        let shared: Vec<_> = waiting.into_iter().map(Arc::new).collect();
        Ok(self.views(&shared))
    }

    /// What they may see of requests that wait.
    fn views(&self, waiting: &[Arc<Hold>]) -> Vec<HoldView> {
        let policy = self.visit.services.policy.current();
        let now = Timestamp::now();
        let mut views = Vec::new();
        for hold in waiting.iter().filter(|hold| hold.expires() > now) {
            let mine = hold.request().requester.subject == self.me().subject;
            let may_answer = !mine && self.may_answer(hold.request());
            if mine || may_answer {
                let id = hold.request().hold.clone();
                let groups = &self.visit.services.approver_groups;
                let approvers = groups.answer(policy.digest(), id, || {
                    policy.approver_groups(hold.request(), now)
                });
                views.push(HoldView {
                    hold: Arc::clone(hold),
                    may_answer,
                    approvers,
                });
            }
        }
        views
    }

    /// Whether they may answer a request, as far as policy said lately.
    pub(super) fn may_answer(&self, request: &ApprovalRequest) -> bool {
        let policy = self.visit.services.policy.current();
        let about = request.hold.clone();
        self.answerable.answer(policy.digest(), about, || {
            self.may(Action::Approve, Resource::Hold(request))
        })
    }

    /// Requests that have ended, as far as they may see them.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn history(&self) -> Result<Vec<HistoryEntry>, Refusal> {
        let ended = self
            .visit
            .services
            .approvals
            .history(LISTED)
            .await
            .map_err(failed)?;
        let concerns = |hold: &Hold| {
            hold.request().requester.subject == self.me().subject || self.may_answer(hold.request())
        };
        Ok(ended
            .iter()
            .filter(|resolved| concerns(resolved.hold()))
            .map(HistoryEntry::from)
            .collect())
    }

    /// Everything that the dashboard shows.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn snapshot(&self) -> Result<Snapshot, Refusal> {
        let sessions = self.sessions(Which::All).await?;
        self.snapshot_with(sessions).await
    }

    /// The same with the sessions as they were listed before, where only requests changed.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn snapshot_with(&self, sessions: Vec<SessionSummary>) -> Result<Snapshot, Refusal> {
        let history = self.history().await?;
        let listed = self.visit.services.approvals.list().borrow().clone();
        let waiting =
            listed.map_err(|problem| format!("what waits could not be read: {problem}"))?;
        Ok(Snapshot {
            now: Timestamp::now(),
            me: self.me().clone(),
            holds: self.views(&waiting),
            sessions,
            history,
            targets: self.targets().into_iter().map(shown_target).collect(),
        })
    }

    /// The sessions that have ended and that they may replay, the newest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn replayable(&self) -> Result<Vec<SessionSummary>, Refusal> {
        let filter = SessionFilter {
            which: Which::All,
            person: None,
            limit: LISTED,
        };
        let mut sessions = self
            .visit
            .services
            .store
            .sessions(&filter)
            .await
            .map_err(failed)?;
        sessions.retain(|session| {
            self.may(
                Action::Replay,
                Resource::Session {
                    owner: &session.subject,
                    target: &session.target,
                },
            )
        });
        Ok(sessions)
    }
}

fn shown_target(view: TargetView) -> model::TargetView {
    let TargetView { info, shell } = view;
    model::TargetView { info, shell }
}
