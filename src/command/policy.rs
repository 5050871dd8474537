//! `countersign policy check|test|explain`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::process::ExitCode;

use anyhow::{Context, bail};
use jiff::Timestamp;

use super::print;
use crate::cli::{Explain, Policy};
use crate::domain::action::Action;
use crate::domain::principal::{Principal, PrincipalKind, Subject};
use crate::domain::target::{EnforcementLayer, TargetInfo};
use crate::domain::verdict::{Circumstances, Question, Resource};
use crate::inspect;
use crate::policy::{PolicySet, test};

/// Checks, tests or explains policies.
///
/// # Errors
/// When the policies cannot be used or a case fails.
pub fn run(command: Policy) -> anyhow::Result<ExitCode> {
    match command {
        Policy::Check { folder } => {
            let set = PolicySet::load(&folder)?;
            let mut out = format!(
                "ok: {} policies, digest {}\n",
                set.rules().len(),
                set.digest()
            );
            for rule in set.rules() {
                let title = rule.title().unwrap_or_default();
                out.push_str(&format!(
                    "  {:<24} {}:{}  {title}\n",
                    rule.name(),
                    rule.file(),
                    rule.line()
                ));
            }
            print(&out)?;
            Ok(ExitCode::SUCCESS)
        }
        Policy::Test { folder, cases } => {
            let report = test::run(&PolicySet::load(&folder)?, &cases)?;
            print(&format!("{report}\n"))?;
            Ok(if report.passed() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            })
        }
        Policy::Explain(explain) => self::explain(&explain),
    }
}

fn explain(asked: &Explain) -> anyhow::Result<ExitCode> {
    let set = PolicySet::load(&asked.folder)?;
    let reading = inspect::exec(asked.command.as_bytes());
    let action = if reading.elevation.is_empty() {
        Action::Exec
    } else {
        Action::Sudo
    };
    let (principal, target) = (somebody(&asked.groups)?, target(asked)?);
    let question = Question {
        principal: &principal,
        action,
        resource: Resource::Target(&target),
        circumstances: Circumstances {
            command: None,
            source: IpAddr::V4(Ipv4Addr::LOCALHOST),
            now: Timestamp::now(),
            login: Some(asked.login.parse()?),
            reading: Some(reading.clone()),
            forward: None,
        },
    };
    let explanation = set.explain(&question);
    if asked.json {
        print(&(serde_json::to_string_pretty(&explanation)? + "\n"))?;
    } else {
        print(&format!(
            "inspection: {}\n{explanation}\n",
            inspect::describe(&reading)
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A person in these groups who signed in just now.
fn somebody(groups: &[String]) -> anyhow::Result<Principal> {
    let groups: Result<BTreeSet<_>, _> = groups.iter().map(|group| group.parse()).collect();
    Ok(Principal {
        subject: Subject {
            issuer: "https://example.com".to_owned(),
            subject: "somebody".to_owned(),
        },
        name: "somebody@example.com".parse()?,
        kind: PrincipalKind::Person,
        groups: groups?,
        acr: None,
        amr: BTreeSet::new(),
        authenticated_at: Timestamp::now(),
    })
}

fn target(asked: &Explain) -> anyhow::Result<TargetInfo> {
    let mut labels = BTreeMap::new();
    for label in &asked.labels {
        let Some((key, value)) = label.split_once('=') else {
            bail!("`{label}` is not a label such as `env=prod`")
        };
        labels.insert(key.to_owned(), value.to_owned());
    }
    Ok(TargetInfo {
        name: asked.target.parse().context("--target")?,
        aliases: BTreeSet::new(),
        logins: BTreeSet::from([asked.login.parse().context("--login")?]),
        labels,
        layers: BTreeSet::from([EnforcementLayer::Wire, EnforcementLayer::Line]),
    })
}
