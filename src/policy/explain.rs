//! Why a question got its verdict, for people and as JSON. It decides nothing: the verdict is the one of `decide`.

use std::collections::BTreeSet;
use std::fmt;

use cedar_policy::{ActionConstraint, EntityUid};
use serde::Serialize;

use crate::domain::action::{ReasonRule, Requirements, SignatureRule};
use crate::domain::command::{Reading, visible};
use crate::domain::verdict::{Denial, Question, Resource, Verdict};
use crate::policy::asking::takes_command;
use crate::policy::{Outcome, PolicySet, Rule, RuleEffect};

/// Why a question got its verdict.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// `allow`, `hold` or `deny`.
    pub decision: &'static str,
    /// What was asked.
    pub asked: Asked,
    /// The policies that made it so; none when nothing allows it.
    pub because: Vec<Match>,
    /// Policies about this action whose other conditions did not hold.
    pub not_matching: Vec<Match>,
    /// What a request takes.
    pub requirements: Option<Requirements>,
    /// Why it was denied, for people.
    pub denial: Option<String>,
}

/// A question, written out.
#[derive(Debug, Clone, Serialize)]
pub struct Asked {
    /// The name of who asks.
    pub principal: String,
    /// Their groups.
    pub groups: Vec<String>,
    /// What they want to do.
    pub action: &'static str,
    /// On what.
    pub resource: String,
    /// As which account.
    pub login: Option<String>,
    /// From where.
    pub source: String,
    /// When.
    pub now: String,
    /// What was understood of the command.
    pub command: Option<AskedCommand>,
}

/// The facts of a command that policy saw.
#[derive(Debug, Clone, Serialize)]
pub struct AskedCommand {
    /// Programs it reaches.
    pub programs: BTreeSet<String>,
    /// Tools that give another user's rights.
    pub elevation: BTreeSet<String>,
    /// Programs that can start a shell.
    pub escapes: BTreeSet<String>,
    /// Whether part of it could not be read.
    pub opaque: bool,
    /// Files it would write.
    pub paths: Vec<String>,
}

/// Which form of the question a policy is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// May they do it now?
    Now,
    /// May they request it?
    Request,
    /// A rule of the code, which no policy can change.
    Always,
}

/// One policy in an explanation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Match {
    /// Its name.
    pub policy: String,
    /// What it does.
    pub effect: RuleEffect,
    /// Which form of the question it is about.
    pub form: Form,
    /// File and line; none for a rule of the code.
    pub place: Option<String>,
    /// Its sentence for people.
    pub title: Option<String>,
}

impl PolicySet {
    /// Answers one question, with why.
    pub fn explain(&self, question: &Question<'_>) -> Explanation {
        let decided = self.decided(question);
        let mut because = Vec::new();
        for (outcome, form) in [
            (&decided.plain, Form::Now),
            (&decided.request, Form::Request),
        ] {
            if let Some(Outcome::Permitted(names) | Outcome::Forbidden(names)) = outcome {
                because.extend(self.matches(names, form));
            }
        }
        let not_matching = self.not_matching(question, &because);
        let (requirements, denial) = match &decided.verdict {
            Verdict::Allow(_) => (None, None),
            Verdict::Hold(requirements) => (Some(requirements.clone()), None),
            Verdict::Deny(denial) => (None, Some(denial.to_string())),
        };
        if let (Verdict::Deny(Denial::Forbidden(names)), None) = (&decided.verdict, &decided.plain)
        {
            because.extend(names.iter().map(|name| built_in(name)));
        }
        Explanation {
            decision: decided.verdict.word(),
            asked: Asked::of(question),
            because,
            not_matching,
            requirements,
            denial,
        }
    }

    fn matches(&self, names: &BTreeSet<String>, form: Form) -> Vec<Match> {
        let rules = names.iter().filter_map(|name| self.rules.get(name));
        rules.map(|rule| Match::of(rule, form)).collect()
    }

    fn not_matching(&self, question: &Question<'_>, because: &[Match]) -> Vec<Match> {
        let plain = (Some(self.vocabulary.plain(question.action)), Form::Now);
        let request = (self.vocabulary.request(question.action), Form::Request);
        let mut others = Vec::new();
        for policy in self.cedar.policies() {
            let about = |action: &EntityUid| match policy.action_constraint() {
                ActionConstraint::Any => true,
                ActionConstraint::Eq(uid) => uid == *action,
                ActionConstraint::In(uids) => {
                    uids.iter().any(|uid| self.vocabulary.includes(uid, action))
                }
            };
            let Some(rule) = self.rules.get(AsRef::<str>::as_ref(policy.id())) else {
                continue;
            };
            for (action, form) in [&plain, &request] {
                let other = Match::of(rule, *form);
                if action.as_ref().is_some_and(about) && !because.contains(&other) {
                    others.push(other);
                }
            }
        }
        others.sort_by(|a, b| (&a.place, &a.policy).cmp(&(&b.place, &b.policy)));
        others
    }
}

fn built_in(name: &str) -> Match {
    Match {
        policy: name.to_owned(),
        effect: RuleEffect::Forbid,
        form: Form::Always,
        place: None,
        title: None,
    }
}

impl Match {
    fn of(rule: &Rule, form: Form) -> Self {
        Self {
            policy: rule.name.clone(),
            effect: rule.effect,
            form,
            place: Some(format!("{}:{}", rule.file, rule.line)),
            title: rule.title().map(str::to_owned),
        }
    }
}

impl Asked {
    fn of(question: &Question<'_>) -> Self {
        let circumstances = &question.circumstances;
        let resource = match &question.resource {
            Resource::Target(target) => format!("target {}", target.name),
            Resource::Session { owner, target } => format!("session of {owner} on {}", target.name),
            Resource::Hold(request) => format!(
                "request {} of {} to {} on {}",
                request.hold, request.requester.name, request.action, request.target.name
            ),
            Resource::Bastion => "the bastion".to_owned(),
        };
        let unread = Reading::opaque("nothing was read");
        let reading = circumstances.reading.as_ref().unwrap_or(&unread);
        let command = takes_command(question.action).then(|| AskedCommand {
            programs: reading.programs(),
            elevation: reading.elevation.clone(),
            escapes: reading.escapes.clone(),
            opaque: reading.is_opaque(),
            paths: reading.paths.clone(),
        });
        Self {
            principal: question.principal.name.to_string(),
            groups: question
                .principal
                .groups
                .iter()
                .map(ToString::to_string)
                .collect(),
            action: question.action.as_str(),
            resource,
            login: circumstances.login.as_ref().map(ToString::to_string),
            source: circumstances.source.to_string(),
            // Policies see no fraction of a second either.
            now: circumstances.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            command,
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.decision, self.asked)?;
        if let Some(denial) = &self.denial {
            writeln!(f, "  {}", visible(denial.as_bytes()))?;
        }
        if let Some(takes) = &self.requirements {
            let (approvals, minutes) = (takes.approvals, takes.expires_in.as_secs_f32() / 60.0);
            let reason = match takes.reason {
                ReasonRule::Optional => "optional",
                ReasonRule::Required => "required",
            };
            let signed = match takes.signed {
                SignatureRule::Optional => "",
                SignatureRule::Required => "; signed by the approver's own key",
            };
            writeln!(
                f,
                "  approvals: {approvals}; within {minutes} min; reason: {reason}{signed}"
            )?;
        }
        for (heading, policies) in [
            ("because of", &self.because),
            ("about this action, but not matching", &self.not_matching),
        ] {
            if !policies.is_empty() {
                writeln!(f, "{heading}:")?;
            }
            for policy in policies {
                writeln!(f, "  {policy}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups = self.groups.join(", ");
        write!(f, "{} ({groups}) wants to {}", self.principal, self.action)?;
        write!(f, " on {}", visible(self.resource.as_bytes()))?;
        if let Some(login) = &self.login {
            write!(f, " as {login}")?;
        }
        write!(f, ", from {} at {}", self.source, self.now)?;
        let Some(command) = &self.command else {
            return Ok(());
        };
        for (what, names) in [
            ("programs", &command.programs),
            ("elevation", &command.elevation),
            ("escapes", &command.escapes),
        ] {
            if !names.is_empty() {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                write!(f, "; {what}: {}", visible(names.join(", ").as_bytes()))?;
            }
        }
        if !command.paths.is_empty() {
            write!(
                f,
                "; paths: {}",
                visible(command.paths.join(", ").as_bytes())
            )?;
        }
        if command.opaque {
            f.write_str("; part of it could not be read")?;
        }
        Ok(())
    }
}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = match self.form {
            Form::Now => "",
            Form::Request => " to request",
            Form::Always => " always",
        };
        write!(f, "{}{form} `{}`", self.effect, self.policy)?;
        if let Some(place) = &self.place {
            write!(f, " ({place})")?;
        }
        match &self.title {
            Some(title) => write!(f, ": {title}"),
            None => Ok(()),
        }
    }
}
