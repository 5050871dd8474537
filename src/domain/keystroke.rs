//! Keys that may submit a command in an interactive shell, found in the bytes that a terminal sends.
//!
//! A shell can run a line by many keys besides Enter (`ESC #`, Ctrl-O, a keyboard macro, a key that the user bound).
//! So the list is of what passes: text, and the keys that only move or edit in every usual shell. Any other key is a
//! place to stop: what stands before it may pass, the key itself may not before the line as it stands was judged.

mod answer;

mod reserved;

pub use answer::answer_length;
pub use reserved::Reserved;

/// Ctrl-C.
pub const INTERRUPT: u8 = 0x03;

/// The key, and the begin of the sequences of others.
pub const ESCAPE: u8 = 0x1b;
const DELETE: u8 = 0x7f;

/// Longest escape sequence that is waited for; a longer one is a stop.
const SEQUENCE_BYTES: usize = 32;

/// The next thing in the bytes that came from a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stroke<'a> {
    /// Text, or keys that move or edit but submit nothing.
    Edit(&'a [u8]),
    /// A key that submits, or may, with its bytes.
    Submit(&'a [u8]),
    /// Ctrl-C.
    Interrupt,
    /// The begin or end of a bracketed paste, with its bytes.
    PasteMark(Paste, &'a [u8]),
    /// The bytes end within a sequence; wait for more.
    Unfinished(&'a [u8]),
}

/// Which end of a bracketed paste a mark is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paste {
    /// What follows was pasted.
    Begins,
    /// What follows is typed again.
    Ends,
}

const PASTE_MARKS: [(Paste, &[u8]); 2] =
    [(Paste::Begins, b"\x1b[200~"), (Paste::Ends, b"\x1b[201~")];

/// Takes the next stroke off the front of `bytes` and gives the rest; `None` when there are no bytes.
pub fn next(bytes: &[u8]) -> Option<(Stroke<'_>, &[u8])> {
    let text = bytes
        .iter()
        .position(|byte| !edits(*byte))
        .unwrap_or(bytes.len());
    let (edit, rest) = bytes.split_at(text);
    if !edit.is_empty() {
        return Some((Stroke::Edit(edit), rest));
    }
    let (first, after) = rest.split_first()?;
    match *first {
        INTERRUPT => Some((Stroke::Interrupt, after)),
        ESCAPE => Some(escape(rest)),
        _ => Some(cut(rest, 1, Stroke::Submit)),
    }
}

/// [`next`] for the line editor of a shell that asks before it runs a line: only Enter is a stop, and nothing within a
/// paste, for that is text of the line.
pub fn next_in_editor(bytes: &[u8], paste: Option<Paste>) -> Option<(Stroke<'_>, &[u8])> {
    let pasted = paste == Some(Paste::Begins);
    let stops = |at: usize| {
        let left = bytes.get(at..).unwrap_or_default();
        match left.first() {
            Some(b'\r' | b'\n') => !pasted,
            Some(&ESCAPE) => paste_mark(left).is_some() || begins_paste_mark(left),
            Some(_) | None => false,
        }
    };
    let length = (0..bytes.len()).find(|at| stops(*at));
    let (edit, rest) = bytes.split_at(length.unwrap_or(bytes.len()));
    if !edit.is_empty() {
        return Some((Stroke::Edit(edit), rest));
    }
    match rest.first()? {
        &ESCAPE => Some(paste_mark(rest).unwrap_or((Stroke::Unfinished(rest), &[]))),
        _ => Some(cut(rest, 1, Stroke::Submit)),
    }
}

fn paste_mark(bytes: &[u8]) -> Option<(Stroke<'_>, &[u8])> {
    PASTE_MARKS.iter().find_map(|(paste, mark)| {
        let rest = bytes.strip_prefix(*mark)?;
        let (mark, _) = bytes.split_at(mark.len());
        Some((Stroke::PasteMark(*paste, mark), rest))
    })
}

fn begins_paste_mark(bytes: &[u8]) -> bool {
    PASTE_MARKS.iter().any(|(_, mark)| mark.starts_with(bytes))
}

/// Text, and the control keys that only move or edit in bash, zsh, fish and plain line discipline alike: Ctrl-A B E F
/// (move), G (abort), H and DEL (rub out), Tab (complete), K U W (kill), L (redraw), N P R (history), Q S (flow), T
/// (transpose), Y (yank), Z and Ctrl-\\ (signals), Ctrl-_ (undo).
fn edits(byte: u8) -> bool {
    match byte {
        b' '..=b'~' | 0x80.. | DELETE => true,
        0x01
        | 0x02
        | 0x05..=0x09
        | 0x0b
        | 0x0c
        | 0x0e
        | 0x10..=0x15
        | 0x17
        | 0x19
        | 0x1a
        | 0x1c
        | 0x1f => true,
        0x00 | INTERRUPT | 0x04 | b'\n' | b'\r' | 0x0f | 0x16 | 0x18 | ESCAPE | 0x1d | 0x1e => {
            false
        }
    }
}

fn cut<'a>(
    bytes: &'a [u8],
    length: usize,
    stroke: impl Fn(&'a [u8]) -> Stroke<'a>,
) -> (Stroke<'a>, &'a [u8]) {
    let (key, rest) = bytes.split_at(length.min(bytes.len()));
    (stroke(key), rest)
}

/// An escape sequence: a paste mark, a cursor or editing key that passes, or a stop.
fn escape(bytes: &[u8]) -> (Stroke<'_>, &[u8]) {
    if let Some(mark) = paste_mark(bytes) {
        return mark;
    }
    match bytes {
        [_] | [_, b'['] | [_, b'O'] => (Stroke::Unfinished(bytes), &[]),
        [_, b'[', parameters @ ..] => control_sequence(bytes, parameters),
        [_, b']' | b'P', ..] => answer::string(bytes),
        [_, b'O', b'A'..=b'D' | b'F' | b'H', ..] => cut(bytes, 3, Stroke::Edit),
        [_, b'O', ..] => cut(bytes, 3, Stroke::Submit),
        // By words: back, forward, kill, kill back; the last word of the last line; case.
        [
            _,
            b'b' | b'f' | b'd' | DELETE | 0x08 | b'.' | b'_' | b'c' | b'l' | b'u',
            ..,
        ] => cut(bytes, 2, Stroke::Edit),
        // Two escapes, then whatever: the second begins a key of its own.
        [_, ESCAPE, ..] => cut(bytes, 1, Stroke::Submit),
        [..] => cut(bytes, 2, Stroke::Submit),
    }
}

/// `CSI parameters final` (ECMA-48 5.4). Arrows, Home, End, and the keys numbered 1 to 8 pass, with modifiers or not.
fn control_sequence<'a>(bytes: &'a [u8], parameters: &'a [u8]) -> (Stroke<'a>, &'a [u8]) {
    let Some(end) = parameters
        .iter()
        .position(|byte| !matches!(byte, 0x20..=0x3f))
    else {
        let waits = bytes.len() < SEQUENCE_BYTES;
        return if waits {
            (Stroke::Unfinished(bytes), &[])
        } else {
            cut(bytes, bytes.len(), Stroke::Submit)
        };
    };
    let (numbers, rest) = parameters.split_at(end);
    let length = 2 + end + 1;
    let plain = numbers
        .iter()
        .all(|byte| byte.is_ascii_digit() || *byte == b';');
    match rest.first() {
        Some(last) if answer::is_report(numbers, *last) => cut(bytes, length, Stroke::Edit),
        Some(b'A'..=b'D' | b'F' | b'H' | b'Z') if plain => cut(bytes, length, Stroke::Edit),
        Some(b'~') if plain && matches!(numbers, [b'1'..=b'8'] | [b'1'..=b'8', b';', ..]) => {
            cut(bytes, length, Stroke::Edit)
        }
        Some(_) | None => cut(bytes, length, Stroke::Submit),
    }
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
    fn every_key_that_submits_or_may_is_a_stop() {
        let keys: [&[u8]; 14] = [
            b"\r",
            b"\n",
            b"\x0f",
            b"\x04",
            b"\x18",
            b"\x16",
            b"\x1d",
            b"\x00",
            b"\x1ba",
            b"\x1b#",
            b"\x1b1",
            b"\x1b\x05",
            b"\x1b[13;2u",
            b"\x1bOM",
        ];
        for key in keys {
            let typed = [b"sudo id", key].concat();
            assert_eq!(
                all(&typed),
                [Stroke::Edit(b"sudo id"), Stroke::Submit(key)],
                "{key:?}"
            );
        }
    }

    #[test]
    fn moving_and_editing_keys_pass() {
        for key in [
            &b"\x1b[A"[..],
            b"\x1b[1;5C",
            b"\x1b[3~",
            b"\x1bOH",
            b"\x1bb",
            b"\x01",
            b"\x12",
            b"\t",
            b"\x7f",
            "é".as_bytes(),
        ] {
            assert_eq!(all(key), [Stroke::Edit(key)], "{key:?}");
        }
    }

    #[test]
    fn alt_enter_is_a_stop_too() {
        assert_eq!(all(b"\x1b\r"), [Stroke::Submit(b"\x1b\r")]);
    }

    #[test]
    fn a_paste_is_read_as_lines() {
        let pasted = b"\x1b[200~one\rtwo\x1b[201~";
        let expected = [
            Stroke::PasteMark(Paste::Begins, b"\x1b[200~"),
            Stroke::Edit(b"one"),
            Stroke::Submit(b"\r"),
            Stroke::Edit(b"two"),
            Stroke::PasteMark(Paste::Ends, b"\x1b[201~"),
        ];
        assert_eq!(all(pasted), expected);
    }

    #[test]
    fn a_sequence_that_is_cut_waits_for_its_end_but_not_for_ever() {
        for cut in [&b"\x1b"[..], b"\x1b[", b"\x1b[20", b"\x1b[201", b"\x1bO"] {
            assert_eq!(all(cut), [Stroke::Unfinished(cut)]);
        }
        let endless = [b"\x1b[".as_slice(), &[b'1'; 40]].concat();
        assert_eq!(all(&endless), [Stroke::Submit(&endless)]);
    }

    fn all_in_editor(mut bytes: &[u8]) -> Vec<Stroke<'_>> {
        let (mut strokes, mut paste) = (Vec::new(), None);
        while let Some((stroke, rest)) = next_in_editor(bytes, paste) {
            if let Stroke::PasteMark(mark, _) = stroke {
                paste = Some(mark);
            }
            strokes.push(stroke);
            bytes = rest;
        }
        strokes
    }

    #[test]
    fn in_an_editor_that_asks_only_enter_is_a_stop_and_not_in_a_paste() {
        let typed = b"a\x1b#\x0f\r\x1b[200~b\rc\x1b[201~\n\x1b[20";
        let expected = [
            Stroke::Edit(b"a\x1b#\x0f"),
            Stroke::Submit(b"\r"),
            Stroke::PasteMark(Paste::Begins, b"\x1b[200~"),
            Stroke::Edit(b"b\rc"),
            Stroke::PasteMark(Paste::Ends, b"\x1b[201~"),
            Stroke::Submit(b"\n"),
            Stroke::Unfinished(b"\x1b[20"),
        ];
        assert_eq!(all_in_editor(typed), expected);
    }

    proptest::proptest! {
        #[test]
        fn in_an_editor_no_byte_is_lost_and_every_enter_outside_pastes_stops(bytes: Vec<u8>) {
            let mut seen = 0;
            for stroke in all_in_editor(&bytes) {
                match stroke {
                    Stroke::Edit(edit) => {
                        proptest::prop_assert!(!edit.contains(&b'\r') && !edit.contains(&b'\n'));
                        seen += edit.len();
                    }
                    Stroke::Submit(key) | Stroke::Unfinished(key) | Stroke::PasteMark(_, key) => seen += key.len(),
                    Stroke::Interrupt => proptest::prop_assert!(false, "it is a key like others"),
                }
            }
            proptest::prop_assert_eq!(seen, bytes.len());
        }

        #[test]
        fn no_byte_is_lost_and_no_edit_holds_a_submitting_key(bytes: Vec<u8>) {
            let mut seen = 0;
            let mut left: &[u8] = &bytes;
            while let Some((stroke, rest)) = next(left) {
                seen += left.len() - rest.len();
                proptest::prop_assert!(rest.len() < left.len());
                if let Stroke::Edit(edit) = stroke {
                    proptest::prop_assert!(!edit.iter().any(|b| matches!(b, 0 | 3 | 4 | 10 | 13 | 15 | 22 | 24)));
                }
                left = rest;
            }
            proptest::prop_assert_eq!(seen, bytes.len());
        }
    }
}
