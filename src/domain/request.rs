//! What an approver is shown: everything that is known of a suspended action.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::domain::action::Action;
use crate::domain::command::{Command, Reading};
use crate::domain::id::HoldId;
use crate::domain::principal::{KeyFingerprint, Principal};
use crate::domain::sudo::Companion;
use crate::domain::target::TargetInfo;

/// A suspended action, as it is put before approvers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRequest {
    /// The hold's short name.
    pub hold: HoldId,
    /// Who wants it.
    pub requester: Principal,
    /// The key they proved.
    pub key: KeyFingerprint,
    /// Where they connect from.
    pub source: IpAddr,
    /// Why they want it, in their words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The target with its labels and layers.
    pub target: TargetInfo,
    /// What policy was asked: exec, sudo, shell, ….
    pub action: Action,
    /// Exactly what would run, and where.
    pub command: Command,
    /// What inspection understood of it.
    pub reading: Reading,
    /// The last lines of the requester's screen, already made safe to print.
    pub screen: Vec<String>,
}

impl ApprovalRequest {
    /// Others who could have called this sudo themselves. None of them may approve it.
    pub fn company(&self) -> impl Iterator<Item = &Companion> {
        let facts = self.reading.sudo.iter();
        facts.flat_map(|facts| &facts.company)
    }
}

/// An [`ApprovalRequest`] that has no name yet.
#[derive(Debug, Clone)]
pub struct ApprovalDraft {
    /// Who wants it.
    pub requester: Principal,
    /// The key they proved.
    pub key: KeyFingerprint,
    /// Where they connect from.
    pub source: IpAddr,
    /// Why they want it, in their words.
    pub reason: Option<String>,
    /// The target with its labels and layers.
    pub target: TargetInfo,
    /// What policy was asked.
    pub action: Action,
    /// Exactly what would run, and where.
    pub command: Command,
    /// What inspection understood of it.
    pub reading: Reading,
    /// The last lines of the requester's screen, already made safe to print.
    pub screen: Vec<String>,
}

impl ApprovalDraft {
    /// The request under the name that was drawn for it.
    pub fn named(self, hold: HoldId) -> ApprovalRequest {
        let Self {
            requester,
            key,
            source,
            reason,
            target,
            action,
            command,
            reading,
            screen,
        } = self;
        ApprovalRequest {
            hold,
            requester,
            key,
            source,
            reason,
            target,
            action,
            command,
            reading,
            screen,
        }
    }
}
