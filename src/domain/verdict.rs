//! What policy is asked, and what it answers.
//!
//! The answer that lets something happen carries a [`Permit`], which names the exact question it answers;
//! a clearance, a grant or an approval can only be made from one.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::action::{Action, Requirements};
use crate::domain::command::{CommandDigest, Reading};
use crate::domain::forward::Forward;
use crate::domain::name::{LoginName, TargetName};
use crate::domain::principal::{Principal, Subject};
use crate::domain::request::ApprovalRequest;
use crate::domain::target::TargetInfo;

/// What the action is done to.
#[derive(Debug, Clone, Copy)]
pub enum Resource<'a> {
    /// A target.
    Target(&'a TargetInfo),
    /// A session, running or recorded.
    Session {
        /// Whose it is.
        owner: &'a Subject,
        /// Where it ran.
        target: &'a TargetInfo,
    },
    /// A hold that waits for an answer.
    Hold(&'a ApprovalRequest),
    /// The bastion itself.
    Bastion,
}

/// The circumstances that policy may look at.
#[derive(Debug, Clone)]
pub struct Circumstances {
    /// Where the client connects from.
    pub source: IpAddr,
    /// When it is asked.
    pub now: Timestamp,
    /// The account on the target, where there is one.
    pub login: Option<LoginName>,
    /// The command that it is asked for, where there is one: the permit is for exactly that.
    pub command: Option<CommandDigest>,
    /// What inspection understood of the command, where there is one.
    pub reading: Option<Reading>,
    /// The forward that is asked for, where it is one.
    pub forward: Option<Forward>,
    /// Why the person wants it, in their words.
    pub reason: Option<String>,
}

/// One plain question to policy.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// Who asks.
    pub principal: &'a Principal,
    /// To do what.
    pub action: Action,
    /// On what.
    pub resource: Resource<'a>,
    /// Under which circumstances.
    pub circumstances: Circumstances,
}

impl Question<'_> {
    /// What a permit for this question is for, as one line of text.
    fn matter(&self) -> String {
        match &self.resource {
            Resource::Target(target) => {
                match (&self.circumstances.login, &self.circumstances.command) {
                    (Some(login), Some(command)) => command_matter(login, &target.name, command),
                    (Some(login), None) => target_matter(login, &target.name),
                    (None, _) => target.name.to_string(),
                }
            }
            Resource::Session { owner, target } => format!("session of {owner} on {}", target.name),
            Resource::Hold(request) => request.hold.to_string(),
            Resource::Bastion => "bastion".to_owned(),
        }
    }
}

/// Proof that policy allowed one action of one person on one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permit {
    subject: Subject,
    action: Action,
    matter: String,
    policies: BTreeSet<String>,
    tell: Tell,
    source: IpAddr,
}

/// Whom an allowed action is told to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tell {
    /// Nobody.
    Nobody,
    /// The person whose session it is done to.
    Owner,
}

impl Permit {
    /// Whether this permit is for that person, action and thing (`login@target`, a target, a hold, …).
    pub fn covers(&self, subject: &Subject, action: Action, matter: &str) -> bool {
        self.subject == *subject && self.action == action && self.matter == matter
    }

    /// The action it allows.
    pub fn action(&self) -> Action {
        self.action
    }

    /// Whom it is told to.
    pub fn tell(&self) -> Tell {
        self.tell
    }

    /// Where the person connected from when it was allowed.
    pub fn source(&self) -> IpAddr {
        self.source
    }

    /// The policies that allowed it.
    pub fn policies(&self) -> &BTreeSet<String> {
        &self.policies
    }
}

/// Why something may not happen, as its author will read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Denial {
    /// No policy allows it and none lets it be requested.
    NotAllowed,
    /// A `forbid` policy matched.
    Forbidden(BTreeSet<String>),
    /// The person's sign-in does not hold any more.
    SignInEnded,
    /// Policy could not be evaluated; this is a refusal, never an allowance.
    PolicyFailed(String),
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAllowed => f.write_str("no policy allows it"),
            Self::Forbidden(policies) => {
                let names: Vec<&str> = policies.iter().map(String::as_str).collect();
                write!(f, "forbidden by policy {}", names.join(", "))
            }
            Self::SignInEnded => f.write_str("your sign-in has ended; connect again"),
            Self::PolicyFailed(error) => write!(f, "policy could not be evaluated: {error}"),
        }
    }
}

/// The answer of policy to one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may happen now.
    Allow(Permit),
    /// It may be requested.
    Hold(Requirements),
    /// It may not happen.
    Deny(Denial),
}

impl Verdict {
    /// An allowance for exactly this question. Made only by `policy`.
    pub(crate) fn allow(question: &Question<'_>, policies: BTreeSet<String>, tell: Tell) -> Self {
        Self::Allow(Permit {
            subject: question.principal.subject.clone(),
            action: question.action,
            matter: question.matter(),
            policies,
            tell,
            source: question.circumstances.source,
        })
    }

    /// The word for logs and the audit.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Allow(_) => "allow",
            Self::Hold(_) => "hold",
            Self::Deny(_) => "deny",
        }
    }
}

/// The name of the thing a permit for one command covers.
pub fn command_matter(login: &LoginName, target: &TargetName, command: &CommandDigest) -> String {
    format!("{login}@{target} {command}")
}

/// The name of the thing a permit for a target covers.
pub fn target_matter(login: &LoginName, target: &TargetName) -> String {
    format!("{login}@{target}")
}
