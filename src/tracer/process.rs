//! Facts about processes from `/proc`.

use std::collections::HashMap;
use std::fs;

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

/// What a number names, as a pid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    Process,
    /// A thread of this process, and no process.
    Thread(u32),
    Nothing,
}

/// What `pid` names here and now.
pub(crate) fn named(pid: u32) -> Named {
    let status = fs::read(format!("/proc/{pid}/status")).unwrap_or_default();
    let status = String::from_utf8_lossy(&status);
    match status.lines().find_map(|line| line.strip_prefix("Tgid:")?.trim().parse().ok()) {
        Some(tgid) if tgid != pid => Named::Thread(tgid),
        Some(_) => Named::Process,
        // `/proc` may hide it.
        None if has_ended(pid) => Named::Nothing,
        None => Named::Process,
    }
}

/// Nobody has this pid any more, not even a zombie.
pub(super) fn has_ended(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_none_or(|pid| test_kill_process(pid) == Err(Errno::SRCH))
}

/// The processes that descend from `roots` now, as far as their chain of parents is unbroken.
pub(crate) fn descendants(roots: &[u32]) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        if let Some(parent) = parent(&stat) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = Vec::new();
    let mut next = roots.to_vec();
    while let Some(pid) = next.pop() {
        let born = children.remove(&pid).unwrap_or_default();
        next.extend(&born);
        found.extend(born);
    }
    found
}

/// The parent in the text of `/proc/PID/stat`. The command name before it may hold anything, parentheses included.
fn parent(stat: &str) -> Option<u32> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parent_is_found_behind_any_name() {
        assert_eq!(parent("12 (cat) S 7 12 12 0"), Some(7));
        assert_eq!(parent("12 (a) S 1 (b) R 8 12"), Some(8));
        assert_eq!(parent(""), None);
    }

    #[test]
    fn a_number_names_a_process_a_thread_or_nothing() {
        assert_eq!(named(std::process::id()), Named::Process);
        let thread = std::thread::spawn(|| named(rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs()));
        assert_eq!(thread.join().unwrap(), Named::Thread(std::process::id()));
        assert_eq!(named(u32::MAX >> 1), Named::Nothing);
        assert_eq!(named(u32::MAX), Named::Nothing);
    }

    #[test]
    fn a_child_of_this_process_descends_from_it() {
        let mut child = std::process::Command::new("sleep").arg("10").spawn().unwrap();
        let found = descendants(&[std::process::id()]);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(found.contains(&child.id()), "{found:?}");
    }
}
