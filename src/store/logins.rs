//! Logins: which proved key belongs to whom, until when.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::principal::{KeyFingerprint, Principal, Subject};
use crate::store::{Store, StoreError, from_json, listed, to_json};

/// A key that somebody proved when they signed in, and until when it speaks for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// The key.
    pub key: KeyFingerprint,
    /// Whose it is.
    pub principal: Principal,
    /// Where they signed in from.
    pub source: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when, not included.
    pub until: Timestamp,
}

impl Store {
    /// Binds a key to a person. A later sign-in with the same key replaces an earlier one; logins that ended before
    /// this one are forgotten.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn bind_login(&self, login: &Login) -> Result<(), StoreError> {
        let text = to_json(login)?;
        self.timed(async {
            let mut transaction = self.begin().await?;
            sqlx::query("DELETE FROM logins WHERE until <= $1")
                .bind(login.since.as_millisecond())
                .execute(&mut *transaction)
                .await?;
            sqlx::query(
                "INSERT INTO logins (fingerprint, issuer, subject, since, until, login) \
                 VALUES ($1, $2, $3, $4, $5, $6) \
                 ON CONFLICT (fingerprint) DO UPDATE SET issuer = excluded.issuer, subject = excluded.subject, \
                 since = excluded.since, until = excluded.until, login = excluded.login",
            )
            .bind(login.key.as_str())
            .bind(&login.principal.subject.issuer)
            .bind(&login.principal.subject.subject)
            .bind(login.since.as_millisecond())
            .bind(login.until.as_millisecond())
            .bind(text)
            .execute(&mut *transaction)
            .await?;
            transaction.commit().await?;
            Ok(())
        })
        .await
    }

    /// The login of a proved key, where one holds now.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn login_for_key(
        &self,
        key: &KeyFingerprint,
        now: Timestamp,
    ) -> Result<Option<Login>, StoreError> {
        let found: Option<String> = self
            .timed(async {
                Ok(sqlx::query_scalar(
                    "SELECT login FROM logins WHERE fingerprint = $1 AND until > $2",
                )
                .bind(key.as_str())
                .bind(now.as_millisecond())
                .fetch_optional(&self.reads)
                .await?)
            })
            .await?;
        found.map(|text| from_json("a login", &text)).transpose()
    }

    /// Ends every login of a person now and says how many that were.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn end_logins(&self, person: &Subject, now: Timestamp) -> Result<u64, StoreError> {
        self.timed(async {
            let ended =
                sqlx::query("DELETE FROM logins WHERE issuer = $1 AND subject = $2 AND until > $3")
                    .bind(&person.issuer)
                    .bind(&person.subject)
                    .bind(now.as_millisecond())
                    .execute(&self.writes)
                    .await?;
            Ok(ended.rows_affected())
        })
        .await
    }

    /// The logins that hold now, newest first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn logins(&self, now: Timestamp, limit: u32) -> Result<Vec<Login>, StoreError> {
        let found: Vec<String> = self.timed(async {
            Ok(sqlx::query_scalar(
                "SELECT login FROM logins WHERE until > $1 ORDER BY since DESC, fingerprint LIMIT $2",
            )
            .bind(now.as_millisecond())
            .bind(listed(limit))
            .fetch_all(&self.reads)
            .await?)
        })
        .await?;
        found
            .iter()
            .map(|text| from_json("a login", text))
            .collect()
    }
}
