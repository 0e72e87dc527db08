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
    /// Whether nobody else answers for what is in it, such as a server, or with FUSE another user's program. Who asks
    /// those waits for as long as they like; with FUSE not even SIGKILL ends that.
    pub fn is_local(&self) -> bool {
        LOCAL.contains(&&*self.kind)
    }
}

/// What is mounted and can be reached: neither what lies below something mounted later, nor what that was mounted on.
#[derive(Debug, Default)]
pub struct Mounts {
    /// In the order of their paths, component by component, so that what lies in a mount stands right behind it.
    list: Vec<Mount>,
    within: Vec<Within>,
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
        let mut reached: HashMap<&[u8], &Line> = HashMap::new();
        let mut parents = vec![None];
        while let Some(parent) = parents.pop() {
            let children = in_order(on.remove(&parent).unwrap_or_default());
            let within = within(children.iter().map(|line| line.point.as_slice()));
            // A path leads into the first of them that it comes by.
            for (line, _) in children.iter().zip(within).filter(|(_, within)| within.nearest.is_none()) {
                // Takes the place of what was mounted there before.
                reached.insert(&line.point, line);
                parents.push(Some(line.id));
            }
        }
        let mount = |line: &Line| Mount { point: line.point.clone(), kind: line.kind.to_vec() };
        let list: Vec<_> = in_order(reached).into_iter().map(mount).collect();
        Self { within: within(list.iter().map(|mount| mount.point.as_slice())), list }
    }

    /// The number of the mount that an absolute path without `.` and `..` lies in. Links are not followed. However deep
    /// the path is: it may be a stranger's.
    pub fn find(&self, path: &[u8]) -> Option<u32> {
        let behind = self.list.partition_point(|mount| components(&mount.point).cmp(components(path)).is_le());
        let mut at = behind.checked_sub(1)?;
        let common = common(&self.list[at].point, path);
        while self.within[at].depth > common {
            at = self.within[at].nearest?;
        }
        Some(at as u32)
    }

    /// The mount of this number.
    pub fn get(&self, number: u32) -> Option<&Mount> {
        self.list.get(number as usize)
    }
}

/// The components of a path, of which the root has the first alone, an empty one.
fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.strip_suffix(b"/").unwrap_or(path).split(|byte| *byte == b'/')
}

/// How many components two paths begin with alike.
fn common(one: &[u8], other: &[u8]) -> usize {
    components(one).zip(components(other)).take_while(|(one, other)| one == other).count()
}

fn in_order<'a, 'b>(by_point: HashMap<&[u8], &'a Line<'b>>) -> Vec<&'a Line<'b>> {
    let mut lines: Vec<_> = by_point.into_values().collect();
    lines.sort_unstable_by(|a, b| components(&a.point).cmp(components(&b.point)));
    lines
}

/// How a path lies among others.
#[derive(Clone, Copy, Debug)]
struct Within {
    depth: usize,
    /// The nearest of the others that it lies in.
    nearest: Option<usize>,
}

/// How each of these paths, which are in order, lies among them.
fn within<'a>(points: impl Iterator<Item = &'a [u8]>) -> Vec<Within> {
    let mut all: Vec<Within> = Vec::new();
    let mut before: &[u8] = b"";
    for point in points {
        let common = common(before, point);
        let mut nearest = all.len().checked_sub(1);
        while let Some(at) = nearest
            && all[at].depth > common
        {
            nearest = all[at].nearest;
        }
        all.push(Within { depth: components(point).count(), nearest });
        before = point;
    }
    all
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

/// A path in a list of mounts, with the characters that `\040` and the like stand for.
pub(crate) fn unescape(field: &[u8]) -> Vec<u8> {
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

    /// Whoever opens such paths, or mounts what is his at them, makes nobody slow.
    #[test]
    fn in_deep_paths_the_nearest_is_found_at_once() {
        let deep = "/a".repeat(2000);
        let lines: Vec<_> = (0..1000)
            .map(|n| format!("{} {} 0:1 / {} rw - fuse x rw", n + 1, n, &deep[..if n == 0 { 1 } else { 4 * n }]))
            .collect();
        let mounts = parsed(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(mounts.list.len(), 1000);
        for n in (0..20_000).map(|n| n % 1000) {
            let path = format!("{}/b", &deep[..4 * n]);
            assert_eq!(mounts.find(path.as_bytes()), Some(n as u32), "{n}");
        }
        assert_eq!(found(&mounts, "/a/a-/a").unwrap().0, "/");
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
