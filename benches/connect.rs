//! How long `ssh target true` takes, cold, with a login in place: through Countersign, and through stock OpenSSH.
//!
//! `cargo bench --bench connect` prints medians and asserts nothing about time. All ways lead to the same `sshd`
//! and take turns, so that a busy machine is as busy for each of them. The client pins one key exchange and cipher,
//! so that no way is quicker for choosing others; which ones were negotiated is printed. `COUNTERSIGN_BENCH_RUNS`
//! changes how many runs are counted.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a measurement stops at its first surprise"
)]

#[path = "../tests/it"]
mod it {
    #[allow(
        dead_code,
        unused_imports,
        reason = "the harness has more than is needed here"
    )]
    pub(crate) mod harness;
}

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use it::harness::bastion::{Bastion, TargetHost};
use it::harness::sshd::{login, make_key};
use it::harness::{Idp, Options, Person, Running, Sshd, run};
use tempfile::TempDir;

/// How many runs are counted for each way, unless the environment says otherwise.
const RUNS: usize = 20;
const WARM_UP: usize = 3;

/// The ways, each by its host in the client's `ssh_config`; the first is what the others are compared with.
const WAYS: [(&str, &str); 4] = [
    ("stock", "ssh -J through a stock sshd"),
    ("web1", "ssh -J through Countersign"),
    ("hop", "ssh LOGIN@TARGET@countersign"),
    ("direct", "ssh without anything between"),
];

fn main() {
    let runs = std::env::var("COUNTERSIGN_BENCH_RUNS");
    let runs = runs.map_or(RUNS, |runs| runs.parse().expect("a number of runs"));
    let road = Road::build();
    println!("program  {}", env!("CARGO_BIN_EXE_countersign"));
    for (host, what) in WAYS {
        println!("{host:<8} {what}; {}", road.negotiated(host));
    }
    for _ in 0..WARM_UP {
        for (host, _) in WAYS {
            road.time(host);
        }
    }
    let mut times = WAYS.map(|_| Vec::with_capacity(runs));
    for run in 0..runs {
        for step in 0..WAYS.len() {
            // Another way begins each round.
            let way = (run + step) % WAYS.len();
            times[way].push(road.time(WAYS[way].0));
        }
    }
    report(&mut times);
    // Nothing was switched off for speed: each session was recorded and audited.
    let through_us = 2 * (1 + WARM_UP + runs);
    assert_eq!(road.bastion.recordings().len(), through_us);
    assert_eq!(road.bastion.events("session_started").len(), through_us);
}

fn report(times: &mut [Vec<Duration>]) {
    for times in &mut *times {
        times.sort_unstable();
    }
    let stock = median(&times[0]);
    println!("\n{:<8} {:>9} {:>9} {:>9}", "", "median", "min", "of stock");
    for ((host, _), times) in WAYS.iter().zip(times) {
        let (middle, least) = (median(times), milliseconds(times[0]));
        let ratio = middle / stock;
        println!("{host:<8} {middle:>6.1} ms {least:>6.1} ms {ratio:>9.2}");
    }
}

/// The median of times in order, in milliseconds.
fn median(times: &[Duration]) -> f64 {
    let upper = times.len() / 2;
    let lower = (times.len() - 1) / 2;
    (milliseconds(times[lower]) + milliseconds(times[upper])) / 2.0
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// One target, the two bastions in front of it, and somebody who may use both.
struct Road {
    // Dropped in this order: the bastions before what they talk to.
    alice: Person,
    bastion: Bastion,
    _jump: Sshd,
    _target: Sshd,
    _idp: Idp,
    _authority: TempDir,
}

impl Road {
    fn build() -> Self {
        let mut bastion = Bastion::prepare(Options::default());
        let idp = Idp::start(&bastion.callback());
        bastion.configure(&idp, &[]);
        bastion.make_keys();
        // What lets Alice in where there is no Countersign: a certificate of another CA.
        let authority = tempfile::tempdir().unwrap();
        let ca = authority.path().join("ca");
        make_key(&ca);
        let stock_ca = fs::read_to_string(ca.with_extension("pub")).unwrap();
        let target = Sshd::start(&format!("{}\n{stock_ca}", bastion.user_ca()));
        let jump = Sshd::start(&stock_ca);
        let host = TargetHost {
            name: "web1",
            environment: "staging",
            sshd: &target,
        };
        bastion.configure(&idp, &[host]);
        bastion.serve();
        let alice = Person::new(&bastion, "alice");
        alice.sign_in(&idp);
        certify(&alice, &ca);
        write_config(&alice, &bastion, &jump, &target);
        Self {
            alice,
            bastion,
            _jump: jump,
            _target: target,
            _idp: idp,
            _authority: authority,
        }
    }

    /// Runs `ssh HOST true` to its end.
    fn time(&self, host: &str) -> Duration {
        let mut ssh = self.ssh(&[host, "true"]);
        ssh.stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let started = Instant::now();
        let status = ssh.status().unwrap();
        let took = started.elapsed();
        assert!(status.success(), "`ssh {host} true` failed: {status}");
        took
    }

    /// What the client and whomever it talks to agreed on.
    fn negotiated(&self, host: &str) -> String {
        let output = Running::start(&mut self.ssh(&["-v", host, "true"]))
            .finish()
            .expect_success();
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

    fn ssh(&self, arguments: &[&str]) -> Command {
        let mut ssh = Command::new("ssh");
        ssh.arg("-F").arg(bench_config(&self.alice)).args(arguments);
        self.alice.environment(&mut ssh);
        ssh
    }
}

/// Signs Alice's key for the stock sshds.
fn certify(alice: &Person, ca: &Path) {
    let (key, copy) = ("id_ed25519.pub", "stock.pub");
    fs::copy(alice.home().join(key), alice.home().join(copy)).unwrap();
    let mut keygen = Command::new("ssh-keygen");
    keygen.args(["-q", "-I", "bench", "-n", login(), "-s"]);
    run(keygen.arg(ca).arg(alice.home().join(copy))).expect_success();
}

fn bench_config(alice: &Person) -> PathBuf {
    alice.home().join("bench_config")
}

/// Alice's usual configuration below the ways that it does not have.
fn write_config(alice: &Person, bastion: &Bastion, jump: &Sshd, target: &Sshd) {
    let home = alice.home().display();
    let (jump_port, target_port) = (jump.port(), target.port());
    let (login, ssh_port) = (login(), bastion.ssh_port());
    let config = format!(
        "Host *
  KexAlgorithms curve25519-sha256
  Ciphers aes256-gcm@openssh.com

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

Host hop
  HostName 127.0.0.1
  Port {ssh_port}
  User {login}@web1

Host *
  Include {home}/ssh_config
"
    );
    fs::write(bench_config(alice), config).unwrap();
    let known_hosts = alice.home().join("known_hosts");
    let mut known_hosts = OpenOptions::new().append(true).open(known_hosts).unwrap();
    for (port, key) in [
        (jump_port, jump.host_key()),
        (target_port, target.host_key()),
    ] {
        writeln!(known_hosts, "[127.0.0.1]:{port} {key}").unwrap();
    }
}
