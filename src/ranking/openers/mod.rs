//! Who opens most, exactly: the counts that the kernel keeps per process, and their sums per command, user and
//! container; and those of results.
//!
//! A pid does not name a process, its start time beside it does. A process that ended stays, marked, until the
//! counters are reset. So that a host which starts thousands of processes a second does not fill the memory, the
//! ended ones that opened least are at some point only kept as sums: every sum stays exact.

mod active;
mod families;
mod row;
mod rows;
mod sums;
#[cfg(test)]
mod tests;
mod tree;

use std::collections::HashMap;

use active::Grouped;
use families::{Families, Known};
pub use families::{Id, Pid};
pub(super) use row::per_second;
pub use row::{Group, Key, Row};
use sums::{Since, Sums};
pub use tree::{Branch, BranchId};

use super::sum::Sum;
use crate::event::{OpenEvent, Source};
use crate::message::{CgroupCount, Counts, ProcessCount};

/// Ended processes that are kept one by one; up to twice as many before the lesser half is summed up.
const ENDED_MAX: usize = 8192;
/// Sums of ended processes; what is beyond goes into one.
const SUMS_MAX: usize = 4096;

/// Cgroups that are counted, those included that are gone.
const CGROUPS_MAX: usize = 8192;
/// Errors that are counted: as many as a source tells.
const RESULTS_MAX: usize = 1024;

/// Ended processes that are not kept one by one: those of one host, command, user and parent. Those for which there is
/// no room have no user.
type SumKey = (u8, Vec<u8>, Option<u32>, Id);

/// What they have opened, and how many they are.
#[derive(Clone, Copy, Debug, Default)]
struct EndedSum {
    sum: Sum,
    processes: u64,
}

#[derive(Debug)]
struct Process {
    /// `None`: a recording sums up those that it has no room for.
    uid: Option<u32>,
    /// The first one: later on it may be whoever took it in.
    parent: Id,
    comm: Vec<u8>,
    counts: Since,
    cgroups: [CgroupCount; 2],
    ended: bool,
    /// Id and the end of the path: in a storm the event itself is not kept for long.
    last: Option<(u64, Vec<u8>)>,
}

/// Whose process it is, if it is one.
fn user_of(count: &ProcessCount) -> Option<u32> {
    (count.uid != u32::MAX).then_some(count.uid)
}

impl Process {
    /// A process of which nothing is counted yet.
    fn new(count: &ProcessCount) -> Self {
        Self {
            uid: user_of(count),
            parent: ((count.source, count.ppid), 0),
            comm: count.comm.clone(),
            counts: Since::default(),
            cgroups: Default::default(),
            ended: false,
            last: None,
        }
    }
}

/// The counts of all processes since the start or the last reset.
#[derive(Debug)]
pub struct Openers {
    processes: HashMap<Id, Process>,
    /// Ended processes that are not kept one by one.
    sums: HashMap<SumKey, EndedSum>,
    families: Families,
    /// Start of the latest process with each pid.
    latest: HashMap<Pid, u64>,
    cgroups: Sums<u64>,
    results: Sums<i32>,
    /// When the counts were last read, how long after the time before, and how often.
    read_ns: Option<u64>,
    seconds: f64,
    readings: u64,
    /// Those of `processes` that have ended.
    ended: usize,
    /// Those that have counts in the last reading.
    in_last_reading: Vec<Id>,
    /// The sums of each group, where only those that open something are looked at.
    grouped: Option<Grouped>,
}

impl Openers {
    /// `since_ns` is when counting began, CLOCK_MONOTONIC, if known: without it the first reading has no rates.
    pub fn new(since_ns: Option<u64>) -> Self {
        Self {
            processes: HashMap::new(),
            sums: HashMap::new(),
            families: Families::default(),
            latest: HashMap::new(),
            cgroups: Sums::new(CGROUPS_MAX),
            results: Sums::new(RESULTS_MAX),
            read_ns: since_ns,
            seconds: 0.0,
            readings: 0,
            ended: 0,
            in_last_reading: Vec::new(),
            grouped: None,
        }
    }

    /// Takes in the next reading.
    pub fn read(&mut self, counts: Counts) {
        self.seconds = self.read_ns.map_or(0.0, |before| counts.ts_ns.saturating_sub(before) as f64 / 1e9);
        self.read_ns = Some(counts.ts_ns);
        self.readings += 1;
        self.in_last_reading.clear();
        self.families.learn(counts.ancestors);
        let mut new = Vec::new();
        for count in &counts.processes {
            let key = ((count.source, count.pid), count.start_ns);
            if !self.processes.contains_key(&key) {
                let latest = self.latest.entry(key.0).or_default();
                *latest = count.start_ns.max(*latest);
                new.push((key, count.ppid));
            }
            self.processes.entry(key).or_insert_with(|| Process::new(count));
        }
        // Whose parent is in the same reading may come before it.
        for (key, ppid) in new {
            self.find_parent(key, ppid);
        }
        for count in counts.processes {
            self.read_one(count);
        }
        for (errno, opens) in counts.results {
            let failed = if errno == 0 { 0 } else { opens };
            self.results.set(errno, Sum { opens, failed }, self.readings);
        }
        if self.ended > 2 * ENDED_MAX {
            self.sum_up_ended();
        }
    }

    fn read_one(&mut self, count: ProcessCount) {
        let key = ((count.source, count.pid), count.start_ns);
        let Some(process) = self.processes.get_mut(&key) else { return };
        if let Some(grouped) = &mut self.grouped {
            grouped.leave(count.source.host(), process);
        }
        if process.counts.set(Sum::from(&count), self.readings) {
            self.in_last_reading.push(key);
        }
        self.ended += usize::from(count.ended);
        self.ended -= usize::from(process.ended);
        for (now, before) in count.cgroups.iter().zip(&process.cgroups) {
            let new = Sum::from(now).less(Sum::from(before));
            if new.opens > 0 {
                self.cgroups.add(now.cgroup, new, self.readings);
            }
        }
        self.families.update(key, &count.comm, count.ended);
        process.cgroups = count.cgroups;
        process.uid = user_of(&count);
        process.comm = count.comm;
        process.ended = count.ended;
        if let Some(grouped) = &mut self.grouped {
            grouped.enter(count.source.host(), process);
        }
    }

    /// Settles who the parent of a new process is.
    fn find_parent(&mut self, key: Id, ppid: u32) {
        if self.families.is_full() {
            let children = self.processes.values().map(|process| process.parent);
            self.families.retain(children.chain(self.sums.keys().map(|(_, _, _, parent)| *parent)));
        }
        let (processes, latest) = (&self.processes, &self.latest);
        let counted = |pid: Pid| {
            let start_ns = *latest.get(&pid)?;
            let process = processes.get(&(pid, start_ns))?;
            Some(Known { start_ns, ppid: process.parent.0.1, comm: &process.comm, ended: process.ended })
        };
        let parent = self.families.parent_of(((key.0.0, ppid), key.1), &counted);
        if let Some(process) = self.processes.get_mut(&key) {
            process.parent = parent;
        }
    }

    /// The parents of a process, as far as they are known, the nearest first: pid and name.
    pub fn ancestry(&self, id: Id) -> Vec<(u32, Vec<u8>)> {
        let of_kin = || self.families.get(self.families.of_process(id)?);
        let first = self.processes.get(&id).map(|process| process.parent).or_else(|| of_kin().map(|kin| kin.parent));
        first.map_or_else(Vec::new, |first| self.families.chain(first))
    }

    /// The name of the parent that has this pid or had it last, where it is known.
    pub fn parent_name(&self, pid: Pid) -> Option<&[u8]> {
        self.families.latest(pid).map(|kin| kin.comm.as_slice())
    }

    fn sum_up_ended(&mut self) {
        let mut ended: Vec<_> =
            self.processes.iter().filter(|(_, p)| p.ended).map(|(k, p)| (p.counts.now.opens, *k)).collect();
        ended.sort_unstable();
        ended.truncate(ended.len() - ENDED_MAX);
        for (_, key) in ended {
            let Some(process) = self.processes.remove(&key) else { continue };
            self.ended -= 1;
            if let Some(grouped) = &mut self.grouped {
                grouped.leave(key.0.0.host(), &process);
            }
            let sum = process.counts.sum();
            if self.latest.get(&key.0) == Some(&key.1) {
                self.latest.remove(&key.0);
            }
            let key = self.sum_key((key.0.0.host(), process.comm, process.uid, process.parent));
            let into = self.sums.entry(key.clone()).or_default();
            let more = EndedSum { sum, processes: u64::from(sum.opens > 0) };
            into.sum = into.sum.plus(more.sum);
            into.processes += more.processes;
            if let Some(grouped) = &mut self.grouped {
                grouped.add(&key, more);
            }
        }
    }

    /// The sum that an ended process is added to. Where there are too many it loses its parent first, and then
    /// everything.
    fn sum_key(&self, key: SumKey) -> SumKey {
        let has_room = |key: &SumKey, max| self.sums.len() < max || self.sums.contains_key(key);
        if has_room(&key, SUMS_MAX / 2) {
            return key;
        }
        let (host, comm, uid, _) = key;
        let without_parent = (host, comm, uid, Id::default());
        if has_room(&without_parent, SUMS_MAX) {
            without_parent
        } else {
            (host, b"(others)".to_vec(), None, Id::default())
        }
    }

    /// Whether this process is known to have ended.
    pub fn has_ended(&self, key: Id) -> bool {
        match self.processes.get(&key) {
            Some(process) => process.ended,
            None => self.families.get(key).is_some_and(|kin| kin.ended),
        }
    }

    /// What this connection has told is all: nothing is known of its processes any more.
    pub fn lose(&mut self, source: Source) {
        for (_, process) in self.processes.iter_mut().filter(|(key, process)| key.0.0 == source && !process.ended) {
            if let Some(grouped) = &mut self.grouped {
                grouped.leave(source.host(), process);
            }
            process.ended = true;
            self.ended += 1;
            if let Some(grouped) = &mut self.grouped {
                grouped.enter(source.host(), process);
            }
        }
    }

    /// Notes the event as the latest of its process, unless a later one is.
    pub fn note_last(&mut self, id: u64, event: &OpenEvent<'_>) {
        if let Some(process) = self.processes.get_mut(&((event.source, event.pid), event.start_ns))
            && process.last.as_ref().is_none_or(|(last, _)| *last < id)
        {
            process.last = Some((id, end_of(event.path)));
        }
    }

    /// Counts from here on: ended processes go, the others start at 0.
    pub fn reset(&mut self) {
        self.processes.retain(|_, process| !process.ended);
        self.ended = 0;
        self.in_last_reading.clear();
        self.grouped = None;
        for process in self.processes.values_mut() {
            process.counts.reset();
        }
        self.sums.clear();
        self.cgroups.reset();
        self.results.reset();
    }

    /// Opens that no row of cgroups has, since there are too many of those.
    pub fn without_cgroup(&self) -> u64 {
        self.cgroups.unranked
    }
}

/// Bytes of a path that are kept for each process. They are more than its column shows, and there may be tens of
/// thousands of processes.
const LAST_PATH: usize = 128;

/// The path, or its end with dots for what is missing.
fn end_of(path: &[u8]) -> Vec<u8> {
    const DOTS: &[u8] = b"...";
    match path.len().checked_sub(LAST_PATH) {
        Some(1..) => [DOTS, &path[path.len() - LAST_PATH + DOTS.len()..]].concat(),
        _ => path.to_owned(),
    }
}
