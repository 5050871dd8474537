//! From the client to the target: everything passes the gate, and what the gate asks for is done here.
//!
//! One task owns the gate. It takes input only when the gate wants it, so that what must wait stays where flow
//! control holds it back.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use jiff::Timestamp;
use russh::ChannelMsg;

use super::client::{Client, Side};
use super::decision::{Asker, Decision, subsystem_reading};
use super::launch::{Launch, NotStarted, Program, ProgramGone};
use super::reception::Visit;
use super::screen::Screen;
use super::start::{Start, What};
use super::sudo::Interrupts;
use super::suspension::what;
use super::transfer::Transfer;
use crate::approval::News;
use crate::audit::Survives;
use crate::domain::command::{Command, Layer, Reading, Scope, StandardInput};
use crate::domain::gate::{Effect, Event, Gate, Watch};
use crate::domain::grant::ForcedCommand;
use crate::domain::hold::{Clearance, Resolved};
use crate::domain::id::{HoldId, SessionId};
use crate::domain::recording::LiveRecording;
use crate::domain::target::{Destination, EnforcementLayer, TargetInfo};
use crate::domain::verdict::Verdict;
use crate::flow::{Drain, Item};
use crate::inspect;
use crate::record::{Recorder, TerminalSize};
use crate::transfer::placed;

mod holding;

mod reading;

mod scripts;

mod transferring;

use reading::Next;

/// What the input side of one session works with.
pub struct InputSide<'a> {
    /// The connection.
    pub visit: &'a Arc<Visit>,
    /// The target as it was when the session began.
    pub target: &'a TargetInfo,
    /// Login and target.
    pub destination: &'a Destination,
    /// The proof that the session is recorded.
    pub recording: &'a LiveRecording,
    /// The recorder.
    pub recorder: &'a Recorder,
    /// The client.
    pub client: &'a Client,
    /// Terminal or pipes.
    pub side: Side,
    /// The screen, where the session has an inspected terminal.
    pub screen: Option<Arc<Screen>>,
    /// Bytes passed to the target.
    pub passed: &'a AtomicU64,
    /// The transfer that is followed, where the session is one.
    pub transfer: Option<&'a Transfer>,
    /// Why its user wants what may have to be approved.
    pub reason: Option<String>,
    /// The hold that waits, to be withdrawn should the session end meanwhile.
    pub held: &'a Mutex<Suspended>,
    /// Who is told of Ctrl-C.
    pub interrupts: &'a Interrupts,
}

/// What a session has suspended, to be taken back should it end meanwhile.
#[derive(Debug, Default)]
pub enum Suspended {
    /// Nothing.
    #[default]
    Nothing,
    /// A hold is being opened: its id is not known yet, but it may wait already.
    Opening,
    /// A hold waits.
    Waiting(HoldId),
}

/// Why the input side ended the session.
#[derive(Debug)]
pub enum InputEnd {
    /// The client closed the channel.
    ClientGone,
    /// The program takes no more input.
    ProgramGone,
    /// The command may not run; the reason was told.
    Refused(String),
    /// Something that must work failed: the reason is yet to be told.
    Failed(String),
}

struct Running<'a, 'b> {
    side: &'b InputSide<'a>,
    program: Program,
    ordinal: u64,
    readings: VecDeque<Reading>,
    /// What came of a script since a line of it could not be read, as far as it is parsed.
    unread: Vec<u8>,
    /// Whether the script that is being decided about was waited for.
    gathered: bool,
    /// What the program makes of its input.
    input: StandardInput,
    refusal: Option<String>,
    /// What was approved to run again for a time.
    repeatable: VecDeque<Resolved>,
    /// The line that is decided about.
    line: reading::LineAsked,
}

impl InputSide<'_> {
    fn session(&self) -> SessionId {
        self.recording.session()
    }

    /// Decides about the session's start, then relays input through the gate until the client closes the channel or
    /// the session must end.
    pub async fn run(&self, input: &mut Drain, launch: Box<Launch>) -> InputEnd {
        let (command, reading, watch) = self.opening_command(&launch.start);
        let mut running = Running {
            side: self,
            program: Program::Waiting(launch),
            ordinal: 1,
            readings: VecDeque::from([reading]),
            unread: Vec::new(),
            gathered: false,
            input: StandardInput::Commands,
            refusal: None,
            repeatable: VecDeque::new(),
            line: reading::LineAsked::default(),
        };
        match running.relay(input, Gate::starting(command, watch)).await {
            Ok(()) => InputEnd::ClientGone,
            // What the target wrote before it went, and its exit status, are still on their way: they end the session.
            Err(InputEnd::ProgramGone) if running.program.is_running() => {
                std::future::pending().await
            }
            Err(end) => end,
        }
    }

    fn asker(&self) -> Asker<'_> {
        let asker = Asker::new(self.visit, self.target, &self.destination.login);
        asker.because(self.reason.as_deref())
    }

    fn note(&self, suspended: Suspended) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = suspended;
    }

    fn command(&self, layer: Layer, ordinal: u64, bytes: Vec<u8>) -> Command {
        let scope = Scope {
            destination: self.destination.clone(),
            session: self.session(),
            ordinal,
        };
        Command {
            scope,
            layer,
            bytes,
            script: None,
        }
    }

    fn opening_command(&self, start: &Start) -> (Command, Reading, Watch) {
        let plain = match self.side {
            Side::Terminal => Watch::Terminal,
            Side::Pipes => Watch::Stream,
        };
        match &start.what {
            What::Shell => {
                let inspected = self.target.layers.contains(&EnforcementLayer::Line);
                let watch = match self.side {
                    Side::Terminal if inspected => Watch::Keys,
                    Side::Pipes if inspected => Watch::Script,
                    Side::Terminal | Side::Pipes => plain,
                };
                (
                    self.command(Layer::Shell, 0, b"shell".to_vec()),
                    Reading::default(),
                    watch,
                )
            }
            What::Exec(command) => (
                self.command(Layer::Exec, 0, command.clone()),
                placed(
                    command,
                    match self.side {
                        Side::Terminal => inspect::at_terminal(command),
                        Side::Pipes => inspect::piped(command),
                    },
                ),
                plain,
            ),
            What::Subsystem(name) => {
                let bytes = name.clone().into_bytes();
                let reading = subsystem_reading(&bytes);
                (self.command(Layer::Subsystem, 0, bytes), reading, plain)
            }
        }
    }
}

impl Running<'_, '_> {
    async fn relay(&mut self, input: &mut Drain, gate: Gate) -> Result<(), InputEnd> {
        let mut gate = self.work(gate, vec![Effect::Decide]).await?;
        loop {
            if let Some(reason) = self.refusal.take() {
                return Err(InputEnd::Refused(reason));
            }
            gate = if let Some(hold) = gate.held().cloned() {
                Box::pin(self.held(input, gate, hold)).await?
            } else if gate.is_settling() {
                self.settling(input, gate).await?
            } else if let Some(lines) = gate.gathered_lines() {
                self.gather(input, gate, lines).await?
            } else {
                match self.next(input, &gate).await {
                    Next::Item(item) => self.item(gate, item).await?,
                    Next::Event(event) => self.event(gate, event).await?,
                    Next::Late(text) => {
                        self.program.send(text).await?;
                        gate
                    }
                    Next::End => return Ok(()),
                }
            };
        }
    }

    async fn item(&mut self, gate: Gate, item: Item) -> Result<Gate, InputEnd> {
        match item {
            Item::Data(data) => match self.side.transfer {
                Some(transfer) => {
                    Box::pin(self.transfer(transfer, data.bytes().clone())).await?;
                    Ok(gate)
                }
                None => {
                    if self.side.side == Side::Terminal {
                        self.side.interrupts.typed(data.bytes());
                    }
                    self.event(gate, Event::Typed(data.bytes().clone())).await
                }
            },
            Item::Message(ChannelMsg::Eof) => self.event(gate, Event::InputEnded).await,
            Item::Message(message) => {
                self.message(message).await?;
                Ok(gate)
            }
            Item::Extended(..) => Ok(gate),
        }
    }

    async fn event(&mut self, gate: Gate, event: Event) -> Result<Gate, InputEnd> {
        let (gate, effects) = self.step(gate, event);
        self.work(gate, effects).await
    }

    /// Does what the gate asks for, and whatever follows from it, until it only waits for input, a hold or quiet.
    async fn work(&mut self, mut gate: Gate, effects: Vec<Effect>) -> Result<Gate, InputEnd> {
        let mut todo = VecDeque::from(effects);
        while let Some(effect) = todo.pop_front() {
            let event = match effect {
                Effect::Forward(bytes) => {
                    self.forward(bytes).await?;
                    None
                }
                Effect::Submit { clearance, key } => {
                    self.submit(clearance, key).await?;
                    None
                }
                Effect::ReadLine => Some(Box::pin(self.read_line(&gate)).await?),
                Effect::ClearLine => {
                    self.clear_line().await?;
                    None
                }
                Effect::Decide => match gate.deciding().cloned() {
                    Some(command) => {
                        let reading = self.reading(&gate, &command)?;
                        // Boxed, as what is decided now and then should take no room of an idle session.
                        Some(Box::pin(self.decide(command, reading)).await?)
                    }
                    None => None,
                },
                Effect::Withdraw(hold) => {
                    Box::pin(self.withdraw(&hold)).await?;
                    Some(Event::Denied)
                }
                Effect::Bell => {
                    self.side.client.bell().await;
                    None
                }
                Effect::EndInput => {
                    self.program.end_input().await?;
                    None
                }
                Effect::Refuse => {
                    let reason = self
                        .refusal
                        .take()
                        .unwrap_or_else(|| "the session was refused".to_owned());
                    return Err(InputEnd::Refused(reason));
                }
                // The relay's own loop waits for quiet, so that Ctrl-C is noticed meanwhile.
                Effect::AwaitQuiet => None,
            };
            if let Some(event) = event {
                let (next, effects) = self.step(gate, event);
                gate = next;
                for effect in effects.into_iter().rev() {
                    todo.push_front(effect);
                }
            }
        }
        if !gate.is_closed() {
            self.refusal = None;
        }
        Ok(gate)
    }

    async fn settling(&mut self, input: &mut Drain, gate: Gate) -> Result<Gate, InputEnd> {
        let settled = async {
            if let Some(screen) = &self.side.screen {
                screen.settled().await;
            }
        };
        let item = tokio::select! {
            () = settled => None,
            item = input.next(), if gate.wants_input() => Some(item),
        };
        match item {
            None => self.event(gate, Event::Quiet).await,
            Some(Some(item)) => self.item(gate, item).await,
            Some(None) => Err(InputEnd::ClientGone),
        }
    }

    async fn held(
        &mut self,
        input: &mut Drain,
        gate: Gate,
        hold: HoldId,
    ) -> Result<Gate, InputEnd> {
        let _waiting = self.side.visit.pulse.waiting();
        let mut news = self.side.visit.services.approvals.wait(&hold);
        let mut gate = gate;
        loop {
            let item = tokio::select! {
                heard = news.next() => match heard {
                    Ok(News::Ended(resolved)) => {
                        let event = self.resolved(&gate, Ok(*resolved)).await?;
                        return self.event(gate, event).await;
                    }
                    Ok(heard) => {
                        if let Some(text) = heard.told() {
                            self.tell(&text).await?;
                        }
                        continue;
                    }
                    Err(error) => {
                        let event = self.resolved(&gate, Err(error)).await?;
                        return self.event(gate, event).await;
                    }
                },
                item = input.next(), if gate.wants_input() => item,
            };
            let Some(item) = item else {
                return Err(InputEnd::ClientGone);
            };
            gate = self.item(gate, item).await?;
            if gate.held().is_none() {
                return Ok(gate);
            }
        }
    }

    async fn message(&mut self, message: ChannelMsg) -> Result<(), InputEnd> {
        match message {
            ChannelMsg::WindowChange {
                col_width,
                row_height,
                pix_width,
                pix_height,
            } => {
                let size = TerminalSize::near(col_width, row_height);
                if let Some(screen) = &self.side.screen {
                    screen.resize(size.rows(), size.cols());
                }
                self.side
                    .recorder
                    .resize(size, Timestamp::now())
                    .await
                    .map_err(broken)?;
                self.program
                    .resize(col_width, row_height, pix_width, pix_height)
                    .await?;
            }
            ChannelMsg::Signal { signal } => self.program.signal(signal).await?,
            // The library's enum is open; what else a client may send was answered when it came.
            _ => {}
        }
        Ok(())
    }

    async fn forward(&mut self, bytes: Bytes) -> Result<(), InputEnd> {
        let mut bytes = bytes;
        if let Some(screen) = &self.side.screen {
            bytes = screen.without_reserved(bytes);
            screen.input(&bytes);
        }
        self.side
            .passed
            .fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(self.program.send(bytes).await?)
    }

    /// Starts the program that was cleared, or submits the line that was.
    async fn submit(&mut self, clearance: Clearance, key: Vec<u8>) -> Result<(), InputEnd> {
        match clearance.command().layer {
            Layer::Exec | Layer::Subsystem | Layer::Forward => {
                Ok(self.program.start(clearance).await?)
            }
            Layer::Shell => {
                self.program.start(clearance).await?;
                Box::pin(self.install_widget()).await
            }
            Layer::Connect | Layer::Transfer | Layer::Sudo => {
                Err(failed("an operation came without its request"))
            }
            Layer::Line => self.press(key).await,
        }
    }

    /// What is known of the command that is being decided.
    fn reading(&mut self, gate: &Gate, command: &Command) -> Result<Reading, InputEnd> {
        if let Some(script) = gate.script() {
            return Ok(inspect::fed(&command.bytes, script));
        }
        self.readings
            .pop_front()
            .ok_or_else(|| InputEnd::Refused("a command came without its reading".to_owned()))
    }

    async fn decide(&mut self, command: Command, reading: Reading) -> Result<Event, InputEnd> {
        let side = self.side;
        if let Some(event) = self.opens_sftp(&command).await? {
            return Ok(event);
        }
        if command.layer == Layer::Line
            && !reading.is_opaque()
            && let Ok(clearance) = Clearance::of_nothing(command.clone())
        {
            return Ok(Event::Cleared(clearance));
        }
        let asker = side.asker();
        let (action, verdict) = asker.decide(&command, &reading);
        if self.gathers(&command, &reading, &verdict) {
            return Ok(Event::Gather);
        }
        if command.layer == Layer::Exec {
            self.input = reading.input;
        }
        if side.side == Side::Pipes && command.layer == Layer::Line {
            self.keep_unread(&command.bytes, &reading);
        }
        let now = Timestamp::now();
        let event = asker.event(&command, &reading, action, &verdict);
        let marker = format!("{}: {}", verdict.word(), command.shown());
        let (told, marked) = tokio::join!(
            side.visit
                .services
                .audit
                .append_to(survives(&command, &verdict), event, now),
            side.recorder.marker(&marker, now)
        );
        told.map_err(failed)?;
        marked.map_err(broken)?;
        match asker.decision(command.clone(), action, verdict) {
            Decision::Cleared(clearance) => Ok(Event::Cleared(clearance)),
            Decision::Hold(action, requirements) => {
                if command.layer == Layer::Exec
                    && let Err(why) = ForcedCommand::text_of(&command.bytes)
                {
                    self.refuse(why.to_string()).await;
                    return Ok(Event::Denied);
                }
                let again = self.again(&command, &reading, action, &requirements);
                match Box::pin(again).await? {
                    Some(clearance) => Ok(Event::Cleared(clearance)),
                    None => self.hold(command, reading, action, &requirements).await,
                }
            }
            Decision::Denied(denial) => {
                self.refuse(format!("{} is refused: {denial}", what(&command, action)))
                    .await;
                Ok(Event::Denied)
            }
        }
    }
}

/// What the record of a decision survives before it takes effect: an operation of a transfer that policy lets pass is one
/// of thousands.
fn survives(command: &Command, verdict: &Verdict) -> Survives {
    match (command.layer, verdict) {
        (Layer::Transfer, Verdict::Allow(_)) => Survives::Bastion,
        (_, Verdict::Allow(_) | Verdict::Hold(_) | Verdict::Deny(_)) => Survives::Machine,
    }
}

fn failed(error: impl std::fmt::Display) -> InputEnd {
    InputEnd::Failed(format!("nothing more runs: {error}"))
}

fn broken(error: crate::record::RecordError) -> InputEnd {
    InputEnd::Failed(format!("nothing more runs: the recording failed: {error}"))
}

impl From<ProgramGone> for InputEnd {
    fn from(_: ProgramGone) -> Self {
        Self::ProgramGone
    }
}

impl From<NotStarted> for InputEnd {
    fn from(error: NotStarted) -> Self {
        match error {
            NotStarted::Gone(gone) => gone.into(),
            NotStarted::Refused(reason) => Self::Failed(reason),
        }
    }
}
