//! What single options say: sizes, times, hooks, directories.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Rotation;
use crate::error::{self, Error};
use crate::history::log::Bound;
use crate::tracer::{self, HookSet, Named};

/// The default of `--history`, and the bound of one that is given in events.
const HISTORY: usize = 64 << 20;
const MIN_HISTORY: usize = 1 << 20;

/// One page; where pages are larger the kernel refuses less than one of those.
const MIN_RING: u64 = 4 << 10;
const MAX_RING: u64 = 1 << 30;

/// The smallest `--max-size`.
const MIN_RECORDING: u64 = 64 << 10;

pub(super) fn hooks(name: &str) -> Result<Option<HookSet>, Error> {
    match name {
        "auto" => Ok(None),
        _ => HookSet::from_option(name).map(Some).ok_or_else(|| {
            let known = HookSet::ALL.map(HookSet::option).join(", ");
            Error::value("hooks", name, format_args!("choose auto or one of {known}"))
        }),
    }
}

/// The directory of a cgroup of the v2 hierarchy, which may be given from the root of the file system or from that of
/// the hierarchy.
pub(super) fn cgroup(path: &Path) -> Result<PathBuf, Error> {
    let below = path.strip_prefix("/").unwrap_or(path);
    let hierarchy = tracer::cgroup_mount().map(|mount| mount.join(below));
    let candidates = std::iter::once(path.to_owned()).chain(hierarchy);
    let mut found = candidates.filter(|path| path.join("cgroup.procs").exists());
    let found = found.next().ok_or_else(|| {
        Error::Other(format!(
            "--cgroup {}: no such cgroup; give its directory, such as /sys/fs/cgroup/system.slice",
            path.display()
        ))
    })?;
    if !tracer::is_cgroup2(&found) {
        return Err(Error::Other(format!(
            "--cgroup {}: that is a cgroup of a v1 hierarchy, and the BPF side knows those of v2 alone: {}",
            path.display(),
            match tracer::cgroup_mount() {
                Some(mount) => format!("give one below {}", mount.display()),
                None => "boot with systemd.unified_cgroup_hierarchy=1, or use --pid with --tree".to_owned(),
            }
        )));
    }
    Ok(found)
}

pub(super) fn seconds(option: &'static str, value: f64) -> Result<Duration, Error> {
    match Duration::try_from_secs_f64(value) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err(Error::value(option, value, "a positive number of seconds is needed")),
    }
}

/// The number and the unit in bytes of a size such as 512K, 8M or 65536; without a unit it is 1.
fn size(text: &str) -> Option<(u64, u64)> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text[digits.len()..].to_ascii_uppercase().trim_end_matches("IB").trim_end_matches('B') {
        "" => 1,
        "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        _ => return None,
    };
    Some((digits.parse().ok()?, unit))
}

/// Bytes of a size such as 512K, 8M or 65536.
fn bytes(text: &str) -> Option<u64> {
    size(text).and_then(|(number, unit)| number.checked_mul(unit))
}

/// What the history may hold: memory, or a number of events, which is bounded in memory too.
pub(super) fn history(text: &str) -> Result<Bound, Error> {
    let bound = size(text).and_then(|(number, unit)| match unit {
        1 => (number > 0).then(|| Bound { events: number, ..Bound::bytes(HISTORY) }),
        _ => {
            let bytes = usize::try_from(number.checked_mul(unit)?).ok()?;
            (bytes >= MIN_HISTORY).then(|| Bound::bytes(bytes))
        }
    });
    let wanted = "a size of at least 1M is needed, such as 64M, or a number of events";
    bound.ok_or_else(|| Error::value("history", text, wanted))
}

/// Bytes of the ring buffer.
pub(super) fn ring_bytes(size: &str) -> Result<u32, Error> {
    match bytes(size) {
        Some(bytes) if bytes.is_power_of_two() && (MIN_RING..=MAX_RING).contains(&bytes) => Ok(bytes as u32),
        _ => Err(Error::value("ring", size, "a power of two from 4K to 1G is needed, such as 512K, 8M or 64M")),
    }
}

/// The files of a recording that is not to fill a disk.
pub(super) fn rotation(size: &str, files: u32, file: &Path) -> Result<Rotation, Error> {
    if file == Path::new("-") {
        let what = "--max-size needs a FILE: stdout is but one".to_owned();
        return Err(Error::Unfit { options: &["max-size"], what });
    }
    let bytes = bytes(size).filter(|bytes| *bytes >= MIN_RECORDING);
    let bytes = bytes.ok_or_else(|| Error::value("max-size", size, "64K or more is needed, such as 100M"))?;
    Ok(Rotation { bytes, files })
}

/// Sees that there are processes of these pids; where only some of them are gone that is said.
pub(super) fn running(pids: &[u32]) -> Result<(), Error> {
    // In a pid namespace of our own the numbers say nothing of the host's.
    if !tracer::sees_host_pids() {
        return Ok(());
    }
    let mut gone = Vec::new();
    for &pid in pids {
        match tracer::named(pid) {
            Named::Process => {}
            Named::Thread(of) => {
                let why = format!("--pid {pid}: that is a thread of process {of}: give --pid {of} -F tid:{pid}");
                return Err(Error::Other(why));
            }
            Named::Nothing => gone.push(pid.to_string()),
        }
    }
    let listed = gone.join(",");
    let listed = start_of(&listed);
    match gone.len() {
        0 => Ok(()),
        all if all == pids.len() => {
            Err(Error::Other(format!("--pid {listed}: no such process: look for it by `pgrep`")))
        }
        _ => {
            error::print(format!("--pid {listed}: no such process; the others are traced"));
            Ok(())
        }
    }
}

/// As much of a value as an error needs to repeat.
pub(super) fn start_of(value: &str) -> &str {
    const SHOWN: usize = 80;
    &value[..value.floor_char_boundary(SHOWN)]
}
