//! A target: the real `sshd` of OpenSSH, for the account that runs the tests.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use tempfile::TempDir;

use super::process::{Running, run};
use super::{PATIENCE, eventually, free_port};

/// The prompt of interactive shells on the target.
pub(crate) const PROMPT: &str = "target$ ";

/// See [`login`].
const ACCOUNT: &str = "countersign-test";

/// Replaces what the test changes of the system's files by copies, in a mount namespace of its own, and becomes sshd.
const HOST: &str = r#"set -eu
hostname "$2"
cp -a /etc/pam.d "$1/pam.d"
mount --bind "$1/pam.d" /etc/pam.d
mount --bind "$1/ssh" /etc/ssh
mount --bind "$1/sudoers.d" /etc/sudoers.d
mount --bind "$1/hosts" /etc/hosts
mount -t tmpfs -o mode=755 none /run
mkdir -p /run/sshd /run/sudo
chmod 0440 /etc/sudoers.d/account
exec /usr/sbin/sshd -D -e
"#;

/// A running `sshd` that lets in whom a user CA certifies, and nobody else.
///
/// Sessions there have a home folder of the test's own and look for programs in [`Sshd::stand_in`]'s first.
pub(crate) struct Sshd {
    port: u16,
    host_key: String,
    folder: TempDir,
    server: Running,
}

impl Sshd {
    /// Starts one that trusts `user_ca` (one public key line).
    pub(crate) fn start(user_ca: &str) -> Self {
        Self::with_shell(user_ca, "/bin/bash")
    }

    /// Starts one whose account seems to have another login shell. `ash` is that of busybox.
    pub(crate) fn with_shell(user_ca: &str, shell: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (port, at) = (free_port(), folder.path());
        make_key(&at.join("host_key"));
        fs::write(at.join("user_ca.pub"), format!("{}\n", user_ca.trim())).unwrap();
        fs::create_dir(at.join("bin")).unwrap();
        fs::create_dir(at.join("home")).unwrap();
        // The account may be another one than ours.
        fs::set_permissions(at, fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(at.join("home"), fs::Permissions::from_mode(0o777)).unwrap();
        std::os::unix::fs::symlink("/bin/busybox", at.join("bin/ash")).unwrap();
        let shell = match shell {
            "ash" => &format!("{}/bin/ash", at.display()),
            other => other,
        };
        write_profiles(&at.join("home"));
        fs::write(at.join("sshd_config"), configuration(at, port, shell)).unwrap();
        let privilege_separation = Path::new("/run/sshd");
        if login() == ACCOUNT {
            fs::create_dir_all(privilege_separation).unwrap();
        }
        let mut command = Command::new("/usr/sbin/sshd");
        command.args(["-D", "-e", "-f"]).arg(at.join("sshd_config"));
        Self::listening(folder, port, &mut command)
    }

    /// Starts one whose files are there.
    fn listening(folder: TempDir, port: u16, command: &mut Command) -> Self {
        let at = folder.path();
        let mut server = Running::start(command);
        server.wait_for_stderr(&format!("Server listening on 127.0.0.1 port {port}"));
        Self {
            port,
            host_key: fs::read_to_string(at.join("host_key.pub")).unwrap(),
            folder,
            server,
        }
    }

    /// Starts one with the system's own files around it replaced by copies, on a host of that name, as long as it runs.
    /// It trusts nobody before [`Sshd::set_up`]; its login may ask sudo for anything.
    pub(crate) fn on_host(name: &str) -> Self {
        assert_eq!(
            login(),
            ACCOUNT,
            "sudo is tested as root: another login's rights are needed"
        );
        let folder = tempfile::tempdir().unwrap();
        let (port, at) = (free_port(), folder.path());
        make_key(&at.join("host_key"));
        for folder in ["bin", "home", "ssh/sshd_config.d", "sudoers.d"] {
            fs::create_dir_all(at.join(folder)).unwrap();
        }
        fs::set_permissions(at, fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(at.join("home"), fs::Permissions::from_mode(0o777)).unwrap();
        write_profiles(&at.join("home"));
        let trusted = format!("TrustedUserCAKeys {}/user_ca.pub\n", at.display());
        let configuration = configuration(at, port, "/bin/bash").replace(&trusted, "");
        let configuration = format!("Include /etc/ssh/sshd_config.d/*.conf\n{configuration}");
        fs::write(at.join("ssh/sshd_config"), configuration).unwrap();
        let rule = format!("{ACCOUNT} ALL=(ALL:ALL) ALL\n");
        fs::write(at.join("sudoers.d/account"), rule).unwrap();
        fs::write(at.join("hosts"), format!("127.0.0.1 localhost {name}\n")).unwrap();
        fs::create_dir_all("/run/sshd").unwrap();
        let mut command = Command::new("unshare");
        command.args([
            "--mount",
            "--uts",
            "--propagation",
            "private",
            "sh",
            "-c",
            HOST,
            "sh",
        ]);
        command.arg(at).arg(name);
        Self::listening(folder, port, &mut command)
    }

    /// Runs a script as root on its host, and has it read its configuration anew.
    pub(crate) fn set_up(&self, script: &str) {
        let mut shell = self.as_root("cat >/run/setup.sh && sh -eu /run/setup.sh");
        let mut shell = Running::start(&mut shell);
        shell.write(script.as_bytes());
        shell.finish().expect_success();
        self.reload();
    }

    /// A command of root's on its host.
    pub(crate) fn as_root(&self, script: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args([
            "--mount",
            "--uts",
            "--target",
            &self.server.id().to_string(),
        ]);
        command.args(["sh", "-c", script]);
        command
    }

    /// Gives its host key a certificate by `ca`, with more options for `ssh-keygen`, and lets it read that.
    pub(crate) fn certify(&self, ca: &Path, options: &[&str]) {
        let at = self.folder.path();
        let mut keygen = Command::new("ssh-keygen");
        keygen
            .args(["-q", "-h", "-I", "host", "-s"])
            .arg(ca)
            .args(options);
        run(keygen.arg(at.join("host_key.pub"))).expect_success();
        let certificate = format!("HostCertificate {}/host_key-cert.pub\n", at.display());
        self.configure_anew(|text| text + &certificate);
    }

    /// Has it read another configuration.
    pub(crate) fn configure_anew(&self, change: impl FnOnce(String) -> String) {
        // A host of its own has it where the system has.
        let files = ["ssh/sshd_config", "sshd_config"].map(|name| self.folder.path().join(name));
        let file = files.into_iter().find(|file| file.exists()).unwrap();
        let text = change(fs::read_to_string(&file).unwrap());
        fs::write(&file, text).unwrap();
        self.reload();
    }

    /// Has it read its configuration anew.
    pub(crate) fn reload(&self) {
        let listening = format!("Server listening on 127.0.0.1 port {}", self.port);
        let started = || self.log().matches(&listening).count();
        let before = started();
        self.server.signal("HUP");
        let again = || (started() > before).then_some(());
        eventually(PATIENCE, again).expect("sshd starts again");
    }

    /// Where it listens, on loopback.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Its public host key, one line.
    pub(crate) fn host_key(&self) -> &str {
        self.host_key.trim()
    }

    /// Connections to it that are open, or closed by one side only.
    pub(crate) fn connections(&self) -> usize {
        const ESTABLISHED: &str = "01";
        const CLOSE_WAIT: &str = "08";
        let ours = format!(":{:04X}", self.port);
        let table = fs::read_to_string("/proc/net/tcp").unwrap();
        let open = |line: &&str| {
            let mut words = line.split_whitespace().skip(1);
            let (local, _, state) = (words.next(), words.next(), words.next());
            local.is_some_and(|it| it.ends_with(&ours))
                && state.is_some_and(|it| [ESTABLISHED, CLOSE_WAIT].contains(&it))
        };
        table.lines().filter(open).count()
    }

    /// What it logged so far.
    pub(crate) fn log(&self) -> String {
        self.server.stderr()
    }

    /// Waits until it logged `text`, which it does after its client has heard of it, and gives all of the log.
    pub(crate) fn wait_for_log(&self, text: &str) -> String {
        let logged = || Some(self.log()).filter(|log| log.contains(text));
        eventually(PATIENCE, logged)
            .unwrap_or_else(|| panic!("`{text}` is not in the log:\n{}", self.log()))
    }

    /// The home folder of its sessions.
    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// Puts a program of that name before those of the system.
    pub(crate) fn stand_in(&self, name: &str, script: &str) {
        let file = self.folder.path().join("bin").join(name);
        fs::write(&file, script).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Waits until a file that something on the target writes holds `text`.
    pub(crate) fn wait_for_file(&self, file: &Path, text: &str) {
        let holds = || fs::read_to_string(file).is_ok_and(|found| found.contains(text));
        let found = eventually(PATIENCE, || holds().then_some(()));
        assert!(found.is_some(), "{} never held `{text}`", file.display());
    }
}

/// The account that targets let people log in to: that of whoever runs the tests, the only one that an `sshd`
/// without root's rights can serve. Root's own is not like the others (policies hold whatever it does), so
/// root tests with an account that `tests/run` makes.
pub(crate) fn login() -> &'static str {
    static LOGIN: LazyLock<String> = LazyLock::new(|| {
        let name = run(Command::new("id").arg("-un")).expect_success().text();
        if name.trim() != "root" {
            return name.trim().to_owned();
        }
        let made = run(Command::new("id").arg(ACCOUNT)).status.success();
        assert!(made, "there is no account `{ACCOUNT}`: run `tests/run`");
        ACCOUNT.to_owned()
    });
    &LOGIN
}

/// Makes an Ed25519 key without a passphrase, `FILE` and `FILE.pub`.
pub(crate) fn make_key(file: &Path) {
    let mut keygen = Command::new("ssh-keygen");
    keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"]);
    run(keygen.arg(file)).expect_success();
}

/// The fingerprint of a public key as OpenSSH prints it.
pub(crate) fn fingerprint(file: &Path) -> String {
    let output = run(Command::new("ssh-keygen").args(["-l", "-f"]).arg(file));
    let text = output.expect_success().text();
    text.split(' ').nth(1).unwrap().to_owned()
}

/// Start files of every shell, which give it the [`PROMPT`] and keep it quiet.
fn write_profiles(home: &Path) {
    let files = [
        (
            ".bash_profile",
            // The account's own shell is bash: it gives way to the one that the account seems to have.
            "case $SHELL in */bash) ;; *) exec -l \"$SHELL\" ;; esac\ncd\nPS1='@'\nunset PROMPT_COMMAND HISTFILE\n",
        ),
        (
            ".zshrc",
            "cd\nexport LANG=C.UTF-8\nPROMPT='@'\nunset HISTFILE\nunsetopt prompt_sp\n",
        ),
        (".profile", "cd\nexport LANG=C.UTF-8\nPS1='@'\n"),
        (
            ".config/fish/config.fish",
            "cd\nfunction fish_prompt; printf '@'; end\nfunction fish_title; end\nset -g fish_greeting\n",
        ),
        (".hushlogin", ""),
    ];
    for (name, text) in files {
        let file = home.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text.replace('@', PROMPT)).unwrap();
    }
    // Fish keeps things there.
    for folder in [".config", ".config/fish", ".local", ".local/share"] {
        fs::create_dir_all(home.join(folder)).unwrap();
        let open = fs::Permissions::from_mode(0o777);
        fs::set_permissions(home.join(folder), open).unwrap();
    }
}

fn configuration(at: &Path, port: u16, shell: &str) -> String {
    let at = at.display();
    format!(
        "ListenAddress 127.0.0.1:{port}
HostKey {at}/host_key
TrustedUserCAKeys {at}/user_ca.pub
AuthorizedKeysFile none
AuthenticationMethods publickey
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
UsePAM no
StrictModes no
UseDNS no
PidFile none
PrintMotd no
PrintLastLog no
LogLevel VERBOSE
AllowTcpForwarding yes
AllowAgentForwarding yes
MaxSessions 100
AcceptEnv LANG LC_* COUNTERSIGN_TEST_*
SetEnv PATH={at}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME={at}/home HISTFILE=/dev/null SHELL={shell}
Subsystem sftp internal-sftp
"
    )
}
