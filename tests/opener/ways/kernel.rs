//! What the kernel opens itself, when no program asks for it.

use super::{Way, ways};
use crate::report::{Line, Who};
use crate::scene::{Gone, Scene, Skip};
use crate::sys;

pub const WAYS: &[Way] = ways![
    "core dump" => core_dump,
];

/// Where the kernel writes the memory of a program that has crashed.
const CORE_PATTERN: &str = "/proc/sys/kernel/core_pattern";

/// Where that is the working directory, and not a program of the host's.
fn core_dump(scene: &Scene) -> Gone {
    let pattern = std::fs::read_to_string(CORE_PATTERN).unwrap_or_default();
    let with_pid = std::fs::read_to_string("/proc/sys/kernel/core_uses_pid").is_ok_and(|uses| uses.trim() == "1");
    if pattern.trim() != "core" {
        return Err(Skip(format!("core dumps of this host go to {pattern:?}")));
    }
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a live local.
    sys::must("getrlimit", sys::result(unsafe { libc::getrlimit(libc::RLIMIT_CORE, &raw mut limit) }.into()));
    if limit.rlim_max < 1 << 20 {
        return Err(Skip(format!("core dumps may have {} bytes", limit.rlim_max)));
    }
    limit.rlim_cur = limit.rlim_max;
    let parent = Who::me();
    let pid = sys::fork(|| {
        // SAFETY: as above.
        sys::must("setrlimit", sys::result(unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const limit) }.into()));
        // SAFETY: ends the process.
        unsafe { libc::abort() }
    });
    assert_eq!(sys::try_wait(pid), Err(libc::SIGABRT), "the child's end");
    let name = if with_pid { format!("core.{pid}") } else { "core".into() };
    let (name, path) = (name.as_bytes(), scene.path(&name));
    let who = Who { pid, tid: Some(pid), ppid: Some(parent.pid), ..parent };
    // Which flags the kernel uses is its own affair.
    let (flags, mode, fd, dir_deleted) = (None, Some(0o600), false, false);
    let (path, path_kind, result) = (Some(&path[..]), "joined", Ok(0));
    Line {
        way: scene.way,
        who,
        op: "kernel",
        name: Some(name),
        path,
        path_kind,
        opened: None,
        real: None,
        flags,
        mode,
        result,
        fd,
        dir_deleted,
    }
    .print();
    Ok(())
}
