//! The `[identity]` section.

use std::path::Path;

use secrecy::SecretString;
use url::Url;

use super::{DAY, HOUR, MINUTE, SECOND, path};
use crate::config::raw::{Problems, Section};
use crate::config::secret::{self, Found};
use crate::config::{IdentityConfig, LoginMethod};

pub(super) fn read(
    mut section: Section<'_>,
    file: &Path,
    problems: &mut Problems<'_>,
) -> Option<IdentityConfig> {
    let issuer = issuer(&mut section, problems);
    let client_id = section.required::<String>("client_id", problems);
    let client_secret = client_secret(&mut section, file, problems);
    let method = method(&mut section, problems);
    let scopes = section
        .list("scopes", problems)
        .unwrap_or_else(|| vec!["profile".to_owned(), "email".to_owned()]);
    let name_claim = section
        .parsed("name_claim", problems)
        .unwrap_or_else(|| "email".to_owned());
    let groups_claim = section
        .parsed("groups_claim", problems)
        .unwrap_or_else(|| "groups".to_owned());
    let groups_prefix = section
        .parsed("groups_prefix", problems)
        .unwrap_or_default();
    let require_verified_email = section
        .flag("require_verified_email", problems)
        .unwrap_or(true);
    let login_ttl = section
        .duration("login_ttl", MINUTE..=30 * DAY, problems)
        .unwrap_or(8 * HOUR);
    let sign_in_ttl = section
        .duration("sign_in_ttl", 10 * SECOND..=HOUR, problems)
        .unwrap_or(5 * MINUTE);
    let authorities = path(&mut section, "authorities", file, problems);
    section.finish(problems);
    Some(IdentityConfig {
        issuer: issuer?,
        client_id: client_id?,
        client_secret,
        method,
        scopes,
        name_claim,
        groups_claim,
        groups_prefix,
        require_verified_email,
        login_ttl,
        sign_in_ttl,
        authorities,
    })
}

/// The issuer as it was written: discovery compares issuers letter by letter.
fn issuer(section: &mut Section<'_>, problems: &mut Problems<'_>) -> Option<String> {
    let issuer = section.required::<String>("issuer", problems)?;
    if Url::parse(&issuer).is_ok_and(|url| url.scheme() == "https" || is_loopback(&url)) {
        return Some(issuer);
    }
    section.problem(
        problems,
        "issuer",
        "must begin with `https://` (plain HTTP only on loopback)",
    );
    None
}

fn method(section: &mut Section<'_>, problems: &mut Problems<'_>) -> LoginMethod {
    match section.parsed::<String>("method", problems).as_deref() {
        None | Some("auto") => LoginMethod::Auto,
        Some("browser") => LoginMethod::Browser,
        Some("device") => LoginMethod::Device,
        Some(other) => {
            let message = format!("`{other}` must be `auto`, `browser` or `device`");
            section.problem(problems, "method", message);
            LoginMethod::Auto
        }
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn client_secret(
    section: &mut Section<'_>,
    file: &Path,
    problems: &mut Problems<'_>,
) -> Option<SecretString> {
    let from_file = path(section, "client_secret_file", file, problems);
    let from_credential = section.parsed::<String>("client_secret_credential", problems);
    let (key, found) = match (from_file, from_credential) {
        (None, None) => return None,
        (Some(file), None) => ("client_secret_file", secret::read(&file).map(Found::Here)),
        (None, Some(name)) => ("client_secret_credential", secret::credential(&name)),
        (Some(_), Some(_)) => (
            "client_secret_file",
            Err("name either a file or a credential, not both".to_owned()),
        ),
    };
    match found {
        Ok(Found::Here(secret)) => Some(secret),
        Ok(Found::Elsewhere(credential)) => {
            section.without_credential(problems, key, credential);
            None
        }
        Err(message) => {
            section.problem(problems, key, message);
            None
        }
    }
}
