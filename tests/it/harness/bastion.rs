//! The bastion: the built program with a configuration of its own.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::idp::{CLIENT_SECRET, Idp};
use super::process::{Output, Running, run, script};
use super::sshd::{Sshd, fingerprint, login};
use super::{PATIENCE, eventually, free_port};

/// Where the identity provider sends browsers back to.
pub(crate) const CALLBACK: &str = "/oidc/callback";

/// What tests change of the usual configuration.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// `[identity] method`.
    pub(crate) method: &'static str,
    /// `[web] tls`.
    pub(crate) tls: &'static str,
    /// `[node] drain`.
    pub(crate) drain: &'static str,
    /// More lines for `[ssh]`.
    pub(crate) ssh: &'static str,
    /// More lines for `[identity]`.
    pub(crate) identity: &'static str,
    /// More lines for each `[[targets]]`.
    pub(crate) targets: &'static str,
    /// The login shell of the targets' account.
    pub(crate) shell: &'static str,
    /// The name of a host of its own for the targets, where the test changes the system's files; their shell is bash then.
    pub(crate) host: Option<&'static str>,
    /// Cedar text instead of the policies that come with Countersign.
    pub(crate) policy: Option<&'static str>,
    /// URL of the store instead of an SQLite file.
    pub(crate) store: Option<String>,
    /// What it logs beside the usual, as `RUST_LOG` says it.
    pub(crate) log: Option<&'static str>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            method: "browser",
            tls: "loopback",
            drain: "2s",
            ssh: "",
            identity: "",
            targets: "",
            shell: "/bin/bash",
            host: None,
            policy: None,
            store: None,
            log: None,
        }
    }
}

/// A host that the bastion is told of.
pub(crate) struct TargetHost<'a> {
    pub(crate) name: &'a str,
    pub(crate) environment: &'a str,
    pub(crate) layers: &'a [&'a str],
    pub(crate) sshd: &'a Sshd,
}

/// A bastion whose files and keys are there, and which serves once it was started.
pub(crate) struct Bastion {
    folder: TempDir,
    ssh_port: u16,
    web_port: u16,
    options: Options,
    server: Option<Running>,
}

impl Bastion {
    /// Chooses ports and a folder. Nothing runs yet: the identity provider has to know [`Bastion::callback`],
    /// the targets the CA.
    pub(crate) fn prepare(options: Options) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            ssh_port: free_port(),
            web_port: free_port(),
            options,
            server: None,
        }
    }

    /// The login shell that targets are to have.
    pub(crate) fn shell(&self) -> &'static str {
        self.options.shell
    }

    /// The host that targets are to be on.
    pub(crate) fn host(&self) -> Option<&'static str> {
        self.options.host
    }

    /// Writes the configuration, the policies and the client secret.
    pub(crate) fn configure(&self, idp: &Idp, targets: &[TargetHost<'_>]) {
        write_secret(&self.dir().join("client-secret"), CLIENT_SECRET);
        self.write_policies();
        fs::write(self.config(), self.configuration(idp, targets)).unwrap();
    }

    /// Makes the keys of its CA.
    pub(crate) fn make_keys(&self) {
        self.command(&["ca", "init"]).expect_success();
    }

    fn write_policies(&self) {
        let folder = self.dir().join("policy");
        fs::create_dir_all(&folder).unwrap();
        if let Some(text) = self.options.policy {
            fs::write(folder.join("test.cedar"), text).unwrap();
            return;
        }
        let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/policy");
        for file in fs::read_dir(&ours).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), folder.join(file.file_name())).unwrap();
        }
    }

    fn configuration(&self, idp: &Idp, targets: &[TargetHost<'_>]) -> String {
        let (ssh, web, issuer) = (self.ssh_port, self.web_port, idp.issuer());
        let Options {
            method,
            tls,
            drain,
            ssh: more,
            identity,
            ..
        } = &self.options;
        let public_url = self.public_url();
        let mut text = format!(
            "[node]\nname = \"n1\"\ndata = \"data\"\ndrain = \"{drain}\"\n
[ssh]\nlisten = [\"127.0.0.1:{ssh}\"]\npublic_host = \"127.0.0.1\"\n{more}\n
[web]\nlisten = \"127.0.0.1:{web}\"\npublic_url = \"{public_url}\"\ntls = \"{tls}\"\n
[identity]\nissuer = \"{issuer}\"\nclient_id = \"countersign\"\nclient_secret_file = \"client-secret\"
scopes = [\"profile\", \"email\", \"groups\"]\nmethod = \"{method}\"\n{identity}\n
[policy]\nfolder = \"policy\"\n"
        );
        if let Some(url) = &self.options.store {
            write_secret(&self.dir().join("store-url"), url);
            text.push_str("\n[store]\nurl_file = \"store-url\"\n");
        }
        for target in targets {
            let TargetHost {
                name,
                environment,
                layers,
                sshd,
            } = target;
            let (port, key, login) = (sshd.port(), sshd.host_key(), login());
            let more = self.options.targets;
            write!(
                text,
                "\n[[targets]]\nname = \"{name}\"\naddress = \"127.0.0.1\"\nport = {port}
logins = [\"{login}\"]\nlabels = {{ env = \"{environment}\" }}\nlayers = {layers:?}
host_keys = [\"{key}\"]\n{more}\n"
            )
            .unwrap();
        }
        text
    }

    /// Serves, and waits until it does.
    pub(crate) fn serve(&mut self) {
        let mut server = Running::start(&mut self.program(&["serve"]));
        server.wait_for_stdout("ready ");
        self.server = Some(server);
    }

    /// Serves, with no file of its own longer than so many KiB; a write beyond fails, as on a full disk.
    pub(crate) fn serve_with_file_limit(&mut self, kibibytes: u64) {
        let limited = format!("trap '' XFSZ; ulimit -f {kibibytes}; exec \"$@\"");
        let mut server = Running::start(&mut script(&limited, &self.program(&["serve"])));
        server.wait_for_stdout("ready ");
        self.server = Some(server);
    }

    /// A command of the program with this bastion's configuration, to its end.
    pub(crate) fn command(&self, words: &[&str]) -> Output {
        run(&mut self.program(words))
    }

    /// A command of the program with this bastion's configuration.
    pub(crate) fn program(&self, words: &[&str]) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_countersign"));
        program.args(words).arg("--config").arg(self.config());
        if let Some(log) = self.options.log {
            program.env("RUST_LOG", log);
        }
        program
    }

    /// Its folder: configuration, policies, data.
    pub(crate) fn dir(&self) -> &Path {
        self.folder.path()
    }

    /// Its configuration file.
    pub(crate) fn config(&self) -> PathBuf {
        self.dir().join("countersign.toml")
    }

    /// Where it listens for SSH, on loopback.
    pub(crate) fn ssh_port(&self) -> u16 {
        self.ssh_port
    }

    /// The address of its pages.
    pub(crate) fn public_url(&self) -> String {
        let scheme = match self.options.tls {
            "loopback" => "http",
            _ => "https",
        };
        format!("{scheme}://127.0.0.1:{}", self.web_port)
    }

    /// Where the identity provider sends browsers back to.
    pub(crate) fn callback(&self) -> String {
        self.public_url() + CALLBACK
    }

    /// The public key of its user CA, one line.
    pub(crate) fn user_ca(&self) -> String {
        let output = self.command(&["ca", "show", "user"]).expect_success();
        output.text().trim().to_owned()
    }

    /// The public key of its host CA, one line.
    pub(crate) fn host_ca(&self) -> String {
        let output = self.command(&["ca", "show", "host"]).expect_success();
        output.text().trim().to_owned()
    }

    /// The public host key of its SSH side, one line, for clients that know no host CA.
    pub(crate) fn host_key(&self) -> String {
        let text = fs::read_to_string(self.host_key_file()).unwrap();
        text.trim().to_owned()
    }

    /// The fingerprint of that key as OpenSSH and PuTTY print it.
    pub(crate) fn host_fingerprint(&self) -> String {
        fingerprint(&self.host_key_file())
    }

    fn host_key_file(&self) -> PathBuf {
        self.dir().join("data/keys/ssh_host_ed25519_key.pub")
    }

    /// Bytes of memory that it has filled, without what of its program the system keeps in memory and shares.
    pub(crate) fn memory(&self) -> u64 {
        let file = format!("/proc/{}/smaps_rollup", self.serving().id());
        let text = fs::read_to_string(file).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("Pss_Anon:"));
        let kibibytes = line.unwrap().trim().trim_end_matches(" kB");
        kibibytes.parse::<u64>().unwrap() * 1024
    }

    /// What it logged so far.
    pub(crate) fn log(&self) -> String {
        self.serving().stderr()
    }

    fn serving(&self) -> &Running {
        self.server.as_ref().expect("the bastion does not serve")
    }

    /// Asks it to read its configuration and policies again.
    pub(crate) fn reload(&self) {
        self.serving().signal("HUP");
    }

    /// Asks it to end, without waiting.
    pub(crate) fn terminate(&self) {
        self.serving().signal("TERM");
    }

    /// Asks it to end and waits until it did.
    pub(crate) fn stop(&mut self) -> Output {
        self.terminate();
        self.server.take().unwrap().finish()
    }

    /// Ends it as a failing machine does.
    pub(crate) fn kill(&mut self) {
        let server = self.server.take().expect("the bastion does not serve");
        server.signal("KILL");
        server.finish().expect_failure();
    }

    /// Every record of its audit.
    pub(crate) fn audit_export(&self) -> Vec<Value> {
        let output = self.command(&["audit", "export"]).expect_success();
        let text = output.text();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The events of its audit, such as `held`.
    pub(crate) fn events(&self, name: &str) -> Vec<Value> {
        let events = self
            .audit_export()
            .into_iter()
            .map(|record| record["event"].clone());
        events.filter(|event| event["event"] == name).collect()
    }

    /// Waits for an event of its audit.
    pub(crate) fn wait_for_event(&self, name: &str) -> Value {
        let event = eventually(PATIENCE, || self.events(name).pop());
        event.unwrap_or_else(|| panic!("no `{name}` in the audit\n{}", self.log()))
    }

    /// Its recordings, in order of their names.
    pub(crate) fn recordings(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.dir().join("data/recordings")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => folders.push(path),
                    false if path.extension().is_some_and(|it| it == "cast") => found.push(path),
                    false => {}
                }
            }
        }
        found.sort();
        found
    }
}

fn write_secret(file: &Path, secret: &str) {
    fs::write(file, secret).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
}
