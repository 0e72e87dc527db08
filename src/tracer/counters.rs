//! The exact counts: read from the kernel's maps, which fill independently of the ring buffer.

use std::collections::HashMap;

use libbpf_rs::{MapCore as _, MapFlags};

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
    /// Whether pids seen here are those that the BPF side reports.
    host_pids: bool,
}

/// Events as the userspace knows them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stream {
    pub(super) delivered: u64,
    pub(super) queue: u64,
    pub(super) garbled: u64,
    pub(super) io_uring: u64,
}

impl Counters {
    pub(super) fn new(host_pids: bool) -> Self {
        Self { ended: (0, 0), host_pids }
    }

    /// The counts since the start. A process that has ended is in the list once more after its end, with its final
    /// count, and then never again.
    pub(super) fn read(&mut self, skel: &OpentopSkel<'_>, stream: Stream, missed: u64) -> Result<Counts, Error> {
        let mut processes = read_processes(skel)?;
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
        let kernel = read_totals(skel)?;
        let lost = Lost {
            ring: kernel.dropped,
            queue: stream.queue,
            garbled: stream.garbled,
            io_uring: stream.io_uring + kernel.io_uring,
            skipped: missed,
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
        let key = process_key { start_ns: process.start_ns, pid: process.pid, pad: 0 };
        if let Some(count) = read_count(skel, key)? {
            (process.opens, process.failed) = (count.succeeded + count.failed, count.failed);
        }
        process.ended = true;
        self.ended.0 += process.opens;
        self.ended.1 += process.failed;
        let deleted = skel.maps.processes.delete(as_bytes(&key));
        deleted.map_err(|why| Error::bpf("remove the count of an ended process", why))
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

fn read_count(skel: &OpentopSkel<'_>, key: process_key) -> Result<Option<process_count>, Error> {
    let value = skel.maps.processes.lookup(as_bytes(&key), MapFlags::ANY);
    let value = value.map_err(|why| Error::bpf("read the count of a process", why))?;
    Ok(value.as_deref().and_then(from_bytes))
}

/// Every process of the map.
fn read_processes(skel: &OpentopSkel<'_>) -> Result<Vec<ProcessCount>, Error> {
    let map = &skel.maps.processes;
    // A batch as large as the map: libbpf-rs takes a smaller one for the end of the map when a hash bucket overflows it.
    let batch = map.lookup_batch(map.max_entries(), MapFlags::ANY, MapFlags::ANY);
    let entries = batch.map_err(|why| Error::bpf("read the counts of the processes", why))?;
    let decode = |(key, value): (Vec<u8>, Vec<u8>)| Some(process_of(from_bytes(&key)?, &from_bytes(&value)?));
    Ok(entries.filter_map(decode).collect())
}

fn process_of(key: process_key, count: &process_count) -> ProcessCount {
    ProcessCount {
        pid: key.pid,
        start_ns: key.start_ns,
        ppid: count.ppid,
        uid: count.uid,
        comm: comm_bytes(&count.comm).to_owned(),
        opens: count.succeeded + count.failed,
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
