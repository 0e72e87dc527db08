//! The counts of a recording: what the kernel counts for a live source is counted again from the events.
//!
//! Each reading tells the processes that have opened something since the one before, so that the work is that of the
//! events however many readings there are. A recording can have a new process in every line: those that find no room
//! are counted as one.

use super::line::COUNT_MAX;
use crate::event::OpenEvent;
use crate::message::{Cause, CgroupCount, Counts, ProcessCount, Totals};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Processes that are counted one by one.
const PROCESSES_MAX: usize = 1 << 15;

/// Errors that are counted one by one: more than there are names for.
const RESULTS_MAX: usize = 512;

/// Stands for all others: no process has the number 0.
const OTHERS: (u32, u64) = (0, 0);

/// Counts of what was replayed so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    processes: HashMap<(u32, u64), ProcessCount>,
    /// Those that are to be told with the next reading, each once or more.
    changed: HashSet<(u32, u64)>,
    /// Start time of the latest process with each pid: those before have ended.
    latest: HashMap<u32, u64>,
    /// How often opens ended with each error, and with one of so many others that they are not counted one by one.
    results: BTreeMap<i32, u64>,
    other_errors: u64,
    pub(super) totals: Totals,
}

impl Tally {
    pub(super) fn add(&mut self, event: &OpenEvent<'_>) {
        self.totals.add(event);
        if event.is_lookup() {
            return;
        }
        let failed = u64::from(event.failed());
        self.add_result(event.errno().unwrap_or(0));
        let key = self.admit(event);
        self.changed.insert(key);
        let Some(process) = self.processes.get_mut(&key) else { return };
        process.opens += 1;
        process.failed += failed;
        match count_in(process, event.cgroup) {
            Some(count) => (count.opens, count.failed) = (count.opens + 1, count.failed + failed),
            None => self.totals.lost.cgroup += 1,
        }
        if key == OTHERS {
            return;
        }
        (process.ppid, process.uid) = (event.ppid, event.uid);
        // Recordings of earlier versions have no name of the process with the opens of its other threads.
        let named = event.tid == event.pid || !event.leader_comm.is_empty();
        if named || process.comm.is_empty() {
            process.comm.clear();
            process.comm.extend_from_slice(event.process());
        }
    }

    /// Opens that were counted, but are not among the events.
    pub(super) fn lose(&mut self, cause: Cause, count: u64) {
        let lost = &mut self.totals.lost;
        let before = (lost.dropped(), lost.lookups);
        let known = lost.count_mut(cause);
        *known = known.saturating_add(count).min(COUNT_MAX);
        let (dropped, lookups) = (lost.dropped() - before.0, lost.lookups - before.1);
        self.totals.opens = self.totals.opens.saturating_add(dropped);
        self.totals.lookups.made = self.totals.lookups.made.saturating_add(lookups);
    }

    /// What has changed since the last reading. Ended processes are told a last time and forgotten.
    pub(super) fn counts(&mut self, ts_ns: u64) -> Counts {
        let mut processes = Vec::with_capacity(self.changed.len());
        // A set that once was large takes as long to drain when it is small.
        for key in std::mem::take(&mut self.changed) {
            let Some(process) = self.processes.get(&key) else { continue };
            processes.push(process.clone());
            if process.ended {
                self.processes.remove(&key);
            }
        }
        let results = self.results.iter().map(|(errno, opens)| (*errno, *opens)).collect();
        Counts { ts_ns, processes, results, other_errors: self.other_errors, totals: self.totals, ..Counts::default() }
    }

    fn add_result(&mut self, errno: i32) {
        let has_room = self.results.len() < RESULTS_MAX || self.results.contains_key(&errno);
        *if has_room { self.results.entry(errno).or_default() } else { &mut self.other_errors } += 1;
    }

    /// Makes sure that the process of the event is counted, with the others if there is no room; returns as which.
    fn admit(&mut self, event: &OpenEvent<'_>) -> (u32, u64) {
        let mut key = (event.pid, event.start_ns);
        if !self.processes.contains_key(&key) && self.processes.len() >= PROCESSES_MAX {
            key = OTHERS;
        }
        let (pid, start_ns) = key;
        let before = self.latest.insert(pid, start_ns).filter(|before| *before != start_ns);
        if let Some(ended) = before.and_then(|before| self.processes.get_mut(&(pid, before))) {
            ended.ended = true;
            self.changed.insert((pid, ended.start_ns));
        }
        let others = key == OTHERS;
        self.processes.entry(key).or_insert_with(|| ProcessCount {
            pid,
            start_ns,
            ppid: if others { 0 } else { event.ppid },
            uid: if others { u32::MAX } else { event.uid },
            comm: if others { b"(others)".to_vec() } else { Vec::new() },
            ..ProcessCount::default()
        });
        key
    }
}

/// The part of a process's count that is of this cgroup; `None` if it was in two others before.
fn count_in(process: &mut ProcessCount, cgroup: u64) -> Option<&mut CgroupCount> {
    let count = process.cgroups.iter_mut().find(|count| count.cgroup == cgroup || count.opens == 0)?;
    count.cgroup = cgroup;
    Some(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::escape::escape;
    use crate::event::sample;

    #[test]
    fn processes_are_told_apart_by_their_start() {
        let mut tally = Tally::default();
        let thread = OpenEvent { tid: 101, comm: b"worker", ..sample() };
        let next = OpenEvent { start_ns: 9, comm: b"next", ret: -2, ..sample() };
        for event in [thread, sample(), thread, next] {
            tally.add(&event);
        }
        tally.lose(Cause::Ring, 5);
        tally.lose(Cause::Missed, 7);
        let mut counts = tally.counts(42);
        counts.processes.sort_by_key(|process| process.start_ns);
        let shown: Vec<_> = counts.processes.iter().map(|p| (escape(&p.comm), p.opens, p.failed, p.ended)).collect();
        assert_eq!(shown, [("next".to_owned(), 1, 1, false), ("cat".to_owned(), 3, 0, true)]);
        let Totals { opens, failed, delivered, lost, .. } = counts.totals;
        assert_eq!((opens, failed, delivered, lost.dropped(), lost.missed), (9, 1, 4, 5, 7));
    }

    #[test]
    fn processes_without_end_take_room_up_to_a_bound_and_none_of_their_opens_is_lost() {
        let mut tally = Tally::default();
        let (mut counts_read, mut latest) = (0, HashMap::new());
        for n in 0..200_000u32 {
            tally.add(&OpenEvent { pid: n + 1, tid: n + 1, start_ns: n.into(), ..sample() });
            if n % 1000 == 0 {
                let counts = tally.counts(n.into());
                counts_read += counts.processes.len();
                latest.extend(counts.processes.into_iter().map(|count| ((count.pid, count.start_ns), count.opens)));
            }
        }
        latest.extend(tally.counts(0).processes.into_iter().map(|count| ((count.pid, count.start_ns), count.opens)));
        assert!(tally.processes.len() <= PROCESSES_MAX + 1 && tally.latest.len() <= PROCESSES_MAX + 1);
        assert_eq!(latest.values().sum::<u64>(), 200_000);
        // Each reading tells what is new, not everything.
        assert!(counts_read <= 200_000, "{counts_read}");
        // Those with an end make room.
        let mut tally = Tally::default();
        for n in 0..200_000u64 {
            tally.add(&OpenEvent { start_ns: n, ..sample() });
            if n % 1000 == 0 {
                tally.counts(n);
            }
        }
        assert_eq!(tally.counts(0).processes.iter().filter(|count| count.pid == 0).count(), 0);
        assert_eq!(tally.processes.len(), 1);
    }
}
