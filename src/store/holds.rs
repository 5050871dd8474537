//! Holds, shared by all nodes: a hold is changed only by whoever saw its latest version, so it ends exactly once.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::Row;

use crate::domain::hold::{Hold, Resolved};
use crate::domain::id::HoldId;
use crate::domain::name::NodeName;
use crate::store::{LISTED, Store, StoreError, from_json, listed, to_json, unreadable};

/// Why a hold was taken back whose node stopped.
const INTERRUPTED: &str = "the bastion that the requester was connected to stopped";

/// A hold as the store has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HoldState {
    /// It waits for answers.
    Waiting(Box<Hold>),
    /// It ended; this does not change any more.
    Resolved(Box<Resolved>),
}

impl HoldState {
    /// The hold itself, as it waits or as it was when it ended.
    pub fn hold(&self) -> &Hold {
        match self {
            Self::Waiting(hold) => hold,
            Self::Resolved(resolved) => resolved.hold(),
        }
    }

    fn ended(&self) -> Option<Timestamp> {
        match self {
            Self::Waiting(_) => None,
            Self::Resolved(resolved) => Some(resolved.at()),
        }
    }
}

/// Which state of a hold somebody saw. It says nothing but whether another is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version(i64);

/// A hold with what it takes to change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredHold {
    /// How it stands.
    pub state: HoldState,
    /// To be handed to [`Store::transition`].
    pub version: Version,
    /// The node whose client waits.
    pub node: NodeName,
}

impl Store {
    /// Keeps a hold that was opened on this node.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when another hold has or had its id, or those of the database.
    pub async fn hold_opened(&self, node: &NodeName, hold: &Hold) -> Result<(), StoreError> {
        let id = &hold.request().hold;
        let state = to_json(&HoldState::Waiting(Box::new(hold.clone())))?;
        let kept = self.timed(async {
            sqlx::query(
                "INSERT INTO holds (id, node, digest, version, created, state) VALUES ($1, $2, $3, 1, $4, $5)",
            )
            .bind(id.to_string())
            .bind(node.as_str())
            .bind(hold.digest().to_string())
            .bind(hold.created().as_millisecond())
            .bind(state)
            .execute(&self.writes)
            .await?;
            Ok(())
        })
        .await;
        match kept {
            Ok(()) => {
                self.changed().await;
                Ok(())
            }
            Err(error) if error.is_duplicate() => Err(StoreError::Taken(id.clone())),
            Err(error) => Err(error),
        }
    }

    /// One hold, waiting or ended, where there is such a one.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn hold(&self, id: &HoldId) -> Result<Option<StoredHold>, StoreError> {
        let row = self
            .timed(async {
                Ok(
                    sqlx::query("SELECT state, version, node FROM holds WHERE id = $1")
                        .bind(id.to_string())
                        .fetch_optional(&self.reads)
                        .await?,
                )
            })
            .await?;
        let Some(row) = row else { return Ok(None) };
        let node: String = row.try_get(2)?;
        Ok(Some(StoredHold {
            state: from_json("a request", &row.try_get::<String, _>(0)?)?,
            version: Version(row.try_get(1)?),
            node: node
                .parse()
                .map_err(|error| unreadable("a request", &error))?,
        }))
    }

    /// Changes a waiting hold from the state that has `expected`; of several that try, one succeeds.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the hold was changed or has ended meanwhile, or is bound to another command;
    /// or those of the database.
    pub async fn transition(
        &self,
        id: &HoldId,
        expected: Version,
        next: &HoldState,
    ) -> Result<Version, StoreError> {
        let state = to_json(next)?;
        let changed = self
            .timed(async {
                let done = sqlx::query(
                    "UPDATE holds SET version = version + 1, state = $1, ended = $2 \
                 WHERE id = $3 AND version = $4 AND digest = $5 AND ended IS NULL",
                )
                .bind(state)
                .bind(next.ended().map(|at| at.as_millisecond()))
                .bind(id.to_string())
                .bind(expected.0)
                .bind(next.hold().digest().to_string())
                .execute(&self.writes)
                .await?;
                Ok(done.rows_affected())
            })
            .await?;
        match changed {
            0 => Err(StoreError::Conflict(id.clone())),
            _ => {
                self.changed().await;
                Ok(Version(expected.0 + 1))
            }
        }
    }

    /// The holds that wait, on all nodes, the oldest first; at most [`LISTED`].
    ///
    /// # Errors
    /// Those of the database.
    pub async fn waiting(&self) -> Result<Vec<Hold>, StoreError> {
        let found: Vec<String> = self
            .timed(async {
                Ok(sqlx::query_scalar(
                    "SELECT state FROM holds WHERE ended IS NULL ORDER BY created, id LIMIT $1",
                )
                .bind(listed(LISTED))
                .fetch_all(&self.reads)
                .await?)
            })
            .await?;
        found
            .iter()
            .map(|text| match from_json("a request", text)? {
                HoldState::Waiting(hold) => Ok(*hold),
                HoldState::Resolved(_) => Err(unreadable("a request", &"it waits and has ended")),
            })
            .collect()
    }

    /// The holds that ended, the last ended first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn resolved(&self, limit: u32) -> Result<Vec<Resolved>, StoreError> {
        let found: Vec<String> = self
            .timed(async {
                Ok(sqlx::query_scalar(
                "SELECT state FROM holds WHERE ended IS NOT NULL ORDER BY ended DESC, id LIMIT $1",
            )
            .bind(listed(limit))
            .fetch_all(&self.reads)
            .await?)
            })
            .await?;
        found
            .iter()
            .map(|text| match from_json("a request", text)? {
                HoldState::Resolved(resolved) => Ok(*resolved),
                HoldState::Waiting(_) => Err(unreadable("a request", &"it has ended and waits")),
            })
            .collect()
    }

    /// Withdraws the holds that an earlier run of this node left waiting, and hands them back. To be called before the
    /// node serves.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn withdraw_orphans(
        &self,
        node: &NodeName,
        now: Timestamp,
    ) -> Result<Vec<Resolved>, StoreError> {
        let ids: Vec<String> = self
            .timed(async {
                Ok(
                    sqlx::query_scalar("SELECT id FROM holds WHERE node = $1 AND ended IS NULL")
                        .bind(node.as_str())
                        .fetch_all(&self.writes)
                        .await?,
                )
            })
            .await?;
        let mut withdrawn = Vec::new();
        for id in ids {
            let id = id
                .parse()
                .map_err(|error| unreadable("a request", &error))?;
            withdrawn.extend(self.withdraw_orphan(&id, now).await?);
        }
        Ok(withdrawn)
    }

    /// Withdraws one hold; `None` when it ended otherwise meanwhile.
    async fn withdraw_orphan(
        &self,
        id: &HoldId,
        now: Timestamp,
    ) -> Result<Option<Resolved>, StoreError> {
        // Each turn somebody else has changed it, which approvals can do only so often.
        while let Some(stored) = self.hold(id).await? {
            let HoldState::Waiting(hold) = stored.state else {
                break;
            };
            let resolved = hold.withdraw(INTERRUPTED, now);
            let next = HoldState::Resolved(Box::new(resolved.clone()));
            match self.transition(id, stored.version, &next).await {
                Ok(_) => return Ok(Some(resolved)),
                Err(StoreError::Conflict(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}
