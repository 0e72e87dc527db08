//! The counts of a recording: what the kernel counts for a live source is counted again from the events.

use crate::event::OpenEvent;
use crate::source::{Counts, ProcessCount, Totals};
use std::collections::HashMap;

/// Counts of what was replayed so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    processes: HashMap<(u32, u64), ProcessCount>,
    /// Start time of the latest process with each pid: those before have ended.
    latest: HashMap<u32, u64>,
    pub(super) totals: Totals,
}

impl Tally {
    pub(super) fn add(&mut self, event: &OpenEvent<'_>) {
        let failed = u64::from(event.failed());
        self.totals.opens += 1;
        self.totals.delivered += 1;
        self.totals.failed += failed;
        let process = self.process(event);
        process.opens += 1;
        process.failed += failed;
        (process.ppid, process.uid) = (event.ppid, event.uid);
        // The process is called after its main thread, as far as that opens anything.
        if event.tid == event.pid || process.comm.is_empty() {
            process.comm.clear();
            process.comm.extend_from_slice(event.comm);
        }
    }

    /// Opens that were counted, but are not among the events. `cause` is a name of [`crate::source::Lost::by_cause`].
    pub(super) fn lose(&mut self, cause: &str, count: u64) {
        let lost = &mut self.totals.lost;
        let before = lost.dropped();
        if let Some(known) = lost.cause_mut(cause) {
            *known = known.saturating_add(count);
        }
        let dropped = lost.dropped() - before;
        self.totals.opens = self.totals.opens.saturating_add(dropped);
    }

    pub(super) fn counts(&self, ts_ns: u64) -> Counts {
        Counts { ts_ns, processes: self.processes.values().cloned().collect(), totals: self.totals }
    }

    fn process(&mut self, event: &OpenEvent<'_>) -> &mut ProcessCount {
        let (pid, start_ns) = (event.pid, event.start_ns);
        let before = self.latest.insert(pid, start_ns);
        if let Some(before) = before.filter(|before| *before != start_ns)
            && let Some(ended) = self.processes.get_mut(&(pid, before))
        {
            ended.ended = true;
        }
        self.processes.entry((pid, start_ns)).or_insert_with(|| ProcessCount {
            pid,
            start_ns,
            ppid: event.ppid,
            uid: event.uid,
            comm: Vec::new(),
            opens: 0,
            failed: 0,
            ended: false,
        })
    }
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
        tally.lose("ring", 5);
        tally.lose("skipped", 7);
        let mut counts = tally.counts(42);
        counts.processes.sort_by_key(|process| process.start_ns);
        let shown: Vec<_> = counts.processes.iter().map(|p| (escape(&p.comm), p.opens, p.failed, p.ended)).collect();
        assert_eq!(shown, [("next".to_owned(), 1, 1, false), ("cat".to_owned(), 3, 0, true)]);
        let Totals { opens, failed, delivered, lost, .. } = counts.totals;
        assert_eq!((opens, failed, delivered, lost.dropped(), lost.skipped), (9, 1, 4, 5, 7));
    }
}
