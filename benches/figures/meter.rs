//! What processes use, by what the kernel says of them: CPU time and memory, of one process or of all below it.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Ticks of the kernel's CPU times in a second (`USER_HZ`, the same on every architecture we run on).
const TICKS: f64 = 100.0;

/// How often the CPU time of short-lived processes is looked at: what they use after the last look is not seen.
const LOOK: Duration = Duration::from_millis(2);

/// A process, with whatever it started.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Meter(u32);

/// A look at the CPU time of a process and everything below it, again and again: an `sshd` whose client has gone
/// does not wait for its child, so that the kernel adds the child's time to nobody's.
#[derive(Debug)]
pub(crate) struct Watch {
    over: Arc<AtomicBool>,
    watching: JoinHandle<f64>,
}

impl Watch {
    /// CPU seconds that were used since the watch began.
    pub(crate) fn stop(self) -> f64 {
        self.over.store(true, Ordering::Release);
        self.watching.join().unwrap()
    }
}

impl Meter {
    /// The process that was started with this file as an argument.
    pub(crate) fn of_file(file: &Path) -> Self {
        let file = file.to_str().unwrap();
        let found: Vec<u32> = fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter(|id| {
                let line = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
                String::from_utf8_lossy(&line).contains(file)
            })
            .collect();
        let [id] = found[..] else {
            panic!("processes of `{file}`: {found:?}");
        };
        Self(id)
    }

    /// Begins to watch what CPU time it and everything below it use.
    pub(crate) fn watch(self) -> Watch {
        let over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&over);
        let mut before = HashMap::new();
        self.look(&mut before);
        let watching = std::thread::spawn(move || {
            let mut after = before.clone();
            while !seen.load(Ordering::Acquire) {
                std::thread::sleep(LOOK);
                self.look(&mut after);
            }
            after
                .iter()
                .map(|(id, cpu)| cpu - before.get(id).unwrap_or(&0.0))
                .sum()
        });
        Watch { over, watching }
    }

    /// CPU seconds that it and everything that now is below it have used.
    pub(crate) fn cpu(self) -> f64 {
        self.tree().into_iter().filter_map(cpu).sum()
    }

    /// The proportional set size of it and everything below it, in KiB.
    pub(crate) fn memory(self) -> f64 {
        self.tree().into_iter().map(pss).sum()
    }

    fn look(self, into: &mut HashMap<u32, f64>) {
        for id in self.tree() {
            if let Some(cpu) = cpu(id) {
                into.insert(id, cpu);
            }
        }
    }

    fn tree(self) -> Vec<u32> {
        let mut found = vec![self.0];
        let mut next = 0;
        while let Some(id) = found.get(next) {
            let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
            let children = children.unwrap_or_default();
            found.extend(
                children
                    .split_whitespace()
                    .filter_map(|id| id.parse::<u32>().ok()),
            );
            next += 1;
        }
        found
    }
}

/// CPU seconds of a process; `None` when it has ended meanwhile.
fn cpu(id: u32) -> Option<f64> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name in brackets may hold anything; the fields behind it begin with the state, the third (proc(5)).
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |field: usize| fields.get(field - 3)?.parse::<u32>().ok();
    if number(20)? > 1 {
        return Some(f64::from(number(14)? + number(15)?) / TICKS);
    }
    // To the nanosecond, but of one thread only.
    let text = fs::read_to_string(format!("/proc/{id}/schedstat")).ok()?;
    let nanoseconds: f64 = text.split_whitespace().next()?.parse().ok()?;
    Some(nanoseconds / 1e9)
}

fn pss(id: u32) -> f64 {
    let rollup = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).unwrap_or_default();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kibibytes.map_or(0.0, |text| text.trim().parse().unwrap())
}
