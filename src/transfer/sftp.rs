//! An SFTP session (version 3, draft-ietf-secsh-filexfer-02, with OpenSSH's extensions), followed in both directions.
//!
//! It owns the state of one session: what is open, what is under way, where packets begin. Invariants:
//!
//! - A request that does something leaves only through [`Sftp::release`], with a clearance for exactly it; one that
//!   looks only through [`Sftp::pass_look`]. What is not known, and what names a handle that was not cleared for it, is
//!   answered here and never leaves.
//! - Contents pass as the slices that they came in. Of anything else at most one packet is kept, and a longer or
//!   malformed one is an error, after which nothing may pass any more.
//! - A target's answers pass unchanged; [`Seen::boundary`] says where an answer of our own may be put between them.

mod files;

mod frame;

mod inward;

mod judge;

mod outward;

mod packet;

#[cfg(test)]
mod tests;

use bytes::{Bytes, BytesMut};

use crate::domain::command::Layer;
use crate::domain::hold::Clearance;
use crate::transfer::{Operation, Transferred};
use files::{FileKey, Files, Pending};
use packet::Status;

/// Requests under way beyond which no more of a client's input should be taken.
const UNDER_WAY: usize = 16 * 1024;

/// One followed session.
#[derive(Debug)]
pub struct Sftp {
    files: Files,
    greeting: Greeting,
    inward: Inward,
    outward: Outward,
}

/// How far the exchange of versions is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Greeting {
    Awaited,
    Sent,
    Answered,
}

/// Where the client's stream stands.
#[derive(Debug)]
enum Inward {
    /// At a packet, of which so much came before.
    Head(BytesMut),
    /// In the data of a WRITE.
    Body { rest: usize, fate: Fate },
}

/// What becomes of the data of a WRITE.
#[derive(Debug, Clone, Copy)]
enum Fate {
    /// The content of a file, of which so many bytes are to come.
    Written {
        file: FileKey,
        offset: u64,
        data: usize,
    },
    Skipped,
}

/// Where the target's stream stands.
#[derive(Debug)]
enum Outward {
    Head(Vec<u8>),
    Body {
        rest: usize,
        read: Option<(FileKey, u64)>,
    },
}

/// What becomes of a client's bytes, in order.
#[derive(Debug)]
pub enum Step {
    /// They pass to the target.
    Pass(Bytes),
    /// They wait until somebody decides about this request. Nothing behind it was looked at.
    Ask(Asked),
    /// They wait until policy lets this be looked at. Nothing behind it was looked at.
    Look(Look),
    /// The request was refused; this is for the client, between two packets of the target.
    Answer(Bytes),
}

/// A request that waits for a decision.
#[derive(Debug)]
pub struct Asked {
    id: u32,
    packet: Bytes,
    operation: Operation,
    pending: Pending,
}

/// A request that only looks.
#[derive(Debug)]
pub struct Look(Asked);

/// What was seen in a part of the target's stream.
#[derive(Debug, Default)]
pub struct Seen {
    /// The last place in it where the stream stands between two packets; its length when it ends there.
    pub boundary: Option<usize>,
    /// Files that were closed.
    pub ended: Vec<Transferred>,
}

impl Asked {
    /// What is asked for.
    pub fn operation(&self) -> &Operation {
        &self.operation
    }

    /// The answer to the client when it may not be: permission denied, with the reason.
    pub fn refused(&self, reason: &str) -> Bytes {
        packet::status(self.id, Status::PermissionDenied, reason)
    }
}

impl Look {
    /// What is asked for.
    pub fn operation(&self) -> &Operation {
        &self.0.operation
    }

    /// The answer to the client when it may not be: permission denied, with the reason.
    pub fn refused(&self, reason: &str) -> Bytes {
        self.0.refused(reason)
    }
}

impl Default for Sftp {
    fn default() -> Self {
        Self {
            files: Files::default(),
            greeting: Greeting::Awaited,
            inward: Inward::Head(BytesMut::new()),
            outward: Outward::Head(Vec::new()),
        }
    }
}

impl Sftp {
    /// Whether so much is under way that the client's input should wait.
    pub fn is_full(&self) -> bool {
        self.files.under_way() >= UNDER_WAY
    }

    /// The bytes of a request that was cleared, to be sent now; `None` when the clearance is for anything else.
    pub fn release(&mut self, asked: Asked, clearance: &Clearance) -> Option<Bytes> {
        let cleared = clearance.command();
        let same = cleared.layer == Layer::Transfer && cleared.bytes == asked.operation.text();
        same.then(|| self.send(asked))
    }

    /// The bytes of a request that only looks, to be sent now.
    pub fn pass_look(&mut self, look: Look) -> Bytes {
        self.send(look.0)
    }

    fn send(&mut self, asked: Asked) -> Bytes {
        self.files.sent(asked.id, asked.pending);
        asked.packet
    }

    /// Whether the target's stream stands between two packets, its version being the first.
    pub fn is_between(&self) -> bool {
        let at_head = matches!(&self.outward, Outward::Head(head) if head.is_empty());
        at_head && self.greeting == Greeting::Answered
    }

    /// The session ends: what passed of the files that are still open.
    pub fn left_open(&mut self) -> Vec<Transferred> {
        self.files.left_open()
    }
}
