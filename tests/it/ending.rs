//! How sessions end when something is not as it should be: nothing hangs, nothing is left behind, nothing more runs.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::harness::person::wait_until_held;
use crate::harness::{Options, PATIENCE, World, eventually};

#[test]
fn a_subsystem_that_the_target_does_not_have_ends_with_a_message() {
    let world = World::start();
    let alice = world.person("alice");
    let output = alice.ssh(&["-s", "web1", "nosuch"]).expect_failure();
    assert_eq!(output.code(), 254, "{output}");
    assert!(
        output.stderr.contains("countersign: the target refused"),
        "{output}"
    );
}

#[test]
fn a_target_that_does_not_exist_is_refused_with_a_message_through_a_jump_too() {
    let world = World::start();
    let alice = world.person("alice");
    let output = alice
        .ssh(&["-J", "bastion", "deploy@nowhere", "true"])
        .expect_failure();
    assert!(
        output
            .stderr
            .contains("countersign: there is no target `nowhere`"),
        "{output}"
    );
}

#[test]
fn nothing_runs_where_no_recording_can_begin_and_no_session_is_left_running() {
    let world = World::start();
    let alice = world.person("alice");
    let recordings = world.bastion.dir().join("data/recordings");
    let _ = fs::remove_dir_all(&recordings);
    fs::write(&recordings, "in the way").unwrap();
    let file = world.sshd.home().join("mark");
    let output = alice
        .ssh(&["web1", &format!("touch {}", file.display())])
        .expect_failure();
    assert_eq!(output.code(), 254, "{output}");
    assert!(output.stderr.contains("nothing runs"), "{output}");
    assert!(!file.exists());
    let running = alice
        .ssh(&["bastion", "sessions", "--running", "--json"])
        .json();
    assert_eq!(running, serde_json::json!([]));
    let started = world.bastion.events("session_started").len();
    assert_eq!(world.bastion.events("session_ended").len(), started);
}

#[test]
fn a_session_ends_when_its_recording_fails() {
    let mut world = World::configured(Options::default());
    // Files of this bastion end at 8 MiB, as on a full disk.
    world.bastion.serve_with_file_limit(8 * 1024);
    let alice = world.person("alice");
    let output = alice.ssh(&[
        "-tt",
        "web1",
        "head -c 40000000 /dev/zero | tr '\\0' 'a'; touch over",
    ]);
    assert_eq!(output.code(), 254, "{}", output.stderr);
    world.bastion.wait_for_event("session_ended");
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(
        shown.contains("the recording failed"),
        "{}",
        shown.chars().rev().take(300).collect::<String>()
    );
    assert!(output.stdout.len() < 40_000_000);
}

#[test]
fn a_client_that_dies_while_it_is_stalled_leaves_no_session_behind() {
    let world = World::start();
    let alice = world.person("alice");
    let share = ["-o", "ControlMaster=auto", "-o", "ControlPath=c-%C"];
    let mut master = alice.spawn_ssh(&[&share[..], &["web1", "echo up; cat"][..]].concat());
    master.wait_for_stdout("up");
    // They write when they are told to, and note how far they came.
    let home = world.sshd.home();
    let go = home.join("go");
    let progress = |number: usize| home.join(format!("progress-{number}"));
    let fed: Vec<_> = (0..3)
        .map(|number| {
            let (go, progress) = (go.display(), progress(number));
            let command = format!(
                "until [ -e {go} ]; do sleep 0.1; done; \
                 for i in $(seq 1000); do head -c 100000 /dev/zero; echo $i >{}; done",
                progress.display()
            );
            alice.spawn_ssh(&[&share[..], &["web1", &command][..]].concat())
        })
        .collect();
    let started = || (world.bastion.events("session_started").len() == 4).then_some(());
    eventually(PATIENCE, started).expect("all of them start");
    master.signal("STOP");
    fs::write(&go, "").unwrap();
    // Together they bring more than the jump's channel takes.
    let far = |number| {
        let text = fs::read_to_string(progress(number)).unwrap_or_default();
        text.trim().parse::<u32>().is_ok_and(|chunks| chunks >= 15)
    };
    eventually(PATIENCE, || (0..3).all(far).then_some(())).expect("the relay takes what fits");
    for client in &fed {
        client.signal("KILL");
    }
    master.signal("KILL");
    eventually(PATIENCE, || {
        (world.bastion.events("session_ended").len() == 4).then_some(())
    })
    .expect("every session ends");
}

#[test]
fn one_person_cannot_fill_the_approvers_list() {
    let world = World::start();
    let (alice, carol) = (world.person("alice"), world.person("carol"));
    let share = ["-o", "ControlMaster=auto", "-o", "ControlPath=c-%C"];
    let mut master = alice.spawn_ssh(&[&share[..], &["web1", "echo up; cat"][..]].concat());
    master.wait_for_stdout("up");
    let held: Vec<_> = (0..20)
        .map(|_| alice.spawn_ssh(&[&share[..], &["db1", "touch /dev/null"][..]].concat()))
        .collect();
    let waiting = || {
        carol
            .ssh(&["bastion", "requests", "--json"])
            .json()
            .as_array()
            .unwrap()
            .len()
    };
    eventually(PATIENCE, || (waiting() == 20).then_some(())).expect("twenty wait");
    let output = alice.ssh(&["db1", "touch /dev/null"]).expect_failure();
    assert!(output.stderr.contains("wait already"), "{output}");
    assert_eq!(waiting(), 20);
    for client in &held {
        client.signal("KILL");
    }
}

#[test]
fn an_open_shell_runs_nothing_more_when_the_sign_in_has_ended() {
    let options = Options {
        identity: "login_ttl = \"1m\"",
        ..Options::default()
    };
    let world = World::with(options);
    let alice = world.person("alice");
    let terminal = alice.terminal(120, 40, &["-t", "web1"]);
    terminal.wait_for("your sign-in ends at");
    let mut held = alice.spawn_ssh(&["db1", "echo ran"]);
    let id = wait_until_held(&mut held);
    // Signed in for a minute; the shell outlives it.
    let refused = eventually(PATIENCE * 3, || {
        terminal.enter("echo $((40 + 2))");
        terminal
            .screen()
            .contains("your sign-in has ended")
            .then_some(())
    });
    refused.expect("the end of the sign-in is noticed");
    // What was asked for in time is not cut off while it waits.
    let carol = world.person("carol");
    carol
        .ssh(&["bastion", "approve", &id, "-m", "ok"])
        .expect_success();
    assert_eq!(held.finish().expect_success().text(), "ran\n");
}

#[test]
fn the_keys_of_a_running_node_are_its_own() {
    let world = World::start();
    for key in ["user_ca", "host_ca", "ssh_host_ed25519_key"] {
        let file = world.bastion.dir().join("data/keys").join(key);
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}", file.display());
    }
}
