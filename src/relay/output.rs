//! From the target to the client: recorded, shown to the screen that inspection reads, and passed on in order.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use jiff::Timestamp;
use russh::ChannelMsg;

use super::client::{Client, Ending};
use super::screen::Screen;
use super::transfer::{Answers, Next, Transfer};
use crate::flow::{Drain, Item};
use crate::record::{RecordError, Recorder};

/// Whatever a target sends goes through here.
pub struct OutputSide<'a> {
    /// The client.
    pub client: &'a Client,
    /// The session's recorder.
    pub recorder: &'a Recorder,
    /// The transfer that is followed, where the session is one.
    pub transfer: Option<&'a Transfer>,
    /// The screen, where the session has an inspected terminal.
    pub screen: Option<&'a Arc<Screen>>,
}

/// Why the relay of output ended.
#[derive(Debug)]
pub enum OutputEnd {
    /// The target closed the channel.
    Closed(Ending),
    /// The target refused to start the program, or to give it a terminal.
    NotStarted,
    /// The client is gone.
    ClientGone,
    /// The recording failed.
    Recording(RecordError),
    /// The transfer cannot be followed or audited any more: why.
    Transfer(String),
}

impl OutputSide<'_> {
    /// Relays until the target closes the channel. Adds what it passed on to `passed`.
    pub async fn run(&self, mut target: Drain, passed: &AtomicU64) -> OutputEnd {
        let mut ending = Ending::TargetGone;
        let mut answers = Answers::of(self.transfer);
        while let Some(next) = answers.next(&mut target).await {
            let relayed = match next {
                Next::Answer(answer) => self.send(None, answer, passed).await,
                Next::Target(Item::Data(data)) => match self.transfer {
                    Some(transfer) => {
                        let bytes = data.bytes().clone();
                        self.follow(transfer, bytes, &mut answers, passed).await
                    }
                    None => self.relay(None, data.bytes(), passed).await,
                },
                Next::Target(Item::Extended(data, kind)) => {
                    self.relay(Some(kind), data.bytes(), passed).await
                }
                Next::Target(Item::Message(ChannelMsg::Failure)) => return OutputEnd::NotStarted,
                Next::Target(Item::Message(message)) => {
                    note(message, &mut ending);
                    Ok(())
                }
            };
            if let Err(end) = relayed {
                return end;
            }
        }
        OutputEnd::Closed(ending)
    }

    /// Passes on output, without what a shell reports to the bastion.
    async fn relay(
        &self,
        kind: Option<u32>,
        bytes: &Bytes,
        passed: &AtomicU64,
    ) -> Result<(), OutputEnd> {
        let shown = match self.screen {
            Some(screen) => screen.output(bytes),
            None => bytes.clone(),
        };
        if shown.is_empty() {
            return Ok(());
        }
        self.recorder
            .output(shown.clone(), Timestamp::now())
            .await
            .map_err(OutputEnd::Recording)?;
        self.send(kind, shown, passed).await
    }

    /// Passes on content of a transfer, which is not recorded, with answers of our own where a packet ends.
    async fn follow(
        &self,
        transfer: &Transfer,
        mut bytes: Bytes,
        answers: &mut Answers,
        passed: &AtomicU64,
    ) -> Result<(), OutputEnd> {
        let seen = transfer.from_target(&bytes);
        let seen = seen.map_err(|error| OutputEnd::Transfer(error.to_string()))?;
        let told = transfer.told(seen.ended).await;
        told.map_err(|error| OutputEnd::Transfer(error.to_string()))?;
        answers.stands(seen.boundary == Some(bytes.len()));
        if let Some(boundary) = seen.boundary
            && let Some(mut answer) = answers.ready()
        {
            self.send(None, bytes.split_to(boundary), passed).await?;
            loop {
                self.send(None, answer, passed).await?;
                match answers.ready() {
                    Some(next) => answer = next,
                    None => break,
                }
            }
        }
        self.send(None, bytes, passed).await
    }

    async fn send(
        &self,
        kind: Option<u32>,
        bytes: Bytes,
        passed: &AtomicU64,
    ) -> Result<(), OutputEnd> {
        if bytes.is_empty() {
            return Ok(());
        }
        passed.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        let sent = match kind {
            None => self.client.data(bytes).await,
            Some(kind) => self.client.extended(kind, bytes).await,
        };
        sent.map_err(|_| OutputEnd::ClientGone)
    }
}

/// Keeps how the program ended.
fn note(message: ChannelMsg, ending: &mut Ending) {
    match message {
        ChannelMsg::ExitStatus { exit_status } => *ending = Ending::Status(exit_status),
        ChannelMsg::ExitSignal {
            signal_name,
            core_dumped,
            error_message,
            ..
        } => {
            *ending = Ending::Signal {
                name: signal_name,
                core_dumped,
                message: error_message,
            };
        }
        // A client that has ended its input closes the channel when it gets EOF, and the library then drops an exit
        // status that comes later: EOF goes out with the end. The library's enum is open; the rest needs no action.
        _ => {}
    }
}
