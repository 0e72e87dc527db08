//! On the running kernel: these tests need root.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;

use libbpf_rs::{MapCore as _, MapFlags};

use super::*;
use crate::bpf::as_bytes;
use crate::bpf::types::process_count;
use crate::filter::KernelFilter;
use crate::tracer::HookSet;
use crate::tracer::kernel::Kernel;
use crate::tracer::manager::{HookManager, open_next};
use crate::tracer::object::set_filter;
use crate::tracer::{Options, storage};

/// A pid that no process has: above the kernel's highest.
const NOBODY: u32 = 1 << 30;

const RETIRED_SLOTS: u32 = (size_of::<types::retired>() / size_of::<process_key>()) as u32;

/// A shell that opens what it is told to.
struct Shell {
    child: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Shell {
    fn start() -> Self {
        let mut command = Command::new("sh");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let (commands, answers) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut shell = Self { child, commands, answers };
        shell.open(1);
        shell
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Fails to open a file so many times.
    fn open(&mut self, times: u32) {
        let line = format!("i=0; while [ $i -lt {times} ]; do true </missing; i=$((i+1)); done; echo done\n");
        self.commands.write_all(line.as_bytes()).unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        assert_eq!(answer, "done\n");
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[test]
#[ignore = "needs root: make test"]
fn a_process_is_counted_until_its_end_and_in_the_totals_for_ever() {
    assert!(rustix::process::geteuid().is_root(), "this test loads BPF programs: run it as root");
    let (kernel, mut storage, order) = (
        Arc::new(Kernel::new().unwrap()),
        storage(),
        [HookSet::SyscallExit, HookSet::SyscallExitRaw].map(|set| (set, "")),
    );
    let options =
        |pid| Options { filter: KernelFilter { pids: vec![pid], ..KernelFilter::default() }, ..Options::default() };
    let mut shell = Shell::start();
    let mut slots = storage.iter_mut();
    let first = open_next(&mut slots, &options(shell.pid()));
    let started = HookManager::start(first, slots, kernel, &order, &options(shell.pid()));
    let (mut base, manager) = started.map_err(|why| format!("{why:?}")).unwrap();
    let mut counters = Counters::new(&mut base.skel, true, None).unwrap();
    let skel = &base.skel;
    let read = |counters: &mut Counters| counters.read(skel, Stream::default(), 0).unwrap();

    shell.open(510);
    let counts = read(&mut counters);
    assert_eq!((counts.processes[0].opens, counts.processes[0].failed), (510, 510));
    assert_eq!(counts.processes[0].comm, b"sh");

    drop(shell);
    let counts = read(&mut counters);
    assert_eq!((counts.processes[0].opens, counts.processes[0].failed, counts.processes[0].ended), (510, 510, true));
    let before = read(&mut counters);
    assert!(before.processes.is_empty(), "{:?}", before.processes);

    let mut next = Shell::start();
    let options = options(next.pid());
    set_filter(skel, &options.filter, &options, manager.set()).unwrap();
    next.open(10);
    let counts = read(&mut counters);
    assert_eq!((counts.processes[0].opens, counts.processes[0].failed), (10, 10));
    assert_eq!(counts.totals.opens - counts.totals.filtered, 510 + 10, "those who ended are still in the totals");

    drop(next);
    read(&mut counters);
    // As if no hook had seen the end of these; two of them have the same slot.
    for pid in [NOBODY, NOBODY + 1, NOBODY + RETIRED_SLOTS] {
        let (key, count) = (process_key { start_ns: 1, pid, pad: 0 }, [0; size_of::<process_count>()]);
        skel.maps.processes.update(as_bytes(&key), &count, MapFlags::ANY).unwrap();
    }
    let readings: Vec<_> = (0..4).map(|_| read(&mut counters).processes).collect();
    let ended = readings.iter().map(|read| (read.len(), read.iter().filter(|process| process.ended).count()));
    assert_eq!(ended.collect::<Vec<_>>(), [(3, 0), (3, 2), (1, 1), (0, 0)]);
}
