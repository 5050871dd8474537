//! Which requests pass at once, which are asked about, and which are answered here.

use bytes::Bytes;

use super::files::Pending;
use super::frame::kind;
use super::packet::{self, Flags, Handle, Request, Status};
use super::{Asked, Fate, Greeting, Inward, Look, Sftp, Step};
use crate::transfer::Malformed;
use crate::transfer::operation::{Operation, Verb};
use crate::transfer::path::place;

const NOT_CLEARED: &str = "this handle was not opened for that";
const NOT_KNOWN: &str = "this request is not known to the bastion and does not pass";

/// What becomes of one request.
pub(super) enum Judged {
    /// It passes as it came.
    Pass,
    /// This happens instead.
    Instead(Step),
}

impl Judged {
    fn answer(id: u32, status: Status, message: &str) -> Self {
        Self::Instead(Step::Answer(packet::status(id, status, message)))
    }
}

impl Sftp {
    /// Judges one request, of which a WRITE's data is still to come.
    pub(super) fn judge(&mut self, packet: Bytes, body: usize) -> Result<Judged, Malformed> {
        match (packet.get(4).copied(), self.greeting) {
            (Some(kind::INIT), Greeting::Awaited) => {
                self.greeting = Greeting::Sent;
                let init = Bytes::from_static(packet::INIT);
                Ok(Judged::Instead(Step::Pass(init)))
            }
            (Some(kind::INIT), _) => Err(Malformed::Client("it begins twice")),
            (_, Greeting::Awaited) => Err(Malformed::Client("a request before the version")),
            (Some(kind::WRITE), _) => self.write(&packet, body),
            (_, _) => {
                let (id, request) = packet::request(&packet)?;
                self.check(id)?;
                Ok(self.request(id, request, packet))
            }
        }
    }

    /// An id in use would make it uncertain what an answer is for.
    fn check(&self, id: u32) -> Result<(), Malformed> {
        match self.files.awaits(id) {
            true => Err(Malformed::Client("a request id that is in use")),
            false => Ok(()),
        }
    }

    fn write(&mut self, packet: &[u8], body: usize) -> Result<Judged, Malformed> {
        let head = packet::write_head(packet)?;
        self.check(head.id)?;
        let Some(file) = self.files.writable(&head.handle) else {
            self.inward = Inward::Body {
                rest: body,
                fate: Fate::Skipped,
            };
            let (id, denied) = (head.id, Status::PermissionDenied);
            return Ok(Judged::answer(id, denied, NOT_CLEARED));
        };
        self.files.sent(head.id, Pending::Write(file));
        self.inward = Inward::Body {
            rest: body,
            fate: Fate::Written {
                file,
                offset: head.offset,
                data: head.data,
            },
        };
        Ok(Judged::Pass)
    }

    fn request(&mut self, id: u32, request: Request, packet: Bytes) -> Judged {
        let pending = match request {
            Request::Open {
                path,
                flags,
                details,
            } => return self.open(id, packet, path, flags, details),
            Request::Look { verb, path, opens } => {
                return self.look(id, packet, verb, path, opens);
            }
            Request::Change {
                verb,
                paths,
                details,
            } => {
                let operation = Operation::new(verb, paths, details);
                return ask(id, packet, operation, Pending::Other);
            }
            Request::SetAttributes {
                handle,
                size,
                more,
                details,
            } => match (size, self.files.writable(&handle)) {
                // Where a file ends is its content, which was cleared with the handle.
                (Some(size), Some(file)) if !more => Some(Pending::Resize { file, size }),
                _ => return self.set_attributes(id, packet, &handle, details, size.is_some()),
            },
            Request::Copy { from, to, details } => {
                return self.copy(id, packet, [&from, &to], details);
            }
            Request::Unsupported => return Judged::answer(id, Status::Unsupported, NOT_KNOWN),
            Request::Close(handle) => {
                let file = self.files.known(&handle);
                self.files.forget(&handle);
                file.map(Pending::Close)
            }
            Request::Read {
                handle,
                offset,
                length,
            } => self.files.readable(&handle).map(|file| Pending::Read {
                file,
                offset,
                length,
            }),
            Request::ReadFolder(handle) => self.files.folder(&handle).map(|_| Pending::Other),
            Request::StatOpen(handle) => self.files.known(&handle).map(|_| Pending::Other),
            Request::Sync(handle) => self.files.writable(&handle).map(|_| Pending::Other),
            Request::Harmless => Some(Pending::Other),
        };
        match pending {
            Some(pending) => {
                self.files.sent(id, pending);
                Judged::Pass
            }
            None => Judged::answer(id, Status::PermissionDenied, NOT_CLEARED),
        }
    }

    fn open(
        &mut self,
        id: u32,
        packet: Bytes,
        path: Vec<u8>,
        flags: Flags,
        details: Vec<String>,
    ) -> Judged {
        if !self.files.has_room() {
            return Judged::answer(id, Status::Failure, "too many files are open");
        }
        let verb = match (flags.reads(), flags.changes()) {
            (true, false) => Verb::Download,
            (true, true) => Verb::Update,
            (false, _) => Verb::Upload,
        };
        let operation = Operation::new(verb, vec![path.clone()], details);
        ask(id, packet, operation, Pending::Open { path, flags })
    }

    fn look(&mut self, id: u32, packet: Bytes, verb: Verb, path: Vec<u8>, opens: bool) -> Judged {
        if opens && !self.files.has_room() {
            return Judged::answer(id, Status::Failure, "too many folders are open");
        }
        // Where one's home is, is where every client begins.
        let home = place(b"");
        if verb == Verb::Resolve && place(&path) == home || verb == Verb::Expand && path == b"~" {
            self.files.sent(id, Pending::Other);
            return Judged::Pass;
        }
        let pending = if opens {
            Pending::OpenFolder
        } else {
            Pending::Other
        };
        Judged::Instead(Step::Look(Look(Asked {
            id,
            packet,
            operation: Operation::new(verb, vec![path], Vec::new()),
            pending,
        })))
    }

    fn set_attributes(
        &mut self,
        id: u32,
        packet: Bytes,
        handle: &Handle,
        mut details: Vec<String>,
        resizes: bool,
    ) -> Judged {
        let file = self.files.known(handle);
        let Some((file, path)) = file.and_then(|file| Some((file, self.files.path(file)?))) else {
            return Judged::answer(id, Status::PermissionDenied, NOT_CLEARED);
        };
        let pending = if resizes {
            Pending::Change(file)
        } else {
            Pending::Other
        };
        details.push("while-open".to_owned());
        let operation = Operation::new(Verb::SetAttributes, vec![path.to_vec()], details);
        ask(id, packet, operation, pending)
    }

    fn copy(
        &mut self,
        id: u32,
        packet: Bytes,
        [from, to]: [&Handle; 2],
        details: Vec<String>,
    ) -> Judged {
        let (from, to) = (self.files.readable(from), self.files.writable(to));
        let paths = from.zip(to).and_then(|(from, to)| {
            Some((
                to,
                vec![
                    self.files.path(from)?.to_vec(),
                    self.files.path(to)?.to_vec(),
                ],
            ))
        });
        match paths {
            Some((into, paths)) => {
                let operation = Operation::new(Verb::Copy, paths, details);
                ask(id, packet, operation, Pending::Change(into))
            }
            None => Judged::answer(id, Status::PermissionDenied, NOT_CLEARED),
        }
    }
}

fn ask(id: u32, packet: Bytes, operation: Operation, pending: Pending) -> Judged {
    Judged::Instead(Step::Ask(Asked {
        id,
        packet,
        operation,
        pending,
    }))
}
