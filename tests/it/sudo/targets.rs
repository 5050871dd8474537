//! `countersign target setup` and `countersign target check`, on a host that is set up and one thing after another is not.

use std::collections::BTreeSet;

use serde_json::Value;

use super::HELD_SUDO;
use crate::harness::sshd::login;
use crate::harness::{Gated, Output, run};

fn check(gated: &Gated) -> Output {
    gated.bastion.command(&["target", "check", "db1", "--json"])
}

/// The names of the checks that failed.
fn failed(gated: &Gated) -> BTreeSet<String> {
    let report = check(gated).expect_failure().json();
    assert_eq!(report["passed"], false);
    let checks = report["checks"].as_array().unwrap();
    let failed = checks.iter().filter(|check| check["passed"] == false);
    failed
        .map(|check| check["name"].as_str().unwrap().to_owned())
        .collect()
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

#[test]
fn a_check_passes_on_a_host_that_is_set_up_and_names_whatever_is_not() {
    let gated = Gated::with(HELD_SUDO, &["db1"]);
    let told = gated
        .bastion
        .command(&["target", "check", "db1"])
        .expect_success();
    assert_eq!(
        told.text()
            .lines()
            .filter(|line| line.starts_with("ok  "))
            .count(),
        15,
        "{told}"
    );

    let sudoers = "/etc/sudoers.d/zzz";
    let cases = [
        (
            format!(
                "echo 'countersign-test ALL=(ALL) NOPASSWD: /bin/ls' >{sudoers} && chmod 0440 {sudoers}"
            ),
            format!("rm {sudoers}"),
            &["no NOPASSWD"][..],
        ),
        (
            format!("echo 'Defaults timestamp_timeout=15' >{sudoers} && chmod 0440 {sudoers}"),
            format!("rm -r {sudoers} /run/sudo/ts"),
            &["asks each time"],
        ),
        (
            format!("echo 'Defaults !authenticate' >{sudoers} && chmod 0440 {sudoers}"),
            format!("rm {sudoers}"),
            &[
                "sudo asks",
                "sudo -i asks",
                "no agent",
                "no NOPASSWD",
                "asks each time",
            ],
        ),
        (
            format!(
                "printf 'Defaults listpw=always\\ncountersign-test ALL=(ALL) NOPASSWD: /bin/ls\\n' >{sudoers} && chmod 0440 {sudoers}"
            ),
            format!("rm {sudoers}"),
            &["no NOPASSWD"],
        ),
        (
            format!("echo 'Defaults !secure_path' >{sudoers} && chmod 0440 {sudoers}"),
            format!("rm {sudoers}"),
            &["sudo's PATH"],
        ),
        (
            format!("echo 'Defaults !env_reset' >{sudoers} && chmod 0440 {sudoers}"),
            format!("rm {sudoers}"),
            &["sudo's variables"],
        ),
        (
            "cp /etc/pam.d/sudo /etc/pam.d/kept && sed -i 's/required *pam_ssh/sufficient pam_ssh/' /etc/pam.d/sudo && \
             echo '@include common-auth' >>/etc/pam.d/sudo"
                .to_owned(),
            "mv /etc/pam.d/kept /etc/pam.d/sudo".to_owned(),
            &["no agent"],
        ),
        (
            "hostname web1".to_owned(),
            "hostname db1".to_owned(),
            &["sudo's host", "sudo runs", "no NOPASSWD", "sudo's PATH", "sudo's variables", "asks each time"],
        ),
        (
            "cp /etc/pam.d/sudo-i.before-countersign /etc/pam.d/sudo-i".to_owned(),
            "cp /etc/pam.d/sudo /etc/pam.d/sudo-i".to_owned(),
            &["sudo -i asks", "no agent"],
        ),
        (
            "mv /etc/ssh/countersign_sudo_gate.pub /etc/ssh/gone".to_owned(),
            "mv /etc/ssh/gone /etc/ssh/countersign_sudo_gate.pub".to_owned(),
            &["sudo asks", "sudo -i asks", "sudo runs", "no NOPASSWD", "sudo's PATH", "sudo's variables", "asks each time"],
        ),
    ];
    for (harm, mend, expected) in cases {
        run(&mut gated.host().as_root(&harm)).expect_success();
        assert_eq!(failed(&gated), names(expected), "{harm}");
        run(&mut gated.host().as_root(&mend)).expect_success();
    }
    check(&gated).expect_success();
    run(&mut gated.host().as_root("rm /etc/ssh/countersign_ca.pub")).expect_success();
    assert_eq!(failed(&gated), names(&["login"]));
}

#[test]
fn the_setup_tells_how_to_gate_some_logins_alone_and_that_works() {
    let gated = Gated::with(HELD_SUDO, &["db1"]);
    let setup = gated
        .bastion
        .command(&["target", "setup", "db1"])
        .expect_success()
        .text();
    let lines = setup.lines().filter_map(|line| line.strip_prefix("#   "));
    let lines: Vec<_> = lines
        .map(|line| line.replace("deploy:app", &format!("{}:app", login())))
        .collect();
    assert_eq!(lines.len(), 3, "{setup}");
    for file in ["/etc/pam.d/sudo", "/etc/pam.d/sudo-i"] {
        let put = format!(
            "printf '%s\\n' '{}' >/etc/pam.d/new && grep -v '^auth' {file} >>/etc/pam.d/new && mv /etc/pam.d/new {file}",
            lines.join("' '")
        );
        run(&mut gated.host().as_root(&put)).expect_success();
    }
    check(&gated).expect_success();
    // Others are asked for their password, as ever.
    let other = "echo 'nobody ALL=(ALL) ALL' >/etc/sudoers.d/nobody && chmod 0440 /etc/sudoers.d/nobody && \
                 su -s /bin/sh nobody -c 'echo x | sudo -S -p CSPROMPT true'";
    let asked = run(&mut gated.host().as_root(other)).expect_failure();
    assert!(asked.stderr.contains("CSPROMPT"), "{asked}");
}

#[test]
fn the_audit_knows_of_every_certificate_and_signature_of_a_check() {
    let mut gated = Gated::with(HELD_SUDO, &["db1"]);
    check(&gated).expect_success();
    let certificates = gated.bastion.events("probe_certificate");
    let of = |key: &str, value: &str| certificates.iter().filter(|it| it[key] == value).count();
    assert_eq!(certificates.len(), of("target", "db1"));
    assert_eq!(of("login", "countersign-nobody"), 1);
    assert_eq!(of("forced", "printf %s forced"), 1);
    let accepted = format!("Accepted publickey for {}", login());
    assert_eq!(
        gated.host().log().matches(&accepted).count(),
        of("login", login()),
        "{certificates:#?}"
    );
    let signed = gated.bastion.events("probe_signed");
    assert!(signed.iter().all(|it| it["account"] == 0), "{signed:#?}");
    let text = signed[0]["text"].as_str().unwrap();
    assert!(text.starts_with("sudo -k true  # in /"), "{text}");
    gated.bastion.command(&["audit", "verify"]).expect_success();

    // Without it there is none.
    gated.bastion.stop().expect_success();
    let data = gated.bastion.dir().join("data");
    std::fs::rename(data.join("countersign.db"), data.join("gone")).unwrap();
    let refused = check(&gated).expect_failure();
    assert!(refused.stderr.contains("a check is audited"), "{refused}");
    assert_eq!(
        gated.host().log().matches(&accepted).count(),
        of("login", login())
    );
}

#[test]
fn the_setup_of_a_target_is_a_script_and_the_same_as_json() {
    let gated = Gated::with(HELD_SUDO, &["db1"]);
    let script = gated
        .bastion
        .command(&["target", "setup", "db1"])
        .expect_success();
    let json = gated
        .bastion
        .command(&["target", "setup", "db1", "--json"])
        .expect_success();
    let files = json.json();
    let files = files["files"].as_array().unwrap();
    assert_eq!(files.len(), 6);
    for file in files {
        let [path, mode, content] =
            ["path", "mode", "content"].map(|key| file[key].as_str().unwrap());
        assert!(script.text().contains(content), "{path}");
        let read = format!("stat -c '%a %U' {path}; cat {path}");
        let there = run(&mut gated.host().as_root(&read)).expect_success();
        let mode = mode.trim_start_matches('0');
        assert_eq!(there.text(), format!("{mode} root\n{content}"));
    }
    // Again, it changes nothing and keeps what was there first.
    gated.host().set_up(&script.text());
    let kept = run(&mut gated
        .host()
        .as_root("cat /etc/pam.d/sudo.before-countersign"));
    assert!(kept.expect_success().text().contains("common-auth"));
    let unknown: Output = gated
        .bastion
        .command(&["target", "setup", "nowhere"])
        .expect_failure();
    assert!(
        unknown.stderr.contains("there is no target `nowhere`"),
        "{unknown}"
    );
    let all: Value = gated
        .bastion
        .command(&["target", "setup", "--json"])
        .expect_success()
        .json();
    assert_eq!(all["target"], Value::Null);
}
