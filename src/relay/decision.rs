//! One command put to inspection and policy: what it asks for, and the strictest answer to that.

use std::sync::Arc;

use jiff::Timestamp;

use super::reception::Visit;
use crate::domain::action::{Action, Requirements};
use crate::domain::audit::AuditEvent;
use crate::domain::command::{Command, Reading};
use crate::domain::forward::Forward;
use crate::domain::hold::Clearance;
use crate::domain::name::LoginName;
use crate::domain::principal::Principal;
use crate::domain::target::TargetInfo;
use crate::domain::verdict::{Circumstances, Denial, Question, Resource, Verdict};
use crate::inspect;
use crate::policy::{actions, strictest};
use crate::transfer::Operation;

/// What was decided about one command.
#[derive(Debug)]
pub enum Decision {
    /// It may be sent.
    Cleared(Clearance),
    /// It may be requested.
    Hold(Action, Requirements),
    /// It may not run.
    Denied(Denial),
}

/// Puts the questions of one person about one login on one target.
#[derive(Clone)]
pub struct Asker<'a> {
    visit: &'a Arc<Visit>,
    target: &'a TargetInfo,
    login: &'a LoginName,
    reason: Option<String>,
    /// When they asked, where that was before now: what was asked in time is not cut off while it waits.
    since: Option<Timestamp>,
}

impl<'a> Asker<'a> {
    /// Questions about `login` on `target`.
    pub fn new(visit: &'a Arc<Visit>, target: &'a TargetInfo, login: &'a LoginName) -> Self {
        Self {
            visit,
            target,
            login,
            reason: None,
            since: None,
        }
    }

    /// The same questions of somebody who says why.
    pub fn because(self, reason: Option<&str>) -> Self {
        Self {
            reason: reason.map(str::to_owned),
            ..self
        }
    }

    /// The same questions about what they asked for then.
    pub fn asked_at(self, then: Timestamp) -> Self {
        Self {
            since: Some(then),
            ..self
        }
    }

    /// The person's connection.
    pub fn visit(&self) -> &'a Arc<Visit> {
        self.visit
    }

    /// What is asked about.
    pub fn target(&self) -> &'a TargetInfo {
        self.target
    }

    fn principal(&self) -> &'a Principal {
        self.visit.identified.identity().principal()
    }

    /// Asks policy one question about the target, as long as the sign-in holds.
    pub fn verdict(&self, action: Action) -> Verdict {
        self.ask(action, None, None)
    }

    fn ask(&self, action: Action, command: Option<&Command>, reading: Option<&Reading>) -> Verdict {
        let asked = self.since.unwrap_or_else(Timestamp::now);
        if !self.visit.identified.identity().holds(asked) {
            return Verdict::Deny(Denial::SignInEnded);
        }
        let question = Question {
            principal: self.principal(),
            action,
            resource: Resource::Target(self.target),
            circumstances: Circumstances {
                reason: self.reason.clone(),
                source: self.visit.source,
                now: Timestamp::now(),
                login: Some(self.login.clone()),
                command: command.map(Command::digest),
                reading: reading.cloned(),
                forward: command.and_then(Forward::of),
            },
        };
        self.visit.services.policy.current().decide(&question)
    }

    /// Asks about everything that a command is. All of it must be allowed; of what may be requested the strictest
    /// terms count, and one refusal refuses it all.
    pub fn decide(&self, command: &Command, reading: &Reading) -> (Action, Verdict) {
        let actions = actions(command.layer, &command.bytes, reading);
        let ask = |action| (action, self.ask(action, Some(command), Some(reading)));
        strictest(actions.into_iter().map(ask))
    }

    /// Why no transfer may be opened at all, where that is certain before anything of it is known.
    pub fn refuses_transfers(&self) -> Option<Denial> {
        let policy = self.visit.services.policy.current();
        let both = [Action::Download, Action::Upload];
        if both.iter().any(|action| policy.depends_on_command(*action)) {
            return None;
        }
        self.refuses(&Reading::default())
    }

    /// Why an operation that only looks may not be, where policy refuses both transfers of what it looks at.
    pub fn refuses_look(&self, operation: &Operation) -> Option<Denial> {
        self.refuses(&operation.reading())
    }

    /// Why neither transfer of what was read may be.
    fn refuses(&self, reading: &Reading) -> Option<Denial> {
        let answer = |action| self.ask(action, None, Some(reading));
        match (answer(Action::Download), answer(Action::Upload)) {
            (Verdict::Deny(denial), Verdict::Deny(_)) => Some(denial),
            (Verdict::Allow(_) | Verdict::Hold(_), _)
            | (_, Verdict::Allow(_) | Verdict::Hold(_)) => None,
        }
    }

    /// Turns the answer into what may be done with the command.
    pub fn decision(&self, command: Command, action: Action, verdict: Verdict) -> Decision {
        match verdict {
            Verdict::Allow(permit) => {
                match Clearance::from_permit(command, self.principal(), action, &permit) {
                    Ok(clearance) => Decision::Cleared(clearance),
                    Err(_) => Decision::Denied(Denial::NotAllowed),
                }
            }
            Verdict::Hold(requirements) => Decision::Hold(action, requirements),
            Verdict::Deny(denial) => Decision::Denied(denial),
        }
    }

    /// The audit event of an opened SFTP session.
    pub fn opened(&self, command: &Command) -> AuditEvent {
        AuditEvent::Command {
            session: command.scope.session,
            person: self.principal().subject.clone(),
            layer: command.layer,
            action: Action::Connect,
            text: command.shown(),
            digest: command.digest(),
            inspection: String::new(),
            verdict: "allow".to_owned(),
            because: "opening it does nothing: each of its operations is asked about".to_owned(),
        }
    }

    /// The audit event of an operation that only looks and was refused.
    pub fn looked(&self, command: &Command, operation: &Operation, denial: &Denial) -> AuditEvent {
        let denied = Verdict::Deny(denial.clone());
        self.event(command, &operation.reading(), Action::Download, &denied)
    }

    /// The audit event of a decision.
    pub fn event(
        &self,
        command: &Command,
        reading: &Reading,
        action: Action,
        verdict: &Verdict,
    ) -> AuditEvent {
        AuditEvent::Command {
            session: command.scope.session,
            person: self.principal().subject.clone(),
            layer: command.layer,
            action,
            text: command.shown(),
            digest: command.digest(),
            inspection: inspect::describe(reading),
            verdict: verdict.word().to_owned(),
            because: because(verdict),
        }
    }
}

/// What a subsystem request amounts to: its name is all there is to read.
pub fn subsystem_reading(name: &[u8]) -> Reading {
    match name {
        b"sftp" => Reading::default(),
        _ => Reading::opaque("a subsystem that is not known"),
    }
}

/// The policies of an answer, or the reason of a refusal.
pub fn because(verdict: &Verdict) -> String {
    let join = |policies: &std::collections::BTreeSet<String>| {
        policies
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(", ")
    };
    match verdict {
        Verdict::Allow(permit) => join(permit.policies()),
        Verdict::Hold(requirements) => join(&requirements.policies),
        Verdict::Deny(denial) => denial.to_string(),
    }
}
