//! A key that an earlier sign-in bound to a person.

use jiff::Timestamp;

use crate::domain::principal::{Evidence, VerifiedIdentity};
use crate::store::Login;

/// The identity behind a login that was kept when its ID token was verified; `None` when its time is over.
pub fn bound(login: Login, now: Timestamp) -> Option<VerifiedIdentity> {
    let holds = login.since <= now && now < login.until;
    holds.then(|| {
        VerifiedIdentity::vouched(login.principal, login.key, Evidence::BoundKey, login.until)
    })
}
