//! What only x86-64 has: the old calls, and 32-bit calls on a 64-bit kernel.

use super::{Way, there_and_missing, ways};
use crate::compat;
use crate::report::O_LARGEFILE;
use crate::scene::{Gone, Scene, Skip};
use crate::sys::{self, CREAT, OPEN, Via};

pub const WAYS: &[Way] = ways![
    "open" => |scene| there_and_missing(scene, &OPEN),
    "open absolute" => open_absolute,
    "open creates" => open_creates,
    "creat" => |scene| creat(scene, &CREAT),
    "compat open" => |scene| compat(|| there_and_missing(scene, &compat::OPEN)),
    "compat openat" => |scene| compat(|| there_and_missing(scene, &compat::OPENAT)),
    "compat openat2" => |scene| compat(|| there_and_missing(scene, &compat::OPENAT2)),
    "compat creat" => |scene| compat(|| creat(scene, &compat::CREAT)),
    "number with high bits" => high_number,
    "arguments with high bits" => high_arguments,
    "calls that open nothing" => not_opens,
    "compat EOVERFLOW" => |scene| compat(|| compat_too_large(scene)),
];

/// What programs can put into the upper halves of registers of which the kernel takes 32 bits.
const HIGH: i64 = 0x5a5a_5a5a << 32;

/// Before 5.14 the kernel takes all of the number, and has no such call.
const HIGH_NUMBER: Via = Via {
    op: "openat",
    implied: 0,
    call: |ask| {
        // SAFETY: the kernel checks the pointer itself.
        sys::result(unsafe { libc::syscall(HIGH | libc::SYS_openat, ask.dirfd, ask.name, ask.flags, ask.mode) })
    },
};

const HIGH_ARGUMENTS: Via = Via {
    op: "openat",
    implied: 0,
    call: |ask| {
        let [dirfd, flags, mode] = [ask.dirfd as u32, ask.flags as u32, ask.mode].map(|low| HIGH | i64::from(low));
        // SAFETY: the kernel checks the pointer itself.
        sys::result(unsafe { libc::syscall(libc::SYS_openat, dirfd, ask.name, flags, mode) })
    },
};

fn high_number(scene: &Scene) -> Gone {
    let _ = scene.open(&HIGH_NUMBER, scene.file("there")).either();
    let _ = scene.open(&HIGH_NUMBER, "missing").label("missing").either();
    Ok(())
}

fn high_arguments(scene: &Scene) -> Gone {
    let dir = scene.dirfd("dir");
    scene.open(&HIGH_ARGUMENTS, "new").flags(libc::O_CREAT | libc::O_RDWR).mode(0o640).ok();
    scene.open(&HIGH_ARGUMENTS, "missing").at(&dir).label("directory").fails(libc::ENOENT);
    Ok(())
}

fn open_absolute(scene: &Scene) -> Gone {
    scene.file("there");
    scene.open(&OPEN, scene.path("there")).ok();
    Ok(())
}

fn open_creates(scene: &Scene) -> Gone {
    scene.open(&OPEN, "new").flags(libc::O_CREAT | libc::O_RDWR).mode(0o604).ok();
    Ok(())
}

fn creat(scene: &Scene, via: &Via) -> Gone {
    scene.open(via, "new").mode(0o640).ok();
    scene.open(via, "none/new").mode(0o640).label("missing").fails(libc::ENOENT);
    Ok(())
}

/// Goes a way of 32-bit calls if the kernel answers them.
pub(super) fn compat(way: impl FnOnce() -> Gone) -> Gone {
    match sys::try_wait(sys::fork(compat::probe)) {
        Ok(0) => way(),
        _ => Err(Skip("this kernel has no 32-bit calls".into())),
    }
}

/// 32-bit calls get a file over 2 GiB only if they ask for it, or from a file system that does not mind: tmpfs before
/// 6.6.
fn compat_too_large(scene: &Scene) -> Gone {
    scene.file("large");
    sys::set_len(b"large", 3 << 30);
    if let Ok(fd) = scene.open(&compat::OPENAT, "large").either() {
        sys::close(fd);
    }
    scene.open(&compat::OPENAT, "large").flags(O_LARGEFILE).label("O_LARGEFILE").ok();
    Ok(())
}

/// The numbers of opens mean something else to the other kind of caller. Only the last call here is an open.
fn not_opens(scene: &Scene) -> Gone {
    for number in [5, 8, 295, 342] {
        // SAFETY: fstat, lseek, preadv and a number without a call; no descriptor, so that no pointer is used.
        unsafe { libc::syscall(number, -1, 0, 0, 0) };
    }
    scene.open(&OPEN, scene.file("there")).ok();
    compat(|| {
        compat::without_arguments(&[85, 257, 304]);
        scene.open(&compat::OPEN, "there").label("compat").ok();
        Ok(())
    })
}
