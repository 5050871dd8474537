//! Holds that end, what they clear, and what runs again.

use std::num::NonZeroU8;

use super::*;
use crate::domain::command::{Reading, Scope};
use crate::domain::id::SessionId;
use crate::domain::principal::{KeyFingerprint, PrincipalKind, Subject};
use crate::domain::target::{Destination, TargetInfo};

fn command(layer: Layer, bytes: &[u8]) -> Command {
    let destination = Destination {
        login: "deploy".parse().unwrap(),
        target: "db1".parse().unwrap(),
    };
    Command {
        scope: Scope {
            destination,
            session: SessionId::new(Timestamp::UNIX_EPOCH, [1; 10]),
            ordinal: 0,
        },
        layer,
        bytes: bytes.to_vec(),
        script: None,
    }
}

const HOUR: Duration = Duration::from_secs(3600);

fn resolved(layer: Layer, approvals: &[Option<u64>]) -> Resolved {
    let approval = |minutes: &Option<u64>| Approval {
        approver: principal("carol"),
        reason: String::new(),
        again_for: minutes.map(|minutes| Duration::from_secs(60 * minutes)),
        at: Timestamp::UNIX_EPOCH,
        source: None,
        signed: None,
    };
    let requirements = Requirements {
        approvals: NonZeroU8::MIN,
        expires_in: Duration::from_secs(600),
        reason: ReasonRule::Optional,
        again_for: None,
        signed: SignatureRule::Optional,
        policies: [].into(),
        sentence: None,
    };
    let request = ApprovalRequest {
        hold: HoldId::new(1),
        requester: principal("alice"),
        key: KeyFingerprint::new("SHA256:".to_owned()),
        source: [192, 0, 2, 7].into(),
        reason: None,
        target: TargetInfo {
            name: "db1".parse().unwrap(),
            aliases: [].into(),
            logins: [].into(),
            labels: [].into(),
            layers: [].into(),
        },
        action: Action::Exec,
        command: command(layer, b"make check"),
        reading: Reading::default(),
        screen: Vec::new(),
    };
    let by = approvals.iter().map(approval).collect();
    let hold = Hold::open(request, requirements, Timestamp::UNIX_EPOCH);
    hold.end(Resolution::Approved { by }, Timestamp::UNIX_EPOCH)
}

fn principal(name: &str) -> Principal {
    Principal {
        subject: Subject {
            issuer: "https://id.example.com".to_owned(),
            subject: name.to_owned(),
        },
        name: name.parse().unwrap(),
        kind: PrincipalKind::Person,
        groups: [].into(),
        acr: None,
        amr: [].into(),
        authenticated_at: Timestamp::UNIX_EPOCH,
    }
}

#[test]
fn an_approval_counts_where_exactly_it_was_signed_and_a_refusal_needs_no_signature() {
    let (hold, carol) = (resolved(Layer::Line, &[]).hold, principal("carol"));
    let hold = Hold {
        requirements: Requirements {
            signed: SignatureRule::Required,
            ..hold.requirements.clone()
        },
        ..hold
    };
    let reply = |answer, signed| Reply {
        signed,
        ..Reply::once(answer, "ok")
    };
    let signed = |by: &Principal, answer| {
        let statement = hold.statement(by, &reply(answer, None), Timestamp::UNIX_EPOCH);
        Some(Box::new(SignedAnswer::vouched(statement, String::new())))
    };
    let takes = |answer, signed| hold.accepts_signature(&carol, &reply(answer, signed));
    let (approve, refuse) = (Answer::Approve, Answer::Refuse);
    assert_eq!(takes(approve, None), Err(AnswerError::SignatureMissing));
    assert_eq!(takes(refuse, None), Ok(()));
    assert_eq!(takes(approve, signed(&carol, approve)), Ok(()));
    let others = signed(&principal("dave"), approve);
    for wrong in [signed(&carol, refuse), others] {
        assert_eq!(takes(approve, wrong), Err(AnswerError::SignatureWrong));
    }
    // A signature that is not of the answer counts for nothing even where none is needed.
    let wrong = takes(refuse, signed(&carol, approve));
    assert_eq!(wrong, Err(AnswerError::SignatureWrong));
}

#[test]
fn a_command_runs_again_for_the_shortest_time_that_every_approver_gave() {
    let again = |approvals: &[Option<u64>], second| {
        let now = Timestamp::from_second(second).unwrap();
        let mut next = command(Layer::Line, b"make check");
        next.scope.ordinal = 7;
        resolved(Layer::Line, approvals)
            .clear_again(next, HOUR, now)
            .is_ok()
    };
    assert!(again(&[Some(5), Some(2)], 119));
    assert!(!again(&[Some(5), Some(2)], 120));
    assert!(!again(&[Some(5), None], 0));
    assert!(!again(&[], 0));
    // A policy that has become stricter meanwhile counts.
    let minute = Duration::from_secs(60);
    let now = Timestamp::from_second(60).unwrap();
    let approved = resolved(Layer::Line, &[Some(5)]);
    let line = || command(Layer::Line, b"make check");
    assert!(approved.clear_again(line(), minute, now).is_err());
    assert!(approved.clear_again(line(), 2 * minute, now).is_ok());
}

#[test]
fn nothing_but_the_same_command_of_the_same_session_runs_again() {
    let approved = resolved(Layer::Line, &[Some(5)]);
    let runs = |next| {
        approved
            .clear_again(next, HOUR, Timestamp::UNIX_EPOCH)
            .is_ok()
    };
    let same = || command(Layer::Line, b"make check");
    assert!(runs(same()));
    assert!(!runs(command(Layer::Line, b"make check ")));
    assert!(!runs(command(Layer::Exec, b"make check")));
    let mut elsewhere = same();
    elsewhere.scope.session = SessionId::new(Timestamp::UNIX_EPOCH, [2; 10]);
    assert!(!runs(elsewhere));
    let mut elsewhere = same();
    elsewhere.scope.destination.login = "root".parse().unwrap();
    assert!(!runs(elsewhere));
    for layer in [Layer::Exec, Layer::Sudo, Layer::Shell, Layer::Forward] {
        let approved = resolved(layer, &[Some(5)]);
        let next = command(layer, b"make check");
        assert!(
            approved
                .clear_again(next, HOUR, Timestamp::UNIX_EPOCH)
                .is_err()
        );
    }
}

#[test]
fn opening_sftp_clears_the_opening_of_sftp_and_nothing_else() {
    let opens = |layer, bytes| Clearance::of_sftp(command(layer, bytes)).is_ok();
    assert!(opens(Layer::Subsystem, b"sftp"));
    assert!(opens(Layer::Exec, b"/usr/lib/openssh/sftp-server"));
    assert!(!opens(Layer::Subsystem, b"netconf"));
    for layer in [
        Layer::Line,
        Layer::Shell,
        Layer::Forward,
        Layer::Transfer,
        Layer::Sudo,
    ] {
        assert!(!opens(layer, b"sftp"), "{layer}");
    }
    for other in [
        &b"sftp"[..],
        b"/usr/lib/openssh/sftp-server; id",
        b"/usr/lib/openssh/sftp-server ",
        b"/tmp/sftp-server",
        b"",
    ] {
        assert!(!opens(Layer::Exec, other));
    }
}
