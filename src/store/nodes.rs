//! The nodes that use the database, each with a number that grows as long as it lives. What that means is for whoever
//! watches the numbers: clocks of several machines are not compared.

use sqlx::Row;

use crate::domain::name::NodeName;
use crate::store::{Store, StoreError, from_column, unreadable};

/// Most nodes that are looked at.
const NODES: i64 = 10_000;

const NODE: &str = "a node";

impl Store {
    /// Counts one more beat of a node.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn beat(&self, node: &NodeName) -> Result<(), StoreError> {
        self.timed(async {
            sqlx::query(
                "INSERT INTO nodes (node, beats) VALUES ($1, 1) \
                 ON CONFLICT (node) DO UPDATE SET beats = nodes.beats + 1",
            )
            .bind(node.as_str())
            .execute(&self.quick)
            .await?;
            Ok(())
        })
        .await
    }

    /// How often each node has beaten so far.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn beats(&self) -> Result<Vec<(NodeName, u64)>, StoreError> {
        let rows = self
            .timed(async {
                Ok(sqlx::query("SELECT node, beats FROM nodes LIMIT $1")
                    .bind(NODES)
                    .fetch_all(&self.reads)
                    .await?)
            })
            .await?;
        rows.iter()
            .map(|row| {
                let name: String = row.try_get(0)?;
                let node = name.parse().map_err(|error| unreadable(NODE, &error))?;
                Ok((node, from_column(NODE, row.try_get(1)?)?))
            })
            .collect()
    }
}
