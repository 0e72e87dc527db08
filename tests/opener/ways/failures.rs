//! Every error that an open can be made to end with.
//!
//! ENFILE is not here: the limit on open files of the whole host does not bind root, and reaching it would harm the
//! host.

use super::{Way, ways};
use crate::report::O_UNKNOWN;
use crate::scene::{Dir, Gone, Scene, Skip, unless};
use crate::sys::{self, OPENAT, OPENAT2};
use std::ffi::c_int;

/// RESOLVE_CACHED of `linux/openat2.h` (5.12).
const RESOLVE_CACHED: u64 = 0x20;
/// The user and group that own nothing.
pub const NOBODY: u32 = 65_534;

pub const WAYS: &[Way] = ways![
    "ENOENT" => |scene| fails(scene, "missing/file", 0, libc::ENOENT),
    "EACCES" => eacces,
    "EACCES in a directory" => eacces_directory,
    "EPERM" => eperm,
    "EPERM by handle" => eperm_by_handle,
    "EEXIST" => |scene| fails(scene, scene.file("file"), libc::O_CREAT | libc::O_EXCL, libc::EEXIST),
    "EISDIR" => |scene| fails(scene, scene.subdir("sub"), libc::O_WRONLY, libc::EISDIR),
    "ENOTDIR" => enotdir,
    "ELOOP" => eloop,
    "ENAMETOOLONG" => |scene| fails(scene, [b'n'; 300], 0, libc::ENAMETOOLONG),
    "EMFILE" => emfile,
    "EINVAL" => einval,
    "E2BIG" => e2big,
    "EBADF" => ebadf,
    "EXDEV" => exdev,
    "ENXIO" => enxio,
    "EROFS" => erofs,
    "ETXTBSY" => etxtbsy,
    "EAGAIN by a lease" => eagain_lease,
    "EAGAIN not cached" => eagain_cached,
];

fn fails(scene: &Scene, name: impl AsRef<[u8]>, flags: c_int, errno: c_int) -> Gone {
    scene.open(&OPENAT, name).flags(flags).mode(0o600).fails(errno);
    Ok(())
}

/// Becomes a user who owns nothing, for good.
pub fn become_nobody() {
    // SAFETY: no pointers; the process has one thread.
    let ret = unsafe {
        libc::setgroups(0, std::ptr::null());
        libc::setresgid(NOBODY, NOBODY, NOBODY);
        libc::setresuid(NOBODY, NOBODY, NOBODY)
    };
    sys::must("setresuid", sys::result(ret.into()));
}

fn eacces(scene: &Scene) -> Gone {
    sys::make_file(b"secret", 0o600);
    scene.file("public");
    become_nobody();
    scene.open(&OPENAT, "secret").fails(libc::EACCES);
    scene.open(&OPENAT, "public").flags(libc::O_WRONLY).label("write").fails(libc::EACCES);
    scene.open(&OPENAT, "public").label("read").ok();
    Ok(())
}

fn eacces_directory(scene: &Scene) -> Gone {
    sys::make_dir(b"closed", 0o700);
    scene.file("closed/file");
    become_nobody();
    fails(scene, "closed/file", 0, libc::EACCES)?;
    scene.open(&OPENAT, "closed/new").flags(libc::O_CREAT).mode(0o600).label("create").fails(libc::EACCES);
    Ok(())
}

/// Only its owner may read a file without leaving a trace.
fn eperm(scene: &Scene) -> Gone {
    scene.file("public");
    become_nobody();
    fails(scene, "public", libc::O_NOATIME, libc::EPERM)
}

fn eperm_by_handle(scene: &Scene) -> Gone {
    let handle = unless("name_to_handle_at", sys::Handle::of(scene.file("public").as_bytes()))?;
    become_nobody();
    let result = handle.open(libc::AT_FDCWD, libc::O_RDONLY);
    super::calls::report_handle(scene, None, libc::O_RDONLY, result);
    match result {
        Err(libc::EPERM) => Ok(()),
        other => panic!("a handle opened by nobody: {other:?}"),
    }
}

fn enotdir(scene: &Scene) -> Gone {
    scene.file("file");
    fails(scene, "file/below", 0, libc::ENOTDIR)?;
    scene.open(&OPENAT, "file").flags(libc::O_DIRECTORY).label("O_DIRECTORY").fails(libc::ENOTDIR);
    let fd = scene.open(&OPENAT, "file").label("file").ok();
    let file = Dir { fd, path: scene.path("file") };
    scene.open(&OPENAT, "below").at(&file).label("dirfd").fails(libc::ENOTDIR);
    Ok(())
}

fn eloop(scene: &Scene) -> Gone {
    sys::symlink(b"loop", b"loop");
    fails(scene, "loop", 0, libc::ELOOP)?;
    scene.file("file");
    sys::symlink(b"file", b"link");
    scene.open(&OPENAT, "link").flags(libc::O_NOFOLLOW).label("O_NOFOLLOW").fails(libc::ELOOP);
    Ok(())
}

fn emfile(scene: &Scene) -> Gone {
    scene.file("file");
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `none` is a live local.
    sys::must("setrlimit", sys::result(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const none) }.into()));
    fails(scene, "file", libc::O_CLOEXEC, libc::EMFILE)?;
    scene.open(&OPENAT2, "file").label("openat2").fails(libc::EMFILE);
    Ok(())
}

fn einval(scene: &Scene) -> Gone {
    scene.file("file");
    scene.open(&OPENAT2, "file").flags(O_UNKNOWN).label("flags").fails(libc::EINVAL);
    // Before 5.14 the kernel does not look at them.
    let _ = scene.open(&OPENAT2, "file").high_flags(1 << 8).label("high flags").either();
    scene.open(&OPENAT2, "file").resolve(1 << 40).label("resolve").fails(libc::EINVAL);
    // Refused from 6.4 on.
    let _ = scene.open(&OPENAT, "new").flags(libc::O_CREAT | libc::O_DIRECTORY).mode(0o600).label("create").either();
    Ok(())
}

/// An `open_how` of a later day, which holds what this kernel does not know.
const OPENAT2_LARGER: sys::Via = sys::Via {
    op: "openat2",
    implied: 0,
    call: |ask| {
        let how = [ask.flags as u64, ask.mode.into(), ask.resolve, u64::MAX];
        // SAFETY: `how` outlives the call and has the size given; the kernel checks the name's pointer itself.
        sys::result(unsafe { libc::syscall(libc::SYS_openat2, ask.dirfd, ask.name, &raw const how, size_of_val(&how)) })
    },
};

fn e2big(scene: &Scene) -> Gone {
    scene.open(&OPENAT2_LARGER, scene.file("file")).fails(libc::E2BIG);
    Ok(())
}

fn ebadf(scene: &Scene) -> Gone {
    let none = Dir { fd: 99, path: Vec::new() };
    scene.open(&OPENAT, "file").at(&none).kind("unreadable").fails(libc::EBADF);
    let negative = Dir { fd: -5, path: Vec::new() };
    scene.open(&OPENAT, "file").at(&negative).kind("unreadable").label("negative").fails(libc::EBADF);
    Ok(())
}

fn exdev(scene: &Scene) -> Gone {
    scene.open(&OPENAT2, "../file").resolve(libc::RESOLVE_BENEATH).fails(libc::EXDEV);
    Ok(())
}

fn enxio(scene: &Scene) -> Gone {
    sys::make_fifo(b"fifo", 0o600);
    fails(scene, "fifo", libc::O_WRONLY | libc::O_NONBLOCK, libc::ENXIO)
}

fn erofs(scene: &Scene) -> Gone {
    unless("a private mount namespace", sys::private_mounts())?;
    let path = scene.subdir("mount");
    unless("mounting a tmpfs", sys::mount(b"opener", &path, b"tmpfs", libc::MS_RDONLY))?;
    fails(scene, "mount/new", libc::O_CREAT | libc::O_WRONLY, libc::EROFS)
}

/// The program that this process runs.
fn etxtbsy(scene: &Scene) -> Gone {
    let program = unless("/proc/self/exe", sys::read_link(b"/proc/self/exe"))?;
    fails(scene, program, libc::O_WRONLY, libc::ETXTBSY)
}

/// Another open file holds a lease, and this open does not want to wait for it.
fn eagain_lease(scene: &Scene) -> Gone {
    let fd = scene.open(&OPENAT, scene.file("leased")).label("holder").ok();
    // SAFETY: no pointers; the signal that tells the holder is ignored.
    let ret = unsafe {
        libc::signal(libc::SIGIO, libc::SIG_IGN);
        libc::fcntl(fd, libc::F_SETLEASE, libc::F_WRLCK)
    };
    unless("a lease", sys::result(ret.into()))?;
    fails(scene, "leased", libc::O_RDWR | libc::O_NONBLOCK, libc::EAGAIN)
}

/// Nothing has looked the name up before, so nothing is known about it without asking the file system.
fn eagain_cached(scene: &Scene) -> Gone {
    match scene.open(&OPENAT2, "never-looked-up").resolve(RESOLVE_CACHED).either() {
        Err(libc::EAGAIN) => Ok(()),
        Err(libc::EINVAL) => Err(Skip("openat2 has no RESOLVE_CACHED before 5.12".into())),
        other => panic!("RESOLVE_CACHED: {other:?}"),
    }
}
