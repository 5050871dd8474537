//! The sudo gate's questions, and what others on the same login mean for them.

use std::num::NonZeroU8;
use std::time::Duration;

use super::*;
use crate::domain::action::{ReasonRule, Requirements, SignatureRule};
use crate::domain::answer::Answer;
use crate::domain::hold::{AnswerError, Answered, Approval, Hold, Reply};
use crate::domain::sudo::{Companion, RunAs, SudoFacts};

const SUDO: &str = r#"
@id("reload") permit (principal, action == Action::"sudo", resource) when {
  context has sudo && !context.command.opaque && context.sudo.words == "systemctl reload nginx" &&
  context.sudo.run_as == "root" && context.sudo.folder == "/srv" && context.sudo.whole && !context.sudo.shared
};
@id("calls") permit (principal, action == Action::"sudo", resource) when {
  !(context has sudo) && context.command.elevation == ["sudo"]
};
@id("leads") permit (principal, action == Action::"approve", resource) when {
  resource has sudo && resource.sudo.program == "systemctl"
};
"#;

fn companion(name: &str) -> Companion {
    let Principal { subject, name, .. } = principal(name, &[]);
    Companion { subject, name }
}

fn sudo(words: &str, company: &[&str]) -> Reading {
    Reading {
        elevation: BTreeSet::from(["sudo".to_owned()]),
        sudo: Some(Box::new(SudoFacts {
            program: words.split(' ').next().map(str::to_owned),
            words: words.to_owned(),
            folder: "/srv".to_owned(),
            run_as: RunAs::Default,
            whole: true,
            company: company.iter().map(|name| companion(name)).collect(),
        })),
        ..Reading::default()
    }
}

fn asked(reading: Reading) -> Verdict {
    load(SUDO).unwrap().decide(&Question {
        principal: &principal("alice", &["dev"]),
        action: Action::Sudo,
        resource: Resource::Target(&target("prod")),
        circumstances: Circumstances {
            reading: Some(reading),
            ..circumstances(&[])
        },
    })
}

#[test]
fn policy_is_asked_about_the_true_words() {
    assert_eq!(asked(sudo("systemctl reload nginx", &[])).word(), "allow");
    assert_eq!(asked(sudo("systemctl restart nginx", &[])).word(), "deny");
    assert_eq!(
        asked(sudo("systemctl reload nginx", &["bob"])).word(),
        "deny"
    );
    let seems_to_call_it = Reading {
        sudo: None,
        ..sudo("", &[])
    };
    assert_eq!(asked(seems_to_call_it).word(), "allow");
}

#[test]
fn what_policy_allows_is_held_in_company_and_what_it_denies_is_denied() {
    let (alone, together) = (
        sudo("systemctl reload nginx", &[]),
        sudo("x", &["bob", "dave"]),
    );
    let allowed = || asked(alone.clone());
    assert_eq!(held_for_company(allowed(), &alone), allowed());
    let Verdict::Hold(requirements) = held_for_company(allowed(), &together) else {
        panic!("it is held");
    };
    assert_eq!(
        requirements.policies,
        BTreeSet::from([SHARED_LOGIN.to_owned()])
    );
    let told = requirements.sentence.unwrap();
    assert!(told.contains("bob, dave"), "{told}");
    assert_eq!(
        held_for_company(asked(sudo("x", &[])), &together).word(),
        "deny"
    );
}

#[test]
fn nobody_approves_a_sudo_that_they_could_have_called() {
    let set = load(SUDO).unwrap();
    let request = |company| ApprovalRequest {
        reading: sudo("systemctl restart nginx", company),
        ..request_of(principal("alice", &[]), "prod")
    };
    let answer = |request: &ApprovalRequest| {
        set.decide(&Question {
            principal: &principal("bob", &[]),
            action: Action::Approve,
            resource: Resource::Hold(request),
            circumstances: circumstances(&[]),
        })
    };
    let (alone, together) = (request(&[]), request(&["bob"]));
    let Verdict::Deny(Denial::Forbidden(rules)) = answer(&together) else {
        panic!("bob is on the same login");
    };
    assert_eq!(rules, BTreeSet::from([COMPANY.to_owned()]));
    // A permit from before does not help.
    let Verdict::Allow(permit) = answer(&alone) else {
        panic!("alone, bob may answer");
    };
    let Verdict::Hold(requirements) = held_for_company(
        asked(sudo("systemctl reload nginx", &[])),
        &sudo("", &["bob"]),
    ) else {
        panic!("it is held");
    };
    let answered = |request| {
        let hold = Hold::open(request, requirements.clone(), NOW);
        hold.answer(
            principal("bob", &[]),
            &Reply::once(Answer::Approve, "ok"),
            &permit,
            NOW,
        )
    };
    assert_eq!(answered(together).unwrap_err().1, AnswerError::Company);
    assert!(matches!(answered(alone), Ok((_, Answered::Resolved(_)))));
}

/// An approved hold of a command, and the sudo that comes behind it.
fn precedent(text: &str, change: impl Fn(&mut Command)) -> bool {
    let set = load(SUDO).unwrap();
    let mut request = request_of(principal("alice", &[]), "prod");
    request.reading = sudo("systemctl restart nginx", &[]);
    request.command.layer = Layer::Exec;
    request.command.bytes = text.as_bytes().to_vec();
    let permit = match set.decide(&Question {
        principal: &principal("bob", &[]),
        action: Action::Approve,
        resource: Resource::Hold(&request),
        circumstances: circumstances(&[]),
    }) {
        Verdict::Allow(permit) => permit,
        verdict => panic!("{verdict:?}"),
    };
    let mut command = Command {
        layer: Layer::Sudo,
        bytes: b"sudo id  # in /srv".to_vec(),
        ..request.command.clone()
    };
    change(&mut command);
    let Verdict::Hold(requirements) = held_for_company(
        asked(sudo("systemctl reload nginx", &[])),
        &sudo("", &["x"]),
    ) else {
        panic!("it is held");
    };
    let hold = Hold::open(request, requirements, NOW);
    let answered = hold.answer(
        principal("bob", &[]),
        &Reply::once(Answer::Approve, "ok"),
        &permit,
        NOW,
    );
    let Ok((_, Answered::Resolved(resolved))) = answered else {
        panic!("it is approved");
    };
    let words = ["sudo", "id"].map(|word| word.as_bytes().to_vec());
    resolved.clear_sudo(command, &words).is_ok()
}

#[test]
fn an_approved_command_clears_the_sudo_that_it_spells_out_and_no_other() {
    let same = |_: &mut Command| {};
    assert!(precedent("sudo id", same));
    assert!(precedent(" sudo  'id' ", same));
    for other in [
        "sudo id -u",
        "sudo",
        "sudo id; sudo id",
        "sudo $(echo id)",
        "sudo -u root id",
        "id",
    ] {
        assert!(!precedent(other, same), "{other}");
    }
    let session = SessionId::new(NOW, [9; 10]);
    assert!(!precedent("sudo id", |command| command.scope.session = session));
    assert!(!precedent("sudo id", |command| {
        command.scope.destination.login = "root".parse().unwrap();
    }));
    assert!(!precedent("sudo id", |command| command.layer = Layer::Line));
}

#[test]
fn only_people_who_may_approve_the_sudo_itself_would_do_for_it_and_with_their_reasons() {
    let set = load(
        r#"
@id("anything") permit (principal in Group::"leads", action == Action::"approve", resource);
@id("seen-by-the-gate") permit (principal in Group::"dba", action == Action::"approve", resource)
  unless { resource has sudo };
@id("at-the-office") permit (principal in Group::"office", action == Action::"approve", resource)
  when { context.source.isInRange(ip("198.51.100.0/24")) };
"#,
    )
    .unwrap();
    let request = ApprovalRequest {
        reading: sudo("systemctl restart nginx", &[]),
        ..request_of(principal("alice", &[]), "prod")
    };
    let given = |name: &str, group: &str, reason: &str| Approval {
        approver: principal(name, &[group]),
        reason: reason.to_owned(),
        again_for: None,
        at: NOW,
        source: Some("192.0.2.1".parse().unwrap()),
        signed: None,
    };
    let would_do = |approvals: &[Approval], count: u8, reason| {
        let requirements = Requirements {
            approvals: NonZeroU8::new(count).unwrap(),
            expires_in: Duration::from_secs(60),
            reason,
            again_for: None,
            signed: SignatureRule::Optional,
            policies: BTreeSet::new(),
            sentence: None,
        };
        set.would_do(approvals, &request, &requirements, NOW)
    };
    let (required, optional) = (ReasonRule::Required, ReasonRule::Optional);
    let lead = given("carol", "leads", "");
    assert!(would_do(std::slice::from_ref(&lead), 1, optional));
    assert!(!would_do(std::slice::from_ref(&lead), 1, required));
    assert!(!would_do(std::slice::from_ref(&lead), 2, optional));
    assert!(would_do(&[given("carol", "leads", "fine")], 1, required));
    // Who approves what is typed, but not what the gate sees; and who answered from somewhere else.
    for group in ["dba", "office", "dev"] {
        assert!(
            !would_do(&[given("bob", group, "fine")], 1, optional),
            "{group}"
        );
        let both = [lead.clone(), given("bob", group, "fine")];
        assert!(!would_do(&both, 1, optional), "{group}");
    }
    assert!(!would_do(&[given("alice", "leads", "mine")], 1, optional));
    let from = |group, source: Option<&str>| Approval {
        source: source.map(|it| it.parse().unwrap()),
        ..given("bob", group, "fine")
    };
    assert!(would_do(
        &[from("office", Some("198.51.100.7"))],
        1,
        optional
    ));
    // Nothing follows from an answer of before that was kept, which is read all the same.
    let before = from("leads", None);
    let text = serde_json::to_string(&before).unwrap();
    assert!(!text.contains("source"), "{text}");
    assert_eq!(serde_json::from_str::<Approval>(&text).unwrap(), before);
    assert!(!would_do(&[before], 1, optional));
}
