//! What outlives a connection: logins, certificate serials, sessions, holds and the audit rows, in SQLite or PostgreSQL.
//!
//! There is one set of queries for both databases; only how a database is opened differs, in `sqlite` and `postgres`.
//! The invariant: rows decide. Whoever wants to change something that another node may change too names the version
//! they saw, and exactly one of them succeeds. What could not be written is an error, never a shrug, and a database
//! that is damaged, not ours or newer than this program is refused and left as it is.
//!
//! The store makes no decisions and reads no clock: the time is always an argument. Times that queries compare are
//! kept to the millisecond.

mod audit;
mod certificates;
mod changes;
mod error;
mod holds;
mod location;
mod logins;
mod migrations;
mod nodes;
mod postgres;
mod sessions;
mod sqlite;
#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::any::{Any, AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyConnection, AnyPool, ConnectOptions, Connection, Transaction};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::context::TokioContext;

pub use crate::store::audit::{AuditEntry, AuditRange, CHAINS};
pub use crate::store::changes::{CHANGE_POLL, Changes, Woken};
pub use crate::store::error::StoreError;
pub use crate::store::holds::{HoldState, StoredHold, Version};
pub use crate::store::location::{StoreUrl, StoreUrlError};
pub use crate::store::logins::Login;
pub use crate::store::sessions::{SessionFilter, Which};

/// Longest time one operation may take, all its queries together.
pub const QUERY_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest time opening may take, with the check of the file and the migrations.
const OPEN_TIMEOUT: Duration = Duration::from_secs(30);

/// Longest time an operation waits for a free connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// Most connections for reading that are open at once, or for everything on PostgreSQL.
const CONNECTIONS: u32 = 8;

/// Most rows that one list holds, whatever is asked for.
pub const LISTED: u32 = 1000;

/// The database, open. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Store {
    reads: AnyPool,
    /// On SQLite one connection, so that writers queue here, in order, and not at the file's lock.
    writes: AnyPool,
    /// One more connection, whose commits do not wait for the disk.
    quick: AnyPool,
    database: Database,
    url: StoreUrl,
    /// Its reactor and timers serve every connection.
    runtime: Handle,
    /// Ticks at every change through this process that others wait for.
    changed: Arc<watch::Sender<()>>,
}

/// Which database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Database {
    Sqlite,
    Postgres,
}

/// What something that was written survives when its writer is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Survives {
    /// The end of the bastion, but not yet that of the machine that keeps the database.
    Bastion,
    /// The end of that machine as well.
    Machine,
}

/// What may be done to open a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opening {
    /// Make it when it is missing, and bring it to this program's version.
    Create,
    /// Use it as it is, or not at all.
    Existing,
}

impl Store {
    /// Opens the database of a node; makes it where it is missing and brings it to this program's version.
    ///
    /// # Errors
    /// When it cannot be reached, is damaged, belongs to something else or is newer than this program.
    pub async fn open(url: &StoreUrl) -> Result<Self, StoreError> {
        within(OPEN_TIMEOUT, Self::opened(url, Opening::Create)).await
    }

    /// Opens a database that exists already, for commands that only look: nothing is made or brought up to date.
    ///
    /// # Errors
    /// As [`Store::open`]; also when there is no database or it is older than this program.
    pub async fn open_existing(url: &StoreUrl) -> Result<Self, StoreError> {
        within(OPEN_TIMEOUT, Self::opened(url, Opening::Existing)).await
    }

    /// Ends every connection, after the operations that run.
    pub async fn close(&self) {
        self.reads.close().await;
        self.writes.close().await;
        self.quick.close().await;
    }

    async fn opened(url: &StoreUrl, opening: Opening) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let (database, options) = match url {
            StoreUrl::Sqlite(path) => (Database::Sqlite, sqlite::prepare(path, opening).await?),
            StoreUrl::Postgres(url) => (Database::Postgres, postgres::options(url)?),
        };
        let mut connection = options.connect().await.map_err(StoreError::Unreachable)?;
        let migrated = match database.set_up(Survives::Machine, &mut connection).await {
            Ok(()) => migrations::migrate(&mut connection, database, opening).await,
            Err(error) => Err(error.into()),
        };
        // A connection that is dropped ends in the background; the next one must not meet its lock.
        let closed = connection.close().await;
        migrated?;
        closed?;
        let reads = database.pool(CONNECTIONS, Survives::Machine, &options);
        let writes = match database {
            Database::Sqlite => database.pool(1, Survives::Machine, &options),
            Database::Postgres => reads.clone(),
        };
        let quick = database.pool(1, Survives::Bastion, &options);
        Ok(Self {
            reads,
            writes,
            quick,
            database,
            url: url.clone(),
            runtime: Handle::current(),
            changed: Arc::new(watch::Sender::new(())),
        })
    }

    /// Runs one operation within [`QUERY_TIMEOUT`]. Whoever asks, its connections belong to the runtime that opened the
    /// store: they neither wait for a busy lane nor end with it.
    async fn timed<T>(
        &self,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        // The time-out begins inside, so that its timer is of that runtime as well.
        let work = async { within(QUERY_TIMEOUT, work).await };
        TokioContext::new(work, self.runtime.clone()).await
    }

    async fn begin(&self) -> Result<Transaction<'static, Any>, sqlx::Error> {
        self.begin_to(Survives::Machine).await
    }

    async fn begin_to(&self, survives: Survives) -> Result<Transaction<'static, Any>, sqlx::Error> {
        let pool = match survives {
            Survives::Machine => &self.writes,
            Survives::Bastion => &self.quick,
        };
        pool.begin_with(self.database.begin()).await
    }
}

impl Database {
    /// A transaction that will write. SQLite takes the write lock at once: a lock taken later cannot be waited for.
    fn begin(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN",
        }
    }

    /// What every new connection is told first.
    fn settings(self) -> &'static str {
        match self {
            Self::Sqlite => sqlite::SETTINGS,
            Self::Postgres => postgres::SETTINGS,
        }
    }

    /// What a connection is told besides, whose commits need not wait for the disk.
    fn quick(self) -> &'static str {
        match self {
            Self::Sqlite => sqlite::QUICK,
            Self::Postgres => postgres::QUICK,
        }
    }

    async fn set_up(
        self,
        survives: Survives,
        connection: &mut AnyConnection,
    ) -> Result<(), sqlx::Error> {
        sqlx::raw_sql(self.settings())
            .execute(&mut *connection)
            .await?;
        match survives {
            Survives::Machine => {}
            Survives::Bastion => {
                sqlx::raw_sql(self.quick()).execute(connection).await?;
            }
        }
        Ok(())
    }

    fn pool(self, connections: u32, survives: Survives, options: &AnyConnectOptions) -> AnyPool {
        let pool = AnyPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .after_connect(move |connection, _| Box::pin(self.set_up(survives, connection)));
        let pool = match self {
            // A file does not go away like a connection does: no test before use, no renewal.
            Self::Sqlite => pool
                .test_before_acquire(false)
                .idle_timeout(None)
                .max_lifetime(None),
            Self::Postgres => pool,
        };
        pool.connect_lazy_with(options.clone())
    }
}

async fn within<T>(
    longest: Duration,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(longest, work).await {
        Ok(result) => result,
        Err(_) => Err(StoreError::Slow),
    }
}

/// How many rows a list of `limit` may have.
fn listed(limit: u32) -> i64 {
    i64::from(limit.min(LISTED))
}

fn to_json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Unwritable(error.to_string()))
}

fn from_json<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| unreadable(what, &error))
}

fn unreadable(what: &'static str, reason: &impl std::fmt::Display) -> StoreError {
    StoreError::Unreadable {
        what,
        reason: reason.to_string(),
    }
}

fn timestamp(what: &'static str, milliseconds: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_millisecond(milliseconds).map_err(|error| unreadable(what, &error))
}

/// A number of ours that is never negative, as the databases keep it.
fn to_column(number: u64) -> Result<i64, StoreError> {
    i64::try_from(number)
        .map_err(|_| StoreError::Unwritable(format!("`{number}` is too great a number")))
}

fn from_column(what: &'static str, number: i64) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|error| unreadable(what, &error))
}
