//! Which program each process runs and who started it, as batches tell it.

use std::collections::HashMap;

use crate::bounded::Bounded;
use crate::event::{Batch, OpenEvent, ProcessName, Source};

/// Bytes of processes that are known at a time; of each of several hosts.
const PROCESSES_BYTES: usize = 8 << 20;
const PROCESSES_BYTES_OF_ONE: usize = 1 << 20;

/// A process: its host and connection, its pid, its start.
type Id = (Source, u32, u64);

fn id(process: &ProcessName) -> Id {
    (process.source, process.pid, process.start_ns)
}

/// What is known of an event's process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Named<'a> {
    pub exe: Option<&'a [u8]>,
    pub parent: Option<&'a [u8]>,
}

/// The processes known so far; the latest where there are too many. Of each host apart, so that none makes another's
/// forgotten.
#[derive(Clone, Debug, Default)]
pub struct Processes(HashMap<u8, Bounded<(u64, ProcessName), Id>>);

impl Processes {
    /// Takes note of what a batch tells, all of [`Batch::processes`] or what comes next of it.
    pub fn learn(&mut self, batch: &Batch, told: &[(usize, ProcessName)]) {
        for (index, process) in told {
            // What is told behind the last event is of one with the next batch.
            let event = batch.get(*index).or_else(|| batch.iter().next_back());
            self.insert(process.clone(), event.map_or(0, |event| event.ts_ns));
        }
    }

    /// `at_ns`: recorded time of the event before which it is told.
    fn insert(&mut self, process: ProcessName, at_ns: u64) {
        let bytes = if process.source == Source::HERE { PROCESSES_BYTES } else { PROCESSES_BYTES_OF_ONE };
        let known = self.0.entry(process.source.host()).or_insert_with(|| Bounded::new(bytes));
        let since_ns = match known.get(id(&process)) {
            Some((_, known)) if known.exe != process.exe => at_ns,
            Some((since_ns, _)) => *since_ns,
            None => 0,
        };
        let bytes = process.bytes();
        known.insert(id(&process), (since_ns, process), bytes);
    }

    /// What is known of the event's process. The program is not where it is one that was started after the event.
    pub fn of(&self, event: &OpenEvent<'_>) -> Named<'_> {
        let Some((since_ns, process)) = self.get((event.source, event.pid, event.start_ns)) else {
            return Named::default();
        };
        let exe = process.exe.as_deref().filter(|_| event.ts_ns >= *since_ns);
        Named { exe, parent: process.parent.as_deref() }
    }

    /// The latest that is known of a process.
    pub fn latest(&self, id: Id) -> Option<&ProcessName> {
        self.get(id).map(|(_, process)| process)
    }

    fn get(&self, id: Id) -> Option<&(u64, ProcessName)> {
        self.0.get(&id.0.host())?.get(id)
    }
}

/// What a recording has told of processes, as whoever reads it knows it.
#[derive(Debug)]
pub struct Announced(Bounded<ProcessName, Id>);

impl Default for Announced {
    fn default() -> Self {
        Self(Bounded::new(PROCESSES_BYTES))
    }
}

impl Announced {
    /// What is to be told before the event, if that is news.
    pub fn news(&mut self, event: &OpenEvent<'_>, Named { exe, parent }: Named<'_>) -> Option<ProcessName> {
        let id = (event.source, event.pid, event.start_ns);
        let is_told = |told: &ProcessName| (told.exe.as_deref(), told.parent.as_deref()) == (exe, parent);
        if self.0.get(id).is_some_and(is_told) {
            return None;
        }
        let OpenEvent { source, pid, start_ns, ppid, .. } = *event;
        let (exe, parent) = (exe.map(<[u8]>::to_vec), parent.map(<[u8]>::to_vec));
        let process = ProcessName { source, pid, start_ns, ppid, exe, parent };
        self.0.insert(id, process.clone(), process.bytes());
        Some(process)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::sample;

    fn named(exe: &[u8], parent: Option<&[u8]>) -> ProcessName {
        let OpenEvent { source, pid, start_ns, ppid, .. } = sample();
        ProcessName { source, pid, start_ns, ppid, exe: Some(exe.to_vec()), parent: parent.map(<[u8]>::to_vec) }
    }

    #[test]
    fn a_program_is_not_told_of_what_was_before_it() {
        let mut batch = Batch::default();
        let event = |ts_ns| OpenEvent { ts_ns, ..sample() };
        batch.name_process(named(b"/bin/sh", None));
        batch.push(&event(10));
        batch.name_process(named(b"/bin/sh", Some(b"make")));
        batch.push(&event(20));
        batch.name_process(named(b"/bin/cat", Some(b"make")));
        batch.push(&event(30));
        let mut processes = Processes::default();
        processes.learn(&batch, &batch.processes()[..2]);
        // The parent that became known later is that of before, too.
        let sh = Named { exe: Some(b"/bin/sh"), parent: Some(b"make") };
        assert_eq!(processes.of(&event(5)), sh);
        processes.learn(&batch, batch.processes_at(2));
        assert_eq!(processes.of(&event(29)), Named { exe: None, ..sh });
        assert_eq!(processes.of(&event(30)), Named { exe: Some(b"/bin/cat"), ..sh });
        let other = OpenEvent { source: Source::new(2, 1), ..event(30) };
        assert_eq!(processes.of(&other), Named::default());
    }

    #[test]
    fn what_is_known_and_told_is_bounded() {
        let (mut processes, mut told) = (Processes::default(), Announced::default());
        let exe = vec![b'a'; 4096];
        let other = OpenEvent { source: Source::new(2, 1), ..sample() };
        processes.insert(ProcessName { source: other.source, ..named(b"/bin/sh", None) }, 0);
        for pid in 0..10_000 {
            processes.insert(ProcessName { pid, ..named(&exe, None) }, 0);
            let event = OpenEvent { pid, ..sample() };
            let named = Named { exe: Some(&exe), parent: None };
            assert!(told.news(&event, named).is_some() && told.news(&event, named).is_none());
        }
        assert!(processes.0[&0].bytes() <= PROCESSES_BYTES && told.0.bytes() <= PROCESSES_BYTES);
        assert_eq!(processes.of(&other).exe, Some(&b"/bin/sh"[..]));
        // Where names are short it is the tables that take most.
        for pid in 10_000..200_000 {
            processes.insert(ProcessName { pid, ..named(b"/bin/sh", Some(b"make")) }, 0);
            let event = OpenEvent { pid, ..sample() };
            told.news(&event, Named { exe: Some(b"/bin/sh"), parent: Some(b"make") });
        }
        // A text takes 32 bytes of the heap at least.
        let heap = |count: usize| 2 * 32 * count;
        let (known, told) = (&processes.0[&0], &told.0);
        assert!(known.tables() + heap(known.values().count()) <= PROCESSES_BYTES, "{}", known.tables());
        assert!(told.tables() + heap(told.values().count()) <= PROCESSES_BYTES, "{}", told.tables());
        assert!(told.values().count() > 10_000, "{}", told.values().count());
        assert_eq!(processes.of(&OpenEvent { pid: 199_999, ..sample() }).exe, Some(&b"/bin/sh"[..]));
    }
}
