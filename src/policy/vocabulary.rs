//! The words of the schema: entity types and actions, made once and cloned cheaply.

use std::str::FromStr;

use cedar_policy::{Entities, EntityId, EntityTypeName, EntityUid, Schema};

use crate::domain::action::Action;

const SCHEMA: &str = include_str!("schema.cedarschema");

/// What the request form of an action starts with.
const REQUEST: &str = "request";

/// The schema with its types.
#[derive(Debug)]
pub(super) struct Vocabulary {
    schema: Schema,
    actions: Entities,
    action: EntityTypeName,
    group: EntityTypeName,
    principal: EntityTypeName,
    target: EntityTypeName,
    session: EntityTypeName,
    hold: EntityTypeName,
    bastion: EntityTypeName,
}

impl Vocabulary {
    /// Loads the schema of this build.
    pub(super) fn new() -> Result<Self, String> {
        let (schema, warnings) =
            Schema::from_cedarschema_str(SCHEMA).map_err(|error| error.to_string())?;
        if let Some(warning) = warnings.into_iter().next() {
            return Err(warning.to_string());
        }
        let actions = schema.action_entities().map_err(|e| e.to_string())?;
        let named = |name| EntityTypeName::from_str(name).map_err(|e| e.to_string());
        Ok(Self {
            schema,
            actions,
            action: named("Action")?,
            group: named("Group")?,
            principal: named("Principal")?,
            target: named("Target")?,
            session: named("Session")?,
            hold: named("Hold")?,
            bastion: named("Bastion")?,
        })
    }

    pub(super) fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The hierarchy of the actions, which every question needs.
    pub(super) fn actions(&self) -> Entities {
        self.actions.clone()
    }

    /// May they do it now?
    pub(super) fn plain(&self, action: Action) -> EntityUid {
        uid(&self.action, action.as_str())
    }

    /// May they request it? `None` for what is not done on a target: there would be nothing to hold.
    pub(super) fn request(&self, action: Action) -> Option<EntityUid> {
        match action {
            Action::Connect
            | Action::Shell
            | Action::Exec
            | Action::Sudo
            | Action::Upload
            | Action::Download
            | Action::Forward
            | Action::Agent => Some(uid(&self.action, &format!("{REQUEST}:{action}"))),
            Action::Watch | Action::Replay | Action::Approve | Action::Administer => None,
        }
    }

    /// Whether this is the request form of an action, or the group of them all.
    pub(super) fn is_request(&self, action: &EntityUid) -> bool {
        let name = action.id().unescaped();
        name.split(':').next() == Some(REQUEST)
    }

    /// Whether a policy's action scope takes in an action: it is the action or a group of it.
    pub(super) fn includes(&self, scope: &EntityUid, action: &EntityUid) -> bool {
        self.actions.is_ancestor_of(scope, action)
    }

    pub(super) fn is_group(&self, entity: &EntityUid) -> bool {
        *entity.type_name() == self.group
    }

    pub(super) fn group(&self, name: &str) -> EntityUid {
        uid(&self.group, name)
    }

    pub(super) fn principal(&self, name: &str) -> EntityUid {
        uid(&self.principal, name)
    }

    pub(super) fn target(&self, name: &str) -> EntityUid {
        uid(&self.target, name)
    }

    pub(super) fn session(&self) -> EntityUid {
        uid(&self.session, "session")
    }

    pub(super) fn hold(&self, id: &str) -> EntityUid {
        uid(&self.hold, id)
    }

    pub(super) fn bastion(&self) -> EntityUid {
        uid(&self.bastion, "bastion")
    }
}

fn uid(kind: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_schema_knows_exactly_the_actions_of_the_domain() {
        let words = Vocabulary::new().unwrap();
        let known: BTreeSet<String> = words.schema.actions().map(ToString::to_string).collect();
        let ours: BTreeSet<String> = Action::ALL
            .iter()
            .flat_map(|action| [Some(words.plain(*action)), words.request(*action)])
            .flatten()
            .chain([uid(&words.action, REQUEST)])
            .map(|action| action.to_string())
            .collect();
        assert_eq!(known, ours);
    }
}
