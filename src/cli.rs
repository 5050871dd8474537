//! The command line of the `countersign` program.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use jiff::Timestamp;

use crate::domain::forward::Forward;
use crate::domain::id::HoldId;
use crate::domain::name::{LoginName, TargetName};

/// A checkpoint inside the SSH session: federated logins, held commands, recordings that prove what happened.
#[derive(Debug, Parser)]
#[command(version, about, propagate_version = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The program's commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the bastion
    Serve(Configured),
    /// Try everything on this machine: a bastion, an identity provider and two targets, for demonstration
    Demo(Demo),
    /// Check the configuration and say what it would do
    Check(Configured),
    /// Work on policies
    #[command(subcommand)]
    Policy(Policy),
    /// Say what is understood of a command line, and what policy decides about it
    Inspect(Inspect),
    /// Replay a recording file in this terminal
    Replay(Replay),
    /// Verify or export the audit trail
    #[command(subcommand)]
    Audit(Audit),
    /// Make and show the certificate authorities
    #[command(subcommand)]
    Ca(Ca),
    /// Set targets up, and check that what they are configured for works there
    #[command(subcommand)]
    Target(Target),
}

/// Commands that need the configuration.
#[derive(Debug, Args)]
pub struct Configured {
    /// The configuration file
    #[arg(long, short, default_value = "/etc/countersign/countersign.toml")]
    pub config: PathBuf,
}

/// `countersign demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// The folder for everything the demo makes; a temporary one when it is not given
    #[arg(long)]
    pub dir: Option<PathBuf>,
    /// The port of the bastion on 127.0.0.1; a free one when it is not given
    #[arg(long, default_value_t = 0)]
    pub port: u16,
}

/// `countersign policy …`.
#[derive(Debug, Subcommand)]
pub enum Policy {
    /// Validate a folder of policies
    Check {
        /// The folder
        folder: PathBuf,
    },
    /// Run a file of cases against a folder of policies
    Test {
        /// The folder
        folder: PathBuf,
        /// The cases, such as config/policy/tests.toml
        cases: PathBuf,
    },
    /// Say what policy decides about a command, a transfer or a forward, and why
    Explain(Box<Explain>),
}

/// `countersign policy explain`.
#[derive(Debug, Args)]
pub struct Explain {
    /// The folder of policies
    pub folder: PathBuf,
    /// The person's groups, separated by commas
    #[arg(long, value_delimiter = ',')]
    pub groups: Vec<String>,
    /// The target's name
    #[arg(long, default_value = "target")]
    pub target: String,
    /// The target's labels, such as env=prod
    #[arg(long = "label")]
    pub labels: Vec<String>,
    /// The login on the target
    #[arg(long, default_value = "deploy")]
    pub login: String,
    /// Where the person connects from; 127.0.0.1 when it is not given
    #[arg(long)]
    pub source: Option<IpAddr>,
    /// Why, in the person's words; without a reason when it is not given
    #[arg(long)]
    pub reason: Option<String>,
    /// When, such as 2026-11-24T17:30:00Z; now when it is not given
    #[arg(long)]
    pub at: Option<Timestamp>,
    /// One JSON value instead of text
    #[arg(long)]
    pub json: bool,
    /// Ask about a forward instead of a command, such as 'local HOST:PORT' or 'remote socket PATH'
    #[arg(long)]
    pub forward: Option<Forward>,
    /// Ask about a sudo of these words that asks the sudo gate, such as 'sudo -u postgres psql'
    #[arg(long, conflicts_with_all = ["forward", "command"])]
    pub sudo: Option<String>,
    /// The command, as the client would send it; of a transfer, what its client runs, such as 'scp -f PATH'. Needed unless
    /// --forward or --sudo says what is asked about
    #[arg(required_unless_present_any = ["forward", "sudo"], conflicts_with = "forward")]
    pub command: Option<String>,
}

/// `countersign inspect`.
#[derive(Debug, Args)]
pub struct Inspect {
    /// Read {"id", "line"} objects on standard input, one a line, and answer each with one line
    #[arg(long)]
    pub json_lines: bool,
    /// The target: with --config one that is configured, otherwise a production target of this name
    #[arg(long, default_value = "target")]
    pub target: String,
    /// The login on the target
    #[arg(long, default_value = "deploy")]
    pub login: String,
    /// Decide by the policies and targets of this configuration instead of the built-in policy, which lets ordinary named
    /// programs run and holds the rest
    #[arg(long, short, requires = "groups")]
    pub config: Option<PathBuf>,
    /// The groups of the person who asks, separated by commas
    #[arg(long, value_delimiter = ',', requires = "config")]
    pub groups: Vec<String>,
    /// Tell on standard error how long the lines took
    #[arg(long)]
    pub timing: bool,
    /// The command line
    #[arg(required_unless_present = "json_lines", conflicts_with = "json_lines")]
    pub line: Option<String>,
}

/// `countersign replay`.
#[derive(Debug, Args)]
pub struct Replay {
    /// The recording, an asciicast v3 file
    pub file: PathBuf,
    /// Cap pauses to so many seconds
    #[arg(long, default_value_t = 2.0)]
    pub idle: f64,
}

/// `countersign audit …`.
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Verify the chains in the store, or in an exported file, and the signatures of approvers in them
    Verify {
        /// Where the store is
        #[command(flatten)]
        configured: Configured,
        /// An exported file (JSON lines) to verify instead, offline
        #[arg(long)]
        file: Option<PathBuf>,
    },
    /// Verify the chains, and write what approvers signed into a folder, for `ssh-keygen -Y verify`
    Signatures {
        /// Where the store is
        #[command(flatten)]
        configured: Configured,
        /// An exported file (JSON lines) instead of the store, offline
        #[arg(long)]
        file: Option<PathBuf>,
        /// Only those of one request, such as h-7f3k9q
        #[arg(long)]
        hold: Option<HoldId>,
        /// The folder; it is made, and must be empty
        folder: PathBuf,
    },
    /// Write the audit trail to standard output as JSON lines
    Export {
        /// Where the store is
        #[command(flatten)]
        configured: Configured,
        /// Only records from this time on, such as 2026-11-24T00:00:00Z
        #[arg(long)]
        since: Option<jiff::Timestamp>,
        /// Only records before this time
        #[arg(long)]
        until: Option<jiff::Timestamp>,
    },
}

/// `countersign ca …`.
#[derive(Debug, Subcommand)]
pub enum Ca {
    /// Make the keys that are missing; existing ones are left as they are
    Init(Configured),
    /// Show one authority's public key
    Show {
        /// Which
        authority: AuthorityName,
        /// Where its key is
        #[command(flatten)]
        configured: Configured,
    },
    /// Show what targets and clients have to trust, ready to paste
    PublicKeys(Configured),
}

/// `countersign target …`.
#[derive(Debug, Subcommand)]
pub enum Target {
    /// Print what a target needs, as a script to be read and then run there by root
    Setup {
        /// The target; without one, what any target needs for every layer
        name: Option<TargetName>,
        /// One JSON value instead of the script
        #[arg(long)]
        json: bool,
        /// Where the keys are
        #[command(flatten)]
        configured: Configured,
    },
    /// Log in to a target and try each layer that the configuration says it has
    Check {
        /// The target
        name: TargetName,
        /// The login; the first of the target's when it is not given
        #[arg(long)]
        login: Option<LoginName>,
        /// One JSON value instead of a line a check
        #[arg(long)]
        json: bool,
        /// Where the target and the keys are
        #[command(flatten)]
        configured: Configured,
    },
}

/// One of the two authorities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum AuthorityName {
    /// Signs certificates of people and sessions; targets trust it.
    User,
    /// Signs host certificates; clients trust it.
    Host,
}
