//! The `[[targets]]` tables.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use russh::keys::ssh_key::PublicKey;

use super::HostName;
use crate::config::raw::{Problems, Section};
use crate::config::{HostTrust, TargetConfig};
use crate::domain::name::{NameError, TargetName};
use crate::domain::target::{EnforcementLayer, TargetInfo};

pub(super) fn read(
    sections: Vec<Section<'_>>,
    problems: &mut Problems<'_>,
) -> BTreeMap<TargetName, TargetConfig> {
    let mut targets = BTreeMap::new();
    let mut taken = BTreeSet::new();
    let mut hosts = BTreeSet::new();
    for mut section in sections {
        let Some(target) = target(&mut section, problems) else {
            section.finish(problems);
            continue;
        };
        for name in std::iter::once(&target.info.name).chain(&target.info.aliases) {
            if !taken.insert(name.clone()) {
                section.problem(problems, "name", format!("`{name}` names two targets"));
            }
        }
        if target.info.layers.contains(&EnforcementLayer::Sudo)
            && !hosts.insert(target.hostname.clone())
        {
            let message = format!(
                "two targets with the sudo gate call themselves `{}`: a sudo on one could be signed for the other",
                target.hostname
            );
            section.problem(problems, "hostname", message);
        }
        section.finish(problems);
        targets.insert(target.info.name.clone(), target);
    }
    targets
}

fn target(section: &mut Section<'_>, problems: &mut Problems<'_>) -> Option<TargetConfig> {
    let name = section.required("name", problems);
    let aliases = section.list("aliases", problems).unwrap_or_default();
    let address = section.required::<HostName>("address", problems);
    let port = section.number("port", 1..=65_535, problems);
    let logins = section.list("logins", problems).unwrap_or_default();
    if logins.is_empty() {
        section.problem(problems, "logins", "must name at least one login");
    }
    let labels = section.texts("labels", problems);
    let layers: BTreeSet<_> = section
        .list::<LayerWord>("layers", problems)
        .unwrap_or_default()
        .into_iter()
        .map(|word| word.0)
        .collect();
    let layers = layers.into_iter().chain([EnforcementLayer::Wire]).collect();
    let enter_widget = section.flag("enter_widget", problems);
    let keys = section.list::<PublicKey>("host_keys", problems);
    let authority = section.parsed::<PublicKey>("host_ca", problems);
    let host = match (keys, authority) {
        (Some(keys), None) if !keys.is_empty() => Some(HostTrust::Pinned(keys)),
        (None, Some(key)) => Some(HostTrust::Authority(Box::new(key))),
        (Some(_), _) | (None, None) => {
            section.problem(
                problems,
                "host_keys",
                "name the target's public host keys here, or its authority as `host_ca`",
            );
            None
        }
    };
    let hostname = section.parsed::<Hostname>("hostname", problems);
    let name: TargetName = name?;
    let info = TargetInfo {
        name: name.clone(),
        aliases: aliases.into_iter().collect(),
        logins: logins.into_iter().collect(),
        labels,
        layers,
    };
    let port = port.and_then(|port| u16::try_from(port).ok()).unwrap_or(22);
    Some(TargetConfig {
        info,
        address: address?.0,
        port,
        host: host?,
        hostname: hostname.map_or(name, |hostname| hostname.0),
        enter_widget: enter_widget.unwrap_or(false),
    })
}

struct LayerWord(EnforcementLayer);

impl FromStr for LayerWord {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "wire" => Ok(Self(EnforcementLayer::Wire)),
            "line" => Ok(Self(EnforcementLayer::Line)),
            "sudo" => Ok(Self(EnforcementLayer::Sudo)),
            other => Err(format!("`{other}` must be `wire`, `line` or `sudo`")),
        }
    }
}

/// What a host calls itself, whose capitals do not count.
struct Hostname(TargetName);

impl FromStr for Hostname {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        Ok(Self(text.to_ascii_lowercase().parse()?))
    }
}
