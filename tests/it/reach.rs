//! Reaching a target with stock programs: nothing that a direct connection can do is lost on the way.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::sshd::{PROMPT, login};
use crate::harness::{Output, Person, Running, World, noise, routes, run};

const MIB: usize = 1024 * 1024;

/// What the target has in a file, whoever may read it.
fn on_target(world: &World, name: &str) -> PathBuf {
    world.sshd.home().join(name)
}

#[test]
fn both_routes_give_the_commands_output_and_exit_status() {
    let world = World::start();
    let alice = world.person("alice");
    for route in routes() {
        let output = alice.ssh(&[&route, "echo out; echo err >&2; exit 7"]);
        assert_eq!(output.code(), 7, "{output}");
        assert_eq!(output.text(), "out\n", "{output}");
        assert_eq!(output.stderr, "err\n", "{output}");
    }
    let ended = world.bastion.wait_for_event("session_ended");
    assert!(ended["how"].as_str().unwrap().contains('7'), "{ended}");
}

#[test]
fn the_end_of_a_command_by_a_signal_is_passed_on() {
    let world = World::start();
    let alice = world.person("alice");
    let output = alice.ssh(&["-v", "web1", "kill -TERM $$"]);
    assert_eq!(output.code(), 255, "{output}");
    assert!(output.stderr.contains("rtype exit-signal"), "{output}");
}

#[test]
fn variables_for_language_reach_the_command_and_those_that_change_programs_do_not() {
    let world = World::start();
    let alice = world.person("alice");
    // The target accepts both: it is the bastion that lets only the first one pass.
    let set = "SetEnv=LC_COLOUR=blue COUNTERSIGN_TEST_PRELOAD=evil.so";
    let command = "echo $LC_COLOUR:$COUNTERSIGN_TEST_PRELOAD";
    let output = alice.ssh(&["-o", set, "web1", command]);
    assert_eq!(output.expect_success().text(), "blue:\n");
}

#[test]
fn standard_input_can_end_before_the_output_does() {
    let world = World::start();
    let alice = world.person("alice");
    for route in routes() {
        let mut cat = alice.spawn_ssh(&[&route, "cat; echo over"]);
        cat.write(b"a line\n");
        let output = cat.finish().expect_success();
        assert_eq!(output.text(), "a line\nover\n");
    }
}

#[test]
fn every_byte_passes_unchanged_both_ways() {
    let world = World::start();
    let alice = world.person("alice");
    let sent = noise(5 * MIB);
    let mut cat = alice.spawn_ssh(&["web1", "cat"]);
    cat.write(&sent);
    let output = cat.finish().expect_success();
    assert!(
        output.stdout == sent,
        "{} bytes came back",
        output.stdout.len()
    );
}

#[test]
fn a_terminal_has_its_size_and_follows_changes() {
    let world = World::start();
    let alice = world.person("alice");
    let terminal = alice.terminal(100, 30, &["-t", "web1"]);
    terminal.wait_for(PROMPT);
    terminal.enter("stty size");
    terminal.wait_for("30 100");
    terminal.resize(90, 25);
    terminal.enter("stty size");
    terminal.wait_for("25 90");
    terminal.enter("exit");
    terminal.wait_for("closed");
}

#[test]
fn ctrl_c_reaches_the_program_in_a_terminal() {
    let world = World::start();
    let alice = world.person("alice");
    let terminal = alice.terminal(80, 24, &["-t", "web1"]);
    terminal.wait_for(PROMPT);
    terminal.enter("echo $((1 + 1)); cat; echo status $?");
    terminal.wait_for("\n2");
    terminal.enter("typed");
    terminal.wait_for("typed\ntyped");
    terminal.press(&["C-c"]);
    terminal.enter("echo $((40 + 2))");
    terminal.wait_for("\n42");
}

#[test]
fn sftp_puts_and_gets_a_large_file() {
    let world = World::start();
    let alice = world.person("alice");
    let sent = noise(20 * MIB);
    fs::write(alice.home().join("sent"), &sent).unwrap();
    let there = on_target(&world, "stored");
    let mut sftp = Running::start(&mut alice.program("sftp", &["-b", "-", "web1"]));
    let there = there.display();
    sftp.write(format!("put sent {there}\nget {there} back\n").as_bytes());
    sftp.finish().expect_success();
    assert!(fs::read(on_target(&world, "stored")).unwrap() == sent);
    assert!(fs::read(alice.home().join("back")).unwrap() == sent);
}

#[test]
fn sftp_lists_renames_and_removes() {
    let world = World::start();
    let alice = world.person("alice");
    let home = world.sshd.home();
    let mut sftp = Running::start(&mut alice.program("sftp", &["-b", "-", "web1"]));
    let home = home.display();
    sftp.write(format!("mkdir {home}/a\nrename {home}/a {home}/b\nls -1 {home}\n").as_bytes());
    sftp.write(format!("mkdir {home}/c\nrmdir {home}/c\n").as_bytes());
    let output = sftp.finish().expect_success();
    assert!(
        output.text().lines().any(|line| line.ends_with("/b")),
        "{output}"
    );
    assert!(on_target(&world, "b").is_dir());
    assert!(!on_target(&world, "c").exists());
}

#[test]
fn scp_copies_both_ways_in_both_protocols() {
    let world = World::start();
    let alice = world.person("alice");
    let sent = noise(MIB);
    fs::write(alice.home().join("sent"), &sent).unwrap();
    for (protocol, name) in [("-s", "by-sftp"), ("-O", "by-rcp")] {
        let there = format!("web1:{}", on_target(&world, name).display());
        run(&mut alice.program("scp", &[protocol, "-q", "sent", &there])).expect_success();
        assert!(
            fs::read(on_target(&world, name)).unwrap() == sent,
            "{protocol}"
        );
        run(&mut alice.program("scp", &[protocol, "-q", &there, name])).expect_success();
        assert!(
            fs::read(alice.home().join(name)).unwrap() == sent,
            "{protocol}"
        );
    }
}

#[test]
fn rsync_copies_a_tree() {
    let world = World::start();
    let alice = world.person("alice");
    let tree = alice.home().join("tree");
    for folder in ["one/two", "three"] {
        fs::create_dir_all(tree.join(folder)).unwrap();
    }
    for number in 0..50_usize {
        fs::write(tree.join(format!("one/two/{number}")), noise(number * 100)).unwrap();
    }
    std::os::unix::fs::symlink("one/two/7", tree.join("link")).unwrap();
    let there = on_target(&world, "tree");
    let mut rsync = Command::new("rsync");
    rsync
        .args(["-rl", "tree/"])
        .arg(format!("web1:{}", there.display()));
    alice.run(&mut rsync);
    assert_same_tree(&tree, &there);

    let mut back = Command::new("rsync");
    back.arg("-rl")
        .arg(format!("web1:{}/", there.display()))
        .arg("back");
    alice.run(&mut back);
    assert_same_tree(&tree, &alice.home().join("back"));
}

fn assert_same_tree(one: &Path, other: &Path) {
    let output = run(Command::new("diff")
        .args(["-r", "--no-dereference"])
        .arg(one)
        .arg(other));
    output.expect_success();
}

#[test]
fn git_clones_and_pushes() {
    let world = World::start();
    let alice = world.person("alice");
    let there = on_target(&world, "project.git");
    let there = there.display();
    alice
        .ssh(&["web1", &format!("git init -q --bare -b main {there}")])
        .expect_success();
    let git = |arguments: &[&str]| -> Output {
        let mut git = Command::new("git");
        git.args([
            "-c",
            "user.name=alice",
            "-c",
            "user.email=alice@example.test",
        ]);
        git.args(["-c", "init.defaultBranch=main"])
            .env("GIT_CONFIG_GLOBAL", "/dev/null");
        alice.run(git.args(arguments))
    };
    git(&["clone", "-q", &format!("web1:{there}"), "work"]);
    fs::write(alice.home().join("work/file"), noise(MIB)).unwrap();
    git(&["-C", "work", "add", "file"]);
    git(&["-C", "work", "commit", "-qm", "a file"]);
    git(&["-C", "work", "push", "-q", "origin", "HEAD:main"]);
    git(&[
        "clone",
        "-q",
        "-b",
        "main",
        &format!("web1:{there}"),
        "again",
    ]);
    let again = fs::read(alice.home().join("again/file")).unwrap();
    assert!(again == noise(MIB));
}

#[test]
fn commands_that_share_a_connection_keep_their_streams_apart() {
    let world = World::start();
    let alice = world.person("alice");
    let share = ["-o", "ControlMaster=auto", "-o", "ControlPath=c-%C"];
    let options = [&share[..], &["-o", "ControlPersist=no"]].concat();
    let mut first = alice.spawn_ssh(&[&options, &["web1", "echo up; cat"][..]].concat());
    first.wait_for_stdout("up");
    let commands: Vec<Running> = (0..8)
        .map(|number| {
            let command = format!("cat; echo {number}; exit {number}");
            let mut ssh = alice.spawn_ssh(&[&share[..], &["web1", &command]].concat());
            ssh.write(format!("input {number}\n").as_bytes());
            ssh
        })
        .collect();
    for (number, command) in (0..8).zip(commands) {
        let output = command.finish();
        assert_eq!(output.code(), number, "{output}");
        assert_eq!(output.text(), format!("input {number}\n{number}\n"));
    }
    assert_eq!(first.finish().expect_success().text(), "up\n");
}

#[test]
fn who_may_not_open_a_target_is_refused_with_a_message() {
    let world = World::start();
    let mallory: Person = world.person("mallory");
    for route in routes() {
        let output = mallory.ssh(&[&route, "echo inside"]).expect_failure();
        assert_eq!(output.text(), "", "{output}");
        assert!(output.stderr.contains("countersign: "), "{output}");
    }
    assert!(
        !world.sshd.log().contains("Accepted"),
        "nothing reached the target"
    );
    let connect = world.bastion.wait_for_event("connect");
    assert_eq!(connect["verdict"], "deny", "{connect}");
}

#[test]
fn an_unknown_target_or_login_is_refused_with_a_message() {
    let world = World::start();
    let alice = world.person("alice");
    for destination in [
        format!("{}@nowhere@bastion", login()),
        "nobody@web1@bastion".to_owned(),
    ] {
        let output = alice.ssh(&[&destination, "echo inside"]).expect_failure();
        assert_eq!(output.text(), "", "{output}");
        assert!(output.stderr.contains("countersign: "), "{output}");
    }
}

#[test]
fn the_programs_own_ssh_config_and_known_hosts_work_as_they_are() {
    let world = World::start();
    let alice = world.person("alice");
    let config = alice.ssh(&["bastion", "ssh-config"]).expect_success();
    let known = alice.ssh(&["bastion", "known-hosts"]).expect_success();
    assert!(known.text().contains("@cert-authority"), "{known}");
    assert!(config.text().contains("ProxyJump"), "{config}");
    assert!(config.text().contains("web1"), "{config}");
    let file = alice.home().join("from-the-bastion");
    fs::write(&file, &config.stdout).unwrap();
    let mut check = Command::new("ssh");
    run(check.args(["-G", "-F"]).arg(&file).arg("web1")).expect_success();
}
