//! The libraries of Python, paramiko and asyncssh, by small programs that tell in JSON what they saw.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::{Trust, assert_holds, file_to_send, write_known_hosts};
use crate::harness::sshd::login;
use crate::harness::{Person, World, run};

/// Python of the system, which has its packages.
const PYTHON: &str = "/usr/bin/python3";

/// One of the programs beside this file, told of the bastion's port, the login, and the target's folder. In the
/// person's folder it finds the key, `known` hosts and a file `sent`.
pub(crate) fn python(world: &World, person: &Person, program: &str) -> Command {
    write_known_hosts(world, person, Trust::Key);
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/clients");
    let mut python = Command::new(PYTHON);
    // Warnings are about the library's own future.
    python.args(["-W", "ignore"]).arg(programs.join(program));
    python.args([&world.bastion.ssh_port().to_string(), login()]);
    python.arg(world.sshd.home());
    person.environment(&mut python);
    python.current_dir(person.home());
    python
}

#[test]
fn paramiko_runs_commands_and_copies_files_both_ways() {
    let world = World::start();
    let alice = world.person("alice");
    let sent = file_to_send(&alice);
    let seen = run(&mut python(&world, &alice, "paramiko_both_ways.py")).expect_success();
    let expected = json!({
        "output": "a line\n", "error": "err\n", "status": 7,
        "environment": "de_DE.UTF-8\n",
        "size": "24 80\n",
        "listed": true,
    });
    assert_eq!(seen.json(), json!({"name": expected, "jump": expected}));
    for route in ["name", "jump"] {
        assert_holds(&world.sshd.home().join(route), &sent);
        assert_holds(&alice.home().join(route), &sent);
    }
}

#[test]
fn asyncssh_runs_commands_signals_them_and_copies_files_both_ways() {
    let world = World::start();
    let alice = world.person("alice");
    let sent = file_to_send(&alice);
    let seen = run(&mut python(&world, &alice, "asyncssh_both_ways.py")).expect_success();
    let expected = json!({
        "output": "a line\n", "error": "err\n", "status": 7,
        "environment": "de_DE.UTF-8\n",
        "caught": ["caught\n", 9],
        "ended_by": "TERM",
        "sizes": ["24 80", "33 99"],
        "parallel": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        "listed": true,
    });
    assert_eq!(seen.json(), json!({"name": expected, "jump": expected}));
    for route in ["name", "jump"] {
        assert_holds(&world.sshd.home().join(route), &sent);
        assert_holds(&alice.home().join(route), &sent);
    }
}
