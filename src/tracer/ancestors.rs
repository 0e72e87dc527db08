//! The parents of the processes that are counted, which need not open anything themselves: by name, from `/proc`.

use std::collections::HashSet;

use crate::message::{Ancestor, ProcessCount};
use crate::names::process;

/// Processes of `/proc` that are read at most for one reading of the counts.
const READ_MAX: usize = 512;

/// Who was told.
#[derive(Debug, Default)]
pub(super) struct Ancestors {
    /// The processes of the last reading: nothing of them is new.
    children: HashSet<(u32, u64)>,
}

impl Ancestors {
    /// Those of the processes that are new in this reading: each parent, and theirs.
    pub(super) fn of(&mut self, processes: &[ProcessCount]) -> Vec<Ancestor> {
        let children: HashSet<_> = processes.iter().map(|process| (process.pid, process.start_ns)).collect();
        let new = processes.iter().filter(|process| !self.children.contains(&(process.pid, process.start_ns)));
        let mut wanted: Vec<_> = new.map(|process| process.ppid).collect();
        self.children = children;
        wanted.sort_unstable();
        wanted.dedup();
        let (mut found, mut seen) = (Vec::new(), HashSet::new());
        while let Some(pid) = wanted.pop() {
            if pid == 0 || seen.len() >= READ_MAX || !seen.insert(pid) {
                continue;
            }
            let Some(process::Stat { comm, ppid, start_ns, .. }) = process::stat(pid) else { continue };
            wanted.push(ppid);
            found.push(Ancestor { pid, start_ns, ppid, comm });
        }
        found
    }
}
