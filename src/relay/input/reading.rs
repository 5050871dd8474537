//! The line behind a withheld key: asked for where the shell tells of it, read off the screen elsewhere, and submitted
//! as it was read.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;

use super::{InputEnd, Running};
use crate::domain::command::{Command, Layer, Reading, Unknown};
use crate::domain::gate::{Effect, Event, Gate, Reader, Watch};
use crate::flow::{Drain, Item};
use crate::inspect::line::Line;
use crate::inspect::widget::{Input, Told};
use crate::relay::screen::{Screen, Wish};

/// How long an Escape may be the begin of a longer key. Terminals and editors take about as long.
const ESCAPE: Duration = Duration::from_millis(50);
/// Clears a line that the screen tells of: end of line, then kill to its start.
const CLEAR_LINE: &[u8] = b"\x05\x15";

/// Tab.
const COMPLETE: &[u8] = b"\t";
const CONTROL_X: u8 = 0x18;
/// Keys that do nothing on an empty line, but for its end: Enter, and Ctrl-D.
const NOTHING: [&[u8]; 4] = [b"\r", b"\n", b"\t", b"\x04"];

/// Whether something in a line may run when it is completed.
fn may_run(line: &Line) -> bool {
    line.bytes.iter().any(|byte| matches!(byte, b'(' | b'`'))
}

/// Whether a key may open an editor, and have run what is written there, whatever line stood before: what begins with
/// Ctrl-X, and `v` as vi has it.
fn opens_editor(key: &[u8]) -> bool {
    matches!(key, [CONTROL_X, ..] | [.., b'v'])
}

fn is_empty(line: &Line) -> bool {
    line.bytes.iter().all(u8::is_ascii_whitespace)
}

/// The line that is decided about.
#[derive(Debug, Default)]
pub(super) struct LineAsked {
    /// What it means.
    reading: Reading,
    /// The key that submits it and no other, where the shell told it.
    key: Option<Vec<u8>>,
    /// What it makes of what is typed while it runs.
    input: Input,
}

/// What comes next of an open gate.
pub(super) enum Next {
    /// The client sent something.
    Item(Item),
    /// Something else happened.
    Event(Event),
    /// A shell waits for its start file too late: it gets this.
    Late(Bytes),
    /// The client closed the channel.
    End,
}

impl Running<'_, '_> {
    /// One step of the gate, which is told before who reads what is typed.
    pub(super) fn step(&self, gate: Gate, event: Event) -> (Gate, Vec<Effect>) {
        let reader = self.side.screen.as_ref().map(|screen| screen.reader());
        match reader {
            Some(reader) if reader != gate.reader() => {
                let (gate, mut effects) = gate.step(Event::Reads(reader));
                let (gate, more) = gate.step(event);
                effects.extend(more);
                (gate, effects)
            }
            Some(_) | None => gate.step(event),
        }
    }

    /// Waits for input, for a key that the shell itself wants to submit its line with, and for the end of a lone Escape.
    pub(super) async fn next(&self, input: &mut Drain, gate: &Gate) -> Next {
        let wish = async {
            match &self.side.screen {
                Some(screen) => screen.wish().await,
                None => std::future::pending().await,
            }
        };
        let lull = async {
            if gate.awaits_rest_of_key() {
                tokio::time::sleep(ESCAPE).await;
            } else {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            item = input.next() => item.map_or(Next::End, Next::Item),
            wish = wish => match wish {
                Wish::Submit => Next::Event(Event::Typed(Bytes::from_static(b"\r"))),
                Wish::Start(text) => Next::Late(text),
            },
            () = lull => Next::Event(Event::Lull),
        }
    }

    /// Gives the shell its start file, where it is started with one. What the client types meanwhile waits.
    pub(super) async fn install_widget(&mut self) -> Result<(), InputEnd> {
        let Some(screen) = &self.side.screen else {
            return Ok(());
        };
        match screen.hello().await {
            Some(text) => Ok(self.program.send(text).await?),
            None => Ok(()),
        }
    }

    /// The line behind the withheld key, as a command of its own; or that it is not whole.
    pub(super) async fn read_line(&mut self, gate: &Gate) -> Result<Event, InputEnd> {
        let screen = self.side.screen.clone();
        let reported = screen
            .as_ref()
            .is_some_and(|screen| screen.reader() == Reader::Editor);
        let by_shell = screen
            .as_ref()
            .is_some_and(|screen| screen.asked_by_shell());
        let key = gate.withheld().map(|(key, _)| key);
        let line = match (gate.withheld(), screen) {
            (Some((lines, Watch::Script)), _) => Line {
                bytes: lines.to_vec(),
                reading: self.piped_lines(lines),
            },
            (_, Some(screen)) => match self.ask_editor(&screen).await? {
                Some(told) if key == Some(COMPLETE) => {
                    screen.looked_at();
                    return Ok(self.completes(&told.line).await);
                }
                // Something was typed ahead behind Enter: it stands until its own.
                Some(told) if by_shell && !told.entered => return Ok(Event::GoesOn),
                Some(told) if told.goes_on => {
                    self.send_key(&screen.newline().unwrap_or_default()).await?;
                    return Ok(Event::GoesOn);
                }
                Some(told) => {
                    self.line.key = Some(told.key);
                    self.line.input = told.input;
                    told.line
                }
                None => {
                    self.line = LineAsked::default();
                    let mut line = screen.read_line().await;
                    let doubt = if reported {
                        Some("the shell does not tell its line any more")
                    } else if key == Some(COMPLETE) && !line.reading.is_opaque() && !may_run(&line)
                    {
                        return Ok(Event::Harmless);
                    } else {
                        // Such a key may open an editor, and run what is written there.
                        key.filter(|key| {
                            opens_editor(key) || is_empty(&line) && !NOTHING.contains(key)
                        })
                        .map(|_| "a key that may do more than to edit the line")
                    };
                    line.reading.unknowns.extend(doubt.map(|reason| Unknown {
                        reason: reason.to_owned(),
                        span: None,
                    }));
                    line
                }
            },
            (_, None) => Line {
                bytes: Vec::new(),
                reading: Reading::opaque("there is no screen to read the line from"),
            },
        };
        let command = self.side.command(Layer::Line, self.ordinal, line.bytes);
        self.ordinal += 1;
        self.line.reading = line.reading.clone();
        self.readings.push_back(line.reading);
        Ok(Event::Read(command))
    }

    /// What becomes of Tab in a line that is known.
    async fn completes(&self, line: &Line) -> Event {
        if may_run(line) {
            self.side.client.bell().await;
            Event::GoesOn
        } else {
            Event::Harmless
        }
    }

    /// The line as the shell tells it, where its line editor reads what is typed.
    async fn ask_editor(&mut self, screen: &Screen) -> Result<Option<Told>, InputEnd> {
        if screen.reader() != Reader::Editor {
            return Ok(None);
        }
        let Some(key) = screen.ask().await else {
            return Ok(None);
        };
        self.send_key(&key).await?;
        Ok(screen.told().await)
    }

    /// Whether what would be submitted is still the held line, read as well as it was.
    pub(super) async fn still_stands(&mut self, command: &Command) -> Result<bool, InputEnd> {
        let Some(screen) = self.side.screen.clone() else {
            return Ok(false);
        };
        let line = match (self.line.key.take(), self.ask_editor(&screen).await?) {
            (Some(_), Some(told)) if !told.goes_on => {
                self.line.key = Some(told.key);
                told.line
            }
            // It told its line before and does not now, or the other way round.
            (Some(_), Some(_) | None) | (None, Some(_)) => return Ok(false),
            (None, None) => screen.line_now(),
        };
        let surer = self.line.reading.is_opaque() || !line.reading.is_opaque();
        Ok(line.bytes == command.bytes && surer)
    }

    /// Presses the withheld key, or the one that the shell wants for this line.
    pub(super) async fn press(&mut self, key: Vec<u8>) -> Result<(), InputEnd> {
        let asked = std::mem::take(&mut self.line);
        let pressed = match (asked.key, &self.side.screen) {
            (Some(wanted), _) => wanted,
            (None, Some(screen)) => screen.without_reserved(key.clone().into()).into(),
            // Lines that a shell reads without a terminal.
            (None, None) => key.clone(),
        };
        if let Some(screen) = &self.side.screen {
            screen.submitted(&key, asked.input);
        }
        self.send_key(&pressed).await
    }

    /// Clears the line that may not run.
    pub(super) async fn clear_line(&mut self) -> Result<(), InputEnd> {
        self.line = LineAsked::default();
        let Some(screen) = &self.side.screen else {
            return Ok(());
        };
        let key = screen.clear().unwrap_or_else(|| CLEAR_LINE.to_vec());
        screen.input(CLEAR_LINE);
        self.send_key(&key).await
    }

    async fn send_key(&self, key: &[u8]) -> Result<(), InputEnd> {
        let passed = key.len() as u64;
        self.side.passed.fetch_add(passed, Ordering::Relaxed);
        Ok(self.program.send(Bytes::copy_from_slice(key)).await?)
    }
}
