//! Approved means exact: a held command runs under a certificate that its target's `sshd` lets run nothing else.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use crate::harness::person::{HELD, hold_id, wait_until_held};
use crate::harness::sshd::login;
use crate::harness::{Options, Running, World};

/// Everybody asks for whatever is a command, and everybody may answer.
const ASK: &str = r#"
@id("open") permit (principal, action == Action::"connect", resource);
@id("ask") permit (principal, action == Action::"request:exec", resource);
@id("answer") permit (principal, action == Action::"approve", resource);
"#;

#[test]
fn an_approved_command_is_bound_to_its_certificate_and_the_target_holds_to_it() {
    let world = World::start();
    let (alice, carol) = (world.person("alice"), world.person("carol"));
    let command = "cat; echo \"asked for: $SSH_ORIGINAL_COMMAND\"; tty; exit 3";
    let mut held = alice.spawn_ssh(&["db1", command]);
    held.write(b"typed while it was held\n");
    let id = wait_until_held(&mut held);
    carol.ssh(&["bastion", "approve", &id]).expect_success();
    let output = held.finish();
    assert_eq!(output.code(), 3, "{output}");
    let expected = format!("typed while it was held\nasked for: {command}\nnot a tty\n");
    assert_eq!(output.text(), expected, "{output}");

    let log = world.sshd.wait_for_log("forced-command");
    let forced = format!("Starting session: forced-command (key-option) '{command}'");
    assert!(log.contains(&forced), "{log}");
    let held = world.bastion.wait_for_event("held");
    let bound = world.bastion.events("certificate");
    let bound: Vec<_> = bound
        .iter()
        .filter_map(|event| event.get("command"))
        .collect();
    assert_eq!(bound, [&held["digest"]]);

    // What policy lets run at once needs no second login.
    alice.ssh(&["web1", "true"]).expect_success();
    assert_eq!(world.sshd.log().matches("forced-command").count(), 1);
}

#[test]
fn an_approved_command_has_the_terminal_that_was_asked_for() {
    let world = World::start();
    let (alice, carol) = (world.person("alice"), world.person("carol"));
    let terminal = alice.terminal(97, 31, &["-t", "db1", "stty size; read x; echo got $x"]);
    let shown = terminal.wait_until(HELD, |screen| hold_id(screen).is_some());
    let id = hold_id(&shown).unwrap();
    carol.ssh(&["bastion", "approve", &id]).expect_success();
    terminal.wait_for("31 97");
    terminal.enter("hello");
    terminal.wait_for("got hello");
}

#[test]
fn root_can_be_reached_for_approved_commands_alone() {
    let world = World::with(Options {
        policy: Some(ASK),
        ..Options::default()
    });
    let (alice, carol) = (world.person("alice"), world.person("carol"));
    let restricted = |text: String| {
        text.replace("prohibit-password", "forced-commands-only") + "PermitUserRC no\n"
    };
    world.sshd.configure_anew(restricted);
    let config = fs::read_to_string(world.bastion.config()).unwrap();
    let logins = |name: &str| format!("logins = [\"{name}\"]");
    let as_root = config.replace(&logins(login()), &logins("root"));
    fs::write(world.bastion.config(), as_root).unwrap();
    world.bastion.reload();

    let mut held: Running = alice.spawn_ssh(&["root@db1", "id -un"]);
    let id = wait_until_held(&mut held);
    carol.ssh(&["bastion", "approve", &id]).expect_success();
    let output = held.finish().expect_success();
    assert_eq!(output.text(), "root\n", "{output}");
}

#[test]
fn a_command_that_no_certificate_can_hold_is_refused_before_anybody_is_asked() {
    let world = World::start();
    let alice = world.person("alice");
    let mut ssh = alice.program("ssh", &["db1"]);
    ssh.arg(OsStr::from_bytes(b"touch mark-\xff"));
    let output = Running::start(&mut ssh).finish().expect_failure();
    assert!(
        output.stderr.contains("leave out what is no UTF-8"),
        "{output}"
    );
    assert!(world.bastion.events("held").is_empty());
}
