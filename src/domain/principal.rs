//! Who is at the other end: the person (or workload) as the identity provider vouches for them.
//!
//! A [`VerifiedIdentity`] is a proof: it exists only where an ID token, a login bound to the proved key, or
//! one of our own certificates was verified. The architecture test holds who may make one.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::name::{GroupName, PrincipalName};

/// The stable identity of a person: the issuer and its subject (OpenID Connect Core 5.7). Names may change, this does not.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Subject {
    /// The `iss` claim.
    pub issuer: String,
    /// The `sub` claim.
    pub subject: String,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.issuer, self.subject)
    }
}

/// A person does things and may approve; a workload does things and never approves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PrincipalKind {
    /// Somebody who signed in.
    Person,
    /// A machine or an agent with a token of its own.
    Workload,
}

/// The person, with what the identity provider said of them at their last sign-in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    /// Issuer and subject: what makes two logins the same person.
    pub subject: Subject,
    /// The name on screens.
    pub name: PrincipalName,
    /// Person or workload.
    pub kind: PrincipalKind,
    /// The groups that policy sees.
    pub groups: BTreeSet<GroupName>,
    /// Authentication context class reference, as the provider gave it.
    pub acr: Option<String>,
    /// Authentication methods references (RFC 8176).
    pub amr: BTreeSet<String>,
    /// When the person last proved themselves to the provider.
    pub authenticated_at: Timestamp,
}

/// The SHA-256 fingerprint of a public key as OpenSSH prints it, `SHA256:…`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyFingerprint(String);

impl KeyFingerprint {
    /// Takes the text of a fingerprint that an SSH library computed.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text, `SHA256:…`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How an identity was verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// An ID token that was verified just now.
    IdToken,
    /// A key that was bound to the person by an earlier sign-in that still holds.
    BoundKey,
    /// A certificate of our user CA.
    Certificate,
}

/// Proof that the key at the other end belongs to this principal until a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedIdentity {
    principal: Principal,
    key: KeyFingerprint,
    evidence: Evidence,
    valid_until: Timestamp,
}

impl VerifiedIdentity {
    /// Made only where the evidence was verified: `identity` and `authority`.
    pub(crate) fn vouched(
        principal: Principal,
        key: KeyFingerprint,
        evidence: Evidence,
        valid_until: Timestamp,
    ) -> Self {
        Self {
            principal,
            key,
            evidence,
            valid_until,
        }
    }

    /// Who it is.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The key that was proved in this connection.
    pub fn key(&self) -> &KeyFingerprint {
        &self.key
    }

    /// How it was verified.
    pub fn evidence(&self) -> Evidence {
        self.evidence
    }

    /// When it ends.
    pub fn valid_until(&self) -> Timestamp {
        self.valid_until
    }

    /// Whether it still holds.
    pub fn holds(&self, now: Timestamp) -> bool {
        now < self.valid_until
    }
}
