//! The exact counts: what the BPF side has counted, independently of the ring buffer.
//!
//! Nothing of this calls bpf() while tracing: a look-up in a map keeps kernel probes on its CPU from running, and where
//! it is preempted they miss opens. The totals are mapped into memory, and the counts of the processes are read by an
//! iterator, which removes those that have ended.

use std::collections::HashMap;
use std::io::Read as _;
use std::os::fd::AsFd as _;
use std::ptr;

use libbpf_rs::{Iter, Link};

use super::ancestors::Ancestors;
use super::process::has_ended;
use crate::bpf::types::{self, process_key, process_record};
use crate::bpf::{OpentopSkel, comm_bytes, from_bytes};
use crate::clock::Moment;
use crate::error::Error;
use crate::message::{CgroupCount, Counts, Latencies, Lookups, Lost, ProcessCount, Totals};

/// Processes that may have ended before they are taken out of the map without waiting for the next reading: a small
/// part of the room there.
const REAP_AT: u64 = 1024;

/// Ended processes that wait for the next reading. With more of them the map fills up, and tells so.
const WAITING_MAX: usize = 1 << 16;

/// Reads the counters, and removes the processes that have ended so that the map has room for new ones.
pub(super) struct Counters<'skel> {
    /// The iterator over the map of processes.
    processes: Link,
    /// Final counts that nobody was told of yet.
    waiting: Vec<ProcessCount>,
    /// Processes that have ended and were read as such.
    reaped: u64,
    /// Those that the BPF side does not know to have ended, for it to remove at the next reading.
    retired: Option<&'skel mut types::bss_retired>,
    /// Whose parents are to be told, too.
    ancestors: Option<Ancestors>,
}

/// Events as the userspace knows them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stream {
    pub(super) delivered: u64,
    pub(super) queue: u64,
    pub(super) garbled: u64,
    pub(super) io_uring: u64,
    /// Look-ups delivered, and read but not delivered.
    pub(super) lookups: u64,
    pub(super) lookups_lost: u64,
}

impl<'skel> Counters<'skel> {
    /// # Errors
    /// If the kernel lets no iterator be made.
    pub(super) fn new(
        skel: &mut OpentopSkel<'skel>,
        host_pids: bool,
        ancestors: Option<Ancestors>,
    ) -> Result<Self, Error> {
        let link = skel.progs.read_processes.attach_iter(skel.maps.processes.as_fd());
        let processes = link.map_err(|why| Error::bpf("make an iterator over the counts of the processes", why))?;
        // Processes elsewhere would seem to have ended.
        let retired = skel.maps.bss_retired_data.take().filter(|_| host_pids);
        Ok(Self { processes, waiting: Vec::new(), reaped: 0, retired, ancestors })
    }

    /// The counts since the start. A process that has ended is in the list once more after its end, with its final
    /// count, and then never again. One that is counted at this very moment may be left to the next reading.
    pub(super) fn read(&mut self, skel: &OpentopSkel<'_>, stream: Stream, missed: u64) -> Result<Counts, Error> {
        let mut processes = self.read_processes()?;
        self.retire(&processes);
        processes.append(&mut self.waiting);
        self.counts(skel, processes, stream, missed)
    }

    /// The last counts, when nothing is counted any more. What was removed while reading may hide another process from
    /// the same reading, so it ends with one that removes nothing.
    pub(super) fn read_last(&mut self, skel: &OpentopSkel<'_>, stream: Stream, missed: u64) -> Result<Counts, Error> {
        loop {
            let (reaped, running) = (self.reaped, self.read_processes()?);
            if self.reaped > reaped {
                self.waiting.extend(running.into_iter().filter(|process| process.ended));
                continue;
            }
            let mut processes = std::mem::take(&mut self.waiting);
            processes.extend(running);
            return self.counts(skel, processes, stream, missed);
        }
    }

    /// All that is counted, with these processes.
    fn counts(
        &mut self,
        skel: &OpentopSkel<'_>,
        processes: Vec<ProcessCount>,
        stream: Stream,
        missed: u64,
    ) -> Result<Counts, Error> {
        let read = totals(skel).zip(results(skel));
        let (kernel, results) = read.ok_or_else(|| Error::bpf("read the totals", "the kernel does not map them"))?;
        let lost = Lost {
            ring: kernel.dropped,
            queue: stream.queue,
            garbled: stream.garbled,
            io_uring: stream.io_uring + kernel.io_uring,
            missed,
            overflow: kernel.overflow,
            cgroup: kernel.cgroup,
            tree: kernel.tree,
            lookups: stream.lookups_lost + kernel.lookups_dropped,
            ..Lost::default()
        };
        let counted: u64 = results.iter().sum();
        let totals = Totals {
            opens: counted + kernel.filtered,
            failed: counted - results[0],
            delivered: stream.delivered,
            filtered: kernel.filtered,
            hidden: kernel.hidden,
            lookups: Lookups {
                made: kernel.lookups,
                failed: kernel.lookups_failed,
                delivered: stream.lookups,
                filtered: kernel.lookups_filtered,
            },
            lost,
        };
        let (other_errors, results) = results.split_last().map_or((0, &results[..]), |(last, rest)| (*last, rest));
        let results = (0..).zip(results.iter().copied()).filter(|(_, opens)| *opens > 0).collect();
        let latencies = latencies(skel);
        let ancestors = self.ancestors.as_mut().map(|ancestors| ancestors.of(&processes)).unwrap_or_default();
        Ok(Counts { ts_ns: Moment::now().ts_ns, processes, ancestors, results, other_errors, latencies, totals })
    }

    /// Makes room in the map, where many processes have ended since the last reading.
    pub(super) fn make_room(&mut self, skel: &OpentopSkel<'_>) -> Result<(), Error> {
        let ended = totals(skel).map_or(0, |totals| totals.ended);
        if ended >= self.reaped + REAP_AT && self.waiting.len() < WAITING_MAX {
            let processes = self.read_processes()?;
            self.waiting.extend(processes.into_iter().filter(|process| process.ended));
        }
        Ok(())
    }

    /// Every process of the map; those that have ended are no longer in it.
    fn read_processes(&mut self) -> Result<Vec<ProcessCount>, Error> {
        let failed = |why| Error::bpf("read the counts of the processes", why);
        let mut bytes = Vec::new();
        let mut reading = Iter::new(&self.processes).map_err(failed)?;
        reading.read_to_end(&mut bytes).map_err(|why| failed(why.into()))?;
        let records = bytes.chunks_exact(size_of::<process_record>()).filter_map(from_bytes);
        let processes: Vec<_> = records.map(process_of).collect();
        self.reaped += processes.iter().filter(|process| process.ended).count() as u64;
        Ok(processes)
    }

    /// Has the next reading remove processes that are gone and whose end the BPF side has missed. One that ended since
    /// it was read is removed by then in any case, and one whose slot goes to another is found again.
    fn retire(&mut self, processes: &[ProcessCount]) {
        let Some(retired) = self.retired.as_deref_mut() else { return };
        let owners = owners(processes);
        let is_owner = |process: &ProcessCount| owners.get(&process.pid) == Some(&process.start_ns);
        let running = processes.iter().filter(|process| !process.ended);
        let gone = running.filter(|process| !is_owner(process) || has_ended(process.pid));
        let slots = &mut retired.retired.keys;
        for process in gone {
            let key = process_key { start_ns: process.start_ns, pid: process.pid, pad: 0 };
            let slot = ptr::from_mut(&mut slots[process.pid as usize % slots.len()]);
            // SAFETY: a reference that lives; the BPF side reads there, as a volatile write allows.
            unsafe { slot.write_volatile(key) };
        }
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

fn process_of(process_record { key, count }: process_record) -> ProcessCount {
    let sums =
        count.r#in.map(|sum| CgroupCount { cgroup: sum.cgroup, opens: sum.succeeded + sum.failed, failed: sum.failed });
    let [first, next, _] = sums;
    ProcessCount {
        source: crate::event::Source::HERE,
        pid: key.pid,
        start_ns: key.start_ns,
        ppid: count.ppid,
        uid: count.uid,
        comm: comm_bytes(&count.comm).to_owned(),
        opens: sums.iter().map(|sum| sum.opens).sum(),
        failed: sums.iter().map(|sum| sum.failed).sum(),
        cgroups: [first, next],
        ended: count.ended != 0,
    }
}

/// The totals as they are at this moment; `None` where the kernel does not map them, which it does since 5.5.
pub(super) fn totals(skel: &OpentopSkel<'_>) -> Option<types::totals> {
    // SAFETY: a reference that lives; the BPF side writes there, as a volatile read allows.
    skel.maps.bss_totals_data.as_deref().map(|data| unsafe { ptr::from_ref(&data.totals).read_volatile() })
}

/// How often opens ended with each error; of success as 0, and of those beyond the slots as the last.
fn results(skel: &OpentopSkel<'_>) -> Option<Vec<u64>> {
    let mut sums = vec![0; types::errno_counts::default().opens.len()];
    for cpu in &skel.maps.bss_errnos_data.as_deref()?.errno_counts {
        for (sum, opens) in sums.iter_mut().zip(&cpu.opens) {
            // SAFETY: as above.
            *sum += unsafe { ptr::from_ref(opens).read_volatile() };
        }
    }
    Some(sums)
}

/// How long opens took, as far as that is counted.
fn latencies(skel: &OpentopSkel<'_>) -> Option<Box<Latencies>> {
    let mut sums = Latencies::default();
    for cpu in skel.maps.bss_latency_data.iter().flat_map(|data| &data.latency_counts) {
        // SAFETY: as above.
        let counted = unsafe { ptr::from_ref(cpu).read_volatile() };
        sums.sum_ns += counted.sum_ns;
        sums.opens.iter_mut().zip(counted.opens).for_each(|(sum, opens)| *sum += opens);
    }
    (sums != Latencies::default()).then(|| Box::new(sums))
}

#[cfg(test)]
mod tests;
