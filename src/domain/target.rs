//! What is known of a target, and how people name a login on one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::domain::name::{LoginName, NameError, TargetName};
use crate::domain::principal::KeyFingerprint;

/// One way in which the bastion sees and stops what happens on a target; see the README for what each is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EnforcementLayer {
    /// Exec requests, subsystems and forwards on the wire: a boundary, on every target.
    Wire,
    /// Lines typed in an interactive shell: a guard rail.
    Line,
    /// Every sudo, through the target's own PAM: a boundary.
    Sudo,
}

/// A target as policy, screens and the audit see it. How it is dialled is configuration.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TargetInfo {
    /// The name that certificates and the audit use.
    pub name: TargetName,
    /// Other names people may type.
    pub aliases: BTreeSet<TargetName>,
    /// Accounts that may be asked for.
    pub logins: BTreeSet<LoginName>,
    /// Free labels for policy, such as `env = "prod"`.
    pub labels: BTreeMap<String, String>,
    /// What enforces here.
    pub layers: BTreeSet<EnforcementLayer>,
}

/// A host as a connection to it found it, whatever it is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostSeen {
    /// The host key that it proved, also where that came in a certificate.
    pub key: KeyFingerprint,
    /// The address that answered.
    pub address: IpAddr,
}

impl HostSeen {
    /// Whether another connection may have found the same host: by its key, or by an address, behind which there may be
    /// more than one.
    pub fn may_be(&self, other: &Self) -> bool {
        self.key == other.key || self.address == other.address
    }
}

impl TargetInfo {
    /// Whether people may call this target so.
    pub fn answers_to(&self, name: &TargetName) -> bool {
        self.name == *name || self.aliases.contains(name)
    }
}

/// One login on one target, `deploy@db1`: what a grant opens.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Destination {
    /// The account.
    pub login: LoginName,
    /// The host.
    pub target: TargetName,
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.login, self.target)
    }
}

/// What the user name of an SSH connection asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// The bastion itself: home screen, dashboard, commands. Any plain user name.
    Bastion,
    /// A login on a target: `deploy@db1` or `deploy+db1`.
    Target(Destination),
}

impl Asked {
    /// Reads an SSH user name. The last `@` or `+` divides login and target.
    ///
    /// # Errors
    /// When a part is not a valid name; the text is what the client sent.
    pub fn parse(user: &str) -> Result<Self, NameError> {
        let Some((login, target)) = user.rsplit_once(['@', '+']) else {
            return Ok(Self::Bastion);
        };
        Ok(Self::Target(Destination {
            login: login.parse()?,
            target: target.to_ascii_lowercase().parse()?,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn destination(login: &str, target: &str) -> Asked {
        Asked::Target(Destination {
            login: login.parse().unwrap(),
            target: target.parse().unwrap(),
        })
    }

    #[test]
    fn a_host_is_known_again_by_its_key_at_another_address_and_by_its_address_with_another_key() {
        let seen = |key: &str, address: &str| HostSeen {
            key: KeyFingerprint::new(key.to_owned()),
            address: address.parse().unwrap(),
        };
        let this = seen("SHA256:one", "10.0.0.5");
        assert!(this.may_be(&seen("SHA256:one", "2001:db8::5")));
        assert!(this.may_be(&seen("SHA256:two", "10.0.0.5")));
        assert!(!this.may_be(&seen("SHA256:two", "10.0.0.6")));
    }

    #[test]
    fn a_user_name_with_a_target_is_read_in_both_spellings() {
        assert_eq!(Asked::parse("deploy@db1"), Ok(destination("deploy", "db1")));
        assert_eq!(
            Asked::parse("deploy+DB1.prod"),
            Ok(destination("deploy", "db1.prod"))
        );
        assert_eq!(Asked::parse("alice"), Ok(Asked::Bastion));
    }

    #[test]
    fn a_user_name_with_strange_parts_is_refused() {
        for user in [
            "@db1",
            "deploy@",
            "a@b@c",
            "-oProxyCommand=x@db1",
            "deploy@db1/../x",
        ] {
            assert!(Asked::parse(user).is_err(), "{user}");
        }
    }
}
