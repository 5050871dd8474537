//! The main job with PostgreSQL as the store.

use crate::harness::person::wait_until_held;
use crate::harness::sshd::PROMPT;
use crate::harness::{Options, World};

#[path = "../../src/store/tests/postgres_server.rs"]
mod server;

#[test]
fn a_command_is_held_approved_recorded_and_audited_on_postgresql() {
    let server = server::PostgresServer::start();
    let store = Some(server.database("countersign"));
    let world = World::with(Options {
        store,
        ..Options::default()
    });
    let (alice, carol) = (world.person("alice"), world.person("carol"));
    let mut held = alice.spawn_ssh(&["db1", "echo ran; exit 3"]);
    let id = wait_until_held(&mut held);
    carol
        .ssh(&["bastion", "approve", &id, "-m", "ok"])
        .expect_success();
    let output = held.finish();
    assert_eq!(
        (output.code(), output.text()),
        (3, "ran\n".to_owned()),
        "{output}"
    );
    world.bastion.wait_for_event("session_ended");
    assert_eq!(
        world.bastion.events("answered")[0]["by"]["approver"]["name"],
        "carol@example.test"
    );
    let verified = world.bastion.command(&["audit", "verify"]).expect_success();
    assert!(verified.text().contains("ok"), "{verified}");
    assert!(
        !world.bastion.log().contains("unused"),
        "the database's password is not logged"
    );
    assert!(!world.bastion.dir().join("data/countersign.db").exists());
}

#[test]
fn a_node_whose_lanes_used_the_database_stops_cleanly() {
    let server = server::PostgresServer::start();
    let store = Some(server.database("countersign"));
    let mut world = World::with(Options {
        store,
        ..Options::default()
    });
    let alice = world.person("alice");
    let mut sessions: Vec<_> = (0..6)
        .map(|_| alice.spawn_ssh(&["web1", "echo up; cat"]))
        .collect();
    for session in &mut sessions {
        session.wait_for_stdout("up");
    }
    let log = world.bastion.stop().expect_success().stderr;
    for session in sessions {
        session.finish().expect_failure();
    }
    for trouble in [
        "could not be audited",
        "runtime",
        "panicked",
        "did not answer",
    ] {
        assert!(!log.contains(trouble), "{log}");
    }
    assert_eq!(world.bastion.events("session_ended").len(), 6);
    assert_eq!(world.bastion.events("node_stopped").len(), 1);
    world.bastion.command(&["audit", "verify"]).expect_success();
}

#[test]
fn nothing_more_runs_when_the_audit_cannot_be_written() {
    let server = server::PostgresServer::start();
    let store = Some(server.database("countersign"));
    let world = World::with(Options {
        store,
        ..Options::default()
    });
    let alice = world.person("alice");
    let terminal = alice.terminal(120, 40, &["-t", "web1"]);
    terminal.wait_for(PROMPT);
    drop(server);
    let file = world.sshd.home().join("mark");
    terminal.enter(&format!("touch {}", file.display()));
    terminal.wait_for("nothing more runs");
    terminal.wait_for("closed");
    assert!(!file.exists());
}
