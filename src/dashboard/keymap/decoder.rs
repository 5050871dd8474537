//! From the bytes of a terminal to keys, a piece at a time.
//!
//! Whatever is not known is swallowed whole: no part of a sequence is ever taken for a character, and no
//! sequence, however long, takes more than a bounded buffer.

use super::Key;

/// Longest pasted text that is kept, in bytes; the rest of the paste is swallowed.
pub const PASTE_BYTES: usize = 4096;
/// Longest parameters of a control sequence that are kept, in bytes.
const PARAMETER_BYTES: usize = 16;
const ESCAPE: u8 = 0x1b;
const INTERRUPT: u8 = 0x03;
const BELL: u8 = 0x07;
const PASTE_END: &[u8] = b"\x1b[201~";

/// Where in a sequence the bytes stand.
#[derive(Debug, Default)]
enum State {
    /// Between keys.
    #[default]
    Plain,
    /// Within a character of several bytes.
    Character(Vec<u8>),
    /// After an escape.
    Escape,
    /// Within a control sequence (ECMA-48 section 5.4).
    Control(Vec<u8>),
    /// After the begin of a one-byte sequence, such as SS3.
    Single(Single),
    /// Within a control string (OSC, DCS, …), and whether the last byte was an escape.
    Text(bool),
    /// Within a bracketed paste.
    Paste(Paste),
}

#[derive(Debug, Clone, Copy)]
enum Single {
    /// `ESC O`: cursor and keypad keys in application mode.
    Application,
    /// `ESC [ [`: function keys of the Linux console.
    Console,
}

#[derive(Debug, Default)]
struct Paste {
    text: Vec<u8>,
    matched: usize,
}

/// Reads terminal input. Feed it what arrives; flush it when nothing has arrived for a moment.
#[derive(Debug, Default)]
pub struct KeyDecoder {
    state: State,
}

impl KeyDecoder {
    /// A decoder between two keys.
    pub fn new() -> Self {
        Self::default()
    }

    /// The keys that `bytes` complete. A key that is cut waits for its rest.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Key> {
        bytes.iter().filter_map(|byte| self.step(*byte)).collect()
    }

    /// Whether a key is cut, so that [`flush`](Self::flush) would end it.
    pub fn is_waiting(&self) -> bool {
        !matches!(self.state, State::Plain | State::Paste(_))
    }

    /// Ends a key that is cut: an escape alone is the key Escape, anything else is dropped. A paste goes on.
    pub fn flush(&mut self) -> Option<Key> {
        match std::mem::take(&mut self.state) {
            State::Escape => Some(Key::Escape),
            State::Paste(paste) => {
                self.state = State::Paste(paste);
                None
            }
            State::Plain
            | State::Character(_)
            | State::Control(_)
            | State::Single(_)
            | State::Text(_) => None,
        }
    }

    fn step(&mut self, byte: u8) -> Option<Key> {
        let (state, key) = match std::mem::take(&mut self.state) {
            State::Plain => plain(byte),
            State::Character(bytes) => character(bytes, byte),
            State::Escape => escape(byte),
            State::Control(parameters) => control(parameters, byte),
            State::Single(single) => (State::Plain, single_key(single, byte)),
            State::Text(escaped) => (text(escaped, byte), None),
            State::Paste(paste) => pasted(paste, byte),
        };
        self.state = state;
        key
    }
}

fn plain(byte: u8) -> (State, Option<Key>) {
    let key = match byte {
        ESCAPE => return (State::Escape, None),
        b'\r' | b'\n' => Key::Enter,
        b'\t' => Key::Tab,
        0x08 | 0x7f => Key::Backspace,
        0x01..=0x1a => Key::Ctrl(char::from(byte + b'a' - 1)),
        b' '..=b'~' => Key::Char(char::from(byte)),
        0xc2..=0xf4 => return (State::Character(vec![byte]), None),
        0x00 | 0x1c..=0x1f | 0x80..=0xc1 | 0xf5..=0xff => return (State::Plain, None),
    };
    (State::Plain, Some(key))
}

fn character(mut bytes: Vec<u8>, byte: u8) -> (State, Option<Key>) {
    if !matches!(byte, 0x80..=0xbf) {
        return plain(byte);
    }
    bytes.push(byte);
    match std::str::from_utf8(&bytes) {
        Ok(text) => {
            let known = text.chars().next().filter(|c| !c.is_control());
            (State::Plain, known.map(Key::Char))
        }
        Err(error) if error.error_len().is_none() => (State::Character(bytes), None),
        Err(_) => (State::Plain, None),
    }
}

fn escape(byte: u8) -> (State, Option<Key>) {
    match byte {
        ESCAPE => (State::Escape, Some(Key::Escape)),
        b'[' => (State::Control(Vec::new()), None),
        b'O' => (State::Single(Single::Application), None),
        b']' | b'P' | b'X' | b'^' | b'_' => (State::Text(false), None),
        0x80.. => plain(byte),
        0x00..=0x7f => (State::Plain, None),
    }
}

fn control(mut parameters: Vec<u8>, byte: u8) -> (State, Option<Key>) {
    match byte {
        ESCAPE => (State::Escape, None),
        b'[' if parameters.is_empty() => (State::Single(Single::Console), None),
        b' '..=b'?' => {
            if parameters.len() < PARAMETER_BYTES {
                parameters.push(byte);
            }
            (State::Control(parameters), None)
        }
        b'~' if parameters == b"200" => (State::Paste(Paste::default()), None),
        b'@'..=b'~' => (State::Plain, control_key(&parameters, byte)),
        0x00..=0x1f | 0x7f.. => (State::Plain, None),
    }
}

fn control_key(parameters: &[u8], last: u8) -> Option<Key> {
    if last != b'~' {
        return match last {
            b'Z' => Some(Key::BackTab),
            other => cursor_key(other),
        };
    }
    let number = parameters.split(|b| *b == b';').next()?;
    match number {
        b"1" | b"7" => Some(Key::Home),
        b"3" => Some(Key::Delete),
        b"4" | b"8" => Some(Key::End),
        b"5" => Some(Key::PageUp),
        b"6" => Some(Key::PageDown),
        _ => None,
    }
}

fn single_key(single: Single, byte: u8) -> Option<Key> {
    match single {
        Single::Application if byte == b'M' => Some(Key::Enter),
        Single::Application => cursor_key(byte),
        Single::Console => None,
    }
}

fn cursor_key(byte: u8) -> Option<Key> {
    match byte {
        b'A' => Some(Key::Up),
        b'B' => Some(Key::Down),
        b'C' => Some(Key::Right),
        b'D' => Some(Key::Left),
        b'F' => Some(Key::End),
        b'H' => Some(Key::Home),
        _ => None,
    }
}

fn text(escaped: bool, byte: u8) -> State {
    match byte {
        BELL | 0x18 | 0x1a => State::Plain,
        b'\\' if escaped => State::Plain,
        _ => State::Text(byte == ESCAPE),
    }
}

/// Ctrl-C within a paste ends it, so that a terminal that never sends the end locks nobody in.
fn pasted(mut paste: Paste, byte: u8) -> (State, Option<Key>) {
    if byte == INTERRUPT {
        return (State::Plain, Some(Key::Ctrl('c')));
    }
    if PASTE_END.get(paste.matched) == Some(&byte) {
        paste.matched += 1;
        if paste.matched < PASTE_END.len() {
            return (State::Paste(paste), None);
        }
        let text = String::from_utf8_lossy(&paste.text).into_owned();
        return (State::Plain, Some(Key::Paste(text)));
    }
    // What looked like the end was text; its only escape is its first byte, so nothing has to be tried again.
    let looked_like_end = PASTE_END.iter().take(paste.matched).copied();
    let room = PASTE_BYTES.saturating_sub(paste.text.len());
    let kept = (byte != ESCAPE).then_some(byte);
    paste.text.extend(looked_like_end.chain(kept).take(room));
    paste.matched = usize::from(byte == ESCAPE);
    (State::Paste(paste), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(bytes: &[u8]) -> Vec<Key> {
        KeyDecoder::new().feed(bytes)
    }

    #[test]
    fn keys_are_known_in_every_form_that_terminals_send() {
        for (bytes, key) in [
            (&b"\x1b[A"[..], Key::Up),
            (b"\x1bOA", Key::Up),
            (b"\x1b[1;5A", Key::Up),
            (b"\x1b[B", Key::Down),
            (b"\x1bOC", Key::Right),
            (b"\x1b[D", Key::Left),
            (b"\x1b[H", Key::Home),
            (b"\x1b[1~", Key::Home),
            (b"\x1bOF", Key::End),
            (b"\x1b[8~", Key::End),
            (b"\x1b[5~", Key::PageUp),
            (b"\x1b[6;2~", Key::PageDown),
            (b"\x1b[3~", Key::Delete),
            (b"\x1b[Z", Key::BackTab),
            (b"\x1bOM", Key::Enter),
            (b"\r", Key::Enter),
            (b"\n", Key::Enter),
            (b"\t", Key::Tab),
            (b"\x7f", Key::Backspace),
            (b"\x08", Key::Backspace),
            (b"\x03", Key::Ctrl('c')),
            (b"q", Key::Char('q')),
            ("é".as_bytes(), Key::Char('é')),
            ("🔒".as_bytes(), Key::Char('🔒')),
        ] {
            assert_eq!(keys(bytes), [key], "{bytes:?}");
        }
    }

    #[test]
    fn what_is_unknown_is_swallowed_whole() {
        for bytes in [
            &b"\x1b[99~"[..],
            b"\x1b[[A",
            b"\x1b[?1;2c",
            b"\x1b]11;rgb:0000/0000/0000\x1b\\",
            b"\x1b]0;a\x07",
            b"\x1bPq\x1b\\",
            b"\x1bx",
            b"\x1bOP",
            b"\xff\xc3(",
            b"\x00\x1f",
            "\u{85}".as_bytes(),
        ] {
            let mut swallowed = bytes.to_vec();
            swallowed.push(b'z');
            let read = keys(&swallowed);
            assert_eq!(read.last(), Some(&Key::Char('z')), "{bytes:?}");
            assert!(read.len() <= 2, "{bytes:?}: {read:?}");
        }
    }

    #[test]
    fn an_escape_alone_is_a_key_once_nothing_follows() {
        let mut decoder = KeyDecoder::new();
        assert_eq!(decoder.feed(b"\x1b"), []);
        assert!(decoder.is_waiting());
        assert_eq!(decoder.flush(), Some(Key::Escape));
        assert!(!decoder.is_waiting());
        assert_eq!(decoder.flush(), None);
    }

    #[test]
    fn a_paste_is_one_text_with_no_keys_in_it() {
        let bytes = b"\x1b[200~ok\rq\x1b[2\x1b[201~q";
        let pasted = Key::Paste("ok\rq\x1b[2".to_owned());
        assert_eq!(keys(bytes), [pasted, Key::Char('q')]);
    }

    #[test]
    fn an_endless_paste_is_bounded_and_ctrl_c_ends_it() {
        let mut decoder = KeyDecoder::new();
        decoder.feed(b"\x1b[200~");
        for _ in 0..100 {
            assert_eq!(decoder.feed(&[b'x'; 1000]), []);
        }
        let State::Paste(paste) = &decoder.state else {
            panic!("the paste goes on");
        };
        assert_eq!(paste.text.len(), PASTE_BYTES);
        assert_eq!(decoder.feed(b"\x03q"), [Key::Ctrl('c'), Key::Char('q')]);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_give_the_same_keys_however_they_are_cut(bytes: Vec<u8>, at: usize) {
            let (left, right) = bytes.split_at(at % (bytes.len() + 1));
            let mut decoder = KeyDecoder::new();
            let mut pieces = decoder.feed(left);
            pieces.extend(decoder.feed(right));
            proptest::prop_assert_eq!(&pieces, &keys(&bytes));
            for key in pieces {
                if let Key::Char(c) = key {
                    proptest::prop_assert!(!c.is_control());
                }
            }
        }

        #[test]
        fn any_sequences_leave_a_decoder_that_still_reads(
            parts in proptest::collection::vec("\\x1b[\\[\\]OP_^X]?[0-9;?]{0,30}[A-Za-z~]?", 0..20),
        ) {
            let mut decoder = KeyDecoder::new();
            decoder.feed(parts.concat().as_bytes());
            decoder.feed(b"\x1b[201~");
            decoder.flush();
            decoder.feed(b"\x1a");
            proptest::prop_assert_eq!(decoder.feed(b"q"), [Key::Char('q')]);
        }
    }
}
