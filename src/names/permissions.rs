//! Which directory, or the file itself, keeps a user from a path: by owner, group and permission bits, as they are now.
//!
//! The path is a stranger's. It is followed name by name, links by hand, and no file system is asked anything that
//! somebody else answers for.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::accounts::Account;
use super::mounts::Mounts;
use crate::escape::escape;

/// Who may do what with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bits {
    /// Type and permissions, as stat(2) has them.
    mode: u32,
    uid: u32,
    gid: u32,
}

/// What keeps a user from a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denial {
    /// He may not go through this directory.
    Directory(Vec<u8>, Bits),
    /// All directories let him pass. The file does not, or what keeps him is no permission bit.
    File(Bits),
    /// The same, and there is no such file: it could not be made in this directory.
    NotMade(Vec<u8>, Bits),
    /// Nobody but he may look further than here.
    Hidden(Vec<u8>),
    /// What is mounted here, of this type, somebody else answers for.
    Served(Vec<u8>, Vec<u8>),
}

/// What keeps root, too, from what the bits allow.
const NO_BIT: &str = "or not by permissions: chattr, mount, LSM";

/// What keeps `uid` from `path` on this host, in words, for people.
pub fn denied_by(path: &[u8], uid: u32) -> String {
    let groups = Account::of(uid).map_or_else(Vec::new, |account| account.groups);
    match denial(path, (uid, &groups), &Host) {
        None => "not to be told: its directory is not known, is no more, or is behind a link of /proc".into(),
        Some(Denial::Directory(dir, bits)) => format!("by the directory {} ({})", escape(&dir), shown(bits)),
        Some(Denial::File(bits)) => format!("by the file itself ({}), {NO_BIT}", shown(bits)),
        Some(Denial::NotMade(dir, bits)) => {
            format!("a new file, by its directory {} ({}), {NO_BIT}", escape(&dir), shown(bits))
        }
        Some(Denial::Hidden(dir)) => format!("below {}, which only others may look into", escape(&dir)),
        Some(Denial::Served(dir, kind)) => {
            format!("below {} ({}), which could keep who asks it waiting", escape(&dir), escape(&kind))
        }
    }
}

/// What a name stands for.
enum Found<D> {
    /// With what it is looked into by.
    Directory(Bits, D),
    File(Bits),
    Link(Vec<u8>),
    Served(Vec<u8>),
}

/// Directories, as they can be looked into.
trait Tree {
    type Dir;

    fn root(&self) -> io::Result<Found<Self::Dir>>;

    /// What is at `path`, which is `dir` and a name in it.
    fn look(&self, dir: &Self::Dir, path: &[u8]) -> io::Result<Found<Self::Dir>>;
}

/// Those of this host.
struct Host;

impl Tree for Host {
    type Dir = OwnedFd;

    fn root(&self) -> io::Result<Found<OwnedFd>> {
        found(rustix::fs::open("/", STEP, Mode::empty())?)
    }

    fn look(&self, dir: &OwnedFd, path: &[u8]) -> io::Result<Found<OwnedFd>> {
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        // Whatever is mounted meanwhile, nothing is entered unasked.
        let same_mount = ResolveFlags::NO_XDEV | ResolveFlags::NO_MAGICLINKS;
        match rustix::fs::openat2(dir, name, STEP, Mode::empty(), same_mount) {
            Err(Errno::XDEV) => {
                let mounts = Mounts::read()?;
                let mount = mounts.find(path).and_then(|number| mounts.get(number)).filter(|mount| mount.point == path);
                let mount = mount.ok_or_else(|| io::Error::other("what is mounted there is not known"))?;
                if !mount.is_local() {
                    return Ok(Found::Served(mount.kind.clone()));
                }
                found(rustix::fs::openat(dir, name, STEP, Mode::empty())?)
            }
            opened => found(opened?),
        }
    }
}

const STEP: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

fn found(file: OwnedFd) -> io::Result<Found<OwnedFd>> {
    let stat = rustix::fs::fstat(&file)?;
    let bits = Bits { mode: stat.st_mode, uid: stat.st_uid, gid: stat.st_gid };
    Ok(match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => Found::Directory(bits, file),
        FileType::Symlink => Found::Link(rustix::fs::readlinkat(&file, "", Vec::new())?.into_bytes()),
        _ => Found::File(bits),
    })
}

/// Links to follow at most, as the kernel does. A `..` counts as one.
const LINKS_MAX: usize = 40;

/// What keeps a user with these groups from `path`. `None` where that cannot be told.
fn denial<T: Tree>(path: &[u8], user: (u32, &[u32]), tree: &T) -> Option<Denial> {
    if !path.starts_with(b"/") {
        return None;
    }
    let mut path = path.to_owned();
    for _ in 0..=LINKS_MAX {
        match walk(&path, user, tree)? {
            Walked::To(denial) => return Some(denial),
            Walked::Onto(other) => path = other,
        }
    }
    None
}

/// Where a path leads.
enum Walked {
    To(Denial),
    /// To where this one leads.
    Onto(Vec<u8>),
}

fn walk<T: Tree>(path: &[u8], user: (u32, &[u32]), tree: &T) -> Option<Walked> {
    let (mut dir, mut ahead, mut found) = (b"/".to_vec(), path, tree.root().ok()?);
    let to = |denial| Some(Walked::To(denial));
    loop {
        let next = first_name(ahead);
        let (bits, opened) = match found {
            Found::Directory(bits, _) | Found::File(bits) if next.is_none() => return to(Denial::File(bits)),
            Found::Directory(bits, _) if !may_search(bits, user) => return to(Denial::Directory(dir, bits)),
            Found::Directory(bits, opened) => (bits, opened),
            Found::Served(kind) => return to(Denial::Served(dir, kind)),
            Found::File(_) | Found::Link(_) => return None,
        };
        let (name, behind) = next?;
        let last = first_name(behind).is_none();
        if name == b".." {
            let parent = dir.iter().rposition(|byte| *byte == b'/').map_or(&dir[..], |slash| &dir[..slash]);
            return Some(Walked::Onto([parent, b"/", behind].concat()));
        }
        let path = [dir.strip_suffix(b"/").unwrap_or(&dir), b"/", name].concat();
        found = match tree.look(&opened, &path) {
            // What the text of such a link says is not where it leads.
            Ok(Found::Link(_)) if first_name(&dir).is_some_and(|(name, _)| name == b"proc") => return None,
            Ok(Found::Link(target)) => {
                let from = if target.starts_with(b"/") { &b""[..] } else { &dir };
                return Some(Walked::Onto([from, b"/", &target, b"/", behind].concat()));
            }
            Ok(found) => found,
            Err(why) if why.kind() == io::ErrorKind::PermissionDenied => return to(Denial::Hidden(dir)),
            Err(why) if why.kind() == io::ErrorKind::NotFound && last => return to(Denial::NotMade(dir, bits)),
            Err(_) if last => return to(Denial::Hidden(dir)),
            Err(_) => return None,
        };
        (dir, ahead) = (path, behind);
    }
}

/// The first name of a path that is one, and what is behind it.
fn first_name(path: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut path = path;
    loop {
        path = &path[path.iter().position(|byte| *byte != b'/')?..];
        let (name, behind) = path.split_at(path.iter().position(|byte| *byte == b'/').unwrap_or(path.len()));
        if name != b"." {
            return Some((name, behind));
        }
        path = behind;
    }
}

fn may_search(bits: Bits, (uid, groups): (u32, &[u32])) -> bool {
    let class = match () {
        () if uid == 0 => return true,
        () if uid == bits.uid => 0o100,
        () if groups.contains(&bits.gid) => 0o010,
        () => 0o001,
    };
    bits.mode & class != 0
}

/// As `ls -l` has it: `drwx------ 0:0`.
fn shown(bits: Bits) -> String {
    let kind = if bits.mode & libc::S_IFMT == libc::S_IFDIR { 'd' } else { '-' };
    let letters = (0..9).rev().zip("rwxrwxrwx".chars());
    let letters = letters.map(|(bit, letter)| if bits.mode & 1 << bit == 0 { '-' } else { letter });
    format!("{kind}{} {}:{}", letters.collect::<String>(), bits.uid, bits.gid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt as _;

    /// A few directories, the same everywhere.
    struct Few;

    impl Tree for Few {
        type Dir = ();

        fn root(&self) -> io::Result<Found<()>> {
            Ok(Found::Directory(bits(b"/"), ()))
        }

        fn look(&self, (): &(), path: &[u8]) -> io::Result<Found<()>> {
            match path {
                b"/etc" | b"/root" | b"/team" | b"/proc" => Ok(Found::Directory(bits(path), ())),
                b"/etc/shadow" => Ok(Found::File(bits(path))),
                b"/etc/up" => Ok(Found::Link(b"../team/x".into())),
                b"/etc/round" => Ok(Found::Link(b"round".into())),
                b"/proc/self" => Ok(Found::Link(b"1".into())),
                b"/team/far" => Ok(Found::Served("nfs4".into())),
                b"/root/.ssh" => Err(io::ErrorKind::PermissionDenied.into()),
                _ => Err(io::ErrorKind::NotFound.into()),
            }
        }
    }

    fn bits(path: &[u8]) -> Bits {
        let dir = |mode, uid, gid| Bits { mode: libc::S_IFDIR | mode, uid, gid };
        match path {
            b"/root" => dir(0o700, 0, 0),
            b"/team" => dir(0o750, 0, 50),
            b"/etc/shadow" => Bits { mode: libc::S_IFREG | 0o640, uid: 0, gid: 42 },
            _ => dir(0o755, 0, 0),
        }
    }

    #[test]
    fn the_first_directory_that_does_not_let_him_pass_denies() {
        let by = |path: &str, uid, groups: &[u32]| denial(path.as_bytes(), (uid, groups), &Few);
        let dir = |path: &str| Some(Denial::Directory(path.into(), bits(path.as_bytes())));
        let not_made = |path: &str| Some(Denial::NotMade(path.into(), bits(path.as_bytes())));
        assert_eq!(by("/root/.ssh/id", 1000, &[]), dir("/root"));
        assert_eq!(by("/team/plan", 1000, &[]), dir("/team"));
        assert_eq!(by("/team/plan", 1000, &[50]), not_made("/team"));
        for shadow in ["/etc/shadow", "//etc/./shadow", "/etc/../etc/shadow", "/../etc/shadow"] {
            assert_eq!(by(shadow, 1000, &[]), Some(Denial::File(bits(b"/etc/shadow"))), "{shadow}");
        }
        assert_eq!(by("/etc", 1000, &[]), Some(Denial::File(bits(b"/etc"))));
        assert_eq!(by("/root/.ssh/id", 0, &[]), Some(Denial::Hidden(b"/root".into())));
        assert_eq!((by("/etc/up", 1000, &[]), by("/etc/up", 1000, &[50])), (dir("/team"), not_made("/team")));
        assert_eq!(by("/team/far/x", 0, &[]), Some(Denial::Served(b"/team/far".into(), "nfs4".into())));
        for unknown in ["relative", "/gone/x", "/etc/shadow/x", "/etc/round", "/proc/self", "/proc/self/x"] {
            assert_eq!(by(unknown, 1000, &[]), None, "{unknown}");
        }
    }

    #[test]
    fn bits_are_shown_as_ls_has_them() {
        assert_eq!(shown(bits(b"/team")), "drwxr-x--- 0:50");
        assert_eq!(shown(bits(b"/etc/shadow")), "-rw-r----- 0:42");
    }

    #[test]
    fn links_of_the_host_are_followed() {
        let scratch = std::env::temp_dir().join(format!("opentop-links-{}", std::process::id()));
        std::fs::create_dir_all(scratch.join("a/b")).unwrap();
        std::fs::write(scratch.join("a/f"), "").unwrap();
        std::os::unix::fs::symlink("../../a/b/../f", scratch.join("a/b/link")).unwrap();
        let by = |name: &str| denial(scratch.join(name).as_os_str().as_bytes(), (0, &[]), &Host);
        let found = (by("a/b/link"), by("a/b/none"));
        std::fs::remove_dir_all(&scratch).unwrap();
        assert!(
            matches!(found.0, Some(Denial::File(Bits { mode, .. })) if mode & libc::S_IFMT == libc::S_IFREG),
            "{found:?}"
        );
        assert!(matches!(&found.1, Some(Denial::NotMade(dir, _)) if dir.ends_with(b"a/b")), "{found:?}");
        assert!(matches!(denial(b"/proc/1/stat", (0, &[]), &Host), Some(Denial::File(_))));
    }

    /// A program that never answers for what it has mounted. The kernel itself gives the root of it.
    #[test]
    #[ignore = "needs root: make test"]
    fn nobody_is_asked_who_could_keep_us_waiting() {
        let scratch = std::env::temp_dir().join(format!("opentop-served-{}", std::process::id()));
        std::fs::create_dir(&scratch).unwrap();
        let device = std::fs::File::options().read(true).write(true).open("/dev/fuse").unwrap();
        rustix::io::fcntl_setfd(&device, rustix::io::FdFlags::empty()).unwrap();
        let number = std::os::fd::AsRawFd::as_raw_fd(&device);
        let options = format!("fd={number},rootmode=40000,user_id=0,group_id=0");
        let mount = std::process::Command::new("mount")
            .args(["-i", "-t", "fuse.opentop", "-o", &options, "silent"])
            .arg(&scratch)
            .status();
        let (answer, answers) = std::sync::mpsc::channel();
        let path = scratch.join("dir/secret").into_os_string().into_encoded_bytes();
        std::thread::spawn(move || answer.send(denied_by(&path, 1000)));
        let answer = answers.recv_timeout(std::time::Duration::from_secs(20));
        // Whoever waits for it, waits no longer.
        drop(device);
        let unmounted = std::process::Command::new("umount").arg("-l").arg(&scratch).status();
        std::fs::remove_dir(&scratch).unwrap();
        assert!(mount.unwrap().success() && unmounted.unwrap().success());
        let answer = answer.expect("an answer");
        assert!(answer.contains("(fuse.opentop), which could keep who asks it waiting"), "{answer}");
    }
}
