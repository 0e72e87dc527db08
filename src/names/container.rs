//! Which container, and which systemd unit, a cgroup belongs to: read off its path, nothing asked of any daemon.
//!
//! Every container manager names its cgroups by a pattern of its own, and a cgroup is found by the innermost component
//! that fits one. A unit (`nginx.service`, `session-3.scope`) is no container; it is what processes outside of
//! containers are grouped by.

use std::fmt;

/// A container, as far as the path of its cgroup tells.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Container {
    /// Who runs it: `docker`, `containerd`, `cri-o`, `podman`, `lxc`, `nspawn`, `kubernetes`, `ecs`; `container`
    /// where only its id tells that it is one.
    pub runtime: &'static str,
    /// Its name where the path has it, otherwise the first twelve digits of its id, as `docker ps` shows them.
    pub name: String,
    /// The whole id, where the path has that.
    pub id: Option<String>,
}

impl fmt::Display for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.runtime, self.name)
    }
}

/// Components `PREFIX ID`, with or without `.scope`. The id must look like one: `crio-conmon-ID` is the monitor of a
/// container and `docker-proxy.scope` somebody's service.
const ID_PREFIXES: [(&str, &str); 6] = [
    ("docker-", "docker"),
    ("cri-containerd-", "containerd"),
    ("nerdctl-", "containerd"),
    ("crio-", "cri-o"),
    ("libpod-payload-", "podman"),
    ("libpod-", "podman"),
];

/// Components `PREFIX NAME SUFFIX`, where the name is whatever its owner chose.
const NAME_PATTERNS: [(&str, &str, &str); 3] =
    [("lxc.payload.", "", "lxc"), ("systemd-nspawn@", ".service", "nspawn"), ("machine-", ".scope", "nspawn")];

/// A component that is nothing but an id belongs to whoever has the cgroup around it.
const PARENTS: [(&str, &str); 3] = [("docker", "docker"), ("kubepods", "kubernetes"), ("ecs", "ecs")];

/// systemd-machined registers virtual machines too (`machine-qemu\x2d1\x2dweb.scope`).
const VIRTUAL_MACHINE: &str = "qemu-";

/// Digits of an id that are shown.
const SHORT: usize = 12;

/// Digits of a whole id.
const WHOLE: usize = 64;

/// The innermost container that the cgroup at `path` lies in, if any. `path` is as in `/proc/PID/cgroup`.
pub fn container_of(path: &str) -> Option<Container> {
    let parts: Vec<&str> = path.split('/').collect();
    (0..parts.len())
        .rev()
        .find_map(|at| by_id(parts[at]).or_else(|| by_name(&parts, at)).or_else(|| bare_id(&parts, at)))
}

/// The innermost systemd unit around the cgroup at `path`: a service or a scope, not a slice.
pub fn unit_of(path: &str) -> Option<&str> {
    let mut units = path.rsplit('/').filter(|part| part.ends_with(".service") || part.ends_with(".scope"));
    let innermost = units.next()?;
    // Each service manager keeps itself in an init.scope: the unit around it says which manager.
    let around = (innermost == "init.scope").then(|| units.next()).flatten();
    Some(around.unwrap_or(innermost))
}

fn by_id(part: &str) -> Option<Container> {
    // `PARENT.slice:cri-containerd:ID`: a systemd name used where cgroups are made by hand.
    if let Some((rest, id)) = part.rsplit_once(':') {
        let manager = rest.rsplit(':').next()?;
        let (_, runtime) = ID_PREFIXES.iter().find(|(prefix, _)| prefix.trim_end_matches('-') == manager)?;
        return container(runtime, id);
    }
    let name = part.strip_suffix(".scope").unwrap_or(part);
    ID_PREFIXES.iter().find_map(|(prefix, runtime)| container(runtime, name.strip_prefix(prefix)?))
}

fn by_name(parts: &[&str], at: usize) -> Option<Container> {
    let named = |runtime, name: &str| Container { runtime, name: unescape_unit(name), id: None };
    // LXC before version 4, and Proxmox: `/lxc/NAME`.
    if at > 0 && parts[at - 1] == "lxc" && !parts[at].is_empty() {
        return Some(named("lxc", parts[at]));
    }
    NAME_PATTERNS
        .iter()
        .find_map(|(prefix, suffix, runtime)| {
            let name = parts[at].strip_prefix(prefix)?.strip_suffix(suffix)?;
            (!name.is_empty()).then(|| named(*runtime, name))
        })
        .filter(|found| !found.name.starts_with(VIRTUAL_MACHINE))
}

fn bare_id(parts: &[&str], at: usize) -> Option<Container> {
    let whole = parts[at].len() == WHOLE;
    let owner = parts[..at].iter().rev().find_map(|part| {
        PARENTS.iter().find(|(parent, _)| part.split(['.', '-']).next() == Some(parent)).map(|(_, runtime)| *runtime)
    });
    whole.then(|| container(owner.unwrap_or("container"), parts[at])).flatten()
}

fn container(runtime: &'static str, id: &str) -> Option<Container> {
    let is_id = id.len() >= SHORT && id.bytes().all(|b| b.is_ascii_hexdigit());
    is_id.then(|| Container { runtime, name: id[..SHORT].to_owned(), id: Some(id.to_owned()) })
}

/// A unit's name without systemd's own escapes: `my\x2dbox` is `my-box`.
fn unescape_unit(name: &str) -> String {
    String::from_utf8_lossy(&crate::escape::unescape(name)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4f3c2a1b0d9e8f7a6b5c4d3e2f1a0b9c8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f3a";
    const POD: &str = "pod2b1a8c3e_5f1d_4a8e_9d6b_0c7e1f2a3b4c";

    /// (cgroup, container, unit); ID and POD stand for what follows above.
    const CGROUPS: [(&str, &str, &str); 36] = [
        ("/", "", ""),
        ("/init.scope", "", "init.scope"),
        ("/system.slice/nginx.service", "", "nginx.service"),
        ("/system.slice/nginx.service/worker", "", "nginx.service"),
        ("/system.slice/system-getty.slice/getty@tty1.service", "", "getty@tty1.service"),
        ("/user.slice/user-1000.slice/session-3.scope", "", "session-3.scope"),
        ("/user.slice/user-1000.slice/user@1000.service/init.scope", "", "user@1000.service"),
        (
            "/user.slice/user-1000.slice/user@1000.service/app.slice/app-gnome-firefox-2311.scope",
            "",
            "app-gnome-firefox-2311.scope",
        ),
        ("/user.slice/user-1000.slice", "", ""),
        ("/docker/ID", "docker:4f3c2a1b0d9e", ""),
        ("/docker/ID/sub/group", "docker:4f3c2a1b0d9e", ""),
        ("/system.slice/docker-ID.scope", "docker:4f3c2a1b0d9e", "docker-ID.scope"),
        ("/system.slice/docker-ID.scope/init.scope", "docker:4f3c2a1b0d9e", "docker-ID.scope"),
        (
            "/user.slice/user-1000.slice/user@1000.service/user.slice/docker-ID.scope",
            "docker:4f3c2a1b0d9e",
            "docker-ID.scope",
        ),
        ("/system.slice/docker.service", "", "docker.service"),
        ("/system.slice/docker-proxy.scope", "", "docker-proxy.scope"),
        ("/kubepods/burstable/POD/ID", "kubernetes:4f3c2a1b0d9e", ""),
        (
            "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-POD.slice/cri-containerd-ID.scope",
            "containerd:4f3c2a1b0d9e",
            "cri-containerd-ID.scope",
        ),
        (
            "/system.slice/containerd.service/kubepods-burstable-POD.slice:cri-containerd:ID",
            "containerd:4f3c2a1b0d9e",
            "containerd.service",
        ),
        ("/kubepods.slice/kubepods-POD.slice/crio-ID.scope", "cri-o:4f3c2a1b0d9e", "crio-ID.scope"),
        ("/kubepods.slice/kubepods-POD.slice/crio-ID.scope/container", "cri-o:4f3c2a1b0d9e", "crio-ID.scope"),
        ("/kubepods.slice/kubepods-POD.slice/crio-conmon-ID.scope", "", "crio-conmon-ID.scope"),
        (
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-POD.slice/docker-ID.scope",
            "docker:4f3c2a1b0d9e",
            "docker-ID.scope",
        ),
        ("/machine.slice/libpod-ID.scope/container", "podman:4f3c2a1b0d9e", "libpod-ID.scope"),
        ("/machine.slice/libpod-conmon-ID.scope", "", "libpod-conmon-ID.scope"),
        ("/system.slice/web.service/libpod-payload-ID", "podman:4f3c2a1b0d9e", "web.service"),
        ("/libpod_parent/libpod-ID", "podman:4f3c2a1b0d9e", ""),
        ("/system.slice/nerdctl-ID.scope", "containerd:4f3c2a1b0d9e", "nerdctl-ID.scope"),
        ("/ecs/cluster/ID", "ecs:4f3c2a1b0d9e", ""),
        ("/build.slice/ID", "container:4f3c2a1b0d9e", ""),
        ("/lxc.payload.web-1/system.slice/cron.service", "lxc:web-1", "cron.service"),
        ("/lxc.monitor.web-1", "", ""),
        ("/lxc/101/ns/system.slice/cron.service", "lxc:101", "cron.service"),
        (r"/machine.slice/machine-my\x2dbox.scope/payload", "nspawn:my-box", r"machine-my\x2dbox.scope"),
        ("/machine.slice/systemd-nspawn@deb.service/payload/system.slice/ssh.service", "nspawn:deb", "ssh.service"),
        (r"/machine.slice/machine-qemu\x2d1\x2dweb.scope/libvirt/emulator", "", r"machine-qemu\x2d1\x2dweb.scope"),
    ];

    #[test]
    fn containers_and_units_of_real_cgroups() {
        for (cgroup, container, unit) in CGROUPS {
            let path = cgroup.replace("POD", POD).replace("ID", ID);
            let found = container_of(&path).map(|c| c.to_string()).unwrap_or_default();
            assert_eq!(found, container, "container of {path}");
            assert_eq!(unit_of(&path).unwrap_or_default(), unit.replace("ID", ID), "unit of {path}");
        }
    }

    #[test]
    fn the_innermost_container_counts() {
        let node = ID.replace('4', "9");
        let path = format!("/docker/{node}/kubepods.slice/kubepods-{POD}.slice/cri-containerd-{ID}.scope");
        assert_eq!(container_of(&path).map(|c| c.to_string()).as_deref(), Some("containerd:4f3c2a1b0d9e"));
    }
}
