//! Holds: one suspended action, bound to the digest of exactly what would run, until it ends exactly once.
//!
//! [`Hold`] is a state machine that consumes itself: an answer either leaves it waiting for more people or
//! turns it into a [`Resolved`]. Only an approved one gives a [`Clearance`], and only for the same digest.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::action::{Action, ReasonRule, Requirements};
use crate::domain::command::{Command, CommandDigest, Layer, shows_as_itself};
use crate::domain::name::PrincipalName;
use crate::domain::principal::{Principal, Subject};
use crate::domain::request::ApprovalRequest;
use crate::domain::verdict::{Permit, command_matter};
use crate::domain::words::plain;

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

/// An answer to a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// Let it run.
    Approve,
    /// Do not let it run.
    Refuse,
}

/// Somebody's answer with their reason. There is no other way to make one than [`Hold::answer`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Who answered.
    pub approver: Principal,
    /// Why, in their words; may be empty where policy lets it.
    pub reason: String,
    /// When.
    pub at: Timestamp,
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
        by: Approval,
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
    /// Policy wants a reason.
    #[error("this request needs a reason: add `-m \"…\"`")]
    ReasonMissing,
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
        answer: Answer,
        reason: &str,
        permit: &Permit,
        now: Timestamp,
    ) -> Result<(Approval, Answered), Box<(Self, AnswerError)>> {
        let reason = self::reason(reason);
        if let Err(error) = self.accepts(&approver.subject, &reason, permit, now) {
            return Err(Box::new((self, error)));
        }
        let given = Approval {
            approver,
            reason,
            at: now,
        };
        let resolution = match answer {
            Answer::Refuse => Resolution::Refused { by: given.clone() },
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

    fn accepts(
        &self,
        approver: &Subject,
        reason: &str,
        permit: &Permit,
        now: Timestamp,
    ) -> Result<(), AnswerError> {
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
        if self.requirements.reason == ReasonRule::Required && reason.is_empty() {
            return Err(AnswerError::ReasonMissing);
        }
        Ok(())
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
            Resolution::Approved { .. } if starts && here && same => Ok(Clearance {
                command,
                basis: Basis::Approval,
            }),
            Resolution::Approved { .. }
            | Resolution::Refused { .. }
            | Resolution::Expired
            | Resolution::Withdrawn { .. } => Err(command),
        }
    }

    /// The clearance that an approved hold gives, for exactly the command it was opened for.
    ///
    /// # Errors
    /// The command is handed back when the hold was not approved or was opened for anything else.
    pub fn clear(&self, command: Command) -> Result<Clearance, Command> {
        match self.resolution {
            Resolution::Approved { .. } if command.digest() == self.hold.digest => Ok(Clearance {
                command,
                basis: Basis::Approval,
            }),
            Resolution::Approved { .. }
            | Resolution::Refused { .. }
            | Resolution::Expired
            | Resolution::Withdrawn { .. } => Err(command),
        }
    }
}

/// Proof that exactly these bytes may be sent to exactly this place. It is used up by sending them.
#[derive(Debug, PartialEq, Eq)]
pub struct Clearance {
    command: Command,
    basis: Basis,
}

/// What a clearance rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// Policy lets it run, or it does nothing.
    Policy,
    /// People approved it.
    Approval,
}

impl Clearance {
    /// The clearance that policy gives at once.
    ///
    /// # Errors
    /// The command is handed back when the permit is for another command, place, person or action.
    pub fn from_permit(
        command: Command,
        principal: &Principal,
        action: Action,
        permit: &Permit,
    ) -> Result<Self, Command> {
        let destination = &command.scope.destination;
        let matter = command_matter(&destination.login, &destination.target, &command.digest());
        if permit.covers(&principal.subject, action, &matter) {
            Ok(Self {
                command,
                basis: Basis::Policy,
            })
        } else {
            Err(command)
        }
    }

    /// The clearance of a line that holds nothing to run: Enter on an empty prompt.
    ///
    /// # Errors
    /// The command is handed back when it holds anything but white space.
    pub fn of_nothing(command: Command) -> Result<Self, Command> {
        if command.bytes.iter().all(u8::is_ascii_whitespace) {
            Ok(Self {
                command,
                basis: Basis::Policy,
            })
        } else {
            Err(command)
        }
    }

    /// The clearance to open SFTP, which does nothing: each operation of it is cleared by itself.
    ///
    /// # Errors
    /// The command is handed back when it is anything but the subsystem `sftp`, or OpenSSH's server by one of
    /// [`SFTP_SERVERS`] and nothing else.
    pub fn of_sftp(command: Command) -> Result<Self, Command> {
        let opens = match command.layer {
            Layer::Subsystem => command.bytes == b"sftp",
            Layer::Exec => SFTP_SERVERS
                .iter()
                .any(|server| server.as_bytes() == command.bytes),
            Layer::Connect
            | Layer::Line
            | Layer::Shell
            | Layer::Forward
            | Layer::Transfer
            | Layer::Sudo => false,
        };
        if opens {
            Ok(Self {
                command,
                basis: Basis::Policy,
            })
        } else {
            Err(command)
        }
    }

    /// What may be sent.
    pub fn command(&self) -> &Command {
        &self.command
    }

    /// What it rests on.
    pub fn basis(&self) -> Basis {
        self.basis
    }

    /// The bytes, to be sent now.
    pub fn into_bytes(self) -> Vec<u8> {
        self.command.bytes
    }
}

#[cfg(test)]
impl Clearance {
    /// A clearance for tests of what takes one.
    pub(crate) fn for_tests(command: Command) -> Self {
        Self {
            command,
            basis: Basis::Policy,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::command::Scope;
    use crate::domain::id::SessionId;
    use crate::domain::target::Destination;

    fn command(layer: Layer, bytes: &[u8]) -> Command {
        let destination = Destination {
            login: "deploy".parse().unwrap(),
            target: "db1".parse().unwrap(),
        };
        Command {
            scope: Scope {
                destination,
                session: SessionId::new(Timestamp::UNIX_EPOCH, [1; 10]),
                ordinal: 0,
            },
            layer,
            bytes: bytes.to_vec(),
            script: None,
        }
    }

    #[test]
    fn opening_sftp_clears_the_opening_of_sftp_and_nothing_else() {
        let opens = |layer, bytes| Clearance::of_sftp(command(layer, bytes)).is_ok();
        assert!(opens(Layer::Subsystem, b"sftp"));
        assert!(opens(Layer::Exec, b"/usr/lib/openssh/sftp-server"));
        assert!(!opens(Layer::Subsystem, b"netconf"));
        for layer in [
            Layer::Line,
            Layer::Shell,
            Layer::Forward,
            Layer::Transfer,
            Layer::Sudo,
        ] {
            assert!(!opens(layer, b"sftp"), "{layer}");
        }
        for other in [
            &b"sftp"[..],
            b"/usr/lib/openssh/sftp-server; id",
            b"/usr/lib/openssh/sftp-server ",
            b"/tmp/sftp-server",
            b"",
        ] {
            assert!(!opens(Layer::Exec, other));
        }
    }
}
