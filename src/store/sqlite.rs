//! A file as the database. It is looked at before SQLite may touch it: a file that is not ours stays as it is.

use std::io;
use std::path::Path;
use std::str::FromStr;

use sqlx::any::AnyConnectOptions;
use sqlx::{AnyConnection, ConnectOptions, Connection};
use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncReadExt;
use url::Url;

use crate::store::{Opening, StoreError};

/// What every connection is told. WAL lets readers go on beside the writer; FULL makes a commit durable before it is
/// answered, which the audit promises.
pub(super) const SETTINGS: &str = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; \
     PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;";

/// For a connection whose commits go to the file, and to the disk only with the next one of another connection.
pub(super) const QUICK: &str = "PRAGMA synchronous = NORMAL;";

/// Brings everything that was committed to the disk (<https://www.sqlite.org/wal.html#ckpt>).
pub(super) const SYNC: &str = "PRAGMA wal_checkpoint(PASSIVE);";

/// Marks a file as ours in its header (<https://www.sqlite.org/fileformat2.html#application_id>): `CSGN`.
const APPLICATION: u32 = 0x4353_474e;
const MARK: &str = "PRAGMA application_id = 1129531214;";

const MAGIC: &[u8; 16] = b"SQLite format 3\0";
const HEADER_BYTES: usize = 100;

/// Greatest file that is checked page by page when it is opened. In a greater one damage shows when it is met.
const CHECKED_BYTES: u64 = 256 * 1024 * 1024;

/// What is at the path.
enum Found {
    Nothing,
    EmptyFile,
    Ours { bytes: u64 },
}

/// Makes sure that a sound database of ours is at the path, and says how to connect to it.
pub(super) async fn prepare(
    path: &Path,
    opening: Opening,
) -> Result<AnyConnectOptions, StoreError> {
    let file_error = |error| StoreError::File {
        path: path.to_owned(),
        error,
    };
    let options = options(path)?;
    match (look(path).await?, opening) {
        (Found::Ours { bytes }, Opening::Create | Opening::Existing) => {
            if bytes <= CHECKED_BYTES {
                check(path, &options).await?;
            }
        }
        (Found::Nothing | Found::EmptyFile, Opening::Existing) => {
            return Err(StoreError::Missing(format!("`{}`", path.display())));
        }
        (Found::EmptyFile, Opening::Create) => mark(&options).await?,
        (Found::Nothing, Opening::Create) => {
            create(path).await.map_err(file_error)?;
            mark(&options).await?;
        }
    }
    Ok(options)
}

fn options(path: &Path) -> Result<AnyConnectOptions, StoreError> {
    let unusable = || StoreError::File {
        path: path.to_owned(),
        error: io::Error::from(io::ErrorKind::InvalidInput),
    };
    let encoded = Url::from_file_path(path).map_err(|()| unusable())?;
    AnyConnectOptions::from_str(&format!("sqlite://{}?mode=rw", encoded.path()))
        .map_err(StoreError::Unreachable)
}

/// Reads the header with our own eyes; SQLite would recover, lock and make files beside it.
async fn look(path: &Path) -> Result<Found, StoreError> {
    let file_error = |error| StoreError::File {
        path: path.to_owned(),
        error,
    };
    let mut file = match File::open(path).await {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(file_error(error)),
    };
    let bytes = file.metadata().await.map_err(file_error)?.len();
    if bytes == 0 {
        return Ok(Found::EmptyFile);
    }
    let mut header = [0; HEADER_BYTES];
    let read = match file.read_exact(&mut header).await {
        Ok(_) => Ok(header),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(()),
        Err(error) => return Err(file_error(error)),
    };
    match read {
        Ok(header) if header.starts_with(MAGIC) => match header.get(68..72) {
            Some(mark) if mark == APPLICATION.to_be_bytes() => Ok(Found::Ours { bytes }),
            Some(_) | None => Err(StoreError::Foreign(format!("`{}`", path.display()))),
        },
        Ok(_) | Err(()) => Err(StoreError::Damaged(format!(
            "`{}` is not an sqlite file",
            path.display()
        ))),
    }
}

/// Makes the file readable for nobody else before anything is in it.
async fn create(path: &Path) -> io::Result<()> {
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .await;
    match made {
        Ok(file) => file.sync_all().await,
        // Another process was faster; it marks the file as we would.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Writes our mark. This comes before WAL, so that it stands in the file itself from the start.
async fn mark(options: &AnyConnectOptions) -> Result<(), StoreError> {
    let mut connection = options.connect().await.map_err(StoreError::Unreachable)?;
    let marked = sqlx::raw_sql(MARK).execute(&mut connection).await;
    connection.close().await?;
    marked?;
    Ok(())
}

/// Has SQLite look at every page, without writing one.
async fn check(path: &Path, options: &AnyConnectOptions) -> Result<(), StoreError> {
    let damaged =
        |reason: &str| StoreError::Damaged(format!("`{}`: {}", path.display(), one_line(reason)));
    let mut connection = options.connect().await.map_err(StoreError::Unreachable)?;
    let checked = quick_check(&mut connection).await;
    connection.close().await?;
    match checked.map_err(StoreError::from) {
        Ok(verdict) if verdict == "ok" => Ok(()),
        Ok(verdict) => Err(damaged(&verdict)),
        Err(StoreError::Damaged(reason)) => Err(damaged(&reason)),
        Err(other) => Err(other),
    }
}

async fn quick_check(connection: &mut AnyConnection) -> Result<String, sqlx::Error> {
    sqlx::query_scalar("PRAGMA quick_check(1)")
        .fetch_one(connection)
        .await
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
