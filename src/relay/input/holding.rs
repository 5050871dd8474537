//! A command that waits for people: how it is suspended, what its user is told, and what its end means for the gate.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::oneshot;

use super::{InputEnd, Running, Suspended, broken, failed};
use crate::approval::ApprovalError;
use crate::domain::action::{Action, Requirements};
use crate::domain::audit::AuditEvent;
use crate::domain::command::{Command, Layer, Reading};
use crate::domain::gate::{Event, Gate};
use crate::domain::hold::{Hold, Resolution, Resolved};
use crate::domain::id::HoldId;
use crate::domain::request::ApprovalDraft;
use crate::domain::verdict::Verdict;
use crate::relay::client;
use crate::relay::decision::Asker;

/// Lines of the requester's screen that an approver sees.
const SCREEN_LINES: usize = 12;
/// Requests of one person that may wait at a time.
const HOLDS_A_PERSON: usize = 20;

impl Running<'_, '_> {
    pub(super) async fn hold(
        &mut self,
        command: Command,
        reading: Reading,
        action: Action,
        requirements: &Requirements,
    ) -> Result<Event, InputEnd> {
        let side = self.side;
        let services = &side.visit.services;
        self.check_share().await?;
        let screen = side
            .screen
            .as_ref()
            .map(|screen| screen.lines(SCREEN_LINES))
            .unwrap_or_default();
        let request = ApprovalDraft {
            requester: side.visit.identified.identity().principal().clone(),
            key: side.visit.identified.identity().key().clone(),
            source: side.visit.source,
            target: side.target.clone(),
            action,
            command,
            reading,
            screen,
        };
        side.note(Suspended::Opening);
        let hold = self.open(request, requirements).await?;
        side.note(Suspended::Waiting(hold.request().hold.clone()));
        let event = AuditEvent::Held {
            hold: hold.request().hold.clone(),
            session: side.session(),
            digest: hold.digest().clone(),
            approvals: requirements.approvals.get(),
            expires: hold.expires(),
        };
        services
            .audit
            .append(event, Timestamp::now())
            .await
            .map_err(failed)?;
        let notice = self.held_notice(&hold);
        side.recorder
            .marker(&format!("held {}", hold.request().hold), Timestamp::now())
            .await
            .map_err(broken)?;
        self.tell(&notice).await?;
        Ok(Event::Held(hold.request().hold.clone()))
    }

    /// One person cannot fill the approvers' list.
    async fn check_share(&self) -> Result<(), InputEnd> {
        let side = self.side;
        let me = &side.visit.identified.identity().principal().subject;
        let waiting = side
            .visit
            .services
            .approvals
            .waiting()
            .await
            .map_err(failed)?;
        let mine = waiting
            .iter()
            .filter(|hold| hold.request().requester.subject == *me)
            .count();
        if mine < HOLDS_A_PERSON {
            return Ok(());
        }
        let reason = format!(
            "{mine} requests of yours wait already: wait for them, or withdraw some with Ctrl-C"
        );
        let _ = self.tell(&reason).await;
        Err(InputEnd::Refused(reason))
    }

    /// Opens a hold in a task of its own, so that a session that ends meanwhile cannot leave one behind: what nobody
    /// takes over is withdrawn.
    async fn open(
        &self,
        draft: ApprovalDraft,
        requirements: &Requirements,
    ) -> Result<Hold, InputEnd> {
        let services = Arc::clone(&self.side.visit.services);
        let requirements = requirements.clone();
        let (sender, opened) = oneshot::channel();
        let tasks = services.tasks.clone();
        tasks.spawn(async move {
            let request = |hold| draft.clone().named(hold);
            let opened = services
                .approvals
                .open(request, &requirements, Timestamp::now())
                .await;
            if let Err(Ok(left)) = sender.send(opened) {
                let id = &left.request().hold;
                match services.approvals.withdraw(id, "the session ended").await {
                    Ok(resolved) => {
                        if let Err(error) = services.hold_ended(&resolved).await {
                            tracing::error!(%error, "the end of a request could not be audited");
                        }
                    }
                    Err(error) => {
                        tracing::error!(hold = %id, %error, "a request could not be withdrawn")
                    }
                }
            }
        });
        match opened.await {
            Ok(opened) => opened.map_err(failed),
            Err(_) => Err(failed("the bastion is stopping")),
        }
    }

    fn held_notice(&self, hold: &Hold) -> String {
        let request = hold.request();
        let policy = self.side.visit.services.policy.current();
        let groups = policy.approver_groups(request, Timestamp::now());
        let groups: Vec<&str> = groups.iter().map(|group| group.as_str()).collect();
        let count = hold.requirements().approvals.get();
        let from = match groups.as_slice() {
            [] => String::new(),
            groups => format!(" from {}", groups.join(" or ")),
        };
        let why = match &hold.requirements().sentence {
            Some(sentence) => sentence.clone(),
            None => format!(
                "{} on {}",
                what(&request.command, request.action),
                self.side.target.name
            ),
        };
        let left = hold.requirements().expires_in.as_secs();
        let unknown = match request.reading.unknowns.first() {
            Some(unknown) => format!("\nnot understood: {}", unknown.reason),
            None => String::new(),
        };
        let plural = if count == 1 { "approval" } else { "approvals" };
        format!(
            "held {}: {why}; needs {count} {plural}{from} (expires in {}:{:02}, Ctrl-C withdraws){unknown}",
            request.hold,
            left / 60,
            left % 60
        )
    }

    /// What the end of a hold means for the gate. The record of it is durable before anything runs.
    pub(super) async fn resolved(
        &mut self,
        gate: &Gate,
        resolved: Result<Resolved, ApprovalError>,
    ) -> Result<Event, InputEnd> {
        let side = self.side;
        let resolved = resolved.map_err(failed)?;
        let hold = resolved.hold().request().hold.clone();
        side.visit
            .services
            .hold_ended(&resolved)
            .await
            .map_err(failed)?;
        side.note(Suspended::Nothing);
        let marker = format!("{hold} {}", resolved.resolution().word());
        side.recorder
            .marker(&marker, Timestamp::now())
            .await
            .map_err(broken)?;
        match resolved.resolution() {
            Resolution::Approved { by } => {
                let names: Vec<String> = by
                    .iter()
                    .map(|given| said(&given.approver.name.to_string(), &given.reason))
                    .collect();
                self.release(
                    gate,
                    &resolved,
                    &format!("approved by {}", names.join(", ")),
                )
                .await
            }
            Resolution::Refused { by } => {
                self.refuse(format!(
                    "refused by {}",
                    said(&by.approver.name.to_string(), &by.reason)
                ))
                .await;
                Ok(Event::Denied)
            }
            Resolution::Expired => {
                self.refuse(format!("request {hold} expired: nobody answered in time"))
                    .await;
                Ok(Event::Denied)
            }
            Resolution::Withdrawn { why } => {
                self.refuse(format!("request {hold} was withdrawn: {why}"))
                    .await;
                Ok(Event::Denied)
            }
        }
    }

    /// Lets an approved command go, after asking policy again and, for a line, reading it again.
    async fn release(
        &mut self,
        gate: &Gate,
        resolved: &Resolved,
        approved: &str,
    ) -> Result<Event, InputEnd> {
        let side = self.side;
        let Some(command) = gate.deciding().cloned() else {
            return Ok(Event::Broke);
        };
        let reading = &resolved.hold().request().reading;
        let asker = Asker::new(side.visit, side.target, &side.destination.login);
        if let Some(why) = stricter_now(&asker.decide(&command, reading).1, resolved) {
            self.refuse(format!("{approved}, but {why}")).await;
            return Ok(Event::Denied);
        }
        if let (Layer::Line, Some(screen)) = (command.layer, &side.screen)
            && screen.line_now().bytes != command.bytes
        {
            self.refuse(
                "the line changed while it was held; press Enter again to ask anew".to_owned(),
            )
            .await;
            return Ok(Event::Denied);
        }
        match resolved.clear(command) {
            Ok(clearance) => {
                let event = AuditEvent::Released {
                    hold: resolved.hold().request().hold.clone(),
                    session: side.session(),
                    digest: resolved.hold().digest().clone(),
                };
                side.visit
                    .services
                    .audit
                    .append(event, Timestamp::now())
                    .await
                    .map_err(failed)?;
                self.tell(approved).await?;
                Ok(Event::Cleared(clearance))
            }
            Err(_) => {
                self.refuse("the approval was for something else".to_owned())
                    .await;
                Ok(Event::Denied)
            }
        }
    }

    pub(super) async fn withdraw(&mut self, hold: &HoldId) -> Result<(), InputEnd> {
        let side = self.side;
        let resolved = side
            .visit
            .services
            .approvals
            .withdraw(hold, "the requester pressed Ctrl-C")
            .await
            .map_err(failed)?;
        side.visit
            .services
            .hold_ended(&resolved)
            .await
            .map_err(failed)?;
        side.note(Suspended::Nothing);
        let reason = match resolved.resolution() {
            Resolution::Withdrawn { .. } => format!("request {hold} was withdrawn"),
            Resolution::Approved { .. } | Resolution::Refused { .. } | Resolution::Expired => {
                format!(
                    "request {hold} was {} meanwhile; it does not run, because you pressed Ctrl-C",
                    resolved.resolution().word()
                )
            }
        };
        self.refuse(reason).await;
        Ok(())
    }

    /// Says why something does not run, and keeps the reason for the session's end should it end by this.
    pub(super) async fn refuse(&mut self, reason: String) {
        let _ = self.tell(&reason).await;
        self.refusal = Some(reason);
    }

    /// Says something on the client's terminal, and draws the line that it stands below anew. It is recorded too.
    pub(super) async fn tell(&self, text: &str) -> Result<(), InputEnd> {
        let side = self.side;
        let mut shown = client::notice(side.side, text).to_vec();
        if let (Some(screen), true) = (&side.screen, self.program.is_running()) {
            shown.extend_from_slice(&screen.redrawn());
        }
        let shown = Bytes::from(shown);
        side.recorder
            .output(shown.clone(), Timestamp::now())
            .await
            .map_err(broken)?;
        side.client.show(side.side, shown).await;
        Ok(())
    }
}

/// What policy asks now beyond what the approvers gave, where it does.
fn stricter_now(verdict: &Verdict, resolved: &Resolved) -> Option<String> {
    match verdict {
        Verdict::Allow(_) => None,
        Verdict::Hold(requirements) => {
            let given = resolved.hold().approvals().len();
            let asked = usize::from(requirements.approvals.get());
            (asked > given).then(|| format!("policy asks for {asked} approvals now; ask anew"))
        }
        Verdict::Deny(denial) => Some(format!("policy refuses it now: {denial}")),
    }
}

/// What a command is called in a notice.
pub(super) fn what(command: &Command, action: Action) -> String {
    match command.layer {
        Layer::Shell => "a shell".to_owned(),
        Layer::Exec | Layer::Line if action == Action::Sudo => "sudo".to_owned(),
        Layer::Exec => "this command".to_owned(),
        Layer::Line => "this line".to_owned(),
        Layer::Subsystem => format!("the subsystem {}", command.shown()),
        Layer::Forward => "this forward".to_owned(),
    }
}

fn said(name: &str, reason: &str) -> String {
    if reason.is_empty() {
        name.to_owned()
    } else {
        format!("{name}: \"{reason}\"")
    }
}
