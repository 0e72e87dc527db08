//! Files of whoever calls, and of others.

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
fn a_directory_is_made_for_its_user_alone_and_only_the_last() {
    let dir = Dir::new("directory");
    let path = dir.0.join("one");
    create_directory(&path, None).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
    create_directory(&path, None).unwrap();
    assert_eq!(create_directory(&dir.0.join("two/three"), None).unwrap_err().kind(), io::ErrorKind::NotFound);
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

#[test]
#[ignore = "needs root: make test"]
fn what_a_file_has_given_to_the_process_opens_no_file_of_others() {
    let (dir, _) = callers_directory("capable");
    let secret = dir.0.join("secret");
    fs::write(&secret, "root's").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let (plain, acted) = thread::scope(|scope| {
        let thread = scope.spawn(|| {
            // As exec leaves whoever runs a file with this capability.
            rustix::thread::set_keep_capabilities(true).unwrap();
            CALLER.assume().unwrap();
            let read = rustix::thread::CapabilitySet::DAC_READ_SEARCH;
            let sets = rustix::thread::CapabilitySets { effective: read, permitted: read, ..capabilities() };
            rustix::thread::set_capabilities(None, sets).unwrap();
            (fs::read(&secret), super::read(&secret, None, false, 99))
        });
        thread.join().unwrap()
    });
    assert_eq!(plain.unwrap(), b"root's");
    assert_eq!(acted.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
}

fn capabilities() -> rustix::thread::CapabilitySets {
    rustix::thread::capabilities(None).unwrap()
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
