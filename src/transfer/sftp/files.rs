//! What is open on the target and what is under way there: the one owner of handles and request ids.

use std::collections::HashMap;

use super::frame::HANDLE_BYTES;
use super::packet::{Flags, Handle};
use crate::transfer::Malformed;
use crate::transfer::content::{Content, Direction, Transferred, Unproved};

/// Most files and folders that one session may have open.
const OPEN_FILES: usize = 4096;

/// A file, for as long as anything about it is under way. Handles are used again, this is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct FileKey(u64);

/// A request that the target has not answered.
#[derive(Debug)]
pub(super) enum Pending {
    /// A file was asked to be opened.
    Open {
        path: Vec<u8>,
        flags: Flags,
    },
    /// A folder was asked to be opened.
    OpenFolder,
    Close(FileKey),
    Read {
        file: FileKey,
        offset: u64,
        length: u32,
    },
    Write(FileKey),
    /// A file that is written is cut off or filled up.
    Resize {
        file: FileKey,
        size: u64,
    },
    /// A file is changed by other means.
    Change(FileKey),
    /// Anything else: its answer changes nothing here.
    Other,
}

#[derive(Debug)]
struct Open {
    path: Vec<u8>,
    reads: Option<Reads>,
    writes: Option<Content>,
    folder: bool,
}

#[derive(Debug)]
struct Reads {
    content: Content,
    /// The lowest offset at which the target said that the file ends.
    end: Option<u64>,
}

/// Handles and requests of one session.
#[derive(Debug, Default)]
pub(super) struct Files {
    next: u64,
    handles: HashMap<Handle, FileKey>,
    open: HashMap<FileKey, Open>,
    pending: HashMap<u32, Pending>,
    opening: usize,
}

impl Files {
    /// Requests that the target has not answered.
    pub(super) fn under_way(&self) -> usize {
        self.pending.len()
    }

    /// Whether one more may be opened.
    pub(super) fn has_room(&self) -> bool {
        self.open.len() + self.opening < OPEN_FILES
    }

    /// Whether a request with that id is under way.
    pub(super) fn awaits(&self, id: u32) -> bool {
        self.pending.contains_key(&id)
    }

    /// Notes a request that is sent to the target.
    pub(super) fn sent(&mut self, id: u32, request: Pending) {
        if matches!(request, Pending::Open { .. } | Pending::OpenFolder) {
            self.opening += 1;
        }
        match request {
            Pending::Change(file) => self.spoil(file, Unproved::Changed),
            Pending::Resize { file, size } => self.resized(file, size),
            Pending::Open { .. }
            | Pending::OpenFolder
            | Pending::Close(_)
            | Pending::Read { .. }
            | Pending::Write(_)
            | Pending::Other => {}
        }
        self.pending.insert(id, request);
    }

    /// The request that the target answers now.
    pub(super) fn answered(&mut self, id: u32) -> Result<Pending, Malformed> {
        let Some(request) = self.pending.remove(&id) else {
            return Err(Malformed::Target("an answer that nobody asked for"));
        };
        if matches!(request, Pending::Open { .. } | Pending::OpenFolder) {
            self.opening = self.opening.saturating_sub(1);
        }
        Ok(request)
    }

    /// Something is open under that handle from now on.
    pub(super) fn opened(&mut self, request: Pending, handle: Handle) -> Result<(), Malformed> {
        let (path, flags) = match request {
            Pending::Open { path, flags } => (path, Some(flags)),
            Pending::OpenFolder => (Vec::new(), None),
            Pending::Close(_)
            | Pending::Read { .. }
            | Pending::Write(_)
            | Pending::Resize { .. }
            | Pending::Change(_)
            | Pending::Other => {
                return Err(Malformed::Target("a handle for what was not opened"));
            }
        };
        if handle.0.len() > HANDLE_BYTES as usize || self.handles.contains_key(&handle) {
            return Err(Malformed::Target("a handle that is in use"));
        }
        let key = FileKey(self.next);
        self.next += 1;
        self.handles.insert(handle, key);
        let open = Open {
            path,
            reads: flags.is_some_and(Flags::reads).then(|| Reads {
                content: Content::new(),
                end: None,
            }),
            writes: flags.filter(|flags| flags.writes()).map(|flags| {
                if flags.empties() {
                    Content::new()
                } else {
                    Content::over_another()
                }
            }),
            folder: flags.is_none(),
        };
        self.open.insert(key, open);
        Ok(())
    }

    /// The handle's file, when it was cleared for reading.
    pub(super) fn readable(&self, handle: &Handle) -> Option<FileKey> {
        self.find(handle, |open| open.reads.is_some())
    }

    /// The handle's file, when it was cleared for writing.
    pub(super) fn writable(&self, handle: &Handle) -> Option<FileKey> {
        self.find(handle, |open| open.writes.is_some())
    }

    /// The handle's folder.
    pub(super) fn folder(&self, handle: &Handle) -> Option<FileKey> {
        self.find(handle, |open| open.folder)
    }

    /// Whatever is open under the handle.
    pub(super) fn known(&self, handle: &Handle) -> Option<FileKey> {
        self.find(handle, |_| true)
    }

    fn find(&self, handle: &Handle, fits: impl Fn(&Open) -> bool) -> Option<FileKey> {
        let key = *self.handles.get(handle)?;
        self.open.get(&key).is_some_and(fits).then_some(key)
    }

    /// The path that a file was opened by.
    pub(super) fn path(&self, file: FileKey) -> Option<&[u8]> {
        let open = self.open.get(&file)?;
        (!open.folder).then_some(open.path.as_slice())
    }

    /// The handle is not used any more: the client closes it.
    pub(super) fn forget(&mut self, handle: &Handle) {
        self.handles.remove(handle);
    }

    /// Content that is written at an offset.
    pub(super) fn write(&mut self, file: FileKey, offset: u64, data: &[u8]) {
        if let Some(content) = self.open.get_mut(&file).and_then(|it| it.writes.as_mut()) {
            content.take(offset, data);
        }
    }

    /// Content that was read at an offset.
    pub(super) fn read(&mut self, file: FileKey, offset: u64, data: &[u8]) {
        if let Some(reads) = self.open.get_mut(&file).and_then(|it| it.reads.as_mut()) {
            reads.content.take(offset, data);
        }
    }

    /// The target said that the file ends at an offset, or before it.
    pub(super) fn ends(&mut self, file: FileKey, offset: u64) {
        if let Some(reads) = self.open.get_mut(&file).and_then(|it| it.reads.as_mut()) {
            reads.end = Some(reads.end.map_or(offset, |end| end.min(offset)));
        }
    }

    fn resized(&mut self, file: FileKey, size: u64) {
        if let Some(content) = self.open.get_mut(&file).and_then(|it| it.writes.as_mut()) {
            content.resized(size);
        }
    }

    /// There is no digest of what is written.
    pub(super) fn spoil(&mut self, file: FileKey, why: Unproved) {
        if let Some(content) = self.open.get_mut(&file).and_then(|it| it.writes.as_mut()) {
            content.spoil(why);
        }
    }

    /// The file is closed: what passed of it.
    pub(super) fn closed(&mut self, file: FileKey) -> Vec<Transferred> {
        self.open.remove(&file).map_or_else(Vec::new, Open::finish)
    }

    /// The session ends: what passed of the files that are still open.
    pub(super) fn left_open(&mut self) -> Vec<Transferred> {
        let mut left: Vec<(FileKey, Open)> = self.open.drain().collect();
        left.sort_by_key(|(key, _)| key.0);
        left.into_iter()
            .flat_map(|(_, mut open)| {
                if let Some(content) = &mut open.writes {
                    content.spoil(Unproved::Part);
                }
                open.finish()
            })
            .collect()
    }
}

impl Open {
    fn finish(self) -> Vec<Transferred> {
        let both = self.reads.is_some() && self.writes.is_some();
        let mut ended = Vec::new();
        let mut end = |direction, content: Content| {
            // Of a file that was open for both, only what was done with it.
            if !both || content.bytes() > 0 {
                ended.push(Transferred {
                    direction,
                    path: self.path.clone(),
                    name: None,
                    bytes: content.bytes(),
                    sha256: content.finish(),
                });
            }
        };
        if let Some(Reads {
            mut content,
            end: at,
        }) = self.reads
        {
            if at.is_none_or(|at| at > content.bytes()) {
                content.spoil(Unproved::Part);
            }
            end(Direction::Download, content);
        }
        if let Some(content) = self.writes {
            end(Direction::Upload, content);
        }
        ended
    }
}
