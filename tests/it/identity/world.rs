//! A real OpenID Provider, our pages, and what a person does in a browser: the world of the sign-in tests.

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use countersign::config::{IdentityConfig, LoginMethod};
use countersign::domain::name::GroupName;
use countersign::domain::principal::{KeyFingerprint, VerifiedIdentity};
use countersign::identity::{Identity, IdentityError, Progress, SignIn};
use countersign::web::{TlsMode, WebSettings, router, serve};
use jiff::Timestamp;
use reqwest::header::{LOCATION, SET_COOKIE};
use secrecy::SecretString;
use serde_json::Value;
use tokio_util::sync::{CancellationToken, DropGuard};
use url::Url;

pub(super) const KEY: &str = "SHA256:Jd0wLxTq1zv1r0t0vGJ7cX0b8H1Q7sSxkYw0iYcJ5mI";

/// Longest time that a sign-in which should end may take in a test.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// The test provider, in a process of its own that ends with it.
pub(super) struct Provider {
    process: Child,
    pub(super) issuer: String,
    pub(super) http: reqwest::Client,
}

pub(super) fn idp() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/idp")
}

impl Provider {
    pub(super) async fn start(port: u16, redirect: &str) -> Self {
        Self::start_with(port, redirect, &[]).await
    }

    pub(super) async fn start_with(port: u16, redirect: &str, more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port_file = folder.path().join("port");
        let process = Command::new("node")
            .arg(idp().join("server.mjs"))
            .args(["--port", &port.to_string(), "--redirect-uri", redirect])
            .args(more)
            .arg("--port-file")
            .arg(&port_file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("node, for the test provider");
        let started = Instant::now();
        let port = loop {
            if let Ok(port) = std::fs::read_to_string(&port_file) {
                break port;
            }
            assert!(started.elapsed() < PATIENCE, "the provider did not start");
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        let issuer = format!("http://127.0.0.1:{}", port.trim());
        // The harness has an HTTP client before the library has one.
        let _installed_before = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        let http = http.build().unwrap();
        Self {
            process,
            issuer,
            http,
        }
    }

    pub(super) async fn control(&self, what: &str, body: Value) {
        let url = format!("{}/_test/{what}", self.issuer);
        let answer = self
            .http
            .post(url)
            .body(body.to_string())
            .send()
            .await
            .unwrap();
        assert!(answer.status().is_success(), "{what} {body}");
    }

    pub(super) async fn faults(&self, faults: Value) {
        self.control("faults", faults).await;
    }

    /// The polls of the device grant: when each came, in milliseconds.
    pub(super) async fn polls(&self) -> Vec<i64> {
        let log = self
            .http
            .get(format!("{}/_test/log", self.issuer))
            .send()
            .await
            .unwrap();
        let log: Value = serde_json::from_str(&log.text().await.unwrap()).unwrap();
        let device = "urn:ietf:params:oauth:grant-type:device_code";
        let polls = log
            .as_array()
            .unwrap()
            .iter()
            .filter(|entry| entry["grant_type"] == device);
        polls.map(|entry| entry["at"].as_i64().unwrap()).collect()
    }

    /// What the person does on the provider's own pages.
    pub(super) async fn person(&self, arguments: &[&str]) -> Value {
        let output = tokio::process::Command::new("node")
            .arg(idp().join("login.mjs"))
            .args(arguments)
            .output()
            .await
            .unwrap();
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ended = self.process.kill().and_then(|()| self.process.wait());
    }
}

/// Our pages with their identity side, and the provider they work with.
pub(super) struct World {
    pub(super) provider: Provider,
    pub(super) identity: Identity,
    pub(super) pages: Url,
    _pages: DropGuard,
}

pub(super) fn config(issuer: &str, method: LoginMethod) -> IdentityConfig {
    IdentityConfig {
        issuer: issuer.to_owned(),
        client_id: "countersign".to_owned(),
        client_secret: Some(SecretString::from("countersign-test-secret")),
        method,
        scopes: ["profile", "email", "groups"].map(str::to_owned).to_vec(),
        name_claim: "email".to_owned(),
        groups_claim: "groups".to_owned(),
        groups_prefix: "/".to_owned(),
        require_verified_email: true,
        login_ttl: Duration::from_secs(8 * 3600),
        sign_in_ttl: Duration::from_secs(300),
        authorities: None,
    }
}

impl World {
    pub(super) async fn start(method: LoginMethod) -> Self {
        Self::configured(|issuer| config(issuer, method)).await
    }

    pub(super) async fn configured(config: impl FnOnce(&str) -> IdentityConfig) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        // Another host name than the provider's: cookies and origins of the two must not mix.
        let pages = Url::parse(&format!("http://localhost:{}", address.port())).unwrap();
        let redirect = pages.join("/oidc/callback").unwrap();
        let provider = Provider::start(0, redirect.as_str()).await;
        let identity = Identity::new(&config(&provider.issuer), &pages).unwrap();
        let settings = WebSettings {
            public_url: pages.clone(),
            ssh_host: "localhost".to_owned(),
            ssh_port: 22,
            notice: None,
        };
        let shutdown = CancellationToken::new();
        let routes = router(settings, identity.clone());
        tokio::spawn(serve(listener, TlsMode::Plain, routes, shutdown.clone()));
        Self {
            provider,
            identity,
            pages,
            _pages: shutdown.drop_guard(),
        }
    }

    pub(super) async fn begin(&self) -> SignIn {
        self.try_begin()
            .await
            .unwrap_or_else(|error| panic!("{error}"))
    }

    pub(super) async fn try_begin(&self) -> Result<SignIn, IdentityError> {
        let key = KeyFingerprint::new(KEY.to_owned());
        self.identity.begin(key, source(), Timestamp::now()).await
    }

    /// Confirms the code on our page; gives the cookie and the provider's page.
    pub(super) async fn confirm(&self, sign_in: &SignIn) -> (String, String) {
        let link = word_after(sign_in.instructions(), "Sign in:");
        let page = self.provider.http.get(&link).send().await.unwrap();
        let cookie = page.headers()[SET_COOKIE].to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let html = page.text().await.unwrap();
        assert!(html.contains(KEY) && html.contains("192.0.2.9"), "{html}");
        let (_, rest) = html.split_once("name=\"confirmation\" value=\"").unwrap();
        let confirmation = rest.split('"').next().unwrap();
        let form = [("confirmation", confirmation)];
        let post = self
            .provider
            .http
            .post(&link)
            .header("cookie", &cookie)
            .form(&form);
        let sent = post.send().await.unwrap();
        assert_eq!(sent.status(), 303);
        let provider = sent.headers()[LOCATION].to_str().unwrap().to_owned();
        (cookie, provider)
    }

    pub(super) async fn return_to_us(&self, location: &str, cookie: &str) -> (u16, String) {
        assert!(location.starts_with(self.pages.as_str()), "{location}");
        let get = self.provider.http.get(location).header("cookie", cookie);
        let page = get.send().await.unwrap();
        (page.status().as_u16(), page.text().await.unwrap())
    }

    /// The whole way through the browser; what the last page and the terminal say.
    pub(super) async fn browse(&self, user: &str, more: &[&str]) -> ((u16, String), Progress) {
        let mut sign_in = self.begin().await;
        let (cookie, provider) = self.confirm(&sign_in).await;
        let arguments = [&["--user", user][..], more, &[&provider]].concat();
        let person = self.provider.person(&arguments).await;
        let location = person["location"]
            .as_str()
            .unwrap_or_else(|| panic!("{person}"));
        let page = self.return_to_us(location, &cookie).await;
        (page, sign_in.wait(Duration::from_secs(5)).await)
    }

    /// The same, when it has to fail: the page and the terminal must say so alike.
    pub(super) async fn refused(&self, user: &str) -> IdentityError {
        let ((status, page), progress) = self.browse(user, &[]).await;
        let Progress::Failed(error) = progress else {
            panic!("{user} got in: {progress:?}");
        };
        assert!((400..600).contains(&status), "{status}: {page}");
        assert!(!page.contains("You are signed in"), "{page}");
        error
    }
}

pub(super) fn source() -> IpAddr {
    IpAddr::from([192, 0, 2, 9])
}

pub(super) fn word_after(text: &str, mark: &str) -> String {
    let (_, rest) = text
        .split_once(mark)
        .unwrap_or_else(|| panic!("no `{mark}` in {text}"));
    rest.split_whitespace().next().unwrap().to_owned()
}

pub(super) async fn ended(sign_in: &mut SignIn) -> Progress {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        let progress = sign_in.wait(Duration::from_secs(1)).await;
        if !matches!(progress, Progress::Waiting) {
            return progress;
        }
    }
    panic!("the sign-in did not end");
}

pub(super) fn signed_in(progress: Progress) -> VerifiedIdentity {
    match progress {
        Progress::Done(identity) => identity,
        Progress::Waiting | Progress::Failed(_) => panic!("not signed in: {progress:?}"),
    }
}

pub(super) fn failed(progress: Progress) -> IdentityError {
    match progress {
        Progress::Failed(error) => error,
        Progress::Waiting | Progress::Done(_) => panic!("not refused: {progress:?}"),
    }
}

pub(super) fn groups(identity: &VerifiedIdentity) -> Vec<&str> {
    identity
        .principal()
        .groups
        .iter()
        .map(GroupName::as_str)
        .collect()
}
