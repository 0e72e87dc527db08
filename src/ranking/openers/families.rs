//! Who started whom: the parents of the processes that are counted, by name, and theirs.
//!
//! A parent need not open anything itself. What is known of it comes from its own counts, or is told beside the counts
//! (see [`crate::message::Ancestor`]). Once it is known it stays, ended or not, for as long as a count is of a child of
//! it.

use std::collections::{HashMap, HashSet};

use crate::event::Source;
use crate::message::Ancestor;

/// A pid, of one of several hosts.
pub type Pid = (Source, u32);

/// A process by its pid and its start, CLOCK_MONOTONIC nanoseconds. A start of 0: nothing but the pid is known of it.
pub type Id = (Pid, u64);

/// Parents that are kept; those without counted children make room for others.
const KINS_MAX: usize = 1 << 15;

/// Ancestors that are kept, until somebody turns out to be a child of them.
const ANCESTORS_MAX: usize = 1 << 13;

/// By how much a start that /proc tells is off: it has ticks of a hundredth of a second.
const TICK_NS: u64 = 20_000_000;

/// The longest chain of parents that is followed.
const DEPTH_MAX: usize = 64;

/// A parent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Kin {
    pub(super) comm: Vec<u8>,
    pub(super) parent: Id,
    pub(super) ended: bool,
}

/// What is known of a process whose children are asked about.
pub(super) struct Known<'a> {
    pub(super) start_ns: u64,
    pub(super) ppid: u32,
    pub(super) comm: &'a [u8],
    pub(super) ended: bool,
}

/// The parents.
#[derive(Debug, Default)]
pub(super) struct Families {
    kins: HashMap<Id, Kin>,
    /// Start of the latest parent with each pid.
    latest: HashMap<Pid, u64>,
    ancestors: HashMap<Pid, Ancestor>,
}

impl Families {
    /// Takes note of processes that may be parents.
    pub(super) fn learn(&mut self, ancestors: Vec<Ancestor>) {
        for ancestor in ancestors {
            let pid = (Source::HERE, ancestor.pid);
            if self.ancestors.len() >= ANCESTORS_MAX && !self.ancestors.contains_key(&pid) {
                self.ancestors.clear();
            }
            self.ancestors.insert(pid, ancestor);
        }
    }

    /// The parent of a process that started at `start_ns`. `counted` tells what the counts have of a pid.
    pub(super) fn parent_of<'a>(&mut self, (ppid, start_ns): Id, counted: &impl Fn(Pid) -> Option<Known<'a>>) -> Id {
        self.find((ppid, start_ns), counted, DEPTH_MAX)
    }

    fn find<'a>(&mut self, (pid, child_ns): Id, counted: &impl Fn(Pid) -> Option<Known<'a>>, depth: usize) -> Id {
        let older = |start_ns: u64| start_ns <= child_ns.saturating_add(TICK_NS);
        let ancestor = self.ancestors.get(&pid).filter(|ancestor| older(ancestor.start_ns)).cloned();
        let (start_ns, ppid, comm, ended) = match (counted(pid).filter(|known| older(known.start_ns)), ancestor) {
            // Whoever started later has the pid now.
            (Some(known), Some(ancestor)) if ancestor.start_ns > known.start_ns.saturating_add(TICK_NS) => {
                (ancestor.start_ns, ancestor.ppid, ancestor.comm, false)
            }
            (Some(known), _) => (known.start_ns, known.ppid, known.comm.to_vec(), known.ended),
            (None, Some(ancestor)) => (ancestor.start_ns, ancestor.ppid, ancestor.comm, false),
            (None, None) => {
                let known = self.latest.get(&pid).filter(|start_ns| older(**start_ns));
                return (pid, known.copied().unwrap_or_default());
            }
        };
        if let Some(&known) = self.latest.get(&pid)
            && known.abs_diff(start_ns) <= TICK_NS
        {
            return (pid, known);
        }
        if self.kins.len() >= KINS_MAX || depth == 0 {
            return (pid, 0);
        }
        let (id, ppid) = ((pid, start_ns), (pid.0, ppid));
        self.latest.insert(pid, start_ns);
        self.kins.insert(id, Kin { comm, parent: (ppid, 0), ended });
        let parent = if ppid.1 == 0 { (ppid, 0) } else { self.find((ppid, start_ns), counted, depth - 1) };
        if let Some(kin) = self.kins.get_mut(&id) {
            kin.parent = parent;
        }
        id
    }

    /// The name of a counted process may change, and it may end.
    pub(super) fn update(&mut self, (pid, start_ns): Id, comm: &[u8], ended: bool) {
        let Some(id) = self.of_process((pid, start_ns)) else { return };
        let Some(kin) = self.kins.get_mut(&id) else { return };
        kin.ended = ended;
        if kin.comm != comm {
            comm.clone_into(&mut kin.comm);
        }
    }

    /// The parent that a process is, if it is one.
    pub(super) fn of_process(&self, (pid, start_ns): Id) -> Option<Id> {
        let known = *self.latest.get(&pid)?;
        (known.abs_diff(start_ns) <= TICK_NS).then_some((pid, known))
    }

    pub(super) fn get(&self, id: Id) -> Option<&Kin> {
        self.kins.get(&id)
    }

    /// What is called so by its pid alone: the latest that is known.
    pub(super) fn latest(&self, pid: Pid) -> Option<&Kin> {
        self.kins.get(&(pid, *self.latest.get(&pid)?))
    }

    /// It and its parents, each with its name; one that is not known has none, and ends the chain.
    pub(super) fn chain(&self, mut id: Id) -> Vec<(u32, Vec<u8>)> {
        let mut chain = Vec::new();
        while id.0.1 != 0 && chain.len() < DEPTH_MAX {
            let kin = self.kins.get(&id);
            chain.push((id.0.1, kin.map_or_else(Vec::new, |kin| kin.comm.clone())));
            // A recording may say that somebody is its own ancestor.
            match kin {
                Some(kin) if chain.iter().all(|(pid, _)| *pid != kin.parent.0.1) => id = kin.parent,
                _ => break,
            }
        }
        chain
    }

    pub(super) fn is_full(&self) -> bool {
        self.kins.len() >= KINS_MAX
    }

    /// Keeps those that have a child among `children`, and their parents.
    pub(super) fn retain(&mut self, children: impl Iterator<Item = Id>) {
        let mut used = HashSet::new();
        for mut id in children {
            while used.insert(id)
                && let Some(kin) = self.kins.get(&id)
            {
                id = kin.parent;
            }
        }
        self.kins.retain(|id, _| used.contains(id));
        self.latest.retain(|pid, start_ns| used.contains(&(*pid, *start_ns)));
    }
}
