//! A map from ids that forgets what came first when it gets too large.

use std::collections::{HashMap, VecDeque};

/// What is known by id, bounded in bytes. What is added again counts as new. Two maps that are given the same ids with
/// the same sizes forget the same ones.
#[derive(Clone, Debug)]
pub struct Bounded<V> {
    most: usize,
    bytes: usize,
    known: HashMap<u64, Entry<V>>,
    /// Ids with their serial numbers, oldest first; some may have been added again or removed since.
    order: VecDeque<(u64, u64)>,
    serial: u64,
}

#[derive(Clone, Debug)]
struct Entry<V> {
    serial: u64,
    bytes: usize,
    value: V,
}

impl<V> Bounded<V> {
    /// An empty map for values of `most` bytes in all.
    pub fn new(most: usize) -> Self {
        Self { most, bytes: 0, known: HashMap::new(), order: VecDeque::new(), serial: 0 }
    }

    pub fn get(&self, id: u64) -> Option<&V> {
        self.known.get(&id).map(|entry| &entry.value)
    }

    /// Adds `value`, which takes `bytes`. Returns what was forgotten for it.
    pub fn insert(&mut self, id: u64, value: V, bytes: usize) -> Vec<(u64, V)> {
        self.remove(id);
        self.serial += 1;
        self.bytes += bytes;
        self.order.push_back((id, self.serial));
        self.known.insert(id, Entry { serial: self.serial, bytes, value });
        let mut forgotten = Vec::new();
        while self.bytes > self.most
            && let Some(oldest) = self.oldest()
        {
            forgotten.extend(self.remove(oldest).map(|value| (oldest, value)));
        }
        if self.order.len() > 2 * self.known.len() + 64 {
            let known = &self.known;
            self.order.retain(|(id, serial)| known.get(id).is_some_and(|entry| entry.serial == *serial));
        }
        forgotten
    }

    pub fn remove(&mut self, id: u64) -> Option<V> {
        let entry = self.known.remove(&id)?;
        self.bytes -= entry.bytes;
        Some(entry.value)
    }

    /// The id that was added first of those that are known.
    fn oldest(&mut self) -> Option<u64> {
        while let Some(&(id, serial)) = self.order.front() {
            if self.known.get(&id).is_some_and(|entry| entry.serial == serial) {
                return Some(id);
            }
            self.order.pop_front();
        }
        None
    }

    /// Bytes of all that is known.
    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_oldest_are_forgotten_first() {
        let mut map = Bounded::new(30);
        assert_eq!(map.insert(1, 'a', 10), []);
        assert_eq!(map.insert(2, 'b', 10), []);
        assert_eq!(map.insert(1, 'c', 10), []);
        assert_eq!(map.insert(3, 'd', 15), [(2, 'b')]);
        assert_eq!([1, 2, 3].map(|id| map.get(id).copied()), [Some('c'), None, Some('d')]);
        assert_eq!(map.insert(4, 'e', 99), [(1, 'c'), (3, 'd'), (4, 'e')]);
        assert!(map.is_empty() && map.bytes() == 0);
    }

    proptest! {
        #[test]
        fn it_never_grows_beyond_its_bound(steps in prop::collection::vec((0u64..20, 0usize..40, any::<bool>()), 0..300)) {
            let mut map = Bounded::new(100);
            for (id, bytes, add) in steps {
                if add { map.insert(id, id, bytes).clear() } else { let _ = map.remove(id); }
                prop_assert_eq!(map.bytes, map.known.values().map(|entry| entry.bytes).sum::<usize>());
                prop_assert!(map.bytes <= 100 && map.order.len() <= 2 * map.known.len() + 65);
            }
        }
    }
}
