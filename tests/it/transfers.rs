//! Transfers as operations: each is asked about, held, refused and told by itself, with stock `sftp`, `scp`, `rsync`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::harness::person::wait_until_held;
use crate::harness::{Options, Output, Person, Running, World, noise, routes, run};

const MIB: usize = 1024 * 1024;

/// Transfers below `/tmp` pass, but for what lies in a folder of secrets; elsewhere nothing may be transferred.
const BY_FOLDER: &str = r#"
@id("open") permit (principal, action == Action::"connect", resource);
@id("below") permit (principal, action in [Action::"upload", Action::"download"], resource)
when { context.command.under_all.contains("/tmp") };
@id("secrets") forbid (principal, action in [Action::"upload", Action::"download"], resource)
when { context.command.under_any.contains("/tmp/secrets") || context.command.opaque };
"#;

/// Whoever may run commands may transfer nothing at all.
const NO_TRANSFERS: &str = r#"
@id("work") permit (principal, action in [Action::"connect", Action::"exec"], resource);
"#;

fn with_policy(policy: &'static str) -> World {
    World::with(Options {
        policy: Some(policy),
        ..Options::default()
    })
}

fn sftp(person: &Person, route: &str, batch: &str) -> Output {
    let mut sftp = Running::start(&mut person.program("sftp", &["-b", "-", route]));
    sftp.write(batch.as_bytes());
    sftp.finish()
}

fn sha256sum(file: &Path) -> String {
    let text = run(Command::new("sha256sum").arg(file))
        .expect_success()
        .text();
    text.split(' ').next().unwrap().to_owned()
}

/// The file's events of that direction, as the audit has them.
fn told(world: &World, action: &str, path: &Path) -> Vec<Value> {
    let path = path.display().to_string();
    let events = world.bastion.events("transferred").into_iter();
    let of_it = |event: &Value| event["action"] == action && event["path"] == path.as_str();
    events.filter(of_it).collect()
}

/// The texts of what was decided about, with the verdicts.
fn decided(world: &World) -> Vec<(String, String)> {
    let word = |event: &Value, key: &str| event[key].as_str().unwrap().to_owned();
    let events = world.bastion.events("command").into_iter();
    events
        .filter(|event| event["layer"] == "transfer")
        .map(|event| (word(&event, "text"), word(&event, "verdict")))
        .collect()
}

fn answer(person: &Person, word: &str, id: &str) {
    let words = ["bastion", word, id, "-m", "as discussed"];
    person.ssh(&words).expect_success();
}

#[test]
fn a_large_file_passes_both_ways_and_the_audit_has_its_digest() {
    let world = World::start();
    let alice = world.person("alice");
    let sent = alice.home().join("sent");
    fs::write(&sent, noise(20 * MIB)).unwrap();
    let digest = sha256sum(&sent);
    for (number, route) in routes().iter().enumerate() {
        let there = world.sshd.home().join(format!("stored-{number}"));
        let shown = there.display();
        let batch = format!("put sent {shown}\nget {shown} back-{number}\n");
        sftp(&alice, route, &batch).expect_success();
        let back = alice.home().join(format!("back-{number}"));
        assert_eq!(sha256sum(&there), digest);
        assert_eq!(sha256sum(&back), digest);
        for action in ["upload", "download"] {
            let told = told(&world, action, &there);
            let [event] = told.as_slice() else {
                panic!("{told:#?}");
            };
            assert_eq!(event["sha256"], digest.as_str(), "{event}");
            assert_eq!(event["bytes"], 20 * MIB, "{event}");
        }
    }
    for recording in world.bastion.recordings() {
        let size = fs::metadata(&recording).unwrap().len();
        assert!(size < 64 * 1024, "{} has {size} bytes", recording.display());
    }
    let recorded: String = world.bastion.recordings().iter().map(text).collect();
    assert!(recorded.contains("allow: upload"), "{recorded}");
    assert!(recorded.contains("allow: download"), "{recorded}");
}

fn text(file: &PathBuf) -> String {
    fs::read_to_string(file).unwrap()
}

#[test]
fn whatever_changes_something_is_in_the_audit_and_works() {
    let world = World::start();
    let alice = world.person("alice");
    fs::write(alice.home().join("sent"), "content").unwrap();
    let home = world.sshd.home();
    let at = home.display();
    for (number, route) in routes().iter().enumerate() {
        let batch = format!(
            "mkdir {at}/d{number}\nput -p sent {at}/d{number}/a\nchmod 600 {at}/d{number}/a\n\
             rename {at}/d{number}/a {at}/d{number}/b\nln -s {at}/d{number}/b {at}/d{number}/l\n\
             ln {at}/d{number}/b {at}/d{number}/h\nls -l {at}/d{number}\nput sent {at}/d{number}/c\n\
             rm {at}/d{number}/c\nmkdir {at}/gone\nrmdir {at}/gone\ndf {at}\npwd\n"
        );
        let output = sftp(&alice, route, &batch).expect_success();
        assert!(output.text().contains("/b"), "{output}");
        let folder = home.join(format!("d{number}"));
        assert_eq!(fs::read_to_string(folder.join("l")).unwrap(), "content");
        assert_eq!(fs::read_to_string(folder.join("h")).unwrap(), "content");
        assert!(!folder.join("c").exists() && !home.join("gone").exists());
    }
    let verbs: Vec<String> = decided(&world)
        .into_iter()
        .map(|(text, verdict)| {
            assert_eq!(verdict, "allow", "{text}");
            text.split(' ').next().unwrap().to_owned()
        })
        .collect();
    let once = [
        "mkdir", "upload", "setstat", "setstat", "rename", "symlink", "hardlink", "upload",
        "remove", "mkdir", "rmdir",
    ];
    assert_eq!(verbs, [once, once].concat());
}

#[test]
fn a_held_upload_arrives_after_its_approval_and_not_before() {
    let world = World::start();
    let (alice, carol) = (world.person("alice"), world.person("carol"));
    fs::write(alice.home().join("sent"), noise(3 * MIB)).unwrap();
    let there = world.sshd.home().join("stored");
    let mut sftp = Running::start(&mut alice.program("sftp", &["-b", "-", "db1"]));
    sftp.write(format!("put sent {}\n", there.display()).as_bytes());
    let id = wait_until_held(&mut sftp);
    assert!(
        sftp.stderr()
            .contains(&format!("upload {}", there.display()))
    );
    let queue = carol
        .ssh(&["bastion", "requests", "--json"])
        .expect_success();
    assert!(queue.text().contains("create truncate"), "{queue}");
    assert!(!there.exists());
    answer(&carol, "approve", &id);
    sftp.finish().expect_success();
    assert_eq!(sha256sum(&there), sha256sum(&alice.home().join("sent")));
    assert_eq!(world.bastion.events("released").len(), 1);
    let asked = &world.bastion.events("held")[0];
    assert_eq!(
        asked["digest"],
        world.bastion.events("released")[0]["digest"]
    );
}

#[test]
fn a_refused_operation_is_denied_and_the_next_one_of_the_same_session_works() {
    let world = World::start();
    let (alice, carol) = (world.person("alice"), world.person("carol"));
    fs::write(alice.home().join("sent"), "content").unwrap();
    let (no, yes) = (world.sshd.home().join("no"), world.sshd.home().join("yes"));
    let mut sftp = Running::start(&mut alice.program("sftp", &["-b", "-", "db1"]));
    let batch = format!("-put sent {}\nput sent {}\n", no.display(), yes.display());
    sftp.write(batch.as_bytes());
    let first = wait_until_held(&mut sftp);
    answer(&carol, "refuse", &first);
    let second = sftp.wait_until("another request", |running| {
        let shown = running.stderr();
        crate::harness::person::hold_id(&shown).filter(|id| *id != first)
    });
    answer(&carol, "approve", &second);
    let output = sftp.finish().expect_success();
    let said = output.stderr.to_lowercase();
    assert!(said.contains("permission denied"), "{output}");
    assert!(said.contains("refused by carol@example.test"), "{output}");
    assert!(!no.exists());
    assert_eq!(fs::read_to_string(&yes).unwrap(), "content");
}

#[test]
fn a_client_that_goes_away_takes_its_held_upload_back() {
    let world = World::start();
    let alice = world.person("alice");
    fs::write(alice.home().join("sent"), "content").unwrap();
    let there = format!("db1:{}", world.sshd.home().join("stored").display());
    let mut scp = Running::start(&mut alice.program("scp", &["-q", "sent", &there]));
    wait_until_held(&mut scp);
    scp.signal("INT");
    let ended = world.bastion.wait_for_event("hold_ended");
    assert_eq!(ended["resolution"]["how"], "withdrawn", "{ended}");
    assert!(!world.sshd.home().join("stored").exists());
}

#[test]
fn a_policy_can_be_about_a_folder_however_a_path_is_spelled() {
    let world = with_policy(BY_FOLDER);
    let alice = world.person("alice");
    fs::write(alice.home().join("sent"), "content").unwrap();
    let there = world.sshd.home().join("stored");
    let batch = format!("put sent {}\nls {}\n", there.display(), there.display());
    sftp(&alice, "web1", &batch).expect_success();
    assert_eq!(fs::read_to_string(&there).unwrap(), "content");
    let ended = world.bastion.wait_for_event("session_ended");
    assert!(ended["looks"].as_u64().is_some_and(|n| n > 0), "{ended}");
    for path in [
        "/tmp/../etc/motd",
        "/tmp/secrets/x",
        "/tmp/a/../secrets/x",
        "/tmp/../tmp/secrets/x",
        "/etc/motd",
        "up",
    ] {
        let output = sftp(&alice, "web1", &format!("put sent {path}\n")).expect_failure();
        let said = output.stderr.to_lowercase();
        assert!(said.contains("permission denied"), "{path}: {output}");
    }
    let output = sftp(&alice, "web1", "ls /etc\n").expect_failure();
    assert!(
        output.stderr.contains("stat /etc is refused: no policy"),
        "{output}"
    );
    let link = format!(
        "ln -s /etc {}\n",
        world.sshd.home().join("way-out").display()
    );
    sftp(&alice, "web1", &link).expect_failure();
}

#[test]
fn who_may_transfer_nothing_opens_no_sftp() {
    let world = with_policy(NO_TRANSFERS);
    let alice = world.person("alice");
    alice.ssh(&["web1", "true"]).expect_success();
    let output = sftp(&alice, "web1", "pwd\n").expect_failure();
    let told = "countersign: the subsystem sftp is refused: no policy allows it";
    assert!(output.stderr.contains(told), "{output}");
    let output = alice.ssh(&["web1", "/usr/lib/openssh/sftp-server"]);
    assert!(output.stderr.contains("no policy allows it"), "{output}");
}

#[test]
fn a_server_that_is_started_as_a_command_is_followed_too() {
    let world = World::start();
    let alice = world.person("alice");
    fs::write(alice.home().join("sent"), "content").unwrap();
    let there = world.sshd.home().join("stored");
    let server = "/usr/lib/openssh/sftp-server";
    let mut sftp = Running::start(&mut alice.program("sftp", &["-b", "-", "-s", server, "web1"]));
    sftp.write(format!("put sent {}\n", there.display()).as_bytes());
    sftp.finish().expect_success();
    let told = told(&world, "upload", &there);
    assert_eq!(told[0]["sha256"], sha256sum(&there).as_str(), "{told:#?}");
}

#[test]
fn each_file_of_the_old_scp_is_told_with_its_digest() {
    let world = World::start();
    let alice = world.person("alice");
    let tree = alice.home().join("tree");
    fs::create_dir_all(tree.join("sub")).unwrap();
    fs::write(tree.join("sub/large"), noise(20 * MIB)).unwrap();
    fs::write(tree.join("empty"), "").unwrap();
    let there = world.sshd.home().join("stored");
    let remote = format!("web1:{}", there.display());
    run(&mut alice.program("scp", &["-O", "-q", "-r", "-p", "tree", &remote])).expect_success();
    let up = told(&world, "upload", &there);
    let large = up.iter().find(|event| event["bytes"] == 20 * MIB).unwrap();
    assert_eq!(
        large["sha256"],
        sha256sum(&there.join("sub/large")).as_str()
    );
    assert!(
        large["name"].as_str().unwrap().ends_with("sub/large"),
        "{large}"
    );
    assert_eq!(up.len(), 2, "{up:#?}");

    let large = there.join("sub/large");
    let remote = format!("web1:{}", large.display());
    run(&mut alice.program("scp", &["-O", "-q", &remote, "back"])).expect_success();
    let down = told(&world, "download", &large);
    assert_eq!(down[0]["sha256"], sha256sum(&large).as_str(), "{down:#?}");
    assert_eq!(sha256sum(&alice.home().join("back")), sha256sum(&large));
    for recording in world.bastion.recordings() {
        assert!(fs::metadata(recording).unwrap().len() < 64 * 1024);
    }
}

#[test]
fn commands_of_transfers_are_asked_about_for_their_direction_only() {
    let world = World::start();
    let alice = world.person("alice");
    fs::write(alice.home().join("sent"), "content").unwrap();
    let there = world.sshd.home().join("stored");
    let remote = format!("web1:{}", there.display());
    run(&mut alice.program("scp", &["-O", "-q", "sent", &remote])).expect_success();
    run(&mut alice.program("scp", &["-O", "-q", &remote, "back"])).expect_success();
    alice.run(Command::new("rsync").args(["-a", "sent", &remote]));
    alice.run(Command::new("rsync").args(["-a", "--delete", "-z", &remote, "back"]));
    let commands = world.bastion.events("command");
    let actions: Vec<&str> = commands
        .iter()
        .map(|event| {
            let path = format!("paths: {}", there.display());
            let inspection = event["inspection"].as_str().unwrap();
            assert!(inspection.contains(&path), "{event}");
            event["action"].as_str().unwrap()
        })
        .collect();
    assert_eq!(actions, ["upload", "download", "upload", "download"]);
}

#[test]
fn a_transfer_in_a_terminal_is_refused() {
    let world = World::start();
    let alice = world.person("alice");
    let output = alice.ssh(&["-tt", "web1", "/usr/lib/openssh/sftp-server"]);
    assert_eq!(output.code(), 254, "{output}");
    assert!((output.text() + &output.stderr).contains("takes no terminal"));
}

#[test]
fn many_files_and_many_requests_at_a_time_pass() {
    let world = World::start();
    let alice = world.person("alice");
    let tree = alice.home().join("tree");
    fs::create_dir(&tree).unwrap();
    for number in 0..150_usize {
        fs::write(tree.join(number.to_string()), noise(number * 300)).unwrap();
    }
    let there = world.sshd.home().join("tree");
    let remote = format!("web1:{}", world.sshd.home().display());
    run(&mut alice.program("scp", &["-s", "-q", "-r", "tree", &remote])).expect_success();
    let same = run(Command::new("diff").arg("-r").arg(&tree).arg(&there));
    same.expect_success();
    let small = ["-B", "1000", "-R", "512", "-b", "-", "web1"];
    let mut sftp = Running::start(&mut alice.program("sftp", &small));
    sftp.write(format!("get -r {} back\n", there.display()).as_bytes());
    sftp.finish().expect_success();
    let back = alice.home().join("back");
    run(Command::new("diff").arg("-r").arg(&tree).arg(&back)).expect_success();
    let told = world.bastion.events("transferred");
    assert_eq!(told.len(), 300);
    let proved = told.iter().filter(|event| event["sha256"].is_string());
    assert_eq!(proved.count(), 300, "{told:#?}");
}

#[test]
fn an_old_scp_whose_path_climbs_is_held_as_a_command_and_still_copies() {
    let world = World::start();
    let (alice, carol) = (world.person("alice"), world.person("carol"));
    let home = world.sshd.home();
    fs::create_dir(home.join("sub")).unwrap();
    fs::write(home.join("file"), "there").unwrap();
    let remote = format!("db1:{}/sub/../file", home.display());
    let mut scp = Running::start(&mut alice.program("scp", &["-O", "-q", &remote, "back"]));
    let id = wait_until_held(&mut scp);
    carol
        .ssh(&["bastion", "approve", &id, "-m", "seen"])
        .expect_success();
    scp.finish().expect_success();
    let back = fs::read_to_string(alice.home().join("back")).unwrap();
    assert_eq!(back, "there");
}
