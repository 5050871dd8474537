//! A PostgreSQL database, which several nodes may share.

use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use sqlx::any::AnyConnectOptions;

use crate::store::StoreError;

/// What every connection is told: the server ends what we have stopped waiting for (see `QUERY_TIMEOUT`), and a
/// transaction that a lost node left open.
pub(super) const SETTINGS: &str = "SET statement_timeout = '10s'; SET idle_in_transaction_session_timeout = '30s'; \
     SET synchronous_commit = on;";

/// For a connection whose commits the server brings to the disk by itself, within three times its `wal_writer_delay`.
pub(super) const QUICK: &str = "SET synchronous_commit = off;";

/// How to connect.
pub(super) fn options(url: &SecretString) -> Result<AnyConnectOptions, StoreError> {
    AnyConnectOptions::from_str(url.expose_secret()).map_err(StoreError::Unreachable)
}
