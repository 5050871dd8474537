//! Recordings: made always, replayed by those who may, and read by asciinema.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::sshd::PROMPT;
use crate::harness::{Person, Terminal, World, run};

/// Alice types a line in a shell; gives the recording of it.
fn record(world: &World, alice: &Person) -> PathBuf {
    let terminal = alice.terminal(90, 20, &["-t", "web1"]);
    terminal.wait_for(PROMPT);
    terminal.enter("echo $((1200 + 34)) seen");
    terminal.wait_for("1234 seen");
    terminal.enter("exit");
    terminal.wait_for("closed");
    world.bastion.wait_for_event("session_ended");
    let recordings = world.bastion.recordings();
    assert_eq!(recordings.len(), 1, "{recordings:?}");
    recordings[0].clone()
}

fn session(recording: &Path) -> String {
    recording.file_stem().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn a_recording_is_an_asciicast_that_asciinema_reads() {
    let world = World::start();
    let alice = world.person("alice");
    let recording = record(&world, &alice);
    let text = fs::read_to_string(&recording).unwrap();
    let header: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(header["version"], 3);
    assert_eq!(header["term"]["cols"], 90);
    assert_eq!(header["term"]["rows"], 20);

    let plain = alice.home().join("plain.txt");
    let mut asciinema = Command::new(asciinema());
    asciinema
        .args(["convert", "-f", "txt"])
        .arg(&recording)
        .arg(&plain);
    alice.run(&mut asciinema);
    let plain = fs::read_to_string(&plain).unwrap();
    assert!(plain.contains("1234 seen"), "{plain}");
}

#[test]
fn what_is_typed_without_an_echo_is_in_no_recording() {
    let world = World::start();
    let alice = world.person("alice");
    let terminal = alice.terminal(90, 20, &["-t", "web1"]);
    terminal.wait_for(PROMPT);
    terminal.enter("read -s -p 'secret? ' word; echo read ${#word}");
    terminal.wait_until("the question", |screen| {
        screen.ends_with("secret? \n") || screen.trim_end().ends_with("secret?")
    });
    terminal.enter("correct-horse");
    terminal.wait_for("read 13");
    terminal.enter("exit");
    terminal.wait_for("closed");
    world.bastion.wait_for_event("session_ended");
    let text = fs::read_to_string(&world.bastion.recordings()[0]).unwrap();
    assert!(text.contains("read 13"), "{text}");
    assert!(!text.contains("correct-horse"), "{text}");
    assert!(!format!("{:?}", world.bastion.audit_export()).contains("correct-horse"));
    assert!(!world.bastion.log().contains("correct-horse"));
}

#[test]
fn a_command_without_a_terminal_is_recorded_too() {
    let world = World::start();
    let alice = world.person("alice");
    alice
        .ssh(&["web1", "echo out; echo err >&2"])
        .expect_success();
    world.bastion.wait_for_event("session_ended");
    let recordings = world.bastion.recordings();
    let text = fs::read_to_string(&recordings[0]).unwrap();
    assert!(text.contains("out") && text.contains("err"), "{text}");
}

#[test]
fn one_replays_what_one_did() {
    let world = World::start();
    let alice = world.person("alice");
    let session = session(&record(&world, &alice));
    let list = alice.ssh(&["bastion", "replay", "--json"]).expect_success();
    assert!(list.json().to_string().contains(&session), "{list}");
    let terminal = alice.terminal(100, 30, &["-t", "bastion", "replay", &session]);
    terminal.wait_for("1234 seen");
    let replayed = world.bastion.wait_for_event("replayed");
    assert_eq!(replayed["session"], session.as_str(), "{replayed}");
}

#[test]
fn others_recordings_are_for_auditors_only() {
    let world = World::start();
    let (alice, bob, dave) = (
        world.person("alice"),
        world.person("bob"),
        world.person("dave"),
    );
    let session = session(&record(&world, &alice));
    let refused = bob
        .ssh(&["-t", "-t", "bastion", "replay", &session])
        .expect_failure();
    assert!(!refused.text().contains("1234 seen"), "{refused}");
    let list = bob.ssh(&["bastion", "replay", "--json"]).expect_success();
    assert!(!list.text().contains(&session), "{list}");
    let terminal = dave.terminal(100, 30, &["-t", "bastion", "replay", &session]);
    terminal.wait_for("1234 seen");
}

#[test]
fn a_recording_replays_from_its_file_without_a_bastion() {
    let world = World::start();
    let alice = world.person("alice");
    let recording = record(&world, &alice);
    let mut replay = Command::new(env!("CARGO_BIN_EXE_countersign"));
    replay.arg("replay").arg(&recording);
    let terminal = Terminal::start(100, 30, &replay);
    terminal.wait_for("1234 seen");
}

#[test]
fn a_damaged_recording_is_told_so_and_steers_no_terminal() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("empty.cast", ""),
        ("no-header.cast", "[0.1, \"o\", \"text\"]\n"),
        ("noise.cast", "\u{1b}]0;owned\u{7}\u{0}\n"),
    ] {
        let file = folder.path().join(name);
        fs::write(&file, text).unwrap();
        let mut replay = Command::new(env!("CARGO_BIN_EXE_countersign"));
        let output = run(replay.arg("replay").arg(&file)).expect_failure();
        assert!(!output.stderr.is_empty(), "{output}");
        assert!(!output.stderr.contains('\u{1b}'), "{output}");
    }
}

/// asciinema 3: the one that `tests/run` installs. Debian's is 2 and cannot read asciicast v3.
fn asciinema() -> PathBuf {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/bin/asciinema");
    assert!(
        installed.exists(),
        "asciinema 3 is not installed: run `tests/run`"
    );
    installed
}
