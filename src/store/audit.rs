//! The rows of the audit chains. What is in them, and whether a chain holds, is `audit`'s matter.

use jiff::Timestamp;
use sqlx::Row;
use sqlx::any::AnyRow;

use crate::domain::audit::{AuditRecord, RecordHash};
use crate::domain::name::NodeName;
use crate::store::{
    Database, Store, StoreError, Survives, from_column, listed, sqlite, timestamp, to_column,
    unreadable,
};

/// Most chains that a database may hold.
pub const CHAINS: u32 = 10_000;

/// How often an append is tried when another process appends to the same chain.
const ATTEMPTS: u32 = 5;

const RECORD: &str = "an audit record";

/// An event that is to be appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// When it happened.
    pub at: Timestamp,
    /// The event's exact text.
    pub event: String,
}

/// The first and the last record of a chain in some period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditRange {
    /// The place of the first.
    pub first: u64,
    /// The place of the last.
    pub last: u64,
}

impl Store {
    /// Appends events to the chain of a node, all or none, and answers when they survive as much as they should.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn append_audit(
        &self,
        node: &NodeName,
        entries: &[AuditEntry],
        survives: Survives,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        self.timed(async {
            let mut attempt = 1;
            loop {
                match self.append_once(node, entries, survives).await {
                    Err(error) if error.is_duplicate() && attempt < ATTEMPTS => attempt += 1,
                    other => return other,
                }
            }
        })
        .await
    }

    async fn append_once(
        &self,
        node: &NodeName,
        entries: &[AuditEntry],
        survives: Survives,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        let mut transaction = self.begin_to(survives).await?;
        let head =
            sqlx::query("SELECT seq, hash FROM audit WHERE node = $1 ORDER BY seq DESC LIMIT 1")
                .bind(node.as_str())
                .fetch_optional(&mut *transaction)
                .await?;
        let (mut seq, mut previous) = match head {
            Some(row) => (
                from_column(RECORD, row.try_get(0)?)?,
                RecordHash::stored(row.try_get(1)?),
            ),
            None => (0, RecordHash::genesis()),
        };
        let mut records = Vec::with_capacity(entries.len());
        for entry in entries {
            seq += 1;
            let at = timestamp(RECORD, entry.at.as_millisecond())?;
            let record = AuditRecord::chained(node.clone(), seq, at, entry.event.clone(), previous);
            sqlx::query(
                "INSERT INTO audit (node, seq, appended, event, previous, hash) VALUES ($1, $2, $3, $4, $5, $6)",
            )
            .bind(node.as_str())
            .bind(to_column(seq)?)
            .bind(at.as_millisecond())
            .bind(record.event.as_str())
            .bind(record.previous.as_str())
            .bind(record.hash.as_str())
            .execute(&mut *transaction)
            .await?;
            previous = record.hash.clone();
            records.push(record);
        }
        transaction.commit().await?;
        Ok(records)
    }

    /// Has everything that was written survive the machine; whether all of it does, which a reader may have kept it from.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn sync(&self) -> Result<bool, StoreError> {
        match self.database {
            Database::Sqlite => {
                self.timed(async {
                    let row = sqlx::query(sqlite::SYNC).fetch_one(&self.writes).await?;
                    let (logged, brought): (i64, i64) = (row.try_get(1)?, row.try_get(2)?);
                    Ok(brought >= logged)
                })
                .await
            }
            // The server does so by itself.
            Database::Postgres => Ok(true),
        }
    }

    /// The records of a node's chain after a place, in order.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn audit_records(
        &self,
        node: &NodeName,
        after_seq: u64,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        let after = to_column(after_seq)?;
        let rows = self
            .timed(async {
                Ok(sqlx::query(
                    "SELECT seq, appended, event, previous, hash FROM audit \
                 WHERE node = $1 AND seq > $2 ORDER BY seq LIMIT $3",
                )
                .bind(node.as_str())
                .bind(after)
                .bind(listed(limit))
                .fetch_all(&self.reads)
                .await?)
            })
            .await?;
        rows.iter().map(|row| record(node, row)).collect()
    }

    /// Whose chains there are.
    ///
    /// # Errors
    /// When there are more than [`CHAINS`], or those of the database.
    pub async fn audit_nodes(&self) -> Result<Vec<NodeName>, StoreError> {
        let names: Vec<String> = self
            .timed(async {
                Ok(
                    sqlx::query_scalar("SELECT DISTINCT node FROM audit ORDER BY node LIMIT $1")
                        .bind(i64::from(CHAINS) + 1)
                        .fetch_all(&self.reads)
                        .await?,
                )
            })
            .await?;
        // A list that was cut would leave chains unverified in silence.
        if names.len() > CHAINS as usize {
            return Err(unreadable(
                "the audit",
                &format!("it has over {CHAINS} chains"),
            ));
        }
        names
            .iter()
            .map(|name| name.parse().map_err(|error| unreadable(RECORD, &error)))
            .collect()
    }

    /// The part of a node's chain from the first record at or after `since` to the last before `until`; `None` where
    /// there is none.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn audit_range(
        &self,
        node: &NodeName,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<Option<AuditRange>, StoreError> {
        let row = self
            .timed(async {
                Ok(sqlx::query(
                    "SELECT (SELECT MIN(seq) FROM audit WHERE node = $1 AND appended >= $2), \
                 (SELECT MAX(seq) FROM audit WHERE node = $1 AND appended < $3)",
                )
                .bind(node.as_str())
                .bind(since.as_millisecond())
                .bind(until.as_millisecond())
                .fetch_one(&self.reads)
                .await?)
            })
            .await?;
        let ends: (Option<i64>, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
        match ends {
            (Some(first), Some(last)) if first <= last => Ok(Some(AuditRange {
                first: from_column(RECORD, first)?,
                last: from_column(RECORD, last)?,
            })),
            (Some(_) | None, Some(_) | None) => Ok(None),
        }
    }
}

fn record(node: &NodeName, row: &AnyRow) -> Result<AuditRecord, StoreError> {
    Ok(AuditRecord {
        node: node.clone(),
        seq: from_column(RECORD, row.try_get(0)?)?,
        at: timestamp(RECORD, row.try_get(1)?)?,
        event: row.try_get(2)?,
        previous: RecordHash::stored(row.try_get(3)?),
        hash: RecordHash::stored(row.try_get(4)?),
    })
}
