use russh::keys::signature::Verifier;

use super::*;
use crate::certificate::{fingerprint, verify_host_certificate};
use crate::domain::command::{Command, Layer, Scope};
use crate::domain::grant::{ForcedCommand, Grant, NotBound, Permissions};
use crate::domain::hold::Clearance;
use crate::domain::id::SessionId;
use crate::domain::principal::{PrincipalKind, Subject};
use crate::domain::sudo::SudoRequest;
use crate::domain::target::Destination;

const SOURCE: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn authority() -> Authority {
    let key = || ephemeral_key().unwrap();
    Authority {
        user: key(),
        host: key(),
        host_key: key(),
        sudo_gate: key(),
    }
}

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn later(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn alice() -> Principal {
    Principal {
        subject: Subject {
            issuer: "https://login.example.com".into(),
            subject: "u-1".into(),
        },
        name: "alice@example.com".parse().unwrap(),
        kind: PrincipalKind::Person,
        groups: Default::default(),
        acr: None,
        amr: Default::default(),
        authenticated_at: now(),
    }
}

fn hand_made(ca: &PrivateKey, change: impl FnOnce(&mut Builder)) -> Certificate {
    let key = ephemeral_key().unwrap();
    let seconds = now().as_second() as u64;
    let mut builder = Builder::new(
        vec![1; 16],
        key.public_key().key_data().clone(),
        seconds - 60,
        seconds + 60,
    )
    .unwrap();
    change(&mut builder);
    builder.sign(ca).unwrap()
}

fn refusal(authority: &Authority, certificate: &Certificate) -> CertificateRefused {
    authority
        .verify_user_certificate(certificate, SOURCE, now())
        .unwrap_err()
}

fn person(builder: &mut Builder) {
    builder.valid_principal("person:alice@example.com").unwrap();
}

#[test]
fn a_persons_certificate_names_them_until_it_ends() {
    let authority = authority();
    let key = ephemeral_key().unwrap();
    let certificate = authority
        .mint_for_person(&alice(), key.public_key(), 7, now(), later(600))
        .unwrap();
    let presented = authority
        .verify_user_certificate(&certificate, SOURCE, later(1))
        .unwrap();
    assert_eq!(presented.serial, 7);
    assert_eq!(presented.until, later(600));
    let identity = authority
        .identity(&presented, alice(), &fingerprint(key.public_key()))
        .unwrap();
    assert_eq!(identity.evidence(), Evidence::Certificate);
    let expired = authority.verify_user_certificate(&certificate, SOURCE, later(600));
    assert_eq!(expired, Err(CertificateRefused::OutsideWindow));
}

#[test]
fn a_certificate_of_another_key_or_name_is_not_the_persons() {
    let authority = authority();
    let key = ephemeral_key().unwrap();
    let certificate = authority
        .mint_for_person(&alice(), key.public_key(), 7, now(), later(600))
        .unwrap();
    let presented = authority
        .verify_user_certificate(&certificate, SOURCE, now())
        .unwrap();
    let other = fingerprint(ephemeral_key().unwrap().public_key());
    assert_eq!(
        authority.identity(&presented, alice(), &other),
        Err(CertificateRefused::NotIssued)
    );
    let bob = Principal {
        name: "bob@example.com".parse().unwrap(),
        ..alice()
    };
    let key = fingerprint(key.public_key());
    assert_eq!(
        authority.identity(&presented, bob, &key),
        Err(CertificateRefused::NotIssued)
    );
}

#[test]
fn each_rule_refuses_a_certificate_that_breaks_it() {
    let authority = authority();
    let foreign = hand_made(&ephemeral_key().unwrap(), person);
    assert_eq!(
        refusal(&authority, &foreign),
        CertificateRefused::OtherAuthority
    );
    let host = hand_made(&authority.user, |b| {
        b.cert_type(CertType::Host).unwrap();
        person(b);
    });
    assert_eq!(refusal(&authority, &host), CertificateRefused::WrongType);
    let nobody = hand_made(&authority.user, |b| {
        b.all_principals_valid().unwrap();
    });
    assert_eq!(
        refusal(&authority, &nobody),
        CertificateRefused::NoPrincipal
    );
    let login = hand_made(&authority.user, |b| {
        b.valid_principal("root").unwrap();
    });
    assert_eq!(
        refusal(&authority, &login),
        CertificateRefused::OtherPrincipal
    );
    let option = hand_made(&authority.user, |b| {
        person(b);
        b.critical_option("verify-required", "").unwrap();
    });
    assert_eq!(
        refusal(&authority, &option),
        CertificateRefused::UnknownOption("verify-required".into())
    );
    let elsewhere = hand_made(&authority.user, |b| {
        person(b);
        b.critical_option("source-address", "192.0.2.0/24").unwrap();
    });
    assert_eq!(
        refusal(&authority, &elsewhere),
        CertificateRefused::OtherAddress
    );
}

fn grant() -> Grant {
    let identity = VerifiedIdentity::vouched(
        alice(),
        KeyFingerprint::new("SHA256:x".into()),
        Evidence::BoundKey,
        later(3600),
    );
    Grant::for_tests(&identity, destination("deploy"), SOURCE)
}

fn destination(login: &str) -> Destination {
    Destination {
        login: login.parse().unwrap(),
        target: "db1".parse().unwrap(),
    }
}

fn wanted(grant: &Grant, runs: Runs) -> TargetCertificate<'_> {
    TargetCertificate {
        grant,
        session: SessionId::new(now(), [1; 10]),
        permissions: Permissions {
            pty: true,
            ..Permissions::default()
        },
        runs,
        lifetime: Duration::from_secs(120),
    }
}

#[test]
fn a_certificate_for_a_target_carries_only_what_the_session_needs() {
    let (authority, grant) = (authority(), grant());
    let wanted = wanted(&grant, Runs::Anything);
    let session = wanted.session;
    let (key, certificate) = authority
        .mint_for_target(&wanted, Some(SOURCE), 9, now())
        .unwrap();
    assert_eq!(certificate.public_key(), key.public_key().key_data());
    assert_eq!(certificate.valid_principals(), ["deploy"]);
    assert_eq!(certificate.key_id(), format!("alice@example.com {session}"));
    assert_eq!(
        certificate.extensions().keys().collect::<Vec<_>>(),
        ["permit-pty"]
    );
    let options = certificate.critical_options();
    assert_eq!(options.keys().collect::<Vec<_>>(), ["source-address"]);
    assert_eq!(options["source-address"], "127.0.0.1");
    assert_eq!(certificate.valid_before(), later(120).as_second() as u64);
}

/// The command that a certificate is bound to, for an exec or other request as `login`.
fn forced(layer: Layer, login: &str, bytes: &[u8]) -> Result<String, NotBound> {
    let grant = grant();
    let clearance = Clearance::for_tests(Command {
        scope: Scope {
            destination: destination(login),
            session: SessionId::new(now(), [1; 10]),
            ordinal: 0,
        },
        layer,
        bytes: bytes.to_vec(),
        script: None,
    });
    let runs = Runs::Only(ForcedCommand::of(&clearance, &grant)?);
    let minted = authority().mint_for_target(&wanted(&grant, runs), None, 9, now());
    let (_, certificate) = minted.unwrap();
    let options = certificate.critical_options();
    assert_eq!(options.keys().collect::<Vec<_>>(), ["force-command"]);
    Ok(options["force-command"].clone())
}

#[test]
fn a_certificate_is_bound_to_the_exact_text_of_a_command_for_its_own_destination() {
    let text = "  sudo -n id; echo 'ä\t\n' ";
    assert_eq!(
        forced(Layer::Exec, "deploy", text.as_bytes()),
        Ok(text.to_owned())
    );
    for (layer, login) in [(Layer::Exec, "root"), (Layer::Line, "deploy")] {
        assert_eq!(forced(layer, login, b"id"), Err(NotBound::OtherThing));
    }
}

#[test]
fn what_a_certificate_cannot_hold_is_bound_to_none() {
    for bytes in [&b"id \xff"[..], b"id\0; sudo id"] {
        assert_eq!(forced(Layer::Exec, "deploy", bytes), Err(NotBound::NoText));
    }
    assert_eq!(forced(Layer::Exec, "deploy", b""), Err(NotBound::Empty));
    let long = vec![b'x'; 128 * 1024];
    assert_eq!(forced(Layer::Exec, "deploy", &long), Err(NotBound::TooLong));
    assert!(forced(Layer::Exec, "deploy", &long[1..]).is_ok());
}

#[test]
fn a_host_certificate_proves_only_the_names_in_it() {
    let authority = authority();
    let certificate = authority
        .mint_for_host(&["db1", "db1.prod"], now())
        .unwrap();
    assert_eq!(
        verify_host_certificate(&certificate, authority.host_ca(), &["db1"], now()),
        Ok(())
    );
    let other = verify_host_certificate(&certificate, authority.host_ca(), &["db2"], now());
    assert_eq!(other, Err(CertificateRefused::OtherPrincipal));
    let foreign = verify_host_certificate(&certificate, authority.user_ca(), &["db1"], now());
    assert_eq!(foreign, Err(CertificateRefused::OtherAuthority));
    let user = hand_made(&authority.host, person);
    let wrong_type = verify_host_certificate(&user, authority.host_ca(), &["db1"], now());
    assert_eq!(wrong_type, Err(CertificateRefused::WrongType));
}

#[test]
fn a_key_file_that_others_can_read_is_refused_and_none_is_overwritten() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys/user_ca");
    let (first, made) = key_file::create(&file, "ca").unwrap();
    assert_eq!(made, key_file::Created::New);
    let (second, made) = key_file::create(&file, "ca").unwrap();
    assert_eq!(
        (made, first.public_key()),
        (key_file::Created::Existed, second.public_key())
    );
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(
        key_file::load(&file),
        Err(key_file::KeyFileError::Exposed(_))
    ));
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(&file, "nonsense").unwrap();
    assert!(matches!(
        key_file::load(&file),
        Err(key_file::KeyFileError::Malformed(_))
    ));
}

/// The command of a request, in place of the one that is asked about.
fn sudo_command(request: &SudoRequest, login: &str) -> Command {
    let destination = Destination {
        login: login.parse().unwrap(),
        target: "db1".parse().unwrap(),
    };
    Command {
        scope: Scope {
            destination,
            session: SessionId::new(now(), [1; 10]),
            ordinal: 0,
        },
        layer: Layer::Sudo,
        bytes: request.text(),
        script: None,
    }
}

#[test]
fn the_sudo_gate_signs_the_request_that_was_cleared_and_no_other() {
    let authority = authority();
    let key = authority.sudo_gate().to_bytes().unwrap();
    let request = |words: &[&str]| {
        let bytes = SudoRequest::bytes_for_tests(&key, words, 0);
        SudoRequest::read(&bytes, &key).unwrap()
    };
    let cleared = Clearance::for_tests;
    let id = request(&["sudo", "id"]);
    let signature = authority
        .sign_sudo(cleared(sudo_command(&id, "deploy")), &id)
        .unwrap();
    let verified = authority
        .sudo_gate()
        .key_data()
        .verify(id.signed(), &signature);
    assert!(verified.is_ok());

    let another = sudo_command(&request(&["sudo", "ls"]), "deploy");
    let line = Command {
        layer: Layer::Line,
        ..sudo_command(&id, "deploy")
    };
    for command in [another, line, sudo_command(&id, "root")] {
        let refused = authority.sign_sudo(cleared(command), &id);
        assert!(matches!(refused, Err(AuthorityError::NotCleared)));
    }
}

#[test]
fn a_check_has_nothing_signed_but_harmless_sudos_of_its_own_login_and_host_made_now() {
    let authority = authority();
    let key = authority.sudo_gate().to_bytes().unwrap();
    let request = |words: &[&str]| {
        let bytes = SudoRequest::bytes_for_tests(&key, words, now().as_second());
        SudoRequest::read(&bytes, &key).unwrap()
    };
    let signs = |words: &[&str], login: &str, host: &str, at| {
        let checked = (&login.parse().unwrap(), &host.parse().unwrap());
        authority.sign_probe(&request(words), checked, at).is_ok()
    };
    assert!(signs(&["sudo", "-k", "true"], "deploy", "db1", now()));
    assert!(signs(&["sudo", "-k", "-l"], "deploy", "db1", now()));
    for words in [&["sudo", "id"][..], &["./sudo", "-k", "true"], &["true"]] {
        assert!(!signs(words, "deploy", "db1", now()), "{words:?}");
    }
    assert!(!signs(&["sudo", "true"], "root", "db1", now()));
    assert!(!signs(&["sudo", "true"], "deploy", "web1", now()));
    assert!(!signs(&["sudo", "true"], "deploy", "db1", later(301)));
}
