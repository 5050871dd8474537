//! The replay of a recording as a state machine: commands and the time in, bytes for the viewer's terminal out.
//!
//! Invariant: nothing in a recording reaches the viewer's terminal but as drawn cells. Output is fed to an
//! emulated screen, and what is sent is made from its cells alone, so no clipboard write, query or title passes.
//! One call reads and feeds at most [`SLICE_BYTES`]; a long seek takes several calls. It reads the recording's
//! file (blocking, see [`Recording`]) and does nothing else with the world: times are arguments, any clock that
//! only goes forward will do.

use std::io::{Read, Seek};
use std::num::NonZeroU16;
use std::time::Duration;

use crate::emulator::Emulator;
use crate::record::asciicast::decode::DecodeError;
use crate::record::asciicast::{EventKind, TerminalSize};
use crate::record::recording::{Marker, Recording, Survey, Timeline};
use crate::record::replay::paint::Painter;
use crate::record::replay::status::{Progress, Status};

pub use crate::record::replay::keys::player_command;

mod keys;

pub(in crate::record) mod paint;

pub(in crate::record) mod status;

/// Longest pause of a replay, unless asked otherwise.
pub const IDLE: Duration = Duration::from_secs(2);
/// How far one seek goes.
pub const SEEK: Duration = Duration::from_secs(5);
/// Most bytes of a recording that one call feeds.
pub const SLICE_BYTES: usize = 256 * 1024;
/// What the viewer's terminal needs to be itself again; part of the last step, and for callers that leave before.
pub const LEAVE: &[u8] = b"\x1b[0m\x1b[?25h\x1b[?1049l";

/// The alternate screen keeps what the viewer had on theirs.
pub(in crate::record) const ENTER: &[u8] = b"\x1b[?1049h\x1b[0m\x1b[2J";
/// Shortest time between two drawings.
const FRAME: Duration = Duration::from_millis(20);
/// The clock of the status line.
const TICK: Duration = Duration::from_secs(1);
/// While playing, going back passes over a marker that was reached just now.
const MARKER_GRACE: Duration = Duration::from_secs(1);
/// What an event counts for beside its bytes, so that empty ones are bounded too.
pub(in crate::record) const EVENT_COST: usize = 64;

/// What a viewer can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlayerCommand {
    /// Stops and goes on; at the end begins again.
    TogglePause,
    /// Doubles the speed.
    Faster,
    /// Halves the speed.
    Slower,
    /// Goes [`SEEK`] forward.
    SeekForward,
    /// Goes [`SEEK`] back.
    SeekBack,
    /// Goes to the next marker.
    NextMarker,
    /// Goes to the marker before.
    PreviousMarker,
    /// Begins again.
    Restart,
    /// Leaves.
    Quit,
}

/// How to replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplayOptions {
    /// The viewer's terminal.
    pub view: TerminalSize,
    /// Longest pause; [`IDLE`] by default.
    pub idle: Duration,
    /// What happens at the end.
    pub at_end: AtEnd,
}

/// What happens at the end of a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtEnd {
    /// The last screen stays until the viewer quits.
    Stay,
    /// The replay is done.
    Leave,
}

/// What to do after a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// To be written to the viewer's terminal.
    pub bytes: Vec<u8>,
    /// When to call again; `None` when only a command changes anything.
    pub next: Option<Duration>,
    /// Whether the replay is over.
    pub done: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Motion {
    /// The playhead was moved last at this time.
    Playing {
        since: Duration,
    },
    Paused,
    Over,
}

/// How fast, as a power of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Speed(i8);

impl Speed {
    const SLOWEST: i8 = -2;
    const FASTEST: i8 = 4;

    fn changed(self, by: i8) -> Self {
        Self((self.0 + by).clamp(Self::SLOWEST, Self::FASTEST))
    }

    fn factor(self) -> f64 {
        f64::from(self.0).exp2()
    }
}

/// A replay.
pub struct Player<S> {
    recording: Recording<S>,
    survey: Survey,
    options: ReplayOptions,
    emulator: Emulator,
    timeline: Timeline,
    upcoming: Upcoming,
    /// The time of the last event that was fed.
    fed: Duration,
    position: Duration,
    motion: Motion,
    speed: Speed,
    progress: Progress,
    painter: Painter,
    entered: bool,
}

/// The event that comes next.
enum Upcoming {
    Unread,
    Event { at: Duration, kind: EventKind },
    Nothing,
}

impl<S: Read + Seek> Player<S> {
    /// Surveys the recording, which reads all of it once, and plays from its beginning at `now`.
    ///
    /// # Errors
    /// When the recording cannot be read or is malformed.
    pub fn new(
        mut recording: Recording<S>,
        options: ReplayOptions,
        now: Duration,
    ) -> Result<Self, DecodeError> {
        let survey = recording.survey(options.idle)?;
        Ok(Self {
            emulator: blank(recording.header().size),
            recording,
            survey,
            options,
            timeline: Timeline::new(options.idle),
            upcoming: Upcoming::Unread,
            fed: Duration::ZERO,
            position: Duration::ZERO,
            motion: Motion::Playing { since: now },
            speed: Speed(0),
            progress: Progress::Shown,
            painter: Painter::new(options.view),
            entered: false,
        })
    }

    /// Does what the viewer asked for; the next [`Player::advance`], which should follow at once, shows it.
    ///
    /// # Errors
    /// When the recording cannot be read any more.
    pub fn command(&mut self, command: PlayerCommand, now: Duration) -> Result<(), DecodeError> {
        self.move_playhead(now);
        match command {
            PlayerCommand::TogglePause => self.toggle_pause(now),
            PlayerCommand::Faster => {
                self.speed = self.speed.changed(1);
                Ok(())
            }
            PlayerCommand::Slower => {
                self.speed = self.speed.changed(-1);
                Ok(())
            }
            PlayerCommand::SeekForward => self.seek(self.position.saturating_add(SEEK)),
            PlayerCommand::SeekBack => self.seek(self.position.saturating_sub(SEEK)),
            PlayerCommand::NextMarker => self.seek_marker(self.next_marker()),
            PlayerCommand::PreviousMarker => self.seek_marker(self.previous_marker()),
            PlayerCommand::Restart => {
                self.motion = Motion::Playing { since: now };
                self.seek(Duration::ZERO)
            }
            PlayerCommand::Quit => {
                self.motion = Motion::Over;
                Ok(())
            }
        }
    }

    /// The viewer's terminal got another size.
    pub fn resize(&mut self, view: TerminalSize) {
        self.options.view = view;
        self.painter = Painter::new(view);
    }

    /// Goes on to `now` and draws what changed.
    ///
    /// # Errors
    /// When the recording cannot be read any more.
    pub fn advance(&mut self, now: Duration) -> Result<Step, DecodeError> {
        self.move_playhead(now);
        self.feed()?;
        let ended = self.progress == Progress::Shown && self.position >= self.survey.played;
        if ended && matches!(self.motion, Motion::Playing { .. }) {
            self.motion = match self.options.at_end {
                AtEnd::Stay => Motion::Paused,
                AtEnd::Leave => Motion::Over,
            };
        }
        let mut bytes = Vec::new();
        if !std::mem::replace(&mut self.entered, true) {
            bytes.extend_from_slice(ENTER);
        }
        let status = self.status().line(self.options.view.cols());
        match self.progress {
            Progress::Shown => self
                .painter
                .paint(self.emulator.screen(), &status, &mut bytes),
            Progress::Behind => self.painter.paint_status(&status, &mut bytes),
        }
        let done = self.motion == Motion::Over;
        if done {
            bytes.extend_from_slice(LEAVE);
        }
        Ok(Step {
            bytes,
            next: self.next_call(now),
            done,
        })
    }

    /// Time passes for the playhead only while it plays and the screen keeps up with it.
    fn move_playhead(&mut self, now: Duration) {
        let Motion::Playing { since } = &mut self.motion else {
            return;
        };
        let passed = now.saturating_sub(*since);
        *since = (*since).max(now);
        if self.progress == Progress::Shown {
            let passed = scaled(passed, self.speed.factor());
            let position = self.position.saturating_add(passed);
            self.position = position.min(self.survey.played);
        }
    }

    fn feed(&mut self) -> Result<(), DecodeError> {
        let mut fed = 0;
        self.progress = Progress::Behind;
        while fed < SLICE_BYTES {
            match std::mem::replace(&mut self.upcoming, Upcoming::Unread) {
                Upcoming::Unread => self.upcoming = self.read()?,
                Upcoming::Event { at, kind } if at <= self.position => {
                    self.fed = at;
                    fed += EVENT_COST + self.apply(at, kind, SLICE_BYTES - fed);
                }
                later @ (Upcoming::Event { .. } | Upcoming::Nothing) => {
                    self.upcoming = later;
                    self.progress = Progress::Shown;
                    break;
                }
            }
        }
        Ok(())
    }

    fn read(&mut self) -> Result<Upcoming, DecodeError> {
        Ok(match self.recording.next_event()? {
            Some(event) => Upcoming::Event {
                at: self.timeline.go_to(event.at),
                kind: event.kind,
            },
            None => Upcoming::Nothing,
        })
    }

    /// Applies an event, or as much of its output as there is room for, and gives what it cost.
    fn apply(&mut self, at: Duration, kind: EventKind, room: usize) -> usize {
        match kind {
            EventKind::Output(mut text) => {
                let fed = self.emulator.feed(text.as_bytes(), room);
                let (cost, left) = (fed.cost, fed.rest.len());
                if left > 0 {
                    let kind = EventKind::Output(text.split_off(text.len() - left));
                    self.upcoming = Upcoming::Event { at, kind };
                }
                cost
            }
            EventKind::Resize(size) => {
                let (rows, cols) = dimensions(size);
                self.emulator.resize(rows, cols)
            }
            EventKind::Marker(_) | EventKind::Exit(_) | EventKind::Other(_) => 0,
        }
    }

    fn toggle_pause(&mut self, now: Duration) -> Result<(), DecodeError> {
        match self.motion {
            Motion::Playing { .. } => self.motion = Motion::Paused,
            Motion::Paused => {
                self.motion = Motion::Playing { since: now };
                if self.position >= self.survey.played {
                    self.seek(Duration::ZERO)?;
                }
            }
            Motion::Over => {}
        }
        Ok(())
    }

    /// The screen of a moment is what all output before it makes, so going back begins again.
    fn seek(&mut self, to: Duration) -> Result<(), DecodeError> {
        self.position = to.min(self.survey.played);
        if self.position < self.fed {
            self.recording.rewind()?;
            self.emulator = blank(self.recording.header().size);
            self.timeline = Timeline::new(self.options.idle);
            self.upcoming = Upcoming::Unread;
            self.fed = Duration::ZERO;
        }
        Ok(())
    }

    fn seek_marker(&mut self, marker: Option<Duration>) -> Result<(), DecodeError> {
        match marker {
            Some(at) => self.seek(at),
            None => Ok(()),
        }
    }

    fn next_marker(&self) -> Option<Duration> {
        let mut times = self.survey.markers.iter().map(|marker| marker.played);
        times.find(|at| *at > self.position)
    }

    fn previous_marker(&self) -> Option<Duration> {
        let grace = match self.motion {
            Motion::Playing { .. } => MARKER_GRACE,
            Motion::Paused | Motion::Over => Duration::ZERO,
        };
        let before = self.position.saturating_sub(grace);
        let mut times = self.survey.markers.iter().rev().map(|marker| marker.played);
        times.find(|at| *at < before)
    }

    fn next_call(&self, now: Duration) -> Option<Duration> {
        match (self.motion, self.progress) {
            (Motion::Over, _) | (Motion::Paused, Progress::Shown) => None,
            (Motion::Playing { .. } | Motion::Paused, Progress::Behind) => Some(now),
            (Motion::Playing { .. }, Progress::Shown) => {
                let tick = self.position.saturating_add(TICK);
                let due = match &self.upcoming {
                    Upcoming::Event { at, .. } => tick.min(*at),
                    Upcoming::Unread | Upcoming::Nothing => tick,
                };
                let wait = due.saturating_sub(self.position);
                let wait = scaled(wait, self.speed.factor().recip());
                Some(now.saturating_add(wait.max(FRAME)))
            }
        }
    }

    fn status(&self) -> Status<'_> {
        let passed = |marker: &&Marker| marker.played <= self.position;
        Status {
            header: self.recording.header(),
            survey: &self.survey,
            playing: matches!(self.motion, Motion::Playing { .. }),
            progress: self.progress,
            position: self.position,
            speed: self.speed.factor(),
            marker: self.survey.markers.iter().rev().find(passed),
            clipped: self.clipped(),
        }
    }

    /// The size of the recorded screen, when it does not fit above the status line.
    fn clipped(&self) -> Option<TerminalSize> {
        let (rows, cols) = self.emulator.screen().size();
        let recorded = TerminalSize::near(cols.get().into(), rows.get().into());
        let view = self.options.view;
        let fits = recorded.cols() <= view.cols() && recorded.rows() < view.rows();
        (!fits).then_some(recorded)
    }
}

/// A terminal of the recording's, on which nothing stands.
pub(in crate::record) fn blank(size: TerminalSize) -> Emulator {
    let (rows, cols) = dimensions(size);
    Emulator::new(rows, cols, ())
}

pub(in crate::record) fn dimensions(size: TerminalSize) -> (NonZeroU16, NonZeroU16) {
    let positive = |length| NonZeroU16::new(length).unwrap_or(NonZeroU16::MIN);
    (positive(size.rows()), positive(size.cols()))
}

fn scaled(time: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(time.as_secs_f64() * factor).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests;
