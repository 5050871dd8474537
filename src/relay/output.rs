//! From the target to the client: recorded, shown to the screen that inspection reads, and passed on in order.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use russh::ChannelMsg;

use super::client::{Client, Ending};
use super::screen::Screen;
use crate::flow::{Drain, Item};
use crate::record::{RecordError, Recorder};

/// Whatever a target sends goes through here.
pub struct OutputSide<'a> {
    /// The client.
    pub client: &'a Client,
    /// The session's recorder.
    pub recorder: &'a Recorder,
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
}

impl OutputSide<'_> {
    /// Relays until the target closes the channel. Adds what it passed on to `passed`.
    pub async fn run(&self, mut target: Drain, passed: &std::sync::atomic::AtomicU64) -> OutputEnd {
        let mut ending = Ending::TargetGone;
        while let Some(item) = target.next().await {
            let relayed = match item {
                Item::Data(data) => self.relay(None, data.bytes(), passed).await,
                Item::Extended(data, kind) => self.relay(Some(kind), data.bytes(), passed).await,
                Item::Message(ChannelMsg::Failure) => return OutputEnd::NotStarted,
                Item::Message(message) => {
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

    async fn relay(
        &self,
        kind: Option<u32>,
        bytes: &Bytes,
        passed: &std::sync::atomic::AtomicU64,
    ) -> Result<(), OutputEnd> {
        self.recorder
            .output(bytes.clone(), Timestamp::now())
            .await
            .map_err(OutputEnd::Recording)?;
        if let Some(screen) = self.screen {
            screen.output(bytes);
        }
        passed.fetch_add(bytes.len() as u64, std::sync::atomic::Ordering::Relaxed);
        let sent = match kind {
            None => self.client.data(bytes.clone()).await,
            Some(kind) => self.client.extended(kind, bytes.clone()).await,
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
