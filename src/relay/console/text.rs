//! What the bastion's own commands print.

use std::fmt::Write;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use crate::config::Config;
use crate::dashboard::model::HoldView;
use crate::domain::command::shows_as_itself;
use crate::domain::id::HoldId;
use crate::domain::recording::SessionSummary;
use crate::relay::Services;
use crate::relay::operations::TargetView;
use crate::relay::reception::Visit;

/// Text of others with every control character but line ends taken out.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .filter(|c| *c == '\n' || shows_as_itself(*c))
        .collect()
}

/// Who somebody is to the bastion.
#[derive(Debug, Serialize)]
pub(super) struct Me {
    name: String,
    issuer: String,
    subject: String,
    groups: Vec<String>,
    key: String,
    evidence: crate::domain::principal::Evidence,
    source: String,
    until: Timestamp,
}

impl Me {
    pub(super) fn of(visit: &Arc<Visit>) -> Self {
        let identity = visit.identified.identity();
        let principal = identity.principal();
        Self {
            name: principal.name.to_string(),
            issuer: principal.subject.issuer.clone(),
            subject: principal.subject.subject.clone(),
            groups: principal.groups.iter().map(ToString::to_string).collect(),
            key: identity.key().to_string(),
            evidence: identity.evidence(),
            source: visit.source.to_string(),
            until: identity.valid_until(),
        }
    }
}

pub(super) fn whoami(me: &Me) -> String {
    format!(
        "{}\n  groups   {}\n  key      {}\n  from     {}\n  until    {}\n  issuer   {}\n  subject  {}\n",
        me.name,
        or_none(&me.groups.join(", ")),
        me.key,
        me.source,
        clock(me.until),
        me.issuer,
        me.subject
    )
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "(none)" } else { text }
}

/// A time to the second, in UTC.
fn clock(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

pub(super) fn targets(targets: &[TargetView]) -> String {
    if targets.is_empty() {
        return "no target is open to you\n".to_owned();
    }
    let rows: Vec<[String; 4]> = targets
        .iter()
        .map(|target| {
            let list = |items: Vec<String>| items.join(",");
            [
                target.info.name.to_string(),
                list(target.info.logins.iter().map(ToString::to_string).collect()),
                list(
                    target
                        .info
                        .labels
                        .iter()
                        .map(|(key, value)| format!("{key}={value}"))
                        .collect(),
                ),
                match target.shell {
                    "allow" => "open".to_owned(),
                    "hold" => "on request".to_owned(),
                    _ => "commands only".to_owned(),
                },
            ]
        })
        .collect();
    table(["TARGET", "LOGINS", "LABELS", "SHELL"], &rows)
}

pub(super) fn sessions(sessions: &[SessionSummary]) -> String {
    if sessions.is_empty() {
        return "no sessions\n".to_owned();
    }
    let rows: Vec<[String; 6]> = sessions
        .iter()
        .map(|session| {
            let state = session
                .ended
                .as_ref()
                .map_or_else(|| "running".to_owned(), |end| end.how.clone());
            [
                session.id.to_string(),
                session.person.clone(),
                session.destination.to_string(),
                clock(session.started),
                state,
                session.asked.clone(),
            ]
        })
        .collect();
    table(
        [
            "SESSION",
            "PERSON",
            "WHERE",
            "STARTED",
            "STATE",
            "ASKED FOR",
        ],
        &rows,
    )
}

/// A waiting request as lists show it.
#[derive(Debug, Serialize)]
pub(super) struct Request {
    id: HoldId,
    person: String,
    groups: Vec<String>,
    destination: String,
    action: crate::domain::action::Action,
    command: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    digest: String,
    inspection: String,
    policies: Vec<String>,
    approvals: usize,
    approvals_needed: u8,
    /// Whether an approval must be signed.
    signed: crate::domain::action::SignatureRule,
    approvers: Vec<String>,
    may_answer: bool,
    created: Timestamp,
    expires: Timestamp,
}

impl Request {
    pub(super) fn of(view: &HoldView) -> Self {
        let (hold, request) = (&view.hold, view.hold.request());
        Self {
            id: request.hold.clone(),
            person: request.requester.name.to_string(),
            groups: request
                .requester
                .groups
                .iter()
                .map(ToString::to_string)
                .collect(),
            destination: request.command.scope.destination.to_string(),
            action: request.action,
            command: request.command.shown(),
            reason: request.reason.clone(),
            digest: hold.digest().to_string(),
            inspection: crate::inspect::describe(&request.reading),
            policies: hold.requirements().policies.iter().cloned().collect(),
            approvals: hold.approvals().len(),
            approvals_needed: hold.requirements().approvals.get(),
            signed: hold.requirements().signed,
            approvers: view.approvers.iter().map(ToString::to_string).collect(),
            may_answer: view.may_answer,
            created: hold.created(),
            expires: hold.expires(),
        }
    }

    fn left(&self) -> String {
        let seconds = self
            .expires
            .duration_since(Timestamp::now())
            .as_secs()
            .max(0);
        format!("{}:{:02}", seconds / 60, seconds % 60)
    }
}

pub(super) fn requests(requests: &[Request]) -> String {
    if requests.is_empty() {
        return "nothing waits\n".to_owned();
    }
    let rows: Vec<[String; 7]> = requests
        .iter()
        .map(|request| {
            let who = match request.may_answer {
                true => "you".to_owned(),
                false => or_none(&request.approvers.join(",")).to_owned(),
            };
            [
                request.id.to_string(),
                request.left(),
                request.person.clone(),
                request.destination.clone(),
                who,
                or_none(request.reason.as_deref().unwrap_or_default()).to_owned(),
                request.command.clone(),
            ]
        })
        .collect();
    table(
        [
            "REQUEST", "LEFT", "PERSON", "WHERE", "ANSWERS", "REASON", "COMMAND",
        ],
        &rows,
    )
}

pub(super) fn home(
    me: &Me,
    mine: &[TargetView],
    running: &[SessionSummary],
    waiting: &[Request],
) -> String {
    let mut out = format!("Countersign — {} until {}\n", me.name, clock(me.until));
    let mut section = |title: &str, body: &str| {
        let indented: String = body.lines().map(|line| format!("  {line}\n")).collect();
        let _ = write!(out, "\n{title}\n{indented}");
    };
    section("Targets", &targets(mine));
    section("Your running sessions", &sessions(running));
    section("Requests", &requests(waiting));
    section(
        "Commands",
        "targets · sessions · requests · approve ID · refuse ID · certificate · ssh-config · known-hosts · whoami\nssh -t bastion dashboard · ssh -t bastion replay · each list has --json, each command --help",
    );
    out
}

/// Columns, as wide as their widest cell; the last one runs on.
fn table<const N: usize>(titles: [&str; N], rows: &[[String; N]]) -> String {
    let width = |text: &str| unicode_width::UnicodeWidthStr::width(text);
    let mut widths = titles.map(width);
    for row in rows {
        for (widest, cell) in widths.iter_mut().zip(row) {
            *widest = (*widest).max(width(cell));
        }
    }
    let mut out = String::new();
    let mut line = |cells: &[&str]| {
        let mut text = String::new();
        for (cell, widest) in cells.iter().zip(widths) {
            text.push_str(cell);
            text.extend(std::iter::repeat_n(
                ' ',
                widest.saturating_sub(width(cell)) + 2,
            ));
        }
        out.push_str(text.trim_end());
        out.push('\n');
    };
    line(&titles);
    for row in rows {
        line(&row.each_ref().map(String::as_str));
    }
    out
}

/// An ssh_config that reaches the bastion and, through it, every target.
pub(super) fn ssh_config(config: &Config, targets: &[TargetView]) -> String {
    let host = &config.ssh.public_host;
    let mut out = format!(
        "# Countersign: put this into ~/.ssh/config\nHost bastion\n    HostName {host}\n    Port {}\n    HostKeyAlias {host}\n",
        config.ssh.public_port
    );
    for target in targets {
        let names: Vec<String> = std::iter::once(&target.info.name)
            .chain(&target.info.aliases)
            .map(ToString::to_string)
            .collect();
        let login = target
            .info
            .logins
            .first()
            .map(ToString::to_string)
            .unwrap_or_default();
        let _ = write!(
            out,
            "\nHost {}\n    ProxyJump bastion\n    User {login}\n",
            names.join(" ")
        );
    }
    out
}

/// A known_hosts line that trusts the host authority for the bastion and the targets behind it.
pub(super) fn known_hosts(services: &Services) -> Result<String, String> {
    let config = services.config();
    let mut names = vec![config.ssh.public_host.clone()];
    if config.ssh.public_port != 22 {
        names.push(format!(
            "[{}]:{}",
            config.ssh.public_host, config.ssh.public_port
        ));
    }
    for target in config.targets.values() {
        names.extend(
            std::iter::once(&target.info.name)
                .chain(&target.info.aliases)
                .map(ToString::to_string),
        );
    }
    let key = services
        .authority
        .host_ca()
        .to_openssh()
        .map_err(|error| error.to_string())?;
    Ok(format!("@cert-authority {} {key}\n", names.join(",")))
}
