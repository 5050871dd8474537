//! Opening a target at all, where others have to agree to that first.

use crate::harness::person::{HELD, hold_id, wait_until_held};
use crate::harness::sshd::PROMPT;
use crate::harness::{Options, World};

/// Nobody opens a target unasked, and everybody may do everything there; everybody may answer.
const ASK: &str = r#"
@id("ask") @title("opening a target needs a second person")
permit (principal, action == Action::"request:connect", resource);
@id("work") permit (
  principal, action in [Action::"shell", Action::"exec", Action::"forward"], resource
);
@id("answer") permit (principal, action == Action::"approve", resource);
"#;

fn world() -> World {
    World::with(Options {
        policy: Some(ASK),
        ..Options::default()
    })
}

#[test]
fn a_shell_opens_only_after_somebody_else_agreed_to_the_reason_that_its_user_gave() {
    let world = world();
    let (alice, carol) = (world.person("alice"), world.person("carol"));
    let terminal = alice.terminal(100, 30, &["web1"]);
    terminal.wait_for("why do you need it?");
    terminal.enter("CHG-1042: the disk is full");
    let shown = terminal.wait_until(HELD, |screen| hold_id(screen).is_some());
    let id = hold_id(&shown).unwrap();
    terminal.type_text("echo typed ahe");
    let queue = carol.ssh(&["bastion", "requests"]).expect_success().text();
    assert!(queue.contains("CHG-1042: the disk is full"), "{queue}");
    assert!(queue.contains("connect"), "{queue}");
    assert!(!world.sshd.log().contains("Accepted"), "nobody logged in");

    carol
        .ssh(&["bastion", "approve", &id, "-m", "go"])
        .expect_success();
    terminal.wait_for(PROMPT);
    terminal.enter("ad");
    terminal.wait_until("what was typed ahead", |screen| {
        screen.lines().any(|line| line.trim_end() == "typed ahead")
    });
    assert!(
        world
            .bastion
            .events("connect")
            .iter()
            .any(|event| event["verdict"] == "hold")
    );
    let released = world.bastion.events("released");
    assert_eq!(released.len(), 1);
    // The approval names the very session that runs.
    let started = world.bastion.events("session_started");
    assert_eq!(started[0]["session"], released[0]["session"]);
}

#[test]
fn ctrl_c_takes_the_request_to_open_a_target_back() {
    let world = world();
    let alice = world.person("alice");
    let terminal = alice.terminal(100, 30, &["web1"]);
    terminal.wait_for("why do you need it?");
    terminal.enter("");
    terminal.wait_until(HELD, |screen| hold_id(screen).is_some());
    terminal.press(&["C-c"]);
    terminal.wait_for("was withdrawn: the requester pressed Ctrl-C");
    let ended = world.bastion.wait_for_event("hold_ended");
    assert_eq!(ended["resolution"]["how"], "withdrawn");
    assert!(!world.sshd.log().contains("Accepted"));
}

#[test]
fn a_script_says_why_by_its_environment_and_keeps_its_input() {
    let world = world();
    let (alice, carol) = (world.person("alice"), world.person("carol"));
    let why = "SetEnv=COUNTERSIGN_REASON=CHG-7";
    let mut held = alice.spawn_ssh(&["-o", why, "web1", "cat; env"]);
    held.write(b"typed while it was held\n");
    held.close_stdin();
    let id = wait_until_held(&mut held);
    let queue = carol.ssh(&["bastion", "requests", "--json"]).json();
    assert_eq!(queue[0]["reason"], "CHG-7", "{queue}");
    carol.ssh(&["bastion", "approve", &id]).expect_success();
    let output = held.finish().expect_success();
    assert!(
        output.text().starts_with("typed while it was held\n"),
        "{output}"
    );
    assert!(!output.text().contains("COUNTERSIGN_REASON"), "{output}");
}

#[test]
fn who_may_not_open_a_target_never_reaches_it() {
    let world = world();
    let (alice, carol) = (world.person("alice"), world.person("carol"));
    let mut held = alice.spawn_ssh(&["web1", "true"]);
    let id = wait_until_held(&mut held);
    carol
        .ssh(&["bastion", "refuse", &id, "-m", "not today"])
        .expect_success();
    let output = held.finish().expect_failure();
    assert_eq!(output.code(), 254, "{output}");
    assert!(
        output
            .stderr
            .contains("refused by carol@example.test: \"not today\""),
        "{output}"
    );
    assert!(
        !world.sshd.log().contains("Connection from"),
        "it was not even dialled"
    );
}

#[test]
fn one_approval_opens_a_target_for_its_connection_and_no_other() {
    let world = world();
    let (alice, carol) = (world.person("alice"), world.person("carol"));
    let shared = ["-o", "ControlPath=shared", "-o", "ControlMaster=auto"];
    let with = |words: &[&str]| alice.spawn_ssh(&[&shared[..], words].concat());
    let mut master = with(&["web1", "cat"]);
    let id = wait_until_held(&mut master);
    carol.ssh(&["bastion", "approve", &id]).expect_success();
    master.write(b"open\n");
    master.wait_for_stdout("open");
    with(&["web1", "true"]).finish().expect_success();
    let forwarded = with(&["-W", &format!("127.0.0.1:{}", world.sshd.port()), "web1"]);
    let mut forwarded = forwarded;
    forwarded.wait_for_stdout("SSH-2.0-");
    drop(forwarded);
    assert_eq!(world.bastion.events("held").len(), 1);

    let mut other = alice.spawn_ssh(&["web1", "true"]);
    wait_until_held(&mut other);
    let away = alice.ssh(&["-W", "127.0.0.1:1", "web1"]).expect_failure();
    assert!(!away.stderr.is_empty(), "{away}");
    assert_eq!(world.bastion.events("held").len(), 2);
}
