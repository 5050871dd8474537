//! The identity provider of the tests: a real OpenID provider with users, a control API and faults.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::http::Http;
use super::process::{Running, run};

/// The client secret that the provider knows.
pub(crate) const CLIENT_SECRET: &str = "countersign-test-secret";

/// A running identity provider; see `tests/idp/README.md` for its users and faults.
pub(crate) struct Idp {
    issuer: String,
    http: Http,
    _server: Running,
}

impl Idp {
    /// Starts one that sends people back to `redirect_uri`.
    pub(crate) fn start(redirect_uri: &str) -> Self {
        let mut server =
            Running::start(Command::new("node").arg(folder().join("server.mjs")).args([
                "--port",
                "0",
                "--redirect-uri",
                redirect_uri,
            ]));
        let said = server.wait_for_stdout("ready http");
        let issuer = said.lines().find_map(|line| line.strip_prefix("ready "));
        Self {
            issuer: issuer.unwrap().to_owned(),
            http: Http::new(),
            _server: server,
        }
    }

    /// Its issuer.
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Adds to the faults in force.
    pub(crate) fn fault(&self, faults: &Value) {
        self.control("POST", "faults", faults);
    }

    /// Changes its settings.
    pub(crate) fn config(&self, settings: &Value) {
        self.control("POST", "config", settings);
    }

    /// Changes or adds a user.
    pub(crate) fn user(&self, name: &str, fields: &Value) {
        self.control("POST", &format!("users/{name}"), fields);
    }

    /// The requests it has seen.
    pub(crate) fn log(&self) -> Vec<Value> {
        let log = self.control("GET", "log", &Value::Null);
        log.as_array().unwrap().clone()
    }

    fn control(&self, method: &str, what: &str, body: &Value) -> Value {
        let url = format!("{}/_test/{what}", self.issuer);
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let reply = self.http.send(method, &url, &[], &body);
        assert_eq!(reply.status, 200, "{reply:?}");
        serde_json::from_str(&reply.body).unwrap()
    }

    /// Does at the provider's own pages what a person does there, and tells what came of it: `outcome` is
    /// `redirect` (with `location`), `device-approved`, `device-denied` or `error`.
    pub(crate) fn visit(&self, user: &str, url: &str, options: &[&str]) -> Value {
        let login = folder().join("login.mjs");
        let mut command = Command::new("node");
        command.arg(login).args(["--user", user]).args(options);
        let output = run(command.arg(url));
        output.json()
    }
}

fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/idp");
    assert!(
        folder.join("node_modules").exists(),
        "the identity provider is not installed: run `tests/run`, or `npm ci` in tests/idp"
    );
    folder
}
