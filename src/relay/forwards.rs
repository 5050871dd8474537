//! The forwards of one connection (`ssh -L`, `-D`, `-W`, `-R`): each is a question to policy, may be held, and is
//! audited with its bytes.
//!
//! What was cleared once is cleared for as long as the client's connection lasts and policy agrees, so that an approver
//! is asked once for a port and not for each connection to it. Every forwarded connection has a link to the target of
//! its own; those that come to a port that a target listens on share the link of that port. What passes is not
//! recorded: it is another protocol's.

mod listening;

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use russh::{ChannelOpenFailure, ChannelWriteHalf, client};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::decision::{Asker, Decision};
use super::opening;
use super::reception::Visit;
use super::session;
use super::splice::{Passed, splice};
use super::suspension::{self, what};
use crate::accept::limits::Share;
use crate::accept::{ClientChannel, ClientConnection, Offer};
use crate::config::TargetConfig;
use crate::domain::action::{Action, Requirements};
use crate::domain::audit::AuditEvent;
use crate::domain::command::{Command, Layer, Reading, Scope};
use crate::domain::forward::Forward;
use crate::domain::grant::Permissions;
use crate::domain::hold::{Clearance, Resolved};
use crate::domain::id::SessionId;
use crate::domain::principal::Subject;
use crate::domain::target::Destination;
use crate::flow::Drain;
use crate::target::{Link, TargetChannel};

/// Different forwards that one connection may ask for.
const FORWARDS: usize = 1000;
/// Forwards that targets listen for on behalf of one connection, those that wait for an approval included.
const LISTENERS: usize = 32;
/// How long a client's connection waits for a target to listen: the protocol wants the answer in order.
const LISTEN_TIME: Duration = Duration::from_secs(10);

/// The forwards of one connection. Dropped with it, they end.
pub struct Forwards {
    shared: Arc<Shared>,
    _end: DropGuard,
}

struct Shared {
    visit: Arc<Visit>,
    target: TargetConfig,
    destination: Destination,
    session: SessionId,
    end: CancellationToken,
    asked: Mutex<Asked>,
    listeners: Arc<Semaphore>,
}

#[derive(Default)]
struct Asked {
    /// What was asked for, by its place among the connection's forwards.
    ordinals: HashMap<Forward, u64>,
    /// What was held, and how that ended.
    held: HashMap<Forward, watch::Receiver<Option<Held>>>,
    /// What a target listens for, or will when it is approved, until it is cancelled.
    listening: HashMap<Forward, CancellationToken>,
}

/// A channel through the target that was opened for one connection.
struct Reached {
    clearance: Clearance,
    channel: TargetChannel,
    share: Share<Subject>,
}

/// An approval to go by, or why there is none.
type Held = Result<Arc<Resolved>, String>;

impl Forwards {
    /// The forwards of a connection for that destination.
    ///
    /// # Errors
    /// When there is no such target or login, in words for the person.
    pub fn new(visit: &Arc<Visit>, destination: &Destination) -> Result<Self, String> {
        let (target, destination) = opening::find(visit, destination)?;
        let session = super::new_session_id().ok_or("the system gave no random bytes")?;
        let entry = visit.services.registry.enter(session);
        let end = CancellationToken::new();
        let shared = Arc::new(Shared {
            visit: Arc::clone(visit),
            target,
            destination,
            session,
            end: end.clone(),
            asked: Mutex::default(),
            listeners: Arc::new(Semaphore::new(LISTENERS)),
        });
        let ended = end.clone();
        visit.services.tasks.spawn(async move {
            let mut entry = entry;
            loop {
                tokio::select! {
                    () = ended.cancelled() => return,
                    _ = entry.end.ordered() => return ended.cancel(),
                    message = entry.messages.recv() => if message.is_none() { return },
                }
            }
        });
        Ok(Self {
            shared,
            _end: end.drop_guard(),
        })
    }

    /// Decides about a channel that the client wants opened through the target, and relays it.
    pub fn reach(&self, offer: Offer) {
        let shared = Arc::clone(&self.shared);
        let tasks = shared.visit.services.tasks.clone();
        tasks.spawn(async move {
            let reached = tokio::select! {
                reached = shared.reach(&offer.forward) => reached,
                () = shared.end.cancelled() => return,
            };
            match reached {
                Ok(Reached {
                    clearance,
                    channel,
                    share: _share,
                }) => {
                    let (input, output, _link) = channel.into_parts();
                    let client = offer.accept().await;
                    // It notices the end by itself, and tells what passed until then.
                    shared.relay(client, (input, output), &clearance).await;
                }
                Err((why, reason)) => {
                    shared.say(&reason);
                    offer.refuse(why).await;
                }
            }
        });
    }

    /// Has the target listen for the client, now or, where that is held, when it was approved. Gives the port that the
    /// target chose, or 0.
    pub async fn listen(&self, forward: Forward, connection: ClientConnection) -> Option<u32> {
        let shared = &self.shared;
        let answer = match shared.claim(&forward) {
            Ok(claim) => {
                let listening = shared.listen(&forward, claim, connection);
                let timed = tokio::time::timeout(LISTEN_TIME, listening).await;
                let answer = timed.unwrap_or_else(|_| {
                    let seconds = LISTEN_TIME.as_secs();
                    Err(format!("the target did not answer within {seconds} s"))
                });
                if answer.is_err() {
                    shared.forget(&forward);
                }
                answer
            }
            Err(reason) => Err(reason),
        };
        match answer {
            Ok(port) => Some(port),
            Err(reason) => {
                shared.say(&reason);
                None
            }
        }
    }

    /// Ends the listening of a forward, or the wait for its approval; whether there was any. What came there before goes
    /// on.
    pub fn unlisten(&self, forward: &Forward) -> bool {
        let listening = self.shared.with(|asked| asked.listening.remove(forward));
        listening.is_some_and(|end| {
            end.cancel();
            true
        })
    }
}

impl Shared {
    fn with<T>(&self, work: impl FnOnce(&mut Asked) -> T) -> T {
        work(&mut self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn asker(&self) -> Asker<'_> {
        Asker::new(&self.visit, &self.target.info, &self.destination.login)
    }

    /// Tells the sessions of the connection, where there are any.
    fn say(&self, text: &str) {
        self.visit.notices.say(text);
    }

    fn command(&self, forward: &Forward) -> Result<Command, String> {
        let ordinal = self.with(|asked| {
            let next = asked.ordinals.len();
            match asked.ordinals.get(forward) {
                Some(ordinal) => Some(*ordinal),
                None if next >= FORWARDS => None,
                None => {
                    let ordinal = next as u64;
                    asked.ordinals.insert(forward.clone(), ordinal);
                    Some(ordinal)
                }
            }
        });
        let ordinal = ordinal.ok_or("this connection asked for too many forwards; make another")?;
        Ok(Command {
            scope: Scope {
                destination: self.destination.clone(),
                session: self.session,
                ordinal,
            },
            layer: Layer::Forward,
            bytes: forward.to_string().into_bytes(),
            script: None,
        })
    }

    /// Asks policy, and tells the audit what it said.
    async fn decide(&self, command: &Command) -> Result<Decision, String> {
        if self.visit.services.draining.is_cancelled() {
            return Err("the bastion is stopping; connect again".to_owned());
        }
        let (asker, reading) = (self.asker(), Reading::default());
        let (action, verdict) = asker.decide(command, &reading);
        let event = asker.event(command, &reading, action, &verdict);
        let told = self.visit.services.audit.append(event, Timestamp::now());
        told.await.map_err(|error| error.to_string())?;
        Ok(asker.decision(command.clone(), action, verdict))
    }

    /// The clearance of one more connection through a forward, which counts among those of its person.
    async fn cleared(
        self: &Arc<Self>,
        forward: &Forward,
    ) -> Result<(Clearance, Share<Subject>), String> {
        let share = session::share(&self.visit)?;
        Ok((self.clear(forward).await?, share))
    }

    /// The clearance of a forward, once it has one.
    async fn clear(self: &Arc<Self>, forward: &Forward) -> Result<Clearance, String> {
        let command = self.command(forward)?;
        match self.decide(&command).await? {
            Decision::Cleared(clearance) => Ok(clearance),
            Decision::Denied(denial) => Err(refused(&command, &denial.to_string())),
            Decision::Hold(action, requirements) => {
                self.approved(forward, command, action, requirements).await
            }
        }
    }

    /// Waits for the approval of a forward that is held, the one that it has already where it has one.
    async fn approved(
        self: &Arc<Self>,
        forward: &Forward,
        command: Command,
        action: Action,
        requirements: Requirements,
    ) -> Result<Clearance, String> {
        let mut held = self.held(forward, &command, action, requirements);
        let ended = held.wait_for(Option::is_some).await;
        let ended = ended.map(|ended| ended.clone());
        let Ok(Some(ended)) = ended else {
            return Err("the bastion is stopping".to_owned());
        };
        let resolved = ended.map_err(|why| refused(&command, &why))?;
        let released = suspension::release(&self.asker(), &resolved, command.clone()).await;
        match released.map_err(|error| error.to_string())? {
            Ok(clearance) => Ok(clearance),
            Err(why) => {
                self.with(|asked| {
                    let this = asked.held.get(forward);
                    if this.is_some_and(|other| other.same_channel(&held)) {
                        asked.held.remove(forward);
                    }
                });
                Err(refused(&command, &why))
            }
        }
    }

    /// The hold of a forward: connections to one port wait for the same one.
    fn held(
        self: &Arc<Self>,
        forward: &Forward,
        command: &Command,
        action: Action,
        requirements: Requirements,
    ) -> watch::Receiver<Option<Held>> {
        let (sender, receiver) = watch::channel(None);
        let joined = self.with(|asked| match asked.held.get(forward) {
            Some(held) => Some(held.clone()),
            None => {
                asked.held.insert(forward.clone(), receiver.clone());
                None
            }
        });
        if let Some(joined) = joined {
            return joined;
        }
        let (shared, forward, command) = (Arc::clone(self), forward.clone(), command.clone());
        self.visit.services.tasks.spawn(async move {
            let gone = async {
                shared.end.cancelled().await;
                "the client went away"
            };
            let say = |text: &str| shared.say(text);
            let asker = shared.asker();
            let asked = suspension::Asked {
                command,
                reading: Reading::default(),
                action,
                reason: None,
                screen: Vec::new(),
            };
            let ended = suspension::wait(&asker, asked, &requirements, &say, gone).await;
            // What was not approved may be asked for anew.
            if ended.is_err() {
                shared.with(|asked| asked.held.remove(&forward));
            }
            let _ = sender.send(Some(ended.map(Arc::new)));
        });
        receiver
    }

    /// The channel to what is to be reached, with its clearance.
    async fn reach(
        self: &Arc<Self>,
        forward: &Forward,
    ) -> Result<Reached, (ChannelOpenFailure, String)> {
        let (clearance, share) = self
            .cleared(forward)
            .await
            .map_err(|why| (ChannelOpenFailure::AdministrativelyProhibited, why))?;
        let unreached = |why| (ChannelOpenFailure::ConnectFailed, why);
        let link = self.link().await.map_err(unreached)?;
        let reached = link.reach(&clearance, &self.visit.services.tasks).await;
        let channel = reached.map_err(|error| unreached(error.to_string()))?;
        Ok(Reached {
            clearance,
            channel,
            share,
        })
    }

    async fn link(&self) -> Result<Link, String> {
        let permissions = Permissions {
            port_forwarding: true,
            ..Permissions::default()
        };
        let link = opening::link(
            &self.visit,
            &self.target,
            self.destination.clone(),
            self.session,
            None,
            permissions,
        );
        // The turn ends here: a host that does not answer must not keep others from this target.
        let (_, link, _turn) = link.await.map_err(|error| error.to_string())?;
        Ok(link)
    }

    /// Relays one connection and tells the audit what passed.
    async fn relay(
        &self,
        client: ClientChannel,
        target: (Drain, ChannelWriteHalf<client::Msg>),
        clearance: &Clearance,
    ) {
        let passed = Passed::default();
        splice(client, target, &passed, &self.visit.pulse, &self.end).await;
        told_end(&self.visit, clearance.command(), &passed).await;
    }
}

/// Tells the audit what passed through a forward.
pub(super) async fn told_end(visit: &Visit, command: &Command, passed: &Passed) {
    let event = AuditEvent::ForwardEnded {
        session: command.scope.session,
        digest: command.digest(),
        text: command.shown(),
        bytes_in: passed.to_target.load(Ordering::Relaxed),
        bytes_out: passed.to_client.load(Ordering::Relaxed),
    };
    if let Err(error) = visit.services.audit.append(event, Timestamp::now()).await {
        tracing::error!(%error, "the end of a forward could not be audited");
    }
}

fn refused(command: &Command, why: &str) -> String {
    format!("{} is refused: {why}", what(command, Action::Forward))
}
