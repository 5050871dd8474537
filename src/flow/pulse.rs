//! Whether anything still happens on a connection, its channels and the connections inside them.
//!
//! Data of channels counts, both ways; keepalives, window sizes and key exchanges do not. What waits for people is not
//! idle. It measures only: whoever serves the connection ends it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// The pulse of one connection, shared by whoever carries its data.
#[derive(Debug, Clone)]
pub struct Pulse(Arc<Beats>);

#[derive(Debug)]
struct Beats {
    since: Instant,
    /// Milliseconds from `since` to the last data.
    last: AtomicU64,
    waiting: AtomicUsize,
    stopped: watch::Sender<Option<Duration>>,
}

impl Default for Pulse {
    fn default() -> Self {
        Self(Arc::new(Beats {
            since: Instant::now(),
            last: AtomicU64::new(0),
            waiting: AtomicUsize::new(0),
            stopped: watch::Sender::new(None),
        }))
    }
}

impl Pulse {
    /// Data passed just now.
    pub fn beat(&self) {
        let passed = self.0.since.elapsed().as_millis();
        let passed = u64::try_from(passed).unwrap_or(u64::MAX);
        self.0.last.fetch_max(passed, Ordering::Relaxed);
    }

    /// Something waits for people, and so nothing is idle, until what this returns is dropped.
    pub fn waiting(&self) -> Waiting {
        self.0.waiting.fetch_add(1, Ordering::AcqRel);
        Waiting(self.clone())
    }

    /// Returns when nothing has happened for so long; never for `None`.
    pub async fn idle(&self, patience: Option<Duration>) -> Duration {
        let Some(patience) = patience else {
            return std::future::pending().await;
        };
        loop {
            let last = self.0.since + Duration::from_millis(self.0.last.load(Ordering::Relaxed));
            let over = last + patience;
            let now = Instant::now();
            if self.0.waiting.load(Ordering::Acquire) > 0 {
                tokio::time::sleep_until(now + patience).await;
            } else if now >= over {
                return patience;
            } else {
                tokio::time::sleep_until(over).await;
            }
        }
    }

    /// Tells everybody who carries data that the connection ends, because it was idle for so long.
    pub fn stop(&self, idle: Duration) {
        self.0.stopped.send_replace(Some(idle));
    }

    /// Returns when the connection ends, with how long it was idle.
    pub async fn stopped(&self) -> Duration {
        let mut stopped = self.0.stopped.subscribe();
        match stopped.wait_for(Option::is_some).await.map(|idle| *idle) {
            Ok(Some(idle)) => idle,
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }
}

/// See [`Pulse::waiting`].
#[derive(Debug)]
pub struct Waiting(Pulse);

impl Drop for Waiting {
    fn drop(&mut self) {
        // What was waited for is something that happened.
        self.0.beat();
        self.0.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A time without data, for people.
pub fn idle_for(idle: Duration) -> String {
    let seconds = idle.as_secs();
    let (count, unit) = match seconds {
        s if s >= 3_600 && s % 3_600 == 0 => (s / 3_600, "h"),
        s if s >= 60 && s % 60 == 0 => (s / 60, "min"),
        s => (s, "s"),
    };
    format!("idle for {count} {unit}: ended")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_secs(60);

    /// How long the pulse took to be idle, with what happened meanwhile.
    async fn idle_after(pulse: &Pulse, meanwhile: impl Future<Output = ()>) -> Duration {
        let start = Instant::now();
        tokio::join!(pulse.idle(Some(SHORT)), meanwhile);
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn data_begins_the_time_anew() {
        let pulse = Pulse::default();
        let beats = async {
            for _ in 0..5 {
                tokio::time::sleep(SHORT / 2).await;
                pulse.beat();
            }
        };
        let idle_after = idle_after(&pulse, beats).await;
        assert!(
            (SHORT * 3..SHORT * 4).contains(&idle_after),
            "{idle_after:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_for_people_is_not_idle_and_its_end_begins_the_time_anew() {
        let pulse = Pulse::default();
        let waiting = pulse.waiting();
        let holding = async {
            tokio::time::sleep(SHORT * 3).await;
            drop(waiting);
        };
        let idle_after = idle_after(&pulse, holding).await;
        assert!(
            (SHORT * 4..SHORT * 5).contains(&idle_after),
            "{idle_after:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn everybody_hears_of_the_end_whenever_they_listen() {
        let pulse = Pulse::default();
        let listening = pulse.clone();
        let early = tokio::spawn(async move { listening.stopped().await });
        pulse.stop(SHORT);
        assert_eq!(early.await.unwrap(), SHORT);
        assert_eq!(pulse.stopped().await, SHORT);
    }

    #[test]
    fn the_time_is_told_in_the_unit_it_was_set_in() {
        let told = |seconds| idle_for(Duration::from_secs(seconds));
        assert_eq!(told(43_200), "idle for 12 h: ended");
        assert_eq!(told(5_400), "idle for 90 min: ended");
        assert_eq!(told(61), "idle for 61 s: ended");
    }
}
