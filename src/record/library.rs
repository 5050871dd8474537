//! The recordings in a folder: `YYYY-MM-DD/<session>.cast`. Finds them by session and lists them, newest first.
//!
//! Invariant: nothing outside the folder is opened, whatever links it holds. Only names of the recorder's own
//! form are looked at, so a stray file is never taken for a recording. It blocks on the file system.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use jiff::civil::Date;

use crate::domain::id::SessionId;
use crate::record::asciicast::decode::DecodeError;
use crate::record::recording::Recording;
use crate::record::writer::EXTENSION;

/// Most days that are looked through.
pub const MOST_DAYS: usize = 10_000;
/// Most recordings of one day that are looked through.
pub const MOST_A_DAY: usize = 100_000;

/// Why a recording was not found or opened.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// The folder could not be read.
    #[error("the recordings in `{path}` cannot be read: {error}")]
    Read {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// No such recording.
    #[error("there is no recording of session `{0}`")]
    NotFound(SessionId),
    /// The name leads elsewhere.
    #[error("`{0}` is not a file within the recordings' folder")]
    Outside(PathBuf),
    /// The folder holds more than is looked through.
    #[error("`{0}` holds too many entries to look through")]
    TooMany(PathBuf),
    /// The file is no recording.
    #[error("the recording `{path}` cannot be played: {error}")]
    Decode {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: DecodeError,
    },
}

/// A recording as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its session.
    pub session: SessionId,
    /// The file.
    pub path: PathBuf,
    /// Its length so far.
    pub bytes: u64,
}

/// A folder of recordings.
#[derive(Debug, Clone)]
pub struct Library {
    folder: PathBuf,
}

impl Library {
    /// The recordings below `folder`.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// Opens the recording of a session.
    ///
    /// # Errors
    /// When there is none, it lies outside, or it cannot be read.
    pub fn open(&self, session: SessionId) -> Result<Recording<File>, LibraryError> {
        let path = self.find(session)?;
        let file = File::open(&path).map_err(|error| read_error(&path, error))?;
        Recording::new(file).map_err(|error| LibraryError::Decode { path, error })
    }

    /// Where the recording of a session is.
    ///
    /// # Errors
    /// When there is none, it lies outside, or the folder cannot be read.
    pub fn find(&self, session: SessionId) -> Result<PathBuf, LibraryError> {
        let name = format!("{session}.{EXTENSION}");
        for day in self.days()? {
            let path = day.join(&name);
            match path.symlink_metadata() {
                Ok(_) => return self.within(&path),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(read_error(&path, error)),
            }
        }
        Err(LibraryError::NotFound(session))
    }

    /// The newest recordings, at most `most`. What does not lie within the folder is left out.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn list(&self, most: usize) -> Result<Vec<Listed>, LibraryError> {
        let mut listed = Vec::new();
        for day in self.days()? {
            let mut sessions: Vec<SessionId> = names(&day, MOST_A_DAY)?
                .iter()
                .filter_map(|name| {
                    name.strip_suffix(EXTENSION)?
                        .strip_suffix('.')?
                        .parse()
                        .ok()
                })
                .collect();
            sessions.sort_unstable_by(|a, b| b.cmp(a));
            for session in sessions {
                if listed.len() >= most {
                    return Ok(listed);
                }
                let Ok(path) = self.within(&day.join(format!("{session}.{EXTENSION}"))) else {
                    continue;
                };
                let bytes = path.metadata().map_or(0, |metadata| metadata.len());
                listed.push(Listed {
                    session,
                    path,
                    bytes,
                });
            }
        }
        Ok(listed)
    }

    /// The folders of days, newest first; none when nothing was recorded yet.
    fn days(&self) -> Result<Vec<PathBuf>, LibraryError> {
        let mut days: Vec<Date> = match names(&self.folder, MOST_DAYS) {
            Ok(names) => names.iter().filter_map(|name| day(name)).collect(),
            Err(LibraryError::Read { error, .. }) if error.kind() == io::ErrorKind::NotFound => {
                Vec::new()
            }
            Err(error) => return Err(error),
        };
        days.sort_unstable_by(|a, b| b.cmp(a));
        Ok(days
            .into_iter()
            .map(|day| self.folder.join(day.to_string()))
            .collect())
    }

    /// The true path of a regular file below the folder.
    fn within(&self, path: &Path) -> Result<PathBuf, LibraryError> {
        let folder = fs::canonicalize(&self.folder);
        let folder = folder.map_err(|error| read_error(&self.folder, error))?;
        let outside = || LibraryError::Outside(path.to_owned());
        let real = fs::canonicalize(path).map_err(|_| outside())?;
        let regular = real.symlink_metadata().is_ok_and(|real| real.is_file());
        if regular && real.starts_with(&folder) {
            Ok(real)
        } else {
            Err(outside())
        }
    }
}

/// A day as the recorder writes it, and in no other spelling.
fn day(name: &str) -> Option<Date> {
    let day: Date = name.parse().ok()?;
    (day.to_string() == name).then_some(day)
}

fn names(folder: &Path, most: usize) -> Result<Vec<String>, LibraryError> {
    let entries = fs::read_dir(folder).map_err(|error| read_error(folder, error))?;
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| read_error(folder, error))?;
        if names.len() == most {
            return Err(LibraryError::TooMany(folder.to_owned()));
        }
        if let Ok(name) = entry.file_name().into_string() {
            names.push(name);
        }
    }
    Ok(names)
}

fn read_error(path: &Path, error: io::Error) -> LibraryError {
    LibraryError::Read {
        path: path.to_owned(),
        error,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use jiff::Timestamp;

    use super::*;
    use crate::record::writer::path_in;

    const CAST: &str = "{\"version\":3,\"term\":{\"cols\":80,\"rows\":24}}\n";

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn put(folder: &Path, second: i64) -> SessionId {
        let session = SessionId::new(at(second), [3; 10]);
        let path = path_in(folder, session, at(second));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, CAST).unwrap();
        session
    }

    #[test]
    fn recordings_are_listed_newest_first_and_opened_by_session() {
        let folder = tempfile::tempdir().unwrap();
        let sessions = [0, 60, 86_400, 864_000].map(|second| put(folder.path(), second));
        fs::write(folder.path().join("notes.txt"), "x").unwrap();
        fs::create_dir(folder.path().join("19700102T00")).unwrap();
        let library = Library::new(folder.path());
        let listed = library.list(3).unwrap();
        let newest: Vec<_> = listed.iter().map(|listed| listed.session).collect();
        assert_eq!(newest, [sessions[3], sessions[2], sessions[1]]);
        assert_eq!(listed[0].bytes, CAST.len() as u64);
        for session in sessions {
            assert!(library.open(session).is_ok());
        }
    }

    #[test]
    fn a_session_without_recording_is_not_found() {
        let folder = tempfile::tempdir().unwrap();
        let nobody = SessionId::new(at(5), [1; 10]);
        for library in [
            Library::new(folder.path()),
            Library::new(folder.path().join("none")),
        ] {
            let refused = library.find(nobody);
            assert!(matches!(refused, Err(LibraryError::NotFound(_))));
            assert_eq!(library.list(9).unwrap(), []);
        }
    }

    #[test]
    fn links_that_leave_the_folder_are_refused() {
        let outside = tempfile::tempdir().unwrap();
        let elsewhere = put(outside.path(), 86_400);
        let folder = tempfile::tempdir().unwrap();
        let session = put(folder.path(), 0);
        let file = path_in(folder.path(), session, at(0));
        fs::remove_file(&file).unwrap();
        symlink("/etc/passwd", &file).unwrap();
        symlink(
            outside.path().join("1970-01-02"),
            folder.path().join("1970-01-02"),
        )
        .unwrap();
        let library = Library::new(folder.path());
        for session in [session, elsewhere] {
            let refused = library.open(session);
            assert!(
                matches!(refused, Err(LibraryError::Outside(_))),
                "{refused:?}"
            );
        }
        assert_eq!(library.list(9).unwrap(), []);
    }

    #[test]
    fn a_folder_in_place_of_a_recording_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let session = SessionId::new(at(0), [3; 10]);
        fs::create_dir_all(path_in(folder.path(), session, at(0))).unwrap();
        let refused = Library::new(folder.path()).open(session);
        assert!(matches!(refused, Err(LibraryError::Outside(_))));
    }
}
