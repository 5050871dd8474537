//! One session: a client's channel, a target's channel, a recording, and the gate between them.

mod agents;

mod course;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::admission::{self, Applicant};
use super::client::{self, Client, Ending, Side};
use super::decision::Asker;
use super::input::{InputEnd, InputSide};
use super::launch::{self, Launch};
use super::opening::{self, Ahead, Bond, Ground, NotOpened, Opening, Wanted};
use super::output::{OutputEnd, OutputSide};
use super::reception::Visit;
use super::registry::{Entry, Message};
use super::screen::Screen;
use super::start::{PtyRequest, Start, What};
use super::sudo::Interrupts;
use crate::accept::ClientChannel;
use crate::accept::limits::Share;
use crate::domain::grant::Permissions;
use crate::domain::id::SessionId;
use crate::domain::lifecycle::Attached;
use crate::domain::principal::Subject;
use crate::domain::target::{Destination, EnforcementLayer, HostSeen, TargetInfo};
use crate::flow::{Drain, idle_for};
use crate::inspect::widget::{Nonce, Widget};
use crate::record::{RecordError, Recorder};
use agents::AtTerminal;
use course::Course;

/// How long before the end of their sign-in somebody at a terminal is told.
const ENDING: Duration = Duration::from_secs(5 * 60);
/// How long a client that does not read may keep a session that was ordered to end.
const LAST_WORDS: Duration = Duration::from_millis(250);

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
                        host: &opening.host,
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
            opening::ahead_as(session, visit, &destination, None, wanted)?
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
    host: &'a HostSeen,
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
        let live = course.recorder.live();
        services.registry.recorded(&self.attached.session(), live);
        let ending = self.relay(input, start, ground, &course, entry).await;
        Box::pin(self.finish(&course, &ending)).await;
        ending
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
        let (mut end, mut ended) = (entry.end.clone(), entry.end.clone());
        let messages = self.pass_on(entry, recorder, screen.clone());
        let left = async {
            tokio::select! {
                () = closed.wait() => "the client went away",
                _ = ended.ordered() => "the session was ended",
                _ = recorder.failed() => "the recording failed",
            }
        };
        let person = AtTerminal {
            screen: screen.as_ref(),
            interrupts: &interrupts,
        };
        let agent = Box::pin(self.agent_side(&start, left, person)).await;
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
            why = end.ordered() => self.ended_by_order(why).await,
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

    /// Its target is gone already: a client that does not read keeps nothing.
    async fn ended_by_order(&self, why: String) -> Ending {
        let said = self.client.say(self.side, &why);
        let _ = tokio::time::timeout(LAST_WORDS, said).await;
        Ending::Refused(why)
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
    async fn pass_on(&self, mut entry: Entry, recorder: &Recorder, screen: Option<Arc<Screen>>) {
        let mut notices = self.visit.notices.listen();
        let ending = Box::pin(self.sign_in_ends());
        tokio::pin!(ending);
        let mut told = false;
        loop {
            let message = tokio::select! {
                Some(message) = entry.messages.recv() => message,
                text = &mut ending, if !told => {
                    told = true;
                    Message::Shown(text)
                }
                notice = notices.next() => Message::Shown(notice),
            };
            let now = Timestamp::now();
            match message {
                Message::Shown(text) => {
                    let notice = client::notice(self.side, &text);
                    let shown = match &screen {
                        Some(screen) => screen.below(&notice),
                        None => notice,
                    };
                    let _ = recorder.output(shown.clone(), now).await;
                    self.client.show(self.side, shown).await;
                }
                Message::Marked(text) => {
                    let _ = recorder.marker(&text, now).await;
                }
            }
        }
    }

    /// Waits until the person's sign-in is about to end, and says so. What runs without a terminal is not disturbed.
    async fn sign_in_ends(&self) -> String {
        if self.side == Side::Pipes {
            return std::future::pending().await;
        }
        let ends = self.visit.identified.identity().valid_until();
        let left = Duration::try_from(ends.duration_since(Timestamp::now())).unwrap_or_default();
        tokio::time::sleep(left.saturating_sub(ENDING)).await;
        let time = ends.strftime("%H:%M:%S UTC");
        format!(
            "your sign-in ends at {time}: what you ask for after that is refused until you connect again"
        )
    }

    fn asker(&self) -> Asker<'_> {
        let login = &self.attached.grant().destination().login;
        Asker::new(self.visit, self.target, login)
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
}
