//! The audit as JSON lines, and their verification without the database.
//!
//! A line is `{"node":…,"seq":…,"at":…,"previous":…,"hash":…,"event":{…}}`. The event is the exact text that is hashed,
//! so it stands last and is taken as it stands: a line that another program wrote anew is refused.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read};

use jiff::Timestamp;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use crate::audit::signatures::Witness;
use crate::audit::verify::PAGE;
use crate::audit::{AuditError, ChainHead, EVENT_BYTES, Report, SignedRecord};
use crate::domain::audit::{AuditRecord, ChainError, RecordHash};
use crate::domain::name::NodeName;
use crate::store::{CHAINS, Store};

/// Longest line: an event and room for what stands before it.
const LINE_BYTES: u64 = EVENT_BYTES as u64 + 4096;

const EVENT: &str = ",\"event\":";

/// From when to when. A chain is exported without holes: from its first record in the period to its last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Period {
    /// From this time on; `None` from the beginning.
    pub since: Option<Timestamp>,
    /// Before this time; `None` to the end.
    pub until: Option<Timestamp>,
}

/// What stands before the event.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    node: NodeName,
    seq: u64,
    at: Timestamp,
    previous: RecordHash,
    hash: RecordHash,
}

/// Writes every chain's records of a period, node by node, and says how many they were. They are not verified.
///
/// # Errors
/// Those of the database and of the output; and when a record holds no event.
pub async fn export(
    store: &Store,
    period: Period,
    output: &mut (impl AsyncWrite + Unpin),
) -> Result<u64, AuditError> {
    let since = period.since.unwrap_or(Timestamp::MIN);
    let until = period.until.unwrap_or(Timestamp::MAX);
    let mut written = 0;
    for node in store.audit_nodes().await? {
        let Some(range) = store.audit_range(&node, since, until).await? else {
            continue;
        };
        let mut after = range.first.saturating_sub(1);
        while after < range.last {
            let page = store.audit_records(&node, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.seq;
            for record in page.iter().filter(|record| record.seq <= range.last) {
                output
                    .write_all(line(record)?.as_bytes())
                    .await
                    .map_err(AuditError::Io)?;
                written += 1;
            }
        }
    }
    output.flush().await.map_err(AuditError::Io)?;
    Ok(written)
}

/// Verifies an export, of everything or of a period, by itself. A chain may start behind its first record, as it does
/// in the export of a period; from there on it must hold.
///
/// # Errors
/// At the first line that is not one of ours, and at the first record that was changed, removed or put in, or whose
/// signature is not that of its approver.
pub fn verify_export(input: impl BufRead) -> Result<Report, AuditError> {
    signatures_of_export(input, &mut |_| Ok(()))
}

/// Verifies an export as [`verify_export`] does, and gives each signature that holds to `sink`.
///
/// # Errors
/// As [`verify_export`], and those of `sink`.
pub fn signatures_of_export(
    mut input: impl BufRead,
    sink: &mut dyn FnMut(SignedRecord) -> io::Result<()>,
) -> Result<Report, AuditError> {
    let mut witness = Witness::new(sink);
    let mut chains: BTreeMap<NodeName, ChainHead> = BTreeMap::new();
    let mut records = 0;
    let mut text = Vec::new();
    while next_line(&mut input, &mut text, records + 1)? {
        records += 1;
        let record = parse(&text).map_err(|reason| AuditError::Line {
            line: records,
            reason,
        })?;
        let first = follow(chains.get(&record.node), &record)?;
        if !chains.contains_key(&record.node) && chains.len() >= CHAINS as usize {
            let reason = format!("there are over {CHAINS} chains");
            return Err(AuditError::Line {
                line: records,
                reason,
            });
        }
        witness.look(&record, first)?;
        let head = ChainHead {
            node: record.node.clone(),
            first,
            seq: record.seq,
            hash: record.hash,
        };
        chains.insert(record.node, head);
    }
    Ok(Report {
        heads: chains.into_values().collect(),
        records,
        signatures: witness.found(),
    })
}

pub(super) fn line(record: &AuditRecord) -> Result<String, AuditError> {
    let no_event = || AuditError::NoEvent {
        node: record.node.clone(),
        seq: record.seq,
    };
    if record.event.contains(['\n', '\r'])
        || serde_json::from_str::<IgnoredAny>(&record.event).is_err()
    {
        return Err(no_event());
    }
    let place = Place {
        node: record.node.clone(),
        seq: record.seq,
        at: record.at,
        previous: record.previous.clone(),
        hash: record.hash.clone(),
    };
    let place = serde_json::to_string(&place).map_err(|_| no_event())?;
    let open = place.strip_suffix('}').ok_or_else(no_event)?;
    Ok(format!("{open}{EVENT}{}}}\n", record.event))
}

/// Reads a line without its end; `false` at the end of the input.
fn next_line(
    input: &mut impl BufRead,
    text: &mut Vec<u8>,
    number: u64,
) -> Result<bool, AuditError> {
    text.clear();
    let read = input
        .take(LINE_BYTES + 1)
        .read_until(b'\n', text)
        .map_err(AuditError::Io)?;
    if read as u64 > LINE_BYTES {
        return Err(AuditError::Line {
            line: number,
            reason: format!("it has more than {LINE_BYTES} bytes"),
        });
    }
    if read > 0 && text.pop_if(|byte| *byte == b'\n').is_none() {
        // An export ends with a line's end; without it the last line may be half of one that was cut.
        return Err(AuditError::Line {
            line: number,
            reason: "it has no end".to_owned(),
        });
    }
    Ok(read > 0)
}

fn parse(text: &[u8]) -> Result<AuditRecord, String> {
    let text = str::from_utf8(text).map_err(|error| error.to_string())?;
    let (place, event) = text
        .split_once(EVENT)
        .ok_or_else(|| "it has no event".to_owned())?;
    let event = event
        .strip_suffix('}')
        .ok_or_else(|| "it has no end".to_owned())?;
    let written = format!("{place}}}");
    let place: Place = serde_json::from_str(&written).map_err(|error| error.to_string())?;
    // One record has one text: a time may be written in several ways.
    if serde_json::to_string(&place).ok().as_ref() != Some(&written) {
        return Err("it was written anew".to_owned());
    }
    serde_json::from_str::<IgnoredAny>(event).map_err(|error| error.to_string())?;
    Ok(AuditRecord {
        node: place.node,
        seq: place.seq,
        at: place.at,
        event: event.to_owned(),
        previous: place.previous,
        hash: place.hash,
    })
}

/// Checks a record against the one before it, and says where its chain began in this export.
fn follow(before: Option<&ChainHead>, record: &AuditRecord) -> Result<u64, ChainError> {
    let genesis = RecordHash::genesis();
    let (first, expected, previous) = match before {
        Some(head) => (head.first, head.seq.saturating_add(1), &head.hash),
        None if record.seq <= 1 => (1, 1, &genesis),
        None => (record.seq, record.seq, &record.previous),
    };
    let (node, seq) = (record.node.clone(), record.seq);
    if seq != expected {
        return Err(ChainError::Gap {
            node,
            expected,
            found: seq,
        });
    }
    if record.previous != *previous {
        return Err(ChainError::Unlinked { node, seq });
    }
    let whole = AuditRecord::chained(
        node.clone(),
        seq,
        record.at,
        record.event.clone(),
        record.previous.clone(),
    );
    if whole.hash != record.hash {
        return Err(ChainError::Changed { node, seq });
    }
    Ok(first)
}
