//! Who is at the door: keys, certificates and sign-ins of one connection, then its channels.

mod channels;

mod credentials;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use russh::ChannelOpenFailure;
use russh::keys::{Certificate, PublicKey};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::Services;
use super::admission::Admissions;
use super::forwards::Forwards;
use super::notices::Notices;
use super::opening::{self, Ahead, Predialled, Wanted};
use crate::accept::limits::Place;
use crate::accept::{Admission, ClientConnection, Opened, Reception, Round, When, Wish};
use crate::certificate::fingerprint;
use crate::domain::audit::AuditEvent;
use crate::domain::forward::Forward;
use crate::domain::lifecycle::{AwaitingIdentity, Connected, Identified};
use crate::domain::name::TargetName;
use crate::domain::principal::{KeyFingerprint, VerifiedIdentity};
use crate::domain::target::{Asked, Destination};
use crate::flow::Pulse;
use crate::identity::{Progress, SignIn};
use crate::store::Login;
use channels::session_channel;
use credentials::{bound, login_failed, presented};

/// How long one round of a sign-in waits before the client is asked whether it is still there.
const SLICE: Duration = Duration::from_secs(5);

/// An identified connection, shared by its channels.
pub struct Visit {
    /// The node.
    pub services: Arc<Services>,
    /// Where the client connects from.
    pub source: IpAddr,
    /// Who it is.
    pub identified: Identified,
    /// The public key they proved, for a certificate.
    pub key: PublicKey,
    /// What is said on the connection's sessions.
    pub notices: Notices,
    /// Whether anything still happens on it, or on the connection around it.
    pub pulse: Pulse,
    /// Connections that may yet be spoken inside its channels.
    pub jumps: Arc<Semaphore>,
    /// Targets that others let it open.
    pub admissions: Admissions,
}

/// What is known of a connection that is spoken inside a channel of another.
pub struct Inside {
    /// The connection around it.
    pub visit: Arc<Visit>,
    /// The host as the client typed it.
    pub typed: String,
    /// The target that it names.
    pub target: TargetName,
    /// The connection to it, under way.
    pub predialled: Option<Predialled>,
}

enum Stage {
    /// Nothing is known.
    Connected(Connected),
    /// A key was proved; its person signs in.
    SigningIn(AwaitingIdentity, Box<PublicKey>, Option<SignIn>),
    /// It is known who it is.
    Identified(Arc<Visit>),
    /// The sign-in failed, and its reason was said.
    Failed,
}

/// Answers the questions of one connection.
pub struct Door {
    services: Arc<Services>,
    source: IpAddr,
    place: Option<Place>,
    inside: Option<Inside>,
    entered: CancellationToken,
    pulse: Pulse,
    stage: Stage,
    user: String,
    ahead: Option<Result<Ahead, String>>,
    forwards: Option<Forwards>,
}

impl Door {
    /// The door of a new connection with that pulse. `entered` is cancelled when the client is in.
    pub fn new(
        services: Arc<Services>,
        source: IpAddr,
        place: Option<Place>,
        inside: Option<Inside>,
        entered: CancellationToken,
        pulse: Pulse,
    ) -> Self {
        let patience = services.config().ssh.login_deadline;
        let now = Timestamp::now();
        let stage = Stage::Connected(Connected::new(
            source,
            now.saturating_add(patience).unwrap_or(now),
        ));
        Self {
            services,
            source,
            place,
            inside,
            entered,
            pulse,
            stage,
            user: String::new(),
            ahead: None,
            forwards: None,
        }
    }

    /// The connection as it was before any key was proved; a sign-in that another key waits for is dropped.
    fn take_connected(&mut self) -> Option<Connected> {
        match std::mem::replace(&mut self.stage, Stage::Failed) {
            Stage::Connected(connected) => Some(connected),
            Stage::SigningIn(awaiting, ..) => Some(awaiting.another_key()),
            other @ (Stage::Identified(_) | Stage::Failed) => {
                self.stage = other;
                None
            }
        }
    }

    /// Lets in whoever was identified, once the audit has it.
    async fn admit(&mut self, identity: VerifiedIdentity, key: PublicKey, stage: Stage) -> bool {
        let now = Timestamp::now();
        let event = AuditEvent::Login {
            principal: identity.principal().clone(),
            key: identity.key().clone(),
            evidence: identity.evidence(),
            source: self.source.to_string(),
            until: identity.valid_until(),
        };
        let told = self.services.audit.append(event, now);
        let identified = match stage {
            Stage::Connected(connected) => connected.identified(identity, now),
            Stage::SigningIn(awaiting, ..) => awaiting.identified(identity, now),
            Stage::Identified(_) | Stage::Failed => return false,
        };
        if let Err(error) = told.await {
            tracing::error!(%error, "a login could not be audited: refused");
            return false;
        }
        let Ok(identified) = identified else {
            return false;
        };
        let visit = Visit {
            services: Arc::clone(&self.services),
            source: self.source,
            identified,
            key,
            notices: Notices::default(),
            admissions: Admissions::default(),
            pulse: self.pulse.clone(),
            jumps: Arc::new(Semaphore::new(
                self.services.config().ssh.person.jumps_per_connection,
            )),
        };
        self.stage = Stage::Identified(Arc::new(visit));
        true
    }

    /// Whether a person may speak inside the connection of another: only inside their own.
    fn fits_inside(&self, identity: &VerifiedIdentity) -> bool {
        match &self.inside {
            None => true,
            Some(inside) => {
                inside.visit.identified.identity().principal().subject
                    == identity.principal().subject
            }
        }
    }

    async fn begin_sign_in(&mut self) -> Round {
        let Stage::SigningIn(awaiting, _, sign_in) = &mut self.stage else {
            return Round::Refuse;
        };
        let key = awaiting.key().clone();
        match self
            .services
            .identity
            .begin(key.clone(), self.source, Timestamp::now())
            .await
        {
            Ok(begun) => {
                let text = begun.instructions().to_owned();
                *sign_in = Some(begun);
                Round::Say(text)
            }
            Err(error) => self.sign_in_failed(key, error.to_string()).await,
        }
    }

    async fn sign_in_failed(&mut self, key: KeyFingerprint, reason: String) -> Round {
        self.stage = Stage::Failed;
        login_failed(&self.services, self.source, Some(key), reason.clone()).await;
        Round::Say(format!("countersign: {reason}\n"))
    }

    async fn signed_in(&mut self, identity: VerifiedIdentity) -> Round {
        let stage = std::mem::replace(&mut self.stage, Stage::Failed);
        let Stage::SigningIn(_, key, _) = &stage else {
            return Round::Refuse;
        };
        let key = PublicKey::clone(key);
        let login = Login {
            key: identity.key().clone(),
            principal: identity.principal().clone(),
            source: self.source.to_string(),
            since: Timestamp::now(),
            until: identity.valid_until(),
        };
        if let Err(error) = self.services.store.bind_login(&login).await {
            return self
                .sign_in_failed(login.key, format!("the sign-in could not be kept: {error}"))
                .await;
        }
        if self.admit(identity, key, stage).await {
            Round::Accept
        } else {
            Round::Refuse
        }
    }

    /// A key that nobody is bound to: the first one is what a sign-in will be bound to. The client may go on with its
    /// other keys and certificates, one of which may be somebody's, before it comes to the sign-in.
    fn unbound(&mut self, shown: KeyFingerprint, key: &PublicKey) -> Admission {
        match std::mem::replace(&mut self.stage, Stage::Failed) {
            Stage::Connected(connected) => {
                self.stage = Stage::SigningIn(connected.proved(shown), Box::new(key.clone()), None);
                Admission::SignIn
            }
            other @ (Stage::SigningIn(..) | Stage::Identified(_) | Stage::Failed) => {
                self.stage = other;
                Admission::Refuse
            }
        }
    }

    fn visit(&self) -> Option<&Arc<Visit>> {
        match &self.stage {
            Stage::Identified(visit) => Some(visit),
            Stage::Connected(_) | Stage::SigningIn(..) | Stage::Failed => None,
        }
    }

    /// What the connection is for: by its user name, or by the host that the connection around it named.
    fn asked(&self) -> Result<Asked, String> {
        match &self.inside {
            None => Asked::parse(&self.user).map_err(|error| error.to_string()),
            Some(inside) => match self.user.parse() {
                Ok(login) => Ok(Asked::Target(Destination {
                    login,
                    target: inside.target.clone(),
                })),
                Err(error) => Err(format!("{error}")),
            },
        }
    }
}

impl Reception for Door {
    fn banner(&self) -> Option<String> {
        let banner = self
            .services
            .config()
            .ssh
            .banner
            .clone()
            .filter(|_| self.inside.is_none());
        banner.map(|text| text + "\r\n")
    }

    async fn key(&mut self, user: &str, key: &PublicKey) -> Admission {
        user.clone_into(&mut self.user);
        let shown = fingerprint(key);
        let identity = match bound(&self.services, &shown).await {
            Ok(identity) => identity,
            Err(error) => {
                tracing::error!(%error, "the store does not answer: login refused");
                return Admission::Refuse;
            }
        };
        match identity {
            Some(identity) if self.fits_inside(&identity) => {
                let Some(connected) = self.take_connected() else {
                    return Admission::Refuse;
                };
                match self
                    .admit(identity, key.clone(), Stage::Connected(connected))
                    .await
                {
                    true => Admission::Accept,
                    false => Admission::Refuse,
                }
            }
            Some(_) => Admission::Refuse,
            None if self.inside.is_some() => Admission::Refuse,
            None => self.unbound(shown, key),
        }
    }

    async fn certificate(&mut self, user: &str, certificate: &Certificate) -> Admission {
        user.clone_into(&mut self.user);
        let key = PublicKey::from(certificate.public_key().clone());
        match presented(&self.services, self.source, certificate).await {
            Ok(identity) if self.fits_inside(&identity) => {
                let Some(connected) = self.take_connected() else {
                    return Admission::Refuse;
                };
                match self.admit(identity, key, Stage::Connected(connected)).await {
                    true => Admission::Accept,
                    false => Admission::Refuse,
                }
            }
            Ok(_) => Admission::Refuse,
            Err(reason) => {
                login_failed(&self.services, self.source, Some(fingerprint(&key)), reason).await;
                Admission::Refuse
            }
        }
    }

    async fn round(&mut self) -> Round {
        let progress = match &mut self.stage {
            Stage::SigningIn(_, _, None) => return self.begin_sign_in().await,
            Stage::SigningIn(_, _, Some(sign_in)) => sign_in.wait(SLICE).await,
            Stage::Connected(_) | Stage::Identified(_) | Stage::Failed => return Round::Refuse,
        };
        match progress {
            Progress::Waiting => Round::Wait,
            Progress::Done(identity) => self.signed_in(identity).await,
            Progress::Failed(error) => {
                let Stage::SigningIn(awaiting, ..) = &self.stage else {
                    return Round::Refuse;
                };
                let key = awaiting.key().clone();
                self.sign_in_failed(key, error.to_string()).await
            }
        }
    }

    fn entered(&mut self) {
        self.entered.cancel();
        if let Some(place) = &mut self.place {
            place.identified();
        }
        let predialled = self
            .inside
            .as_mut()
            .and_then(|inside| inside.predialled.take());
        if let (Some(visit), Ok(Asked::Target(destination))) = (self.visit(), self.asked()) {
            self.ahead = Some(opening::ahead(
                visit,
                &destination,
                predialled,
                Wanted::Unknown,
            ));
        }
    }

    fn admits(&mut self, wish: Wish<'_>) -> Result<When, ChannelOpenFailure> {
        if self.visit().is_none() {
            return Err(ChannelOpenFailure::AdministrativelyProhibited);
        }
        match (wish, self.asked()) {
            (Wish::Session, _) => Ok(When::Now),
            // A target that does not exist is refused inside, where there is a way to say so.
            (Wish::Port(host, _), Ok(Asked::Bastion)) if self.inside.is_none() => {
                match host.to_ascii_lowercase().parse::<TargetName>() {
                    Ok(_) => Ok(When::Now),
                    Err(_) => Err(ChannelOpenFailure::ConnectFailed),
                }
            }
            (Wish::Port(..) | Wish::Socket(_), Ok(Asked::Target(_))) => Ok(When::Decided),
            (Wish::Port(..) | Wish::Socket(_), Ok(Asked::Bastion) | Err(_)) => {
                Err(ChannelOpenFailure::AdministrativelyProhibited)
            }
        }
    }

    fn opened(&mut self, opened: Opened) {
        let Some(visit) = self.visit().cloned() else {
            return;
        };
        let tasks = self.services.tasks.clone();
        match opened {
            Opened::Session(channel) => {
                let ahead = self.ahead.take();
                let asked = self.asked();
                tasks.spawn(async move { session_channel(visit, asked, channel, ahead).await });
            }
            Opened::Jump { channel, host } => self.jump(visit, channel, host),
            Opened::Forward(offer) => self.reach(&visit, offer),
        }
    }

    async fn listen(&mut self, forward: Forward, connection: ClientConnection) -> Option<u32> {
        let visit = self.visit().cloned()?;
        match self.forwards(&visit) {
            Ok(forwards) => forwards.listen(forward, connection).await,
            Err(reason) => {
                visit.notices.say(&reason);
                None
            }
        }
    }

    fn unlisten(&mut self, forward: &Forward) -> bool {
        let forwards = self.forwards.as_ref();
        forwards.is_some_and(|forwards| forwards.unlisten(forward))
    }
}
