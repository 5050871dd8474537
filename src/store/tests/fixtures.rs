//! People, holds and sessions for the story.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU8;
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::action::{Action, ReasonRule, Requirements, SignatureRule};
use crate::domain::answer::Answer;
use crate::domain::command::{Command, Layer, Reading, Scope};
use crate::domain::hold::{Answered, Hold, Reply};
use crate::domain::id::{HoldId, SessionId};
use crate::domain::name::NodeName;
use crate::domain::principal::{KeyFingerprint, Principal, PrincipalKind, Subject};
use crate::domain::recording::SessionSummary;
use crate::domain::request::ApprovalRequest;
use crate::domain::target::{Destination, HostSeen, TargetInfo};
use crate::domain::verdict::{Circumstances, Question, Resource, Tell, Verdict};
use crate::store::{AuditEntry, HoldState, Login};

/// A time some seconds after the tests' noon.
pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

pub(super) fn node(name: &str) -> NodeName {
    name.parse().unwrap()
}

pub(super) fn key(name: &str) -> KeyFingerprint {
    KeyFingerprint::new(format!("SHA256:{name}"))
}

pub(super) fn person(name: &str) -> Principal {
    Principal {
        subject: Subject {
            issuer: "https://id.example.com".to_owned(),
            subject: format!("id of {name}"),
        },
        name: format!("{name}@example.com").parse().unwrap(),
        kind: PrincipalKind::Person,
        groups: BTreeSet::from(["sre".parse().unwrap()]),
        acr: Some("gold".to_owned()),
        amr: BTreeSet::from(["hwk".to_owned()]),
        authenticated_at: at(-60),
    }
}

pub(super) fn login(name: &str, device: &str, until: i64) -> Login {
    Login {
        key: key(device),
        principal: person(name),
        source: "192.0.2.7".to_owned(),
        since: at(0),
        until: at(until),
    }
}

pub(super) fn session_id(n: u8) -> SessionId {
    SessionId::new(at(i64::from(n)), [n; 10])
}

pub(super) fn session(n: u8, name: &str) -> SessionSummary {
    SessionSummary {
        id: session_id(n),
        person: format!("{name}@example.com"),
        subject: person(name).subject,
        destination: destination(),
        target: target(),
        host: Some(HostSeen {
            key: key("host"),
            address: source(),
        }),
        source: "192.0.2.7".to_owned(),
        asked: "echo ^@ \u{fc}".to_owned(),
        started: at(i64::from(n)),
        ended: None,
    }
}

fn destination() -> Destination {
    Destination {
        login: "deploy".parse().unwrap(),
        target: "db1".parse().unwrap(),
    }
}

fn target() -> TargetInfo {
    TargetInfo {
        name: "db1".parse().unwrap(),
        aliases: BTreeSet::new(),
        logins: BTreeSet::from(["deploy".parse().unwrap()]),
        labels: BTreeMap::from([("env".to_owned(), "prod".to_owned())]),
        layers: BTreeSet::new(),
    }
}

/// A hold of alice's that takes so many approvals.
pub(super) fn hold(id: u32, approvals: u8) -> Hold {
    hold_of(id, approvals, b"sudo systemctl restart postgresql \xff")
}

pub(super) fn hold_of(id: u32, approvals: u8, bytes: &[u8]) -> Hold {
    let request = ApprovalRequest {
        hold: HoldId::new(id),
        requester: person("alice"),
        key: key("alice"),
        source: source(),
        reason: None,
        target: target(),
        action: Action::Sudo,
        command: Command {
            scope: Scope {
                destination: destination(),
                session: session_id(1),
                ordinal: 0,
            },
            layer: Layer::Exec,
            bytes: bytes.to_vec(),
            script: None,
        },
        reading: Reading::opaque("a test"),
        screen: vec!["$".to_owned()],
    };
    let requirements = Requirements {
        approvals: NonZeroU8::new(approvals).unwrap(),
        expires_in: Duration::from_secs(600),
        reason: ReasonRule::Optional,
        again_for: None,
        signed: SignatureRule::Optional,
        policies: BTreeSet::from(["sudo".to_owned()]),
        sentence: None,
    };
    Hold::open(request, requirements, at(i64::from(id)))
}

fn source() -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7))
}

/// What somebody's answer makes of a hold.
pub(super) fn answered(hold: Hold, answer: Answer, who: &str) -> HoldState {
    let (approver, request) = (person(who), hold.request().clone());
    let now = hold.created();
    let question = Question {
        principal: &approver,
        action: Action::Approve,
        resource: Resource::Hold(&request),
        circumstances: Circumstances {
            reason: None,
            command: None,
            source: source(),
            now,
            login: None,
            reading: None,
            forward: None,
        },
    };
    let Verdict::Allow(permit) = Verdict::allow(&question, BTreeSet::new(), Tell::Nobody) else {
        panic!("allowed is allowed")
    };
    let reason = "CHG-1042";
    match hold.answer(approver.clone(), &Reply::once(answer, reason), &permit, now) {
        Ok((_, Answered::Waiting(hold))) => HoldState::Waiting(hold),
        Ok((_, Answered::Resolved(resolved))) => HoldState::Resolved(resolved),
        Err(refused) => panic!("{}", refused.1),
    }
}

/// An audit entry that says nothing much.
pub(super) fn stopped(at: Timestamp) -> AuditEntry {
    AuditEntry {
        at,
        event: r#"{"event":"node_stopped"}"#.to_owned(),
    }
}
