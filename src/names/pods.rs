//! What Kubernetes calls a container, from the files that its kubelet keeps beside the logs: no API server is asked,
//! and no token is needed.
//!
//! The path of a cgroup has the pod's UID and the container's id. `/var/log/pods` holds a directory `NAMESPACE_POD_UID`
//! for each pod, and `/var/log/containers` a link `POD_NAMESPACE_CONTAINER-ID.log` for each container, which appears
//! only after its start. Names of files are read, never what is in them, and no link is followed. Only directories that
//! nobody but root can change are believed, and a name is taken only if Kubernetes could have given it.

use std::ffi::CStr;
use std::path::Path;

use rustix::fs::{Dir, FileType, Mode, OFlags, open};

use super::container::container_of;
use super::engines::trusted;

/// Entries of a directory that are looked at: a host runs some hundred pods, and may have kept logs of others.
const ENTRIES_MAX: usize = 8192;

/// The longest name of a namespace or a container, and of a pod, in bytes.
const LABEL_MAX: usize = 63;
const POD_MAX: usize = 253;

/// The longest whole name: `NAMESPACE/POD/CONTAINER`.
pub const NAME_MAX: usize = 2 * LABEL_MAX + POD_MAX + 2;

/// The kubelet cuts a link's name to so many bytes, `.log` included, and so the id at its end...
const LINK_MAX: usize = 255;

/// ... of which so many digits must be left.
const ID_DIGITS: usize = 12;

/// A container of a pod, as its cgroup tells.
#[derive(Debug, PartialEq, Eq)]
struct Ids<'a> {
    /// With `-`, where the cgroup has `_` instead.
    pod: String,
    container: &'a str,
}

/// Whether the cgroup at `path` is of a container in a pod.
pub(crate) fn is_in_pod(path: &str) -> bool {
    pod_uid(path).is_some()
}

/// The name of the container that the cgroup at `path` is of, as the logs below `root` tell: `NAMESPACE/POD/CONTAINER`.
/// Its last part is the start of the container's id as long as there is no link of its own (or for good, as with the
/// container that holds a pod together), and there is no name at all before the pod has its directory.
pub(crate) fn container_name(root: &Path, path: &[u8]) -> Option<String> {
    let path = str::from_utf8(path).ok()?;
    let found = container_of(path)?;
    let ids = Ids { pod: made_by_kubelet(path)?, container: found.id.as_deref()? };
    let (namespace, pod) = entries(&root.join("var/log/pods"), |name| pod_of(name, &ids))?;
    let of_link = |name: &str| container_of_link(name, (&namespace, &pod), ids.container);
    let container = entries(&root.join("var/log/containers"), of_link);
    Some(format!("{namespace}/{pod}/{}", container.unwrap_or(found.name)))
}

/// Whether there is no more to be learnt of the container at `path` than `name`, which is of [`container_name`].
pub(crate) fn is_complete(path: &[u8], name: Option<&[u8]>) -> bool {
    let found = str::from_utf8(path).ok().filter(|path| made_by_kubelet(path).is_some()).and_then(container_of);
    let Some(unnamed) = found.map(|found| found.name) else { return true };
    name.and_then(parts).is_some_and(|[_, _, container]| container != unnamed.as_bytes())
}

/// The parts of a name as [`container_name`] gives it.
pub(crate) fn parts(name: &[u8]) -> Option<[&[u8]; 3]> {
    let mut parts = name.split(|&byte| byte == b'/');
    let three = [parts.next()?, parts.next()?, parts.next()?];
    (parts.next().is_none() && three.iter().all(|part| !part.is_empty())).then_some(three)
}

/// The UID of the pod around the cgroup at `path`: the innermost `podUID` or `…-podUID.slice` below a `kubepods`.
fn pod_uid(path: &str) -> Option<String> {
    let mut around = path.match_indices('/').map(|(at, _)| at).chain([path.len()]).rev();
    // A name of systemd's where cgroups are made by hand ends the slice with a colon.
    around.find_map(|end| uid_of(path[..end].rsplit('/').next()?, &path[..end]))
}

fn uid_of(part: &str, path: &str) -> Option<String> {
    let slice = part.split(':').next()?;
    let name = slice.strip_suffix(".slice").unwrap_or(slice);
    let uid = name.rsplit_once("-pod").map_or_else(|| name.strip_prefix("pod"), |(_, uid)| Some(uid))?;
    let uid = uid.replace('_', "-");
    (is_uid(&uid) && path.contains("kubepods")).then_some(uid)
}

/// The same, if only the kubelet can have made the cgroup: whoever runs in a service or in a container may have been
/// given cgroups of their own to make, and could give them another's UID.
fn made_by_kubelet(path: &str) -> Option<String> {
    let uid = pod_uid(path)?;
    let parts: Vec<_> = path.split('/').collect();
    let at = parts.iter().position(|part| uid_of(part, path).is_some())?;
    let is_outermost = uid_of(parts[at], path).as_ref() == Some(&uid);
    let above = parts[..at].join("/");
    let in_another = container_of(&above).is_some() || parts[..at].iter().any(|part| is_delegated(part));
    (is_outermost && !in_another).then_some(uid)
}

/// Whether somebody else may make cgroups below this one. containerd's own service is root's.
fn is_delegated(part: &str) -> bool {
    (part.ends_with(".service") && part != "containerd.service") || part.ends_with(".scope") || part == "user.slice"
}

/// A UID, or the hash that stands for it where the kubelet has the pod from a file.
fn is_uid(uid: &str) -> bool {
    matches!(uid.len(), 32 | 36) && uid.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// Namespace and pod, if the directory is that of the pod.
fn pod_of(directory: &str, ids: &Ids<'_>) -> Option<(String, String)> {
    let (namespace, pod) = directory.strip_suffix(&ids.pod)?.strip_suffix('_')?.split_once('_')?;
    (is_label(namespace, LABEL_MAX) && is_label(pod, POD_MAX)).then(|| (namespace.to_owned(), pod.to_owned()))
}

/// The container, if the link is of its log.
fn container_of_link(link: &str, (namespace, pod): (&str, &str), id: &str) -> Option<String> {
    let rest = link.strip_suffix(".log")?.strip_prefix(pod)?.strip_prefix('_')?.strip_prefix(namespace)?;
    let (container, digits) = rest.strip_prefix('_')?.rsplit_once('-')?;
    let is_cut = link.len() == LINK_MAX && digits.len() >= ID_DIGITS && id.starts_with(digits);
    ((digits == id || is_cut) && is_label(container, LABEL_MAX)).then(|| container.to_owned())
}

/// Whether Kubernetes gives such names: lower-case letters, digits, `-` and `.`.
fn is_label(name: &str, longest: usize) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    (1..=longest).contains(&name.len()) && name.bytes().all(allowed)
}

/// The first thing that is found by the name of an entry, if nobody but root can have made it.
fn entries<T>(directory: &Path, find: impl Fn(&str) -> Option<T>) -> Option<T> {
    const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
    let opened = trusted(open(directory, DIRECTORY, Mode::empty()).ok()?, FileType::Directory)?;
    let names = Dir::new(opened).ok()?.take(ENTRIES_MAX).map_while(Result::ok);
    names.into_iter().find_map(|entry| CStr::to_str(entry.file_name()).ok().and_then(&find))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
    use std::path::PathBuf;

    const ID: &str = "4f3c2a1b0d9e8f7a6b5c4d3e2f1a0b9c8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f3a";
    const UID: &str = "2b1a8c3e-5f1d-4a8e-9d6b-0c7e1f2a3b4c";
    const SYSTEMD: &str =
        "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podUID.slice/cri-containerd-ID.scope";

    /// The path with the ids in it, as systemd's driver or that without it writes them.
    fn cgroup(path: &str) -> String {
        let uid = if path.contains(".slice") { UID.replace('-', "_") } else { UID.to_owned() };
        path.replace("UID", &uid).replace("ID", ID)
    }

    #[test]
    fn pods_of_real_cgroups() {
        let of_pods = [
            SYSTEMD,
            "/kubepods.slice/kubepods-podUID.slice/crio-ID.scope/container",
            "/kubepods/burstable/podUID/ID",
            "/kubepods/podUID/ID/init",
            "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/\
             kubelet-kubepods-besteffort-podUID.slice/cri-containerd-ID.scope",
            "/system.slice/containerd.service/kubepods-burstable-podUID.slice:cri-containerd:ID",
        ];
        for path in of_pods {
            assert_eq!(made_by_kubelet(&cgroup(path)).as_deref(), Some(UID), "{path}");
            assert!(is_in_pod(&cgroup(path)));
        }
        let hash = "0123456789abcdef0123456789abcdef";
        assert_eq!(pod_uid(&format!("/kubepods/pod{hash}/{ID}")).as_deref(), Some(hash));
        for path in ["/", "/kubepods/burstable", "/system.slice/podman.service", "/podUID/ID", "/kubepods/podder/ID"] {
            assert_eq!(pod_uid(&cgroup(path)), None, "{path}");
        }
    }

    #[test]
    fn cgroups_that_another_may_have_made_name_no_pod() {
        let node = "0".repeat(64);
        let forged = [
            format!("/docker/{node}/kubepods/podUID/ID"),
            "/system.slice/web.service/kubepods/podUID/ID".to_owned(),
            "/user.slice/user-1000.slice/kubepods/podUID/ID".to_owned(),
            format!("/kubepods/pod{}/{node}/kubepods/podUID/ID", UID.replace('2', "9")),
        ];
        for path in forged {
            assert_eq!(made_by_kubelet(&cgroup(&path)), None, "{path}");
        }
    }

    #[test]
    fn links_are_of_one_container_also_where_their_names_are_cut() {
        let of = |link: &str, pod: &str| container_of_link(link, ("prod", pod), ID);
        assert_eq!(of(&format!("web-1_prod_nginx-{ID}.log"), "web-1").as_deref(), Some("nginx"));
        assert_eq!(of(&format!("web-1_prod_side-car-{ID}.log"), "web-1").as_deref(), Some("side-car"));
        for link in ["web-1_prod_nginx-0123.log", "web-1_prod_nginx-4f3c2a1b0d9e8f7a.log", "web-1_prod_nginx.log"] {
            assert_eq!(of(link, "web-1"), None, "{link}");
        }
        for link in [format!("web-1_prod_-{ID}.log"), format!("web-1_prod_\x1b[2J-{ID}.log")] {
            assert_eq!(of(&link, "web-1"), None, "{link:?}");
        }
        let cut = |pod: &str| format!("{}.log", &format!("{pod}_prod_nginx-{ID}")[..LINK_MAX - 4]);
        let pod = "p".repeat(200);
        assert_eq!(of(&cut(&pod), &pod).as_deref(), Some("nginx"));
        let pod = "p".repeat(230);
        assert_eq!(of(&cut(&pod), &pod), None, "too few digits are left");
    }

    /// A directory of root's with the logs of one pod, removed at the end.
    struct Root(PathBuf);

    impl Root {
        fn new(what: &str) -> Self {
            assert!(rustix::process::geteuid().is_root(), "this test makes files of root's: run it as root");
            let root = std::env::temp_dir().join(format!("opentop-pods-{what}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&root);
            fs::create_dir_all(root.join("var/log/containers")).unwrap();
            let root = Self(root);
            root.pod(&format!("prod_web-1_{UID}"));
            root
        }

        fn pod(&self, name: &str) {
            fs::create_dir_all(self.0.join("var/log/pods").join(name)).unwrap();
        }

        fn link(&self) {
            let link = format!("var/log/containers/web-1_prod_nginx-{ID}.log");
            symlink("/nowhere", self.0.join(link)).unwrap();
        }

        fn name(&self, path: &str) -> Option<String> {
            container_name(&self.0, cgroup(path).as_bytes())
        }
    }

    impl Drop for Root {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    #[ignore = "needs root: make test"]
    fn containers_of_pods_have_names_once_their_links_are_there() {
        let root = Root::new("names");
        let early = root.name(SYSTEMD).unwrap();
        assert_eq!(early, "prod/web-1/4f3c2a1b0d9e");
        assert!(!is_complete(cgroup(SYSTEMD).as_bytes(), Some(early.as_bytes())));
        assert!(!is_complete(cgroup(SYSTEMD).as_bytes(), None));
        assert!(is_complete(b"/system.slice/ssh.service", None));
        root.link();
        for path in [SYSTEMD, "/kubepods/burstable/podUID/ID", "/kubepods/podUID/ID/init"] {
            let name = root.name(path).unwrap();
            assert_eq!(name, "prod/web-1/nginx");
            assert!(is_complete(cgroup(path).as_bytes(), Some(name.as_bytes())));
        }
        assert_eq!(root.name("/kubepods/burstable/podUID"), None, "no container");
        assert_eq!(root.name("/kubepods/pod00000000-5f1d-4a8e-9d6b-0c7e1f2a3b4c/ID"), None, "no such pod");
    }

    #[test]
    #[ignore = "needs root: make test"]
    fn what_another_could_have_written_names_nothing() {
        let root = Root::new("strangers");
        let pods = root.0.join("var/log/pods");
        fs::set_permissions(&pods, Permissions::from_mode(0o777)).unwrap();
        assert_eq!(root.name(SYSTEMD), None, "anybody's");
        fs::set_permissions(&pods, Permissions::from_mode(0o755)).unwrap();
        chown(&pods, Some(65_534), None).unwrap();
        assert_eq!(root.name(SYSTEMD), None, "another's");
        chown(&pods, Some(0), None).unwrap();
        assert!(root.name(SYSTEMD).is_some());
        fs::rename(&pods, root.0.join("elsewhere")).unwrap();
        symlink(root.0.join("elsewhere"), &pods).unwrap();
        assert_eq!(root.name(SYSTEMD), None, "a link");
        fs::remove_file(&pods).unwrap();
        for hostile in [format!("\x1b[2J_web_{UID}"), format!("_web_{UID}"), format!("a_b_c_{UID}"), UID.to_owned()] {
            root.pod(&hostile);
            assert_eq!(root.name(SYSTEMD), None, "{hostile:?}");
        }
    }
}
