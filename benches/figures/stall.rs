//! What a reader that stops costs in memory, on either side.

use std::io::Read;
use std::process::Stdio;
use std::time::Duration;

use crate::road::{Ciphers, Recording, Road, Way};
use crate::table::{self, Goal};

/// How long a reader stalls.
const STALL: Duration = Duration::from_secs(8);
const LOOKS: u32 = 16;
/// Two windows of 2 MiB and the 4 MiB that a paced socket may still bring.
const BOUND: f64 = 8.0;
/// The connection around a jump has a window of its own.
const JUMP_WINDOW: f64 = 2.0;

pub(crate) fn measure(road: &Road) {
    table::heading("memory that a stalled reader holds, at most", "bound");
    let before = road.ours(Way::Hop(Recording::Usual)).meter.memory();
    for way in [Way::Hop(Recording::Usual), Way::Jump(Recording::Usual)] {
        let bound = match way {
            Way::Jump(_) => BOUND + JUMP_WINDOW,
            Way::Direct | Way::Stock | Way::Hop(_) => BOUND,
        };
        let grown = (client_stalls(road, way) - before) / 1024.0;
        let name = format!("{}, the client stops reading", way.name());
        table::line(&name, grown, "MiB", bound, Goal::AtMost(1.0));
        let grown = (target_stalls(road, way) - before) / 1024.0;
        let name = format!("{}, the target stops reading", way.name());
        table::line(&name, grown, "MiB", bound, Goal::AtMost(1.0));
    }
}

/// The client reads nothing for a while, then everything. Gives the most memory meanwhile, in KiB.
fn client_stalls(road: &Road, way: Way) -> f64 {
    let mut ssh = road.ssh(way, Ciphers::Same, "head -c 300M /dev/zero");
    ssh.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = ssh.spawn().unwrap();
    let most = watch(road, way);
    let mut output = child.stdout.take().unwrap();
    let (mut chunk, mut count) = (vec![0; 256 * 1024], 0);
    loop {
        match output.read(&mut chunk).unwrap() {
            0 => break,
            read => count += read,
        }
    }
    assert_eq!(count, 300 * 1024 * 1024);
    assert!(child.wait().unwrap().success());
    most
}

/// The same with the program on the target.
fn target_stalls(road: &Road, way: Way) -> f64 {
    let seconds = STALL.as_secs();
    let mut ssh = road.ssh(way, Ciphers::Same, &format!("sleep {seconds}; wc -c"));
    let mut head = std::process::Command::new("head")
        .args(["-c", "300M", "/dev/zero"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    ssh.stdin(head.stdout.take().unwrap())
        .stdout(Stdio::piped());
    let child = ssh.spawn().unwrap();
    let most = watch(road, way);
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "314572800");
    head.wait().unwrap();
    most
}

/// The most that it takes while the stall lasts.
fn watch(road: &Road, way: Way) -> f64 {
    let looks = (0..LOOKS).map(|_| {
        std::thread::sleep(STALL / LOOKS);
        road.ours(way).meter.memory()
    });
    looks.fold(0.0, f64::max)
}
