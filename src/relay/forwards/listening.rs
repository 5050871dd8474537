//! What a target listens for on behalf of a client (`ssh -R`).
//!
//! Invariant: what comes to a client is named by what was cleared, never by what the target says of it, and policy is
//! asked again for each connection.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{LISTENERS, Shared, refused};
use crate::accept::{ClientChannel, ClientConnection, NotOpened};
use crate::domain::forward::{Direction, Endpoint, Forward};
use crate::domain::hold::Clearance;
use crate::relay::decision::Decision;
use crate::target::{Link, Opened, Openings, Origin};

/// The right to listen for one forward.
pub(super) struct Claim {
    end: CancellationToken,
    _permit: OwnedSemaphorePermit,
}

impl Shared {
    /// The right to listen for a forward, once at a time.
    pub(super) fn claim(&self, forward: &Forward) -> Result<Claim, String> {
        let permit = Arc::clone(&self.listeners).try_acquire_owned();
        let permit = permit.map_err(|_| {
            format!("this connection has {LISTENERS} forwards to listen for already")
        })?;
        let end = self.end.child_token();
        let fresh = self.with(|asked| {
            // Which one it will be is not known where the target chooses the port.
            if chooses(forward) {
                return true;
            }
            let fresh = !asked.listening.contains_key(forward);
            if fresh {
                asked.listening.insert(forward.clone(), end.clone());
            }
            fresh
        });
        if !fresh {
            return Err(format!("the forward `{forward}` was asked for before"));
        }
        Ok(Claim {
            end,
            _permit: permit,
        })
    }

    /// What was claimed is not listened for.
    pub(super) fn forget(&self, forward: &Forward) {
        self.with(|asked| asked.listening.remove(forward));
    }

    pub(super) async fn listen(
        self: &Arc<Self>,
        forward: &Forward,
        claim: Claim,
        connection: ClientConnection,
    ) -> Result<u32, String> {
        let command = self.command(forward)?;
        match self.decide(&command).await? {
            Decision::Cleared(clearance) => {
                self.listen_now(forward, claim, clearance, connection).await
            }
            Decision::Denied(denial) => Err(refused(&command, &denial.to_string())),
            Decision::Hold(..) if chooses(forward) => Err(format!(
                "the forward `{}` has to be approved first: ask for a port of your choice",
                command.shown()
            )),
            Decision::Hold(action, requirements) => {
                let (shared, forward) = (Arc::clone(self), forward.clone());
                self.visit.services.tasks.spawn(async move {
                    let end = claim.end.clone();
                    let clear = shared.approved(&forward, command, action, requirements);
                    let cleared = tokio::select! {
                        cleared = clear => cleared,
                        () = end.cancelled() => return,
                    };
                    let listening = match cleared {
                        Ok(clearance) => {
                            shared
                                .listen_now(&forward, claim, clearance, connection)
                                .await
                        }
                        Err(reason) => Err(reason),
                    };
                    match listening {
                        Ok(_) => shared.say(&format!("the target listens now: {forward}")),
                        Err(reason) => {
                            shared.forget(&forward);
                            shared.say(&reason);
                        }
                    }
                });
                Ok(0)
            }
        }
    }

    async fn listen_now(
        self: &Arc<Self>,
        forward: &Forward,
        claim: Claim,
        clearance: Clearance,
        connection: ClientConnection,
    ) -> Result<u32, String> {
        let mut link = self.link().await?;
        let chosen = link.listen(&clearance).await;
        let chosen = chosen.map_err(|error| error.to_string())?;
        let Some(openings) = link.openings() else {
            return Err("the target's connections cannot be taken".to_owned());
        };
        let asked = forward.clone();
        let forward = chosen_port(forward, chosen);
        let listener = Listener {
            shared: Arc::clone(self),
            asked,
            forward: forward.clone(),
            connection,
            relays: TaskTracker::new(),
        };
        self.with(|asked| asked.listening.insert(forward, claim.end.clone()));
        let tasks = &self.visit.services.tasks;
        tasks.spawn(async move { listener.run(link, openings, claim).await });
        Ok(chosen)
    }
}

/// One forward that a target listens for.
struct Listener {
    shared: Arc<Shared>,
    /// What was asked for.
    asked: Forward,
    /// The same, with the port that the target chose.
    forward: Forward,
    connection: ClientConnection,
    relays: TaskTracker,
}

impl Listener {
    /// Takes what comes, until it is cancelled or the link is gone; what came before goes on.
    async fn run(self, link: Link, openings: Openings, claim: Claim) {
        tokio::select! {
            () = self.take(openings) => {}
            () = claim.end.cancelled() => {}
        }
        if !self.shared.end.is_cancelled() {
            link.unlisten(&self.forward).await;
        }
        self.relays.close();
        self.relays.wait().await;
        // Cancelled, it was forgotten before, and may have been asked for anew.
        if !claim.end.is_cancelled() {
            self.shared.forget(&self.forward);
        }
    }

    async fn take(&self, mut openings: Openings) {
        while let Some(opened) = openings.next().await {
            let accepting = openings.acceptor(&self.shared.visit.services.tasks);
            let (shared, asked) = (Arc::clone(&self.shared), self.asked.clone());
            let (connection, forward) = (self.connection.clone(), self.forward.clone());
            self.relays.spawn(async move {
                let (clearance, _share) = match shared.cleared(&asked).await {
                    Ok(cleared) => cleared,
                    Err(reason) => return shared.say(&reason),
                };
                match open_for(&connection, &forward, &opened).await {
                    Ok(client) => {
                        let target = accepting.accept(opened).await;
                        shared.relay(client, target, &clearance).await;
                    }
                    Err(error) => tracing::debug!(%error, "a forwarded connection was refused"),
                }
            });
        }
    }
}

/// Opens the client's end for a channel that a target opened for a forward. Only where the connection came from is in
/// the target's words.
async fn open_for(
    connection: &ClientConnection,
    forward: &Forward,
    opened: &Opened,
) -> Result<ClientChannel, NotOpened> {
    match (&forward.endpoint, &opened.origin) {
        (
            Endpoint::Port { host, port },
            Origin::Port {
                originator,
                originator_port,
            },
        ) => {
            let connected = (host.as_str(), u32::from(*port));
            let originator = (originator.as_str(), *originator_port);
            connection.open_port(connected, originator).await
        }
        (Endpoint::Socket(path), Origin::Socket) => connection.open_socket(path).await,
        (Endpoint::Port { .. }, Origin::Socket | Origin::Agent)
        | (Endpoint::Socket(_), Origin::Port { .. } | Origin::Agent) => Err(NotOpened::Uninvited),
    }
}

/// Whether the target may choose the port.
fn chooses(forward: &Forward) -> bool {
    matches!(forward.endpoint, Endpoint::Port { port: 0, .. })
}

/// The forward as the client names it to end it: with the port that was chosen.
fn chosen_port(forward: &Forward, chosen: u32) -> Forward {
    match &forward.endpoint {
        Endpoint::Port { host, port: 0 } => {
            Forward::port(Direction::Remote, host, chosen).unwrap_or_else(|_| forward.clone())
        }
        Endpoint::Port { .. } | Endpoint::Socket(_) => forward.clone(),
    }
}
