//! The sudo gate: real sudo and PAM, as an unprivileged login, on hosts that `countersign target setup` prepared.

mod bypass;

mod callers;

mod company;

mod stuck;

mod targets;

use crate::harness::person::{HELD, hold_id, wait_until_held};
use crate::harness::sshd::PROMPT;
use crate::harness::{Agent, Gated, Output, PATIENCE, Person, eventually};

/// Everybody may do anything but sudo, which is held once it asks the gate; everybody may answer.
const HELD_SUDO: &str = r#"
@id("open") permit (principal, action == Action::"connect", resource);
@id("work") permit (principal, action in [Action::"exec", Action::"shell"], resource);
@id("calls") permit (principal, action == Action::"sudo", resource) unless { context has sudo };
@id("ask") @title("sudo needs a second person")
permit (principal, action == Action::"request:sudo", resource) when { context has sudo };
@id("answer") permit (principal, action == Action::"approve", resource);
"#;

/// `id` as root is free, as long as it is certain to be that; nothing else may be asked for.
const FREE_ID: &str = r#"
@id("open") permit (principal, action == Action::"connect", resource);
@id("work") permit (principal, action in [Action::"exec", Action::"shell"], resource);
@id("calls") permit (principal, action == Action::"sudo", resource) unless { context has sudo };
@id("free-id") permit (principal, action == Action::"sudo", resource) when {
  context has sudo && !context.command.opaque && context.sudo.program == "id" && context.sudo.run_as == "root"
};
"#;

/// Sudo is held wherever it is seen, on the wire and by the gate.
const HELD_TWICE: &str = r#"
@id("open") permit (principal, action == Action::"connect", resource);
@id("work") permit (principal, action in [Action::"exec", Action::"shell"], resource);
@id("ask") permit (principal, action == Action::"request:sudo", resource);
@id("answer") permit (principal, action == Action::"approve", resource);
"#;

/// The same, for approvers who are at a known place.
const HELD_TWICE_HERE: &str = r#"
@id("open") permit (principal, action == Action::"connect", resource);
@id("work") permit (principal, action in [Action::"exec", Action::"shell"], resource);
@id("ask") permit (principal, action == Action::"request:sudo", resource);
@id("answer") permit (principal, action == Action::"approve", resource)
when { context.source.isInRange(ip("127.0.0.0/8")) };
"#;

/// One's own agent, and any sudo.
const OWN_AGENT: &str = r#"
@id("all") permit (principal, action in [Action::"connect", Action::"exec", Action::"sudo", Action::"agent"], resource);
"#;

fn answer(person: &Person, word: &str, id: &str, reason: &str) -> Output {
    person.ssh(&["bastion", word, id, "-m", reason])
}

/// The decisions about sudos that asked the gate.
fn asked(gated: &Gated) -> Vec<serde_json::Value> {
    let mut commands = gated.bastion.events("command");
    commands.retain(|event| event["layer"] == "sudo");
    commands
}

#[test]
fn a_sudo_in_a_script_runs_only_after_someone_else_approved_its_true_words() {
    let gated = Gated::with(HELD_SUDO, &["db1"]);
    let (alice, carol) = (gated.person("alice"), gated.person("carol"));
    let script = "x=i; cd /tmp; echo before; sudo -u root ${x}d -u; echo after $?";
    let mut held = alice.spawn_ssh(&["db1", script]);
    let id = wait_until_held(&mut held);
    let queue = carol
        .ssh(&["bastion", "requests", "--json"])
        .expect_success();
    let queue = queue.json().to_string();
    assert!(queue.contains("sudo -u root id -u  # in /tmp"), "{queue}");
    assert_eq!(held.stdout(), "before\n");
    answer(&carol, "approve", &id, "ok").expect_success();
    let output = held.finish().expect_success();
    assert_eq!(output.text(), "before\n0\nafter 0\n", "{output}");
    assert!(
        output.stderr.contains("approved by carol@example.test"),
        "{output}"
    );

    let [asked] = &asked(&gated)[..] else {
        panic!("one question")
    };
    assert_eq!(asked["verdict"], "hold", "{asked}");
    let signed = gated.bastion.wait_for_event("sudo_signed");
    assert_eq!(signed["digest"], asked["digest"]);
    assert_eq!(signed["hold"], serde_json::json!(id));
    for event in ["held", "answered", "hold_ended", "released"] {
        assert_eq!(gated.bastion.events(event).len(), 1, "{event}");
    }
}

#[test]
fn a_refused_sudo_fails_cleanly_and_pams_retries_are_one_request() {
    let gated = Gated::with(HELD_SUDO, &["db1"]);
    let (alice, carol) = (gated.person("alice"), gated.person("carol"));
    let retries =
        "printf 'Defaults passwd_tries=3\\n' >/etc/sudoers.d/zzz && chmod 0440 /etc/sudoers.d/zzz";
    crate::harness::run(&mut gated.host().as_root(retries)).expect_success();
    let mut held = alice.spawn_ssh(&["db1", "sudo id; echo after $?"]);
    let id = wait_until_held(&mut held);
    answer(&carol, "refuse", &id, "no change window").expect_success();
    let output = held.finish().expect_success();
    assert_eq!(output.text(), "after 1\n", "{output}");
    let told = "sudo does not run: refused by carol@example.test: \"no change window\"";
    assert_eq!(output.stderr.matches(told).count(), 1, "{output}");
    assert_eq!(
        output.stderr.matches("refused a moment ago").count(),
        2,
        "{output}"
    );
    assert!(
        output.stderr.contains("3 incorrect password attempts"),
        "{output}"
    );
    assert_eq!(gated.bastion.events("held").len(), 1);
    assert!(gated.bastion.events("sudo_signed").is_empty());
}

/// A sudo that is called by an empty name, for a program with `id` as its argument.
fn unnamed(program: &str) -> String {
    format!(r#"perl -e 'exec {{"/usr/bin/sudo"}} "", "{program}", "id"'"#)
}

#[test]
fn policy_knows_the_true_words_and_what_is_cut_off_is_never_understood() {
    let gated = Gated::with(FREE_ID, &["db1"]);
    let alice = gated.person("alice");
    let long = "x".repeat(255);
    let output = alice.ssh(&["db1", "sudo id -u"]).expect_success();
    assert_eq!(output.text(), "0\n", "{output}");
    let refused = [
        format!("sudo id {long}"),
        format!("sudo id {}", "x ".repeat(260)),
        "sudo -u nobody id".to_owned(),
        // The empty prompt is not seen: what runs is `touch`, and what is seen could be `id`.
        "sudo -p '' touch id".to_owned(),
        "sudo -p id id".to_owned(),
        "ln -s $(command -v sudo) ~/id; ~/id touch x".to_owned(),
        "sudo /tmp/id".to_owned(),
        "sudo -s id".to_owned(),
        "sudo -i id".to_owned(),
        "sudo -l".to_owned(),
        "sudo nice -n 5 id".to_owned(),
        // An empty first word is not seen either: what runs is `./sudo`.
        format!("cd; cp /bin/touch sudo; {}", unnamed("./sudo")),
        unnamed("/tmp/sudo"),
    ];
    for command in &refused {
        let output = alice.ssh(&["db1", command]).expect_failure();
        assert!(
            output
                .stderr
                .contains("sudo does not run: no policy allows it"),
            "{output}"
        );
    }
    // Found in the system's folders alone, the second is sudo again, and runs what was read.
    let output = alice.ssh(&["db1", &unnamed("sudo")]).expect_success();
    assert!(output.text().starts_with("uid=0"), "{output}");
    // One that never asks fails by itself.
    let output = alice.ssh(&["db1", "sudo -n id"]).expect_failure();
    assert!(output.stderr.contains("password is required"), "{output}");
    assert_eq!(asked(&gated).len(), refused.len() + 2);
    assert_eq!(gated.bastion.events("sudo_signed").len(), 2);
}

#[test]
fn a_sudo_of_a_shell_is_held_in_its_terminal_until_it_is_approved_or_ctrl_c_is_pressed() {
    let gated = Gated::with(HELD_SUDO, &["db1"]);
    let (alice, carol) = (gated.person("alice"), gated.person("carol"));
    let terminal = alice.terminal(150, 24, &["-t", "db1"]);
    terminal.wait_for(PROMPT);
    terminal.enter("sudo sleep 0; echo first $?");
    let shown = terminal.wait_for("Ctrl-C withdraws");
    let id = hold_id(&shown).unwrap();
    answer(&carol, "approve", &id, "ok").expect_success();
    terminal.wait_for("first 0");

    terminal.enter("sudo sleep 1; echo second $?");
    terminal.wait_until("a second request", |screen| {
        screen.matches(HELD).count() == 2
    });
    terminal.press(&["C-c"]);
    terminal.wait_until("the prompt again", |screen| {
        screen.trim_end().ends_with(PROMPT.trim_end())
    });
    let ended = gated.bastion.events("hold_ended");
    assert_eq!(ended[1]["resolution"]["how"], "withdrawn", "{ended:#?}");
    assert_eq!(gated.bastion.events("sudo_signed").len(), 1);
    // The same may be asked again at once.
    terminal.enter("sudo sleep 1; echo third $?");
    terminal.wait_until("a third request", |screen| {
        screen.matches(HELD).count() == 3
    });
}

#[test]
fn whoever_approves_a_sudo_of_a_shell_sees_what_its_user_sees() {
    let gated = Gated::with(HELD_SUDO, &["db1"]);
    let (alice, carol) = (gated.person("alice"), gated.person("carol"));
    let terminal = alice.terminal(150, 24, &["-t", "db1"]);
    terminal.wait_for(PROMPT);
    terminal.enter("echo the disk is $((90 + 9))% full");
    terminal.wait_for("is 99% full");
    terminal.enter("sudo id -u");
    terminal.wait_for("Ctrl-C withdraws");
    let dashboard = carol.terminal(150, 50, &["-t", "bastion", "dashboard"]);
    let shown = dashboard.wait_for("the disk is 99% full");
    assert!(shown.contains("target$ sudo id -u"), "{shown}");
}

#[test]
fn a_client_that_goes_away_withdraws_its_sudo() {
    let gated = Gated::with(HELD_SUDO, &["db1"]);
    let alice = gated.person("alice");
    let mark = gated.host().home().join("mark");
    let mut held = alice.spawn_ssh(&["db1", &format!("sudo touch {}", mark.display())]);
    wait_until_held(&mut held);
    held.signal("INT");
    let ended = gated.bastion.wait_for_event("hold_ended");
    assert_eq!(ended["resolution"]["how"], "withdrawn", "{ended}");
    assert!(gated.bastion.events("sudo_signed").is_empty());
    assert!(!mark.exists());
}

#[test]
fn a_command_that_was_approved_is_not_asked_about_again_by_its_own_sudo() {
    let gated = Gated::with(HELD_TWICE, &["db1"]);
    let (alice, carol) = (gated.person("alice"), gated.person("carol"));
    let mut held = alice.spawn_ssh(&["db1", "sudo id -u"]);
    let id = wait_until_held(&mut held);
    answer(&carol, "approve", &id, "ok").expect_success();
    let output = held.finish().expect_success();
    assert_eq!(output.text(), "0\n", "{output}");
    assert_eq!(gated.bastion.events("held").len(), 1);
    let signed = gated.bastion.wait_for_event("sudo_signed");
    assert_eq!(signed["hold"], serde_json::json!(id));

    // The approval is for one sudo, of those words.
    let mut held = alice.spawn_ssh(&["db1", "sudo id -u; sudo id -u"]);
    let id = wait_until_held(&mut held);
    answer(&carol, "approve", &id, "ok").expect_success();
    held.wait_until("a request of the gate", |running| {
        (running.stderr().matches(HELD).count() == 2).then_some(())
    });
    assert_eq!(held.stdout(), "");
}

#[test]
fn who_may_approve_only_from_somewhere_is_not_asked_again_by_the_sudo_of_what_they_approved_there()
{
    let gated = Gated::with(HELD_TWICE_HERE, &["db1"]);
    let (alice, carol) = (gated.person("alice"), gated.person("carol"));
    let mut held = alice.spawn_ssh(&["db1", "sudo id -u"]);
    let id = wait_until_held(&mut held);
    answer(&carol, "approve", &id, "ok").expect_success();
    assert_eq!(held.finish().expect_success().text(), "0\n");
    assert_eq!(gated.bastion.events("held").len(), 1);
    let answered = gated.bastion.wait_for_event("answered");
    assert_eq!(answered["by"]["source"], "127.0.0.1", "{answered}");
}

#[test]
fn a_command_that_a_dotfile_moved_elsewhere_is_asked_about_again_by_its_own_sudo() {
    let gated = Gated::with(HELD_TWICE, &["db1"]);
    let (alice, carol) = (gated.person("alice"), gated.person("carol"));
    let home = gated.host().home();
    std::fs::write(home.join(".bashrc"), "cd /tmp\n").unwrap();
    let mark = "countersign-moved-by-a-dotfile";
    let mut held = alice.spawn_ssh(&["db1", &format!("sudo rm -rf {mark}")]);
    let id = wait_until_held(&mut held);
    answer(&carol, "approve", &id, "that of home").expect_success();
    held.wait_until("a request of the gate", |running| {
        (running.stderr().matches(HELD).count() == 2).then_some(())
    });
    let queue = carol
        .ssh(&["bastion", "requests", "--json"])
        .expect_success();
    let told = format!("sudo rm -rf {mark}  # in /tmp");
    assert!(queue.text().contains(&told), "{queue}");
    assert!(gated.bastion.events("sudo_signed").is_empty());
}

#[test]
fn a_typed_line_that_was_approved_is_not_asked_about_again_by_its_own_sudo() {
    let gated = Gated::with_lines();
    let (alice, carol) = (gated.person("alice"), gated.person("carol"));
    let terminal = alice.terminal(170, 30, &["-t", "db1"]);
    terminal.wait_for(PROMPT);
    terminal.enter("sudo id -u");
    let shown = terminal.wait_for("Ctrl-C withdraws");
    answer(&carol, "approve", &hold_id(&shown).unwrap(), "ok").expect_success();
    terminal.wait_until("root's number", |screen| {
        screen.lines().any(|line| line == "0")
    });
    assert_eq!(gated.bastion.events("held").len(), 1);

    // What depends on the folder is: nobody saw it.
    terminal.enter("sudo touch mark");
    terminal.wait_until("a request", |screen| screen.matches(HELD).count() == 2);
    let id = hold_id(&terminal.screen()).unwrap();
    answer(&carol, "approve", &id, "ok").expect_success();
    let shown = terminal.wait_until("the gate's request", |screen| {
        screen.matches(HELD).count() == 3
    });
    assert!(shown.contains("sudo touch mark  # in /"), "{shown}");
    answer(&carol, "approve", &hold_id(&shown).unwrap(), "ok").expect_success();
    gated.bastion.wait_for_event("sudo_signed");
    let signed = || (gated.bastion.events("sudo_signed").len() == 2).then_some(());
    eventually(PATIENCE, signed).expect("a second signature");
}

#[test]
fn ones_own_agent_sits_behind_the_gates() {
    let gated = Gated::with(OWN_AGENT, &["db1"]);
    let alice = gated.person("alice");
    let agent = Agent::of(&alice);
    let key = std::fs::read_to_string(alice.home().join("id_ed25519.pub")).unwrap();
    let script = format!(
        "ssh-add -l; echo '{}' >~/key.pub; ssh-add -T ~/key.pub && echo signed; sudo id -u",
        key.trim()
    );
    let output = agent
        .ssh(&alice, &["db1", &script])
        .finish()
        .expect_success();
    let text = output.text();
    assert!(text.contains(&alice.fingerprint()), "{output}");
    assert!(text.contains("countersign sudo gate"), "{output}");
    assert!(text.ends_with("signed\n0\n"), "{output}");
    // Who did not ask for it has the gate's agent alone, where it reaches the target.
    let output = alice
        .ssh(&["db1", "ssh-add -l; sudo id -u"])
        .expect_success();
    assert!(!output.text().contains(&alice.fingerprint()), "{output}");
    let ended = gated.bastion.wait_for_event("forward_ended");
    assert_eq!(ended["text"], "agent");
}

#[test]
fn a_recording_shows_and_marks_the_sudos_of_its_session() {
    let gated = Gated::with(HELD_SUDO, &["db1"]);
    let (alice, carol) = (gated.person("alice"), gated.person("carol"));
    let mut held = alice.spawn_ssh(&["db1", "sudo id -u"]);
    let id = wait_until_held(&mut held);
    answer(&carol, "approve", &id, "ok").expect_success();
    held.finish().expect_success();
    gated.bastion.wait_for_event("session_ended");
    let [recording] = &gated.bastion.recordings()[..] else {
        panic!("one recording")
    };
    let text = std::fs::read_to_string(recording).unwrap();
    let marks = |line: &str| line.contains("\"m\"") && line.contains("hold: sudo id -u  # in /");
    assert!(text.lines().any(marks), "{text}");
    assert!(text.contains(&format!("held {id}")), "{text}");
}

#[test]
fn a_root_shell_is_told_to_the_approver() {
    let gated = Gated::with(HELD_SUDO, &["db1"]);
    let (alice, carol) = (gated.person("alice"), gated.person("carol"));
    for shell in ["sudo -i", "sudo -s", "sudo bash", "sudo su -"] {
        let mut held = alice.spawn_ssh(&["db1", shell]);
        let id = wait_until_held(&mut held);
        let queue = carol
            .ssh(&["bastion", "requests", "--json"])
            .expect_success()
            .json();
        let request = queue
            .as_array()
            .unwrap()
            .iter()
            .find(|it| it["id"] == id.as_str())
            .unwrap();
        let told = request["inspection"].as_str().unwrap();
        assert!(told.contains("can start a shell"), "{shell}: {told}");
        held.signal("INT");
        held.finish();
    }
}
