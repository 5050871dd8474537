//! A person at their own machine: a home folder with a key, and stock `ssh`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::bastion::Bastion;
use super::browser::Browser;
use super::idp::Idp;
use super::process::{Output, Running, run};
use super::sshd::{fingerprint, login, make_key};
use super::terminal::Terminal;

/// The last words that the terminal shows to somebody who has to sign in.
pub(crate) const INSTRUCTIONS_END: &str = "valid for";

/// How a requester is told that something waits for others.
pub(crate) const HELD: &str = "countersign: held h-";

/// Somebody whom the identity provider knows by this name.
pub(crate) struct Person {
    name: &'static str,
    home: TempDir,
}

impl Person {
    /// A person with a new key, a `known_hosts` that trusts the bastion's host CA, and an `ssh_config`.
    pub(crate) fn new(bastion: &Bastion, name: &'static str) -> Self {
        let home = tempfile::tempdir().unwrap();
        make_key(&home.path().join("id_ed25519"));
        let known_hosts = format!("@cert-authority * {}\n", bastion.host_ca());
        fs::write(home.path().join("known_hosts"), known_hosts).unwrap();
        let config = configuration(home.path(), bastion.ssh_port(), name);
        fs::write(home.path().join("ssh_config"), config).unwrap();
        Self { name, home }
    }

    /// Their home folder.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// The certificate that stock `ssh` offers with their key, when the file is there.
    pub(crate) fn certificate_file(&self) -> PathBuf {
        self.home().join("id_ed25519-cert.pub")
    }

    /// The fingerprint of their key as OpenSSH prints it.
    pub(crate) fn fingerprint(&self) -> String {
        fingerprint(&self.home().join("id_ed25519.pub"))
    }

    /// A program of OpenSSH (`ssh`, `sftp`, `scp`) with this person's configuration.
    pub(crate) fn program(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.arg("-F").arg(self.home().join("ssh_config"));
        command.args(arguments).current_dir(self.home());
        self.environment(&mut command);
        command
    }

    /// Lets programs that start `ssh` themselves (git, rsync) use this person's configuration.
    pub(crate) fn environment(&self, command: &mut Command) {
        let ssh = format!("ssh -F {}", self.home().join("ssh_config").display());
        command.env("GIT_SSH_COMMAND", &ssh).env("RSYNC_RSH", &ssh);
        command.env("HOME", self.home()).env_remove("SSH_AUTH_SOCK");
    }

    /// `ssh ARGUMENTS`, to its end. It may not ask: who has not signed in is refused.
    pub(crate) fn ssh(&self, arguments: &[&str]) -> Output {
        self.spawn_ssh(arguments).finish()
    }

    /// `ssh ARGUMENTS`, while it runs.
    pub(crate) fn spawn_ssh(&self, arguments: &[&str]) -> Running {
        Running::start(&mut self.program("ssh", arguments))
    }

    /// `ssh ARGUMENTS` in a terminal of that size.
    pub(crate) fn terminal(&self, columns: u16, rows: u16, arguments: &[&str]) -> Terminal {
        Terminal::start(columns, rows, &self.program("ssh", arguments))
    }

    /// Signs in through the browser, to the end, and checks that the bastion knows who it is.
    pub(crate) fn sign_in(&self, idp: &Idp) {
        let mut ssh = self.ask_to_sign_in();
        let link = wait_for_link(&mut ssh);
        let page = Browser::new(idp).sign_in(&link, self.name);
        assert_eq!(page.status, 200, "{page:?}");
        let output = ssh.finish().expect_success();
        assert!(output.text().contains(self.name), "{output}");
    }

    /// `ssh bastion whoami`, waiting for its user to sign in.
    pub(crate) fn ask_to_sign_in(&self) -> Running {
        let arguments = ["-o", "BatchMode=no", "bastion", "whoami"];
        Running::start(&mut self.program("ssh", &arguments))
    }

    /// Fails unless the command succeeds; for steps that are not what a test is about.
    pub(crate) fn run(&self, command: &mut Command) -> Output {
        self.environment(command);
        run(command.current_dir(self.home())).expect_success()
    }
}

/// Waits for the link that the terminal shows to somebody who has to sign in.
pub(crate) fn wait_for_link(ssh: &mut Running) -> String {
    let shown = ssh.wait_for_stderr(INSTRUCTIONS_END);
    let mut words = shown.split_whitespace();
    let link = words.rfind(|word| word.contains("/login/"));
    link.unwrap_or_else(|| panic!("no link in:\n{shown}"))
        .to_owned()
}

/// Waits until a command was held, as its user is told on standard error; gives the request's id.
pub(crate) fn wait_until_held(command: &mut Running) -> String {
    command.wait_until(HELD, |running| hold_id(&running.stderr()))
}

/// The id of the last request that a terminal or standard error tells of, once it is all there.
pub(crate) fn hold_id(shown: &str) -> Option<String> {
    let (_, rest) = shown.rsplit_once(HELD)?;
    let (id, _) = rest.split_once(':')?;
    Some(format!("h-{id}"))
}

fn configuration(home: &Path, port: u16, name: &str) -> String {
    let (home, login) = (home.display(), login());
    format!(
        "Host bastion
  HostName 127.0.0.1
  Port {port}
  User {name}

Host db1 web1
  User {login}
  ProxyJump bastion

Host *
  IdentityFile {home}/id_ed25519
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile {home}/known_hosts
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  ControlMaster no
  BatchMode yes
"
    )
}
