//! Grants and the certificates that are minted from them: permission to open one target as one login until a time, and
//! what a certificate may be bound to beyond that.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::action::Action;
use crate::domain::command::{CommandDigest, Layer};
use crate::domain::hold::{Basis, Clearance};
use crate::domain::id::SessionId;
use crate::domain::principal::{Principal, VerifiedIdentity};
use crate::domain::target::Destination;
use crate::domain::verdict::{Permit, target_matter};

/// Permission for one person to open one destination. Made only from a permit or an approval for exactly that.
#[derive(Debug, Clone)]
pub struct Grant {
    principal: Principal,
    destination: Destination,
    source: IpAddr,
    until: Timestamp,
}

impl Grant {
    /// Turns policy's permit to connect into a grant that ends with the login it rests on.
    /// `None` when the permit is for something else or the login has ended.
    pub fn new(
        identity: &VerifiedIdentity,
        destination: Destination,
        source: IpAddr,
        permit: &Permit,
        now: Timestamp,
    ) -> Option<Self> {
        let matter = target_matter(&destination.login, &destination.target);
        let permitted = permit.covers(&identity.principal().subject, Action::Connect, &matter);
        (permitted && identity.holds(now)).then(|| Self::of(identity, destination, source))
    }

    /// Turns others' approval to connect into such a grant. `None` when it is for something else.
    pub fn approved(
        identity: &VerifiedIdentity,
        source: IpAddr,
        clearance: &Clearance,
        now: Timestamp,
    ) -> Option<Self> {
        let command = clearance.command();
        let opens = command.layer == Layer::Connect && clearance.basis() == Basis::Approval;
        let destination = command.scope.destination.clone();
        (opens && identity.holds(now)).then(|| Self::of(identity, destination, source))
    }

    fn of(identity: &VerifiedIdentity, destination: Destination, source: IpAddr) -> Self {
        Self {
            principal: identity.principal().clone(),
            destination,
            source,
            until: identity.valid_until(),
        }
    }

    /// Who may.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Where.
    pub fn destination(&self) -> &Destination {
        &self.destination
    }

    /// From which address.
    pub fn source(&self) -> IpAddr {
        self.source
    }

    /// Until when.
    pub fn until(&self) -> Timestamp {
        self.until
    }
}

/// Rights that a certificate for a target carries; each is asked for only when the session needs it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Permissions {
    /// `permit-pty`.
    pub pty: bool,
    /// `permit-port-forwarding`.
    pub port_forwarding: bool,
    /// `permit-agent-forwarding`.
    pub agent_forwarding: bool,
}

/// Longest command that a certificate is bound to, in bytes: what Linux takes as one argument (`MAX_ARG_STRLEN`).
const FORCED_BYTES: usize = 128 * 1024 - 1;

/// Why no certificate can be bound to a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotBound {
    /// It is no exec request, or for another destination.
    #[error("this cannot be bound to a certificate")]
    OtherThing,
    /// The option of a certificate is text.
    #[error(
        "an approved command is bound to a certificate, which only holds text: leave out what is no UTF-8"
    )]
    NoText,
    /// There is nothing in it.
    #[error("an approved command is bound to a certificate, and this one is empty")]
    Empty,
    /// A target could not start it.
    #[error(
        "an approved command is bound to a certificate and may be {FORCED_BYTES} bytes long; send what is longer as a file, or on standard input"
    )]
    TooLong,
}

/// The one command that a certificate runs (`force-command`), whatever is asked for with it. Made from a clearance only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForcedCommand {
    text: String,
    digest: CommandDigest,
}

impl ForcedCommand {
    /// The command of a clearance for the destination of a grant.
    ///
    /// # Errors
    /// When it is anything else, or cannot stand in a certificate.
    pub fn of(clearance: &Clearance, grant: &Grant) -> Result<Self, NotBound> {
        let command = clearance.command();
        if command.layer != Layer::Exec || command.scope.destination != *grant.destination() {
            return Err(NotBound::OtherThing);
        }
        Ok(Self {
            text: Self::text_of(&command.bytes)?.to_owned(),
            digest: command.digest(),
        })
    }

    /// The text that a command would have in a certificate.
    ///
    /// # Errors
    /// When it cannot stand there: nobody need be asked for an approval.
    pub fn text_of(command: &[u8]) -> Result<&str, NotBound> {
        match std::str::from_utf8(command) {
            Ok(text) if text.len() > FORCED_BYTES => Err(NotBound::TooLong),
            Ok(text) if text.contains('\0') => Err(NotBound::NoText),
            Ok("") => Err(NotBound::Empty),
            Ok(text) => Ok(text),
            Err(_) => Err(NotBound::NoText),
        }
    }

    /// The text, as it stands in the certificate.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The digest of the command with its place.
    pub fn digest(&self) -> &CommandDigest {
        &self.digest
    }
}

/// What may run under a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Runs {
    /// Whatever the bastion asks for.
    Anything,
    /// One command.
    Only(ForcedCommand),
}

/// What a certificate for a target is to say (OpenSSH PROTOCOL.certkeys).
#[derive(Debug, Clone)]
pub struct TargetCertificate<'a> {
    /// The grant it is minted from.
    pub grant: &'a Grant,
    /// The session it is for; named in the key id, which the target's sshd logs.
    pub session: SessionId,
    /// Its rights.
    pub permissions: Permissions,
    /// What may run under it.
    pub runs: Runs,
    /// How long it may be used to log in.
    pub lifetime: Duration,
}

impl TargetCertificate<'_> {
    /// The key id that the target logs: the person and the session.
    pub fn key_id(&self) -> String {
        format!("{} {}", self.grant.principal().name, self.session)
    }
}

#[cfg(test)]
impl Grant {
    /// A grant for tests of what takes one.
    pub(crate) fn for_tests(
        identity: &VerifiedIdentity,
        destination: Destination,
        source: IpAddr,
    ) -> Self {
        Self::of(identity, destination, source)
    }
}
