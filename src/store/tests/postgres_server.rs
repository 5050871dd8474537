//! A PostgreSQL server of a test's own: made when it is asked for, gone with its files when it is dropped.
//!
//! It needs nothing but the standard library and `tempfile`, so that other test binaries can take it by path.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// Where distributions put a version's programs.
const VERSIONS: &str = "/usr/lib/postgresql";

/// The account that runs the server when the tests run as root, which the server refuses to do.
const ACCOUNT: &str = "postgres";

/// The server.
pub(crate) struct PostgresServer {
    programs: PathBuf,
    folder: TempDir,
    account: Option<(u32, u32)>,
    port: u16,
}

impl PostgresServer {
    /// Starts one and waits until it answers.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let account = (id(&["-u"]) == 0).then(|| (id(&["-u", ACCOUNT]), id(&["-g", ACCOUNT])));
        if let Some((user, group)) = account {
            chown(folder.path(), Some(user), Some(group)).unwrap();
        }
        let server = Self {
            programs: newest_version(),
            folder,
            account,
            port: free_port(),
        };
        let options = format!(
            "-p {} -k {} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=50",
            server.port,
            server.folder.path().display(),
        );
        server.run(
            "initdb",
            &[
                "--no-sync",
                "-A",
                "trust",
                "-U",
                "countersign",
                "-E",
                "UTF8",
                "--locale=C",
            ],
        );
        server.run(
            "pg_ctl",
            &["start", "-w", "-l", &server.log(), "-o", &options],
        );
        server
    }

    /// Makes an empty database and gives its URL.
    pub(crate) fn database(&self, name: &str) -> String {
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        format!(
            "postgres://countersign:unused@127.0.0.1:{}/{name}",
            self.port
        )
    }

    /// Runs SQL as the owner of the server.
    pub(crate) fn sql(&self, database: &str, sql: &str) {
        let port = self.port.to_string();
        let output = Command::new(self.programs.join("psql"))
            .args([
                "-X",
                "-q",
                "-v",
                "ON_ERROR_STOP=1",
                "-h",
                "127.0.0.1",
                "-U",
                "countersign",
            ])
            .args(["-p", &port, "-d", database, "-c", sql])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    fn log(&self) -> String {
        self.folder.path().join("log").display().to_string()
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let status = self.command(program, arguments).status().unwrap();
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        assert!(status.success(), "{program}: {status}\n{log}");
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command
            .args(arguments)
            .arg("-D")
            .arg(self.folder.path().join("data"))
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        if let Some((user, group)) = self.account {
            command.uid(user).gid(group);
        }
        command
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        // Not asserted: a panic here would hide the test's own. A server that never started has nothing to stop.
        let _stopped = self
            .command("pg_ctl", &["stop", "-w", "-m", "immediate"])
            .status();
    }
}

fn newest_version() -> PathBuf {
    let versions = fs::read_dir(VERSIONS).unwrap_or_else(|error| {
        panic!("the tests need a PostgreSQL server under {VERSIONS}: {error}")
    });
    let programs = versions.map(|version| version.unwrap().path().join("bin"));
    programs
        .filter(|programs| programs.join("initdb").exists())
        .max_by_key(|programs| number(programs))
        .unwrap_or_else(|| panic!("the tests need a PostgreSQL server under {VERSIONS}"))
}

fn number(programs: &Path) -> u32 {
    let version = programs.parent().and_then(Path::file_name);
    version
        .and_then(|version| version.to_str()?.parse().ok())
        .unwrap_or(0)
}

fn id(arguments: &[&str]) -> u32 {
    let output = Command::new("id").args(arguments).output().unwrap();
    assert!(output.status.success(), "there is no account {ACCOUNT}");
    String::from_utf8(output.stdout)
        .unwrap()
        .trim()
        .parse()
        .unwrap()
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
