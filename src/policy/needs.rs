//! What a command needs of policy: the actions that are asked about, and the strictest of the answers.
//!
//! Invariant: a command needs all of its actions. It asks nothing itself, so that a session and `policy explain` cannot
//! ask differently.

use std::collections::BTreeSet;

use crate::domain::action::{Action, Requirements, SignatureRule};
use crate::domain::command::{Layer, Reading};
use crate::domain::forward::AGENT;
use crate::domain::verdict::{Denial, Verdict};
use crate::transfer::{self, FarEnd};

use super::SHARED_LOGIN;
use super::annotation::{DEFAULT_APPROVALS, DEFAULT_EXPIRY, DEFAULT_REASON};

/// The actions that a command of these bytes needs, each of which policy must let happen. What asks for another user's
/// rights is a command as well: it needs both.
pub fn actions(layer: Layer, bytes: &[u8], reading: &Reading) -> Vec<Action> {
    match layer {
        Layer::Connect => vec![Action::Connect],
        Layer::Shell => vec![Action::Shell],
        Layer::Forward if bytes == AGENT.as_bytes() => vec![Action::Agent],
        Layer::Forward => vec![Action::Forward],
        Layer::Sudo => vec![Action::Sudo],
        Layer::Transfer => transfer::actions(bytes).to_vec(),
        Layer::Subsystem if bytes == b"sftp" => vec![Action::Upload, Action::Download],
        Layer::Exec | Layer::Line | Layer::Subsystem if !reading.elevation.is_empty() => {
            vec![Action::Sudo, Action::Exec]
        }
        Layer::Exec if reading.is_opaque() => vec![Action::Exec],
        Layer::Exec => match FarEnd::of(bytes) {
            Some(end) => end.actions(),
            None => vec![Action::Exec],
        },
        Layer::Line | Layer::Subsystem => vec![Action::Exec],
    }
}

/// The answer to everything that was asked. All of it must be allowed; of what may be requested the strictest terms
/// count, and one refusal refuses it all. Where nothing was asked nothing is allowed.
pub fn strictest(answers: impl IntoIterator<Item = (Action, Verdict)>) -> (Action, Verdict) {
    let nothing = || (Action::Exec, Verdict::Deny(Denial::NotAllowed));
    answers.into_iter().reduce(stricter).unwrap_or_else(nothing)
}

/// What is said of a sudo: never more than that it may be requested while somebody else is on the same login, whose it
/// could be.
pub fn held_for_company(verdict: Verdict, reading: &Reading) -> Verdict {
    let company = reading.sudo.as_ref().map(|facts| &facts.company);
    match (verdict, company) {
        (Verdict::Allow(_), Some(company)) if !company.is_empty() => {
            let names: Vec<&str> = company.iter().map(|person| person.name.as_str()).collect();
            Verdict::Hold(Requirements {
                again_for: None,
                signed: SignatureRule::Optional,
                approvals: DEFAULT_APPROVALS,
                expires_in: DEFAULT_EXPIRY,
                reason: DEFAULT_REASON,
                policies: BTreeSet::from([SHARED_LOGIN.to_owned()]),
                sentence: Some(format!("{} could have called it as well", names.join(", "))),
            })
        }
        (verdict, _) => verdict,
    }
}

/// The stricter of two answers; of two that hold, the terms of both.
fn stricter(one: (Action, Verdict), other: (Action, Verdict)) -> (Action, Verdict) {
    match (one, other) {
        (denied @ (_, Verdict::Deny(_)), _) | (_, denied @ (_, Verdict::Deny(_))) => denied,
        ((action, Verdict::Hold(terms)), (_, Verdict::Hold(more))) => {
            (action, Verdict::Hold(terms.and(more)))
        }
        (held @ (_, Verdict::Hold(_)), _) | (_, held @ (_, Verdict::Hold(_))) => held,
        (allowed, (_, Verdict::Allow(_))) => allowed,
    }
}
