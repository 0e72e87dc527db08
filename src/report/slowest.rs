//! The opens that took longest.

use std::time::Duration;

/// How many are kept.
const KEPT: usize = 10;

/// One slow open; its names are numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slow {
    pub latency: Duration,
    pub path: u32,
    pub program: u32,
    pub pid: u32,
}

/// The slowest so far, slowest first.
#[derive(Debug, Default)]
pub struct Slowest(Vec<Slow>);

impl Slowest {
    pub(super) fn add(&mut self, slow: Slow) {
        let at = self.0.partition_point(|known| known.latency >= slow.latency);
        if at < KEPT {
            self.0.truncate(KEPT - 1);
            self.0.insert(at, slow);
        }
    }

    pub(super) fn sorted(&self) -> Vec<Slow> {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_stay_in_order() {
        let mut slowest = Slowest::default();
        for n in [5, 90, 1, 70, 3, 80, 2, 60, 4, 50, 6, 40, 100] {
            slowest.add(Slow { latency: Duration::from_nanos(n), path: 0, program: 0, pid: 0 });
        }
        let kept: Vec<_> = slowest.sorted().iter().map(|slow| slow.latency.as_nanos()).collect();
        assert_eq!(kept, [100, 90, 80, 70, 60, 50, 40, 6, 5, 4]);
    }
}
