//! The audit on both databases, and what somebody with the database's password or an export can do to it.

use std::io::Cursor;

use jiff::Timestamp;
use proptest::prelude::*;
use sqlx::{AnyConnection, Connection};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::audit::{
    Audit, AuditError, EVENT_BYTES, Period, Report, Survives, export, verify, verify_export,
};
use crate::domain::audit::{AuditEvent, AuditRecord, ChainError, RecordHash};
use crate::domain::name::NodeName;
use crate::store::tests::postgres_server::PostgresServer;
use crate::store::{AuditEntry, Store, StoreError, StoreUrl};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn node(name: &str) -> NodeName {
    name.parse().unwrap()
}

fn event(n: usize) -> AuditEvent {
    AuditEvent::PolicyChanged {
        policy: format!("{n} \u{0}\n\"\u{fc},\"event\":"),
    }
}

/// A node's audit on a database file of its own.
struct Bastion {
    folder: TempDir,
    store: Store,
    audit: Audit,
    writer: JoinHandle<()>,
}

impl Bastion {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = StoreUrl::Sqlite(folder.path().join("countersign.db"));
        let store = Store::open(&url).await.unwrap();
        let (audit, writer) = Audit::open(store.clone(), node("n1"));
        Self {
            folder,
            store,
            audit,
            writer: tokio::spawn(writer.run()),
        }
    }

    /// Appends `count` events, one a second.
    async fn lives(&self, count: usize) {
        let entries: Vec<AuditEntry> = (0..count)
            .map(|n| AuditEntry {
                at: at(i64::try_from(n).unwrap()),
                event: serde_json::to_string(&event(n)).unwrap(),
            })
            .collect();
        let node = node("n1");
        self.store
            .append_audit(&node, &entries, Survives::Machine)
            .await
            .unwrap();
    }

    /// Changes the database behind our back.
    async fn tampered(&self, sql: &'static str) {
        let file = self.folder.path().join("countersign.db");
        let url = format!("sqlite://{}", file.display());
        let mut connection = AnyConnection::connect(&url).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    async fn exported(&self, period: Period) -> String {
        let mut output = Vec::new();
        let count = export(&self.store, period, &mut output).await.unwrap();
        let text = String::from_utf8(output).unwrap();
        assert_eq!(text.lines().count() as u64, count);
        text
    }
}

fn verified(export: &str) -> Result<Report, AuditError> {
    verify_export(Cursor::new(export))
}

async fn two_hundred_at_once_make_one_chain(store: &Store) {
    let (audit, writer) = Audit::open(store.clone(), node("n1"));
    let writer = tokio::spawn(writer.run());
    let appended = (0..200).map(|n| {
        let audit = audit.clone();
        tokio::spawn(async move { audit.append(event(n), at(0)).await.unwrap() })
    });
    let mut records: Vec<AuditRecord> = futures::future::join_all(appended)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    records.sort_unstable_by_key(|record| record.seq);
    let last = records.last().unwrap();

    let report = verify(store).await.unwrap();
    assert_eq!(report.records, 200);
    assert_eq!(
        (report.heads[0].seq, &report.heads[0].hash),
        (200, &last.hash)
    );
    assert_eq!(
        store.audit_records(&node("n1"), 0, 1000).await.unwrap(),
        records
    );
    drop(audit);
    writer.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_appends_at_once_make_one_unbroken_chain_on_sqlite() {
    let bastion = Bastion::start().await;
    two_hundred_at_once_make_one_chain(&bastion.store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_appends_at_once_make_one_unbroken_chain_on_postgres() {
    let server = PostgresServer::start();
    let url = server.database("bastion").parse().unwrap();
    let store = Store::open(&url).await.unwrap();
    two_hundred_at_once_make_one_chain(&store).await;

    // A database that goes away is an error for whoever appends.
    let (audit, writer) = Audit::open(store, node("n2"));
    let writer = tokio::spawn(writer.run());
    audit.append(event(1), at(1)).await.unwrap();
    drop(server);
    let lost = audit.append(event(2), at(2)).await;
    assert!(matches!(lost, Err(AuditError::Store(_))), "{lost:?}");
    drop(audit);
    writer.await.unwrap();
}

#[tokio::test]
async fn an_event_that_cannot_be_written_is_an_error_for_whoever_waits() {
    let bastion = Bastion::start().await;
    let long = AuditEvent::PolicyChanged {
        policy: "x".repeat(EVENT_BYTES),
    };
    let refused = bastion.audit.append(long, at(1)).await;
    assert!(matches!(refused, Err(AuditError::Event(_))), "{refused:?}");

    bastion.tampered("DROP TABLE audit").await;
    let lost = bastion.audit.append(event(1), at(1)).await;
    assert!(
        matches!(&lost, Err(AuditError::Store(error)) if matches!(**error, StoreError::Refused(_))),
        "{lost:?}"
    );

    bastion.writer.abort();
    assert!(bastion.writer.await.unwrap_err().is_cancelled());
    let closed = bastion.audit.append(event(1), at(1)).await;
    assert!(matches!(closed, Err(AuditError::Closed)), "{closed:?}");
}

#[tokio::test]
async fn what_was_appended_before_the_handles_went_is_written() {
    let bastion = Bastion::start().await;
    let audit = bastion.audit.clone();
    let waiter = tokio::spawn(async move { audit.append(event(1), at(1)).await });
    tokio::task::yield_now().await;
    drop(bastion.audit);
    assert_eq!(waiter.await.unwrap().unwrap().seq, 1);
    bastion.writer.await.unwrap();
    assert_eq!(verify(&bastion.store).await.unwrap().records, 1);
}

#[tokio::test]
async fn a_record_that_was_changed_removed_or_put_in_is_found() {
    let cases = [
        (
            "UPDATE audit SET event = replace(event, 'policy_', 'police_') WHERE seq = 3",
            3,
        ),
        (
            "UPDATE audit SET appended = appended + 1 WHERE seq = 250",
            250,
        ),
        ("UPDATE audit SET hash = previous WHERE seq = 2", 2),
        ("DELETE FROM audit WHERE seq = 1", 2),
        ("DELETE FROM audit WHERE seq = 200", 201),
        ("UPDATE audit SET seq = seq + 1000 WHERE seq = 260", 1260),
        (
            "INSERT INTO audit SELECT node, 261, appended, event, previous, hash FROM audit WHERE seq = 260",
            261,
        ),
    ];
    for (sql, place) in cases {
        let bastion = Bastion::start().await;
        bastion.lives(260).await;
        verify(&bastion.store).await.unwrap();
        bastion.tampered(sql).await;
        let found = verify(&bastion.store).await.unwrap_err();
        let AuditError::Broken(
            ChainError::Changed { seq, .. }
            | ChainError::Unlinked { seq, .. }
            | ChainError::Gap { found: seq, .. },
        ) = found
        else {
            panic!("{sql}: {found}")
        };
        assert_eq!(seq, place, "{sql}");
    }
}

#[tokio::test]
async fn a_chain_that_lost_its_end_verifies_but_has_another_head() {
    let bastion = Bastion::start().await;
    bastion.lives(5).await;
    let noted = verify(&bastion.store).await.unwrap().heads;
    bastion.tampered("DELETE FROM audit WHERE seq = 5").await;
    let cut = verify(&bastion.store).await.unwrap().heads;
    assert_eq!((noted[0].seq, cut[0].seq), (5, 4));
    assert_ne!(noted, cut);
}

#[tokio::test]
async fn an_export_is_verified_without_the_database() {
    let bastion = Bastion::start().await;
    bastion.lives(450).await;
    let entry = AuditEntry {
        at: at(3),
        event: r#"{"event":"node_stopped"}"#.to_owned(),
    };
    bastion
        .store
        .append_audit(&node("n2"), &[entry], Survives::Machine)
        .await
        .unwrap();

    let all = bastion.exported(Period::default()).await;
    let report = verified(&all).unwrap();
    assert_eq!(report, verify(&bastion.store).await.unwrap());
    assert_eq!(report.records, 451);
    let first: serde_json::Value = serde_json::from_str(all.lines().next().unwrap()).unwrap();
    assert_eq!(first["seq"], 1);
    assert_eq!(first["at"], at(0).to_string());
    assert_eq!(first["event"]["event"], "policy_changed");

    let period = Period {
        since: Some(at(100)),
        until: Some(at(103)),
    };
    let part = bastion.exported(period).await;
    let report = verified(&part).unwrap();
    assert_eq!(report.records, 3);
    assert_eq!((report.heads[0].first, report.heads[0].seq), (101, 103));
    assert_eq!(verified("").unwrap().records, 0);
}

#[tokio::test]
async fn an_export_that_was_changed_is_refused_with_the_line() {
    let bastion = Bastion::start().await;
    bastion.lives(4).await;
    let whole = bastion.exported(Period::default()).await;
    let lines: Vec<&str> = whole.lines().collect();
    let zeros = RecordHash::genesis();
    let broken = |text: &str| verified(text).unwrap_err().to_string();

    let changed = whole.replace("\"policy\":\"2", "\"policy\":\"9");
    assert!(
        broken(&changed).contains("record 3 was changed"),
        "{changed}"
    );
    let removed = whole.replace(&format!("{}\n", lines[1]), "");
    assert!(broken(&removed).contains("record 2 is missing"));
    let moved = [lines[1], lines[0], lines[2], ""].join("\n");
    assert!(broken(&moved).contains("record 3 is missing"));
    let unlinked = whole.replace(
        &format!(
            "\"seq\":1,\"at\":\"{}\",\"previous\":\"{}",
            at(0),
            zeros.as_str()
        ),
        &format!(
            "\"seq\":1,\"at\":\"{}\",\"previous\":\"{}",
            at(0),
            "1".repeat(64)
        ),
    );
    assert!(broken(&unlinked).contains("record 1 does not follow"));

    for (bad, line) in [
        (format!("{}\nnonsense\n", lines[0]), 2),
        (format!("{}\n\n", lines[0]), 2),
        (lines[0].to_owned(), 1),
        (whole.replace("\"node\":\"n1\"", "\"node\":\"../n1\""), 1),
        (whole.replace("{\"node\"", "{\"extra\":1,\"node\""), 1),
        (whole.replace("{\"event\":", "{,"), 1),
    ] {
        let refused = verified(&bad).unwrap_err();
        assert!(
            matches!(refused, AuditError::Line { line: found, .. } if found == line),
            "{bad}: {refused}"
        );
    }
}

#[tokio::test]
async fn a_record_that_holds_no_event_is_not_exported() {
    let bastion = Bastion::start().await;
    bastion.lives(2).await;
    bastion
        .tampered("UPDATE audit SET event = '{}' || char(10) || '{}' WHERE seq = 2")
        .await;
    let refused = export(&bastion.store, Period::default(), &mut Vec::new()).await;
    assert!(
        matches!(refused, Err(AuditError::NoEvent { seq: 2, .. })),
        "{refused:?}"
    );
}

#[test]
fn a_line_without_end_is_refused_before_it_is_read_whole() {
    let endless = std::io::BufReader::new(std::io::repeat(b'x'));
    let refused = verify_export(endless).unwrap_err();
    assert!(
        matches!(refused, AuditError::Line { line: 1, .. }),
        "{refused}"
    );
}

#[test]
fn a_line_whose_time_is_written_in_another_way_is_refused() {
    let event = r#"{"event":"node_stopped"}"#.to_owned();
    let record = AuditRecord::chained(node("n1"), 1, at(0), event, RecordHash::genesis());
    let line = super::export::line(&record).unwrap();
    assert!(verify_export(Cursor::new(line.as_bytes())).is_ok());
    let other = line.replacen("Z\"", "z\"", 1);
    assert_ne!(other, line);
    assert!(verify_export(Cursor::new(other.as_bytes())).is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_refused_or_verified(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
        if let Ok(report) = verify_export(Cursor::new(&bytes)) {
            prop_assert!(bytes.is_empty() && report.records == 0);
        }
    }

    #[test]
    fn a_line_of_ours_with_any_change_is_refused(place in 0usize..400, byte in any::<u8>()) {
        let record = AuditRecord::chained(
            node("n1"), 1, at(0), r#"{"event":"node_stopped"}"#.to_owned(), RecordHash::genesis(),
        );
        let mut line = super::export::line(&record).unwrap().into_bytes();
        let place = place % line.len();
        let before = std::mem::replace(&mut line[place], byte);
        let verified = verify_export(Cursor::new(&line));
        prop_assert_eq!(verified.is_ok(), before == byte, "{}", String::from_utf8_lossy(&line));
    }
}

#[tokio::test]
async fn what_need_not_survive_the_machine_at_once_does_so_a_moment_later() {
    let bastion = Bastion::start().await;
    let told = AuditEvent::PolicyChanged {
        policy: "a mark on the disk".to_owned(),
    };
    let appended = bastion.audit.append_to(Survives::Bastion, told, at(1));
    let record = appended.await.unwrap();
    let stored = bastion.store.audit_records(&node("n1"), 0, 10).await;
    assert_eq!(stored.unwrap(), [record]);
    // Brought to the disk, it stands in the database itself and not only in the log beside it.
    let file = bastion.folder.path().join("countersign.db");
    let on_disk = async {
        let mark = b"a mark on the disk";
        while !std::fs::read(&file)
            .unwrap()
            .windows(mark.len())
            .any(|bytes| bytes == mark)
        {
            tokio::task::yield_now().await;
        }
    };
    let patience = std::time::Duration::from_secs(20);
    tokio::time::timeout(patience, on_disk).await.unwrap();
}
