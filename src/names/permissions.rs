//! Which directory, or the file itself, keeps a user from a path: by owner, group and permission bits, as they are now.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::accounts::Account;
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
}

/// What keeps `uid` from `path` on this host, in words, for people.
pub fn denied_by(path: &[u8], uid: u32) -> String {
    let account = Account::find(OsStr::new(&uid.to_string())).filter(|account| account.uid == uid);
    let groups = account.map_or_else(Vec::new, |account| account.groups);
    let look = |path: &[u8]| {
        let file = fs::metadata(Path::new(OsStr::from_bytes(path)))?;
        Ok(Bits { mode: file.mode(), uid: file.uid(), gid: file.gid() })
    };
    match denial(path, (uid, &groups), &look) {
        None => "not to be told: its directory is not known, or is no more".into(),
        Some(Denial::Directory(dir, bits)) => format!("by the directory {} ({})", escape(&dir), shown(bits)),
        Some(Denial::File(bits)) => format!("by the file itself ({}), or by no permission bit", shown(bits)),
        Some(Denial::NotMade(dir, bits)) => format!("a new file, by its directory {} ({})", escape(&dir), shown(bits)),
        Some(Denial::Hidden(dir)) => format!("below {}, which only others may look into", escape(&dir)),
    }
}

/// What keeps a user with these groups from `path`. `None` where that cannot be told.
fn denial(path: &[u8], user: (u32, &[u32]), look: &dyn Fn(&[u8]) -> io::Result<Bits>) -> Option<Denial> {
    if !path.starts_with(b"/") {
        return None;
    }
    let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    let mut dir: &[u8] = b"/";
    for slash in slashes {
        let next = &path[..slash.max(1)];
        match look(next) {
            Ok(bits) if !may_search(bits, user) => return Some(Denial::Directory(next.to_vec(), bits)),
            Ok(_) => dir = next,
            Err(why) if why.kind() == io::ErrorKind::PermissionDenied => return Some(Denial::Hidden(dir.to_vec())),
            Err(_) => return None,
        }
    }
    match look(path) {
        Ok(bits) => Some(Denial::File(bits)),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Some(Denial::NotMade(dir.to_vec(), look(dir).ok()?)),
        Err(_) => Some(Denial::Hidden(dir.to_vec())),
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

    fn look(path: &[u8]) -> io::Result<Bits> {
        let dir = |mode, uid, gid| Ok(Bits { mode: libc::S_IFDIR | mode, uid, gid });
        match path {
            b"/" | b"/etc" => dir(0o755, 0, 0),
            b"/root" => dir(0o700, 0, 0),
            b"/team" => dir(0o750, 0, 50),
            b"/etc/shadow" => Ok(Bits { mode: libc::S_IFREG | 0o640, uid: 0, gid: 42 }),
            b"/root/.ssh" => Err(io::ErrorKind::PermissionDenied.into()),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    #[test]
    fn the_first_directory_that_does_not_let_him_pass_denies() {
        let by = |path: &str, uid, groups: &[u32]| denial(path.as_bytes(), (uid, groups), &look);
        let dir = |path: &str| Some(Denial::Directory(path.into(), look(path.as_bytes()).unwrap()));
        assert_eq!(by("/root/.ssh/id", 1000, &[]), dir("/root"));
        assert_eq!(by("/team/plan", 1000, &[]), dir("/team"));
        assert_eq!(by("/team/plan", 1000, &[50]), Some(Denial::NotMade(b"/team".into(), look(b"/team").unwrap())));
        assert_eq!(by("/etc/shadow", 1000, &[]), Some(Denial::File(look(b"/etc/shadow").unwrap())));
        assert_eq!(by("/root/.ssh/id", 0, &[]), Some(Denial::Hidden(b"/root".into())));
        assert_eq!(by("relative", 1000, &[]), None);
        assert_eq!(by("/gone/x", 1000, &[]), None);
    }

    #[test]
    fn bits_are_shown_as_ls_has_them() {
        assert_eq!(shown(look(b"/team").unwrap()), "drwxr-x--- 0:50");
        assert_eq!(shown(look(b"/etc/shadow").unwrap()), "-rw-r----- 0:42");
    }
}
