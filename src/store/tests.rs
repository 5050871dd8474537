//! The store's story, told once and run on both databases; and what a bad database is met with.

mod damage;
mod fixtures;
pub(crate) mod postgres_server;
mod story;

use std::sync::Arc;

use crate::domain::answer::Answer;
use crate::domain::id::HoldId;
use crate::store::tests::fixtures::{answered, at, hold, node, stopped};
use crate::store::tests::postgres_server::PostgresServer;
use crate::store::tests::story::story;
use crate::store::{
    CONNECTIONS, HoldState, QUERY_TIMEOUT, Store, StoreError, StoreUrl, Survives, Woken,
};

fn sqlite(folder: &tempfile::TempDir) -> StoreUrl {
    StoreUrl::Sqlite(folder.path().join("countersign.db"))
}

/// Everything that is told on one database, and once more after it was opened again.
async fn on(url: &StoreUrl) {
    let store = Store::open(url).await.unwrap();
    story(&store).await;
    of_two_answers_at_once_one_ends_the_hold(&store).await;
    appends_at_once_make_one_chain(&store).await;
    store.close().await;

    let store = Store::open_existing(url).await.unwrap();
    story::what_was_told_is_still_known(&store).await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_story_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    on(&sqlite(&folder)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_story_on_postgres() {
    let server = PostgresServer::start();
    let url: StoreUrl = server.database("bastion").parse().unwrap();
    on(&url).await;

    a_change_on_one_node_wakes_another(&server, &url).await;
    a_connection_outlives_the_runtime_that_needed_it_first(&url).await;
    server.sql(
        "bastion",
        "INSERT INTO countersign_schema (version) VALUES (99)",
    );
    assert!(matches!(
        Store::open(&url).await,
        Err(StoreError::Newer { found: 99, .. })
    ));

    let empty: StoreUrl = server.database("empty").parse().unwrap();
    let missing = Store::open_existing(&empty).await;
    assert!(
        matches!(missing, Err(StoreError::Missing(_))),
        "{missing:?}"
    );

    let other = server.database("other").parse().unwrap();
    server.sql("other", "CREATE TABLE orders (id BIGINT)");
    assert!(matches!(
        Store::open(&other).await,
        Err(StoreError::Foreign(_))
    ));

    // Several nodes that start at once make the tables once.
    let shared: StoreUrl = server.database("shared").parse().unwrap();
    let opened = futures::future::join_all((0..4).map(|_| Store::open(&shared))).await;
    assert!(opened.iter().all(Result::is_ok), "{opened:?}");

    drop(server);
    let gone = Store::open(&url).await;
    assert!(matches!(gone, Err(StoreError::Unreachable(_))), "{gone:?}");
}

async fn a_connection_outlives_the_runtime_that_needed_it_first(url: &StoreUrl) {
    let store = Store::open(url).await.unwrap();
    let lane = {
        let store = store.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(asked_at_once(&store));
        })
    };
    tokio::task::spawn_blocking(|| lane.join().unwrap())
        .await
        .unwrap();
    asked_at_once(&store).await;
    let closing = store.close();
    tokio::time::timeout(QUERY_TIMEOUT, closing).await.unwrap();
}

/// Needs every connection of the store.
async fn asked_at_once(store: &Store) {
    let asked = (0..CONNECTIONS).map(|_| store.waiting());
    for answer in futures::future::join_all(asked).await {
        answer.unwrap();
    }
}

async fn a_change_on_one_node_wakes_another(server: &PostgresServer, url: &StoreUrl) {
    let (one, other) = (
        Store::open(url).await.unwrap(),
        Store::open(url).await.unwrap(),
    );
    let mut changes = other.changes().await.unwrap();
    one.hold_opened(&node("n1"), &hold(200, 1)).await.unwrap();
    assert_eq!(changes.next().await, Woken::Changed);
    assert_eq!(changes.next().await, Woken::Polled);

    // A lost connection is made again; until then the waiting one looks by itself.
    server.sql(
        "bastion",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'",
    );
    let mut woken = changes.next().await;
    for id in 201..210 {
        one.hold_opened(&node("n1"), &hold(id, 1)).await.unwrap();
        woken = changes.next().await;
        if woken == Woken::Changed {
            break;
        }
    }
    assert_eq!(woken, Woken::Changed);
    one.withdraw_orphans(&node("n1"), at(999)).await.unwrap();
}

#[tokio::test]
async fn a_change_wakes_whoever_waits_in_the_same_process() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&sqlite(&folder)).await.unwrap();
    let mut changes = store.changes().await.unwrap();
    store.hold_opened(&node("n1"), &hold(1, 1)).await.unwrap();
    assert_eq!(changes.next().await, Woken::Changed);
    store.withdraw_orphans(&node("n1"), at(9)).await.unwrap();
    assert_eq!(changes.next().await, Woken::Changed);
}

async fn of_two_answers_at_once_one_ends_the_hold(store: &Store) {
    for round in 100..120 {
        let open = hold(round, 1);
        let id = open.request().hold.clone();
        store.hold_opened(&node("n1"), &open).await.unwrap();
        let barrier = Arc::new(tokio::sync::Barrier::new(2));
        let answer = async |answer: Answer, who: &'static str| {
            let seen = store.hold(&id).await.unwrap().unwrap();
            let next = answered(seen.state.hold().clone(), answer, who);
            barrier.wait().await;
            store.transition(&id, seen.version, &next).await
        };
        let (approve, refuse) = tokio::join!(
            answer(Answer::Approve, "carol"),
            answer(Answer::Refuse, "dave")
        );
        let ended = store.hold(&id).await.unwrap().unwrap().state;
        let HoldState::Resolved(resolved) = ended else {
            panic!("the hold still waits")
        };
        match (approve, refuse) {
            (Ok(_), Err(StoreError::Conflict(_))) => {
                assert_eq!(resolved.resolution().word(), "approved");
            }
            (Err(StoreError::Conflict(_)), Ok(_)) => {
                assert_eq!(resolved.resolution().word(), "refused");
            }
            other => panic!("both or none ended it: {other:?}"),
        }
    }
}

async fn appends_at_once_make_one_chain(store: &Store) {
    let busy = node("busy");
    let append = |n: i64| {
        let (store, busy) = (store.clone(), busy.clone());
        tokio::spawn(async move {
            store
                .append_audit(&busy, &[stopped(at(n))], Survives::Machine)
                .await
                .unwrap()
        })
    };
    // Fewer than the attempts of one append, each of which may lose to all the others.
    futures::future::join_all((0..4).map(append)).await;
    let records = store.audit_records(&busy, 0, 10).await.unwrap();
    let mut verifier = crate::domain::audit::ChainVerifier::default();
    for record in &records {
        verifier.check(record).unwrap();
    }
    assert_eq!(records.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn serial_numbers_are_given_once() {
    let folder = tempfile::tempdir().unwrap();
    let stores = [
        Store::open(&sqlite(&folder)).await.unwrap(),
        Store::open(&sqlite(&folder)).await.unwrap(),
    ];
    let drawn = futures::future::join_all((0..40).map(|n| stores[n % 2].next_serial())).await;
    let mut serials: Vec<u64> = drawn.into_iter().map(Result::unwrap).collect();
    serials.sort_unstable();
    assert_eq!(serials, (1..=40).collect::<Vec<u64>>());
}

#[tokio::test]
async fn a_hold_can_not_be_changed_into_one_for_another_command() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&sqlite(&folder)).await.unwrap();
    let first = hold(1, 1);
    store.hold_opened(&node("n1"), &first).await.unwrap();
    let seen = store.hold(&HoldId::new(1)).await.unwrap().unwrap();
    let swapped = HoldState::Waiting(Box::new(fixtures::hold_of(1, 1, b"rm -rf /")));
    assert!(matches!(
        store
            .transition(&HoldId::new(1), seen.version, &swapped)
            .await,
        Err(StoreError::Conflict(_))
    ));
    assert_eq!(store.hold(&HoldId::new(1)).await.unwrap(), Some(seen));
}
