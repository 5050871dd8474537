//! The policy set in force, and its replacement while everything runs.
//!
//! Invariant: only a set that validates comes into force; until then the old one stays. Write policy files beside
//! the folder and rename them into it, so that no half of a file is ever read.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use crate::policy::PolicySet;
use crate::policy::error::PolicyError;
use crate::policy::load::Sources;

/// What a reload did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reloaded {
    /// Another set is in force now.
    Changed,
    /// The files are those that are in force.
    Unchanged,
}

/// Holds the policy set in force.
#[derive(Debug)]
pub struct PolicyKeeper {
    folder: PathBuf,
    current: RwLock<Arc<PolicySet>>,
    /// The digest of the files that were refused last, with why; they are not compiled again. Locked for a whole
    /// reload, so that two of them cannot pass each other.
    refused: Mutex<Option<(String, PolicyError)>>,
}

impl PolicyKeeper {
    /// Loads the folder's policies.
    ///
    /// # Errors
    /// When they do not validate: there is nothing to start with.
    pub fn open(folder: &Path) -> Result<Self, PolicyError> {
        Ok(Self {
            folder: folder.to_owned(),
            current: RwLock::new(Arc::new(PolicySet::load(folder)?)),
            refused: Mutex::new(None),
        })
    }

    /// The policy set in force.
    pub fn current(&self) -> Arc<PolicySet> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current)
    }

    /// Reads the folder again, and puts it into force when it changed and validates. When nothing changed it only
    /// reads and hashes the files; files that were refused before are refused again without compiling them, with an
    /// equal error. It reads files, so call it where blocking is allowed.
    ///
    /// # Errors
    /// When the files do not validate. The set in force stays.
    pub fn reload(&self) -> Result<Reloaded, PolicyError> {
        let mut refused = self.refused();
        let sources = Sources::read(&self.folder)?;
        let digest = sources.digest();
        if digest == self.current().digest() {
            *refused = None;
            return Ok(Reloaded::Unchanged);
        }
        if let Some((known, error)) = &*refused
            && *known == digest
        {
            return Err(error.clone());
        }
        match sources.compile() {
            Ok(set) => {
                let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
                *current = Arc::new(set);
                *refused = None;
                Ok(Reloaded::Changed)
            }
            Err(error) => {
                *refused = Some((digest, error.clone()));
                Err(error)
            }
        }
    }

    fn refused(&self) -> MutexGuard<'_, Option<(String, PolicyError)>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const GOOD: &str =
        r#"permit (principal in Group::"dev", action == Action::"connect", resource);"#;
    const OTHER: &str =
        r#"permit (principal in Group::"sre", action == Action::"connect", resource);"#;

    #[test]
    fn a_bad_file_leaves_the_old_set_in_force_until_it_is_mended() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("10-a.cedar");
        fs::write(&file, GOOD).unwrap();
        let keeper = PolicyKeeper::open(folder.path()).unwrap();
        let first = keeper.current();
        assert_eq!(keeper.reload(), Ok(Reloaded::Unchanged));

        fs::write(&file, "permit (principal").unwrap();
        let error = keeper.reload().unwrap_err();
        assert_eq!(keeper.reload(), Err(error));
        assert!(Arc::ptr_eq(&first, &keeper.current()));

        fs::write(&file, OTHER).unwrap();
        assert_eq!(keeper.reload(), Ok(Reloaded::Changed));
        assert_ne!(first.digest(), keeper.current().digest());
        assert_eq!(keeper.reload(), Ok(Reloaded::Unchanged));
    }

    #[test]
    fn a_folder_that_vanished_or_emptied_leaves_the_old_set_in_force() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("10-a.cedar");
        fs::write(&file, GOOD).unwrap();
        let keeper = PolicyKeeper::open(folder.path()).unwrap();
        let first = keeper.current();
        fs::write(&file, "").unwrap();
        assert!(matches!(keeper.reload(), Err(PolicyError::Refused(_))));
        fs::remove_file(&file).unwrap();
        assert!(matches!(keeper.reload(), Err(PolicyError::Empty { .. })));
        fs::remove_dir(folder.path()).unwrap();
        assert!(matches!(
            keeper.reload(),
            Err(PolicyError::Unreadable { .. })
        ));
        assert!(Arc::ptr_eq(&first, &keeper.current()));
    }
}
