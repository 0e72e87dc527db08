//! The programs of the one BPF object: what each is for, what it needs of the kernel, what it is attached to.

use super::hook_set::HookSet;

/// Why a program is in the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Set(HookSet),
    /// At the return of the function of one open call.
    Call,
    /// Programs that are started.
    Exec,
    /// The same, where the hook set is one of probes.
    ProbedExec,
    Ring,
    Kernel,
    /// Look-ups, for a set.
    Lookup(HookSet),
    /// At the return of the function of one call that looks up.
    LookupCall,
    LookupRing,
    Children,
    /// Of the object that has the maps: who opentop is, and what was counted of each process.
    Base,
    /// The beginning of calls, for these sets, and of those that are made again.
    Entry(&'static [HookSet]),
}

/// What the kernel must have for a program, beyond the program type.
#[derive(Clone, Debug)]
pub(super) enum Needs {
    Nothing,
    /// The type of a tracepoint's programs, and how many parameters they have. Their number tells its versions apart.
    Tracepoint(&'static str, std::ops::RangeInclusive<u32>),
    /// One of these functions; the program attaches to the first that is there.
    Function(&'static [&'static str]),
}

/// What a program is attached to.
#[derive(Clone, Copy, Debug)]
pub(super) enum AttachTo {
    /// Nothing: opentop runs it itself, or reads by it.
    Nothing,
    /// The function, or the tracepoint by its type, that the program is loaded for.
    Trampoline,
    RawTracepoint(&'static str),
    /// All functions of the calls.
    Probes {
        at_return: bool,
    },
    /// The function that the program needs.
    Probe {
        at_return: bool,
    },
}

pub(super) struct Spec {
    pub(super) program: &'static str,
    pub(super) role: Role,
    pub(super) needs: Needs,
    pub(super) attach_to: AttachTo,
    /// Made for kernels without loops.
    unrolled: bool,
}

const fn spec(program: &'static str, role: Role, needs: Needs) -> Spec {
    Spec { program, role, needs, attach_to: AttachTo::Trampoline, unrolled: false }
}

impl Spec {
    const fn attached_to(self, attach_to: AttachTo) -> Self {
        Self { attach_to, ..self }
    }

    const fn unrolled(self) -> Self {
        Self { unrolled: true, ..self }
    }
}

#[cfg(target_arch = "x86_64")]
macro_rules! call {
    ($call:literal) => {
        Needs::Function(&[concat!("__x64_sys_", $call)])
    };
    (compat $call:literal) => {
        Needs::Function(&[concat!("__ia32_compat_sys_", $call), concat!("__ia32_sys_", $call)])
    };
    // Has another structure than any 64-bit call.
    (compat_only $call:literal) => {
        Needs::Function(&[concat!("__ia32_compat_sys_ia32_", $call)])
    };
}
#[cfg(not(target_arch = "x86_64"))]
macro_rules! call {
    ($call:literal) => {
        Needs::Function(&[concat!("__arm64_sys_", $call)])
    };
    (compat $call:literal) => {
        Needs::Function(&[concat!("__arm64_compat_sys_", $call)])
    };
    // Has another structure than any 64-bit call.
    (compat_only $call:literal) => {
        Needs::Function(&[concat!("__arm64_sys_", $call)])
    };
}

/// A tracepoint by the type of its programs.
macro_rules! tracepoint {
    ($name:literal, $parameters:expr) => {
        Needs::Tracepoint(concat!("btf_trace_", $name), $parameters)
    };
}

/// The kernel's function from which on there is no way back to the old program.
pub(super) const SETUP_NEW_EXEC: &str = "setup_new_exec";

/// A call that takes no arguments: on x86 only the function that does it has a type.
macro_rules! bare_call {
    ($call:literal) => {
        Needs::Function(&[concat!("__do_sys_", $call), concat!("__arm64_sys_", $call)])
    };
    (compat $call:literal) => {
        Needs::Function(&[concat!("__do_compat_sys_", $call), concat!("__arm64_compat_sys_", $call)])
    };
}

const PROGRAMS: &[Spec] = &[
    spec("sys_exit_typed", Role::Set(HookSet::SyscallExit), tracepoint!("sys_exit", 3..=3)),
    spec("sys_exit_raw", Role::Set(HookSet::SyscallExitRaw), Needs::Nothing)
        .attached_to(AttachTo::RawTracepoint("sys_exit")),
    spec("sys_exit_without_loops", Role::Set(HookSet::SyscallExitRaw), Needs::Nothing)
        .attached_to(AttachTo::RawTracepoint("sys_exit"))
        .unrolled(),
    spec("call_return", Role::Set(HookSet::Probes), Needs::Nothing).attached_to(AttachTo::Probes { at_return: true }),
    spec("call_entry", Role::Entry(&[HookSet::Probes]), Needs::Nothing)
        .attached_to(AttachTo::Probes { at_return: false }),
    spec(
        "sys_enter_typed",
        Role::Entry(&[HookSet::SyscallExit, HookSet::SyscallExitRaw]),
        tracepoint!("sys_enter", 3..=3),
    ),
    spec("exec_done", Role::Exec, tracepoint!("sched_process_exec", 4..=4)),
    spec("exec_done_without_loops", Role::Exec, tracepoint!("sched_process_exec", 4..=4))
        .attached_to(AttachTo::RawTracepoint("sched_process_exec"))
        .unrolled(),
    spec("exec_probed", Role::ProbedExec, Needs::Function(&[SETUP_NEW_EXEC]))
        .attached_to(AttachTo::Probe { at_return: false }),
    spec("ring_submit", Role::Ring, tracepoint!("io_uring_submit_req", 2..=2)),
    spec("ring_submit_sqe", Role::Ring, tracepoint!("io_uring_submit_sqe", 3..=3)),
    spec("ring_submit_sqe_of", Role::Ring, tracepoint!("io_uring_submit_sqe", 7..=8)),
    spec("ring_complete", Role::Ring, tracepoint!("io_uring_complete", 4..=4)),
    spec("ring_complete_res", Role::Ring, tracepoint!("io_uring_complete", 6..=8)),
    spec("open_exec_return", Role::Kernel, Needs::Function(&["open_exec"])),
    spec("open_interpreter_return", Role::Kernel, Needs::Function(&["bprm_open_interpreter"])),
    spec("filp_open_return", Role::Kernel, Needs::Function(&["filp_open"])),
    // Tells the BPF side which process is opentop's own.
    spec("learn_own_id", Role::Base, Needs::Nothing).attached_to(AttachTo::Nothing),
    spec("process_exit", Role::Base, tracepoint!("sched_process_exit", 2..=3)),
    spec("read_processes", Role::Base, Needs::Nothing).attached_to(AttachTo::Nothing),
    spec("follow_fork", Role::Children, tracepoint!("sched_process_fork", 3..=3)),
    spec("follow_exit", Role::Children, tracepoint!("sched_process_exit", 2..=3)),
];

/// What is attached to the functions of the calls themselves: by the name that its programs begin with.
macro_rules! calls {
    ($($name:literal: $function:expr),* $(,)?) => {
        &[$(
            spec(concat!($name, "_return"), Role::Call, $function),
            spec(concat!($name, "_entry"), Role::Entry(&[HookSet::Functions]), $function),
        )*]
    };
}

const CALLS: &[Spec] = calls! {
    "open": call!("open"),
    "openat": call!("openat"),
    "openat2": call!("openat2"),
    "creat": call!("creat"),
    "open_by_handle_at": call!("open_by_handle_at"),
    "execve": call!("execve"),
    "execveat": call!("execveat"),
    "compat_open": call!(compat "open"),
    "compat_openat": call!(compat "openat"),
    "compat_openat2": call!(compat "openat2"),
    "compat_creat": call!(compat "creat"),
    "compat_open_by_handle_at": call!(compat "open_by_handle_at"),
    "compat_execve": call!(compat "execve"),
    "compat_execveat": call!(compat "execveat"),
};

/// The return of signal handlers, of which latency is told: by the names that the programs begin with.
macro_rules! sigreturns {
    ($($name:literal: $function:expr),* $(,)?) => {
        &[$(
            spec(concat!($name, "_done"), Role::Entry(&[HookSet::Functions]), $function),
            spec(concat!($name, "_probed"), Role::Entry(&[HookSet::Probes]), $function)
                .attached_to(AttachTo::Probe { at_return: true }),
        )*]
    };
}

const SIGRETURNS: &[Spec] = sigreturns! {
    "rt_sigreturn": bare_call!("rt_sigreturn"),
    "compat_rt_sigreturn": bare_call!(compat "rt_sigreturn"),
    "compat_sigreturn": bare_call!(compat "sigreturn"),
};

/// The programs of the object for look-ups.
const LOOKUPS: &[Spec] = &[
    spec("lookup_exit_typed", Role::Lookup(HookSet::SyscallExit), tracepoint!("sys_exit", 3..=3)),
    spec("lookup_exit_raw", Role::Lookup(HookSet::SyscallExitRaw), Needs::Nothing)
        .attached_to(AttachTo::RawTracepoint("sys_exit")),
    spec("lookup_exit_without_loops", Role::Lookup(HookSet::SyscallExitRaw), Needs::Nothing)
        .attached_to(AttachTo::RawTracepoint("sys_exit"))
        .unrolled(),
    spec("lookup_return", Role::Lookup(HookSet::Probes), Needs::Nothing)
        .attached_to(AttachTo::Probes { at_return: true }),
    spec("lookup_submit", Role::LookupRing, tracepoint!("io_uring_submit_req", 2..=2)),
    spec("lookup_submit_sqe", Role::LookupRing, tracepoint!("io_uring_submit_sqe", 3..=3)),
    spec("lookup_submit_sqe_of", Role::LookupRing, tracepoint!("io_uring_submit_sqe", 7..=8)),
    spec("lookup_complete", Role::LookupRing, tracepoint!("io_uring_complete", 4..=4)),
    spec("lookup_complete_res", Role::LookupRing, tracepoint!("io_uring_complete", 6..=8)),
    spec("stat_lookup", Role::LookupCall, call!("newstat")),
    spec("lstat_lookup", Role::LookupCall, call!("newlstat")),
    spec("fstatat_lookup", Role::LookupCall, call!("newfstatat")),
    spec("statx_lookup", Role::LookupCall, call!("statx")),
    spec("access_lookup", Role::LookupCall, call!("access")),
    spec("faccessat_lookup", Role::LookupCall, call!("faccessat")),
    spec("faccessat2_lookup", Role::LookupCall, call!("faccessat2")),
    spec("readlink_lookup", Role::LookupCall, call!("readlink")),
    spec("readlinkat_lookup", Role::LookupCall, call!("readlinkat")),
    spec("compat_oldstat_lookup", Role::LookupCall, call!(compat "stat")),
    spec("compat_oldlstat_lookup", Role::LookupCall, call!(compat "lstat")),
    spec("compat_stat_lookup", Role::LookupCall, call!(compat "newstat")),
    spec("compat_lstat_lookup", Role::LookupCall, call!(compat "newlstat")),
    spec("compat_stat64_lookup", Role::LookupCall, call!(compat_only "stat64")),
    spec("compat_lstat64_lookup", Role::LookupCall, call!(compat_only "lstat64")),
    spec("compat_fstatat64_lookup", Role::LookupCall, call!(compat_only "fstatat64")),
    spec("compat_statx_lookup", Role::LookupCall, call!(compat "statx")),
    spec("compat_access_lookup", Role::LookupCall, call!(compat "access")),
    spec("compat_faccessat_lookup", Role::LookupCall, call!(compat "faccessat")),
    spec("compat_faccessat2_lookup", Role::LookupCall, call!(compat "faccessat2")),
    spec("compat_readlink_lookup", Role::LookupCall, call!(compat "readlink")),
    spec("compat_readlinkat_lookup", Role::LookupCall, call!(compat "readlinkat")),
];

pub(super) fn programs() -> impl Iterator<Item = &'static Spec> {
    PROGRAMS.iter().chain(CALLS).chain(SIGRETURNS).chain(LOOKUPS)
}

impl Spec {
    /// Names are joined with their directories in a loop, or by a program made for kernels without.
    pub(super) fn fits(&self, has_loops: bool) -> bool {
        let joins = !matches!(self.role, Role::Children | Role::Base | Role::Entry(_));
        !joins || self.unrolled != has_loops
    }
}

/// The functions and the tracepoints that programs can need.
pub(super) fn needed() -> (Vec<&'static str>, Vec<&'static str>) {
    let (mut functions, mut tracepoints) = (Vec::new(), Vec::new());
    for Spec { needs, .. } in programs() {
        match needs {
            Needs::Nothing => {}
            Needs::Tracepoint(name, _) => tracepoints.push(*name),
            Needs::Function(names) => functions.extend_from_slice(names),
        }
    }
    (functions, tracepoints)
}

pub(super) fn find(program: &str) -> Option<&'static Spec> {
    programs().find(|spec| spec.program == program)
}

pub(super) fn has_role(program: &str, is: impl Fn(Role) -> bool) -> bool {
    find(program).is_some_and(|spec| is(spec.role))
}
