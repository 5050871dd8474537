//! Scripts: how much of what waits is whole lines, which are what one question can be about, and how a script is waited
//! for, decided about with the program that runs it, and sent on.

use super::keys::Keys;
use super::{Effect, Gate, Kind, SCRIPT_BYTES, State, Watch, push_forward};
use crate::domain::command::{Command, Script};
use crate::domain::hold::Clearance;

/// Whose input a script is.
#[derive(Debug)]
pub(super) enum Gathering {
    /// That of the program which is to be started.
    Start { command: Command, watch: Watch },
    /// That of a program that runs.
    Block,
}

impl Gate {
    /// Starts a program; the script that was cleared with it is what its input begins with.
    pub(super) fn started(
        clearance: Clearance,
        watch: Watch,
        mut pending: Pending,
    ) -> (Self, Vec<Effect>) {
        let script = clearance.command().script.clone();
        let mut effects = vec![Effect::Submit {
            clearance,
            key: Vec::new(),
        }];
        if let Some(script) = script {
            match pending.take(&script) {
                Some(bytes) => push_forward(&mut effects, bytes),
                None => return Self::refused(),
            }
        }
        Self {
            state: State::Open(watch),
            pending,
        }
        .go_on(effects)
    }

    /// Waits for the rest of what is being decided about.
    pub(super) fn gathering(
        command: Command,
        kind: Kind,
        mut pending: Pending,
    ) -> (Self, Vec<Effect>) {
        let gathering = match kind {
            Kind::Start(_) => Gathering::Start {
                command,
                watch: Watch::Script,
            },
            Kind::Line(lines, Watch::Script) => {
                pending.bytes.splice(..0, lines);
                Gathering::Block
            }
            Kind::Line(_, Watch::Stream | Watch::Terminal | Watch::Keys) => {
                return Self::refused();
            }
        };
        Self {
            state: State::Gathering(gathering),
            pending,
        }
        .go_on(Vec::new())
    }

    /// Decides about what came of a script.
    pub(super) fn gathered(gathering: Gathering, pending: Pending) -> (Self, Vec<Effect>) {
        match gathering {
            Gathering::Start { mut command, watch } => {
                let lines = pending.lines(SCRIPT_BYTES);
                let script = pending.bytes.get(..lines).unwrap_or_default();
                command.script = Some(Box::new(Script::of(script)));
                let kind = Kind::Start(watch);
                let state = State::Deciding { command, kind };
                (Self { state, pending }, vec![Effect::Decide])
            }
            Gathering::Block => Self {
                state: State::Open(Watch::Script),
                pending,
            }
            .go_on(Vec::new()),
        }
    }
}

/// Typed bytes that wait, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Pending {
    pub(super) bytes: Vec<u8>,
    pub(super) ended: bool,
    pub(super) keys: Keys,
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
