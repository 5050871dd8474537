//! The parts of a test: an identity provider, targets, a bastion, people and their terminals.
//!
//! Each runs on loopback on a port of its own, keeps its files in a temporary folder and ends when it is
//! dropped, by its own process id. [`World`] is the usual set of them.

pub(crate) mod agent;

pub(crate) mod bastion;

pub(crate) mod browser;

pub(crate) mod gated;

pub(crate) mod http;

pub(crate) mod idp;

pub(crate) mod person;

pub(crate) mod process;

pub(crate) mod sshd;

pub(crate) mod terminal;

pub(crate) mod world;

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::Path;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

pub(crate) use agent::Agent;
pub(crate) use bastion::Options;
pub(crate) use browser::{Browser, Tab};
pub(crate) use gated::Gated;
pub(crate) use idp::Idp;
pub(crate) use person::Person;
pub(crate) use process::{Output, Running, run, script};
pub(crate) use sshd::Sshd;
pub(crate) use terminal::Terminal;
pub(crate) use world::{World, routes};

/// How long anything that is expected may take. Generous: machines that test are busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

const POLL: Duration = Duration::from_millis(15);

/// Asks again and again until there is an answer; `None` when there was none in time.
pub(crate) fn eventually<T>(within: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + within;
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if Instant::now() > end {
            return None;
        }
        std::thread::sleep(POLL);
    }
}

/// A port on loopback that nothing listens on, of those that are this process's own. The same one comes again only
/// after all of them were given.
pub(crate) fn free_port() -> u16 {
    static OURS: LazyLock<Ports> = LazyLock::new(Ports::reserve);
    (0..Ports::COUNT)
        .map(|_| OURS.next.fetch_add(1, Ordering::Relaxed) % Ports::COUNT)
        .map(|step| OURS.first + step)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port on loopback")
}

/// Ports that no other process of tests uses, as long as this one runs. They are below the range from which the
/// kernel hands out ports, so that no connection of another test takes one before it is used.
struct Ports {
    first: u16,
    next: AtomicU16,
    /// The system releases it at the end of the process, however that comes.
    _lock: File,
}

impl Ports {
    const LOWEST: u16 = 20_000;
    /// Of one process.
    const COUNT: u16 = 240;
    const PROCESSES: u16 = 50;

    fn reserve() -> Self {
        let folder = std::env::temp_dir().join("countersign-test-ports");
        fs::create_dir_all(&folder).unwrap();
        let free = || (0..Self::PROCESSES).find_map(|number| Self::locked(&folder, number));
        eventually(PATIENCE, free).expect("ports that no other process of tests uses")
    }

    fn locked(folder: &Path, number: u16) -> Option<Self> {
        let first = Self::LOWEST + number * Self::COUNT;
        let lock = File::create(folder.join(first.to_string())).unwrap();
        lock.try_lock().ok()?;
        Some(Self {
            first,
            next: AtomicU16::new(0),
            _lock: lock,
        })
    }
}

/// Bytes that do not compress and hold every value, the same each time.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut bytes: Vec<u8> = std::iter::repeat_with(next)
        .take(length / 8 + 1)
        .flatten()
        .collect();
    bytes.truncate(length);
    bytes
}
