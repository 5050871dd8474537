//! One session: a client's channel, a target's channel, a recording, and the gate between them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::admission::{self, Applicant};
use super::agent;
use super::client::{self, Client, Ending, Side};
use super::decision::Asker;
use super::input::{InputEnd, InputSide, Suspended};
use super::launch::{self, Launch};
use super::opening::{self, Ahead, Bond, Ground, NotOpened, Opening, Wanted};
use super::output::{OutputEnd, OutputSide};
use super::reception::Visit;
use super::registry::{Entry, Message};
use super::screen::Screen;
use super::start::{PtyRequest, Start, What};
use super::sudo::{self, Interrupts, SudoGate};
use super::transfer::Transfer;
use crate::accept::ClientChannel;
use crate::accept::limits::Share;
use crate::domain::audit::AuditEvent;
use crate::domain::command::{Command, visible};
use crate::domain::grant::Permissions;
use crate::domain::hold::{Clearance, Hold};
use crate::domain::id::SessionId;
use crate::domain::lifecycle::Attached;
use crate::domain::principal::Subject;
use crate::domain::recording::{LiveRecording, SessionEnd, SessionSummary};
use crate::domain::request::ApprovalRequest;
use crate::domain::target::{Destination, EnforcementLayer, TargetInfo};
use crate::flow::{Drain, idle_for};
use crate::inspect::widget::{Nonce, Widget};
use crate::record::{
    Opening as RecordOpening, Origin, Outcome, RecordError, RecordLimit, Recorder,
};
use crate::target::Openings;

/// Notices about the agent that may wait for the client's terminal.
const AGENT_NOTICES: usize = 4;

/// Runs one session on a channel, from the client's first request to the channel's end.
pub async fn run(
    visit: Arc<Visit>,
    destination: Destination,
    channel: ClientChannel,
    ahead: Option<Ahead>,
) {
    let ClientChannel {
        id,
        mut input,
        output,
        connection,
    } = channel;
    let client = Client::new(id, output, connection, visit.pulse.clone());
    let ending = match Start::read(&mut input).await {
        None => Ending::ClientGone,
        Some(start) => {
            // What is handed on and on is boxed, like all that a session does only once: it takes no room of an idle one.
            let (side, mut start) = (start.side(), Box::new(start));
            let applicant = Applicant {
                client: &client,
                start: &mut start,
                input: &mut input,
            };
            match Box::pin(open(&visit, &destination, applicant, ahead)).await {
                Ok((session, target, opening, _share)) => {
                    let attached = opening.granted.attach(session);
                    let session = Session {
                        visit: &visit,
                        attached: &attached,
                        target: &target,
                        client: &client,
                        side,
                    };
                    session.run(input, start, Box::new(opening.ground)).await
                }
                Err(refusal) => {
                    client.say(side, &refusal).await;
                    Ending::Refused(refusal)
                }
            }
        }
    };
    client.close(&ending).await;
}

async fn open(
    visit: &Arc<Visit>,
    destination: &Destination,
    applicant: Applicant<'_>,
    ahead: Option<Ahead>,
) -> Result<(SessionId, TargetInfo, Opening, Share<Subject>), String> {
    if visit.services.draining.is_cancelled() {
        return Err("the bastion is stopping and takes no new sessions; connect again".to_owned());
    }
    let share = share(visit)?;
    let terminal = applicant.start.pty.is_some();
    let wanted = if terminal {
        Wanted::Terminal
    } else {
        Wanted::Unknown
    };
    let ahead = match ahead.filter(|ahead| !ahead.is_over()) {
        Some(ahead) => ahead,
        None => opening::ahead(visit, destination, None, wanted)?,
    };
    let (session, target) = (ahead.session, ahead.target.clone());
    let again = match ahead.ready().await {
        Ok(opening) if !terminal || opening.pty => return Ok((session, target, opening, share)),
        Ok(_) => opening::ahead(visit, destination, None, Wanted::Terminal)?,
        Err(NotOpened::Held(requirements)) => {
            let (_, destination) = opening::find(visit, destination)?;
            let asker = Asker::new(visit, &target, &destination.login);
            admission::ask(&asker, &destination, session, &requirements, applicant).await?;
            opening::ahead(visit, &destination, None, wanted)?
        }
        Err(NotOpened::Refused(refusal)) => return Err(refusal),
    };
    let (session, target) = (again.session, again.target.clone());
    let opening = again.ready().await.map_err(|error| error.to_string())?;
    Ok((session, target, opening, share))
}

/// One more session or forwarded connection of this person, unless they have too many.
///
/// # Errors
/// In words for them.
pub fn share(visit: &Visit) -> Result<Share<Subject>, String> {
    let limit = visit.services.config().ssh.person.sessions;
    let person = &visit.identified.identity().principal().subject;
    let share = visit.services.sessions.take(person, limit);
    share.ok_or_else(|| format!("you have {limit} sessions already, forwarded connections included: end some of them first"))
}

struct Session<'a> {
    visit: &'a Arc<Visit>,
    attached: &'a Attached,
    target: &'a TargetInfo,
    client: &'a Client,
    side: Side,
}

impl Session<'_> {
    async fn run(&self, input: Drain, start: Box<Start>, ground: Box<Ground>) -> Ending {
        let services = &self.visit.services;
        let entry = services.registry.enter(self.attached.session());
        let course = match Box::pin(self.begin(&start)).await {
            Ok(course) => course,
            Err(reason) => {
                let reason = format!("nothing runs: {reason}");
                self.client.say(self.side, &reason).await;
                return Ending::Refused(reason);
            }
        };
        let ending = self.relay(input, start, ground, &course, entry).await;
        Box::pin(self.finish(&course, &ending)).await;
        ending
    }

    /// Recording, then session row and audit record, all of them before anything runs. What began and could not go on
    /// is ended again.
    async fn begin(&self, start: &Start) -> Result<Course, String> {
        let services = &self.visit.services;
        let config = services.config();
        let now = Timestamp::now();
        let transfer = Transfer::of(self.visit, self.attached.session(), start);
        if transfer.is_some() && self.side == Side::Terminal {
            return Err("a transfer takes no terminal; leave out `-t`".to_owned());
        }
        let summary = self.summary(start, now);
        let limit = match self.side {
            Side::Terminal => RecordLimit::Everything,
            Side::Pipes => RecordLimit::Bytes(config.recordings.stream_bytes),
        };
        let event = AuditEvent::SessionStarted {
            session: summary.id,
            person: summary.subject.clone(),
            name: summary.person.clone(),
            destination: summary.destination.clone(),
            source: summary.source.clone(),
        };
        let recording =
            Recorder::start(&config.recordings.folder, self.recording(start, now), limit).await;
        let (recorder, recording) = recording.map_err(|error| error.to_string())?;
        let (counts, held) = (Counts::default(), Mutex::new(Suspended::Nothing));
        let course = Course {
            recorder,
            recording,
            counts,
            held,
            transfer,
        };
        let (row, told) = tokio::join!(
            services.store.session_started(&services.node, &summary),
            services.audit.append(event, now),
        );
        let failed = row
            .map_err(|error| error.to_string())
            .and(told.map(drop).map_err(|error| error.to_string()));
        match failed {
            Ok(()) => Ok(course),
            Err(reason) => {
                self.finish(&course, &Ending::Refused(reason.clone())).await;
                Err(reason)
            }
        }
    }

    fn summary(&self, start: &Start, now: Timestamp) -> SessionSummary {
        let principal = self.attached.grant().principal();
        SessionSummary {
            id: self.attached.session(),
            person: principal.name.to_string(),
            subject: principal.subject.clone(),
            destination: self.attached.grant().destination().clone(),
            target: self.target.clone(),
            source: self.visit.source.to_string(),
            asked: start.shown(),
            started: now,
            ended: None,
        }
    }

    fn recording(&self, start: &Start, now: Timestamp) -> RecordOpening {
        let grant = self.attached.grant();
        RecordOpening {
            origin: Origin {
                session: self.attached.session(),
                person: grant.principal().name.clone(),
                destination: grant.destination().clone(),
                source: self.visit.source,
                started: now,
            },
            size: start.size(),
            term: start.pty.as_ref().map(|pty| visible(pty.term.as_bytes())),
            title: format!("{} on {}", grant.principal().name, grant.destination()),
            command: match start.what {
                What::Shell => None,
                What::Exec(_) | What::Subsystem(_) => Some(start.shown()),
            },
        }
    }

    async fn relay(
        &self,
        mut input: Drain,
        start: Box<Start>,
        ground: Box<Ground>,
        course: &Course,
        entry: Entry,
    ) -> Ending {
        let Course {
            recorder,
            recording,
            counts,
            held,
            transfer,
        } = course;
        let start = self.as_inspected(start);
        let (size, closed) = (start.size(), input.end());
        let widget = self.widget(&start);
        let reports = widget.as_ref().map(Widget::command);
        let screen = (self.side == Side::Terminal)
            .then(|| Arc::new(Screen::new(size.rows(), size.cols(), widget)));
        let (sender, drain) = oneshot::channel();
        let interrupts = Interrupts::default();
        let input_side = InputSide {
            visit: self.visit,
            target: self.target,
            destination: self.attached.grant().destination(),
            recording,
            recorder,
            client: self.client,
            side: self.side,
            screen: screen.clone(),
            passed: &counts.to_target,
            transfer: transfer.as_ref(),
            reason: start.reason.clone(),
            held,
            interrupts: &interrupts,
        };
        let output_side = OutputSide {
            client: self.client,
            recorder,
            transfer: transfer.as_ref(),
            screen: screen.as_ref(),
        };
        let output = async {
            match drain.await {
                Ok(drain) => output_side.run(drain, &counts.to_client).await,
                Err(_) => std::future::pending().await,
            }
        };
        let end = entry.end.clone();
        let messages = self.pass_on(entry, recorder);
        let left = async {
            tokio::select! {
                () = closed.wait() => "the client went away",
                () = end.cancelled() => "the session was ended",
                _ = recorder.failed() => "the recording failed",
            }
        };
        let agent = Box::pin(self.agent_side(&start, left, &interrupts)).await;
        let (opener, openings) = oneshot::channel();
        let launch = Box::new(Launch {
            ground,
            bond: self.bond(&start, !matches!(agent.found, launch::Agent::None)),
            output: sender,
            openings: opener,
            start,
            agent: agent.found,
            widget: reports,
        });
        let agents = self.agents(agent.answered_by, openings);
        tokio::select! {
            end = output => self.output_ended(end).await,
            end = input_side.run(&mut input, launch) => self.input_ended(end).await,
            error = recorder.failed() => self.recording_failed(&error).await,
            () = closed.wait() => Ending::ClientGone,
            () = end.cancelled() => Ending::Refused("ended by the bastion".to_owned()),
            idle = self.visit.pulse.stopped() => self.ended(idle_for(idle)).await,
            () = messages => Ending::TargetGone,
            () = agents => Ending::TargetGone,
        }
    }

    async fn output_ended(&self, end: OutputEnd) -> Ending {
        match end {
            OutputEnd::Closed(Ending::TargetGone) => {
                self.client.say(self.side, "the target went away").await;
                Ending::TargetGone
            }
            OutputEnd::Closed(ending) => ending,
            OutputEnd::NotStarted => {
                let reason = "the target refused to start it, or to give it a terminal";
                self.ended(reason.to_owned()).await
            }
            OutputEnd::ClientGone => Ending::ClientGone,
            OutputEnd::Transfer(reason) => self.ended(format!("nothing more runs: {reason}")).await,
            OutputEnd::Recording(error) => self.recording_failed(&error).await,
        }
    }

    async fn input_ended(&self, end: InputEnd) -> Ending {
        match end {
            InputEnd::ClientGone => Ending::ClientGone,
            InputEnd::ProgramGone => {
                let reason = "the target went away before it was started";
                self.client.say(self.side, reason).await;
                Ending::TargetGone
            }
            InputEnd::Refused(reason) => Ending::Refused(reason),
            InputEnd::Failed(reason) => self.ended(reason).await,
        }
    }

    /// Tells the client why the bastion ends its session.
    async fn ended(&self, reason: String) -> Ending {
        self.client.say(self.side, &reason).await;
        Ending::Refused(reason)
    }

    async fn recording_failed(&self, error: &RecordError) -> Ending {
        let reason = format!("nothing more runs: the recording failed: {error}");
        self.ended(reason).await
    }

    fn as_inspected(&self, mut start: Box<Start>) -> Box<Start> {
        let shell = matches!(start.what, What::Shell);
        if shell && self.target.layers.contains(&EnforcementLayer::Line) {
            start.pty = start.pty.map(PtyRequest::inspected);
        }
        start
    }

    /// The Enter widget of a shell at a terminal whose lines are inspected.
    fn widget(&self, start: &Start) -> Option<Widget> {
        let shell = matches!(start.what, What::Shell) && self.side == Side::Terminal;
        let inspected = self.target.layers.contains(&EnforcementLayer::Line);
        let config = self.visit.services.config();
        let wanted = config
            .target(&self.target.name)
            .is_some_and(|target| target.enter_widget);
        (shell && inspected && wanted).then_some(())?;
        Nonce::random().map(Widget::new)
    }

    /// Shows what the node has to say to its sessions, and what the connection has to say about its forwards. It is
    /// recorded too; a recording that fails ends the session by itself.
    async fn pass_on(&self, mut entry: Entry, recorder: &Recorder) {
        let mut notices = self.visit.notices.listen();
        loop {
            let message = tokio::select! {
                Some(message) = entry.messages.recv() => message,
                notice = notices.next() => Message::Shown(notice),
            };
            let now = Timestamp::now();
            match message {
                Message::Shown(text) => {
                    let shown = client::notice(self.side, &text);
                    let _ = recorder.output(shown.clone(), now).await;
                    self.client.show(self.side, shown).await;
                }
                Message::Marked(text) => {
                    let _ = recorder.marker(&text, now).await;
                }
            }
        }
    }

    fn asker(&self) -> Asker<'_> {
        let login = &self.attached.grant().destination().login;
        Asker::new(self.visit, self.target, login)
    }

    /// The clearance of the client's agent, where it asked for that and gets it; nobody waits for it once the session
    /// was `left`.
    async fn agent(
        &self,
        start: &Start,
        left: impl Future<Output = &'static str> + Send,
    ) -> Option<Clearance> {
        if !start.agent {
            return None;
        }
        let (sender, mut said) = mpsc::channel::<String>(AGENT_NOTICES);
        let say = move |text: &str| drop(sender.try_send(text.to_owned()));
        let asker = self.asker();
        let destination = self.attached.grant().destination();
        let clearing = agent::clear(&asker, destination, self.attached.session(), &say, left);
        tokio::pin!(clearing);
        let cleared = loop {
            tokio::select! {
                Some(text) = said.recv() => self.client.say(self.side, &text).await,
                cleared = &mut clearing => break cleared,
            }
        };
        match cleared {
            Ok(clearance) => Some(clearance),
            Err(reason) => {
                // Many have their agent passed on everywhere: only people are told, never the scripts.
                if self.side == Side::Terminal {
                    self.client.say(self.side, &reason).await;
                }
                None
            }
        }
    }

    /// What opens the target again for a command that people approved, with no more rights than it needs.
    fn bond(&self, start: &Start, agent_forwarding: bool) -> Bond {
        Bond {
            visit: Arc::clone(self.visit),
            grant: self.attached.grant().clone(),
            session: self.attached.session(),
            permissions: Permissions {
                pty: start.pty.is_some(),
                agent_forwarding,
                port_forwarding: false,
            },
        }
    }

    /// The agent that programs on the target find: the sudo gate's where the target has it, the client's own where it
    /// was let through.
    async fn agent_side(
        &self,
        start: &Start,
        left: impl Future<Output = &'static str> + Send,
        interrupts: &Interrupts,
    ) -> AgentSide {
        let clearance = self.agent(start, left).await;
        let behind = clearance
            .as_ref()
            .map(|clearance| clearance.command().clone());
        // Dropped with the session, it ends what still waits.
        let over = CancellationToken::new();
        let gate = self.gate(start, behind.clone(), interrupts, over.clone());
        let over = over.drop_guard();
        match (gate, clearance, behind) {
            (Some(gate), _, _) => AgentSide {
                found: launch::Agent::Gate,
                answered_by: AnsweredBy::Gate(gate, over),
            },
            (None, Some(clearance), Some(command)) => AgentSide {
                found: launch::Agent::Client(clearance),
                answered_by: AnsweredBy::Client(command),
            },
            (None, _, None) | (None, None, _) => AgentSide {
                found: launch::Agent::None,
                answered_by: AnsweredBy::Nobody,
            },
        }
    }

    /// The sudo gate of this session, where its target has one.
    fn gate(
        &self,
        start: &Start,
        behind: Option<Command>,
        interrupts: &Interrupts,
        over: CancellationToken,
    ) -> Option<Arc<SudoGate>> {
        if !self.target.layers.contains(&EnforcementLayer::Sudo) {
            return None;
        }
        let config = self.visit.services.config();
        // Of a target that was taken out of the configuration no sudo is signed any more.
        let target = config.target(&self.target.name)?.clone();
        Some(SudoGate::new(sudo::Parts {
            visit: Arc::clone(self.visit),
            target,
            destination: self.attached.grant().destination().clone(),
            session: self.attached.session(),
            behind,
            reason: start.reason.clone(),
            connection: self.client.connection().clone(),
            interrupts: interrupts.clone(),
            end: over,
        }))
    }

    /// Answers what looks for an agent on the target.
    async fn agents(&self, answered_by: AnsweredBy, openings: oneshot::Receiver<Openings>) {
        match (answered_by, openings.await) {
            (AnsweredBy::Gate(gate, _over), Ok(openings)) => {
                gate.serve(openings).await;
                std::future::pending().await
            }
            (AnsweredBy::Client(command), Ok(openings)) => {
                let connection = self.client.connection();
                agent::serve(&self.asker(), &command, openings, connection).await;
                std::future::pending().await
            }
            (AnsweredBy::Nobody, _) | (_, Err(_)) => std::future::pending().await,
        }
    }

    /// What a session leaves behind is told in full, whatever fails of it.
    async fn finish(&self, course: &Course, ending: &Ending) {
        let Course {
            recorder,
            counts,
            held,
            transfer,
            ..
        } = course;
        let services = &self.visit.services;
        let session = self.attached.session();
        let suspended = std::mem::take(&mut *held.lock().unwrap_or_else(PoisonError::into_inner));
        self.withdraw(suspended, &ending.shown()).await;
        if let Some(transfer) = transfer {
            transfer.finish().await;
        }
        let now = Timestamp::now();
        let outcome = match ending {
            Ending::Status(status) => Outcome::Exited(*status),
            Ending::Signal { .. }
            | Ending::Refused(_)
            | Ending::ClientGone
            | Ending::TargetGone => Outcome::Cut(ending.shown()),
        };
        let recording = match recorder.finish(outcome, now).await {
            Ok(finished) => Some(finished.sha256),
            Err(error) => {
                tracing::error!(%session, %error, "the recording could not be finished");
                None
            }
        };
        let end = SessionEnd {
            at: now,
            how: ending.shown(),
        };
        let event = AuditEvent::SessionEnded {
            session,
            how: end.how.clone(),
            bytes_in: counts.to_target.load(Ordering::Relaxed),
            bytes_out: counts.to_client.load(Ordering::Relaxed),
            recording,
            looks: transfer.as_ref().map_or(0, Transfer::looks),
        };
        let (row, told) = tokio::join!(
            services.store.session_ended(&session, &end),
            services.audit.append(event, now)
        );
        if let Err(error) = row {
            tracing::error!(%session, %error, "the session's end could not be stored");
        }
        if let Err(error) = told {
            tracing::error!(%session, %error, "the session's end could not be audited");
        }
    }

    /// Takes back whatever the session left suspended.
    async fn withdraw(&self, suspended: Suspended, why: &str) {
        let approvals = &self.visit.services.approvals;
        let holds = match suspended {
            Suspended::Nothing => Vec::new(),
            Suspended::Waiting(hold) => vec![hold],
            Suspended::Opening => match approvals.waiting().await {
                Ok(waiting) => waiting
                    .iter()
                    .map(Hold::request)
                    .filter(|request| self.owns(request))
                    .map(|request| request.hold.clone())
                    .collect(),
                Err(error) => return tracing::error!(%error, "a request may be left waiting"),
            },
        };
        for hold in holds {
            self.visit.services.withdraw(&hold, why).await;
        }
    }

    fn owns(&self, request: &ApprovalRequest) -> bool {
        request.command.scope.session == self.attached.session()
    }
}

/// The agent of a session.
struct AgentSide {
    /// What its program finds.
    found: launch::Agent,
    /// Who answers it.
    answered_by: AnsweredBy,
}

/// Who answers a program that looks for its agent.
enum AnsweredBy {
    /// Nobody.
    Nobody,
    /// The client, as it was cleared.
    Client(Command),
    /// The sudo gate, as long as this is kept.
    Gate(Arc<SudoGate>, DropGuard),
}

/// What a session that runs is kept in.
struct Course {
    recorder: Recorder,
    recording: LiveRecording,
    counts: Counts,
    held: Mutex<Suspended>,
    transfer: Option<Transfer>,
}

#[derive(Default)]
struct Counts {
    to_target: AtomicU64,
    to_client: AtomicU64,
}
