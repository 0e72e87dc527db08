//! Files that opentop writes for its user, who mostly runs it through sudo.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, fchown};
use std::path::Path;

/// Who a new file is to belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    pub uid: u32,
    pub gid: u32,
}

impl Owner {
    /// Whoever called sudo. `None` where nobody did, or where opentop is not root and could not give a file away.
    #[must_use]
    pub fn of_sudo() -> Option<Self> {
        let id = |name| std::env::var(name).ok()?.parse().ok();
        let owner = Self { uid: id("SUDO_UID")?, gid: id("SUDO_GID")? };
        rustix::process::geteuid().is_root().then_some(owner)
    }
}

/// Creates a file that only its owner can read: what a host opens is nobody else's business.
///
/// An existing file is an error, and a symbolic link is never followed, so that nobody can make root write elsewhere.
/// With `replace` an existing file makes room; its name is freed, its contents are not touched, so that other links to
/// it and whoever has it open keep them.
pub fn create(path: &Path, replace: bool, owner: Option<Owner>) -> io::Result<File> {
    if replace && fs::symlink_metadata(path).is_ok_and(|known| known.is_file()) {
        fs::remove_file(path)?;
    }
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).custom_flags(libc::O_NOFOLLOW).open(path)?;
    if let Some(Owner { uid, gid }) = owner {
        fchown(&file, Some(uid), Some(gid))?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
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
        create(&path, false, Some(Owner { uid, gid: me.gid() })).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().uid(), uid);
    }
}
