//! What an idle session costs in memory: the slope of the proportional set size from 100 to 300 sessions, and what
//! is left when all of them were closed.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};
use std::time::Duration;

use crate::it::harness::eventually;
use crate::meter::Meter;
use crate::road::{Ciphers, Layer, Recording, Road, Way};
use crate::setting;
use crate::table::{self, Goal};

const FEW: usize = 100;
const MANY: usize = 300;
/// Sessions that are opened at a time.
const AT_A_TIME: usize = 10;
/// How long memory may take to be given back after the sessions ended.
const GIVEN_BACK: Duration = Duration::from_secs(30);

/// What the sessions are: a way, whether they are inspected shells in a terminal, and their goal.
const KINDS: [(Way, Terminal, &str, Goal); 5] = [
    (
        Way::Stock,
        Terminal::None,
        "-J through a stock sshd",
        Goal::Nothing,
    ),
    (
        Way::Hop(Recording::Usual),
        Terminal::None,
        "one hop",
        Goal::AtMost(0.07),
    ),
    (
        Way::Hop(Recording::Everything),
        Terminal::Inspected,
        "one hop, an inspected terminal",
        Goal::AtMost(0.10),
    ),
    (
        Way::Jump(Recording::Usual),
        Terminal::None,
        "-J",
        Goal::AtMost(0.07),
    ),
    (
        Way::Jump(Recording::Everything),
        Terminal::Inspected,
        "-J, an inspected terminal",
        Goal::AtMost(0.10),
    ),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Terminal {
    None,
    Inspected,
}

pub(crate) fn measure(road: &Road) {
    let (few, many) = (FEW, setting("COUNTERSIGN_BENCH_SESSIONS", MANY));
    let mut lines = Vec::new();
    let mut stock = None;
    for (way, terminal, name, goal) in KINDS {
        let meter = road.between(way).unwrap();
        // What the first session of its kind brings is there to stay.
        close(open(road, way, terminal, 1));
        let before = settled(meter, f64::INFINITY);
        let mut sessions = open(road, way, terminal, few);
        let low = settled(meter, f64::INFINITY);
        sessions.extend(open(road, way, terminal, many - few));
        let high = settled(meter, f64::INFINITY);
        close(sessions);
        let after = settled(meter, before * 1.5);
        #[expect(clippy::cast_precision_loss, reason = "few sessions")]
        let slope = (high - low) / (many - few) as f64;
        let stock = *stock.get_or_insert(slope);
        lines.push((name, goal, slope, stock, before, high, after));
    }
    table::heading("memory, an idle session", "stock");
    for (name, goal, slope, stock, ..) in &lines {
        table::line(name, *slope, "KiB", *stock, *goal);
    }
    table::heading("memory after all were closed", "start");
    for (name, _, _, _, before, high, after) in &lines {
        println!(
            "{name:<44} start {:.1} MiB, most {:.1} MiB",
            before / 1024.0,
            high / 1024.0
        );
        table::line(
            "",
            after / 1024.0,
            "MiB",
            before / 1024.0,
            Goal::AtMost(1.5),
        );
    }
}

/// Opens so many idle sessions without a terminal.
pub(crate) fn idle_sessions(road: &Road, way: Way, count: usize) -> Vec<Child> {
    open(road, way, Terminal::None, count)
}

/// Checks that every one of them is still there and answers, and closes them.
pub(crate) fn expect_idle(mut sessions: Vec<Child>) {
    for child in &mut sessions {
        child
            .stdin
            .as_mut()
            .unwrap()
            .write_all(b"still idle\n")
            .unwrap();
        wait_until_idle(child);
    }
    close(sessions);
}

fn open(road: &Road, way: Way, terminal: Terminal, count: usize) -> Vec<Child> {
    let mut sessions = Vec::with_capacity(count);
    while sessions.len() < count {
        let batch = AT_A_TIME.min(count - sessions.len());
        let mut started: Vec<Child> = (0..batch).map(|_| start(road, way, terminal)).collect();
        for child in &mut started {
            wait_until_idle(child);
        }
        sessions.extend(started);
    }
    sessions
}

fn start(road: &Road, way: Way, terminal: Terminal) -> Child {
    let mut ssh = match terminal {
        Terminal::None => road.ssh(way, Ciphers::Same, "echo idle; exec cat"),
        Terminal::Inspected => {
            road.program("ssh", way, Layer::Line, Ciphers::Same, &["-tt", "HOST"])
        }
    };
    ssh.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = ssh.spawn().unwrap();
    if terminal == Terminal::Inspected {
        let input = child.stdin.as_mut().unwrap();
        input.write_all(b"echo id''le\r").unwrap();
    }
    child
}

fn wait_until_idle(child: &mut Child) {
    let mut output = BufReader::new(child.stdout.as_mut().unwrap());
    let mut line = String::new();
    while !line.contains("idle") {
        line.clear();
        assert_ne!(output.read_line(&mut line).unwrap(), 0, "a session ended");
    }
}

fn close(sessions: Vec<Child>) {
    for mut child in sessions {
        drop(child.stdin.take());
        let _ = child.kill();
        child.wait().unwrap();
    }
}

/// The memory once it does not change any more, or is below `enough`.
fn settled(meter: Meter, enough: f64) -> f64 {
    let mut last = 0.0;
    let mut rounds = 0;
    let quiet = || {
        std::thread::sleep(Duration::from_millis(700));
        let now = meter.memory();
        let changed = (now - last).abs() > 64.0;
        last = now;
        rounds += 1;
        (now < enough && !changed && rounds > 3).then_some(())
    };
    let _ = eventually(GIVEN_BACK, quiet);
    last
}
