//! The rules a certificate must pass, each with its own refusal (OpenSSH PROTOCOL.certkeys).
//!
//! The SSH library checks a certificate's signature only against the authority *inside* it: everything that makes it
//! ours is checked here, by public keys alone.

use std::net::IpAddr;
use std::str::FromStr;

use jiff::Timestamp;
use russh::keys::ssh_key::certificate::CertType;
use russh::keys::{Certificate, HashAlg, PublicKey};

use crate::domain::principal::KeyFingerprint;

/// Stands before a person's name in their certificates. No login on a target can hold a colon, so that a person's
/// certificate never opens a target by itself, although the same authority signs both.
pub const PERSON_PREFIX: &str = "person:";

/// A critical option that only this bastion knows: stock `sshd` refuses a certificate with one it does not know.
pub const BASTION_ONLY: &str = "bastion-only@countersign";

/// The fingerprint of a key as OpenSSH shows it.
pub fn fingerprint(key: &PublicKey) -> KeyFingerprint {
    KeyFingerprint::new(key.fingerprint(HashAlg::Sha256).to_string())
}

/// Why a certificate is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateRefused {
    /// Signed by somebody else.
    #[error("the certificate is signed by another authority")]
    OtherAuthority,
    /// A host certificate where a user certificate belongs, or the reverse.
    #[error("the certificate is of the wrong type")]
    WrongType,
    /// No principals at all would mean every principal.
    #[error("the certificate names nobody")]
    NoPrincipal,
    /// It names somebody or something else.
    #[error("the certificate is for another name")]
    OtherPrincipal,
    /// Before or after its time.
    #[error(
        "the certificate has expired or is not valid yet: run `ssh BASTION certificate` for a new one"
    )]
    OutsideWindow,
    /// A restriction that is not understood must not be ignored.
    #[error("the certificate has the critical option `{0}`, which is not known here")]
    UnknownOption(String),
    /// Used from an address that it is not for.
    #[error("the certificate is not for use from this address")]
    OtherAddress,
    /// The signature does not fit.
    #[error("the certificate's signature is wrong")]
    BadSignature,
    /// We did not issue it, or to somebody else.
    #[error("the certificate was not issued by this bastion")]
    NotIssued,
    /// It was revoked.
    #[error("the certificate was revoked")]
    Revoked,
}

/// A person's certificate that passed every rule that can be checked without the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresentedCertificate {
    /// Its serial number, by which the store knows whom it was issued to.
    pub serial: u64,
    /// The key it is for.
    pub key: KeyFingerprint,
    /// The person it names.
    pub person: String,
    /// When it ends.
    pub until: Timestamp,
}

/// Verifies a person's certificate that a client presented and whose key it has proved.
///
/// # Errors
/// When any rule of DESIGN §5 does not hold.
pub fn verify_user_certificate(
    certificate: &Certificate,
    authority: &PublicKey,
    source: IpAddr,
    now: Timestamp,
) -> Result<PresentedCertificate, CertificateRefused> {
    let until = signed_and_in_time(certificate, authority, CertType::User, now)?;
    let [principal] = certificate.valid_principals() else {
        return Err(CertificateRefused::NoPrincipal);
    };
    let person = principal
        .strip_prefix(PERSON_PREFIX)
        .ok_or(CertificateRefused::OtherPrincipal)?;
    for (name, value) in certificate.critical_options().iter() {
        match name.as_str() {
            BASTION_ONLY => {}
            "source-address" if admits(value, source) => {}
            "source-address" => return Err(CertificateRefused::OtherAddress),
            other => return Err(CertificateRefused::UnknownOption(other.to_owned())),
        }
    }
    let key = fingerprint(&PublicKey::from(certificate.public_key().clone()));
    Ok(PresentedCertificate {
        serial: certificate.serial(),
        key,
        person: person.to_owned(),
        until,
    })
}

/// Verifies a target's host certificate: our authority for it, its type, its window and that it names one of `names`.
///
/// # Errors
/// When any of that does not hold.
pub fn verify_host_certificate(
    certificate: &Certificate,
    authority: &PublicKey,
    names: &[&str],
    now: Timestamp,
) -> Result<(), CertificateRefused> {
    signed_and_in_time(certificate, authority, CertType::Host, now)?;
    if certificate.valid_principals().is_empty() {
        return Err(CertificateRefused::NoPrincipal);
    }
    if !certificate
        .valid_principals()
        .iter()
        .any(|principal| names.contains(&principal.as_str()))
    {
        return Err(CertificateRefused::OtherPrincipal);
    }
    match certificate.critical_options().iter().next() {
        Some((name, _)) => Err(CertificateRefused::UnknownOption(name.clone())),
        None => Ok(()),
    }
}

fn signed_and_in_time(
    certificate: &Certificate,
    authority: &PublicKey,
    expected: CertType,
    now: Timestamp,
) -> Result<Timestamp, CertificateRefused> {
    if certificate.signature_key() != authority.key_data() {
        return Err(CertificateRefused::OtherAuthority);
    }
    if certificate.cert_type() != expected {
        return Err(CertificateRefused::WrongType);
    }
    let seconds = u64::try_from(now.as_second()).map_err(|_| CertificateRefused::OutsideWindow)?;
    if seconds < certificate.valid_after() || seconds >= certificate.valid_before() {
        return Err(CertificateRefused::OutsideWindow);
    }
    let trusted = authority.fingerprint(HashAlg::Sha256);
    certificate
        .validate_at(seconds, [&trusted])
        .map_err(|_| CertificateRefused::BadSignature)?;
    let until = i64::try_from(certificate.valid_before()).ok();
    Ok(until
        .and_then(|until| Timestamp::from_second(until).ok())
        .unwrap_or(Timestamp::MAX))
}

/// Whether a `source-address` list (addresses and CIDR blocks) holds the address; what cannot be read holds nothing.
fn admits(list: &str, source: IpAddr) -> bool {
    list.split(',').any(|entry| {
        let (address, length) = match entry.split_once('/') {
            Some((address, length)) => (address, length.parse::<u32>().ok()),
            None => (entry, Some(u32::MAX)),
        };
        match (IpAddr::from_str(address), source, length) {
            (Ok(IpAddr::V4(block)), IpAddr::V4(source), Some(length)) => same_prefix(
                u128::from(block.to_bits()),
                u128::from(source.to_bits()),
                32,
                length,
            ),
            (Ok(IpAddr::V6(block)), IpAddr::V6(source), Some(length)) => {
                same_prefix(block.to_bits(), source.to_bits(), 128, length)
            }
            _ => false,
        }
    })
}

fn same_prefix(a: u128, b: u128, width: u32, length: u32) -> bool {
    let length = if length == u32::MAX { width } else { length };
    let ignored = width.checked_sub(length);
    ignored.is_some_and(|ignored| a.checked_shr(ignored) == b.checked_shr(ignored))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_addresses_are_read_as_openssh_reads_them() {
        let source = "10.1.2.3".parse().unwrap();
        assert!(admits("10.1.2.3", source));
        assert!(admits("192.0.2.1,10.1.0.0/16", source));
        assert!(admits("0.0.0.0/0", source));
        for wrong in [
            "",
            "10.1.2.4",
            "10.2.0.0/16",
            "10.1.2.3/33",
            "10.1.2.3/x",
            "::/0",
            "nonsense",
        ] {
            assert!(!admits(wrong, source), "{wrong}");
        }
        assert!(admits("2001:db8::/32", "2001:db8::1".parse().unwrap()));
    }
}
