//! What this host allows, and which hooks to try because of it. Gathering facts looks at the world; deciding does not.

use std::fs;
use std::path::Path;

/// Facts about the host that decide whether and how it can be traced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    pub kernel: String,
    /// Root, or CAP_BPF and CAP_PERFMON.
    pub privileged: bool,
    /// The kernel carries its own type information.
    pub btf: bool,
    pub lockdown: Lockdown,
    /// Pids seen here are those of the initial namespace.
    pub host_pids: bool,
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

impl Facts {
    /// Looks at this host. What cannot be read counts as absent; loading will tell more.
    #[must_use]
    pub fn gather() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        Self {
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            privileged: may_trace(effective_capabilities(&read("/proc/self/status"))),
            btf: Path::new("/sys/kernel/btf/vmlinux").exists(),
            lockdown: lockdown(&read("/sys/kernel/security/lockdown")),
            host_pids: fs::read_link("/proc/self/ns/pid").is_ok_and(|ns| ns.as_os_str() == INIT_PID_NAMESPACE),
        }
    }
}

/// The effective capabilities in the text of `/proc/self/status`.
fn effective_capabilities(status: &str) -> u64 {
    let field = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    field.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or(0)
}

fn may_trace(capabilities: u64) -> bool {
    let has = |capability: u32| capabilities >> capability & 1 == 1;
    has(CAP_SYS_ADMIN) || (has(CAP_BPF) && has(CAP_PERFMON))
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
    fn bpf_and_perfmon_are_enough() {
        let status = |hex: &str| format!("Name:\tx\nCapEff:\t{hex}\nCapBnd:\t0\n");
        assert!(may_trace(effective_capabilities(&status("000000c000000000"))));
        assert!(may_trace(effective_capabilities(&status("0000000000200000"))));
        assert!(!may_trace(effective_capabilities(&status("0000008000000000"))));
        assert!(!may_trace(effective_capabilities("nothing")));
    }
}
