//! Files that are no sound database of ours: refused with one clear message, and left as they are.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use proptest::prelude::*;
use tempfile::TempDir;

use crate::store::tests::fixtures::{at, node, stopped};
use crate::store::{Store, StoreError, StoreUrl, Survives};

struct File {
    folder: TempDir,
}

impl File {
    fn holding(bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = Self { folder };
        fs::write(file.path(), bytes).unwrap();
        file
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("countersign.db")
    }

    /// Opens it in both ways and gives the refusal, after making sure that nothing was touched.
    async fn refusal(&self) -> StoreError {
        let before = fs::read(self.path()).unwrap();
        let url = StoreUrl::Sqlite(self.path());
        Store::open_existing(&url).await.unwrap_err();
        let refusal = Store::open(&url).await.unwrap_err();
        assert!(
            fs::read(self.path()).unwrap() == before,
            "the file was changed"
        );
        let beside = fs::read_dir(self.folder.path()).unwrap().count();
        assert_eq!(beside, 1, "something was left beside the file");
        refusal
    }
}

/// The bytes of a database of ours with some hundred records.
async fn database() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("countersign.db");
    let store = Store::open(&StoreUrl::Sqlite(path.clone())).await.unwrap();
    let entries = vec![stopped(at(1)); 300];
    store
        .append_audit(&node("n1"), &entries, Survives::Machine)
        .await
        .unwrap();
    store.close().await;
    fs::read(path).unwrap()
}

async fn foreign_database() -> Vec<u8> {
    let mut bytes = database().await;
    bytes[68..72].copy_from_slice(&[0; 4]);
    bytes
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_unchanged() {
    for bytes in [&b"not a database"[..], &[0; 4096], &[0xff; 8192]] {
        let refusal = File::holding(bytes).refusal().await;
        assert!(matches!(refusal, StoreError::Damaged(_)), "{refusal}");
        assert!(refusal.to_string().contains("countersign.db"), "{refusal}");
    }
}

#[tokio::test]
async fn a_database_of_another_program_is_refused_unchanged() {
    let refusal = File::holding(&foreign_database().await).refusal().await;
    assert!(matches!(refusal, StoreError::Foreign(_)), "{refusal}");
}

#[tokio::test]
async fn a_damaged_database_is_refused_unchanged() {
    let whole = database().await;
    assert!(whole.len() > 16 * 4096, "{}", whole.len());
    let mut overwritten = whole.clone();
    overwritten[4 * 4096..]
        .iter_mut()
        .step_by(7)
        .for_each(|byte| *byte ^= 0x5a);
    let mut headless = whole.clone();
    headless[100..4096].fill(0xaa);
    for bytes in [&overwritten[..], &headless[..], &whole[..3 * 4096 + 17]] {
        let refusal = File::holding(bytes).refusal().await;
        assert!(matches!(refusal, StoreError::Damaged(_)), "{refusal}");
        assert!(!refusal.to_string().contains('\n'), "{refusal}");
    }
}

#[tokio::test]
async fn a_database_of_a_newer_program_is_refused() {
    let file = File::holding(&database().await);
    let url = StoreUrl::Sqlite(file.path());
    let store = Store::open(&url).await.unwrap();
    sqlx::query("INSERT INTO countersign_schema (version) VALUES (99)")
        .execute(&store.writes)
        .await
        .unwrap();
    store.close().await;
    let refusal = file.refusal().await;
    assert!(
        matches!(refusal, StoreError::Newer { found: 99, .. }),
        "{refusal}"
    );
}

#[tokio::test]
async fn a_database_of_an_older_program_is_brought_to_this_version_by_a_node_alone() {
    let file = File::holding(&database().await);
    let url = StoreUrl::Sqlite(file.path());
    let store = Store::open(&url).await.unwrap();
    for undo in [
        "DROP TABLE nodes",
        "DELETE FROM countersign_schema WHERE version = 3",
    ] {
        sqlx::query(undo).execute(&store.writes).await.unwrap();
    }
    store.close().await;
    let looked = Store::open_existing(&url).await;
    assert!(
        matches!(looked, Err(StoreError::Older { found: 2, .. })),
        "{looked:?}"
    );
    let store = Store::open(&url).await.unwrap();
    store.beat(&node("n1")).await.unwrap();
    store.close().await;
    Store::open_existing(&url).await.unwrap().close().await;
}

#[tokio::test]
async fn a_new_database_is_for_its_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sp ace%20.db");
    let store = Store::open(&StoreUrl::Sqlite(path.clone())).await.unwrap();
    store
        .append_audit(&node("n1"), &[stopped(at(1))], Survives::Machine)
        .await
        .unwrap();
    let mut files = 0;
    for file in fs::read_dir(folder.path()).unwrap() {
        let mode = file.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        files += 1;
    }
    assert!(path.exists());
    assert_eq!(files, 3, "the file, its log and its index");
}

#[tokio::test]
async fn who_only_looks_makes_no_database() {
    let folder = tempfile::tempdir().unwrap();
    let url = StoreUrl::Sqlite(folder.path().join("countersign.db"));
    let missing = Store::open_existing(&url).await;
    assert!(
        matches!(missing, Err(StoreError::Missing(_))),
        "{missing:?}"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);

    let nowhere = StoreUrl::Sqlite(folder.path().join("no/such/folder.db"));
    let refused = Store::open(&nowhere).await;
    assert!(
        matches!(refused, Err(StoreError::File { .. })),
        "{refused:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_bytes_after_a_good_header_are_taken_or_refused(noise in prop::collection::vec(any::<u8>(), 0..9000)) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let mut bytes = vec![0; 100];
            bytes[..16].copy_from_slice(b"SQLite format 3\0");
            bytes[68..72].copy_from_slice(&0x4353_474e_u32.to_be_bytes());
            bytes.extend(noise);
            let refusal = File::holding(&bytes).refusal().await;
            assert!(!refusal.to_string().is_empty());
        });
    }
}
