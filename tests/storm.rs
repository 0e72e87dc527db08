//! Exact under a storm: every open is delivered or counted as lost, and a killed opentop leaves nothing behind.

mod common;

use common::lines::{Line, Summary};
use common::storm::{opens_by_pid, storm};
use common::tracer::{Ended, Tracer, with_tracer};
use common::{Scratch, needs_root};
use opentop::filter::KernelFilter;
use opentop::message::{Message, ProcessCount, Totals};
use opentop::tracer::{Command, HookSet, Options};
use rustix::process::Signal;
use serde::Deserialize;
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What must hold of every run: nothing goes missing without being counted.
/// Held by each test: the storm of another would fill the ring buffer.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[track_caller]
fn check_invariant(ended: &Ended) -> Summary {
    let summary = ended.summary();
    let delivered = ended.json().iter().filter(|line| matches!(line, Line::Open(_))).count() as u64;
    assert_eq!(summary.delivered, delivered, "lines of opens");
    assert_eq!(summary.opens, summary.delivered + summary.dropped + summary.filtered, "{summary:?}");
    let mut told: HashMap<String, u64> = summary.lost.keys().map(|cause| (cause.clone(), 0)).collect();
    for line in ended.json() {
        if let Line::Lost { cause, count } = line {
            assert!(count > 0, "a loss of nothing");
            *told.entry(cause).or_default() += count;
        }
    }
    assert_eq!(told, summary.lost, "the lines of losses add up to the summary's");
    let dropped: u64 = ["ring", "queue", "garbled", "rate"].iter().map(|cause| summary.lost[*cause]).sum();
    assert_eq!(dropped, summary.dropped, "losses by cause");
    summary
}

#[test]
#[ignore = "needs root: make test"]
fn a_hundred_thousand_opens_are_a_hundred_thousand_events() {
    const SECONDS: u64 = 4;
    needs_root();
    let _alone = alone();
    let scratch = Scratch::new();
    let start = Instant::now();
    let tracer = Tracer::json(&["-d", &SECONDS.to_string()], &scratch.file("canary", ""));
    let made = storm(&scratch, &["--opens", "100000", "--procs", "4", "--missing"]);
    let ended = tracer.wait().well();
    let took = start.elapsed();
    assert!(took >= Duration::from_secs(SECONDS), "-d {SECONDS} ended after {took:?}");

    let summary = check_invariant(&ended);
    assert_eq!(summary.dropped, 0, "{summary:?}");
    let mut opens = ended.opens();
    opens.retain(|open| made.contains_key(&open.pid));
    assert_eq!(opens.len(), 100_000);
    assert_eq!(opens_by_pid(&opens, &made), made);
    let names: HashSet<(u32, &Option<String>)> = opens.iter().map(|open| (open.pid, &open.name)).collect();
    assert_eq!(names.len(), opens.len(), "each open has a name of its own, and none is doubled");
    assert!(opens.iter().all(|open| open.errno.as_deref() == Some("ENOENT") && open.fd.is_none()));
}

#[test]
#[ignore = "needs root: make test"]
fn what_is_beyond_the_rate_is_dropped_and_told() {
    const RATE: u64 = 1000;
    const OPENS: u64 = 20_000;
    needs_root();
    let _alone = alone();
    let scratch = Scratch::new();
    let start = Instant::now();
    let tracer = Tracer::json(&["--rate-limit", &format!("{RATE}/s")], &scratch.file("canary", ""));
    storm(&scratch, &["--opens", &OPENS.to_string(), "--procs", "4", "--missing"]);
    let ended = tracer.stop().well();
    let seconds = start.elapsed().as_secs() + 1;
    let summary = check_invariant(&ended);
    assert!(summary.delivered <= RATE * (1 + seconds), "{summary:?} in {seconds} s");
    assert!(summary.delivered >= RATE && summary.delivered + summary.dropped >= OPENS, "{summary:?}");
    assert!(summary.lost["rate"] > 0, "{summary:?}");
}

#[test]
#[ignore = "needs root: make test"]
fn opens_that_succeed_are_counted_as_exactly() {
    needs_root();
    let _alone = alone();
    let scratch = Scratch::new();
    let tracer = Tracer::json(&[], &scratch.file("canary", ""));
    let made = storm(&scratch, &["--opens", "40000", "--procs", "40", "--cpu", "0"]);
    let ended = tracer.stop().well();
    assert_eq!(check_invariant(&ended).dropped, 0);
    let opens = ended.opens();
    assert_eq!(opens_by_pid(&opens, &made), made);
    let moments: HashSet<(u32, u64)> = opens.iter().map(|open| (open.tid, open.ts_ns)).collect();
    assert_eq!(moments.len(), opens.len(), "a thread opens one file at a time, each at a time of its own");
}

/// The smallest ring there is, and more opens in a moment than it holds.
#[test]
#[ignore = "needs root: make test"]
fn what_a_tiny_ring_drops_is_counted() {
    needs_root();
    let _alone = alone();
    let scratch = Scratch::new();
    let tracer = Tracer::json(&["--ring", "4K"], &scratch.file("canary", ""));
    let made = storm(&scratch, &["--opens", "100000", "--procs", "2", "--missing"]);
    let ended = tracer.stop().well();
    let summary = check_invariant(&ended);
    assert!(summary.lost["ring"] > 0, "{summary:?}");
    assert!(summary.opens >= 100_000, "{summary:?}");
    let seen = opens_by_pid(&ended.opens(), &made);
    assert!(seen.iter().all(|(pid, opens)| *opens <= made[pid]), "more than there were: {seen:?} of {made:?}");
    assert_eq!(summary.lost["overflow"], 0, "the map of processes has room");
}

/// Traces with this ring while `during` runs: the last that was said of each process, and the totals.
fn counts_of<T>(ring_bytes: u32, during: impl FnOnce() -> T) -> (T, HashMap<u32, ProcessCount>, Totals) {
    let options = Options {
        ring_bytes,
        show_self: false,
        filter: KernelFilter::default(),
        interval: INTERVAL,
        ..Options::default()
    };
    with_tracer(options, 64, |received, commands| {
        std::thread::scope(|scope| {
            let reading = scope.spawn(move || {
                let (mut processes, mut totals) = (HashMap::new(), Totals::default());
                for message in received {
                    if let Message::Counts(counts) = message {
                        totals = counts.totals;
                        processes.extend(counts.processes.into_iter().map(|process| (process.pid, process)));
                    }
                }
                (processes, totals)
            });
            // A storm that fails closes the channel, and the tracer ends.
            let commands = commands;
            let did = during();
            commands.send(Command::Stop).expect("a tracer that runs");
            let (processes, totals) = reading.join().expect("the reading thread");
            (did, processes, totals)
        })
    })
}

/// Short enough for several readings while the storm blows.
const INTERVAL: Duration = Duration::from_millis(50);

#[test]
#[ignore = "needs root: make test"]
fn the_counts_of_each_process_are_exact_whatever_the_ring_drops() {
    needs_root();
    let _alone = alone();
    // With the larger ring the processes get places of their own while they open, and lose them again.
    for (ring_bytes, drops, threads) in [(4096, true, "1"), (8 << 20, false, "1"), (8 << 20, false, "4")] {
        let args = ["--opens", "200000", "--procs", "3", "--threads", threads, "--missing"];
        let scratch = Scratch::new();
        let (made, processes, totals) = counts_of(ring_bytes, || storm(&scratch, &args));
        assert!(totals.lost.ring > 0 || !drops, "{totals:?}");
        for (pid, opens) in made {
            let process = &processes[&pid];
            assert_eq!((process.opens, process.failed, process.uid), (opens, opens, 0), "{process:?}");
            assert_eq!(process.comm, b"opener");
        }
        assert_eq!(totals.opens, totals.delivered + totals.lost.dropped() + totals.filtered);
    }
}

/// To trace this process alone: the storms of other tests are more than a ring holds for a consumer that takes nothing.
fn only_this_process() -> Options {
    let filter = KernelFilter { pids: vec![std::process::id()], ..KernelFilter::default() };
    Options { show_self: true, filter, ..Options::default() }
}

/// Opens a file that is not there, and waits: each look at the ring finds some, and makes a batch.
fn open_at_leisure(path: &Path) {
    std::fs::File::open(path).expect_err("a file that is not there");
    std::thread::sleep(Duration::from_millis(5));
}

/// The channel is full long before the consumer takes anything; then the batch grows, and the ring holds the rest.
#[test]
#[ignore = "needs root: make test"]
fn a_consumer_that_is_late_loses_nothing_while_the_ring_has_room() {
    const OPENS: usize = 200;
    needs_root();
    let _alone = alone();
    let scratch = Scratch::new();
    let path = scratch.join("late");
    // Room for what comes at the start, and a few batches.
    with_tracer(only_this_process(), 16, |received, commands| {
        (0..OPENS).for_each(|_| open_at_leisure(&path));
        commands.send(Command::Stop).expect("a tracer that runs");
        let (mut seen, mut totals) = (0, Totals::default());
        for message in received {
            match message {
                Message::Opens(batch) => {
                    seen += batch.iter().filter(|open| open.path == path.as_os_str().as_encoded_bytes()).count();
                }
                Message::Counts(counts) => totals = counts.totals,
                _ => {}
            }
        }
        assert_eq!((seen, totals.lost.dropped()), (OPENS, 0), "{totals:?}");
    });
}

#[test]
#[ignore = "needs root: make test"]
fn a_consumer_that_is_gone_is_noticed_though_the_channel_is_full() {
    needs_root();
    let _alone = alone();
    let scratch = Scratch::new();
    // Only opens tell: no counts are due.
    let options = Options { interval: Duration::from_hours(1), ..only_this_process() };
    with_tracer(options, 16, |received, commands| {
        let start = Instant::now();
        while !received.is_full() {
            assert!(start.elapsed() < Duration::from_secs(10), "{} messages are all", received.len());
            open_at_leisure(&scratch.join("late"));
        }
        drop(received);
        // It is noticed with the next batch, as the next reading of the counts is far away.
        (0..100).for_each(|_| open_at_leisure(&scratch.join("later")));
        // Whoever returns them keeps them open until the end: closed, they would end the tracer, too.
        commands
    });
}

/// A row of `opentop --batch -o json`, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Row {
    r#type: String,
    pid: Option<u32>,
    opens: Option<u64>,
    failed: Option<u64>,
}

#[test]
#[ignore = "needs root: make test"]
fn the_ranking_is_exact_whatever_the_ring_drops() {
    needs_root();
    let _alone = alone();
    let scratch = Scratch::new();
    let mut tracer = Tracer::start(["-o", "json", "--batch", "-i", "0.2", "--ring", "4K"]);
    // A first table means that it traces.
    tracer.wait_until(|line| line.contains(r#""type":"table""#), || ());
    let made = storm(&scratch, &["--opens", "100000", "--procs", "2", "--missing"]);
    // The final row of each process comes once, and in the order of the table.
    let missing = RefCell::new(made);
    let is_last = |line: &str| {
        let row: Row = serde_json::from_str(line).expect("JSON");
        let is_final = |pid: u32, opens: u64| {
            row.r#type == "opener" && row.pid == Some(pid) && (row.opens, row.failed) == (Some(opens), Some(opens))
        };
        let mut missing = missing.borrow_mut();
        missing.retain(|&pid, &mut opens| !is_final(pid, opens));
        missing.is_empty()
    };
    tracer.wait_until(is_last, || ());
    let summary = tracer.stop().well().lines.pop().expect("a summary");
    let summary: Summary = serde_json::from_str(&summary).expect("a summary");
    assert!(summary.dropped > 0, "{summary:?}");
}

#[test]
#[ignore = "needs root: make test"]
fn processes_that_live_for_a_moment_are_counted() {
    needs_root();
    let _alone = alone();
    let scratch = Scratch::new();
    let (made, processes, totals) = counts_of(1 << 22, || storm(&scratch, &["--opens", "4500", "--procs", "1500"]));
    assert_eq!(made.len(), 1500);
    for (pid, opens) in made {
        let process = &processes[&pid];
        assert_eq!((process.opens, process.failed), (opens, 0), "{process:?}");
        assert!(process.ended, "{process:?}");
    }
    assert_eq!(totals.lost.dropped(), 0, "{totals:?}");
}

/// Ids of the BPF programs and links that a process holds, as the kernel tells.
fn bpf_ids(pid: u32) -> BTreeSet<String> {
    let fds = std::fs::read_dir(format!("/proc/{pid}/fdinfo")).expect("a running opentop");
    let texts = fds.filter_map(|fd| std::fs::read_to_string(fd.expect("a descriptor").path()).ok());
    let is_id = |line: &&str| line.starts_with("prog_id:") || line.starts_with("link_id:");
    texts.flat_map(|text| text.lines().filter(is_id).map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// The ids of all programs and links there are.
fn all_bpf_ids() -> BTreeSet<String> {
    let programs = libbpf_rs::query::ProgInfoIter::default().map(|program| format!("prog_id:\t{}", program.id));
    let links = libbpf_rs::query::LinkInfoIter::default().map(|link| format!("link_id:\t{}", link.id));
    programs.chain(links).collect()
}

#[test]
#[ignore = "needs root: make test"]
fn killed_it_leaves_nothing_in_the_kernel() {
    needs_root();
    let _alone = alone();
    let scratch = Scratch::new();
    let tracer = Tracer::json(&[], &scratch.file("canary", ""));
    let own = bpf_ids(tracer.pid());
    assert!(own.iter().any(|id| id.starts_with("prog_id:")), "no program in {own:?}");
    assert!(own.is_subset(&all_bpf_ids()), "{own:?} while it runs");
    tracer.signal(Signal::KILL);
    let ended = tracer.wait();
    assert!(!ended.status.success());
    // The kernel frees them a grace period later.
    let start = Instant::now();
    while !own.is_disjoint(&all_bpf_ids()) {
        assert!(start.elapsed() < Duration::from_secs(10), "still there: {own:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Moves to other hooks in the middle of a storm.
#[test]
#[ignore = "needs root: make test"]
fn moving_to_other_hooks_misses_nothing_and_says_so() {
    const OPENS: u64 = 200_000;
    needs_root();
    let _alone = alone();
    let scratch = Scratch::new();
    let options = Options { hooks: Some(HookSet::SyscallExit), interval: INTERVAL, ..Options::default() };
    let (made, seen, hooks) = with_tracer(options, 64, |received, commands| {
        std::thread::scope(|scope| {
            let blowing =
                scope.spawn(|| storm(&scratch, &["--opens", &OPENS.to_string(), "--procs", "2", "--missing"]));
            let (mut seen, mut hooks, mut told) = (HashMap::new(), Vec::new(), false);
            for message in received {
                match message {
                    Message::Hooks(now) => hooks.push(now),
                    Message::Counts(counts) => {
                        seen.extend(counts.processes.into_iter().map(|process| (process.pid, process.opens)));
                        if blowing.is_finished() {
                            let _ = commands.try_send(Command::Stop);
                        }
                    }
                    Message::Opens(batch) if !told && batch.iter().any(|open| open.name.starts_with(b"missing-")) => {
                        commands.send(Command::MoveOn).expect("a tracer that runs");
                        told = true;
                    }
                    Message::Opens(_) | Message::Playback(_) | Message::Host(_) => {}
                    Message::End => break,
                    Message::Failed(why) => panic!("{why}"),
                }
            }
            (blowing.join().expect("the storm"), seen, hooks)
        })
    });
    assert_eq!(hooks.len(), 1, "{hooks:?}");
    let left: Vec<_> = hooks[0].left.iter().map(|left| left.set).collect();
    assert_eq!(left, [HookSet::SyscallExit.name()], "{hooks:?}");
    let seen: u64 = made.keys().map(|pid| seen.get(pid).copied().unwrap_or(0)).sum();
    // Each process can have been between the two sets once.
    assert!(seen.abs_diff(OPENS) <= 2, "{seen} of {OPENS}");
}
