//! Several people on one login at once, whose processes can reach each other's agents.

use std::fs;

use super::{FREE_ID, answer, asked};
use crate::harness::Gated;
use crate::harness::person::wait_until_held;
use crate::harness::sshd::{login, make_key};

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

/// The host once more as a target without the gate, under its address where the gated one has a name.
fn also_named_differently(gated: &Gated) {
    let host = gated.host();
    let ca = gated.bastion.dir().join("target_ca");
    make_key(&ca);
    host.certify(&ca, &["-n", "db1,web1"]);
    let authority = fs::read_to_string(ca.with_extension("pub")).unwrap();
    let trusted = format!("host_ca = \"{}\"", authority.trim());
    let pinned = format!("host_keys = [\"{}\"]", host.host_key());
    let text = fs::read_to_string(gated.bastion.config()).unwrap();
    let named = text
        .replace(&pinned, &trusted)
        .replace("address = \"127.0.0.1\"", "address = \"localhost\"");
    let (port, login) = (host.port(), login());
    let other = format!(
        "\n[[targets]]\nname = \"web1\"\naddress = \"127.0.0.1\"\nport = {port}\nlogins = [\"{login}\"]\n\
         labels = {{ env = \"production\" }}\nlayers = []\n{trusted}\n"
    );
    fs::write(gated.bastion.config(), named + &other).unwrap();
}

#[test]
fn somebody_who_came_to_the_host_by_another_name_of_it_is_company_under_a_host_authority_as_well() {
    let mut gated = Gated::with(policy(), &["db1"]);
    gated.bastion.stop().expect_success();
    also_named_differently(&gated);
    gated.bastion.serve();
    let (alice, bob) = (gated.person("alice"), gated.person("bob"));
    let sudo = || alice.spawn_ssh(&["db1", "sudo id -u"]);
    assert_eq!(sudo().finish().expect_success().text(), "0\n");
    let mut there = bob.spawn_ssh(&["web1", "echo there; cat"]);
    there.wait_for_stdout("there");
    let mut calls = sudo();
    wait_until_held(&mut calls);
    let told = calls.stderr();
    assert!(
        told.contains("bob@example.test could have called it as well"),
        "{told}"
    );
}
