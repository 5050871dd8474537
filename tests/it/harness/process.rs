//! A child process whose output can be read while it runs, and which ends with its owner.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{PATIENCE, eventually};

/// A running child. Killed by its own process id when dropped.
pub(crate) struct Running {
    what: String,
    child: Child,
    stdin: Option<ChildStdin>,
    unread: Option<ChildStdout>,
    stdout: Stream,
    stderr: Stream,
}

/// What a child left when it had ended.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) what: String,
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

/// Runs to the end within the usual time, with an empty standard input.
pub(crate) fn run(command: &mut Command) -> Output {
    Running::start(command).finish()
}

/// A bash script in which `"$@"` is the command, with its folder and environment.
pub(crate) fn script(text: &str, command: &Command) -> Command {
    let mut bash = Command::new("bash");
    bash.args(["-c", text, "bash"]).arg(command.get_program());
    bash.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => bash.env(name, value),
            None => bash.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        bash.current_dir(folder);
    }
    bash
}

impl Running {
    /// Starts with all three streams connected to the test.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut running = Self::start_unread(command);
        running.read();
        running
    }

    /// Starts like [`Running::start`], but nobody reads its standard output before [`Running::read`].
    pub(crate) fn start_unread(command: &mut Command) -> Self {
        let what = format!("{command:?}");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {what}: {error}"));
        let stdin = child.stdin.take();
        let unread = child.stdout.take();
        let stderr = Stream::collect(child.stderr.take().unwrap());
        Self {
            what,
            child,
            stdin,
            unread,
            stdout: Stream::default(),
            stderr,
        }
    }

    /// From now on standard output is read.
    pub(crate) fn read(&mut self) {
        if let Some(unread) = self.unread.take() {
            self.stdout = Stream::collect(unread);
        }
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What was written to standard output so far.
    pub(crate) fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// What was written to standard error so far.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Waits until standard output holds `text`; gives all of it.
    pub(crate) fn wait_for_stdout(&mut self, text: &str) -> String {
        self.wait_for(text, |running| running.stdout.text())
    }

    /// Waits until standard error holds `text`; gives all of it.
    pub(crate) fn wait_for_stderr(&mut self, text: &str) -> String {
        self.wait_for(text, |running| running.stderr.text())
    }

    fn wait_for(&mut self, text: &str, seen: impl Fn(&Self) -> String) -> String {
        self.wait_until(text, |running| {
            Some(seen(running)).filter(|seen| seen.contains(text))
        })
    }

    /// Waits until what it wrote holds something; `what` names that.
    pub(crate) fn wait_until<T>(&mut self, what: &str, find: impl Fn(&Self) -> Option<T>) -> T {
        let found = eventually(PATIENCE, || {
            let ended = self.child.try_wait().unwrap().is_some();
            if ended {
                self.stdout.drain();
                self.stderr.drain();
            }
            let found = find(self);
            (found.is_some() || ended).then_some(found)
        });
        match found {
            Some(Some(found)) => found,
            Some(None) => panic!("{} ended without `{what}`\n{}", self.what, self.seen()),
            None => panic!("{} never showed `{what}`\n{}", self.what, self.seen()),
        }
    }

    fn seen(&self) -> String {
        let (out, err) = (self.stdout(), self.stderr());
        format!("-- stdout\n{out}\n-- stderr\n{err}")
    }

    /// Writes to standard input.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        let stdin = self.stdin.as_mut().expect("standard input is closed");
        stdin.write_all(bytes).unwrap();
        stdin.flush().unwrap();
    }

    /// Closes standard input.
    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Whether it still runs.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Sends a signal, such as `INT`.
    pub(crate) fn signal(&self, name: &str) {
        let script = format!("kill -{name} {}", self.child.id());
        let sent = Command::new("sh").args(["-c", &script]).status().unwrap();
        assert!(sent.success(), "cannot signal {}", self.what);
    }

    /// Closes standard input and waits for the end.
    pub(crate) fn finish(self) -> Output {
        self.finish_within(PATIENCE)
    }

    /// Closes standard input and waits for the end, so long at the most.
    pub(crate) fn finish_within(mut self, within: Duration) -> Output {
        self.close_stdin();
        let status = eventually(within, || self.child.try_wait().unwrap());
        let Some(status) = status else {
            panic!(
                "{} did not end within {within:?}\n{}",
                self.what,
                self.seen()
            );
        };
        self.stdout.drain();
        self.stderr.drain();
        Output {
            what: self.what.clone(),
            status,
            stdout: self.stdout.bytes(),
            stderr: self.stderr.text(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Output {
    /// The exit status; a panic when it ended by a signal.
    pub(crate) fn code(&self) -> i32 {
        let code = self.status.code();
        code.unwrap_or_else(|| panic!("ended by a signal: {self}"))
    }

    /// Standard output as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard output as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.stdout)
            .unwrap_or_else(|error| panic!("no JSON on standard output: {error}\n{self}"))
    }

    /// Itself, when it ended with status 0.
    pub(crate) fn expect_success(self) -> Self {
        assert!(self.status.success(), "{self}");
        self
    }

    /// Itself, when it ended with another status than 0.
    pub(crate) fn expect_failure(self) -> Self {
        assert!(!self.status.success(), "{self}");
        self
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let out = self.text();
        let (what, status, err) = (&self.what, self.status, &self.stderr);
        write!(f, "{what}: {status}\n-- stdout\n{out}\n-- stderr\n{err}")
    }
}

/// One output stream, collected by a thread.
#[derive(Default)]
struct Stream {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Stream {
    fn collect(mut from: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&bytes);
        let reader = std::thread::spawn(move || {
            let mut chunk = vec![0; 64 * 1024];
            while let Ok(read @ 1..) = from.read(&mut chunk) {
                into.lock().unwrap().extend_from_slice(&chunk[..read]);
            }
        });
        let reader = Some(reader);
        Self { bytes, reader }
    }

    /// Waits for the rest of the output of a child that has ended; no longer than a moment, as one of its own
    /// children may still hold the pipe.
    fn drain(&mut self) {
        let Some(reader) = &self.reader else { return };
        let over = eventually(Duration::from_secs(2), || {
            reader.is_finished().then_some(())
        });
        if over.is_some()
            && let Some(reader) = self.reader.take()
        {
            reader.join().unwrap();
        }
    }

    fn bytes(&self) -> Vec<u8> {
        self.bytes.lock().unwrap().clone()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap()).into_owned()
    }
}
