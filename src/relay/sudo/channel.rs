//! One channel that a program on the target opened to its agent: messages in, answers out, one after the other.
//!
//! Invariant: while a sudo waits for people, or a program does not read its answer, the end of its channel is noticed; a
//! message is answered once. What is not for the gate's key goes to the client's own agent where that was cleared, and is
//! refused otherwise.

use std::sync::atomic::Ordering;

use russh::client::Msg;
use russh::{ChannelMsg, ChannelWriteHalf};
use tokio_util::sync::CancellationToken;

use super::{COMMENT, SudoGate};
use crate::accept::ClientChannel;
use crate::agent::{self, AgentError, MESSAGE_BYTES, Messages, Request, wire};
use crate::flow::{Drain, Item};
use crate::relay::forwards::told_end;
use crate::relay::splice::{PATIENCE, Passed};

/// Most that may come while an answer is waited for: a program that does not wait for its answer is no agent's client.
const AHEAD_BYTES: usize = 2 * MESSAGE_BYTES;

/// What came on a channel, and whether more of it will.
struct Incoming {
    input: Drain,
    messages: Messages,
    /// Bytes since the last message was taken.
    ahead: usize,
    /// Whether more may come.
    open: bool,
}

impl Incoming {
    /// Does something while the channel is watched, whose end `gone` tells.
    async fn watched<T>(&mut self, gone: &CancellationToken, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                more = self.more(), if self.open => {
                    self.open = more;
                    if !more {
                        gone.cancel();
                    }
                }
            }
        }
    }

    /// Whether an answer went out, before the channel or the session ended: a program that does not read stops it.
    async fn sent<E>(
        &mut self,
        gone: &CancellationToken,
        sending: impl Future<Output = Result<(), E>>,
    ) -> bool {
        let unless_gone = async {
            tokio::select! {
                biased;
                sent = sending => sent.is_ok(),
                () = gone.cancelled() => false,
            }
        };
        self.watched(gone, unless_gone).await
    }

    /// Takes what comes next; false when nothing more does.
    async fn more(&mut self) -> bool {
        match self.input.next().await {
            Some(Item::Data(data)) => {
                self.messages.push(data.bytes());
                self.ahead += data.bytes().len();
                self.ahead <= AHEAD_BYTES
            }
            Some(Item::Message(ChannelMsg::Eof)) | None => false,
            Some(Item::Extended(..) | Item::Message(_)) => true,
        }
    }
}

impl SudoGate {
    /// Answers what comes on a channel until it ends.
    pub(super) async fn answer(&self, input: Drain, output: ChannelWriteHalf<Msg>) {
        let mut incoming = Incoming {
            input,
            messages: Messages::default(),
            ahead: 0,
            open: true,
        };
        let mut behind = Behind::default();
        if let Err(error) = self.converse(&mut incoming, &output, &mut behind).await {
            tracing::debug!(%error, "a channel to the sudo gate's agent");
        }
        behind.close(self).await;
        let ending = async {
            let _ = output.eof().await;
            let _ = output.close().await;
        };
        let _ = tokio::time::timeout(PATIENCE, ending).await;
    }

    async fn converse(
        &self,
        incoming: &mut Incoming,
        output: &ChannelWriteHalf<Msg>,
        behind: &mut Behind,
    ) -> Result<(), AgentError> {
        let gone = self.of.end.child_token();
        loop {
            while let Some(message) = incoming.messages.take()? {
                incoming.ahead = 0;
                let answering = self.reply(&message, behind, &gone);
                let answer = incoming.watched(&gone, answering).await?;
                let framed = agent::framed(&answer)?;
                let sent = incoming.sent(&gone, output.data_bytes(framed)).await;
                if !sent || !incoming.open {
                    return Ok(());
                }
            }
            tokio::select! {
                more = incoming.more() => if !more { return Ok(()) },
                () = gone.cancelled() => return Ok(()),
            }
        }
    }

    /// The answer to one message.
    async fn reply(
        &self,
        message: &[u8],
        behind: &mut Behind,
        gone: &CancellationToken,
    ) -> Result<Vec<u8>, AgentError> {
        match Request::read(message)? {
            Request::Identities => {
                let others = behind.ask(self, message, gone).await;
                agent::identities(self.key(), COMMENT, others.as_deref())
            }
            Request::Sign { key, data } if key == wire(self.key())? => {
                match self.sign(&data, gone).await {
                    Some(signature) => agent::signature(&signature),
                    None => Ok(agent::failure()),
                }
            }
            Request::Sign { .. } | Request::Other => {
                let answer = behind.ask(self, message, gone).await;
                Ok(answer.unwrap_or_else(agent::failure))
            }
        }
    }
}

/// The way to the client's own agent, opened when it is first asked.
#[derive(Default)]
struct Behind {
    channel: Option<ClientChannel>,
    messages: Messages,
    passed: Passed,
}

impl Behind {
    /// The answer of the client's agent, where it is let through and gives one.
    async fn ask(
        &mut self,
        gate: &SudoGate,
        message: &[u8],
        gone: &CancellationToken,
    ) -> Option<Vec<u8>> {
        gate.of.behind.as_ref()?;
        tokio::select! {
            answer = self.exchange(gate, message) => answer,
            () = gone.cancelled() => None,
        }
    }

    async fn exchange(&mut self, gate: &SudoGate, message: &[u8]) -> Option<Vec<u8>> {
        if self.channel.is_none() {
            self.channel = Some(gate.of.connection.open_agent().await.ok()?);
        }
        let channel = self.channel.as_mut()?;
        let framed = agent::framed(message).ok()?;
        self.passed
            .to_client
            .fetch_add(framed.len() as u64, Ordering::Relaxed);
        channel.output.data_bytes(framed).await.ok()?;
        loop {
            if let Some(answer) = self.messages.take().ok()? {
                return Some(answer);
            }
            match channel.input.next().await? {
                Item::Data(data) => {
                    let length = data.bytes().len() as u64;
                    self.passed.to_target.fetch_add(length, Ordering::Relaxed);
                    self.messages.push(data.bytes());
                }
                Item::Message(ChannelMsg::Eof) => return None,
                Item::Extended(..) | Item::Message(_) => {}
            }
        }
    }

    /// Ends it, and has the audit know what passed.
    async fn close(self, gate: &SudoGate) {
        let (Some(channel), Some(command)) = (self.channel, &gate.of.behind) else {
            return;
        };
        let ending = async {
            let _ = channel.output.eof().await;
            let _ = channel.output.close().await;
        };
        let _ = tokio::time::timeout(PATIENCE, ending).await;
        told_end(&gate.of.visit, command, &self.passed).await;
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::flow::{Filler, Gauge, queue};

    const SOON: Duration = Duration::from_secs(10);

    fn incoming() -> (Filler, Incoming) {
        let (filler, input) = queue(Gauge::new(Arc::default()));
        let incoming = Incoming {
            input,
            messages: Messages::default(),
            ahead: 0,
            open: true,
        };
        (filler, incoming)
    }

    #[tokio::test]
    async fn a_program_that_never_reads_its_answer_is_given_up_when_its_channel_or_session_ends() {
        let stuck = pending::<Result<(), ()>>;
        let gone = CancellationToken::new();
        let (filler, mut channel) = incoming();
        drop(filler);
        let sent = tokio::time::timeout(SOON, channel.sent(&gone, stuck()));
        assert_eq!(sent.await, Ok(false));
        assert!(gone.is_cancelled() && !channel.open);

        let session = CancellationToken::new();
        let gone = session.child_token();
        let (_filler, mut channel) = incoming();
        session.cancel();
        let sent = tokio::time::timeout(SOON, channel.sent(&gone, stuck()));
        assert_eq!(sent.await, Ok(false));
        // What can go out does, even then.
        assert!(channel.sent(&gone, ready(Ok::<(), ()>(()))).await);
    }
}
