//! How events are kept: a vector of fixed-size `Packed` events beside the bytes of all their names. So an event costs
//! no allocation of its own, and a batch is dropped as cheaply as it was made.

use std::time::Duration;

use super::{Op, OpenEvent, PathKind, RealPathKind, Source};

/// Fixed-size part of a kept event; its texts lie among the batch's, one behind the other: comm, leader's comm, opened
/// name, real path, path, name. The real path shares the path's bytes where it is the same, and the name where it is
/// its end, which are the usual cases.
#[derive(Clone, Copy, Debug)]
struct Packed {
    ts_ns: u64,
    time_ns: u64,
    start_ns: u64,
    cgroup: u64,
    latency_ns: u64,
    flags: u64,
    text_at: u32,
    source: Source,
    pid: u32,
    tid: u32,
    ppid: u32,
    uid: u32,
    ret: i32,
    path_len: u16,
    real_len: u16,
    name_at: u16,
    name_len: u16,
    mode: u16,
    comm_len: u8,
    leader_len: u8,
    opened_len: u8,
    op: Op,
    path_kind: PathKind,
    real_path_kind: RealPathKind,
    bits: u8,
}

const BIT_FD_UNKNOWN: u8 = 1;
const BIT_DIR_DELETED: u8 = 2;
const BIT_REAL_IS_PATH: u8 = 4;

/// Latency value of an event whose latency was not measured.
const NOT_MEASURED: u64 = u64::MAX;

/// The longest kept text of one event; the kernel's names and directories are shorter.
const TEXT_MAX: usize = u16::MAX as usize;

/// Bytes of events at which a batch is full; one more event may lie beyond, and the vectors may have room for as much
/// again. Some two thousand usual events, or thirty of the longest names.
const BATCH_BYTES: usize = 256 << 10;

/// The name of a cgroup, told before the first event that refers to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CgroupName {
    pub id: u64,
    /// Path below the root of the cgroup hierarchy, as in `/proc/PID/cgroup`.
    pub path: Vec<u8>,
    /// What the container that it is of was called by its owner, where the path does not have that.
    pub name: Option<Vec<u8>>,
}

/// Which program a process runs and who started it, told before the first event that it makes, and again when that
/// changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessName {
    pub source: Source,
    pub pid: u32,
    pub start_ns: u64,
    pub ppid: u32,
    /// The program's file; `None` where it is not known.
    pub exe: Option<Vec<u8>>,
    /// The parent's command; `None` where it is not known.
    pub parent: Option<Vec<u8>>,
}

impl ProcessName {
    /// What it takes at most in a `Bounded` map: a hash map in which entries come and go has room for four times as
    /// many.
    pub fn bytes(&self) -> usize {
        let text = |text: &Option<Vec<u8>>| text.as_ref().map_or(0, Vec::len);
        8 * size_of::<Self>() + text(&self.exe) + text(&self.parent)
    }
}

/// Events in the order the kernel reported them.
#[derive(Debug, Default)]
pub struct Batch {
    packed: Vec<Packed>,
    text: Vec<u8>,
    cgroups: Vec<CgroupName>,
    /// Each with the number of events before it.
    processes: Vec<(usize, ProcessName)>,
    /// When all of it came from another host; see [`OpenEvent::received_ns`].
    pub received_ns: u64,
    /// Bytes of the names of cgroups and processes.
    named: usize,
}

impl Batch {
    pub fn len(&self) -> usize {
        self.packed.len()
    }

    pub fn is_empty(&self) -> bool {
        self.packed.is_empty()
    }

    /// How many of the events are look-ups.
    pub fn lookups(&self) -> usize {
        self.packed.iter().filter(|packed| packed.op.is_lookup()).count()
    }

    /// Cgroups that no earlier batch has named.
    pub fn cgroups(&self) -> &[CgroupName] {
        &self.cgroups
    }

    /// Names a cgroup, before any batch has an event of it.
    pub fn name_cgroup(&mut self, cgroup: CgroupName) {
        self.named += cgroup.path.capacity() + cgroup.name.as_ref().map_or(0, Vec::capacity) + size_of::<CgroupName>();
        self.cgroups.push(cgroup);
    }

    /// What is told of processes, each with the index of the event before which it is.
    pub fn processes(&self) -> &[(usize, ProcessName)] {
        &self.processes
    }

    /// Those told before the event at `index`, and after the one before it.
    pub fn processes_at(&self, index: usize) -> &[(usize, ProcessName)] {
        let end = |index| self.processes.partition_point(|(at, _)| *at < index);
        &self.processes[end(index)..end(index + 1)]
    }

    /// Tells of a process, before the next event that is pushed.
    pub fn name_process(&mut self, process: ProcessName) {
        self.named += process.bytes();
        self.processes.push((self.packed.len(), process));
    }

    /// Drops the names of cgroups and processes once somebody has taken note of them.
    pub fn clear_names(&mut self) {
        (self.cgroups, self.processes, self.named) = (Vec::new(), Vec::new(), 0);
    }

    /// Whether there is neither an event nor a name in it.
    pub fn has_nothing(&self) -> bool {
        self.packed.is_empty() && self.cgroups.is_empty() && self.processes.is_empty()
    }

    /// Whether it is to be handed on before it takes in more: each piece of work on a batch, and what waits of them, is
    /// bounded, whatever the names are.
    pub fn is_full(&self) -> bool {
        self.packed.len() * size_of::<Packed>() + self.text.len() + self.named >= BATCH_BYTES
    }

    /// Bytes of memory that the batch holds on to.
    pub fn memory(&self) -> usize {
        self.packed.capacity() * size_of::<Packed>() + self.text.capacity() + self.named
    }

    pub fn get(&self, index: usize) -> Option<OpenEvent<'_>> {
        self.packed.get(index).map(|packed| self.view(packed))
    }

    /// The events from `index` on.
    pub fn iter_from(&self, index: usize) -> impl Iterator<Item = OpenEvent<'_>> {
        self.packed.iter().skip(index).map(|packed| self.view(packed))
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = OpenEvent<'_>> + ExactSizeIterator {
        self.packed.iter().map(|packed| self.view(packed))
    }

    /// Appends a copy of `event`.
    pub fn push(&mut self, event: &OpenEvent<'_>) {
        let mut bits = 0;
        let real_is_path = event.real_path == event.path;
        for (set, bit) in
            [(!event.fd_known, BIT_FD_UNKNOWN), (event.dir_deleted, BIT_DIR_DELETED), (real_is_path, BIT_REAL_IS_PATH)]
        {
            if set {
                bits |= bit;
            }
        }
        let text_at = self.text.len();
        let comm = cut(event.comm, u8::MAX as usize);
        let leader = if event.leader_comm == comm { b"" } else { cut(event.leader_comm, u8::MAX as usize) };
        let opened = cut(event.opened_name, u8::MAX as usize);
        let real = if real_is_path { b"" } else { cut(event.real_path, TEXT_MAX) };
        let path = cut(event.path, TEXT_MAX);
        self.text.extend_from_slice(comm);
        self.text.extend_from_slice(leader);
        self.text.extend_from_slice(opened);
        self.text.extend_from_slice(real);
        self.text.extend_from_slice(path);
        let (name_at, name_len) = if path.ends_with(event.name) {
            (path.len() - event.name.len(), event.name.len())
        } else {
            let name = cut(event.name, TEXT_MAX - path.len());
            self.text.extend_from_slice(name);
            (path.len(), name.len())
        };
        self.packed.push(Packed {
            ts_ns: event.ts_ns,
            time_ns: event.time_ns,
            start_ns: event.start_ns,
            cgroup: event.cgroup,
            latency_ns: event.latency.map_or(NOT_MEASURED, |latency| latency.as_nanos() as u64),
            text_at: text_at as u32,
            source: event.source,
            pid: event.pid,
            tid: event.tid,
            ppid: event.ppid,
            uid: event.uid,
            ret: event.ret,
            flags: event.flags,
            path_len: path.len() as u16,
            real_len: real.len() as u16,
            name_at: name_at as u16,
            name_len: name_len as u16,
            mode: event.mode,
            comm_len: comm.len() as u8,
            leader_len: leader.len() as u8,
            opened_len: opened.len() as u8,
            op: event.op,
            path_kind: event.path_kind,
            real_path_kind: event.real_path_kind,
            bits,
        });
    }

    /// Appends copies of all events of `other`; its cgroups are left out.
    pub fn append(&mut self, other: &Batch) {
        let text_at = self.text.len() as u32;
        self.packed.extend(other.packed.iter().map(|&packed| Packed { text_at: packed.text_at + text_at, ..packed }));
        self.text.extend_from_slice(&other.text);
    }

    /// The first event alone with all cgroups, and the others.
    pub fn split_first(&self) -> (Self, Self) {
        let (mut first, mut rest) = (Self::default(), Self::default());
        self.cgroups.iter().for_each(|cgroup| first.name_cgroup(cgroup.clone()));
        for index in 0..=self.len() {
            let into = if index == 0 { &mut first } else { &mut rest };
            self.processes_at(index).iter().for_each(|(_, process)| into.name_process(process.clone()));
            self.get(index).into_iter().for_each(|event| into.push(&event));
        }
        (first, rest)
    }

    /// Gives back the memory that no event uses.
    pub fn shrink(&mut self) {
        self.packed.shrink_to_fit();
        self.text.shrink_to_fit();
    }

    fn view<'a>(&'a self, packed: &Packed) -> OpenEvent<'a> {
        let comm_at = packed.text_at as usize;
        let leader_at = comm_at + packed.comm_len as usize;
        let opened_at = leader_at + packed.leader_len as usize;
        let real_at = opened_at + packed.opened_len as usize;
        let path_at = real_at + packed.real_len as usize;
        let name_at = path_at + packed.name_at as usize;
        let text = |at: usize, len: usize| &self.text[at..at + len];
        let path = text(path_at, packed.path_len as usize);
        let real_is_path = packed.bits & BIT_REAL_IS_PATH != 0;
        OpenEvent {
            source: packed.source,
            received_ns: self.received_ns,
            ts_ns: packed.ts_ns,
            time_ns: packed.time_ns,
            start_ns: packed.start_ns,
            pid: packed.pid,
            tid: packed.tid,
            ppid: packed.ppid,
            uid: packed.uid,
            ret: packed.ret,
            fd_known: packed.bits & BIT_FD_UNKNOWN == 0,
            flags: packed.flags,
            mode: packed.mode,
            op: packed.op,
            path_kind: packed.path_kind,
            dir_deleted: packed.bits & BIT_DIR_DELETED != 0,
            latency: (packed.latency_ns != NOT_MEASURED).then(|| Duration::from_nanos(packed.latency_ns)),
            cgroup: packed.cgroup,
            comm: text(comm_at, packed.comm_len as usize),
            leader_comm: text(leader_at, packed.leader_len as usize),
            name: text(name_at, packed.name_len as usize),
            path,
            opened_name: text(opened_at, packed.opened_len as usize),
            real_path: if real_is_path { path } else { text(real_at, packed.real_len as usize) },
            real_path_kind: packed.real_path_kind,
        }
    }
}

/// The first `max` bytes of `text` at most.
fn cut(text: &[u8], max: usize) -> &[u8] {
    &text[..text.len().min(max)]
}
