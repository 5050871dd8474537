//! The life of one client connection, from the handshake to its end. Each state holds only its own data and
//! each transition consumes it, so that a step cannot be skipped: only an identified connection can be granted.
//!
//! ```text
//! Connected → AwaitingIdentity → Identified → Granted → Attached
//!      └───────────┴────────────────┴───────────┴─────────┴─▶ Closed(reason)
//! ```

use std::fmt;
use std::net::IpAddr;

use jiff::Timestamp;

use crate::domain::grant::Grant;
use crate::domain::hold::Clearance;
use crate::domain::id::SessionId;
use crate::domain::principal::{KeyFingerprint, VerifiedIdentity};
use crate::domain::target::Destination;
use crate::domain::verdict::Permit;

/// Somebody connected; nothing is known but where from.
#[derive(Debug)]
pub struct Connected {
    source: IpAddr,
    deadline: Timestamp,
}

/// A key was proved; the person behind it has to sign in.
#[derive(Debug)]
pub struct AwaitingIdentity {
    source: IpAddr,
    key: KeyFingerprint,
    deadline: Timestamp,
}

/// It is known who it is.
#[derive(Debug)]
pub struct Identified {
    source: IpAddr,
    identity: VerifiedIdentity,
}

/// Policy lets them open one destination.
#[derive(Debug)]
pub struct Granted {
    grant: Grant,
}

/// A session runs on the destination.
#[derive(Debug)]
pub struct Attached {
    grant: Grant,
    session: SessionId,
}

/// The end, with the reason that is logged and told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// Why.
    pub reason: CloseReason,
}

/// Why a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CloseReason {
    /// The login took too long.
    LoginDeadline,
    /// The identity does not hold any more.
    LoginEnded,
    /// Policy refused the destination.
    NotGranted,
    /// The client or the target ended it.
    Ended,
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LoginDeadline => "the sign-in was not finished in time; connect again",
            Self::LoginEnded => "your sign-in has ended; connect again to sign in",
            Self::NotGranted => "policy does not let you open this target",
            Self::Ended => "ended",
        })
    }
}

impl Connected {
    /// A connection from `source` that has to be identified before `deadline`.
    pub fn new(source: IpAddr, deadline: Timestamp) -> Self {
        Self { source, deadline }
    }

    /// The key was proved, but nobody is bound to it.
    pub fn proved(self, key: KeyFingerprint) -> AwaitingIdentity {
        AwaitingIdentity {
            source: self.source,
            key,
            deadline: self.deadline,
        }
    }

    /// The key was proved and belongs to somebody already.
    ///
    /// # Errors
    /// When the deadline has passed or the identity has ended.
    pub fn identified(
        self,
        identity: VerifiedIdentity,
        now: Timestamp,
    ) -> Result<Identified, Closed> {
        identify(self.source, self.deadline, identity, now)
    }
}

impl AwaitingIdentity {
    /// The key that the sign-in will be bound to.
    pub fn key(&self) -> &KeyFingerprint {
        &self.key
    }

    /// The client proves another key instead, which may be somebody's already.
    pub fn another_key(self) -> Connected {
        Connected {
            source: self.source,
            deadline: self.deadline,
        }
    }

    /// The person signed in.
    ///
    /// # Errors
    /// When the deadline has passed, or the identity is for another key or has ended.
    pub fn identified(
        self,
        identity: VerifiedIdentity,
        now: Timestamp,
    ) -> Result<Identified, Closed> {
        if *identity.key() != self.key {
            return Err(Closed {
                reason: CloseReason::LoginEnded,
            });
        }
        identify(self.source, self.deadline, identity, now)
    }
}

fn identify(
    source: IpAddr,
    deadline: Timestamp,
    identity: VerifiedIdentity,
    now: Timestamp,
) -> Result<Identified, Closed> {
    if now >= deadline {
        return Err(Closed {
            reason: CloseReason::LoginDeadline,
        });
    }
    if !identity.holds(now) {
        return Err(Closed {
            reason: CloseReason::LoginEnded,
        });
    }
    Ok(Identified { source, identity })
}

impl Identified {
    /// Who it is.
    pub fn identity(&self) -> &VerifiedIdentity {
        &self.identity
    }

    /// Where from.
    pub fn source(&self) -> IpAddr {
        self.source
    }

    /// Opens a destination with policy's permit.
    ///
    /// # Errors
    /// When the permit is not for this person and destination, or the identity has ended.
    pub fn granted(
        &self,
        destination: Destination,
        permit: &Permit,
        now: Timestamp,
    ) -> Result<Granted, Closed> {
        if !self.identity.holds(now) {
            return Err(Closed {
                reason: CloseReason::LoginEnded,
            });
        }
        match Grant::new(&self.identity, destination, self.source, permit, now) {
            Some(grant) => Ok(Granted { grant }),
            None => Err(Closed {
                reason: CloseReason::NotGranted,
            }),
        }
    }
}

impl Identified {
    /// Opens the destination that others approved.
    ///
    /// # Errors
    /// When the clearance is for anything else, or the identity has ended.
    pub fn approved(&self, clearance: &Clearance, now: Timestamp) -> Result<Granted, Closed> {
        match Grant::approved(&self.identity, self.source, clearance, now) {
            Some(grant) => Ok(Granted { grant }),
            None => Err(Closed {
                reason: CloseReason::NotGranted,
            }),
        }
    }
}

impl Granted {
    /// The grant.
    pub fn grant(&self) -> &Grant {
        &self.grant
    }

    /// A session starts.
    pub fn attach(self, session: SessionId) -> Attached {
        Attached {
            grant: self.grant,
            session,
        }
    }
}

impl Attached {
    /// The grant.
    pub fn grant(&self) -> &Grant {
        &self.grant
    }

    /// The session.
    pub fn session(&self) -> SessionId {
        self.session
    }
}
