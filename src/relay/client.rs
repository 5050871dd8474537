//! Speaking to a client on its channel: notices that cannot be taken for a program's output, and the end.

use std::time::Duration;

use bytes::Bytes;
use russh::server::Msg;
use russh::{ChannelId, ChannelWriteHalf, Sig};

use super::REFUSED_STATUS;
use crate::accept::ClientConnection;
use crate::domain::command::shows_as_itself;
use crate::flow::Pulse;

/// SSH_EXTENDED_DATA_STDERR (RFC 4254 section 5.2).
const STDERR: u32 = 1;

/// How long a client that does not read is waited for, to tell it something of our own or the end.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether a client has a terminal, which changes how it can be spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// A terminal: one stream, lines end with CR LF.
    Terminal,
    /// Pipes: notices go to standard error.
    Pipes,
}

/// The way to a client. What passes on it keeps its connection from being idle.
pub struct Client {
    id: ChannelId,
    output: ChannelWriteHalf<Msg>,
    connection: ClientConnection,
    pulse: Pulse,
}

/// How a channel ends.
#[derive(Debug, Clone)]
pub enum Ending {
    /// The program's own exit status.
    Status(u32),
    /// A signal ended the program.
    Signal {
        /// Which.
        name: Sig,
        /// Whether it left a core.
        core_dumped: bool,
        /// What the target said about it.
        message: String,
    },
    /// The bastion ended or refused it; the reason was said before.
    Refused(String),
    /// The client went away.
    ClientGone,
    /// The target went away without a status.
    TargetGone,
}

impl Ending {
    /// For people and the audit.
    pub fn shown(&self) -> String {
        match self {
            Self::Status(status) => format!("exit {status}"),
            Self::Signal { name, .. } => format!("signal {}", signal_name(name)),
            Self::Refused(why) => why.clone(),
            Self::ClientGone => "the client went away".to_owned(),
            Self::TargetGone => "the target went away".to_owned(),
        }
    }
}

/// The name of a signal without `SIG` (RFC 4254 section 6.10).
pub fn signal_name(signal: &Sig) -> String {
    match signal {
        Sig::Custom(name) => crate::domain::command::visible(name.as_bytes()),
        named => format!("{named:?}"),
    }
}

impl Client {
    /// The way to the client of a channel.
    pub fn new(
        id: ChannelId,
        output: ChannelWriteHalf<Msg>,
        connection: ClientConnection,
        pulse: Pulse,
    ) -> Self {
        Self {
            id,
            output,
            connection,
            pulse,
        }
    }

    /// The connection.
    pub fn connection(&self) -> &ClientConnection {
        &self.connection
    }

    /// Sends what a program wrote to its standard output. Waits for the client's window.
    ///
    /// # Errors
    /// When the client is gone.
    pub async fn data(&self, bytes: Bytes) -> Result<(), russh::Error> {
        self.output.data_bytes(bytes).await?;
        self.pulse.beat();
        Ok(())
    }

    /// Sends what a program wrote to its standard error.
    ///
    /// # Errors
    /// When the client is gone.
    pub async fn extended(&self, kind: u32, bytes: Bytes) -> Result<(), russh::Error> {
        self.output.extended_data_bytes(kind, bytes).await?;
        self.pulse.beat();
        Ok(())
    }

    /// Says something of our own, each line marked as ours.
    pub async fn say(&self, side: Side, text: &str) {
        self.show(side, notice(side, text)).await;
    }

    /// Shows a [`notice`], with whatever was drawn below it.
    pub async fn show(&self, side: Side, shown: Bytes) {
        let showing = async {
            match side {
                Side::Terminal => self.output.data_bytes(shown).await,
                Side::Pipes => self.output.extended_data_bytes(STDERR, shown).await,
            }
        };
        // A client that does not read must not keep its session from ending.
        let _ = tokio::time::timeout(PATIENCE, showing).await;
    }

    /// Rings the client's bell.
    pub async fn bell(&self) {
        let _ = self.output.data_bytes(Bytes::from_static(b"\x07")).await;
    }

    /// Ends the channel as the program ended.
    pub async fn close(self, ending: &Ending) {
        let _ = tokio::time::timeout(PATIENCE, self.end(ending)).await;
    }

    async fn end(self, ending: &Ending) {
        let _ = match ending {
            Ending::Status(status) => self.output.exit_status(*status).await.map_err(drop),
            Ending::Signal {
                name,
                core_dumped,
                message,
            } => {
                let signal = (name.clone(), *core_dumped, message.clone());
                self.connection
                    .handle()
                    .exit_signal_request(self.id, signal.0, signal.1, signal.2, String::new())
                    .await
            }
            Ending::Refused(_) | Ending::TargetGone => {
                self.output.exit_status(REFUSED_STATUS).await.map_err(drop)
            }
            Ending::ClientGone => Ok(()),
        };
        let _ = self.output.eof().await;
        let _ = self.output.close().await;
    }
}

/// A notice as it goes over the wire.
pub fn notice(side: Side, text: &str) -> Bytes {
    let mut out = String::new();
    if side == Side::Terminal {
        out.push_str("\r\n");
    }
    for line in text.lines() {
        out.push_str("countersign: ");
        out.extend(line.chars().filter(|c| shows_as_itself(*c)));
        out.push_str(match side {
            Side::Terminal => "\r\n",
            Side::Pipes => "\n",
        });
    }
    Bytes::from(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_cannot_carry_control_characters_of_others() {
        let bytes = notice(Side::Pipes, "refused by x: \"\u{1b}[2Jhello\"\nsecond");
        assert_eq!(
            bytes,
            "countersign: refused by x: \"[2Jhello\"\ncountersign: second\n"
        );
        assert!(notice(Side::Terminal, "a").ends_with(b"\r\n"));
    }
}
