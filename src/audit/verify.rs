//! Proof that the chains in the database hold.

use std::fmt;
use std::io;

use crate::audit::signatures::Witness;
use crate::audit::{AuditError, Signatures, SignedRecord};
use crate::domain::audit::{ChainVerifier, RecordHash};
use crate::domain::name::NodeName;
use crate::store::Store;

/// How many records are read at a time.
pub(super) const PAGE: u32 = 200;

/// The end of a chain: who notes it can tell later whether the chain was cut before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainHead {
    /// Whose chain.
    pub node: NodeName,
    /// The first record that was seen: 1, but in an export of a period.
    pub first: u64,
    /// The last record.
    pub seq: u64,
    /// The hash of the last record.
    pub hash: RecordHash,
}

impl fmt::Display for ChainHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            node,
            first,
            seq,
            hash,
        } = self;
        write!(f, "{node} {first}-{seq} {}", hash.as_str())
    }
}

/// What was verified. Every chain in it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The head of each chain, by the name of its node.
    pub heads: Vec<ChainHead>,
    /// How many records there were.
    pub records: u64,
    /// The signatures of approvers among them.
    pub signatures: Signatures,
}

/// Verifies every chain in the database from its first record.
///
/// # Errors
/// At the first record that was changed, removed or put in, or whose signature is not that of its approver; or those of
/// the database.
pub async fn verify(store: &Store) -> Result<Report, AuditError> {
    signatures(store, &mut |_| Ok(())).await
}

/// Verifies every chain as [`verify`] does, and gives each signature that holds to `sink`.
///
/// # Errors
/// As [`verify`], and those of `sink`.
pub async fn signatures(
    store: &Store,
    sink: &mut dyn FnMut(SignedRecord) -> io::Result<()>,
) -> Result<Report, AuditError> {
    let mut witness = Witness::new(sink);
    let mut report = Report {
        heads: Vec::new(),
        records: 0,
        signatures: Signatures::default(),
    };
    for node in store.audit_nodes().await? {
        if let Some(head) = verify_chain(store, &node, &mut witness).await? {
            report.records += head.seq;
            report.heads.push(head);
        }
    }
    report.signatures = witness.found();
    Ok(report)
}

async fn verify_chain(
    store: &Store,
    node: &NodeName,
    witness: &mut Witness<'_>,
) -> Result<Option<ChainHead>, AuditError> {
    let mut verifier = ChainVerifier::default();
    let mut head = None;
    let mut after = 0;
    loop {
        let page = store.audit_records(node, after, PAGE).await?;
        for record in &page {
            verifier.check(record)?;
            witness.look(record, 1)?;
        }
        let Some(last) = page.last() else {
            return Ok(head);
        };
        after = last.seq;
        head = Some(ChainHead {
            node: node.clone(),
            first: 1,
            seq: last.seq,
            hash: last.hash.clone(),
        });
    }
}
