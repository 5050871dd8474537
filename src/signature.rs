//! Signatures of approvers: made in the format of `ssh-keygen -Y sign` (OpenSSH PROTOCOL.sshsig), and verified.
//!
//! Invariant: nothing counts as signed but exactly the text of an answer, in the namespace [`NAMESPACE`], so that neither
//! a login nor a signature for another purpose passes for one; and of a FIDO2 key only when somebody touched it. It holds
//! no private key: the approver's agent signs.

use russh::keys::PublicKey;
use russh::keys::ssh_key::{Algorithm, HashAlg, LineEnding, Signature, SshSig};

use crate::domain::answer::{SignedAnswer, Statement};

/// What a signature of ours is for (`ssh-keygen -Y verify -n countersign`).
pub const NAMESPACE: &str = "countersign";

/// Longest signature that is read, in bytes of its armor: several times that of any key we know.
pub const ARMORED_BYTES: usize = 8 * 1024;

/// The hash that answers are signed over; another one of the format is verified too.
const HASH: HashAlg = HashAlg::Sha512;

/// Behind a FIDO2 key's signature stand a byte of flags and a counter (OpenSSH PROTOCOL.u2f).
const TRAILER_BYTES: usize = 5;
/// The flag that somebody touched the key.
const USER_PRESENT: u8 = 1;

/// Why a signature does not count. The signer's fault, but for the first.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    /// It cannot be written.
    #[error("the signature cannot be written: {0}")]
    Encoding(russh::keys::ssh_key::Error),
    /// It is longer than any is.
    #[error("the signature is longer than {ARMORED_BYTES} bytes")]
    Length,
    /// It is no signature, is for something else, or is of another text or key.
    #[error("it is no signature of this answer: {0}")]
    Wrong(russh::keys::ssh_key::Error),
    /// It carries something that nobody knows the meaning of.
    #[error("the signature has a reserved field that is not empty")]
    Reserved,
    /// A FIDO2 key signed by itself.
    #[error("nobody touched the security key for this signature")]
    Untouched,
}

/// The bytes that an agent is asked to sign for an answer.
///
/// # Errors
/// When they cannot be written.
pub fn to_sign(statement: &Statement) -> Result<Vec<u8>, SignatureError> {
    SshSig::signed_data(NAMESPACE, HASH, statement.text().as_bytes())
        .map_err(SignatureError::Encoding)
}

/// Puts an agent's signature into its armor.
///
/// # Errors
/// When it cannot be written.
pub fn armored(key: &PublicKey, signature: Signature) -> Result<String, SignatureError> {
    let signature = SshSig::new(key.key_data().clone(), NAMESPACE, HASH, signature);
    let armored = signature.and_then(|signature| signature.to_pem(LineEnding::LF));
    armored.map_err(SignatureError::Encoding)
}

/// Verifies that `key` signed this answer.
///
/// # Errors
/// Why the signature does not count.
pub fn verify(
    statement: Statement,
    key: &PublicKey,
    armored: String,
) -> Result<SignedAnswer, SignatureError> {
    check(&read(&armored)?, &statement, key)?;
    Ok(SignedAnswer::vouched(statement, armored))
}

/// Verifies that the key which a signature names signed this answer, and gives that key. Whose it is must be known
/// otherwise.
///
/// # Errors
/// Why the signature does not count.
pub fn signer(statement: &Statement, armored: &str) -> Result<PublicKey, SignatureError> {
    let signature = read(armored)?;
    let key = PublicKey::from(signature.public_key().clone());
    check(&signature, statement, &key)?;
    Ok(key)
}

fn read(armored: &str) -> Result<SshSig, SignatureError> {
    if armored.len() > ARMORED_BYTES {
        return Err(SignatureError::Length);
    }
    SshSig::from_pem(armored).map_err(SignatureError::Wrong)
}

fn check(signature: &SshSig, statement: &Statement, key: &PublicKey) -> Result<(), SignatureError> {
    if !signature.reserved().is_empty() {
        return Err(SignatureError::Reserved);
    }
    key.verify(NAMESPACE, statement.text().as_bytes(), signature)
        .map_err(SignatureError::Wrong)?;
    match key.algorithm() {
        Algorithm::SkEd25519 | Algorithm::SkEcdsaSha2NistP256 => touched(signature),
        // The library's enum is open; every other key signs when its owner's agent lets it.
        _ => Ok(()),
    }
}

/// A FIDO2 key's signature covers its flags.
fn touched(signature: &SshSig) -> Result<(), SignatureError> {
    let flags = signature
        .signature_bytes()
        .iter()
        .rev()
        .nth(TRAILER_BYTES - 1);
    match flags {
        Some(flags) if flags & USER_PRESENT != 0 => Ok(()),
        Some(_) | None => Err(SignatureError::Untouched),
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::digest::{SHA256, digest};
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
    };
    use proptest::prelude::*;
    use russh::keys::PrivateKey;
    use russh::keys::ssh_key::public::{
        EcdsaPublicKey, Ed25519PublicKey, KeyData, SkEcdsaSha2NistP256, SkEd25519,
    };
    use ssh_encoding::{Encode, Mpint};

    use super::*;
    use crate::domain::answer::tests::statement;

    const APPLICATION: &str = "ssh:";

    fn key(seed: u8) -> PrivateKey {
        russh::keys::ssh_key::private::Ed25519Keypair::from_seed(&[seed; 32]).into()
    }

    fn signed(key: &PrivateKey, namespace: &str, text: &str) -> String {
        let signature = key.sign(namespace, HashAlg::Sha512, text.as_bytes());
        signature.unwrap().to_pem(LineEnding::LF).unwrap()
    }

    /// What a FIDO2 key signs (OpenSSH PROTOCOL.u2f), and what stands behind its signature.
    fn shown_to_security_key(statement: &Statement, flags: u8) -> (Vec<u8>, [u8; TRAILER_BYTES]) {
        let trailer = [flags, 0, 0, 0, 7];
        let data = to_sign(statement).unwrap();
        let hash = |bytes: &[u8]| digest(&SHA256, bytes).as_ref().to_vec();
        let shown = [hash(APPLICATION.as_bytes()), trailer.to_vec(), hash(&data)].concat();
        (shown, trailer)
    }

    fn of_ed25519_security_key(statement: &Statement, flags: u8) -> (PublicKey, Signature) {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[3; 32]).unwrap();
        let public = Ed25519PublicKey(pair.public_key().as_ref().try_into().unwrap());
        let key = KeyData::SkEd25519(SkEd25519::new(public, APPLICATION));
        let (shown, trailer) = shown_to_security_key(statement, flags);
        let bytes = [pair.sign(&shown).as_ref(), &trailer].concat();
        let signature = Signature::new(Algorithm::SkEd25519, bytes).unwrap();
        (PublicKey::from(key), signature)
    }

    fn of_ecdsa_security_key(statement: &Statement, flags: u8) -> (PublicKey, Signature) {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let public = EcdsaPublicKey::from_sec1_bytes(pair.public_key().as_ref()).unwrap();
        let EcdsaPublicKey::NistP256(point) = public else {
            panic!("another curve")
        };
        let key = KeyData::SkEcdsaSha2NistP256(SkEcdsaSha2NistP256::new(point, APPLICATION));
        let (shown, trailer) = shown_to_security_key(statement, flags);
        let made = pair.sign(&SystemRandom::new(), &shown).unwrap();
        let mut bytes = Vec::new();
        for number in made.as_ref().chunks(32) {
            Mpint::from_positive_bytes(number)
                .encode(&mut bytes)
                .unwrap();
        }
        bytes.extend(trailer);
        let signature = Signature::new(Algorithm::SkEcdsaSha2NistP256, bytes).unwrap();
        (PublicKey::from(key), signature)
    }

    #[test]
    fn an_answer_is_signed_by_the_key_that_signed_its_text() {
        let key = key(1);
        let armored = signed(&key, NAMESPACE, &statement().text());
        assert_eq!(
            signer(&statement(), &armored).unwrap(),
            PublicKey::from(key.public_key().key_data().clone())
        );
        let proof = verify(statement(), key.public_key(), armored.clone()).unwrap();
        assert_eq!(proof.statement(), &statement());
        assert_eq!(proof.kept().armored, armored);
    }

    #[test]
    fn what_an_agent_signs_is_what_is_verified() {
        use russh::keys::signature::Signer as _;
        let key = key(1);
        let made: Signature = key.try_sign(&to_sign(&statement()).unwrap()).unwrap();
        let armored = armored(key.public_key(), made).unwrap();
        assert!(verify(statement(), key.public_key(), armored).is_ok());
    }

    #[test]
    fn a_signature_of_anything_else_does_not_count() {
        let key = key(1);
        let (text, of) = (statement().text(), key.public_key());
        let refused = |armored| verify(statement(), of, armored).is_err();
        assert!(refused(signed(&key, "file", &text)), "another purpose");
        assert!(refused(signed(&key, NAMESPACE, "another text")));
        assert!(
            refused(signed(&self::key(2), NAMESPACE, &text)),
            "another key"
        );
        let approve = signed(&key, NAMESPACE, &text);
        let refuse = Statement {
            answer: crate::domain::answer::Answer::Refuse,
            ..statement()
        };
        assert!(verify(refuse.clone(), of, approve.clone()).is_err());
        assert!(signer(&refuse, &approve).is_err());
        let long = " ".repeat(ARMORED_BYTES) + &approve;
        assert!(matches!(
            verify(statement(), of, long),
            Err(SignatureError::Length)
        ));
    }

    #[test]
    fn a_security_keys_signature_counts_when_somebody_touched_it() {
        for of in [of_ed25519_security_key, of_ecdsa_security_key] {
            for (flags, counts) in [(1, true), (5, true), (0, false), (4, false)] {
                let (key, signature) = of(&statement(), flags);
                let armored = armored(&key, signature).unwrap();
                let verified = verify(statement(), &key, armored);
                match verified {
                    Ok(_) => assert!(counts, "{flags}"),
                    Err(SignatureError::Untouched) => assert!(!counts, "{flags}"),
                    Err(error) => panic!("{flags}: {error}"),
                }
            }
            let other = Statement {
                reason: "another".to_owned(),
                ..statement()
            };
            let (key, signature) = of(&other, 1);
            let armored = armored(&key, signature).unwrap();
            assert!(verify(statement(), &key, armored).is_err());
        }
    }

    proptest! {
        #[test]
        fn any_armor_is_refused(text: String, bytes: Vec<u8>) {
            use ssh_encoding::base64::{Base64, Encoding as _};
            prop_assert!(signer(&statement(), &text).is_err());
            for bytes in [bytes.clone(), [b"SSHSIG\0\0\0\x01", bytes.as_slice()].concat()] {
                let inner = Base64::encode_string(&bytes);
                let armored = format!("-----BEGIN SSH SIGNATURE-----\n{inner}\n-----END SSH SIGNATURE-----\n");
                prop_assert!(signer(&statement(), &armored).is_err());
            }
        }

        #[test]
        fn a_signature_with_any_change_is_refused(place in 0usize..400, byte in 0x21u8..0x7f) {
            let mut armored = signed(&key(1), NAMESPACE, &statement().text()).into_bytes();
            let place = place % armored.len();
            let before = std::mem::replace(&mut armored[place], byte);
            let armored = String::from_utf8(armored).unwrap();
            let outcome = verify(statement(), key(1).public_key(), armored);
            prop_assert!(outcome.is_err() || before == byte || before == b'\n');
        }
    }
}
