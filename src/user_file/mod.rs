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

use crate::privileges::{self, Caller};

/// A new file that only its owner can read, for what a host opens is nobody else's business. It goes again unless it is
/// kept, and what it is to replace stays in its place until then.
///
/// An existing file is an error, and a symbolic link at its place is never followed. All is done as `owner` where there
/// is one: what opentop writes there, the caller of sudo could have written. Root without sudo follows no link to the
/// directory but its own. So nobody can make root write elsewhere. The directory is looked up once: whoever exchanges
/// it meanwhile gets nothing removed in another.
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
    /// With `replace` an existing regular file makes room when the new one is kept; its contents are not touched, so
    /// that other links to it and whoever has it open keep them.
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

/// Makes a directory for its user alone, unless it is there; the one that it lies in must be.
///
/// # Errors
/// If it cannot be made. As `owner` and by which way is as for a [`Draft`].
pub fn create_directory(path: &Path, owner: Option<Caller>) -> io::Result<()> {
    act_as(owner, || {
        let Some(name) = path.file_name() else { return Ok(()) };
        let parent = open_directory(path.parent().unwrap_or(Path::new("")))?;
        match rustix::fs::mkdirat(&parent, name, Mode::RWXU) {
            Err(Errno::EXIST) => Ok(()),
            made => Ok(made?),
        }
    })
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

/// The whole of the file at `path`, read with the rights of `owner` where there is one; `None` if there is no such
/// file. With `own` it is a regular file of its user or root, and not everybody's to write. Links to it are followed:
/// with rights of his own nobody gets further by them.
///
/// # Errors
/// If it cannot be read, is not what it must be, or is larger than `max` bytes.
pub fn read(path: &Path, owner: Option<Caller>, own: bool, max: u64) -> io::Result<Option<Vec<u8>>> {
    act_as(owner, || {
        let open = || {
            let file = rustix::fs::open(path, READ, Mode::empty())?;
            // Who names a pipe has somebody write to it.
            rustix::fs::fcntl_setfl(&file, OFlags::empty())?;
            Ok(file.into())
        };
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

/// Does something as `owner`, in a thread that can be nobody else any more. Who is not root is `owner` already: he does
/// it with no right that opentop's file alone has given him (setcap(8)).
///
/// # Errors
/// Those of `act`, and if the thread cannot be started or become `owner`.
pub(crate) fn act_as<T: Send>(owner: Option<Caller>, act: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    let is_root = rustix::process::geteuid().is_root();
    let owner = owner.filter(|_| is_root);
    if owner.is_none() && (is_root || privileges::has_no_capability()) {
        return act();
    }
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("writer".into()).spawn_scoped(scope, || {
            match owner {
                Some(owner) => owner.assume()?,
                None => privileges::drop_all_capabilities()?,
            }
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
mod tests;
