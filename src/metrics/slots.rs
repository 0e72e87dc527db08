//! Which values of a label have a series of their own, so that there are never more than so many of them, and each is
//! a counter that can be trusted.
//!
//! A ranking of the most active would let series come with all that they ever counted, which a rate takes for new. So a
//! value is admitted where there is a free slot, appears at 0 and counts from then on: what it opened before stays with
//! the others. It leaves only when it has been idle for long; what it opens after that is counted with the others until
//! it is admitted again, and what it has opened before never moves.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

use crate::ranking::sum::Sum;

/// Values that wait for a slot between two ticks; what is beyond them waits for the next.
const CANDIDATES_MAX: usize = 4096;

#[derive(Debug)]
struct Slot {
    sum: Sum,
    admitted: Instant,
    /// When something was opened last.
    active: Instant,
    /// Somebody has been told of it, at 0.
    seen: bool,
}

/// When slots are given and taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    pub slots: usize,
    /// A value that opens nothing for so long leaves.
    pub idle: Duration,
    /// A value counts from this time after its admission on, at the earliest once it was told of at 0.
    pub settle: Duration,
}

/// The values of one label.
#[derive(Debug)]
pub struct Slots<K> {
    rules: Rules,
    slots: HashMap<K, Slot>,
    candidates: HashMap<K, u64>,
    /// Of values that have left.
    retired: Sum,
    others: Sum,
    evictions: u64,
}

impl<K: Clone + Eq + Hash + Ord> Slots<K> {
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            slots: HashMap::new(),
            candidates: HashMap::new(),
            retired: Sum::default(),
            others: Sum::default(),
            evictions: 0,
        }
    }

    /// Counts what `value` has opened.
    pub fn add(&mut self, value: K, opened: Sum, now: Instant) {
        if opened.opens == 0 {
            return;
        }
        if let Some(slot) = self.slots.get_mut(&value) {
            slot.active = now;
            if slot.seen && now.duration_since(slot.admitted) >= self.rules.settle {
                slot.sum = slot.sum.plus(opened);
            }
        } else if self.candidates.len() < CANDIDATES_MAX || self.candidates.contains_key(&value) {
            *self.candidates.entry(value).or_default() += opened.opens;
        }
    }

    /// Takes the slots of the idle, and gives the free ones to those that have opened most since the last tick. `total`
    /// is what all have opened since the start.
    pub fn tick(&mut self, total: Sum, now: Instant) {
        let (idle, before) = (self.rules.idle, self.slots.len());
        let retired = &mut self.retired;
        self.slots.retain(|_, slot| {
            let stays = now.duration_since(slot.active) < idle;
            if !stays {
                *retired = retired.plus(slot.sum);
            }
            stays
        });
        self.evictions += (before - self.slots.len()) as u64;
        let mut candidates: Vec<_> = self.candidates.drain().collect();
        candidates.sort_unstable_by(|(a, more), (b, less)| less.cmp(more).then_with(|| a.cmp(b)));
        for (value, _) in candidates.into_iter().take(self.rules.slots.saturating_sub(self.slots.len())) {
            self.slots.insert(value, Slot { sum: Sum::default(), admitted: now, active: now, seen: false });
        }
        // A process may be counted a moment before or after the total is: the others never go down for that.
        self.others = self.others.max(total.less(self.own()));
    }

    /// What is counted for values, those that have left included.
    fn own(&self) -> Sum {
        self.slots.values().fold(self.retired, |own, slot| own.plus(slot.sum))
    }

    /// The values in order, each told of from now on.
    pub fn publish(&mut self) -> Vec<(&K, Sum)> {
        self.slots.values_mut().for_each(|slot| slot.seen = true);
        let mut sums: Vec<_> = self.slots.iter().map(|(value, slot)| (value, slot.sum)).collect();
        sums.sort_unstable_by_key(|(value, _)| *value);
        sums
    }

    /// What no slot has.
    pub fn others(&self) -> Sum {
        self.others
    }

    pub fn len(&self) -> usize {
        self.slots.len()
    }

    pub fn evictions(&self) -> u64 {
        self.evictions
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rules(slots: usize) -> Rules {
        Rules { slots, idle: Duration::from_secs(15), settle: Duration::ZERO }
    }

    fn opens(opens: u64) -> Sum {
        Sum { opens, failed: opens / 2 }
    }

    #[test]
    fn a_value_counts_from_when_it_was_seen_at_0_and_leaves_when_idle() {
        let start = Instant::now();
        let at = |secs| start + Duration::from_secs(secs);
        let mut slots = Slots::new(rules(1));
        slots.add("a", opens(10), at(0));
        slots.add("b", opens(5), at(0));
        slots.tick(opens(15), at(0));
        slots.add("a", opens(10), at(1));
        slots.tick(opens(25), at(1));
        assert_eq!(slots.publish(), [(&"a", opens(0))], "nobody has seen it yet");
        slots.add("a", opens(10), at(2));
        slots.tick(opens(35), at(2));
        assert_eq!(slots.publish(), [(&"a", opens(10))]);
        assert_eq!(slots.others().opens, 25);
        // Away, and back: at 0 again.
        slots.tick(opens(35), at(17));
        assert_eq!((slots.len(), slots.evictions(), slots.others().opens), (0, 1, 25));
        slots.add("a", opens(4), at(18));
        slots.tick(opens(39), at(18));
        assert_eq!(slots.publish(), [(&"a", opens(0))]);
        slots.add("a", opens(6), at(19));
        slots.tick(opens(45), at(19));
        assert_eq!(slots.publish(), [(&"a", opens(6))]);
        assert_eq!(slots.others().opens, 29);
    }

    #[test]
    fn a_value_settles_first_where_that_is_asked_for() {
        let start = Instant::now();
        let mut slots = Slots::new(Rules { settle: Duration::from_mins(1), ..rules(1) });
        for (secs, counted) in [(0, 0), (5, 0), (59, 0), (60, 1), (61, 2)] {
            let now = start + Duration::from_secs(secs);
            slots.add("a", opens(1), now);
            slots.tick(opens(1), now);
            assert_eq!(slots.publish()[0].1.opens, counted, "after {secs} s");
            // It stays, busy or not.
            slots.slots.values_mut().for_each(|slot| slot.active = now + Duration::from_secs(100));
        }
    }

    proptest! {
        /// Whatever opens whenever: never more slots than there are, no series goes down while it is there, one that
        /// appears is at 0, and all of them together are the total.
        #[test]
        fn slots_others_and_the_retired_are_the_total(
            steps in prop::collection::vec(
                (prop::collection::vec((0u8..12, 1u64..100), 0..8), 0u64..20, any::<bool>()),
                1..60,
            ),
        ) {
            let mut now = Instant::now();
            let (mut slots, mut total, mut others) = (Slots::new(rules(4)), Sum::default(), Sum::default());
            let mut before: HashMap<u8, (Instant, Sum)> = HashMap::new();
            for (opened, secs, told) in steps {
                now += Duration::from_secs(secs);
                for (value, count) in opened {
                    total = total.plus(opens(count));
                    slots.add(value, opens(count), now);
                }
                slots.tick(total, now);
                prop_assert!(slots.len() <= 4);
                let sum = slots.own().plus(slots.others());
                prop_assert_eq!(sum, total);
                prop_assert!(slots.others().opens >= others.opens && slots.others().failed >= others.failed);
                others = slots.others();
                for (value, slot) in &slots.slots {
                    prop_assert!(slot.seen || slot.sum == Sum::default(), "it has not been told of at 0");
                    let stayed = before.get(value).filter(|(admitted, _)| *admitted == slot.admitted);
                    prop_assert!(stayed.is_none_or(|(_, sum)| slot.sum.opens >= sum.opens), "it went down");
                }
                before = slots.slots.iter().map(|(value, slot)| (*value, (slot.admitted, slot.sum))).collect();
                if told {
                    slots.publish();
                }
            }
        }
    }
}
