//! How long lines took to read and to decide.

use std::fmt;
use std::time::Duration;

/// Most lines that are remembered one by one; later ones are only counted.
const MOST: usize = 1_000_000;

/// The times of each line.
#[derive(Debug, Default)]
pub(super) struct Timing {
    lines: u64,
    reading: Vec<Duration>,
    deciding: Vec<Duration>,
}

impl Timing {
    /// Adds one line.
    pub(super) fn add(&mut self, reading: Duration, deciding: Duration) {
        self.lines += 1;
        if self.reading.len() < MOST {
            self.reading.push(reading);
            self.deciding.push(deciding);
        }
    }
}

impl fmt::Display for Timing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} lines", self.lines)?;
        for (what, times) in [("reading", &self.reading), ("deciding", &self.deciding)] {
            let mut sorted = times.clone();
            sorted.sort_unstable();
            write!(f, "\n{what:<9}")?;
            for (name, hundredths) in [("p50", 50), ("p90", 90), ("p99", 99), ("max", 100)] {
                let at = (sorted.len() * hundredths / 100).min(sorted.len().saturating_sub(1));
                let micros = sorted.get(at).map_or(0.0, |time| time.as_secs_f64() * 1e6);
                write!(f, " {name} {micros:.1} µs")?;
            }
        }
        Ok(())
    }
}
