//! Lanes: threads of which each runs the connections that it was given, from their first byte to their last.
//!
//! The tasks of a connection hand every packet from one to the next. Between threads each of these steps wakes a
//! thread that sleeps, which costs more than all the work on a keystroke; within one they cost next to nothing. So a
//! connection, the connections inside it and those that it opens to targets stay on one lane. A new one goes to the
//! lane that has the fewest. What a connection asks of the node is answered elsewhere: audit and approvals by tasks of
//! their own, the store by sockets of the node's runtime, whichever lane asks. A node ends its lanes last.

use std::io;
use std::sync::Arc;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// The lanes of a node. Their threads end when this is dropped.
#[derive(Debug)]
pub struct Lanes {
    lanes: Vec<Lane>,
    _end: DropGuard,
}

#[derive(Debug)]
struct Lane {
    runtime: Handle,
    /// Each connection holds one.
    seats: Arc<()>,
}

impl Lanes {
    /// Opens a lane for each processor.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn open() -> io::Result<Self> {
        let end = CancellationToken::new();
        let count = thread::available_parallelism()?.get();
        let lanes = (0..count).map(|number| Lane::open(number, end.clone()));
        Ok(Self {
            lanes: lanes.collect::<io::Result<_>>()?,
            _end: end.drop_guard(),
        })
    }

    /// Runs a connection, as one of `tasks`, on the lane that has the fewest.
    pub fn run(&self, tasks: &TaskTracker, connection: impl Future<Output = ()> + Send + 'static) {
        let lane = self.lanes.iter().min_by_key(|lane| lane.connections());
        if let Some(lane) = lane {
            let seat = Arc::clone(&lane.seats);
            let seated = async move {
                connection.await;
                drop(seat);
            };
            tasks.spawn_on(seated, &lane.runtime);
        }
    }
}

impl Lane {
    fn open(number: usize, end: CancellationToken) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        thread::Builder::new()
            .name(format!("lane-{number}"))
            .spawn(move || runtime.block_on(end.cancelled()))?;
        Ok(Self {
            runtime: handle,
            seats: Arc::new(()),
        })
    }

    fn connections(&self) -> usize {
        Arc::strong_count(&self.seats)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Mutex;

    use super::*;

    #[tokio::test]
    async fn connections_are_spread_and_what_they_start_stays_on_their_lane() {
        let lanes = Lanes::open().unwrap();
        let count = lanes.lanes.len();
        let tasks = TaskTracker::new();
        let (leave, seen) = (
            CancellationToken::new(),
            Arc::new(Mutex::new(HashMap::<_, usize>::new())),
        );
        for _ in 0..count * 3 {
            let (leave, seen) = (leave.clone(), Arc::clone(&seen));
            lanes.run(&tasks, async move {
                let lane = thread::current().id();
                let inside = tokio::spawn(async { thread::current().id() });
                assert_eq!(inside.await.unwrap(), lane);
                *seen.lock().unwrap().entry(lane).or_default() += 1;
                leave.cancelled().await;
            });
        }
        tasks.close();
        let everybody = async {
            while seen.lock().unwrap().values().sum::<usize>() < count * 3 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(20), everybody)
            .await
            .unwrap();
        leave.cancel();
        tasks.wait().await;
        let seen = seen.lock().unwrap();
        assert_eq!(seen.len(), count);
        assert!(seen.values().all(|connections| *connections == 3));
    }
}
