//! The `countersign` program.

use std::process::ExitCode;

use clap::Parser;

use tikv_jemallocator::Jemalloc;

use countersign::cli::{Cli, Command};
use countersign::command;

/// Gives the memory of sessions that ended back to the system, which the C library's does not.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli.command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("countersign: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(configured) => command::serve::run(&configured),
        Command::Demo(demo) => command::demo::run(&demo),
        Command::Check(configured) => command::check::run(&configured),
        Command::Policy(policy) => command::policy::run(policy),
        Command::Inspect(inspect) => command::inspect::run(&inspect),
        Command::Replay(replay) => command::replay::run(&replay),
        Command::Audit(audit) => command::audit::run(audit),
        Command::Ca(ca) => command::ca::run(ca),
        Command::Target(target) => command::target::run(target),
    }
}
