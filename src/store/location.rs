//! Where the database is. The password in it is never printed.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// What PostgreSQL's connection may be told in the URL. Others are refused, because the driver would log their values.
const PARAMETERS: [&str; 16] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-mode",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "user",
];

/// Where the database is: `sqlite:///absolute/file.db` or `postgres://user:password@host/database`.
#[derive(Clone)]
pub enum StoreUrl {
    /// A file.
    Sqlite(PathBuf),
    /// A database server.
    Postgres(SecretString),
}

/// Why a text cannot be a [`StoreUrl`]. It does not repeat the text, which may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreUrlError {
    /// It is for no database that we know.
    #[error("the database url must start with `sqlite:///` or `postgres://`")]
    Scheme,
    /// The file's path is not absolute or holds what no path should.
    #[error(
        "the database url must name an absolute path without `?`, `#` or control characters, as in `sqlite:///var/lib/countersign/countersign.db`"
    )]
    Path,
    /// It cannot be read as a URL.
    #[error("the database url cannot be read: {0}")]
    Syntax(String),
    /// It has a parameter that we do not pass on.
    #[error("the database url has the unknown parameter `{0}`")]
    Parameter(String),
}

impl FromStr for StoreUrl {
    type Err = StoreUrlError;

    fn from_str(text: &str) -> Result<Self, StoreUrlError> {
        if let Some(path) = text.strip_prefix("sqlite://") {
            return sqlite(path);
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return postgres(text);
        }
        Err(StoreUrlError::Scheme)
    }
}

fn sqlite(path: &str) -> Result<StoreUrl, StoreUrlError> {
    let file = path.rsplit('/').next().unwrap_or_default();
    let strange = |c: char| c.is_control() || matches!(c, '?' | '#');
    if path.starts_with('/') && !matches!(file, "" | "." | "..") && !path.contains(strange) {
        Ok(StoreUrl::Sqlite(PathBuf::from(path)))
    } else {
        Err(StoreUrlError::Path)
    }
}

fn postgres(text: &str) -> Result<StoreUrl, StoreUrlError> {
    let url = Url::parse(text).map_err(|error| StoreUrlError::Syntax(error.to_string()))?;
    for (name, _) in url.query_pairs() {
        if !PARAMETERS.contains(&&*name) {
            let shown = name.chars().filter(|c| !c.is_control()).take(40).collect();
            return Err(StoreUrlError::Parameter(shown));
        }
    }
    Ok(StoreUrl::Postgres(SecretString::from(text)))
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Self::Postgres(secret) => match Url::parse(secret.expose_secret()) {
                Ok(url) => write!(
                    f,
                    "postgres://{}{}",
                    url.host_str().unwrap_or_default(),
                    url.path()
                ),
                Err(_) => f.write_str("postgres://"),
            },
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_databases_are_named_by_url() {
        let file: StoreUrl = "sqlite:///var/lib/counter sign/x.db".parse().unwrap();
        assert_eq!(file.to_string(), "sqlite:///var/lib/counter sign/x.db");
        let server: StoreUrl = "postgresql://u@db.example.com:5433/bastion?sslmode=require"
            .parse()
            .unwrap();
        assert_eq!(server.to_string(), "postgres://db.example.com/bastion");
    }

    #[test]
    fn a_password_is_never_shown() {
        for text in [
            "postgres://u:hunter2@h/d",
            "postgres://h/d?user=u&password=hunter2",
        ] {
            let url: StoreUrl = text.parse().unwrap();
            assert!(!format!("{url} {url:?}").contains("hunter2"), "{url}");
        }
        let error = "postgres://u:hunter2@h:port/d"
            .parse::<StoreUrl>()
            .unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
        let error = "postgres://h/d?pasword=hunter2"
            .parse::<StoreUrl>()
            .unwrap_err();
        assert_eq!(error, StoreUrlError::Parameter("pasword".to_owned()));
    }

    #[test]
    fn what_names_no_database_is_refused() {
        for (text, error) in [
            ("", StoreUrlError::Scheme),
            ("mysql://h/d", StoreUrlError::Scheme),
            ("sqlite://relative.db", StoreUrlError::Path),
            ("sqlite:///var/lib/", StoreUrlError::Path),
            ("sqlite:///x.db?mode=memory", StoreUrlError::Path),
        ] {
            assert_eq!(text.parse::<StoreUrl>().unwrap_err(), error, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(sqlite://|postgres://)?.{0,200}") {
            if let Ok(url) = text.parse::<StoreUrl>() {
                prop_assert!(!url.to_string().is_empty());
            }
        }
    }
}
