//! From a question to what Cedar evaluates: the entities and the context, with only what this question needs.
//!
//! What is unknown is made as bad as it can be: a command that nobody read is opaque, and a target that does not
//! say what it is for is production.

use std::collections::{BTreeSet, HashMap, HashSet};

use cedar_policy::{Context, Entities, Entity, EntityUid, Request, RestrictedExpression};
use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;

use crate::domain::action::Action;
use crate::domain::command::Reading;
use crate::domain::forward::{Endpoint, Forward};
use crate::domain::principal::{Principal, PrincipalKind, Subject};
use crate::domain::request::ApprovalRequest;
use crate::domain::sudo::SudoFacts;
use crate::domain::target::{EnforcementLayer, TargetInfo};
use crate::domain::verdict::{Circumstances, Question, Resource};
use crate::policy::folders;
use crate::policy::vocabulary::Vocabulary;

type Expression = RestrictedExpression;
type Pairs = Vec<(String, Expression)>;

/// A question in Cedar's terms, to be asked in its plain and its request form.
pub(super) struct Asking {
    principal: EntityUid,
    resource: EntityUid,
    context: Context,
    entities: Entities,
}

impl Asking {
    /// Translates a question.
    ///
    /// # Errors
    /// When it lacks what its action needs, or holds what Cedar cannot express.
    pub(super) fn new(words: &Vocabulary, question: &Question<'_>) -> Result<Self, String> {
        let now = question.circumstances.now;
        let mut entities = Vec::with_capacity(4);
        let principal = principal_entity(words, question.principal, now, &mut entities)?;
        let resource = match &question.resource {
            Resource::Target(target) => target_entity(words, target, &mut entities)?,
            Resource::Session { owner, target } => {
                session_entity(words, owner, target, &mut entities)?
            }
            Resource::Hold(request) => hold_entity(words, request, now, &mut entities)?,
            Resource::Bastion => {
                let bastion = words.bastion();
                entities.push(Entity::new_no_attrs(bastion.clone(), HashSet::new()));
                bastion
            }
        };
        let pairs = context(question.action, &question.circumstances)?;
        let context = Context::from_pairs(pairs).map_err(|e| e.to_string())?;
        let entities = words
            .actions()
            .add_entities(entities, None)
            .map_err(|e| e.to_string())?;
        Ok(Self {
            principal,
            resource,
            context,
            entities,
        })
    }

    /// The request for one form of the action, checked against the schema.
    ///
    /// # Errors
    /// When the action is not one for this resource.
    pub(super) fn request(&self, words: &Vocabulary, action: EntityUid) -> Result<Request, String> {
        let (principal, resource) = (self.principal.clone(), self.resource.clone());
        let context = self.context.clone();
        Request::new(principal, action, resource, context, Some(words.schema()))
            .map_err(|e| e.to_string())
    }

    pub(super) fn entities(&self) -> &Entities {
        &self.entities
    }
}

fn principal_entity(
    words: &Vocabulary,
    principal: &Principal,
    now: Timestamp,
    entities: &mut Vec<Entity>,
) -> Result<EntityUid, String> {
    let uid = words.principal(&principal.subject.to_string());
    let kind = match principal.kind {
        PrincipalKind::Person => "person",
        PrincipalKind::Workload => "workload",
    };
    let age = now.as_second() - principal.authenticated_at.as_second();
    let mut pairs = vec![
        pair("name", text(principal.name.as_str())),
        pair("kind", text(kind)),
        pair("subject", subject(&principal.subject)?),
        pair("amr", texts(principal.amr.iter().map(String::as_str))),
        pair("login_age", Expression::new_long(age.max(0))),
    ];
    if let Some(acr) = &principal.acr {
        pairs.push(pair("acr", text(acr)));
    }
    let groups = principal.groups.iter();
    let parents = groups.map(|group| words.group(group.as_str())).collect();
    entity(&uid, pairs, parents, entities)?;
    Ok(uid)
}

fn target_entity(
    words: &Vocabulary,
    target: &TargetInfo,
    entities: &mut Vec<Entity>,
) -> Result<EntityUid, String> {
    let uid = words.target(target.name.as_str());
    let env = target.labels.get("env").map_or("", String::as_str);
    let labels = target
        .labels
        .iter()
        .map(|(key, value)| text(&format!("{key}={value}")));
    let layers = target.layers.iter().map(|layer| match layer {
        EnforcementLayer::Wire => "wire",
        EnforcementLayer::Line => "line",
        EnforcementLayer::Sudo => "sudo",
    });
    let pairs = vec![
        pair("name", text(target.name.as_str())),
        pair("aliases", texts(target.aliases.iter().map(|a| a.as_str()))),
        pair("env", text(env)),
        pair("production", Expression::new_bool(is_production(env))),
        pair("labels", Expression::new_set(labels)),
        pair("layers", texts(layers)),
    ];
    entity(&uid, pairs, HashSet::new(), entities)?;
    Ok(uid)
}

/// Whether the label `env` means production. A target without one does: nobody said that it is harmless.
fn is_production(env: &str) -> bool {
    let env = env.trim().to_lowercase();
    env.is_empty() || env.starts_with("prod") || env == "prd" || env == "live"
}

fn session_entity(
    words: &Vocabulary,
    owner: &Subject,
    target: &TargetInfo,
    entities: &mut Vec<Entity>,
) -> Result<EntityUid, String> {
    let uid = words.session();
    let target = target_entity(words, target, entities)?;
    let pairs = vec![
        pair("owner", subject(owner)?),
        pair("target", Expression::new_entity_uid(target)),
    ];
    entity(&uid, pairs, HashSet::new(), entities)?;
    Ok(uid)
}

fn hold_entity(
    words: &Vocabulary,
    request: &ApprovalRequest,
    now: Timestamp,
    entities: &mut Vec<Entity>,
) -> Result<EntityUid, String> {
    let uid = words.hold(&request.hold.to_string());
    let requester = principal_entity(words, &request.requester, now, entities)?;
    let target = target_entity(words, &request.target, entities)?;
    let login = request.command.scope.destination.login.as_str();
    let mut pairs = vec![
        pair("requester", Expression::new_entity_uid(requester)),
        pair("target", Expression::new_entity_uid(target)),
        pair("login", text(login)),
        pair("action", text(request.action.as_str())),
        pair("command", facts(Some(&request.reading))?),
    ];
    if let Some(facts) = &request.reading.sudo {
        pairs.push(pair("sudo", sudo(facts)?));
    }
    entity(&uid, pairs, HashSet::new(), entities)?;
    Ok(uid)
}

/// Whether policy sees a command with this action.
pub(super) fn takes_command(action: Action) -> bool {
    match action {
        Action::Shell | Action::Exec | Action::Sudo | Action::Upload | Action::Download => true,
        Action::Connect
        | Action::Forward
        | Action::Agent
        | Action::Watch
        | Action::Replay
        | Action::Approve
        | Action::Administer => false,
    }
}

/// The context that the schema wants for an action.
fn context(action: Action, circumstances: &Circumstances) -> Result<Pairs, String> {
    let utc = TimeZone::UTC.to_datetime(circumstances.now);
    let source = circumstances.source.to_canonical().to_string();
    let weekday = match utc.weekday() {
        Weekday::Monday => "monday",
        Weekday::Tuesday => "tuesday",
        Weekday::Wednesday => "wednesday",
        Weekday::Thursday => "thursday",
        Weekday::Friday => "friday",
        Weekday::Saturday => "saturday",
        Weekday::Sunday => "sunday",
    };
    let datetime = utc.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let mut pairs = vec![
        pair("source", Expression::new_ip(source)),
        pair("now", Expression::new_datetime(datetime)),
        pair("hour", Expression::new_long(utc.hour().into())),
        pair("minute", Expression::new_long(utc.minute().into())),
        pair("weekday", text(weekday)),
    ];
    match action {
        Action::Watch | Action::Replay | Action::Approve | Action::Administer => return Ok(pairs),
        Action::Connect
        | Action::Forward
        | Action::Agent
        | Action::Shell
        | Action::Exec
        | Action::Sudo
        | Action::Upload
        | Action::Download => {}
    }
    let Some(login) = &circumstances.login else {
        return Err(format!("`{action}` was asked without a login"));
    };
    pairs.push(pair("login", text(login.as_str())));
    let reason = circumstances.reason.as_deref().unwrap_or_default();
    pairs.push(pair("reason", text(reason)));
    if takes_command(action) {
        pairs.push(pair("command", facts(circumstances.reading.as_ref())?));
    }
    let gate = circumstances.reading.as_ref();
    if let (Action::Sudo, Some(facts)) = (action, gate.and_then(|reading| reading.sudo.as_ref())) {
        pairs.push(pair("sudo", sudo(facts)?));
    }
    if action == Action::Forward {
        let Some(asked) = &circumstances.forward else {
            return Err(format!("`{action}` was asked without what is forwarded"));
        };
        pairs.push(pair("forward", forward(asked)?));
    }
    Ok(pairs)
}

fn forward(asked: &Forward) -> Result<Expression, String> {
    let (host, port, socket) = match &asked.endpoint {
        Endpoint::Port { host, port } => (host.to_lowercase(), *port, ""),
        Endpoint::Socket(path) => (String::new(), 0, path.as_str()),
    };
    record([
        pair("direction", text(asked.direction.as_str())),
        pair("host", text(&host)),
        pair("port", Expression::new_long(port.into())),
        pair("socket", text(socket)),
    ])
}

fn sudo(facts: &SudoFacts) -> Result<Expression, String> {
    record([
        pair("program", text(facts.program.as_deref().unwrap_or(""))),
        pair("words", text(&facts.words)),
        pair("folder", text(&facts.folder)),
        pair("run_as", text(&facts.run_as.to_string())),
        pair("whole", Expression::new_bool(facts.whole)),
        pair("shared", Expression::new_bool(!facts.company.is_empty())),
    ])
}

/// What was understood of a command. Where nothing was read, everything is unknown.
fn facts(reading: Option<&Reading>) -> Result<Expression, String> {
    let unread = Reading::default();
    let opaque = reading.is_none_or(Reading::is_opaque);
    let reading = reading.unwrap_or(&unread);
    let programs = reading.programs();
    let set = |names: &BTreeSet<String>| texts(names.iter().map(String::as_str));
    let (under_all, under_any) = folders::of(&reading.paths);
    record([
        pair("programs", set(&programs)),
        pair("elevation", set(&reading.elevation)),
        pair("escapes", set(&reading.escapes)),
        pair("opaque", Expression::new_bool(opaque)),
        pair("paths", texts(reading.paths.iter().map(String::as_str))),
        pair("under_all", texts(under_all.into_iter())),
        pair("under_any", texts(under_any.into_iter())),
    ])
}

fn subject(subject: &Subject) -> Result<Expression, String> {
    record([
        pair("issuer", text(&subject.issuer)),
        pair("id", text(&subject.subject)),
    ])
}

/// Adds an entity; one that is there already is the same one, as when somebody is asked about their own request.
fn entity(
    uid: &EntityUid,
    pairs: Pairs,
    parents: HashSet<EntityUid>,
    entities: &mut Vec<Entity>,
) -> Result<(), String> {
    if entities.iter().any(|known| known.uid() == *uid) {
        return Ok(());
    }
    let attributes: HashMap<String, Expression> = pairs.into_iter().collect();
    let made = Entity::new(uid.clone(), attributes, parents).map_err(|e| e.to_string())?;
    entities.push(made);
    Ok(())
}

fn pair(key: &str, value: Expression) -> (String, Expression) {
    (key.to_owned(), value)
}

fn text(value: &str) -> Expression {
    Expression::new_string(value.to_owned())
}

fn texts<'a>(values: impl Iterator<Item = &'a str>) -> Expression {
    Expression::new_set(values.map(text))
}

fn record(pairs: impl IntoIterator<Item = (String, Expression)>) -> Result<Expression, String> {
    Expression::new_record(pairs).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_production_unless_its_label_says_otherwise() {
        for env in ["", "  ", "prod", "Production", "prod-eu", "PRD", "live"] {
            assert!(is_production(env), "{env:?}");
        }
        for env in ["staging", "dev", "preprod", "test"] {
            assert!(!is_production(env), "{env:?}");
        }
    }
}
