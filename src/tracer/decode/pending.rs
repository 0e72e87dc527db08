//! Opens by io_uring that were asked for and have no result yet.

use std::collections::{HashMap, HashSet};

use crate::bounded::Bounded;

/// Bytes of records that are kept, in all and of one process: nobody's requests push all others out. The kernel reuses its
/// requests, so that usually there are few.
const MOST: usize = 4 << 20;
const MOST_OF_PROCESS: usize = MOST / 4;
/// What a record takes beside its bytes.
const OVERHEAD: usize = 128;
/// Forgotten requests that are remembered as such.
const FORGOTTEN: usize = 1 << 16;

/// What is known of a request that has its result.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// The record of what it asked for.
    Known(Vec<u8>),
    /// It was forgotten: too many others were asked for meanwhile.
    Forgotten,
    /// It was never heard of.
    Unknown,
}

/// The records by request, the oldest forgotten first.
#[derive(Debug)]
pub(super) struct Pending {
    records: Bounded<(u32, Vec<u8>)>,
    processes: HashMap<u32, Bounded<()>>,
    forgotten: HashSet<u64>,
    /// More were forgotten than can be remembered, so that any unknown one may be one of those.
    any: bool,
}

impl Default for Pending {
    fn default() -> Self {
        Self { records: Bounded::new(MOST), processes: HashMap::new(), forgotten: HashSet::new(), any: false }
    }
}

impl Pending {
    pub(super) fn add(&mut self, request: u64, pid: u32, record: &[u8]) {
        // The kernel has reused the request: whatever it was, its result will not come any more.
        self.take(request);
        let bytes = record.len() + OVERHEAD;
        let process = self.processes.entry(pid).or_insert_with(|| Bounded::new(MOST_OF_PROCESS));
        let own = process.insert(request, (), bytes);
        let others = self.records.insert(request, (pid, record.to_vec()), bytes);
        for (request, ()) in own {
            self.records.remove(request);
            self.forget(request);
        }
        for (request, (pid, _)) in others {
            self.release(pid, request);
            self.forget(request);
        }
    }

    pub(super) fn take(&mut self, request: u64) -> Asked {
        if let Some((pid, record)) = self.records.remove(request) {
            self.release(pid, request);
            return Asked::Known(record);
        }
        if self.forgotten.remove(&request) || self.any { Asked::Forgotten } else { Asked::Unknown }
    }

    /// Bytes that it takes, but for what it remembers of what it forgot.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.records.bytes()
    }

    fn release(&mut self, pid: u32, request: u64) {
        if let Some(process) = self.processes.get_mut(&pid) {
            process.remove(request);
            if process.is_empty() {
                self.processes.remove(&pid);
            }
        }
    }

    fn forget(&mut self, request: u64) {
        if self.forgotten.len() >= FORGOTTEN {
            self.forgotten.clear();
            self.any = true;
        }
        self.forgotten.insert(request);
    }
}
