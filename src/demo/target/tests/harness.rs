//! A running target with its keys, and the real `ssh` to meet it.

use std::fs;
use std::path::PathBuf;
use std::process::{Output, Stdio};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::demo::target::*;

pub(super) const PATIENCE: Duration = Duration::from_secs(30);

pub(super) struct Harness {
    directory: tempfile::TempDir,
    pub(super) address: SocketAddr,
    pub(super) shutdown: CancellationToken,
    pub(super) server: JoinHandle<Result<(), TargetError>>,
}

impl Drop for Harness {
    fn drop(&mut self) {
        self.shutdown.cancel();
        self.server.abort();
    }
}

impl Harness {
    pub(super) async fn start() -> Self {
        Self::start_with(default_shell()).await
    }

    pub(super) async fn start_with(shell: PathBuf) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        for name in ["ca", "other-ca", "host", "key"] {
            keygen(&[
                "-q",
                "-t",
                "ed25519",
                "-N",
                "",
                "-f",
                at(name).to_str().unwrap(),
            ])
            .await;
        }
        let host = [
            "-s",
            at("ca").to_str().unwrap(),
            "-h",
            "-I",
            "host",
            "-n",
            "db1.prod",
            "-q",
        ]
        .map(str::to_owned);
        let host: Vec<&str> = host.iter().map(String::as_str).collect();
        keygen(&[host.as_slice(), &[at("host.pub").to_str().unwrap()]].concat()).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let text = |name: &str| fs::read_to_string(at(name)).unwrap();
        let settings = TargetSettings {
            name: "db1.prod".parse().unwrap(),
            host_key: PrivateKey::from_openssh(text("host")).unwrap(),
            host_certificate: Some(Certificate::from_openssh(&text("host-cert.pub")).unwrap()),
            user_ca: PublicKey::from_openssh(&text("ca.pub")).unwrap(),
            logins: ["deploy", "postgres"]
                .map(|login| login.parse().unwrap())
                .into(),
            folder: at("home"),
            shell,
        };
        let ca = text("ca.pub");
        fs::write(at("known_hosts"), format!("@cert-authority db1.prod {ca}")).unwrap();
        let shutdown = CancellationToken::new();
        let server = tokio::spawn(DemoTarget::serve(listener, settings, shutdown.clone()));
        Self {
            directory,
            address,
            shutdown,
            server,
        }
    }

    pub(super) fn path(&self, name: &str) -> String {
        self.directory
            .path()
            .join(name)
            .to_str()
            .unwrap()
            .to_owned()
    }

    /// A certificate for `key`, signed by `ca` with more arguments of `ssh-keygen`.
    pub(super) async fn certify(&self, ca: &str, arguments: &[&str]) {
        let (ca, key) = (self.path(ca), self.path("key.pub"));
        let signing = ["-q", "-s", &ca, "-I", "test"];
        keygen(&[signing.as_slice(), arguments, &[key.as_str()]].concat()).await;
    }

    pub(super) async fn certify_deploy(&self) {
        self.certify("ca", &["-n", "deploy", "-V", "-1m:+5m"]).await;
    }

    /// `ssh` with what lies in the directory and nothing else.
    pub(super) fn ssh(&self, options: &[&str], command: &[&str]) -> Command {
        let mut ssh = self.client("ssh", options);
        ssh.args(command);
        ssh
    }

    pub(super) fn client(&self, program: &str, options: &[&str]) -> Command {
        let (key, port) = (self.path("key"), self.address.port());
        let known_hosts = self.path("known_hosts");
        let mut client = Command::new(program);
        client
            .args(["-F", "/dev/null", "-i", &key, "-o", &format!("Port={port}")])
            .args(["-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes"])
            .args(["-o", "IdentityAgent=none", "-o", "LogLevel=ERROR"])
            .args([
                "-o",
                "HostKeyAlias=db1.prod",
                "-o",
                "StrictHostKeyChecking=yes",
            ])
            .args(["-o", &format!("UserKnownHostsFile={known_hosts}")])
            .args(["-o", "GlobalKnownHostsFile=/dev/null"])
            .args(options)
            .arg("deploy@127.0.0.1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        client
    }

    pub(super) async fn run(&self, options: &[&str], command: &[&str]) -> Output {
        timeout(PATIENCE, self.ssh(options, command).output())
            .await
            .unwrap()
            .unwrap()
    }

    pub(super) async fn with_input(&self, input: &[u8], command: &[&str]) -> Output {
        let mut ssh = self.ssh(&[], command);
        let mut child = ssh.stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let feed = async {
            // A command may end without having read everything.
            let _ = stdin.write_all(input).await;
            drop(stdin);
        };
        let both = async { tokio::join!(feed, child.wait_with_output()).1 };
        timeout(PATIENCE, both).await.unwrap().unwrap()
    }

    pub(super) async fn refused(&self) {
        let output = self.run(&[], &["echo", "in"]).await;
        assert_eq!(output.status.code(), Some(255), "{}", text(&output.stdout));
        assert!(
            text(&output.stderr).contains("Permission denied"),
            "{}",
            text(&output.stderr)
        );
        assert!(output.stdout.is_empty());
    }
}

/// A client that trusts the host: the real `ssh` checks it in the other tests.
pub(super) struct Trusting;

impl russh::client::Handler for Trusting {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        _key: &russh::keys::PublicKeyOrCertificate,
    ) -> Result<bool, russh::Error> {
        Ok(true)
    }
}

pub(super) async fn next_line(channel: &mut russh::Channel<russh::client::Msg>) -> String {
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        match timeout(PATIENCE, channel.wait()).await.unwrap() {
            Some(russh::ChannelMsg::Data { data }) => line.extend_from_slice(&data),
            Some(_) => {}
            None => panic!("the channel ended after {}", text(&line)),
        }
    }
    text(&line).trim_end().to_owned()
}

pub(super) async fn keygen(arguments: &[&str]) {
    let done = Command::new("ssh-keygen")
        .args(arguments)
        .output()
        .await
        .unwrap();
    assert!(
        done.status.success(),
        "{arguments:?}: {}",
        text(&done.stderr)
    );
}

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(super) async fn line_of(child: &mut Child) -> String {
    // Byte by byte: what comes behind the line is somebody else's to read.
    let stdout = child.stdout.as_mut().unwrap();
    let mut line = Vec::new();
    while line.last() != Some(&b'\n') {
        let byte = timeout(PATIENCE, stdout.read_u8()).await.unwrap().unwrap();
        line.push(byte);
    }
    text(&line).trim_end_matches('\n').to_owned()
}
