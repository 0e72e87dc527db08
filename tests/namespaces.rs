//! In namespaces of its own opentop is told other pids and another time than the kernel's.

mod common;

use common::lines::Line;
use common::tracer::{Ended, Tracer};
use common::{Scratch, needs_root, opentop};
use std::fs::File;
use std::process::Command;
use std::time::{Duration, SystemTime};

/// opentop in new namespaces of its own.
fn in_namespaces(namespaces: &[&str], args: &[&str]) -> Command {
    let program = opentop::<&str>([]).get_program().to_owned();
    let mut command = Command::new("unshare");
    command.args(namespaces).arg("--").arg(program).args(args);
    command
}

fn unshared(namespaces: &[&str], args: &[&str]) -> Ended {
    Tracer::of(in_namespaces(namespaces, args)).wait()
}

#[test]
#[ignore = "needs root: make test"]
fn in_a_pid_namespace_the_command_is_followed_and_opentop_hidden() {
    needs_root();
    let scratch = Scratch::new();
    let file = scratch.file("file", "");
    let script = format!("cat '{}'; (cat '{0}')", file.display());
    let ended = unshared(&["-p", "-f", "--mount-proc"], &["-o", "json", "--", "/bin/sh", "-c", &script]).well();
    let opens = ended.opens();
    assert_eq!(opens.iter().filter(|open| open.is_at(&file)).count(), 2, "{opens:#?}");
    assert!(opens.iter().all(|open| open.comm != "opentop" && open.comm != "tracer"), "{opens:#?}");
    assert!(ended.summary().hidden > 0, "its own opens are counted as hidden");
}

#[test]
#[ignore = "needs root: make test"]
fn in_a_pid_namespace_opentop_hides_itself_and_not_the_process_with_its_number() {
    needs_root();
    let scratch = Scratch::new();
    let canary = scratch.file("canary", "");
    let mut tracer = Tracer::of(in_namespaces(&["-p", "-f", "--mount-proc"], &["-o", "json", "-d", "2"]));
    let at_canary = |line: &str| Line::parse(line).open().is_some_and(|open| open.is_at(&canary));
    tracer.wait_until(at_canary, || drop(File::open(&canary)));
    let unshare = tracer.pid();
    let children = std::fs::read_to_string(format!("/proc/{unshare}/task/{unshare}/children")).expect("its children");
    let own: u32 = children.trim().parse().expect("opentop, as the host numbers it");
    let ended = tracer.wait().well();
    assert!(ended.summary().hidden > 0);
    assert!(ended.opens().iter().all(|open| open.pid != own), "an open of its own");
}

#[test]
#[ignore = "needs root: make test"]
fn a_tree_of_pids_that_are_not_the_hosts_is_refused() {
    needs_root();
    let ended = unshared(&["-p", "-f", "--mount-proc"], &["--tree", "-p", "1", "-d", "1"]);
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("--pid=host") && ended.stderr.lines().count() == 1, "{}", ended.stderr);
}

#[test]
#[ignore = "needs root: make test"]
fn in_a_time_namespace_times_are_the_hosts() {
    needs_root();
    let scratch = Scratch::new();
    let file = scratch.file("file", "");
    let before = SystemTime::now() - Duration::from_secs(1);
    let args = ["-o", "json", "--", "cat", file.to_str().expect("a path in UTF-8")];
    let ended = unshared(&["-T", "--monotonic", "864000", "--boottime", "864000"], &args).well();
    let opens = ended.opens();
    let open = opens.iter().find(|open| open.is_at(&file)).expect("the open");
    let time: SystemTime = open.time.parse::<jiff::Timestamp>().expect("a time").into();
    assert!(before <= time && time <= SystemTime::now() + Duration::from_secs(1), "{time:?}");
}

#[test]
#[ignore = "needs root: make test"]
fn its_own_opens_are_seen_by_the_self_test_also_where_they_are_shown() {
    needs_root();
    let ended = Tracer::start(["-o", "json", "--self", "-d", "1"]).wait().well();
    assert_eq!(ended.summary().hidden, 0);
    assert!(ended.opens().iter().any(|open| open.name.as_deref() == Some("/.opentop-looks-at-itself")));
}

#[test]
#[ignore = "needs root: make test"]
fn the_root_of_a_user_namespace_is_told_that_he_is_one() {
    needs_root();
    for args in [&["-o", "json", "-d", "1"][..], &["check"]] {
        let ended = unshared(&["-U", "-r"], args);
        let said = [ended.lines.join("\n"), ended.stderr].concat();
        assert_eq!(ended.status.code(), Some(1), "{said}");
        assert!(said.contains("user namespace") && !said.contains("libbpf"), "{said}");
    }
}
