//! The counted queue of one channel and one direction.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures::task::AtomicWaker;
use russh::{ChannelMsg, ChannelReadHalf};

use super::Gauge;

/// Chunks up to this size are joined, so that a stream of tiny packets does not cost an entry each.
const JOINED_BYTES: usize = 256;

/// What one entry costs beside its bytes.
const ENTRY_COST: usize = 64;

/// Something that came on a channel, in order.
#[derive(Debug)]
pub enum Item {
    /// Ordinary data.
    Data(Credited),
    /// Extended data (RFC 4254 section 5.2), with its type.
    Extended(Credited, u32),
    /// Everything else, such as requests, exit status and EOF.
    Message(ChannelMsg),
}

/// Bytes that count as waiting until they are dropped.
#[derive(Debug)]
pub struct Credited {
    bytes: Bytes,
    credit: Credit,
}

impl Credited {
    /// The bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// What is left without so many bytes of its beginning.
    pub fn without(mut self, taken: usize) -> Self {
        self.bytes = self.bytes.split_off(taken.min(self.bytes.len()));
        self
    }
}

#[derive(Debug)]
struct Credit {
    gauge: Arc<Gauge>,
    cost: usize,
}

impl Drop for Credit {
    fn drop(&mut self) {
        self.gauge.subtract(self.cost);
    }
}

#[derive(Debug, Default)]
struct State {
    entries: VecDeque<Entry>,
    /// The peer sends no more data.
    eof: bool,
    ended: bool,
}

/// What waits, with what it counts for beside the bytes that count by themselves.
#[derive(Debug)]
struct Entry {
    item: Item,
    _credit: Option<Credit>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    taker: AtomicWaker,
    watcher: AtomicWaker,
    gauge: Arc<Gauge>,
    /// Whether what comes is a connection of its own, whose channels are what counts as data.
    is_transport: AtomicBool,
}

impl Shared {
    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The end that messages are put into; it never waits.
#[derive(Debug)]
pub struct Filler(Arc<Shared>);

/// The end that messages are taken from.
#[derive(Debug)]
pub struct Drain(Arc<Shared>);

/// A queue that counts on `gauge`. It is bounded by the windows and the hard limit that the gauge's connection keeps.
pub fn queue(gauge: Arc<Gauge>) -> (Filler, Drain) {
    let (taker, watcher) = (AtomicWaker::new(), AtomicWaker::new());
    let shared = Arc::new(Shared {
        state: Mutex::default(),
        taker,
        watcher,
        gauge,
        is_transport: AtomicBool::new(false),
    });
    (Filler(Arc::clone(&shared)), Drain(shared))
}

/// Drains a channel into the queue until the channel ends.
pub async fn pump(mut channel: ChannelReadHalf, filler: Filler) {
    while let Some(message) = channel.wait().await {
        match message {
            ChannelMsg::Close => break,
            message => filler.push(message),
        }
    }
}

impl Filler {
    pub(super) fn push(&self, message: ChannelMsg) {
        match message {
            ChannelMsg::Data { data } => self.data(data, Item::Data),
            ChannelMsg::ExtendedData { data, ext } => {
                self.data(data, |credited| Item::Extended(credited, ext))
            }
            ChannelMsg::WindowAdjusted { .. } => {}
            message => self.message(message),
        }
        self.0.taker.wake();
    }

    /// Requests have no window of their own: they count, and of sizes that follow each other only the last matters.
    fn message(&self, message: ChannelMsg) {
        let cost = ENTRY_COST + payload(&message);
        let gauge = &self.0.gauge;
        let eof = matches!(message, ChannelMsg::Eof);
        self.0.with(|state| {
            state.eof |= eof;
            if let (
                Some(Entry {
                    item: Item::Message(last),
                    ..
                }),
                ChannelMsg::WindowChange { .. },
            ) = (state.entries.back_mut(), &message)
                && matches!(last, ChannelMsg::WindowChange { .. })
            {
                *last = message;
                return;
            }
            gauge.add(cost);
            let credit = Some(Credit {
                gauge: Arc::clone(gauge),
                cost,
            });
            state.entries.push_back(Entry {
                item: Item::Message(message),
                _credit: credit,
            });
        });
        if eof {
            self.0.watcher.wake();
        }
    }

    fn data(&self, data: Bytes, item: impl FnOnce(Credited) -> Item) {
        let gauge = &self.0.gauge;
        if !self.0.is_transport.load(Ordering::Relaxed) {
            gauge.load.pulse.beat();
        }
        self.0.with(|state| {
            let item = item(Credited {
                bytes: data,
                credit: Credit {
                    gauge: Arc::clone(gauge),
                    cost: 0,
                },
            });
            if let Some(item) = join(state.entries.back_mut().map(|entry| &mut entry.item), item) {
                state.entries.push_back(Entry {
                    item,
                    _credit: None,
                });
            }
        });
    }
}

/// Bytes that a request brings with it.
fn payload(message: &ChannelMsg) -> usize {
    match message {
        ChannelMsg::Exec { command, .. } => command.len(),
        ChannelMsg::SetEnv {
            variable_name,
            variable_value,
            ..
        } => variable_name.len() + variable_value.len(),
        ChannelMsg::RequestSubsystem { name, .. } => name.len(),
        ChannelMsg::RequestPty {
            term,
            terminal_modes,
            ..
        } => term.len() + terminal_modes.len() * ENTRY_COST,
        // The library's enum is open; nothing else carries more than an entry's worth.
        _ => 0,
    }
}

/// Joins small data to the entry before it, or gives it back, counted, as an entry of its own.
fn join(last: Option<&mut Item>, mut item: Item) -> Option<Item> {
    match (last, &mut item) {
        (Some(Item::Data(before)), Item::Data(new)) => before.absorb(new),
        (Some(Item::Extended(before, a)), Item::Extended(new, b)) if a == b => before.absorb(new),
        (_, Item::Data(new) | Item::Extended(new, _)) => {
            new.charge(ENTRY_COST);
            return Some(item);
        }
        (_, Item::Message(_)) => return Some(item),
    }
    .then_some(item)
}

impl Credited {
    /// Takes in small bytes; otherwise charges them as an entry of their own. Tells whether they stay an entry.
    fn absorb(&mut self, new: &mut Self) -> bool {
        if self.bytes.len() + new.bytes.len() > JOINED_BYTES {
            new.charge(ENTRY_COST);
            return true;
        }
        let mut joined = BytesMut::with_capacity(JOINED_BYTES);
        joined.extend_from_slice(&self.bytes);
        joined.extend_from_slice(&new.bytes);
        self.bytes = joined.freeze();
        self.credit.cost += new.bytes.len();
        self.credit.gauge.add(new.bytes.len());
        false
    }

    fn charge(&mut self, entry: usize) {
        self.credit.cost = self.bytes.len() + entry;
        self.credit.gauge.add(self.credit.cost);
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        self.0.with(|state| state.ended = true);
        self.0.taker.wake();
        self.0.watcher.wake();
    }
}

impl Drain {
    /// The next thing that came, or `None` when the channel has ended and all was taken. Safe to cancel.
    pub async fn next(&mut self) -> Option<Item> {
        std::future::poll_fn(|context| self.poll_next(context)).await
    }

    /// [`Drain::next`] for streams that are polled.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Item>> {
        self.0.taker.register(context.waker());
        match self
            .0
            .with(|state| (state.entries.pop_front(), state.ended))
        {
            (None, false) => Poll::Pending,
            (entry, _) => Poll::Ready(entry.map(|entry| entry.item)),
        }
    }

    /// The next thing that came, when there is one already.
    pub fn ready(&mut self) -> Option<Item> {
        self.0
            .with(|state| state.entries.pop_front())
            .map(|entry| entry.item)
    }

    /// Puts back what was taken last: it comes next again.
    pub fn put_back(&mut self, item: Item) {
        let entry = Entry {
            item,
            _credit: None,
        };
        self.0.with(|state| state.entries.push_front(entry));
    }

    /// What comes is a connection of its own: its keepalives are no data of this one.
    pub(super) fn is_transport(&self) {
        self.0.is_transport.store(true, Ordering::Relaxed);
    }

    /// A watch on the channel's end that does not take anything. One at a time is woken.
    pub fn end(&self) -> Ended {
        Ended(Arc::clone(&self.0))
    }
}

/// Waits for the end of a channel, while somebody else takes what came on it.
#[derive(Debug)]
pub struct Ended(Arc<Shared>);

impl Ended {
    /// Returns when the peer has closed the channel or is gone; on a channel that is a connection of its own, when it
    /// sends no more.
    pub async fn wait(&self) {
        std::future::poll_fn(|context| self.poll(context)).await;
    }

    /// [`Ended::wait`] for streams that are polled.
    pub fn poll(&self, context: &mut Context<'_>) -> Poll<()> {
        self.0.watcher.register(context.waker());
        let is_transport = self.0.is_transport.load(Ordering::Relaxed);
        if self
            .0
            .with(|state| state.ended || (is_transport && state.eof))
        {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}
