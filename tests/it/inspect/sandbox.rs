//! A place where lines are really run by bash, with stand-ins for every tool of elevation that leave a mark.
//!
//! Only what the lines are made of is there: a few harmless programs. Each line has a folder of its own, so that a mark that
//! comes late is not taken for another line's.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

/// Most processes of all lines that run at once.
const PROCESSES: &str = "--nproc=300";
const FILE_SIZE: &str = "--fsize=1000000";
/// Runs a line for so long, and waits a little for what it left in the background.
const FIRST: &str = "/usr/bin/timeout -k 1 \"$1\" /bin/bash -c \"$2\"; n=0; \
    while kill -0 -1 2>/dev/null && [ \"$n\" -lt 20 ]; do /bin/sleep 0.05; n=$((n+1)); done";
/// How long one line may take. Some wait for input that never comes.
const SECONDS: &str = "4";
/// One: tests beside this one measure how soon something is answered.
const WORKERS: usize = 1;
const PROGRAMS: [&str; 31] = [
    "bash", "sh", "dash", "env", "nice", "nohup", "timeout", "xargs", "find", "cat", "echo",
    "printf", "true", "false", "tr", "rev", "base64", "awk", "sed", "setsid", "stdbuf", "tee",
    "ls", "head", "sort", "seq", "flock", "script", "id", "wc", "date",
];
/// The stand-ins.
pub(super) const TOOLS: [&str; 3] = ["sudo", "doas", "pkexec"];

pub(super) struct Sandbox {
    folder: tempfile::TempDir,
}

impl Sandbox {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let sandbox = Self { folder };
        let bin = sandbox.bin();
        fs::create_dir(&bin).unwrap();
        for program in PROGRAMS {
            let found = ["/usr/bin", "/bin"].map(|folder| Path::new(folder).join(program));
            let found = found.iter().find(|path| path.exists());
            symlink(
                found.unwrap_or_else(|| panic!("{program} is not installed")),
                bin.join(program),
            )
            .unwrap();
        }
        for tool in TOOLS {
            let file = bin.join(tool);
            // Called by any path, it marks the folder that it was called in.
            fs::write(
                &file,
                "#!/bin/sh\n: > ../marked 2>/dev/null || : > \"$MARK\"\n",
            )
            .unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        }
        sandbox
    }

    /// Where the programs are.
    pub(super) fn bin(&self) -> PathBuf {
        self.folder.path().join("bin")
    }

    /// Whether each line called a stand-in. The marks are looked for at the end: some come late.
    pub(super) fn run(&self, lines: &[String]) -> Vec<bool> {
        let share = lines.len().div_ceil(WORKERS).max(1);
        let marks: Vec<PathBuf> = thread::scope(|scope| {
            let all = |at: usize, lines: &[String]| {
                let numbered = lines.iter().enumerate();
                numbered
                    .map(|(number, line)| self.one(&format!("{at}-{number}"), line))
                    .collect::<Vec<PathBuf>>()
            };
            let shares = lines.chunks(share).enumerate();
            let workers: Vec<_> = shares
                .map(|(at, lines)| scope.spawn(move || all(at, lines)))
                .collect();
            let done = workers
                .into_iter()
                .flat_map(|worker| worker.join().unwrap());
            done.collect()
        });
        marks.iter().map(|mark| mark.exists()).collect()
    }

    /// Runs a line, and tells where its mark would be.
    fn one(&self, name: &str, line: &str) -> PathBuf {
        let folder = self.folder.path().join(name);
        let inside = folder.join("in");
        fs::create_dir_all(&inside).unwrap();
        fs::write(inside.join("file"), "one\n").unwrap();
        let mark = folder.join("marked");
        for folder in [&folder, &inside] {
            fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).unwrap();
        }
        // Its processes are a world of their own: they end with it, whatever groups they are in, and are only so many.
        Command::new("/usr/bin/unshare")
            .args(["--pid", "--fork", "--kill-child=KILL", "/usr/bin/setpriv"])
            .args([
                "--reuid=65534",
                "--regid=65534",
                "--clear-groups",
                "--no-new-privs",
            ])
            .args(["/usr/bin/prlimit", PROCESSES, FILE_SIZE])
            .args(["/bin/sh", "-c", FIRST, "first", SECONDS, line])
            .current_dir(&inside)
            .env_clear()
            .env("PATH", self.bin())
            .env("HOME", &inside)
            .env("MARK", &mark)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        mark
    }
}
