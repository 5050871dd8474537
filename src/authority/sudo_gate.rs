//! The key of the sudo gate: what a target's PAM module wants a signature of before a sudo runs.
//!
//! Invariant: it signs the bytes of a sudo's request that was cleared, and nothing else, ever. A clearance is used up.

use russh::keys::PublicKey;
use russh::keys::signature::Signer;
use russh::keys::ssh_key::Signature;

use super::{Authority, AuthorityError};
use crate::domain::command::Layer;
use crate::domain::hold::Clearance;
use crate::domain::sudo::SudoRequest;

impl Authority {
    /// The public key that targets' PAM modules trust.
    pub fn sudo_gate(&self) -> &PublicKey {
        self.sudo_gate.public_key()
    }

    /// Signs the request of a sudo that was cleared, for its target's PAM module.
    ///
    /// # Errors
    /// When something else was cleared, or the key does not sign.
    pub fn sign_sudo(
        &self,
        clearance: Clearance,
        request: &SudoRequest,
    ) -> Result<Signature, AuthorityError> {
        let command = clearance.command();
        let is_it = command.layer == Layer::Sudo
            && command.scope.destination.login == *request.login()
            && command.bytes == request.text();
        if !is_it {
            return Err(AuthorityError::NotCleared);
        }
        let signed = self.sudo_gate.try_sign(request.signed());
        signed.map_err(|error| AuthorityError::Signing(error.to_string()))
    }
}
