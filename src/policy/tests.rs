use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::domain::action::ReasonRule;
use crate::domain::command::{Command, Layer, Reading, Scope, SimpleCommand};
use crate::domain::id::{HoldId, SessionId};
use crate::domain::principal::KeyFingerprint;
use crate::domain::target::{Destination, EnforcementLayer, TargetInfo};

mod loading;

mod sudo;

const NOW: Timestamp = Timestamp::constant(1_735_732_800, 0);

fn default_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config/policy")
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn load(text: &str) -> Result<PolicySet, PolicyError> {
    PolicySet::load(folder(&[("10-test.cedar", text)]).path())
}

fn principal(name: &str, groups: &[&str]) -> Principal {
    Principal {
        subject: Subject {
            issuer: "https://idp.example".to_owned(),
            subject: name.to_owned(),
        },
        name: name.parse().unwrap(),
        kind: PrincipalKind::Person,
        groups: groups.iter().map(|group| group.parse().unwrap()).collect(),
        acr: None,
        amr: BTreeSet::from(["pwd".to_owned()]),
        authenticated_at: NOW - jiff::SignedDuration::from_secs(60),
    }
}

fn target(env: &str) -> TargetInfo {
    TargetInfo {
        name: "db1".parse().unwrap(),
        aliases: BTreeSet::from(["database".parse().unwrap()]),
        logins: BTreeSet::new(),
        labels: BTreeMap::from([
            ("env".to_owned(), env.to_owned()),
            ("team".to_owned(), "blue \"1\"".to_owned()),
        ]),
        layers: BTreeSet::from([EnforcementLayer::Wire]),
    }
}

fn reading(programs: &[&str]) -> Reading {
    let command = |program: &&str| SimpleCommand {
        program: (*program).to_owned(),
        words: vec![(*program).to_owned()],
        wrappers: vec![],
    };
    Reading {
        commands: programs.iter().map(command).collect(),
        ..Reading::default()
    }
}

fn circumstances(programs: &[&str]) -> Circumstances {
    Circumstances {
        reason: None,
        command: None,
        source: Ipv4Addr::new(10, 1, 2, 3).into(),
        now: NOW,
        login: Some("deploy".parse().unwrap()),
        reading: Some(reading(programs)),
        forward: None,
    }
}

fn decide(set: &PolicySet, principal: &Principal, action: Action, target: &TargetInfo) -> Verdict {
    set.decide(&Question {
        principal,
        action,
        resource: Resource::Target(target),
        circumstances: circumstances(&["ls"]),
    })
}

/// The verdict on a developer's `ls` on production.
fn exec(policies: &str) -> Verdict {
    let set = load(policies).unwrap();
    let dev = principal("alice", &["dev"]);
    decide(&set, &dev, Action::Exec, &target("prod"))
}

fn request_of(requester: Principal, env: &str) -> ApprovalRequest {
    let destination = Destination {
        login: "deploy".parse().unwrap(),
        target: "db1".parse().unwrap(),
    };
    ApprovalRequest {
        hold: HoldId::new(7),
        requester,
        key: KeyFingerprint::new("SHA256:x".to_owned()),
        source: Ipv4Addr::new(10, 1, 2, 3).into(),
        reason: None,
        target: target(env),
        action: Action::Sudo,
        command: Command {
            scope: Scope {
                destination,
                session: SessionId::new(NOW, [1; 10]),
                ordinal: 0,
            },
            layer: Layer::Exec,
            bytes: b"sudo id".to_vec(),
            script: None,
        },
        reading: reading(&["id"]),
        screen: vec![],
    }
}

fn approve(set: &PolicySet, approver: &Principal, request: &ApprovalRequest) -> Verdict {
    set.decide(&Question {
        principal: approver,
        action: Action::Approve,
        resource: Resource::Hold(request),
        circumstances: Circumstances {
            command: None,
            login: None,
            reading: None,
            forward: None,
            ..circumstances(&[])
        },
    })
}

fn forbidden(name: &str) -> Verdict {
    Verdict::Deny(Denial::Forbidden(BTreeSet::from([name.to_owned()])))
}

const ALLOW: &str = r#"@id("allow") permit (principal, action == Action::"exec", resource);"#;
const REQUEST: &str =
    r#"@id("request") permit (principal, action == Action::"request:exec", resource);"#;
const APPROVE: &str =
    r#"@id("approve") permit (principal, action == Action::"approve", resource);"#;

#[test]
fn the_default_policies_say_what_their_tests_expect() {
    let set = PolicySet::load(&default_folder()).unwrap_or_else(|error| panic!("{error}"));
    let report = test::run(&set, &default_folder().join("tests.toml")).unwrap();
    assert!(report.passed(), "{report}");
    assert!(report.cases.len() > 50);
}

#[test]
fn what_a_default_request_takes_is_what_its_policies_say() {
    let set = PolicySet::load(&default_folder()).unwrap();
    let question = Question {
        principal: &principal("alice", &["dev"]),
        action: Action::Exec,
        resource: Resource::Target(&target("prod")),
        circumstances: Circumstances {
            command: None,
            reading: None,
            forward: None,
            ..circumstances(&[])
        },
    };
    let Verdict::Hold(takes) = set.decide(&question) else {
        panic!("{}", set.explain(&question));
    };
    assert_eq!(takes.approvals.get(), 1);
    assert_eq!(takes.expires_in, Duration::from_secs(600));
    assert_eq!(takes.reason, ReasonRule::Required);
    let names: Vec<&str> = takes.policies.iter().map(String::as_str).collect();
    assert_eq!(names, ["production-opaque", "production-work"]);
    assert!(takes.sentence.unwrap().contains("could not be read"));
}

#[test]
fn a_permit_allows_and_names_the_policies() {
    let Verdict::Allow(permit) = exec(ALLOW) else {
        panic!();
    };
    assert_eq!(permit.policies(), &BTreeSet::from(["allow".to_owned()]));
    let alice = principal("alice", &[]).subject;
    assert!(permit.covers(&alice, Action::Exec, "deploy@db1"));
    assert!(!permit.covers(&alice, Action::Sudo, "deploy@db1"));
}

#[test]
fn what_no_policy_names_is_denied() {
    let set = load(ALLOW).unwrap();
    let dev = principal("alice", &["dev"]);
    let denied = Verdict::Deny(Denial::NotAllowed);
    assert_eq!(decide(&set, &dev, Action::Sudo, &target("dev")), denied);
    assert_eq!(
        approve(&set, &dev, &request_of(principal("bob", &[]), "dev")),
        denied
    );
}

#[test]
fn a_forbid_of_either_form_denies_a_request() {
    let plain = r#"@id("no") forbid (principal, action == Action::"exec", resource);"#;
    let request = r#"@id("no") forbid (principal, action == Action::"request:exec", resource);"#;
    assert!(matches!(exec(REQUEST), Verdict::Hold(_)));
    assert_eq!(exec(&format!("{REQUEST}\n{plain}")), forbidden("no"));
    assert_eq!(exec(&format!("{REQUEST}\n{request}")), forbidden("no"));
    assert_eq!(exec(&format!("{ALLOW}\n{plain}")), forbidden("no"));
}

#[test]
fn a_policy_that_errs_denies_whatever_the_others_say() {
    // A permit that would not even be needed, and a forbid that Cedar alone would skip.
    for effect in ["permit", "forbid"] {
        let erring = format!(
            r#"@id("errs") {effect} (principal, action == Action::"exec", resource)
            when {{ principal.login_age + 9223372036854775807 > 0 }};"#
        );
        let Verdict::Deny(Denial::PolicyFailed(error)) = exec(&format!("{ALLOW}\n{erring}")) else {
            panic!("{effect}");
        };
        assert!(error.contains("errs"), "{error}");
        let on_request = erring.replace("\"exec\"", "\"request:exec\"");
        assert!(matches!(
            exec(&format!("{REQUEST}\n{on_request}")),
            Verdict::Deny(Denial::PolicyFailed(_))
        ));
    }
}

#[test]
fn a_question_that_lacks_something_or_does_not_fit_is_denied() {
    let set = load(ALLOW).unwrap();
    let dev = principal("alice", &["dev"]);
    let without_login = Circumstances {
        command: None,
        login: None,
        ..circumstances(&["ls"])
    };
    for (action, resource, circumstances) in [
        (
            Action::Exec,
            Resource::Target(&target("dev")),
            without_login,
        ),
        (Action::Exec, Resource::Bastion, circumstances(&["ls"])),
        (Action::Approve, Resource::Bastion, circumstances(&[])),
    ] {
        let verdict = set.decide(&Question {
            principal: &dev,
            action,
            resource,
            circumstances,
        });
        assert!(
            matches!(verdict, Verdict::Deny(Denial::PolicyFailed(_))),
            "{verdict:?}"
        );
    }
}

#[test]
fn of_several_requests_the_strictest_quantities_count() {
    let Verdict::Hold(takes) = exec(
        r#"
        @id("one") @approvals("2") @expires("1h") @title("two people")
        permit (principal, action == Action::"request:exec", resource);
        @id("two") @expires("30m") @reason("required") @title("a reason")
        permit (principal, action in Action::"request", resource);
        @id("other") @approvals("9")
        permit (principal, action == Action::"request:sudo", resource);
        "#,
    ) else {
        panic!();
    };
    assert_eq!(takes.approvals.get(), 2);
    assert_eq!(takes.expires_in, Duration::from_secs(30 * 60));
    assert_eq!(takes.reason, ReasonRule::Required);
    assert_eq!(takes.sentence.as_deref(), Some("two people"));
    assert_eq!(takes.policies.len(), 2);
}

#[test]
fn nobody_approves_their_own_request_whatever_policy_says() {
    let set = load(APPROVE).unwrap();
    let alice = principal("alice", &["sre-leads"]);
    let mut second_login = alice.clone();
    second_login.name = "alice@example.com".parse().unwrap();
    second_login.groups.clear();
    let request = request_of(alice.clone(), "prod");
    assert_eq!(approve(&set, &alice, &request), forbidden(OWN_REQUEST));
    assert_eq!(
        approve(&set, &second_login, &request),
        forbidden(OWN_REQUEST)
    );
    let bob = principal("bob", &[]);
    assert!(matches!(approve(&set, &bob, &request), Verdict::Allow(_)));
}

#[test]
fn a_workload_never_approves_whatever_policy_says() {
    let set = load(APPROVE).unwrap();
    let mut robot = principal("robot", &["sre-leads"]);
    robot.kind = PrincipalKind::Workload;
    let request = request_of(principal("alice", &["dev"]), "prod");
    assert_eq!(
        approve(&set, &robot, &request),
        forbidden(WORKLOAD_APPROVES)
    );
}

#[test]
fn a_held_user_is_told_which_groups_could_approve() {
    let set = PolicySet::load(&default_folder()).unwrap();
    let named = |env: &str| -> Vec<String> {
        let request = request_of(principal("alice", &["dev"]), env);
        let groups = set.approver_groups(&request, NOW);
        groups.iter().map(ToString::to_string).collect()
    };
    assert_eq!(named("prod"), ["sre-leads"]);
    assert_eq!(named("staging"), ["sre", "sre-leads"]);
}

#[test]
fn approvers_who_must_have_signed_in_freshly_are_still_named() {
    let set = load(
        r#"permit (principal in Group::"leads", action == Action::"approve", resource)
        when { principal.login_age < 300 && principal.amr.contains("mfa") };"#,
    )
    .unwrap();
    let request = request_of(principal("alice", &["leads"]), "prod");
    assert_eq!(set.approver_groups(&request, NOW).len(), 1);
    let stale = principal("bob", &["leads"]);
    assert!(matches!(approve(&set, &stale, &request), Verdict::Deny(_)));
}

#[test]
fn policies_see_every_circumstance() {
    let seen = r#"permit (principal, action == Action::"exec", resource) when {
        principal.name == "alice" && principal.kind == "person" && principal.login_age == 60 &&
        principal.subject.issuer == "https://idp.example" && principal.subject.id == "alice" &&
        principal.amr == ["pwd"] && !(principal has acr) && principal in Group::"dev" &&
        principal == Principal::"https://idp.example#alice" &&
        resource == Target::"db1" && resource.name == "db1" && resource.aliases.contains("database") &&
        resource.env == "prod" && resource.production && resource.layers == ["wire"] &&
        resource.labels.contains("env=prod") && resource.labels.contains("team=blue \"1\"") &&
        context.login == "deploy" && context.source.isInRange(ip("10.1.0.0/16")) &&
        context.now == datetime("2025-01-01T12:00:00Z") && context.hour == 12 && context.minute == 0 &&
        context.weekday == "wednesday" && context.command.programs == ["ls"] &&
        context.command.elevation.isEmpty() && context.command.escapes.isEmpty() &&
        !context.command.opaque && context.command.paths.isEmpty()
    };"#;
    assert!(matches!(exec(seen), Verdict::Allow(_)), "{:?}", exec(seen));
    let on_hold = r#"permit (principal, action == Action::"approve", resource) when {
        resource.requester.name == "alice" && resource.requester in Group::"dev" &&
        resource.requester != principal && resource.target.env == "prod" && resource.login == "deploy" &&
        resource.action == "sudo" && resource.command.programs.contains("id")
    };"#;
    let set = load(on_hold).unwrap();
    let request = request_of(principal("alice", &["dev"]), "prod");
    let verdict = approve(&set, &principal("bob", &[]), &request);
    assert!(matches!(verdict, Verdict::Allow(_)), "{verdict:?}");
}

#[test]
fn an_ipv4_client_on_an_ipv6_socket_is_matched_by_its_ipv4_address() {
    let set = load(
        r#"permit (principal, action == Action::"administer", resource)
        when { context.source.isInRange(ip("10.0.0.0/8")) };"#,
    )
    .unwrap();
    let mapped = Ipv4Addr::new(10, 1, 2, 3).to_ipv6_mapped();
    let verdict = set.decide(&Question {
        principal: &principal("alice", &[]),
        action: Action::Administer,
        resource: Resource::Bastion,
        circumstances: Circumstances {
            command: None,
            source: mapped.into(),
            ..circumstances(&[])
        },
    });
    assert!(matches!(verdict, Verdict::Allow(_)), "{verdict:?}");
}

#[test]
fn an_explanation_names_what_matched_and_what_did_not() {
    let set = PolicySet::load(&default_folder()).unwrap();
    let dev = principal("alice", &["dev"]);
    let question = |action, programs: &[&str]| {
        set.explain(&Question {
            principal: &dev,
            action,
            resource: Resource::Target(&target("prod")),
            circumstances: circumstances(programs),
        })
    };
    let held = question(Action::Exec, &["rm"]);
    assert_eq!(held.decision, "hold");
    assert_eq!(held.because[0].policy, "production-work");
    assert_eq!(held.because[0].form, Form::Request);
    assert!(
        held.not_matching
            .iter()
            .any(|m| m.policy == "sre-look-at-production")
    );
    let shown = held.to_string();
    assert!(
        shown.starts_with("hold: alice (dev) wants to exec on target db1 as deploy"),
        "{shown}"
    );
    assert!(shown.contains("programs: rm"), "{shown}");
    let json = serde_json::to_value(&held).unwrap();
    assert_eq!(json["decision"], "hold");
    let place = json["because"][0]["place"].as_str().unwrap();
    assert!(place.starts_with("10-developers.cedar:"), "{place}");
    assert_eq!(question(Action::Forward, &[]).decision, "deny");
}

#[test]
fn an_explanation_names_the_rule_that_no_policy_can_change() {
    let set = load(APPROVE).unwrap();
    let alice = principal("alice", &["sre-leads"]);
    let request = request_of(alice.clone(), "prod");
    let explanation = set.explain(&Question {
        principal: &alice,
        action: Action::Approve,
        resource: Resource::Hold(&request),
        circumstances: circumstances(&[]),
    });
    assert_eq!(explanation.decision, "deny");
    assert_eq!(explanation.because[0].policy, OWN_REQUEST);
    assert_eq!(explanation.because[0].form, Form::Always);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_facts_get_a_verdict(programs in proptest::collection::vec(".{0,20}", 0..5), seconds in any::<i64>()) {
        let set = load(REQUEST).unwrap();
        let now = Timestamp::from_second(seconds % 253_000_000_000).unwrap();
        let programs: Vec<&str> = programs.iter().map(String::as_str).collect();
        let verdict = set.decide(&Question {
            principal: &principal("alice", &[]),
            action: Action::Exec,
            resource: Resource::Target(&target("prod")),
            circumstances: Circumstances { now, ..circumstances(&programs) },
        });
        prop_assert!(!matches!(verdict, Verdict::Allow(_)));
    }
}
