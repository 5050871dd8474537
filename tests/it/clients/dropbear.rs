//! Dropbear's `dbclient`, as small devices have it: no certificates, no AEAD, and a jump that it starts itself.

use std::process::Command;

use crate::harness::sshd::login;
use crate::harness::{Person, Running, World, script};

use super::{assert_holds, file_to_send};

/// It starts itself again for a jump, by the path that it was started with.
const DBCLIENT: &str = "/usr/bin/dbclient";

fn convert_key(person: &Person) {
    let mut convert = Command::new("dropbearconvert");
    person.run(convert.args(["openssh", "dropbear", "id_ed25519", "id.dropbear"]));
}

/// By the user name, and through the bastion as a jump host.
fn both_ways(world: &World, person: &Person, command: &str) -> [Command; 2] {
    let (port, login) = (world.bastion.ssh_port(), login());
    let destinations = [
        // It takes the user name to end at the first `@`.
        format!("{login}+web1@127.0.0.1/{port}"),
        format!("alice@127.0.0.1/{port},{login}@web1"),
    ];
    destinations.map(|destination| {
        let mut dbclient = Command::new(DBCLIENT);
        dbclient.args(["-y", "-y", "-i", "id.dropbear", &destination, command]);
        person.environment(&mut dbclient);
        dbclient.current_dir(person.home());
        dbclient
    })
}

#[test]
fn dbclient_runs_commands_both_ways() {
    let world = World::start();
    let alice = world.person("alice");
    convert_key(&alice);
    for mut dbclient in both_ways(&world, &alice, "cat; echo err >&2; exit 7") {
        let mut dbclient = Running::start(&mut dbclient);
        dbclient.write(b"a line\n");
        let output = dbclient.finish();
        assert_eq!(output.code(), 7, "{output}");
        assert_eq!(output.text(), "a line\n", "{output}");
        assert!(output.stderr.contains("err\n"), "{output}");
    }
}

#[test]
fn dbclient_carries_a_large_stream_both_ways() {
    let world = World::start();
    let alice = world.person("alice");
    let sent = file_to_send(&alice);
    convert_key(&alice);
    for dbclient in both_ways(&world, &alice, "cat") {
        let echo = script("exec \"$@\" <sent >back", &dbclient);
        Running::start(&mut { echo }).finish().expect_success();
        assert_holds(&alice.home().join("back"), &sent);
    }
}
