//! What is kept of a session, and the proof that it is being kept.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::id::SessionId;
use crate::domain::principal::{Principal, Subject};
use crate::domain::target::{Destination, HostSeen, TargetInfo};

/// Proof that the recording of a session runs: no session starts without one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveRecording {
    session: SessionId,
}

impl LiveRecording {
    /// Made only by `record`, when the recording's header is on disk.
    pub(crate) fn started(session: SessionId) -> Self {
        Self { session }
    }

    /// The session that is recorded.
    pub fn session(&self) -> SessionId {
        self.session
    }
}

/// A session as lists and screens show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionSummary {
    /// Its identifier, also the recording's.
    pub id: SessionId,
    /// The person, by the name they have.
    pub person: String,
    /// The person, by issuer and subject.
    pub subject: Subject,
    /// Where it ran.
    pub destination: Destination,
    /// The target as it was known when the session started.
    pub target: TargetInfo,
    /// The host that was found there; nobody knows of sessions that were kept before this was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<HostSeen>,
    /// Where the client connected from.
    pub source: String,
    /// `shell`, or the command that was asked for, safe to print.
    pub asked: String,
    /// When it started.
    pub started: Timestamp,
    /// When and how it ended; `None` while it runs.
    pub ended: Option<SessionEnd>,
}

/// Somebody's order to end a session at once. It holds for whatever the session still does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndOrder {
    /// Who gave it.
    pub by: Principal,
    /// Why, in their words; may be empty.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

impl EndOrder {
    /// For the session's person and for lists: `ended by carol@example.com: "on call"`.
    pub fn shown(&self) -> String {
        let name = &self.by.name;
        match self.reason.as_str() {
            "" => format!("ended by {name}"),
            reason => format!("ended by {name}: \"{reason}\""),
        }
    }
}

/// How a session ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionEnd {
    /// When.
    pub at: Timestamp,
    /// For people: `exit 0`, `signal TERM`, `refused by carol@example.com`, ….
    pub how: String,
}
