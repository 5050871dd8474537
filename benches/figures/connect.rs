//! How long `ssh target true` takes, cold, with a login in place, and what it costs the machine between.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::road::{Ciphers, Road, Way};
use crate::setting;
use crate::table::{self, Goal, median, milliseconds};

const RUNS: usize = 20;
const WARM_UP: usize = 3;

pub(crate) fn measure(road: &Road) {
    road.print_ways(Ciphers::Same);
    let runs = setting("COUNTERSIGN_BENCH_RUNS", RUNS);
    for _ in 0..WARM_UP {
        for way in Way::ALL {
            time(road, way);
        }
    }
    let mut times = Way::ALL.map(|_| Vec::with_capacity(runs));
    for run in 0..runs {
        for step in 0..Way::ALL.len() {
            // Another way begins each round.
            let at = (run + step) % Way::ALL.len();
            times[at].push(milliseconds(time(road, Way::ALL[at])));
        }
    }
    table::heading("ssh target true, median", "stock");
    let stock = median(&times[0]);
    for (way, times) in Way::ALL.into_iter().zip(&times) {
        let goal = match way {
            Way::Direct | Way::Stock => Goal::Nothing,
            Way::Hop(_) => Goal::AtMost(0.66),
            Way::Jump(_) => Goal::AtMost(1.05),
        };
        table::line(way.name(), median(times), "ms", stock, goal);
    }
    cost(road, runs);
}

/// CPU of whatever stands between, in blocks of connections, as the kernel counts in hundredths of a second.
fn cost(road: &Road, runs: usize) {
    table::heading("CPU between, a connection", "stock");
    let mut stock = None;
    for way in Way::ALL {
        let Some(between) = road.between(way) else {
            continue;
        };
        let watch = between.watch();
        for _ in 0..runs {
            time(road, way);
        }
        #[expect(clippy::cast_precision_loss, reason = "few runs")]
        let used = watch.stop() * 1000.0 / runs as f64;
        let goal = match way {
            Way::Direct | Way::Stock => Goal::Nothing,
            Way::Hop(_) | Way::Jump(_) => Goal::AtMost(0.35),
        };
        table::line(way.name(), used, "ms", *stock.get_or_insert(used), goal);
    }
}

/// Runs `ssh HOST true` to its end.
fn time(road: &Road, way: Way) -> Duration {
    let mut ssh = road.ssh(way, Ciphers::Same, "true");
    ssh.stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let started = Instant::now();
    let status = ssh.status().unwrap();
    let took = started.elapsed();
    assert!(status.success(), "{ssh:?} failed: {status}");
    took
}
