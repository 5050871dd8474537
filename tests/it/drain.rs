//! The end of a node: who is told, who may finish, and what remains.

use std::net::TcpStream;

use crate::harness::person::wait_until_held;
use crate::harness::sshd::PROMPT;
use crate::harness::{Options, PATIENCE, World, eventually};

fn draining(drain: &'static str) -> World {
    World::with(Options {
        drain,
        ..Options::default()
    })
}

#[test]
fn a_node_that_has_nothing_to_do_ends_at_once() {
    let mut world = draining("5m");
    world.bastion.stop().expect_success();
    assert_eq!(world.bastion.events("node_stopped").len(), 1);
}

#[test]
fn a_running_session_is_told_and_may_finish() {
    let world = draining("5m");
    let alice = world.person("alice");
    let terminal = alice.terminal(100, 24, &["-t", "web1"]);
    terminal.wait_for(PROMPT);
    let mut command = alice.spawn_ssh(&["web1", "echo up; cat; echo over"]);
    command.wait_for_stdout("up");

    world.bastion.terminate();
    terminal.wait_for("countersign: ");
    command.wait_for_stderr("countersign: ");
    let closed = || TcpStream::connect(("127.0.0.1", world.bastion.ssh_port())).is_err();
    let refused = eventually(PATIENCE, || closed().then_some(()));
    assert!(refused.is_some(), "new connections are refused");

    let output = command.finish().expect_success();
    assert_eq!(output.text(), "up\nover\n");
    terminal.enter("echo $((60 + 7))");
    terminal.wait_for("\n67");
    terminal.enter("exit");
    terminal.wait_for("closed");
    world.bastion.wait_for_event("node_stopped");
}

#[test]
fn a_session_that_outlives_the_drain_is_ended() {
    let mut world = draining("1s");
    let alice = world.person("alice");
    let mut command = alice.spawn_ssh(&["web1", "echo up; cat"]);
    command.wait_for_stdout("up");
    world.bastion.stop().expect_success();
    let ended = eventually(PATIENCE, || (!command.is_running()).then_some(()));
    assert!(ended.is_some());
    command.finish().expect_failure();
    assert_eq!(world.bastion.events("session_ended").len(), 1);
    world.bastion.command(&["audit", "verify"]).expect_success();
}

#[test]
fn a_held_command_does_not_outlive_the_node() {
    let mut world = draining("1s");
    let alice = world.person("alice");
    let file = world.sshd.home().join("mark");
    let mut held = alice.spawn_ssh(&["db1", &format!("touch {}", file.display())]);
    wait_until_held(&mut held);
    world.bastion.stop().expect_success();
    held.finish().expect_failure();
    let ended = world.bastion.wait_for_event("hold_ended");
    assert_eq!(ended["resolution"]["how"], "withdrawn", "{ended}");
    world.bastion.serve();
    assert!(!file.exists());
    let carol = world.person("carol");
    let queue = carol
        .ssh(&["bastion", "requests", "--json"])
        .expect_success();
    assert!(!queue.text().contains("touch"), "{queue}");
}

#[test]
fn a_node_that_was_killed_starts_again_with_its_logins_and_chain() {
    let mut world = draining("1s");
    let alice = world.person("alice");
    alice.ssh(&["web1", "true"]).expect_success();
    world.bastion.kill();
    world.bastion.serve();
    alice.ssh(&["web1", "echo again"]).expect_success();
    world.bastion.stop().expect_success();
    world.bastion.command(&["audit", "verify"]).expect_success();
}
