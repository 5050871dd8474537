//! The folder that every login has as its home, with the stand-ins that make a machine of it.
//!
//! Files are written under a fresh name and moved into place: a link that somebody left in the folder is
//! replaced, never followed.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::demo::target::TargetError;
use crate::domain::name::TargetName;

const SUDO: &str = include_str!("home/sudo.sh");
const SYSTEMCTL: &str = include_str!("home/systemctl.sh");
const RC_FILE: &str = include_str!("home/shellrc.sh");

/// A prepared folder.
#[derive(Debug)]
pub(super) struct Home {
    folder: PathBuf,
    search_path: String,
}

impl Home {
    /// Makes the folder and writes its files; what else is in it stays.
    pub(super) fn prepare(folder: &Path, target: &TargetName) -> Result<Self, TargetError> {
        let failed = |source| TargetError::Prepare {
            folder: folder.to_owned(),
            source,
        };
        for directory in [folder, &folder.join("bin")] {
            let mut builder = DirBuilder::new();
            builder
                .recursive(true)
                .mode(0o700)
                .create(directory)
                .map_err(failed)?;
        }
        let folder = fs::canonicalize(folder).map_err(failed)?;
        let search_path = match folder.to_str() {
            Some(text) if !text.contains(':') => {
                format!("{text}/bin:/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin")
            }
            Some(_) | None => return Err(TargetError::Folder(folder)),
        };
        let rc_file = RC_FILE.replace("@HOST@", short_name(target));
        for (name, text, mode) in [
            ("bin/sudo", SUDO, 0o700),
            ("bin/systemctl", SYSTEMCTL, 0o700),
            (".demorc", rc_file.as_str(), 0o600),
        ] {
            place(&folder, name, text, mode).map_err(failed)?;
        }
        Ok(Self {
            folder,
            search_path,
        })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What an interactive shell reads first.
    pub(super) fn rc_file(&self) -> PathBuf {
        self.folder.join(".demorc")
    }

    /// The `PATH` of every process: the stand-ins come first.
    pub(super) fn search_path(&self) -> &str {
        &self.search_path
    }
}

/// The name up to its first dot, as prompts have it.
fn short_name(target: &TargetName) -> &str {
    let name = target.as_str();
    name.split_once('.').map_or(name, |(short, _)| short)
}

fn place(folder: &Path, name: &str, text: &str, mode: u32) -> io::Result<()> {
    let fresh = folder.join(format!("{name}.new"));
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&fresh)?;
    file.write_all(text.as_bytes())?;
    drop(file);
    fs::rename(fresh, folder.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_in_the_folder_is_replaced_and_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let outside = directory.path().join("outside");
        fs::write(&outside, "mine").unwrap();
        let folder = directory.path().join("home");
        let target: TargetName = "db1.prod".parse().unwrap();
        Home::prepare(&folder, &target).unwrap();
        let sudo = folder.join("bin/sudo");
        for link in [sudo.clone(), folder.join("bin/sudo.new")] {
            let _ = fs::remove_file(&link);
            std::os::unix::fs::symlink(&outside, link).unwrap();
        }
        let home = Home::prepare(&folder, &target).unwrap();
        assert_eq!(fs::read_to_string(&outside).unwrap(), "mine");
        assert_eq!(fs::read_to_string(sudo).unwrap(), SUDO);
        assert!(
            fs::read_to_string(home.rc_file())
                .unwrap()
                .contains("@db1:")
        );
    }

    #[test]
    fn a_folder_that_would_split_the_search_path_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let target: TargetName = "db1".parse().unwrap();
        let refused = Home::prepare(&directory.path().join("a:b"), &target).unwrap_err();
        assert!(matches!(refused, TargetError::Folder(_)));
    }
}
