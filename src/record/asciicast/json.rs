//! Text as a JSON string, at the speed of copying: recordings are mostly text that needs no escape.

/// How many bytes are looked at together; so many that the compiler compares them all at once.
const PIECE: usize = 32;

/// Appends a text as a JSON string (RFC 8259 section 7), escaped where JSON asks for it and nowhere else.
pub(super) fn string(text: &str, into: &mut Vec<u8>) {
    into.reserve(text.len() + 2);
    into.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(length) = plain_length(rest) {
        let (plain, after) = rest.split_at(length);
        into.extend_from_slice(plain);
        rest = after;
        if let Some((byte, after)) = rest.split_first() {
            escape(*byte, into);
            rest = after;
        }
    }
    into.extend_from_slice(rest);
    into.push(b'"');
}

/// How many bytes come before the first that must be escaped; `None` when none must.
fn plain_length(bytes: &[u8]) -> Option<usize> {
    let mut before = 0;
    for piece in bytes.chunks(PIECE) {
        // Without a branch for each byte.
        if piece
            .iter()
            .fold(false, |found, byte| found | must_escape(*byte))
        {
            let within = piece.iter().position(|byte| must_escape(*byte));
            return within.map(|within| before + within);
        }
        before += piece.len();
    }
    None
}

fn must_escape(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\')
}

fn escape(byte: u8, into: &mut Vec<u8>) {
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        _ => {
            into.extend_from_slice(b"\\u00");
            into.extend([byte >> 4, byte & 0xf].map(hexadecimal));
            return;
        }
    };
    into.extend([b'\\', short]);
}

fn hexadecimal(digit: u8) -> u8 {
    match digit {
        0..=9 => b'0' + digit,
        _ => b'a' + digit - 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn any_text_is_written_as_the_library_writes_it(text: String) {
            let mut written = Vec::new();
            string(&text, &mut written);
            proptest::prop_assert_eq!(String::from_utf8(written).unwrap(), serde_json::to_string(&text).unwrap());
        }

        #[test]
        fn control_characters_among_much_text_too(text in "[a-z\\x00-\\x1f\"\\\\\u{7f}é]{0,200}") {
            let mut written = Vec::new();
            string(&text, &mut written);
            proptest::prop_assert_eq!(String::from_utf8(written).unwrap(), serde_json::to_string(&text).unwrap());
        }
    }
}
