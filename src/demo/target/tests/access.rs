//! Who gets in, and to what.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tokio::time::timeout;

use crate::demo::target::tests::harness::{Harness, PATIENCE, text};
use crate::demo::target::*;

#[tokio::test]
async fn only_a_certificate_that_meets_every_rule_opens_it() {
    let target = Harness::start().await;
    target.refused().await;
    for (ca, arguments) in [
        ("other-ca", vec!["-n", "deploy"]),
        ("ca", vec!["-n", "postgres"]),
        ("ca", vec!["-n", "deploy", "-V", "-10m:-5m"]),
        ("ca", vec!["-n", "deploy", "-V", "+5m:+10m"]),
        ("ca", vec!["-n", "deploy", "-h"]),
        (
            "ca",
            vec!["-n", "deploy", "-O", "critical:mystery@example.test=1"],
        ),
        ("ca", vec!["-n", "deploy", "-O", "verify-required"]),
        (
            "ca",
            vec!["-n", "deploy", "-O", "source-address=192.0.2.0/24"],
        ),
        ("ca", vec![]),
    ] {
        target.certify(ca, &arguments).await;
        target.refused().await;
    }
    target
        .certify("ca", &["-n", "deploy", "-O", "source-address=127.0.0.1/32"])
        .await;
    assert_eq!(text(&target.run(&[], &["echo in"]).await.stdout), "in\n");
}

#[tokio::test]
async fn a_login_that_the_target_does_not_have_is_refused() {
    let target = Harness::start().await;
    target.certify("ca", &["-n", "deploy,mallory"]).await;
    let mut ssh = target.ssh(&["-l", "mallory"], &[]);
    let output = timeout(PATIENCE, ssh.output()).await.unwrap().unwrap();
    assert_eq!(output.status.code(), Some(255));
    assert!(
        text(&output.stderr).contains("Permission denied"),
        "{}",
        text(&output.stderr)
    );
}

#[tokio::test]
async fn a_forced_command_runs_whatever_was_asked() {
    let target = Harness::start().await;
    let forced = "force-command=echo forced \"$SSH_ORIGINAL_COMMAND\"";
    target.certify("ca", &["-n", "deploy", "-O", forced]).await;
    assert_eq!(
        text(&target.run(&[], &["rm -rf x"]).await.stdout),
        "forced rm -rf x\n"
    );
    assert_eq!(text(&target.run(&[], &[]).await.stdout), "forced \n");
    assert_eq!(
        text(&target.run(&["-s"], &["sftp"]).await.stdout),
        "forced \n"
    );
}

#[tokio::test]
async fn a_certificate_without_permit_pty_gets_no_terminal() {
    let target = Harness::start().await;
    target.certify("ca", &["-n", "deploy", "-O", "clear"]).await;
    let output = target.run(&["-tt"], &["echo in"]).await;
    assert!(text(&output.stderr).contains("PTY allocation request failed"));
    let output = target.run(&["-T"], &["echo in"]).await;
    assert_eq!(text(&output.stdout), "in\n");
}

#[tokio::test]
async fn ports_are_not_forwarded() {
    let target = Harness::start().await;
    target.certify_deploy().await;
    let here = target.address.to_string();
    let output = target.run(&["-W", &here], &[]).await;
    assert!(!output.status.success() && output.stdout.is_empty());
}

#[tokio::test]
async fn the_folder_is_for_its_owner_only() {
    let target = Harness::start().await;
    target.certify_deploy().await;
    assert!(target.run(&[], &["true"]).await.status.success());
    let mode = |name: &str| {
        fs::metadata(target.path(name))
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(
        (mode("home"), mode("home/bin/sudo"), mode("home/.demorc")),
        (0o700, 0o700, 0o600)
    );
}

#[tokio::test]
async fn a_target_refuses_to_be_reached_from_elsewhere() {
    let directory = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let pair = russh::keys::ssh_key::private::Ed25519Keypair::from_seed(&[1; 32]);
    let key = PrivateKey::from(pair);
    let settings = TargetSettings {
        name: "db1.prod".parse().unwrap(),
        user_ca: key.public_key().clone(),
        host_key: key,
        host_certificate: None,
        logins: BTreeSet::new(),
        folder: directory.path().join("home"),
        shell: default_shell(),
    };
    let refused = DemoTarget::serve(listener, settings, CancellationToken::new()).await;
    assert!(matches!(refused, Err(TargetError::NotLoopback(_))));
    assert!(!directory.path().join("home").exists());
}
