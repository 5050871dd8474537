//! Requests read whole, and the answers of our own.
//!
//! The strings of the protocol are bytes and stay bytes: two handles or paths that differ must never become one.

use bytes::{BufMut, Bytes, BytesMut};
use russh::keys::ssh_encoding::{Decode, Error, Reader};

use super::frame::kind;
use crate::transfer::Malformed;
use crate::transfer::operation::Verb;
use crate::transfer::path::PATH_BYTES;

/// Longest message of an answer, in bytes.
const MESSAGE_BYTES: usize = 1024;

/// What opens a session with the only version that is followed: INIT without extensions.
pub(super) const INIT: &[u8] = &[0, 0, 0, 5, kind::INIT, 0, 0, 0, 3];

/// A file or folder that is open, as the target names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Handle(pub(super) Vec<u8>);

/// The flags of OPEN (draft-ietf-secsh-filexfer-02 section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flags(u32);

impl Flags {
    const READ: u32 = 0x01;
    const WRITE: u32 = 0x02;
    const APPEND: u32 = 0x04;
    const CREATE: u32 = 0x08;
    const TRUNCATE: u32 = 0x10;
    const EXCLUDE: u32 = 0x20;
    const KNOWN: u32 = 0x3f;

    /// Content can be read.
    pub(super) fn reads(self) -> bool {
        self.0 & Self::READ != 0
    }

    /// Content can be written.
    pub(super) fn writes(self) -> bool {
        self.0 & Self::WRITE != 0
    }

    /// The file may be made, emptied or written to.
    pub(super) fn changes(self) -> bool {
        self.0 & (Self::KNOWN ^ Self::READ) != 0
    }

    /// The file is empty once it is open.
    pub(super) fn empties(self) -> bool {
        let made = Self::CREATE | Self::EXCLUDE;
        self.0 & Self::TRUNCATE != 0 || self.0 & made == made
    }

    fn words(self) -> Vec<String> {
        [
            (Self::APPEND, "append"),
            (Self::CREATE, "create"),
            (Self::TRUNCATE, "truncate"),
            (Self::EXCLUDE, "exclusive"),
        ]
        .into_iter()
        .filter(|(flag, _)| self.0 & flag != 0)
        .map(|(_, word)| word.to_owned())
        .collect()
    }
}

/// What a client asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// Content of a file, or its attributes, or a folder; nothing is changed by opening or looking.
    Look {
        verb: Verb,
        path: Vec<u8>,
        opens: bool,
    },
    /// A file is opened.
    Open {
        path: Vec<u8>,
        flags: Flags,
        details: Vec<String>,
    },
    /// Something is changed.
    Change {
        verb: Verb,
        paths: Vec<Vec<u8>>,
        details: Vec<String>,
    },
    Close(Handle),
    Read {
        handle: Handle,
        offset: u64,
        length: u32,
    },
    ReadFolder(Handle),
    /// Attributes of something open, or of its file system.
    StatOpen(Handle),
    Sync(Handle),
    SetAttributes {
        handle: Handle,
        size: Option<u64>,
        /// What is set besides the size.
        more: bool,
        details: Vec<String>,
    },
    Copy {
        from: Handle,
        to: Handle,
        details: Vec<String>,
    },
    /// What concerns no file: limits of the target, names of its users.
    Harmless,
    /// What is not known, or says more than is known of it.
    Unsupported,
}

/// The head of a WRITE.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct WriteHead {
    pub(super) id: u32,
    pub(super) handle: Handle,
    pub(super) offset: u64,
    /// Bytes of content.
    pub(super) data: usize,
}

/// Reads the head of a WRITE.
pub(super) fn write_head(packet: &[u8]) -> Result<WriteHead, Malformed> {
    let mut reader = packet.get(5..).unwrap_or_default();
    let mut read = || -> Result<WriteHead, Error> {
        Ok(WriteHead {
            id: u32::decode(&mut reader)?,
            handle: Handle(Vec::decode(&mut reader)?),
            offset: u64::decode(&mut reader)?,
            data: usize::decode(&mut reader)?,
        })
    };
    read().map_err(|_| Malformed::Client("a request that cannot be read"))
}

/// Reads a whole request other than INIT and WRITE, with its id.
pub(super) fn request(packet: &[u8]) -> Result<(u32, Request), Malformed> {
    let kind = packet.get(4).copied().unwrap_or_default();
    let mut reader = packet.get(5..).unwrap_or_default();
    let mut read = || -> Result<(u32, Request), Error> {
        let id = u32::decode(&mut reader)?;
        let request = body(kind, &mut reader)?;
        if request != Request::Unsupported {
            reader.ensure_finished()?;
        }
        Ok((id, request))
    };
    read().map_err(|_| Malformed::Client("a request that cannot be read"))
}

fn body(kind: u8, reader: &mut &[u8]) -> Result<Request, Error> {
    Ok(match kind {
        kind::OPEN => open(reader)?,
        kind::CLOSE => Request::Close(handle(reader)?),
        kind::READ => Request::Read {
            handle: handle(reader)?,
            offset: u64::decode(reader)?,
            length: u32::decode(reader)?,
        },
        kind::READDIR => Request::ReadFolder(handle(reader)?),
        kind::FSTAT => Request::StatOpen(handle(reader)?),
        kind::LSTAT | kind::STAT => look(Verb::Stat, reader)?,
        kind::READLINK => look(Verb::ReadLink, reader)?,
        kind::REALPATH => look(Verb::Resolve, reader)?,
        kind::OPENDIR => Request::Look {
            verb: Verb::List,
            path: path(reader)?,
            opens: true,
        },
        kind::REMOVE => change(Verb::Remove, vec![path(reader)?], Vec::new()),
        kind::RMDIR => change(Verb::RemoveFolder, vec![path(reader)?], Vec::new()),
        kind::RENAME => change(Verb::Rename, two(reader)?, Vec::new()),
        kind::SYMLINK => change(Verb::Symlink, two(reader)?, Vec::new()),
        kind::MKDIR => set(Verb::MakeFolder, reader)?,
        kind::SETSTAT => set(Verb::SetAttributes, reader)?,
        kind::FSETSTAT => {
            let handle = handle(reader)?;
            match Attributes::read(reader)? {
                Some(attributes) => Request::SetAttributes {
                    handle,
                    size: attributes.size,
                    more: attributes.sets_more_than_size(),
                    details: attributes.words(),
                },
                None => Request::Unsupported,
            }
        }
        kind::EXTENDED => extended(reader)?,
        _ => Request::Unsupported,
    })
}

fn extended(reader: &mut &[u8]) -> Result<Request, Error> {
    let name: Vec<u8> = Vec::decode(reader)?;
    Ok(match name.as_slice() {
        b"posix-rename@openssh.com" => {
            change(Verb::Rename, two(reader)?, vec!["replacing".to_owned()])
        }
        b"hardlink@openssh.com" => change(Verb::Hardlink, two(reader)?, Vec::new()),
        b"lsetstat@openssh.com" => match set(Verb::SetAttributes, reader)? {
            Request::Change {
                verb,
                paths,
                mut details,
            } => {
                details.push("of-the-link-itself".to_owned());
                change(verb, paths, details)
            }
            other => other,
        },
        b"fsync@openssh.com" => Request::Sync(handle(reader)?),
        b"fstatvfs@openssh.com" => Request::StatOpen(handle(reader)?),
        b"statvfs@openssh.com" => look(Verb::Stat, reader)?,
        b"expand-path@openssh.com" => look(Verb::Expand, reader)?,
        b"limits@openssh.com" => Request::Harmless,
        b"users-groups-by-id@openssh.com" => {
            let _users_and_groups: [Vec<u8>; 2] = [Vec::decode(reader)?, Vec::decode(reader)?];
            Request::Harmless
        }
        b"copy-data" => {
            let (from, offset, length) =
                (handle(reader)?, u64::decode(reader)?, u64::decode(reader)?);
            let (to, at) = (handle(reader)?, u64::decode(reader)?);
            let details = [("from", offset), ("bytes", length), ("to", at)];
            Request::Copy {
                from,
                to,
                details: details
                    .into_iter()
                    .map(|(word, number)| format!("{word}={number}"))
                    .collect(),
            }
        }
        _ => Request::Unsupported,
    })
}

fn open(reader: &mut &[u8]) -> Result<Request, Error> {
    let path = path(reader)?;
    let flags = Flags(u32::decode(reader)?);
    let Some(attributes) = Attributes::read(reader)? else {
        return Ok(Request::Unsupported);
    };
    if flags.0 & !Flags::KNOWN != 0 || !(flags.reads() || flags.changes()) {
        return Ok(Request::Unsupported);
    }
    let mut details = flags.words();
    if flags.changes() {
        details.extend(attributes.words());
    }
    Ok(Request::Open {
        path,
        flags,
        details,
    })
}

fn look(verb: Verb, reader: &mut &[u8]) -> Result<Request, Error> {
    Ok(Request::Look {
        verb,
        path: path(reader)?,
        opens: false,
    })
}

fn change(verb: Verb, paths: Vec<Vec<u8>>, details: Vec<String>) -> Request {
    Request::Change {
        verb,
        paths,
        details,
    }
}

fn set(verb: Verb, reader: &mut &[u8]) -> Result<Request, Error> {
    let path = path(reader)?;
    Ok(match Attributes::read(reader)? {
        Some(attributes) => change(verb, vec![path], attributes.words()),
        None => Request::Unsupported,
    })
}

fn handle(reader: &mut &[u8]) -> Result<Handle, Error> {
    Vec::decode(reader).map(Handle)
}

fn two(reader: &mut &[u8]) -> Result<Vec<Vec<u8>>, Error> {
    Ok(vec![path(reader)?, path(reader)?])
}

/// A path that a system could take: no longer than one can be, without NUL.
fn path(reader: &mut &[u8]) -> Result<Vec<u8>, Error> {
    let path: Vec<u8> = Vec::decode(reader)?;
    if path.len() > PATH_BYTES || path.contains(&0) {
        return Err(Error::Length);
    }
    Ok(path)
}

/// Attributes of a file (draft-ietf-secsh-filexfer-02 section 5).
#[derive(Debug, Default)]
struct Attributes {
    size: Option<u64>,
    owner: Option<(u32, u32)>,
    mode: Option<u32>,
    times: Option<(u32, u32)>,
}

impl Attributes {
    const SIZE: u32 = 0x01;
    const OWNER: u32 = 0x02;
    const MODE: u32 = 0x04;
    const TIMES: u32 = 0x08;

    /// Reads them to the end of the packet; `None` when they hold any that are not known.
    fn read(reader: &mut &[u8]) -> Result<Option<Self>, Error> {
        let flags = u32::decode(reader)?;
        if flags & !(Self::SIZE | Self::OWNER | Self::MODE | Self::TIMES) != 0 {
            return Ok(None);
        }
        let mut attributes = Self::default();
        if flags & Self::SIZE != 0 {
            attributes.size = Some(u64::decode(reader)?);
        }
        if flags & Self::OWNER != 0 {
            attributes.owner = Some((u32::decode(reader)?, u32::decode(reader)?));
        }
        if flags & Self::MODE != 0 {
            attributes.mode = Some(u32::decode(reader)?);
        }
        if flags & Self::TIMES != 0 {
            attributes.times = Some((u32::decode(reader)?, u32::decode(reader)?));
        }
        Ok(Some(attributes))
    }

    fn sets_more_than_size(&self) -> bool {
        self.owner.is_some() || self.mode.is_some() || self.times.is_some()
    }

    fn words(&self) -> Vec<String> {
        let size = self.size.map(|size| format!("size={size}"));
        let owner = self
            .owner
            .map(|(user, group)| format!("owner={user}:{group}"));
        let mode = self.mode.map(|mode| format!("mode={mode:04o}"));
        let times = self
            .times
            .map(|(read, written)| format!("times={read},{written}"));
        [size, owner, mode, times].into_iter().flatten().collect()
    }
}

/// The status of an answer (draft-ietf-secsh-filexfer-02 section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Status {
    Ok = 0,
    EndOfFile = 1,
    PermissionDenied = 3,
    Failure = 4,
    Unsupported = 8,
}

/// A STATUS of our own.
pub(super) fn status(id: u32, status: Status, message: &str) -> Bytes {
    let message = message
        .get(..message.floor_char_boundary(MESSAGE_BYTES))
        .unwrap_or_default();
    let mut packet = BytesMut::with_capacity(message.len() + 21);
    let length = u32::try_from(message.len()).unwrap_or_default();
    // Type, id, status, message and an empty language tag.
    packet.put_u32(1 + 4 + 4 + 4 + length + 4);
    packet.put_u8(kind::STATUS);
    packet.put_u32(id);
    packet.put_u32(u32::from(status as u8));
    packet.put_u32(length);
    packet.put_slice(message.as_bytes());
    packet.put_u32(0);
    packet.freeze()
}
