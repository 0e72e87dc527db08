//! Files and sockets that others lay out for root to step on: none of them is touched, whatever the environment says.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::fs::inotify;

use super::Recording;
use super::pty::Pty;

/// A user who is nobody, as sudo would tell it.
const UID: u32 = 61_234;

/// A directory that goes when the test does.
struct Dir(PathBuf);

impl Dir {
    fn new(path: &Path) -> Self {
        std::fs::create_dir(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        Self(path.to_owned())
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Tells of whatever happens to a directory and what is in it.
struct Watch(rustix::fd::OwnedFd);

impl Watch {
    fn new(directories: &[&Path]) -> Self {
        let watch = inotify::init(inotify::CreateFlags::NONBLOCK | inotify::CreateFlags::CLOEXEC).expect("inotify");
        for directory in directories {
            inotify::add_watch(&watch, *directory, inotify::WatchFlags::ALL_EVENTS).expect("a watch");
        }
        Self(watch)
    }

    /// What has happened so far, with the names of the files.
    fn events(&self) -> Vec<String> {
        let mut buffer = [std::mem::MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(&self.0, &mut buffer);
        let mut events = Vec::new();
        while let Ok(event) = reader.next() {
            events.push(format!("{:?} {:?}", event.events(), event.file_name()));
        }
        events
    }
}

#[test]
fn no_bait_is_taken_by_copying_and_writing() {
    let recording = Recording::new("bait", 1, 50);
    let root = Dir::new(&std::env::temp_dir().join(format!("opentop-bait-{}", std::process::id())));
    let (work, home) = (root.0.join("work"), root.0.join("home"));
    // The directory that a tmux of this user would have.
    let server = Dir::new(Path::new(&format!("/tmp/tmux-{UID}")));
    for directory in [&work, &home] {
        std::fs::create_dir(directory).expect("a directory");
    }
    // The user may write where he is, whoever opentop is by then.
    std::fs::set_permissions(&work, std::fs::Permissions::from_mode(0o777)).expect("a directory for all");
    let socket = UnixListener::bind(server.0.join("default")).expect("a socket");
    socket.set_nonblocking(true).expect("a socket that does not wait");
    for name in ["tmux", "xclip", "wl-copy", "sh", ".tmux.conf", ".bashrc", "opentop.toml", "zone"] {
        let path = home.join(name);
        std::fs::write(&path, "#!/bin/sh\ncat >/dev/null\n").expect("bait");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("bait that can be run");
    }
    let watch = Watch::new(&[&home, &server.0]);

    let setting = |name: &str, value: &Path| format!("{name}={}", value.display());
    let ids = [format!("SUDO_UID={UID}"), format!("SUDO_GID={UID}"), "TERM=tmux-256color".to_owned()];
    let path = format!("PATH={}:/usr/bin:/bin", home.display());
    let directories = ["HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "XDG_DATA_HOME"];
    let chdir = setting("--chdir", &work);
    let mut args: Vec<String> = vec![chdir];
    args.extend(ids);
    args.extend(directories.map(|name| setting(name, &home)));
    args.extend([path, env!("CARGO_BIN_EXE_opentop").to_owned()]);
    args.extend(["replay", "--speed", "0", recording.path()].map(str::to_owned));
    let args: Vec<&str> = args.iter().map(String::as_str).collect();

    let mut pty = Pty::start("/usr/bin/env", &args, 120, 24);
    pty.wait_for("end of the recording", |text| text.contains("ENDED"));
    pty.keys("y");
    pty.wait_for("what came of copying", |text| text.contains("asked the terminal"));
    pty.keys("w\r");
    pty.wait_for("what came of writing", |text| text.contains("wrote the ranking"));
    pty.keys("q");
    assert_eq!(pty.wait_for_end().0, Some(0));
    let written = std::fs::read_dir(&work).expect("the working directory").next().expect("a file").expect("a file");
    let owner = std::os::unix::fs::MetadataExt::uid(&written.metadata().expect("its owner"));
    assert_eq!(owner, if rustix::process::geteuid().is_root() { UID } else { rustix::process::geteuid().as_raw() });
    assert!(String::from_utf8_lossy(&pty.bytes()).contains("\x1b]52;c;"), "no request to copy");
    assert_eq!(socket.accept().map_err(|why| why.kind()).err(), Some(std::io::ErrorKind::WouldBlock), "a connection");
    assert_eq!(watch.events(), Vec::<String>::new());
}

/// Neither where he may write nor where he may not: `sudo -u other` still says who called sudo.
#[test]
#[ignore = "needs root: make test"]
fn another_user_leaves_what_was_asked_for_and_nothing_else() {
    assert!(rustix::process::geteuid().is_root(), "this test becomes another user: run it as root");
    let recording = Recording::new("other", 1, 50);
    let root = Dir::new(&std::env::temp_dir().join(format!("opentop-other-{}", std::process::id())));
    let program = root.0.join("opentop");
    let copied = std::process::Command::new("cp").arg(env!("CARGO_BIN_EXE_opentop")).arg(&program).status();
    assert!(copied.expect("cp").success());
    let (theirs, roots) = (root.0.join("theirs"), root.0.join("roots"));
    for directory in [&theirs, &roots] {
        std::fs::create_dir(directory).expect("a directory");
    }
    std::os::unix::fs::chown(&theirs, Some(UID), Some(UID)).expect("a directory of theirs");
    for (directory, said, files) in [(&theirs, "wrote the ranking", 1), (&roots, "cannot write", 0)] {
        let [chdir, home] = ["--chdir", "HOME"].map(|name| format!("{name}={}", directory.display()));
        let uid = UID.to_string();
        let become_them = ["setpriv", "--reuid", &uid, "--regid", &uid, "--clear-groups"];
        let args = [&[&*chdir, "SUDO_UID=0", "SUDO_GID=0", &home][..], &become_them].concat();
        let replay = [program.to_str().expect("UTF-8"), "replay", "--speed", "0", recording.path()];
        let mut pty = Pty::start("/usr/bin/env", &[&args[..], &replay].concat(), 120, 24);
        pty.wait_for("end of the recording", |text| text.contains("ENDED"));
        pty.keys("/nginx\ry");
        pty.wait_for("what came of copying", |text| text.contains("asked the terminal"));
        pty.keys("w\r");
        pty.wait_for("what came of writing", |text| text.contains(said));
        pty.keys("q");
        assert_eq!(pty.wait_for_end().0, Some(0));
        let left: Vec<_> =
            std::fs::read_dir(directory).expect("a directory").map(|file| file.expect("a file")).collect();
        assert_eq!(left.len(), files, "{left:?}");
        for file in left {
            let metadata = file.metadata().expect("its owner");
            let text = std::fs::read_to_string(file.path()).expect("text");
            assert_eq!(std::os::unix::fs::MetadataExt::uid(&metadata), UID);
            assert!(text.contains("filter: nginx") && text.ends_with('\n'), "{text}");
        }
    }
}
