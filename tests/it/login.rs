//! Signing in: browser, device, what goes wrong, and how long it lasts.

use serde_json::json;

use crate::harness::person::{INSTRUCTIONS_END, wait_for_link};
use crate::harness::sshd::make_key;
use crate::harness::{Browser, Idp, Options, Output, PATIENCE, Person, World, eventually};

/// Sign-ins that fail are over soon.
const SHORT: Options = Options {
    method: "browser",
    tls: "loopback",
    drain: "2s",
    ssh: "",
    identity: "sign_in_ttl = \"10s\"",
    targets: "",
    shell: "/bin/bash",
    host: None,
    policy: None,
    store: None,
    log: None,
};

#[test]
fn a_person_signs_in_once_through_the_browser() {
    let world = World::start();
    let alice = world.person("alice");

    let again = alice.ssh(&["bastion", "whoami", "--json"]).expect_success();
    assert!(
        again.json().to_string().contains("alice@example.test"),
        "{again}"
    );
    let logins = world.bastion.events("login");
    let name = &logins[0]["principal"]["name"];
    assert_eq!(name, "alice@example.test", "{logins:#?}");
    assert_eq!(logins[0]["evidence"], "id-token", "{logins:#?}");
}

#[test]
fn who_has_not_signed_in_is_refused_where_nobody_can_be_asked() {
    let world = World::start();
    let alice = world.stranger("alice");
    let output = alice.ssh(&["bastion", "whoami"]).expect_failure();
    assert!(output.stderr.contains("Permission denied"), "{output}");
}

#[test]
fn a_sign_in_is_for_the_key_that_was_proved_and_no_other() {
    let world = World::start();
    let alice = world.person("alice");
    for file in ["id_ed25519", "id_ed25519.pub"] {
        std::fs::remove_file(alice.home().join(file)).unwrap();
    }
    make_key(&alice.home().join("id_ed25519"));
    alice.ssh(&["bastion", "whoami"]).expect_failure();
}

#[test]
fn the_page_shows_what_to_compare_before_anything_is_confirmed() {
    let world = World::start();
    let alice = world.stranger("alice");
    let mut ssh = alice.ask_to_sign_in();
    let link = wait_for_link(&mut ssh);
    let page = Browser::new(&world.idp).open(&link);
    assert_eq!(page.status, 200, "{page:?}");
    let code = link.rsplit('/').next().unwrap();
    assert!(page.body.contains(code), "{}", page.body);
    assert!(page.body.contains("127.0.0.1"), "{}", page.body);
    let body = page.body.replace("&#43;", "+").replace("&#x2F;", "/");
    assert!(body.contains(&alice.fingerprint()), "{body}");
    // Looking at the page alone signs nobody in, nor does it ask the provider anything.
    assert!(!world.idp.log().iter().any(|seen| seen["path"] == "/auth"));
    assert!(ssh.is_running());
}

#[test]
fn a_sign_in_is_finished_only_by_the_browser_that_confirmed_it() {
    let world = World::with(SHORT);
    let alice = world.stranger("alice");
    let mut ssh = alice.ask_to_sign_in();
    let link = wait_for_link(&mut ssh);
    let provider = Browser::new(&world.idp).confirm(&link);
    let visit = world.idp.visit("alice", &provider, &[]);
    let elsewhere = Browser::new(&world.idp).open(visit["location"].as_str().unwrap());
    assert!(elsewhere.status >= 400, "{elsewhere:?}");
    ssh.finish().expect_failure();
    assert!(world.bastion.events("login").is_empty());
}

#[test]
fn a_link_signs_in_only_once() {
    let world = World::start();
    let alice = world.stranger("alice");
    let mut ssh = alice.ask_to_sign_in();
    let link = wait_for_link(&mut ssh);
    let mut browser = Browser::new(&world.idp);
    browser.sign_in(&link, "alice");
    ssh.finish().expect_success();
    let again = Browser::new(&world.idp).open(&link);
    assert!(again.status >= 400, "{again:?}");
}

#[test]
fn a_person_signs_in_with_the_code_of_the_device_flow() {
    let world = World::with(device());
    let alice = world.stranger("alice");
    let mut ssh = alice.ask_to_sign_in();
    let shown = ssh.wait_for_stderr(INSTRUCTIONS_END);
    let visit = visit_device_page(&world.idp, &shown, &[]);
    assert_eq!(visit["outcome"], "device-approved", "{visit}");
    let output = ssh.finish().expect_success();
    assert!(output.text().contains("alice"), "{output}");
    alice.ssh(&["bastion", "whoami"]).expect_success();
}

#[test]
fn the_device_flow_polls_no_faster_than_the_provider_asks() {
    let world = World::with(device());
    let alice = world.stranger("alice");
    world.idp.config(&json!({"interval": 2}));
    let mut ssh = alice.ask_to_sign_in();
    let shown = ssh.wait_for_stderr(INSTRUCTIONS_END);
    let polls = || {
        let log = world.idp.log();
        log.into_iter()
            .filter(|seen| seen["path"] == "/token")
            .count()
    };
    eventually(PATIENCE, || (polls() >= 2).then_some(())).expect("it never polled twice");
    visit_device_page(&world.idp, &shown, &[]);
    ssh.finish().expect_success();
    let log = world.idp.log();
    assert!(
        !log.iter().any(|seen| seen["error"] == "slow_down"),
        "{log:#?}"
    );
}

#[test]
fn who_says_no_at_the_provider_is_not_let_in() {
    let world = World::with(device());
    let alice = world.stranger("alice");
    let mut ssh = alice.ask_to_sign_in();
    let shown = ssh.wait_for_stderr(INSTRUCTIONS_END);
    let visit = visit_device_page(&world.idp, &shown, &["--deny"]);
    assert_eq!(visit["outcome"], "device-denied", "{visit}");
    refused(&world, &ssh.finish());
}

#[test]
fn who_says_that_it_was_not_them_turns_the_terminal_away() {
    let world = World::start();
    let alice = world.stranger("alice");
    let mut ssh = alice.ask_to_sign_in();
    let link = wait_for_link(&mut ssh);
    let mut browser = Browser::new(&world.idp);
    let page = browser.open(&link);
    let (_, other_form) = page.body.split_once("</form>").unwrap();
    assert!(other_form.contains("not me"), "{other_form}");
    assert_eq!(browser.submit(&link, other_form).status, 200);
    refused(&world, &ssh.finish());
}

#[test]
fn nobody_signs_in_while_the_provider_is_down() {
    let world = World::with(SHORT);
    world
        .idp
        .fault(&json!({"http": [{"path": "/token", "status": 503, "times": 1000}]}));
    assert_sign_in_fails(&world, "alice");
    world.idp.fault(&json!({"http": null}));
    world.person("alice");
}

#[test]
fn an_unverified_address_signs_nobody_in() {
    assert_sign_in_fails(&World::with(SHORT), "erin");
}

#[test]
fn a_token_for_another_application_signs_nobody_in() {
    let world = World::with(SHORT);
    world
        .idp
        .fault(&json!({"id_token": {"claims": {"aud": "other-app"}}}));
    assert_sign_in_fails(&world, "alice");
}

#[test]
fn a_token_that_somebody_else_signed_signs_nobody_in() {
    let world = World::with(SHORT);
    world
        .idp
        .fault(&json!({"id_token": {"bad_signature": "foreign"}}));
    assert_sign_in_fails(&world, "alice");
}

#[test]
fn a_person_signs_in_through_the_nodes_own_tls_certificate() {
    let world = World::with(Options {
        tls: "self-signed",
        ..Options::default()
    });
    assert!(world.bastion.public_url().starts_with("https://"));
    world.person("alice");
}

fn device() -> Options {
    Options {
        method: "device",
        ..Options::default()
    }
}

/// Opens the device page that the terminal shows, with the code that it shows.
fn visit_device_page(idp: &Idp, shown: &str, options: &[&str]) -> serde_json::Value {
    let words: Vec<_> = shown.split_whitespace().collect();
    let page = words.iter().find(|word| word.starts_with(idp.issuer()));
    let page = page.unwrap();
    let code = words
        .iter()
        .find(|word| word.len() == 9 && word.as_bytes()[4] == b'-');
    match code {
        Some(code) if !page.contains("user_code=") => {
            idp.visit("alice", page, &[options, &["--code", code]].concat())
        }
        Some(_) | None => idp.visit("alice", page, options),
    }
}

/// Goes through the browser as far as the bastion lets one, and checks that this was not far enough.
fn assert_sign_in_fails(world: &World, name: &'static str) {
    let person: Person = world.stranger(name);
    let mut ssh = person.ask_to_sign_in();
    let link = wait_for_link(&mut ssh);
    let page = Browser::new(&world.idp).sign_in(&link, name);
    assert!(page.status >= 400, "{page:?}");
    refused(world, &ssh.finish());
}

fn refused(world: &World, output: &Output) {
    assert!(!output.status.success(), "{output}");
    assert_eq!(output.text(), "", "{output}");
    world.bastion.wait_for_event("login_failed");
    assert!(world.bastion.events("login").is_empty());
}
