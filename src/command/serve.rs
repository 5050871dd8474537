//! `countersign serve`.

use std::process::ExitCode;

use tracing_subscriber::EnvFilter;

use super::{print, runtime};
use crate::cli::Configured;
use crate::config;
use crate::node::{Node, OnHangup};

/// What is logged unless `RUST_LOG` says otherwise.
const LOGGED: &str = "countersign=info,warn,russh=error";

/// Runs the bastion until it is told to stop.
///
/// # Errors
/// When it cannot start, or fails for good.
pub fn run(configured: &Configured) -> anyhow::Result<ExitCode> {
    let config = config::load(&configured.config)?;
    log();
    runtime()?.block_on(async {
        let addresses: Vec<String> = config.ssh.listen.iter().map(ToString::to_string).collect();
        let web = config.web.public_url.clone();
        let node = Node::start(config, None).await?;
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
        print(&format!("ready ssh={} web={web}\n", addresses.join(",")))?;
        node.run(OnHangup::Reload).await?;
        Ok(ExitCode::SUCCESS)
    })
}

/// The command parser logs the words it reads, which may be secrets: it stays silent whatever `RUST_LOG` says.
const SILENT: [&str; 4] = [
    "brush_parser=off",
    "tokenize=off",
    "expansion=off",
    "parse=off",
];

/// Logs to standard error; in JSON when that is no terminal.
pub(super) fn log() {
    let asked = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOGGED));
    let silent = SILENT.iter().filter_map(|directive| directive.parse().ok());
    let filter = silent.fold(asked, EnvFilter::add_directive);
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if std::io::IsTerminal::is_terminal(&std::io::stderr()) {
        builder.init();
    } else {
        builder.json().init();
    }
}
