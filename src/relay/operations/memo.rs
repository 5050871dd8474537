//! What policy answered lately, for screens that ask the same about hundreds of requests and sessions every second.
//!
//! Invariant: what is remembered only decides what is *listed*. Whatever somebody does is asked anew. An answer is
//! forgotten after [`REMEMBERED`], since policies may look at the time, and all of them when the policies change.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long an answer is taken for what would be answered now.
const REMEMBERED: Duration = Duration::from_secs(10);
/// Most answers of one kind that are remembered; when there are more, those that are over are forgotten, then all.
const ANSWERS: usize = 4096;

/// Answers of one kind, by what they are about.
#[derive(Debug)]
pub struct Memo<K, V>(Mutex<Answers<K, V>>);

#[derive(Debug)]
struct Answers<K, V> {
    /// The policies that gave them.
    policy: String,
    known: HashMap<K, (V, Instant)>,
}

impl<K, V> Default for Memo<K, V> {
    fn default() -> Self {
        Self(Mutex::new(Answers {
            policy: String::new(),
            known: HashMap::new(),
        }))
    }
}

impl<K: Eq + Hash, V: Clone> Memo<K, V> {
    /// The answer of the policies with that digest, asked for when it is not remembered.
    pub fn answer(&self, policy: &str, about: K, ask: impl FnOnce() -> V) -> V {
        let now = Instant::now();
        if let Some(known) = self.known(policy, &about, now) {
            return known;
        }
        let answer = ask();
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.policy != policy {
            answers.policy = policy.to_owned();
            answers.known.clear();
        }
        if answers.known.len() >= ANSWERS {
            answers.known.retain(|_, (_, at)| !over(*at, now));
        }
        if answers.known.len() >= ANSWERS {
            answers.known.clear();
        }
        answers.known.insert(about, (answer.clone(), now));
        answer
    }

    fn known(&self, policy: &str, about: &K, now: Instant) -> Option<V> {
        let answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (answer, at) = answers.known.get(about)?;
        (answers.policy == policy && !over(*at, now)).then(|| answer.clone())
    }
}

fn over(at: Instant, now: Instant) -> bool {
    now.duration_since(at) > REMEMBERED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policy_is_asked_once_until_it_changes() {
        let memo = Memo::default();
        let asked = |policy: &str, about: u32| {
            let mut asked = false;
            memo.answer(policy, about, || asked = true);
            asked
        };
        assert!(asked("one", 1));
        assert!(!asked("one", 1));
        assert!(asked("one", 2));
        assert!(asked("two", 1));
        assert!(!asked("two", 1));
        assert!(asked("two", 2));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let memo = Memo::default();
        for about in 0..3 * ANSWERS {
            memo.answer("one", about, || ());
        }
        assert!(memo.0.lock().unwrap().known.len() <= ANSWERS);
    }
}
