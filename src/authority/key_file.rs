//! Private keys on disk: OpenSSH format, mode 0600, never overwritten, refused when others can read them.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use russh::keys::PrivateKey;
use russh::keys::ssh_key::LineEnding;

use super::AuthorityError;

/// A key file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It is not there, or cannot be read.
    #[error("cannot read the key `{}`: {cause}; `countersign ca init` makes what is missing", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// Others can read it.
    #[error("the key `{}` can be read by others: run `chmod 600 {}`", .0.display(), .0.display())]
    Exposed(PathBuf),
    /// It is no private key, or has a passphrase.
    #[error("`{}` is not an OpenSSH private key without a passphrase", .0.display())]
    Malformed(PathBuf),
    /// It cannot be written; an existing file is never overwritten.
    #[error("cannot write the key `{}`: {cause}", file.display())]
    Unwritable {
        /// The file.
        file: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
}

/// Reads a private key.
///
/// # Errors
/// When it is missing, malformed or readable by others.
pub fn load(file: &Path) -> Result<PrivateKey, KeyFileError> {
    let unreadable = |cause| KeyFileError::Unreadable {
        file: file.to_owned(),
        cause,
    };
    let mode = std::fs::metadata(file)
        .map_err(unreadable)?
        .permissions()
        .mode();
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Exposed(file.to_owned()));
    }
    let pem = zeroize::Zeroizing::new(std::fs::read(file).map_err(unreadable)?);
    match PrivateKey::from_openssh(pem.as_slice()) {
        Ok(key) if !key.is_encrypted() => Ok(key),
        Ok(_) | Err(_) => Err(KeyFileError::Malformed(file.to_owned())),
    }
}

/// Makes a new Ed25519 key with its `.pub` beside it. An existing key is left as it is and read back.
///
/// # Errors
/// When it cannot be written, or an existing one cannot be used.
pub fn create(file: &Path, comment: &str) -> Result<(PrivateKey, Created), AuthorityError> {
    if file.exists() {
        return Ok((load(file)?, Created::Existed));
    }
    let unwritable = |cause| KeyFileError::Unwritable {
        file: file.to_owned(),
        cause,
    };
    if let Some(folder) = file.parent() {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(unwritable)?;
    }
    let mut key = super::ephemeral_key()?;
    key.set_comment(comment);
    write(file, 0o600, key.to_openssh(LineEnding::LF)?.as_bytes()).map_err(unwritable)?;
    let public = format!("{}\n", key.public_key().to_openssh()?);
    write(&file.with_extension("pub"), 0o644, public.as_bytes()).map_err(unwritable)?;
    Ok((key, Created::New))
}

/// Whether [`create`] made a key or found one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// It made one.
    New,
    /// One was there.
    Existed,
}

fn write(file: &Path, mode: u32, content: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(file)?;
    file.write_all(content)?;
    file.sync_all()
}
