//! Takes a secret off what a terminal shows: a shell or a program that takes the bastion's keys for text echoes them.
//!
//! Invariant: no more than the first half of a secret is shown, in whatever pieces it comes, and nothing is held back for
//! it. A program that writes the secret in another form is not noticed.

use bytes::{Bytes, BytesMut};
use zeroize::Zeroizing;

/// What stands for the rest of it.
const HIDDEN: u8 = b'#';

/// Follows one stream.
pub(super) struct Mask {
    secret: Zeroizing<Vec<u8>>,
    /// How much of the secret is still matched where more of it does not follow (Knuth, Morris, Pratt).
    fallback: Vec<usize>,
    matched: usize,
}

impl Mask {
    pub(super) fn new(secret: &str) -> Self {
        let secret = Zeroizing::new(secret.as_bytes().to_vec());
        let mut mask = Self {
            fallback: Vec::with_capacity(secret.len()),
            secret,
            matched: 0,
        };
        let mut matched = 0;
        for (at, byte) in mask.secret.iter().enumerate() {
            if at > 0 {
                matched = mask.step(matched, *byte);
            }
            mask.fallback.push(matched);
        }
        mask
    }

    /// What of it may be shown.
    pub(super) fn take(&mut self, bytes: Bytes) -> Bytes {
        let mut changed: Option<BytesMut> = None;
        for (at, byte) in bytes.iter().enumerate() {
            self.matched = self.step(self.matched, *byte);
            if self.matched * 2 > self.secret.len() {
                let shown = changed.get_or_insert_with(|| BytesMut::from(bytes.as_ref()));
                if let Some(byte) = shown.get_mut(at) {
                    *byte = HIDDEN;
                }
            }
        }
        changed.map_or(bytes, BytesMut::freeze)
    }

    /// How much is matched after one more byte.
    fn step(&self, mut matched: usize, byte: u8) -> usize {
        loop {
            if self.secret.get(matched) == Some(&byte) {
                return matched + 1;
            }
            match matched
                .checked_sub(1)
                .and_then(|last| self.fallback.get(last))
            {
                Some(shorter) => matched = *shorter,
                None => return 0,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(secret: &str, text: &str, length: usize) -> String {
        let mut mask = Mask::new(secret);
        let pieces = text.as_bytes().chunks(length).map(Bytes::copy_from_slice);
        let out: Vec<u8> = pieces.flat_map(|piece| mask.take(piece)).collect();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn half_of_a_secret_is_hidden_in_whatever_pieces_it_comes() {
        for length in 1..20 {
            let text = "x 11124 and 1111241 24112411 2";
            let hidden = "x 11124 and 111124# 241124## 2";
            assert_eq!(shown("11241124", text, length), hidden);
            assert_eq!(shown("112411", "1112411", length), "1112###");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_secret_comes_out_and_all_else_does(secret in "[12]{4,9}", text in "[12]{0,60}", length in 1usize..9) {
            let out = shown(&secret, &text, length);
            proptest::prop_assert!(!out.contains(&secret));
            if !text.contains(secret.get(..secret.len() / 2 + 1).unwrap()) {
                proptest::prop_assert_eq!(out, text);
            }
        }
    }
}
