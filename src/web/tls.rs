//! The web side's certificate: from files, or made by the node itself and made anew when it no longer fits.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, date_time_ymd};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{RootCertStore, ServerConfig};

use crate::config::{WebConfig, WebTls};

/// How long our own certificate lasts: what browsers accept at the most, in hours.
const VALIDITY: SignedDuration = SignedDuration::from_hours(397 * 24);

/// It is made anew at a start when it has less than this left.
const RENEW_BEFORE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Whether and how connections are encrypted.
#[derive(Clone)]
pub enum TlsMode {
    /// Plain HTTP: on a loopback address only.
    Plain,
    /// TLS with this certificate.
    Tls(Arc<ServerConfig>),
}

/// Why the web side cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// A file of ours or of the configuration cannot be used.
    #[error("cannot use `{}`: {source}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file holds no certificate or key.
    #[error("`{}` holds no {what} in PEM form", file.display())]
    NoPem {
        /// The file.
        file: PathBuf,
        /// What was looked for.
        what: &'static str,
    },
    /// Certificate and key do not work together.
    #[error("the web side's certificate and key cannot be used: {0}")]
    Tls(#[from] rustls::Error),
    /// No certificate can be made for this name.
    #[error("cannot make a certificate for `{host}`: {reason}")]
    SelfSigned {
        /// The host of `public_url`.
        host: String,
        /// Why.
        reason: String,
    },
}

/// The certificate that the configuration asks for. `keys` is the folder of the node's own key files.
///
/// # Errors
/// When files cannot be read or written, or do not hold what they should.
pub fn tls(web: &WebConfig, keys: &Path, now: Timestamp) -> Result<TlsMode, WebError> {
    match &web.tls {
        WebTls::Loopback => Ok(TlsMode::Plain),
        WebTls::Files { certificate, key } => server_config(&Pair::read(certificate, key)?),
        WebTls::SelfSigned => {
            let host = web.public_url.host_str().unwrap_or("localhost");
            let host = host.trim_start_matches('[').trim_end_matches(']');
            let (certificate, key) = (keys.join("web_cert.pem"), keys.join("web_key.pem"));
            if let Ok(pair) = Pair::read(&certificate, &key)
                && pair.serves(host, now)
                && let Ok(mode) = server_config(&pair)
            {
                return Ok(mode);
            }
            make(host, &certificate, &key, now)?;
            server_config(&Pair::read(&certificate, &key)?)
        }
    }
}

struct Pair {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Pair {
    fn read(certificate: &Path, key: &Path) -> Result<Self, WebError> {
        let pem = |file: &Path| {
            fs::read(file).map_err(|source| WebError::File {
                file: file.to_owned(),
                source,
            })
        };
        let missing = |file: &Path, what| WebError::NoPem {
            file: file.to_owned(),
            what,
        };
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&pem(certificate)?)
            .collect::<Result<_, _>>()
            .map_err(|_| missing(certificate, "certificate"))?;
        if chain.is_empty() {
            return Err(missing(certificate, "certificate"));
        }
        let key = PrivateKeyDer::from_pem_slice(&zeroize::Zeroizing::new(pem(key)?))
            .map_err(|_| missing(key, "private key"))?;
        Ok(Self { chain, key })
    }

    /// Whether our own certificate is for this host, and will be for a while.
    fn serves(&self, host: &str, now: Timestamp) -> bool {
        let verified = || {
            let certificate = self.chain.first()?;
            let mut roots = RootCertStore::empty();
            roots.add(certificate.clone()).ok()?;
            let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider());
            let soon = now.checked_add(RENEW_BEFORE).ok()?.as_second();
            let soon = std::time::Duration::from_secs(u64::try_from(soon).ok()?);
            let host = ServerName::try_from(host).ok()?;
            let at = UnixTime::since_unix_epoch(soon);
            let verifier = verifier.build().ok()?;
            verifier
                .verify_server_cert(certificate, &[], &host, &[], at)
                .ok()
        };
        verified().is_some()
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn server_config(pair: &Pair) -> Result<TlsMode, WebError> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(pair.chain.clone(), pair.key.clone_key())?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsMode::Tls(Arc::new(config)))
}

fn make(host: &str, certificate: &Path, key: &Path, now: Timestamp) -> Result<(), WebError> {
    let wrong = |reason: String| WebError::SelfSigned {
        host: host.to_owned(),
        reason,
    };
    let mut names = vec![host.to_owned()];
    for local in ["localhost", "127.0.0.1", "::1"] {
        if local != host {
            names.push(local.to_owned());
        }
    }
    let mut params = CertificateParams::new(names).map_err(|error| wrong(error.to_string()))?;
    let day = |time: Timestamp| {
        let date = TimeZone::UTC.to_datetime(time).date();
        let (month, day) = (date.month().unsigned_abs(), date.day().unsigned_abs());
        date_time_ymd(i32::from(date.year()), month, day)
    };
    let end = now
        .checked_add(VALIDITY)
        .map_err(|error| wrong(error.to_string()))?;
    params.not_before = day(now);
    params.not_after = day(end);
    params.distinguished_name.push(DnType::CommonName, host);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let pair = KeyPair::generate().map_err(|error| wrong(error.to_string()))?;
    let signed = params
        .self_signed(&pair)
        .map_err(|error| wrong(error.to_string()))?;
    let secret = zeroize::Zeroizing::new(pair.serialize_pem());
    write(key, secret.as_bytes(), 0o600)?;
    write(certificate, signed.pem().as_bytes(), 0o644)?;
    tracing::info!(certificate = %certificate.display(), host, "made a certificate for the sign-in pages");
    Ok(())
}

/// Puts a whole file in place, with its mode from the first moment.
fn write(file: &Path, bytes: &[u8], mode: u32) -> Result<(), WebError> {
    let partial = file.with_extension("new");
    let put = || {
        if let Some(folder) = file.parent() {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)?;
        }
        match fs::remove_file(&partial) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let mut options = fs::OpenOptions::new();
        let mut written = options
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&partial)?;
        written.write_all(bytes)?;
        written.sync_all()?;
        fs::rename(&partial, file)
    };
    put().map_err(|source| WebError::File {
        file: file.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn web(public_url: &str, tls: WebTls) -> WebConfig {
        WebConfig {
            listen: ([127, 0, 0, 1], 0).into(),
            public_url: public_url.parse().unwrap(),
            tls,
        }
    }

    fn now() -> Timestamp {
        "2025-03-01T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn the_nodes_own_certificate_is_kept_while_it_fits() {
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path().join("keys");
        let web = web("https://bastion.test:8443", WebTls::SelfSigned);
        tls(&web, &keys, now()).unwrap_or_else(|e| panic!("{e}"));
        let first = fs::read(keys.join("web_cert.pem")).unwrap();
        let mode = fs::metadata(keys.join("web_key.pem"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(tls(&web, &keys, now()).is_ok());
        assert_eq!(fs::read(keys.join("web_cert.pem")).unwrap(), first);
    }

    #[test]
    fn it_is_made_anew_when_it_runs_out_or_the_host_changes_or_the_key_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path();
        let certificate = keys.join("web_cert.pem");
        let mut seen = Vec::new();
        let year_later = now()
            .checked_add(SignedDuration::from_hours(380 * 24))
            .unwrap();
        for (host, time) in [
            ("a", now()),
            ("a", year_later),
            ("b", year_later),
            ("192.0.2.7", year_later),
        ] {
            assert!(
                tls(
                    &web(&format!("https://{host}"), WebTls::SelfSigned),
                    keys,
                    time
                )
                .is_ok()
            );
            seen.push(fs::read(&certificate).unwrap());
        }
        let key = KeyPair::generate().unwrap().serialize_pem();
        fs::write(keys.join("web_key.pem"), key).unwrap();
        assert!(
            tls(
                &web("https://192.0.2.7", WebTls::SelfSigned),
                keys,
                year_later
            )
            .is_ok()
        );
        seen.push(fs::read(&certificate).unwrap());
        for (n, one) in seen.iter().enumerate() {
            assert!(!seen[..n].contains(one), "certificate {n} is an old one");
        }
    }

    #[test]
    fn files_without_what_they_should_hold_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.pem");
        let files = || WebTls::Files {
            certificate: file.clone(),
            key: file.clone(),
        };
        let told = |web: &WebConfig| tls(web, folder.path(), now()).err().unwrap().to_string();
        assert!(told(&web("https://a", files())).contains("x.pem"));
        fs::write(&file, "nothing").unwrap();
        assert!(told(&web("https://a", files())).contains("holds no certificate"));
    }
}
