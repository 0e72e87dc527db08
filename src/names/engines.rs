//! What Docker and Podman call a container, from the files in which they keep it: no daemon is asked.
//!
//! Only what root alone can have written is believed: every directory on the way and the file are root's, nobody else
//! may write to them, and no link is followed. So a name is missing rather than forged, and the id stands for it. A
//! user's own containers (`/user.slice/...`) are not looked for, nor those inside of a container or of a service, which
//! may have been given cgroups of their own to make: who has one can give it the id of another's container.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::path::{Component, Path};

use rustix::fs::{FileType, Mode, OFlags, Stat, fstat, open, openat};
use serde::Deserialize;

use super::container::container_of;

/// The longest name that is taken, in bytes.
const NAME_MAX: usize = 255;

/// The largest file that is read. Podman's holds all of its containers, of which each takes about a kilobyte.
const FILE_MAX: u64 = 4 << 20;

/// Where Podman's storage drivers keep their containers, those that are removed at their end apart.
const PODMAN: [&str; 4] = ["overlay", "vfs", "btrfs", "zfs"];
const PODMAN_FILES: [&str; 2] = ["containers.json", "volatile-containers.json"];

#[derive(Deserialize)]
struct Docker {
    #[serde(rename = "Name")]
    name: String,
}

#[derive(Deserialize)]
struct Podman {
    id: String,
    #[serde(default)]
    names: Vec<String>,
}

/// The name of the container that the cgroup at `cgroup` is of, as the files below `root` have it.
pub(crate) fn container_name(root: &Path, cgroup: &[u8]) -> Option<Vec<u8>> {
    let cgroup = str::from_utf8(cgroup).ok().filter(|cgroup| !cgroup.starts_with("/user.slice/"))?;
    let container = container_of(cgroup)?;
    let id = container.id?;
    if !is_made_by_root(cgroup, &id) {
        return None;
    }
    let name = match container.runtime {
        "docker" => docker(root, &id),
        "podman" => podman(root, &id),
        _ => None,
    };
    name.filter(|name| (1..=NAME_MAX).contains(&name.len())).map(String::into_bytes)
}

/// Whether nothing but slices is around the cgroup with this id. An engine may have cgroups of the same id in one
/// another.
fn is_made_by_root(cgroup: &str, id: &str) -> bool {
    let mut around = cgroup.match_indices('/').map(|(at, _)| &cgroup[..at]).chain([cgroup]);
    let outermost = around.find_map(|path| Some((path, container_of(path)?)));
    outermost.is_some_and(|(path, container)| {
        container.id.as_deref() == Some(id) && !path.split('/').any(|part| part.ends_with(".service"))
    })
}

fn docker(root: &Path, id: &str) -> Option<String> {
    let file = read(root, &format!("var/lib/docker/containers/{id}/config.v2.json"))?;
    let Docker { name } = serde_json::from_slice(&file).ok()?;
    Some(name.trim_start_matches('/').to_owned())
}

fn podman(root: &Path, id: &str) -> Option<String> {
    let files = PODMAN.iter().flat_map(|driver| {
        PODMAN_FILES.iter().map(move |file| format!("var/lib/containers/storage/{driver}-containers/{file}"))
    });
    files.into_iter().find_map(|path| {
        let known: Vec<Podman> = serde_json::from_slice(&read(root, &path)?).ok()?;
        known.into_iter().find(|known| known.id == id)?.names.into_iter().next()
    })
}

/// The file at `path` below `root`, if nobody but root can have written it.
fn read(root: &Path, path: &str) -> Option<Vec<u8>> {
    const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
    // A pipe must not be waited for.
    const FILE: OFlags = OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);
    let path = Path::new(path);
    let mut directory = trusted(open(root, DIRECTORY, Mode::empty()).ok()?, FileType::Directory)?;
    for component in path.parent()?.components() {
        let Component::Normal(name) = component else { return None };
        directory = trusted(openat(&directory, name, DIRECTORY, Mode::empty()).ok()?, FileType::Directory)?;
    }
    let file = openat(&directory, path.file_name()?, FILE, Mode::empty()).ok()?;
    let mut file = File::from(trusted(file, FileType::RegularFile)?).take(FILE_MAX + 1);
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 <= FILE_MAX).then_some(bytes)
}

/// `opened`, if it is of this type, and root's alone to change.
pub(super) fn trusted(opened: OwnedFd, kind: FileType) -> Option<OwnedFd> {
    const OTHERS_MAY_WRITE: u32 = 0o022;
    let Stat { st_mode, st_uid, .. } = fstat(&opened).ok()?;
    let is_trusted = FileType::from_raw_mode(st_mode) == kind && st_uid == 0 && st_mode & OTHERS_MAY_WRITE == 0;
    is_trusted.then_some(opened)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
    use std::path::PathBuf;

    const ID: &str = "4f3c2a1b0d9e8f7a6b5c4d3e2f1a0b9c8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f3a";

    /// A directory of root's with the files of both engines, removed at the end.
    struct Root(PathBuf);

    impl Root {
        fn new(what: &str) -> Self {
            assert!(rustix::process::geteuid().is_root(), "this test makes files of root's: run it as root");
            let root = std::env::temp_dir().join(format!("opentop-engines-{what}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&root);
            let root = Self(root);
            root.write(&docker_file(), r#"{"ID":"x","Name":"/web-1"}"#);
            let all =
                format!(r#"[{{"id":"other","names":["no"]}},{{"id":"{ID}","names":["db","b"],"metadata":"{{}}"}}]"#);
            root.write("var/lib/containers/storage/vfs-containers/containers.json", &all);
            root
        }

        fn path(&self, path: &str) -> PathBuf {
            self.0.join(path)
        }

        fn write(&self, path: &str, text: &str) {
            fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
            fs::write(self.path(path), text).unwrap();
        }

        fn name(&self, cgroup: &str) -> Option<String> {
            container_name(&self.0, cgroup.replace("ID", ID).as_bytes()).map(|name| String::from_utf8(name).unwrap())
        }
    }

    impl Drop for Root {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn docker_file() -> String {
        format!("var/lib/docker/containers/{ID}/config.v2.json")
    }

    #[test]
    #[ignore = "needs root: make test"]
    fn containers_have_the_names_that_their_engines_keep() {
        let root = Root::new("names");
        assert_eq!(root.name("/system.slice/docker-ID.scope").as_deref(), Some("web-1"));
        assert_eq!(root.name("/docker/ID/init").as_deref(), Some("web-1"));
        assert_eq!(root.name("/machine.slice/libpod-ID.scope/container").as_deref(), Some("db"));
        assert_eq!(root.name("/machine.slice/libpod-ID.scope/libpod-payload-ID").as_deref(), Some("db"));
        let inside = format!("/docker/{}/docker-ID.scope", "0".repeat(64));
        for forged in [inside.as_str(), "/system.slice/web.service/docker-ID.scope", "/lxc/box/docker-ID.scope"] {
            assert_eq!(root.name(forged), None, "{forged}");
        }
        let others = ["/user.slice/user-1000.slice/libpod-ID.scope", "/system.slice/ssh.service", "/kubepods/POD/ID"];
        for nameless in others {
            assert_eq!(root.name(nameless), None, "{nameless}");
        }
    }

    #[test]
    #[ignore = "needs root: make test"]
    fn what_another_could_have_written_names_nothing() {
        const CGROUP: &str = "/docker/ID";
        let root = Root::new("strangers");
        let (file, directory) = (root.path(&docker_file()), root.path("var/lib/docker"));
        for (path, mode) in [(&file, 0o666), (&directory, 0o777)] {
            let before = fs::metadata(path).unwrap().permissions();
            fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
            assert_eq!(root.name(CGROUP), None, "{path:?} is anybody's");
            fs::set_permissions(path, before).unwrap();
            chown(path, Some(65_534), None).unwrap();
            assert_eq!(root.name(CGROUP), None, "{path:?} is another's");
            chown(path, Some(0), None).unwrap();
            assert_eq!(root.name(CGROUP).as_deref(), Some("web-1"));
        }
        for text in ["", "[]", r#"{"Name":""}"#, r#"{"Name":7}"#, "{\"Name\":\"/web-1\"}{"] {
            root.write(&docker_file(), text);
            assert_eq!(root.name(CGROUP), None, "{text}");
        }
        root.write(&docker_file(), &format!(r#"{{"Name":"/{}"}}"#, "a".repeat(NAME_MAX + 1)));
        assert_eq!(root.name(CGROUP), None, "too long");
        root.write(&docker_file(), &format!(r#"{{"Name":"/a"}}{}"#, " ".repeat(FILE_MAX as usize)));
        assert_eq!(root.name(CGROUP), None, "too large");
        root.write("elsewhere", r#"{"Name":"/a"}"#);
        fs::remove_file(&file).unwrap();
        symlink(root.path("elsewhere"), &file).unwrap();
        assert_eq!(root.name(CGROUP), None, "a link");
    }
}
