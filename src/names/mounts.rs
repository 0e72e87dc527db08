//! What is mounted where, as `/proc/self/mountinfo` has it for this process.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Read as _};

/// Bytes of the longest list that is read: that of some ten thousand containers.
const LIST_MAX: u64 = 4 << 20;

/// File systems that this kernel alone answers for.
const LOCAL: &[&[u8]] = &[
    b"bcachefs",
    b"btrfs",
    b"cgroup",
    b"cgroup2",
    b"configfs",
    b"debugfs",
    b"devpts",
    b"devtmpfs",
    b"efivarfs",
    b"erofs",
    b"exfat",
    b"ext2",
    b"ext3",
    b"ext4",
    b"f2fs",
    b"hugetlbfs",
    b"iso9660",
    b"jfs",
    b"mqueue",
    b"ntfs3",
    b"overlay",
    b"proc",
    b"pstore",
    b"ramfs",
    b"rootfs",
    b"securityfs",
    b"squashfs",
    b"sysfs",
    b"tmpfs",
    b"tracefs",
    b"udf",
    b"vfat",
    b"xfs",
    b"zfs",
];

/// Something mounted. Its texts are bytes as the kernel has them: whoever shows them escapes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The path at which it is.
    pub point: Vec<u8>,
    /// The type of its file system, as `nfs4`.
    pub kind: Vec<u8>,
}

impl Mount {
    /// Whether nobody else answers for what is in it, such as a server, or with FUSE another user's program. Who asks those waits
    /// for as long as they like; with FUSE not even SIGKILL ends that.
    pub fn is_local(&self) -> bool {
        LOCAL.contains(&&*self.kind)
    }
}

/// What is mounted and can be reached: neither what lies below something mounted later, nor what that was mounted on.
#[derive(Debug, Default)]
pub struct Mounts {
    list: Vec<Mount>,
    by_point: HashMap<Vec<u8>, u32>,
}

impl Mounts {
    /// What this process has mounted now.
    ///
    /// # Errors
    /// Where the list cannot be read, or is too long: with a part of it paths would lead to the wrong mount.
    pub fn read() -> io::Result<Self> {
        let mut list = Vec::new();
        File::open("/proc/self/mountinfo")?.take(LIST_MAX + 1).read_to_end(&mut list)?;
        if list.len() as u64 > LIST_MAX {
            return Err(io::Error::other("too many to be read"));
        }
        Ok(Self::parse(&list))
    }

    /// From lines in the format of proc(5); others are left out.
    pub fn parse(list: &[u8]) -> Self {
        let lines: Vec<_> = list.split(|byte| *byte == b'\n').filter_map(Line::parse).collect();
        let ids: HashSet<_> = lines.iter().map(|line| line.id).collect();
        // By their parents; `None`: the parent cannot be seen, or is the mount itself.
        let mut on: HashMap<Option<u32>, HashMap<&[u8], &Line>> = HashMap::new();
        for line in &lines {
            let parent = (line.parent != line.id && ids.contains(&line.parent)).then_some(line.parent);
            on.entry(parent).or_default().insert(&line.point, line);
        }
        let mut mounts = Self::default();
        let mut parents = vec![None];
        while let Some(parent) = parents.pop() {
            let Some(children) = on.remove(&parent) else { continue };
            for line in children.values() {
                // A path leads into the first of them that it comes by.
                if prefixes(&line.point).skip(1).all(|above| !children.contains_key(above)) {
                    mounts.insert(line);
                    parents.push(Some(line.id));
                }
            }
        }
        mounts
    }

    /// Takes the place of what was mounted there before.
    fn insert(&mut self, line: &Line) {
        let next = self.list.len() as u32;
        let at = *self.by_point.entry(line.point.clone()).or_insert(next);
        let mount = Mount { point: line.point.clone(), kind: line.kind.to_vec() };
        match self.list.get_mut(at as usize) {
            Some(known) => *known = mount,
            None => self.list.push(mount),
        }
    }

    /// The number of the mount that an absolute path without `.` and `..` lies in. Links are not followed.
    pub fn find(&self, path: &[u8]) -> Option<u32> {
        prefixes(path).find_map(|prefix| self.by_point.get(prefix)).copied()
    }

    /// The mount of this number.
    pub fn get(&self, number: u32) -> Option<&Mount> {
        self.list.get(number as usize)
    }
}

/// The path and the directories that it lies in, up to the root.
fn prefixes(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::successors(Some(path), |path| {
        let slash = path.iter().rposition(|byte| *byte == b'/')?;
        (path.len() > 1).then(|| &path[..slash.max(1)])
    })
}

struct Line<'a> {
    id: u32,
    parent: u32,
    point: Vec<u8>,
    kind: &'a [u8],
}

impl<'a> Line<'a> {
    fn parse(line: &'a [u8]) -> Option<Self> {
        let mut fields = line.split(|byte| *byte == b' ');
        let mut number = || str::from_utf8(fields.next()?).ok()?.parse().ok();
        let (id, parent) = (number()?, number()?);
        let point = unescape(fields.nth(2)?);
        let kind = fields.skip_while(|field| *field != b"-").nth(1)?;
        Some(Self { id, parent, point, kind })
    }
}

/// With the characters that `\040` and the like stand for.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, behind)) = rest.split_first() {
        let escaped = match behind {
            [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] if byte == b'\\' => {
                Some((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'))
            }
            _ => None,
        };
        bytes.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { &behind[3..] } else { behind };
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(mounts: &Mounts, path: &str) -> Option<(String, String)> {
        let Mount { point, kind } = mounts.get(mounts.find(path.as_bytes())?)?;
        Some((String::from_utf8_lossy(point).into_owned(), String::from_utf8_lossy(kind).into_owned()))
    }

    fn parsed(lines: &[&str]) -> Mounts {
        Mounts::parse(lines.join("\n").as_bytes())
    }

    #[test]
    fn a_path_lies_in_the_nearest_mount() {
        let mounts = parsed(&[
            "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard",
            "40 27 0:40 / /home rw shared:7 master:2 - nfs4 store:/home rw",
            r"41 40 0:41 / /home/a\040b\134\303\244 rw - fuse.sshfs x rw",
            "no line",
            "42 27 0:9 /",
        ]);
        let at = |point: &str, kind: &str| Some((point.to_owned(), kind.to_owned()));
        assert_eq!(found(&mounts, "/"), at("/", "ext4"));
        assert_eq!(found(&mounts, "/homes/x"), at("/", "ext4"));
        assert_eq!(found(&mounts, "/home"), at("/home", "nfs4"));
        assert_eq!(found(&mounts, "/home/x/y"), at("/home", "nfs4"));
        assert_eq!(found(&mounts, r"/home/a b\ä/f"), at(r"/home/a b\ä", "fuse.sshfs"));
        assert_eq!(mounts.find(b"relative"), None);
        assert!(mounts.list.iter().all(|mount| mount.is_local() == (mount.kind == b"ext4")));
    }

    #[test]
    fn what_is_covered_is_not_found() {
        let mounts = parsed(&[
            "1 1 0:1 / / rw - rootfs rootfs rw",
            "27 1 254:0 / / rw - ext4 /dev/vda rw",
            // The first in /a is below what was mounted on /a later, and so is the second's own child.
            "30 27 0:30 / /a/b rw - tmpfs hidden rw",
            "31 30 0:31 / /a/b/c rw - proc hidden rw",
            "32 27 0:32 / /a rw - xfs upper rw",
            "33 32 0:33 / /a/d rw - btrfs seen rw",
            "34 27 0:34 / /e rw - ext4 lower rw",
            "35 34 0:35 / /e rw - overlay over rw",
        ]);
        let kind = |path| found(&mounts, path).map(|(_, kind)| kind);
        for (path, expected) in
            [("/x", "ext4"), ("/a/b/c", "xfs"), ("/a/d/f", "btrfs"), ("/e/f", "overlay"), ("/ab", "ext4")]
        {
            assert_eq!(kind(path).as_deref(), Some(expected), "{path}");
        }
    }

    /// As after a chroot into what is no mount.
    #[test]
    fn without_a_root_what_lies_in_no_mount_is_not_known() {
        let mounts = parsed(&["50 27 0:5 / /proc rw - proc proc rw", "51 50 0:6 / /proc/x rw - autofs x rw"]);
        assert_eq!(found(&mounts, "/etc/passwd"), None);
        assert_eq!(found(&mounts, "/proc/x/y").map(|(_, kind)| kind).as_deref(), Some("autofs"));
    }

    #[test]
    fn this_host_has_a_proc() {
        let mounts = Mounts::read().unwrap();
        assert_eq!(found(&mounts, "/proc/self/stat"), Some(("/proc".to_owned(), "proc".to_owned())));
    }
}
