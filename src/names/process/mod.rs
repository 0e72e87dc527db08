//! What `/proc` says of a process: who it is, what it has open. Its texts are strangers' bytes: whoever shows them
//! escapes them. Each is read up to a bound; a read may take long where the process itself hangs.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;

use crate::clock::{monotonic_of_ticks, slept};
use crate::event::{OpenEvent, ProcessName};

/// By how much a start that `/proc` tells may differ from the kernel's own: it has ticks of a hundredth of a second.
pub const TICK_NS: u64 = 20_000_000;

/// What `/proc/PID/stat` tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stat {
    pub comm: Vec<u8>,
    pub ppid: u32,
    pub threads: u32,
    /// Only its exit status is left, for its parent to read.
    pub ended: bool,
    /// Nanoseconds of CLOCK_MONOTONIC, to a tick.
    pub start_ns: u64,
}

/// The longest command, in bytes: some of the kernel's own threads have longer ones than programs.
pub const COMMAND_MAX: usize = 64;

/// What there is to be known at once of the process that has this pid now.
pub fn stat(pid: u32) -> Option<Stat> {
    let (stat, ticks) = parse(&read(&format!("/proc/{pid}/stat"), STAT_MAX).ok()?)?;
    Some(Stat { start_ns: monotonic_of_ticks(ticks), ..stat })
}

/// No such line is longer.
const STAT_MAX: u64 = 4096;

/// The fields of a line, and the ticks at which the process started. The command may hold anything, parentheses
/// included.
fn parse(line: &[u8]) -> Option<(Stat, u64)> {
    let open = line.iter().position(|byte| *byte == b'(')?;
    let close = line.iter().rposition(|byte| *byte == b')')?;
    let fields = str::from_utf8(line.get(close + 1..)?).ok()?;
    let fields: Vec<_> = fields.split_ascii_whitespace().collect();
    // Numbered from the state on, which is the third of proc(5).
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    let comm = line.get(open + 1..close)?;
    let comm = comm[..comm.len().min(COMMAND_MAX)].to_owned();
    let ended = matches!(fields.first(), Some(&("Z" | "X")));
    let stat = Stat { comm, ppid: u32::try_from(field(4)?).ok()?, threads: field(20)? as u32, ended, start_ns: 0 };
    Some((stat, field(22)?))
}

/// The first `most` bytes of a file.
fn read(path: &str, most: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A process by its pid and its start, CLOCK_MONOTONIC nanoseconds.
pub type Id = (u32, u64);

/// Why something is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// `/proc` keeps it from us.
    NotPermitted,
    /// There is none, as with the kernel's own threads; or it went meanwhile.
    None,
    /// More than [`COUNTED_MAX`], where the kernel does not tell how many.
    Many,
}

impl From<io::Error> for Unknown {
    fn from(why: io::Error) -> Self {
        if why.kind() == io::ErrorKind::PermissionDenied { Unknown::NotPermitted } else { Unknown::None }
    }
}

/// Open descriptors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptors {
    pub open: u64,
    /// The soft limit; `None`: there is none.
    pub limit: Option<u64>,
}

/// Who a process is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub comm: Vec<u8>,
    /// The arguments, each ended by NUL; empty of the kernel's own threads.
    pub command_line: Result<Vec<u8>, Unknown>,
    /// The command line goes on behind that.
    pub cut: bool,
    pub executable: Result<Vec<u8>, Unknown>,
    pub directory: Result<Vec<u8>, Unknown>,
    /// The path in the default hierarchy.
    pub cgroup: Result<Vec<u8>, Unknown>,
    pub descriptors: Result<Descriptors, Unknown>,
    pub threads: u32,
    /// To a tick.
    pub start_ns: u64,
    /// From the parent up to the first process: pid and command.
    pub parents: Vec<(u32, Vec<u8>)>,
}

/// The longest texts that are read.
const COMMAND_LINE_MAX: u64 = 4096;
const FILE_MAX: u64 = 16 << 10;

/// The longest chain of parents that is followed.
const PARENTS_MAX: usize = 32;

/// Descriptors that are counted one by one, where the kernel does not tell their number.
pub const COUNTED_MAX: usize = 1 << 16;

/// Who `id` is; `None` where it has ended, be its pid in use again.
pub fn identity((pid, start_ns): Id) -> Option<Identity> {
    let before = running((pid, start_ns))?;
    let command_line = read(&format!("/proc/{pid}/cmdline"), COMMAND_LINE_MAX);
    let identity = Identity {
        cut: command_line.as_ref().is_ok_and(|line| line.len() as u64 == COMMAND_LINE_MAX),
        command_line: command_line.map_err(Unknown::from),
        executable: link(pid, "exe"),
        directory: link(pid, "cwd"),
        cgroup: cgroup(pid),
        descriptors: count_descriptors(pid),
        parents: parents(before.ppid),
        comm: before.comm,
        threads: before.threads,
        start_ns: before.start_ns,
    };
    // Its pid may have become another's meanwhile.
    stat(pid).filter(|stat| !stat.ended && stat.start_ns.abs_diff(before.start_ns) <= TICK_NS).map(|_| identity)
}

/// What `id` has open; `None` where it has ended or that is not to be known.
pub fn descriptors(id: Id) -> Option<Descriptors> {
    let found = count_descriptors(id.0).ok()?;
    running(id).map(|_| found)
}

/// What there is to be known at once of `id`; `None` where it has ended.
fn running((pid, start_ns): Id) -> Option<Stat> {
    stat(pid).filter(|stat| !stat.ended && is_start(stat.start_ns, start_ns))
}

/// Whether paths lead `id` to where they lead this process: it has the same mounts and the same root. `None` where it
/// has ended or that is not to be known.
pub fn shares_mounts(id: Id) -> Option<bool> {
    let link = |of: &str, name: &str| fs::read_link(format!("/proc/{of}/{name}")).ok();
    let of = id.0.to_string();
    let (namespace, root) = (link(&of, "ns/mnt")?, link(&of, "root")?);
    let shares = namespace == link("self", "ns/mnt")? && root == Path::new("/");
    running(id).map(|_| shares)
}

/// Which program the event's process runs, and who started it, as `/proc` has them at this moment. A program that is
/// another one than at the event is not known: then the process has another command, too.
pub fn name_of(event: &OpenEvent<'_>) -> ProcessName {
    let (pid, start_ns) = (event.pid, event.start_ns);
    let is_same = || stat(pid).is_some_and(|stat| is_start(stat.start_ns, start_ns) && stat.comm == event.process());
    let exe = is_same().then(|| link(pid, "exe").ok()).flatten();
    // Its pid may have become another's meanwhile.
    let exe = exe.filter(|_| is_same());
    // Whoever has got the parent's pid since has started after its child.
    let parent = stat(event.ppid).filter(|stat| stat.start_ns <= start_ns.saturating_add(TICK_NS));
    ProcessName { source: event.source, pid, start_ns, ppid: event.ppid, exe, parent: parent.map(|stat| stat.comm) }
}

fn link(pid: u32, name: &str) -> Result<Vec<u8>, Unknown> {
    Ok(fs::read_link(format!("/proc/{pid}/{name}"))?.into_os_string().into_vec())
}

/// Whether a process whose start `/proc` tells to be `told_ns` is the one that started at `start_ns`; 0 is any. A host
/// that has slept since seems to have started it earlier.
fn is_start(told_ns: u64, start_ns: u64) -> bool {
    start_ns == 0 || (told_ns <= start_ns + TICK_NS && start_ns <= told_ns.saturating_add(slept()) + TICK_NS)
}

fn parents(mut pid: u32) -> Vec<(u32, Vec<u8>)> {
    let mut parents = Vec::new();
    while pid != 0
        && parents.len() < PARENTS_MAX
        && let Some(parent) = stat(pid)
    {
        parents.push((pid, parent.comm));
        pid = parent.ppid;
    }
    parents
}

/// The path of its cgroup in the default hierarchy.
///
/// # Errors
/// Why it is not known.
pub fn cgroup(pid: u32) -> Result<Vec<u8>, Unknown> {
    let lines = read(&format!("/proc/{pid}/cgroup"), FILE_MAX)?;
    default_path(&lines).map(<[u8]>::to_vec).ok_or(Unknown::None)
}

/// The path of the default (v2) hierarchy among the lines of `/proc/PID/cgroup`.
fn default_path(cgroups: &[u8]) -> Option<&[u8]> {
    cgroups.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"0::"))
}

fn count_descriptors(pid: u32) -> Result<Descriptors, Unknown> {
    let dir = format!("/proc/{pid}/fd");
    // Since Linux 6.2 the size of the directory is their number.
    let open = match fs::metadata(&dir)?.len() {
        0 => match fs::read_dir(&dir)?.take(COUNTED_MAX + 1).count() {
            counted if counted > COUNTED_MAX => return Err(Unknown::Many),
            counted => counted as u64,
        },
        size => size,
    };
    Ok(Descriptors { open, limit: limit(&read(&format!("/proc/{pid}/limits"), FILE_MAX)?) })
}

/// The soft limit of open files in the text of `/proc/PID/limits`.
fn limit(limits: &[u8]) -> Option<u64> {
    let line = limits.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"Max open files"))?;
    str::from_utf8(line).ok()?.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests;
