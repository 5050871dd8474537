//! OpenSSH's own programs and those that start it, where they are used in another way than `reach` tests.

use std::fs;
use std::process::Command;

use super::{assert_holds, file_to_send, lists};
use crate::harness::sshd::PROMPT;
use crate::harness::{PATIENCE, Running, World, eventually, routes, run};

#[test]
fn ten_commands_at_once_share_one_connection_both_ways() {
    let world = World::start();
    let alice = world.person("alice");
    let share = ["-o", "ControlMaster=auto", "-o", "ControlPath=c-%C"];
    for route in routes() {
        let master = ["-N", "-o", "ControlPersist=no", &route];
        let mut master = alice.spawn_ssh(&[&share[..], &master].concat());
        let check = [&share[..], &["-O", "check", &route]].concat();
        let up = || alice.ssh(&check).status.success().then_some(());
        eventually(PATIENCE, up).expect("the connection is there");
        let commands: Vec<Running> = (0..10)
            .map(|number| {
                let command = format!("cat; echo {number}; exit {number}");
                let mut ssh = alice.spawn_ssh(&[&share[..], &[&route, &command]].concat());
                ssh.write(format!("input {number}\n").as_bytes());
                ssh
            })
            .collect();
        for (number, command) in (0..10).zip(commands) {
            let output = command.finish();
            assert_eq!(output.code(), number, "{output}");
            assert_eq!(output.text(), format!("input {number}\n{number}\n"));
        }
        assert!(master.is_running());
    }
}

#[test]
fn a_connection_without_a_command_starts_nothing_and_leaves_nothing_behind() {
    let world = World::start();
    let alice = world.person("alice");
    for route in routes() {
        let options = ["-N", "-o", "ControlMaster=yes", "-o", "ControlPath=c"];
        let master = alice.spawn_ssh(&[&options[..], &[&route]].concat());
        let ask = |what| alice.ssh(&["-o", "ControlPath=c", "-O", what, &route]);
        let up = || ask("check").status.success().then_some(());
        eventually(PATIENCE, up).expect("the connection is there");
        ask("exit").expect_success();
        master.finish();
        let left = || (world.sshd.connections() == 0).then_some(());
        eventually(PATIENCE, left).expect("no connection to the target is left");
    }
    assert!(world.bastion.events("session_started").is_empty());
}

#[test]
fn a_jump_of_ones_own_is_as_good_as_proxyjump() {
    let world = World::start();
    let alice = world.person("alice");
    let config = alice.home().join("ssh_config");
    let jump = format!("ProxyCommand=ssh -F {} -W %h:%p bastion", config.display());
    let output = alice.ssh(&["-o", &jump, "web1", "echo out; exit 7"]);
    assert_eq!(output.code(), 7, "{output}");
    assert_eq!(output.text(), "out\n", "{output}");
}

#[test]
fn the_clients_language_reaches_the_target() {
    let world = World::start();
    let alice = world.person("alice");
    for route in routes() {
        let mut ssh = alice.program("ssh", &["-o", "SendEnv=LANG", &route, "echo $LANG"]);
        let output = run(ssh.env("LANG", "de_DE.UTF-8")).expect_success();
        assert_eq!(output.text(), "de_DE.UTF-8\n");
    }
}

#[test]
fn a_terminal_reached_by_the_user_name_has_its_size_and_follows_changes() {
    let world = World::start();
    let alice = world.person("alice");
    let [_, route] = routes();
    let terminal = alice.terminal(100, 30, &["-t", &route]);
    terminal.wait_for(PROMPT);
    terminal.enter("stty size");
    terminal.wait_for("30 100");
    terminal.resize(90, 25);
    terminal.enter("stty size");
    terminal.wait_for("25 90");
}

#[test]
fn files_are_copied_by_the_user_name_with_sftp_scp_and_rsync() {
    let world = World::start();
    let alice = world.person("alice");
    let sent = file_to_send(&alice);
    let [_, route] = routes();
    let there = world.sshd.home().join("there");
    let (name, back) = (there.display(), alice.home().join("back"));

    let mut sftp = Running::start(&mut alice.program("sftp", &["-b", "-", &route]));
    sftp.write(format!("put sent {name}.a\nrename {name}.a {name}\nls -l {name}\n").as_bytes());
    sftp.write(format!("get {name} back\n").as_bytes());
    let output = sftp.finish().expect_success();
    assert!(lists(&output.text(), &there), "{output}");
    assert_holds(&there, &sent);
    assert_holds(&back, &sent);

    let remote = format!("{route}:{name}");
    let scp = |protocol| alice.program("scp", &["-q", protocol]);
    let rsync = || {
        let mut rsync = Command::new("rsync");
        alice.environment(&mut rsync);
        rsync.arg("--ignore-times").current_dir(alice.home());
        rsync
    };
    let programs: [&dyn Fn() -> Command; 3] = [&|| scp("-s"), &|| scp("-O"), &rsync];
    for copy in programs {
        fs::remove_file(&there).unwrap();
        fs::remove_file(&back).unwrap();
        run(copy().args(["sent", &remote])).expect_success();
        run(copy().args([&remote, "back"])).expect_success();
        assert_holds(&there, &sent);
        assert_holds(&back, &sent);
    }
}

#[test]
fn git_clones_and_pushes_by_the_user_name() {
    let world = World::start();
    let alice = world.person("alice");
    let sent = file_to_send(&alice);
    let [_, route] = routes();
    let project = world.sshd.home().join("project.git");
    let init = format!("git init -q --bare -b main {}", project.display());
    alice.ssh(&[&route, &init]).expect_success();
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        git.args([
            "-c",
            "user.name=alice",
            "-c",
            "user.email=alice@example.test",
        ]);
        git.env("GIT_CONFIG_GLOBAL", "/dev/null");
        alice.run(git.args(arguments))
    };
    let remote = format!("{route}:{}", project.display());
    git(&["clone", "-q", &remote, "work"]);
    fs::rename(alice.home().join("sent"), alice.home().join("work/file")).unwrap();
    git(&["-C", "work", "add", "file"]);
    git(&["-C", "work", "commit", "-qm", "a file"]);
    git(&["-C", "work", "push", "-q", "origin", "HEAD:main"]);
    git(&["clone", "-q", &remote, "again"]);
    assert_holds(&alice.home().join("again/file"), &sent);
}
