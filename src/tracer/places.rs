//! Places for the processes that open most. The kernel side finds a place by its holder's pid, and counts there without
//! a search; everybody else is counted in the map of processes.
//!
//! The counters of a place only grow, whoever holds it: the kernel side may be counting at any moment, so nobody sets
//! them back. What they were when a place was given away is remembered here instead.

use std::collections::HashMap;

use libbpf_rs::{MapCore as _, MapFlags};

use crate::bpf::types::{bss_holders, bss_places, process_count, process_key};
use crate::bpf::{OpentopSkel, as_bytes, from_bytes};
use crate::error::Error;

/// A process, as `(pid, start_ns)`.
pub(super) type Process = (u32, u64);

const NOBODY: process_key = process_key { start_ns: 0, pid: 0, pad: 0 };

/// Who holds which place.
#[derive(Debug)]
pub(super) struct Places {
    /// As the kernel side has them.
    holders: bss_holders,
    /// Opens and failures that were counted in each place before its holder got it.
    before: Vec<(u64, u64)>,
}

impl Places {
    pub(super) fn new() -> Self {
        let holders = bss_holders { holders: [NOBODY; _] };
        Self { before: vec![(0, 0); holders.holders.len()], holders }
    }

    /// Gives a process its place, if nobody has it.
    pub(super) fn give(&mut self, skel: &OpentopSkel<'_>, (pid, start_ns): Process) -> Result<(), Error> {
        let index = self.index(pid);
        match self.holders.holders.get_mut(index) {
            Some(holder) if holder.pid == 0 => *holder = process_key { start_ns, pid, pad: 0 },
            _ => return Ok(()),
        }
        self.tell(skel)
    }

    /// What the holders have counted in their places.
    pub(super) fn read(&self, skel: &OpentopSkel<'_>) -> Result<HashMap<Process, process_count>, Error> {
        if self.holders.holders.iter().all(|holder| holder.pid == 0) {
            return Ok(HashMap::new());
        }
        let places = read_places(skel)?;
        let held = self.holders.holders.iter().zip(&self.before).zip(places.places).filter(|((h, _), _)| h.pid != 0);
        Ok(held.map(|((holder, &before), place)| ((holder.pid, holder.start_ns), since(before, place.count))).collect())
    }

    /// Frees the place of a process that has ended, if it holds one; returns what it has counted there.
    pub(super) fn take_back(
        &mut self,
        skel: &OpentopSkel<'_>,
        (pid, start_ns): Process,
    ) -> Result<Option<process_count>, Error> {
        let index = self.index(pid);
        let (Some(holder), Some(before)) = (self.holders.holders.get_mut(index), self.before.get_mut(index)) else {
            return Ok(None);
        };
        if (holder.pid, holder.start_ns) != (pid, start_ns) {
            return Ok(None);
        }
        *holder = NOBODY;
        let Some(place) = read_places(skel)?.places.into_iter().nth(index) else { return Ok(None) };
        let counted = since(*before, place.count);
        *before = (place.count.opens, place.count.failed);
        self.tell(skel)?;
        Ok(Some(counted))
    }

    fn index(&self, pid: u32) -> usize {
        pid as usize % self.holders.holders.len()
    }

    fn tell(&self, skel: &OpentopSkel<'_>) -> Result<(), Error> {
        let told = skel.maps.bss_holders.update(&0u32.to_ne_bytes(), as_bytes(&self.holders), MapFlags::ANY);
        told.map_err(|why| Error::bpf("give a process its place", why))
    }
}

fn read_places(skel: &OpentopSkel<'_>) -> Result<bss_places, Error> {
    let value = skel.maps.bss_places.lookup(&0u32.to_ne_bytes(), MapFlags::ANY);
    let value = value.map_err(|why| Error::bpf("read the counts of the busiest processes", why))?;
    value
        .as_deref()
        .and_then(from_bytes)
        .ok_or_else(|| Error::bpf("read the counts of the busiest processes", "no value"))
}

fn since(before: (u64, u64), count: process_count) -> process_count {
    process_count { opens: count.opens - before.0, failed: count.failed - before.1, ..count }
}
