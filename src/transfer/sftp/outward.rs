//! From the target to the client: handles, contents and the fate of requests, read off while everything passes.

use super::files::{FileKey, Pending};
use super::frame::{self, Need, kind, number};
use super::packet::{Handle, Status};
use super::{Greeting, Outward, Seen, Sftp};
use crate::transfer::{Malformed, Transferred, Unproved};

impl Sftp {
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
            if self.greeting != Greeting::Sent || first != 3 {
                return Err(Malformed::Target("a version other than 3"));
            }
            self.greeting = Greeting::Answered;
            return Ok(None);
        }
        let request = self.files.answered(first)?;
        match kind {
            kind::HANDLE => {
                let name = head.get(13..).unwrap_or_default();
                if number(head, 9).map(|length| length as usize) != Some(name.len()) {
                    return Err(Malformed::Target("a handle of another length"));
                }
                self.files.opened(request, Handle(name.to_vec()))?;
            }
            kind::DATA => {
                let Pending::Read {
                    file,
                    offset,
                    length,
                } = request
                else {
                    return Err(Malformed::Target("data that nobody asked for"));
                };
                let data = number(head, 9).ok_or(short)?;
                if data as usize != body || data > length {
                    return Err(Malformed::Target("data of another length"));
                }
                return Ok(Some((file, offset)));
            }
            kind::STATUS => {
                ended.extend(self.status(request, number(head, 9).ok_or(short)?));
            }
            // Names and attributes are for the client alone.
            _ => {}
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
                self.files.spoil(file, Unproved::Failed);
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
