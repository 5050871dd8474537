//! What terminals answer when a program asks them, which nobody typed.
//!
//! Invariant: an answer has one of a few narrow shapes. Whoever types one gets no command, quote or option into a line by
//! it: a shell that does not know answers takes them for text.

use super::{ESCAPE, Stroke, cut};

/// Most bytes of an answer that is a string; a longer one is none.
const ANSWER_BYTES: usize = 256;

/// The length of what `bytes` begin with, where that is an answer of a terminal about itself, which no key sends.
pub fn answer_length(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [ESCAPE, b'[', parameters @ ..] => {
            let end = parameters
                .iter()
                .position(|byte| !matches!(byte, 0x20..=0x3f))?;
            let (numbers, rest) = parameters.split_at(end);
            is_report(numbers, *rest.first()?).then_some(2 + end + 1)
        }
        [ESCAPE, b']' | b'P', ..] => match string(bytes) {
            (Stroke::Edit(answer), _) => Some(answer.len()),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a control sequence is what a terminal answers: attributes, modes and keys with a private mark before their
/// numbers, or where its cursor is. As a key the latter would be F3 with modifiers, in the first row.
pub(super) fn is_report(numbers: &[u8], last: u8) -> bool {
    let plain = |numbers: &[u8]| {
        numbers
            .iter()
            .all(|byte| byte.is_ascii_digit() || *byte == b';')
    };
    match (numbers, last) {
        ([b'?', mode @ .., b'$'], b'y') => plain(mode),
        ([b'?' | b'>' | b'=', rest @ ..], b'c' | b'R' | b'n' | b'u' | b'S') => plain(rest),
        ([b'1', b';', ..], _) => false,
        (_, b'R') => plain(numbers) && numbers.contains(&b';'),
        _ => false,
    }
}

/// A control string by which a terminal answers (ECMA-48 5.6), up to its end, which is BEL or ST.
pub(super) fn string(bytes: &[u8]) -> (Stroke<'_>, &[u8]) {
    let none = || cut(bytes, 2, Stroke::Submit);
    let text = bytes
        .iter()
        .skip(2)
        .position(|byte| !matches!(byte, b' '..=b'~'));
    let Some(end) = text.map(|length| length + 2) else {
        let waits = bytes.len() < ANSWER_BYTES;
        return if waits {
            (Stroke::Unfinished(bytes), &[])
        } else {
            none()
        };
    };
    let (string, terminator) = bytes.split_at(end);
    let known = match string {
        [_, b']', color @ ..] => is_color(color),
        [_, _, status @ ..] => is_status(status),
        _ => false,
    };
    match terminator {
        [0x07, ..] if known => cut(bytes, end + 1, Stroke::Edit),
        [ESCAPE, b'\\', ..] if known => cut(bytes, end + 2, Stroke::Edit),
        [ESCAPE] if known && end < ANSWER_BYTES => (Stroke::Unfinished(bytes), &[]),
        _ => none(),
    }
}

/// `11;rgb:0000/0000/0000`, as xterm tells a color.
fn is_color(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else {
        return false;
    };
    let Some((numbers, color)) = text
        .split_once(";rgb:")
        .or_else(|| text.split_once(";rgba:"))
    else {
        return false;
    };
    numbers
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b';')
        && color
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b'/')
}

/// `1$r0m` and `1+r544E=787465726D`, as xterm tells its settings and capabilities; `>|xterm(390)`, its name.
fn is_status(text: &[u8]) -> bool {
    match text {
        [
            b'0' | b'1',
            b'$',
            b'r',
            setting @ ..,
            b'm' | b'q' | b'r' | b's' | b't',
        ] => setting
            .iter()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b';' | b':')),
        [b'0' | b'1', b'+', b'r', capability @ ..] => capability
            .iter()
            .all(|byte| byte.is_ascii_hexdigit() || *byte == b'='),
        [b'>', b'|', name @ ..] => is_name(name),
        _ => false,
    }
}

/// `tmux 3.3a`, `xterm(390)`: as text it runs nothing, for no program has a name that begins with a digit.
fn is_name(name: &[u8]) -> bool {
    let version = |text: &[u8]| {
        text.first().is_some_and(u8::is_ascii_digit)
            && text
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
    };
    let end = name.iter().position(|byte| !byte.is_ascii_alphanumeric());
    match name.split_at(end.unwrap_or(name.len())) {
        ([_, ..], [b'(', text @ .., b')'] | [b' ', text @ ..]) => version(text),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::next;
    use super::*;

    #[test]
    fn what_a_terminal_answers_passes_and_cannot_carry_a_key() {
        for answer in [
            &b"\x1b[24;80R"[..],
            b"\x1b[?62;c",
            b"\x1b[>0;276;0c",
            b"\x1b[?2026;2$y",
            b"\x1b]11;rgb:0000/0000/0000\x07",
            b"\x1b]4;7;rgb:ffff/ffff/ffff\x1b\\",
            b"\x1bP1$r0m\x1b\\",
            b"\x1bP>|tmux 3.3a\x1b\\",
        ] {
            assert_eq!(
                next(answer),
                Some((Stroke::Edit(answer), &b""[..])),
                "{answer:?}"
            );
            assert_eq!(answer_length(answer), Some(answer.len()), "{answer:?}");
        }
        for (other, key) in [
            (&b"\x1b]11;\r\x07"[..], &b"\x1b]"[..]),
            (b"\x1bPx\n", b"\x1bP"),
            (b"\x1b[1;2R", b"\x1b[1;2R"),
            (b"\x1b] sudo id; \x1b\\", b"\x1b]"),
            (b"\x1b];sudo id;\x07", b"\x1b]"),
            (b"\x1bP1$r'\x1b\\", b"\x1bP"),
            (b"\x1bP>|sudo id\x1b\\", b"\x1bP"),
            (b"\x1bP1$r0;reboot\x1b\\", b"\x1bP"),
            (b"\x1b[?1;s", b"\x1b[?1;s"),
            (b"\x1b[?;./1;c", b"\x1b[?;./1;c"),
        ] {
            let first = next(other).map(|(stroke, _)| stroke);
            assert_eq!(first, Some(Stroke::Submit(key)), "{other:?}");
            assert_eq!(answer_length(other), None, "{other:?}");
        }
    }
}
