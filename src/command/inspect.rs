//! `countersign inspect`: what is understood of command lines, and what policy decides about them.
//!
//! Every line is read as an exec request and decided by the same engine as a session's. What stands on the standard
//! input of the command itself is taken for data. It runs nothing and asks nobody.

mod lines;

mod timing;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, bail};
use jiff::Timestamp;
use serde::Serialize;

use super::policy::somebody;
use super::print;
use crate::cli::Inspect;
use crate::config;
use crate::domain::command::{Layer, Reading};
use crate::domain::name::LoginName;
use crate::domain::principal::Principal;
use crate::domain::target::{EnforcementLayer, TargetInfo};
use crate::domain::verdict::{Circumstances, Question, Resource};
use crate::inspect;
use crate::inspect::marks::{Mark, Risk, marks};
use crate::policy::{PolicySet, actions, strictest};
use crate::transfer::placed;
use timing::Timing;

/// The group that the built-in policy is about.
const PEOPLE: &str = "people";

/// Whose answer it is where no configuration was given.
const BUILT_IN: &str =
    "decided by the built-in policy for a production target; --config asks your own\n";

/// Inspects one line for people, or lines of JSON for programs.
///
/// # Errors
/// When configuration or policies cannot be used, or input or output fails; a line that is no JSON is answered instead,
/// and the exit status tells of it.
pub fn run(inspect: &Inspect) -> anyhow::Result<ExitCode> {
    let mut inspector = Inspector::of(inspect)?;
    let mut status = ExitCode::SUCCESS;
    match &inspect.line {
        None => {
            let refused = lines::answer(io::stdin().lock(), io::stdout().lock(), &mut inspector)?;
            if refused > 0 {
                let lines = if refused == 1 { "line" } else { "lines" };
                eprintln!("{refused} {lines} of the input could not be understood");
                status = ExitCode::FAILURE;
            }
        }
        Some(line) => {
            let mut text = told(line, &inspector.inspect(line));
            if inspect.config.is_none() {
                text.push_str(BUILT_IN);
            }
            print(&text)?;
        }
    }
    if inspect.timing {
        eprintln!("{}", inspector.timing);
    }
    Ok(status)
}

/// Who is asked about, where, and under which policies.
struct Inspector {
    policies: PolicySet,
    principal: Principal,
    target: TargetInfo,
    login: LoginName,
    timing: Timing,
}

/// What was understood and decided of one line.
#[derive(Debug, Serialize)]
struct Inspected {
    /// The strictest answer: `allow`, `hold` or `deny`.
    decision: &'static str,
    facts: Facts,
}

/// A reading with what policy makes of it.
#[derive(Debug, Serialize)]
struct Facts {
    /// The action that made the decision so.
    action: &'static str,
    /// Whether anything could not be read.
    opaque: bool,
    #[serde(flatten)]
    reading: Reading,
    /// Where in the line the risky parts stand.
    marks: Vec<Mark>,
}

impl Inspector {
    fn of(inspect: &Inspect) -> anyhow::Result<Self> {
        let login: LoginName = inspect.login.parse().context("--login")?;
        let (policies, target, groups) = match &inspect.config {
            None => {
                let policies = PolicySet::ordinary_programs()?;
                let target = production(inspect, &login)?;
                (policies, target, vec![PEOPLE.to_owned()])
            }
            Some(file) => {
                let (config, _) = config::look(file)?;
                let Some(target) = config.target(&inspect.target.parse().context("--target")?)
                else {
                    bail!("there is no target `{}`", inspect.target)
                };
                let policies = PolicySet::load(&config.policies)?;
                (policies, target.info.clone(), inspect.groups.clone())
            }
        };
        Ok(Self {
            policies,
            principal: somebody(&groups)?,
            target,
            login,
            timing: Timing::default(),
        })
    }

    fn inspect(&mut self, line: &str) -> Inspected {
        let begun = Instant::now();
        let reading = placed(line.as_bytes(), inspect::exec(line.as_bytes()));
        let read = Instant::now();
        let inspected = self.decide(line, reading);
        self.timing.add(read - begun, read.elapsed());
        inspected
    }

    fn decide(&self, line: &str, reading: Reading) -> Inspected {
        let circumstances = Circumstances {
            reason: None,
            command: None,
            source: IpAddr::V4(Ipv4Addr::LOCALHOST),
            now: Timestamp::now(),
            login: Some(self.login.clone()),
            reading: Some(reading.clone()),
            forward: None,
        };
        let answers = actions(Layer::Exec, line.as_bytes(), &reading)
            .into_iter()
            .map(|action| {
                let question = Question {
                    principal: &self.principal,
                    action,
                    resource: Resource::Target(&self.target),
                    circumstances: circumstances.clone(),
                };
                (action, self.policies.decide(&question))
            });
        let (action, verdict) = strictest(answers);
        Inspected {
            decision: verdict.word(),
            facts: Facts {
                action: action.as_str(),
                opaque: reading.is_opaque(),
                marks: marks(line.as_bytes(), &reading),
                reading,
            },
        }
    }
}

/// A production target of which nothing more is known.
fn production(inspect: &Inspect, login: &LoginName) -> anyhow::Result<TargetInfo> {
    Ok(TargetInfo {
        name: inspect.target.parse().context("--target")?,
        aliases: BTreeSet::new(),
        logins: BTreeSet::from([login.clone()]),
        labels: BTreeMap::from([("env".to_owned(), "prod".to_owned())]),
        layers: BTreeSet::from([EnforcementLayer::Wire, EnforcementLayer::Line]),
    })
}

/// The answer for people: the decision, what was understood, and where in the line its risky parts are.
fn told(line: &str, inspected: &Inspected) -> String {
    let reading = &inspected.facts.reading;
    let mut out = format!(
        "{} ({}): {}\n",
        inspected.decision,
        inspected.facts.action,
        inspect::describe(reading)
    );
    let mut point = |(from, to): (usize, usize), what: &str| {
        if let Some(part) = line.get(from..to) {
            let shown = crate::domain::command::visible(part.as_bytes());
            out.push_str(&format!("  {what}: {shown} (bytes {from} to {to})\n"));
        }
    };
    for mark in &inspected.facts.marks {
        match mark.risk {
            Risk::Elevation => point(mark.span, "elevation"),
            Risk::Escape => point(mark.span, "can start a shell"),
            Risk::Unknown => {}
        }
    }
    for unknown in &reading.unknowns {
        unknown
            .span
            .into_iter()
            .for_each(|span| point(span, &unknown.reason));
    }
    out
}

#[cfg(test)]
mod tests;
