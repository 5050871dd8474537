//! Who else is on the login of a session: their processes and its own have the same rights, and can reach each other's
//! agents.
//!
//! Invariant: when it cannot be told who is there, nothing is signed.

use std::collections::BTreeSet;

use russh::keys::PublicKey;

use super::{NotSigned, SudoGate};
use crate::config::{Config, HostTrust, TargetConfig};
use crate::domain::recording::SessionSummary;
use crate::domain::sudo::Companion;

impl SudoGate {
    /// Others who have a session as the same login on what may be the same host, on any node that has not stopped. Two
    /// sessions are on two hosts when they found another host key at another address, and their targets share none of
    /// `hostname`, address and pinned keys.
    pub(super) async fn company(&self) -> Result<Vec<Companion>, NotSigned> {
        let services = &self.of.visit.services;
        let config = services.config();
        let running = services
            .store
            .running_sessions()
            .await
            .map_err(NotSigned::because)?;
        // In this order: a node that came back beats before it has a session.
        let stopped = services
            .peers
            .stopped(&services.store)
            .await
            .map_err(NotSigned::because)?;
        let me = &self.of.visit.identified.identity().principal().subject;
        let mut company = BTreeSet::new();
        for (node, session) in running {
            if session.subject != *me
                && session.destination.login == self.of.destination.login
                && !stopped.contains(&node)
                && self.may_be_here(&session, &config)
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

    /// Whether a session of another target, or of this one, may be on this host.
    fn may_be_here(&self, session: &SessionSummary, config: &Config) -> bool {
        let target = &session.destination.target;
        let found = session.host.as_ref();
        *target == self.of.destination.target
            || found.is_none_or(|found| found.may_be(&self.of.host))
            || is_here(config.target(target), &self.of.target)
    }
}

/// Whether sessions of another target may be on this host: one that the configuration does not know any more may be
/// anywhere.
fn is_here(other: Option<&TargetConfig>, this: &TargetConfig) -> bool {
    other.is_none_or(|other| may_be_same_host(other, this))
}

/// Whether two targets may be the same host: by its name, its address or its keys. A port tells nothing, as a host may
/// listen on many.
fn may_be_same_host(one: &TargetConfig, other: &TargetConfig) -> bool {
    one.hostname == other.hostname
        || one.address.eq_ignore_ascii_case(&other.address)
        || share_a_key(&one.host, &other.host)
}

fn share_a_key(one: &HostTrust, other: &HostTrust) -> bool {
    match (one, other) {
        (HostTrust::Pinned(one), HostTrust::Pinned(other)) => one.iter().any(|key| {
            let same = |it: &PublicKey| it.key_data() == key.key_data();
            other.iter().any(same)
        }),
        // Each host of an authority has keys of its own, which nobody knows before one connects.
        (HostTrust::Authority(_), _) | (HostTrust::Pinned(_), HostTrust::Authority(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use russh::keys::ssh_key::public::Ed25519PublicKey;

    use super::*;
    use crate::domain::target::{EnforcementLayer, TargetInfo};

    fn target(hostname: &str, address: &str, key: u8) -> TargetConfig {
        let key = PublicKey::from(Ed25519PublicKey([key; 32]));
        TargetConfig {
            info: TargetInfo {
                name: hostname.parse().unwrap(),
                aliases: BTreeSet::new(),
                logins: BTreeSet::new(),
                labels: BTreeMap::new(),
                layers: BTreeSet::from([EnforcementLayer::Sudo]),
            },
            address: address.to_owned(),
            port: 22,
            host: HostTrust::Pinned(vec![key]),
            hostname: hostname.parse().unwrap(),
            enter_widget: true,
        }
    }

    #[test]
    fn sessions_of_a_target_that_may_be_the_same_host_are_company() {
        let this = target("db1", "db1.example.test", 1);
        for other in [
            target("db1", "10.0.0.5", 2),
            // A second entry with the gate, on another port or not.
            target("db1-admin", "DB1.example.test", 2),
            // Its address where the other has its name.
            target("db1-admin", "10.0.0.5", 1),
        ] {
            assert!(is_here(Some(&other), &this), "{other:?}");
        }
        // One that was renamed or removed by a reload could be anywhere.
        assert!(is_here(None, &this));
        assert!(!is_here(Some(&target("web1", "10.0.0.6", 2)), &this));
    }
}
