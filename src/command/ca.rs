//! `countersign ca init|show|public-keys`.

use std::process::ExitCode;

use super::print;
use crate::authority::key_file::{self, Created};
use crate::cli::{AuthorityName, Ca, Configured};
use crate::config::{self, Config};
use crate::node::create_keys;

/// Makes or shows the authorities.
///
/// # Errors
/// When a key cannot be made or used.
pub fn run(command: Ca) -> anyhow::Result<ExitCode> {
    match command {
        Ca::Init(configured) => init(&configured)?,
        Ca::Show {
            authority,
            configured,
        } => {
            let (config, _) = config::look(&configured.config)?;
            print(&format!("{}\n", public_key(&config, authority)?))?;
        }
        Ca::PublicKeys(configured) => public_keys(&configured)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn init(configured: &Configured) -> anyhow::Result<()> {
    let (config, _) = config::look(&configured.config)?;
    let mut out = String::new();
    for (file, created) in create_keys(&config)? {
        let what = match created {
            Created::New => "made",
            Created::Existed => "kept",
        };
        out.push_str(&format!("{what}  {}\n", file.display()));
    }
    print(&out)
}

fn public_key(config: &Config, authority: AuthorityName) -> anyhow::Result<String> {
    let file = match authority {
        AuthorityName::User => &config.certificates.user_ca,
        AuthorityName::Host => &config.certificates.host_ca,
    };
    Ok(key_file::load(file)?.public_key().to_openssh()?)
}

fn public_keys(configured: &Configured) -> anyhow::Result<()> {
    let (config, _) = config::look(&configured.config)?;
    let user = public_key(&config, AuthorityName::User)?;
    let host = public_key(&config, AuthorityName::Host)?;
    print(&format!(
        "# On each target: put this line into /etc/ssh/countersign_ca.pub and\n\
         # `TrustedUserCAKeys /etc/ssh/countersign_ca.pub` into /etc/ssh/sshd_config\n\
         {user}\n\n\
         # For each client: put this line into ~/.ssh/known_hosts\n\
         @cert-authority * {host}\n"
    ))
}
