//! What can go wrong with a database, by whose fault it is.

use std::io;
use std::path::PathBuf;

use crate::domain::id::{HoldId, SessionId};

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database or the way to it: not there, not answering, or it does not let us in.
    #[error("the database cannot be reached: {0}")]
    Unreachable(sqlx::Error),
    /// The file system does not let us.
    #[error("the database file `{path}` cannot be used: {error}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// There is nothing to look at.
    #[error(
        "{0} holds no data of countersign: name the right database, or start the bastion once to make it"
    )]
    Missing(String),
    /// The database holds what a database cannot hold. Nothing was written to it.
    #[error("the database is damaged and was left as it is: {0}")]
    Damaged(String),
    /// The database belongs to something else. Nothing was written to it.
    #[error(
        "{0} belongs to something else and was left as it is; countersign needs a database of its own"
    )]
    Foreign(String),
    /// A newer program made the database. Nothing was written to it.
    #[error(
        "the database has version {found}, this program knows none after {known}: run the newer program"
    )]
    Newer {
        /// The database's version.
        found: i64,
        /// The newest this program knows.
        known: i64,
    },
    /// An older program made the database, and this command does not change it.
    #[error(
        "the database has version {found}, this program needs {known}: start the bastion once to bring it up to date"
    )]
    Older {
        /// The database's version.
        found: i64,
        /// The one this program needs.
        known: i64,
    },
    /// The database took too long.
    #[error("the database did not answer in time")]
    Slow,
    /// The database refused a query of ours.
    #[error("the database refused: {0}")]
    Refused(sqlx::Error),
    /// A row does not hold what this program writes: it was changed by something else.
    #[error("{what} in the database cannot be read: {reason}")]
    Unreadable {
        /// What the row is.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The caller's value cannot be kept.
    #[error("it cannot be stored: {0}")]
    Unwritable(String),
    /// The caller's new hold has the name of another: draw another name.
    #[error("the request id `{0}` is taken")]
    Taken(HoldId),
    /// The caller's picture of the hold is out of date: somebody else was faster, or it has ended.
    #[error("the request `{0}` was changed by somebody else meanwhile")]
    Conflict(HoldId),
    /// The caller's session is unknown or has ended before.
    #[error("the session `{0}` does not run")]
    NotRunning(SessionId),
    /// There are more than can be looked through.
    #[error("more than {0} sessions run: who is on a host cannot be told")]
    TooMany(usize),
}

impl StoreError {
    /// Whether a row with the same key was there already.
    pub(super) fn is_duplicate(&self) -> bool {
        matches!(self, Self::Refused(sqlx::Error::Database(error)) if error.is_unique_violation())
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(cause) if is_damage(cause.code().as_deref()) => {
                Self::Damaged(cause.message().to_owned())
            }
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Configuration(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unreachable(error),
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => Self::Unreadable {
                what: "a row",
                reason: error.to_string(),
            },
            // Of the library's errors the rest are answers to a query.
            other => Self::Refused(other),
        }
    }
}

/// `SQLITE_CORRUPT` (11) and `SQLITE_NOTADB` (26) with their extended codes, and PostgreSQL's class `XX001`, `XX002`.
fn is_damage(code: Option<&str>) -> bool {
    match code {
        Some("XX001" | "XX002") => true,
        // A code of SQLite has fewer digits than the five of an SQLSTATE.
        Some(code) if code.len() < 5 => code
            .parse::<u32>()
            .is_ok_and(|code| matches!(code & 0xff, 11 | 26)),
        Some(_) | None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_told_from_other_errors_of_both_databases() {
        for damage in ["11", "267", "26", "XX001"] {
            assert!(is_damage(Some(damage)), "{damage}");
        }
        for other in ["5", "2067", "23505", "00011", "57014"] {
            assert!(!is_damage(Some(other)), "{other}");
        }
        assert!(!is_damage(None));
    }
}
