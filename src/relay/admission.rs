//! Opening a target at all, where policy wants others to say so first: asked once for a connection and destination.
//!
//! Invariants: an approval opens the destination that it was given for and nothing else, policy is asked again whenever it
//! is used, and what a client sends while it waits is kept for its session. It dials nothing.

mod prompt;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use russh::ChannelMsg;
use tokio::sync::{mpsc, oneshot};

use super::client::{Client, Side};
use super::decision::Asker;
use super::start::Start;
use super::suspension;
use crate::domain::action::{Action, Requirements};
use crate::domain::command::{Command, Layer, Reading, Scope};
use crate::domain::hold::{Clearance, Resolved};
use crate::domain::id::SessionId;
use crate::domain::keystroke::INTERRUPT;
use crate::domain::target::Destination;
use crate::flow::{Drain, Item};

/// Destinations that one connection keeps approvals for; what is asked beyond is asked each time.
const DESTINATIONS: usize = 64;
/// What a client at a terminal may send while it waits; then it is read no further, and cannot withdraw.
const PENDING_ITEMS: usize = 1024;
/// Notices that may wait for the client's terminal.
const NOTICES: usize = 4;

/// The approvals to connect that people gave one connection.
#[derive(Debug, Default)]
pub struct Admissions(Mutex<HashMap<Destination, Arc<Resolved>>>);

impl Admissions {
    fn with<T>(&self, work: impl FnOnce(&mut HashMap<Destination, Arc<Resolved>>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn keep(&self, resolved: Resolved) {
        let destination = resolved.hold().request().command.scope.destination.clone();
        self.with(|kept| {
            if kept.len() < DESTINATIONS {
                kept.insert(destination, Arc::new(resolved));
            }
        });
    }
}

/// The clearance to open a destination by an approval that the connection has, as long as policy goes along with it.
///
/// # Errors
/// When it cannot be audited.
pub async fn approved(
    asker: &Asker<'_>,
    destination: &Destination,
) -> Result<Option<Clearance>, String> {
    let admissions = &asker.visit().admissions;
    let Some(resolved) = admissions.with(|kept| kept.get(destination).cloned()) else {
        return Ok(None);
    };
    let command = resolved.hold().request().command.clone();
    let released = suspension::release(asker, &resolved, command).await;
    match released.map_err(|error| error.to_string())? {
        Ok(clearance) => Ok(Some(clearance)),
        // Stricter terms now: it has to be asked anew.
        Err(_) => {
            admissions.with(|kept| kept.remove(destination));
            Ok(None)
        }
    }
}

/// A client that waits for a session.
pub struct Applicant<'a> {
    /// The way to it.
    pub client: &'a Client,
    /// What it wants to start.
    pub start: &'a mut Start,
    /// What it sends.
    pub input: &'a mut Drain,
}

/// Has others asked whether a session may be opened, and waits for them. People at a terminal are asked for a reason. What
/// was approved is kept for the connection.
///
/// # Errors
/// Why it may not be opened, for its user.
pub async fn ask(
    asker: &Asker<'_>,
    destination: &Destination,
    session: SessionId,
    requirements: &Requirements,
    mut applicant: Applicant<'_>,
) -> Result<(), String> {
    if applicant.start.side() == Side::Terminal && applicant.start.reason.is_none() {
        let question = format!("opening {destination} needs an approval; why do you need it? ");
        applicant.start.reason = prompt::ask(&question, &mut applicant).await?;
    }
    let command = Command {
        scope: Scope {
            destination: destination.clone(),
            session,
            ordinal: 0,
        },
        layer: Layer::Connect,
        bytes: b"connect".to_vec(),
        script: None,
    };
    let reason = applicant.start.reason.clone();
    let (sender, said) = mpsc::channel::<String>(NOTICES);
    let say = move |text: &str| drop(sender.try_send(text.to_owned()));
    let (leave, left) = oneshot::channel();
    let gone = async {
        match left.await {
            Ok(why) => why,
            Err(_) => std::future::pending().await,
        }
    };
    let asked = suspension::Asked {
        command,
        reading: Reading::default(),
        action: Action::Connect,
        reason,
        screen: Vec::new(),
    };
    let waiting = suspension::wait(asker, asked, requirements, &say, gone);
    let resolved = applicant.wait(waiting, said, leave).await?;
    asker.visit().admissions.keep(resolved);
    Ok(())
}

impl Applicant<'_> {
    /// Waits for people. At a terminal Ctrl-C ends the wait; what else came is put back where it was.
    async fn wait(
        &mut self,
        waiting: impl Future<Output = Result<Resolved, String>>,
        mut said: mpsc::Receiver<String>,
        leave: oneshot::Sender<&'static str>,
    ) -> Result<Resolved, String> {
        tokio::pin!(waiting);
        let side = self.start.side();
        let closed = self.input.end();
        let mut leave = Some(leave);
        let mut pending = Vec::new();
        let resolved = loop {
            let takes = side == Side::Terminal && pending.len() < PENDING_ITEMS && leave.is_some();
            let why = tokio::select! {
                Some(text) = said.recv() => {
                    self.client.say(side, &text).await;
                    continue;
                }
                resolved = &mut waiting => break resolved,
                () = closed.wait(), if leave.is_some() => "the client went away",
                item = self.input.next(), if takes => match item {
                    Some(item) if interrupts(&item) => "the requester pressed Ctrl-C",
                    Some(item) => {
                        self.keep(item, &mut pending);
                        continue;
                    }
                    None => "the client went away",
                },
            };
            if let Some(leave) = leave.take() {
                let _ = leave.send(why);
            }
        };
        // The last notice is said before what follows it.
        while let Ok(text) = said.try_recv() {
            self.client.say(side, &text).await;
        }
        while let Some(item) = pending.pop() {
            self.input.put_back(item);
        }
        resolved
    }

    /// Keeps what came before the session for it; of the terminal's sizes, the last.
    fn keep(&mut self, item: Item, pending: &mut Vec<Item>) {
        match item {
            Item::Message(ChannelMsg::WindowChange {
                col_width,
                row_height,
                pix_width,
                pix_height,
            }) => self
                .start
                .resize(col_width, row_height, pix_width, pix_height),
            item => pending.push(item),
        }
    }
}

fn interrupts(item: &Item) -> bool {
    matches!(item, Item::Data(data) if data.bytes().contains(&INTERRUPT))
}
