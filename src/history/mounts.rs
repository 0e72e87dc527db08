//! Opens by what is mounted where they were.
//!
//! A path means the mount of this host only to a process that has the same mounts and the same root, which somebody has
//! to look at while it runs; until then its opens wait. Of one that is gone, or of too many, only the path is known.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::directories::{Child, known_path, passed};
use crate::event::{Op, OpenEvent, RealPathKind};
use crate::names::Names;
use crate::names::mounts::Mounts;
use crate::names::process::Id;

/// Processes of which it is known, and mounts in which processes that nobody has looked at yet opened something.
const PROCESSES_MAX: usize = 16_384;

/// What an open is counted under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MountKey {
    /// In the mount of this number.
    Mount(u32),
    /// There by its path; whether its process has that mount is not known.
    Path(u32),
    /// In a container.
    Container,
    /// By a process with other mounts, or another root.
    Elsewhere,
    /// The path is not known, or lies in no mount that can be seen.
    Unknown,
    /// Its process is yet to be looked at.
    Waiting,
}

/// Counts by mount. None of its tables can grow without bound: there are two keys for each mount, and a few.
#[derive(Clone, Debug)]
pub struct ByMount {
    pub mounts: Arc<Mounts>,
    counts: HashMap<MountKey, Child>,
    waiting: HashMap<(Id, u32), Child>,
    /// Whether a process that was looked at has the mounts of this host.
    known: HashMap<Id, bool>,
    read_ns: Option<u64>,
}

impl ByMount {
    pub fn new(mounts: Arc<Mounts>) -> Self {
        Self { mounts, counts: HashMap::new(), waiting: HashMap::new(), known: HashMap::new(), read_ns: None }
    }

    /// Counts an open. Where links lead is known only where the opened file's own path is.
    pub fn add(&mut self, event: &OpenEvent<'_>, names: &Names) {
        let id = (event.pid, event.start_ns);
        if event.op == Op::Exec {
            // Mounts of its own are what a process gets before it starts another program.
            self.known.remove(&id);
        }
        let child = match self.key_of(id, event, names) {
            Ok(key) => self.counts.entry(key).or_default(),
            Err(mount) => self.waiting.entry((id, mount)).or_default(),
        };
        child.add(event.failed());
    }

    /// The key of an open, or the mount by its path where its process is yet to be looked at.
    fn key_of(&self, id: Id, event: &OpenEvent<'_>, names: &Names) -> Result<MountKey, u32> {
        if names.cgroup(event.cgroup).is_some_and(|cgroup| cgroup.container.is_some()) {
            return Ok(MountKey::Container);
        }
        let path = match (event.real_path_kind, event.real_path) {
            (RealPathKind::Whole, path) if !path.is_empty() => Some(path),
            _ => known_path(event),
        };
        let shares = self.known.get(&id).copied();
        match (path.and_then(|path| self.mounts.find(path)), shares) {
            (_, Some(false)) => Ok(MountKey::Elsewhere),
            (None, _) => Ok(MountKey::Unknown),
            (Some(mount), Some(true)) => Ok(MountKey::Mount(mount)),
            // Without its start a process cannot be told from the next one of its pid.
            (Some(mount), None) if event.start_ns == 0 => Ok(MountKey::Path(mount)),
            (Some(mount), None) if self.waiting.len() >= PROCESSES_MAX && !self.waiting.contains_key(&(id, mount)) => {
                Ok(MountKey::Path(mount))
            }
            (Some(mount), None) => Err(mount),
        }
    }

    /// The processes that are to be looked at.
    pub fn to_look_at(&self) -> Vec<Id> {
        let ids: HashSet<_> = self.waiting.keys().map(|(id, _)| *id).collect();
        ids.into_iter().collect()
    }

    /// Takes in whether processes have the mounts of this host; `None`: they are gone, or it is not to be known.
    pub fn learn(&mut self, seen: Vec<(Id, Option<bool>)>) {
        if self.known.len() + seen.len() > PROCESSES_MAX {
            self.known.clear();
        }
        let seen: HashMap<_, _> = seen.into_iter().collect();
        self.known.extend(seen.iter().filter_map(|(id, shares)| Some((*id, (*shares)?))));
        let Self { waiting, counts, .. } = self;
        waiting.retain(|(id, mount), child| {
            let key = match seen.get(id) {
                None => return true,
                Some(Some(true)) => MountKey::Mount(*mount),
                Some(Some(false)) => MountKey::Elsewhere,
                Some(None) => MountKey::Path(*mount),
            };
            counts.entry(key).or_default().merge(child);
            false
        });
    }

    /// Works the rates out at this time, CLOCK_MONOTONIC.
    pub fn read(&mut self, ts_ns: u64) {
        let Ok(seconds) = passed(&mut self.read_ns, ts_ns) else { return };
        self.counts.values_mut().chain(self.waiting.values_mut()).for_each(|child| child.read(seconds));
    }

    /// The counts, in no order.
    pub fn counts(&self) -> impl Iterator<Item = (MountKey, Child)> {
        let mut waiting = Child::default();
        self.waiting.values().for_each(|child| waiting.merge(child));
        let waiting = (waiting.opens > 0).then_some((MountKey::Waiting, waiting));
        self.counts.iter().map(|(key, child)| (*key, *child)).chain(waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{CgroupName, PathKind, sample};

    fn by_mount() -> ByMount {
        let list = b"1 0 0:1 / / rw - ext4 a rw\n2 1 0:2 / /home rw - nfs4 b rw\n";
        ByMount::new(Arc::new(Mounts::parse(list)))
    }

    fn rows(by: &ByMount) -> Vec<(MountKey, u64, u64)> {
        let mut rows: Vec<_> = by.counts().map(|(key, child)| (key, child.opens, child.failed)).collect();
        rows.sort_by_key(|row| (std::cmp::Reverse(row.1), format!("{:?}", row.0)));
        rows
    }

    fn open(path: &'static str, pid: u32) -> OpenEvent<'static> {
        OpenEvent { path: path.as_bytes(), pid, start_ns: 7, cgroup: 0, ..sample() }
    }

    #[test]
    fn opens_wait_until_their_process_was_looked_at() {
        let (mut by, names) = (by_mount(), Names::without_users());
        let home = by.mounts.find(b"/home").unwrap();
        for pid in [1, 1, 1, 2, 2, 3] {
            by.add(&open("/home/x", pid), &names);
        }
        assert_eq!(rows(&by), [(MountKey::Waiting, 6, 0)]);
        let mut asked = by.to_look_at();
        asked.sort_unstable();
        assert_eq!(asked, [(1, 7), (2, 7), (3, 7)]);
        by.learn(vec![((1, 7), Some(true)), ((2, 7), Some(false)), ((3, 7), None), ((9, 9), None)]);
        let expected = [(MountKey::Mount(home), 3, 0), (MountKey::Elsewhere, 2, 0), (MountKey::Path(home), 1, 0)];
        assert_eq!(rows(&by), expected);
        // What is known is counted at once; of a new program it is known no longer.
        by.add(&OpenEvent { ret: -2, ..open("/home/y", 1) }, &names);
        by.add(&open("/any", 2), &names);
        by.add(&OpenEvent { op: Op::Exec, ..open("/home/program", 1) }, &names);
        let expected = [
            (MountKey::Mount(home), 4, 1),
            (MountKey::Elsewhere, 3, 0),
            (MountKey::Path(home), 1, 0),
            (MountKey::Waiting, 1, 0),
        ];
        assert_eq!(rows(&by), expected);
    }

    #[test]
    fn what_is_not_of_this_hosts_mounts_is_not_counted_there() {
        let (mut by, mut names) = (by_mount(), Names::without_users());
        let path = format!("/system.slice/docker-{}.scope", "0123456789abcdef".repeat(4));
        names.learn(&CgroupName { name: None, id: 5, path: path.into_bytes() });
        by.learn(vec![((1, 7), Some(true))]);
        by.add(&OpenEvent { cgroup: 5, ..open("/home/x", 1) }, &names);
        by.add(&open("relative", 1), &names);
        by.add(&OpenEvent { path_kind: PathKind::Truncated, ..open("/.../home/x", 1) }, &names);
        by.add(&OpenEvent { start_ns: 0, ..open("/x", 1) }, &names);
        // Where a link leads is known with the opened file's own path alone.
        by.add(&OpenEvent { real_path: b"/home/x", ..open("/link", 1) }, &names);
        let (root, home) = (by.mounts.find(b"/").unwrap(), by.mounts.find(b"/home").unwrap());
        let expected = [
            (MountKey::Unknown, 2, 0),
            (MountKey::Container, 1, 0),
            (MountKey::Mount(home), 1, 0),
            (MountKey::Path(root), 1, 0),
        ];
        assert_eq!(rows(&by), expected);
    }

    #[test]
    fn its_tables_are_bounded_and_rates_survive_what_becomes_known() {
        let (mut by, names) = (by_mount(), Names::without_users());
        for pid in 0..40_000 {
            by.add(&open("/x", pid), &names);
        }
        assert_eq!((by.waiting.len(), by.to_look_at().len()), (PROCESSES_MAX, PROCESSES_MAX));
        let root = by.mounts.find(b"/").unwrap();
        assert!(rows(&by).contains(&(MountKey::Path(root), 40_000 - PROCESSES_MAX as u64, 0)));
        by.read(1_000_000_000);
        let asked = by.to_look_at().into_iter().map(|id| (id, Some(true))).collect();
        by.learn(asked);
        by.learn((0..100).map(|pid| ((pid, 8), Some(true))).collect());
        assert!(by.known.len() <= PROCESSES_MAX && by.waiting.is_empty());
        // What came before the first reading makes no rate.
        by.read(2_000_000_000);
        assert!(by.counts().all(|(_, child)| child.rate == Some(0.0)), "{:?}", by.counts().collect::<Vec<_>>());
    }
}
