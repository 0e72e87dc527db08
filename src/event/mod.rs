//! One open: its fields, how it is kept in memory. It knows no BPF.
//!
//! Events travel and rest in [`Batch`]es: a vector of fixed-size `Packed` events beside the bytes of all their names. So an event costs no allocation of its own, and a batch is dropped as cheaply as it was made.
//! Everybody else sees [`OpenEvent`], a borrowed view with plain fields.

mod names;
mod source;

pub use names::{errno_name, errno_names, errno_number, errno_words, flag_bits, flag_names, open_flag_names};
pub use source::Source;

use std::time::Duration;

/// By which call a file was opened, or only looked up. The names are a contract (`op` in JSON).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Op {
    Open,
    Openat,
    Openat2,
    Creat,
    OpenByHandleAt,
    IoUring,
    Exec,
    Kernel,
    Stat,
    Access,
    Readlink,
}

impl Op {
    /// All of them, in the order of `enum op` in `opentop.h`.
    pub const ALL: [Op; 11] = [
        Op::Open,
        Op::Openat,
        Op::Openat2,
        Op::Creat,
        Op::OpenByHandleAt,
        Op::IoUring,
        Op::Exec,
        Op::Kernel,
        Op::Stat,
        Op::Access,
        Op::Readlink,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Op::Open => "open",
            Op::Openat => "openat",
            Op::Openat2 => "openat2",
            Op::Creat => "creat",
            Op::OpenByHandleAt => "open_by_handle_at",
            Op::IoUring => "io_uring",
            Op::Exec => "exec",
            Op::Kernel => "kernel",
            Op::Stat => "stat",
            Op::Access => "access",
            Op::Readlink => "readlink",
        }
    }

    /// Whether a file was looked up by its name, and not opened.
    pub fn is_lookup(self) -> bool {
        matches!(self, Op::Stat | Op::Access | Op::Readlink)
    }

    pub fn from_name(name: &str) -> Option<Op> {
        Op::ALL.into_iter().find(|op| op.name() == name)
    }
}

/// Where a path comes from, so that nothing is guessed silently. The names are a contract (`path_kind` in JSON).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum PathKind {
    /// The program gave an absolute name.
    Absolute,
    /// Joined from the working directory or the directory descriptor.
    Joined,
    /// The path of the file that a handle opened; there was no name.
    Handle,
    /// The name or its directory is longer than what could be read.
    Truncated,
    /// The name or its directory could not be read.
    Unreadable,
}

impl PathKind {
    /// All of them.
    pub const ALL: [PathKind; 5] =
        [PathKind::Absolute, PathKind::Joined, PathKind::Handle, PathKind::Truncated, PathKind::Unreadable];

    pub fn name(self) -> &'static str {
        match self {
            PathKind::Absolute => "absolute",
            PathKind::Joined => "joined",
            PathKind::Handle => "handle",
            PathKind::Truncated => "truncated",
            PathKind::Unreadable => "unreadable",
        }
    }

    pub fn from_name(name: &str) -> Option<PathKind> {
        PathKind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// What is to be known of the opened file's own path. The names are a contract (`real_path_kind` in JSON).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum RealPathKind {
    /// It is that, and whole.
    Whole,
    /// The file lies deeper than what could be read: the beginning of the path is missing.
    Truncated,
    /// The file is deleted, or never had a name (`O_TMPFILE`): nothing is found by this path any more.
    Deleted,
    /// The process's root does not contain the file.
    Outside,
}

impl RealPathKind {
    /// All of them.
    pub const ALL: [RealPathKind; 4] =
        [RealPathKind::Whole, RealPathKind::Truncated, RealPathKind::Deleted, RealPathKind::Outside];

    pub fn name(self) -> &'static str {
        match self {
            RealPathKind::Whole => "whole",
            RealPathKind::Truncated => "truncated",
            RealPathKind::Deleted => "deleted",
            RealPathKind::Outside => "outside",
        }
    }

    pub fn from_name(name: &str) -> Option<RealPathKind> {
        RealPathKind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// One open, borrowed from the batch it lies in. Its texts are the bytes that the kernel saw, which may be anything but
/// NUL: whoever shows them escapes them (see [`crate::escape`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenEvent<'a> {
    /// Of which of several hosts.
    pub source: Source,
    /// Nanoseconds since the Unix epoch, by the clock of this host, when it came from another; 0 if it did not, or is not known.
    pub received_ns: u64,
    /// Nanoseconds of CLOCK_MONOTONIC when the result was known.
    pub ts_ns: u64,
    /// Nanoseconds since the Unix epoch of the same moment.
    pub time_ns: u64,
    /// Nanoseconds of CLOCK_MONOTONIC when the process started: with `pid` it names one process. 0 if not known.
    pub start_ns: u64,
    /// Process, thread and parent process as the initial pid namespace numbers them.
    pub pid: u32,
    pub tid: u32,
    pub ppid: u32,
    /// Real user id as the initial user namespace numbers it.
    pub uid: u32,
    /// The descriptor, or a negative errno.
    pub ret: i32,
    /// False where the hook sees the open but not its descriptor.
    pub fd_known: bool,
    /// `O_*` bits as given to the kernel; only `openat2` has more than 32 of them.
    pub flags: u64,
    /// Permission bits asked for, where a file may be created.
    pub mode: u16,
    pub op: Op,
    pub path_kind: PathKind,
    /// The directory that the name is relative to was deleted.
    pub dir_deleted: bool,
    /// From entry to result, where measured.
    pub latency: Option<Duration>,
    /// Id of the cgroup in the default (v2) hierarchy; what it is called comes with [`Batch::cgroups`].
    pub cgroup: u64,
    /// Command name of the thread.
    pub comm: &'a [u8],
    /// Command name of the thread-group leader, where it is another: see [`OpenEvent::process`]. Else empty.
    pub leader_comm: &'a [u8],
    /// What the program asked for.
    pub name: &'a [u8],
    /// Absolute, with `.` and `..` folded; the name alone where `path_kind` is unreadable.
    pub path: &'a [u8],
    /// The opened file's own last name, where it is not the one asked for: a link was followed, or another thread has
    /// changed something meanwhile. Else empty.
    pub opened_name: &'a [u8],
    /// The opened file's own path as the process's root has it, links followed. Empty where it was not asked for, of a
    /// failed open, and of what lies in no directory, such as a pipe or a memfd.
    pub real_path: &'a [u8],
    pub real_path_kind: RealPathKind,
}

impl<'a> OpenEvent<'a> {
    pub fn failed(&self) -> bool {
        self.ret < 0
    }

    /// Command name of the process, which is that of its thread-group leader: threads often have names of their own.
    pub fn process(&self) -> &'a [u8] {
        if self.leader_comm.is_empty() { self.comm } else { self.leader_comm }
    }

    /// What it is open for: `r`, `w`, `rw`; `x` for a program that is started, nothing where it can do neither.
    pub fn access(&self) -> &'static str {
        match self.flags as i32 & libc::O_ACCMODE {
            _ if self.op == Op::Exec => "x",
            _ if self.is_lookup() || self.flags & libc::O_PATH as u64 != 0 => "",
            libc::O_RDONLY => "r",
            libc::O_WRONLY => "w",
            libc::O_RDWR => "rw",
            _ => "",
        }
    }

    /// Whether the file was looked up by its name, and not opened.
    pub fn is_lookup(&self) -> bool {
        self.op.is_lookup()
    }

    /// The errno of a failed open.
    pub fn errno(&self) -> Option<i32> {
        self.failed().then(|| self.ret.saturating_neg())
    }

    /// The descriptor of an open that succeeded, where it is known.
    pub fn fd(&self) -> Option<i32> {
        (self.fd_known && !self.failed()).then_some(self.ret)
    }

    /// The permission bits, where the flags make them count.
    pub fn mode_used(&self) -> Option<u16> {
        let creates = libc::O_CREAT | (libc::O_TMPFILE & !libc::O_DIRECTORY);
        (self.flags & creates as u64 != 0).then_some(self.mode)
    }

    /// What was opened where that is not what was asked for, and what is to be said about it: the whole path, or else the
    /// last name, as far as they are known.
    pub fn target(&self) -> Option<(&'a [u8], &'static str)> {
        let remark = match self.real_path_kind {
            RealPathKind::Truncated => " (cut)",
            RealPathKind::Deleted => " (deleted)",
            RealPathKind::Whole | RealPathKind::Outside => "",
        };
        match (self.real_path, self.opened_name) {
            (b"", b"") => None,
            (b"", name) => Some((name, "")),
            (path, _) => (path != self.path || !remark.is_empty()).then_some((path, remark)),
        }
    }

    /// The last component of the path.
    pub fn base_name(&self) -> &'a [u8] {
        match last_slash(self.path) {
            Some((_, base)) if !base.is_empty() => base,
            _ => self.path,
        }
    }

    /// The path without its last component; empty where the path is not known.
    pub fn dir(&self) -> &'a [u8] {
        match last_slash(self.path) {
            Some((b"", _)) => b"/",
            Some((dir, _)) => dir,
            None if self.path.starts_with(b"/") => b"/",
            None => b"",
        }
    }
}

/// What is before and behind the last slash, those at the end not counted.
fn last_slash(path: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = path.iter().rposition(|&byte| byte != b'/').map_or(0, |last| last + 1);
    let slash = path[..end].iter().rposition(|&byte| byte == b'/')?;
    Some((&path[..slash], &path[slash + 1..end]))
}

/// Fixed-size part of a kept event; its texts lie among the batch's, one behind the other: comm, leader's comm, opened name,
/// real path, path, name. The real path shares the path's bytes where it is the same, and the name where it is its end,
/// which are the usual cases.
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

/// Events in the order the kernel reported them.
#[derive(Debug, Default)]
pub struct Batch {
    packed: Vec<Packed>,
    text: Vec<u8>,
    cgroups: Vec<CgroupName>,
    /// When all of it came from another host; see [`OpenEvent::received_ns`].
    pub received_ns: u64,
    /// Bytes of the names of cgroups.
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

    /// Drops the names of cgroups once somebody has taken note of them.
    pub fn clear_cgroups(&mut self) {
        (self.cgroups, self.named) = (Vec::new(), 0);
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

/// An open of `/etc/hosts` by `cat`, for tests to vary.
#[cfg(test)]
pub(crate) fn sample() -> OpenEvent<'static> {
    OpenEvent {
        source: Source::HERE,
        received_ns: 0,
        ts_ns: 1_000_000_000,
        time_ns: 1_767_323_045_123_456_789,
        start_ns: 500_000_000,
        pid: 100,
        tid: 100,
        ppid: 1,
        uid: 0,
        ret: 3,
        fd_known: true,
        flags: libc::O_CLOEXEC as u64,
        mode: 0,
        op: Op::Openat,
        path_kind: PathKind::Absolute,
        dir_deleted: false,
        latency: None,
        cgroup: 0,
        comm: b"cat",
        leader_comm: b"",
        name: b"/etc/hosts",
        path: b"/etc/hosts",
        opened_name: b"",
        real_path: b"",
        real_path_kind: RealPathKind::Whole,
    }
}
