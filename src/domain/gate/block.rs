//! What was typed and waits: how much of it is whole lines, which are what one question can be about.

use crate::domain::command::Script;

/// Typed bytes that wait, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Pending {
    pub(super) bytes: Vec<u8>,
    pub(super) ended: bool,
}

impl Pending {
    /// The length of the whole lines that wait, of at most `most` bytes. What ended needs no newline at its end, and a
    /// line that is longer is cut.
    pub(super) fn lines(&self, most: usize) -> usize {
        if self.ended && self.bytes.len() <= most {
            return self.bytes.len();
        }
        let first = self.bytes.get(..most).unwrap_or(&self.bytes);
        match first.iter().rposition(|byte| *byte == b'\n') {
            Some(newline) => newline + 1,
            None if self.bytes.len() >= most => most,
            None => 0,
        }
    }

    /// Whether no more can come that belongs to the same question.
    pub(super) fn is_whole(&self, most: usize) -> bool {
        self.ended || self.bytes.len() >= most
    }

    /// Takes a script off the front, when it is that.
    pub(super) fn take(&mut self, script: &Script) -> Option<Vec<u8>> {
        let length = usize::try_from(script.length).ok()?;
        let bytes = self.bytes.get(..length)?;
        if Script::of(bytes) != *script {
            return None;
        }
        let rest = self.bytes.split_off(length);
        Some(std::mem::replace(&mut self.bytes, rest))
    }
}
