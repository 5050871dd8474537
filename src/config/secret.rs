//! Secrets are read from files or systemd credentials, never from the configuration itself or the environment.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use zeroize::Zeroize;

/// Longest secret that is read, in bytes.
const SECRET_BYTES: u64 = 64 * 1024;

/// Where systemd puts a credential of that name (`LoadCredential=`).
pub(super) fn credential(name: &str) -> Result<PathBuf, String> {
    if name.is_empty() || name.contains('/') || name.starts_with('.') {
        return Err(format!("`{name}` is not the name of a credential"));
    }
    match std::env::var_os("CREDENTIALS_DIRECTORY") {
        Some(folder) => Ok(Path::new(&folder).join(name)),
        None => Err(format!(
            "no systemd credentials here: add `LoadCredential={name}:…` to the unit, or name a file"
        )),
    }
}

/// Reads a secret file. One that others can read is refused: it is no secret.
pub(super) fn read(file: &Path) -> Result<SecretString, String> {
    let shown = file.display();
    let metadata =
        std::fs::metadata(file).map_err(|error| format!("cannot read `{shown}`: {error}"))?;
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(format!(
            "`{shown}` can be read by others: run `chmod 600 {shown}`"
        ));
    }
    if metadata.len() > SECRET_BYTES {
        return Err(format!("`{shown}` is too long for a secret"));
    }
    let mut text =
        std::fs::read_to_string(file).map_err(|error| format!("cannot read `{shown}`: {error}"))?;
    let secret = SecretString::from(text.trim_end_matches(['\r', '\n']));
    text.zeroize();
    Ok(secret)
}
