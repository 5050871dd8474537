//! The SSH algorithms that both sides of the bastion offer.

use std::borrow::Cow;

use russh::keys::{Algorithm, EcdsaCurve, HashAlg};
use russh::{cipher, kex, mac};

use crate::config::RekeyLimits;

/// Algorithms in the order we like them: AES-GCM first, as chacha20 costs two to three times its CPU here. Signatures
/// with SHA-1 are left out, and MACs that are computed before encryption.
pub fn preferred() -> russh::Preferred {
    russh::Preferred {
        kex: Cow::Borrowed(&[
            kex::MLKEM768X25519_SHA256,
            kex::CURVE25519,
            kex::CURVE25519_PRE_RFC_8731,
            kex::EXTENSION_SUPPORT_AS_CLIENT,
            kex::EXTENSION_SUPPORT_AS_SERVER,
            kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
            kex::EXTENSION_OPENSSH_STRICT_KEX_AS_SERVER,
        ]),
        cipher: Cow::Borrowed(&[
            cipher::AES_256_GCM,
            cipher::AES_256_CTR,
            cipher::AES_192_CTR,
            cipher::AES_128_CTR,
        ]),
        mac: Cow::Borrowed(&[mac::HMAC_SHA256_ETM, mac::HMAC_SHA512_ETM]),
        key: Cow::Borrowed(&[
            Algorithm::Ed25519,
            Algorithm::Ecdsa {
                curve: EcdsaCurve::NistP256,
            },
            Algorithm::Ecdsa {
                curve: EcdsaCurve::NistP384,
            },
            Algorithm::Ecdsa {
                curve: EcdsaCurve::NistP521,
            },
            Algorithm::Rsa {
                hash: Some(HashAlg::Sha512),
            },
            Algorithm::Rsa {
                hash: Some(HashAlg::Sha256),
            },
        ]),
        ..russh::Preferred::DEFAULT
    }
}

/// The same without AES-CTR, for clients that have AES-GCM: OpenSSH before version 10 prefers AES-CTR wherever it is
/// offered, which costs with its MAC five times the CPU of AES-GCM here.
pub fn gcm_only() -> russh::Preferred {
    russh::Preferred {
        cipher: Cow::Borrowed(&[cipher::AES_256_GCM]),
        ..preferred()
    }
}

/// The same with MACs that are computed before encryption, at the end: dropbear, and libssh2 before 1.11, know no others
/// and no AES-GCM.
pub fn with_old_macs() -> russh::Preferred {
    russh::Preferred {
        mac: Cow::Borrowed(&[
            mac::HMAC_SHA256_ETM,
            mac::HMAC_SHA512_ETM,
            mac::HMAC_SHA256,
            mac::HMAC_SHA512,
        ]),
        ..preferred()
    }
}

/// When the library exchanges new keys.
pub fn rekeying(limits: RekeyLimits) -> russh::Limits {
    russh::Limits {
        rekey_write_limit: limits.after,
        rekey_read_limit: limits.after,
        rekey_time_limit: limits.every,
    }
}
