use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::domain::target::EnforcementLayer;

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";

fn whole() -> String {
    format!(
        r#"
[node]
name = "n1"
data = "data"
[ssh]
public_host = "bastion.example.com"
[web]
public_url = "https://bastion.example.com:8443"
[identity]
issuer = "https://login.example.com"
client_id = "countersign"
[policy]
folder = "policy"
[[targets]]
name = "db1"
address = "10.0.0.5"
logins = ["deploy"]
labels = {{ env = "prod" }}
layers = ["line"]
host_keys = ["{KEY}"]
"#
    )
}

fn load_text(text: &str) -> Result<Config, Vec<Problem>> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("countersign.toml");
    std::fs::write(&file, text).unwrap();
    load(&file).map_err(|error| match error {
        ConfigError::Problems { problems, .. } => problems,
        ConfigError::Unreadable { cause, .. } => panic!("{cause}"),
    })
}

use super::super::raw::Problem;

#[test]
fn a_whole_configuration_is_read_with_its_defaults() {
    let config = load_text(&whole()).unwrap();
    assert_eq!(config.node.as_str(), "n1");
    assert!(config.certificates.user_ca.ends_with("data/keys/user_ca"));
    assert_eq!(config.identity.login_ttl, 8 * HOUR);
    let target = config.target(&"db1".parse().unwrap()).unwrap();
    assert!(target.info.layers.contains(&EnforcementLayer::Wire));
    assert_eq!(target.port, 22);
    assert!(!target.enter_widget, "only who asks for it gets it");
}

#[test]
fn every_problem_is_told_at_once_with_key_and_line() {
    let text = whole()
        .replace("name = \"n1\"", "nmae = \"n1\"")
        .replace("\"10.0.0.5\"", "5")
        .replace("[\"line\"]", "[\"lien\"]");
    let problems = load_text(&text).unwrap_err();
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "line 2: node.name: is missing",
            "line 3: node.nmae: unknown key, did you mean `name`?",
            "line 16: targets[0].address: must be a text in quotes, not a integer",
            "line 19: targets[0].layers: `lien` must be `wire`, `line` or `sudo`",
        ]
    );
}

#[test]
fn a_secret_that_others_can_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "hush\n").unwrap();
    let text = whole().replace(
        "client_id",
        &format!("client_secret_file = \"{}\"\nclient_id", secret.display()),
    );
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(
        load_text(&text).unwrap_err()[0]
            .message
            .contains("chmod 600")
    );
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    let config = load_text(&text).unwrap();
    assert!(!format!("{config:?}").contains("hush"));
}

#[test]
fn what_only_the_service_can_read_is_left_out_for_others_and_named() {
    let text = whole().replace(
        "client_id",
        "client_secret_credential = \"secret\"\nclient_id",
    ) + "[store]\nurl_credential = \"store-url\"\n";
    let problems = load_text(&text).unwrap_err();
    let keys: Vec<&str> = problems
        .iter()
        .map(|problem| problem.key.as_str())
        .collect();
    let credentials = ["identity.client_secret_credential", "store.url_credential"];
    assert_eq!(keys, credentials);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("countersign.toml");
    std::fs::write(&file, &text).unwrap();
    let (config, left_out) = look(&file).unwrap();
    assert!(config.store.is_none());
    let keys: Vec<&str> = left_out.iter().map(|left| left.key.as_str()).collect();
    assert_eq!(keys, credentials);
    // Everything else is checked as ever.
    std::fs::write(&file, text.replace("name = \"n1\"", "nmae = \"n1\"")).unwrap();
    assert!(look(&file).is_err());
}

#[test]
fn plain_http_and_passwords_in_urls_are_refused() {
    let plain = whole().replace("https://login", "http://login");
    assert_eq!(load_text(&plain).unwrap_err()[0].key, "identity.issuer");
    let password = format!("{}[store]\nurl = \"postgres://u:p@h/d\"\n", whole());
    assert_eq!(load_text(&password).unwrap_err()[0].key, "store.url");
    let loopback = whole().replace("[web]", "[web]\ntls = \"loopback\"");
    assert_eq!(load_text(&loopback).unwrap_err()[0].key, "web.tls");
}

#[test]
fn two_targets_cannot_share_a_name() {
    let second = whole()
        .split("[[targets]]")
        .nth(1)
        .map(|t| format!("[[targets]]{t}"))
        .unwrap();
    let text = format!(
        "{}{}",
        whole(),
        second.replace("name = \"db1\"", "name = \"db2\"\naliases = [\"db1\"]")
    );
    assert_eq!(
        load_text(&text).unwrap_err()[0].message,
        "`db1` names two targets"
    );
}

#[test]
fn two_targets_with_the_sudo_gate_cannot_be_the_same_host() {
    let gated = whole().replace("[\"line\"]", "[\"sudo\"]");
    let table = gated.split("[[targets]]").nth(1).unwrap();
    let second = table.replace("\"db1\"", "\"db2\"\nhostname = \"DB1\"");
    let both = format!("{gated}[[targets]]{second}");
    let problems = load_text(&both).unwrap_err();
    assert!(
        problems[0].message.contains("call themselves `db1`"),
        "{problems:?}"
    );
    let apart = load_text(&both.replace("DB1", "DB-2")).unwrap();
    let hostname = |name: &str| {
        apart
            .target(&name.parse().unwrap())
            .unwrap()
            .hostname
            .to_string()
    };
    assert_eq!(
        (hostname("db1"), hostname("db2")),
        ("db1".to_owned(), "db-2".to_owned())
    );
}

#[test]
fn proxies_are_networks_or_addresses_and_never_everybody() {
    let from = |list: &str| {
        let key = format!("[ssh]\nproxy_protocol_from = [{list}]");
        load_text(&whole().replace("[ssh]", &key))
    };
    let config = from("\"10.1.2.3/8\", \"fd00::1\"").unwrap();
    let shown: Vec<String> = config
        .ssh
        .proxy_protocol_from
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(shown, ["10.0.0.0/8", "fd00::1/128"]);
    for wrong in [
        "\"0.0.0.0/0\"",
        "\"::/0\"",
        "\"proxy.example.com\"",
        "\"10.0.0.0/33\"",
    ] {
        assert_eq!(from(wrong).unwrap_err()[0].key, "ssh.proxy_protocol_from");
    }
}

#[test]
fn dropping_at_random_begins_before_the_limit_and_idle_connections_may_stay_for_ever() {
    let with = |keys: &str| load_text(&whole().replace("[ssh]", &format!("[ssh]\n{keys}")));
    let ssh = with("max_unidentified = 31\nidle_timeout = \"0s\"")
        .unwrap()
        .ssh;
    assert_eq!(ssh.connections.early_drop_start, 16);
    assert_eq!(ssh.idle_timeout, None);
    let problems = with("max_unidentified = 31\nearly_drop_start = 32").unwrap_err();
    assert_eq!(problems[0].key, "ssh.early_drop_start");
}

proptest::proptest! {
    #[test]
    fn whatever_the_file_holds_nothing_panics(text in "\\PC*", at in 0usize..400) {
        let _ = load_text(&text);
        let mut whole = whole();
        let at = (0..=at.min(whole.len())).rev().find(|at| whole.is_char_boundary(*at)).unwrap();
        whole.insert_str(at, &text);
        let _ = load_text(&whole);
    }
}
