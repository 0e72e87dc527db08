//! io_uring: tried at once, handed to a worker, or taken by a polling thread of the kernel. Whoever does it in the end,
//! the thread that submitted it has asked for it.

use super::{Way, ways};
use crate::report::O_UNKNOWN;
use crate::scene::{Gone, Open, Scene, Skip, unless};
use crate::sys::{self, Via};
use crate::uring::{self, Request};

pub const WAYS: &[Way] = ways![
    "io_uring openat" => |scene| there_and_missing(scene, &uring::OPENAT),
    "io_uring openat2" => |scene| there_and_missing(scene, &uring::OPENAT2),
    "io_uring openat async" => |scene| there_and_missing(scene, &uring::OPENAT_ASYNC),
    "io_uring openat2 async" => |scene| there_and_missing(scene, &uring::OPENAT2_ASYNC),
    "io_uring openat polled" => polled,
    "io_uring creates" => creates,
    "io_uring dirfd" => dirfd,
    "io_uring absolute" => absolute,
    "io_uring many at once" => many_at_once,
    "io_uring into a slot" => into_a_slot,
    "io_uring cancelled" => cancelled,
    "io_uring EFAULT" => efault,
    "io_uring EINVAL" => einval,
];

fn available() -> std::result::Result<u32, Skip> {
    unless("io_uring_setup", uring::features())
}

fn there_and_missing(scene: &Scene, via: &Via) -> Gone {
    available()?;
    super::there_and_missing(scene, via)
}

fn polled(scene: &Scene) -> Gone {
    if available()? & uring::FEATURE_POLLED_OPENS == 0 {
        return Err(Skip("polled rings cannot open files before 5.11".into()));
    }
    for (name, result) in [(scene.file("there"), Ok(())), ("missing", Err(libc::ENOENT))] {
        // The polling thread belongs to the process, but only the kernel knows its number and name.
        let open = scene.open(&uring::OPENAT_POLLED, name).label(name).who(|who| (who.tid, who.comm) = (None, None));
        assert_eq!(open.either().map(drop), result, "{name}");
    }
    Ok(())
}

fn creates(scene: &Scene) -> Gone {
    available()?;
    scene.open(&uring::OPENAT, "new").flags(libc::O_CREAT | libc::O_RDWR).mode(0o640).ok();
    scene.open(&uring::OPENAT2, "new2").flags(libc::O_CREAT | libc::O_WRONLY).mode(0o604).label("openat2").ok();
    Ok(())
}

fn dirfd(scene: &Scene) -> Gone {
    available()?;
    let dir = scene.dirfd("sub");
    scene.file("sub/there");
    scene.open(&uring::OPENAT, "there").at(&dir).ok();
    scene.open(&uring::OPENAT2, "../sub/missing").at(&dir).label("missing").fails(libc::ENOENT);
    Ok(())
}

fn absolute(scene: &Scene) -> Gone {
    available()?;
    let there = scene.path(scene.file("there"));
    scene.open(&uring::OPENAT, &there).ok();
    sys::make_dir(b"sub", 0o755);
    scene.open(&uring::OPENAT, scene.path("sub/none/missing")).label("missing").fails(libc::ENOENT);
    Ok(())
}

/// Each answer must find its own question.
fn many_at_once(scene: &Scene) -> Gone {
    available()?;
    let names: Vec<String> = (0..64).map(|number| format!("file-{number}")).collect();
    for name in names.iter().step_by(2) {
        scene.file(name);
    }
    let opens: Vec<Open> = names.iter().map(|name| scene.open(&uring::OPENAT, name).label(name)).collect();
    let requests: Vec<Request> = opens.iter().map(|open| Request::openat(&open.ask()).with(uring::ASYNC)).collect();
    for (number, (open, result)) in opens.into_iter().zip(uring::together(&requests)).enumerate() {
        assert_eq!(result.is_ok(), number % 2 == 0, "file-{number}: {result:?}");
        open.came_to(result);
    }
    Ok(())
}

fn into_a_slot(scene: &Scene) -> Gone {
    available()?;
    let open = scene.open(&uring::OPENAT, scene.file("there")).without_fd();
    match uring::into_slot(Request::openat(&open.ask())) {
        Ok(0) => open.came_to(Ok(0)),
        // Older kernels do not look at the slot.
        Ok(_) => return Err(Skip("a ring has no table of its own files before 5.15".into())),
        Err(errno) => panic!("an open into a slot: {errno}"),
    }
    Ok(())
}

/// The first of two fails, and so the second is never tried.
fn cancelled(scene: &Scene) -> Gone {
    available()?;
    let first = scene.open(&uring::OPENAT, "missing");
    let second = scene.open(&uring::OPENAT, scene.file("there")).label("second");
    let requests = [Request::openat(&first.ask()).with(uring::LINK), Request::openat(&second.ask())];
    let results = uring::together(&requests);
    assert_eq!(results, [Err(libc::ENOENT), Err(libc::ECANCELED)]);
    first.came_to(results[0]);
    second.came_to(results[1]);
    Ok(())
}

/// Refused before anything is submitted.
fn efault(scene: &Scene) -> Gone {
    available()?;
    let nowhere = std::ptr::without_provenance(1);
    scene.open(&uring::OPENAT, "").address(nowhere).nameless().fails(libc::EFAULT);
    Ok(())
}

fn einval(scene: &Scene) -> Gone {
    available()?;
    scene.open(&uring::OPENAT2, scene.file("there")).flags(O_UNKNOWN).fails(libc::EINVAL);
    Ok(())
}
