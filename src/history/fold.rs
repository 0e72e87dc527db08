//! Searches folded: a program that tries one name in many directories makes one row instead of many.
//!
//! A run is made of the misses (ENOENT, ENOTDIR) of one process for one base name, whatever other processes do
//! meanwhile, and of the open that ends it if it is for the same name. A row stays where its run began.

use std::collections::{HashMap, VecDeque};

use super::log::Log;
use super::matches::Matches;
use crate::event::OpenEvent;

/// Processes whose runs are remembered to be open.
const OPEN_MAX: usize = 4096;

/// One event, or a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Id of the first event: the row's name.
    pub first: u64,
    /// Id of the latest event: the hit, if there was one.
    pub last: u64,
    /// Number of events.
    pub tries: u32,
}

/// The rows made of what matches in a log.
#[derive(Clone, Debug, Default)]
pub struct Folded {
    runs: VecDeque<Run>,
    /// How many runs have left at the front.
    gone: u64,
    /// The run that each process is in, counted from the start.
    open: HashMap<(u32, u64), u64>,
}

impl Folded {
    /// All that matches.
    pub fn of(log: &Log, matches: &Matches) -> Self {
        let mut folded = Self::default();
        folded.extend(log, matches, matches.len());
        folded
    }

    /// Lets go of what has left the log.
    pub fn trim(&mut self, matches: &Matches) {
        let first = matches.nth(0).unwrap_or(u64::MAX);
        let left = self.runs.partition_point(|run| run.first < first);
        self.runs.drain(..left);
        self.gone += left as u64;
        if self.runs.capacity() > 4 * self.runs.len() + 1024 {
            self.runs.shrink_to(2 * self.runs.len());
        }
    }

    /// Bytes of memory.
    pub fn memory(&self) -> usize {
        self.runs.capacity() * size_of::<Run>() + self.open.capacity() * size_of::<((u32, u64), u64)>()
    }

    /// Takes in the last `new` of `matches`.
    pub fn extend(&mut self, log: &Log, matches: &Matches, new: usize) {
        for index in matches.len().saturating_sub(new)..matches.len() {
            let Some(id) = matches.nth(index) else { break };
            if let Some(event) = log.get(id) {
                self.add(id, &event, log);
            }
        }
    }

    fn add(&mut self, id: u64, event: &OpenEvent<'_>, log: &Log) {
        let process = (event.pid, event.start_ns);
        let missed = matches!(event.errno(), Some(libc::ENOENT | libc::ENOTDIR));
        let open = self.open.get(&process).and_then(|run| usize::try_from(run.checked_sub(self.gone)?).ok());
        let run = open.and_then(|at| self.runs.get_mut(at)).filter(|run| {
            let before = log.get(run.last);
            before.is_some_and(|before| before.base_name() == event.base_name())
        });
        match run {
            Some(run) => {
                run.last = id;
                run.tries += 1;
            }
            None => {
                self.runs.push_back(Run { first: id, last: id, tries: 1 });
                if missed {
                    if self.open.len() >= OPEN_MAX {
                        self.open.clear();
                    }
                    self.open.insert(process, self.gone + self.runs.len() as u64 - 1);
                }
            }
        }
        if !missed {
            self.open.remove(&process);
        }
    }

    pub fn len(&self) -> usize {
        self.runs.len()
    }

    pub fn get(&self, index: usize) -> Option<Run> {
        self.runs.get(index).copied()
    }

    /// The index of the first row that began at or behind `id`.
    pub fn lower_bound(&self, id: u64) -> usize {
        self.runs.partition_point(|run| run.first < id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Batch, sample};
    use crate::history::log::Bound;
    use crate::names::Names;

    /// Opens as (pid, path, found), folded: (first, last, tries).
    fn fold(events: u64, portions: &[&[(u32, &str, bool)]]) -> Vec<(u64, u64, u32)> {
        let (mut log, mut matches, mut folded) =
            (Log::new(Bound { bytes: 1 << 20, events }), Matches::default(), Folded::default());
        for portion in portions {
            let mut batch = Batch::default();
            for &(pid, path, found) in *portion {
                let ret = if found { 3 } else { -libc::ENOENT };
                batch.push(&OpenEvent { pid, path: path.as_bytes(), name: path.as_bytes(), ret, ..sample() });
            }
            log.push(batch);
            let new = matches.extend(&log, &Names::without_users());
            log.trim(matches.ids(), 0, 0);
            matches.trim(&log);
            folded.trim(&matches);
            folded.extend(&log, &matches, new as usize);
        }
        (0..folded.len()).filter_map(|at| folded.get(at)).map(|run| (run.first, run.last, run.tries)).collect()
    }

    #[test]
    fn a_search_is_one_row_up_to_its_hit() {
        let opens = [(1, "/a/x", false), (1, "/b/x", false), (1, "/c/x", true), (1, "/c/x", true)];
        assert_eq!(fold(100, &[&opens]), [(0, 2, 3), (3, 3, 1)]);
    }

    #[test]
    fn another_name_ends_it_and_another_process_does_not() {
        let opens =
            [(1, "/a/x", false), (2, "/a/y", false), (1, "/b/x", false), (1, "/a/z", false), (1, "/c/x", false)];
        assert_eq!(fold(100, &[&opens]), [(0, 2, 2), (1, 1, 1), (3, 3, 1), (4, 4, 1)]);
    }

    #[test]
    fn portions_make_no_difference() {
        let opens = [(1, "/a/x", false), (1, "/b/x", false), (2, "/q", true), (1, "/c/x", true)];
        let one_by_one: Vec<_> = opens.chunks(1).collect();
        assert_eq!(fold(100, &one_by_one), fold(100, &[&opens]));
    }

    #[test]
    fn what_has_left_the_log_takes_its_row_along() {
        let opens = [(1, "/a/x", false), (1, "/b/x", false), (2, "/q", true), (1, "/c/x", false), (1, "/d/x", false)];
        let one_by_one: Vec<_> = opens.chunks(1).collect();
        // The run began with an event that is forgotten; what comes after begins anew.
        assert_eq!(fold(3, &one_by_one), [(2, 2, 1), (3, 4, 2)]);
    }
}
