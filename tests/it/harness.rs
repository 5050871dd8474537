//! The parts of a test: an identity provider, targets, a bastion, people and their terminals.
//!
//! Each runs on loopback on a port of its own, keeps its files in a temporary folder and ends when it is
//! dropped, by its own process id. [`World`] is the usual set of them.

pub(crate) mod bastion;

pub(crate) mod browser;

pub(crate) mod http;

pub(crate) mod idp;

pub(crate) mod person;

pub(crate) mod process;

pub(crate) mod sshd;

pub(crate) mod terminal;

pub(crate) mod world;

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

pub(crate) use bastion::Options;
pub(crate) use browser::{Browser, Tab};
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

/// A port on loopback that nothing listens on. Below the range from which the kernel hands out ports, so that
/// no connection of another test takes it before it is used.
pub(crate) fn free_port() -> u16 {
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 12_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % u32::from(COUNT)).unwrap();
    (0..COUNT)
        .map(|_| NEXT.fetch_add(1, Ordering::Relaxed))
        .map(|step| FIRST + (start + step % COUNT) % COUNT)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port on loopback")
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
