//! One open: its fields, and how it is kept in memory. It knows no BPF.
//!
//! Events travel and rest in a [`Batch`]; everybody else sees [`OpenEvent`], a borrowed view with plain fields.

mod batch;
mod kinds;
mod names;
mod source;

pub use batch::{Batch, CgroupName, ProcessName};
pub use kinds::{Op, PathKind, RealPathKind};
pub use names::{errno_name, errno_names, errno_number, errno_words, flag_bits, flag_names, open_flag_names};
pub use source::Source;

use std::time::Duration;

/// One open, borrowed from the batch it lies in. Its texts are the bytes that the kernel saw, which may be anything but
/// NUL: whoever shows them escapes them (see [`crate::escape`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenEvent<'a> {
    /// Of which of several hosts.
    pub source: Source,
    /// Nanoseconds since the Unix epoch, by the clock of this host, when it came from another; 0 if it did not, or is
    /// not known.
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

    /// Whether the process runs another program from here on.
    pub fn starts_program(&self) -> bool {
        self.op == Op::Exec && !self.failed()
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

    /// The names of its flags; a look-up has none.
    pub fn flag_names(&self) -> impl Iterator<Item = std::borrow::Cow<'static, str>> {
        let flags = (!self.is_lookup()).then(|| flag_names(self.flags));
        flags.into_iter().flatten()
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

    /// What was opened where that is not what was asked for, and what is to be said about it: the whole path, or else
    /// the last name, as far as they are known.
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
pub(crate) fn last_slash(path: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = path.iter().rposition(|&byte| byte != b'/').map_or(0, |last| last + 1);
    let slash = path[..end].iter().rposition(|&byte| byte == b'/')?;
    Some((&path[..slash], &path[slash + 1..end]))
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
