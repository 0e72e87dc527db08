//! The counts of processes that come and go: exact, in little room, and read without disturbing the kernel's probes.

mod common;
#[path = "screen/pty.rs"]
#[allow(dead_code, reason = "each test program uses its own part")]
mod pty;

use common::tracer::beside;
use common::{Running, Scratch, needs_root, opener, succeed};
use libbpf_rs::{MapCore as _, MapHandle};
use opentop::message::{Message, Totals};
use opentop::tracer::{Command, Options};
use pty::Pty;
use rustix::process::Signal;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Opens of each brief process.
const EACH: u64 = 3;

/// Lets so many processes live for a moment.
fn brief(dir: &Path, processes: u64) {
    let [each, processes] = [EACH, processes].map(|number| number.to_string());
    succeed(opener([
        "brief",
        dir.to_str().expect("a plain path"),
        "--opens",
        &each,
        "--procs",
        &processes,
        "--missing",
    ]));
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

/// What was told of brief processes.
#[derive(Debug, Default)]
struct Told {
    /// Those that have ended, with all their opens.
    whole: u64,
    /// Those that have ended with another count than what they made.
    wrong: u64,
    totals: Totals,
}

/// More of them than the map has room for at once. BRIEF=200000 says how many; memory can only be seen to be flat where they
/// are many.
#[test]
fn each_of_many_brief_processes_is_counted_exactly_and_leaves_room_for_others() {
    needs_root();
    let processes = std::env::var("BRIEF").map_or(6000, |number| number.parse().expect("BRIEF=NUMBER"));
    let scratch = Scratch::new();
    // As slow as the map allows: the room is made in between.
    let options = Options { interval: Duration::from_secs(4), ..Options::default() };
    let (told, largest, memory) = beside(options, 64, |received, commands| {
        std::thread::scope(|scope| {
            let reading = scope.spawn(move || {
                let mut told = Told::default();
                for message in received {
                    let Message::Counts(counts) = message else { continue };
                    told.totals = counts.totals;
                    for process in counts.processes.iter().filter(|process| process.comm == b"brief") {
                        let is_whole = (process.opens, process.failed) == (EACH, EACH);
                        told.whole += u64::from(process.ended && is_whole);
                        told.wrong += u64::from(process.ended && !is_whole);
                    }
                }
                told
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
    assert_eq!((told.whole, told.wrong, told.totals.lost.overflow), (processes, 0, 0), "{told:?}");
    assert!((1..32768 / 3).contains(&largest), "{largest} processes in the map");
    let (early, most) = (memory[memory.len() / 4], memory.iter().max().expect("a measurement"));
    eprintln!("{early} KiB of memory after a quarter, at most {most} KiB");
    assert!(*most < early + (16 << 10), "{early} KiB of memory after a quarter, then {most} KiB");
}

/// What calls of bpf() do to maps.
const OPERATIONS: [&str; 4] = ["LOOKUP", "UPDATE", "DELETE", "NEXT_KEY"];

#[test]
fn nothing_is_done_to_a_map_while_it_traces() {
    needs_root();
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
