//! The audit trail: what happened, and the chain that proves that none of it was changed.
//!
//! An [`AuditRecord`] holds the event as the exact text that is hashed. Each hash covers the one before it, so a
//! record that is changed, removed or put in shows when the chain of its node is verified.

use aws_lc_rs::digest::{Context, SHA256};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::action::Action;
use crate::domain::answer::Answer;
use crate::domain::command::{CommandDigest, Layer};
use crate::domain::hold::{Approval, Resolution};
use crate::domain::id::{HoldId, SessionId};
use crate::domain::name::{LoginName, NodeName, TargetName};
use crate::domain::principal::{Evidence, KeyFingerprint, Principal, Subject};
use crate::domain::target::Destination;

/// What happened. People are named by issuer, subject and the name they had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum AuditEvent {
    /// A node began to serve.
    NodeStarted {
        /// The program's version.
        version: String,
        /// SHA-256 of the policy set in force.
        policy: String,
    },
    /// A node ended its service.
    NodeStopped,
    /// Another policy set came into force.
    PolicyChanged {
        /// SHA-256 of the policy set in force.
        policy: String,
    },
    /// Another configuration came into force.
    ConfigChanged,
    /// Somebody was identified.
    Login {
        /// Who, with groups and methods.
        principal: Principal,
        /// The key they proved.
        key: KeyFingerprint,
        /// How they were identified.
        evidence: Evidence,
        /// Where from.
        source: String,
        /// Until when the login holds.
        until: Timestamp,
    },
    /// Somebody could not be identified.
    LoginFailed {
        /// The key, where one was proved.
        key: Option<KeyFingerprint>,
        /// Where from.
        source: String,
        /// Why.
        reason: String,
    },
    /// Somebody may open a target, or may not.
    Connect {
        /// Who.
        person: Subject,
        /// Their name.
        name: String,
        /// Where to.
        destination: Destination,
        /// Where from.
        source: String,
        /// `allow`, `hold` or `deny`.
        verdict: String,
        /// The policies, or the reason of a refusal.
        because: String,
    },
    /// A certificate was issued.
    Certificate {
        /// Its serial number.
        serial: u64,
        /// Its key id.
        key_id: String,
        /// For whom.
        person: Subject,
        /// The SSH principals in it.
        principals: Vec<String>,
        /// Until when it may be used.
        until: Timestamp,
        /// The digest of the one command that it runs, where it is bound to one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        command: Option<CommandDigest>,
    },
    /// A certificate is made to check a target with: it rests on nobody's grant, but on who could read the keys.
    ProbeCertificate {
        /// The target.
        target: TargetName,
        /// The login in it.
        login: LoginName,
        /// Until when it may be used.
        until: Timestamp,
        /// What it runs whatever is asked for, where it is for one command.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        forced: Option<String>,
        /// The number of the account that checks, on the bastion's machine.
        account: u32,
    },
    /// A sudo of a check is signed for.
    ProbeSigned {
        /// The target.
        target: TargetName,
        /// The sudo, safe to print.
        text: String,
        /// The number of the account that checks, on the bastion's machine.
        account: u32,
    },
    /// A session started.
    SessionStarted {
        /// Which.
        session: SessionId,
        /// Who.
        person: Subject,
        /// Their name.
        name: String,
        /// Where.
        destination: Destination,
        /// Where from.
        source: String,
    },
    /// A command was decided about.
    Command {
        /// The session.
        session: SessionId,
        /// Who.
        person: Subject,
        /// Where it was seen.
        layer: Layer,
        /// What policy was asked.
        action: Action,
        /// The command, safe to print.
        text: String,
        /// What approvals would be bound to.
        digest: CommandDigest,
        /// Programs, elevation and what could not be read, in words.
        inspection: String,
        /// `allow`, `hold` or `deny`.
        verdict: String,
        /// The policies, or the reason of a refusal.
        because: String,
    },
    /// An action was suspended.
    Held {
        /// The hold.
        hold: HoldId,
        /// The session.
        session: SessionId,
        /// What it is bound to.
        digest: CommandDigest,
        /// How many people must approve.
        approvals: u8,
        /// When it expires.
        expires: Timestamp,
    },
    /// Somebody answered.
    Answered {
        /// The hold.
        hold: HoldId,
        /// What the answer is bound to.
        digest: CommandDigest,
        /// Approve or refuse.
        answer: Answer,
        /// Who, why and when.
        by: Approval,
    },
    /// A hold ended.
    HoldEnded {
        /// The hold.
        hold: HoldId,
        /// The session.
        session: SessionId,
        /// How.
        resolution: Resolution,
    },
    /// An approved command was let go: only now it runs.
    Released {
        /// The hold.
        hold: HoldId,
        /// The session.
        session: SessionId,
        /// What was approved, and runs.
        digest: CommandDigest,
    },
    /// A sudo was signed for, after it was decided about: only now it runs.
    SudoSigned {
        /// The session.
        session: SessionId,
        /// What was cleared, and runs.
        digest: CommandDigest,
        /// The request that it was approved by, where it was held.
        hold: Option<HoldId>,
    },
    /// Something on a target asked for a signature of the sudo gate that none is given for, whatever policy says.
    SudoRefused {
        /// The session.
        session: SessionId,
        /// Why.
        reason: String,
    },
    /// A connection through a forward ended. Its bytes are counted; it is not recorded.
    ForwardEnded {
        /// The session that its clearance was for.
        session: SessionId,
        /// What was cleared.
        digest: CommandDigest,
        /// The forward, safe to print.
        text: String,
        /// Bytes from the client to the target.
        bytes_in: u64,
        /// Bytes from the target to the client.
        bytes_out: u64,
    },
    /// A file of a transfer was closed, or its session ended: what passed of it.
    Transferred {
        /// The session.
        session: SessionId,
        /// `upload` or `download`.
        action: Action,
        /// The path as the client sent it, or as it stands in the command, safe to print.
        path: String,
        /// The name below that path, where the protocol names files apart from it.
        name: Option<String>,
        /// Bytes of content that passed.
        bytes: u64,
        /// SHA-256 of the whole content, in hexadecimal.
        sha256: Option<String>,
        /// Why there is no digest, where there is none.
        unproved: Option<String>,
    },
    /// A recording was opened for replay.
    Replayed {
        /// Which.
        session: SessionId,
        /// By whom.
        person: Subject,
        /// Their name.
        name: String,
    },
    /// Somebody began to watch a running session.
    Watched {
        /// Which.
        session: SessionId,
        /// By whom.
        person: Subject,
        /// Their name.
        name: String,
    },
    /// Somebody watches a session no more.
    WatchEnded {
        /// Which.
        session: SessionId,
        /// Who.
        person: Subject,
        /// Their name.
        name: String,
    },
    /// Somebody ordered that a session end at once.
    EndOrdered {
        /// Which.
        session: SessionId,
        /// Who ordered it.
        person: Subject,
        /// Their name.
        name: String,
        /// Why, in their words.
        reason: String,
    },
    /// A session ended.
    SessionEnded {
        /// Which.
        session: SessionId,
        /// How, for people.
        how: String,
        /// Bytes from the client to the target.
        bytes_in: u64,
        /// Bytes from the target to the client.
        bytes_out: u64,
        /// SHA-256 of the finished recording; `None` when it could not be finished.
        recording: Option<String>,
        /// Requests that only looked (stat, list, read a link) and passed without a record of their own.
        #[serde(default, skip_serializing_if = "is_zero")]
        looks: u64,
    },
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// The hash of a record, SHA-256 in hexadecimal; of the record before the first, 64 zeros.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RecordHash(String);

impl RecordHash {
    /// What stands before the first record of a chain.
    pub fn genesis() -> Self {
        Self("0".repeat(64))
    }

    /// Takes a stored hash; the chain's verification finds a wrong one.
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// The hash as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An event with its place in the chain of its node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// Whose chain.
    pub node: NodeName,
    /// Its place, from 1.
    pub seq: u64,
    /// When it was appended.
    pub at: Timestamp,
    /// The event: the exact JSON text that is hashed.
    pub event: String,
    /// The hash of the record before.
    pub previous: RecordHash,
    /// The hash of this one.
    pub hash: RecordHash,
}

impl AuditRecord {
    /// Puts an event's text behind the record with `previous` and `seq - 1`.
    pub fn chained(
        node: NodeName,
        seq: u64,
        at: Timestamp,
        event: String,
        previous: RecordHash,
    ) -> Self {
        let hash = hash(&node, seq, at, &event, &previous);
        Self {
            node,
            seq,
            at,
            event,
            previous,
            hash,
        }
    }
}

fn hash(
    node: &NodeName,
    seq: u64,
    at: Timestamp,
    event: &str,
    previous: &RecordHash,
) -> RecordHash {
    let mut context = Context::new(&SHA256);
    let mut field = |bytes: &[u8]| {
        context.update(&(bytes.len() as u64).to_be_bytes());
        context.update(bytes);
    };
    field(b"countersign audit v1");
    field(node.as_str().as_bytes());
    field(&seq.to_be_bytes());
    field(&at.as_millisecond().to_be_bytes());
    field(previous.as_str().as_bytes());
    field(event.as_bytes());
    RecordHash(hex::encode(context.finish()))
}

/// Where a chain is broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// A record is missing or out of order.
    #[error("node {node}: record {expected} is missing, record {found} follows instead")]
    Gap {
        /// The chain.
        node: NodeName,
        /// What should come.
        expected: u64,
        /// What came.
        found: u64,
    },
    /// A record does not follow the one before it.
    #[error("node {node}: record {seq} does not follow the record before it")]
    Unlinked {
        /// The chain.
        node: NodeName,
        /// Where.
        seq: u64,
    },
    /// A record was changed.
    #[error("node {node}: record {seq} was changed after it was written")]
    Changed {
        /// The chain.
        node: NodeName,
        /// Where.
        seq: u64,
    },
}

/// Verifies one node's chain record by record, from its first.
#[derive(Debug, Clone)]
pub struct ChainVerifier {
    next: u64,
    previous: RecordHash,
}

impl Default for ChainVerifier {
    fn default() -> Self {
        Self {
            next: 1,
            previous: RecordHash::genesis(),
        }
    }
}

impl ChainVerifier {
    /// Checks the next record.
    ///
    /// # Errors
    /// When it is not the next, does not follow, or was changed.
    pub fn check(&mut self, record: &AuditRecord) -> Result<(), ChainError> {
        let node = || record.node.clone();
        if record.seq != self.next {
            return Err(ChainError::Gap {
                node: node(),
                expected: self.next,
                found: record.seq,
            });
        }
        if record.previous != self.previous {
            return Err(ChainError::Unlinked {
                node: node(),
                seq: record.seq,
            });
        }
        if hash(
            &record.node,
            record.seq,
            record.at,
            &record.event,
            &record.previous,
        ) != record.hash
        {
            return Err(ChainError::Changed {
                node: node(),
                seq: record.seq,
            });
        }
        self.next += 1;
        self.previous = record.hash.clone();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain() -> Vec<AuditRecord> {
        let mut previous = RecordHash::genesis();
        (1..=3)
            .map(|seq| {
                let at = Timestamp::from_millisecond(seq as i64).unwrap();
                let event = serde_json::to_string(&AuditEvent::NodeStopped).unwrap();
                let record =
                    AuditRecord::chained("n1".parse().unwrap(), seq, at, event, previous.clone());
                previous = record.hash.clone();
                record
            })
            .collect()
    }

    fn verify(records: &[AuditRecord]) -> Result<(), ChainError> {
        let mut verifier = ChainVerifier::default();
        records.iter().try_for_each(|record| verifier.check(record))
    }

    #[test]
    fn an_untouched_chain_verifies() {
        assert_eq!(verify(&chain()), Ok(()));
    }

    #[test]
    fn a_changed_a_removed_and_a_moved_record_show() {
        let mut changed = chain();
        changed[1].event = changed[1].event.replace("stopped", "started");
        assert!(matches!(
            verify(&changed),
            Err(ChainError::Changed { seq: 2, .. })
        ));
        let mut removed = chain();
        removed.remove(0);
        assert!(matches!(
            verify(&removed),
            Err(ChainError::Gap {
                expected: 1,
                found: 2,
                ..
            })
        ));
        let mut relinked = chain();
        relinked[2].previous = RecordHash::genesis();
        assert!(matches!(
            verify(&relinked),
            Err(ChainError::Unlinked { seq: 3, .. })
        ));
    }
}
