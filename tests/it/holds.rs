//! Holds: what production asks of a second person, and what each of them sees.

use std::path::Path;

use serde_json::json;

use crate::harness::person::{HELD, hold_id, wait_until_held};
use crate::harness::sshd::PROMPT;
use crate::harness::{Options, Output, Person, Running, World};

/// A production target where everybody asks and everybody may answer, within a moment.
const QUICK: &str = r#"
@id("open") permit (principal, action == Action::"connect", resource);
@id("ask") @expires("10s") permit (principal, action == Action::"request:exec", resource);
@id("answer") permit (principal, action == Action::"approve", resource);
"#;

/// The same, with time, for two others.
const TWO: &str = r#"
@id("open") permit (principal, action == Action::"connect", resource);
@id("ask") @approvals("2") permit (principal, action == Action::"request:exec", resource);
@id("answer") permit (principal, action == Action::"approve", resource);
"#;

fn with_policy(policy: &'static str) -> World {
    World::with(Options {
        policy: Some(policy),
        ..Options::default()
    })
}

/// A command that leaves a mark on the target, its output and its exit status.
fn mark(file: &Path) -> String {
    format!("cat; touch {}; echo ran; exit 3", file.display())
}

fn answer(person: &Person, word: &str, id: &str, reason: &str) -> Output {
    person.ssh(&["bastion", word, id, "-m", reason])
}

#[test]
fn a_held_command_runs_only_after_someone_else_approves() {
    let world = World::start();
    let (alice, carol) = (world.person("alice"), world.person("carol"));
    let file = world.sshd.home().join("mark");
    let mut held = alice.spawn_ssh(&["db1", &mark(&file)]);
    held.write(b"typed while it was held\n");
    let id = wait_until_held(&mut held);
    let queue = carol
        .ssh(&["bastion", "requests", "--json"])
        .expect_success();
    let queue = queue.json().to_string();
    assert!(queue.contains(&id) && queue.contains("touch"), "{queue}");
    assert!(queue.contains("alice@example.test"), "{queue}");
    assert!(!file.exists());
    assert!(held.is_running());

    answer(&carol, "approve", &id, "ok, CHG-1042").expect_success();
    let output = held.finish();
    assert_eq!(output.code(), 3, "{output}");
    assert_eq!(output.text(), "typed while it was held\nran\n", "{output}");
    assert!(
        output.stderr.contains("approved by carol@example.test"),
        "{output}"
    );
    assert!(output.stderr.contains("CHG-1042"), "{output}");
    assert!(file.exists());

    let answered = world.bastion.wait_for_event("answered");
    assert_eq!(answered["by"]["approver"]["name"], "carol@example.test");
    let asked = &world.bastion.events("held")[0];
    assert_eq!(
        asked["digest"], answered["digest"],
        "the approval is for what was shown"
    );
    assert_eq!(world.bastion.events("hold_ended").len(), 1);
}

#[test]
fn a_refused_command_never_runs_and_says_who_refused_it_and_why() {
    let world = World::start();
    let (alice, carol) = (world.person("alice"), world.person("carol"));
    let file = world.sshd.home().join("mark");
    let mut held = alice.spawn_ssh(&["db1", &mark(&file)]);
    let id = wait_until_held(&mut held);
    answer(&carol, "refuse", &id, "no change window").expect_success();
    let output = held.finish();
    assert_eq!(output.code(), 254, "{output}");
    assert_eq!(output.text(), "", "{output}");
    let told = "countersign: refused by carol@example.test: \"no change window\"";
    assert!(output.stderr.contains(told), "{output}");
    assert!(!file.exists());
}

#[test]
fn a_request_that_nobody_answers_expires() {
    let world = with_policy(QUICK);
    let alice = world.person("alice");
    let file = world.sshd.home().join("mark");
    let mut held = alice.spawn_ssh(&["db1", &mark(&file)]);
    let id = wait_until_held(&mut held);
    let output = held.finish();
    assert_eq!(output.code(), 254, "{output}");
    assert!(output.stderr.contains("expired"), "{output}");
    assert!(!file.exists());
    let bob = world.person("bob");
    answer(&bob, "approve", &id, "too late").expect_failure();
    let ended = world.bastion.wait_for_event("hold_ended");
    assert_eq!(ended["resolution"]["how"], "expired", "{ended}");
    assert!(!file.exists());
}

#[test]
fn a_client_that_goes_away_withdraws_its_request() {
    let world = World::start();
    let (alice, carol) = (world.person("alice"), world.person("carol"));
    let file = world.sshd.home().join("mark");
    let mut held = alice.spawn_ssh(&["db1", &mark(&file)]);
    let id = wait_until_held(&mut held);
    held.signal("INT");
    let ended = world.bastion.wait_for_event("hold_ended");
    assert_eq!(ended["resolution"]["how"], "withdrawn", "{ended}");
    answer(&carol, "approve", &id, "ok").expect_failure();
    assert!(!file.exists());
}

#[test]
fn ctrl_c_in_a_terminal_withdraws_the_request() {
    let world = World::start();
    let alice = world.person("alice");
    let file = world.sshd.home().join("mark");
    let terminal = alice.terminal(100, 24, &["-t", "db1", &mark(&file)]);
    terminal.wait_for(HELD);
    terminal.press(&["C-c"]);
    terminal.wait_for("withdrawn");
    let ended = world.bastion.wait_for_event("hold_ended");
    assert_eq!(ended["resolution"]["how"], "withdrawn", "{ended}");
    assert!(!file.exists());
}

#[test]
fn nobody_approves_their_own_request_even_by_a_second_login() {
    let world = World::start();
    let (carol, carol_elsewhere) = (world.person("carol"), world.person("carol"));
    assert_ne!(carol.fingerprint(), carol_elsewhere.fingerprint());
    let file = world.sshd.home().join("mark");
    let mut held = carol.spawn_ssh(&["db1", &mark(&file)]);
    let id = wait_until_held(&mut held);
    for login in [&carol, &carol_elsewhere] {
        let output = answer(login, "approve", &id, "me").expect_failure();
        assert!(output.stderr.contains("own request"), "{output}");
    }
    assert!(held.is_running());
    assert!(!file.exists());
    assert!(world.bastion.events("answered").is_empty());

    let groups = json!({"groups": ["sre-leads"]});
    world.idp.user("frank", &groups);
    answer(&world.person("frank"), "approve", &id, "fine").expect_success();
    assert_eq!(held.finish().code(), 3);
    assert!(file.exists());
}

#[test]
fn who_may_not_approve_changes_nothing() {
    let world = World::start();
    let (alice, mallory) = (world.person("alice"), world.person("mallory"));
    let file = world.sshd.home().join("mark");
    let mut held = alice.spawn_ssh(&["db1", &mark(&file)]);
    let id = wait_until_held(&mut held);
    let queue = mallory.ssh(&["bastion", "requests", "--json"]);
    assert!(!queue.text().contains("touch"), "{queue}");
    for word in ["approve", "refuse"] {
        answer(&mallory, word, &id, "mine now").expect_failure();
    }
    assert!(held.is_running());
    assert!(!file.exists());
    assert!(world.bastion.events("answered").is_empty());
}

#[test]
fn a_quorum_counts_people() {
    let world = with_policy(TWO);
    let (alice, bob, bob_elsewhere) = (
        world.person("alice"),
        world.person("bob"),
        world.person("bob"),
    );
    let file = world.sshd.home().join("mark");
    let mut held = alice.spawn_ssh(&["db1", &mark(&file)]);
    let id = wait_until_held(&mut held);
    answer(&bob, "approve", &id, "one").expect_success();
    held.wait_for_stderr("approved by bob@example.test: \"one\"; 1 more needed");
    answer(&bob_elsewhere, "approve", &id, "one again").expect_failure();
    assert!(held.is_running());
    assert!(!file.exists());
    answer(&world.person("dave"), "approve", &id, "two").expect_success();
    assert_eq!(held.finish().code(), 3);
    assert!(file.exists());
}

#[test]
fn sudo_is_held_wherever_it_hides_in_a_command_that_can_be_read() {
    let world = World::start();
    let alice = world.person("alice");
    let commands = [
        "sudo id",
        "cd /tmp && sudo -u root id",
        "env A=b nice sudo id",
        "bash -c 'sudo id'",
        "echo $(sudo id)",
    ];
    for command in commands {
        let mut held = alice.spawn_ssh(&["web1", command]);
        wait_until_held(&mut held);
        held.signal("INT");
    }
    let asked = world.bastion.events("command");
    let sudo = asked.iter().filter(|event| event["action"] == "sudo");
    assert_eq!(sudo.count(), commands.len(), "{asked:#?}");
}

#[test]
fn an_upload_to_production_is_held_before_a_byte_of_it_arrives() {
    let world = World::start();
    let (alice, carol) = (world.person("alice"), world.person("carol"));
    std::fs::write(alice.home().join("sent"), "content").unwrap();
    let there = world.sshd.home().join("stored");
    let target = format!("db1:{}", there.display());
    let mut scp = Running::start(&mut alice.program("scp", &["-q", "sent", &target]));
    let id = wait_until_held(&mut scp);
    assert!(!there.exists());
    answer(&carol, "approve", &id, "ok").expect_success();
    // One approval may be for opening the file and the next for the whole transfer, but never none.
    scp.finish().expect_success();
    assert_eq!(std::fs::read_to_string(&there).unwrap(), "content");
}

#[test]
fn an_answer_survives_nothing_but_the_same_command() {
    let world = World::start();
    let (alice, carol) = (world.person("alice"), world.person("carol"));
    let file = world.sshd.home().join("mark");
    let mut first = alice.spawn_ssh(&["db1", &mark(&file)]);
    let first_id = wait_until_held(&mut first);
    answer(&carol, "approve", &first_id, "ok").expect_success();
    assert_eq!(first.finish().code(), 3);
    // The same again is a request of its own.
    let mut second = alice.spawn_ssh(&["db1", &mark(&file)]);
    let second_id = wait_until_held(&mut second);
    assert_ne!(first_id, second_id);
    answer(&carol, "approve", &first_id, "ok").expect_failure();
    assert!(second.is_running());
}

/// Lines of a shell are asked about, and may be approved to run again.
const AGAIN: &str = r#"
@id("open") permit (principal, action in [Action::"connect", Action::"shell"], resource);
@id("ask") @again("15m") permit (principal, action == Action::"request:exec", resource);
@id("answer") permit (principal, action == Action::"approve", resource);
"#;

#[test]
fn a_line_that_was_approved_for_more_than_once_runs_again_in_its_session_and_nowhere_else() {
    let world = with_policy(AGAIN);
    let (alice, bob) = (world.person("alice"), world.person("bob"));
    let terminal = alice.terminal(100, 24, &["-t", "db1"]);
    terminal.wait_for(PROMPT);
    terminal.enter("echo $((1200 + 34)) times");
    let id = hold_id(&terminal.wait_for(HELD)).expect("it is held");
    let approved = bob.ssh(&[
        "bastion",
        "approve",
        &id,
        "--again",
        "-m",
        "as often as it takes",
    ]);
    approved.expect_success();
    terminal.wait_for("1234 times");
    terminal.wait_for("the same may run again in this session until");
    terminal.enter("clear");
    let id = hold_id(&terminal.wait_until("another line is held", |screen| {
        screen.matches(HELD).count() >= 2
    }));
    assert!(id.is_some());
    terminal.press(&["C-c"]);
    terminal.wait_for("was withdrawn");
    terminal.enter("echo $((1200 + 34)) times");
    terminal.wait_for("runs again, as approved with");
    terminal.wait_until("it ran twice", |screen| {
        screen.matches("1234 times").count() == 2
    });
    assert_eq!(world.bastion.events("held").len(), 2);
    assert_eq!(world.bastion.events("released").len(), 2);

    let elsewhere = alice.terminal(100, 24, &["-t", "db1"]);
    elsewhere.wait_for(PROMPT);
    elsewhere.enter("echo $((1200 + 34)) times");
    elsewhere.wait_for(HELD);
}

#[test]
fn nobody_approves_for_more_than_once_what_policy_does_not_let() {
    let world = World::start();
    let (alice, carol) = (world.person("alice"), world.person("carol"));
    let mut held = alice.spawn_ssh(&["db1", "touch /dev/null"]);
    let id = wait_until_held(&mut held);
    let refused = carol.ssh(&["bastion", "approve", &id, "--again", "-m", "ok"]);
    assert_eq!(refused.code(), 254, "{refused}");
    assert!(refused.stderr.contains("for this once only"), "{refused}");
    assert!(held.is_running());
    held.signal("INT");
}

/// Whoever names a change runs what they want; everything else is asked about.
const CHANGES: &str = r#"
@id("open") permit (principal, action == Action::"connect", resource);
@id("change-named") permit (principal, action == Action::"exec", resource)
when { context.reason like "CHG-*" };
@id("ask") permit (principal, action == Action::"request:exec", resource);
@id("answer") permit (principal, action == Action::"approve", resource);
"#;

#[test]
fn a_rule_that_looks_at_the_reason_approves_by_itself_and_is_named_in_the_audit() {
    let world = with_policy(CHANGES);
    let alice = world.person("alice");
    let set = "SetEnv=COUNTERSIGN_REASON=\"CHG-1042 disk full\"";
    let ran = alice.ssh(&["-o", set, "db1", "echo ran"]).expect_success();
    assert_eq!(ran.text(), "ran\n");
    let decided = world.bastion.wait_for_event("command");
    assert_eq!(decided["verdict"], "allow");
    assert_eq!(decided["because"], "change-named");
    let set = "SetEnv=COUNTERSIGN_REASON=\"because\"";
    let mut held = alice.spawn_ssh(&["-o", set, "db1", "echo ran"]);
    wait_until_held(&mut held);
    held.signal("INT");
}
