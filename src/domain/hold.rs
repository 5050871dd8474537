//! Holds: one suspended action, bound to the digest of exactly what would run, until it ends exactly once.
//!
//! [`Hold`] is a state machine that consumes itself: an answer either leaves it waiting for more people or
//! turns it into a [`Resolved`]. Only an approved one gives a [`Clearance`], and only for the same digest.

mod clearance;

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::action::{Action, ReasonRule, Requirements, SignatureRule};
use crate::domain::answer::{Answer, KeptSignature, SignedAnswer, Statement, Times};
use crate::domain::command::{Command, CommandDigest, Layer, shows_as_itself};
use crate::domain::id::HoldId;
use crate::domain::name::PrincipalName;
use crate::domain::principal::Principal;
use crate::domain::request::ApprovalRequest;
use crate::domain::verdict::Permit;
use crate::domain::words::plain;

pub use clearance::{Basis, Clearance};

/// Longest reason that is kept, in characters.
pub const REASON_CHARS: usize = 500;

/// Most people that are kept as having looked at a hold.
pub const MOST_SEEN: usize = 8;

/// A reason as it is kept: in one line, safe to show, and no longer than [`REASON_CHARS`].
pub fn reason(text: &str) -> String {
    let text = text.trim().chars().filter(|c| shows_as_itself(*c));
    text.take(REASON_CHARS).collect()
}

/// Where distributions keep OpenSSH's SFTP server.
pub const SFTP_SERVERS: [&str; 5] = [
    "/usr/lib/openssh/sftp-server",
    "/usr/libexec/openssh/sftp-server",
    "/usr/lib/ssh/sftp-server",
    "/usr/libexec/sftp-server",
    "/usr/lib/sftp-server",
];

/// What somebody answers with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Whether it may run.
    pub answer: Answer,
    /// Why, in their words.
    pub reason: String,
    /// How often.
    pub times: Times,
    /// The proof that they signed it, where they did.
    pub signed: Option<Box<SignedAnswer>>,
}

impl Reply {
    /// An answer for this once.
    pub fn once(answer: Answer, reason: &str) -> Self {
        Self {
            answer,
            reason: reason.to_owned(),
            times: Times::Once,
            signed: None,
        }
    }
}

/// Somebody's answer with their reason. There is no other way to make one than [`Hold::answer`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Who answered.
    pub approver: Principal,
    /// Why, in their words; may be empty where policy lets it.
    pub reason: String,
    /// For how long the same command may run again in its session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again_for: Option<Duration>,
    /// When.
    pub at: Timestamp,
    /// Where they connected from; nobody knows of those that were kept before this was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<IpAddr>,
    /// The signature of their own key, where they gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<KeptSignature>,
}

impl Approval {
    /// What was signed, made again from what is kept; `None` where nothing was.
    pub fn statement(
        &self,
        hold: &HoldId,
        digest: &CommandDigest,
        answer: Answer,
    ) -> Option<Statement> {
        let signed = self.signed.as_ref()?;
        Some(Statement {
            hold: hold.clone(),
            digest: digest.clone(),
            answer,
            again_for: self.again_for,
            reason: self.reason.clone(),
            approver: self.approver.subject.clone(),
            name: self.approver.name.clone(),
            at: signed.at,
        })
    }
}

/// How a hold ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "how")]
pub enum Resolution {
    /// Enough people approved.
    Approved {
        /// Who, in the order of their answers.
        by: Vec<Approval>,
    },
    /// Somebody refused.
    Refused {
        /// Who.
        by: Box<Approval>,
    },
    /// Nobody answered in time.
    Expired,
    /// The requester or the end of their session took it back.
    Withdrawn {
        /// Why, for people.
        why: String,
    },
}

impl Resolution {
    /// The word for screens, the store and the audit.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Approved { .. } => "approved",
            Self::Refused { .. } => "refused",
            Self::Expired => "expired",
            Self::Withdrawn { .. } => "withdrawn",
        }
    }
}

/// Why an answer was not taken. The hold waits on as before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// Nobody approves their own request, whatever policy says.
    #[error("nobody may answer their own request")]
    OwnRequest,
    /// Whoever could have called a sudo themselves does not approve it.
    #[error("you have a session as the same login there: somebody who has none must answer")]
    Company,
    /// Quorum counts people, not answers.
    #[error("you have approved this request already; it needs somebody else too")]
    AnsweredAlready,
    /// The permit is for something else.
    #[error("policy does not let you answer this request")]
    NotPermitted,
    /// Policy lets nobody approve it for more than once.
    #[error("this request can be approved for this once only")]
    OnceOnly,
    /// Policy wants a reason.
    #[error("this request needs a reason: add `-m \"…\"`")]
    ReasonMissing,
    /// Policy wants it signed.
    #[error(
        "this request needs your signature: connect with `ssh -A` and the key that you log in with in your agent"
    )]
    SignatureMissing,
    /// What was signed is not what is answered.
    #[error("the signature is of another answer")]
    SignatureWrong,
    /// The time to answer is over.
    #[error("the request has expired")]
    Expired,
}

/// One suspended action that waits for answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    request: ApprovalRequest,
    digest: CommandDigest,
    requirements: Requirements,
    approvals: Vec<Approval>,
    /// Who has looked at it, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    seen: Vec<PrincipalName>,
    created: Timestamp,
    expires: Timestamp,
}

/// What an answer made of a hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered {
    /// It waits for more people.
    Waiting(Box<Hold>),
    /// It ended.
    Resolved(Box<Resolved>),
}

/// A hold that ended, with how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolved {
    hold: Hold,
    resolution: Resolution,
    at: Timestamp,
}

impl Hold {
    /// Suspends an action at `now`.
    pub fn open(request: ApprovalRequest, requirements: Requirements, now: Timestamp) -> Self {
        let digest = request.command.digest();
        let expires = now.saturating_add(requirements.expires_in).unwrap_or(now);
        Self {
            request,
            digest,
            requirements,
            approvals: Vec::new(),
            seen: Vec::new(),
            created: now,
            expires,
        }
    }

    /// What the approver is shown.
    pub fn request(&self) -> &ApprovalRequest {
        &self.request
    }

    /// What the approvals are bound to.
    pub fn digest(&self) -> &CommandDigest {
        &self.digest
    }

    /// What it takes.
    pub fn requirements(&self) -> &Requirements {
        &self.requirements
    }

    /// The approvals so far.
    pub fn approvals(&self) -> &[Approval] {
        &self.approvals
    }

    /// For how long approvers may let it run again: policy lets them, and it is something that can come again.
    pub fn again_for(&self) -> Option<Duration> {
        let longest = self.requirements.again_for;
        longest.filter(|_| repeats(self.request.command.layer))
    }

    /// Who has looked at it and could answer, in order.
    pub fn seen(&self) -> &[PrincipalName] {
        &self.seen
    }

    /// Somebody who may answer has it before them; tells whether that is news. The first [`MOST_SEEN`] are kept.
    pub fn look(&mut self, by: &PrincipalName) -> bool {
        let news = self.seen.len() < MOST_SEEN && !self.seen.contains(by);
        if news {
            self.seen.push(by.clone());
        }
        news
    }

    /// When it was opened.
    pub fn created(&self) -> Timestamp {
        self.created
    }

    /// When it ends unanswered.
    pub fn expires(&self) -> Timestamp {
        self.expires
    }

    /// Takes one person's answer, and gives it as it is kept. The permit proves that policy names them for this hold.
    ///
    /// # Errors
    /// When the answer does not count; the hold is handed back unchanged.
    pub fn answer(
        mut self,
        approver: Principal,
        reply: &Reply,
        permit: &Permit,
        now: Timestamp,
    ) -> Result<(Approval, Answered), Box<(Self, AnswerError)>> {
        let accepted = self.accepts(&approver, reply, permit, now);
        if let Err(error) = accepted {
            return Err(Box::new((self, error)));
        }
        let given = Approval {
            approver,
            reason: reason(&reply.reason),
            again_for: self.lets_again_for(reply),
            at: now,
            source: Some(permit.source()),
            signed: reply.signed.as_ref().map(|signed| signed.kept().clone()),
        };
        let resolution = match reply.answer {
            Answer::Refuse => Resolution::Refused {
                by: Box::new(given.clone()),
            },
            Answer::Approve => {
                self.approvals.push(given.clone());
                if self.approvals.len() < usize::from(self.requirements.approvals.get()) {
                    return Ok((given, Answered::Waiting(Box::new(self))));
                }
                Resolution::Approved {
                    by: self.approvals.clone(),
                }
            }
        };
        Ok((
            given,
            Answered::Resolved(Box::new(self.end(resolution, now))),
        ))
    }

    /// What somebody signs to answer so.
    pub fn statement(&self, approver: &Principal, reply: &Reply, at: Timestamp) -> Statement {
        Statement {
            hold: self.request.hold.clone(),
            digest: self.digest.clone(),
            answer: reply.answer,
            again_for: self.lets_again_for(reply),
            reason: reason(&reply.reason),
            approver: approver.subject.clone(),
            name: approver.name.clone(),
            at,
        }
    }

    /// Whether an answer counts only when it is signed. To refuse takes none: what must not run is stopped without a key.
    pub fn needs_signature(&self, answer: Answer) -> bool {
        match (self.requirements.signed, answer) {
            (SignatureRule::Required, Answer::Approve) => true,
            (SignatureRule::Required, Answer::Refuse) | (SignatureRule::Optional, _) => false,
        }
    }

    fn lets_again_for(&self, reply: &Reply) -> Option<Duration> {
        match (reply.answer, reply.times) {
            (Answer::Approve, Times::Again) => self.again_for(),
            (Answer::Approve, Times::Once) | (Answer::Refuse, _) => None,
        }
    }

    fn accepts(
        &self,
        person: &Principal,
        reply: &Reply,
        permit: &Permit,
        now: Timestamp,
    ) -> Result<(), AnswerError> {
        let approver = &person.subject;
        if now >= self.expires {
            return Err(AnswerError::Expired);
        }
        if *approver == self.request.requester.subject {
            return Err(AnswerError::OwnRequest);
        }
        if self
            .request
            .company()
            .any(|person| person.subject == *approver)
        {
            return Err(AnswerError::Company);
        }
        if !permit.covers(approver, Action::Approve, &self.request.hold.to_string()) {
            return Err(AnswerError::NotPermitted);
        }
        if self
            .approvals
            .iter()
            .any(|given| given.approver.subject == *approver)
        {
            return Err(AnswerError::AnsweredAlready);
        }
        let reason = self::reason(&reply.reason);
        if self.requirements.reason == ReasonRule::Required && reason.is_empty() {
            return Err(AnswerError::ReasonMissing);
        }
        if reply.times == Times::Again && self.again_for().is_none() {
            return Err(AnswerError::OnceOnly);
        }
        self.accepts_signature(person, reply)
    }

    fn accepts_signature(&self, approver: &Principal, reply: &Reply) -> Result<(), AnswerError> {
        match &reply.signed {
            None if self.needs_signature(reply.answer) => Err(AnswerError::SignatureMissing),
            None => Ok(()),
            Some(signed) => {
                let answered = self.statement(approver, reply, signed.statement().at);
                match *signed.statement() == answered {
                    true => Ok(()),
                    false => Err(AnswerError::SignatureWrong),
                }
            }
        }
    }

    /// Ends the hold because its time is over; before that it is handed back.
    pub fn expire(self, now: Timestamp) -> Result<Resolved, Box<Self>> {
        if now < self.expires {
            Err(Box::new(self))
        } else {
            Ok(self.end(Resolution::Expired, now))
        }
    }

    /// Ends the hold because the requester or the end of their session took it back.
    pub fn withdraw(self, why: &str, now: Timestamp) -> Resolved {
        self.end(
            Resolution::Withdrawn {
                why: why.to_owned(),
            },
            now,
        )
    }

    fn end(self, resolution: Resolution, at: Timestamp) -> Resolved {
        Resolved {
            hold: self,
            resolution,
            at,
        }
    }
}

impl Resolved {
    /// The hold as it was when it ended.
    pub fn hold(&self) -> &Hold {
        &self.hold
    }

    /// How it ended.
    pub fn resolution(&self) -> &Resolution {
        &self.resolution
    }

    /// When it ended.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// The clearance for a sudo of these words that an approved hold of the same words gives: a command or a line of
    /// the same session that starts this sudo and nothing else.
    ///
    /// # Errors
    /// The command is handed back when the hold was not approved, or for anything else.
    pub fn clear_sudo(&self, command: Command, words: &[Vec<u8>]) -> Result<Clearance, Command> {
        let approved = &self.hold.request.command;
        let starts = match approved.layer {
            Layer::Exec | Layer::Line => approved.script.is_none(),
            Layer::Connect
            | Layer::Shell
            | Layer::Subsystem
            | Layer::Forward
            | Layer::Transfer
            | Layer::Sudo => false,
        };
        let here = approved.scope.session == command.scope.session
            && approved.scope.destination == command.scope.destination
            && command.layer == Layer::Sudo;
        let same = plain(&approved.bytes).is_some_and(|said| said == words)
            && words.first().is_some_and(|first| first == b"sudo");
        match self.resolution {
            Resolution::Approved { .. } if starts && here && same => {
                Ok(Clearance::approved(command))
            }
            Resolution::Approved { .. }
            | Resolution::Refused { .. }
            | Resolution::Expired
            | Resolution::Withdrawn { .. } => Err(command),
        }
    }

    /// Until when the same command may run again in its session, where everybody who approved it said so.
    pub fn again_until(&self) -> Option<Timestamp> {
        let Resolution::Approved { by } = &self.resolution else {
            return None;
        };
        let times: Option<Vec<Duration>> = by.iter().map(|given| given.again_for).collect();
        let shortest = times?.into_iter().min()?;
        self.at.checked_add(shortest).ok()
    }

    /// The clearance for the same command once more: a line, or an operation of a transfer, of the same session, for the
    /// time that was given, and no longer than policy lets approvers say now.
    ///
    /// # Errors
    /// The command is handed back when it is another one, or nobody let it run again now.
    pub fn clear_again(
        &self,
        command: Command,
        longest: Duration,
        now: Timestamp,
    ) -> Result<Clearance, Command> {
        let approved = &self.hold.request.command;
        let same = approved.scope.session == command.scope.session
            && approved.scope.destination == command.scope.destination
            && approved.layer == command.layer
            && approved.bytes == command.bytes
            && approved.script == command.script;
        let latest = self.at.checked_add(longest).ok();
        let until = self.again_until().min(latest);
        if repeats(command.layer) && same && until.is_some_and(|until| now < until) {
            Ok(Clearance::approved(command))
        } else {
            Err(command)
        }
    }

    /// The clearance that an approved hold gives, for exactly the command it was opened for.
    ///
    /// # Errors
    /// The command is handed back when the hold was not approved or was opened for anything else.
    pub fn clear(&self, command: Command) -> Result<Clearance, Command> {
        match self.resolution {
            Resolution::Approved { .. } if command.digest() == self.hold.digest => {
                Ok(Clearance::approved(command))
            }
            Resolution::Approved { .. }
            | Resolution::Refused { .. }
            | Resolution::Expired
            | Resolution::Withdrawn { .. } => Err(command),
        }
    }
}

/// Whether the same can come again within a session.
fn repeats(layer: Layer) -> bool {
    match layer {
        Layer::Line | Layer::Transfer => true,
        Layer::Connect
        | Layer::Exec
        | Layer::Shell
        | Layer::Subsystem
        | Layer::Forward
        | Layer::Sudo => false,
    }
}

#[cfg(test)]
mod tests;
