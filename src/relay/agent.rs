//! The client's own agent on a target (`ssh -A`): a question to policy, and the channels that programs there open to it.

use std::sync::Arc;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::decision::{Asker, Decision};
use super::forwards::told_end;
use super::splice::{Passed, splice};
use super::suspension::{self, Asked, what};
use crate::accept::ClientConnection;
use crate::domain::action::Action;
use crate::domain::command::{Command, Layer, Reading, Scope};
use crate::domain::forward::AGENT;
use crate::domain::hold::Clearance;
use crate::domain::id::SessionId;
use crate::domain::target::Destination;
use crate::target::{Openings, Origin};

/// The clearance of a person's agent for one session, waited for where it is held. `gone` ends the wait.
///
/// # Errors
/// Why the agent is not passed on.
pub async fn clear(
    asker: &Asker<'_>,
    destination: &Destination,
    session: SessionId,
    say: &(impl Fn(&str) + Sync),
    gone: impl Future<Output = &'static str> + Send,
) -> Result<Clearance, String> {
    let command = Command {
        scope: Scope {
            destination: destination.clone(),
            session,
            ordinal: 0,
        },
        layer: Layer::Forward,
        bytes: AGENT.as_bytes().to_vec(),
        script: None,
    };
    let reading = Reading::default();
    let (action, verdict) = asker.decide(&command, &reading);
    let event = asker.event(&command, &reading, action, &verdict);
    let audit = &asker.visit().services.audit;
    let told = audit.append(event, Timestamp::now()).await;
    told.map_err(|error| error.to_string())?;
    let why = match asker.decision(command.clone(), action, verdict) {
        Decision::Cleared(clearance) => return Ok(clearance),
        Decision::Denied(denial) => denial.to_string(),
        Decision::Hold(action, requirements) => {
            let asked = Asked {
                command: command.clone(),
                reading,
                action,
                reason: None,
                screen: Vec::new(),
            };
            let waited = suspension::wait(asker, asked, &requirements, say, gone).await;
            match waited {
                Ok(resolved) => {
                    let released = suspension::release(asker, &resolved, command.clone()).await;
                    match released.map_err(|error| error.to_string())? {
                        Ok(clearance) => return Ok(clearance),
                        Err(why) => why,
                    }
                }
                Err(why) => why,
            }
        }
    };
    let agent = what(&command, Action::Agent);
    Err(format!("{agent} does not reach the target: {why}"))
}

/// Joins the channels that programs on the target open to the client's agent, until the target's link is gone.
pub async fn serve(
    asker: &Asker<'_>,
    command: &Command,
    mut openings: Openings,
    connection: &ClientConnection,
) {
    let visit = asker.visit();
    let tasks = &visit.services.tasks;
    // Dropped with the session, it ends what still passes.
    let end = CancellationToken::new();
    let _ended = end.clone().drop_guard();
    while let Some(opened) = openings.next().await {
        if opened.origin != Origin::Agent {
            continue;
        }
        let acceptor = openings.acceptor(tasks);
        let (visit, connection) = (Arc::clone(visit), connection.clone());
        let (command, end) = (command.clone(), end.clone());
        tasks.spawn(async move {
            match connection.open_agent().await {
                Ok(client) => {
                    let target = acceptor.accept(opened).await;
                    let passed = Passed::default();
                    splice(client, target, &passed, &visit.pulse, &end).await;
                    told_end(&visit, &command, &passed).await;
                }
                Err(error) => tracing::debug!(%error, "an agent was not reached"),
            }
        });
    }
}
