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

/// How the kernel side names a process.
pub(super) fn key_of((pid, start_ns): Process) -> process_key {
    process_key { start_ns, pid, pad: 0 }
}

/// Who holds which place, by pid modulo their number.
#[derive(Debug)]
pub(super) struct Places(Vec<Place>);

#[derive(Clone, Copy, Debug, Default)]
struct Place {
    holder: Option<Process>,
    /// Successes and failures that had been counted here when the holder got it.
    before: (u64, u64),
}

impl Places {
    pub(super) fn new() -> Self {
        Self(vec![Place::default(); size_of::<bss_holders>() / size_of::<process_key>()])
    }

    /// Gives a process its place, if nobody has it.
    pub(super) fn give(&mut self, skel: &OpentopSkel<'_>, process: Process) -> Result<(), Error> {
        let index = self.index(process);
        let Some(place) = self.0.get_mut(index).filter(|place| place.holder.is_none()) else { return Ok(()) };
        place.before = read_place(skel, index)?.map_or((0, 0), |count| (count.succeeded, count.failed));
        place.holder = Some(process);
        self.tell(skel)
    }

    /// What the holders have counted in their places.
    pub(super) fn read(&self, skel: &OpentopSkel<'_>) -> Result<HashMap<Process, process_count>, Error> {
        if self.0.iter().all(|place| place.holder.is_none()) {
            return Ok(HashMap::new());
        }
        let counted = self.0.iter().zip(read_places(skel)?.places);
        Ok(counted.filter_map(|(place, now)| Some((place.holder?, since(place.before, now.count)))).collect())
    }

    /// Frees the place of a process that has ended, if it holds one; returns what it has counted there.
    pub(super) fn take_back(
        &mut self,
        skel: &OpentopSkel<'_>,
        process: Process,
    ) -> Result<Option<process_count>, Error> {
        let index = self.index(process);
        let Some(place) = self.0.get_mut(index).filter(|place| place.holder == Some(process)) else { return Ok(None) };
        let counted = read_place(skel, index)?.map(|count| since(place.before, count));
        place.holder = None;
        self.tell(skel)?;
        Ok(counted)
    }

    fn index(&self, (pid, _): Process) -> usize {
        pid as usize % self.0.len()
    }

    /// Tells the kernel side. All keys are written anew, most as they were, which disturbs nobody who reads them.
    fn tell(&self, skel: &OpentopSkel<'_>) -> Result<(), Error> {
        let keys = self.0.iter().map(|place| key_of(place.holder.unwrap_or_default()));
        let bytes: Vec<u8> = keys.flat_map(|key| as_bytes(&key).to_vec()).collect();
        let told = skel.maps.bss_holders.update(&0u32.to_ne_bytes(), &bytes, MapFlags::ANY);
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

fn read_place(skel: &OpentopSkel<'_>, index: usize) -> Result<Option<process_count>, Error> {
    Ok(read_places(skel)?.places.get(index).map(|place| place.count))
}

fn since(before: (u64, u64), count: process_count) -> process_count {
    process_count { succeeded: count.succeeded - before.0, failed: count.failed - before.1, ..count }
}
