//! Who is let in: the rules a user certificate has to meet, as stock sshd has them.
//!
//! Pure: the time is an argument. The SSH library has checked that the client holds the key; the signature is
//! checked here again, so that nothing rests on who calls.

use std::net::IpAddr;

use russh::keys::ssh_key::certificate::CertType;
use russh::keys::{Certificate, PublicKey};

use crate::domain::name::LoginName;

/// What an accepted certificate lets its holder do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Admission {
    pub(super) login: LoginName,
    /// `force-command`: the only thing that runs.
    pub(super) forced: Option<Vec<u8>>,
    pub(super) terminal: TerminalRight,
}

/// Whether the certificate has the extension `permit-pty`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TerminalRight {
    Permitted,
    Missing,
}

/// Why a certificate was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum AdmissionError {
    #[error("the certificate is of another authority")]
    Authority,
    #[error("the certificate's signature is wrong")]
    Signature,
    #[error("it is not a user certificate")]
    Type,
    #[error("the certificate is not valid now")]
    Window,
    #[error("the certificate names nobody")]
    NoPrincipals,
    #[error("the certificate is not for this login")]
    Principal,
    #[error("there is no such login")]
    Login,
    #[error("the certificate is not for this source address")]
    Source,
    #[error("the certificate has the critical option `{0}`, which is not known")]
    Option(String),
}

/// Judges `certificate` for a login as `user` from `source` at `now` (seconds since 1970).
pub(super) fn admit(
    certificate: &Certificate,
    user_ca: &PublicKey,
    user: &str,
    source: IpAddr,
    now: u64,
) -> Result<Admission, AdmissionError> {
    if certificate.signature_key() != user_ca.key_data() {
        return Err(AdmissionError::Authority);
    }
    certificate
        .verify_signature()
        .map_err(|_| AdmissionError::Signature)?;
    match certificate.cert_type() {
        CertType::User => {}
        CertType::Host => return Err(AdmissionError::Type),
    }
    if now < certificate.valid_after() || now >= certificate.valid_before() {
        return Err(AdmissionError::Window);
    }
    let principals = certificate.valid_principals();
    if principals.is_empty() {
        return Err(AdmissionError::NoPrincipals);
    }
    if !principals.iter().any(|principal| principal == user) {
        return Err(AdmissionError::Principal);
    }
    let login = user.parse().map_err(|_| AdmissionError::Login)?;
    let terminal = match certificate.extensions().get("permit-pty") {
        Some(_) => TerminalRight::Permitted,
        None => TerminalRight::Missing,
    };
    Ok(Admission {
        login,
        forced: forced(certificate, source)?,
        terminal,
    })
}

/// Goes through the critical options; one that is not known refuses the certificate.
fn forced(certificate: &Certificate, source: IpAddr) -> Result<Option<Vec<u8>>, AdmissionError> {
    let mut forced = None;
    for (name, value) in certificate.critical_options().iter() {
        match name.as_str() {
            "force-command" => forced = Some(value.clone().into_bytes()),
            "source-address" if holds(value, source) => {}
            "source-address" => return Err(AdmissionError::Source),
            other => return Err(AdmissionError::Option(other.to_owned())),
        }
    }
    Ok(forced)
}

/// Whether `source` is in the comma-separated list of addresses and networks. A list with a flaw holds nobody.
fn holds(list: &str, source: IpAddr) -> bool {
    let networks: Option<Vec<Network>> = list.split(',').map(Network::parse).collect();
    networks.is_some_and(|networks| networks.iter().any(|network| network.contains(source)))
}

/// An address with the number of leading bits that count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            Some(bits) => bits.parse().ok().filter(|bits| *bits <= longest)?,
            None => longest,
        };
        Some(Self { address, bits })
    }

    fn contains(&self, source: IpAddr) -> bool {
        match (self.address, source.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(source)) => {
                let differing = network.to_bits() ^ source.to_bits();
                differing.checked_shr(32 - self.bits).unwrap_or(0) == 0
            }
            (IpAddr::V6(network), IpAddr::V6(source)) => {
                let differing = network.to_bits() ^ source.to_bits();
                differing.checked_shr(128 - self.bits).unwrap_or(0) == 0
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use russh::keys::PrivateKey;
    use russh::keys::ssh_key::certificate::Builder;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const NOW: u64 = 1_000_000;

    fn key(seed: u8) -> PrivateKey {
        use russh::keys::ssh_key::private::{Ed25519Keypair, KeypairData};
        PrivateKey::new(
            KeypairData::Ed25519(Ed25519Keypair::from_seed(&[seed; 32])),
            "",
        )
        .unwrap()
    }

    fn certificate(change: impl FnOnce(&mut Builder)) -> Certificate {
        certificate_of(CertType::User, change)
    }

    fn certificate_of(kind: CertType, change: impl FnOnce(&mut Builder)) -> Certificate {
        let subject = key(1);
        let mut builder =
            Builder::new(vec![7; 16], subject.public_key(), NOW - 60, NOW + 60).unwrap();
        builder.cert_type(kind).unwrap();
        change(&mut builder);
        builder.sign(&key(2)).unwrap()
    }

    fn judge(certificate: &Certificate) -> Result<Admission, AdmissionError> {
        admit(certificate, key(2).public_key(), "deploy", HERE, NOW)
    }

    fn for_deploy(builder: &mut Builder) {
        builder.valid_principal("deploy").unwrap();
    }

    #[test]
    fn a_certificate_of_the_authority_for_this_login_is_accepted() {
        let accepted = judge(&certificate(for_deploy)).unwrap();
        assert_eq!(accepted.login.as_str(), "deploy");
        assert_eq!(
            (accepted.forced, accepted.terminal),
            (None, TerminalRight::Missing)
        );
    }

    #[test]
    fn each_rule_refuses_by_itself() {
        let good = certificate(for_deploy);
        let at = |now| admit(&good, key(2).public_key(), "deploy", HERE, now);
        assert_eq!(at(NOW - 61), Err(AdmissionError::Window));
        assert_eq!(at(NOW + 60), Err(AdmissionError::Window));
        let other_ca = admit(&good, key(3).public_key(), "deploy", HERE, NOW);
        assert_eq!(other_ca, Err(AdmissionError::Authority));
        let as_root = admit(&good, key(2).public_key(), "root", HERE, NOW);
        assert_eq!(as_root, Err(AdmissionError::Principal));

        let everybody = certificate(|builder| {
            builder.all_principals_valid().unwrap();
        });
        assert_eq!(judge(&everybody), Err(AdmissionError::NoPrincipals));
        let host = certificate_of(CertType::Host, for_deploy);
        assert_eq!(judge(&host), Err(AdmissionError::Type));
        let unknown = certificate(|builder| {
            for_deploy(builder);
            builder.critical_option("verify-required", "").unwrap();
        });
        assert_eq!(
            judge(&unknown),
            Err(AdmissionError::Option("verify-required".to_owned()))
        );
        let elsewhere = certificate(|builder| {
            for_deploy(builder);
            builder
                .critical_option("source-address", "10.0.0.0/8")
                .unwrap();
        });
        assert_eq!(judge(&elsewhere), Err(AdmissionError::Source));
    }

    #[test]
    fn options_that_are_known_are_honoured() {
        let bound = certificate(|builder| {
            for_deploy(builder);
            builder.critical_option("force-command", "uptime").unwrap();
            builder
                .critical_option("source-address", "10.0.0.1,127.0.0.0/8")
                .unwrap();
            builder.extension("permit-pty", "").unwrap();
        });
        let accepted = judge(&bound).unwrap();
        assert_eq!(accepted.forced.as_deref(), Some(b"uptime".as_slice()));
        assert_eq!(accepted.terminal, TerminalRight::Permitted);
    }

    #[test]
    fn networks_hold_what_their_bits_say() {
        let mapped: IpAddr = "::ffff:127.0.0.1".parse().unwrap();
        assert!(
            holds("127.0.0.1", mapped) && holds("0.0.0.0/0", HERE) && !holds("127.0.0.2/32", HERE)
        );
        assert!(holds("fe80::/10", "fe80::1".parse().unwrap()));
        assert!(!holds("fe80::/10", "fec0::1".parse().unwrap()));
        assert!(!holds("::/0", HERE));
        for flawed in [
            "",
            "127.0.0.1,",
            "127.0.0.1/33",
            "127.0.0.1/-1",
            "127.*",
            "x",
        ] {
            assert!(!holds(flawed, HERE), "{flawed}");
        }
    }

    proptest! {
        #[test]
        fn any_source_list_is_read(list in "[0-9a-f:./,*]{0,40}", source: u32) {
            let source = IpAddr::from(source.to_be_bytes());
            if holds(&list, source) {
                prop_assert!(list.split(',').all(|part| Network::parse(part).is_some()));
            }
        }
    }
}
