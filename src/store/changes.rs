//! Wakes whoever waits for a hold to change, or for the order to end a session. It says that something changed, not what: rows decide.
//!
//! Changes through this process wake at once, those of other nodes by PostgreSQL's NOTIFY. A wake-up that is lost is
//! repaired by polling, which is also how other processes on one SQLite file are noticed.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::PgListener;
use tokio::sync::watch;

use crate::store::{Database, Store, StoreError, StoreUrl};

/// Longest time until a change is looked for without a wake-up.
pub const CHANGE_POLL: Duration = Duration::from_secs(2);

const CHANNEL: &str = "countersign_holds";

/// Why a wait for changes ended. Either way the rows are to be read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// Some hold was opened, answered or ended, or some session was ordered to end.
    Changed,
    /// It is time to look.
    Polled,
}

/// The wait for changes.
#[derive(Debug)]
pub struct Changes {
    here: watch::Receiver<()>,
    elsewhere: Elsewhere,
}

/// What tells of the other nodes' changes.
#[derive(Debug)]
enum Elsewhere {
    Nothing,
    Postgres {
        url: SecretString,
        /// `None` after it failed, until it is connected again.
        listener: Option<PgListener>,
    },
}

impl Store {
    /// Starts to listen; no change after this is missed.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn changes(&self) -> Result<Changes, StoreError> {
        let here = self.changed.subscribe();
        let elsewhere = match &self.url {
            StoreUrl::Sqlite(_) => Elsewhere::Nothing,
            StoreUrl::Postgres(url) => Elsewhere::Postgres {
                url: url.clone(),
                listener: Some(self.timed(listen(url)).await?),
            },
        };
        Ok(Changes { here, elsewhere })
    }

    /// Tells everybody that something changed. The row is written already, so a failure here is repaired by polling.
    pub(super) async fn changed(&self) {
        self.changed.send_replace(());
        match self.database {
            Database::Sqlite => {}
            Database::Postgres => {
                let told = self.timed(async {
                    sqlx::query("SELECT pg_notify($1, '')")
                        .bind(CHANNEL)
                        .execute(&self.writes)
                        .await?;
                    Ok(())
                });
                if let Err(error) = told.await {
                    tracing::warn!(%error, "the other nodes could not be woken");
                }
            }
        }
    }
}

impl Changes {
    /// Waits for a change, at most for [`CHANGE_POLL`].
    pub async fn next(&mut self) -> Woken {
        tokio::select! {
            Ok(()) = self.here.changed() => Woken::Changed,
            () = self.elsewhere.notified() => Woken::Changed,
            () = tokio::time::sleep(CHANGE_POLL) => Woken::Polled,
        }
    }
}

impl Elsewhere {
    /// Waits for another node's change; for ever where none can be heard of.
    async fn notified(&mut self) {
        let Self::Postgres { url, listener } = self else {
            return std::future::pending().await;
        };
        let heard = match listener {
            Some(listening) => listening.recv().await.map(drop).map_err(StoreError::from),
            // What changed while nobody listened was missed: that counts as a change.
            None => listen(url).await.map(|again| *listener = Some(again)),
        };
        if let Err(error) = heard {
            tracing::warn!(%error, "changes on other nodes are polled for");
            *listener = None;
            std::future::pending::<()>().await;
        }
    }
}

async fn listen(url: &SecretString) -> Result<PgListener, StoreError> {
    let mut listener = PgListener::connect(url.expose_secret())
        .await
        .map_err(StoreError::Unreachable)?;
    listener.listen(CHANNEL).await?;
    Ok(listener)
}
