//! The nodes that share a store: which of them have stopped, and when this one has to count itself among them.
//!
//! Each node counts its beats in the store. Invariant: a node is taken to have stopped only when its number stood still for
//! so long that, were it alive, it would have ended its sessions by then: one that cannot beat ends them. How long
//! that is every node tells by its own clock; clocks of several machines are not compared.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::registry::Registry;
use crate::domain::name::NodeName;
use crate::store::{QUERY_TIMEOUT, Store, StoreError};

/// How often a node beats.
const BEAT: Duration = Duration::from_secs(5);
/// A node that could not beat for so long ends its sessions: others may take it to have stopped soon.
const ALONE: Duration = Duration::from_secs(120);
/// A node whose number stood still for so long has stopped.
const STOPPED: Duration = Duration::from_secs(200);

// The one that cannot beat is done long before: it looks once in a beat, which may take as long as a query.
const _: () = assert!(
    ALONE.as_secs() + 2 * (BEAT.as_secs() + QUERY_TIMEOUT.as_secs()) + 30 <= STOPPED.as_secs()
);

/// What is known of the nodes that share a store.
#[derive(Debug, Default)]
pub struct Peers(Mutex<BTreeMap<NodeName, Beats>>);

#[derive(Debug, Clone, Copy)]
struct Beats {
    count: u64,
    /// When that many were seen first.
    since: Instant,
}

impl Peers {
    /// The nodes that have stopped, as far as this one has watched them. One that never beat is not among them.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn stopped(&self, store: &Store) -> Result<BTreeSet<NodeName>, StoreError> {
        let beats = store.beats().await?;
        Ok(self.saw(beats, Instant::now()))
    }

    /// Takes in what the store says now, and tells who has stopped.
    fn saw(&self, beats: Vec<(NodeName, u64)>, now: Instant) -> BTreeSet<NodeName> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = |(node, count): (NodeName, u64)| {
            let before = known.get(&node).filter(|beats| beats.count == count);
            let since = before.map_or(now, |beats| beats.since);
            (node, Beats { count, since })
        };
        *known = beats.into_iter().map(seen).collect();
        let stood_still = |beats: &Beats| now.duration_since(beats.since) >= STOPPED;
        let stopped = known.iter().filter(|(_, beats)| stood_still(beats));
        stopped.map(|(node, _)| node.clone()).collect()
    }
}

/// Beats for a node and watches the others, until it is told to stop. When it cannot beat, the node's sessions end.
pub async fn live(
    store: &Store,
    node: &NodeName,
    peers: &Peers,
    registry: &Registry,
    stop: &CancellationToken,
) {
    let mut due = interval(BEAT);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = Last(Instant::now());
    loop {
        tokio::select! {
            _ = due.tick() => {}
            () = stop.cancelled() => return,
        }
        let began = Instant::now();
        match beat(store, node, peers).await {
            Ok(()) => last = Last(began),
            Err(error) => tracing::error!(%error, "this node could not tell that it lives"),
        }
        if last.is_too_long_ago(Instant::now()) {
            registry.end_all("nothing more runs: the bastion lost its store");
        }
    }
}

async fn beat(store: &Store, node: &NodeName, peers: &Peers) -> Result<(), StoreError> {
    store.beat(node).await?;
    peers.stopped(store).await.map(drop)
}

/// When the last beat that others may have seen began.
#[derive(Debug, Clone, Copy)]
struct Last(Instant);

impl Last {
    fn is_too_long_ago(self, now: Instant) -> bool {
        now.duration_since(self.0) >= ALONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str) -> NodeName {
        name.parse().unwrap()
    }

    #[test]
    fn a_node_has_stopped_when_its_number_stood_still_long_enough_and_not_before() {
        let peers = Peers::default();
        let start = Instant::now();
        let saw = |count, after: Duration| peers.saw(vec![(node("n2"), count)], start + after);
        let nobody = BTreeSet::new();
        // What it was before it is seen first says nothing.
        assert_eq!(saw(7, Duration::ZERO), nobody);
        assert_eq!(saw(7, STOPPED - BEAT), nobody);
        assert_eq!(saw(8, STOPPED), nobody);
        assert_eq!(saw(8, STOPPED + STOPPED - BEAT), nobody);
        assert_eq!(saw(8, STOPPED + STOPPED), BTreeSet::from([node("n2")]));
        // It came back, or is forgotten.
        assert_eq!(saw(9, STOPPED + STOPPED), nobody);
        assert_eq!(peers.saw(Vec::new(), start + 9 * STOPPED), nobody);
    }

    #[test]
    fn a_node_that_cannot_beat_ends_its_sessions_before_others_take_it_to_have_stopped() {
        let (peers, start) = (Peers::default(), Instant::now());
        let last = Last(start);
        // Others see the beat at once, or later.
        peers.saw(vec![(node("n2"), 7)], start);
        let looks = (0..=2 * STOPPED.as_secs()).step_by(15);
        let looks = looks.map(|after| start + Duration::from_secs(after));
        let ended = looks.clone().find(|at| last.is_too_long_ago(*at));
        let stopped = looks
            .clone()
            .find(|at| !peers.saw(vec![(node("n2"), 7)], *at).is_empty());
        let ended = ended.expect("its sessions end");
        let stopped = stopped.expect("others see that it stopped");
        assert!(ended + 2 * BEAT < stopped);
        assert!(
            !last.is_too_long_ago(start + ALONE - BEAT),
            "a short failure ends nothing"
        );
    }
}
