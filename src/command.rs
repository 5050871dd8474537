//! The program's commands: each reads what it needs, calls the library, and prints.

pub mod audit;

pub mod ca;

pub mod check;

pub mod demo;

pub mod inspect;

pub mod policy;

pub mod replay;

pub mod serve;

pub mod target;

use std::io::Write;

use anyhow::Context;

/// Writes to standard output; a closed pipe is no error.
fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}

/// The asynchronous runtime of commands that need one.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    // A second installation is refused, and the first is the same.
    let _ = provider.install_default();
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")
}
