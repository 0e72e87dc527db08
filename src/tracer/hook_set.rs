//! The hook sets: ways to see opens, each alone enough.

/// One way to see opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HookSet {
    /// A trampoline at the return of each open call's function: other system calls pay nothing.
    Functions,
    /// A probe at the return of the same functions. Loses nothing on preemptible kernels from 6.14 on.
    Probes,
    /// The exit of every system call, with typed registers.
    SyscallExit,
    /// The exit of every system call, registers read by probe reads. The only set before 5.17: there it has no loops,
    /// joins a relative name with fewer directories, and marks it where they do not reach.
    SyscallExitRaw,
}

impl HookSet {
    /// All sets.
    pub const ALL: [HookSet; 4] = [HookSet::Functions, HookSet::Probes, HookSet::SyscallExit, HookSet::SyscallExitRaw];

    /// As the header, the summary and `check` call it.
    pub fn name(self) -> &'static str {
        match self {
            HookSet::Functions => "functions (fexit)",
            HookSet::Probes => "functions (kretprobe.multi)",
            HookSet::SyscallExit => "syscall exit",
            HookSet::SyscallExitRaw => "syscall exit (raw)",
        }
    }

    /// As `--hooks` names it.
    pub fn option(self) -> &'static str {
        match self {
            HookSet::Functions => "function",
            HookSet::Probes => "probe",
            HookSet::SyscallExit => "syscall",
            HookSet::SyscallExitRaw => "raw",
        }
    }

    pub fn from_option(name: &str) -> Option<Self> {
        HookSet::ALL.into_iter().find(|set| set.option() == name)
    }
}
