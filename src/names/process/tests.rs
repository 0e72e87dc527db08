use super::*;
use crate::event::sample;
use std::os::unix::process::CommandExt as _;

#[test]
fn the_fields_are_found_behind_any_command() {
    let line = b"12 (a) S 1 (\xffb) R 8 12 12 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 3 0 4711 99 1";
    let (stat, ticks) = parse(line).unwrap();
    assert_eq!((stat.comm.as_slice(), stat.ppid, stat.threads, ticks), (&b"a) S 1 (\xffb"[..], 8, 3, 4711));
    assert!(!stat.ended);
    for broken in [&b""[..], b"12 (a", b"12 )a(", b"12 (a) S", b"12 (a) S x 12 12 0 -1 1 1 2 3 4 5 6 7 8 20 0 3 0 1"] {
        assert_eq!(parse(broken), None);
    }
}

#[test]
fn of_a_child_that_was_not_waited_for_nothing_is_told() {
    let mut child = std::process::Command::new("true").spawn().unwrap();
    let pid = child.id();
    while !stat(pid).unwrap().ended {
        std::thread::yield_now();
    }
    assert_eq!((identity((pid, 0)), descriptors((pid, 0))), (None, None));
    child.wait().unwrap();
}

#[test]
fn the_v2_path_is_found_among_others() {
    let hybrid = b"12:cpu,cpuacct:/a\n1:name=systemd:/b\n0::/user.slice/c:d\n";
    assert_eq!(default_path(hybrid), Some(&b"/user.slice/c:d"[..]));
    assert_eq!(default_path(b"12:cpu:/a\n"), None);
}

#[test]
fn a_child_has_this_process_as_its_parent_and_has_just_started() {
    let before = crate::clock::Moment::now().ts_ns;
    let mut child = std::process::Command::new("sleep").arg("10").spawn().unwrap();
    let stat = stat(child.id());
    child.kill().unwrap();
    child.wait().unwrap();
    let stat = stat.unwrap();
    assert_eq!(stat.ppid, std::process::id());
    assert!(stat.start_ns + TICK_NS >= before && stat.start_ns <= crate::clock::Moment::now().ts_ns, "{stat:?}");
    assert_eq!(super::stat(u32::MAX), None);
}

#[test]
fn who_a_child_is_and_that_it_is_no_longer() {
    let dir = std::env::temp_dir();
    let mut child = std::process::Command::new("sleep").args(["10", "0.0"]).current_dir(&dir).spawn().unwrap();
    // Until it runs the program it is a copy of this process.
    while !fs::read(format!("/proc/{}/cmdline", child.id())).unwrap().starts_with(b"sleep") {
        assert_eq!(child.try_wait().unwrap(), None);
        std::thread::yield_now();
    }
    let start_ns = stat(child.id()).unwrap().start_ns;
    let found = identity((child.id(), start_ns)).unwrap();
    let other = identity((child.id(), start_ns + 3 * TICK_NS + slept()));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(found.command_line.as_deref(), Ok(&b"sleep\x0010\x000.0\0"[..]));
    assert_eq!(found.directory, Ok(dir.canonicalize().unwrap().into_os_string().into_vec()));
    assert!(found.executable.unwrap().starts_with(b"/"));
    assert_eq!((found.parents[0].0, found.parents.last().unwrap().0), (std::process::id(), 1));
    assert!(found.descriptors.unwrap().open >= 1);
    assert_eq!((other, identity((child.id(), start_ns)), descriptors((child.id(), start_ns))), (None, None, None));
}

/// Whatever a process makes of itself, what is read is bounded, and as it is.
#[test]
fn a_hostile_process_is_told_as_it_is() {
    let dir = std::env::temp_dir().join(format!("opentop-hostile-{}", std::process::id()));
    fs::create_dir(&dir).unwrap();
    let program = dir.join("sh (deleted)\n\x1b[2J");
    fs::copy("/bin/sh", &program).unwrap();
    let name = "\x1b]0;owned\x07\n";
    let long = "x".repeat(64 << 10);
    let mut command = std::process::Command::new(&program);
    command.arg0(name).args(["-c", "read x; :"]).args(std::iter::repeat_n(&long, 16));
    command.current_dir(&dir).stdin(std::process::Stdio::piped());
    let mut child = loop {
        match command.spawn() {
            // A child of another test has the copy's descriptor for a moment.
            Err(why) if why.kind() == io::ErrorKind::ExecutableFileBusy => std::thread::yield_now(),
            spawned => break spawned.unwrap(),
        }
    };
    while !fs::read(format!("/proc/{}/cmdline", child.id())).unwrap().starts_with(name.as_bytes()) {
        assert_eq!(child.try_wait().unwrap(), None);
        std::thread::yield_now();
    }
    fs::remove_dir_all(&dir).unwrap();
    let found = identity((child.id(), stat(child.id()).unwrap().start_ns)).unwrap();
    drop(child.stdin.take());
    child.wait().unwrap();
    let line = found.command_line.unwrap();
    assert!(found.cut && line.len() as u64 == COMMAND_LINE_MAX && line.starts_with(name.as_bytes()));
    let gone = |path: &std::path::Path| format!("{} (deleted)", path.display()).into_bytes();
    assert_eq!((found.executable, found.directory), (Ok(gone(&program)), Ok(gone(&dir))));
    assert!(found.comm.len() <= 15 && found.comm.starts_with(b"sh (deleted)\n"));
}

/// A hundred thousand descriptors are counted, or said to be many.
fn open_many() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    let file = File::open("/dev/null").unwrap();
    let room = limit.maximum.map_or(usize::MAX, |most| most.saturating_sub(1000) as usize);
    let files: Vec<_> = (0..room.min(100_000)).map(|_| file.try_clone().unwrap()).collect();
    assert!(files.len() > 1000, "the limit of this process is too low to try it");
    match count_descriptors(std::process::id()) {
        Ok(found) => assert!(found.open as usize >= files.len(), "{found:?}"),
        Err(why) => assert!(why == Unknown::Many && files.len() > COUNTED_MAX, "{why:?}"),
    }
}

#[test]
fn a_program_is_told_where_the_process_is_as_it_was_at_the_event() {
    let pid = std::process::id();
    let own = stat(pid).unwrap();
    let event = OpenEvent { pid, start_ns: own.start_ns, ppid: own.ppid, comm: &own.comm, ..sample() };
    let found = name_of(&event);
    assert_eq!(found.exe, link(pid, "exe").ok());
    assert_eq!(found.parent.unwrap(), stat(own.ppid).unwrap().comm);
    // It has started another program since.
    assert_eq!(name_of(&OpenEvent { comm: b"before", ..event }).exe, None);
    // One that began at boot is not this one, and has no parent that is younger.
    let other = name_of(&OpenEvent { start_ns: 1, ppid: pid, ..event });
    assert_eq!((other.exe, other.parent), (None, None));
}

#[test]
fn a_child_has_the_mounts_of_this_process_until_it_is_gone() {
    let mut child = std::process::Command::new("sleep").arg("10").spawn().unwrap();
    let start_ns = stat(child.id()).unwrap().start_ns;
    let shares = |start_ns| shares_mounts((child.id(), start_ns));
    let found = (shares(start_ns), shares(start_ns + 3 * TICK_NS + slept()));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!((found, shares_mounts((child.id(), start_ns))), ((Some(true), None), None));
}

#[test]
#[ignore = "needs root: make test"]
fn who_has_other_mounts_or_another_root_does_not_share_them() {
    for wrap in [["unshare", "-m", "sleep", "10"], ["chroot", "/usr", "bin/sleep", "10"]] {
        let mut child = std::process::Command::new(wrap[0]).args(&wrap[1..]).spawn().unwrap();
        let id = (child.id(), stat(child.id()).unwrap().start_ns);
        // Until it is what it is to be it still has those of this process.
        let mut shares = Some(true);
        while shares == Some(true) && child.try_wait().unwrap().is_none() {
            shares = shares_mounts(id);
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(shares, Some(false), "{wrap:?}");
    }
}

#[test]
fn what_this_process_opens_is_counted() {
    // Not in a test of its own: both count the descriptors of the same process.
    open_many();
    let own = (std::process::id(), 0);
    let before = descriptors(own).unwrap();
    let files: Vec<_> = (0..100).map(|_| File::open("/dev/null").unwrap()).collect();
    let after = descriptors(own).unwrap();
    // Other tests open files meanwhile, but hardly close a hundred.
    assert!(after.open > before.open, "{before:?} {after:?}");
    drop(files);
    assert_eq!(limit(b"Limit  Soft\nMax open files            1024                 4096   files\n"), Some(1024));
    assert_eq!(limit(b"Max open files            unlimited            unlimited            files\n"), None);
}
