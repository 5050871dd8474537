//! Secrets are read from files or systemd credentials, never from the configuration itself or the environment.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use secrecy::SecretString;
use zeroize::Zeroize;

/// Longest secret that is read, in bytes.
const SECRET_BYTES: u64 = 64 * 1024;

/// Where a secret is.
pub(super) enum Found {
    /// It was read.
    Here(SecretString),
    /// In a systemd credential, and this process has none at all.
    Elsewhere(String),
}

/// Reads a credential of that name (`LoadCredential=`), where systemd gave this process any.
pub(super) fn credential(name: &str) -> Result<Found, String> {
    if name.is_empty() || name.contains('/') || name.starts_with('.') {
        return Err(format!("`{name}` is not the name of a credential"));
    }
    match std::env::var_os("CREDENTIALS_DIRECTORY") {
        Some(folder) => read(&Path::new(&folder).join(name)).map(Found::Here),
        None => Ok(Found::Elsewhere(name.to_owned())),
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
