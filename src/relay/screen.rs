//! The screen behind an inspected terminal: what stands on the line when a submitting key was pressed, and how long
//! the echo may take to get there.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::inspect::line::{Line, LineTracker};

/// The echo counts as complete when nothing was sent or shown for so long.
const QUIET: Duration = Duration::from_millis(30);
/// A line that is not understood may still be on its way: so long at the most is waited for the rest of its echo.
const PATIENCE: Duration = Duration::from_millis(600);
/// How often an incomplete echo is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// Output counts as settled when nothing was shown for so long, and is not waited for longer than a second.
const SETTLED: Duration = Duration::from_millis(60);
const SETTLE_PATIENCE: Duration = Duration::from_secs(1);

struct Watched {
    tracker: LineTracker,
    last_change: Instant,
}

/// A terminal's screen, fed from both directions of its channel.
pub struct Screen(Mutex<Watched>);

impl Screen {
    /// An empty screen.
    pub fn new(rows: u16, columns: u16) -> Self {
        Self(Mutex::new(Watched {
            tracker: LineTracker::new(rows, columns),
            last_change: Instant::now(),
        }))
    }

    fn with<T>(&self, work: impl FnOnce(&mut Watched) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The target wrote to the terminal.
    pub fn output(&self, bytes: &[u8]) {
        self.with(|watched| {
            watched.tracker.output(bytes);
            watched.last_change = Instant::now();
        });
    }

    /// Input that submits nothing was sent to the target.
    pub fn input(&self, bytes: &[u8]) {
        self.with(|watched| {
            watched.tracker.input(bytes);
            watched.last_change = Instant::now();
        });
    }

    /// The withheld key was sent.
    pub fn submitted(&self, key: &[u8]) {
        self.with(|watched| {
            watched.tracker.submitted(key);
            watched.last_change = Instant::now();
        });
    }

    /// The terminal has another size.
    pub fn resize(&self, rows: u16, columns: u16) {
        self.with(|watched| watched.tracker.resize(rows, columns));
    }

    /// The last lines that are not empty, safe to print.
    pub fn lines(&self, count: usize) -> Vec<String> {
        self.with(|watched| watched.tracker.screen_lines(count))
    }

    /// The prompt with the line as it stands, to be drawn anew below a notice.
    pub fn redrawn(&self) -> Vec<u8> {
        self.with(|watched| watched.tracker.redrawn())
    }

    /// Reads the line when its echo is complete, or as it stands when that takes too long.
    pub async fn read_line(&self) -> Line {
        let patience = Instant::now() + PATIENCE;
        loop {
            let quiet = self.with(|watched| watched.last_change) + QUIET;
            tokio::time::sleep_until(quiet.min(patience)).await;
            let still = self.with(|watched| watched.last_change) + QUIET <= Instant::now();
            let line = self.with(|watched| watched.tracker.read());
            if Instant::now() >= patience || (still && !line.reading.is_opaque()) {
                return line;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// The line as it stands now.
    pub fn line_now(&self) -> Line {
        self.with(|watched| watched.tracker.read())
    }

    /// Waits until the output that followed a submitted line has settled.
    pub async fn settled(&self) {
        let patience = Instant::now() + SETTLE_PATIENCE;
        loop {
            let settled = self.with(|watched| watched.last_change) + SETTLED;
            if Instant::now() >= settled.min(patience) {
                return;
            }
            tokio::time::sleep_until(settled.min(patience)).await;
        }
    }
}
