//! What a client sent on one channel and the process has not taken yet: input, resizes, signals, the end.
//!
//! Filling it never waits, because the SSH library's loop stands still while one of its channels is not read.
//! It is bounded all the same: the window grants follow [`Inbox::room`], and what comes in spite of them ends
//! the connection.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use russh::Sig;
use tokio::sync::Notify;

/// How much input one channel may have waiting; the grants keep it below.
pub(super) const CAPACITY: usize = 4 * 1024 * 1024;
/// How much ends the connection: nobody who respects the window gets there.
const OVERFLOW: usize = 4 * CAPACITY;
/// Pieces up to this size are joined to what waits, so that a trickle does not cost an allocation a byte.
const SMALL: usize = 256;
/// How large joined pieces may become.
const JOINED: usize = 32 * 1024;
/// How many signals may wait; more are dropped.
const MOST_SIGNALS: usize = 16;

/// The size of a terminal in cells and pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) columns: u16,
    pub(super) rows: u16,
    pub(super) width: u16,
    pub(super) height: u16,
}

/// Something other than input.
#[derive(Debug, Clone)]
pub(super) enum Control {
    /// The client's terminal has another size.
    Resize(Size),
    /// The client sends a signal.
    Signal(Sig),
    /// The channel or its connection is gone.
    Closed,
}

/// There is more than the window ever let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Overflow;

#[derive(Default)]
pub(super) struct Inbox {
    state: Mutex<State>,
    input: Notify,
    control: Notify,
}

#[derive(Default)]
struct State {
    pieces: VecDeque<BytesMut>,
    /// Bytes that wait or are being written to the process.
    queued: usize,
    taking: Taking,
    closed: bool,
    resize: Option<Size>,
    signals: VecDeque<Sig>,
}

/// What becomes of input.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Taking {
    #[default]
    Queued,
    /// The client has sent its last.
    Finished,
    /// The process reads no more.
    Discarded,
}

impl Inbox {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many bytes of input wait.
    pub(super) fn queued(&self) -> usize {
        self.state().queued
    }

    /// How many more may come.
    pub(super) fn room(&self) -> usize {
        CAPACITY.saturating_sub(self.queued())
    }

    /// The client sent input.
    pub(super) fn push(&self, data: &Bytes) -> Result<(), Overflow> {
        let mut state = self.state();
        if state.taking != Taking::Queued {
            return Ok(());
        }
        if state.queued.saturating_add(data.len()) > OVERFLOW {
            return Err(Overflow);
        }
        state.queued += data.len();
        match state.pieces.back_mut() {
            Some(last) if data.len() <= SMALL && last.len() < JOINED => {
                last.extend_from_slice(data)
            }
            Some(_) | None => state.pieces.push_back(BytesMut::from(data.as_ref())),
        }
        self.input.notify_one();
        Ok(())
    }

    /// The client will send no more input.
    pub(super) fn finish(&self) {
        let mut state = self.state();
        if state.taking == Taking::Queued {
            state.taking = Taking::Finished;
        }
        self.input.notify_one();
    }

    /// The process reads no more: input is thrown away.
    pub(super) fn discard(&self) {
        let mut state = self.state();
        state.taking = Taking::Discarded;
        state.pieces.clear();
        state.queued = 0;
    }

    /// The client's terminal has another size; only the last one counts.
    pub(super) fn resize(&self, size: Size) {
        self.state().resize = Some(size);
        self.control.notify_one();
    }

    /// The client sends a signal.
    pub(super) fn signal(&self, signal: Sig) {
        let mut state = self.state();
        if state.signals.len() < MOST_SIGNALS {
            state.signals.push_back(signal);
        }
        self.control.notify_one();
    }

    /// The channel is gone.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.control.notify_one();
    }

    /// The next input, which counts as waiting until it is [`settled`](Self::settled); `None` after the last.
    /// To be called by one task.
    pub(super) async fn next_input(&self) -> Option<Bytes> {
        loop {
            {
                let mut state = self.state();
                if let Some(piece) = state.pieces.pop_front() {
                    return Some(piece.freeze());
                }
                if state.taking != Taking::Queued {
                    return None;
                }
            }
            self.input.notified().await;
        }
    }

    /// Input was handed over.
    pub(super) fn settled(&self, bytes: usize) {
        let mut state = self.state();
        state.queued = state.queued.saturating_sub(bytes);
    }

    /// The next thing that is not input. To be called by one task.
    pub(super) async fn next_control(&self) -> Control {
        loop {
            {
                let mut state = self.state();
                if state.closed {
                    return Control::Closed;
                }
                if let Some(size) = state.resize.take() {
                    return Control::Resize(size);
                }
                if let Some(signal) = state.signals.pop_front() {
                    return Control::Signal(signal);
                }
            }
            self.control.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn input_comes_in_order_and_counts_until_it_is_settled() {
        let inbox = Inbox::default();
        inbox.push(&Bytes::from_static(b"a")).unwrap();
        inbox.push(&Bytes::from_static(b"b")).unwrap();
        inbox.push(&Bytes::from(vec![b'c'; SMALL + 1])).unwrap();
        inbox.finish();
        assert_eq!(inbox.next_input().await.unwrap(), "ab");
        assert_eq!(inbox.room(), CAPACITY - SMALL - 3);
        inbox.settled(2);
        assert_eq!(inbox.room(), CAPACITY - SMALL - 1);
        assert_eq!(inbox.next_input().await.unwrap().len(), SMALL + 1);
        assert!(inbox.next_input().await.is_none());
    }

    #[tokio::test]
    async fn the_end_comes_before_what_waits() {
        let inbox = Inbox::default();
        inbox.signal(Sig::INT);
        let size = |columns| Size {
            columns,
            rows: 1,
            width: 0,
            height: 0,
        };
        inbox.resize(size(1));
        inbox.resize(size(2));
        assert!(matches!(inbox.next_control().await, Control::Resize(last) if last == size(2)));
        inbox.close();
        assert!(matches!(inbox.next_control().await, Control::Closed));
    }

    #[test]
    fn a_client_that_ignores_the_window_is_noticed() {
        let inbox = Inbox::default();
        let piece = Bytes::from(vec![0; CAPACITY]);
        for _ in 0..4 {
            inbox.push(&piece).unwrap();
        }
        assert_eq!(inbox.room(), 0);
        assert_eq!(inbox.push(&piece), Err(Overflow));
        inbox.discard();
        assert_eq!((inbox.push(&piece), inbox.room()), (Ok(()), CAPACITY));
    }
}
