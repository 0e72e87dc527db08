//! The hook sets: each is a few programs of the one BPF object that together see opens.

use crate::bpf::{OpenOpentopProgs, OpentopProgs};
use libbpf_rs::{Link, OpenProgramMut, ProgramMut};

/// One way to see opens, in the order in which they are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HookSet {
    /// Syscall exit with typed arguments (5.5 and later).
    SyscallExit,
    /// Syscall exit with untyped arguments, each read by a probe.
    SyscallExitRaw,
}

impl HookSet {
    /// All sets, the best first.
    pub const ALL: [HookSet; 2] = [HookSet::SyscallExit, HookSet::SyscallExitRaw];

    /// As the header and the summary name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            HookSet::SyscallExit => "syscall exit",
            HookSet::SyscallExitRaw => "syscall exit (raw)",
        }
    }

    /// Lets only this set's programs be loaded.
    pub(super) fn select(self, progs: &mut OpenOpentopProgs<'_>) {
        let wanted = |set: HookSet, prog: &mut OpenProgramMut<'_>| prog.set_autoload(set == self);
        wanted(HookSet::SyscallExit, &mut progs.sys_exit_typed);
        wanted(HookSet::SyscallExitRaw, &mut progs.sys_exit_raw);
    }

    /// Attaches this set's programs.
    pub(super) fn attach(self, progs: &OpentopProgs<'_>) -> libbpf_rs::Result<Vec<Link>> {
        let programs: &[&ProgramMut<'_>] = match self {
            HookSet::SyscallExit => &[&progs.sys_exit_typed],
            HookSet::SyscallExitRaw => &[&progs.sys_exit_raw],
        };
        programs.iter().map(|prog| prog.attach()).collect()
    }
}
