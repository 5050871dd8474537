//! Certificates: their serial numbers, whom they were issued to, and which were revoked.

use jiff::Timestamp;
use sqlx::Row;

use crate::domain::principal::{KeyFingerprint, Principal, Subject};
use crate::store::{Store, StoreError, from_column, from_json, to_column, to_json};

impl Store {
    /// A serial number that no certificate had before, on any node; each is greater than those given out before it.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn next_serial(&self) -> Result<u64, StoreError> {
        let given: Vec<i64> = self
            .timed(async {
                // All rows are fetched, though there is one: the first would come before the commit.
                Ok(sqlx::query_scalar(
                "UPDATE certificate_serial SET latest = latest + 1 WHERE slot = 1 RETURNING latest",
            )
            .fetch_all(&self.writes)
            .await?)
            })
            .await?;
        match given.first() {
            Some(serial) => from_column("the certificate serial", *serial),
            None => Err(StoreError::Unreadable {
                what: "the certificate serial",
                reason: "its row is missing".to_owned(),
            }),
        }
    }

    /// Remembers whom a certificate was issued to, so that [`Store::certificate_principal`] finds the whole principal.
    ///
    /// # Errors
    /// When the serial number was used before, or those of the database.
    pub async fn record_certificate(
        &self,
        serial: u64,
        key_id: &str,
        principal: &Principal,
        key: &KeyFingerprint,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        let (serial, whole) = (to_column(serial)?, to_json(principal)?);
        self.timed(async {
            sqlx::query(
                "INSERT INTO certificates (serial, key_id, fingerprint, issuer, subject, until, principal) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7)",
            )
            .bind(serial)
            .bind(key_id)
            .bind(key.as_str())
            .bind(&principal.subject.issuer)
            .bind(&principal.subject.subject)
            .bind(until.as_millisecond())
            .bind(whole)
            .execute(&self.writes)
            .await?;
            Ok(())
        })
        .await
    }

    /// Whom a certificate was issued to, and for which key. Whether it still holds is the certificate's matter.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn certificate_principal(
        &self,
        serial: u64,
    ) -> Result<Option<(Principal, KeyFingerprint)>, StoreError> {
        let Ok(serial) = i64::try_from(serial) else {
            return Ok(None);
        };
        let found: Option<(String, String)> = self
            .timed(async {
                let row = sqlx::query(
                    "SELECT principal, fingerprint FROM certificates WHERE serial = $1",
                )
                .bind(serial)
                .fetch_optional(&self.reads)
                .await?;
                Ok(row
                    .map(|row| Ok::<_, sqlx::Error>((row.try_get(0)?, row.try_get(1)?)))
                    .transpose()?)
            })
            .await?;
        found
            .map(|(principal, key)| {
                let principal = from_json("a certificate's principal", &principal)?;
                Ok((principal, KeyFingerprint::new(key)))
            })
            .transpose()
    }

    /// Revokes one certificate. The first reason is kept when it is revoked again.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn revoke_serial(
        &self,
        serial: u64,
        why: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (serial, why) = (to_column(serial)?, to_json(&why)?);
        self.timed(async {
            sqlx::query(
                "INSERT INTO revocations (serial, revoked, why) VALUES ($1, $2, $3) \
                 ON CONFLICT (serial) DO NOTHING",
            )
            .bind(serial)
            .bind(now.as_millisecond())
            .bind(why)
            .execute(&self.writes)
            .await?;
            Ok(())
        })
        .await
    }

    /// Revokes every certificate of a person that is still in force, and says how many that were.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn revoke_certificates(
        &self,
        person: &Subject,
        why: &str,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let why = to_json(&why)?;
        self.timed(async {
            let revoked = sqlx::query(
                "INSERT INTO revocations (serial, revoked, why) \
                 SELECT serial, $1, $2 FROM certificates WHERE issuer = $3 AND subject = $4 AND until > $1 \
                 ON CONFLICT (serial) DO NOTHING",
            )
            .bind(now.as_millisecond())
            .bind(why)
            .bind(&person.issuer)
            .bind(&person.subject)
            .execute(&self.writes)
            .await?;
            Ok(revoked.rows_affected())
        })
        .await
    }

    /// Whether a certificate was revoked.
    ///
    /// # Errors
    /// Those of the database; the certificate must not be trusted then.
    pub async fn is_revoked(&self, serial: u64) -> Result<bool, StoreError> {
        let Ok(serial) = i64::try_from(serial) else {
            return Ok(false);
        };
        let found: i64 = self
            .timed(async {
                Ok(
                    sqlx::query_scalar("SELECT COUNT(*) FROM revocations WHERE serial = $1")
                        .bind(serial)
                        .fetch_one(&self.reads)
                        .await?,
                )
            })
            .await?;
        Ok(found > 0)
    }
}
