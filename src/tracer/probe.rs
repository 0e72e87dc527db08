//! What this host allows, and which hooks to try because of it. Gathering facts looks at the world; deciding does not.

use std::fs;
use std::path::Path;

use super::{BTF_PATH, HookSet};

/// Facts about the host that decide whether and how it can be traced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    pub kernel: String,
    pub privilege: Privilege,
    /// The kernel carries its own type information.
    pub btf: bool,
    pub lockdown: Lockdown,
    /// Pids seen here are those of the initial namespace.
    pub host_pids: bool,
    pub preemption: Preemption,
}

/// Whether this process may trace. What forbids it is told apart, as the remedies differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privilege {
    /// Root, or CAP_BPF and CAP_PERFMON.
    Enough,
    /// Neither of the two capabilities.
    Missing,
    /// This one of them, while the other is there.
    MissingOne(&'static str),
    /// All that there is, but in a user namespace other than the initial one.
    UserNamespace,
    /// A seccomp filter refuses bpf(2).
    Seccomp,
}

/// When the kernel lets another task run while it is at work itself. Programs at trampolines and tracepoints miss runs
/// when another task was interrupted inside the same program, so this decides which hooks lose nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preemption {
    /// Never, or only where the kernel offers it.
    Voluntary,
    /// Nearly always, at once or at the next tick.
    Full,
    /// It cannot be told; to be treated as full.
    Unknown,
}

/// The hook sets to try, the best first. `lossless_probes`: return probes lose nothing here.
///
/// Where tasks are not preempted in the kernel nothing is lost, and the cheapest set is best: the functions of the open
/// calls cost other calls nothing. Elsewhere a set that loses nothing comes first: return probes where they are sound,
/// then the exit of all system calls, which misses nothing as long as the kernel forbids preemption around it.
pub fn order(preemption: Preemption, lossless_probes: bool) -> [HookSet; 4] {
    use HookSet::{Functions, Probes, SyscallExit, SyscallExitRaw};
    match (preemption, lossless_probes) {
        (Preemption::Voluntary, _) => [Functions, SyscallExit, SyscallExitRaw, Probes],
        (_, true) => [Probes, SyscallExit, SyscallExitRaw, Functions],
        (_, false) => [SyscallExit, SyscallExitRaw, Functions, Probes],
    }
}

/// Whether to try `other` where `set` loses opens: not where it is known to lose as many or more. Where tasks are
/// preempted in the kernel trampolines lose most; return probes that are not sound lose silently whatever the kernel
/// does; nothing is sounder than those that are; and the two sets at the exit of system calls hang on the same hook.
pub(super) fn may_lose_less(other: HookSet, set: HookSet, preemption: Preemption, lossless_probes: bool) -> bool {
    let at_exit = |set| matches!(set, HookSet::SyscallExit | HookSet::SyscallExitRaw);
    let is_sound = set == HookSet::Probes && lossless_probes && preemption != Preemption::Voluntary;
    match other {
        HookSet::Functions => preemption == Preemption::Voluntary,
        HookSet::Probes => lossless_probes,
        HookSet::SyscallExit | HookSet::SyscallExitRaw => !is_sound && !at_exit(set),
    }
}

/// The sets of [`order`], each with why it would be the one.
pub(super) fn candidates(preemption: Preemption, lossless_probes: bool) -> [(HookSet, &'static str); 4] {
    let order = order(preemption, lossless_probes);
    let reason =
        |set| if set == order[0] { reason(preemption, lossless_probes) } else { "the best that this kernel takes" };
    order.map(|set| (set, reason(set)))
}

/// Why the first set of [`order`] is the first.
fn reason(preemption: Preemption, lossless_probes: bool) -> &'static str {
    match (preemption, lossless_probes) {
        (Preemption::Voluntary, _) => "this kernel does not preempt its own work, so that no hook misses a run",
        (_, true) => "this kernel may preempt its own work, and return probes miss no run then",
        (_, false) => "this kernel may preempt its own work, and the exit of system calls misses the fewest runs then",
    }
}

/// Kernel lockdown, as `/sys/kernel/security/lockdown` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lockdown {
    None,
    Integrity,
    /// Reading kernel memory is forbidden, and so is all tracing with BPF.
    Confidentiality,
}

const CAP_SYS_ADMIN: u32 = 21;
const CAP_PERFMON: u32 = 38;
const CAP_BPF: u32 = 39;

/// PROC_PID_INIT_INO of `linux/proc_ns.h`: the inode of the initial pid namespace.
const INIT_PID_NAMESPACE: &str = "pid:[4026531836]";

/// PROC_USER_INIT_INO of the same: the inode of the initial user namespace.
const INIT_USER_NAMESPACE: &str = "user:[4026531837]";

impl Facts {
    /// Looks at this host. What cannot be read counts as absent; loading will tell more.
    pub fn gather() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        Self {
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            privilege: privilege(&read("/proc/self/status"), in_initial_user_namespace(), bpf_is_refused()),
            btf: Path::new(BTF_PATH).exists(),
            lockdown: lockdown(&read("/sys/kernel/security/lockdown")),
            preemption: preemption(
                &read("/sys/kernel/debug/sched/preempt"),
                &read("/proc/cmdline"),
                &read("/proc/sys/kernel/version"),
            ),
            host_pids: sees_host_pids(),
        }
    }
}

/// Whether pids seen here are those of the initial namespace.
pub fn sees_host_pids() -> bool {
    fs::read_link("/proc/self/ns/pid").is_ok_and(|ns| ns.as_os_str() == INIT_PID_NAMESPACE)
}

/// The preemption model, from the first of these that tells: the scheduler's own file, the boot command line, the
/// kernel's version text. A kernel that can choose (PREEMPT_DYNAMIC) and does not say what it chose may preempt.
fn preemption(sched: &str, cmdline: &str, version: &str) -> Preemption {
    let model = |name: &str| match name {
        "none" | "voluntary" => Some(Preemption::Voluntary),
        "full" | "lazy" => Some(Preemption::Full),
        _ => None,
    };
    let in_force = sched.split_once('(').and_then(|(_, rest)| rest.split_once(')')).and_then(|(name, _)| model(name));
    let can_choose = version.is_empty() || version.contains("PREEMPT_DYNAMIC");
    let asked = || cmdline.split_whitespace().rev().find_map(|word| word.strip_prefix("preempt=").and_then(model));
    let built = || match version {
        "" => Preemption::Unknown,
        _ if version.contains("PREEMPT_DYNAMIC") => Preemption::Unknown,
        _ if version.contains("PREEMPT") => Preemption::Full,
        _ => Preemption::Voluntary,
    };
    in_force.or_else(|| can_choose.then(asked).flatten()).unwrap_or_else(built)
}

/// The effective capabilities in the text of `/proc/self/status`.
fn effective_capabilities(status: &str) -> u64 {
    let field = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    field.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or(0)
}

/// From the text of `/proc/self/status`. `initial`: in the initial user namespace; `refused`: bpf(2) fails with EPERM
/// whatever it is asked.
fn privilege(status: &str, initial: bool, refused: bool) -> Privilege {
    let capabilities = effective_capabilities(status);
    let has = |capability: u32| capabilities >> capability & 1 == 1;
    let filtered = status.lines().any(|line| line.split_whitespace().eq(["Seccomp:", "2"]));
    match (has(CAP_BPF), has(CAP_PERFMON)) {
        _ if !initial && capabilities != 0 => Privilege::UserNamespace,
        (false, false) if !has(CAP_SYS_ADMIN) => Privilege::Missing,
        (true, false) if !has(CAP_SYS_ADMIN) => Privilege::MissingOne("CAP_PERFMON"),
        (false, true) if !has(CAP_SYS_ADMIN) => Privilege::MissingOne("CAP_BPF"),
        _ if refused && filtered => Privilege::Seccomp,
        _ => Privilege::Enough,
    }
}

fn in_initial_user_namespace() -> bool {
    fs::read_link("/proc/self/ns/user").map_or(true, |ns| ns.as_os_str() == INIT_USER_NAMESPACE)
}

/// Whether bpf(2) fails with EPERM even for a command that there is not, which the kernel itself calls EINVAL.
fn bpf_is_refused() -> bool {
    // SAFETY: the kernel reads no byte of an argument of no length.
    let result = unsafe { libc::syscall(libc::SYS_bpf, libc::c_int::MAX, std::ptr::null::<u8>(), 0) };
    result < 0 && std::io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
}

/// The mode in brackets in the text of `/sys/kernel/security/lockdown`; no such file means no lockdown.
fn lockdown(text: &str) -> Lockdown {
    match text.split_once('[').and_then(|(_, rest)| rest.split_once(']')) {
        Some(("integrity", _)) => Lockdown::Integrity,
        Some(("confidentiality", _)) => Lockdown::Confidentiality,
        _ => Lockdown::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lockdown_is_the_word_in_brackets() {
        assert_eq!(lockdown("none [integrity] confidentiality\n"), Lockdown::Integrity);
        assert_eq!(lockdown("none integrity [confidentiality]\n"), Lockdown::Confidentiality);
        assert_eq!(lockdown("[none] integrity confidentiality\n"), Lockdown::None);
        assert_eq!(lockdown(""), Lockdown::None);
    }

    #[test]
    fn the_preemption_model_is_read_where_it_is_told() {
        let debian = "#1 SMP PREEMPT_DYNAMIC Debian 6.12.1-1";
        assert_eq!(preemption("none (voluntary) full \n", "preempt=full", debian), Preemption::Voluntary);
        assert_eq!(preemption("none voluntary full (lazy)\n", "", debian), Preemption::Full);
        assert_eq!(preemption("", "quiet preempt=full", debian), Preemption::Full);
        assert_eq!(preemption("", "quiet", debian), Preemption::Unknown);
        assert_eq!(preemption("", "", "#1 SMP Debian 5.10.1"), Preemption::Voluntary);
        assert_eq!(preemption("", "", "#1 SMP PREEMPT_RT Debian"), Preemption::Full);
        assert_eq!(preemption("", "preempt=none", "#1 SMP PREEMPT_RT Debian"), Preemption::Full);
        assert_eq!(preemption("", "", ""), Preemption::Unknown);
    }

    /// Kernels whose behaviour was measured, and the set that must be tried first.
    #[test]
    fn the_first_set_loses_nothing() {
        for (kernel, preemption, lossless_probes, first) in [
            ("5.10 not preemptible", Preemption::Voluntary, false, HookSet::Functions),
            ("6.1 not preemptible", Preemption::Voluntary, false, HookSet::Functions),
            ("6.12 full", Preemption::Full, false, HookSet::SyscallExit),
            ("6.18 not preemptible", Preemption::Voluntary, true, HookSet::Functions),
            ("6.18 full", Preemption::Full, true, HookSet::Probes),
            ("7.2 lazy", Preemption::Full, true, HookSet::Probes),
            ("not told", Preemption::Unknown, false, HookSet::SyscallExit),
        ] {
            assert_eq!(order(preemption, lossless_probes)[0], first, "{kernel}");
        }
    }

    #[test]
    fn no_set_is_left_for_one_that_is_known_to_lose_more() {
        use HookSet::{Functions, Probes, SyscallExit, SyscallExitRaw};
        use Preemption::{Full, Unknown, Voluntary};
        for (set, preemption, lossless_probes, expected) in [
            (Functions, Voluntary, true, &[Probes, SyscallExit, SyscallExitRaw][..]),
            (Functions, Voluntary, false, &[SyscallExit, SyscallExitRaw]),
            (SyscallExit, Full, false, &[]),
            (SyscallExitRaw, Unknown, false, &[]),
            (SyscallExit, Full, true, &[Probes]),
            (Functions, Full, false, &[SyscallExit, SyscallExitRaw]),
            (Probes, Full, true, &[]),
            (Probes, Unknown, true, &[]),
        ] {
            let others = HookSet::ALL.into_iter().filter(|other| *other != set);
            let others = others.filter(|other| may_lose_less(*other, set, preemption, lossless_probes));
            assert_eq!(others.collect::<Vec<_>>(), expected, "{set:?} {preemption:?} {lossless_probes}");
        }
    }

    #[test]
    fn every_order_tries_every_set() {
        for preemption in [Preemption::Voluntary, Preemption::Full, Preemption::Unknown] {
            for lossless in [false, true] {
                let order = order(preemption, lossless);
                assert!(HookSet::ALL.iter().all(|set| order.contains(set)), "{order:?}");
            }
        }
    }

    #[test]
    fn bpf_and_perfmon_are_enough() {
        let status = |hex: &str, seccomp: u8| format!("Name:\tx\nCapEff:\t{hex}\nCapBnd:\t0\nSeccomp:\t{seccomp}\n");
        for (capabilities, seccomp, initial, refused, expected) in [
            ("000000c000000000", 0, true, false, Privilege::Enough),
            ("0000000000200000", 0, true, false, Privilege::Enough),
            ("000001ffffffffff", 2, true, false, Privilege::Enough),
            ("000001ffffffffff", 2, true, true, Privilege::Seccomp),
            ("000001ffffffffff", 0, false, true, Privilege::UserNamespace),
            ("0000008000000000", 0, true, false, Privilege::MissingOne("CAP_PERFMON")),
            ("0000004000000000", 2, true, true, Privilege::MissingOne("CAP_BPF")),
            ("0000000000000000", 0, false, true, Privilege::Missing),
        ] {
            assert_eq!(privilege(&status(capabilities, seccomp), initial, refused), expected, "{capabilities}");
        }
        assert_eq!(privilege("nothing", true, false), Privilege::Missing);
    }
}
