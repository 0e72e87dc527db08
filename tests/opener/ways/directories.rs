//! Where a relative name starts from: working directories, directory descriptors, mounts, roots.

use super::{Way, ways};
use crate::scene::{Dir, Gone, Scene, join, unless};
use crate::sys::{self, OPENAT, OPENAT2};

pub const WAYS: &[Way] = ways![
    "path with dots" => dots,
    "path through a symbolic link" => through_a_link,
    "to a link" => to_a_link,
    "to a deleted file" => to_a_deleted_file,
    "to a file in no directory" => to_a_memfd,
    "working directory" => working_directory,
    "working directory is the root" => working_directory_is_root,
    "working directory through a link" => working_directory_through_a_link,
    "working directory renamed" => working_directory_renamed,
    "working directory on another mount" => working_directory_on_mount,
    "working directory deleted" => working_directory_deleted,
    "working directory 100 deep" => |scene| deep(scene, 100, 10),
    "working directory over 1000 bytes" => |scene| deep(scene, 6, 200),
    "working directory near PATH_MAX" => |scene| deep(scene, 16, 240),
    "working directory over PATH_MAX" => |scene| deep(scene, 20, 250),
    "working directory 300 deep" => too_deep,
    "dirfd with dots" => dirfd_with_dots,
    "dirfd renamed" => dirfd_renamed,
    "dirfd deleted" => dirfd_deleted,
    "dirfd ignored" => dirfd_ignored,
    "dirfd across a mount" => dirfd_across_a_mount,
    "dirfd across a mount on a mount" => dirfd_across_two_mounts,
    "dirfd in a bind mount" => dirfd_in_a_bind_mount,
    "dirfd of an openat2 in its root" => in_root,
    "chroot" => chroot,
    "chroot in a mount" => chroot_in_a_mount,
    "chroot in a chroot" => chroot_in_a_chroot,
];

/// Every spelling opens the same file, and each is reported with its own name.
fn dots(scene: &Scene) -> Gone {
    sys::make_dir(b"sub", 0o755);
    scene.file("file");
    for name in ["./file", "sub/../file", "sub//..///file", "././sub/./../sub/../file", ".//file"] {
        scene.open(&OPENAT, name).label(name).ok();
        let absolute = join(&scene.dir, name.as_bytes());
        scene.open(&OPENAT, absolute).label("absolute").ok();
    }
    for name in [".", "..", "sub/", "sub/.", "sub/..", "./"] {
        scene.open(&OPENAT, name).flags(libc::O_DIRECTORY).label(name).ok();
    }
    for name in ["/", "//", "/.", "/..", "/../../.."] {
        scene.open(&OPENAT, name).flags(libc::O_PATH).label(name).ok();
    }
    scene.open(&OPENAT, "../".repeat(100)).flags(libc::O_PATH).label("above the root").ok();
    Ok(())
}

/// Links in the name are the program's words, and stay.
fn through_a_link(scene: &Scene) -> Gone {
    sys::make_dir(b"sub", 0o755);
    scene.file("sub/file");
    sys::symlink(b"sub", b"link");
    scene.open(&OPENAT, "link/file").ok();
    scene.open(&OPENAT, scene.path("link/file")).label("absolute").ok();
    sys::symlink(b"nothing", b"dangling");
    scene.open(&OPENAT, "dangling").label("dangling").fails(libc::ENOENT);
    Ok(())
}

/// A link at the end of a name is followed, and what it leads to is told too.
fn to_a_link(scene: &Scene) -> Gone {
    scene.file("target");
    scene.subdir("sub");
    sys::symlink(b"target", b"link");
    sys::symlink(b"link", b"link-to-link");
    sys::symlink(b"sub", b"link-to-dir");
    scene.open(&OPENAT, "link").opens("target").ok();
    scene.open(&OPENAT, scene.path("link")).opens("target").label("absolute").ok();
    scene.open(&OPENAT, "link-to-link").opens("target").label("two links").ok();
    scene.open(&OPENAT, "link-to-dir/").opens("sub").label("directory").ok();
    scene.open(&OPENAT, "link-to-dir/.").label("within").ok();
    scene.open(&OPENAT, "link").flags(libc::O_PATH | libc::O_NOFOLLOW).label("itself").ok();
    Ok(())
}

/// What a descriptor's link in `/proc` leads to.
fn by_descriptor(scene: &Scene, fd: std::ffi::c_int) -> crate::scene::Open<'_> {
    scene.open(&OPENAT, format!("/proc/self/fd/{fd}"))
}

fn to_a_deleted_file(scene: &Scene) -> Gone {
    let fd = scene.open(&OPENAT, scene.file("gone")).label("before").ok();
    sys::remove_file(b"gone");
    by_descriptor(scene, fd).opens("gone").ok();
    Ok(())
}

fn to_a_memfd(scene: &Scene) -> Gone {
    // SAFETY: a C string that outlives the call.
    let fd = sys::result(unsafe { libc::memfd_create(c"here".as_ptr(), 0) }.into());
    by_descriptor(scene, sys::must("memfd_create", fd)).opens("memfd:here").ok();
    Ok(())
}

/// One open that succeeds and one that does not, in the working directory `path`.
fn open_in(scene: &Scene, path: &[u8]) -> Gone {
    scene.open(&OPENAT, scene.file("there")).from(path).ok();
    scene.open(&OPENAT, "missing").from(path).label("missing").fails(libc::ENOENT);
    Ok(())
}

/// The same in an opened directory.
fn open_at(scene: &Scene, dir: &Dir) -> Gone {
    scene.open(&OPENAT, "new").at(dir).flags(libc::O_CREAT).mode(0o600).ok();
    scene.open(&OPENAT, "missing").at(dir).label("missing").fails(libc::ENOENT);
    Ok(())
}

fn working_directory(scene: &Scene) -> Gone {
    let sub = scene.subdir("sub");
    sys::change_dir(&sub);
    open_in(scene, &sub)
}

fn working_directory_is_root(scene: &Scene) -> Gone {
    scene.file("there");
    sys::change_dir(b"/");
    let name = &scene.dir[1..];
    scene.open(&OPENAT, join(name, b"there")).from("/").ok();
    scene.open(&OPENAT, join(name, b"missing")).from("/").label("missing").fails(libc::ENOENT);
    scene.open(&OPENAT, ".").from("/").flags(libc::O_PATH).label("root").ok();
    Ok(())
}

/// The kernel keeps the directory, not the words that led there.
fn working_directory_through_a_link(scene: &Scene) -> Gone {
    let sub = scene.subdir("sub");
    sys::symlink(b"sub", b"link");
    sys::change_dir(b"link");
    open_in(scene, &sub)
}

fn working_directory_renamed(scene: &Scene) -> Gone {
    let old = scene.subdir("old");
    let new = scene.path("new");
    sys::change_dir(&old);
    sys::rename(&old, &new);
    open_in(scene, &new)
}

fn working_directory_deleted(scene: &Scene) -> Gone {
    let gone = scene.subdir("gone");
    sys::change_dir(&gone);
    sys::remove_dir(&gone);
    scene.open(&OPENAT, "missing").from(&gone).in_deleted_dir().fails(libc::ENOENT);
    scene.open(&OPENAT, ".").from(&gone).in_deleted_dir().flags(libc::O_DIRECTORY).label("itself").ok();
    Ok(())
}

fn deep(scene: &Scene, levels: usize, width: usize) -> Gone {
    let path = descend(scene, levels, width);
    open_in(scene, &path)
}

/// Deeper than opentop walks.
fn too_deep(scene: &Scene) -> Gone {
    let path = descend(scene, 300, 4);
    scene.open(&OPENAT, "missing").from(path).fails(libc::ENOENT);
    Ok(())
}

/// Makes that many directories, each in the one before, and moves to the innermost.
fn descend(scene: &Scene, levels: usize, width: usize) -> Vec<u8> {
    let mut path = scene.dir.clone();
    for level in 0..levels {
        let component = format!("{level:0>width$}");
        path = join(&path, component.as_bytes());
        sys::make_dir(component.as_bytes(), 0o755);
        sys::change_dir(component.as_bytes());
    }
    path
}

fn dirfd_with_dots(scene: &Scene) -> Gone {
    let dir = scene.dirfd("sub");
    scene.file("sub/file");
    for name in ["./file", "../sub/file", "..//sub/./file"] {
        scene.open(&OPENAT, name).at(&dir).label(name).ok();
    }
    scene.open(&OPENAT, "..").at(&dir).flags(libc::O_PATH).label("..").ok();
    Ok(())
}

fn dirfd_renamed(scene: &Scene) -> Gone {
    let old = scene.dirfd("old");
    let new = scene.path("new");
    sys::rename(&old.path, &new);
    open_at(scene, &Dir { fd: old.fd, path: new })
}

fn dirfd_deleted(scene: &Scene) -> Gone {
    let dir = scene.dirfd("gone");
    sys::remove_dir(&dir.path);
    scene.open(&OPENAT, "missing").at(&dir).in_deleted_dir().fails(libc::ENOENT);
    Ok(())
}

/// An absolute name makes the kernel ignore the descriptor, even one that is none.
fn dirfd_ignored(scene: &Scene) -> Gone {
    let there = scene.path(scene.file("there"));
    scene.open(&OPENAT, &there).at(&scene.dirfd("sub")).ok();
    scene.open(&OPENAT, &there).at(&Dir { fd: -1, path: Vec::new() }).label("no descriptor").ok();
    Ok(())
}

/// A new tmpfs, seen by this process only.
fn mounted(scene: &Scene, name: &str) -> std::result::Result<Vec<u8>, crate::scene::Skip> {
    unless("a private mount namespace", sys::private_mounts())?;
    let path = scene.subdir(name);
    unless("mounting a tmpfs", sys::mount(b"opener", &path, b"tmpfs", 0))?;
    Ok(path)
}

fn working_directory_on_mount(scene: &Scene) -> Gone {
    let path = mounted(scene, "mount")?;
    sys::change_dir(&path);
    open_in(scene, &path)?;
    sys::make_dir(b"sub", 0o755);
    sys::change_dir(b"sub");
    open_in(scene, &join(&path, b"sub"))
}

fn dirfd_across_a_mount(scene: &Scene) -> Gone {
    let path = mounted(scene, "mount")?;
    open_at(scene, &scene.opened_dir(path))?;
    open_at(scene, &scene.dirfd("mount/sub"))
}

fn dirfd_across_two_mounts(scene: &Scene) -> Gone {
    mounted(scene, "mount")?;
    let inner = mounted(scene, "mount/inner")?;
    // And one more, on the very root of the second.
    unless("mounting a tmpfs", sys::mount(b"opener", &inner, b"tmpfs", 0))?;
    open_at(scene, &scene.opened_dir(inner))
}

/// The file is reached, and so reported, by the bind mount's name.
fn dirfd_in_a_bind_mount(scene: &Scene) -> Gone {
    unless("a private mount namespace", sys::private_mounts())?;
    let (source, target) = (scene.subdir("source"), scene.subdir("target"));
    unless("a bind mount", sys::mount(&source, &target, b"", libc::MS_BIND))?;
    open_at(scene, &scene.opened_dir(target))
}

/// RESOLVE_IN_ROOT makes `/` and `..` mean the descriptor's directory.
fn in_root(scene: &Scene) -> Gone {
    let dir = scene.dirfd("sub");
    scene.file("sub/file");
    scene.open(&OPENAT2, "file").at(&dir).resolve(libc::RESOLVE_IN_ROOT).ok();
    Ok(())
}

/// Paths are those that the process itself sees.
fn chroot(scene: &Scene) -> Gone {
    let root = scene.subdir("root");
    scene.file("root/there");
    sys::make_dir(b"root/sub", 0o755);
    sys::change_dir(&root);
    sys::change_root(b".");
    scene.open(&OPENAT, "there").from("/").really("/there").ok();
    scene.open(&OPENAT, "/there").really("/there").label("absolute").ok();
    scene.open(&OPENAT, "../../there").from("/").label("dots").ok();
    sys::change_dir(b"/sub");
    scene.open(&OPENAT, "../there").from("/sub").label("below the root").ok();
    Ok(())
}

fn chroot_in_a_mount(scene: &Scene) -> Gone {
    let path = mounted(scene, "mount")?;
    sys::make_dir(b"mount/root", 0o755);
    sys::change_root(&join(&path, b"root"));
    sys::change_dir(b"/");
    open_in(scene, b"/")
}

/// The classical way out: a root below the working directory leaves the working directory outside the root.
fn chroot_in_a_chroot(scene: &Scene) -> Gone {
    sys::make_dir(b"root", 0o755);
    scene.file("outside");
    sys::change_root(b"root");
    scene.open(&OPENAT, "outside").kind("unreadable").ok();
    Ok(())
}
