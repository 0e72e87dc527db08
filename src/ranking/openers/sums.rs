//! Sums since the start that outlive the processes they were made by: of cgroups, and of results.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;

use crate::ranking::sum::Sum;

/// What a process, or one of those that have sums, has opened.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Since {
    pub(super) now: Sum,
    /// `now` at the last reset.
    base: Sum,
    /// What it opened before the reading of this number.
    new: u64,
    reading: u64,
}

impl Since {
    /// What it opened since the last reset.
    pub(super) fn sum(&self) -> Sum {
        self.now.less(self.base)
    }

    /// What it opened before the reading of this number.
    pub(super) fn new_in(&self, reading: u64) -> u64 {
        if self.reading == reading { self.new } else { 0 }
    }

    /// Takes in the sum that the reading of this number tells. True the first time in it.
    pub(super) fn set(&mut self, now: Sum, reading: u64) -> bool {
        let is_first = self.reading != reading;
        self.new = self.new_in(reading) + now.less(self.now).opens;
        (self.now, self.reading) = (now, reading);
        is_first
    }

    pub(super) fn reset(&mut self) {
        self.base = self.now;
    }
}

/// Sums by `K`, of which there is a bounded number.
#[derive(Debug)]
pub(super) struct Sums<K> {
    sums: HashMap<K, Since>,
    max: usize,
    /// Opens of those that found no room.
    pub(super) unranked: u64,
}

impl<K: Copy + Eq + Hash> Sums<K> {
    pub(super) fn new(max: usize) -> Self {
        Self { sums: HashMap::new(), max, unranked: 0 }
    }

    /// Adds what `key` has opened, as the reading of this number tells.
    pub(super) fn add(&mut self, key: K, new: Sum, reading: u64) {
        let has_room = self.sums.len() < self.max;
        let since = match self.sums.entry(key) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) if has_room => free.insert(Since::default()),
            Entry::Vacant(_) => {
                self.unranked += new.opens;
                return;
            }
        };
        since.set(since.now.plus(new), reading);
    }

    /// Adds what makes the sum of `key` this one.
    pub(super) fn set(&mut self, key: K, now: Sum, reading: u64) {
        let before = self.sums.get(&key).map_or_else(Sum::default, |since| since.now);
        self.add(key, now.less(before), reading);
    }

    /// All that have opened something since the last reset, and how much before the reading of this number.
    pub(super) fn iter(&self, reading: u64) -> impl Iterator<Item = (K, Sum, u64)> {
        let sums = self.sums.iter().filter(|(_, since)| since.sum().opens > 0);
        sums.map(move |(key, since)| (*key, since.sum(), since.new_in(reading)))
    }

    pub(super) fn reset(&mut self) {
        self.unranked = 0;
        self.sums.values_mut().for_each(Since::reset);
    }
}
