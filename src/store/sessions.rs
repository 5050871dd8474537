//! Sessions: what runs now and what ran before.

use jiff::Timestamp;
use sqlx::Row;
use sqlx::any::AnyRow;

use crate::domain::id::SessionId;
use crate::domain::name::NodeName;
use crate::domain::principal::Subject;
use crate::domain::recording::{EndOrder, SessionEnd, SessionSummary};
use crate::store::{LISTED, Store, StoreError, from_json, listed, to_json, unreadable};

/// How a session ended whose node stopped before it could say so.
const INTERRUPTED: &str = "interrupted: the bastion stopped";

/// Most sessions that are looked through for those on one host; with more of them running nobody can tell who is there.
const RUNNING: usize = 10_000;

/// Which sessions to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Those that run now.
    Running,
    /// All, also those that ended.
    All,
}

/// What a list of sessions is to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionFilter {
    /// Running ones or all.
    pub which: Which,
    /// Those of one person; `None` for everybody's.
    pub person: Option<Subject>,
    /// How many, the newest first; at most [`LISTED`](crate::store::LISTED).
    pub limit: u32,
}

impl Store {
    /// Notes that a session runs on this node.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn session_started(
        &self,
        node: &NodeName,
        session: &SessionSummary,
    ) -> Result<(), StoreError> {
        let summary = to_json(session)?;
        self.timed(async {
            sqlx::query(
                "INSERT INTO sessions (id, node, issuer, subject, started, summary) VALUES ($1, $2, $3, $4, $5, $6)",
            )
            .bind(session.id.to_string())
            .bind(node.as_str())
            .bind(&session.subject.issuer)
            .bind(&session.subject.subject)
            .bind(session.started.as_millisecond())
            .bind(summary)
            .execute(&self.writes)
            .await?;
            Ok(())
        })
        .await
    }

    /// Notes how a session ended. It ends once: a second end is refused.
    ///
    /// # Errors
    /// [`StoreError::NotRunning`] when it does not run, or those of the database.
    pub async fn session_ended(
        &self,
        session: &SessionId,
        end: &SessionEnd,
    ) -> Result<(), StoreError> {
        let text = to_json(end)?;
        let changed = self
            .timed(async {
                let done = sqlx::query(
                "UPDATE sessions SET ended = $1, session_end = $2 WHERE id = $3 AND ended IS NULL",
            )
            .bind(end.at.as_millisecond())
            .bind(text)
            .bind(session.to_string())
            .execute(&self.writes)
            .await?;
                Ok(done.rows_affected())
            })
            .await?;
        match changed {
            0 => Err(StoreError::NotRunning(*session)),
            _ => Ok(()),
        }
    }

    /// Orders that a session end, and wakes the node that runs it. The first order stays.
    ///
    /// # Errors
    /// [`StoreError::NotRunning`] when it does not run, or those of the database.
    pub async fn order_end(&self, session: &SessionId, order: &EndOrder) -> Result<(), StoreError> {
        let text = to_json(order)?;
        let changed = self
            .timed(async {
                let done = sqlx::query(
                    "UPDATE sessions SET end_order = COALESCE(end_order, $1) WHERE id = $2 AND ended IS NULL",
                )
                .bind(text)
                .bind(session.to_string())
                .execute(&self.writes)
                .await?;
                Ok(done.rows_affected())
            })
            .await?;
        match changed {
            0 => Err(StoreError::NotRunning(*session)),
            _ => {
                self.changed().await;
                Ok(())
            }
        }
    }

    /// The sessions of a node that were ordered to end and have not.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn ordered_ends(
        &self,
        node: &NodeName,
    ) -> Result<Vec<(SessionId, EndOrder)>, StoreError> {
        let rows = self
            .timed(async {
                Ok(sqlx::query(
                    "SELECT id, end_order FROM sessions \
                     WHERE node = $1 AND ended IS NULL AND end_order IS NOT NULL \
                     ORDER BY started, id LIMIT $2",
                )
                .bind(node.as_str())
                .bind(listed(LISTED))
                .fetch_all(&self.reads)
                .await?)
            })
            .await?;
        let mut orders = Vec::new();
        for row in &rows {
            let (session, order): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            let order = from_json("an order to end a session", &order);
            match (session.parse(), order) {
                (Ok(session), Ok(order)) => orders.push((session, order)),
                // One that cannot be read must not keep the others from being obeyed.
                (_, _) => tracing::error!(%session, "an order to end a session cannot be read"),
            }
        }
        Ok(orders)
    }

    /// One session, where there is such a one.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn session(&self, id: &SessionId) -> Result<Option<SessionSummary>, StoreError> {
        let row = self
            .timed(async {
                Ok(
                    sqlx::query("SELECT summary, session_end FROM sessions WHERE id = $1")
                        .bind(id.to_string())
                        .fetch_optional(&self.reads)
                        .await?,
                )
            })
            .await?;
        row.as_ref().map(summary).transpose()
    }

    /// The sessions that pass the filter, newest first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn sessions(
        &self,
        filter: &SessionFilter,
    ) -> Result<Vec<SessionSummary>, StoreError> {
        let every = i64::from(filter.which == Which::All);
        let anybody = i64::from(filter.person.is_none());
        let (issuer, subject) = match &filter.person {
            Some(person) => (person.issuer.as_str(), person.subject.as_str()),
            None => ("", ""),
        };
        let rows = self
            .timed(async {
                Ok(sqlx::query(
                    "SELECT summary, session_end FROM sessions \
                 WHERE ($1 = 1 OR ended IS NULL) AND ($2 = 1 OR (issuer = $3 AND subject = $4)) \
                 ORDER BY started DESC, id DESC LIMIT $5",
                )
                .bind(every)
                .bind(anybody)
                .bind(issuer)
                .bind(subject)
                .bind(listed(filter.limit))
                .fetch_all(&self.reads)
                .await?)
            })
            .await?;
        rows.iter().map(summary).collect()
    }

    /// Every session that runs on any node, with the node.
    ///
    /// # Errors
    /// [`StoreError::TooMany`] when there are more than can be looked through, or those of the database.
    pub async fn running_sessions(&self) -> Result<Vec<(NodeName, SessionSummary)>, StoreError> {
        let limit = i64::try_from(RUNNING).unwrap_or(i64::MAX).saturating_add(1);
        let rows = self
            .timed(async {
                Ok(sqlx::query(
                    "SELECT summary, session_end, node FROM sessions WHERE ended IS NULL LIMIT $1",
                )
                .bind(limit)
                .fetch_all(&self.reads)
                .await?)
            })
            .await?;
        match rows.len() {
            0..=RUNNING => rows
                .iter()
                .map(|row| Ok((node(row.try_get(2)?)?, summary(row)?)))
                .collect(),
            _ => Err(StoreError::TooMany(RUNNING)),
        }
    }

    /// Ends the sessions that an earlier run of this node left running, and says which they were. To be called before
    /// the node serves.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn close_orphans(
        &self,
        node: &NodeName,
        now: Timestamp,
    ) -> Result<Vec<SessionSummary>, StoreError> {
        let end = to_json(&SessionEnd {
            at: now,
            how: INTERRUPTED.to_owned(),
        })?;
        let rows = self.timed(async {
            Ok(sqlx::query(
                "UPDATE sessions SET ended = $1, session_end = $2 WHERE node = $3 AND ended IS NULL \
                 RETURNING summary, session_end",
            )
            .bind(now.as_millisecond())
            .bind(end)
            .bind(node.as_str())
            .fetch_all(&self.writes)
            .await?)
        })
        .await?;
        rows.iter().map(summary).collect()
    }
}

fn node(name: String) -> Result<NodeName, StoreError> {
    name.parse()
        .map_err(|error| unreadable("a session's node", &error))
}

fn summary(row: &AnyRow) -> Result<SessionSummary, StoreError> {
    let (started, ended): (String, Option<String>) = (row.try_get(0)?, row.try_get(1)?);
    let mut summary: SessionSummary = from_json("a session", &started)?;
    summary.ended = ended
        .map(|text| from_json("a session's end", &text))
        .transpose()?;
    Ok(summary)
}
