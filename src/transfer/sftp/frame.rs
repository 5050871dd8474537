//! Where packets begin and end, and how much of one has to be there before it can be judged.

use crate::transfer::Malformed;

/// Longest packet, without its length, in bytes (as OpenSSH has it). Only DATA replies may be longer.
pub(super) const PACKET_BYTES: u32 = 256 * 1024;
/// Longest handle, in bytes (draft-ietf-secsh-filexfer-02 section 6.3).
pub(super) const HANDLE_BYTES: u32 = 256;

/// Length and type.
const HEAD: usize = 5;
/// Length, type, request id and the length or number behind it.
const LONG_HEAD: usize = 13;

/// Packet types (draft-ietf-secsh-filexfer-02 section 3).
pub(super) mod kind {
    pub(in crate::transfer) const INIT: u8 = 1;
    pub(in crate::transfer) const VERSION: u8 = 2;
    pub(in crate::transfer) const OPEN: u8 = 3;
    pub(in crate::transfer) const CLOSE: u8 = 4;
    pub(in crate::transfer) const READ: u8 = 5;
    pub(in crate::transfer) const WRITE: u8 = 6;
    pub(in crate::transfer) const LSTAT: u8 = 7;
    pub(in crate::transfer) const FSTAT: u8 = 8;
    pub(in crate::transfer) const SETSTAT: u8 = 9;
    pub(in crate::transfer) const FSETSTAT: u8 = 10;
    pub(in crate::transfer) const OPENDIR: u8 = 11;
    pub(in crate::transfer) const READDIR: u8 = 12;
    pub(in crate::transfer) const REMOVE: u8 = 13;
    pub(in crate::transfer) const MKDIR: u8 = 14;
    pub(in crate::transfer) const RMDIR: u8 = 15;
    pub(in crate::transfer) const REALPATH: u8 = 16;
    pub(in crate::transfer) const STAT: u8 = 17;
    pub(in crate::transfer) const RENAME: u8 = 18;
    pub(in crate::transfer) const READLINK: u8 = 19;
    pub(in crate::transfer) const SYMLINK: u8 = 20;
    pub(in crate::transfer) const STATUS: u8 = 101;
    pub(in crate::transfer) const HANDLE: u8 = 102;
    pub(in crate::transfer) const DATA: u8 = 103;
    pub(in crate::transfer) const NAME: u8 = 104;
    pub(in crate::transfer) const ATTRS: u8 = 105;
    pub(in crate::transfer) const EXTENDED: u8 = 200;
    pub(in crate::transfer) const EXTENDED_REPLY: u8 = 201;
}

/// How much of a packet there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// So many bytes from its start are needed to go on.
    More(usize),
    /// Its first bytes, so many, are enough to judge it; so many follow.
    Judge {
        /// Bytes of the part that is judged.
        head: usize,
        /// Bytes of content behind it.
        body: usize,
    },
}

/// What is needed of a request that begins with `view`. A WRITE is judged by what stands before its data, any other
/// request by all of it.
pub(super) fn request(view: &[u8]) -> Result<Need, Malformed> {
    let Some((length, kind)) = start(view) else {
        return Ok(Need::More(HEAD));
    };
    if length == 0 {
        return Err(Malformed::Client("an empty packet"));
    }
    if length > PACKET_BYTES {
        return Err(Malformed::Client("a packet that is too long"));
    }
    let whole = length as usize + 4;
    if kind != kind::WRITE {
        return Ok(enough(view, whole, 0));
    }
    let Some(handle) = number(view, LONG_HEAD - 4) else {
        return Ok(Need::More(LONG_HEAD));
    };
    if handle > HANDLE_BYTES {
        return Err(Malformed::Client("a handle that is too long"));
    }
    // The offset and the length of the data stand behind the handle.
    let head = LONG_HEAD + handle as usize + 12;
    let Some(body) = whole.checked_sub(head) else {
        return Err(Malformed::Client("a packet that is too short"));
    };
    // What stands behind the data is ignored by servers; Go's client sends such.
    match number(view, head - 4) {
        Some(data) if data as usize > body => Err(Malformed::Client("data of another length")),
        Some(_) | None => Ok(enough(view, head, body)),
    }
}

/// What is needed of a reply that begins with `view`. A HANDLE is judged by all of it, any other by its first numbers.
pub(super) fn reply(view: &[u8]) -> Result<Need, Malformed> {
    let Some((length, kind)) = start(view) else {
        return Ok(Need::More(HEAD));
    };
    if length > PACKET_BYTES && kind != kind::DATA {
        return Err(Malformed::Target("a packet that is too long"));
    }
    let whole = length as usize + 4;
    let head = match kind {
        kind::HANDLE if length > HANDLE_BYTES + 9 => {
            return Err(Malformed::Target("a handle that is too long"));
        }
        kind::HANDLE => whole,
        kind::DATA | kind::STATUS => LONG_HEAD,
        kind::VERSION | kind::NAME | kind::ATTRS | kind::EXTENDED_REPLY => HEAD + 4,
        _ => return Err(Malformed::Target("a reply that is not known")),
    };
    let Some(body) = whole.checked_sub(head) else {
        return Err(Malformed::Target("a packet that is too short"));
    };
    Ok(enough(view, head, body))
}

fn enough(view: &[u8], head: usize, body: usize) -> Need {
    if view.len() < head {
        Need::More(head)
    } else {
        Need::Judge { head, body }
    }
}

fn start(view: &[u8]) -> Option<(u32, u8)> {
    Some((number(view, 0)?, *view.get(4)?))
}

/// The number that stands at a place.
pub(super) fn number(view: &[u8], at: usize) -> Option<u32> {
    let bytes = view.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}
