//! Recordings: written as asciicast v3 while a session runs, found again, and replayed.
//!
//! Owns the recording's file from its first byte to its last, and every way of showing one. Invariants: a
//! recording that cannot be written ends the session instead of losing an event (nothing is lost silently), no
//! file is ever overwritten, and nothing in a recording reaches a viewer's terminal but as drawn text.
//!
//! It does not see what a client types, does not decide who may watch, and touches neither standard input nor output.

pub mod asciicast;

pub mod writer;

pub mod recording;

pub mod library;

pub mod dump;

pub mod replay;

pub mod live;

pub use asciicast::{Header, Origin, TerminalSize};
pub use dump::{dump, summary};
pub use library::Library;
pub use live::{Live, LiveStep, Then, Watching, Written};
pub use recording::Recording;
pub use replay::{AtEnd, IDLE, LEAVE, Player, PlayerCommand, ReplayOptions, player_command};
pub use writer::{Opening, Outcome, RecordError, RecordLimit, Recorder};

/// Whether a character of a recording may be drawn: none that steers a terminal, and none that makes text read
/// in another order than it stands in (Unicode bidirectional controls).
fn drawable(c: char) -> bool {
    let reorders = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !c.is_control() && !reorders
}
