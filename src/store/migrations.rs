//! Brings a database to this program's version, in one transaction: wholly or not at all.
//!
//! The table `countersign_schema` says which migrations were applied. A released migration is never changed.

use std::cmp::Ordering;

use sqlx::any::Any;
use sqlx::{AnyConnection, Connection, Row, Transaction};

use crate::store::{Database, Opening, StoreError};

/// The migrations, in order; the first makes version 1.
const MIGRATIONS: [&str; 3] = [
    include_str!("migrations/0001_initial.sql"),
    include_str!("migrations/0002_end_orders.sql"),
    include_str!("migrations/0003_nodes.sql"),
];

/// The version that this program reads and writes.
const KNOWN: i64 = MIGRATIONS.len() as i64;

/// The key of the advisory lock under which one node at a time migrates.
const LOCK: i64 = 0x4353_474e;

/// What the database holds before it is touched.
enum Holds {
    Nothing,
    Version(i64),
    OtherTables,
}

/// Checks whose database it is and which version it has, and applies what is missing.
pub(super) async fn migrate(
    connection: &mut AnyConnection,
    database: Database,
    opening: Opening,
) -> Result<(), StoreError> {
    let mut transaction = connection.begin_with(database.begin()).await?;
    lock(&mut transaction, database).await?;
    let found = match (holds(&mut transaction, database).await?, opening) {
        (Holds::OtherTables, Opening::Create | Opening::Existing) => {
            return Err(StoreError::Foreign("the database".to_owned()));
        }
        (Holds::Nothing, Opening::Existing) => {
            return Err(StoreError::Missing("the database".to_owned()));
        }
        (Holds::Nothing, Opening::Create) => 0,
        (Holds::Version(found), Opening::Create | Opening::Existing) => found,
    };
    let known = KNOWN;
    match (found.cmp(&known), opening) {
        (Ordering::Greater, Opening::Create | Opening::Existing) => {
            return Err(StoreError::Newer { found, known });
        }
        (Ordering::Less, Opening::Existing) => return Err(StoreError::Older { found, known }),
        (Ordering::Less, Opening::Create) => apply(&mut transaction, found).await?,
        (Ordering::Equal, Opening::Create | Opening::Existing) => {}
    }
    transaction.commit().await?;
    Ok(())
}

/// Waits for other nodes that migrate. On SQLite the transaction has the only write lock already.
async fn lock(
    transaction: &mut Transaction<'_, Any>,
    database: Database,
) -> Result<(), sqlx::Error> {
    match database {
        Database::Sqlite => {}
        Database::Postgres => {
            sqlx::query("SET LOCAL statement_timeout = '30s'")
                .execute(&mut **transaction)
                .await?;
            sqlx::query("SELECT pg_advisory_xact_lock($1)")
                .bind(LOCK)
                .execute(&mut **transaction)
                .await?;
        }
    }
    Ok(())
}

async fn apply(transaction: &mut Transaction<'_, Any>, found: i64) -> Result<(), StoreError> {
    for (version, migration) in (1..).zip(MIGRATIONS) {
        if version <= found {
            continue;
        }
        sqlx::raw_sql(migration).execute(&mut **transaction).await?;
        sqlx::query("INSERT INTO countersign_schema (version) VALUES ($1)")
            .bind(version)
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

async fn holds(
    transaction: &mut Transaction<'_, Any>,
    database: Database,
) -> Result<Holds, StoreError> {
    let catalogue = match database {
        Database::Sqlite => {
            "SELECT COUNT(*), COUNT(CASE WHEN name = 'countersign_schema' THEN 1 END) \
             FROM sqlite_master WHERE type = 'table'"
        }
        Database::Postgres => {
            "SELECT COUNT(*), COUNT(CASE WHEN table_name = 'countersign_schema' THEN 1 END) \
             FROM information_schema.tables WHERE table_schema = current_schema()"
        }
    };
    let row = sqlx::query(catalogue).fetch_one(&mut **transaction).await?;
    let (tables, ours): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    match (tables, ours) {
        (0, _) => Ok(Holds::Nothing),
        (_, 0) => Ok(Holds::OtherTables),
        (_, _) => {
            let version = sqlx::query_scalar("SELECT MAX(version) FROM countersign_schema")
                .fetch_one(&mut **transaction)
                .await?;
            Ok(Holds::Version(version))
        }
    }
}
