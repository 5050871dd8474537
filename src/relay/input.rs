//! From the client to the target: everything passes the gate, and what the gate asks for is done here.
//!
//! One task owns the gate. It takes input only when the gate wants it, so that what must wait stays where flow
//! control holds it back.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use jiff::Timestamp;
use russh::client::Msg;
use russh::{ChannelMsg, ChannelWriteHalf};
use tokio::sync::oneshot;

use super::client::{Client, Side};
use super::decision::{Asker, Decision, subsystem_reading};
use super::reception::Visit;
use super::screen::Screen;
use super::session::{PtyRequest, Start, What};
use crate::approval::ApprovalError;
use crate::domain::action::{Action, Requirements};
use crate::domain::audit::AuditEvent;
use crate::domain::command::{Command, Layer, Reading, Scope};
use crate::domain::gate::{Effect, Event, Gate, Watch};
use crate::domain::hold::{Clearance, Hold, Resolution, Resolved};
use crate::domain::id::{HoldId, SessionId};
use crate::domain::recording::LiveRecording;
use crate::domain::request::ApprovalRequest;
use crate::domain::target::{Destination, EnforcementLayer, TargetInfo};
use crate::flow::{Drain, Item};
use crate::inspect;
use crate::record::{Recorder, TerminalSize};
use crate::target::{Link, TargetChannel};

/// Lines of the requester's screen that an approver sees.
const SCREEN_LINES: usize = 12;

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
    /// The hold that waits, to be withdrawn should the session end meanwhile.
    pub held: &'a Mutex<Option<HoldId>>,
}

/// Why the input side ended the session.
#[derive(Debug)]
pub enum InputEnd {
    /// The client closed the channel.
    ClientGone,
    /// The command may not run, or something that must work failed; the reason is for people.
    Refused(String),
}

/// The channel on the target and the way to hand its output over.
pub struct Launch {
    /// The channel.
    pub channel: TargetChannel,
    /// Who relays its output.
    pub output: oneshot::Sender<Drain>,
    /// What the client asked for.
    pub start: Start,
}

enum Target {
    Waiting(Box<Launch>),
    Running(ChannelWriteHalf<Msg>, Link),
}

struct Running<'a, 'b> {
    side: &'b InputSide<'a>,
    target: Option<Target>,
    ordinal: u64,
    readings: VecDeque<Reading>,
    /// A line of a shell without a terminal could not be read: those behind it may go on with it.
    unread: bool,
    refusal: Option<String>,
}

impl InputSide<'_> {
    fn session(&self) -> SessionId {
        self.recording.session()
    }

    /// Decides about the session's start, then relays input through the gate until the client closes the channel or
    /// the session must end.
    pub async fn run(&self, input: &mut Drain, launch: Launch) -> InputEnd {
        let (command, reading, watch) = self.opening_command(&launch.start);
        let mut running = Running {
            side: self,
            target: Some(Target::Waiting(Box::new(launch))),
            ordinal: 1,
            readings: VecDeque::from([reading]),
            unread: false,
            refusal: None,
        };
        match running.relay(input, Gate::starting(command, watch)).await {
            Ok(()) => InputEnd::ClientGone,
            Err(end) => end,
        }
    }

    fn note_hold(&self, hold: Option<HoldId>) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = hold;
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
                    Side::Pipes if inspected => Watch::Lines,
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
                inspect::exec(command),
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
                self.held(input, gate, hold).await?
            } else if gate.is_settling() {
                self.settling(input, gate).await?
            } else {
                match input.next().await {
                    Some(item) => self.item(gate, item).await?,
                    None => return Ok(()),
                }
            };
        }
    }

    async fn item(&mut self, gate: Gate, item: Item) -> Result<Gate, InputEnd> {
        match item {
            Item::Data(data) => self.event(gate, Event::Typed(data.bytes().clone())).await,
            Item::Message(ChannelMsg::Eof) => self.event(gate, Event::InputEnded).await,
            Item::Message(message) => {
                self.message(message).await?;
                Ok(gate)
            }
            Item::Extended(..) => Ok(gate),
        }
    }

    async fn event(&mut self, gate: Gate, event: Event) -> Result<Gate, InputEnd> {
        let (gate, effects) = gate.step(event);
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
                Effect::ReadLine => Some(Event::Read(self.read_line(&gate).await)),
                Effect::Decide => match gate.deciding().cloned() {
                    Some(command) => Some(self.decide(command).await?),
                    None => None,
                },
                Effect::Withdraw(hold) => {
                    self.withdraw(&hold).await?;
                    Some(Event::Denied)
                }
                Effect::Bell => {
                    self.side.client.bell().await;
                    None
                }
                Effect::EndInput => {
                    self.end_input().await?;
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
                let (next, effects) = gate.step(event);
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
        let ended = self.side.visit.services.approvals.ended(&hold);
        tokio::pin!(ended);
        let mut gate = gate;
        loop {
            let item = tokio::select! {
                resolved = &mut ended => {
                    let event = self.resolved(&gate, resolved).await?;
                    return self.event(gate, event).await;
                }
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
                match &mut self.target {
                    Some(Target::Running(output, _)) => {
                        let change =
                            output.window_change(col_width, row_height, pix_width, pix_height);
                        change.await.map_err(target_gone)?;
                    }
                    Some(Target::Waiting(launch)) => {
                        launch
                            .start
                            .resize(col_width, row_height, pix_width, pix_height);
                    }
                    None => {}
                }
            }
            ChannelMsg::Signal { signal } => {
                if let Some(Target::Running(output, _)) = &self.target {
                    output.signal(signal).await.map_err(target_gone)?;
                }
            }
            // The library's enum is open; what else a client may send was answered when it came.
            _ => {}
        }
        Ok(())
    }

    async fn forward(&mut self, bytes: Bytes) -> Result<(), InputEnd> {
        let Some(Target::Running(output, _)) = &self.target else {
            return Err(InputEnd::Refused(
                "input came before there was a program to take it".to_owned(),
            ));
        };
        if let Some(screen) = &self.side.screen {
            screen.input(&bytes);
        }
        self.side
            .passed
            .fetch_add(bytes.len() as u64, Ordering::Relaxed);
        output.data_bytes(bytes).await.map_err(target_gone)
    }

    async fn end_input(&mut self) -> Result<(), InputEnd> {
        match &self.target {
            Some(Target::Running(output, _)) => output.eof().await.map_err(target_gone),
            Some(Target::Waiting(_)) | None => Ok(()),
        }
    }

    async fn submit(&mut self, clearance: Clearance, key: Vec<u8>) -> Result<(), InputEnd> {
        match self.target.take() {
            Some(Target::Waiting(launch)) => {
                let (output, link) = launch.begin(clearance).await.map_err(target_gone)?;
                self.target = Some(Target::Running(output, link));
                Ok(())
            }
            Some(Target::Running(output, link)) => {
                if let Some(screen) = &self.side.screen {
                    screen.submitted(&key);
                }
                self.side
                    .passed
                    .fetch_add(key.len() as u64, Ordering::Relaxed);
                let sent = output.data_bytes(key).await;
                self.target = Some(Target::Running(output, link));
                sent.map_err(target_gone)
            }
            None => Err(InputEnd::Refused(
                "there is no program to take the command".to_owned(),
            )),
        }
    }

    /// The line behind the withheld key, as a command of its own.
    async fn read_line(&mut self, gate: &Gate) -> Command {
        let (bytes, reading) = match (gate.withheld(), &self.side.screen) {
            (Some((line, Watch::Lines)), _) => (line.to_vec(), self.piped_line(line)),
            (_, Some(screen)) => {
                let line = screen.read_line().await;
                (line.bytes, line.reading)
            }
            (_, None) => (
                Vec::new(),
                Reading::opaque("there is no screen to read the line from"),
            ),
        };
        let command = self.side.command(Layer::Line, self.ordinal, bytes);
        self.ordinal += 1;
        self.readings.push_back(reading);
        command
    }

    /// A line of a script on standard input. A construct of several lines is not put together: it stays unread.
    fn piped_line(&mut self, line: &[u8]) -> Reading {
        let reading = inspect::exec(line);
        if self.unread {
            return Reading::opaque("a line that may go on with one that was not understood");
        }
        self.unread = reading.is_opaque();
        reading
    }

    async fn decide(&mut self, command: Command) -> Result<Event, InputEnd> {
        let side = self.side;
        let Some(reading) = self.readings.pop_front() else {
            return Ok(Event::Broke);
        };
        if command.layer == Layer::Line
            && !reading.is_opaque()
            && let Ok(clearance) = Clearance::of_nothing(command.clone())
        {
            return Ok(Event::Cleared(clearance));
        }
        let asker = Asker::new(side.visit, side.target, &side.destination.login);
        let (action, verdict) = asker.decide(&command, &reading);
        let now = Timestamp::now();
        let event = asker.event(&command, &reading, action, &verdict);
        let marker = format!("{}: {}", verdict.word(), command.shown());
        let (told, marked) = tokio::join!(
            side.visit.services.audit.append(event, now),
            side.recorder.marker(&marker, now)
        );
        told.map_err(failed)?;
        marked.map_err(broken)?;
        match asker.decision(command.clone(), action, verdict) {
            Decision::Cleared(clearance) => Ok(Event::Cleared(clearance)),
            Decision::Hold(action, requirements) => {
                self.hold(command, reading, action, &requirements).await
            }
            Decision::Denied(denial) => {
                self.refuse(format!("{} is refused: {denial}", what(&command, action)))
                    .await;
                Ok(Event::Denied)
            }
        }
    }

    async fn hold(
        &mut self,
        command: Command,
        reading: Reading,
        action: Action,
        requirements: &Requirements,
    ) -> Result<Event, InputEnd> {
        let side = self.side;
        let services = &side.visit.services;
        let screen = side
            .screen
            .as_ref()
            .map(|screen| screen.lines(SCREEN_LINES))
            .unwrap_or_default();
        let request = |hold| ApprovalRequest {
            hold,
            requester: side.visit.identified.identity().principal().clone(),
            key: side.visit.identified.identity().key().clone(),
            source: side.visit.source,
            target: side.target.clone(),
            action,
            command: command.clone(),
            reading: reading.clone(),
            screen: screen.clone(),
        };
        let hold = services
            .approvals
            .open(request, requirements, Timestamp::now())
            .await
            .map_err(failed)?;
        side.note_hold(Some(hold.request().hold.clone()));
        let event = AuditEvent::Held {
            hold: hold.request().hold.clone(),
            session: side.session(),
            digest: hold.digest().clone(),
            approvals: requirements.approvals.get(),
            expires: hold.expires(),
        };
        services
            .audit
            .append(event, Timestamp::now())
            .await
            .map_err(failed)?;
        let notice = self.held_notice(&hold);
        side.recorder
            .marker(&format!("held {}", hold.request().hold), Timestamp::now())
            .await
            .map_err(broken)?;
        self.tell(&notice).await?;
        Ok(Event::Held(hold.request().hold.clone()))
    }

    fn held_notice(&self, hold: &Hold) -> String {
        let request = hold.request();
        let policy = self.side.visit.services.policy.current();
        let groups = policy.approver_groups(request, Timestamp::now());
        let groups: Vec<&str> = groups.iter().map(|group| group.as_str()).collect();
        let count = hold.requirements().approvals.get();
        let from = match groups.as_slice() {
            [] => String::new(),
            groups => format!(" from {}", groups.join(" or ")),
        };
        let why = match &hold.requirements().sentence {
            Some(sentence) => sentence.clone(),
            None => format!(
                "{} on {}",
                what(&request.command, request.action),
                self.side.target.name
            ),
        };
        let left = hold.requirements().expires_in.as_secs();
        let unknown = match request.reading.unknowns.first() {
            Some(unknown) => format!("\nnot understood: {}", unknown.reason),
            None => String::new(),
        };
        let plural = if count == 1 { "approval" } else { "approvals" };
        format!(
            "held {}: {why}; needs {count} {plural}{from} (expires in {}:{:02}, Ctrl-C withdraws){unknown}",
            request.hold,
            left / 60,
            left % 60
        )
    }

    /// What the end of a hold means for the gate. The record of it is durable before anything runs.
    async fn resolved(
        &mut self,
        gate: &Gate,
        resolved: Result<Resolved, ApprovalError>,
    ) -> Result<Event, InputEnd> {
        let side = self.side;
        let resolved = resolved.map_err(failed)?;
        let hold = resolved.hold().request().hold.clone();
        side.note_hold(None);
        let event = AuditEvent::HoldEnded {
            hold: hold.clone(),
            session: side.session(),
            resolution: resolved.resolution().clone(),
        };
        side.visit
            .services
            .audit
            .append(event, Timestamp::now())
            .await
            .map_err(failed)?;
        let marker = format!("{hold} {}", resolved.resolution().word());
        side.recorder
            .marker(&marker, Timestamp::now())
            .await
            .map_err(broken)?;
        match resolved.resolution() {
            Resolution::Approved { by } => {
                let names: Vec<String> = by
                    .iter()
                    .map(|given| said(&given.approver.name.to_string(), &given.reason))
                    .collect();
                self.release(
                    gate,
                    &resolved,
                    &format!("approved by {}", names.join(", ")),
                )
                .await
            }
            Resolution::Refused { by } => {
                self.refuse(format!(
                    "refused by {}",
                    said(&by.approver.name.to_string(), &by.reason)
                ))
                .await;
                Ok(Event::Denied)
            }
            Resolution::Expired => {
                self.refuse(format!("request {hold} expired: nobody answered in time"))
                    .await;
                Ok(Event::Denied)
            }
            Resolution::Withdrawn { why } => {
                self.refuse(format!("request {hold} was withdrawn: {why}"))
                    .await;
                Ok(Event::Denied)
            }
        }
    }

    /// Lets an approved command go, after asking policy again and, for a line, reading it again.
    async fn release(
        &mut self,
        gate: &Gate,
        resolved: &Resolved,
        approved: &str,
    ) -> Result<Event, InputEnd> {
        let side = self.side;
        let Some(command) = gate.deciding().cloned() else {
            return Ok(Event::Broke);
        };
        let reading = &resolved.hold().request().reading;
        let asker = Asker::new(side.visit, side.target, &side.destination.login);
        if let (_, crate::domain::verdict::Verdict::Deny(denial)) = asker.decide(&command, reading)
        {
            self.refuse(format!("{approved}, but policy refuses it now: {denial}"))
                .await;
            return Ok(Event::Denied);
        }
        if let (Layer::Line, Some(screen)) = (command.layer, &side.screen)
            && screen.line_now().bytes != command.bytes
        {
            self.refuse(
                "the line changed while it was held; press Enter again to ask anew".to_owned(),
            )
            .await;
            return Ok(Event::Denied);
        }
        match resolved.clear(command) {
            Ok(clearance) => {
                self.tell(approved).await?;
                Ok(Event::Cleared(clearance))
            }
            Err(_) => {
                self.refuse("the approval was for something else".to_owned())
                    .await;
                Ok(Event::Denied)
            }
        }
    }

    async fn withdraw(&mut self, hold: &HoldId) -> Result<(), InputEnd> {
        let side = self.side;
        let resolved = side
            .visit
            .services
            .approvals
            .withdraw(hold, "the requester pressed Ctrl-C")
            .await
            .map_err(failed)?;
        side.note_hold(None);
        let event = AuditEvent::HoldEnded {
            hold: hold.clone(),
            session: side.session(),
            resolution: resolved.resolution().clone(),
        };
        side.visit
            .services
            .audit
            .append(event, Timestamp::now())
            .await
            .map_err(failed)?;
        self.refuse(format!("request {hold} was withdrawn")).await;
        Ok(())
    }

    /// Says why something does not run, and keeps the reason for the session's end should it end by this.
    async fn refuse(&mut self, reason: String) {
        let _ = self.tell(&reason).await;
        self.refusal = Some(reason);
    }

    /// Says something on the client's terminal, and draws the line that it stands below anew. It is recorded too.
    async fn tell(&self, text: &str) -> Result<(), InputEnd> {
        let side = self.side;
        let mut shown = super::client::notice(side.side, text).to_vec();
        if let (Some(screen), Some(Target::Running(..))) = (&side.screen, &self.target) {
            shown.extend_from_slice(&screen.redrawn());
        }
        let shown = Bytes::from(shown);
        side.recorder
            .output(shown.clone(), Timestamp::now())
            .await
            .map_err(broken)?;
        side.client.show(side.side, shown).await;
        Ok(())
    }
}

impl Launch {
    /// Starts what was cleared, with the terminal and the environment that the client asked for.
    async fn begin(
        self,
        clearance: Clearance,
    ) -> Result<(ChannelWriteHalf<Msg>, Link), russh::Error> {
        let output = &self.channel.output;
        for (name, value) in &self.start.environment {
            output.set_env(false, name.as_str(), value.as_str()).await?;
        }
        if let Some(PtyRequest {
            term,
            columns,
            rows,
            width,
            height,
            modes,
        }) = &self.start.pty
        {
            output
                .request_pty(false, term, *columns, *rows, *width, *height, modes)
                .await?;
        }
        let layer = clearance.command().layer;
        let bytes = clearance.into_bytes();
        match layer {
            Layer::Exec => output.exec(true, bytes).await?,
            Layer::Subsystem => {
                output
                    .request_subsystem(true, String::from_utf8_lossy(&bytes))
                    .await?
            }
            Layer::Shell => output.request_shell(true).await?,
            Layer::Line | Layer::Forward => return Err(russh::Error::Inconsistent),
        }
        let (input, output, link) = self.channel.into_parts();
        let _ = self.output.send(input);
        Ok((output, link))
    }
}

/// What a command is called in a notice.
fn what(command: &Command, action: Action) -> String {
    match command.layer {
        Layer::Shell => "a shell".to_owned(),
        Layer::Exec | Layer::Line if action == Action::Sudo => "sudo".to_owned(),
        Layer::Exec => "this command".to_owned(),
        Layer::Line => "this line".to_owned(),
        Layer::Subsystem => format!("the subsystem {}", command.shown()),
        Layer::Forward => "this forward".to_owned(),
    }
}

fn said(name: &str, reason: &str) -> String {
    if reason.is_empty() {
        name.to_owned()
    } else {
        format!("{name}: \"{reason}\"")
    }
}

fn failed(error: impl std::fmt::Display) -> InputEnd {
    InputEnd::Refused(format!("nothing more runs: {error}"))
}

fn broken(error: crate::record::RecordError) -> InputEnd {
    InputEnd::Refused(format!("nothing more runs: the recording failed: {error}"))
}

fn target_gone(_: russh::Error) -> InputEnd {
    InputEnd::Refused("the target went away".to_owned())
}
