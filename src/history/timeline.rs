//! Opens and failures over time: a bounded number of intervals, which get longer as time passes.

use crate::event::OpenEvent;

/// Intervals that are kept: more than any screen has columns. 64 KiB.
const INTERVALS: usize = 4096;
/// The shortest, in nanoseconds.
const SHORTEST: u64 = 10_000_000;

/// What was opened in an interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interval {
    pub opens: u64,
    pub failed: u64,
}

impl Interval {
    fn add(&mut self, more: Self) {
        self.opens += more.opens;
        self.failed += more.failed;
    }
}

/// All events that came, look-ups too, counted by the time of each.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    /// CLOCK_MONOTONIC of the first event.
    start_ns: u64,
    width_ns: u64,
    intervals: Vec<Interval>,
    /// The Unix epoch minus CLOCK_MONOTONIC, as of the latest event.
    offset_ns: i64,
}

impl Timeline {
    pub fn add(&mut self, event: &OpenEvent<'_>) {
        self.offset_ns = event.time_ns.wrapping_sub(event.ts_ns) as i64;
        self.add_at(event.ts_ns, event.failed());
    }

    /// The same of an event of which no more is known; no time of day.
    pub fn add_at(&mut self, ts_ns: u64, failed: bool) {
        if self.intervals.is_empty() {
            (self.start_ns, self.width_ns) = (ts_ns, SHORTEST);
        }
        // CPUs hand in their events in turn, so that one can be a little before the first.
        let after = ts_ns.saturating_sub(self.start_ns);
        while after / self.width_ns >= INTERVALS as u64 {
            self.width_ns = self.width_ns.saturating_mul(2);
            for at in 0..self.intervals.len().div_ceil(2) {
                self.intervals[at] = self.intervals[2 * at];
                let second = self.intervals.get(2 * at + 1).copied().unwrap_or_default();
                self.intervals[at].add(second);
            }
            self.intervals.truncate(self.intervals.len().div_ceil(2));
        }
        let at = (after / self.width_ns) as usize;
        if self.intervals.len() <= at {
            self.intervals.resize(at + 1, Interval::default());
        }
        self.intervals[at].add(Interval { opens: 1, failed: u64::from(failed) });
    }

    /// CLOCK_MONOTONIC from the first event to behind the last; `None` where there is none.
    pub fn span_ns(&self) -> Option<(u64, u64)> {
        let length = self.width_ns.saturating_mul(self.intervals.len() as u64);
        (!self.intervals.is_empty()).then(|| (self.start_ns, self.start_ns.saturating_add(length)))
    }

    /// The time of day of this CLOCK_MONOTONIC, and back.
    pub fn time_of(&self, ts_ns: u64) -> u64 {
        ts_ns.saturating_add_signed(self.offset_ns)
    }

    pub fn ts_of(&self, time_ns: u64) -> u64 {
        time_ns.saturating_add_signed(self.offset_ns.saturating_neg())
    }

    /// The span in `count` columns of equal length.
    pub fn columns(&self, (from_ns, to_ns): (u64, u64), count: usize) -> Vec<Interval> {
        let mut columns = vec![Interval::default(); count];
        let span = u128::from(to_ns.saturating_sub(from_ns).max(1));
        for (at, interval) in (0u64..).zip(&self.intervals) {
            let ts_ns = self.start_ns.saturating_add(at.saturating_mul(self.width_ns));
            let Some(after) = ts_ns.checked_sub(from_ns) else { continue };
            if let Some(column) = columns.get_mut((u128::from(after) * count as u128 / span) as usize) {
                column.add(*interval);
            }
        }
        columns
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::sample;

    #[test]
    fn nothing_is_lost_however_long_it_takes() {
        let mut timeline = Timeline::default();
        let times = (0..5000).map(|n| n * SHORTEST).chain([u64::MAX / 2, u64::MAX]);
        for (n, ts_ns) in (1..).zip(times) {
            timeline.add(&OpenEvent { ts_ns, ret: -2, ..sample() });
            let columns = timeline.columns(timeline.span_ns().unwrap(), 80);
            assert_eq!(
                columns.iter().map(|column| (column.opens, column.failed)).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1)),
                (n, n)
            );
            assert!(timeline.intervals.len() <= INTERVALS);
        }
    }
}
