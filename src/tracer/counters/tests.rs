//! On the running kernel: these tests need root.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;

use super::*;
use crate::bpf::types::{bss_places, place_count};
use crate::filter::KernelFilter;
use crate::tracer::attached::{Attached, open_next};
use crate::tracer::hooks::HookSet;
use crate::tracer::kernel::Kernel;
use crate::tracer::part::set_filter;
use crate::tracer::{Options, storage};

/// As in `opentop.h`.
const PLACES: u32 = size_of::<bss_places>() as u32 / size_of::<place_count>() as u32;

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

fn count_in_map(skel: &OpentopSkel<'_>, process: Process) -> u64 {
    read_from_map(skel, process).unwrap().map_or(0, |count| opens_of(&count))
}

#[test]
fn a_process_is_counted_as_exactly_in_its_place_as_in_the_map() {
    assert!(rustix::process::geteuid().is_root(), "this test loads BPF programs: run it as root");
    let (kernel, mut storage, order) =
        (Arc::new(Kernel::new().unwrap()), storage(), [HookSet::SyscallExit, HookSet::SyscallExitRaw]);
    let options =
        |pid| Options { filter: KernelFilter { pids: vec![pid], ..KernelFilter::default() }, ..Options::default() };
    let mut shell = Shell::start();
    let mut slots = storage.iter_mut();
    let first = open_next(&mut slots, &options(shell.pid()));
    let started = Attached::start(first, slots, kernel, &order, &options(shell.pid()));
    let (base, attached) = started.map_err(|why| format!("{why:?}")).unwrap();
    let skel = &base.skel;
    let mut counters = Counters::new(true);
    let read = |counters: &mut Counters| counters.read(skel, Stream::default(), 0).unwrap();

    shell.open(10);
    let process = read(&mut counters).processes.pop().map(|process| (process.pid, process.start_ns)).unwrap();
    counters.favour(skel, process).unwrap();
    shell.open(500);
    let counts = read(&mut counters);
    assert_eq!((counts.processes[0].opens, counts.processes[0].failed), (510, 510));
    assert_eq!(counts.processes[0].comm, b"sh");
    assert_eq!(count_in_map(skel, process), 10, "the rest was counted in the place");

    drop(shell);
    let counts = read(&mut counters);
    assert_eq!((counts.processes[0].opens, counts.processes[0].failed, counts.processes[0].ended), (510, 510, true));
    let before = read(&mut counters);
    assert!(before.processes.is_empty(), "{:?}", before.processes);

    // The next one that falls to the same place begins there with nothing.
    let same_place = |shell: &Shell| shell.pid() % PLACES == process.0 % PLACES;
    let mut shells = std::iter::repeat_with(Shell::start).take(20_000);
    let mut next = shells.find(same_place).unwrap();
    let options = options(next.pid());
    set_filter(skel, &options.filter, &options, attached.hooks().set).unwrap();
    next.open(10);
    let process = read(&mut counters).processes.pop().map(|process| (process.pid, process.start_ns)).unwrap();
    counters.favour(skel, process).unwrap();
    assert_eq!(read(&mut counters).processes[0].opens, 10);
    next.open(200);
    let counts = read(&mut counters);
    assert_eq!((counts.processes[0].opens, counts.processes[0].failed), (210, 210));
    assert_eq!(count_in_map(skel, process), 10);
    assert_eq!(counts.totals.opens - counts.totals.filtered, 510 + 210, "those who ended are still in the totals");
}
