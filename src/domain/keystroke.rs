//! Keys that can submit a command in an interactive shell, found in the bytes that a terminal sends.
//!
//! Every such key is a place to stop: what stands before it may pass, the key itself may not. The list errs on
//! the side of stopping. What no list of keys can know (a key bound by the user) is why this layer is a guard rail.

/// Ctrl-C.
pub const INTERRUPT: u8 = 0x03;
/// Ctrl-D: submits what a line holds so far to a program that reads plain lines.
const END_OF_FILE: u8 = 0x04;
/// Ctrl-J and the Enter of some terminals.
const LINE_FEED: u8 = b'\n';
/// Enter.
const CARRIAGE_RETURN: u8 = b'\r';
/// Ctrl-O: readline's operate-and-get-next.
const OPERATE: u8 = 0x0f;
/// Ctrl-X, which readline's Ctrl-X Ctrl-E (edit and execute) begins with.
const PREFIX_X: u8 = 0x18;
const CTRL_E: u8 = 0x05;
const ESCAPE: u8 = 0x1b;

const PASTE_BEGIN: &[u8] = b"\x1b[200~";
const PASTE_END: &[u8] = b"\x1b[201~";

/// The next thing in the bytes that came from a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stroke<'a> {
    /// Bytes that edit the line or do something else, but submit nothing.
    Edit(&'a [u8]),
    /// A key that submits, with its bytes.
    Submit(&'a [u8]),
    /// Ctrl-C.
    Interrupt,
    /// The begin or end of a bracketed paste. It is not passed on: pasted lines are questions like typed ones.
    PasteMark,
    /// The bytes end within a sequence that may be one of the above; wait for more.
    Unfinished(&'a [u8]),
}

/// Takes the next stroke off the front of `bytes` and gives the rest; `None` when there are no bytes.
pub fn next(bytes: &[u8]) -> Option<(Stroke<'_>, &[u8])> {
    let stop = bytes.iter().position(|b| {
        matches!(
            *b,
            INTERRUPT | END_OF_FILE | LINE_FEED | CARRIAGE_RETURN | OPERATE | PREFIX_X | ESCAPE
        )
    });
    match stop {
        None if bytes.is_empty() => None,
        None => Some((Stroke::Edit(bytes), &[])),
        Some(0) => Some(special(bytes)),
        Some(at) => {
            let (edit, rest) = bytes.split_at(at);
            Some((Stroke::Edit(edit), rest))
        }
    }
}

fn special(bytes: &[u8]) -> (Stroke<'_>, &[u8]) {
    let cut = |length: usize| bytes.split_at(length.min(bytes.len()));
    match bytes {
        [INTERRUPT, rest @ ..] => (Stroke::Interrupt, rest),
        [PREFIX_X] | [ESCAPE] => (Stroke::Unfinished(bytes), &[]),
        [PREFIX_X, CTRL_E | PREFIX_X, ..] | [ESCAPE, b'a' | b'A', ..] => {
            let (key, rest) = cut(2);
            (Stroke::Submit(key), rest)
        }
        [PREFIX_X, ..] => {
            let (edit, rest) = cut(1);
            (Stroke::Edit(edit), rest)
        }
        [ESCAPE, ..] => escape(bytes),
        _ => {
            let (key, rest) = cut(1);
            (Stroke::Submit(key), rest)
        }
    }
}

fn escape(bytes: &[u8]) -> (Stroke<'_>, &[u8]) {
    for mark in [PASTE_BEGIN, PASTE_END] {
        if let Some(rest) = bytes.strip_prefix(mark) {
            return (Stroke::PasteMark, rest);
        }
        if mark.starts_with(bytes) {
            return (Stroke::Unfinished(bytes), &[]);
        }
    }
    let (edit, rest) = bytes.split_at(1);
    (Stroke::Edit(edit), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut bytes: &[u8]) -> Vec<Stroke<'_>> {
        let mut strokes = Vec::new();
        while let Some((stroke, rest)) = next(bytes) {
            strokes.push(stroke);
            bytes = rest;
        }
        strokes
    }

    #[test]
    fn every_submitting_key_is_a_stop() {
        for key in [&b"\r"[..], b"\n", b"\x0f", b"\x04", b"\x18\x05", b"\x1ba"] {
            let typed = [b"sudo id", key].concat();
            assert_eq!(
                all(&typed),
                [Stroke::Edit(b"sudo id"), Stroke::Submit(key)],
                "{key:?}"
            );
        }
    }

    #[test]
    fn alt_enter_is_a_stop_too() {
        assert_eq!(
            all(b"\x1b\r"),
            [Stroke::Edit(b"\x1b"), Stroke::Submit(b"\r")]
        );
    }

    #[test]
    fn a_paste_is_read_as_lines() {
        let pasted = b"\x1b[200~one\rtwo\x1b[201~";
        let expected = [
            Stroke::PasteMark,
            Stroke::Edit(b"one"),
            Stroke::Submit(b"\r"),
            Stroke::Edit(b"two"),
            Stroke::PasteMark,
        ];
        assert_eq!(all(pasted), expected);
    }

    #[test]
    fn a_sequence_that_is_cut_waits_for_its_end() {
        for cut in [&b"\x1b"[..], b"\x1b[", b"\x1b[20", b"\x1b[201", b"\x18"] {
            assert_eq!(all(cut), [Stroke::Unfinished(cut)]);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_byte_is_lost_and_no_edit_holds_a_submitting_key(bytes: Vec<u8>) {
            let mut seen = 0;
            let mut left: &[u8] = &bytes;
            while let Some((stroke, rest)) = next(left) {
                seen += left.len() - rest.len();
                proptest::prop_assert!(rest.len() < left.len());
                if let Stroke::Edit(edit) = stroke {
                    proptest::prop_assert!(!edit.iter().any(|b| matches!(b, 3 | 4 | 10 | 13 | 15)));
                }
                left = rest;
            }
            proptest::prop_assert_eq!(seen, bytes.len());
        }
    }
}
