//! A terminal of a given size, which is tmux: keys go in, the screen comes out.

use std::ffi::OsStr;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use super::process::run;
use super::{PATIENCE, eventually};

/// A terminal that runs one command. Its tmux server ends when it is dropped.
pub(crate) struct Terminal {
    socket: String,
}

/// How a terminal sends a paste on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Paste {
    /// As if it were typed: line ends become Enter.
    AsTyped,
    /// Between the marks that the program asked for.
    Bracketed,
}

impl Terminal {
    /// Runs a command in a terminal of that size; the terminal stays when the command ends.
    pub(crate) fn start(columns: u16, rows: u16, command: &Command) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let terminal = Self {
            socket: format!("countersign-test-{}-{number}", std::process::id()),
        };
        let size = [columns.to_string(), rows.to_string()];
        let mut tmux = terminal.tmux("-f/dev/null");
        tmux.args([
            "start-server",
            ";",
            "set",
            "-g",
            "remain-on-exit",
            "on",
            ";",
        ]);
        tmux.args(["set", "-g", "status", "off", ";"]);
        tmux.args(["set", "-g", "default-terminal", "screen-256color", ";"]);
        tmux.args(["new-session", "-d", "-x", &size[0], "-y", &size[1]]);
        for (name, value) in command.get_envs() {
            let value = value.unwrap_or(OsStr::new(""));
            tmux.arg("-e");
            tmux.arg([name, value].join(OsStr::new("=")));
        }
        tmux.arg(command.get_program()).args(command.get_args());
        run(tmux.env("LANG", "C.UTF-8")).expect_success();
        terminal
    }

    fn tmux(&self, first: &str) -> Command {
        let mut tmux = Command::new("tmux");
        tmux.args(["-u", "-L", &self.socket, first]);
        tmux.env_remove("TMUX");
        tmux
    }

    /// Types text as it is.
    pub(crate) fn type_text(&self, text: &str) {
        run(self.tmux("send-keys").args(["-l", "--", text])).expect_success();
    }

    /// Presses keys by their tmux names, such as `Enter`, `C-c`, `Escape`.
    pub(crate) fn press(&self, keys: &[&str]) {
        run(self.tmux("send-keys").args(keys)).expect_success();
    }

    /// Types text and presses Enter.
    pub(crate) fn enter(&self, line: &str) {
        self.type_text(line);
        self.press(&["Enter"]);
    }

    /// Pastes text in one piece.
    pub(crate) fn paste(&self, text: &str, how: Paste) {
        run(self.tmux("set-buffer").args(["--", text])).expect_success();
        let mut paste = self.tmux("paste-buffer");
        match how {
            Paste::AsTyped => {}
            Paste::Bracketed => {
                paste.arg("-p");
            }
        }
        run(&mut paste).expect_success();
    }

    /// Changes the size.
    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        let size = [columns.to_string(), rows.to_string()];
        run(self
            .tmux("resize-window")
            .args(["-x", &size[0], "-y", &size[1]]))
        .expect_success();
    }

    /// What the screen shows, and the lines that scrolled off it.
    pub(crate) fn screen(&self) -> String {
        let mut capture = self.tmux("capture-pane");
        run(capture.args(["-p", "-J", "-S", "-"]))
            .expect_success()
            .text()
    }

    /// Waits until the screen shows `text`; gives the screen.
    pub(crate) fn wait_for(&self, text: &str) -> String {
        self.wait_until(&format!("`{text}`"), |screen| screen.contains(text))
    }

    /// Waits until the cursor is in that column, counted from 0.
    pub(crate) fn wait_for_cursor(&self, column: u16) {
        let shown = || {
            let mut ask = self.tmux("display-message");
            run(ask.args(["-p", "#{cursor_x}"])).expect_success().text()
        };
        let there = eventually(PATIENCE, || {
            (shown().trim() == column.to_string()).then_some(())
        });
        assert!(there.is_some(), "it is in {}:\n{}", shown(), self.screen());
    }

    /// Waits until the screen is as `expected` says; gives the screen.
    pub(crate) fn wait_until(&self, what: &str, expected: impl Fn(&str) -> bool) -> String {
        let shown = eventually(PATIENCE, || {
            let screen = self.screen();
            expected(&screen).then_some(screen)
        });
        shown.unwrap_or_else(|| panic!("the screen never showed {what}:\n{}", self.screen()))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.tmux("kill-server").output();
    }
}
