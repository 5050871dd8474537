//! Two channels joined: what carries another protocol passes in both directions until one side closes.
//!
//! Invariant: what a target sent before its connection failed still reaches a client that reads. It counts bytes and
//! looks at none. Both sides keep their own flow control: a side that does not read stops the
//! other and nobody else.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use russh::{ChannelId, ChannelMsg, ChannelWriteHalf, client};
use tokio_util::sync::CancellationToken;

use crate::accept::ClientChannel;
use crate::flow::{Drain, Item, Pulse};

/// How long what a client sent before it closed its channel may take to reach the target.
const LAST_WORDS: Duration = Duration::from_secs(10);
/// How long a side that does not read is waited for: to take what a target sent before it was gone, and to be told the
/// end.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes that passed.
#[derive(Debug, Default)]
pub struct Passed {
    /// From the client to the target.
    pub to_target: AtomicU64,
    /// From the target to the client.
    pub to_client: AtomicU64,
}

/// Joins a client's channel with a target's until one of them is closed or `end` is cancelled.
pub async fn splice(
    client: ClientChannel,
    target: (Drain, ChannelWriteHalf<client::Msg>),
    passed: &Passed,
    pulse: &Pulse,
    end: &CancellationToken,
) {
    join((client.input, client.output), target, passed, pulse, end).await;
}

async fn join<M>(
    (mut input, output): (Drain, ChannelWriteHalf<M>),
    (mut from_target, to_target): (Drain, ChannelWriteHalf<client::Msg>),
    passed: &Passed,
    pulse: &Pulse,
    end: &CancellationToken,
) where
    M: From<(ChannelId, ChannelMsg)> + Send + Sync + 'static,
{
    let closed = input.end();
    let mut to_client = pin!(pass(&mut from_target, &output, &passed.to_client, pulse));
    let both = async {
        tokio::select! {
            _ = &mut to_client => {}
            stopped = pass(&mut input, &to_target, &passed.to_target, pulse) => match stopped {
                Stopped::Closed => {}
                // What it sent before waits here; a write that is under way must not be cut in two.
                Stopped::Gone => {
                    let _ = tokio::time::timeout(PATIENCE, to_client).await;
                }
            },
        }
    };
    tokio::select! {
        () = both => {}
        () = async { closed.wait().await; tokio::time::sleep(LAST_WORDS).await } => {}
        () = end.cancelled() => {}
        _ = pulse.stopped() => {}
    }
    let ending = async { tokio::join!(close(&output), close(&to_target)) };
    let _ = tokio::time::timeout(PATIENCE, ending).await;
}

/// Why nothing more passes in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stopped {
    /// The channel it came from is closed, and all of it passed.
    Closed,
    /// The channel it goes to is gone.
    Gone,
}

/// Passes on what comes until the channel it comes from is closed, or the one it goes to is gone.
async fn pass<M>(
    from: &mut Drain,
    to: &ChannelWriteHalf<M>,
    passed: &AtomicU64,
    pulse: &Pulse,
) -> Stopped
where
    M: From<(ChannelId, ChannelMsg)> + Send + Sync + 'static,
{
    while let Some(item) = from.next().await {
        let sent = match item {
            Item::Data(data) => {
                passed.fetch_add(data.bytes().len() as u64, Ordering::Relaxed);
                pulse.beat();
                to.data_bytes(data.bytes().clone()).await
            }
            Item::Message(ChannelMsg::Eof) => to.eof().await,
            // Nothing else has a meaning on such a channel.
            Item::Extended(..) | Item::Message(_) => Ok(()),
        };
        if sent.is_err() {
            return Stopped::Gone;
        }
    }
    Stopped::Closed
}

async fn close<M>(output: &ChannelWriteHalf<M>)
where
    M: From<(ChannelId, ChannelMsg)> + Send + Sync + 'static,
{
    let _ = output.eof().await;
    let _ = output.close().await;
}

#[cfg(test)]
mod tests;
