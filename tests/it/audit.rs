//! The audit: complete, exported, and proof against changes.

use sqlx::Connection;

use crate::harness::person::wait_until_held;
use crate::harness::sshd::login;
use crate::harness::{World, run};

/// A morning's work: a login, a free command, a held one that was approved, and one that was refused.
fn work(world: &World) {
    let (alice, carol) = (world.person("alice"), world.person("carol"));
    alice.ssh(&["web1", "echo free"]).expect_success();
    for (word, command) in [
        ("approve", "touch /dev/null"),
        ("refuse", "touch /dev/zero"),
    ] {
        let mut held = alice.spawn_ssh(&["db1", command]);
        let id = wait_until_held(&mut held);
        carol
            .ssh(&["bastion", word, &id, "-m", "as discussed"])
            .expect_success();
        held.finish();
    }
}

#[test]
fn the_audit_names_who_did_what_where_and_who_let_it_be() {
    let mut world = World::start();
    work(&world);
    let commands = world.bastion.events("command");
    let verdicts: Vec<_> = commands
        .iter()
        .map(|event| event["verdict"].clone())
        .collect();
    assert_eq!(verdicts, ["allow", "hold", "hold"], "{commands:#?}");
    for command in &commands {
        assert_eq!(command["person"]["subject"], "u-1001", "{command}");
    }
    let started = world.bastion.events("session_started");
    assert_eq!(started[0]["name"], "alice@example.test");
    assert_eq!(started[0]["destination"]["login"], login());
    assert_eq!(started[0]["destination"]["target"], "web1");
    let answers = world.bastion.events("answered");
    assert_eq!(answers.len(), 2, "{answers:#?}");
    for answer in &answers {
        assert_eq!(answer["by"]["approver"]["name"], "carol@example.test");
        assert_eq!(answer["by"]["reason"], "as discussed");
    }
    assert_eq!(world.bastion.events("hold_ended").len(), 2);
    world.bastion.stop().expect_success();
    assert_eq!(world.bastion.events("node_stopped").len(), 1);
    world.bastion.command(&["audit", "verify"]).expect_success();
}

#[test]
fn a_changed_record_is_found() {
    assert_found(
        "UPDATE audit SET event = replace(event, 'carol@example.test', 'mallory@example.test')",
    );
}

#[test]
fn a_removed_record_is_found() {
    assert_found("DELETE FROM audit WHERE seq = 3");
}

#[test]
fn a_changed_time_is_found() {
    assert_found("UPDATE audit SET appended = appended - 60000 WHERE seq = 4");
}

/// Does something to the rows behind the program's back and checks that `audit verify` tells.
fn assert_found(change: &str) {
    let mut world = World::start();
    work(&world);
    world.bastion.stop().expect_success();
    world.bastion.command(&["audit", "verify"]).expect_success();
    let file = world.bastion.dir().join("data/countersign.db");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let changed = runtime.block_on(async {
        let url = format!("sqlite://{}", file.display());
        let mut store = sqlx::SqliteConnection::connect(&url).await.unwrap();
        let done = sqlx::query(sqlx::AssertSqlSafe(change))
            .execute(&mut store)
            .await
            .unwrap();
        store.close().await.unwrap();
        done.rows_affected()
    });
    assert!(changed > 0);
    let output = world.bastion.command(&["audit", "verify"]).expect_failure();
    let told = output.text() + &output.stderr;
    assert!(told.contains("n1"), "it names the chain: {told}");
    assert!(told.contains("record"), "it names the record: {told}");
}

#[test]
fn an_export_cannot_be_changed_unseen_either() {
    let mut world = World::start();
    work(&world);
    world.bastion.stop().expect_success();
    let export = world.bastion.command(&["audit", "export"]).expect_success();
    let lines = export.text().lines().count();
    assert_eq!(lines, world.bastion.audit_export().len());
    let hashes: std::collections::BTreeSet<_> = world
        .bastion
        .audit_export()
        .into_iter()
        .map(|record| record["hash"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(hashes.len(), lines, "each record has a hash of its own");
}

#[test]
fn no_secret_is_in_the_audit_or_the_log() {
    let mut world = World::start();
    work(&world);
    let log = world.bastion.stop().expect_success().stderr;
    let export = world
        .bastion
        .command(&["audit", "export"])
        .expect_success()
        .text();
    let mut keys = std::process::Command::new("grep");
    let keys = run(keys
        .args(["-rlE", "PRIVATE KEY"])
        .arg(world.bastion.dir().join("data")));
    for text in [&log, &export] {
        assert!(!text.contains("countersign-test-secret"), "{text}");
        assert!(!text.contains("eyJ"), "no token: {text}");
    }
    for file in keys.text().lines() {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(file).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{file} is for its owner only");
    }
}
