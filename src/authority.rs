//! The certificate authorities: the only code near private keys.
//!
//! [`Authority`] mints certificates for sessions on targets, for people and for host names, and verifies those
//! that come back, and signs for a sudo that was cleared. It decides nothing about who may: it is handed a grant or an identity. Format and meaning of
//! certificates follow OpenSSH's PROTOCOL.certkeys.

pub mod key_file;

pub mod probe;

mod sudo_gate;

use std::time::Duration;

use jiff::Timestamp;
use russh::keys::ssh_key::certificate::{Builder, CertType};
use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::keys::{Certificate, PrivateKey, PublicKey};

use crate::certificate::{
    BASTION_ONLY, CertificateRefused, PERSON_PREFIX, PresentedCertificate, verify_user_certificate,
};
use crate::config::CertificateConfig;
use crate::domain::grant::{Permissions, Runs, TargetCertificate};
use crate::domain::name::LoginName;
use crate::domain::principal::{Evidence, KeyFingerprint, Principal, VerifiedIdentity};

/// Clocks may differ by so much: windows begin this long before now.
const CLOCK_SKEW: Duration = Duration::from_secs(60);

/// How long a host certificate lasts. It is made anew for each connection.
const HOST_CERTIFICATE_TTL: Duration = Duration::from_secs(24 * 3_600);

/// Something about keys went wrong; the message names the file, never its content.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A key file cannot be used.
    #[error(transparent)]
    KeyFile(#[from] key_file::KeyFileError),
    /// A certificate could not be made.
    #[error("cannot make a certificate: {0}")]
    Minting(#[from] russh::keys::ssh_key::Error),
    /// The system gave no random bytes.
    #[error("the system gave no random bytes")]
    Random,
    /// What was cleared is not the sudo that asks.
    #[error("what was cleared is not this sudo")]
    NotCleared,
    /// The system did not sign.
    #[error("cannot sign for the sudo gate: {0}")]
    Signing(String),
}

/// The user and the host authority, the key of the sudo gate, and the node's own host key.
pub struct Authority {
    user: PrivateKey,
    host: PrivateKey,
    host_key: PrivateKey,
    sudo_gate: PrivateKey,
}

/// What a certificate for a target says (OpenSSH PROTOCOL.certkeys).
struct Wording<'a> {
    key_id: String,
    login: &'a LoginName,
    permissions: Permissions,
    force_command: Option<&'a str>,
    dialled_from: Option<std::net::IpAddr>,
    serial: u64,
    lifetime: Duration,
}

impl Authority {
    /// Reads the keys.
    ///
    /// # Errors
    /// When one is missing, malformed, or readable by others.
    pub fn load(
        config: &CertificateConfig,
        host_key: &std::path::Path,
    ) -> Result<Self, AuthorityError> {
        Ok(Self {
            user: key_file::load(&config.user_ca)?,
            host: key_file::load(&config.host_ca)?,
            host_key: key_file::load(host_key)?,
            sudo_gate: key_file::load(&config.sudo_gate)?,
        })
    }

    /// The public key that targets trust (`TrustedUserCAKeys`).
    pub fn user_ca(&self) -> &PublicKey {
        self.user.public_key()
    }

    /// The public key that clients trust (`@cert-authority`).
    pub fn host_ca(&self) -> &PublicKey {
        self.host.public_key()
    }

    /// The node's host key.
    pub fn host_key(&self) -> &PrivateKey {
        &self.host_key
    }

    /// Mints an ephemeral key and the certificate that opens one target as one login with it.
    ///
    /// # Errors
    /// When the system gives no random bytes or the certificate cannot be encoded.
    pub fn mint_for_target(
        &self,
        certificate: &TargetCertificate<'_>,
        dialled_from: Option<std::net::IpAddr>,
        serial: u64,
        now: Timestamp,
    ) -> Result<(PrivateKey, Certificate), AuthorityError> {
        let wording = Wording {
            key_id: certificate.key_id(),
            login: &certificate.grant.destination().login,
            permissions: certificate.permissions,
            force_command: match &certificate.runs {
                Runs::Anything => None,
                Runs::Only(command) => Some(command.text()),
            },
            dialled_from,
            serial,
            lifetime: certificate.lifetime,
        };
        self.mint(wording, now)
    }

    /// Mints an ephemeral key and a certificate for a target.
    fn mint(
        &self,
        wording: Wording<'_>,
        now: Timestamp,
    ) -> Result<(PrivateKey, Certificate), AuthorityError> {
        let key = ephemeral_key()?;
        let mut builder = self.builder(key.public_key(), wording.serial, now, wording.lifetime)?;
        builder.cert_type(CertType::User)?;
        builder.key_id(wording.key_id)?;
        builder.valid_principal(wording.login.as_str())?;
        if let Some(address) = wording.dialled_from {
            builder.critical_option("source-address", address.to_string())?;
        }
        if let Some(command) = wording.force_command {
            builder.critical_option("force-command", command)?;
        }
        let permissions = wording.permissions;
        for (wanted, name) in [
            (permissions.agent_forwarding, "permit-agent-forwarding"),
            (permissions.port_forwarding, "permit-port-forwarding"),
            (permissions.pty, "permit-pty"),
        ] {
            if wanted {
                builder.extension(name, "")?;
            }
        }
        Ok((key, builder.sign(&self.user)?))
    }

    /// Mints a certificate for the key that a person proved. It logs in to the bastion only, until `until`.
    ///
    /// # Errors
    /// When the certificate cannot be encoded.
    pub fn mint_for_person(
        &self,
        principal: &Principal,
        key: &PublicKey,
        serial: u64,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Certificate, AuthorityError> {
        let lifetime = Duration::try_from(until.duration_since(now)).unwrap_or(Duration::ZERO);
        let mut builder = self.builder(key, serial, now, lifetime)?;
        builder.cert_type(CertType::User)?;
        builder.key_id(principal.name.as_str())?;
        builder.valid_principal(format!("{PERSON_PREFIX}{}", principal.name))?;
        builder.critical_option(BASTION_ONLY, "")?;
        Ok(builder.sign(&self.user)?)
    }

    /// Mints a certificate for the node's host key under the names that a client may have typed.
    ///
    /// # Errors
    /// When the certificate cannot be encoded.
    pub fn mint_for_host(
        &self,
        names: &[&str],
        now: Timestamp,
    ) -> Result<Certificate, AuthorityError> {
        let mut builder = self.builder(self.host_key.public_key(), 0, now, HOST_CERTIFICATE_TTL)?;
        builder.cert_type(CertType::Host)?;
        builder.key_id(names.first().copied().unwrap_or_default())?;
        for name in names {
            builder.valid_principal(*name)?;
        }
        Ok(builder.sign(&self.host)?)
    }

    /// Verifies a certificate that a client presented; the SSH library has checked possession and signature.
    ///
    /// # Errors
    /// When any rule of DESIGN §5 does not hold.
    pub fn verify_user_certificate(
        &self,
        certificate: &Certificate,
        source: std::net::IpAddr,
        now: Timestamp,
    ) -> Result<PresentedCertificate, CertificateRefused> {
        verify_user_certificate(certificate, self.user.public_key(), source, now)
    }

    /// The identity behind a verified certificate, with the principal that it was issued to.
    ///
    /// # Errors
    /// When the certificate was issued for another key or to another name.
    pub fn identity(
        &self,
        certificate: &PresentedCertificate,
        principal: Principal,
        issued_for: &KeyFingerprint,
    ) -> Result<VerifiedIdentity, CertificateRefused> {
        if certificate.key != *issued_for || certificate.person != principal.name.as_str() {
            return Err(CertificateRefused::NotIssued);
        }
        let key = certificate.key.clone();
        Ok(VerifiedIdentity::vouched(
            principal,
            key,
            Evidence::Certificate,
            certificate.until,
        ))
    }

    fn builder(
        &self,
        key: &PublicKey,
        serial: u64,
        now: Timestamp,
        lifetime: Duration,
    ) -> Result<Builder, AuthorityError> {
        let now = u64::try_from(now.as_second()).unwrap_or(0);
        let after = now.saturating_sub(CLOCK_SKEW.as_secs());
        let before = now.saturating_add(lifetime.as_secs());
        let nonce: [u8; 32] = random()?;
        let mut builder = Builder::new(nonce.to_vec(), key.key_data().clone(), after, before)?;
        builder.serial(serial)?;
        Ok(builder)
    }
}

fn ephemeral_key() -> Result<PrivateKey, AuthorityError> {
    let seed = zeroize::Zeroizing::new(random::<32>()?);
    Ok(PrivateKey::from(Ed25519Keypair::from_seed(&seed)))
}

fn random<const N: usize>() -> Result<[u8; N], AuthorityError> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| AuthorityError::Random)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
