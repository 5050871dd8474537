//! `countersign audit verify|signatures|export`.

mod signed;

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;

use super::{print, runtime};
use crate::audit::{self, AuditError, Period, Report};
use crate::cli::{Audit, Configured};
use crate::config::Config;
use crate::domain::id::HoldId;
use crate::node::store_url;
use crate::store::Store;
use signed::Folder;

/// Verifies or exports the audit trail, or the signatures in it.
///
/// # Errors
/// When the store or file cannot be read, or a chain is broken.
pub fn run(command: Audit) -> anyhow::Result<ExitCode> {
    match command {
        Audit::Verify {
            file: Some(file), ..
        } => {
            let opened =
                File::open(&file).with_context(|| format!("cannot read `{}`", file.display()))?;
            tell(&audit::verify_export(BufReader::new(opened))?)
        }
        Audit::Verify {
            configured,
            file: None,
        } => {
            let (config, _) = crate::config::look(&configured.config)?;
            let report = runtime()?.block_on(async {
                Ok::<_, anyhow::Error>(audit::verify(&open(&config).await?).await?)
            })?;
            tell(&report)
        }
        Audit::Signatures {
            configured,
            file,
            hold,
            folder,
        } => {
            let told = signatures(&configured, file, hold, &folder)?;
            print(&told)?;
            Ok(ExitCode::SUCCESS)
        }
        Audit::Export {
            configured,
            since,
            until,
        } => {
            let (config, _) = crate::config::look(&configured.config)?;
            runtime()?.block_on(async {
                let store = open(&config).await?;
                match audit::export(&store, Period { since, until }, &mut tokio::io::stdout()).await
                {
                    Err(AuditError::Io(error))
                        if error.kind() == std::io::ErrorKind::BrokenPipe =>
                    {
                        Ok(())
                    }
                    exported => Ok::<_, anyhow::Error>(exported.map(drop)?),
                }
            })?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Writes what approvers signed into a folder, and tells what is there.
fn signatures(
    configured: &Configured,
    file: Option<PathBuf>,
    hold: Option<HoldId>,
    folder: &Path,
) -> anyhow::Result<String> {
    let mut written = Folder::make(folder, hold)?;
    let mut sink = |signed| written.take(&signed);
    let report = match file {
        Some(file) => {
            let opened =
                File::open(&file).with_context(|| format!("cannot read `{}`", file.display()))?;
            audit::signatures_of_export(BufReader::new(opened), &mut sink)?
        }
        None => {
            let (config, _) = crate::config::look(&configured.config)?;
            runtime()?.block_on(async {
                let store = open(&config).await?;
                Ok::<_, anyhow::Error>(audit::signatures(&store, &mut sink).await?)
            })?
        }
    };
    written.end(&report)
}

async fn open(config: &Config) -> anyhow::Result<Store> {
    Ok(Store::open_existing(&store_url(config)?).await?)
}

fn tell(report: &Report) -> anyhow::Result<ExitCode> {
    if report.records == 0 {
        anyhow::bail!("there is no record to verify");
    }
    let mut out = format!(
        "ok: {} records, nothing was changed, removed or put in between the first and the last of each chain\n",
        report.records
    );
    for head in &report.heads {
        out.push_str(&format!("{head}\n"));
        if head.first > 1 {
            let (node, before) = (&head.node, head.first - 1);
            out.push_str(&format!(
                "not shown here: the first {before} records of {node}; without them a removed beginning does not show\n"
            ));
        }
    }
    signed::tell(&report.signatures, &mut out);
    out.push_str(
        "a removed end does not show by itself: compare these heads with those you noted before\n",
    );
    print(&out)?;
    Ok(ExitCode::SUCCESS)
}
