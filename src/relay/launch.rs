//! The program on the target: not started before its clearance, and what may be sent to it afterwards.

use bytes::Bytes;
use russh::client::Msg;
use russh::{ChannelWriteHalf, Sig};
use tokio::sync::oneshot;

use super::opening::{Bond, Ground, Refusal};
use super::start::{PtyRequest, Start};
use crate::domain::command::Layer;
use crate::domain::hold::{Basis, Clearance};
use crate::flow::Drain;
use crate::target::{Link, Openings, TargetChannel};

/// Everything that a program is started with.
pub struct Launch {
    /// The channel on the target.
    pub ground: Box<Ground>,
    /// What opens another one, for a command that people approved.
    pub bond: Bond,
    /// Who relays its output.
    pub output: oneshot::Sender<Drain>,
    /// Who takes what the target opens.
    pub openings: oneshot::Sender<Openings>,
    /// What the client asked for.
    pub start: Box<Start>,
    /// The agent that programs on the target find, where there is one.
    pub agent: Agent,
    /// The command that starts a shell which reports its lines, where it is to.
    pub widget: Option<Vec<u8>>,
}

/// The agent that programs on a target find.
pub enum Agent {
    /// None.
    None,
    /// The client's own, which was cleared.
    Client(Clearance),
    /// That of the sudo gate, in front of the client's own where that was cleared.
    Gate,
}

/// A session's program.
pub enum Program {
    /// It waits for its clearance.
    Waiting(Box<Launch>),
    /// It runs, as long as its link is kept.
    Running(ChannelWriteHalf<Msg>, Link),
    /// It could not be started, or was sent something that it cannot take.
    Gone,
}

/// The program is not there to take what was sent to it.
#[derive(Debug, thiserror::Error)]
#[error("the target went away")]
pub struct ProgramGone;

/// Why a program was not started.
#[derive(Debug, thiserror::Error)]
pub enum NotStarted {
    /// It was started before, or the target is gone.
    #[error(transparent)]
    Gone(#[from] ProgramGone),
    /// The target does not let it start; the text is for its user.
    #[error("{0}")]
    Refused(Refusal),
}

impl From<russh::Error> for NotStarted {
    fn from(error: russh::Error) -> Self {
        Self::Gone(error.into())
    }
}

impl From<russh::Error> for ProgramGone {
    fn from(_: russh::Error) -> Self {
        Self
    }
}

impl Program {
    /// Starts what was cleared, with the terminal and the environment that the client asked for. A command that people
    /// approved is started under a certificate that runs nothing else.
    ///
    /// # Errors
    /// When it was started before, or the target is gone or does not let it start.
    pub async fn start(&mut self, clearance: Clearance) -> Result<(), NotStarted> {
        match std::mem::replace(self, Self::Gone) {
            Self::Waiting(launch) => {
                let (output, link) = launch.begin(clearance).await?;
                *self = Self::Running(output, link);
                Ok(())
            }
            Self::Running(..) | Self::Gone => Err(ProgramGone.into()),
        }
    }

    /// Whether it was started.
    pub fn is_running(&self) -> bool {
        matches!(self, Self::Running(..))
    }

    /// Sends input. Waits for the target's window.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn send(&self, bytes: Bytes) -> Result<(), ProgramGone> {
        match self {
            Self::Running(output, _) => Ok(output.data_bytes(bytes).await?),
            Self::Waiting(_) | Self::Gone => Err(ProgramGone),
        }
    }

    /// Tells it that the input ended.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn end_input(&self) -> Result<(), ProgramGone> {
        match self {
            Self::Running(output, _) => Ok(output.eof().await?),
            Self::Waiting(_) | Self::Gone => Err(ProgramGone),
        }
    }

    /// Sends it a signal; before it runs there is nobody to take one.
    ///
    /// # Errors
    /// When the target is gone.
    pub async fn signal(&self, signal: Sig) -> Result<(), ProgramGone> {
        match self {
            Self::Running(output, _) => Ok(output.signal(signal).await?),
            Self::Waiting(_) | Self::Gone => Ok(()),
        }
    }

    /// Its terminal has another size: in characters, then in pixels.
    ///
    /// # Errors
    /// When the target is gone.
    pub async fn resize(
        &mut self,
        columns: u32,
        rows: u32,
        width: u32,
        height: u32,
    ) -> Result<(), ProgramGone> {
        match self {
            Self::Running(output, _) => {
                Ok(output.window_change(columns, rows, width, height).await?)
            }
            Self::Waiting(launch) => {
                launch.start.resize(columns, rows, width, height);
                Ok(())
            }
            Self::Gone => Ok(()),
        }
    }
}

impl Launch {
    async fn begin(
        self,
        clearance: Clearance,
    ) -> Result<(ChannelWriteHalf<Msg>, Link), NotStarted> {
        let mut channel = channel(*self.ground, &self.bond, &clearance).await?;
        let output = &channel.output;
        for (name, value) in &self.start.environment {
            output.set_env(false, name.as_str(), value.as_str()).await?;
        }
        if let Some(pty) = &self.start.pty {
            request(output, pty).await?;
        }
        let found = match &self.agent {
            Agent::None => false,
            Agent::Client(clearance) => channel.expect_agent(clearance),
            Agent::Gate => {
                channel.expect_sudo();
                true
            }
        };
        if found {
            output.agent_forward(false).await?;
        }
        let layer = clearance.command().layer;
        let bytes = clearance.into_bytes();
        match layer {
            Layer::Exec => output.exec(true, bytes).await?,
            Layer::Subsystem => {
                output
                    .request_subsystem(true, String::from_utf8_lossy(&bytes))
                    .await?
            }
            Layer::Shell => match self.widget {
                Some(command) => output.exec(true, command).await?,
                None => output.request_shell(true).await?,
            },
            Layer::Connect | Layer::Line | Layer::Forward | Layer::Transfer | Layer::Sudo => {
                return Err(russh::Error::Inconsistent.into());
            }
        }
        if let Some(openings) = channel.openings() {
            let _ = self.openings.send(openings);
        }
        let (input, output, link) = channel.into_parts();
        let _ = self.output.send(input);
        Ok((output, link))
    }
}

/// The channel to start something on: a new one for what people approved, as far as a certificate can be bound to it.
async fn channel(
    ground: Ground,
    bond: &Bond,
    clearance: &Clearance,
) -> Result<TargetChannel, NotStarted> {
    let again = match (ground, clearance.command().layer, clearance.basis()) {
        (Ground::Open(_), Layer::Exec, Basis::Approval)
        | (Ground::BoundOnly(_), Layer::Exec, Basis::Policy | Basis::Approval) => {
            bond.open(clearance).await
        }
        (Ground::Open(channel), _, _) => Ok(channel),
        (Ground::BoundOnly(refusal), _, _) => Err(refusal),
    };
    again.map_err(NotStarted::Refused)
}

async fn request(output: &ChannelWriteHalf<Msg>, pty: &PtyRequest) -> Result<(), russh::Error> {
    let PtyRequest {
        term,
        columns,
        rows,
        width,
        height,
        modes,
    } = pty;
    output
        .request_pty(true, term, *columns, *rows, *width, *height, modes)
        .await
}
