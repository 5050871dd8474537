//! A command of a session that waits for people: what its user is told meanwhile, and what its end means for the gate.

use jiff::Timestamp;

use super::{InputEnd, Running, Suspended, broken, failed};
use crate::approval::ApprovalError;
use crate::domain::action::{Action, Requirements};
use crate::domain::audit::AuditEvent;
use crate::domain::command::{Command, Layer, Reading};
use crate::domain::gate::{Event, Gate};
use crate::domain::hold::{Clearance, Resolution, Resolved};
use crate::domain::id::HoldId;
use crate::domain::request::{ApprovalDraft, ApprovalRequest};
use crate::relay::client::{self, Side};
use crate::relay::suspension::{self, NotHeld, SCREEN_LINES};

/// Approvals for more than once that one session keeps; of more, the oldest are asked about anew.
const REPEATABLE: usize = 16;

impl Running<'_, '_> {
    pub(super) async fn hold(
        &mut self,
        command: Command,
        reading: Reading,
        action: Action,
        requirements: &Requirements,
    ) -> Result<Event, InputEnd> {
        let side = self.side;
        match suspension::share(side.visit).await {
            Ok(()) => {}
            // One operation of many: the transfer goes on without it.
            Err(share @ NotHeld::Share) if command.layer == Layer::Transfer => {
                self.refuse(share.to_string()).await;
                return Ok(Event::Denied);
            }
            Err(share @ NotHeld::Share) => {
                let reason = share.to_string();
                let _ = self.tell(&reason).await;
                return Err(InputEnd::Refused(reason));
            }
            Err(error) => return Err(failed(error)),
        }
        let screen = side
            .screen
            .as_ref()
            .map(|screen| screen.lines(SCREEN_LINES))
            .unwrap_or_default();
        let request = ApprovalDraft {
            requester: side.visit.identified.identity().principal().clone(),
            key: side.visit.identified.identity().key().clone(),
            source: side.visit.source,
            reason: side.reason.clone(),
            target: side.target.clone(),
            action,
            command,
            reading,
            screen,
        };
        side.note(Suspended::Opening);
        let hold = suspension::begin(side.visit, request, requirements)
            .await
            .map_err(failed)?;
        let id = hold.request().hold.clone();
        side.note(Suspended::Waiting(id.clone()));
        side.recorder
            .marker(&format!("held {id}"), Timestamp::now())
            .await
            .map_err(broken)?;
        if let Some(screen) = side.screen.as_ref().filter(|_| self.program.is_running()) {
            screen.drawn().await;
        }
        self.tell(&suspension::notice(side.visit, &hold)).await?;
        Ok(Event::Held(id))
    }

    /// The clearance for a command that was approved before in this session, to run again until a time that is not over.
    /// Those who approved must be people who may approve it as it is read and asked about now.
    pub(super) async fn again(
        &mut self,
        command: &Command,
        reading: &Reading,
        action: Action,
        requirements: &Requirements,
    ) -> Result<Option<Clearance>, InputEnd> {
        let Some(longest) = requirements.again_for else {
            return Ok(None);
        };
        let side = self.side;
        let services = &side.visit.services;
        let now = Timestamp::now();
        let policy = services.policy.current();
        let would_do = |resolved: &Resolved| {
            let request = ApprovalRequest {
                action,
                command: command.clone(),
                reading: reading.clone(),
                ..resolved.hold().request().clone()
            };
            resolved.hold().request().reading == *reading
                && policy.would_do(resolved.hold().approvals(), &request, requirements, now)
        };
        let found = self.repeatable.iter().find_map(|resolved| {
            let clearance = resolved.clear_again(command.clone(), longest, now).ok()?;
            would_do(resolved).then(|| (clearance, resolved.hold().request().hold.clone()))
        });
        let Some((clearance, hold)) = found else {
            return Ok(None);
        };
        let event = AuditEvent::Released {
            hold: hold.clone(),
            session: command.scope.session,
            digest: command.digest(),
        };
        services.audit.append(event, now).await.map_err(failed)?;
        let marker = format!("{hold} approved again");
        side.recorder.marker(&marker, now).await.map_err(broken)?;
        self.tell(&format!("runs again, as approved with {hold}"))
            .await?;
        Ok(Some(clearance))
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
        match suspension::outcome(&resolved) {
            Ok(approved) => self.release(gate, &resolved, &approved).await,
            Err(reason) => {
                self.refuse(reason).await;
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
        if command.layer == Layer::Line
            && side.side == Side::Terminal
            && !self.still_stands(&command).await?
        {
            self.tell("the line changed while it was held: it is asked about anew")
                .await?;
            return Ok(Event::Changed);
        }
        let released = suspension::release(&side.asker(), resolved, command).await;
        match released.map_err(failed)? {
            Ok(clearance) => {
                let again = resolved.again_until().map_or_else(String::new, |until| {
                    let time = until.strftime("%H:%M:%S UTC");
                    format!("; the same may run again in this session until {time}")
                });
                if !again.is_empty() {
                    self.repeatable.push_back(resolved.clone());
                    if self.repeatable.len() > REPEATABLE {
                        self.repeatable.pop_front();
                    }
                }
                self.tell(&format!("{approved}{again}")).await?;
                Ok(Event::Cleared(clearance))
            }
            Err(why) => {
                self.refuse(format!("{approved}, but {why}")).await;
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
        let notice = client::notice(side.side, text);
        let shown = match &side.screen {
            Some(screen) if self.program.is_running() => screen.below(&notice),
            Some(_) | None => notice,
        };
        side.recorder
            .output(shown.clone(), Timestamp::now())
            .await
            .map_err(broken)?;
        side.client.show(side.side, shown).await;
        Ok(())
    }
}
