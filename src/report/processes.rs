//! Who opens: processes, and the programs that they run, as a tree of who started what.
//!
//! A process runs the program that it last executed, or else the one that its parent ran when it was first seen. So a
//! program has a name of its own, whatever its threads are called. One that ran already when recording began has the
//! command name that it had.

use std::collections::HashMap;

use crate::event::OpenEvent;

/// Processes that are known at a time; half of them, those that have been silent for longest, make room for others.
const PROCESSES_MAX: usize = 1 << 16;

/// Programs in the tree. What is started beyond is counted as the program that started it.
const PROGRAMS_MAX: usize = 1 << 13;

/// A process, known by more than its pid.
#[derive(Clone, Copy, Debug)]
pub struct Process {
    /// No other process of the report has it.
    pub serial: u32,
    /// Index of the program that it runs.
    pub program: u32,
    start_ns: u64,
    last: u64,
    /// It has opened something that is counted.
    counted: bool,
}

/// A program, as started by another.
#[derive(Clone, Debug)]
pub struct Program {
    /// Index of the program that started it; `None` where that is not known.
    pub parent: Option<u32>,
    /// What was executed: a path. A command name where it ran already.
    pub name: u32,
    /// How often it was executed; 0 where it ran already.
    pub runs: u64,
    pub opens: u64,
    pub failed: u64,
}

#[derive(Debug, Default)]
pub struct Processes {
    processes: HashMap<u32, Process>,
    programs: Vec<Program>,
    children: HashMap<(Option<u32>, u32), u32>,
    serial: u32,
    counted: u64,
    events: u64,
    /// Times that a program was started for which the tree had no room.
    pub left_out: u64,
}

impl Processes {
    /// The process of `event`, which is counted for its program; see [`Processes::follow`].
    pub fn add(&mut self, event: &OpenEvent<'_>, name: u32) -> Process {
        let process = self.follow(event, name);
        if !process.counted
            && let Some(process) = self.processes.get_mut(&event.pid)
        {
            process.counted = true;
            self.counted += 1;
        }
        let program = &mut self.programs[process.program as usize];
        if event.is_lookup() {
            return process;
        }
        program.opens += 1;
        program.failed += u64::from(event.failed());
        process
    }

    /// The process of `event`, which is not counted. `name` is what the program is called if it was executed by this
    /// event, or if nothing else is known of it.
    pub fn follow(&mut self, event: &OpenEvent<'_>, name: u32) -> Process {
        self.events += 1;
        let known = self.processes.get(&event.pid).filter(|known| known.start_ns == event.start_ns).copied();
        let before = known.or_else(|| self.processes.get(&event.ppid).copied()).map(|process| process.program);
        let executed = event.starts_program();
        let program = match before {
            Some(program) if !executed => program,
            _ => self.program(before, name),
        };
        let process = Process {
            serial: known.map_or_else(|| self.begin(), |known| known.serial),
            program,
            start_ns: event.start_ns,
            last: self.events,
            counted: known.is_some_and(|known| known.counted),
        };
        self.processes.insert(event.pid, process);
        self.programs[program as usize].runs += u64::from(executed);
        process
    }

    /// The serial number of a new process, for which there is room now.
    fn begin(&mut self) -> u32 {
        if self.processes.len() >= PROCESSES_MAX {
            self.evict();
        }
        self.serial = self.serial.wrapping_add(1);
        self.serial
    }

    fn evict(&mut self) {
        let mut last: Vec<_> = self.processes.values().map(|process| process.last).collect();
        let half = last.len() / 2;
        let (_, median, _) = last.select_nth_unstable(half);
        let median = *median;
        self.processes.retain(|_, process| process.last >= median);
    }

    /// The program called `name` that `parent` started.
    fn program(&mut self, parent: Option<u32>, name: u32) -> u32 {
        if let Some(known) = self.children.get(&(parent, name)) {
            return *known;
        }
        if self.programs.len() >= PROGRAMS_MAX {
            self.left_out += 1;
            return parent.unwrap_or_default();
        }
        let program = self.programs.len() as u32;
        self.programs.push(Program { parent, name, runs: 0, opens: 0, failed: 0 });
        self.children.insert((parent, name), program);
        program
    }

    pub fn programs(&self) -> &[Program] {
        &self.programs
    }

    /// How many processes have opened something that is counted.
    pub fn count(&self) -> u64 {
        self.counted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Op, sample};

    fn event(pid: u32, ppid: u32, op: Op) -> OpenEvent<'static> {
        OpenEvent { pid, tid: pid, ppid, start_ns: u64::from(pid), op, ..sample() }
    }

    #[test]
    fn programs_are_a_tree_of_who_started_what() {
        let mut all = Processes::default();
        let (shell, make, cc) = (7, 8, 9);
        all.add(&event(10, 1, Op::Openat), shell);
        // make is started by a fork of the shell, cc twice by forks of make, once where another process was in between.
        all.add(&event(11, 10, Op::Exec), make);
        all.add(&event(12, 11, Op::Exec), cc);
        all.add(&event(13, 11, Op::Openat), 99);
        all.add(&event(14, 13, Op::Exec), cc);
        all.add(&OpenEvent { ret: -libc::ENOENT, ..event(14, 13, Op::Openat) }, 99);
        let programs: Vec<_> = all.programs().iter().map(|p| (p.parent, p.name, p.runs, p.opens, p.failed)).collect();
        assert_eq!(programs, [(None, shell, 0, 1, 0), (Some(0), make, 1, 2, 0), (Some(1), cc, 2, 3, 1)]);
        assert_eq!(all.count(), 5);
    }

    #[test]
    fn a_failed_exec_starts_nothing_and_a_pid_used_again_is_another_process() {
        let mut all = Processes::default();
        let first = all.add(&event(10, 1, Op::Openat), 7);
        let failed = all.add(&OpenEvent { ret: -libc::ENOENT, ..event(10, 1, Op::Exec) }, 8);
        assert_eq!((failed.serial, failed.program), (first.serial, first.program));
        let other = all.add(&OpenEvent { start_ns: 99, ..event(10, 1, Op::Openat) }, 8);
        assert_ne!(other.serial, first.serial);
    }

    #[test]
    fn neither_processes_nor_programs_grow_without_end() {
        let mut all = Processes::default();
        for n in 0..200_000u32 {
            all.add(&event(n + 1, 0, Op::Exec), n);
        }
        assert!(all.processes.len() <= PROCESSES_MAX && all.programs.len() == PROGRAMS_MAX);
        assert_eq!(all.programs.iter().map(|program| program.opens).sum::<u64>(), 200_000);
        assert!(all.left_out > 0);
    }
}
