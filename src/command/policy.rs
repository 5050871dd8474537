//! `countersign policy check|test|explain`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::process::ExitCode;

use anyhow::{Context, bail};
use jiff::Timestamp;
use serde::Serialize;

use super::print;
use crate::cli::{Explain, Policy};
use crate::domain::command::{Layer, Reading};
use crate::domain::forward::Forward;
use crate::domain::principal::{Principal, PrincipalKind, Subject};
use crate::domain::target::{EnforcementLayer, TargetInfo};
use crate::domain::verdict::{Circumstances, Question, Resource};
use crate::domain::words::quoted;
use crate::inspect;
use crate::policy::{Explanation, PolicySet, actions, strictest, test};
use crate::transfer::placed;

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

/// What is asked about, read as a session without a terminal reads it.
struct Asked {
    layer: Layer,
    bytes: Vec<u8>,
    reading: Reading,
    forward: Option<Forward>,
}

impl Asked {
    fn of(explain: &Explain) -> anyhow::Result<Self> {
        if let Some(sudo) = &explain.sudo {
            return Self::of_sudo(sudo);
        }
        Ok(match &explain.forward {
            Some(forward) => Self {
                layer: Layer::Forward,
                bytes: forward.to_string().into_bytes(),
                reading: Reading::default(),
                forward: Some(forward.clone()),
            },
            None => {
                let bytes = explain.command.clone().unwrap_or_default().into_bytes();
                Self {
                    layer: Layer::Exec,
                    reading: placed(&bytes, inspect::piped(&bytes)),
                    bytes,
                    forward: None,
                }
            }
        })
    }

    /// A sudo as its words would reach the gate.
    fn of_sudo(text: &str) -> anyhow::Result<Self> {
        let words = shlex::bytes::split(text.as_bytes());
        let words = words.with_context(|| format!("`{text}` cannot be split into words"))?;
        let whole = inspect::sudo::Called {
            arguments: &words,
            folder: b"/",
            whole: true,
        };
        Ok(Self {
            layer: Layer::Sudo,
            reading: inspect::sudo::read_words(whole),
            bytes: quoted(&words),
            forward: None,
        })
    }
}

/// What is decided of everything that was asked, and each question's own answer.
#[derive(Serialize)]
struct Explained {
    /// The strictest: `allow`, `hold` or `deny`.
    decision: &'static str,
    /// The action that made it so.
    action: &'static str,
    /// What was understood.
    inspection: String,
    /// What nobody said.
    granted: Vec<&'static str>,
    answers: Vec<Explanation>,
}

fn explain(explain: &Explain) -> anyhow::Result<ExitCode> {
    let set = PolicySet::load(&explain.folder)?;
    let explained = explained(&set, explain)?;
    if explain.json {
        print(&(serde_json::to_string_pretty(&explained)? + "\n"))?;
    } else {
        print(&format!("{explained}\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn explained(set: &PolicySet, explain: &Explain) -> anyhow::Result<Explained> {
    let asked = Asked::of(explain)?;
    let now = explain.at.unwrap_or_else(Timestamp::now);
    let target = target(explain)?;
    let principal = Principal {
        authenticated_at: now,
        ..somebody(&explain.groups)?
    };
    let circumstances = Circumstances {
        reason: explain.reason.clone(),
        command: None,
        source: explain.source.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        now,
        login: Some(explain.login.parse()?),
        reading: Some(asked.reading.clone()),
        forward: asked.forward,
    };
    let questions: Vec<_> = actions(asked.layer, &asked.bytes, &asked.reading)
        .into_iter()
        .map(|action| Question {
            principal: &principal,
            action,
            resource: Resource::Target(&target),
            circumstances: circumstances.clone(),
        })
        .collect();
    let verdicts = questions.iter().map(|it| (it.action, set.decide(it)));
    let (action, verdict) = strictest(verdicts);
    Ok(Explained {
        decision: verdict.word(),
        action: action.as_str(),
        inspection: inspect::describe(&asked.reading),
        granted: granted(explain),
        answers: questions.iter().map(|it| set.explain(it)).collect(),
    })
}

/// What is asked about that the command line does not say, and where it could.
fn granted(explain: &Explain) -> Vec<&'static str> {
    let place = explain
        .source
        .is_none()
        .then_some("from 127.0.0.1 (--source)");
    let time = explain.at.is_none().then_some("now (--at)");
    let said = place.into_iter().chain(time);
    said.chain(["signed in just then"]).collect()
}

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "taken for granted: {}", self.granted.join(", "))?;
        if !self.inspection.is_empty() {
            writeln!(f, "inspection: {}", self.inspection)?;
        }
        for answer in &self.answers {
            write!(f, "{answer}")?;
        }
        match self.answers.as_slice() {
            [_] => Ok(()),
            all => write!(
                f,
                "{} in all: each of {} is asked about, the strictest answer counts ({})",
                self.decision,
                all.len(),
                self.action
            ),
        }
    }
}

/// A person in these groups who signed in just now.
pub(super) fn somebody(groups: &[String]) -> anyhow::Result<Principal> {
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
        layers: [EnforcementLayer::Wire, EnforcementLayer::Line]
            .into_iter()
            .chain(asked.sudo.as_ref().map(|_| EnforcementLayer::Sudo))
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    const POLICIES: &str = r#"
@id("work") permit (principal, action in [Action::"exec", Action::"connect"], resource);
@id("fetch") permit (principal, action == Action::"download", resource)
when { context.command.under_all.contains("/srv/app") };
@id("root") permit (principal, action == Action::"request:sudo", resource);
@id("reload") permit (principal, action == Action::"sudo", resource) when {
  context has sudo && !context.command.opaque && context.sudo.words == "systemctl reload 'a b'" &&
  resource.layers.contains("sudo")
};
@id("database") permit (principal, action == Action::"forward", resource)
when { context.forward.port == 5432 };
"#;

    fn explained_of(arguments: &[&str]) -> Explained {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("policies.cedar"), POLICIES).unwrap();
        let path = folder.path().to_str().unwrap();
        let line = ["countersign", "policy", "explain", path];
        let parsed = Cli::try_parse_from([&line, arguments].concat()).unwrap();
        let Command::Policy(Policy::Explain(explain)) = parsed.command else {
            panic!("{parsed:?}");
        };
        explained(&PolicySet::load(folder.path()).unwrap(), &explain).unwrap()
    }

    fn answers(arguments: &[&str]) -> (&'static str, Vec<(&'static str, &'static str)>) {
        let explained = explained_of(arguments);
        let answers = explained.answers.iter();
        let each = answers.map(|it| (it.asked.action, it.decision)).collect();
        (explained.decision, each)
    }

    #[test]
    fn a_transfer_is_asked_about_as_the_bastion_asks_about_it() {
        let allowed = answers(&["scp -f /srv/app/x"]);
        assert_eq!(allowed, ("allow", vec![("download", "allow")]));
        let elsewhere = answers(&["scp -f /etc/passwd"]);
        assert_eq!(elsewhere, ("deny", vec![("download", "deny")]));
        let sftp = answers(&["/usr/lib/openssh/sftp-server"]);
        assert_eq!(sftp.0, "deny");
        assert_eq!(sftp.1.len(), 2);
    }

    #[test]
    fn every_action_is_asked_about_and_the_strictest_answer_counts() {
        let asked = answers(&["sudo id"]);
        assert_eq!(asked, ("hold", vec![("sudo", "hold"), ("exec", "allow")]));
        let text = explained_of(&["sudo id"]).to_string();
        assert!(text.contains("wants to exec"), "{text}");
        assert!(text.contains("hold in all"), "{text}");
    }

    #[test]
    fn a_sudo_is_explained_by_its_own_words_instead_of_a_command() {
        let asked = |sudo| answers(&["--sudo", sudo]);
        let reload = "sudo -u root systemctl reload 'a b'";
        assert_eq!(asked(reload), ("allow", vec![("sudo", "allow")]));
        for other in [
            "sudo -s systemctl reload 'a b'",
            "sudo systemctl reload a b",
        ] {
            assert_eq!(asked(other), ("hold", vec![("sudo", "hold")]), "{other}");
        }
        // The same on the wire is a command that a shell reads first.
        assert_eq!(answers(&[reload]).0, "hold");
    }

    #[test]
    fn an_explanation_says_what_it_takes_for_granted_and_asks_about_other_places_and_times() {
        let text = explained_of(&["id"]).to_string();
        let granted =
            "taken for granted: from 127.0.0.1 (--source), now (--at), signed in just then";
        assert!(text.starts_with(granted), "{text}");
        let asked = [
            "id",
            "--source",
            "10.1.2.3",
            "--at",
            "2026-11-24T17:30:00.5Z",
        ];
        let text = explained_of(&asked).to_string();
        assert!(
            text.starts_with("taken for granted: signed in just then"),
            "{text}"
        );
        assert!(
            text.contains(", from 10.1.2.3 at 2026-11-24T17:30:00Z"),
            "{text}"
        );
    }

    #[test]
    fn a_forward_is_explained_instead_of_a_command() {
        let asked = |forward| answers(&["--forward", forward]);
        assert_eq!(
            asked("local db:5432"),
            ("allow", vec![("forward", "allow")])
        );
        assert_eq!(asked("remote db:22"), ("deny", vec![("forward", "deny")]));
        for wrong in [
            &["--forward", "db:22"][..],
            &["--forward", "local db:22", "id"],
            &[],
        ] {
            let line = ["countersign", "policy", "explain", "folder"];
            assert!(Cli::try_parse_from([&line, wrong].concat()).is_err());
        }
    }
}
