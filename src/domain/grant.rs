//! Grants and the certificates that are minted from them: permission to open one target as one login until a time.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::action::Action;
use crate::domain::id::SessionId;
use crate::domain::principal::{Principal, VerifiedIdentity};
use crate::domain::target::Destination;
use crate::domain::verdict::{Permit, target_matter};

/// Permission for one person to open one destination. Made only from a permit for exactly that.
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
        (permitted && identity.holds(now)).then(|| Self {
            principal: identity.principal().clone(),
            destination,
            source,
            until: identity.valid_until(),
        })
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

/// What a certificate for a target is to say (OpenSSH PROTOCOL.certkeys).
#[derive(Debug, Clone)]
pub struct TargetCertificate<'a> {
    /// The grant it is minted from.
    pub grant: &'a Grant,
    /// The session it is for; named in the key id, which the target's sshd logs.
    pub session: SessionId,
    /// Its rights.
    pub permissions: Permissions,
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
        Self {
            principal: identity.principal().clone(),
            destination,
            source,
            until: identity.valid_until(),
        }
    }
}
