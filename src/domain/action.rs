//! What somebody may want to do, and what it takes to let a held action go on.

use std::collections::BTreeSet;
use std::fmt;
use std::num::NonZeroU8;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What somebody wants to do. The names are those of the policy schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Open a target as a login at all.
    Connect,
    /// Start an interactive shell.
    Shell,
    /// Run a command.
    Exec,
    /// Run something with another user's rights.
    Sudo,
    /// Write a file by sftp, scp or rsync.
    Upload,
    /// Read a file by sftp, scp or rsync.
    Download,
    /// Forward a port or socket.
    Forward,
    /// Use the agent of one's own on the target.
    Agent,
    /// Watch a running session.
    Watch,
    /// Replay a recording.
    Replay,
    /// Answer a hold.
    Approve,
    /// End other people's sessions and logins.
    Administer,
}

impl Action {
    /// Every action, in the order of the schema.
    pub const ALL: [Self; 12] = [
        Self::Connect,
        Self::Shell,
        Self::Exec,
        Self::Sudo,
        Self::Upload,
        Self::Download,
        Self::Forward,
        Self::Agent,
        Self::Watch,
        Self::Replay,
        Self::Approve,
        Self::Administer,
    ];

    /// The action's name in the policy schema.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Shell => "shell",
            Self::Exec => "exec",
            Self::Sudo => "sudo",
            Self::Upload => "upload",
            Self::Download => "download",
            Self::Forward => "forward",
            Self::Agent => "agent",
            Self::Watch => "watch",
            Self::Replay => "replay",
            Self::Approve => "approve",
            Self::Administer => "administer",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What it takes to let a held action go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirements {
    /// How many different people must approve.
    pub approvals: NonZeroU8,
    /// How long the hold waits.
    pub expires_in: Duration,
    /// Whether somebody must give a reason.
    pub reason: ReasonRule,
    /// The policies that let it be requested.
    pub policies: BTreeSet<String>,
    /// The policy's own sentence for people, `@title("…")`.
    pub sentence: Option<String>,
}

/// Whether an approval needs a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReasonRule {
    /// It may be empty.
    Optional,
    /// The approver must give one.
    Required,
}
