//! io_uring: tried at once, handed to a worker, or taken by a polling thread of the kernel.
//!
//! Which thread opens in the end is the kernel's business: only the process is known beforehand.

use super::{Way, ways};
use crate::scene::{Gone, Open, Scene, Skip, unless};
use crate::sys::{self, Via};
use crate::uring;

pub const WAYS: &[Way] = ways![
    "io_uring openat" => |scene| there_and_missing(scene, &uring::OPENAT),
    "io_uring openat2" => |scene| there_and_missing(scene, &uring::OPENAT2),
    "io_uring openat async" => |scene| there_and_missing(scene, &uring::OPENAT_ASYNC),
    "io_uring openat2 async" => |scene| there_and_missing(scene, &uring::OPENAT2_ASYNC),
    "io_uring openat polled" => polled,
    "io_uring creates" => creates,
    "io_uring dirfd" => dirfd,
    "io_uring absolute" => absolute,
];

/// An open by whichever thread the kernel takes.
fn open<'a>(scene: &'a Scene, via: &'a Via, name: impl AsRef<[u8]>) -> Open<'a> {
    scene.open(via, name).who(|who| (who.tid, who.comm) = (None, None))
}

fn available() -> std::result::Result<u32, Skip> {
    unless("io_uring_setup", uring::features())
}

fn there_and_missing(scene: &Scene, via: &Via) -> Gone {
    available()?;
    open(scene, via, scene.file("there")).ok();
    open(scene, via, "missing").label("missing").fails(libc::ENOENT);
    Ok(())
}

fn polled(scene: &Scene) -> Gone {
    if available()? & uring::FEATURE_POLLED_OPENS == 0 {
        return Err(Skip("polled rings cannot open files before 5.11".into()));
    }
    there_and_missing(scene, &uring::OPENAT_POLLED)
}

fn creates(scene: &Scene) -> Gone {
    available()?;
    open(scene, &uring::OPENAT, "new").flags(libc::O_CREAT | libc::O_RDWR).mode(0o640).ok();
    open(scene, &uring::OPENAT2, "new2").flags(libc::O_CREAT | libc::O_WRONLY).mode(0o604).label("openat2").ok();
    Ok(())
}

fn dirfd(scene: &Scene) -> Gone {
    available()?;
    let dir = scene.dirfd("sub");
    scene.file("sub/there");
    open(scene, &uring::OPENAT, "there").at(&dir).ok();
    open(scene, &uring::OPENAT2, "../sub/missing").at(&dir).label("missing").fails(libc::ENOENT);
    Ok(())
}

fn absolute(scene: &Scene) -> Gone {
    available()?;
    let there = scene.path(scene.file("there"));
    open(scene, &uring::OPENAT, &there).ok();
    sys::make_dir(b"sub", 0o755);
    open(scene, &uring::OPENAT, scene.path("sub/none/missing")).label("missing").fails(libc::ENOENT);
    Ok(())
}
