//! Cedar policies to verdicts: may this person do this now, may they request it, or neither?
//!
//! Owns the policy files, their schema and every question to them. Invariants: what no policy allows is denied;
//! an error while policies are evaluated is a denial; nobody approves their own request and no workload approves
//! anything, whatever the policies say; a policy set that does not validate never comes into force.
//!
//! It does not decide what to ask (that is the relay's) and does not answer holds (that is approval's): it reads
//! files and evaluates. `schema.cedarschema` beside this file tells authors what policies can talk about.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use cedar_policy::{ActionConstraint, Authorizer, Decision, EntityUid, PolicyId};
use jiff::Timestamp;
use serde::Serialize;

use crate::domain::action::Action;
use crate::domain::name::GroupName;
use crate::domain::principal::{Principal, PrincipalKind, Subject};
use crate::domain::request::ApprovalRequest;
use crate::domain::verdict::{Circumstances, Denial, Question, Resource, Tell, Verdict};

mod vocabulary;

mod error;

mod annotation;

mod folders;

mod asking;

mod load;

mod explain;

mod keeper;

mod needs;

mod following;

pub mod test;

pub use annotation::{
    DEFAULT_APPROVALS, DEFAULT_EXPIRY, DEFAULT_REASON, LONGEST_AGAIN, LONGEST_EXPIRY,
    MOST_APPROVALS, NAME_BYTES, SHORTEST_EXPIRY, TITLE_CHARS,
};
pub use error::{MOST_PROBLEMS, PolicyError, Problem};
pub use explain::{Asked, Explanation, Form, Match};
pub use keeper::{PolicyKeeper, Reloaded};
pub use load::{FILE_BYTES, MOST_FILES, MOST_POLICIES};
pub use needs::{actions, held_for_company, strictest};

use annotation::Terms;
use asking::Asking;
use load::Sources;
use vocabulary::Vocabulary;

/// Most groups that [`PolicySet::approver_groups`] tries and names.
pub const MOST_APPROVER_GROUPS: usize = 64;

/// The rule of this code that nobody approves their own request.
pub const OWN_REQUEST: &str = "built-in:own-request";

/// The rule of this code that a workload never approves.
pub const WORKLOAD_APPROVES: &str = "built-in:workload-approves";

/// The rule of this code that nobody approves a sudo that they could have called themselves.
pub const COMPANY: &str = "built-in:same-login";

/// The rule of this code that a sudo is held while others are on the same login.
pub const SHARED_LOGIN: &str = "built-in:shared-login";

/// A set of policies that validates.
#[derive(Debug)]
pub struct PolicySet {
    vocabulary: Vocabulary,
    cedar: cedar_policy::PolicySet,
    authorizer: Authorizer,
    rules: BTreeMap<String, Rule>,
    groups: BTreeSet<GroupName>,
    digest: String,
}

/// One policy of a set, as people find it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    name: String,
    file: String,
    line: usize,
    effect: RuleEffect,
    terms: Terms,
}

/// What a matching policy does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RuleEffect {
    /// It allows, unless another forbids.
    Permit,
    /// It denies, whatever others allow.
    Forbid,
}

impl fmt::Display for RuleEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Permit => "permit",
            Self::Forbid => "forbid",
        })
    }
}

impl Rule {
    /// Its name in the audit: `@id`, or else file and line.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file it is in.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The line it starts on.
    pub fn line(&self) -> usize {
        self.line
    }

    /// What it does when it matches.
    pub fn effect(&self) -> RuleEffect {
        self.effect
    }

    /// Its sentence for people.
    pub fn title(&self) -> Option<&str> {
        self.terms.title.as_deref()
    }
}

/// What the policies say to one form of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    Permitted(BTreeSet<String>),
    Forbidden(BTreeSet<String>),
    Silent,
    Failed(String),
}

/// A verdict with how it came about.
struct Decided {
    verdict: Verdict,
    plain: Option<Outcome>,
    request: Option<Outcome>,
}

impl PolicySet {
    /// Reads and validates every `*.cedar` file of a folder.
    ///
    /// # Errors
    /// Everything that is wrong in any file, with its place.
    pub fn load(folder: &Path) -> Result<Self, PolicyError> {
        Sources::read(folder)?.compile()
    }

    /// The policies that are built in, under which `countersign inspect` decides: whoever is in the group `people` may run
    /// ordinary named programs on production unasked, and request the rest.
    ///
    /// # Errors
    /// When the built-in text does not validate, which a test excludes.
    pub fn ordinary_programs() -> Result<Self, PolicyError> {
        Sources::built_in().compile()
    }

    /// SHA-256 in hexadecimal over the names and contents of the files.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The policies, by name.
    pub fn rules(&self) -> impl ExactSizeIterator<Item = &Rule> {
        self.rules.values()
    }

    /// Whether what the policies say to an action may depend on the command: then nothing can be said before there is
    /// one.
    pub fn depends_on_command(&self, action: Action) -> bool {
        let plain = self.vocabulary.plain(action);
        let request = self.vocabulary.request(action);
        let about = |constraint: ActionConstraint| match constraint {
            ActionConstraint::Any => true,
            ActionConstraint::Eq(named) => named == plain || Some(&named) == request.as_ref(),
            // A group of actions is taken to hold this one.
            ActionConstraint::In(named) => named.iter().any(|named| {
                *named == plain
                    || Some(named) == request.as_ref()
                    || named.id().unescaped() == "request"
            }),
        };
        self.cedar.policies().any(|policy| {
            about(policy.action_constraint()) && policy.to_string().contains("command")
        })
    }

    /// Answers one question.
    pub fn decide(&self, question: &Question<'_>) -> Verdict {
        self.decided(question).verdict
    }

    /// The groups such that somebody who is in that one alone could approve this request now: what a held user is
    /// told. They are taken to have signed in just now, by several methods, from where the requester connects.
    pub fn approver_groups(&self, request: &ApprovalRequest, now: Timestamp) -> Vec<GroupName> {
        let approves = |group: &&GroupName| {
            let Some(somebody) = somebody_in(group, now) else {
                return false;
            };
            let question = Question {
                principal: &somebody,
                action: Action::Approve,
                resource: Resource::Hold(request),
                circumstances: Circumstances {
                    reason: None,
                    command: None,
                    source: request.source,
                    now,
                    login: None,
                    reading: None,
                    forward: None,
                },
            };
            matches!(self.decide(&question), Verdict::Allow(_))
        };
        let groups = self.groups.iter().take(MOST_APPROVER_GROUPS);
        groups.filter(approves).cloned().collect()
    }

    fn decided(&self, question: &Question<'_>) -> Decided {
        let mut decided = Decided {
            verdict: Verdict::Deny(Denial::NotAllowed),
            plain: None,
            request: None,
        };
        if let Some(rule) = barred(question) {
            decided.verdict = Verdict::Deny(Denial::Forbidden(BTreeSet::from([rule.to_owned()])));
            return decided;
        }
        let asking = match Asking::new(&self.vocabulary, question) {
            Ok(asking) => asking,
            Err(error) => {
                decided.verdict = Verdict::Deny(Denial::PolicyFailed(error));
                return decided;
            }
        };
        let plain = self.ask(&asking, self.vocabulary.plain(question.action));
        decided.plain = Some(plain.clone());
        decided.verdict = match plain {
            Outcome::Permitted(policies) => {
                let tell = self
                    .matched(&policies)
                    .filter_map(|rule| rule.terms.tell)
                    .max();
                Verdict::allow(question, policies, tell.unwrap_or(Tell::Nobody))
            }
            Outcome::Forbidden(policies) => Verdict::Deny(Denial::Forbidden(policies)),
            Outcome::Failed(error) => Verdict::Deny(Denial::PolicyFailed(error)),
            Outcome::Silent => match self.vocabulary.request(question.action) {
                None => Verdict::Deny(Denial::NotAllowed),
                Some(action) => {
                    let request = self.ask(&asking, action);
                    decided.request = Some(request.clone());
                    self.requested(request)
                }
            },
        };
        decided
    }

    fn matched(&self, names: &BTreeSet<String>) -> impl Iterator<Item = &Rule> {
        names.iter().filter_map(|name| self.rules.get(name))
    }

    fn requested(&self, outcome: Outcome) -> Verdict {
        match outcome {
            Outcome::Permitted(policies) => {
                let matched = self
                    .matched(&policies)
                    .map(|rule| (rule.name.as_str(), &rule.terms))
                    .collect();
                Verdict::Hold(annotation::strictest(&matched))
            }
            Outcome::Forbidden(policies) => Verdict::Deny(Denial::Forbidden(policies)),
            Outcome::Silent => Verdict::Deny(Denial::NotAllowed),
            Outcome::Failed(error) => Verdict::Deny(Denial::PolicyFailed(error)),
        }
    }

    /// Cedar skips a policy that errs, which could be the one that forbids: any error fails the whole question.
    fn ask(&self, asking: &Asking, action: EntityUid) -> Outcome {
        let request = match asking.request(&self.vocabulary, action) {
            Ok(request) => request,
            Err(error) => return Outcome::Failed(error),
        };
        let response = self
            .authorizer
            .is_authorized(&request, &self.cedar, asking.entities());
        let diagnostics = response.diagnostics();
        if let Some(error) = diagnostics.errors().next() {
            return Outcome::Failed(error.to_string());
        }
        let named = |policy: &PolicyId| AsRef::<str>::as_ref(policy).to_owned();
        let policies: BTreeSet<String> = diagnostics.reason().map(named).collect();
        match response.decision() {
            Decision::Allow => Outcome::Permitted(policies),
            Decision::Deny if policies.is_empty() => Outcome::Silent,
            Decision::Deny => Outcome::Forbidden(policies),
        }
    }
}

/// What no policy can allow.
fn barred(question: &Question<'_>) -> Option<&'static str> {
    if question.action != Action::Approve {
        return None;
    }
    match question.principal.kind {
        PrincipalKind::Workload => return Some(WORKLOAD_APPROVES),
        PrincipalKind::Person => {}
    }
    match &question.resource {
        Resource::Hold(request) if request.requester.subject == question.principal.subject => {
            Some(OWN_REQUEST)
        }
        Resource::Hold(request) => {
            let subject = &question.principal.subject;
            let among = request.company().any(|person| person.subject == *subject);
            among.then_some(COMPANY)
        }
        Resource::Target(_) | Resource::Session { .. } | Resource::Bastion => None,
    }
}

/// A person who is in one group alone and nobody in particular. No provider has this issuer: it is not a URL.
fn somebody_in(group: &GroupName, now: Timestamp) -> Option<Principal> {
    let methods = ["mfa", "hwk", "otp", "user"];
    Some(Principal {
        subject: Subject {
            issuer: "nobody in particular".to_owned(),
            subject: group.to_string(),
        },
        name: "somebody".parse().ok()?,
        kind: PrincipalKind::Person,
        groups: BTreeSet::from([group.clone()]),
        acr: None,
        amr: methods.map(str::to_owned).into(),
        authenticated_at: now,
    })
}

#[cfg(test)]
mod tests;
