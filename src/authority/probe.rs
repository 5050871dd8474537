//! What `countersign target check` may have signed, which rests on nobody's grant: whoever can read the keys could make it.
//!
//! Invariant: its certificates last a minute and say what they are for; for the sudo gate it signs a sudo
//! of `true` and a list of what sudo allows, of the login and the host that are checked, made about now, and nothing else.
//! The audit knows of each before it is made: whoever asks sees to that.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use russh::keys::signature::Signer;
use russh::keys::ssh_key::Signature;
use russh::keys::{Certificate, PrivateKey};

use super::{Authority, AuthorityError, Wording};
use crate::domain::grant::Permissions;
use crate::domain::name::{LoginName, TargetName};
use crate::domain::sudo::SudoRequest;

/// What targets log as who logged in.
const KEY_ID: &str = "countersign target check";
/// How long such a certificate may be used.
pub const LIFETIME: Duration = Duration::from_secs(60);
/// The sudos that a check calls.
const HARMLESS: [&[&str]; 4] = [
    &["sudo", "true"],
    &["sudo", "-k", "true"],
    &["/usr/bin/sudo", "-k", "true"],
    &["sudo", "-k", "-l"],
];

/// What a certificate for a check is to say.
#[derive(Debug, Clone, Copy)]
pub struct ProbeCertificate<'a> {
    /// The login that it is for.
    pub login: &'a LoginName,
    /// Its rights.
    pub permissions: Permissions,
    /// What it runs whatever is asked for, where it is for one command.
    pub force_command: Option<&'a str>,
}

impl Authority {
    /// Mints a key and a certificate to check a target with.
    ///
    /// # Errors
    /// When the system gives no random bytes or the certificate cannot be encoded.
    pub fn mint_for_probe(
        &self,
        probe: &ProbeCertificate<'_>,
        dialled_from: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<(PrivateKey, Certificate), AuthorityError> {
        let wording = Wording {
            key_id: KEY_ID.to_owned(),
            login: probe.login,
            permissions: probe.permissions,
            force_command: probe.force_command,
            dialled_from,
            serial: 0,
            lifetime: LIFETIME,
        };
        self.mint(wording, now)
    }

    /// Signs the request of a sudo that does nothing, of this login on the host that calls itself `host`, made about
    /// `now`.
    ///
    /// # Errors
    /// When it is another one, or the key does not sign.
    pub fn sign_probe(
        &self,
        request: &SudoRequest,
        (login, host): (&LoginName, &TargetName),
        now: Timestamp,
    ) -> Result<Signature, AuthorityError> {
        let is = |words: &&[&str]| {
            let said = request.arguments().iter().map(Vec::as_slice);
            said.eq(words.iter().map(|word| word.as_bytes()))
        };
        let checked = request.login() == login && request.is_from(host.as_str());
        if !checked || !request.is_recent(now) || !HARMLESS.iter().any(is) {
            return Err(AuthorityError::NotCleared);
        }
        let signed = self.sudo_gate.try_sign(request.signed());
        signed.map_err(|error| AuthorityError::Signing(error.to_string()))
    }
}
