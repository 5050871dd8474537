//! The approver's dashboard in a real terminal.

use crate::harness::person::wait_until_held;
use crate::harness::{Person, Running, Terminal, World};

/// Carol's dashboard, and a command of Alice's that waits for her.
struct Scene {
    world: World,
    dashboard: Terminal,
    alice: Person,
    _carol: Person,
}

impl Scene {
    fn open() -> Self {
        let world = World::start();
        let (alice, carol) = (world.person("alice"), world.person("carol"));
        let dashboard = carol.terminal(80, 24, &["-t", "bastion", "dashboard"]);
        dashboard.wait_for("help");
        Self {
            world,
            dashboard,
            alice,
            _carol: carol,
        }
    }

    fn hold(&self, command: &str) -> (Running, String) {
        let mut held = self.alice.spawn_ssh(&["db1", command]);
        let id = wait_until_held(&mut held);
        self.dashboard.wait_for(&id);
        (held, id)
    }
}

#[test]
fn a_request_appears_by_itself_and_a_key_approves_it() {
    let scene = Scene::open();
    let (held, _) = scene.hold("touch /dev/null; echo ran");
    let screen = scene.dashboard.wait_for("touch /dev/null");
    assert!(screen.contains("alice@example.test"), "{screen}");
    scene.dashboard.press(&["a"]);
    scene.dashboard.type_text("looks fine");
    scene.dashboard.wait_for("looks fine");
    scene.dashboard.press(&["Enter"]);
    let output = held.finish().expect_success();
    assert_eq!(output.text(), "ran\n");
    assert!(output.stderr.contains("looks fine"), "{output}");
}

#[test]
fn a_requester_is_told_who_looks_at_their_request() {
    let scene = Scene::open();
    let (mut held, _) = scene.hold("touch /dev/null");
    assert!(!held.stderr().contains("looking"), "{}", held.stderr());
    scene.dashboard.press(&["j"]);
    held.wait_for_stderr("carol@example.test is looking at it");
    held.signal("INT");
}

#[test]
fn a_key_refuses_with_the_reason_that_was_typed() {
    let scene = Scene::open();
    let (held, _) = scene.hold("touch /dev/null; echo ran");
    scene.dashboard.press(&["r"]);
    scene.dashboard.type_text("not tonight");
    scene.dashboard.wait_for("not tonight");
    scene.dashboard.press(&["Enter"]);
    let output = held.finish();
    assert_eq!(output.code(), 254, "{output}");
    assert!(output.stderr.contains("not tonight"), "{output}");
    assert_eq!(output.text(), "");
}

#[test]
fn leaving_the_dialogue_answers_nothing() {
    let scene = Scene::open();
    let (mut held, id) = scene.hold("touch /dev/null");
    scene.dashboard.press(&["a"]);
    scene.dashboard.type_text("on second thoughts");
    scene.dashboard.wait_for("on second thoughts");
    scene.dashboard.press(&["Escape"]);
    scene
        .dashboard
        .wait_until("the list", |screen| !screen.contains("on second thoughts"));
    scene.dashboard.wait_for(&id);
    assert!(held.is_running());
    assert!(scene.world.bastion.events("answered").is_empty());
    held.signal("INT");
}

#[test]
fn a_request_that_was_withdrawn_leaves_the_queue() {
    let scene = Scene::open();
    let (held, id) = scene.hold("touch /dev/null");
    held.signal("INT");
    scene
        .dashboard
        .wait_until("the empty queue", |screen| !screen.contains(&id));
}

#[test]
fn the_help_tells_the_keys_and_the_screen_follows_its_size() {
    let scene = Scene::open();
    let (held, id) = scene.hold("touch /dev/null");
    scene.dashboard.press(&["?"]);
    scene.dashboard.wait_for("close the help");
    scene.dashboard.press(&["Escape"]);
    scene.dashboard.resize(120, 40);
    scene.dashboard.wait_until("40 rows", |screen| {
        screen.contains(&id) && screen.trim_end().lines().count() >= 39
    });
    scene.dashboard.resize(60, 16);
    scene
        .dashboard
        .wait_until("16 rows", |screen| screen.contains(&id));
    scene.dashboard.press(&["q"]);
    scene.dashboard.wait_for("closed");
    held.signal("INT");
}

#[test]
fn the_control_characters_of_a_command_are_shown_and_not_obeyed() {
    let scene = Scene::open();
    let (held, _) = scene.hold("echo '\u{1b}[2J\u{1b}[Hhidden\u{202e}'");
    let screen = scene.dashboard.wait_for("hidden");
    assert!(screen.contains("alice@example.test"), "{screen}");
    assert!(!screen.contains('\u{202e}'), "{screen}");
    held.signal("INT");
}
