//! Connections on which nothing happens end; what waits for people does not.

use crate::harness::person::wait_until_held;
use crate::harness::sshd::{PROMPT, login};
use crate::harness::{Options, World};

const IDLE: &str = "idle for 3 s: ended";

fn impatient() -> World {
    World::with(Options {
        ssh: "idle_timeout = \"3s\"",
        ..Options::default()
    })
}

#[test]
fn a_session_without_data_ends_with_a_message_whatever_keepalives_say() {
    let world = impatient();
    let alice = world.person("alice");
    let direct = format!("{}@web1@bastion", login());
    let idle = [&direct, "web1"].map(|route| {
        let mut session = alice.spawn_ssh(&["-o", "ServerAliveInterval=1", route, "echo up; cat"]);
        session.wait_for_stdout("up");
        session
    });
    for session in idle {
        // The standard input stays open: it is the bastion that ends it.
        let mut session = session;
        session.wait_for_stderr(IDLE);
        let output = session.finish();
        assert_eq!(output.code(), 254, "{output}");
    }
    let ended = world.bastion.wait_for_event("session_ended");
    assert_eq!(ended["how"], IDLE, "{ended}");
}

#[test]
fn data_either_way_keeps_a_session_and_the_connection_around_it() {
    let world = impatient();
    let alice = world.person("alice");
    let ticking = "for i in 1 2 3 4 5 6; do sleep 1; echo $i; done";
    let output = alice.ssh(&["web1", ticking]).expect_success();
    assert_eq!(output.text(), "1\n2\n3\n4\n5\n6\n");
}

#[test]
fn a_connection_without_channels_ends_with_a_message() {
    let world = impatient();
    let alice = world.person("alice");
    let mut forwarding = alice.spawn_ssh(&["-N", "bastion"]);
    let shown = forwarding.wait_for_stderr(IDLE);
    assert!(shown.contains("Received disconnect"), "{shown}");
    forwarding.finish().expect_failure();
}

#[test]
fn a_terminal_is_told_before_it_closes() {
    let world = impatient();
    let alice = world.person("alice");
    let terminal = alice.terminal(80, 24, &["-t", "web1"]);
    terminal.wait_for(PROMPT);
    terminal.wait_for(IDLE);
    terminal.wait_for("closed");
}

#[test]
fn a_command_that_waits_for_approvers_is_not_idle() {
    let world = impatient();
    let (alice, carol) = (world.person("alice"), world.person("carol"));
    let mut held = alice.spawn_ssh(&["db1", "touch /dev/null; echo it ran"]);
    let request = wait_until_held(&mut held);
    // Whoever comes after it and does nothing is ended before it is approved.
    for _ in 0..2 {
        let mut idle = alice.spawn_ssh(&["web1", "cat"]);
        idle.wait_for_stderr(IDLE);
        idle.finish().expect_failure();
    }
    assert!(held.is_running());
    carol
        .ssh(&["bastion", "approve", &request])
        .expect_success();
    let output = held.finish().expect_success();
    assert_eq!(output.text(), "it ran\n");
}
