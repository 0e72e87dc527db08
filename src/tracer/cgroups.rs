//! Names of cgroups. A cgroup's id is also its file handle in the cgroup file system, so one system call finds its
//! path. That call needs `CAP_DAC_READ_SEARCH`; without it the path is read from `/proc/PID/cgroup` of the process that
//! opened.

use std::collections::VecDeque;
use std::ffi::{OsStr, c_int};
use std::fs;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::bounded::Bounded;
use crate::event::CgroupName;
use crate::names::mounts::unescape;
use crate::names::{CGROUPS_BYTES, cgroup_bytes, container_name, pods, process};

/// FILEID_KERNFS of `linux/exportfs.h`: a handle that is just the id.
const FILEID_KERNFS: c_int = 0xfe;

/// How often the name of a container is looked for again, how many are remembered for that, and how many of them are
/// looked for at a time, since each takes reading a directory.
const TRIES: u32 = 30;
const UNNAMED_MAX: usize = 256;
const TRIED_AT_A_TIME: usize = 8;

/// Looks up the name of each cgroup once, with its first event, while the cgroup most likely still exists.
#[derive(Debug)]
pub(super) struct Cgroups {
    /// Mount point of the v2 hierarchy, and a descriptor of it.
    root: Option<(PathBuf, OwnedFd)>,
    /// Those that were looked up. What is evicted is announced again, as the names evict it too.
    announced: Bounded<()>,
    /// Those whose containers had no names of their own yet, with the tries that are left: Kubernetes writes them down
    /// only after the start.
    unnamed: VecDeque<(CgroupName, u32)>,
    /// The cgroup of the latest event: events of the same cgroup tend to follow one another.
    last: u64,
}

impl Cgroups {
    pub(super) fn new() -> Self {
        let root = cgroup_mount().and_then(|mount| Some((mount.clone(), OwnedFd::from(fs::File::open(mount).ok()?))));
        Self { root, announced: Bounded::new(CGROUPS_BYTES), unnamed: VecDeque::new(), last: 0 }
    }

    /// To be called with the cgroup and the process of each event. Returns the cgroup's name the first time, if it has
    /// one.
    pub(super) fn see(&mut self, id: u64, pid: u32) -> Option<CgroupName> {
        if std::mem::replace(&mut self.last, id) == id || self.announced.get(id).is_some() {
            return None;
        }
        let path = self.resolve(id).or_else(|| self.of_process(id, pid));
        let name = path.as_deref().and_then(|path| container_name(Path::new("/"), path));
        self.announced.insert(id, (), cgroup_bytes(path.as_deref().unwrap_or_default(), name.as_deref()));
        let cgroup = CgroupName { id, path: path?, name };
        self.try_later(&cgroup, TRIES);
        Some(cgroup)
    }

    /// Looks again for names that were not to be had; those that have become known since. To be called now and then.
    pub(super) fn find_late_names(&mut self) -> Vec<CgroupName> {
        let again: Vec<_> = self.unnamed.drain(..self.unnamed.len().min(TRIED_AT_A_TIME)).collect();
        let mut found = Vec::new();
        for (mut cgroup, tries) in again {
            let name = container_name(Path::new("/"), &cgroup.path).or_else(|| cgroup.name.clone());
            let is_new = cgroup.name != name;
            cgroup.name = name;
            self.try_later(&cgroup, tries - 1);
            if is_new {
                self.announced.insert(cgroup.id, (), cgroup_bytes(&cgroup.path, cgroup.name.as_deref()));
                found.push(cgroup);
            }
        }
        found
    }

    fn try_later(&mut self, cgroup: &CgroupName, tries: u32) {
        let is_complete = pods::is_complete(&cgroup.path, cgroup.name.as_deref());
        if !is_complete && tries > 0 && self.unnamed.len() < UNNAMED_MAX {
            self.unnamed.push_back((cgroup.clone(), tries));
        }
    }

    /// The path below the mount point, `None` where the hierarchy is not mounted or the cgroup is gone.
    fn resolve(&self, id: u64) -> Option<Vec<u8>> {
        let (mount, root) = self.root.as_ref()?;
        let directory = open_by_id(root, id)?;
        let link = fs::read_link(format!("/proc/self/fd/{}", directory.as_raw_fd())).ok()?;
        let path = link.strip_prefix(mount).ok()?;
        Some([b"/", path.as_os_str().as_bytes()].concat())
    }

    /// The same, as far as it is the cgroup of this process now: another may have its pid, or it may have moved, so
    /// that the directory must have the id.
    fn of_process(&self, id: u64, pid: u32) -> Option<Vec<u8>> {
        let (mount, _) = self.root.as_ref()?;
        // One outside of what is mounted is named by the way up from there.
        let path = process::cgroup(pid).ok().filter(|path| !path.starts_with(b"/.."))?;
        let directory = mount.join(OsStr::from_bytes(path.strip_prefix(b"/")?));
        (fs::symlink_metadata(directory).ok()?.ino() == id).then_some(path)
    }
}

/// Where the cgroup v2 hierarchy is mounted, if it is.
pub fn cgroup_mount() -> Option<PathBuf> {
    v2_mounts(&fs::read("/proc/self/mounts").ok()?).find(|mount| is_cgroup2(mount))
}

/// Whether the directory is one of the v2 hierarchy.
pub fn is_cgroup2(directory: &Path) -> bool {
    rustix::fs::statfs(directory).is_ok_and(|found| found.f_type == libc::CGROUP2_SUPER_MAGIC)
}

/// The mount points of the cgroup v2 file system in `/proc/self/mounts`, whose other lines may hold anything. A later
/// mount may hide one.
fn v2_mounts(mounts: &[u8]) -> impl Iterator<Item = PathBuf> {
    let lines = mounts.split(|&byte| byte == b'\n').map(|line| line.split(|&byte| byte == b' '));
    lines.filter_map(|mut fields| {
        let mount = fields.nth(1)?;
        (fields.next()? == b"cgroup2").then(|| PathBuf::from(OsStr::from_bytes(&unescape(mount))))
    })
}

fn open_by_id(root: &OwnedFd, id: u64) -> Option<OwnedFd> {
    #[repr(C)]
    struct Handle {
        bytes: u32,
        kind: c_int,
        id: [u8; 8],
    }
    let mut handle = Handle { bytes: 8, kind: FILEID_KERNFS, id: id.to_ne_bytes() };
    // SAFETY: `handle` has the layout of `struct file_handle` with the 8 bytes that it announces, and outlives the
    // call.
    let fd =
        unsafe { libc::open_by_handle_at(root.as_raw_fd(), (&raw mut handle).cast(), libc::O_PATH | libc::O_CLOEXEC) };
    // SAFETY: a descriptor that the call has just returned belongs to nobody else.
    (fd >= 0).then(|| unsafe { OwnedFd::from_raw_fd(fd) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_v2_hierarchy_is_found_among_others() {
        let mounts = "tmpfs /sys/fs/cgroup tmpfs rw 0 0\ncgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n\
                      cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n";
        let found = |mounts: &[u8]| v2_mounts(mounts).collect::<Vec<_>>();
        assert_eq!(found(mounts.as_bytes()), [Path::new("/sys/fs/cgroup/unified")]);
        assert!(found(b"proc /proc proc rw 0 0\n").is_empty());
        let strange = b"x /mnt/\xff tmpfs rw 0 0\ncgroup2 /a\\040b\\134c cgroup2 rw 0 0\n";
        assert_eq!(found(strange), [Path::new("/a b\\c")]);
    }
}
