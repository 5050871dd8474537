//! `countersign target setup|check`.

mod check;

mod probe;

mod setup;

use std::process::ExitCode;

use anyhow::Context;

use super::{print, runtime};
use crate::audit::Audit;
use crate::authority::Authority;
use crate::cli::Target;
use crate::config::{self, Config, TargetConfig};
use crate::domain::name::{LoginName, TargetName};
use crate::node::store_url;
use crate::store::Store;

/// Prints what a target needs, or tries whether it has it.
///
/// # Errors
/// When the configuration, the keys or the named target cannot be used.
pub fn run(command: Target) -> anyhow::Result<ExitCode> {
    match command {
        Target::Setup {
            name,
            json,
            configured,
        } => {
            let (config, _) = config::look(&configured.config)?;
            let authority = Authority::load(&config.certificates, &config.ssh.host_key)?;
            let target = name.as_ref().map(|name| find(&config, name)).transpose()?;
            let setup = setup::Setup::new(&authority, target)?;
            print(&match json {
                true => serde_json::to_string_pretty(&setup)? + "\n",
                false => setup.to_string(),
            })?;
            Ok(ExitCode::SUCCESS)
        }
        Target::Check {
            name,
            login,
            json,
            configured,
        } => {
            let (config, _) = config::look(&configured.config)?;
            let authority = Authority::load(&config.certificates, &config.ssh.host_key)?;
            let target = find(&config, &name)?;
            let login = login_of(target, login.as_ref())?;
            let checking = audited(&config, async |audit| {
                check::run(&config, (&authority, audit), target, login).await
            });
            let report = runtime()?.block_on(checking)?;
            print(&match json {
                true => serde_json::to_string_pretty(&report)? + "\n",
                false => report.to_string(),
            })?;
            Ok(match report.passed() {
                true => ExitCode::SUCCESS,
                false => ExitCode::FAILURE,
            })
        }
    }
}

/// Does something that writes to the node's chain, which another process of the same node may write to meanwhile.
async fn audited<T>(config: &Config, work: impl AsyncFnOnce(&Audit) -> T) -> anyhow::Result<T> {
    let store = Store::open_existing(&store_url(config)?).await;
    let store = store.context(
        "a check is audited, and there is no store for that; where the bastion never ran, start it once",
    )?;
    let (audit, writer) = Audit::open(store.clone(), config.node.clone());
    let writing = tokio::spawn(writer.run());
    let done = work(&audit).await;
    drop(audit);
    writing.await?;
    store.close().await;
    Ok(done)
}

/// The login that was asked for, or one of the target's that needs sudo.
fn login_of<'a>(
    target: &'a TargetConfig,
    asked: Option<&LoginName>,
) -> anyhow::Result<&'a LoginName> {
    let logins = &target.info.logins;
    let found = match asked {
        Some(asked) => logins.get(asked),
        None => logins
            .iter()
            .find(|login| login.as_str() != "root")
            .or(logins.first()),
    };
    found.ok_or_else(|| anyhow::anyhow!("that is not a login of `{}`", target.info.name))
}

fn find<'a>(config: &'a Config, name: &TargetName) -> anyhow::Result<&'a TargetConfig> {
    let target = config.target(name);
    target.ok_or_else(|| anyhow::anyhow!("there is no target `{name}` in the configuration"))
}
