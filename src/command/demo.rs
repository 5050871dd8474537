//! `countersign demo`.

use std::process::ExitCode;

use super::{print, runtime};
use crate::cli;
use crate::demo::Demo;

/// Runs the demo until it is interrupted.
///
/// # Errors
/// When it cannot start.
pub fn run(asked: &cli::Demo) -> anyhow::Result<ExitCode> {
    runtime()?.block_on(async {
        let demo = Demo::start(asked.dir.as_deref(), asked.port).await?;
        print(&demo.instructions())?;
        demo.run().await?;
        Ok(ExitCode::SUCCESS)
    })
}
