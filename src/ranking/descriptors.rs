//! How many descriptors processes have open, as somebody looks from time to time: the latest number, the limit, and by
//! how much it grows. What is opened and not closed shows there, so that nothing need watch closes.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::names::process::{Descriptors, Id};

/// Growth is that of the last minute.
const WINDOW: Duration = Duration::from_mins(1);
/// Numbers that are kept of a process.
const SAMPLES_MAX: usize = 64;
/// Processes that numbers are kept of; the one that was looked at longest ago makes room.
const PROCESSES_MAX: usize = 1024;
/// A growth of less is none to speak of.
const GROWTH_MIN: u64 = 8;
/// Whoever opens and closes goes up and down; who leaks goes up for so long.
const LEAK_TIME: Duration = Duration::from_secs(10);

/// What is known of one process.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level {
    pub open: u64,
    /// `None`: there is none.
    pub limit: Option<u64>,
    /// Opens minus closes a second; `None` after one look.
    pub growth: Option<f64>,
    /// It has grown all the time that it was looked at, for a while.
    pub grows: bool,
}

impl Level {
    /// Whether the limit is reached: what grew grows no more, and opens fail with EMFILE.
    pub fn is_full(&self) -> bool {
        self.limit.is_some_and(|limit| self.open >= limit)
    }

    /// How much of the limit is used; 0 where there is none.
    pub(super) fn share(&self) -> f64 {
        self.limit.map_or(0.0, |limit| self.open as f64 / limit.max(1) as f64)
    }
}

#[derive(Debug, Default)]
struct Samples {
    /// When, and how many were open; the oldest first.
    open: VecDeque<(Duration, u64)>,
    limit: Option<u64>,
}

/// The numbers of all that were looked at lately.
#[derive(Debug, Default)]
pub struct Watched {
    processes: HashMap<Id, Samples>,
}

impl Watched {
    /// Takes in what was seen `now`, a time since the start.
    pub fn note(&mut self, now: Duration, id: Id, seen: Descriptors) {
        if self.processes.len() >= PROCESSES_MAX && !self.processes.contains_key(&id) {
            let oldest = self.processes.iter().min_by_key(|(_, samples)| samples.open.back().map(|(at, _)| *at));
            if let Some(oldest) = oldest.map(|(id, _)| *id) {
                self.processes.remove(&oldest);
            }
        }
        let samples = self.processes.entry(id).or_default();
        samples.limit = seen.limit;
        samples.open.push_back((now, seen.open));
        while samples.open.len() > SAMPLES_MAX
            || samples.open.front().is_some_and(|(at, _)| now.saturating_sub(*at) > WINDOW)
        {
            samples.open.pop_front();
        }
    }

    pub fn level(&self, id: Id) -> Option<Level> {
        let Samples { open, limit } = self.processes.get(&id)?;
        let (&(last_at, last), &(first_at, first)) = (open.back()?, open.front()?);
        let time = last_at.saturating_sub(first_at);
        let growth = (!time.is_zero()).then(|| (last as f64 - first as f64) / time.as_secs_f64());
        Some(Level { open: last, limit: *limit, growth, grows: time >= LEAK_TIME && has_grown(open) })
    }

    /// When a process was looked at last.
    pub fn seen_at(&self, id: Id) -> Option<Duration> {
        self.processes.get(&id)?.open.back().map(|(at, _)| *at)
    }
}

/// Whether all of the later half is above all of the earlier, by more than a little.
fn has_grown(open: &VecDeque<(Duration, u64)>) -> bool {
    let half = open.len() / 2;
    let earlier = open.iter().take(half).map(|(_, open)| *open).max();
    let later = open.iter().skip(half).map(|(_, open)| *open).min();
    let (first, last) = (open.front().map_or(0, |(_, open)| *open), open.back().map_or(0, |(_, open)| *open));
    earlier.zip(later).is_some_and(|(earlier, later)| later > earlier) && last >= first + GROWTH_MIN
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watched(open: impl IntoIterator<Item = u64>) -> Level {
        let mut watched = Watched::default();
        for (second, open) in (0..).zip(open) {
            watched.note(Duration::from_secs(second), (7, 1), Descriptors { open, limit: Some(1024) });
        }
        watched.level((7, 1)).unwrap()
    }

    #[test]
    fn what_is_opened_and_not_closed_grows() {
        let level = watched((0..100).map(|second| 10 + 4 * second));
        assert_eq!((level.open, level.limit, level.growth, level.grows), (406, Some(1024), Some(4.0), true));
        assert_eq!(watched([10]), Level { open: 10, limit: Some(1024), growth: None, grows: false });
    }

    #[test]
    fn what_goes_up_and_down_does_not() {
        assert!(!watched((0..60).map(|second| 10 + 50 * (second % 3))).grows);
        assert!(!watched((0..60).map(|second| 10 + second / 10)).grows, "a little");
        assert!(!watched((0..60).map(|second| 1000 - second)).grows);
        assert!(!watched([10, 500, 600]).grows, "not for long");
        // A leak of a minute that has stopped is no longer one.
        assert!(!watched((0..200).map(|second| 10 * u64::min(second, 60))).grows);
    }

    #[test]
    fn numbers_of_many_take_bounded_room() {
        let mut watched = Watched::default();
        for n in 0..5000 {
            let seen = Descriptors { open: 1, limit: None };
            watched.note(Duration::from_secs(n), (n as u32, n), seen);
            watched.note(Duration::from_secs(n), (0, 0), seen);
        }
        assert_eq!(watched.processes.len(), PROCESSES_MAX);
        assert!(watched.level((0, 0)).is_some() && watched.level((1, 1)).is_none());
        assert!(watched.processes.values().all(|samples| samples.open.len() <= SAMPLES_MAX));
    }
}
