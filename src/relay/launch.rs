//! The program on the target: not started before its clearance, and what may be sent to it afterwards.

use bytes::Bytes;
use russh::client::Msg;
use russh::{ChannelWriteHalf, Sig};
use tokio::sync::oneshot;

use super::start::{PtyRequest, Start};
use crate::domain::command::Layer;
use crate::domain::hold::Clearance;
use crate::flow::Drain;
use crate::target::{Link, TargetChannel};

/// Everything that a program is started with.
pub struct Launch {
    /// The channel on the target.
    pub channel: TargetChannel,
    /// Who relays its output.
    pub output: oneshot::Sender<Drain>,
    /// What the client asked for.
    pub start: Start,
    /// The clearance of the client's agent, where it is passed on.
    pub agent: Option<Clearance>,
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

impl From<russh::Error> for ProgramGone {
    fn from(_: russh::Error) -> Self {
        Self
    }
}

impl Program {
    /// Starts what was cleared, with the terminal and the environment that the client asked for.
    ///
    /// # Errors
    /// When it was started before, or the target is gone.
    pub async fn start(&mut self, clearance: Clearance) -> Result<(), ProgramGone> {
        match std::mem::replace(self, Self::Gone) {
            Self::Waiting(launch) => {
                let (output, link) = launch.begin(clearance).await?;
                *self = Self::Running(output, link);
                Ok(())
            }
            Self::Running(..) | Self::Gone => Err(ProgramGone),
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
    ) -> Result<(ChannelWriteHalf<Msg>, Link), russh::Error> {
        let output = &self.channel.output;
        for (name, value) in &self.start.environment {
            output.set_env(false, name.as_str(), value.as_str()).await?;
        }
        if let Some(PtyRequest {
            term,
            columns,
            rows,
            width,
            height,
            modes,
        }) = &self.start.pty
        {
            output
                .request_pty(true, term, *columns, *rows, *width, *height, modes)
                .await?;
        }
        if let Some(agent) = &self.agent
            && self.channel.expect_agent(agent)
        {
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
            Layer::Shell => output.request_shell(true).await?,
            Layer::Line | Layer::Forward | Layer::Transfer => {
                return Err(russh::Error::Inconsistent);
            }
        }
        let (input, output, link) = self.channel.into_parts();
        let _ = self.output.send(input);
        Ok((output, link))
    }
}
