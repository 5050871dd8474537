//! The sudo gate of one session: the agent that the bastion itself is for a target, and what it signs.
//!
//! With the target's PAM set up for it (`countersign target setup`), every sudo there asks this agent for a signature
//! before it runs. Invariant: it signs the request of a sudo of this session's login on this session's host, made about
//! now, once, with a clearance for exactly its words; everything else is refused, or goes to the client's own agent where
//! policy let that through. A request that nobody waits for any more is withdrawn.

mod channel;

mod company;

mod interrupts;

mod memory;

mod precedent;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use russh::keys::PublicKey;
use russh::keys::ssh_key::Signature;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use super::decision::{Asker, Decision};
use super::reception::Visit;
use super::registry::Message;
use super::screen::Screen;
use super::suspension::{self, SCREEN_LINES};
use crate::accept::ClientConnection;
use crate::agent::wire;
use crate::config::TargetConfig;
use crate::domain::action::{Action, Requirements};
use crate::domain::audit::AuditEvent;
use crate::domain::command::{Command, Layer, Reading, Scope};
use crate::domain::hold::Clearance;
use crate::domain::id::{HoldId, SessionId};
use crate::domain::sudo::SudoRequest;
use crate::domain::target::{Destination, HostSeen};
use crate::inspect;
use crate::policy::held_for_company;
use crate::target::{Openings, Origin};

use memory::{Memory, Seen};

pub use interrupts::Interrupts;
pub use memory::Sudos;

/// Channels to the gate's agent that one session may have open at a time.
const CHANNELS: usize = 32;
/// What the gate's key is called where keys are listed.
pub const COMMENT: &str = "countersign sudo gate";

/// Why something was not signed.
#[derive(Debug, thiserror::Error)]
enum NotSigned {
    /// As the same sudo was a moment ago.
    #[error("it was refused a moment ago")]
    Again,
    /// In words for the person.
    #[error("{0}")]
    Refused(String),
}

impl NotSigned {
    fn because(error: impl std::fmt::Display) -> Self {
        Self::Refused(error.to_string())
    }
}

/// The gate of one session.
pub struct SudoGate {
    of: Parts,
    ordinal: AtomicU64,
    memory: Memory,
    /// The sudos that are decided about now.
    deciding: watch::Sender<BTreeSet<Vec<u8>>>,
}

/// What a gate is made of.
pub struct Parts {
    /// The person's connection.
    pub visit: Arc<Visit>,
    /// The target, as it is configured when the session begins.
    pub target: TargetConfig,
    /// The host that was found there.
    pub host: HostSeen,
    /// Login and target.
    pub destination: Destination,
    /// The session.
    pub session: SessionId,
    /// What was cleared of the client's own agent, which sits behind, where it was.
    pub behind: Option<Command>,
    /// Why the person wants what may have to be approved, where they said.
    pub reason: Option<String>,
    /// The client.
    pub connection: ClientConnection,
    /// What the person sees, where the session has a terminal.
    pub screen: Option<Arc<Screen>>,
    /// Ctrl-C of the session's terminal.
    pub interrupts: Interrupts,
    /// Cancelled when the session ends.
    pub end: CancellationToken,
}

impl SudoGate {
    /// The gate of a session.
    pub fn new(parts: Parts) -> Arc<Self> {
        Arc::new(Self {
            of: parts,
            ordinal: AtomicU64::new(0),
            memory: Memory::default(),
            deciding: watch::Sender::new(BTreeSet::new()),
        })
    }

    /// Answers the channels that programs on the target open to their agent, until the target's link is gone.
    pub async fn serve(self: Arc<Self>, mut openings: Openings) {
        let tasks = &self.of.visit.services.tasks;
        let room = Arc::new(Semaphore::new(CHANNELS));
        while let Some(opened) = openings.next().await {
            let seat = Arc::clone(&room).try_acquire_owned();
            let (Origin::Agent, Ok(seat)) = (&opened.origin, seat) else {
                continue;
            };
            let (gate, acceptor) = (Arc::clone(&self), openings.acceptor(tasks));
            tasks.spawn(async move {
                let (input, output) = acceptor.accept(opened).await;
                gate.answer(input, output).await;
                drop(seat);
            });
        }
    }

    fn asker(&self) -> Asker<'_> {
        Asker::new(
            &self.of.visit,
            &self.of.target.info,
            &self.of.destination.login,
        )
        .because(self.of.reason.as_deref())
    }

    fn key(&self) -> &PublicKey {
        self.of.visit.services.authority.sudo_gate()
    }

    fn say(&self, text: &str) {
        let registry = &self.of.visit.services.registry;
        registry.tell(&self.of.session, Message::Shown(text.to_owned()));
    }

    /// What approvers are shown of the person's screen.
    fn screen(&self) -> Vec<String> {
        let screen = self.of.screen.as_ref();
        screen.map_or_else(Vec::new, |screen| screen.lines(SCREEN_LINES))
    }

    /// Has the recording mark something. What it does not take is not signed.
    async fn mark(&self, text: String) -> Result<(), NotSigned> {
        let registry = &self.of.visit.services.registry;
        match registry.mark(&self.of.session, text).await {
            true => Ok(()),
            false => Err(NotSigned::because(
                "the session's recording does not take it",
            )),
        }
    }

    /// The signature of what a program asked to be signed with the gate's key; `None` when it is refused, which the
    /// person was told. `gone` ends the wait.
    async fn sign(&self, data: &[u8], gone: &CancellationToken) -> Option<Signature> {
        let request = match self.admitted(data) {
            Ok(request) => request,
            Err(why) => {
                self.say(&format!("the sudo gate signs nothing here: {why}"));
                self.tell_refused(why).await;
                return None;
            }
        };
        let text = request.text();
        tokio::select! {
            () = self.turn(&text) => {}
            () = gone.cancelled() => return None,
        }
        let signed = self.decided(&request, gone).await;
        if let Err(why) = &signed {
            self.say(&format!("sudo does not run: {why}"));
        }
        // Whoever went away or pressed Ctrl-C may ask anew at once.
        if matches!(signed, Err(NotSigned::Refused(_))) && !gone.is_cancelled() {
            self.memory.refused(text.clone(), Timestamp::now());
        }
        self.deciding.send_modify(|deciding| {
            deciding.remove(&text);
        });
        signed.ok()
    }

    /// The request in these bytes, when it is one that this session may ask.
    fn admitted(&self, data: &[u8]) -> Result<SudoRequest, String> {
        let key = wire(self.key()).map_err(|error| error.to_string())?;
        let request = SudoRequest::read(data, &key).map_err(|error| error.to_string())?;
        let (login, host) = (&self.of.destination.login, &self.of.target.hostname);
        if request.login() != login {
            return Err(format!(
                "it is a sudo of `{}`, and this session is of `{login}`",
                request.login()
            ));
        }
        if !request.is_from(host.as_str()) {
            return Err(format!(
                "it comes from a host that calls itself `{}`, and `{}` is configured as `{host}`",
                request.host(),
                self.of.target.info.name
            ));
        }
        let now = Timestamp::now();
        if !request.is_recent(now) {
            return Err("it was made at another time: the clock of the target is wrong, or it is an old one".to_owned());
        }
        if !self.memory.may_ask(now) {
            return Err("this session asked for too many sudos lately".to_owned());
        }
        match self.of.visit.services.sudos.note(request.cookie(), now) {
            Seen::First => Ok(request),
            Seen::Before => Err("it was asked before".to_owned()),
            Seen::Full => Err("too many sudos at once".to_owned()),
        }
    }

    /// Waits until no other sudo of the same words is decided about, and takes its place.
    async fn turn(&self, text: &[u8]) {
        let mut deciding = self.deciding.subscribe();
        loop {
            let mine = self
                .deciding
                .send_if_modified(|deciding| deciding.insert(text.to_vec()));
            if mine {
                return;
            }
            // It fails only when the sender is gone, which is ours.
            let _ = deciding.wait_for(|deciding| !deciding.contains(text)).await;
        }
    }

    async fn decided(
        &self,
        request: &SudoRequest,
        gone: &CancellationToken,
    ) -> Result<Signature, NotSigned> {
        // PAM asks again after a refusal: the answer is the same, and nobody is asked for it twice.
        if self
            .memory
            .refused_lately(&request.text(), Timestamp::now())
        {
            return Err(NotSigned::Again);
        }
        let company = self.company().await?;
        let mut reading = inspect::sudo::read(request);
        if let Some(facts) = &mut reading.sudo {
            facts.company.clone_from(&company);
        }
        let command = self.command(request);
        let (clearance, hold) = self
            .cleared(request, command.clone(), reading, gone)
            .await?;
        if self
            .company()
            .await?
            .iter()
            .any(|person| !company.contains(person))
        {
            return Err(NotSigned::because(
                "somebody else came to this login meanwhile; ask anew",
            ));
        }
        let event = AuditEvent::SudoSigned {
            session: self.of.session,
            digest: command.digest(),
            hold,
        };
        let audit = &self.of.visit.services.audit;
        audit
            .append(event, Timestamp::now())
            .await
            .map_err(NotSigned::because)?;
        let signed = self
            .of
            .visit
            .services
            .authority
            .sign_sudo(clearance, request);
        signed.map_err(NotSigned::because)
    }

    fn command(&self, request: &SudoRequest) -> Command {
        Command {
            scope: Scope {
                destination: self.of.destination.clone(),
                session: self.of.session,
                ordinal: self.ordinal.fetch_add(1, Ordering::Relaxed),
            },
            layer: Layer::Sudo,
            bytes: request.text(),
            script: None,
        }
    }

    /// The clearance of a sudo, waited for where it is held, with the hold that gave it.
    async fn cleared(
        &self,
        request: &SudoRequest,
        command: Command,
        reading: Reading,
        gone: &CancellationToken,
    ) -> Result<(Clearance, Option<HoldId>), NotSigned> {
        let asker = self.asker();
        let (action, verdict) = asker.decide(&command, &reading);
        let verdict = held_for_company(verdict, &reading);
        let event = asker.event(&command, &reading, action, &verdict);
        let audit = &self.of.visit.services.audit;
        audit
            .append(event, Timestamp::now())
            .await
            .map_err(NotSigned::because)?;
        self.mark(format!("{}: {}", verdict.word(), command.shown()))
            .await?;
        match asker.decision(command.clone(), action, verdict) {
            Decision::Cleared(clearance) => Ok((clearance, None)),
            Decision::Denied(denial) => Err(NotSigned::because(denial)),
            Decision::Hold(action, requirements) => {
                let before = self
                    .precedent(request, &command, &reading, (action, &requirements))
                    .await?;
                match before {
                    Some((clearance, hold)) => Ok((clearance, Some(hold))),
                    None => {
                        self.approved(command, reading, (action, requirements), gone)
                            .await
                    }
                }
            }
        }
    }

    /// The clearance that others give.
    async fn approved(
        &self,
        command: Command,
        reading: Reading,
        (action, requirements): (Action, Requirements),
        gone: &CancellationToken,
    ) -> Result<(Clearance, Option<HoldId>), NotSigned> {
        let asker = self.asker();
        let say = |text: &str| self.say(text);
        let left = async {
            tokio::select! {
                () = gone.cancelled() => "the sudo or its session ended",
                () = self.of.interrupts.pressed() => {
                    gone.cancel();
                    "Ctrl-C was pressed"
                }
            }
        };
        let asked = suspension::Asked {
            command: command.clone(),
            reading,
            action,
            reason: self.of.reason.clone(),
            screen: self.screen(),
        };
        let waited = suspension::wait(&asker, asked, &requirements, &say, left).await;
        let resolved = waited.map_err(NotSigned::Refused)?;
        let hold = resolved.hold().request().hold.clone();
        let released = suspension::release(&asker, &resolved, command).await;
        let clearance = released
            .map_err(NotSigned::because)?
            .map_err(NotSigned::Refused)?;
        Ok((clearance, Some(hold)))
    }

    /// Has the audit know of bytes that are never signed, as long as there are not too many of them.
    async fn tell_refused(&self, reason: String) {
        if !self.memory.may_tell() {
            return;
        }
        let event = AuditEvent::SudoRefused {
            session: self.of.session,
            reason,
        };
        if let Err(error) = self
            .of
            .visit
            .services
            .audit
            .append(event, Timestamp::now())
            .await
        {
            tracing::error!(%error, "a refusal of the sudo gate could not be audited");
        }
    }
}
