//! Several people on one login at once, whose processes can reach each other's agents.

use super::{FREE_ID, answer, asked};
use crate::harness::Gated;
use crate::harness::person::wait_until_held;

/// What [`FREE_ID`] lets through is held in company, and everybody may answer.
fn policy() -> &'static str {
    Box::leak(format!("{FREE_ID}\n@id(\"answer\") permit (principal, action == Action::\"approve\", resource);").into_boxed_str())
}

#[test]
fn a_sudo_is_held_while_others_are_on_its_login_and_none_of_them_approves_it() {
    let gated = Gated::with(policy(), &["db1"]);
    let (alice, bob, carol) = (
        gated.person("alice"),
        gated.person("bob"),
        gated.person("carol"),
    );
    let mut there = bob.spawn_ssh(&["db1", "echo $SSH_AUTH_SOCK; cat"]);
    let socket = there.wait_for_stdout("\n");
    // Alice uses the agent of Bob's session: it looks like a sudo of his.
    let sudo = format!("SSH_AUTH_SOCK={} sudo id -u", socket.trim());
    let mut calls = alice.spawn_ssh(&["db1", &sudo]);
    let id = wait_until_held(&mut there);
    let told = there.stderr();
    assert!(
        told.contains("alice@example.test could have called it as well"),
        "{told}"
    );
    let queue = carol
        .ssh(&["bastion", "requests", "--json"])
        .expect_success()
        .json();
    let inspection = queue[0]["inspection"].as_str().unwrap();
    assert!(inspection.contains("alice@example.test"), "{inspection}");
    for person in [&alice, &bob] {
        answer(person, "approve", &id, "fine").expect_failure();
    }
    assert!(calls.is_running());
    answer(&carol, "approve", &id, "ok").expect_success();
    assert_eq!(calls.finish().expect_success().text(), "0\n");

    there.finish().expect_success();
    // Alone again, nobody is asked.
    assert_eq!(
        alice.ssh(&["db1", "sudo id -u"]).expect_success().text(),
        "0\n"
    );
    let verdicts: Vec<_> = asked(&gated)
        .iter()
        .map(|it| it["verdict"].clone())
        .collect();
    assert_eq!(verdicts, ["hold", "allow"]);
}
