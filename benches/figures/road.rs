//! One target, the bastions in front of it, and the ways that lead there.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;

use crate::it::harness::bastion::Bastion;
use crate::it::harness::sshd::{login, make_key};
use crate::it::harness::{Idp, Options, Person, Running, Sshd, run};
use crate::meter::Meter;

/// What a client may choose of ciphers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ciphers {
    /// What it likes best of what it is offered.
    Default,
    /// One key exchange and one cipher, so that no way is quicker for choosing others.
    Same,
}

/// What a bastion of ours keeps of the output of sessions without a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recording {
    /// All of it.
    Everything,
    /// What is recorded unless told otherwise: terminals whole, of other output the first MiB.
    Usual,
}

/// How the target is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Nothing between.
    Direct,
    /// `ssh -J` through a stock `sshd`: what the others are compared with.
    Stock,
    /// `ssh LOGIN@TARGET@countersign`.
    Hop(Recording),
    /// `ssh -J` through Countersign.
    Jump(Recording),
}

impl Way {
    /// All of them; the first is what the others are compared with.
    pub(crate) const ALL: [Self; 6] = [
        Self::Stock,
        Self::Direct,
        Self::Hop(Recording::Usual),
        Self::Hop(Recording::Everything),
        Self::Jump(Recording::Usual),
        Self::Jump(Recording::Everything),
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Direct => "nothing between",
            Self::Stock => "-J through a stock sshd",
            Self::Hop(Recording::Usual) => "one hop",
            Self::Hop(Recording::Everything) => "one hop, all recorded",
            Self::Jump(Recording::Usual) => "-J",
            Self::Jump(Recording::Everything) => "-J, all recorded",
        }
    }

    /// What of its output is recorded, where anything is.
    pub(crate) fn recording(self) -> Option<Recording> {
        match self {
            Self::Direct | Self::Stock => None,
            Self::Hop(recording) | Self::Jump(recording) => Some(recording),
        }
    }
}

/// Whether the lines of a shell are inspected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layer {
    /// The target is configured with no layer.
    Plain,
    /// With the line layer.
    Line,
}

/// A bastion of ours and somebody who has signed in there.
pub(crate) struct Ours {
    // Dropped in this order: the bastion before what it talks to.
    pub(crate) alice: Person,
    pub(crate) bastion: Bastion,
    pub(crate) meter: Meter,
    sessions: AtomicUsize,
    _idp: Idp,
}

/// One target, the bastions in front of it, and somebody who may use all of them.
pub(crate) struct Road {
    whole: Ours,
    frame: Ours,
    jump: Sshd,
    pub(crate) target: Sshd,
    _authority: TempDir,
}

impl Road {
    pub(crate) fn build() -> Self {
        let (mut whole, whole_idp) = prepare();
        let (mut frame, frame_idp) = prepare();
        // What lets Alice in where there is no Countersign: a certificate of another CA.
        let authority = tempfile::tempdir().unwrap();
        let ca = authority.path().join("ca");
        make_key(&ca);
        let stock_ca = fs::read_to_string(ca.with_extension("pub")).unwrap();
        let (first, second) = (whole.user_ca(), frame.user_ca());
        let target = Sshd::start(&format!("{first}\n{second}\n{stock_ca}"));
        let jump = Sshd::start(&stock_ca);
        configure(&whole, &whole_idp, &target, u64::pow(2, 40));
        configure(
            &frame,
            &frame_idp,
            &target,
            countersign::record::writer::EXEC_OUTPUT_BYTES,
        );
        whole.serve();
        frame.serve();
        let ours = |bastion: Bastion, idp: Idp| {
            let alice = Person::new(&bastion, "alice");
            alice.sign_in(&idp);
            certify(&alice, &ca);
            write_configs(&alice, &bastion, &jump, &target);
            let meter = Meter::of_file(&bastion.config());
            Ours {
                alice,
                bastion,
                meter,
                sessions: AtomicUsize::new(0),
                _idp: idp,
            }
        };
        Self {
            whole: ours(whole, whole_idp),
            frame: ours(frame, frame_idp),
            jump,
            target,
            _authority: authority,
        }
    }

    /// A program of OpenSSH that takes the target's alias as `HOST` in its arguments, by a way.
    pub(crate) fn program(
        &self,
        program: &str,
        way: Way,
        layer: Layer,
        ciphers: Ciphers,
        arguments: &[&str],
    ) -> Command {
        let ours = self.ours(way);
        if way.recording().is_some() {
            ours.sessions.fetch_add(1, Ordering::Relaxed);
        }
        let host = host(way, layer);
        let arguments = arguments
            .iter()
            .map(|word| if *word == "HOST" { host } else { word });
        let mut command = Command::new(program);
        command
            .arg("-F")
            .arg(config_file(&ours.alice, ciphers))
            .args(arguments);
        ours.alice.environment(&mut command);
        command
    }

    /// `ssh HOST command`, without a terminal, by a way.
    pub(crate) fn ssh(&self, way: Way, ciphers: Ciphers, command: &str) -> Command {
        self.program("ssh", way, Layer::Plain, ciphers, &["HOST", command])
    }

    /// The processes that stand between on a way.
    pub(crate) fn between(&self, way: Way) -> Option<Meter> {
        match way {
            Way::Direct => None,
            Way::Stock => Some(self.stock()),
            Way::Hop(_) | Way::Jump(_) => Some(self.ours(way).meter),
        }
    }

    /// The processes of the stock jump host.
    pub(crate) fn stock(&self) -> Meter {
        let folder = self.jump.home().parent().map(Path::to_owned);
        Meter::of_file(&folder.unwrap().join("sshd_config"))
    }

    /// Whose bastion a way leads through; those without one are told of in the configuration of the first.
    pub(crate) fn ours(&self, way: Way) -> &Ours {
        match way.recording() {
            None | Some(Recording::Usual) => &self.frame,
            Some(Recording::Everything) => &self.whole,
        }
    }

    /// Prints what the client and whomever it talks to agree on, by each way.
    pub(crate) fn print_ways(&self, ciphers: Ciphers) {
        for way in Way::ALL {
            println!("{:<26} {}", way.name(), self.agreed(way, ciphers));
        }
    }

    fn agreed(&self, way: Way, ciphers: Ciphers) -> String {
        let words = ["-v", "HOST", "true"];
        let mut ssh = self.program("ssh", way, Layer::Plain, ciphers, &words);
        let output = Running::start(&mut ssh).finish().expect_success();
        let agreed = output
            .stderr
            .lines()
            .filter_map(|line| line.trim().strip_prefix("debug1: kex: "))
            .filter_map(|line| {
                line.strip_prefix("algorithm: ")
                    .or_else(|| line.strip_prefix("server->client cipher: "))
            })
            .filter_map(|agreed| agreed.split(' ').next());
        let agreed: BTreeSet<_> = agreed.collect();
        Vec::from_iter(agreed).join(", ")
    }

    /// Nothing was switched off for speed: each session was recorded and audited from its start to its end.
    pub(crate) fn settle_accounts(&self) {
        for ours in [&self.whole, &self.frame] {
            let sessions = ours.sessions.load(Ordering::Relaxed);
            let all_ended =
                || (ours.bastion.events("session_ended").len() == sessions).then_some(());
            crate::it::harness::eventually(crate::it::harness::PATIENCE, all_ended)
                .expect("every session's end is audited");
            assert_eq!(ours.bastion.events("session_started").len(), sessions);
            assert_eq!(ours.bastion.recordings().len(), sessions);
        }
    }
}

/// One person has all of the sessions that are measured.
const SHARES: &str = "max_sessions_per_person = 1000\nmax_jumps_per_person = 1000";

fn prepare() -> (Bastion, Idp) {
    let bastion = Bastion::prepare(Options {
        ssh: SHARES,
        ..Options::default()
    });
    let idp = Idp::start(&bastion.callback());
    bastion.configure(&idp, &[]);
    bastion.make_keys();
    (bastion, idp)
}

/// The usual configuration, with the target twice and a limit for what is recorded of pipes.
fn configure(bastion: &Bastion, idp: &Idp, target: &Sshd, stream_bytes: u64) {
    bastion.configure(idp, &[]);
    let mut text = fs::read_to_string(bastion.config()).unwrap();
    write!(text, "\n[recordings]\nstream_bytes = {stream_bytes}\n").unwrap();
    let (port, key, login) = (target.port(), target.host_key(), login());
    for (name, layers) in [("plain1", ""), ("line1", "\"line\"")] {
        write!(
            text,
            "\n[[targets]]\nname = \"{name}\"\naddress = \"127.0.0.1\"\nport = {port}\nlogins = [\"{login}\"]
labels = {{ env = \"staging\" }}\nlayers = [{layers}]\nhost_keys = [\"{key}\"]\n"
        )
        .unwrap();
    }
    fs::write(bastion.config(), text).unwrap();
}

/// Signs Alice's key for the stock sshds.
fn certify(alice: &Person, ca: &Path) {
    let (key, copy) = ("id_ed25519.pub", "stock.pub");
    fs::copy(alice.home().join(key), alice.home().join(copy)).unwrap();
    let mut keygen = Command::new("ssh-keygen");
    keygen.args(["-q", "-I", "bench", "-n", login(), "-s"]);
    run(keygen.arg(ca).arg(alice.home().join(copy))).expect_success();
}

fn host(way: Way, layer: Layer) -> &'static str {
    match (way, layer) {
        (Way::Direct, _) => "direct",
        (Way::Stock, _) => "stock",
        (Way::Hop(_), Layer::Plain) => "hop-plain1",
        (Way::Hop(_), Layer::Line) => "hop-line1",
        (Way::Jump(_), Layer::Plain) => "plain1",
        (Way::Jump(_), Layer::Line) => "line1",
    }
}

fn config_file(alice: &Person, ciphers: Ciphers) -> PathBuf {
    alice.home().join(match ciphers {
        Ciphers::Default => "bench_default",
        Ciphers::Same => "bench_same",
    })
}

/// Alice's usual configuration below the ways that it does not have.
fn write_configs(alice: &Person, bastion: &Bastion, jump: &Sshd, target: &Sshd) {
    let home = alice.home().display();
    let (jump_port, target_port) = (jump.port(), target.port());
    let (login, ssh_port) = (login(), bastion.ssh_port());
    let ways = format!(
        "
Host jump direct stock
  HostName 127.0.0.1
  User {login}
  CertificateFile {home}/stock-cert.pub

Host jump
  Port {jump_port}

Host direct
  Port {target_port}

Host stock
  Port {target_port}
  ProxyJump jump

Host hop-plain1 hop-line1
  HostName 127.0.0.1
  Port {ssh_port}

Host hop-plain1
  User {login}@plain1

Host hop-line1
  User {login}@line1

Host plain1 line1
  User {login}
  ProxyJump bastion

Host *
  Include {home}/ssh_config
"
    );
    let same = "Host *\n  KexAlgorithms curve25519-sha256\n  Ciphers aes256-gcm@openssh.com\n";
    fs::write(config_file(alice, Ciphers::Default), &ways).unwrap();
    fs::write(config_file(alice, Ciphers::Same), format!("{same}{ways}")).unwrap();
    let known_hosts = alice.home().join("known_hosts");
    let mut known_hosts = OpenOptions::new().append(true).open(known_hosts).unwrap();
    for (port, key) in [
        (jump_port, jump.host_key()),
        (target_port, target.host_key()),
    ] {
        writeln!(known_hosts, "[127.0.0.1]:{port} {key}").unwrap();
    }
}
