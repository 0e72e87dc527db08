//! Files that opentop writes for its user, who mostly runs it through sudo.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::process::{Gid, Uid};

use crate::privileges::Caller;

/// Creates a file that only its owner can read: what a host opens is nobody else's business. It is given to `owner`, if
/// there is one, or not left behind.
///
/// An existing file is an error, and a symbolic link at its place is never followed, so that nobody can make root write
/// elsewhere.
///
/// # Errors
/// If it cannot be created or given away.
pub fn create(path: &Path, owner: Option<Caller>) -> io::Result<File> {
    Draft::create(path, false, owner)?.keep()
}

/// A new file that goes again unless it is kept. What it is to replace stays in its place until then.
///
/// The directory is looked up once: whoever exchanges it meanwhile gets nothing removed in another.
#[derive(Debug)]
pub struct Draft {
    /// `None` once it is kept.
    file: Option<File>,
    directory: OwnedFd,
    /// What it is called now, and once it is kept.
    now: OsString,
    name: OsString,
}

impl Draft {
    /// As [`create`]. With `replace` an existing regular file makes room when the new one is kept; its contents are not
    /// touched, so that other links to it and whoever has it open keep them.
    ///
    /// # Errors
    /// If it cannot be created or given away; with `replace`, if what is there is no regular file.
    pub fn create(path: &Path, replace: bool, owner: Option<Caller>) -> io::Result<Self> {
        let name = path.file_name().ok_or_else(|| io::Error::from_raw_os_error(libc::EISDIR))?.to_owned();
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let directory = rustix::fs::open(parent, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let known = rustix::fs::statat(&directory, &name, AtFlags::SYMLINK_NOFOLLOW);
        let known = known.map(|stat| FileType::from_raw_mode(stat.st_mode));
        let replaces = replace && known == Ok(FileType::RegularFile);
        let now = if replaces { format!(".opentop-{}.new", std::process::id()).into() } else { name.clone() };
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&directory, &now, flags, Mode::RUSR | Mode::WUSR)?.into();
        let draft = Self { file: Some(file), directory, now, name };
        if let (Some(Caller { uid, gid }), Some(file)) = (owner, &draft.file) {
            rustix::fs::fchown(file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
        }
        Ok(draft)
    }

    /// Puts the file in its place, for good.
    ///
    /// # Errors
    /// If what it is to replace cannot be.
    pub fn keep(mut self) -> io::Result<File> {
        if self.now != self.name {
            rustix::fs::renameat(&self.directory, &self.now, &self.directory, &self.name)?;
        }
        self.file.take().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if self.file.is_some() {
            let _ = rustix::fs::unlinkat(&self.directory, &self.now, AtFlags::empty());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::{Read as _, Write as _};
    use std::os::unix::fs::{MetadataExt as _, symlink};

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
        create(&path, None).unwrap().write_all(b"old").unwrap();
        assert_eq!(create(&path, None).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
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

    #[test]
    fn a_file_belongs_to_whom_it_is_made_for() {
        let dir = Dir::new("owner");
        let me = fs::metadata(&dir.0).unwrap();
        // Root can give it to anybody, everybody else to himself.
        let uid = if me.uid() == 0 { 12345 } else { me.uid() };
        let path = dir.0.join("f");
        create(&path, Some(Caller { uid, gid: me.gid() })).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().uid(), uid);
    }
}
