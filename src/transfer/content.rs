//! The content of one file as it passes: counted, and digested as long as it comes whole and in order.

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};

use crate::domain::action::Action;

/// Which way content passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the target.
    Upload,
    /// From the target to the client.
    Download,
}

impl Direction {
    /// The action that it is for policy.
    pub fn action(self) -> Action {
        match self {
            Self::Upload => Action::Upload,
            Self::Download => Action::Download,
        }
    }
}

/// What passed of one file, known once it is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transferred {
    /// Which way it passed.
    pub direction: Direction,
    /// The path as the client sent it, or as it stands in the command.
    pub path: Vec<u8>,
    /// The name below that path, where the protocol names files apart from it.
    pub name: Option<Vec<u8>>,
    /// Bytes of content that passed, repeated ones included.
    pub bytes: u64,
    /// SHA-256 of the whole content in hexadecimal, or why it is not known.
    pub sha256: Result<String, Unproved>,
}

/// Why the digest of a whole file is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unproved {
    /// It was not read or written from its start to its end in order.
    OutOfOrder,
    /// It was not read or written to its end.
    Part,
    /// It was written into a file that was not empty before.
    NotEmptied,
    /// The other side could not read or write some of it.
    Failed,
    /// It was changed by other means than writing while it was open.
    Changed,
}

impl fmt::Display for Unproved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OutOfOrder => "it did not pass in order",
            Self::Part => "it did not pass to its end",
            Self::NotEmptied => "it was written into a file that was not empty",
            Self::Failed => "some of it could not be read or written",
            Self::Changed => "it was resized or copied into while it was open",
        })
    }
}

/// Counts and digests what passes of one file in one direction.
pub(super) struct Content {
    digest: Context,
    next: u64,
    bytes: u64,
    /// Something that was there before may stand behind what was written.
    rest: bool,
    unproved: Option<Unproved>,
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Content")
            .field("bytes", &self.bytes)
            .field("unproved", &self.unproved)
            .finish_non_exhaustive()
    }
}

impl Content {
    /// Of a file that is empty when its content begins to pass.
    pub(super) fn new() -> Self {
        Self {
            digest: Context::new(&SHA256),
            next: 0,
            bytes: 0,
            rest: false,
            unproved: None,
        }
    }

    /// Of a file that may hold something already.
    pub(super) fn over_another() -> Self {
        Self {
            rest: true,
            ..Self::new()
        }
    }

    /// The file is cut off, or filled up, to a size.
    pub(super) fn resized(&mut self, size: u64) {
        if size == self.next {
            self.rest = false;
        } else {
            self.spoil(Unproved::Changed);
        }
    }

    /// Takes what passes at an offset of the file.
    pub(super) fn take(&mut self, offset: u64, data: &[u8]) {
        self.bytes = self.bytes.saturating_add(data.len() as u64);
        if offset != self.next && !data.is_empty() {
            self.spoil(Unproved::OutOfOrder);
        }
        if self.unproved.is_none() {
            self.digest.update(data);
            self.next = self.next.saturating_add(data.len() as u64);
        }
    }

    /// From now on there is no digest, for the first reason that was given.
    pub(super) fn spoil(&mut self, why: Unproved) {
        self.unproved.get_or_insert(why);
    }

    /// Bytes that passed.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The digest, when nothing spoiled it.
    pub(super) fn finish(self) -> Result<String, Unproved> {
        match self.unproved {
            None if self.rest => Err(Unproved::NotEmptied),
            None => Ok(hex::encode(self.digest.finish())),
            Some(why) => Err(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_in_order_has_the_digest_of_the_whole() {
        let mut content = Content::new();
        content.take(0, b"hello ");
        content.take(6, b"world");
        assert_eq!(content.bytes(), 11);
        assert_eq!(
            content.finish().unwrap(),
            "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"
        );
    }

    #[test]
    fn content_over_another_is_whole_once_the_file_ends_where_it_does() {
        let mut content = Content::over_another();
        content.take(0, b"hello world");
        content.resized(11);
        assert!(content.finish().is_ok());
        let mut content = Content::over_another();
        content.take(0, b"hello world");
        content.resized(12);
        assert_eq!(content.finish(), Err(Unproved::Changed));
        assert_eq!(Content::over_another().finish(), Err(Unproved::NotEmptied));
    }

    #[test]
    fn content_out_of_order_is_counted_and_has_no_digest() {
        let mut content = Content::new();
        content.take(6, b"world");
        content.take(0, b"hello ");
        assert_eq!(content.bytes(), 11);
        assert_eq!(content.finish(), Err(Unproved::OutOfOrder));
    }
}
