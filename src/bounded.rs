//! A map by id that is bounded in bytes: when it is full, the oldest entries are evicted.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// Values by id, bounded in bytes. Inserting an id again makes it the newest. Two maps into which the same ids are
/// inserted with the same sizes evict the same ones.
#[derive(Clone, Debug)]
pub struct Bounded<V, K = u64> {
    most: usize,
    bytes: usize,
    known: HashMap<K, Entry<V>>,
    /// Ids with their serial numbers, oldest first. An id that was inserted again or removed since is still in it,
    /// under its old number.
    order: VecDeque<(K, u64)>,
    serial: u64,
}

#[derive(Clone, Debug)]
struct Entry<V> {
    serial: u64,
    bytes: usize,
    value: V,
}

impl<V, K: Copy + Eq + Hash> Bounded<V, K> {
    /// An empty map for values of `most` bytes in all.
    pub fn new(most: usize) -> Self {
        Self { most, bytes: 0, known: HashMap::new(), order: VecDeque::new(), serial: 0 }
    }

    /// All values, in no order.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.known.values().map(|entry| &entry.value)
    }

    pub fn get(&self, id: K) -> Option<&V> {
        self.known.get(&id).map(|entry| &entry.value)
    }

    /// Inserts `value`, which takes `bytes`. Returns what was evicted to make room, oldest first.
    pub fn insert(&mut self, id: K, value: V, bytes: usize) -> Vec<(K, V)> {
        self.remove(id);
        self.serial += 1;
        self.bytes += bytes;
        self.order.push_back((id, self.serial));
        self.known.insert(id, Entry { serial: self.serial, bytes, value });
        let mut evicted = Vec::new();
        while self.bytes > self.most
            && let Some(oldest) = self.oldest()
        {
            evicted.extend(self.remove(oldest).map(|value| (oldest, value)));
        }
        if self.order.len() > 2 * self.known.len() + 64 {
            let known = &self.known;
            self.order.retain(|(id, serial)| known.get(id).is_some_and(|entry| entry.serial == *serial));
        }
        evicted
    }

    pub fn remove(&mut self, id: K) -> Option<V> {
        let entry = self.known.remove(&id)?;
        self.bytes -= entry.bytes;
        Some(entry.value)
    }

    /// The id that has been in the map for longest.
    fn oldest(&mut self) -> Option<K> {
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

    /// Bytes of its tables, without what its values point to.
    #[cfg(test)]
    pub fn tables(&self) -> usize {
        let entries = self.known.capacity() / 7 * 8 * (size_of::<(K, Entry<V>)>() + 1);
        entries + self.order.capacity() * size_of::<(K, u64)>()
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
    fn the_oldest_are_evicted_first() {
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
        fn it_never_grows_beyond_its_bound(
            steps in prop::collection::vec((0u64..20, 0usize..40, any::<bool>()), 0..300),
        ) {
            let mut map = Bounded::new(100);
            for (id, bytes, add) in steps {
                if add { map.insert(id, id, bytes).clear() } else { let _ = map.remove(id); }
                prop_assert_eq!(map.bytes, map.known.values().map(|entry| entry.bytes).sum::<usize>());
                prop_assert!(map.bytes <= 100 && map.order.len() <= 2 * map.known.len() + 65);
            }
        }
    }
}
