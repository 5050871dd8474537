//! `countersign check`.

use std::fmt::Write;
use std::process::ExitCode;

use super::print;
use crate::authority::Authority;
use crate::cli::Configured;
use crate::config::{self, Config, HostTrust, LoginMethod, TargetConfig, WebTls};
use crate::domain::target::EnforcementLayer;
use crate::node::store_url;
use crate::policy::PolicySet;

/// Checks configuration, policies and keys without opening a socket or changing a file, and says what would happen. What
/// only the service can read is left unchecked, and named.
///
/// # Errors
/// With everything that is wrong.
pub fn run(configured: &Configured) -> anyhow::Result<ExitCode> {
    let (config, left_out) = config::look(&configured.config)?;
    let policy = PolicySet::load(&config.policies)?;
    let mut out = describe(&config);
    match config.store {
        Some(_) => {
            let _ = writeln!(out, "store         {}", store_url(&config)?);
        }
        None => out.push_str("store         in a credential of the service's\n"),
    }
    let _ = writeln!(
        out,
        "policies      {} in {}",
        policy.rules().len(),
        config.policies.display()
    );
    match Authority::load(&config.certificates, &config.ssh.host_key) {
        Ok(_) => {
            out.push_str("keys          user CA, host CA, host key and sudo gate are usable\n")
        }
        Err(error) => {
            print(&out)?;
            return Err(error.into());
        }
    }
    for left in &left_out {
        let _ = writeln!(out, "left unchecked: {left}");
    }
    print(&out)?;
    Ok(ExitCode::SUCCESS)
}

fn describe(config: &Config) -> String {
    let mut out = String::new();
    let listen: Vec<String> = config.ssh.listen.iter().map(ToString::to_string).collect();
    let tls = match &config.web.tls {
        WebTls::SelfSigned => "a certificate of its own".to_owned(),
        WebTls::Files { certificate, .. } => format!("the certificate {}", certificate.display()),
        WebTls::Loopback => "plain HTTP on loopback".to_owned(),
    };
    let method = match config.identity.method {
        LoginMethod::Browser | LoginMethod::Auto => "a link to its own page",
        LoginMethod::Device => "the provider's page and code",
    };
    let hours = config.identity.login_ttl.as_secs_f64() / 3600.0;
    let _ = writeln!(
        out,
        "node          {}, data in {}",
        config.node,
        config.data.display()
    );
    let _ = writeln!(
        out,
        "ssh           listens on {}; clients use {}:{}",
        listen.join(", "),
        config.ssh.public_host,
        config.ssh.public_port
    );
    let _ = writeln!(
        out,
        "web           listens on {} with {tls}; browsers use {}",
        config.web.listen, config.web.public_url
    );
    let _ = writeln!(
        out,
        "sign-in       {} as {} by {method}; lasts {hours:.1} h",
        config.identity.issuer, config.identity.client_id
    );
    let _ = writeln!(out, "recordings    {}", config.recordings.folder.display());
    for each in config.targets.values() {
        let _ = writeln!(out, "{}", target(each));
    }
    out
}

/// One target in a line.
fn target(target: &TargetConfig) -> String {
    let trust = match &target.host {
        HostTrust::Pinned(keys) => format!("{} pinned host key(s)", keys.len()),
        HostTrust::Authority(_) => "host certificates".to_owned(),
    };
    let logins: Vec<&str> = target
        .info
        .logins
        .iter()
        .map(|login| login.as_str())
        .collect();
    let labels: Vec<String> = target
        .info
        .labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let gate = match target.info.layers.contains(&EnforcementLayer::Sudo) {
        true => format!("; sudo gate on `{}`", target.hostname),
        false => String::new(),
    };
    format!(
        "target        {} at {}:{} as {}; {}; {trust}{gate}",
        target.info.name,
        target.address,
        target.port,
        logins.join(", "),
        labels.join(" ")
    )
}
