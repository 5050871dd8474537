//! What the bastion itself answers over SSH: the home screen and its commands, for people and for scripts.

use crate::harness::sshd::login;
use crate::harness::{World, person};

#[test]
fn the_home_screen_tells_who_one_is_and_where_one_may_go() {
    let world = World::start();
    let alice = world.person("alice");
    let output = alice.ssh(&["bastion"]).expect_success();
    for expected in ["alice@example.test", "db1", "web1"] {
        assert!(output.text().contains(expected), "{expected}: {output}");
    }
    let terminal = alice.terminal(80, 24, &["-t", "bastion"]);
    terminal.wait_for("alice@example.test");
}

#[test]
fn every_list_is_json_for_scripts_and_words_for_people() {
    let world = World::start();
    let alice = world.person("alice");
    alice.ssh(&["web1", "true"]).expect_success();
    world.bastion.wait_for_event("session_ended");
    for (list, expected) in [
        ("whoami", "alice@example.test"),
        ("targets", "web1"),
        ("sessions", "web1"),
        ("requests", ""),
        ("replay", "web1"),
    ] {
        let json = alice.ssh(&["bastion", list, "--json"]).expect_success();
        assert!(json.json().to_string().contains(expected), "{json}");
        let words = alice.ssh(&["bastion", list]).expect_success();
        assert!(words.text().contains(expected), "{words}");
        assert!(!words.text().starts_with(['{', '[']), "{words}");
    }
}

#[test]
fn the_targets_are_those_that_policy_lets_one_open() {
    let world = World::start();
    let (alice, mallory) = (world.person("alice"), world.person("mallory"));
    let hers = alice
        .ssh(&["bastion", "targets", "--json"])
        .expect_success();
    assert!(
        hers.text().contains("db1") && hers.text().contains(login()),
        "{hers}"
    );
    let theirs = mallory
        .ssh(&["bastion", "targets", "--json"])
        .expect_success();
    assert!(!theirs.text().contains("db1"), "{theirs}");
}

#[test]
fn the_help_names_every_command_and_an_unknown_one_leads_to_it() {
    let world = World::start();
    let alice = world.person("alice");
    let help = alice.ssh(&["bastion", "help"]).expect_success();
    for command in [
        "whoami",
        "targets",
        "sessions",
        "requests",
        "approve",
        "refuse",
        "certificate",
        "ssh-config",
        "known-hosts",
        "replay",
        "dashboard",
    ] {
        assert!(help.text().contains(command), "{command}: {help}");
    }
    let unknown = alice.ssh(&["bastion", "frobnicate"]).expect_failure();
    assert!(unknown.stderr.contains("`frobnicate`"), "{unknown}");
    assert!(unknown.stderr.contains("help"), "{unknown}");
    assert_eq!(unknown.text(), "", "{unknown}");
}

#[test]
fn a_request_that_does_not_exist_is_told_so() {
    let world = World::start();
    let carol = world.person("carol");
    for id in ["h-000000", "../../etc/passwd", "h-'; --"] {
        let id = format!("'{}'", id.replace('\'', "'\\''"));
        let output = carol.ssh(&["bastion", "approve", &id]).expect_failure();
        assert!(output.stderr.contains("countersign: "), "{output}");
    }
}

#[test]
fn what_waits_for_an_approver_is_on_their_home_screen() {
    let world = World::start();
    let (alice, carol) = (world.person("alice"), world.person("carol"));
    let mut held = alice.spawn_ssh(&["db1", "touch /tmp/never"]);
    let id = person::wait_until_held(&mut held);
    let home = carol.ssh(&["bastion"]).expect_success();
    assert!(home.text().contains(&id), "{home}");
    held.signal("INT");
}
