//! Programs that run their input: what of it is asked about together, and how well it is understood.

use std::time::Duration;

use super::{InputEnd, Running};
use crate::domain::command::{Command, Layer, PARSED_BYTES, Reading, StandardInput};
use crate::domain::gate::{Event, Gate};
use crate::domain::verdict::Verdict;
use crate::flow::Drain;
use crate::inspect;
use crate::relay::client::Side;

/// How long nothing more comes of a script until it is taken to be whole.
const SCRIPT_PAUSE: Duration = Duration::from_millis(500);
/// How long a program that runs its input is waited for to be given some, before it is asked about without.
const NO_SCRIPT: Duration = Duration::from_secs(1);

impl Running<'_, '_> {
    /// Waits for the rest of a script, as long as more of it comes.
    pub(super) async fn gather(
        &mut self,
        input: &mut Drain,
        gate: Gate,
        lines: usize,
    ) -> Result<Gate, InputEnd> {
        let pause = if lines > 0 { SCRIPT_PAUSE } else { NO_SCRIPT };
        match tokio::time::timeout(pause, input.next()).await {
            Err(_) => self.event(gate, Event::Quiet).await,
            Ok(Some(item)) => self.item(gate, item).await,
            Ok(None) => Err(InputEnd::ClientGone),
        }
    }

    /// Whether more of a script is waited for, once, before anybody is asked about it.
    pub(super) fn gathers(
        &mut self,
        command: &Command,
        reading: &Reading,
        verdict: &Verdict,
    ) -> bool {
        let scripted = match command.layer {
            // What is followed as a transfer runs nothing of its input.
            Layer::Exec if self.side.transfer.is_some() => false,
            // What is not understood may run its input as well.
            Layer::Exec => {
                let runs = !reading.input.is_data() || reading.is_opaque();
                (runs || !reading.escapes.is_empty())
                    && self.side.side == Side::Pipes
                    && command.script.is_none()
            }
            Layer::Line => self.side.side == Side::Pipes,
            Layer::Connect
            | Layer::Shell
            | Layer::Subsystem
            | Layer::Forward
            | Layer::Transfer
            | Layer::Sudo => false,
        };
        let waits = match verdict {
            Verdict::Allow(_) => false,
            Verdict::Hold(_) => true,
            Verdict::Deny(_) => command.layer == Layer::Line,
        };
        self.gathered = scripted && waits && !self.gathered;
        self.gathered
    }

    /// Lines of a script on standard input. Once some were not understood, those behind them may go on with them: all
    /// are read together with what came since, and stay in doubt.
    pub(super) fn piped_lines(&self, lines: &[u8]) -> Reading {
        match self.input {
            StandardInput::Commands => {}
            StandardInput::Code | StandardInput::Data => return inspect::code(lines),
        }
        if self.unread.is_empty() {
            return inspect::lines(lines);
        }
        inspect::doubtful(
            &[&self.unread, lines].concat(),
            "a line that may go on with one that was not understood",
        )
    }

    /// Keeps lines that were not understood for what comes behind them.
    pub(super) fn keep_unread(&mut self, lines: &[u8], reading: &Reading) {
        if self.unread.is_empty() && !reading.is_opaque() {
            return;
        }
        self.unread.extend_from_slice(lines);
        let excess = self.unread.len().saturating_sub(PARSED_BYTES);
        self.unread.drain(..excess);
    }
}
