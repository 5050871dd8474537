//! One case of a test file: as it is written, and as the question that it asks.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::domain::action::Action;
use crate::domain::command::{
    Command, Layer, Reading, Scope, SimpleCommand, StandardInput, Unknown,
};
use crate::domain::forward::Forward;
use crate::domain::id::{HoldId, SessionId};
use crate::domain::name::{GroupName, LoginName, PrincipalName, TargetName};
use crate::domain::principal::{KeyFingerprint, Principal, PrincipalKind, Subject};
use crate::domain::request::ApprovalRequest;
use crate::domain::sudo::{RunAs, SudoFacts};
use crate::domain::target::{Destination, EnforcementLayer, TargetInfo};
use crate::domain::verdict::{Circumstances, Question, Resource};
use crate::policy::test::CaseResult;
use crate::policy::{Explanation, PolicySet};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    name: String,
    #[serde(default)]
    groups: BTreeSet<GroupName>,
    #[serde(default = "person")]
    kind: PrincipalKind,
    action: Action,
    login: Option<LoginName>,
    target: Option<CaseTarget>,
    facts: Option<Facts>,
    /// As the audit writes it: `local localhost:5432`, `remote localhost:8080`, `local socket /run/x`.
    forward: Option<String>,
    requester: Option<Requester>,
    /// Why, in the asker's words.
    #[serde(default)]
    reason: Option<String>,
    /// Whether the session or the request is one's own.
    #[serde(default)]
    own: bool,
    #[serde(default = "loopback")]
    source: IpAddr,
    #[serde(default = "noon")]
    now: Timestamp,
    #[serde(default)]
    login_age: u32,
    acr: Option<String>,
    #[serde(default)]
    amr: BTreeSet<String>,
    expect: Expected,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseTarget {
    name: TargetName,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    layers: BTreeSet<EnforcementLayer>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    #[serde(default)]
    programs: BTreeSet<String>,
    #[serde(default)]
    elevation: BTreeSet<String>,
    #[serde(default)]
    escapes: BTreeSet<String>,
    #[serde(default)]
    opaque: bool,
    #[serde(default)]
    paths: Vec<String>,
    sudo: Option<Sudo>,
}

/// A sudo that asks the gate, as `context.sudo` has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sudo {
    #[serde(default)]
    program: String,
    #[serde(default)]
    words: String,
    #[serde(default)]
    folder: String,
    #[serde(default = "root")]
    run_as: String,
    #[serde(default = "yes")]
    whole: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Requester {
    #[serde(default)]
    groups: BTreeSet<GroupName>,
    #[serde(default = "person")]
    kind: PrincipalKind,
    action: Action,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Expected {
    Allow,
    Hold,
    Deny,
}

impl Expected {
    fn word(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Hold => "hold",
            Self::Deny => "deny",
        }
    }
}

/// When a case is asked that does not say: a Wednesday at noon.
const NOON: Timestamp = Timestamp::constant(1_735_732_800, 0);

fn noon() -> Timestamp {
    NOON
}

fn loopback() -> IpAddr {
    IpAddr::V4(Ipv4Addr::LOCALHOST)
}

fn root() -> String {
    RunAs::Default.to_string()
}

fn yes() -> bool {
    true
}

fn person() -> PrincipalKind {
    PrincipalKind::Person
}

impl Case {
    pub(super) fn run(&self, set: &PolicySet) -> Result<CaseResult, String> {
        let explanation = self.ask(set);
        Ok(CaseResult {
            name: self.name.clone(),
            expected: self.expect.word(),
            explanation: explanation.map_err(|lacks| format!("case `{}`: {lacks}", self.name))?,
        })
    }

    fn ask(&self, set: &PolicySet) -> Result<Explanation, String> {
        let principal = self.principal("asker", self.kind, &self.groups)?;
        let somebody_else = subject("somebody else");
        let target = || self.target();
        let (info, request);
        let resource = match self.action {
            Action::Connect
            | Action::Shell
            | Action::Exec
            | Action::Sudo
            | Action::Upload
            | Action::Download
            | Action::Forward
            | Action::Agent => {
                self.login()?;
                info = target()?;
                Resource::Target(&info)
            }
            Action::Administer if self.target.is_none() => Resource::Bastion,
            Action::Watch | Action::Replay | Action::Administer => {
                info = target()?;
                let owner = if self.own {
                    &principal.subject
                } else {
                    &somebody_else
                };
                Resource::Session {
                    owner,
                    target: &info,
                }
            }
            Action::Approve => {
                request = self.request(target()?)?;
                Resource::Hold(&request)
            }
        };
        Ok(set.explain(&Question {
            principal: &principal,
            action: self.action,
            resource,
            circumstances: Circumstances {
                reason: self.reason.clone(),
                command: None,
                source: self.source,
                now: self.now,
                login: self.login.clone(),
                reading: self.facts.as_ref().map(Facts::reading),
                forward: self.forward()?,
            },
        }))
    }

    fn principal(
        &self,
        name: &str,
        kind: PrincipalKind,
        groups: &BTreeSet<GroupName>,
    ) -> Result<Principal, String> {
        let age = SignedDuration::from_secs(self.login_age.into());
        let name: PrincipalName = name.parse().map_err(|e| format!("{e}"))?;
        Ok(Principal {
            subject: subject(name.as_str()),
            name,
            kind,
            groups: groups.clone(),
            acr: self.acr.clone(),
            amr: self.amr.clone(),
            authenticated_at: self.now.checked_sub(age).map_err(|e| e.to_string())?,
        })
    }

    fn login(&self) -> Result<&LoginName, String> {
        let missing = || format!("`{}` needs `login`", self.action);
        self.login.as_ref().ok_or_else(missing)
    }

    fn forward(&self) -> Result<Option<Forward>, String> {
        match (&self.forward, self.action) {
            (Some(text), _) => Ok(Some(text.parse().map_err(|e| format!("`{text}`: {e}"))?)),
            (None, Action::Forward) => Err("`forward` needs `forward`".to_owned()),
            (None, _) => Ok(None),
        }
    }

    fn target(&self) -> Result<TargetInfo, String> {
        let missing = || format!("`{}` needs `target`", self.action);
        let target = self.target.as_ref().ok_or_else(missing)?;
        Ok(TargetInfo {
            name: target.name.clone(),
            aliases: BTreeSet::new(),
            logins: self.login.iter().cloned().collect(),
            labels: target.labels.clone(),
            layers: target.layers.clone(),
        })
    }

    /// The request that is to be approved: the facts of the case are those of its command.
    fn request(&self, target: TargetInfo) -> Result<ApprovalRequest, String> {
        let asked = self
            .requester
            .as_ref()
            .ok_or("`approve` needs `requester`")?;
        let name = if self.own { "asker" } else { "requester" };
        let destination = Destination {
            login: self.login()?.clone(),
            target: target.name.clone(),
        };
        Ok(ApprovalRequest {
            hold: HoldId::new(0),
            requester: self.principal(name, asked.kind, &asked.groups)?,
            key: KeyFingerprint::new("SHA256:".to_owned()),
            source: self.source,
            reason: None,
            target,
            action: asked.action,
            command: Command {
                scope: Scope {
                    destination,
                    session: SessionId::new(self.now, [0; 10]),
                    ordinal: 0,
                },
                layer: Layer::Exec,
                bytes: Vec::new(),
                script: None,
            },
            reading: self.facts.as_ref().map_or_else(
                || Reading::opaque("the case gives no facts"),
                Facts::reading,
            ),
            screen: Vec::new(),
        })
    }
}

fn subject(name: &str) -> Subject {
    Subject {
        issuer: "https://idp.example".to_owned(),
        subject: name.to_owned(),
    }
}

impl Sudo {
    fn facts(&self) -> SudoFacts {
        SudoFacts {
            program: Some(self.program.clone()).filter(|program| !program.is_empty()),
            words: self.words.clone(),
            folder: self.folder.clone(),
            run_as: RunAs::Named(self.run_as.clone()),
            whole: self.whole,
            company: Vec::new(),
        }
    }
}

impl Facts {
    fn reading(&self) -> Reading {
        let programs = self.programs.iter().map(|program| SimpleCommand {
            program: program.clone(),
            words: vec![program.clone()],
            wrappers: Vec::new(),
        });
        let unknown = Unknown {
            reason: "the case says so".to_owned(),
            span: None,
        };
        Reading {
            sudo: self.sudo.as_ref().map(|sudo| Box::new(sudo.facts())),
            commands: programs.collect(),
            elevation: self.elevation.clone(),
            escapes: self.escapes.clone(),
            paths: self.paths.clone(),
            unknowns: if self.opaque {
                vec![unknown]
            } else {
                Vec::new()
            },
            input: StandardInput::default(),
        }
    }
}
