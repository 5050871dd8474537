//! Answers that approvers sign with their own key: asked of their agent, kept in the audit, checked by stock OpenSSH.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::harness::agent::{Liar, Lie, SecurityKey};
use crate::harness::person::wait_until_held;
use crate::harness::process::script;
use crate::harness::{Agent, Options, Output, Person, Running, World, run};

/// Everything is asked for, everybody may answer, and what lets it run has to be signed.
const SIGNED: &str = r#"
@id("open") permit (principal, action == Action::"connect", resource);
@id("ask") @signed("required") permit (principal, action == Action::"request:exec", resource);
@id("answer") permit (principal, action == Action::"approve", resource);
"#;

/// A request of alice's, and carol with an agent.
struct Scene {
    world: World,
    carol: Person,
    agent: Agent,
    held: Running,
    id: String,
    _alice: Person,
}

impl Scene {
    /// Where a signature is needed.
    fn signed() -> Self {
        Self::of(World::with(Options {
            policy: Some(SIGNED),
            ..Options::default()
        }))
    }

    fn of(world: World) -> Self {
        let (alice, carol) = (world.person("alice"), world.person("carol"));
        let agent = Agent::of(&carol);
        let mut held = alice.spawn_ssh(&["db1", "touch /dev/null; echo ran"]);
        let id = wait_until_held(&mut held);
        Self {
            world,
            carol,
            agent,
            held,
            id,
            _alice: alice,
        }
    }

    /// Carol's answer with an agent that is passed on.
    fn answer_with(&self, agent: &Path, words: &[&str]) -> Output {
        let options = self.forwarding(agent);
        let mut arguments: Vec<&str> = options.iter().map(String::as_str).collect();
        arguments.push("bastion");
        self.carol.ssh(&[&arguments, words].concat())
    }

    /// ssh logs in with carol's own agent and passes on that one.
    fn forwarding(&self, agent: &Path) -> [String; 2] {
        let (own, agent) = (self.agent.socket().display(), agent.display());
        [
            format!("-oIdentityAgent={own}"),
            format!("-oForwardAgent={agent}"),
        ]
    }

    /// The request waits on, and nothing was answered.
    fn expect_waiting(&mut self) {
        assert!(self.held.is_running());
        assert!(self.world.bastion.events("answered").is_empty());
    }
}

/// `ssh-keygen -Y verify` of an answer in a folder that `audit signatures` wrote.
fn keygen_verify(folder: &Path, person: &str, answer: &str) -> Output {
    let mut keygen = Command::new("ssh-keygen");
    keygen.args(["-Y", "verify", "-n", "countersign", "-I", person]);
    keygen.args(["-f", "allowed_signers", "-s"]);
    keygen.arg(format!("{answer}.sig")).current_dir(folder);
    run(&mut script(&format!("\"$@\" < {answer}.txt"), &keygen))
}

/// The only signed answer in a folder.
fn only_answer(folder: &Path) -> String {
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let answers: Vec<_> = names
        .filter_map(|name| name.strip_suffix(".sig").map(str::to_owned))
        .collect();
    assert_eq!(answers.len(), 1, "{answers:?}");
    answers[0].clone()
}

#[test]
fn what_needs_a_signature_runs_once_its_approvers_key_signed_and_openssh_checks_that_offline() {
    let scene = Scene::signed();
    let approve = ["approve", &scene.id, "-m", "ok, CHG-1042"];
    let approved = scene
        .answer_with(scene.agent.socket(), &approve)
        .expect_success();
    let told = approved.stderr.contains(&scene.carol.fingerprint());
    assert!(told, "she is told what is asked of her agent: {approved}");
    assert_eq!(scene.held.finish().expect_success().text(), "ran\n");

    let mut world = scene.world;
    let answered = world.bastion.wait_for_event("answered");
    let armored = answered["by"]["signed"]["armored"].as_str().unwrap();
    assert!(armored.starts_with("-----BEGIN SSH SIGNATURE-----"));
    world.bastion.stop().expect_success();
    let verified = world.bastion.command(&["audit", "verify"]).expect_success();
    assert!(verified.text().contains("signed answers: 1"), "{verified}");

    let folder = scene.carol.home().join("proofs");
    let words = ["audit", "signatures", folder.to_str().unwrap()];
    world.bastion.command(&words).expect_success();
    let answer = only_answer(&folder);
    keygen_verify(&folder, "carol@example.test", &answer).expect_success();
    keygen_verify(&folder, "alice@example.test", &answer).expect_failure();
    let text = folder.join(format!("{answer}.txt"));
    let said = fs::read_to_string(&text).unwrap();
    assert!(said.contains("\nreason ok, CHG-1042\n"), "{said}");
    assert!(
        said.contains(answered["digest"].as_str().unwrap()),
        "{said}"
    );
    fs::write(&text, said.replace("approve", "refuse")).unwrap();
    keygen_verify(&folder, "carol@example.test", &answer).expect_failure();
}

#[test]
fn an_export_gives_the_same_proofs_without_the_bastion() {
    let scene = Scene::signed();
    let approve = ["approve", &scene.id, "-m", "ok"];
    scene
        .answer_with(scene.agent.socket(), &approve)
        .expect_success();
    scene.held.finish().expect_success();
    let bastion = &scene.world.bastion;
    let export = bastion.command(&["audit", "export"]).expect_success();
    let (file, folder) = (
        scene.carol.home().join("export"),
        scene.carol.home().join("proofs"),
    );
    fs::write(&file, export.text()).unwrap();
    let (shown, there) = (file.to_str().unwrap(), folder.to_str().unwrap());
    let of_another = [
        "audit",
        "signatures",
        "--file",
        shown,
        "--hold",
        "h-222222",
        there,
    ];
    let none = bastion.command(&of_another).expect_success();
    assert!(none.text().starts_with("0 signed answers"), "{none}");
    let again = bastion.command(&["audit", "signatures", "--file", shown, there]);
    assert!(again.expect_failure().stderr.contains("not empty"));
    fs::remove_file(folder.join("allowed_signers")).unwrap();
    let words = [
        "audit",
        "signatures",
        "--file",
        shown,
        "--hold",
        &scene.id,
        there,
    ];
    bastion.command(&words).expect_success();
    keygen_verify(&folder, "carol@example.test", &only_answer(&folder)).expect_success();
}

#[test]
fn without_an_agent_what_needs_a_signature_is_not_approved_yet_can_be_refused() {
    let mut scene = Scene::signed();
    let queue = scene.carol.ssh(&["bastion", "requests", "--json"]);
    assert_eq!(queue.json()[0]["signed"], "required", "scripts know before");
    for words in [&["-m", "ok"][..], &["--sign", "-m", "ok"]] {
        let arguments = [&["bastion", "approve", &scene.id], words].concat();
        let output = scene.carol.ssh(&arguments);
        assert_eq!(output.code(), 254, "{output}");
        assert!(output.stderr.contains("connect with `ssh -A`"), "{output}");
    }
    scene.expect_waiting();
    let refuse = ["bastion", "refuse", &scene.id, "-m", "not tonight"];
    scene.carol.ssh(&refuse).expect_success();
    assert_eq!(scene.held.finish().code(), 254);
}

#[test]
fn an_agent_without_the_key_that_logged_in_signs_nothing() {
    let mut scene = Scene::signed();
    let dave = scene.world.person("dave");
    let other = Agent::of(&dave);
    let approve = ["approve", &scene.id, "-m", "ok"];
    let output = scene.answer_with(other.socket(), &approve);
    assert_eq!(output.code(), 254, "{output}");
    let told = format!("does not have the key {}", scene.carol.fingerprint());
    assert!(output.stderr.contains(&told), "{output}");
    scene.expect_waiting();
}

#[test]
fn an_agent_that_signs_something_else_or_nothing_approves_nothing() {
    let mut scene = Scene::signed();
    for (lie, told) in [
        (Lie::SignsSomethingElse, "does not count"),
        (Lie::Babbles, "cannot be read"),
        (Lie::Refuses, "refused to sign"),
    ] {
        let liar = Liar::before(&scene.agent, lie);
        let approve = ["approve", &scene.id, "-m", "ok"];
        let output = scene.answer_with(liar.socket(), &approve);
        assert_eq!(output.code(), 254, "{lie:?}: {output}");
        assert!(output.stderr.contains(told), "{lie:?}: {output}");
        scene.expect_waiting();
    }
}

#[test]
fn an_approver_may_sign_also_where_nobody_asks_for_that() {
    let scene = Scene::of(World::start());
    let words = ["refuse", "--sign", &scene.id, "-m", "no change window"];
    scene
        .answer_with(scene.agent.socket(), &words)
        .expect_success();
    assert_eq!(scene.held.finish().code(), 254);
    let bastion = &scene.world.bastion;
    let answered = bastion.wait_for_event("answered");
    assert!(answered["by"]["signed"].is_object(), "{answered}");
    let verified = bastion.command(&["audit", "verify"]).expect_success();
    assert!(verified.text().contains("signed answers: 1"), "{verified}");
}

#[test]
fn an_agent_is_left_alone_where_no_signature_is_needed() {
    let scene = Scene::of(World::start());
    let liar = Liar::before(&scene.agent, Lie::Refuses);
    let words = ["approve", &scene.id, "-m", "ok"];
    scene.answer_with(liar.socket(), &words).expect_success();
    scene.held.finish().expect_success();
    let answered = scene.world.bastion.wait_for_event("answered");
    assert!(answered["by"]["signed"].is_null(), "{answered}");
}

#[test]
fn a_touched_security_key_logs_in_and_signs_and_openssh_knows_it_for_one() {
    let scene = Scene::signed();
    let dave = scene.world.stranger("dave");
    let key = SecurityKey::of(&dave);
    dave.sign_in(&scene.world.idp);
    let forward = format!("-oForwardAgent={}", key.socket().display());
    let approve = [&forward, "bastion", "approve", &scene.id, "-m", "touched"];
    dave.ssh(&approve).expect_success();
    scene.held.finish().expect_success();
    let folder = dave.home().join("proofs");
    let words = ["audit", "signatures", folder.to_str().unwrap()];
    scene.world.bastion.command(&words).expect_success();
    let checked = keygen_verify(&folder, "dave@example.test", &only_answer(&folder));
    let checked = checked.expect_success();
    assert!(checked.text().contains("ED25519-SK"), "{checked}");
}

#[test]
fn the_dashboard_has_the_approvers_key_sign() {
    let scene = Scene::signed();
    let [own, forward] = scene.forwarding(scene.agent.socket());
    let arguments = [own.as_str(), &forward, "-t", "bastion", "dashboard"];
    let dashboard = scene.carol.terminal(100, 30, &arguments);
    dashboard.wait_for(&scene.id);
    dashboard.wait_for("signed");
    dashboard.press(&["a"]);
    dashboard.type_text("looks fine");
    dashboard.wait_for("looks fine");
    dashboard.press(&["Enter"]);
    scene.held.finish().expect_success();
    let answered = scene.world.bastion.wait_for_event("answered");
    assert!(answered["by"]["signed"].is_object(), "{answered}");
    let bastion = &scene.world.bastion;
    bastion.command(&["audit", "verify"]).expect_success();
}
