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
    /// For how long approvers may let the same command run again in the same session, where they may at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again_for: Option<Duration>,
    /// Whether an approval must be signed by the approver's own key.
    #[serde(default, skip_serializing_if = "SignatureRule::is_optional")]
    pub signed: SignatureRule,
    /// The policies that let it be requested.
    pub policies: BTreeSet<String>,
    /// The policy's own sentence for people, `@title("…")`.
    pub sentence: Option<String>,
}

impl Requirements {
    /// What it takes when both have to be met: of each quantity the stricter.
    pub fn and(mut self, other: Self) -> Self {
        self.sentence = match (self.sentence, other.sentence) {
            (Some(one), Some(_)) if self.approvals >= other.approvals => Some(one),
            (one, other) => other.or(one),
        };
        self.approvals = self.approvals.max(other.approvals);
        self.expires_in = self.expires_in.min(other.expires_in);
        self.reason = self.reason.max(other.reason);
        self.again_for = self
            .again_for
            .zip(other.again_for)
            .map(|(one, two)| one.min(two));
        self.signed = self.signed.max(other.signed);
        self.policies.extend(other.policies);
        self
    }
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

/// Whether an approval must be signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignatureRule {
    /// The sign-in is enough.
    #[default]
    Optional,
    /// The approver's own key must sign it.
    Required,
}

impl SignatureRule {
    fn is_optional(&self) -> bool {
        *self == Self::Optional
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requirements(approvals: u8, seconds: u64, reason: ReasonRule, policy: &str) -> Requirements {
        Requirements {
            approvals: NonZeroU8::new(approvals).unwrap(),
            expires_in: Duration::from_secs(seconds),
            reason,
            again_for: None,
            signed: SignatureRule::Optional,
            policies: BTreeSet::from([policy.to_owned()]),
            sentence: Some(policy.to_owned()),
        }
    }

    #[test]
    fn a_command_runs_again_only_where_both_requests_let_it_and_for_the_shorter_time() {
        let again = |minutes: Option<u64>| Requirements {
            again_for: minutes.map(|minutes| Duration::from_secs(60 * minutes)),
            ..requirements(1, 600, ReasonRule::Optional, "policy")
        };
        let both = |one, two| again(one).and(again(two)).again_for;
        assert_eq!(both(Some(30), Some(5)), Some(Duration::from_secs(300)));
        assert_eq!(both(Some(30), None), None);
        assert_eq!(both(None, Some(5)), None);
    }

    #[test]
    fn a_signature_is_needed_where_either_request_needs_one() {
        let rule = |signed| Requirements {
            signed,
            ..requirements(1, 600, ReasonRule::Optional, "policy")
        };
        let (required, optional) = (SignatureRule::Required, SignatureRule::Optional);
        for (one, two) in [(required, optional), (optional, required)] {
            assert_eq!(rule(one).and(rule(two)).signed, required);
        }
        assert_eq!(rule(optional).and(rule(optional)).signed, optional);
    }

    #[test]
    fn of_two_requests_the_stricter_of_each_quantity_counts_in_either_order() {
        let upload = requirements(2, 600, ReasonRule::Required, "upload");
        let download = requirements(1, 60, ReasonRule::Optional, "download");
        for both in [upload.clone().and(download.clone()), download.and(upload)] {
            assert_eq!(both.approvals.get(), 2);
            assert_eq!(both.expires_in, Duration::from_secs(60));
            assert_eq!(both.reason, ReasonRule::Required);
            assert_eq!(both.policies.len(), 2);
            assert_eq!(both.sentence.as_deref(), Some("upload"));
        }
    }
}
