//! One day of a bastion as its store sees it.

use crate::domain::answer::Answer;
use crate::domain::audit::{ChainVerifier, RecordHash};
use crate::domain::id::HoldId;
use crate::domain::recording::{EndOrder, SessionEnd};
use crate::store::tests::fixtures::{
    answered, at, hold, key, login, node, person, session, session_id, stopped,
};
use crate::store::{AuditRange, HoldState, SessionFilter, Store, StoreError, Survives, Which};

pub(super) async fn story(store: &Store) {
    people_sign_in_and_their_logins_end(store).await;
    certificates_are_mapped_back_and_revoked(store).await;
    sessions_start_and_end_once(store).await;
    holds_wait_and_end_once(store).await;
    a_restarted_node_takes_its_holds_back(store).await;
    events_are_chained_by_node(store).await;
    nodes_count_their_beats(store).await;
}

/// To be called after the database was opened again.
pub(super) async fn what_was_told_is_still_known(store: &Store) {
    assert!(
        store
            .login_for_key(&key("desktop"), at(1))
            .await
            .unwrap()
            .is_some()
    );
    assert!(store.next_serial().await.unwrap() > 3);
    assert!(store.is_revoked(2).await.unwrap());
    assert!(store.hold(&HoldId::new(7)).await.unwrap().is_some());
    let nodes = store.audit_nodes().await.unwrap();
    assert_eq!(nodes, [node("busy"), node("n1"), node("n2")]);
}

async fn people_sign_in_and_their_logins_end(store: &Store) {
    let laptop = login("alice", "laptop", 100);
    store.bind_login(&laptop).await.unwrap();
    store
        .bind_login(&login("alice", "phone", 200))
        .await
        .unwrap();
    store
        .bind_login(&login("bob", "desktop", 300))
        .await
        .unwrap();

    let found = async |device, now| store.login_for_key(&key(device), at(now)).await.unwrap();
    assert_eq!(found("laptop", 99).await, Some(laptop));
    assert_eq!(found("laptop", 100).await, None, "its end is not included");
    assert_eq!(found("unknown", 1).await, None);

    // A key that somebody else signs in with later is theirs.
    store.bind_login(&login("bob", "phone", 250)).await.unwrap();
    let theirs = found("phone", 1).await.unwrap();
    assert_eq!(theirs.principal, person("bob"));

    let names = |logins: Vec<crate::store::Login>| -> Vec<String> {
        logins.iter().map(|login| login.key.to_string()).collect()
    };
    let all = names(store.logins(at(1), 10).await.unwrap());
    assert_eq!(all, ["SHA256:desktop", "SHA256:laptop", "SHA256:phone"]);
    assert_eq!(store.logins(at(1), 2).await.unwrap().len(), 2);
    assert_eq!(store.logins(at(220), 10).await.unwrap().len(), 2);

    let alice = person("alice").subject;
    assert_eq!(store.end_logins(&alice, at(50)).await.unwrap(), 1);
    assert_eq!(store.end_logins(&alice, at(51)).await.unwrap(), 0);
    assert_eq!(found("laptop", 60).await, None);
    assert!(found("phone", 60).await.is_some(), "that is bob's");
}

async fn certificates_are_mapped_back_and_revoked(store: &Store) {
    let (alice, bob) = (person("alice"), person("bob"));
    for (serial, who, until) in [(1, &alice, 100), (2, &alice, 900), (3, &bob, 900)] {
        assert_eq!(store.next_serial().await.unwrap(), serial);
        let key = key(&format!("of {serial}"));
        store
            .record_certificate(serial, "a key id", who, &key, at(until))
            .await
            .unwrap();
    }
    let again = store
        .record_certificate(3, "x", &alice, &key("x"), at(9))
        .await;
    assert!(matches!(again, Err(StoreError::Refused(_))), "{again:?}");

    let known = store.certificate_principal(3).await.unwrap();
    assert_eq!(known, Some((bob, key("of 3"))));
    assert_eq!(store.certificate_principal(4).await.unwrap(), None);
    assert_eq!(store.certificate_principal(u64::MAX).await.unwrap(), None);

    let revoke = async |now| {
        store
            .revoke_certificates(&alice.subject, "left \0 the company", at(now))
            .await
            .unwrap()
    };
    assert_eq!(revoke(200).await, 1, "one of the two has expired");
    assert_eq!(revoke(201).await, 0);
    store.revoke_serial(77, "lost", at(1)).await.unwrap();
    store.revoke_serial(77, "lost again", at(2)).await.unwrap();
    for (serial, revoked) in [(1, false), (2, true), (3, false), (77, true), (78, false)] {
        assert_eq!(store.is_revoked(serial).await.unwrap(), revoked, "{serial}");
    }
}

async fn sessions_start_and_end_once(store: &Store) {
    let (n1, n2) = (node("n1"), node("n2"));
    store
        .session_started(&n1, &session(1, "alice"))
        .await
        .unwrap();
    store
        .session_started(&n1, &session(2, "bob"))
        .await
        .unwrap();
    store
        .session_started(&n2, &session(3, "alice"))
        .await
        .unwrap();

    let order = EndOrder {
        by: person("carol"),
        reason: "wrong window".to_owned(),
        at: at(4),
    };
    store.order_end(&session_id(1), &order).await.unwrap();
    let later = EndOrder {
        reason: "again".to_owned(),
        ..order.clone()
    };
    store.order_end(&session_id(1), &later).await.unwrap();
    assert_eq!(
        store.ordered_ends(&n1).await.unwrap(),
        [(session_id(1), order.clone())],
        "the first order stays"
    );
    assert_eq!(store.ordered_ends(&n2).await.unwrap(), []);

    let end = SessionEnd {
        at: at(5),
        how: "exit \0 0".to_owned(),
    };
    store.session_ended(&session_id(1), &end).await.unwrap();
    let twice = store.session_ended(&session_id(1), &end).await;
    assert!(matches!(twice, Err(StoreError::NotRunning(id)) if id == session_id(1)));
    assert_eq!(store.ordered_ends(&n1).await.unwrap(), [], "it was obeyed");
    let late = store.order_end(&session_id(1), &order).await;
    assert!(matches!(late, Err(StoreError::NotRunning(_))), "{late:?}");
    let ended = store.session(&session_id(1)).await.unwrap().unwrap();
    assert_eq!(ended.ended, Some(end));
    let runs = store.session(&session_id(2)).await.unwrap();
    assert_eq!(runs, Some(session(2, "bob")));
    assert_eq!(store.session(&session_id(9)).await.unwrap(), None);

    let list = async |which, person, limit| -> Vec<_> {
        let filter = SessionFilter {
            which,
            person,
            limit,
        };
        let sessions = store.sessions(&filter).await.unwrap();
        sessions.iter().map(|session| session.id).collect()
    };
    let alice = Some(person("alice").subject);
    let [one, two, three] = [1, 2, 3].map(session_id);
    assert_eq!(list(Which::All, None, 10).await, [three, two, one]);
    assert_eq!(list(Which::All, None, 1).await, [three]);
    assert_eq!(list(Which::All, alice.clone(), 10).await, [three, one]);
    assert_eq!(list(Which::Running, None, 10).await, [three, two]);
    assert_eq!(list(Which::Running, alice, 10).await, [three]);

    let orphans = store.close_orphans(&n1, at(60)).await.unwrap();
    assert_eq!(orphans.len(), 1);
    assert_eq!(orphans[0].id, two);
    assert!(
        orphans[0]
            .ended
            .as_ref()
            .unwrap()
            .how
            .starts_with("interrupted")
    );
    assert!(store.close_orphans(&n1, at(61)).await.unwrap().is_empty());
    assert_eq!(
        list(Which::Running, None, 10).await,
        [three],
        "of another node"
    );
    let running = store.running_sessions().await.unwrap();
    assert_eq!(running, [(n2, session(3, "alice"))]);
}

async fn nodes_count_their_beats(store: &Store) {
    assert!(store.beats().await.unwrap().is_empty());
    for name in ["n1", "n2", "n1"] {
        store.beat(&node(name)).await.unwrap();
    }
    let mut beats = store.beats().await.unwrap();
    beats.sort();
    assert_eq!(beats, [(node("n1"), 2), (node("n2"), 1)]);
}

async fn holds_wait_and_end_once(store: &Store) {
    let (n1, id) = (node("n1"), HoldId::new(7));
    let open = hold(7, 2);
    store.hold_opened(&n1, &open).await.unwrap();
    let taken = store.hold_opened(&n1, &hold(7, 1)).await;
    assert!(matches!(taken, Err(StoreError::Taken(taken)) if taken == id));
    assert_eq!(store.hold(&HoldId::new(8)).await.unwrap(), None);

    let first = store.hold(&id).await.unwrap().unwrap();
    assert_eq!(first.state, HoldState::Waiting(Box::new(open.clone())));
    assert_eq!(first.node, n1);
    assert_eq!(
        store.waiting().await.unwrap().as_slice(),
        std::slice::from_ref(&open)
    );

    // The first approval leaves it waiting; whoever saw it before that must look again.
    let waits = answered(open.clone(), Answer::Approve, "carol");
    let second = store.transition(&id, first.version, &waits).await.unwrap();
    let late = answered(open, Answer::Refuse, "dave");
    let stale = store.transition(&id, first.version, &late).await;
    assert!(matches!(stale, Err(StoreError::Conflict(_))), "{stale:?}");
    let seen = store.hold(&id).await.unwrap().unwrap();
    assert_eq!((&seen.state, seen.version), (&waits, second));

    let ends = answered(waits.hold().clone(), Answer::Approve, "dave");
    let third = store.transition(&id, second, &ends).await.unwrap();
    assert_eq!(store.hold(&id).await.unwrap().unwrap().state, ends);
    let reopened = store.transition(&id, third, &waits).await;
    assert!(matches!(reopened, Err(StoreError::Conflict(_))));
    assert!(store.waiting().await.unwrap().is_empty());
    let HoldState::Resolved(resolved) = ends else {
        panic!("two approvals end it")
    };
    assert_eq!(store.resolved(5).await.unwrap(), [*resolved]);
}

async fn a_restarted_node_takes_its_holds_back(store: &Store) {
    let (n1, n2) = (node("n1"), node("n2"));
    store.hold_opened(&n1, &hold(11, 1)).await.unwrap();
    store.hold_opened(&n2, &hold(12, 1)).await.unwrap();
    store.hold_opened(&n2, &hold(10, 1)).await.unwrap();
    assert_eq!(
        store.waiting().await.unwrap(),
        [hold(10, 1), hold(11, 1), hold(12, 1)]
    );

    let withdrawn = store.withdraw_orphans(&n1, at(90)).await.unwrap();
    assert_eq!(withdrawn.len(), 1);
    assert_eq!(withdrawn[0].hold(), &hold(11, 1));
    assert_eq!(withdrawn[0].resolution().word(), "withdrawn");
    assert!(
        store
            .withdraw_orphans(&n1, at(91))
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(store.waiting().await.unwrap(), [hold(10, 1), hold(12, 1)]);
    let ended = store.resolved(10).await.unwrap();
    assert_eq!(ended[0], withdrawn[0], "the last ended comes first");
    assert_eq!(store.resolved(1).await.unwrap().len(), 1);
    assert_eq!(store.withdraw_orphans(&n2, at(92)).await.unwrap().len(), 2);
}

async fn events_are_chained_by_node(store: &Store) {
    let (n1, n2) = (node("n1"), node("n2"));
    assert!(store.audit_nodes().await.unwrap().is_empty());
    let two = [stopped(at(1)), stopped(at(2))];
    let written = store
        .append_audit(&n1, &two, Survives::Bastion)
        .await
        .unwrap();
    let other = store
        .append_audit(&n2, &[stopped(at(3))], Survives::Machine)
        .await
        .unwrap();
    let third = store
        .append_audit(&n1, &[stopped(at(4))], Survives::Machine)
        .await
        .unwrap();
    assert_eq!(written[0].previous, RecordHash::genesis());
    assert_eq!(other[0].previous, RecordHash::genesis());
    assert_eq!(third[0].previous, written[1].hash);

    let read = store.audit_records(&n1, 0, 10).await.unwrap();
    assert_eq!(
        read,
        [written, third].concat(),
        "what was answered is what is kept"
    );
    let mut verifier = ChainVerifier::default();
    read.iter()
        .for_each(|record| verifier.check(record).unwrap());
    let seqs = async |after, limit| -> Vec<u64> {
        let page = store.audit_records(&n1, after, limit).await.unwrap();
        page.iter().map(|record| record.seq).collect()
    };
    assert_eq!(seqs(1, 1).await, [2]);
    assert_eq!(seqs(3, 1).await, [0; 0]);

    let range = async |since, until| store.audit_range(&n1, at(since), at(until)).await.unwrap();
    assert_eq!(range(2, 5).await, Some(AuditRange { first: 2, last: 3 }));
    assert_eq!(range(0, 2).await, Some(AuditRange { first: 1, last: 1 }));
    assert_eq!(range(3, 4).await, None, "nothing happened then");
    assert_eq!(range(5, 9).await, None);
}
