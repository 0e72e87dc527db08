//! How many lines a second there may be: what goes beyond is dropped, and counted as a loss of its own.

use crate::event::OpenEvent;
use crate::message::Totals;

const SECOND: u128 = 1_000_000_000;

/// A token bucket that holds a second's lines. Its clock is that of the events, so that a reader that is late, or
/// early, gets the same lines.
#[derive(Clone, Copy, Debug)]
pub struct RateLimit {
    per_second: u64,
    /// Billionths of a line that may be written now.
    room: u128,
    /// Of the latest event.
    ts_ns: u64,
    opens: u64,
    lookups: u64,
}

impl RateLimit {
    /// So many lines a second, and as many at once.
    pub fn new(per_second: u64) -> Self {
        Self { per_second, room: u128::from(per_second) * SECOND, ts_ns: 0, opens: 0, lookups: 0 }
    }

    /// Whether there is room for this event, which is taken; the event is counted as lost where there is none.
    pub fn admits(&mut self, event: &OpenEvent<'_>) -> bool {
        // Events of several processors are not in perfect order.
        let passed = event.ts_ns.saturating_sub(self.ts_ns);
        self.ts_ns = self.ts_ns.max(event.ts_ns);
        let per_second = u128::from(self.per_second);
        self.room = (self.room + u128::from(passed) * per_second).min(per_second * SECOND);
        if let Some(room) = self.room.checked_sub(SECOND) {
            self.room = room;
            return true;
        }
        *(if event.is_lookup() { &mut self.lookups } else { &mut self.opens }) += 1;
        false
    }

    /// The totals of the source, with what was dropped here among the losses.
    pub fn apply(&self, totals: &mut Totals) {
        totals.delivered = totals.delivered.saturating_sub(self.opens);
        totals.lost.rate += self.opens;
        totals.lookups.delivered = totals.lookups.delivered.saturating_sub(self.lookups);
        totals.lost.lookups += self.lookups;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Op, sample};
    use crate::message::{Lookups, Lost};
    use proptest::prelude::*;

    fn at(ms: u64) -> OpenEvent<'static> {
        OpenEvent { ts_ns: ms * 1_000_000, ..sample() }
    }

    #[test]
    fn a_burst_gets_a_seconds_lines_and_then_what_time_brings() {
        let mut limit = RateLimit::new(10);
        let admitted = |limit: &mut RateLimit, ms, n| (0..n).filter(|_| limit.admits(&at(ms))).count();
        assert_eq!(admitted(&mut limit, 5000, 30), 10);
        assert_eq!(admitted(&mut limit, 5099, 30), 0);
        assert_eq!(admitted(&mut limit, 5100, 30), 1);
        assert_eq!(admitted(&mut limit, 5050, 30), 0, "an event that is late brings no time");
        assert_eq!(admitted(&mut limit, 5600, 30), 5);
        assert_eq!(admitted(&mut limit, 60_000, 30), 10, "what was not used for long is not saved");
    }

    #[test]
    fn what_is_dropped_is_lost_and_the_sums_come_out_even() {
        let mut limit = RateLimit::new(2);
        let lookup = OpenEvent { op: Op::Stat, ..at(1000) };
        let events = [at(1000), lookup, at(1000), lookup, at(1000)];
        assert_eq!(events.map(|event| limit.admits(&event)), [true, true, false, false, false]);
        let lookups = Lookups { made: 2, delivered: 2, ..Lookups::default() };
        let mut totals = Totals { opens: 4, delivered: 3, lookups, ..Totals::default() };
        totals.lost.ring = 1;
        limit.apply(&mut totals);
        assert_eq!(totals.lost, Lost { ring: 1, rate: 2, lookups: 1, ..Lost::default() });
        assert_eq!((totals.delivered, totals.lookups.delivered), (1, 1));
        assert_eq!(totals.opens, totals.delivered + totals.lost.dropped());
    }

    proptest! {
        /// Never more than a burst and what the time allows, whatever the times are.
        #[test]
        fn no_times_give_more(times in prop::collection::vec(0..10_000u64, 1..200), rate in 1..50u64) {
            let mut limit = RateLimit::new(rate);
            let admitted = times.iter().filter(|ms| limit.admits(&at(**ms))).count() as u64;
            let span = times.iter().max().unwrap();
            prop_assert!(admitted <= rate + span * rate / 1000);
            prop_assert!(admitted >= rate.min(times.len() as u64));
        }
    }
}
