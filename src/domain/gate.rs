//! The gate of one channel: the machine that stands between what a client sends and what a target gets.
//!
//! Invariant: nothing that could submit a command leaves the gate but as [`Effect::Submit`], which carries a
//! [`Clearance`] for exactly that command. Events go in by value, effects come out as data; the gate reads no
//! clock, no screen and no policy. It knows nothing of what a line means: it only withholds and releases.
//!
//! ```text
//! Deciding ── allowed ─▶ Open ── submitting key ─▶ Reading ── line ─▶ Deciding ── allowed ─▶ Settling ─▶ Open
//!     └── held ─▶ Held ── released ─▶ …                                  └── denied ─▶ Open, line cleared
//! ```
//!
//! A script on standard input goes the same way in blocks of whole lines. What policy does not let run at once is
//! [gathered](Event::Gather) first, so that people decide about a script and not about its first line.
//!
//! Which keys are withheld at a terminal depends on who [reads](Reader) them; the driver tells that.

mod event;

mod keys;

mod script;

use bytes::Bytes;

use crate::domain::command::Command;
use crate::domain::hold::Clearance;
use crate::domain::id::HoldId;
use crate::domain::keystroke::INTERRUPT;
pub use event::{Effect, Event, Reader, Watch};

/// Most typed bytes that wait behind a withheld key; what is typed beyond it is dropped with a bell, as a terminal does.
pub const PENDING_BYTES: usize = 64 * 1024;

/// Most bytes of a script that one question is about; what follows is asked about on its own.
pub const SCRIPT_BYTES: usize = 1024 * 1024;

/// What a cleared command does.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// It starts the channel's program, whose input is then watched so.
    Start(Watch),
    /// It is a line, submitted by this key.
    Line(Vec<u8>, Watch),
}

use script::{Gathering, Pending};

/// The gate. Each transition consumes the state and gives the next one.
#[derive(Debug)]
pub struct Gate {
    state: State,
    pending: Pending,
}

#[derive(Debug)]
enum State {
    Open(Watch),
    Reading {
        key: Vec<u8>,
        watch: Watch,
    },
    Deciding {
        command: Command,
        kind: Kind,
    },
    Held {
        command: Command,
        kind: Kind,
        hold: HoldId,
    },
    Settling(Watch),
    /// A script comes in.
    Gathering(Gathering),
    Closed,
}

impl Gate {
    /// The gate of a channel that wants to start `command`; its input is then watched as told.
    /// The driver decides about the command at once, as after [`Effect::Decide`].
    pub fn starting(command: Command, watch: Watch) -> Self {
        Self {
            state: State::Deciding {
                command,
                kind: Kind::Start(watch),
            },
            pending: Pending::default(),
        }
    }

    /// The command that waits for a decision or an approval.
    pub fn deciding(&self) -> Option<&Command> {
        match &self.state {
            State::Deciding { command, .. } | State::Held { command, .. } => Some(command),
            State::Open(_)
            | State::Reading { .. }
            | State::Settling(_)
            | State::Gathering(_)
            | State::Closed => None,
        }
    }

    /// The script that belongs to the command which is being decided or held, where it was gathered.
    pub fn script(&self) -> Option<&[u8]> {
        let script = self.deciding()?.script.as_ref()?;
        self.pending
            .bytes
            .get(..usize::try_from(script.length).ok()?)
    }

    /// The bytes that are withheld while their line is read: a key, or the lines themselves under [`Watch::Script`].
    pub fn withheld(&self) -> Option<(&[u8], Watch)> {
        match &self.state {
            State::Reading { key, watch } => Some((key, *watch)),
            State::Open(_)
            | State::Deciding { .. }
            | State::Held { .. }
            | State::Settling(_)
            | State::Gathering(_)
            | State::Closed => None,
        }
    }

    /// The hold that the channel waits for.
    pub fn held(&self) -> Option<&HoldId> {
        match &self.state {
            State::Held { hold, .. } => Some(hold),
            State::Open(_)
            | State::Reading { .. }
            | State::Deciding { .. }
            | State::Settling(_)
            | State::Gathering(_)
            | State::Closed => None,
        }
    }

    /// The bytes in whole lines of the script that is gathered, where one is: [`Event::Quiet`] is for when no more come.
    pub fn gathered_lines(&self) -> Option<usize> {
        match &self.state {
            State::Gathering(_) => Some(self.pending.lines(SCRIPT_BYTES)),
            State::Open(_)
            | State::Reading { .. }
            | State::Deciding { .. }
            | State::Held { .. }
            | State::Settling(_)
            | State::Closed => None,
        }
    }

    /// Whether the gate waits for the output to be quiet before it looks at what was typed behind a submitted line.
    pub fn is_settling(&self) -> bool {
        matches!(self.state, State::Settling(_))
    }

    /// Whether input should be handed in now; otherwise it waits where flow control holds it back.
    /// While a hold waits at a terminal, input is taken to notice Ctrl-C.
    pub fn wants_input(&self) -> bool {
        match &self.state {
            State::Open(_) => true,
            State::Held { kind, .. } => kind.at_terminal(),
            State::Settling(watch) => *watch == Watch::Keys,
            State::Gathering(_) => true,
            State::Reading { .. } | State::Deciding { .. } => false,
            State::Closed => false,
        }
    }

    /// Who is taken to read what is typed.
    pub fn reader(&self) -> Reader {
        self.pending.keys.reader()
    }

    /// Whether what was typed last may be the begin of a longer key: [`Event::Lull`] is for when no more comes.
    pub fn awaits_rest_of_key(&self) -> bool {
        matches!(self.state, State::Open(Watch::Keys)) && !self.pending.bytes.is_empty()
    }

    /// Whether nothing can pass any more.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// Takes one event and gives the next state with what has to be done.
    pub fn step(self, event: Event) -> (Self, Vec<Effect>) {
        let Self { state, mut pending } = self;
        match (state, event) {
            (State::Closed, _) | (_, Event::Broke) => (
                Self {
                    state: State::Closed,
                    pending: Pending::default(),
                },
                vec![],
            ),
            (state, Event::Typed(bytes)) => Self { state, pending }.typed(bytes),
            (state, Event::InputEnded) => {
                pending.ended = true;
                Self { state, pending }.go_on(Vec::new())
            }
            (state, Event::Reads(reader)) => Self { state, pending }.read_by(reader),
            (state, Event::Lull) => Self { state, pending }.lull(),
            (State::Reading { watch, .. }, Event::GoesOn) => Self::opened(watch, pending),
            (State::Reading { key, watch }, Event::Harmless) => Self::passed(key, watch, pending),
            (
                State::Held {
                    kind: Kind::Line(key, watch),
                    ..
                },
                Event::Changed,
            ) => Self::read_again(key, watch, pending),
            (State::Reading { key, watch }, Event::Read(command)) => {
                let kind = Kind::Line(key, watch);
                (
                    Self {
                        state: State::Deciding { command, kind },
                        pending,
                    },
                    vec![Effect::Decide],
                )
            }
            (
                State::Deciding { command, kind } | State::Held { command, kind, .. },
                Event::Cleared(clearance),
            ) => Self::cleared(&command, kind, clearance, pending),
            (State::Deciding { command, kind }, Event::Held(hold)) => (
                Self {
                    state: State::Held {
                        command,
                        kind,
                        hold,
                    },
                    pending,
                },
                vec![],
            ),
            (State::Deciding { kind, .. } | State::Held { kind, .. }, Event::Denied) => {
                Self::denied(kind)
            }
            (State::Deciding { command, kind }, Event::Gather) => {
                Self::gathering(command, kind, pending)
            }
            (State::Gathering(gathering), Event::Quiet) => Self::gathered(gathering, pending),
            (State::Settling(watch), Event::Quiet) => Self::opened(watch, pending),
            (state, Event::Quiet) => (Self { state, pending }, vec![]),
            // An event that its state does not know means that driver and gate disagree: nothing more runs.
            (
                _,
                Event::Read(_)
                | Event::GoesOn
                | Event::Harmless
                | Event::Changed
                | Event::Cleared(_)
                | Event::Gather
                | Event::Held(_)
                | Event::Denied,
            ) => Self::refused(),
        }
    }

    fn typed(mut self, bytes: Bytes) -> (Self, Vec<Effect>) {
        let flows = match self.state {
            State::Open(Watch::Stream | Watch::Terminal) => true,
            State::Open(Watch::Keys) => self.pending.keys.flow(),
            State::Open(Watch::Script)
            | State::Reading { .. }
            | State::Deciding { .. }
            | State::Held { .. }
            | State::Settling(_)
            | State::Gathering(_)
            | State::Closed => false,
        };
        if flows && self.pending.bytes.is_empty() {
            return (self, vec![Effect::Forward(bytes)]);
        }
        let at_terminal = match &self.state {
            State::Held { kind, .. } => kind.at_terminal(),
            State::Settling(watch) => *watch == Watch::Keys,
            State::Open(_)
            | State::Reading { .. }
            | State::Deciding { .. }
            | State::Gathering(_)
            | State::Closed => false,
        };
        if at_terminal && bytes.contains(&INTERRUPT) {
            self.pending.bytes.clear();
            return self.interrupted();
        }
        let mut effects = Vec::new();
        let room = PENDING_BYTES.saturating_sub(self.pending.bytes.len());
        let open = matches!(self.state, State::Open(_) | State::Gathering(_));
        match bytes.get(..room) {
            Some(kept) if !open && bytes.len() > room => {
                self.pending.bytes.extend_from_slice(kept);
                effects.push(Effect::Bell);
            }
            Some(_) | None => self.pending.bytes.extend_from_slice(&bytes),
        }
        self.go_on(effects)
    }

    fn interrupted(self) -> (Self, Vec<Effect>) {
        match self.state {
            State::Held { ref hold, .. } => {
                let withdraw = Effect::Withdraw(hold.clone());
                (self, vec![withdraw])
            }
            State::Settling(watch) => {
                let open = Self {
                    state: State::Open(watch),
                    pending: self.pending,
                };
                open.go_on(vec![Effect::Forward(Bytes::from_static(&[INTERRUPT]))])
            }
            State::Open(_)
            | State::Reading { .. }
            | State::Deciding { .. }
            | State::Gathering(_)
            | State::Closed => (self, vec![]),
        }
    }

    /// Passes on what may pass of the pending input, up to the next key or line that has to be asked about.
    fn go_on(mut self, mut effects: Vec<Effect>) -> (Self, Vec<Effect>) {
        let watch = match self.state {
            State::Open(watch) => watch,
            State::Gathering(gathering) if self.pending.is_whole(SCRIPT_BYTES) => {
                return Self::gathered(gathering, self.pending);
            }
            State::Reading { .. }
            | State::Deciding { .. }
            | State::Held { .. }
            | State::Settling(_)
            | State::Gathering(_)
            | State::Closed => return (self, effects),
        };
        let bytes = std::mem::take(&mut self.pending.bytes);
        match watch {
            Watch::Stream | Watch::Terminal => {
                if !bytes.is_empty() {
                    effects.push(Effect::Forward(bytes.into()));
                }
            }
            Watch::Keys => return self.keys(bytes, effects),
            Watch::Script => {
                self.pending.bytes = bytes;
                let lines = self.pending.lines(PENDING_BYTES);
                if lines > 0 {
                    let rest = self.pending.bytes.split_off(lines);
                    let key = std::mem::replace(&mut self.pending.bytes, rest);
                    self.state = State::Reading { key, watch };
                    effects.push(Effect::ReadLine);
                    return (self, effects);
                }
            }
        }
        if self.pending.ended {
            self.pending.ended = false;
            effects.push(Effect::EndInput);
        }
        (self, effects)
    }

    fn cleared(
        command: &Command,
        kind: Kind,
        clearance: Clearance,
        pending: Pending,
    ) -> (Self, Vec<Effect>) {
        if clearance.command() != command {
            return Self::refused();
        }
        match kind {
            Kind::Start(watch) => Self::started(clearance, watch, pending),
            Kind::Line(key, Watch::Script) => {
                let submit = Effect::Submit { clearance, key };
                Self {
                    state: State::Open(Watch::Script),
                    pending,
                }
                .go_on(vec![submit])
            }
            Kind::Line(key, watch) => {
                let mut effects = vec![Effect::Submit { clearance, key }];
                let state = if pending.bytes.is_empty() && !pending.ended {
                    State::Open(watch)
                } else {
                    State::Settling(watch)
                };
                if matches!(state, State::Settling(_)) {
                    effects.push(Effect::AwaitQuiet);
                }
                (Self { state, pending }, effects)
            }
        }
    }

    fn refused() -> (Self, Vec<Effect>) {
        (
            Self {
                state: State::Closed,
                pending: Pending::default(),
            },
            vec![Effect::Refuse],
        )
    }

    /// What was typed behind a refused command goes with it: it was meant to follow something that did not run.
    fn denied(kind: Kind) -> (Self, Vec<Effect>) {
        let pending = Pending::default();
        match kind {
            Kind::Start(_) | Kind::Line(_, Watch::Script | Watch::Stream | Watch::Terminal) => (
                Self {
                    state: State::Closed,
                    pending,
                },
                vec![Effect::Refuse],
            ),
            Kind::Line(_, watch @ Watch::Keys) => (
                Self {
                    state: State::Open(watch),
                    pending,
                },
                vec![Effect::ClearLine],
            ),
        }
    }
}

impl Kind {
    fn at_terminal(&self) -> bool {
        match self {
            Self::Start(watch) | Self::Line(_, watch) => {
                matches!(watch, Watch::Keys | Watch::Terminal)
            }
        }
    }
}

fn push_forward(effects: &mut Vec<Effect>, bytes: Vec<u8>) {
    if !bytes.is_empty() {
        effects.push(Effect::Forward(bytes.into()));
    }
}

#[cfg(test)]
mod tests;
