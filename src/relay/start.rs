//! What a client asked its channel to be: the requests before the program starts.

use std::time::Duration;

use russh::{ChannelMsg, Pty};

use super::client::Side;
use crate::domain::command::visible;
use crate::domain::hold;
use crate::flow::{Drain, Item};
use crate::record::TerminalSize;

/// How long a channel may be open before its program is asked for. OpenSSH asks at once.
const STARTING: Duration = Duration::from_secs(60);
/// Environment variables that a client may set before its program starts.
const ENVIRONMENT: usize = 64;
/// Which of them reach the target: what a program shows, never how it is found or what it loads. An approved command
/// must not be changed by something that its approver did not see.
const PASSED_VARIABLES: [&str; 5] = ["LANG", "LANGUAGE", "TZ", "COLORTERM", "GIT_PROTOCOL"];
const PASSED_PREFIX: &str = "LC_";
/// The environment variable that tells approvers why; it goes no further.
pub const REASON_VARIABLE: &str = "COUNTERSIGN_REASON";
/// The size that is assumed for sessions without a terminal.
const NO_TERMINAL: (u32, u32) = (80, 24);

/// What a client asked its channel to be.
pub struct Start {
    /// The program.
    pub what: What,
    /// The terminal, where one was asked for.
    pub pty: Option<PtyRequest>,
    /// Environment variables, which the target accepts or not.
    pub environment: Vec<(String, String)>,
    /// Whether the client's agent is to be reached from there.
    pub agent: bool,
    /// Why its user wants what may have to be approved: [`REASON_VARIABLE`], or the answer to a question.
    pub reason: Option<String>,
}

/// The program of a channel.
pub enum What {
    /// The login shell.
    Shell,
    /// A command.
    Exec(Vec<u8>),
    /// A subsystem such as `sftp`.
    Subsystem(String),
}

/// A terminal as the client described it (RFC 4254 section 6.2).
pub struct PtyRequest {
    /// Its type.
    pub term: String,
    /// Width in characters.
    pub columns: u32,
    /// Height in characters.
    pub rows: u32,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Terminal modes.
    pub modes: Vec<(Pty, u32)>,
}

impl Start {
    /// Collects a channel's requests until the one that starts it; `None` when the client went away before, or
    /// started nothing in time.
    pub async fn read(input: &mut Drain) -> Option<Self> {
        Self::read_within(STARTING, input).await
    }

    async fn read_within(patience: Duration, input: &mut Drain) -> Option<Self> {
        let collected = tokio::time::timeout(patience, Self::collect(input)).await;
        collected.ok().flatten()
    }

    async fn collect(input: &mut Drain) -> Option<Self> {
        let mut pty = None;
        let mut environment = Vec::new();
        let (mut agent, mut reason) = (false, None);
        loop {
            let what = match input.next().await? {
                Item::Message(ChannelMsg::RequestPty {
                    term,
                    col_width,
                    row_height,
                    pix_width,
                    pix_height,
                    terminal_modes,
                    ..
                }) => {
                    let (columns, rows, width, height) =
                        (col_width, row_height, pix_width, pix_height);
                    pty = Some(PtyRequest {
                        term,
                        columns,
                        rows,
                        width,
                        height,
                        modes: terminal_modes,
                    });
                    continue;
                }
                Item::Message(ChannelMsg::SetEnv {
                    variable_name,
                    variable_value,
                    ..
                }) => {
                    if variable_name == REASON_VARIABLE {
                        reason =
                            Some(hold::reason(&variable_value)).filter(|text| !text.is_empty());
                    } else if environment.len() < ENVIRONMENT && passes(&variable_name) {
                        environment.push((variable_name, variable_value));
                    }
                    continue;
                }
                Item::Message(ChannelMsg::AgentForward { .. }) => {
                    agent = true;
                    continue;
                }
                Item::Message(ChannelMsg::RequestShell { .. }) => What::Shell,
                Item::Message(ChannelMsg::Exec { command, .. }) => What::Exec(command),
                Item::Message(ChannelMsg::RequestSubsystem { name, .. }) => What::Subsystem(name),
                // Anything else before a program is started has nobody to go to.
                Item::Message(_) | Item::Data(_) | Item::Extended(..) => continue,
            };
            return Some(Self {
                what,
                pty,
                environment,
                agent,
                reason,
            });
        }
    }

    /// The client's terminal got another size before the program started.
    pub fn resize(&mut self, columns: u32, rows: u32, width: u32, height: u32) {
        if let Some(pty) = &mut self.pty {
            (pty.columns, pty.rows, pty.width, pty.height) = (columns, rows, width, height);
        }
    }

    /// Terminal or pipes.
    pub fn side(&self) -> Side {
        if self.pty.is_some() {
            Side::Terminal
        } else {
            Side::Pipes
        }
    }

    /// The size of the terminal.
    pub fn size(&self) -> TerminalSize {
        let (columns, rows) = self
            .pty
            .as_ref()
            .map_or(NO_TERMINAL, |pty| (pty.columns, pty.rows));
        TerminalSize::near(columns, rows)
    }

    /// What was asked for, safe to print.
    pub fn shown(&self) -> String {
        match &self.what {
            What::Shell => "shell".to_owned(),
            What::Exec(command) => visible(command),
            What::Subsystem(name) => format!("subsystem {}", visible(name.as_bytes())),
        }
    }
}

/// Terminal types that draw a line as the emulated screen expects it; whatever begins with one of them.
const DRAWING_TERMINALS: [&str; 12] = [
    "xterm",
    "screen",
    "tmux",
    "rxvt",
    "linux",
    "vt2",
    "alacritty",
    "foot",
    "konsole",
    "gnome",
    "putty",
    "wezterm",
];
const USUAL_TERMINAL: &str = "xterm";
/// What a terminal may set of an inspected shell's line discipline: its speed, and that it speaks UTF-8.
const PASSED_MODES: [Pty; 3] = [Pty::TTY_OP_ISPEED, Pty::TTY_OP_OSPEED, Pty::IUTF8];

impl PtyRequest {
    /// The terminal as an inspected shell gets it: one whose lines can be read off a screen, with nothing that gives
    /// keys another meaning.
    pub fn inspected(mut self) -> Self {
        if !DRAWING_TERMINALS
            .iter()
            .any(|known| self.term.starts_with(known))
        {
            USUAL_TERMINAL.clone_into(&mut self.term);
        }
        self.modes.retain(|(mode, _)| PASSED_MODES.contains(mode));
        // Keys by which the terminal stops and starts its output would be taken out of those around them.
        self.modes.push((Pty::IXON, 0));
        self
    }
}

fn passes(variable: &str) -> bool {
    PASSED_VARIABLES.contains(&variable) || variable.starts_with(PASSED_PREFIX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::flow::{Gauge, queue};

    #[tokio::test(start_paused = true)]
    async fn a_channel_that_starts_nothing_is_not_waited_for() {
        let (_filler, mut input) = queue(Gauge::new(Arc::default()));
        let start = Start::read_within(Duration::from_millis(5), &mut input).await;
        assert!(start.is_none());
    }
}
