//! Something that waits for people, be it a session's command or a forward: how it is suspended, what its requester is
//! told, and what the end of it lets go.
//!
//! Invariant: what an approval lets go is asked about again first, and its record is durable before anything runs. A
//! hold that nobody takes over is withdrawn.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::decision::Asker;
use super::reception::Visit;
use crate::approval::{ApprovalError, News};
use crate::audit::AuditError;
use crate::domain::action::{Action, Requirements};
use crate::domain::audit::AuditEvent;
use crate::domain::command::{Command, Layer, Reading};
use crate::domain::forward::AGENT;
use crate::domain::hold::{Clearance, Hold, Resolution, Resolved};
use crate::domain::request::ApprovalDraft;
use crate::domain::verdict::Verdict;

/// Lines of the requester's screen that an approver sees.
pub const SCREEN_LINES: usize = 12;
/// Requests of one person that may wait at a time.
const HOLDS_A_PERSON: usize = 20;

/// Why something could not be suspended.
#[derive(Debug, thiserror::Error)]
pub enum NotHeld {
    /// The person has their share of the approvers' list.
    #[error(
        "{HOLDS_A_PERSON} requests of yours wait already: wait for them, or withdraw some with Ctrl-C"
    )]
    Share,
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] ApprovalError),
    /// It could not be audited.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The node ends.
    #[error("the bastion is stopping")]
    Stopping,
}

/// Whether a person may suspend something more: one person cannot fill the approvers' list.
///
/// # Errors
/// When they may not, or nobody can tell.
pub async fn share(visit: &Visit) -> Result<(), NotHeld> {
    let me = &visit.identified.identity().principal().subject;
    let waiting = visit.services.approvals.waiting().await?;
    let mine = waiting
        .iter()
        .filter(|hold| hold.request().requester.subject == *me);
    match mine.count() {
        HOLDS_A_PERSON.. => Err(NotHeld::Share),
        _ => Ok(()),
    }
}

/// Suspends something, and has the audit know. What cannot be audited is withdrawn.
///
/// # Errors
/// When it cannot be stored or audited.
pub async fn begin(
    visit: &Visit,
    draft: ApprovalDraft,
    requirements: &Requirements,
) -> Result<Hold, NotHeld> {
    let session = draft.command.scope.session;
    let hold = open(visit, draft, requirements).await?;
    let event = AuditEvent::Held {
        hold: hold.request().hold.clone(),
        session,
        digest: hold.digest().clone(),
        approvals: requirements.approvals.get(),
        expires: hold.expires(),
    };
    if let Err(error) = visit.services.audit.append(event, Timestamp::now()).await {
        let id = &hold.request().hold;
        visit.services.withdraw(id, "it could not be audited").await;
        return Err(error.into());
    }
    Ok(hold)
}

/// Opens a hold in a task of its own, so that a requester who goes meanwhile cannot leave one behind: what nobody
/// takes over is withdrawn.
async fn open(
    visit: &Visit,
    draft: ApprovalDraft,
    requirements: &Requirements,
) -> Result<Hold, NotHeld> {
    let services = Arc::clone(&visit.services);
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
            let hold = &left.request().hold;
            services.withdraw(hold, "the session ended").await;
        }
    });
    Ok(opened.await.map_err(|_| NotHeld::Stopping)??)
}

/// What somebody asks for outside the gate of a session.
pub struct Asked {
    /// Exactly that.
    pub command: Command,
    /// What was understood of it.
    pub reading: Reading,
    /// What policy was asked.
    pub action: Action,
    /// Why, in the requester's words.
    pub reason: Option<String>,
    /// The last lines of their screen, safe to print, where there is one behind it.
    pub screen: Vec<String>,
}

/// Suspends something that has no terminal of its own, and waits for its end. `say` tells the requester; when they are
/// `gone`, which tells why, it is withdrawn.
///
/// # Errors
/// Why it was not approved.
pub async fn wait(
    asker: &Asker<'_>,
    asked: Asked,
    requirements: &Requirements,
    say: &(impl Fn(&str) + Sync),
    gone: impl Future<Output = &'static str> + Send,
) -> Result<Resolved, String> {
    let visit = asker.visit();
    let words = |error: &dyn std::fmt::Display| error.to_string();
    share(visit).await.map_err(|error| words(&error))?;
    let identity = visit.identified.identity();
    let draft = ApprovalDraft {
        requester: identity.principal().clone(),
        key: identity.key().clone(),
        source: visit.source,
        reason: asked.reason,
        target: asker.target().clone(),
        action: asked.action,
        command: asked.command,
        reading: asked.reading,
        screen: asked.screen,
    };
    let hold = begin(visit, draft, requirements).await;
    let hold = hold.map_err(|error| words(&error))?;
    let id = &hold.request().hold;
    say(&notice(visit, &hold));
    let _waiting = visit.pulse.waiting();
    let mut news = visit.services.approvals.wait(id);
    tokio::pin!(gone);
    let resolved = loop {
        let heard = tokio::select! {
            heard = news.next() => heard.map_err(|error| words(&error))?,
            why = &mut gone => {
                visit.services.withdraw(id, why).await;
                return Err(format!("request {id} was withdrawn: {why}"));
            }
        };
        match heard {
            News::Ended(resolved) => break *resolved,
            News::Approved { .. } | News::Seen(_) => heard.told().iter().for_each(|text| say(text)),
        }
    };
    let told = visit.services.hold_ended(&resolved).await;
    told.map_err(|error| words(&error))?;
    say(&outcome(&resolved)?);
    Ok(resolved)
}

/// What the requester is told when it waits.
pub fn notice(visit: &Visit, hold: &Hold) -> String {
    let request = hold.request();
    let policy = visit.services.policy.current();
    let groups = policy.approver_groups(request, Timestamp::now());
    let groups: Vec<&str> = groups.iter().map(|group| group.as_str()).collect();
    let count = hold.requirements().approvals.get();
    let from = match groups.as_slice() {
        [] => String::new(),
        groups => format!(" from {}", groups.join(" or ")),
    };
    let why = match &hold.requirements().sentence {
        // Of many operations of a transfer, or sudos of a script, which one.
        Some(sentence) if matches!(request.command.layer, Layer::Transfer | Layer::Sudo) => {
            format!("{}: {sentence}", request.command.shown())
        }
        Some(sentence) => sentence.clone(),
        None => format!(
            "{} on {}",
            what(&request.command, request.action),
            request.target.name
        ),
    };
    let left = hold.requirements().expires_in.as_secs();
    let unknown = match request.reading.unknowns.first() {
        Some(unknown) => format!("\nnot understood: {}", unknown.reason),
        None => String::new(),
    };
    let withdraws = match request.command.layer {
        Layer::Connect
        | Layer::Exec
        | Layer::Line
        | Layer::Shell
        | Layer::Subsystem
        | Layer::Transfer
        | Layer::Sudo => ", Ctrl-C withdraws",
        Layer::Forward => "",
    };
    let plural = if count == 1 { "approval" } else { "approvals" };
    format!(
        "held {}: {why}; needs {count} {plural}{from} (expires in {}:{:02}{withdraws}){unknown}",
        request.hold,
        left / 60,
        left % 60
    )
}

/// What a command is called in a notice.
pub fn what(command: &Command, action: Action) -> String {
    match command.layer {
        Layer::Connect => "a session".to_owned(),
        Layer::Shell => "a shell".to_owned(),
        Layer::Sudo => format!("`{}`", command.shown()),
        Layer::Exec | Layer::Line if action == Action::Sudo => "sudo".to_owned(),
        Layer::Exec => "this command".to_owned(),
        Layer::Line => "this line".to_owned(),
        Layer::Subsystem => format!("the subsystem {}", command.shown()),
        Layer::Forward if command.bytes == AGENT.as_bytes() => "your agent".to_owned(),
        Layer::Forward => format!("the forward `{}`", command.shown()),
        Layer::Transfer => command.shown(),
    }
}

/// How a hold ended, in words for its requester: approved, or why not.
///
/// # Errors
/// Why not.
pub fn outcome(resolved: &Resolved) -> Result<String, String> {
    let hold = &resolved.hold().request().hold;
    match resolved.resolution() {
        Resolution::Approved { by } => {
            let names: Vec<String> = by
                .iter()
                .map(|given| said(given.approver.name.as_str(), &given.reason))
                .collect();
            Ok(format!("approved by {}", names.join(", ")))
        }
        Resolution::Refused { by } => Err(format!(
            "refused by {}",
            said(by.approver.name.as_str(), &by.reason)
        )),
        Resolution::Expired => Err(format!("request {hold} expired: nobody answered in time")),
        Resolution::Withdrawn { why } => Err(format!("request {hold} was withdrawn: {why}")),
    }
}

fn said(name: &str, reason: &str) -> String {
    if reason.is_empty() {
        name.to_owned()
    } else {
        format!("{name}: \"{reason}\"")
    }
}

/// The clearance that an approved hold gives for a command, after policy was asked again, or why there is none. The
/// release is audited before it is given.
///
/// # Errors
/// When it cannot be audited.
pub async fn release(
    asker: &Asker<'_>,
    resolved: &Resolved,
    command: Command,
) -> Result<Result<Clearance, String>, AuditError> {
    let hold = resolved.hold();
    let (asker, reading) = (
        asker.clone().asked_at(hold.created()),
        &hold.request().reading,
    );
    if let Some(why) = stricter_now(&asker.decide(&command, reading).1, resolved) {
        return Ok(Err(why));
    }
    let session = command.scope.session;
    let Ok(clearance) = resolved.clear(command) else {
        return Ok(Err("the approval was for something else".to_owned()));
    };
    let event = AuditEvent::Released {
        hold: resolved.hold().request().hold.clone(),
        session,
        digest: resolved.hold().digest().clone(),
    };
    let audit = &asker.visit().services.audit;
    audit.append(event, Timestamp::now()).await?;
    Ok(Ok(clearance))
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
