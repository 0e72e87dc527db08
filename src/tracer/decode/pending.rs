//! Opens by io_uring that were submitted and have no result yet.

use std::collections::{HashMap, HashSet};

use crate::bounded::Bounded;

/// Bytes of records that are kept, in all and of one process: nobody's submissions push all others out. The kernel
/// reuses its requests, so that usually there are few.
const MOST: usize = 4 << 20;
const MOST_OF_PROCESS: usize = MOST / 4;
/// What a record takes in addition to its bytes.
const OVERHEAD: usize = 128;
/// Keys of evicted records that are remembered as such.
const EVICTED: usize = 1 << 16;

/// What is known of a submission that has its result.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Submission {
    /// Its record.
    Known(Vec<u8>),
    /// Its record was evicted: too many others were submitted meanwhile.
    Evicted,
    /// It was never heard of.
    Unknown,
}

/// The records by the key that joins them with their results, the oldest evicted first.
#[derive(Debug)]
pub(super) struct Pending {
    records: Bounded<(u32, Vec<u8>)>,
    processes: HashMap<u32, Bounded<()>>,
    evicted: HashSet<u64>,
    /// More were evicted than can be remembered, so that any unknown one may be one of those.
    any: bool,
}

impl Default for Pending {
    fn default() -> Self {
        Self { records: Bounded::new(MOST), processes: HashMap::new(), evicted: HashSet::new(), any: false }
    }
}

impl Pending {
    pub(super) fn add(&mut self, key: u64, pid: u32, record: &[u8]) {
        // The kernel has reused the request: the result of the one before will not come any more.
        self.remove(key);
        let bytes = record.len() + OVERHEAD;
        let process = self.processes.entry(pid).or_insert_with(|| Bounded::new(MOST_OF_PROCESS));
        let own = process.insert(key, (), bytes);
        let others = self.records.insert(key, (pid, record.to_vec()), bytes);
        for (key, ()) in own {
            self.records.remove(key);
            self.evict(key);
        }
        for (key, (pid, _)) in others {
            self.release(pid, key);
            self.evict(key);
        }
    }

    pub(super) fn remove(&mut self, key: u64) -> Submission {
        if let Some((pid, record)) = self.records.remove(key) {
            self.release(pid, key);
            return Submission::Known(record);
        }
        if self.evicted.remove(&key) || self.any { Submission::Evicted } else { Submission::Unknown }
    }

    /// Bytes that it takes, but for what it remembers of what it evicted.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.records.bytes()
    }

    fn release(&mut self, pid: u32, key: u64) {
        if let Some(process) = self.processes.get_mut(&pid) {
            process.remove(key);
            if process.is_empty() {
                self.processes.remove(&pid);
            }
        }
    }

    fn evict(&mut self, key: u64) {
        if self.evicted.len() >= EVICTED {
            self.evicted.clear();
            self.any = true;
        }
        self.evicted.insert(key);
    }
}
