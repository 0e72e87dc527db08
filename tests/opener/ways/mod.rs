//! Every way to open a file, as one table. A way is a name and a function that goes it.

// The ways of a table have one type, also those that any kernel has.
#![allow(clippy::unnecessary_wraps)]

mod calls;
mod directories;
mod exec;
mod failures;
mod kernel;
mod lookups;
mod names;
mod processes;
mod rings;
mod stopped;
#[cfg(target_arch = "x86_64")]
mod x86;

use crate::report;
use crate::scene::{Gone, Scene, join};
use crate::sys;

/// One way to open a file.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    pub name: &'static str,
    /// Runs in a process and a directory of its own, and leaves nothing open that another way could see.
    pub go: fn(&Scene) -> Gone,
}

/// A table of ways: `"name" => function`.
macro_rules! ways {
    ($($name:literal => $go:expr),* $(,)?) => {
        &[$($crate::ways::Way { name: $name, go: $go }),*]
    };
}
use ways;

/// All of them, grouped as the modules are.
const GROUPS: &[&[Way]] = &[
    calls::WAYS,
    #[cfg(target_arch = "x86_64")]
    x86::WAYS,
    names::WAYS,
    directories::WAYS,
    failures::WAYS,
    processes::WAYS,
    rings::WAYS,
    stopped::WAYS,
    exec::WAYS,
    kernel::WAYS,
];

/// Every way to look a file up without opening it, grouped in the same way.
const LOOKUPS: &[&[Way]] = &[
    lookups::WAYS,
    #[cfg(target_arch = "x86_64")]
    lookups::X86,
];

pub fn lookups() -> impl Iterator<Item = Way> {
    LOOKUPS.iter().copied().flatten().copied()
}

pub fn all() -> impl Iterator<Item = Way> {
    GROUPS.iter().copied().flatten().copied()
}

/// One open by `via` that succeeds and one that does not.
fn there_and_missing(scene: &Scene, via: &sys::Via) -> Gone {
    scene.open(via, scene.file("there")).ok();
    scene.open(via, "missing").label("missing").fails(libc::ENOENT);
    Ok(())
}

/// Exit status of a way's process that could not go it on this kernel.
const SKIPPED: i32 = 77;

/// Goes `way` below `dir` in a process of its own. False if it broke, which it has said on standard error.
pub fn go(way: Way, dir: &[u8]) -> bool {
    let scene = Scene { way: way.name, dir: join(dir, way.name.replace(' ', "-").as_bytes()) };
    sys::make_dir(&scene.dir, 0o755);
    let status = sys::wait(sys::fork(|| {
        sys::change_dir(&scene.dir);
        match (way.go)(&scene) {
            Ok(()) => 0,
            Err(skip) => {
                report::print_skipped(way.name, &skip.0);
                SKIPPED
            }
        }
    }));
    matches!(status, 0 | SKIPPED)
}
