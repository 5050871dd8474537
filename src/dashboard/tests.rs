//! People, requests and moments for the tests of the dashboard.

use std::num::NonZeroU8;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::dashboard::model::{Dashboard, HistoryEntry, HoldView, Snapshot, TargetView};
use crate::dashboard::update::Message;
use crate::domain::action::{Action, ReasonRule, Requirements, SignatureRule};
use crate::domain::answer::Answer;
use crate::domain::command::{Command, Layer, Reading, Scope, SimpleCommand, Unknown};
use crate::domain::hold::{Answered, Hold, Reply, Resolved};
use crate::domain::id::{HoldId, SessionId};
use crate::domain::principal::{KeyFingerprint, Principal, PrincipalKind, Subject};
use crate::domain::recording::{SessionEnd, SessionSummary};
use crate::domain::request::ApprovalRequest;
use crate::domain::target::{Destination, EnforcementLayer, TargetInfo};
use crate::domain::verdict::{Circumstances, Permit, Question, Resource, Tell, Verdict};

/// Noon, some seconds after it.
pub(super) fn at(seconds: i64) -> Timestamp {
    let noon: Timestamp = "2026-03-04T12:00:00Z".parse().unwrap();
    Timestamp::from_second(noon.as_second() + seconds).unwrap()
}

pub(super) fn person(name: &str, groups: &[&str]) -> Principal {
    Principal {
        subject: Subject {
            issuer: "https://id.example.com".to_owned(),
            subject: name.to_owned(),
        },
        name: format!("{name}@example.com").parse().unwrap(),
        kind: PrincipalKind::Person,
        groups: groups.iter().map(|g| g.parse().unwrap()).collect(),
        acr: None,
        amr: [].into(),
        authenticated_at: at(-3600),
    }
}

pub(super) fn carol() -> Principal {
    person("carol", &["sre-leads", "staff"])
}

pub(super) fn target(name: &str, env: &str) -> TargetInfo {
    TargetInfo {
        name: name.parse().unwrap(),
        aliases: [].into(),
        logins: ["deploy".parse().unwrap()].into(),
        labels: [
            ("env".to_owned(), env.to_owned()),
            ("tier".to_owned(), "database".to_owned()),
        ]
        .into(),
        layers: [
            EnforcementLayer::Wire,
            EnforcementLayer::Line,
            EnforcementLayer::Sudo,
        ]
        .into(),
    }
}

pub(super) fn simple(wrappers: &[&str], words: &[&str]) -> SimpleCommand {
    let owned = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect();
    SimpleCommand {
        program: words[0].to_owned(),
        words: owned(words),
        wrappers: owned(wrappers),
    }
}

fn session(minutes: i64, random: u8) -> SessionId {
    SessionId::new(at(minutes * 60), [random; 10])
}

/// A request of Alice's, `opened` seconds after noon; change what the test is about.
pub(super) fn request(number: u32, text: &str) -> ApprovalRequest {
    let destination = Destination {
        login: "deploy".parse().unwrap(),
        target: "db1".parse().unwrap(),
    };
    ApprovalRequest {
        hold: HoldId::new(number),
        requester: person("alice", &["developers", "staff"]),
        key: KeyFingerprint::new("SHA256:4Vd0mFo2sCq6dGkXH1oVb1mSg3sKX0C0dQy1rQ0oG3I".to_owned()),
        source: "192.0.2.7".parse().unwrap(),
        reason: None,
        target: target("db1", "prod"),
        action: Action::Sudo,
        command: Command {
            scope: Scope {
                destination,
                session: session(-20, 1),
                ordinal: u64::from(number),
            },
            layer: Layer::Exec,
            bytes: text.as_bytes().to_vec(),
            script: None,
        },
        reading: Reading::default(),
        screen: vec![
            "deploy@db1:~$ systemctl is-active postgresql".to_owned(),
            "failed".to_owned(),
            "deploy@db1:~$ journalctl -u postgresql -n 3 --no-pager".to_owned(),
            "12:00:01 db1 postgres[811]: FATAL: could not map shared memory".to_owned(),
            String::new(),
        ],
    }
}

pub(super) fn requirements(approvals: u8, minutes: u64) -> Requirements {
    Requirements {
        approvals: NonZeroU8::new(approvals).unwrap(),
        expires_in: Duration::from_secs(minutes * 60),
        reason: ReasonRule::Optional,
        again_for: None,
        signed: SignatureRule::Optional,
        policies: ["sudo-on-production".to_owned()].into(),
        sentence: Some("sudo on production needs a lead".to_owned()),
    }
}

pub(super) fn may_answer(hold: Hold) -> HoldView {
    HoldView {
        hold: Arc::new(hold),
        may_answer: true,
        approvers: vec!["sre-leads".parse().unwrap()],
    }
}

/// `sudo` on production with a part that nobody can read, and an editor.
pub(super) fn restart() -> HoldView {
    let text =
        "sudo systemctl restart postgresql && sudo vim /etc/postgresql/15/main/$(hostname).conf";
    let mut request = request(0x1234_5678, text);
    let computed = text.find("$(").unwrap();
    request.reading = Reading {
        commands: vec![
            simple(&["sudo"], &["systemctl", "restart", "postgresql"]),
            simple(
                &["sudo"],
                &["vim", "/etc/postgresql/15/main/$(hostname).conf"],
            ),
        ],
        elevation: ["sudo".to_owned()].into(),
        escapes: ["vim".to_owned()].into(),
        paths: vec![],
        unknowns: vec![Unknown {
            reason: "an argument that is computed when it runs".to_owned(),
            span: Some((computed, computed + "$(hostname)".len())),
        }],
        ..Reading::default()
    };
    may_answer(Hold::open(request, requirements(2, 10), at(-40)))
}

/// An ordinary command on staging that will expire soon.
pub(super) fn migrate() -> HoldView {
    let mut request = request(
        0x0bcd_ef12,
        "env RAILS_ENV=staging nice bin/rails db:migrate",
    );
    request.requester = person("bob", &["developers"]);
    request.target = target("app7", "staging");
    request.action = Action::Exec;
    request.command.scope.destination.target = "app7".parse().unwrap();
    request.reading.commands = vec![simple(&["env", "nice"], &["rails", "db:migrate"])];
    request.screen.clear();
    let rule = Requirements {
        reason: ReasonRule::Required,
        policies: ["staging-changes".to_owned()].into(),
        sentence: None,
        ..requirements(1, 5)
    };
    may_answer(Hold::open(request, rule, at(-252)))
}

/// Something that the viewer asked for.
pub(super) fn own() -> HoldView {
    let mut request = request(0x0aaa_aaaa, "sudo -i");
    request.requester = carol();
    request.command.layer = Layer::Line;
    request.reading = Reading {
        commands: vec![simple(&[], &["sudo", "-i"])],
        elevation: ["sudo".to_owned()].into(),
        ..Reading::default()
    };
    may_answer(Hold::open(request, requirements(1, 15), at(-100)))
}

pub(super) fn permit(approver: &Principal, request: &ApprovalRequest) -> Permit {
    let question = Question {
        principal: approver,
        action: Action::Approve,
        resource: Resource::Hold(request),
        circumstances: Circumstances {
            reason: None,
            command: None,
            source: request.source,
            now: at(0),
            login: None,
            reading: None,
            forward: None,
        },
    };
    match Verdict::allow(&question, [].into(), Tell::Nobody) {
        Verdict::Allow(permit) => permit,
        other => panic!("{other:?}"),
    }
}

pub(super) fn answered(hold: Hold, by: &Principal, answer: Answer, why: &str) -> Answered {
    let permit = permit(by, hold.request());
    hold.answer(by.clone(), &Reply::once(answer, why), &permit, at(-10))
        .unwrap()
        .1
}

pub(super) fn resolved(view: HoldView, by: &Principal, answer: Answer, why: &str) -> Resolved {
    match answered(Hold::clone(&view.hold), by, answer, why) {
        Answered::Resolved(resolved) => *resolved,
        Answered::Waiting(_) => panic!("the hold waits for more people"),
    }
}

pub(super) fn sessions() -> Vec<SessionSummary> {
    let summary = |minutes: i64, person: &str, name: &str, env: &str, asked: &str| SessionSummary {
        id: session(minutes, 7),
        person: format!("{person}@example.com"),
        subject: carol().subject,
        destination: Destination {
            login: "deploy".parse().unwrap(),
            target: name.parse().unwrap(),
        },
        target: target(name, env),
        host: None,
        source: "192.0.2.7".to_owned(),
        asked: asked.to_owned(),
        started: at(minutes * 60),
        ended: None,
    };
    let mut sessions = vec![
        summary(
            -95,
            "dave",
            "app7",
            "staging",
            "rsync --server -vlogDtpre.iLsfxCIvu . /srv/app",
        ),
        summary(-12, "alice", "db1", "prod", "shell"),
        summary(
            -3,
            "bob",
            "app7",
            "staging",
            "tail -f /var/log/app/production.log",
        ),
        summary(
            -2880,
            "erin",
            "db1",
            "prod",
            "sudo systemctl stop postgresql",
        ),
    ];
    sessions[0].ended = Some(SessionEnd {
        at: at(-94 * 60),
        how: "exit 0".to_owned(),
    });
    sessions[3].ended = Some(SessionEnd {
        at: at(-2870 * 60),
        how: "refused by carol@example.com".to_owned(),
    });
    sessions
}

pub(super) fn history() -> Vec<HistoryEntry> {
    let numbered = |mut view: HoldView, number: u32| {
        let mut request = view.hold.request().clone();
        request.hold = HoldId::new(number);
        view.hold = Arc::new(Hold::open(request, requirements(1, 5), at(-200)));
        view
    };
    let approved = resolved(
        numbered(migrate(), 1),
        &carol(),
        Answer::Approve,
        "ok, CHG-1042",
    );
    let dave = person("dave", &["sre-leads"]);
    let why = "not during the backup; try again after 14:00 and tell me";
    let refused = resolved(numbered(restart(), 2), &dave, Answer::Refuse, why);
    let expired = Hold::clone(&numbered(own(), 3).hold)
        .expire(at(900))
        .unwrap();
    let withdrawn = numbered(restart(), 4).hold;
    let withdrawn = Hold::clone(&withdrawn).withdraw("the client went away", at(-3000));
    let mut entries: Vec<HistoryEntry> = [&approved, &refused, &expired, &withdrawn]
        .into_iter()
        .map(HistoryEntry::from)
        .collect();
    entries[0].at = at(-60);
    entries[1].at = at(-1000);
    entries[2].at = at(-90_000);
    entries
}

fn open(info: TargetInfo, shell: &'static str) -> TargetView {
    TargetView { info, shell }
}

/// What Carol sees when `holds` wait.
pub(super) fn snapshot(holds: Vec<HoldView>) -> Snapshot {
    Snapshot {
        now: at(0),
        me: carol(),
        holds,
        sessions: sessions(),
        history: history(),
        targets: vec![
            open(target("db1", "prod"), "hold"),
            open(target("app7", "staging"), "allow"),
            open(target("app8", "staging"), "allow"),
        ],
    }
}

pub(super) fn heard(snapshot: Snapshot) -> Message {
    Message::Snapshot(Box::new(snapshot))
}

pub(super) fn dashboard(holds: Vec<HoldView>) -> Dashboard {
    Dashboard::new(snapshot(holds), 80, 24)
}
