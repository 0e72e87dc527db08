//! The counts of processes that come and go: exact, in little room, and read without disturbing the kernel's probes.

mod common;
#[path = "screen/pty.rs"]
#[allow(dead_code, reason = "each test program uses its own part")]
mod pty;

use common::tracer::{Tracer, with_tracer};
use common::{Running, Scratch, needs_root, opener, succeed};
use libbpf_rs::{MapCore as _, MapHandle};
use opentop::message::{Message, Totals};
use opentop::tracer::{Command, Options};
use pty::Pty;
use rustix::process::Signal;
use serde::Deserialize;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Opens of each brief process.
const EACH: u64 = 3;

/// Held by whoever has brief processes: those of another test have the same name.
static BRIEF: Mutex<()> = Mutex::new(());

/// Lets so many processes live for a moment, by programs that each end within what a test waits for.
fn brief(dir: &Path, processes: u64) {
    const AT_A_TIME: u64 = 10_000;
    let dir = dir.to_str().expect("a plain path");
    for done in (0..processes).step_by(AT_A_TIME as usize) {
        let [each, processes] = [EACH, AT_A_TIME.min(processes - done)].map(|number| number.to_string());
        succeed(opener(["brief", dir, "--opens", &each, "--procs", &processes, "--missing"]));
    }
}

/// The map of processes that this process has.
fn map_of_processes() -> MapHandle {
    let infos = std::fs::read_dir("/proc/self/fdinfo").expect("descriptors").flatten();
    let infos = infos.filter_map(|info| std::fs::read_to_string(info.path()).ok());
    let ids = infos.filter_map(|info| info.lines().find_map(|line| line.strip_prefix("map_id:")?.trim().parse().ok()));
    let mut maps = ids.filter_map(|id| MapHandle::from_map_id(id).ok());
    maps.find(|map| map.name() == "processes").expect("a map of processes")
}

/// KiB of memory that nobody else has.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("a status");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("a line of the status");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// What was reported of brief processes.
#[derive(Debug, Default)]
struct Reported {
    /// Those that have ended, with all their opens.
    whole: u64,
    /// Those that have ended with another count than what they made.
    wrong: u64,
    totals: Totals,
}

/// More of them than the map has room for at once. BRIEF=200000 says how many; memory can only be seen to be flat where
/// they are many.
#[test]
#[ignore = "needs root: make test"]
fn each_of_many_brief_processes_is_counted_exactly_and_leaves_room_for_others() {
    needs_root();
    let processes = std::env::var("BRIEF").map_or(6000, |number| number.parse().expect("BRIEF=NUMBER"));
    let _alone = BRIEF.lock();
    let scratch = Scratch::new();
    // As slow as the map allows: the room is made in between.
    let options = Options { interval: Duration::from_secs(4), ..Options::default() };
    let (reported, largest, memory) = with_tracer(options, 64, |received, commands| {
        std::thread::scope(|scope| {
            let reading = scope.spawn(move || {
                let mut reported = Reported::default();
                for message in received {
                    let Message::Counts(counts) = message else { continue };
                    reported.totals = counts.totals;
                    for process in counts.processes.iter().filter(|process| process.comm == b"brief") {
                        let is_whole = (process.opens, process.failed) == (EACH, EACH);
                        reported.whole += u64::from(process.ended && is_whole);
                        reported.wrong += u64::from(process.ended && !is_whole);
                    }
                }
                reported
            });
            let map = map_of_processes();
            let storm = scope.spawn(|| brief(scratch.path(), processes));
            let (mut largest, mut memory, start) = (0, Vec::new(), Instant::now());
            while !storm.is_finished() {
                largest = map.keys().count().max(largest);
                memory.push(resident());
                std::thread::sleep(Duration::from_millis(50));
            }
            storm.join().expect("the storm");
            eprintln!("{processes} processes in {:?}, at most {largest} in the map", start.elapsed());
            commands.send(Command::Stop).expect("a tracer that runs");
            (reading.join().expect("the reading thread"), largest, memory)
        })
    });
    assert_eq!((reported.whole, reported.wrong, reported.totals.lost.overflow), (processes, 0, 0), "{reported:?}");
    assert!((1..32768 / 3).contains(&largest), "{largest} processes in the map");
    // What is usual counts: batches may wait for a moment on a busy host.
    let usual = |from: usize, to: usize| {
        let mut part = memory[memory.len() * from / 4..memory.len() * to / 4].to_vec();
        part.sort_unstable();
        part[part.len() / 2]
    };
    let (early, late) = (usual(1, 2), usual(3, 4));
    eprintln!("{early} KiB of memory in the second quarter, {late} KiB in the last");
    assert!(late < early + (4 << 10), "{early} KiB of memory in the second quarter, {late} KiB in the last");
}

/// What calls of bpf() do to maps.
const OPERATIONS: [&str; 4] = ["LOOKUP", "UPDATE", "DELETE", "NEXT_KEY"];

#[test]
#[ignore = "needs root: make test"]
fn nothing_is_done_to_a_map_while_it_traces() {
    needs_root();
    let _alone = BRIEF.lock();
    let scratch = Scratch::new();
    let mut screen = Pty::start(env!("CARGO_BIN_EXE_opentop"), &["-i", "0.2"], 120, 30);
    screen.wait_for("the ranking", |text| text.contains("exact"));
    let log = scratch.join("calls");
    let pid = screen.pid.as_raw_pid().to_string();
    let mut strace = std::process::Command::new("strace");
    strace.args(["-f", "-e", "trace=bpf", "-p", &pid, "-o"]).arg(&log).stderr(Stdio::null());
    let strace = Running::start(&mut strace);
    let calls = || std::fs::read_to_string(&log).unwrap_or_default();
    let start = Instant::now();
    while calls().matches("BPF_ITER_CREATE").count() < 3 {
        assert!(start.elapsed() < Duration::from_secs(30), "no counts are read: {}", calls());
        std::thread::sleep(Duration::from_millis(20));
    }
    let before = calls().matches("BPF_ITER_CREATE").count();
    brief(scratch.path(), 2000);
    let calls = calls();
    assert!(calls.matches("BPF_ITER_CREATE").count() > before, "{calls}");
    let operation = calls.lines().find(|line| OPERATIONS.iter().any(|operation| line.contains(operation)));
    assert_eq!(operation, None);
    drop(strace);
    screen.signal(Signal::TERM);
    screen.wait_for_end();
}

/// A cgroup of the v2 hierarchy, removed in the end.
#[derive(Debug)]
struct Cgroup {
    dir: PathBuf,
    /// As opentop calls it.
    path: String,
}

impl Cgroup {
    fn new(name: &str) -> Self {
        let mount = opentop::tracer::cgroup_mount().expect("a cgroup v2 hierarchy");
        let path = format!("/opentop-test-{}-{name}", std::process::id());
        let dir = mount.join(path.trim_start_matches('/'));
        std::fs::create_dir(&dir).expect("a new cgroup");
        Self { dir, path }
    }

    /// Opens so often in this cgroup, of which nothing else is in it: by a process that moves there, and becomes the
    /// opener.
    fn storm(&self, scratch: &Scratch, opens: u64) {
        let opener = opener(["storm", scratch.path().to_str().expect("a plain path"), "--procs", "2", "--missing"]);
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", r#"echo $$ >"$0"/cgroup.procs && exec "$@""#]).arg(&self.dir);
        shell.arg(opener.get_program()).args(opener.get_args()).args(["--opens", &opens.to_string()]);
        succeed(shell);
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // A process that has just ended may still be in it; then it is left.
        let _ = std::fs::remove_dir(&self.dir);
    }
}

/// A line of `opentop --batch -o json`, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Line {
    r#type: String,
    container: Option<String>,
    error: Option<String>,
    exact: Option<bool>,
    opens: Option<u64>,
    failed: Option<u64>,
    dropped: Option<u64>,
    lost: Option<HashMap<String, u64>>,
}

/// The lines of a ranking by `group` that loses most events, while `during` runs and until its last row is as `wanted`.
fn ranked(group: &str, during: impl FnOnce(), wanted: impl Fn(&Line) -> bool) -> Vec<Line> {
    let mut tracer = Tracer::start(["-b", "-o", "json", "-i", "0.2", "--ring", "4K", "-g", group]);
    let parse = |line: &str| serde_json::from_str::<Line>(line).expect("JSON");
    tracer.wait_until(|line| parse(line).r#type == "table", || ());
    during();
    tracer.wait_until(|line| wanted(&parse(line)), || ());
    tracer.stop().well().lines.iter().map(|line| parse(line)).collect()
}

#[test]
fn containers_are_counted_exactly_whatever_the_ring_drops() {
    needs_root();
    let scratch = Scratch::new();
    let cgroups = ["none", "small", "middle", "large"].map(Cgroup::new);
    let opens = [0, 1, 30_000, 100_000];
    let storms = || cgroups.iter().zip(opens).for_each(|(cgroup, opens)| cgroup.storm(&scratch, opens));
    let last = |line: &Line| line.container.as_deref() == Some(&cgroups[3].path) && line.failed >= Some(100_000);
    let lines = ranked("container", storms, last);
    let summary = lines.last().expect("a summary");
    assert!(summary.dropped > Some(50_000), "{summary:?}");
    assert_eq!(summary.lost.as_ref().expect("losses")["cgroup"], 0);
    assert!(lines.iter().filter(|line| line.r#type == "table").all(|line| line.exact == Some(true)));
    let total = |cgroup: &Cgroup| {
        let row = lines.iter().rfind(|line| line.container.as_deref() == Some(&cgroup.path)).expect("a row");
        (row.opens.expect("opens"), row.failed.expect("failures"))
    };
    // Each program opens what it needs for itself as well, and what that is tells the one that does nothing else.
    let (own, own_failed) = total(&cgroups[0]);
    let expected = opens.map(|opens| (own + opens, own_failed + opens));
    assert_eq!([0, 1, 2, 3].map(|at| total(&cgroups[at])), expected);
}

#[test]
fn errors_are_counted_exactly_whatever_the_ring_drops() {
    needs_root();
    let scratch = Scratch::new();
    let dir = scratch.path().to_str().expect("a plain path");
    let storm = || drop(succeed(opener(["storm", dir, "--opens", "100000", "--procs", "2", "--missing"])));
    let lines = ranked("error", storm, |line| line.error.as_deref() == Some("ENOENT") && line.opens >= Some(100_000));
    let summary = lines.last().expect("a summary");
    assert!(summary.dropped > Some(0), "{summary:?}");
    assert!(lines.iter().filter(|line| line.r#type == "table").all(|line| line.exact == Some(true)));
    let mut last = HashMap::new();
    for line in lines.iter().filter(|line| line.r#type == "opener") {
        last.insert(line.error.as_deref(), line.opens.expect("opens"));
    }
    assert_eq!(last.values().sum::<u64>(), summary.opens.expect("opens"), "{last:?}");
}
