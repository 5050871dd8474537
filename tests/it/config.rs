//! Configuration, policies and store that are not as they should be: one message, no harm.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::{Options, Output, PATIENCE, World, eventually, run};

fn configured() -> World {
    World::configured(Options::default())
}

/// Replaces a text in the configuration.
fn change(world: &World, from: &str, to: &str) {
    let file = world.bastion.config();
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(&file, text.replace(from, to)).unwrap();
}

/// Every file of the bastion's folder with its content.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.append(&mut files(&path)),
            false => {
                let content = fs::read(&path).unwrap();
                found.insert(path, content);
            }
        }
    }
    found
}

fn assert_plain_failure(output: &Output) {
    assert!(!output.status.success(), "{output}");
    assert!(output.status.code().is_some(), "{output}");
    for word in ["panicked", "RUST_BACKTRACE", "Error {", "Some("] {
        assert!(!output.stderr.contains(word), "{output}");
    }
    assert!(!output.text().contains("ready"), "{output}");
}

#[test]
fn a_good_configuration_passes_its_check_and_the_check_changes_nothing() {
    let world = configured();
    let before = files(world.bastion.dir());
    world.bastion.command(&["check"]).expect_success();
    assert!(files(world.bastion.dir()) == before);
}

#[test]
fn an_administrators_shell_checks_and_sets_up_without_the_services_credentials() {
    let world = configured();
    change(
        &world,
        "client_secret_file = \"client-secret\"",
        "client_secret_credential = \"client-secret\"",
    );
    let here = |words: &[&str]| {
        let mut program = world.bastion.program(words);
        run(program.env_remove("CREDENTIALS_DIRECTORY"))
    };
    let checked = here(&["check"]).expect_success();
    let left = "left unchecked: identity.client_secret_credential: only the service has";
    assert!(checked.text().contains(left), "{checked}");
    here(&["target", "setup", "db1"]).expect_success();
    here(&["ca", "show", "user"]).expect_success();
    let serves = here(&["serve"]);
    assert_plain_failure(&serves);
    assert!(
        serves.stderr.contains("LoadCredential=client-secret"),
        "{serves}"
    );
    // Where they are, nothing is left out.
    let mut program = world.bastion.program(&["check"]);
    let whole = run(program.env("CREDENTIALS_DIRECTORY", world.bastion.dir())).expect_success();
    assert!(!whole.text().contains("left unchecked"), "{whole}");
}

#[test]
fn the_check_tells_every_problem_at_once() {
    let world = configured();
    change(&world, "drain = \"2s\"", "drain = \"2 fortnights\"");
    change(&world, "client_id =", "client_idd =");
    change(&world, "port = ", "port = 99999 # ");
    let output = world.bastion.command(&["check"]);
    assert_plain_failure(&output);
    for word in ["drain", "client_idd", "client_id", "port", "99999", "line"] {
        let told = output.stderr.contains(word) || output.text().contains(word);
        assert!(told, "{word}: {output}");
    }
    let serve = world.bastion.command(&["serve"]);
    assert_plain_failure(&serve);
}

#[test]
fn no_file_no_toml_and_no_text_at_all_are_told_with_the_files_name() {
    let world = configured();
    let file = world.bastion.config();
    for content in [&b"[node\nname ="[..], b"\xff\xfe\x00", b""] {
        fs::write(&file, content).unwrap();
        let output = world.bastion.command(&["serve"]);
        assert_plain_failure(&output);
        assert!(output.stderr.contains("countersign.toml"), "{output}");
    }
    fs::remove_file(&file).unwrap();
    let output = world.bastion.command(&["serve"]);
    assert_plain_failure(&output);
    assert!(output.stderr.contains("countersign.toml"), "{output}");
}

#[test]
fn a_policy_that_does_not_validate_stops_the_start_and_names_its_file() {
    let world = configured();
    let file = world.bastion.dir().join("policy/zz-mine.cedar");
    for text in [
        "permit (principal, action, resource",
        "permit (principal, action == Action::\"fly\", resource);",
    ] {
        fs::write(&file, text).unwrap();
        for words in [&["check"][..], &["serve"]] {
            let output = world.bastion.command(words);
            assert_plain_failure(&output);
            assert!(output.stderr.contains("zz-mine.cedar"), "{output}");
        }
    }
}

#[test]
fn policies_are_checked_without_a_configuration() {
    let world = configured();
    let folder = world.bastion.dir().join("policy");
    let check = || {
        let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_countersign"));
        run(program.args(["policy", "check"]).arg(&folder))
    };
    check().expect_success();
    fs::write(folder.join("zz-mine.cedar"), "permit (").unwrap();
    let output = check();
    assert_plain_failure(&output);
}

#[test]
fn a_store_that_is_none_is_told_and_left_as_it_is() {
    let world = configured();
    let file = world.bastion.dir().join("data/countersign.db");
    let noise = b"this is no database, but somebody may need it".repeat(100);
    fs::write(&file, &noise).unwrap();
    let output = world.bastion.command(&["serve"]);
    assert_plain_failure(&output);
    assert!(output.stderr.contains("countersign.db"), "{output}");
    assert!(fs::read(&file).unwrap() == noise);
}

#[test]
fn keys_are_never_made_anew_over_old_ones() {
    let world = configured();
    let (user_ca, host_ca) = (world.bastion.user_ca(), world.bastion.host_ca());
    world.bastion.command(&["ca", "init"]);
    assert_eq!(world.bastion.user_ca(), user_ca);
    assert_eq!(world.bastion.host_ca(), host_ca);
    let file = world.bastion.dir().join("data/keys/user_ca");
    fs::write(&file, "damaged").unwrap();
    assert_plain_failure(&world.bastion.command(&["serve"]));
    world.bastion.command(&["ca", "init"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "damaged");
}

#[test]
fn a_port_that_is_taken_is_told() {
    let world = configured();
    let _taken = std::net::TcpListener::bind(("127.0.0.1", world.bastion.ssh_port())).unwrap();
    let output = world.bastion.command(&["serve"]);
    assert_plain_failure(&output);
    assert!(
        output
            .stderr
            .contains(&world.bastion.ssh_port().to_string()),
        "{output}"
    );
}

#[test]
fn a_reload_takes_a_good_policy_and_keeps_the_old_one_for_a_bad_one() {
    let world = World::start();
    let alice = world.person("alice");
    let file = world.bastion.dir().join("policy/zz-mine.cedar");
    fs::write(&file, "permit (principal, action, ").unwrap();
    world.bastion.reload();
    let told = eventually(PATIENCE, || {
        world.bastion.log().contains("zz-mine.cedar").then_some(())
    });
    assert!(told.is_some(), "{}", world.bastion.log());
    alice.ssh(&["web1", "echo still"]).expect_success();

    let forbid = "@id(\"closed\") forbid (principal, action == Action::\"connect\", resource);";
    fs::write(&file, forbid).unwrap();
    world.bastion.reload();
    world.bastion.wait_for_event("policy_changed");
    let output = alice.ssh(&["web1", "echo still"]).expect_failure();
    assert_eq!(output.text(), "", "{output}");
}
