//! Certificates: what stock `sshd` and `ssh` make of ours, and what they refuse.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::harness::sshd::{login, make_key};
use crate::harness::{Output, Person, Sshd, World, run};

/// A user CA outside the bastion, a target that trusts it and a key to certify.
struct Authority {
    folder: tempfile::TempDir,
    sshd: Sshd,
}

impl Authority {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for key in ["ca", "other_ca", "key"] {
            make_key(&folder.path().join(key));
        }
        let ca = fs::read_to_string(folder.path().join("ca.pub")).unwrap();
        let sshd = Sshd::start(&ca);
        Self { folder, sshd }
    }

    /// Certifies the key with `ssh-keygen` and logs in to the target with it.
    fn log_in_with(&self, ca: &str, options: &[&str]) -> Output {
        let at = self.folder.path();
        let mut keygen = Command::new("ssh-keygen");
        keygen.args(["-q", "-I", "test", "-s"]).arg(at.join(ca));
        run(keygen.args(options).arg(at.join("key.pub"))).expect_success();
        let known = format!("* {}\n", self.sshd.host_key());
        fs::write(at.join("known_hosts"), known).unwrap();
        let known = format!("UserKnownHostsFile={}", at.join("known_hosts").display());
        let mut ssh = Command::new("ssh");
        ssh.args([
            "-F",
            "none",
            "-o",
            "BatchMode=yes",
            "-o",
            "IdentitiesOnly=yes",
        ]);
        ssh.args(["-o", &known, "-o", "IdentityAgent=none", "-i"]);
        ssh.arg(at.join("key"))
            .arg("-p")
            .arg(self.sshd.port().to_string());
        run(ssh.args(["-l", login(), "127.0.0.1", "echo inside"]))
    }
}

#[test]
fn a_target_lets_in_whom_the_trusted_authority_certifies() {
    let authority = Authority::new();
    let output = authority.log_in_with("ca", &["-n", login()]);
    assert_eq!(output.expect_success().text(), "inside\n");
    authority.sshd.wait_for_log("Accepted publickey");
}

#[test]
fn a_target_refuses_a_certificate_of_another_authority() {
    let authority = Authority::new();
    let output = authority.log_in_with("other_ca", &["-n", login()]);
    assert_eq!(output.expect_failure().text(), "");
}

#[test]
fn a_target_refuses_a_certificate_that_has_expired() {
    let authority = Authority::new();
    let options = ["-n", login(), "-V", "20200101:20200102"];
    let output = authority.log_in_with("ca", &options);
    assert_eq!(output.expect_failure().text(), "");
    authority.sshd.wait_for_log("expired");
}

#[test]
fn a_target_refuses_a_certificate_for_another_login() {
    let authority = Authority::new();
    let output = authority.log_in_with("ca", &["-n", "somebody-else"]);
    assert_eq!(output.expect_failure().text(), "");
    authority.sshd.wait_for_log("not a listed principal");
}

#[test]
fn a_person_gets_a_certificate_for_the_key_they_proved_and_logs_in_with_it() {
    let world = World::start();
    let alice = world.person("alice");
    let certificate = certificate(&alice);
    let described = describe(&alice.certificate_file());
    assert!(described.contains("user certificate"), "{described}");
    assert!(described.contains("alice"), "{described}");
    assert!(described.contains(&alice.fingerprint()), "{described}");
    assert!(certificate.starts_with("ssh-ed25519-cert-v01@openssh.com "));

    // The certificate alone is a login too: OpenSSH would offer the bare key first.
    let only = "PubkeyAcceptedAlgorithms=ssh-ed25519-cert-v01@openssh.com";
    let output = alice
        .ssh(&["-o", only, "bastion", "whoami", "--json"])
        .expect_success();
    assert!(output.text().contains("alice"), "{output}");
    let logins = world.bastion.events("login");
    let with_certificate = logins
        .iter()
        .any(|login| login["evidence"] == "certificate");
    assert!(with_certificate, "{logins:#?}");
}

#[test]
fn the_bastion_refuses_a_certificate_of_another_authority() {
    let world = World::start();
    let mallory = world.stranger("alice");
    let ca = mallory.home().join("ca");
    make_key(&ca);
    let mut keygen = Command::new("ssh-keygen");
    keygen.args(["-q", "-I", "alice", "-n", "alice,alice@example.test", "-s"]);
    run(keygen.arg(&ca).arg(mallory.home().join("id_ed25519.pub"))).expect_success();

    let output = mallory.ssh(&["bastion", "whoami"]).expect_failure();
    assert!(output.stderr.contains("Permission denied"), "{output}");
    assert!(world.bastion.events("login").is_empty());
}

#[test]
fn the_targets_certificate_names_its_login_source_and_person() {
    let world = World::start();
    let alice = world.person("alice");
    alice.ssh(&["web1", "true"]).expect_success();
    let log = world.sshd.wait_for_log("Accepted publickey");
    let accepted = log.lines().find(|line| line.contains("Accepted publickey"));
    let accepted = accepted.unwrap_or_else(|| panic!("nobody logged in:\n{log}"));
    assert!(
        accepted.contains("alice"),
        "the key id names the person: {accepted}"
    );
    let issued = world.bastion.events("certificate");
    let serial = issued.last().unwrap()["serial"].to_string();
    assert!(accepted.contains(&format!("serial {serial}")), "{accepted}");
}

/// Fetches a certificate as the README says.
fn certificate(person: &Person) -> String {
    let output = person.ssh(&["bastion", "certificate"]).expect_success();
    fs::write(person.certificate_file(), &output.stdout).unwrap();
    output.text()
}

fn describe(certificate: &Path) -> String {
    let mut keygen = Command::new("ssh-keygen");
    run(keygen.args(["-L", "-f"]).arg(certificate))
        .expect_success()
        .text()
}
