//! From verified claims to a [`Principal`], by the configuration's rules. Pure.
//!
//! Fails closed: no name, an unverified address, or groups that are known to exist but were not sent are refusals.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::config::IdentityConfig;
use crate::domain::name::{GroupName, PrincipalName};
use crate::domain::principal::{Principal, PrincipalKind, Subject};
use crate::identity::error::{IdentityError, TokenFault};

/// Groups that one person may be in.
const MAX_GROUPS: usize = 1000;

/// Authentication methods that are kept.
const MAX_METHODS: usize = 32;

/// Longest `acr` or authentication method that is kept, in bytes.
const METHOD_BYTES: usize = 256;

/// Which claims say what.
#[derive(Debug, Clone)]
pub(super) struct ClaimRules {
    name_claim: String,
    groups_claim: String,
    groups_prefix: String,
    verified_email: bool,
}

/// What the ID token says in fields of its own.
pub(super) struct Vouched {
    pub(super) subject: Subject,
    pub(super) acr: Option<String>,
    pub(super) amr: Vec<String>,
    pub(super) authenticated_at: Timestamp,
}

/// All claims of one verified token or userinfo answer.
#[derive(Debug, Clone)]
pub(super) struct Claims(Map<String, Value>);

impl Claims {
    pub(super) fn of(claims: &impl Serialize) -> Result<Self, IdentityError> {
        match serde_json::to_value(claims) {
            Ok(Value::Object(claims)) => Ok(Self(claims)),
            Ok(_) | Err(_) => Err(TokenFault::Malformed.into()),
        }
    }

    /// Adds what is missing here from the userinfo answer about the same person.
    pub(super) fn complete_from(&mut self, more: Claims, rules: &ClaimRules) {
        let mut more = more.0;
        // Whether an address is verified says something of the address beside it only: they come together.
        if !self.has("email") || !self.has("email_verified") {
            for claim in ["email", "email_verified"] {
                self.0.remove(claim);
                self.0.extend(more.remove_entry(claim));
            }
        }
        for claim in [&rules.name_claim, &rules.groups_claim] {
            if !self.has(claim) {
                self.0.extend(more.remove_entry(claim));
            }
        }
    }

    fn has(&self, claim: &str) -> bool {
        self.0.get(claim).is_some_and(|value| !value.is_null())
    }

    fn text(&self, claim: &str) -> Option<&str> {
        self.0.get(claim).and_then(Value::as_str)
    }

    /// Whether the provider says that this claim exists but is to be had elsewhere (OpenID Connect Core 5.6.2).
    fn is_elsewhere(&self, claim: &str) -> bool {
        let names = self.0.get("_claim_names").and_then(Value::as_object);
        names.is_some_and(|names| names.contains_key(claim))
            || self
                .0
                .get("hasgroups")
                .is_some_and(|has| *has == Value::Bool(true))
    }
}

impl ClaimRules {
    pub(super) fn new(config: &IdentityConfig) -> Self {
        Self {
            name_claim: config.name_claim.clone(),
            groups_claim: config.groups_claim.clone(),
            groups_prefix: config.groups_prefix.clone(),
            verified_email: config.require_verified_email || config.name_claim == "email",
        }
    }

    /// Whether the ID token lacks something that userinfo may have.
    pub(super) fn needs_userinfo(&self, claims: &Claims) -> bool {
        let groups = !self.groups_claim.is_empty() && !claims.has(&self.groups_claim);
        let email = self.verified_email && !claims.has("email_verified");
        groups || email || !claims.has(&self.name_claim)
    }

    /// The person.
    pub(super) fn principal(
        &self,
        claims: &Claims,
        vouched: Vouched,
    ) -> Result<Principal, IdentityError> {
        if self.verified_email && claims.0.get("email_verified") != Some(&Value::Bool(true)) {
            return Err(IdentityError::EmailUnverified);
        }
        let name = claims
            .text(&self.name_claim)
            .ok_or_else(|| IdentityError::NoName(self.name_claim.clone()))?;
        let fits =
            |text: &String| text.len() <= METHOD_BYTES && !text.chars().any(char::is_control);
        Ok(Principal {
            subject: vouched.subject,
            name: name.parse::<PrincipalName>()?,
            kind: PrincipalKind::Person,
            groups: self.groups(claims)?,
            acr: vouched.acr.filter(fits),
            amr: vouched
                .amr
                .into_iter()
                .filter(fits)
                .take(MAX_METHODS)
                .collect(),
            authenticated_at: vouched.authenticated_at,
        })
    }

    fn groups(&self, claims: &Claims) -> Result<BTreeSet<GroupName>, IdentityError> {
        let given: Vec<&str> = match claims.0.get(&self.groups_claim) {
            None | Some(Value::Null) if claims.is_elsewhere(&self.groups_claim) => {
                return Err(IdentityError::GroupsWithheld);
            }
            None | Some(Value::Null) => Vec::new(),
            Some(Value::String(list)) => split(list),
            Some(Value::Array(list)) => list.iter().filter_map(text_or_warn).collect(),
            Some(Value::Bool(_) | Value::Number(_) | Value::Object(_)) => {
                tracing::warn!(
                    claim = self.groups_claim,
                    "the groups claim is no list: nobody gets groups from it"
                );
                Vec::new()
            }
        };
        if given.len() > MAX_GROUPS {
            return Err(IdentityError::TooManyGroups(MAX_GROUPS));
        }
        let named = |group: &str| {
            let group = group.strip_prefix(&self.groups_prefix).unwrap_or(group);
            let name = group.parse::<GroupName>();
            name.inspect_err(|error| tracing::warn!(%error, "a group is left out"))
                .ok()
        };
        Ok(given.into_iter().filter_map(named).collect())
    }
}

/// `a,b` and `a b` are lists; with a comma, spaces belong to the names.
fn split(list: &str) -> Vec<&str> {
    let parts: Vec<&str> = if list.contains(',') {
        list.split(',').map(str::trim).collect()
    } else {
        list.split_whitespace().collect()
    };
    parts.into_iter().filter(|part| !part.is_empty()).collect()
}

fn text_or_warn(value: &Value) -> Option<&str> {
    let text = value.as_str();
    if text.is_none() {
        tracing::warn!("a group that is no text is left out");
    }
    text
}

#[cfg(test)]
mod tests;
