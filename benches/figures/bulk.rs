//! Bulk data through a command's standard output and input: how fast, and at what cost for the machine between.
//!
//! The data is text that does not repeat, the dearest that a recording of everything meets but for control
//! characters. The client side compares what comes with what was sent, the target does so with `cmp`.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use countersign::record::asciicast::EventKind;

use crate::meter::{Meter, Watch};
use crate::road::{Ciphers, Recording, Road, Way};
use crate::setting;
use crate::table::{self, Goal, median};

const ROUNDS: usize = 5;
const MEBIBYTES: usize = 512;
const GIGABYTE: f64 = 1e9;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Down,
    Up,
}

#[derive(Debug, Default)]
struct Measured {
    /// Bytes a second, each run.
    speed: Vec<f64>,
    /// CPU seconds of what stands between a gigabyte, each run.
    cost: Vec<f64>,
}

pub(crate) fn measure(road: &Road) {
    let file = road.target.home().join("bulk");
    let data = text(setting("COUNTERSIGN_BENCH_MIB", MEBIBYTES) * 1024 * 1024);
    fs::write(&file, &data).unwrap();
    for ciphers in [Ciphers::Default, Ciphers::Same] {
        println!("\nciphers: {ciphers:?}");
        road.print_ways(ciphers);
        for direction in [Direction::Down, Direction::Up] {
            let measured = take_turns(road, ciphers, direction, &file, &data);
            report(ciphers, direction, &measured);
        }
    }
    fs::remove_file(&file).unwrap();
}

fn take_turns(
    road: &Road,
    ciphers: Ciphers,
    direction: Direction,
    file: &Path,
    data: &[u8],
) -> [Measured; 6] {
    let mut measured = Way::ALL.map(|_| Measured::default());
    // The first round only warms up.
    for round in 0..=setting("COUNTERSIGN_BENCH_ROUNDS", ROUNDS) {
        for step in 0..Way::ALL.len() {
            let at = (round + step) % Way::ALL.len();
            let way = Way::ALL[at];
            let watch = road.between(way).map(Meter::watch);
            let started = Instant::now();
            match direction {
                Direction::Down => down(road, way, ciphers, file, data),
                Direction::Up => up(road, way, ciphers, file),
            }
            let took = started.elapsed().as_secs_f64();
            let used = watch.map(Watch::stop);
            if direction == Direction::Down && way.recording() == Some(Recording::Everything) {
                let recording = newest_recording(road, way);
                if round == 0 {
                    expect_recorded(&recording, data);
                }
                // Else it is the disk that is measured after a few rounds.
                File::create(&recording).unwrap();
            }
            if round == 0 {
                continue;
            }
            #[expect(clippy::cast_precision_loss, reason = "a size")]
            let bytes = data.len() as f64;
            measured[at].speed.push(bytes / took);
            if let Some(used) = used {
                measured[at].cost.push(used / bytes * GIGABYTE);
            }
        }
    }
    measured
}

fn report(ciphers: Ciphers, direction: Direction, measured: &[Measured; 6]) {
    let ways = || Way::ALL.into_iter().zip(measured);
    let stock = median(&measured[0].speed);
    table::heading(&format!("bulk {direction:?}, {ciphers:?} ciphers"), "stock");
    for (way, measured) in ways() {
        let goal = match (way, ciphers) {
            (Way::Direct | Way::Stock, _) => Goal::Nothing,
            (Way::Hop(_), Ciphers::Default) => Goal::AtLeast(1.5),
            (Way::Jump(_), Ciphers::Default) | (Way::Hop(_), Ciphers::Same) => Goal::AtLeast(1.0),
            (Way::Jump(_), Ciphers::Same) => Goal::Nothing,
        };
        let speed = median(&measured.speed) / 1e6;
        table::line(way.name(), speed, "MB/s", stock / 1e6, goal);
    }
    table::heading("CPU between, a gigabyte", "stock");
    let stock = median(&measured[0].cost);
    for (way, measured) in ways().filter(|(_, measured)| !measured.cost.is_empty()) {
        let goal = match (way, ciphers) {
            (Way::Hop(Recording::Usual), Ciphers::Same) => Goal::AtMost(1.7),
            (Way::Hop(Recording::Everything), Ciphers::Same) => Goal::AtMost(2.0),
            (Way::Direct | Way::Stock | Way::Jump(_) | Way::Hop(_), _) => Goal::Nothing,
        };
        table::line(way.name(), median(&measured.cost), "s", stock, goal);
    }
}

fn down(road: &Road, way: Way, ciphers: Ciphers, file: &Path, data: &[u8]) {
    let mut ssh = road.ssh(way, ciphers, &format!("cat {}", file.display()));
    ssh.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = ssh.spawn().unwrap();
    let mut output = child.stdout.take().unwrap();
    let (mut chunk, mut at) = (vec![0; 256 * 1024], 0);
    loop {
        let read = output.read(&mut chunk).unwrap();
        if read == 0 {
            break;
        }
        assert!(chunk[..read] == data[at..at + read], "another content");
        at += read;
    }
    assert_eq!(at, data.len());
    assert!(child.wait().unwrap().success());
}

fn up(road: &Road, way: Way, ciphers: Ciphers, file: &Path) {
    let compare = format!("cmp - {} && echo the same", file.display());
    let mut ssh = road.ssh(way, ciphers, &compare);
    ssh.stdin(File::open(file).unwrap());
    let output = ssh.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(output.stdout, b"the same\n");
}

fn newest_recording(road: &Road, way: Way) -> PathBuf {
    let recordings = road.ours(way).bastion.recordings();
    recordings.into_iter().next_back().unwrap()
}

/// Checks that a recording holds exactly this output.
fn expect_recorded(recording: &Path, data: &[u8]) {
    let mut recording = countersign::record::Recording::open(recording).unwrap();
    let mut left = data;
    while let Some(event) = recording.next_event().unwrap() {
        if let EventKind::Output(text) = event.kind {
            left = left.strip_prefix(text.as_bytes()).expect("another content");
        }
    }
    assert!(left.is_empty(), "{} bytes were not recorded", left.len());
}

/// Lines of text that do not repeat.
fn text(length: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(length + 128);
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    while text.len() < length {
        for _ in 0..5 {
            // Xorshift (Marsaglia 2003).
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            write!(text, "{state:016x} ").unwrap();
        }
        text.push(b'\n');
    }
    text.truncate(length);
    text
}
