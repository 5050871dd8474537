//! Ansible, with its own pattern of a shared connection that it keeps open, both ways.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{assert_holds, file_to_send};
use crate::harness::sshd::login;
use crate::harness::{PATIENCE, Person, Running, World, eventually};

/// The usual options of Ansible's connections, and where the person's own are.
const SSH_OPTIONS: &str = "-C -o ControlMaster=auto -o ControlPersist=60s -F ssh_config";

/// Stands for `sudo`: drops its options and tells the command that it came this way.
const SUDO: &str = "#!/bin/bash
while [[ $1 == -* ]]; do [[ $1 == -u ]] && shift; shift; done
STAND_IN=sudo exec \"$@\"
";

fn ansible(world: &World, person: &Person, program: &str) -> Command {
    let inventory = format!(
        "[targets]\njumped ansible_host=web1\nnamed ansible_host=bastion ansible_user={}@web1\n",
        login()
    );
    fs::write(person.home().join("inventory"), inventory).unwrap();
    let mut ansible = Command::new(program);
    person.environment(&mut ansible);
    ansible.current_dir(person.home()).args(["-i", "inventory"]);
    ansible.env("ANSIBLE_SSH_ARGS", SSH_OPTIONS);
    ansible.env("ANSIBLE_NOCOLOR", "1");
    // It starts in no other.
    ansible.env("LC_ALL", "C.UTF-8");
    // How long it waits for a command as root to begin, and so for somebody's approval.
    ansible.env("ANSIBLE_TIMEOUT", "60");
    // Tests have another home folder on the target than the account.
    ansible.env("ANSIBLE_REMOTE_TMP", world.sshd.home().join(".ansible/tmp"));
    ansible
}

/// Approves whatever is asked for on a target, until the program has ended.
fn approve_until_it_ends(approver: &Person, program: &mut Running) -> Vec<String> {
    let mut approved = Vec::new();
    let ended = eventually(PATIENCE * 3, || {
        let requests = approver.ssh(&["bastion", "requests", "--json"]).json();
        for request in requests.as_array().unwrap() {
            let id = request["id"].as_str().unwrap();
            approver.ssh(&["bastion", "approve", id]).expect_success();
            approved.push(request["action"].as_str().unwrap().to_owned());
        }
        (!program.is_running()).then_some(())
    });
    ended.expect("the program ends");
    approved
}

#[test]
fn a_playbook_runs_both_ways_and_waits_for_an_approval_where_it_needs_root() {
    let world = World::start();
    let (alice, carol) = (world.person("alice"), world.person("carol"));
    let sent = file_to_send(&alice);
    let home = world.sshd.home();
    world.sshd.stand_in("sudo", SUDO);
    fs::write(
        alice.home().join("template"),
        "for {{ inventory_hostname }}\n",
    )
    .unwrap();
    let playbook = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/clients/playbook.yml");
    let mut ansible = ansible(&world, &alice, "ansible-playbook");
    for (name, value) in [
        ("sent", alice.home().join("sent")),
        ("template", alice.home().join("template")),
        ("there", home.clone()),
    ] {
        ansible.arg("-e").arg(format!("{name}={}", value.display()));
    }
    let mut ansible = Running::start(ansible.arg(playbook));
    let approved = approve_until_it_ends(&carol, &mut ansible);
    let output = ansible.finish().expect_success();
    assert_eq!(approved, ["sudo", "sudo"]);
    assert_eq!(
        output.text().matches("as root: sudo").count(),
        2,
        "{output}"
    );
    for host in ["jumped", "named"] {
        assert_holds(&home.join(format!("{host}.copied")), &sent);
        assert_holds(
            &home.join(format!("{host}.filled")),
            format!("for {host}\n").as_bytes(),
        );
    }
}

#[test]
fn ansibles_pipelined_modules_answer_both_ways() {
    let world = World::start();
    let alice = world.person("alice");
    let mut ansible = ansible(&world, &alice, "ansible");
    ansible.env("ANSIBLE_PIPELINING", "1");
    let output = alice.run(ansible.args(["targets", "-m", "ping"]));
    assert_eq!(output.text().matches("\"pong\"").count(), 2, "{output}");
}
