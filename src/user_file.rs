//! Files that opentop writes for its user, who mostly runs it through sudo.

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::process::{Gid, Uid};

use crate::privileges::Caller;

/// Creates a file that only its owner can read: what a host opens is nobody else's business. It is given to `owner`, if
/// there is one, or not left behind.
///
/// An existing file is an error, and a symbolic link at its place is never followed, so that nobody can make root write
/// elsewhere. With `replace` an existing file makes room; its name is freed, its contents are not touched, so that other
/// links to it and whoever has it open keep them. The directory is looked up once: whoever exchanges it meanwhile gets
/// nothing removed in another.
///
/// # Errors
/// If it cannot be created or given away; with `replace`, if what is there is no regular file.
pub fn create(path: &Path, replace: bool, owner: Option<Caller>) -> io::Result<File> {
    let name = path.file_name().ok_or_else(|| io::Error::from_raw_os_error(libc::EISDIR))?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let directory = rustix::fs::open(parent, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let known = |stat: rustix::fs::Stat| FileType::from_raw_mode(stat.st_mode);
    if replace
        && rustix::fs::statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW).map(known) == Ok(FileType::RegularFile)
    {
        rustix::fs::unlinkat(&directory, name, AtFlags::empty())?;
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::openat(&directory, name, flags, Mode::RUSR | Mode::WUSR)?;
    if let Some(Caller { uid, gid }) = owner
        && let Err(why) = rustix::fs::fchown(&file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))
    {
        let _ = rustix::fs::unlinkat(&directory, name, AtFlags::empty());
        return Err(why.into());
    }
    Ok(file.into())
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
        create(&path, false, None).unwrap().write_all(b"old").unwrap();
        assert_eq!(create(&path, false, None).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        let mut open = File::open(&path).unwrap();
        create(&path, true, None).unwrap().write_all(b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        let mut old = String::new();
        open.read_to_string(&mut old).unwrap();
        assert_eq!(old, "old");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn links_and_directories_are_refused() {
        let dir = Dir::new("links");
        let (target, link) = (dir.0.join("target"), dir.0.join("link"));
        symlink(&target, &link).unwrap();
        for replace in [false, true] {
            assert!(create(&link, replace, None).is_err());
            assert!(create(&dir.0, replace, None).is_err());
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
        create(&path, false, Some(Caller { uid, gid: me.gid() })).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().uid(), uid);
    }
}
