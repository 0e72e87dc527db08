//! What numbers are called, users and cgroups, and which packages files belong to.
//!
//! Users are read from `/etc/passwd` by hand: the C library's way needs shared objects that a static binary does not
//! have, and may ask a server over the network while something is broken. A user from elsewhere shows as a number.

pub(crate) mod accounts;
mod container;
pub(crate) mod engines;
pub mod mounts;
pub(crate) mod packages;
pub(crate) mod permissions;
pub(crate) mod pods;
pub mod process;
pub mod processes;

use crate::bounded::Bounded;
use crate::escape::escape;
use crate::event::{Batch, CgroupName, ProcessName, Source};
use crate::names::container::{Container, container_of, unit_of};
use crate::names::processes::Processes;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

/// The longest name of a container, in bytes.
pub const CONTAINER_NAME_MAX: usize = pods::NAME_MAX;

/// What the container that the cgroup at `path` is of was called, as the files of who runs it below `root` have it: for
/// one in a pod of Kubernetes `NAMESPACE/POD/CONTAINER`.
pub(crate) fn container_name(root: &Path, path: &[u8]) -> Option<Vec<u8>> {
    engines::container_name(root, path).or_else(|| pods::container_name(root, path).map(String::into_bytes))
}

/// A container's place in Kubernetes. Its texts are bytes as those of an event are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pod<'a> {
    pub namespace: &'a [u8],
    pub name: &'a [u8],
    /// `NAMESPACE/POD`.
    pub full_name: &'a [u8],
}

/// A cgroup. Its texts are bytes as those of an event are: whoever shows them escapes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cgroup {
    /// Path below the root of the hierarchy.
    pub path: Vec<u8>,
    /// The container that it lies in, as `docker:web-1`, or as `containerd:NAMESPACE/POD/CONTAINER`;
    /// `docker:0123456789ab` where its name is not known.
    pub container: Option<Vec<u8>>,
    /// All digits of the container's id, where it has one.
    pub container_id: Option<Vec<u8>>,
    /// The systemd service or scope around it.
    pub unit: Option<Vec<u8>>,
    /// The container's name begins with those of its namespace and pod.
    in_pod: bool,
}

impl Cgroup {
    pub fn new(path: &[u8]) -> Self {
        Self::named(path, None)
    }

    /// The cgroup at `path`, and what its container is called if that is known.
    pub fn named(path: &[u8], name: Option<&[u8]>) -> Self {
        let text = String::from_utf8_lossy(path);
        let container = container_of(&text);
        let label = |container: &Container| match name.filter(|_| container.id.is_some()) {
            Some(name) => [container.runtime.as_bytes(), b":", name].concat(),
            None => container.to_string().into_bytes(),
        };
        Self {
            in_pod: pods::is_in_pod(&text) && name.is_some_and(|name| pods::parts(name).is_some()),
            path: path.to_owned(),
            container: container.as_ref().map(label),
            container_id: container.and_then(|container| container.id).map(String::into_bytes),
            unit: unit_of(&text).map(|unit| unit.as_bytes().to_owned()),
        }
    }

    /// The unit, else the path.
    pub fn unit_or_path(&self) -> &[u8] {
        self.unit.as_deref().unwrap_or(&self.path)
    }

    /// What to group by: the container, else the unit, else the path.
    pub fn group(&self) -> &[u8] {
        self.container.as_deref().or(self.unit.as_deref()).unwrap_or(&self.path)
    }

    /// Who runs the container that it lies in: `docker`, `containerd`, `kubernetes` where only its cgroup is known.
    pub fn runtime(&self) -> Option<&[u8]> {
        self.container.as_deref()?.splitn(2, |&byte| byte == b':').next()
    }

    /// The container's own name, without its pod's; the first digits of its id where it is not known.
    pub fn container_name(&self) -> Option<&[u8]> {
        let name = self.whole_name()?;
        match pods::parts(name).filter(|_| self.in_pod) {
            Some([_, _, container]) => Some(container),
            None => Some(name),
        }
    }

    /// The pod, if it lies in one whose names are known.
    pub fn pod(&self) -> Option<Pod<'_>> {
        let whole = self.whole_name().filter(|_| self.in_pod)?;
        let [namespace, name, _] = pods::parts(whole)?;
        Some(Pod { namespace, name, full_name: &whole[..namespace.len() + 1 + name.len()] })
    }

    /// The container's name with those of its namespace and pod, as far as it has them.
    pub fn whole_name(&self) -> Option<&[u8]> {
        self.container.as_deref()?.splitn(2, |&byte| byte == b':').nth(1)
    }
}

/// Bytes of cgroups that are known at a time, each as [`cgroup_bytes`] has it: some ten thousand. Whoever tells of them
/// must do so again for what goes beyond, which is forgotten.
pub const CGROUPS_BYTES: usize = 4 << 20;

/// The same of each of several hosts.
pub const CGROUPS_BYTES_OF_ONE: usize = 512 << 10;

/// Users that each of several hosts may name.
const USERS_MAX: usize = 4096;

/// What a cgroup takes at most: its path, a container's name and id and a unit's that are parts of it, and a name.
pub fn cgroup_bytes(path: &[u8], name: Option<&[u8]>) -> usize {
    2 * size_of::<Cgroup>() + 4 * path.len() + 2 * name.map_or(0, <[u8]>::len)
}

/// The names known so far.
#[derive(Clone, Debug)]
pub struct Names {
    users: HashMap<(u8, u32), String>,
    user_ids: HashMap<String, u32>,
    /// Of each host apart, so that none makes another's forgotten.
    cgroups: HashMap<u8, Bounded<Cgroup>>,
    cgroups_bytes: usize,
    /// Which programs processes run, where that is told.
    processes: Option<Processes>,
    /// What hosts are called, displayable; the first is the only one, where there is but one.
    hosts: Vec<String>,
    /// What the only one calls itself, displayable.
    own_host: String,
    filters: BTreeMap<String, String>,
}

impl Names {
    /// The users of this host. Without a readable `/etc/passwd` they show as numbers.
    pub fn of_host() -> Self {
        Self::from_passwd(&fs::read("/etc/passwd").unwrap_or_default())
    }

    /// No users: in a recording from another host this host's names would be wrong.
    pub fn without_users() -> Self {
        Self {
            users: HashMap::new(),
            user_ids: HashMap::new(),
            filters: BTreeMap::new(),
            cgroups: HashMap::new(),
            cgroups_bytes: CGROUPS_BYTES,
            processes: None,
            hosts: vec![String::new()],
            own_host: String::new(),
        }
    }

    /// Several hosts, by what they are called; what is known of them they tell.
    pub fn of_hosts(hosts: &[String]) -> Self {
        let shown = hosts.iter().map(|host| escape(host.as_bytes()));
        let hosts = std::iter::once(String::new()).chain(shown).collect();
        Self { hosts, cgroups_bytes: CGROUPS_BYTES_OF_ONE, ..Self::without_users() }
    }

    /// The same names for a host that somebody else calls `host`.
    pub fn called(self, host: &str) -> Self {
        Self { hosts: vec![escape(host.as_bytes())], ..self }
    }

    /// What the host with this number is called, displayable.
    pub fn host(&self, number: u8) -> &str {
        self.hosts.get(usize::from(number)).map_or("", String::as_str)
    }

    /// The same, of the only host what it calls itself.
    pub fn own_host(&self, number: u8) -> &str {
        match self.host(number) {
            "" => &self.own_host,
            called => called,
        }
    }

    /// Takes note of what the only host calls itself, displayable.
    pub fn learn_own_host(&mut self, host: &str) {
        host.clone_into(&mut self.own_host);
    }

    /// How many hosts there are, where there are several.
    pub fn hosts(&self) -> usize {
        self.hosts.len() - 1
    }

    /// Takes note of what a host calls a user, unless it has called too many.
    pub fn learn_user(&mut self, host: u8, uid: u32, name: &str) {
        if self.users.len() < USERS_MAX * self.hosts.len() || self.users.contains_key(&(host, uid)) {
            self.users.insert((host, uid), escape(name.as_bytes()));
        }
    }

    /// The users in `passwd`, in the format of passwd(5); lines that do not have it are left out. Where several users
    /// share a number the first gives the name, as everywhere.
    pub fn from_passwd(passwd: &[u8]) -> Self {
        let mut names = Self::without_users();
        for line in passwd.split(|&b| b == b'\n') {
            let mut fields = line.split(|&b| b == b':');
            let (Some(user), Some(_), Some(uid)) = (fields.next(), fields.next(), fields.next()) else { continue };
            let Some(uid) = str::from_utf8(uid).ok().and_then(|uid| uid.parse().ok()) else { continue };
            let user = escape(user);
            names.users.entry((0, uid)).or_insert_with(|| user.clone());
            names.user_ids.entry(user).or_insert(uid);
        }
        names
    }

    /// From now on `@name` stands for this expression in filters.
    pub fn name_filter(&mut self, name: &str, expression: &str) {
        self.filters.insert(name.to_owned(), expression.to_owned());
    }

    /// The expression that `@name` stands for.
    pub fn filter(&self, name: &str) -> Option<&str> {
        self.filters.get(name).map(String::as_str)
    }

    /// All named filters: name and expression.
    pub fn filters(&self) -> impl Iterator<Item = (&str, &str)> {
        self.filters.iter().map(|(name, expression)| (name.as_str(), expression.as_str()))
    }

    /// The names of the users, in no order.
    pub fn users(&self) -> impl Iterator<Item = &str> {
        self.user_ids.keys().map(String::as_str)
    }

    /// The user's name, or the number where it has none.
    pub fn user(&self, uid: u32) -> Cow<'_, str> {
        self.user_of(0, uid)
    }

    /// The same on one of several hosts.
    pub fn user_of(&self, host: u8, uid: u32) -> Cow<'_, str> {
        match self.users.get(&(host, uid)) {
            Some(name) => name.as_str().into(),
            None => uid.to_string().into(),
        }
    }

    /// The number of a user given by name or by number.
    pub fn user_id(&self, user: &str) -> Option<u32> {
        self.user_ids.get(user).copied().or_else(|| user.parse().ok())
    }

    /// Takes note of a cgroup that a batch names.
    pub fn learn(&mut self, cgroup: &CgroupName) {
        let name = cgroup.name.as_deref();
        let most = self.cgroups_bytes;
        let cgroups = self.cgroups.entry(Source::host_of_cgroup(cgroup.id)).or_insert_with(|| Bounded::new(most));
        cgroups.insert(cgroup.id, Cgroup::named(&cgroup.path, name), cgroup_bytes(&cgroup.path, name));
    }

    /// Takes note of what a batch tells of processes; see [`Processes::learn`].
    pub fn learn_processes(&mut self, batch: &Batch, told: &[(usize, ProcessName)]) {
        if !told.is_empty() {
            self.processes.get_or_insert_default().learn(batch, told);
        }
    }

    /// Which programs processes run, if that was told of any.
    pub fn processes(&self) -> Option<&Processes> {
        self.processes.as_ref()
    }

    /// All cgroups that batches have named, in no order.
    pub fn cgroups(&self) -> impl Iterator<Item = &Cgroup> {
        self.cgroups.values().flat_map(Bounded::values)
    }

    /// The cgroup, if a batch has named it.
    pub fn cgroup(&self, id: u64) -> Option<&Cgroup> {
        self.cgroups.get(&Source::host_of_cgroup(id))?.get(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &[u8] = b"root:x:0:0:root:/root:/bin/bash\ntoor:x:0:0::/root:/bin/sh\n\
        www-data:x:33:33::/var/www:/usr/sbin/nologin\n# a comment\nbroken:x\nbad:x:nan:0::/:\nev\x1bil:x:666:0::/:\n\
        +::::::\n";

    #[test]
    fn users_have_names_and_strangers_numbers() {
        let names = Names::from_passwd(PASSWD);
        assert_eq!(names.user(0), "root");
        assert_eq!(names.user(33), "www-data");
        assert_eq!(names.user(666), r"ev\x1bil");
        assert_eq!(names.user(4_000_000_000), "4000000000");
        assert_eq!(Names::without_users().user(0), "0");
    }

    #[test]
    fn users_are_found_by_name_and_by_number() {
        let names = Names::from_passwd(PASSWD);
        assert_eq!(names.user_id("www-data"), Some(33));
        assert_eq!(names.user_id("toor"), Some(0));
        assert_eq!(names.user_id("12345"), Some(12345));
        assert_eq!(names.user_id("nobody-here"), None);
        assert_eq!(names.user_id("-1"), None);
        assert_eq!(Names::without_users().user_id("root"), None);
    }

    #[test]
    fn this_host_has_a_root() {
        assert_eq!(Names::of_host().user(0), "root");
    }

    #[test]
    fn cgroups_are_learnt() {
        let mut names = Names::without_users();
        let id = "0123456789abcdef".repeat(4);
        let told = [(7, format!("/system.slice/docker-{id}.scope")), (8, "/system.slice/ssh.service".into())];
        for (id, path) in told {
            names.learn(&CgroupName { name: None, id, path: path.into_bytes() });
        }
        let docker = names.cgroup(7).unwrap();
        assert_eq!(docker.group(), b"docker:0123456789ab");
        assert_eq!(names.cgroup(8).unwrap().group(), b"ssh.service");
        assert_eq!(names.cgroup(8).unwrap().container, None);
        assert_eq!(names.cgroup(9), None);
        assert_eq!(Cgroup::new(b"/").group(), b"/");
    }

    #[test]
    fn a_container_in_a_pod_is_told_with_its_pod() {
        let id = "0123456789abcdef".repeat(4);
        let path = format!("/kubepods/burstable/pod2b1a8c3e-5f1d-4a8e-9d6b-0c7e1f2a3b4c/{id}");
        let cgroup = Cgroup::named(path.as_bytes(), Some(b"prod/web-1/nginx"));
        assert_eq!(cgroup.group(), b"kubernetes:prod/web-1/nginx");
        assert_eq!(
            (cgroup.runtime(), cgroup.container_name(), cgroup.pod()),
            (
                Some(&b"kubernetes"[..]),
                Some(&b"nginx"[..]),
                Some(Pod { namespace: b"prod", name: b"web-1", full_name: b"prod/web-1" })
            )
        );
        let unknown = Cgroup::new(path.as_bytes());
        assert_eq!((unknown.pod(), unknown.container_name()), (None, Some(&b"0123456789ab"[..])));
        // A name with slashes is no pod's elsewhere, nor one with more or fewer.
        let docker = format!("/docker/{id}");
        for (path, name) in [(&docker, "a/b/c"), (&path, "a/b"), (&path, "a//c"), (&path, "a/b/c/d")] {
            let cgroup = Cgroup::named(path.as_bytes(), Some(name.as_bytes()));
            assert_eq!((cgroup.pod(), cgroup.container_name()), (None, Some(name.as_bytes())), "{name}");
        }
        let escaped = Cgroup::new(br"/machine.slice/machine-a\x2fb\x2fc.scope");
        assert_eq!((escaped.pod(), escaped.container_name()), (None, Some(&b"a/b/c"[..])));
        let ssh = Cgroup::new(b"/system.slice/ssh.service");
        assert_eq!((ssh.pod(), ssh.runtime(), ssh.container_name()), (None, None, None));
    }

    #[test]
    fn a_container_has_its_own_name_without_the_escapes_of_systemd() {
        let cgroup = Cgroup::new(br"/machine.slice/machine-a\x1b.scope");
        assert_eq!(cgroup.container.as_deref(), Some(&b"nspawn:a\x1b"[..]));
        assert_eq!(Cgroup::new(b"/a\xff").path, b"/a\xff");
    }
}
