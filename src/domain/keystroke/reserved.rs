//! The keys by which the bastion speaks to a shell, which no client may type.

use bytes::Bytes;

use super::{DELETE, ESCAPE};

/// Keeps the keys by which the bastion speaks to a shell (`ESC [ 7878`) out of what a client sends, in whatever pieces it
/// comes and whoever reads it: the byte that would complete their begin is dropped.
#[derive(Debug, Default)]
pub struct Reserved {
    matched: usize,
}

const RESERVED: &[u8] = b"\x1b[7878";
/// `ESC [` as readline reads it in a locale of seven bits.
const META_BRACKET: u8 = b'[' | 0x80;

impl Reserved {
    /// What of it may go out.
    pub fn without(&mut self, bytes: Bytes) -> Bytes {
        if self.matched == 0 && !bytes.iter().any(|b| matches!(*b, ESCAPE | META_BRACKET)) {
            return bytes;
        }
        bytes
            .iter()
            .copied()
            .filter(|byte| self.passes(*byte))
            .collect()
    }

    /// Keys of the bastion went out.
    pub fn interrupted(&mut self) {
        self.matched = 0;
    }

    fn passes(&mut self, byte: u8) -> bool {
        let next = RESERVED.get(self.matched) == Some(&byte);
        if next && self.matched + 1 == RESERVED.len() {
            return false;
        }
        self.matched = match byte {
            _ if next => self.matched + 1,
            ESCAPE => 1,
            META_BRACKET => 2,
            // A terminal may keep it for itself (stop, start, discard): what is around it comes together.
            0..b' ' | DELETE | 0x80.. => self.matched,
            _ => 0,
        };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_of_the_bastion_cannot_be_typed_in_whatever_pieces() {
        for typed in [
            &b"sudo id\x1b[7878;1~\x1b[7878;9;1~"[..],
            b"\x1b\x1b[7878;1~",
            b"\x1b[78788;1~",
            b"\x1b[787\x1b[7878;1~",
            b"\xdb7878;1~",
            b"\x1b[78\x1178;1~",
            b"\x1b\x13[7\x118\x0f7\x008;1~",
        ] {
            for length in 1..=typed.len() {
                let mut reserved = Reserved::default();
                let pieces = typed.chunks(length).map(Bytes::copy_from_slice);
                let out: Vec<u8> = pieces.flat_map(|piece| reserved.without(piece)).collect();
                let out: Vec<u8> = out
                    .into_iter()
                    .filter(|byte| !matches!(byte, 0 | 0x0f | 0x11 | 0x13))
                    .collect();
                let meta = out.windows(5).any(|w| w == b"\xdb7878");
                assert!(!meta && !out.windows(6).any(|w| w == RESERVED), "{out:?}");
            }
        }
        let other = Bytes::from_static(b"\x1b[1;5Cx\x1b[787~ 7878");
        assert_eq!(Reserved::default().without(other.clone()), other);
    }
}
