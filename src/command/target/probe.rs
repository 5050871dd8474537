//! Logging in to a target to try something there: one connection, one command, one answer of the agent.
//!
//! Invariant: the audit has a durable record of each certificate and signature before it is made.

use std::time::Duration;

use jiff::Timestamp;
use russh::client::Msg;
use russh::{ChannelMsg, ChannelWriteHalf};
use tokio_util::task::TaskTracker;

use crate::agent::{self, Messages, Request, wire};
use crate::audit::{Audit, AuditError};
use crate::authority::probe::{LIFETIME, ProbeCertificate};
use crate::authority::{Authority, AuthorityError};
use crate::config::{Config, TargetConfig};
use crate::domain::audit::AuditEvent;
use crate::domain::command::visible;
use crate::domain::grant::Permissions;
use crate::domain::name::LoginName;
use crate::domain::sudo::{NotSudo, SudoRequest};
use crate::flow::{Drain, Item};
use crate::target::{self, Link, Openings, Origin, TargetChannel, TargetError};

/// How long one command may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How much of a command's output is kept, in bytes.
const OUTPUT: usize = 64 * 1024;
/// How many requests of one command are kept.
const ASKED: usize = 16;
const GATE: &str = "countersign target check";

/// What a check tries things with.
pub(super) struct Prober<'a> {
    /// How targets are dialled.
    pub(super) config: &'a Config,
    /// The target.
    pub(super) target: &'a TargetConfig,
    /// The keys.
    pub(super) authority: &'a Authority,
    /// The node's chain.
    pub(super) audit: &'a Audit,
    /// The login.
    pub(super) login: &'a LoginName,
    /// Where connections run.
    pub(super) tasks: TaskTracker,
}

/// Why a login was not possible.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotLoggedIn {
    /// The target refused it, could not be reached, or is another.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// No certificate could be made.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// None was made, as it could not be audited.
    #[error("no certificate was made: {0}")]
    Audit(#[from] AuditError),
}

/// What the agent does that a command finds on the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Agent {
    /// There is none.
    None,
    /// It refuses.
    Refuses,
    /// It signs a sudo that does nothing.
    Signs,
}

/// What is tried.
#[derive(Debug, Clone, Copy)]
pub(super) struct Try<'a> {
    /// The command.
    pub(super) command: &'a str,
    /// What its certificate forces instead.
    pub(super) forced: Option<&'a str>,
    /// Whether it gets a terminal.
    pub(super) terminal: bool,
    /// The agent it finds.
    pub(super) agent: Agent,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Ran {
    /// Its exit status.
    pub(super) status: Option<u32>,
    /// What it wrote to standard output.
    pub(super) output: String,
    /// What it wrote to standard error.
    pub(super) errors: String,
    /// What asked for a signature of the gate's key meanwhile.
    pub(super) asked: Vec<Result<SudoRequest, NotSudo>>,
}

impl Ran {
    /// The last line that it wrote to standard error, safe to print.
    pub(super) fn complaint(&self) -> String {
        let line = self.errors.lines().rfind(|line| !line.trim().is_empty());
        visible(line.unwrap_or("it said nothing").as_bytes())
    }
}

impl Prober<'_> {
    /// Logs in with a certificate for `principal`.
    ///
    /// # Errors
    /// Why it could not; that the target refused is told apart.
    pub(super) async fn log_in(
        &self,
        principal: &LoginName,
        permissions: Permissions,
        force_command: Option<&str>,
    ) -> Result<Link, NotLoggedIn> {
        let dialled = target::dial(self.target, self.config.ssh.rekey).await?;
        let certificate = ProbeCertificate {
            login: principal,
            permissions,
            force_command,
        };
        let now = Timestamp::now();
        let event = AuditEvent::ProbeCertificate {
            target: self.target.info.name.clone(),
            login: principal.clone(),
            until: now.saturating_add(LIFETIME).unwrap_or(now),
            forced: force_command.map(|command| visible(command.as_bytes())),
            account: account(),
        };
        self.audit.append(event, now).await?;
        let minted = self
            .authority
            .mint_for_probe(&certificate, dialled.from(), now);
        let (key, certificate) = minted?;
        Ok(dialled.log_in(self.login, key, certificate).await?)
    }

    /// Runs a command to its end.
    pub(super) async fn run(&self, what: Try<'_>) -> Result<Ran, String> {
        let permissions = Permissions {
            pty: what.terminal,
            agent_forwarding: what.agent != Agent::None,
            port_forwarding: false,
        };
        let link = self.log_in(self.login, permissions, what.forced).await;
        let link = link.map_err(|error| error.to_string())?;
        let channel = link
            .open(&self.tasks)
            .await
            .map_err(|error| error.to_string())?;
        match tokio::time::timeout(PATIENCE, self.to_its_end(channel, what)).await {
            Ok(ran) => ran.map_err(|error| error.to_string()),
            Err(_) => Err(format!(
                "`{}` did not end within {} s",
                what.command,
                PATIENCE.as_secs()
            )),
        }
    }

    async fn to_its_end(
        &self,
        mut channel: TargetChannel,
        what: Try<'_>,
    ) -> Result<Ran, russh::Error> {
        let openings = channel.openings();
        if what.terminal {
            channel
                .output
                .request_pty(true, "xterm", 80, 24, 0, 0, &[])
                .await?;
        }
        if what.agent != Agent::None {
            channel.expect_sudo();
            channel.output.agent_forward(false).await?;
        }
        channel.output.exec(true, what.command.as_bytes()).await?;
        channel.output.eof().await?;
        let (mut input, _output, _link) = channel.into_parts();
        let mut ran = Ran::default();
        let mut asked = Vec::new();
        let answering = async {
            if let Some(openings) = openings {
                self.answer(openings, what.agent, &mut asked).await;
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = ran.collect(&mut input) => {}
            () = answering => {}
        }
        ran.asked = asked;
        Ok(ran)
    }

    /// Answers the channels of the agent, one after the other.
    async fn answer(
        &self,
        mut openings: Openings,
        agent: Agent,
        asked: &mut Vec<Result<SudoRequest, NotSudo>>,
    ) {
        while let Some(opened) = openings.next().await {
            if opened.origin != Origin::Agent {
                continue;
            }
            let acceptor = openings.acceptor(&self.tasks);
            let (input, output) = acceptor.accept(opened).await;
            let _ = self.converse(input, &output, agent, asked).await;
            let _ = output.eof().await;
            let _ = output.close().await;
        }
    }

    async fn converse(
        &self,
        mut input: Drain,
        output: &ChannelWriteHalf<Msg>,
        agent: Agent,
        asked: &mut Vec<Result<SudoRequest, NotSudo>>,
    ) -> anyhow::Result<()> {
        let key = wire(self.authority.sudo_gate())?;
        let mut messages = Messages::default();
        while let Some(item) = input.next().await {
            match item {
                Item::Data(data) => messages.push(data.bytes()),
                Item::Message(ChannelMsg::Eof) => return Ok(()),
                Item::Extended(..) | Item::Message(_) => {}
            }
            while let Some(message) = messages.take()? {
                let answer = match Request::read(&message)? {
                    Request::Identities => {
                        agent::identities(self.authority.sudo_gate(), GATE, None)?
                    }
                    Request::Sign { key: named, data } if named == key => {
                        let request = SudoRequest::read(&data, &key);
                        let answer = self.signed(&request, agent).await?;
                        if asked.len() < ASKED {
                            asked.push(request);
                        }
                        answer
                    }
                    Request::Sign { .. } | Request::Other => agent::failure(),
                };
                output.data_bytes(agent::framed(&answer)?).await?;
            }
        }
        Ok(())
    }

    async fn signed(
        &self,
        request: &Result<SudoRequest, NotSudo>,
        agent: Agent,
    ) -> anyhow::Result<Vec<u8>> {
        match (request, agent) {
            (Ok(request), Agent::Signs) => {
                let (checked, now) = ((self.login, &self.target.hostname), Timestamp::now());
                let event = AuditEvent::ProbeSigned {
                    target: self.target.info.name.clone(),
                    text: visible(&request.text()),
                    account: account(),
                };
                // What is never signed is no signature; what is, is handed out only when its record is kept.
                let Ok(signature) = self.authority.sign_probe(request, checked, now) else {
                    return Ok(agent::failure());
                };
                self.audit.append(event, now).await?;
                Ok(agent::signature(&signature)?)
            }
            (Ok(_), Agent::Refuses | Agent::None) | (Err(_), _) => Ok(agent::failure()),
        }
    }
}

/// The account that checks.
fn account() -> u32 {
    rustix::process::getuid().as_raw()
}

impl Ran {
    async fn collect(&mut self, input: &mut Drain) {
        let keep = |text: &mut String, bytes: &[u8]| {
            if text.len() < OUTPUT {
                text.push_str(&String::from_utf8_lossy(bytes));
            }
        };
        while let Some(item) = input.next().await {
            match item {
                Item::Data(data) => keep(&mut self.output, data.bytes()),
                Item::Extended(data, _) => keep(&mut self.errors, data.bytes()),
                Item::Message(ChannelMsg::ExitStatus { exit_status }) => {
                    self.status = Some(exit_status);
                }
                Item::Message(_) => {}
            }
        }
    }
}
