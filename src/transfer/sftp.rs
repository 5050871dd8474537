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

mod judge;

mod packet;

#[cfg(test)]
mod tests;

use bytes::{Buf, Bytes, BytesMut};

use crate::domain::command::Layer;
use crate::domain::hold::Clearance;
use crate::transfer::{Malformed, Operation, Transferred};
use files::{FileKey, Files, Pending};
use frame::{Need, kind, number};
use judge::Judged;
use packet::{Handle, Status};

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
    Written { file: FileKey, offset: u64 },
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

    /// Takes bytes of the client off the front of `left`, up to and with the first request that has to wait or is
    /// refused. Call it again until `left` is empty, once that request was dealt with.
    ///
    /// # Errors
    /// When the client does not hold to the protocol; nothing of it may pass any more.
    pub fn from_client(&mut self, left: &mut Bytes) -> Result<Vec<Step>, Malformed> {
        let mut steps = Vec::new();
        // So much at the front of `left` passes.
        let mut passing = 0;
        let open = loop {
            let more = match &self.inward {
                Inward::Body { .. } => self.body(left, &mut passing, &mut steps),
                Inward::Head(_) => self.head(left, &mut passing, &mut steps)?,
            };
            match more {
                Progress::On => {}
                Progress::UsedUp => break true,
                Progress::Stopped => break false,
            }
        };
        if open && passing > 0 {
            steps.push(Step::Pass(left.split_to(passing)));
        }
        Ok(steps)
    }

    fn body(&mut self, left: &mut Bytes, passing: &mut usize, steps: &mut Vec<Step>) -> Progress {
        let Inward::Body { rest, fate } = &mut self.inward else {
            return Progress::On;
        };
        match fate {
            Fate::Written { file, offset } => {
                let waiting = left.get(*passing..).unwrap_or_default();
                let data = waiting.get(..*rest).unwrap_or(waiting);
                self.files.write(*file, *offset, data);
                *offset = offset.saturating_add(data.len() as u64);
                *passing += data.len();
                *rest -= data.len();
            }
            Fate::Skipped => {
                flush(left, passing, steps);
                let skipped = left.len().min(*rest);
                left.advance(skipped);
                *rest -= skipped;
            }
        }
        if *rest > 0 {
            return Progress::UsedUp;
        }
        self.inward = Inward::Head(BytesMut::new());
        Progress::On
    }

    fn head(
        &mut self,
        left: &mut Bytes,
        passing: &mut usize,
        steps: &mut Vec<Step>,
    ) -> Result<Progress, Malformed> {
        let Inward::Head(kept) = &mut self.inward else {
            return Ok(Progress::On);
        };
        let waiting = left.get(*passing..).unwrap_or_default();
        if kept.is_empty() {
            if waiting.is_empty() {
                return Ok(Progress::UsedUp);
            }
            return match frame::request(waiting)? {
                Need::More(_) => {
                    kept.extend_from_slice(waiting);
                    left.truncate(*passing);
                    Ok(Progress::UsedUp)
                }
                Need::Judge { head, body } => {
                    let packet = left.slice(*passing..*passing + head);
                    match self.judge(packet, body)? {
                        Judged::Pass => {
                            *passing += head;
                            Ok(Progress::On)
                        }
                        Judged::Instead(step) => {
                            flush(left, passing, steps);
                            left.advance(head);
                            Ok(stopped(step, steps))
                        }
                    }
                }
            };
        }
        // What is kept began before `left` did, so nothing of `left` passes yet.
        match frame::request(kept)? {
            Need::More(needed) => {
                let missing = needed.saturating_sub(kept.len()).min(left.len());
                if missing == 0 {
                    return Ok(Progress::UsedUp);
                }
                kept.extend_from_slice(&left.split_to(missing));
                Ok(Progress::On)
            }
            Need::Judge { body, .. } => {
                let packet = kept.split().freeze();
                match self.judge(packet.clone(), body)? {
                    Judged::Pass => {
                        steps.push(Step::Pass(packet));
                        Ok(Progress::On)
                    }
                    Judged::Instead(step) => Ok(stopped(step, steps)),
                }
            }
        }
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

    /// Follows a part of the target's stream, all of which passes.
    ///
    /// # Errors
    /// When the target does not hold to the protocol; nothing of that part may pass.
    pub fn from_target(&mut self, chunk: &[u8]) -> Result<Seen, Malformed> {
        let mut seen = Seen {
            boundary: self.is_between().then_some(0),
            ended: Vec::new(),
        };
        let mut left = chunk;
        while !left.is_empty() {
            match &mut self.outward {
                Outward::Head(head) => {
                    if let Need::More(needed) = frame::reply(head)? {
                        let missing = needed.saturating_sub(head.len()).min(left.len());
                        let (taken, rest) = left.split_at(missing);
                        head.extend_from_slice(taken);
                        left = rest;
                    }
                    if let Need::Judge { body, .. } = frame::reply(head)? {
                        let head = std::mem::take(head);
                        let read = self.reply(&head, body, &mut seen.ended)?;
                        self.outward = Outward::Body { rest: body, read };
                    }
                }
                Outward::Body { rest, read } => {
                    let (data, behind) = left.split_at((*rest).min(left.len()));
                    if let Some((file, offset)) = read {
                        self.files.read(*file, *offset, data);
                        *offset = offset.saturating_add(data.len() as u64);
                    }
                    *rest -= data.len();
                    left = behind;
                }
            }
            if matches!(self.outward, Outward::Body { rest: 0, .. }) {
                self.outward = Outward::Head(Vec::new());
                seen.boundary = Some(chunk.len() - left.len());
            }
        }
        Ok(seen)
    }

    /// Whether the target's stream stands between two packets.
    pub fn is_between(&self) -> bool {
        matches!(&self.outward, Outward::Head(head) if head.is_empty())
    }

    /// The session ends: what passed of the files that are still open.
    pub fn left_open(&mut self) -> Vec<Transferred> {
        self.files.left_open()
    }

    /// Takes the head of one reply. Gives the file and offset that its body is content of.
    fn reply(
        &mut self,
        head: &[u8],
        body: usize,
        ended: &mut Vec<Transferred>,
    ) -> Result<Option<(FileKey, u64)>, Malformed> {
        let short = Malformed::Target("a packet that is too short");
        let kind = head.get(4).copied().ok_or(short.clone())?;
        let first = number(head, 5).ok_or(short.clone())?;
        if kind == kind::VERSION {
            return match (self.greeting, first) {
                (Greeting::Sent, 3) => {
                    self.greeting = Greeting::Answered;
                    Ok(None)
                }
                _ => Err(Malformed::Target("a version other than 3")),
            };
        }
        let request = self.files.answered(first)?;
        match (kind, request) {
            (kind::HANDLE, request) => {
                let name = head.get(13..).unwrap_or_default();
                if number(head, 9).map(|length| length as usize) != Some(name.len()) {
                    return Err(Malformed::Target("a handle of another length"));
                }
                self.files.opened(request, Handle(name.to_vec()))?;
            }
            (
                kind::DATA,
                Pending::Read {
                    file,
                    offset,
                    length,
                },
            ) => {
                let data = number(head, 9).ok_or(short)?;
                if data as usize != body || data > length {
                    return Err(Malformed::Target("data of another length"));
                }
                return Ok(Some((file, offset)));
            }
            (kind::DATA, _) => return Err(Malformed::Target("data that nobody asked for")),
            (kind::STATUS, request) => {
                ended.extend(self.status(request, number(head, 9).ok_or(short)?));
            }
            // Names and attributes are for the client alone.
            (_, _) => {}
        }
        Ok(None)
    }

    /// Takes the status that a request got.
    fn status(&mut self, request: Pending, code: u32) -> Vec<Transferred> {
        match request {
            Pending::Close(file) => return self.files.closed(file),
            Pending::Read { file, offset, .. } if code == u32::from(Status::EndOfFile as u8) => {
                self.files.ends(file, offset);
            }
            Pending::Write(file) | Pending::Resize { file, .. }
                if code != u32::from(Status::Ok as u8) =>
            {
                self.files.spoil(file, crate::transfer::Unproved::Failed);
            }
            Pending::Read { .. }
            | Pending::Write(_)
            | Pending::Resize { .. }
            | Pending::Open { .. }
            | Pending::OpenFolder
            | Pending::Change(_)
            | Pending::Other => {}
        }
        Vec::new()
    }
}

/// How a step through the client's bytes went.
enum Progress {
    /// There may be more to do.
    On,
    /// All bytes were taken.
    UsedUp,
    /// A request has to be dealt with first.
    Stopped,
}

fn flush(left: &mut Bytes, passing: &mut usize, steps: &mut Vec<Step>) {
    if *passing > 0 {
        steps.push(Step::Pass(left.split_to(*passing)));
        *passing = 0;
    }
}

/// Goes on behind what merely passes in another form.
fn stopped(step: Step, steps: &mut Vec<Step>) -> Progress {
    let on = matches!(step, Step::Pass(_));
    steps.push(step);
    if on { Progress::On } else { Progress::Stopped }
}
