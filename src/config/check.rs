//! From the raw file to the checked [`Config`]: defaults, bounds, and what has to fit together.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use secrecy::SecretString;
use toml::de::DeTable;
use url::Url;

use super::raw::{ConfigError, LeftOut, Problems, Reader, Section};
use super::secret::{self, Found};
use super::{CertificateConfig, Config, RecordingConfig, WebConfig, WebTls, beside};
use crate::domain::name::TargetName;

mod identity;

mod ssh;

mod targets;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
const DEFAULT_STREAM_BYTES: u64 = 1024 * 1024;

/// Reads and checks a configuration file, for a node that is to serve.
///
/// # Errors
/// When the file cannot be read, or with every problem it has.
pub fn load(file: &Path) -> Result<Config, ConfigError> {
    checked(file, Reader::Service).map(|(config, _)| config)
}

/// Reads and checks a configuration file as far as that is possible without the service's systemd credentials, where
/// this process has none; tells what was left out.
///
/// # Errors
/// As [`load`], but for those credentials.
pub fn look(file: &Path) -> Result<(Config, Vec<LeftOut>), ConfigError> {
    checked(file, Reader::Onlooker)
}

fn checked(file: &Path, reader: Reader) -> Result<(Config, Vec<LeftOut>), ConfigError> {
    let unreadable = |cause| ConfigError::Unreadable {
        file: file.to_owned(),
        cause,
    };
    let text = std::fs::read_to_string(file).map_err(unreadable)?;
    let file = std::path::absolute(file).map_err(unreadable)?;
    let mut problems = Problems::new(&text, reader);
    let config = read(&file, &text, &mut problems);
    let (problems, left_out) = problems.into_sorted();
    match config {
        Some(config) if problems.is_empty() => Ok((config, left_out)),
        Some(_) | None => Err(ConfigError::Problems { file, problems }),
    }
}

fn read(file: &Path, text: &str, problems: &mut Problems<'_>) -> Option<Config> {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        problems.add(&error.span().unwrap_or_default(), "", error.message());
    }
    if !errors.is_empty() {
        return None;
    }
    let mut root = Section::root(table);
    let mut node = root.section("node", problems);
    let name = node.required("name", problems);
    let data = node
        .required::<String>("data", problems)
        .map(|path| beside(file, &path));
    let drain = node
        .duration("drain", Duration::ZERO..=DAY, problems)
        .unwrap_or(30 * SECOND);
    node.finish(problems);
    let data = data.unwrap_or_default();
    let ssh = ssh::read(root.section("ssh", problems), file, &data, problems);
    let web = web(root.section("web", problems), file, problems);
    let identity = identity::read(root.section("identity", problems), file, problems);
    let certificates = certificates(
        root.section("certificates", problems),
        file,
        &data,
        problems,
    );
    let store = store(root.section("store", problems), file, &data, problems);
    let recordings = recordings(root.section("recordings", problems), file, &data, problems);
    let mut policy = root.section("policy", problems);
    let policies = policy
        .required::<String>("folder", problems)
        .map(|path| beside(file, &path));
    policy.finish(problems);
    let targets = targets::read(root.sections("targets", problems), problems);
    root.finish(problems);
    Some(Config {
        file: file.to_owned(),
        node: name?,
        data,
        drain,
        ssh: ssh?,
        web: web?,
        identity: identity?,
        certificates,
        store,
        recordings,
        policies: policies?,
        targets,
    })
}

fn web(mut section: Section<'_>, file: &Path, problems: &mut Problems<'_>) -> Option<WebConfig> {
    let listen = section
        .parsed("listen", problems)
        .unwrap_or(SocketAddr::from(([0, 0, 0, 0], 8443)));
    let public_url = section.required::<Url>("public_url", problems);
    let choice = section.parsed::<String>("tls", problems);
    let certificate = path(&mut section, "certificate", file, problems);
    let key = path(&mut section, "key", file, problems);
    let tls = match (choice.as_deref(), certificate, key) {
        (None | Some("self-signed"), None, None) => Some(WebTls::SelfSigned),
        (None | Some("files"), Some(certificate), Some(key)) => {
            Some(WebTls::Files { certificate, key })
        }
        (Some("loopback"), None, None) if listen.ip().is_loopback() => Some(WebTls::Loopback),
        (Some("loopback"), None, None) => {
            section.problem(
                problems,
                "tls",
                "`loopback` is plain HTTP and needs a loopback address in `listen`",
            );
            None
        }
        (Some("self-signed" | "files" | "loopback") | None, _, _) => {
            section.problem(
                problems,
                "tls",
                "`certificate` and `key` belong together, and to `tls = \"files\"` only",
            );
            None
        }
        (Some(other), _, _) => {
            let message = format!("`{other}` must be `self-signed`, `files` or `loopback`");
            section.problem(problems, "tls", message);
            None
        }
    };
    if let (Some(url), Some(tls)) = (&public_url, &tls) {
        let loopback = *tls == WebTls::Loopback;
        if url.cannot_be_a_base() || !matches!(url.path(), "" | "/") || url.query().is_some() {
            section.problem(
                problems,
                "public_url",
                "must have no path, such as `https://bastion.example.com:8443`",
            );
        } else if url.scheme() != "https" && !(loopback && url.scheme() == "http") {
            section.problem(problems, "public_url", "must begin with `https://`");
        }
    }
    section.finish(problems);
    Some(WebConfig {
        listen,
        public_url: public_url?,
        tls: tls?,
    })
}

fn certificates(
    mut section: Section<'_>,
    file: &Path,
    data: &Path,
    problems: &mut Problems<'_>,
) -> CertificateConfig {
    let user_ca =
        path(&mut section, "user_ca", file, problems).unwrap_or_else(|| data.join("keys/user_ca"));
    let host_ca =
        path(&mut section, "host_ca", file, problems).unwrap_or_else(|| data.join("keys/host_ca"));
    let sudo_gate = path(&mut section, "sudo_gate", file, problems)
        .unwrap_or_else(|| data.join("keys/sudo_gate"));
    let person_ttl = section
        .duration("person_ttl", MINUTE..=7 * DAY, problems)
        .unwrap_or(8 * HOUR);
    let session_ttl = section
        .duration("session_ttl", 10 * SECOND..=HOUR, problems)
        .unwrap_or(2 * MINUTE);
    section.finish(problems);
    CertificateConfig {
        user_ca,
        host_ca,
        sudo_gate,
        person_ttl,
        session_ttl,
    }
}

fn store(
    mut section: Section<'_>,
    file: &Path,
    data: &Path,
    problems: &mut Problems<'_>,
) -> Option<SecretString> {
    let url = section.parsed::<String>("url", problems);
    let from_file = path(&mut section, "url_file", file, problems);
    let from_credential = section.parsed::<String>("url_credential", problems);
    let found = match (url, from_file, from_credential) {
        (None, None, None) => Ok(Found::Here(SecretString::from(format!(
            "sqlite://{}",
            data.join("countersign.db").display()
        )))),
        (Some(url), None, None) => plain_store_url(file, &url).map(Found::Here),
        (None, Some(file), None) => secret::read(&file).map(Found::Here),
        (None, None, Some(name)) => secret::credential(&name),
        _ => Err("name one of `url`, `url_file` and `url_credential`".to_owned()),
    };
    let found = match found {
        Ok(Found::Here(url)) => Some(url),
        Ok(Found::Elsewhere(credential)) => {
            section.without_credential(problems, "url_credential", credential);
            None
        }
        Err(message) => {
            section.problem(problems, "url", message);
            None
        }
    };
    section.finish(problems);
    found
}

/// A URL in the configuration itself must not hold a password.
fn plain_store_url(file: &Path, url: &str) -> Result<SecretString, String> {
    if let Some(path) = url.strip_prefix("sqlite://") {
        return Ok(SecretString::from(format!(
            "sqlite://{}",
            beside(file, path).display()
        )));
    }
    match Url::parse(url) {
        Ok(url) if url.password().is_some() => Err(
            "holds a password: put it into a file of its own and name that as `url_file`"
                .to_owned(),
        ),
        Ok(url) if matches!(url.scheme(), "postgres" | "postgresql") => {
            Ok(SecretString::from(url.to_string()))
        }
        Ok(_) | Err(_) => {
            Err("must be `sqlite://FILE` or `postgres://USER@HOST/DATABASE`".to_owned())
        }
    }
}

fn recordings(
    mut section: Section<'_>,
    file: &Path,
    data: &Path,
    problems: &mut Problems<'_>,
) -> RecordingConfig {
    let folder =
        path(&mut section, "folder", file, problems).unwrap_or_else(|| data.join("recordings"));
    let stream_bytes = section
        .number("stream_bytes", 0..=1 << 40, problems)
        .unwrap_or(DEFAULT_STREAM_BYTES);
    section.finish(problems);
    RecordingConfig {
        folder,
        stream_bytes,
    }
}

fn path(
    section: &mut Section<'_>,
    key: &'static str,
    file: &Path,
    problems: &mut Problems<'_>,
) -> Option<PathBuf> {
    section
        .parsed::<String>(key, problems)
        .map(|path| beside(file, &path))
}

/// A host name or address that can be dialled and printed.
struct HostName(String);

impl FromStr for HostName {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let name = text.parse::<TargetName>().is_ok() || text.parse::<IpAddr>().is_ok();
        if name {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("`{text}` is no host name or address"))
        }
    }
}

#[cfg(test)]
mod tests;
