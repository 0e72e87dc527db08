//! Files that opentop writes for its user, who mostly runs it through sudo.

use std::collections::VecDeque;
use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Component, Path};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::privileges::Caller;

/// A new file that only its owner can read, for what a host opens is nobody else's business. It goes again unless it is
/// kept, and what it is to replace stays in its place until then.
///
/// An existing file is an error, and a symbolic link at its place is never followed. All is done as `owner` where there is
/// one: what opentop writes there, the caller of sudo could have written. Root without sudo follows no link to the
/// directory but its own. So nobody can make root write elsewhere. The directory is looked up once: whoever exchanges it
/// meanwhile gets nothing removed in another.
#[derive(Debug)]
pub struct Draft {
    /// `None` once it is kept.
    file: Option<File>,
    directory: OwnedFd,
    /// What it is called now, and once it is kept.
    now: OsString,
    name: OsString,
    owner: Option<Caller>,
}

/// Tells the drafts of this process apart.
static NEXT: AtomicU32 = AtomicU32::new(0);

impl Draft {
    /// With `replace` an existing regular file makes room when the new one is kept; its contents are not touched, so that
    /// other links to it and whoever has it open keep them.
    ///
    /// # Errors
    /// If it cannot be created; with `replace`, if what is there is no regular file.
    pub fn create(path: &Path, replace: bool, owner: Option<Caller>) -> io::Result<Self> {
        act_as(owner, || {
            let name = path.file_name().ok_or(Errno::ISDIR)?.to_owned();
            let directory = open_directory(path.parent().unwrap_or(Path::new("")))?;
            let known = rustix::fs::statat(&directory, &name, AtFlags::SYMLINK_NOFOLLOW);
            let known = known.map(|stat| FileType::from_raw_mode(stat.st_mode));
            let replaces = replace && known == Ok(FileType::RegularFile);
            let now = if replaces {
                format!(".opentop-{}-{}.new", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)).into()
            } else {
                name.clone()
            };
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let file = rustix::fs::openat(&directory, &now, flags, Mode::RUSR | Mode::WUSR)?.into();
            Ok(Self { file: Some(file), directory, now, name, owner })
        })
        .map_err(|why| match (why.raw_os_error(), owner) {
            (Some(libc::EACCES | libc::EPERM), Some(Caller { uid, .. })) => {
                let why =
                    format!("user {uid}, who called sudo and whose it would be, may not: choose another directory");
                io::Error::new(io::ErrorKind::PermissionDenied, why)
            }
            _ => why,
        })
    }

    /// The file, to write into before it is kept.
    ///
    /// # Errors
    /// If there is no descriptor left for it.
    pub fn file(&self) -> io::Result<File> {
        self.file.as_ref().ok_or(io::ErrorKind::NotFound)?.try_clone()
    }

    /// Puts the file in its place, for good.
    ///
    /// # Errors
    /// If what it is to replace cannot be.
    pub fn keep(mut self) -> io::Result<File> {
        if self.now != self.name {
            act_as(self.owner, || Ok(rustix::fs::renameat(&self.directory, &self.now, &self.directory, &self.name)?))?;
        }
        self.file.take().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if self.file.is_some() {
            let _ = act_as(self.owner, || Ok(rustix::fs::unlinkat(&self.directory, &self.now, AtFlags::empty())?));
        }
    }
}

/// Removes a file; the way to its directory is looked up as for a [`Draft`] without an owner.
///
/// # Errors
/// If it cannot be removed.
pub fn remove(path: &Path) -> io::Result<()> {
    let name = path.file_name().ok_or(Errno::ISDIR)?;
    let directory = open_directory(path.parent().unwrap_or(Path::new("")))?;
    Ok(rustix::fs::unlinkat(&directory, name, AtFlags::empty())?)
}

/// The whole of the file at `path`, read with the rights of `owner` where there is one; `None` if there is no such file.
/// With `own` it is a regular file of its user or root, and not everybody's to write. Links to it are followed: with
/// rights of his own nobody gets further by them.
///
/// # Errors
/// If it cannot be read, is not what it must be, or is larger than `max` bytes.
pub fn read(path: &Path, owner: Option<Caller>, own: bool, max: u64) -> io::Result<Option<Vec<u8>>> {
    act_as(owner, || {
        let open = || Ok(rustix::fs::open(path, READ, Mode::empty())?.into());
        let file: File = match if own { open_own(path) } else { open() } {
            Err(why) if matches!(why.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR)) => return Ok(None),
            opened => opened?,
        };
        let mut bytes = Vec::new();
        file.take(max + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > max {
            return Err(io::Error::other(format!("it has more than {} KiB", max >> 10)));
        }
        Ok(Some(bytes))
    })
}

/// Whatever lies there must not hold up the start.
const READ: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// Looks at what it is before it is opened, as that alone does something to some devices.
fn open_own(path: &Path) -> io::Result<File> {
    let found = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let stat = rustix::fs::fstat(&found)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(io::Error::other("it is no regular file"));
    }
    if stat.st_uid != rustix::process::geteuid().as_raw() && stat.st_uid != 0 {
        return Err(io::Error::other(format!("it belongs to user {}", stat.st_uid)));
    }
    if stat.st_mode & 0o002 != 0 {
        return Err(io::Error::other("everybody can write to it"));
    }
    Ok(rustix::fs::open(format!("/proc/self/fd/{}", found.as_raw_fd()), READ, Mode::empty())?.into())
}

/// Does something as `owner`, in a thread that can be nobody else any more. Who is not root is `owner` already.
fn act_as<T: Send>(owner: Option<Caller>, act: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    let Some(owner) = owner.filter(|_| rustix::process::geteuid().is_root()) else { return act() };
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("writer".into()).spawn_scoped(scope, || {
            owner.assume()?;
            act()
        })?;
        thread.join().unwrap_or_else(|_| Err(io::Error::other("a thread panicked")))
    })
}

/// Links to follow at most, as the kernel does.
const LINKS_MAX: usize = 40;

/// Opens a directory. To root only root's own links count: another's could lead anywhere, or somewhere else each time.
fn open_directory(path: &Path) -> io::Result<OwnedFd> {
    const FLAGS: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);
    if !rustix::process::geteuid().is_root() {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        return Ok(rustix::fs::open(path, FLAGS | OFlags::DIRECTORY, Mode::empty())?);
    }
    let mut directory = rustix::fs::open(".", FLAGS | OFlags::DIRECTORY, Mode::empty())?;
    let mut ahead: VecDeque<OsString> = components(path).collect();
    let mut links = 0;
    while let Some(component) = ahead.pop_front() {
        let next = rustix::fs::openat(&directory, &component, FLAGS | OFlags::NOFOLLOW, Mode::empty())?;
        let stat = rustix::fs::fstat(&next)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => directory = next,
            FileType::Symlink => {
                links += 1;
                let target = link_of_root(&next, &stat, links)?;
                components(Path::new(OsStr::from_bytes(target.as_bytes())))
                    .rev()
                    .for_each(|part| ahead.push_front(part));
            }
            _ => return Err(Errno::NOTDIR.into()),
        }
    }
    Ok(directory)
}

/// Where a link leads, if it is root's.
fn link_of_root(link: &OwnedFd, stat: &Stat, links: usize) -> io::Result<CString> {
    if stat.st_uid != 0 {
        let why = format!("a link of user {} leads there, which root does not follow", stat.st_uid);
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    }
    if links > LINKS_MAX {
        return Err(Errno::LOOP.into());
    }
    Ok(rustix::fs::readlinkat(link, "", Vec::new())?)
}

/// What a path is looked up by, one after the other; its start, if it has one, is `/`.
fn components(path: &Path) -> impl DoubleEndedIterator<Item = OsString> {
    path.components().map(|component| match component {
        Component::RootDir => OsString::from_vec(b"/".into()),
        other => other.as_os_str().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Write as _;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

    /// A directory of the test's own, removed with all that is in it at the end.
    struct Dir(std::path::PathBuf);

    impl Dir {
        fn new(name: &str) -> Self {
            let dir = std::env::temp_dir().join(format!("opentop-{name}-{}", std::process::id()));
            fs::create_dir(&dir).unwrap();
            Self(dir)
        }
    }

    impl Drop for Dir {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn nothing_is_overwritten_unasked() {
        let dir = Dir::new("overwrite");
        let path = dir.0.join("f");
        Draft::create(&path, false, None).unwrap().keep().unwrap().write_all(b"old").unwrap();
        assert_eq!(Draft::create(&path, false, None).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        let mut open = File::open(&path).unwrap();
        Draft::create(&path, true, None).unwrap().keep().unwrap().write_all(b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        let mut old = String::new();
        open.read_to_string(&mut old).unwrap();
        assert_eq!(old, "old");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_draft_that_is_not_kept_leaves_everything_as_it_was() {
        let dir = Dir::new("draft");
        let path = dir.0.join("f");
        let names = || fs::read_dir(&dir.0).unwrap().count();
        drop(Draft::create(&path, false, None).unwrap());
        assert_eq!(names(), 0);
        Draft::create(&path, false, None).unwrap().keep().unwrap().write_all(b"old").unwrap();
        assert_eq!(Draft::create(&path, false, None).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        let draft = Draft::create(&path, true, None).unwrap();
        assert_eq!((names(), fs::read(&path).unwrap()), (2, b"old".to_vec()));
        drop(draft);
        assert_eq!((names(), fs::read(&path).unwrap()), (1, b"old".to_vec()));
        Draft::create(&path, true, None).unwrap().keep().unwrap().write_all(b"new").unwrap();
        assert_eq!((names(), fs::read(&path).unwrap()), (1, b"new".to_vec()));
        assert!(Draft::create(&dir.0, true, None).is_err());
    }

    #[test]
    fn links_and_directories_are_refused() {
        let dir = Dir::new("links");
        let (target, link) = (dir.0.join("target"), dir.0.join("link"));
        symlink(&target, &link).unwrap();
        for replace in [false, true] {
            assert!(Draft::create(&link, replace, None).is_err());
            assert!(Draft::create(&dir.0, replace, None).is_err());
        }
        assert!(!target.exists());
    }

    const CALLER: Caller = Caller { uid: 12345, gid: 12345 };

    #[test]
    fn a_file_of_another_kind_or_size_is_not_read() {
        let dir = Dir::new("read");
        let path = dir.0.join("f");
        let read = |own| read(&path, None, own, 8).map_err(|why| why.to_string());
        assert_eq!((read(true), read(false)), (Ok(None), Ok(None)));
        fs::write(&path, "12345678").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(read(true), Ok(Some(b"12345678".to_vec())));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        assert_eq!(read(true), Err("everybody can write to it".into()));
        fs::write(&path, "123456789").unwrap();
        assert_eq!(read(false), Err("it has more than 0 KiB".into()));
        // As managers of such files make them.
        let target = dir.0.join("g");
        fs::rename(&path, &target).unwrap();
        symlink("g", &path).unwrap();
        assert_eq!(read(true), Err("everybody can write to it".into()));
        fs::write(&target, "1234").unwrap();
        fs::set_permissions(&target, fs::Permissions::from_mode(0o444)).unwrap();
        assert_eq!(read(true), Ok(Some(b"1234".to_vec())));
        fs::remove_file(&target).unwrap();
        assert_eq!(read(true), Ok(None));
        rustix::fs::mknodat(rustix::fs::CWD, &target, FileType::Fifo, Mode::RUSR, 0).unwrap();
        assert_eq!(read(true), Err("it is no regular file".into()));
        fs::remove_file(&path).unwrap();
        symlink("/dev/null", &path).unwrap();
        assert_eq!(read(true), Err("it is no regular file".into()));
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert_eq!(read(true), Err("it is no regular file".into()));
    }

    #[test]
    #[ignore = "needs root: make test"]
    fn a_file_is_read_as_the_caller_alone() {
        let (dir, theirs) = callers_directory("read-as");
        let secret = dir.0.join("secret");
        fs::write(&secret, "root's").unwrap();
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
        link_of_caller(&secret, &theirs.join("link"));
        for own in [true, false] {
            assert!(read(&theirs.join("link"), Some(CALLER), own, 99).is_err());
            assert!(read(&secret, Some(CALLER), own, 99).is_err());
        }
        let own = theirs.join("own");
        fs::write(&own, "theirs").unwrap();
        std::os::unix::fs::chown(&own, Some(CALLER.uid), None).unwrap();
        assert_eq!(read(&own, Some(CALLER), true, 99).unwrap().as_deref(), Some(&b"theirs"[..]));
        std::os::unix::fs::chown(&own, Some(CALLER.uid + 1), None).unwrap();
        assert!(read(&own, Some(CALLER), true, 99).unwrap_err().to_string().contains("belongs to user 12346"));
    }

    /// A directory of root with one of the caller's in it.
    fn callers_directory(name: &str) -> (Dir, std::path::PathBuf) {
        assert!(rustix::process::geteuid().is_root(), "this test writes as somebody else: run it as root");
        let dir = Dir::new(name);
        let theirs = dir.0.join("theirs");
        fs::create_dir(&theirs).unwrap();
        std::os::unix::fs::chown(&theirs, Some(CALLER.uid), Some(CALLER.gid)).unwrap();
        (dir, theirs)
    }

    fn link_of_caller(target: &Path, link: &Path) {
        symlink(target, link).unwrap();
        std::os::unix::fs::lchown(link, Some(CALLER.uid), Some(CALLER.gid)).unwrap();
    }

    #[test]
    #[ignore = "needs root: make test"]
    fn a_file_is_written_as_the_caller_and_where_the_caller_may() {
        let (dir, theirs) = callers_directory("caller");
        let path = theirs.join("f");
        for replace in [false, true] {
            Draft::create(&path, replace, Some(CALLER)).unwrap().keep().unwrap();
            let stat = fs::metadata(&path).unwrap();
            assert_eq!((stat.uid(), stat.gid(), stat.mode() & 0o777), (CALLER.uid, CALLER.gid, 0o600));
        }
        drop(Draft::create(&theirs.join("dropped"), false, Some(CALLER)).unwrap());
        assert!(!theirs.join("dropped").exists());
        // A link of theirs to a directory of root's, and that directory itself.
        let roots = dir.0.join("roots");
        fs::create_dir(&roots).unwrap();
        fs::write(roots.join("old"), "old").unwrap();
        link_of_caller(&roots, &theirs.join("link"));
        for path in [theirs.join("link/old"), roots.join("old"), theirs.join("link/new"), roots.join("new")] {
            let why = Draft::create(&path, true, Some(CALLER)).unwrap_err();
            assert!(why.kind() == io::ErrorKind::PermissionDenied && why.to_string().contains("12345"), "{why}");
        }
        assert_eq!(fs::read_dir(&roots).unwrap().count(), 1);
        assert_eq!(fs::metadata(roots.join("old")).unwrap().uid(), 0);
        // The thread that wrote is gone, and this one is what it was.
        assert!(rustix::process::geteuid().is_root());
    }

    #[test]
    #[ignore = "needs root: make test"]
    fn what_is_exchanged_meanwhile_is_replaced_as_the_caller() {
        let (dir, _) = callers_directory("sticky");
        let sticky = dir.0.join("sticky");
        fs::create_dir(&sticky).unwrap();
        fs::set_permissions(&sticky, fs::Permissions::from_mode(0o1777)).unwrap();
        let path = sticky.join("f");
        fs::write(&path, "root's").unwrap();
        let draft = Draft::create(&path, true, Some(CALLER)).unwrap();
        assert!(draft.keep().is_err());
        assert_eq!(fs::read(&path).unwrap(), b"root's");
        assert_eq!(fs::read_dir(&sticky).unwrap().count(), 1, "the draft is gone");
    }

    #[test]
    #[ignore = "needs root: make test"]
    fn root_follows_its_own_links_alone() {
        let (dir, theirs) = callers_directory("root");
        let roots = dir.0.join("roots");
        fs::create_dir(&roots).unwrap();
        link_of_caller(&roots, &theirs.join("link"));
        symlink("../theirs/./link", roots.join("link")).unwrap();
        symlink("loop", roots.join("loop")).unwrap();
        for path in ["theirs/link/f", "theirs/../theirs/link/f", "roots/link/f", "roots/loop/f"] {
            for replace in [false, true] {
                assert!(Draft::create(&dir.0.join(path), replace, None).is_err(), "{path}");
            }
            fs::write(roots.join("f"), "").unwrap();
            assert!(remove(&dir.0.join(path)).is_err(), "{path}");
            remove(&roots.join("f")).unwrap();
        }
        assert_eq!(fs::read_dir(&roots).unwrap().count(), 2);
        symlink(&theirs, dir.0.join("own")).unwrap();
        symlink("own", dir.0.join("own2")).unwrap();
        for (at, path) in ["theirs/a", "own/b", "own2/../theirs/c", "roots/../roots/d"].into_iter().enumerate() {
            Draft::create(&dir.0.join(path), false, None).unwrap().keep().unwrap();
            let (directory, name) = ([&theirs, &theirs, &theirs, &roots][at], &path[path.len() - 1..]);
            assert_eq!(fs::metadata(directory.join(name)).unwrap().uid(), 0, "{path}");
        }
    }
}
