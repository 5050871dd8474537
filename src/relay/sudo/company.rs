//! Who else is on the login of a session: their processes and its own have the same rights, and can reach each other's
//! agents.
//!
//! Invariant: when it cannot be told who is there, nothing is signed.

use std::collections::BTreeSet;

use super::{NotSigned, SudoGate};
use crate::config::TargetConfig;
use crate::domain::name::TargetName;
use crate::domain::sudo::Companion;
use crate::domain::target::EnforcementLayer;

impl SudoGate {
    /// Others who have a session as the same login on the same host, on any node and by any of the host's names.
    pub(super) async fn company(&self) -> Result<Vec<Companion>, NotSigned> {
        let services = &self.visit.services;
        let config = services.config();
        let here = |name: &TargetName| {
            let other = config.target(name);
            *name == self.destination.target || other.is_some_and(|other| self.is_same_host(other))
        };
        let running = services
            .store
            .running_sessions()
            .await
            .map_err(NotSigned::because)?;
        let me = &self.visit.identified.identity().principal().subject;
        let mut company = BTreeSet::new();
        for session in running {
            let there = session.destination;
            if session.subject != *me
                && there.login == self.destination.login
                && here(&there.target)
            {
                let name = session.person.parse().map_err(NotSigned::because)?;
                company.insert(Companion {
                    subject: session.subject,
                    name,
                });
            }
        }
        Ok(company.into_iter().collect())
    }

    /// Whether another target may be this host. Two with the gate are different ones, as their hosts' names are.
    fn is_same_host(&self, other: &TargetConfig) -> bool {
        let gated = other.info.layers.contains(&EnforcementLayer::Sudo);
        other.hostname == self.target.hostname
            || (!gated && other.address.eq_ignore_ascii_case(&self.target.address))
    }
}
