//! The exact counts: read from the kernel's maps, which fill independently of the ring buffer.

use std::collections::HashMap;

use libbpf_rs::{MapCore as _, MapFlags};

use super::places::{Places, Process, key_of};
use crate::bpf::types::{process_count, process_key, totals};
use crate::bpf::{OpentopSkel, as_bytes, comm_bytes, from_bytes};
use crate::clock::Moment;
use crate::error::Error;
use crate::message::{Counts, Lost, ProcessCount, Totals};

/// Reads the counters, and removes the processes that have ended so that the map has room for new ones.
#[derive(Debug)]
pub(super) struct Counters {
    /// Opens and failures of the processes that are no longer in the map.
    ended: (u64, u64),
    places: Places,
    /// Whether pids seen here are those that the kernel side reports.
    host_pids: bool,
}

/// Events as the user side knows them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stream {
    pub(super) delivered: u64,
    pub(super) queue: u64,
    pub(super) garbled: u64,
    pub(super) io_uring: u64,
}

impl Counters {
    pub(super) fn new(host_pids: bool) -> Self {
        Self { ended: (0, 0), places: Places::new(), host_pids }
    }

    /// Makes counting cheaper for a process that opens a lot.
    pub(super) fn favour(&mut self, skel: &OpentopSkel<'_>, process: Process) -> Result<(), Error> {
        self.places.give(skel, process)
    }

    /// The counts since the start. A process that has ended is in the list once more after its end, with its final
    /// count, and then never again.
    pub(super) fn read(&mut self, skel: &OpentopSkel<'_>, stream: Stream, skipped: u64) -> Result<Counts, Error> {
        let mut processes = read_processes(skel, self.places.read(skel)?)?;
        let owners = owners(&processes);
        let (mut opens, mut failed) = self.ended;
        for process in &mut processes {
            let replaced = owners.get(&process.pid) != Some(&process.start_ns);
            if self.host_pids && (replaced || has_ended(process.pid)) {
                self.retire(skel, process)?;
            }
            opens += process.opens;
            failed += process.failed;
        }
        // Whoever had ended before it opened anything in its place.
        processes.retain(|process| process.opens > 0);
        let kernel = read_totals(skel)?;
        let lost = Lost {
            ring: kernel.dropped,
            queue: stream.queue,
            garbled: stream.garbled,
            io_uring: stream.io_uring + kernel.io_uring,
            skipped,
            overflow: kernel.overflow,
            tree: kernel.tree,
            ..Lost::default()
        };
        let totals = Totals {
            opens: opens + kernel.overflow + kernel.filtered,
            failed: failed + kernel.overflow_failed,
            delivered: stream.delivered,
            filtered: kernel.filtered,
            hidden: kernel.hidden,
            lost,
        };
        Ok(Counts { ts_ns: Moment::now().ts_ns, processes, totals })
    }

    /// Takes an ended process out of the map. Its count is read again: it may have opened more before it ended.
    fn retire(&mut self, skel: &OpentopSkel<'_>, process: &mut ProcessCount) -> Result<(), Error> {
        let who = (process.pid, process.start_ns);
        let in_map = read_from_map(skel, who)?;
        let in_place = self.places.take_back(skel, who)?;
        process.opens = in_map.iter().chain(&in_place).map(opens_of).sum();
        process.failed = in_map.iter().chain(&in_place).map(|count| count.failed).sum();
        process.ended = true;
        self.ended.0 += process.opens;
        self.ended.1 += process.failed;
        if in_map.is_some() {
            let deleted = skel.maps.processes.delete(as_bytes(&key_of(who)));
            deleted.map_err(|why| Error::bpf("remove the count of an ended process", why))?;
        }
        Ok(())
    }
}

/// For each pid the start of the process that has it now: the latest one.
fn owners(processes: &[ProcessCount]) -> HashMap<u32, u64> {
    let mut owners = HashMap::with_capacity(processes.len());
    for process in processes {
        let start = owners.entry(process.pid).or_insert(process.start_ns);
        *start = process.start_ns.max(*start);
    }
    owners
}

/// Nobody has this pid any more, not even a zombie.
fn has_ended(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH))
}

/// What the map alone says of a process.
fn read_from_map(skel: &OpentopSkel<'_>, process: Process) -> Result<Option<process_count>, Error> {
    let value = skel.maps.processes.lookup(as_bytes(&key_of(process)), MapFlags::ANY);
    let value = value.map_err(|why| Error::bpf("read the count of a process", why))?;
    Ok(value.as_deref().and_then(from_bytes))
}

/// Every process of the map, with what it counted in its place, and those that only have a place, maybe an unused one.
fn read_processes(
    skel: &OpentopSkel<'_>,
    mut in_places: HashMap<Process, process_count>,
) -> Result<Vec<ProcessCount>, Error> {
    let map = &skel.maps.processes;
    // A batch as large as the map: libbpf-rs takes a smaller one for the end of the map when a hash bucket overflows it.
    let batch = map.lookup_batch(map.max_entries(), MapFlags::ANY, MapFlags::ANY);
    let entries = batch.map_err(|why| Error::bpf("read the counts of the processes", why))?;
    let mut processes = Vec::new();
    for (key, value) in entries {
        let (Some(key), Some(value)) = (from_bytes::<process_key>(&key), from_bytes::<process_count>(&value)) else {
            continue;
        };
        let process = (key.pid, key.start_ns);
        let count = match in_places.remove(&process) {
            // The place has the latest name; before the first open there it has none.
            Some(more) if opens_of(&more) > 0 => process_count {
                succeeded: value.succeeded + more.succeeded,
                failed: value.failed + more.failed,
                ..more
            },
            _ => value,
        };
        processes.push(process_of(process, &count));
    }
    processes.extend(in_places.iter().map(|(&process, count)| process_of(process, count)));
    Ok(processes)
}

fn opens_of(count: &process_count) -> u64 {
    count.succeeded + count.failed
}

fn process_of((pid, start_ns): Process, count: &process_count) -> ProcessCount {
    ProcessCount {
        pid,
        start_ns,
        ppid: count.ppid,
        uid: count.uid,
        comm: comm_bytes(&count.comm).to_owned(),
        opens: opens_of(count),
        failed: count.failed,
        ended: false,
    }
}

fn read_totals(skel: &OpentopSkel<'_>) -> Result<totals, Error> {
    let value = skel.maps.bss_totals.lookup(&0u32.to_ne_bytes(), MapFlags::ANY);
    let value = value.map_err(|why| Error::bpf("read the totals", why))?;
    value.as_deref().and_then(from_bytes).ok_or_else(|| Error::bpf("read the totals", "the map is empty"))
}

#[cfg(test)]
mod tests;
