//! The same file over and over: how often one process opened one path.
//!
//! Bounded: when there are too many pairs, those that were opened least go, and what is left may be short by as much as
//! they had at most.

use std::collections::HashMap;

/// Pairs of a process and a path that are counted at a time.
const PAIRS_MAX: usize = 1 << 18;

/// Opens of one path by one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeat {
    pub opens: u32,
    pub pid: u32,
    /// Numbers of names.
    pub program: u32,
    pub path: u32,
}

#[derive(Debug, Default)]
pub struct Repeats {
    /// By the serial number of the process and the number of the path.
    pairs: HashMap<(u32, u32), Repeat>,
    error_bound: u32,
}

impl Repeats {
    pub(super) fn add(&mut self, process: u32, path: u32, (pid, program): (u32, u32)) {
        if self.pairs.len() >= PAIRS_MAX && !self.pairs.contains_key(&(process, path)) {
            self.evict();
        }
        let repeat = self.pairs.entry((process, path)).or_insert(Repeat { opens: 0, pid, program, path });
        repeat.opens = repeat.opens.saturating_add(1);
    }

    fn evict(&mut self) {
        let mut opens: Vec<_> = self.pairs.values().map(|repeat| repeat.opens).collect();
        let half = opens.len() / 2;
        let (_, median, _) = opens.select_nth_unstable(half);
        let median = *median;
        self.pairs.retain(|_, repeat| repeat.opens > median);
        self.error_bound = self.error_bound.saturating_add(median);
    }

    /// By how much a count may be too low.
    pub fn error_bound(&self) -> u32 {
        self.error_bound
    }

    /// Those with at least `least` opens, most first.
    pub fn most(&self, least: u32) -> Vec<Repeat> {
        let mut most: Vec<_> = self.pairs.values().copied().filter(|repeat| repeat.opens >= least).collect();
        most.sort_unstable_by_key(|repeat| (std::cmp::Reverse(repeat.opens), repeat.path, repeat.pid));
        most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_opened_most_stays_and_is_short_by_no_more_than_is_said() {
        let mut repeats = Repeats::default();
        for n in 0..1_000_000 {
            repeats.add(n, n, (1, 1));
            if n % 4 == 0 {
                repeats.add(0, 7, (5, 1));
            }
        }
        let most = repeats.most(1000);
        assert!(repeats.pairs.len() <= PAIRS_MAX && most.len() == 1, "{most:?}");
        assert_eq!((most[0].path, most[0].pid), (7, 5));
        assert!(most[0].opens <= 250_000 && most[0].opens + repeats.error_bound() >= 250_000);
    }

    #[test]
    fn few_are_exact() {
        let mut repeats = Repeats::default();
        for (process, path, times) in [(1, 1, 5), (1, 2, 7), (2, 1, 1)] {
            (0..times).for_each(|_| repeats.add(process, path, (process, 9)));
        }
        let most: Vec<_> = repeats.most(2).iter().map(|r| (r.pid, r.path, r.opens)).collect();
        assert_eq!((most, repeats.error_bound()), (vec![(1, 2, 7), (1, 1, 5)], 0));
    }
}
