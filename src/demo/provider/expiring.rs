//! What waits for its next step for a while: looked up by an unguessable text, bounded in number and in time.
//!
//! The time is an argument. It refuses what is new rather than forget what is open.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

/// There are too many open already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

/// A bounded map whose entries end by themselves.
pub(super) struct Expiring<V> {
    entries: HashMap<String, (Instant, V)>,
    lifetime: Duration,
    most: usize,
}

impl<V> Expiring<V> {
    pub(super) fn new(lifetime: Duration, most: usize) -> Self {
        Self {
            entries: HashMap::new(),
            lifetime,
            most,
        }
    }

    /// Keeps `value` under `key` for the lifetime.
    pub(super) fn insert(&mut self, key: String, value: V, now: Instant) -> Result<(), Full> {
        if self.entries.len() >= self.most {
            self.entries.retain(|_, (ends, _)| now < *ends);
        }
        if self.entries.len() >= self.most {
            return Err(Full);
        }
        self.entries.insert(key, (now + self.lifetime, value));
        Ok(())
    }

    /// Takes an entry out: it can be had once.
    pub(super) fn take(&mut self, key: &str, now: Instant) -> Option<V> {
        let (ends, value) = self.entries.remove(key)?;
        (now < ends).then_some(value)
    }

    /// Looks at an entry that stays.
    pub(super) fn find(&mut self, key: &str, now: Instant) -> Option<&mut V> {
        let (ends, value) = self.entries.get_mut(key)?;
        (now < *ends).then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFETIME: Duration = Duration::from_secs(60);

    #[test]
    fn an_entry_is_taken_once_and_only_in_its_time() {
        let start = Instant::now();
        let mut open = Expiring::new(LIFETIME, 8);
        open.insert("a".to_owned(), 1, start).unwrap();
        open.insert("b".to_owned(), 2, start).unwrap();
        assert_eq!(open.take("a", start), Some(1));
        assert_eq!(open.take("a", start), None);
        assert_eq!(open.find("b", start), Some(&mut 2));
        assert_eq!(open.find("b", start + LIFETIME), None);
        assert_eq!(open.take("b", start + LIFETIME), None);
    }

    #[test]
    fn a_full_map_refuses_until_something_ends() {
        let start = Instant::now();
        let mut open = Expiring::new(LIFETIME, 1);
        open.insert("a".to_owned(), 1, start).unwrap();
        assert_eq!(open.insert("b".to_owned(), 2, start), Err(Full));
        assert_eq!(open.insert("b".to_owned(), 2, start + LIFETIME), Ok(()));
    }
}
