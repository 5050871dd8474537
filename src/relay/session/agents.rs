//! The agent that a session's programs find on the target: the sudo gate's, the client's own, or none.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Session;
use crate::domain::command::Command;
use crate::domain::hold::Clearance;
use crate::domain::target::EnforcementLayer;
use crate::relay::client::Side;
use crate::relay::screen::Screen;
use crate::relay::start::Start;
use crate::relay::sudo::{self, Interrupts, SudoGate};
use crate::relay::{agent, launch};
use crate::target::Openings;

/// Notices about the agent that may wait for the client's terminal.
const AGENT_NOTICES: usize = 4;

/// The agent of a session.
pub(super) struct AgentSide {
    /// What its program finds.
    pub(super) found: launch::Agent,
    /// Who answers it.
    pub(super) answered_by: AnsweredBy,
}

/// What a person at a terminal sees and does, where there is one.
#[derive(Clone, Copy)]
pub(super) struct AtTerminal<'a> {
    /// What stands on it.
    pub(super) screen: Option<&'a Arc<Screen>>,
    /// Ctrl-C.
    pub(super) interrupts: &'a Interrupts,
}

/// Who answers a program that looks for its agent.
pub(super) enum AnsweredBy {
    /// Nobody.
    Nobody,
    /// The client, as it was cleared.
    Client(Command),
    /// The sudo gate, as long as this is kept.
    Gate(Arc<SudoGate>, DropGuard),
}

impl Session<'_> {
    /// The agent that programs on the target find: the sudo gate's where the target has it, the client's own where it
    /// was let through.
    pub(super) async fn agent_side(
        &self,
        start: &Start,
        left: impl Future<Output = &'static str> + Send,
        person: AtTerminal<'_>,
    ) -> AgentSide {
        let clearance = self.agent(start, left).await;
        let behind = clearance
            .as_ref()
            .map(|clearance| clearance.command().clone());
        // Dropped with the session, it ends what still waits.
        let over = CancellationToken::new();
        let gate = self.gate(start, behind.clone(), person, over.clone());
        let over = over.drop_guard();
        match (gate, clearance, behind) {
            (Some(gate), _, _) => AgentSide {
                found: launch::Agent::Gate,
                answered_by: AnsweredBy::Gate(gate, over),
            },
            (None, Some(clearance), Some(command)) => AgentSide {
                found: launch::Agent::Client(clearance),
                answered_by: AnsweredBy::Client(command),
            },
            (None, _, None) | (None, None, _) => AgentSide {
                found: launch::Agent::None,
                answered_by: AnsweredBy::Nobody,
            },
        }
    }

    /// The sudo gate of this session, where its target has one.
    fn gate(
        &self,
        start: &Start,
        behind: Option<Command>,
        person: AtTerminal<'_>,
        over: CancellationToken,
    ) -> Option<Arc<SudoGate>> {
        if !self.target.layers.contains(&EnforcementLayer::Sudo) {
            return None;
        }
        let config = self.visit.services.config();
        // Of a target that was taken out of the configuration no sudo is signed any more.
        let target = config.target(&self.target.name)?.clone();
        Some(SudoGate::new(sudo::Parts {
            visit: Arc::clone(self.visit),
            target,
            host: self.host.clone(),
            destination: self.attached.grant().destination().clone(),
            session: self.attached.session(),
            behind,
            reason: start.reason.clone(),
            connection: self.client.connection().clone(),
            screen: person.screen.cloned(),
            interrupts: person.interrupts.clone(),
            end: over,
        }))
    }

    /// Answers what looks for an agent on the target.
    pub(super) async fn agents(
        &self,
        answered_by: AnsweredBy,
        openings: oneshot::Receiver<Openings>,
    ) {
        match (answered_by, openings.await) {
            (AnsweredBy::Gate(gate, _over), Ok(openings)) => {
                gate.serve(openings).await;
                std::future::pending().await
            }
            (AnsweredBy::Client(command), Ok(openings)) => {
                let connection = self.client.connection();
                agent::serve(&self.asker(), &command, openings, connection).await;
                std::future::pending().await
            }
            (AnsweredBy::Nobody, _) | (_, Err(_)) => std::future::pending().await,
        }
    }

    /// The clearance of the client's agent, where it asked for that and gets it; nobody waits for it once the session
    /// was `left`.
    async fn agent(
        &self,
        start: &Start,
        left: impl Future<Output = &'static str> + Send,
    ) -> Option<Clearance> {
        if !start.agent {
            return None;
        }
        let (sender, mut said) = mpsc::channel::<String>(AGENT_NOTICES);
        let say = move |text: &str| drop(sender.try_send(text.to_owned()));
        let asker = self.asker().because(start.reason.as_deref());
        let destination = self.attached.grant().destination();
        let clearing = agent::clear(&asker, destination, self.attached.session(), &say, left);
        tokio::pin!(clearing);
        let cleared = loop {
            tokio::select! {
                Some(text) = said.recv() => self.client.say(self.side, &text).await,
                cleared = &mut clearing => break cleared,
            }
        };
        match cleared {
            Ok(clearance) => Some(clearance),
            Err(reason) => {
                // Many have their agent passed on everywhere: only people are told, never the scripts.
                if self.side == Side::Terminal {
                    self.client.say(self.side, &reason).await;
                }
                None
            }
        }
    }
}
