//! Keys of a terminal: which of those that wait may pass, and how far.
//!
//! Invariant: no key is passed twice or left out; what was passed before its sequence was whole still counts as the
//! begin of the next key wherever a shell could take it so.

use bytes::Bytes;

use super::script::Pending;
use super::{Effect, Gate, Reader, State, Watch, push_forward};
use crate::domain::keystroke::{self, INTERRUPT, Paste, Stroke};

/// How the keys that wait are read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Keys {
    reader: Reader,
    /// The last mark of a paste.
    paste: Option<Paste>,
    /// The begin of a key that was passed because nothing followed it for a while.
    passed: Vec<u8>,
    /// Whether the line may hold a substitution, which some shells run to complete it.
    substitutes: bool,
    /// What characters may be keys that run the line or open an editor for it, as in the command mode of vi.
    commands: &'static [u8],
}

const TAB: u8 = b'\t';
const ENTER: [&[u8]; 2] = [b"\r", b"\n"];
/// In vi's command mode this takes away the mark of a comment, and runs what was one.
const COMMENT: &[u8] = b"#";
/// The same, and what opens an editor, of which what is written there is run.
const COMMANDS: &[u8] = b"#v";

impl Keys {
    pub(super) fn reader(&self) -> Reader {
        self.reader
    }

    pub(super) fn reads(&mut self, reader: Reader) {
        if self.reader != reader {
            *self = Self {
                reader,
                ..Self::default()
            };
        }
    }

    /// Whether whatever is typed passes.
    pub(super) fn flow(&self) -> bool {
        self.reader == Reader::Program
    }

    fn next<'a>(&self, bytes: &'a [u8]) -> Option<(Stroke<'a>, &'a [u8])> {
        match self.reader {
            Reader::Unknown => self.next_of_unknown(bytes),
            Reader::Editor => {
                let pasted = self.paste == Some(Paste::Begins);
                let next = keystroke::next_in_editor(bytes, self.paste)?;
                Some(if pasted {
                    next
                } else {
                    self.before_tab(bytes, next)
                })
            }
            Reader::Program if bytes.is_empty() => None,
            Reader::Program => Some((Stroke::Edit(bytes), &[])),
        }
    }
}

impl Keys {
    fn next_of_unknown<'a>(&self, bytes: &'a [u8]) -> Option<(Stroke<'a>, &'a [u8])> {
        Some(self.before_tab(bytes, keystroke::next(bytes)?))
    }

    /// Behind a substitution, which some shells run to complete it, Tab is a stop; behind Escape, what may be a command.
    fn before_tab<'a>(
        &self,
        bytes: &'a [u8],
        (stroke, rest): (Stroke<'a>, &'a [u8]),
    ) -> (Stroke<'a>, &'a [u8]) {
        let Stroke::Edit(edit) = stroke else {
            return (stroke, rest);
        };
        let mut runs = self.substitutes;
        let stop = edit.iter().position(|byte| {
            runs |= substitutes(*byte) || recalls(&[*byte]);
            (runs && *byte == TAB) || self.commands.contains(byte)
        });
        match stop {
            None => (stroke, rest),
            Some(0) => {
                let (key, rest) = bytes.split_at(1);
                (Stroke::Submit(key), rest)
            }
            Some(length) => {
                let (edit, rest) = bytes.split_at(length);
                (Stroke::Edit(edit), rest)
            }
        }
    }

    fn note(&mut self, stroke: &Stroke<'_>, begun: bool) {
        match stroke {
            Stroke::Edit(edit) => {
                self.substitutes |= recalls(edit) || edit.iter().any(|byte| substitutes(*byte));
                self.escaped(edit, begun);
            }
            Stroke::Interrupt => self.at_new_line(),
            Stroke::Submit(key) if ENTER.contains(key) => self.at_new_line(),
            // Vi's editors take the two for keys of their own: the line is submitted, and the next one begins as text.
            Stroke::Submit([keystroke::ESCAPE, b'\r' | b'\n']) => self.commands = b"",
            Stroke::Submit(key) => self.escaped(key, begun),
            Stroke::PasteMark(..) | Stroke::Unfinished(_) => {}
        }
    }

    fn at_new_line(&mut self) {
        self.substitutes = false;
        self.commands = b"";
    }

    /// What characters may be commands once this key went out: where it is unbound, Escape is a key of its own.
    fn escaped(&mut self, key: &[u8], begun: bool) {
        if self.reader != Reader::Unknown || key.first() != Some(&keystroke::ESCAPE) {
            return;
        }
        match key {
            // Readline binds these everywhere.
            [_, b'[' | b'O', b'A'..=b'D' | b'F' | b'H'] if !begun => {
                self.commands = self.commands.max(COMMENT);
            }
            _ if !begun && keystroke::answer_length(key).is_some() => {}
            _ => self.commands = COMMANDS,
        }
    }
}

/// Whether a byte may begin a substitution.
fn substitutes(byte: u8) -> bool {
    matches!(byte, b'`' | b'(')
}

/// Whether keys may bring back text that was typed before, and a substitution with it: not those that type, delete, or
/// move to the left.
fn recalls(edit: &[u8]) -> bool {
    match edit {
        [keystroke::ESCAPE, b'[' | b'O', b'D' | b'H'] | [keystroke::ESCAPE, b'[', b'3', b'~'] => {
            false
        }
        [keystroke::ESCAPE, ..] => keystroke::answer_length(edit).is_none(),
        _ => edit.iter().any(|byte| {
            let plain = matches!(byte, b' '..=b'~' | 0x7f..) || *byte == TAB;
            // Ctrl-A, B, G, H, K, L, U, W.
            !plain && !matches!(byte, 0x01 | 0x02 | 0x07 | 0x08 | 0x0b | 0x0c | 0x15 | 0x17)
        }),
    }
}

/// What becomes of a stroke.
enum Fate {
    Pass,
    /// It is not passed on: lines that are pasted where nobody knows who reads are questions like typed ones.
    Drop,
    Wait,
    Stop,
}

impl Gate {
    /// Passes keys up to the first one that is a stop.
    pub(super) fn keys(mut self, typed: Vec<u8>, mut effects: Vec<Effect>) -> (Self, Vec<Effect>) {
        let keys = &mut self.pending.keys;
        // What was passed already is read again with what follows it, and not sent again.
        let mut sent = keys.passed.len();
        let mut bytes = std::mem::take(&mut keys.passed);
        bytes.extend_from_slice(&typed);
        if typed.is_empty() {
            keys.passed = bytes;
            return self.ended(effects);
        }
        let mut left: &[u8] = &bytes;
        let mut passed = Vec::new();
        while let Some((stroke, rest)) = keys.next(left) {
            let (stroke_bytes, _) = left.split_at(left.len() - rest.len());
            let unsent = stroke_bytes.get(sent..).unwrap_or_default();
            let fate = keys.fate(&stroke, sent > 0);
            keys.note(&stroke, sent > 0);
            let before = sent.min(stroke_bytes.len());
            match fate {
                Fate::Pass => passed.extend_from_slice(unsent),
                Fate::Drop => {}
                Fate::Wait => {
                    self.pending.bytes = unsent.to_vec();
                    keys.passed = stroke_bytes.get(..before).unwrap_or_default().to_vec();
                    break;
                }
                // The begin of it is out already, and it turned out to be a key of its own.
                Fate::Stop if unsent.is_empty() => {}
                Fate::Stop => {
                    let key = unsent.to_vec();
                    self.pending.bytes = rest.to_vec();
                    self.state = State::Reading {
                        key,
                        watch: Watch::Keys,
                    };
                    push_forward(&mut effects, passed);
                    effects.push(Effect::ReadLine);
                    return (self, effects);
                }
            }
            sent -= before;
            left = rest;
        }
        push_forward(&mut effects, passed);
        self.ended(effects)
    }

    /// Somebody else reads what is typed from now on.
    pub(super) fn read_by(mut self, reader: Reader) -> (Self, Vec<Effect>) {
        self.pending.keys.reads(reader);
        self.go_on(Vec::new())
    }

    /// What waits goes on.
    pub(super) fn opened(watch: Watch, pending: Pending) -> (Self, Vec<Effect>) {
        let state = State::Open(watch);
        Self { state, pending }.go_on(Vec::new())
    }

    /// A withheld key goes out: it completes, and nothing in its line could run by that.
    pub(super) fn passed(key: Vec<u8>, watch: Watch, mut pending: Pending) -> (Self, Vec<Effect>) {
        if key != [TAB] {
            return Self::refused();
        }
        pending.keys.substitutes = false;
        let state = State::Open(watch);
        Self { state, pending }.go_on(vec![Effect::Forward(key.into())])
    }

    /// The line behind a withheld key is read again.
    pub(super) fn read_again(key: Vec<u8>, watch: Watch, pending: Pending) -> (Self, Vec<Effect>) {
        let state = State::Reading { key, watch };
        (Self { state, pending }, vec![Effect::ReadLine])
    }

    /// Nothing followed what may be the begin of a key: it is one, and goes out.
    pub(super) fn lull(mut self) -> (Self, Vec<Effect>) {
        if !self.awaits_rest_of_key() {
            return (self, Vec::new());
        }
        let bytes = std::mem::take(&mut self.pending.bytes);
        self.pending.keys.passed.extend_from_slice(&bytes);
        let forward = Effect::Forward(Bytes::from(bytes));
        self.ended(vec![forward])
    }

    fn ended(mut self, mut effects: Vec<Effect>) -> (Self, Vec<Effect>) {
        if self.pending.ended && self.pending.bytes.is_empty() {
            self.pending.ended = false;
            effects.push(Effect::EndInput);
        }
        (self, effects)
    }
}

impl Keys {
    fn fate(&mut self, stroke: &Stroke<'_>, begun: bool) -> Fate {
        match (stroke, self.reader) {
            (Stroke::Edit(_) | Stroke::Interrupt, _) => Fate::Pass,
            (Stroke::Unfinished(_), _) => Fate::Wait,
            (Stroke::PasteMark(paste, _), Reader::Editor) => {
                self.paste = Some(*paste);
                Fate::Pass
            }
            // Its begin is out: the shell would see the whole mark.
            (Stroke::PasteMark(..), Reader::Unknown | Reader::Program) if begun => Fate::Stop,
            (Stroke::PasteMark(..), Reader::Unknown | Reader::Program) => Fate::Drop,
            // Ctrl-C is a signal, whatever key went before it.
            (Stroke::Submit([keystroke::ESCAPE, INTERRUPT]), _) if begun => Fate::Pass,
            (Stroke::Submit(_), _) => Fate::Stop,
        }
    }
}
