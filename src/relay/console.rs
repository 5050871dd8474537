//! The bastion's own commands over SSH: `ssh bastion whoami`, `ssh bastion approve h-7f3k9q -m ok`, and so on.
//!
//! Everything answers in text or, with `--json`, in one JSON value. Nothing here decides: `operations` asks policy.

mod text;

use std::sync::Arc;

use bytes::Bytes;
use clap::error::ErrorKind;
use clap::{Parser, Subcommand};
use serde::Serialize;

use super::client::{Client, Ending, Side};
use super::operations::{ApproverAgent, Operations, Sign};
use super::reception::Visit;
use super::start::{Start, What};
use super::{REFUSED_STATUS, board, theatre};
use crate::accept::ClientChannel;
use crate::domain::answer::{Answer, Times};
use crate::domain::hold::Reply;
use crate::domain::id::{HoldId, SessionId};
use crate::domain::recording::SessionSummary;
use crate::flow::{Drain, Pulse};
use crate::store::Which;

/// Longest command line that is read.
const COMMAND_BYTES: usize = 16 * 1024;

/// Countersign: a checkpoint inside your SSH session.
#[derive(Debug, Parser)]
#[command(
    name = "ssh bastion",
    disable_version_flag = true,
    disable_help_subcommand = false
)]
struct Line {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Who you are to the bastion, and until when
    Whoami(Output),
    /// The targets that you may open
    Targets(Output),
    /// Your sessions, and those that you may watch or replay, the newest first
    Sessions {
        /// Only those that run now
        #[arg(long)]
        running: bool,
        #[command(flatten)]
        output: Output,
    },
    /// The requests that wait: yours, and those that you may answer
    Requests {
        /// Only your own
        #[arg(long)]
        mine: bool,
        #[command(flatten)]
        output: Output,
    },
    /// Let a held command run
    Approve {
        /// Let it also run again in the same session, as long as policy lets approvers say so
        #[arg(long)]
        again: bool,
        #[command(flatten)]
        words: Words,
    },
    /// Do not let a held command run
    Refuse(Words),
    /// Watch a running session as its person sees it (needs a terminal: ssh -t)
    Watch {
        /// The session, such as s-01j8…
        session: SessionId,
    },
    /// End a running session at once
    Kill {
        /// The session, such as s-01j8…
        session: SessionId,
        /// Why; the rest of the line
        #[arg(short = 'm', long = "message", num_args = 1.., allow_hyphen_values = true)]
        message: Vec<String>,
    },
    /// A certificate for the key that you logged in with
    Certificate,
    /// What to put into ~/.ssh/config
    SshConfig,
    /// What to put into ~/.ssh/known_hosts
    KnownHosts,
    /// The approver's dashboard (needs a terminal: ssh -t)
    Dashboard,
    /// Replay a recorded session (needs a terminal: ssh -t); without an id, choose from a list
    Replay {
        /// The session, such as s-01j8…
        session: Option<SessionId>,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Debug, clap::Args)]
struct Output {
    /// One JSON value instead of text
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct Words {
    /// The request, such as h-7f3k9q
    request: HoldId,
    /// Have your own key sign the answer (ssh -A), also where policy does not ask for that
    #[arg(long)]
    sign: bool,
    /// Why; the rest of the line
    #[arg(short = 'm', long = "message", num_args = 1.., allow_hyphen_values = true)]
    message: Vec<String>,
}

/// What a command gives back: text for standard output, or a message for standard error.
type Answered = Result<String, String>;

/// Runs one of the bastion's own commands on a channel.
pub async fn run(visit: Arc<Visit>, channel: ClientChannel) {
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
            let closed = input.end();
            tokio::select! {
                ending = answer(&visit, &client, &start, &mut input) => ending,
                () = closed.wait() => Ending::ClientGone,
            }
        }
    };
    client.close(&ending).await;
}

/// Ends a channel with a message instead of a program.
pub async fn refuse(channel: ClientChannel, pulse: Pulse, text: &str) {
    let ClientChannel {
        id,
        mut input,
        output,
        connection,
    } = channel;
    let client = Client::new(id, output, connection, pulse);
    if let Some(start) = Start::read(&mut input).await {
        client.say(start.side(), text).await;
    }
    client.close(&Ending::Refused(text.to_owned())).await;
}

async fn answer(visit: &Arc<Visit>, client: &Client, start: &Start, input: &mut Drain) -> Ending {
    let line = match &start.what {
        What::Shell => Ok(Line { command: None }),
        What::Exec(command) => parse(command),
        What::Subsystem(name) => Err(NotRun::Wrong(format!(
            "the bastion itself has no subsystem `{name}`: name a target, as in `sftp login@target@bastion`"
        ))),
    };
    let line = match line {
        Ok(line) => line,
        Err(NotRun::Help(text)) => {
            write(client, start.side(), &text).await;
            return Ending::Status(0);
        }
        Err(NotRun::Wrong(reason)) => {
            client.say(start.side(), &reason).await;
            return Ending::Status(REFUSED_STATUS);
        }
    };
    let operations = Operations::new(visit);
    let answered = match line.command {
        Some(Command::Dashboard) => match &start.pty {
            Some(_) => {
                let agent = ApproverAgent::of(start, client);
                return board::run(visit, client, &agent, start.size(), input).await;
            }
            None => Err("the dashboard needs a terminal: ssh -t".to_owned()),
        },
        Some(Command::Replay { session, output }) if start.pty.is_some() && !output.json => {
            return theatre::run(visit, client, start.size(), input, session).await;
        }
        Some(Command::Watch { session }) => match &start.pty {
            Some(_) => {
                let mut size = start.size();
                let watched = theatre::watch(&operations, client, &mut size, input, session);
                watched.await.map(|()| String::new())
            }
            None => Err("watching needs a terminal: ssh -t".to_owned()),
        },
        other => plain(visit, &operations, client, start, other).await,
    };
    match answered {
        Ok(text) => {
            write(client, start.side(), &text).await;
            Ending::Status(0)
        }
        Err(reason) => {
            client.say(start.side(), &reason).await;
            Ending::Status(REFUSED_STATUS)
        }
    }
}

/// Why a command line is not run.
enum NotRun {
    /// It asked for help, which is this.
    Help(String),
    /// It cannot be read.
    Wrong(String),
}

/// Reads a command line as a shell would split it, then as clap would read it.
fn parse(command: &[u8]) -> Result<Line, NotRun> {
    let wrong = |text: &str| NotRun::Wrong(text.to_owned());
    let text = std::str::from_utf8(command).map_err(|_| wrong("the command is not UTF-8"))?;
    if text.len() > COMMAND_BYTES {
        return Err(wrong("the command is too long"));
    }
    let (command, reason) = split_reason(text);
    let words =
        shlex::split(command).ok_or_else(|| wrong("a quote in the command is not closed"))?;
    let words = std::iter::once("ssh bastion".to_owned())
        .chain(words)
        .chain(reason);
    Line::try_parse_from(words).map_err(|error| {
        let text = text::printable(&error.render().to_string());
        match error.kind() {
            ErrorKind::DisplayHelp => NotRun::Help(text),
            // The library's enum is open; everything else is a mistake in the line.
            _ => NotRun::Wrong(mistake(&text)),
        }
    })
}

/// The library's words about a mistake, in our style: ssh itself would take a `--help` that it suggests.
fn mistake(text: &str) -> String {
    let text = text.trim_start_matches("error: ").replace('\'', "`");
    let ours = text
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.contains("--help"));
    let lines: Vec<&str> = ours
        .chain(["`ssh bastion help` lists every command"])
        .collect();
    lines.join("\n")
}

/// Takes a reason off the end of a command that may have one: everything behind `-m`, as it is. ssh has taken the user's quotes away.
fn split_reason(text: &str) -> (&str, Vec<String>) {
    let answers = ["approve ", "refuse ", "kill "]
        .iter()
        .any(|word| text.trim_start().starts_with(word));
    let marks = [" -m ", " --message ", " --message="];
    let mark = marks
        .iter()
        .filter_map(|mark| Some((text.find(mark)?, mark.len())))
        .min();
    match mark {
        Some((at, length)) if answers => {
            let (command, rest) = text.split_at(at);
            let reason = rest.get(length..).unwrap_or_default().trim();
            let quoted = ['"', '\'']
                .iter()
                .find_map(|quote| reason.strip_prefix(*quote)?.strip_suffix(*quote));
            (
                command,
                vec!["-m".to_owned(), quoted.unwrap_or(reason).to_owned()],
            )
        }
        Some(_) | None => (text, Vec::new()),
    }
}

async fn plain(
    visit: &Arc<Visit>,
    operations: &Operations<'_>,
    client: &Client,
    start: &Start,
    command: Option<Command>,
) -> Answered {
    let agent = ApproverAgent::of(start, client);
    let tell = async |text: &str| client.say(start.side(), text).await;
    match command {
        None => home(visit, operations).await,
        Some(Command::Whoami(output)) => {
            let me = text::Me::of(visit);
            show(&output, &me, || text::whoami(&me))
        }
        Some(Command::Targets(output)) => {
            let targets = operations.targets();
            show(&output, &targets, || text::targets(&targets))
        }
        Some(Command::Sessions { running, output }) => {
            let which = if running { Which::Running } else { Which::All };
            let sessions = operations.sessions(which).await?;
            show(&output, &sessions, || text::sessions(&sessions))
        }
        Some(Command::Requests { mine, output }) => {
            let mut requests = operations.requests().await?;
            requests.retain(|view| {
                !mine || view.hold.request().requester.subject == operations.me().subject
            });
            let rows: Vec<text::Request> = requests.iter().map(text::Request::of).collect();
            show(&output, &rows, || text::requests(&rows))
        }
        Some(Command::Approve { again, words }) => {
            let times = if again { Times::Again } else { Times::Once };
            let sent = words.send(operations, &agent, tell, Answer::Approve, times);
            sent.await
        }
        Some(Command::Refuse(words)) => {
            let sent = words.send(operations, &agent, tell, Answer::Refuse, Times::Once);
            sent.await
        }
        Some(Command::Kill { session, message }) => operations
            .end(session, &message.join(" "))
            .await
            .map(|text| text + "\n"),
        Some(Command::Certificate) => operations.certificate().await.map(|line| line + "\n"),
        Some(Command::SshConfig) => Ok(text::ssh_config(
            &visit.services.config(),
            &operations.targets(),
        )),
        Some(Command::KnownHosts) => text::known_hosts(&visit.services),
        Some(Command::Replay {
            session: None,
            output,
        }) => {
            let sessions = operations.replayable().await?;
            show(&output, &sessions, || text::sessions(&sessions))
        }
        Some(Command::Replay {
            session: Some(session),
            output,
        }) => theatre::dump(operations, session, output.json).await,
        Some(Command::Dashboard) => Err("the dashboard needs a terminal: ssh -t".to_owned()),
        Some(Command::Watch { .. }) => Err("watching needs a terminal: ssh -t".to_owned()),
    }
}

impl Words {
    async fn send(
        self,
        operations: &Operations<'_>,
        agent: &ApproverAgent,
        tell: impl AsyncFnOnce(&str),
        answer: Answer,
        times: Times,
    ) -> Answered {
        let reply = Reply {
            answer,
            reason: self.message.join(" "),
            times,
            signed: None,
        };
        let sign = if self.sign {
            Sign::Always
        } else {
            Sign::WhereRequired
        };
        let reply = operations
            .signed(&self.request, None, reply, agent, sign, tell)
            .await?;
        let answered = operations.answer(&self.request, None, reply).await;
        answered.map(|text| text + "\n")
    }
}

/// The home screen: who I am, my targets, my sessions, what waits for me.
async fn home(visit: &Arc<Visit>, operations: &Operations<'_>) -> Answered {
    let me = text::Me::of(visit);
    let mine = |session: &SessionSummary| session.subject == operations.me().subject;
    let sessions: Vec<SessionSummary> = operations
        .sessions(Which::Running)
        .await?
        .into_iter()
        .filter(mine)
        .collect();
    let requests = operations.requests().await?;
    let rows: Vec<text::Request> = requests.iter().map(text::Request::of).collect();
    Ok(text::home(&me, &operations.targets(), &sessions, &rows))
}

fn show<T: Serialize>(output: &Output, value: &T, text: impl FnOnce() -> String) -> Answered {
    if !output.json {
        return Ok(text());
    }
    serde_json::to_string_pretty(value)
        .map(|json| json + "\n")
        .map_err(|error| error.to_string())
}

async fn write(client: &Client, side: Side, text: &str) {
    let _ = client.data(Bytes::from(lines_for(side, text))).await;
}

fn lines_for(side: Side, text: &str) -> String {
    match side {
        Side::Terminal => text.replace('\n', "\r\n"),
        Side::Pipes => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_of_the_line_is_the_reason() {
        let Ok(Line {
            command: Some(Command::Refuse(reply)),
        }) = parse(b"refuse h-7f3k9q -m no change window")
        else {
            panic!("not read as a refusal")
        };
        assert_eq!(reply.message.join(" "), "no change window");
    }

    #[test]
    fn an_apostrophe_in_a_reason_is_no_quote() {
        for (text, expected) in [
            (
                &b"refuse h-7f3k9q -m don't do it today"[..],
                "don't do it today",
            ),
            (b"refuse h-7f3k9q -m 'two  spaces'", "two  spaces"),
            (b"refuse h-7f3k9q --message=-no", "-no"),
        ] {
            let Ok(Line {
                command: Some(Command::Refuse(reply)),
            }) = parse(text)
            else {
                panic!("not read as a refusal")
            };
            assert_eq!(reply.message.join(" "), expected);
        }
    }

    #[test]
    fn a_command_that_nobody_knows_is_answered_with_those_there_are() {
        let Err(NotRun::Wrong(text)) = parse(b"approv h-7f3k9q") else {
            panic!("run")
        };
        assert!(text.contains("approve"), "{text}");
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_asked_nothing_panics(command: Vec<u8>) {
            let _ = parse(&command);
        }
    }
}
