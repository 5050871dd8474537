//! Wherever a sudo is called from, it asks.

use std::fs;

use super::{HELD_SUDO, answer, asked};
use crate::harness::person::{HELD, hold_id, wait_until_held};
use crate::harness::sshd::{PROMPT, login};
use crate::harness::{Gated, Running};

#[test]
fn programs_and_scripts_that_call_sudo_are_held() {
    let gated = Gated::with(HELD_SUDO, &["db1"]);
    let (alice, carol) = (gated.person("alice"), gated.person("carol"));
    let script = gated.host().home().join("deploy.sh");
    fs::write(
        &script,
        "#!/bin/sh\neval \"$(echo c3VkbyBpZCAtdQ== | base64 -d)\"\n",
    )
    .unwrap();
    let commands = [
        format!("sh {}", script.display()),
        "bash -c 'bash -c \"sudo id -u\"'".to_owned(),
        "python3 -c 'import subprocess; subprocess.run([\"sudo\", \"id\", \"-u\"], check=True)'"
            .to_owned(),
        "echo id -u | xargs sudo".to_owned(),
        "perl -e 'exec { \"/usr/bin/sudo\" } \"/usr/bin/sudo\", \"id\", \"-u\"'".to_owned(),
    ];
    for command in &commands {
        let mut held = alice.spawn_ssh(&["db1", command]);
        let id = wait_until_held(&mut held);
        answer(&carol, "approve", &id, "ok").expect_success();
        assert_eq!(held.finish().expect_success().text(), "0\n", "{command}");
    }
    assert_eq!(asked(&gated).len(), commands.len());
}

#[test]
fn an_editor_and_a_multiplexer_that_call_sudo_are_held() {
    let gated = Gated::with(HELD_SUDO, &["db1"]);
    let (alice, carol) = (gated.person("alice"), gated.person("carol"));
    let terminal = alice.terminal(150, 30, &["-t", "db1"]);
    terminal.wait_for(PROMPT);
    terminal.enter("vi -u NONE");
    terminal.wait_for("~");
    terminal.enter(":!sudo id -u");
    let shown = terminal.wait_for("Ctrl-C withdraws");
    let id = hold_id(&shown).unwrap();
    answer(&carol, "approve", &id, "ok").expect_success();
    terminal.wait_for("Press ENTER");
    terminal.press(&["Enter"]);
    terminal.enter(":q!");
    terminal.wait_for(PROMPT);

    let socket = format!("countersign-test-gate-{}", std::process::id());
    let root = gated.host().home().join("root");
    terminal.enter(&format!(
        "tmux -L {socket} -f /dev/null new-session -d 'sudo touch {}'; echo in $?",
        root.display()
    ));
    terminal.wait_for("in 0");
    terminal.wait_until("another request", |screen| {
        screen.matches(HELD).count() == 2
    });
    let id = hold_id(&terminal.screen()).unwrap();
    assert!(!root.exists());
    answer(&carol, "approve", &id, "ok").expect_success();
    crate::harness::eventually(crate::harness::PATIENCE, || root.exists().then_some(())).unwrap();
    assert_eq!(asked(&gated).len(), 2);
}

#[test]
fn ansible_becomes_root_after_an_approval() {
    let gated = Gated::with(HELD_SUDO, &["db1"]);
    let (alice, carol) = (gated.person("alice"), gated.person("carol"));
    let at = alice.home().display().to_string();
    let inventory = format!(
        "db1 ansible_user={} ansible_python_interpreter=/usr/bin/python3 ansible_become_flags='-H -S'\n",
        login()
    );
    fs::write(alice.home().join("inventory"), inventory).unwrap();
    let mut ansible = std::process::Command::new("ansible");
    ansible.args([
        "db1",
        "-i",
        "inventory",
        "-b",
        "-m",
        "ansible.builtin.command",
        "-a",
        "id -u",
    ]);
    alice.environment(&mut ansible);
    ansible
        .current_dir(alice.home())
        .env("ANSIBLE_SSH_ARGS", format!("-F {at}/ssh_config"))
        .env("ANSIBLE_REMOTE_TMP", gated.host().home().join("ansible"))
        .env("ANSIBLE_TIMEOUT", "40");
    let mut ansible = Running::start(&mut ansible);
    let waits = || {
        let queue = carol
            .ssh(&["bastion", "requests", "--json"])
            .expect_success()
            .json();
        let first = queue.as_array().unwrap().first().cloned()?;
        Some((
            first["id"].as_str()?.to_owned(),
            first["command"].as_str()?.to_owned(),
        ))
    };
    let (id, command) = crate::harness::eventually(crate::harness::PATIENCE, waits).unwrap();
    assert!(command.contains("BECOME-SUCCESS"), "{command}");
    assert!(ansible.is_running());
    answer(&carol, "approve", &id, "ok").expect_success();
    let output = ansible.finish().expect_success();
    assert!(output.text().ends_with("rc=0 >>\n0\n"), "{output}");
}
