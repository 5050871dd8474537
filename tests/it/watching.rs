//! Running sessions: watched as their person sees them, and ended at once.

use std::time::{Duration, Instant};

use crate::harness::sshd::PROMPT;
use crate::harness::{Person, Running, Terminal, World, eventually};

/// Alice at a shell, and Carol, who leads.
struct Scene {
    world: World,
    alice: Person,
    carol: Person,
}

impl Scene {
    fn open() -> Self {
        let world = World::start();
        let (alice, carol) = (world.person("alice"), world.person("carol"));
        Self {
            world,
            alice,
            carol,
        }
    }

    fn shell(&self) -> (Terminal, String) {
        let terminal = self.alice.terminal(90, 20, &["-t", "web1"]);
        terminal.wait_for(PROMPT);
        (terminal, self.session())
    }

    /// The only session that runs, as Carol is told of it.
    fn session(&self) -> String {
        let list = &["bastion", "sessions", "--running", "--json"];
        let found = eventually(Duration::from_secs(10), || {
            let sessions = self.carol.ssh(list).expect_success().json();
            Some(sessions.as_array()?.first()?["id"].as_str()?.to_owned())
        });
        found.expect("a session runs")
    }
}

#[test]
fn a_session_is_watched_from_its_screen_as_it_stands_and_its_person_is_told() {
    let scene = Scene::open();
    let (terminal, session) = scene.shell();
    terminal.enter("echo $((1200 + 34)) before");
    terminal.wait_for("1234 before");
    let watching = scene
        .carol
        .terminal(100, 24, &["-t", "bastion", "watch", &session]);
    watching.wait_for("1234 before");
    watching.wait_for("live");
    terminal.wait_for("carol@example.test watches this session");
    terminal.wait_until("the prompt below the notice", |screen| {
        screen.trim_end().ends_with(PROMPT.trim_end())
    });
    terminal.enter("echo $((4300 + 21)) after");
    watching.wait_for("4321 after");
    terminal.resize(60, 18);
    terminal.enter("tput cols");
    watching.wait_until("the new width", |screen| {
        screen.lines().any(|line| line.trim() == "60")
    });
    terminal.enter("exit");
    watching.wait_for("ended (0)");
    watching.press(&["q"]);
    watching.wait_for("closed");
    scene.world.bastion.wait_for_event("watch_ended");
    let event = scene.world.bastion.wait_for_event("watched");
    assert_eq!(event["name"], "carol@example.test");
    assert_eq!(event["session"], session);
}

#[test]
fn what_a_held_session_is_told_is_seen_by_whoever_watches_it() {
    let scene = Scene::open();
    let terminal = scene.alice.terminal(90, 20, &["-t", "db1"]);
    terminal.wait_for(PROMPT);
    let session = scene.session();
    let watching = scene
        .carol
        .terminal(100, 24, &["-t", "bastion", "watch", &session]);
    watching.wait_for("live");
    terminal.enter("sudo id");
    let held = terminal.wait_for("countersign: held");
    let id = crate::harness::person::hold_id(&held).expect("it is held");
    watching.wait_for(&id);
}

#[test]
fn nobody_watches_or_ends_a_session_whom_policy_does_not_name() {
    let scene = Scene::open();
    let (terminal, session) = scene.shell();
    let bob = scene.world.person("bob");
    let refused = bob.ssh(&["-tt", "bastion", "watch", &session]);
    assert_eq!(refused.code(), 254, "{refused}");
    let refused = bob.ssh(&["bastion", "kill", &session, "-m", "mine now"]);
    assert_eq!(refused.code(), 254, "{refused}");
    assert!(refused.stderr.contains("may not end this"), "{refused}");
    terminal.enter("echo $((1200 + 34)) still here");
    terminal.wait_for("1234 still here");
    assert!(scene.world.bastion.events("watched").is_empty());
    assert!(scene.world.bastion.events("end_ordered").is_empty());
}

#[test]
fn a_session_that_is_ended_says_who_ended_it_and_why() {
    let scene = Scene::open();
    let (terminal, session) = scene.shell();
    let ended = scene
        .carol
        .ssh(&["bastion", "kill", &session, "-m", "wrong window, Alice"]);
    ended.expect_success();
    let screen = terminal.wait_for("closed");
    let words = "ended by carol@example.test: \"wrong window, Alice\"";
    assert!(screen.contains(words), "{screen}");
    let event = scene.world.bastion.wait_for_event("session_ended");
    assert_eq!(event["how"], words);
    let again = scene.carol.ssh(&["bastion", "kill", &session]);
    assert_eq!(again.code(), 254, "{again}");
    assert!(again.stderr.contains("has ended"), "{again}");
}

#[test]
fn people_end_their_own_sessions() {
    let scene = Scene::open();
    let (terminal, session) = scene.shell();
    let ended = scene.alice.ssh(&["bastion", "kill", &session]);
    ended.expect_success();
    terminal.wait_for("ended by alice@example.test");
}

#[test]
fn a_session_whose_client_stopped_reading_is_ended_within_a_second() {
    let scene = Scene::open();
    let alive = scene.world.sshd.home().join("alive");
    let flood = format!(
        "trap '' PIPE; echo $$ > {}; yes",
        alive.to_str().expect("a path")
    );
    let mut client = scene.alice.program("ssh", &["web1", &flood]);
    let client = Running::start_unread(&mut client);
    let pid = eventually(Duration::from_secs(10), || {
        std::fs::read_to_string(&alive)
            .ok()?
            .trim()
            .parse::<u32>()
            .ok()
    });
    let pid = pid.expect("it runs");
    client.signal("STOP");
    let session = scene.session();
    let ordered = Instant::now();
    scene
        .carol
        .ssh(&["bastion", "kill", &session])
        .expect_success();
    let gone = eventually(Duration::from_secs(10), || {
        (!scene.world.bastion.events("session_ended").is_empty()).then(Instant::now)
    });
    let took = gone.expect("it ends") - ordered;
    // The command itself takes a connection; what it orders takes no second beside that.
    assert!(took < Duration::from_secs(3), "{took:?}");
    let stopped = eventually(Duration::from_secs(5), || {
        (!std::path::Path::new(&format!("/proc/{pid}")).exists()).then_some(())
    });
    stopped.expect("its program has no terminal and no reader any more");
    client.signal("CONT");
}

#[test]
fn the_dashboard_watches_and_ends_the_chosen_session() {
    let scene = Scene::open();
    let (terminal, session) = scene.shell();
    terminal.enter("echo $((1200 + 34)) seen");
    terminal.wait_for("1234 seen");
    let dashboard = scene
        .carol
        .terminal(100, 30, &["-t", "bastion", "dashboard"]);
    dashboard.wait_for("help");
    dashboard.press(&["2"]);
    dashboard.wait_for(&session);
    dashboard.press(&["Enter"]);
    dashboard.wait_for("1234 seen");
    dashboard.press(&["q"]);
    dashboard.wait_for("end it");
    dashboard.press(&["x"]);
    dashboard.wait_for("cut off at once");
    dashboard.type_text("lunch");
    dashboard.wait_for("lunch");
    dashboard.press(&["Enter"]);
    terminal.wait_for("ended by carol@example.test: \"lunch\"");
    dashboard.wait_for("ordered to end");
}
