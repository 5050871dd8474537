//! Scripts on standard input: what a program runs from there is asked about like what it is started with.

use std::path::PathBuf;

use crate::harness::person::wait_until_held;
use crate::harness::{PATIENCE, Running, World, eventually, routes};

/// Where marks are left on the target, and a script that leaves them.
fn marks(world: &World) -> ([PathBuf; 2], String) {
    let files = ["first", "second"].map(|name| world.sshd.home().join(name));
    let [first, second] = files.each_ref().map(|file| file.display());
    let script = format!("if true\nthen touch {first}\nfi\ntouch {second}\necho done\n");
    (files, script)
}

/// A program that runs its input, on a production target.
fn fed(world: &World, program: &[&str], script: &str) -> (Running, String) {
    let alice = world.person("alice");
    let mut running = alice.spawn_ssh(&[&["-T", "db1"], program].concat());
    running.write(script.as_bytes());
    let id = wait_until_held(&mut running);
    (running, id)
}

#[test]
fn a_script_for_a_shell_is_held_as_a_whole_and_shown_to_who_approves() {
    let world = World::start();
    let carol = world.person("carol");
    for program in [&["bash"][..], &["sh", "-s"], &[]] {
        let (files, script) = marks(&world);
        let (running, id) = fed(&world, program, &script);
        let queue = carol.ssh(&["bastion", "requests", "--json"]).json();
        let queue = queue.to_string();
        assert!(
            queue.contains("touch") && queue.contains("second"),
            "{queue}"
        );
        assert!(!files[0].exists(), "{program:?}");
        carol
            .ssh(&["bastion", "approve", &id, "-m", "seen"])
            .expect_success();
        let output = running.finish().expect_success();
        assert_eq!(output.text(), "done\n", "{output}");
        for file in files {
            std::fs::remove_file(file).unwrap();
        }
    }
    assert_eq!(world.bastion.events("held").len(), 3);
}

#[test]
fn a_refused_script_leaves_nothing_behind() {
    let world = World::start();
    let carol = world.person("carol");
    for program in [&["bash"][..], &[]] {
        let (files, script) = marks(&world);
        let (running, id) = fed(&world, program, &script);
        carol
            .ssh(&["bastion", "refuse", &id, "-m", "seen"])
            .expect_success();
        let output = running.finish();
        assert_eq!(output.code(), 254, "{output}");
        assert!(output.stderr.contains("refused by carol"), "{output}");
        assert!(!files.iter().any(|file| file.exists()), "{program:?}");
    }
}

#[test]
fn what_comes_behind_an_approved_script_is_asked_about_too() {
    let world = World::start();
    let carol = world.person("carol");
    let ([first, second], _) = marks(&world);
    let (mut running, id) = fed(&world, &["bash"], &format!("touch {}\n", first.display()));
    carol
        .ssh(&["bastion", "approve", &id, "-m", "seen"])
        .expect_success();
    eventually(PATIENCE, || first.exists().then_some(())).expect("the approved script runs");
    running.write(format!("touch {}\n", second.display()).as_bytes());
    let other = running.wait_until("another request", |running| {
        let shown = running.stderr();
        let id = crate::harness::person::hold_id(&shown)?;
        (shown.matches("held h-").count() > 1).then_some(id)
    });
    assert!(!second.exists());
    carol
        .ssh(&["bastion", "refuse", &other, "-m", "seen"])
        .expect_success();
    assert_eq!(running.finish().code(), 254);
    assert!(!second.exists());
}

#[test]
fn sudo_in_a_script_is_asked_about_as_sudo() {
    let world = World::start();
    let (_running, _) = fed(&world, &["env", "X=1", "bash", "-e"], "id\nsudo id\n");
    let asked = world.bastion.wait_for_event("command");
    assert_eq!(asked["action"], "sudo", "{asked}");
    assert!(
        asked["text"].as_str().unwrap().contains("sudo id"),
        "{asked}"
    );
}

#[test]
fn code_for_an_interpreter_is_held_with_it() {
    let world = World::start();
    let carol = world.person("carol");
    let (running, id) = fed(&world, &["python3", "-"], "print(6 * 7)\n");
    let queue = carol.ssh(&["bastion", "requests"]).expect_success().text();
    assert!(queue.contains("print(6 * 7)"), "{queue}");
    carol
        .ssh(&["bastion", "approve", &id, "-m", "seen"])
        .expect_success();
    assert_eq!(running.finish().expect_success().text(), "42\n");
}

#[test]
fn a_shell_that_is_given_nothing_is_held_without_a_script() {
    let world = World::start();
    let alice = world.person("alice");
    let mut waiting = alice.spawn_ssh(&["-T", "db1", "bash"]);
    wait_until_held(&mut waiting);
    let asked = world.bastion.wait_for_event("command");
    assert!(
        asked["text"].as_str().unwrap().contains("0 bytes"),
        "{asked}"
    );
}

#[test]
fn a_long_script_runs_unasked_where_commands_may() {
    let world = World::start();
    let alice = world.person("alice");
    let script = "x=$((x + 1))\n".repeat(100_000) + "echo $x\n";
    for route in routes() {
        let mut running = alice.spawn_ssh(&["-T", &route, "bash"]);
        running.write(script.as_bytes());
        assert_eq!(running.finish().expect_success().text(), "100000\n");
    }
    assert_eq!(world.bastion.events("held").len(), 0);
}

#[test]
fn a_program_that_eats_a_part_of_the_next_line_hides_no_command() {
    let world = World::start();
    let bob = world.person("bob");
    let mark = world.sshd.home().join("mark");
    let script = format!("head -c 6\necho 'touch {}; id #'\n", mark.display());
    let mut piped = bob.spawn_ssh(&["-T", "db1"]);
    piped.write(script.as_bytes());
    wait_until_held(&mut piped);
    // Line by line, with what was approved to run in between, it is no better.
    let mut paced = bob.spawn_ssh(&["-T", "db1"]);
    paced.write(b"uptime\n");
    paced.wait_for_stdout("load");
    paced.write(b"head -c 6\n");
    wait_until_held(&mut paced);
    assert!(!mark.exists());
}

#[test]
fn code_behind_an_approved_script_is_never_read_as_commands_of_a_shell() {
    let world = World::start();
    let carol = world.person("carol");
    let mark = world.sshd.home().join("mark");
    let (mut running, id) = fed(&world, &["perl"], "print \"hello\\n\";\n");
    carol
        .ssh(&["bastion", "approve", &id, "-m", "seen"])
        .expect_success();
    running.wait_for_stderr("approved by");
    for line in [
        format!("exit \"@{{[system q(touch {})]}}\"\n", mark.display()),
        "# a comment\n".to_owned(),
    ] {
        running.write(line.as_bytes());
    }
    let held = |running: &Running| (running.stderr().matches("held h-").count() > 1).then_some(());
    running.wait_until("another request", held);
    assert!(!mark.exists());
}

#[test]
fn what_comes_on_the_input_of_a_command_that_is_not_understood_is_held_with_it() {
    let world = World::start();
    let carol = world.person("carol");
    let program = ["while read -r x; do eval \"$x\"; done"];
    let (running, id) = fed(&world, &program, "echo from the input\n");
    let queue = carol.ssh(&["bastion", "requests"]).expect_success().text();
    assert!(queue.contains("from the input"), "{queue}");
    carol
        .ssh(&["bastion", "approve", &id, "-m", "seen"])
        .expect_success();
    let output = running.finish().expect_success();
    assert_eq!(output.text(), "from the input\n");
}
