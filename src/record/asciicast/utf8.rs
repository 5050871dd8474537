//! Bytes to text across chunk borders: a character that was cut in two is joined, an invalid byte becomes U+FFFD.

use std::borrow::Cow;
use std::str;

/// The bytes of a character that has not ended yet; at most three.
#[derive(Debug, Default)]
pub struct Joiner {
    cut: Vec<u8>,
}

impl Joiner {
    /// Takes the next bytes and gives the text that is complete with them.
    pub fn push<'a>(&mut self, bytes: &'a [u8]) -> Cow<'a, str> {
        if self.cut.is_empty() {
            return self.complete(bytes);
        }
        let mut joined = std::mem::take(&mut self.cut);
        joined.extend_from_slice(bytes);
        Cow::Owned(self.complete(&joined).into_owned())
    }

    fn complete<'a>(&mut self, bytes: &'a [u8]) -> Cow<'a, str> {
        let error = match str::from_utf8(bytes) {
            Ok(text) => return Cow::Borrowed(text),
            Err(error) => error,
        };
        if error.error_len().is_none() {
            let (valid, cut) = bytes.split_at(error.valid_up_to());
            self.cut = cut.to_vec();
            return Cow::Borrowed(str::from_utf8(valid).unwrap_or_default());
        }
        Cow::Owned(self.replace(bytes))
    }

    fn replace(&mut self, bytes: &[u8]) -> String {
        let mut text = String::with_capacity(bytes.len());
        let mut chunks = bytes.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            text.push_str(chunk.valid());
            let invalid = chunk.invalid();
            if chunks.peek().is_none() && may_go_on(invalid) {
                self.cut = invalid.to_vec();
            } else if !invalid.is_empty() {
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
        text
    }

    /// What a character that never ended becomes.
    pub fn end(&mut self) -> &'static str {
        if std::mem::take(&mut self.cut).is_empty() {
            ""
        } else {
            "\u{fffd}"
        }
    }
}

/// Whether these bytes, at the end of what there is, are the beginning of a character.
fn may_go_on(invalid: &[u8]) -> bool {
    match str::from_utf8(invalid) {
        Ok(_) => false,
        Err(error) => error.error_len().is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_pieces(bytes: &[u8], size: usize) -> String {
        let mut joiner = Joiner::default();
        let mut text: String = bytes.chunks(size).map(|piece| joiner.push(piece)).collect();
        text.push_str(joiner.end());
        text
    }

    #[test]
    fn a_character_that_was_cut_is_joined() {
        let text = "naïve 中 🦀 end";
        for size in 1..8 {
            assert_eq!(in_pieces(text.as_bytes(), size), text);
        }
    }

    #[test]
    fn a_character_that_never_ends_is_replaced_once() {
        assert_eq!(in_pieces(b"a\xf0\x9f\xa6", 1), "a\u{fffd}");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_in_any_pieces_read_like_the_whole(bytes: Vec<u8>, size in 1usize..9) {
            proptest::prop_assert_eq!(in_pieces(&bytes, size), String::from_utf8_lossy(&bytes));
        }
    }
}
