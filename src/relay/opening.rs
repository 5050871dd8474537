//! From an identified person to a link: may they connect, then a certificate minted for one session, dialled and
//! logged in. Much of it is done ahead, while the client still speaks.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::admission;
use super::decision::Asker;
use super::reception::Visit;
use super::{Services, new_session_id};
use crate::audit::AuditError;
use crate::authority::AuthorityError;
use crate::config::TargetConfig;
use crate::domain::action::{Action, Requirements};
use crate::domain::audit::AuditEvent;
use crate::domain::grant::{ForcedCommand, Grant, Permissions, Runs, TargetCertificate};
use crate::domain::hold::Clearance;
use crate::domain::id::SessionId;
use crate::domain::lifecycle::Granted;
use crate::domain::name::TargetName;
use crate::domain::target::{Destination, EnforcementLayer, HostSeen, TargetInfo};
use crate::domain::verdict::{Denial, Verdict};
use crate::store::StoreError;
use crate::target::{self, Dialled, Link, TargetChannel, TargetError, Turn};

/// A session on a target that is ready to be told what to run.
pub struct Opening {
    /// What was granted.
    pub granted: Granted,
    /// The session's channel on the target.
    pub ground: Ground,
    /// The host that was found there.
    pub host: HostSeen,
    /// Whether the certificate permits a terminal.
    pub pty: bool,
}

/// What a session stands on.
pub enum Ground {
    /// A channel on the target.
    Open(TargetChannel),
    /// An account that takes only certificates which are bound to a command, as root's where sshd says
    /// `PermitRootLogin forced-commands-only`; with what to say about anything else.
    BoundOnly(Refusal),
}

/// What it takes to open a channel once more for a session, for one command.
pub struct Bond {
    /// The connection.
    pub visit: Arc<Visit>,
    /// What was granted.
    pub grant: Grant,
    /// The session.
    pub session: SessionId,
    /// The rights of the certificate.
    pub permissions: Permissions,
}

impl Bond {
    /// Opens a channel under a certificate that runs the cleared command and nothing else; the target's sshd sees to
    /// that, whatever it is asked for.
    ///
    /// # Errors
    /// When the command cannot be bound, or the target cannot be reached or does not let us in.
    pub async fn open(&self, clearance: &Clearance) -> Result<TargetChannel, Refusal> {
        let Self {
            visit,
            grant,
            session,
            permissions,
        } = self;
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let forced = ForcedCommand::of(clearance, grant).map_err(|error| text(&error))?;
        let (target, _) = find(visit, grant.destination())?;
        let dialled = dial(&visit.services, &target).await;
        let (dialled, _turn) = dialled.map_err(|error| text(&error))?;
        let certificate = certificate(visit, grant, *session, *permissions, Runs::Only(forced));
        let link = log_in(visit, dialled, certificate).await;
        let link = link.map_err(|error| text(&error))?;
        let channel = link.open(&visit.services.tasks).await;
        channel.map_err(|error| text(&error))
    }
}

/// Why there is no session, in words for its user.
pub type Refusal = String;

/// Why a target was not opened.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NotOpened {
    /// It is refused, or did not work.
    #[error("{0}")]
    Refused(Refusal),
    /// Others have to agree first.
    #[error(
        "it has to be approved first: open a session there by the same connection, which asks for that"
    )]
    Held(Requirements),
}

impl From<Refusal> for NotOpened {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// An opening that is under way.
pub struct Ahead {
    /// The session it is for.
    pub session: SessionId,
    /// The target, as it was when the opening began.
    pub target: TargetInfo,
    claim: oneshot::Sender<Claimant>,
}

/// Whoever takes over an opening.
type Claimant = oneshot::Sender<Result<Opening, NotOpened>>;

/// How long what was opened ahead waits for somebody to take it: a client that only forwards (`ssh -N`) never does.
const UNCLAIMED: Duration = Duration::from_secs(60);
/// The account whose logins sshd may restrict to commands (`PermitRootLogin`).
const ROOT: &str = "root";

impl Ahead {
    /// Whether it waits no more.
    pub fn is_over(&self) -> bool {
        self.claim.is_closed()
    }

    /// Waits for the opening.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn ready(self) -> Result<Opening, NotOpened> {
        let (claimant, opening) = oneshot::channel();
        let _ = self.claim.send(claimant);
        opening
            .await
            .unwrap_or_else(|_| Err("the target waited no more; connect again".to_owned().into()))
    }
}

/// A connection to a target whose host key is verified, under way.
pub struct Predialled(oneshot::Receiver<Result<(Dialled, Turn), TargetError>>);

/// Begins to dial a target for a person who is identified, unless many do so already; nobody is logged in there yet.
pub fn predial(services: &Arc<Services>, target: &TargetConfig) -> Option<Predialled> {
    let turn = services.turns.spare(target)?;
    let rekey = services.config().ssh.rekey;
    let (sender, receiver) = oneshot::channel();
    let target = target.clone();
    services.tasks.spawn(async move {
        let dialled = target::dial(&target, rekey).await;
        let _ = sender.send(dialled.map(|dialled| (dialled, turn)));
    });
    Some(Predialled(receiver))
}

async fn dial(services: &Services, target: &TargetConfig) -> Result<(Dialled, Turn), TargetError> {
    let turn = services.turns.wait(target).await?;
    let dialled = target::dial(target, services.config().ssh.rekey).await?;
    Ok((dialled, turn))
}

/// Begins to open a destination for a session.
///
/// # Errors
/// When there is no such target or login; the text says what to ask for instead.
pub fn ahead(
    visit: &Arc<Visit>,
    destination: &Destination,
    predialled: Option<Predialled>,
    pty: Wanted,
) -> Result<Ahead, Refusal> {
    let session = new_session_id().ok_or_else(|| "the system gave no random bytes".to_owned())?;
    ahead_as(session, visit, destination, predialled, pty)
}

/// [`ahead`] for a session that has its name already, because others approved its opening under that.
///
/// # Errors
/// As [`ahead`].
pub fn ahead_as(
    session: SessionId,
    visit: &Arc<Visit>,
    destination: &Destination,
    predialled: Option<Predialled>,
    pty: Wanted,
) -> Result<Ahead, Refusal> {
    let (target, destination) = find(visit, destination)?;
    let (claim, claimed) = oneshot::channel::<Claimant>();
    let (visit, info) = (Arc::clone(visit), target.info.clone());
    let tasks = visit.services.tasks.clone();
    tasks.spawn(async move {
        let opened = open(&visit, &target, destination, session, predialled, pty).await;
        // What nobody takes is closed.
        if let Ok(Ok(claimant)) = tokio::time::timeout(UNCLAIMED, claimed).await {
            let _ = claimant.send(opened);
        }
    });
    Ok(Ahead {
        session,
        target: info,
        claim,
    })
}

/// The target of a destination, which may be named by an alias, and its login.
///
/// # Errors
/// When there is no such target or login; the text says what to ask for instead.
pub fn find(
    visit: &Visit,
    destination: &Destination,
) -> Result<(TargetConfig, Destination), Refusal> {
    let config = visit.services.config();
    let Some(target) = config.target(&destination.target) else {
        return Err(unknown_target(&destination.target));
    };
    if !config.has_login(target, &destination.login) {
        let logins: Vec<&str> = target
            .info
            .logins
            .iter()
            .map(|login| login.as_str())
            .collect();
        return Err(format!(
            "`{}` is not a login that is offered on `{}`; offered: {}",
            destination.login,
            target.info.name,
            logins.join(", ")
        ));
    }
    let destination = Destination {
        login: destination.login.clone(),
        target: target.info.name.clone(),
    };
    Ok((target.clone(), destination))
}

/// Whether policy lets a person connect to a target as any of its logins: nothing is dialled for anybody else.
pub fn may_connect(visit: &Arc<Visit>, target: &TargetConfig) -> bool {
    let allowed = |login| {
        matches!(
            Asker::new(visit, &target.info, login).verdict(Action::Connect),
            Verdict::Allow(_)
        )
    };
    target.info.logins.iter().any(allowed)
}

/// What is said about a target that does not exist (or that the person may not know of).
pub fn unknown_target(name: &TargetName) -> Refusal {
    format!("there is no target `{name}`; `ssh BASTION targets` lists yours")
}

/// Whether a terminal is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// It is not known yet: a terminal is permitted where policy could let one have a shell.
    Unknown,
    /// The client asked for one.
    Terminal,
}

async fn open(
    visit: &Arc<Visit>,
    target: &TargetConfig,
    destination: Destination,
    session: SessionId,
    predialled: Option<Predialled>,
    pty: Wanted,
) -> Result<Opening, NotOpened> {
    let asker = Asker::new(visit, &target.info, &destination.login);
    let pty = match pty {
        Wanted::Terminal => true,
        Wanted::Unknown => !matches!(asker.verdict(Action::Shell), Verdict::Deny(_)),
    };
    let agent_forwarding = target.info.layers.contains(&EnforcementLayer::Sudo)
        || !matches!(asker.verdict(Action::Agent), Verdict::Deny(_));
    let permissions = Permissions {
        pty,
        agent_forwarding,
        port_forwarding: false,
    };
    let (granted, dialled, turn) = approach(visit, target, destination, predialled).await?;
    let grant = granted.grant();
    let certificate = certificate(visit, grant, session, permissions, Runs::Anything);
    let host = dialled.host().clone();
    let opened = match log_in(visit, dialled, certificate).await {
        Ok(link) => link.open(&visit.services.tasks).await,
        Err(NotIn::Target(error)) => Err(error),
        Err(error) => return Err(error.to_string().into()),
    };
    let ground = match opened {
        Ok(channel) => Ground::Open(channel),
        // An sshd that restricts root to commands hangs up, after it let in what is none.
        Err(error) if grant.destination().login.as_str() == ROOT => {
            Ground::BoundOnly(error.to_string())
        }
        Err(error) => return Err(error.to_string().into()),
    };
    // The next one begins when `sshd` counts this one no more, which it does once a channel is open.
    drop(turn);
    Ok(Opening {
        granted,
        ground,
        host,
        pty,
    })
}

/// A link to a target, logged in for a session with a certificate of these permissions, with the turn to be kept until
/// it is used.
///
/// # Errors
/// When the person may not connect, or the target cannot be reached or does not let us in.
pub async fn link(
    visit: &Arc<Visit>,
    target: &TargetConfig,
    destination: Destination,
    session: SessionId,
    predialled: Option<Predialled>,
    permissions: Permissions,
) -> Result<(Granted, Link, Turn), NotOpened> {
    let (granted, dialled, turn) = approach(visit, target, destination, predialled).await?;
    let grant = granted.grant();
    let certificate = certificate(visit, grant, session, permissions, Runs::Anything);
    let link = log_in(visit, dialled, certificate).await;
    Ok((granted, link.map_err(|error| error.to_string())?, turn))
}

/// Asks whether the person may connect, and dials.
async fn approach(
    visit: &Arc<Visit>,
    target: &TargetConfig,
    destination: Destination,
    predialled: Option<Predialled>,
) -> Result<(Granted, Dialled, Turn), NotOpened> {
    let asker = Asker::new(visit, &target.info, &destination.login);
    let (verdict, now) = (asker.verdict(Action::Connect), Timestamp::now());
    let event = connect_event(visit, &destination, &verdict);
    let told = visit.services.audit.append(event, now);
    let granted = match verdict {
        Verdict::Allow(permit) => visit.identified.granted(destination, &permit, now),
        Verdict::Hold(requirements) => match admission::approved(&asker, &destination).await? {
            Some(clearance) => visit.identified.approved(&clearance, now),
            None => {
                told.await.map_err(|error| error.to_string())?;
                return Err(NotOpened::Held(requirements));
            }
        },
        Verdict::Deny(denial) => {
            told.await.map_err(|error| error.to_string())?;
            return Err(denied(&denial, target).into());
        }
    };
    // The record is durable before anybody is logged in; dialling meanwhile only verifies a host key.
    let dialling = async {
        match predialled.map(|predialled| predialled.0) {
            Some(under_way) => match under_way.await {
                Ok(dialled) => dialled,
                Err(_) => dial(&visit.services, target).await,
            },
            None => dial(&visit.services, target).await,
        }
    };
    let (told, dialled) = tokio::join!(told, dialling);
    told.map_err(|error| error.to_string())?;
    let (dialled, turn) = dialled.map_err(|error| error.to_string())?;
    let granted = granted.map_err(|closed| closed.reason.to_string())?;
    Ok((granted, dialled, turn))
}

fn denied(denial: &Denial, target: &TargetConfig) -> Refusal {
    format!("you may not connect to `{}`: {denial}", target.info.name)
}

/// Why nobody was logged in.
#[derive(Debug, thiserror::Error)]
enum NotIn {
    /// The target says no, or nothing.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// There is no serial number for a certificate.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no certificate.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// It could not be audited.
    #[error(transparent)]
    Audit(#[from] AuditError),
}

fn certificate<'a>(
    visit: &Visit,
    grant: &'a Grant,
    session: SessionId,
    permissions: Permissions,
    runs: Runs,
) -> TargetCertificate<'a> {
    TargetCertificate {
        grant,
        session,
        permissions,
        runs,
        lifetime: visit.services.config().certificates.session_ttl,
    }
}

async fn log_in(
    visit: &Visit,
    dialled: Dialled,
    certificate: TargetCertificate<'_>,
) -> Result<Link, NotIn> {
    let services = &visit.services;
    let now = Timestamp::now();
    let serial = services.store.next_serial().await?;
    let (key, signed) =
        services
            .authority
            .mint_for_target(&certificate, dialled.from(), serial, now)?;
    let event = AuditEvent::Certificate {
        serial,
        key_id: certificate.key_id(),
        person: certificate.grant.principal().subject.clone(),
        principals: signed.valid_principals().to_vec(),
        until: now.saturating_add(certificate.lifetime).unwrap_or(now),
        command: match &certificate.runs {
            Runs::Anything => None,
            Runs::Only(command) => Some(command.digest().clone()),
        },
    };
    services.audit.append(event, now).await?;
    let login = &certificate.grant.destination().login;
    Ok(dialled.log_in(login, key, signed).await?)
}

fn connect_event(visit: &Visit, destination: &Destination, verdict: &Verdict) -> AuditEvent {
    let principal = visit.identified.identity().principal();
    AuditEvent::Connect {
        person: principal.subject.clone(),
        name: principal.name.to_string(),
        destination: destination.clone(),
        source: visit.source.to_string(),
        verdict: verdict.word().to_owned(),
        because: super::decision::because(verdict),
    }
}
