//! The system calls that every architecture has, their flags and their modes.

use super::{Way, there_and_missing, ways};
use crate::report::{Line, O_LARGEFILE, Who};
use crate::scene::{Gone, Scene, unless};
use crate::sys::{self, Handle, OPENAT, OPENAT2, Result};
use std::ffi::c_int;

pub const WAYS: &[Way] = ways![
    "openat relative" => |scene| there_and_missing(scene, &OPENAT),
    "openat absolute" => |scene| absolute(scene, &OPENAT),
    "openat dirfd" => |scene| dirfd(scene, &OPENAT),
    "openat2 relative" => |scene| there_and_missing(scene, &OPENAT2),
    "openat2 absolute" => |scene| absolute(scene, &OPENAT2),
    "openat2 dirfd" => |scene| dirfd(scene, &OPENAT2),
    "openat creates" => |scene| creates(scene, &OPENAT),
    "openat2 creates" => |scene| creates(scene, &OPENAT2),
    "mode without effect" => mode_without_effect,
    "each flag" => each_flag,
    "all flags" => all_flags,
    "O_PATH" => |scene| flagged(scene, libc::O_PATH),
    "O_DIRECT" => |scene| flagged(scene, libc::O_DIRECT | libc::O_RDWR),
    "O_DIRECTORY" => |scene| of_the_directory(scene, libc::O_DIRECTORY),
    "O_TMPFILE" => |scene| of_the_directory(scene, libc::O_TMPFILE | libc::O_RDWR),
    "open_by_handle_at" => handle,
    "open_by_handle_at stale" => handle_stale,
];

fn absolute(scene: &Scene, via: &sys::Via) -> Gone {
    scene.file("there");
    scene.open(via, scene.path("there")).ok();
    scene.open(via, scene.path("missing")).label("missing").fails(libc::ENOENT);
    Ok(())
}

fn dirfd(scene: &Scene, via: &sys::Via) -> Gone {
    let dir = scene.dirfd("sub");
    scene.file("sub/there");
    scene.open(via, "there").at(&dir).ok();
    scene.open(via, "missing").at(&dir).label("missing").fails(libc::ENOENT);
    Ok(())
}

fn creates(scene: &Scene, via: &sys::Via) -> Gone {
    for (name, mode) in [("none", 0), ("plain", 0o640), ("setuid", 0o4711), ("all", 0o7777)] {
        let flags = libc::O_CREAT | libc::O_RDWR | libc::O_CLOEXEC;
        scene.open(via, name).flags(flags).mode(mode).label(name).ok();
    }
    Ok(())
}

/// A mode is passed, but nothing can be created.
fn mode_without_effect(scene: &Scene) -> Gone {
    scene.open(&OPENAT, scene.file("there")).flags(libc::O_WRONLY).mode(0o640).ok();
    Ok(())
}

fn each_flag(scene: &Scene) -> Gone {
    for (name, flags) in [
        ("O_RDONLY", libc::O_RDONLY),
        ("O_WRONLY", libc::O_WRONLY),
        ("O_RDWR", libc::O_RDWR),
        ("O_ACCMODE", libc::O_ACCMODE),
        ("O_TRUNC", libc::O_WRONLY | libc::O_TRUNC),
        ("O_APPEND", libc::O_WRONLY | libc::O_APPEND),
        ("O_NOCTTY", libc::O_NOCTTY),
        ("O_NONBLOCK", libc::O_NONBLOCK),
        ("O_ASYNC", libc::O_ASYNC),
        ("O_DSYNC", libc::O_DSYNC),
        ("O_SYNC", libc::O_SYNC),
        ("O_NOFOLLOW", libc::O_NOFOLLOW),
        ("O_NOATIME", libc::O_NOATIME),
        ("O_CLOEXEC", libc::O_CLOEXEC),
        ("O_LARGEFILE", O_LARGEFILE),
    ] {
        scene.open(&OPENAT, scene.file(name)).flags(flags).label(name).ok();
    }
    Ok(())
}

fn all_flags(scene: &Scene) -> Gone {
    let flags = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL | libc::O_NOCTTY | libc::O_TRUNC | libc::O_APPEND;
    let flags = flags | libc::O_NONBLOCK | libc::O_SYNC | libc::O_ASYNC | libc::O_NOFOLLOW | libc::O_NOATIME;
    scene.open(&OPENAT, "new").flags(flags | libc::O_CLOEXEC | O_LARGEFILE).mode(0o600).ok();
    Ok(())
}

/// Not every file system has every flag; whatever it answers must be reported.
fn flagged(scene: &Scene, flags: c_int) -> Gone {
    let _ = scene.open(&OPENAT, scene.file("there")).flags(flags).either();
    Ok(())
}

fn of_the_directory(scene: &Scene, flags: c_int) -> Gone {
    let dir = scene.subdir("sub");
    let _ = scene.open(&OPENAT, dir).flags(flags).mode(0o600).either();
    Ok(())
}

fn handle(scene: &Scene) -> Gone {
    let path = scene.path(scene.file("there"));
    let handle = unless("name_to_handle_at", Handle::of(&path))?;
    let mount = scene.open(&OPENAT, &scene.dir).flags(libc::O_DIRECTORY).label("mount").ok();
    let result = handle.open(mount, libc::O_RDWR);
    report_handle(scene, Some(&path), libc::O_RDWR, result);
    sys::must("open_by_handle_at", result);
    Ok(())
}

/// The file that the handle names is gone.
fn handle_stale(scene: &Scene) -> Gone {
    let dir = scene.subdir("gone");
    let handle = unless("name_to_handle_at", Handle::of(&dir))?;
    sys::remove_dir(&dir);
    let mount = scene.open(&OPENAT, &scene.dir).flags(libc::O_DIRECTORY).label("mount").ok();
    let result = handle.open(mount, libc::O_RDONLY);
    report_handle(scene, None, libc::O_RDONLY, result);
    // ESTALE; or ENOMEM while the inode is just going.
    assert!(matches!(result, Err(libc::ESTALE | libc::ENOMEM)), "the handle of a file that is gone: {result:?}");
    Ok(())
}

/// A handle has no name; its path is that of the file it opened.
pub fn report_handle(scene: &Scene, path: Option<&[u8]>, flags: c_int, result: Result) {
    Line {
        way: scene.way,
        who: Who::me(),
        op: "open_by_handle_at",
        name: None,
        path,
        path_kind: if path.is_some() { "handle" } else { "unreadable" },
        opened: None,
        real: None,
        flags: Some(flags as u64),
        mode: None,
        result,
        fd: true,
        dir_deleted: false,
    }
    .print();
}
