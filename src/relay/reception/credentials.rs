//! What a client proves: a key that somebody is bound to, or a certificate of ours.

use std::net::IpAddr;

use jiff::Timestamp;
use russh::keys::Certificate;

use crate::certificate::CertificateRefused;
use crate::domain::audit::AuditEvent;
use crate::domain::principal::{KeyFingerprint, VerifiedIdentity};
use crate::relay::Services;

/// Tells the audit of a sign-in that failed.
pub(super) async fn login_failed(
    services: &Services,
    source: IpAddr,
    key: Option<KeyFingerprint>,
    reason: String,
) {
    let event = AuditEvent::LoginFailed {
        key,
        source: source.to_string(),
        reason,
    };
    if let Err(error) = services.audit.append(event, Timestamp::now()).await {
        tracing::error!(%error, "a failed login could not be audited");
    }
}

/// The identity behind a certificate, when it is ours, in time, not revoked, and was issued for that key.
pub(super) async fn presented(
    services: &Services,
    source: IpAddr,
    certificate: &Certificate,
) -> Result<VerifiedIdentity, String> {
    let now = Timestamp::now();
    let verified = services
        .authority
        .verify_user_certificate(certificate, source, now);
    let presented = verified.map_err(|refused| refused.to_string())?;
    if services
        .store
        .is_revoked(presented.serial)
        .await
        .map_err(|error| error.to_string())?
    {
        return Err(CertificateRefused::Revoked.to_string());
    }
    let issued = services.store.certificate_principal(presented.serial).await;
    let Some((principal, key)) = issued.map_err(|error| error.to_string())? else {
        return Err(CertificateRefused::NotIssued.to_string());
    };
    services
        .authority
        .identity(&presented, principal, &key)
        .map_err(|refused| refused.to_string())
}

/// The identity that an earlier sign-in bound to a key.
pub(super) async fn bound(
    services: &Services,
    key: &KeyFingerprint,
) -> Result<Option<VerifiedIdentity>, String> {
    let now = Timestamp::now();
    let login = services
        .store
        .login_for_key(key, now)
        .await
        .map_err(|error| error.to_string())?;
    Ok(login.and_then(|login| crate::identity::bound(login, now)))
}
