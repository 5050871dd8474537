//! The SSH side: where to listen, who may wait there, and for how long.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;

use super::super::raw::{Problems, Section};
use super::super::{ConnectionLimits, PersonLimits, RekeyLimits, SshConfig};
use super::{DAY, HOUR, HostName, MINUTE, SECOND, path};

/// Bytes under one key: below the first, key exchanges cost more than what they protect; above the last, the nonces
/// of AES-GCM could repeat.
const REKEY_BYTES: RangeInclusive<u64> = 1 << 20..=1 << 30;
const COUNT: RangeInclusive<u64> = 1..=1_000_000;

pub(super) fn read(
    mut section: Section<'_>,
    file: &Path,
    data: &Path,
    problems: &mut Problems<'_>,
) -> Option<SshConfig> {
    let listen = section
        .list("listen", problems)
        .unwrap_or_else(|| vec![SocketAddr::from(([0, 0, 0, 0], 2222))]);
    if listen.is_empty() {
        section.problem(problems, "listen", "must name at least one address");
    }
    let public_host = section.required::<HostName>("public_host", problems);
    let public_port = section.number("public_port", 1..=65_535, problems);
    let host_key = path(&mut section, "host_key", file, problems)
        .unwrap_or_else(|| data.join("keys/ssh_host_ed25519_key"));
    let banner = section.parsed::<String>("banner", problems);
    let login_deadline = section.duration("login_deadline", 10 * SECOND..=HOUR, problems);
    let idle_timeout = section
        .duration("idle_timeout", Duration::ZERO..=30 * DAY, problems)
        .unwrap_or(12 * HOUR);
    let proxies = section
        .list::<Network>("proxy_protocol_from", problems)
        .unwrap_or_default();
    let connections = connections(&mut section, problems);
    let person = person(&mut section, problems);
    let always_offer_ctr = section.flag("always_offer_ctr", problems);
    let rekey = RekeyLimits {
        after: bounded(
            section.number("rekey_after", REKEY_BYTES, problems),
            1 << 30,
        ),
        every: section
            .duration("rekey_every", MINUTE..=DAY, problems)
            .unwrap_or(HOUR),
    };
    section.finish(problems);
    let listening = listen.first().map_or(22, SocketAddr::port);
    let public_port = public_port
        .and_then(|port| u16::try_from(port).ok())
        .unwrap_or(listening);
    Some(SshConfig {
        listen,
        public_host: public_host?.0,
        public_port,
        host_key,
        banner,
        login_deadline: login_deadline.unwrap_or(5 * MINUTE),
        idle_timeout: (!idle_timeout.is_zero()).then_some(idle_timeout),
        connections,
        person,
        always_offer_ctr: always_offer_ctr.unwrap_or(false),
        rekey,
        proxy_protocol_from: proxies.iter().map(|network| network.0).collect(),
    })
}

fn connections(section: &mut Section<'_>, problems: &mut Problems<'_>) -> ConnectionLimits {
    let mut count = |key, default| bounded(section.number(key, COUNT, problems), default);
    let open = count("max_connections", 2_000);
    let unidentified = count("max_unidentified", 200);
    let unidentified_per_address = count("max_unidentified_per_address", 50);
    let early_drop_start = count("early_drop_start", unidentified.div_ceil(2));
    let early_drop_rate = bounded(section.number("early_drop_rate", 0..=100, problems), 30);
    if early_drop_start > unidentified {
        let message = format!("must not be more than `max_unidentified`, {unidentified}");
        section.problem(problems, "early_drop_start", message);
    }
    ConnectionLimits {
        open,
        unidentified,
        unidentified_per_address,
        early_drop_start,
        early_drop_rate: u8::try_from(early_drop_rate).unwrap_or(100),
    }
}

fn person(section: &mut Section<'_>, problems: &mut Problems<'_>) -> PersonLimits {
    let mut count = |key, default| bounded(section.number(key, COUNT, problems), default);
    PersonLimits {
        jumps_per_connection: count("max_jumps_per_connection", 64),
        jumps: count("max_jumps_per_person", 256),
        sessions: count("max_sessions_per_person", 256),
    }
}

fn bounded(number: Option<u64>, default: usize) -> usize {
    number
        .and_then(|number| usize::try_from(number).ok())
        .unwrap_or(default)
}

/// A network as `10.0.0.0/8`, or one address.
struct Network(IpNet);

impl FromStr for Network {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let one = || text.parse::<IpAddr>().ok().map(IpNet::from);
        match text.parse::<IpNet>().ok().or_else(one) {
            Some(network) if network.prefix_len() == 0 => Err(format!(
                "`{text}` is everybody: whoever may connect could then name any source"
            )),
            Some(network) => Ok(Self(network.trunc())),
            None => Err(format!(
                "`{text}` is no network such as `10.0.0.0/8`, nor an address"
            )),
        }
    }
}
