//! Ways to look a file up by its name without opening it. What is asked of a descriptor is none.

use super::{Way, ways};
#[cfg(target_arch = "x86_64")]
use crate::compat::lookup;
use crate::scene::{Gone, Scene, unless};
use crate::sys::{self, Ask, Result, Via};
use crate::uring;
use std::ffi::{c_int, c_long};
use std::ptr::null;

pub const WAYS: &[Way] = ways![
    "newfstatat" => |scene| by_directory(scene, &FSTATAT),
    "newfstatat nofollow" => nofollow,
    "statx" => |scene| by_directory(scene, &STATX),
    "faccessat" => |scene| by_directory(scene, &FACCESSAT),
    "faccessat2" => |scene| by_directory(scene, &FACCESSAT2),
    "readlinkat" => |scene| by_directory(scene, &READLINKAT),
    "absolute" => absolute,
    "number with high bits" => |scene| either(scene, &HIGH_NUMBER),
    "arguments with high bits" => |scene| by_directory(scene, &HIGH_ARGUMENTS),
    "empty name" => empty_name,
    "EFAULT" => efault,
    "EACCES" => denied,
    "by descriptor" => by_descriptor,
    "io_uring statx" => |scene| rings(scene, &uring::STATX),
    "io_uring statx async" => |scene| rings(scene, &uring::STATX_ASYNC),
    "io_uring by descriptor" => ring_by_descriptor,
];

#[cfg(target_arch = "x86_64")]
pub const X86: &[Way] = ways![
    "stat" => |scene| either(scene, &STAT),
    "lstat" => |scene| either(scene, &LSTAT),
    "access" => |scene| either(scene, &ACCESS),
    "readlink" => |scene| either(scene, &READLINK),
    "compat oldstat" => |scene| compat(scene, &lookup::OLDSTAT),
    "compat oldlstat" => |scene| compat(scene, &lookup::OLDLSTAT),
    "compat stat" => |scene| compat(scene, &lookup::STAT),
    "compat lstat" => |scene| compat(scene, &lookup::LSTAT),
    "compat stat64" => |scene| compat(scene, &lookup::STAT64),
    "compat lstat64" => |scene| compat(scene, &lookup::LSTAT64),
    "compat fstatat64" => |scene| compat(scene, &lookup::FSTATAT64),
    "compat statx" => |scene| compat(scene, &lookup::STATX),
    "compat access" => |scene| compat(scene, &lookup::ACCESS),
    "compat faccessat" => |scene| compat(scene, &lookup::FACCESSAT),
    "compat faccessat2" => |scene| compat(scene, &lookup::FACCESSAT2),
    "compat readlink" => |scene| compat(scene, &lookup::READLINK),
    "compat readlinkat" => |scene| compat(scene, &lookup::READLINKAT),
];

/// A system call that looks a file up, with what the upper half of its number holds.
macro_rules! via {
    ($op:literal, |$ask:ident, $room:ident| $number:expr $(, $arg:expr)*) => {
        Via {
            op: $op,
            implied: 0,
            call: |$ask| {
                let mut room = [0_u64; 64];
                let $room = room.as_mut_ptr();
                // SAFETY: there is room for the largest answer, and the kernel checks the name's pointer itself.
                sys::result(unsafe { libc::syscall($number $(, $arg)*) })
            },
        }
    };
}

/// What programs can put into the upper halves of registers of which the kernel takes 32 bits.
const HIGH: c_long = 0x5a5a_5a5a << 32;

/// Bytes of room for what a link says.
const ROOM: usize = 512;

const FSTATAT: Via = via!("stat", |ask, room| libc::SYS_newfstatat, ask.dirfd, ask.name, room, ask.flags);
const STATX: Via =
    via!("stat", |ask, room| libc::SYS_statx, ask.dirfd, ask.name, ask.flags, libc::STATX_BASIC_STATS, room);
const FACCESSAT: Via = via!("access", |ask, _room| libc::SYS_faccessat, ask.dirfd, ask.name, libc::R_OK);
const FACCESSAT2: Via = via!("access", |ask, _room| libc::SYS_faccessat2, ask.dirfd, ask.name, libc::R_OK, ask.flags);
const READLINKAT: Via = via!("readlink", |ask, room| libc::SYS_readlinkat, ask.dirfd, ask.name, room, ROOM);
const HIGH_NUMBER: Via = via!("stat", |ask, room| HIGH | libc::SYS_newfstatat, ask.dirfd, ask.name, room, ask.flags);
const HIGH_ARGUMENTS: Via = via!(
    "stat",
    |ask, room| libc::SYS_newfstatat,
    HIGH | c_long::from(ask.dirfd as u32),
    ask.name,
    room,
    HIGH | c_long::from(ask.flags as u32)
);
#[cfg(target_arch = "x86_64")]
const STAT: Via = via!("stat", |ask, room| libc::SYS_stat, ask.name, room);
#[cfg(target_arch = "x86_64")]
const LSTAT: Via = via!("stat", |ask, room| libc::SYS_lstat, ask.name, room);
#[cfg(target_arch = "x86_64")]
const ACCESS: Via = via!("access", |ask, _room| libc::SYS_access, ask.name, libc::R_OK);
#[cfg(target_arch = "x86_64")]
const READLINK: Via = via!("readlink", |ask, room| libc::SYS_readlink, ask.name, room, ROOM);

/// A file that is there and one that is not. Older kernels lack some of the calls, and answer ENOSYS.
fn either(scene: &Scene, via: &Via) -> Gone {
    let _ = scene.open(via, scene.file("there")).without_fd().either();
    let _ = scene.open(via, "missing").without_fd().label("missing").either();
    Ok(())
}

fn by_directory(scene: &Scene, via: &Via) -> Gone {
    either(scene, via)?;
    let dir = scene.dirfd("sub");
    scene.file("sub/there");
    sys::symlink(b"there", b"sub/link");
    for name in ["there", "link", "../sub/missing"] {
        let _ = scene.open(via, name).at(&dir).without_fd().label(name).either();
    }
    Ok(())
}

fn nofollow(scene: &Scene) -> Gone {
    sys::symlink(b"missing", b"link");
    let flags = libc::AT_SYMLINK_NOFOLLOW;
    assert!(scene.open(&FSTATAT, "link").flags(flags).without_fd().either().is_ok());
    scene.open(&FSTATAT, "link").without_fd().label("followed").fails(libc::ENOENT);
    Ok(())
}

fn absolute(scene: &Scene) -> Gone {
    let there = scene.path(scene.file("there"));
    assert!(scene.open(&FSTATAT, &there).without_fd().either().is_ok());
    scene.open(&FACCESSAT, scene.path("none/../missing")).without_fd().label("missing").fails(libc::ENOENT);
    Ok(())
}

fn empty_name(scene: &Scene) -> Gone {
    for via in [&FSTATAT, &FACCESSAT, &READLINKAT] {
        scene.open(via, "").without_fd().label(via.op).fails(libc::ENOENT);
    }
    Ok(())
}

fn efault(scene: &Scene) -> Gone {
    let nowhere = std::ptr::without_provenance(1);
    scene.open(&FSTATAT, "").address(nowhere).nameless().without_fd().fails(libc::EFAULT);
    Ok(())
}

/// Root may search everything, so that it becomes somebody else.
fn denied(scene: &Scene) -> Gone {
    sys::make_dir(b"closed", 0o700);
    scene.file("closed/there");
    super::failures::become_nobody();
    scene.open(&FSTATAT, "closed/there").without_fd().fails(libc::EACCES);
    Ok(())
}

fn by_descriptor(scene: &Scene) -> Gone {
    let dir = scene.dirfd("sub");
    let ask = |name| Ask { dirfd: dir.fd, name, flags: libc::AT_EMPTY_PATH, high_flags: 0, mode: 0, resolve: 0 };
    for via in [FSTATAT, STATX, FACCESSAT2, READLINKAT] {
        for name in [c"".as_ptr(), null()] {
            // Not every kernel takes no name at all for an empty one: then it has no answer, and still no name.
            if via.op == "stat" || !name.is_null() {
                let _: Result = (via.call)(&ask(name));
            }
        }
    }
    let mut room = [0_u64; 64];
    // SAFETY: there is room for the answer.
    sys::must("fstat", sys::result(unsafe { libc::syscall(libc::SYS_fstat, dir.fd as c_int, room.as_mut_ptr()) }));
    Ok(())
}

fn rings(scene: &Scene, via: &Via) -> Gone {
    unless("io_uring_setup", uring::features())?;
    by_directory(scene, via)
}

fn ring_by_descriptor(scene: &Scene) -> Gone {
    unless("io_uring_setup", uring::features())?;
    let dir = scene.dirfd("sub");
    let ask = Ask { dirfd: dir.fd, name: c"".as_ptr(), flags: libc::AT_EMPTY_PATH, high_flags: 0, mode: 0, resolve: 0 };
    sys::must("statx by a ring", (uring::STATX.call)(&ask));
    Ok(())
}

/// Goes a way of 32-bit calls if the kernel answers them.
#[cfg(target_arch = "x86_64")]
fn compat(scene: &Scene, via: &Via) -> Gone {
    super::x86::compat(|| either(scene, via))
}
