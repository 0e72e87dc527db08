//! `opentop check`: can this host be traced, with which hooks, and what to do if not.

use std::io::{self, Write};

use crate::config::Source;
use crate::error::{EXIT_FAILED, EXIT_OK, Error};
use crate::escape::escape;
use crate::message::{Hooks, Unseen};
use crate::tracer::{self, Facts, HookSet, Lockdown, Options, Privilege};

/// What reaches files without an open that opentop reports, whatever the hooks.
pub const NOT_SEEN: &str = "stat, access and readlink without --lookups; open_tree, mq_open and pidfd_getfd; \
    descriptors that come by SCM_RIGHTS, dup, memfd_create, sockets or pipes; opens that seccomp refuses or kills, by \
    hooks on functions; opens by io_uring that succeed and ask for no completion then (IOSQE_CQE_SKIP_SUCCESS); \
    opens that a signal interrupts and that are left by siglongjmp or exit";

/// One line of the report.
struct Item {
    good: bool,
    what: &'static str,
    found: String,
    /// What to do if it is not good.
    remedy: &'static str,
}

/// Writes the report. The exit status is 0 if opentop can run here.
///
/// # Errors
/// If the report cannot be written.
pub fn run(out: &mut dyn Write, options: &Options, configuration: &[Source]) -> Result<u8, Error> {
    let facts = Facts::gather();
    let mut items = about_host(&facts);
    let possible = items.iter().all(|item| item.good);
    let tried = if possible { tracer::try_all(&facts, options) } else { Vec::new() };
    let chosen = tried.iter().find_map(|(set, result)| Some((*set, result.as_ref().ok()?.reason)));
    items.extend(tried.iter().map(|(hooks, result)| about_hooks(*hooks, result, chosen.map(|(set, _)| set))));
    match report(out, &facts, &items, chosen, configuration).and_then(|()| out.flush()) {
        // Whoever read it has all that was wanted.
        Err(why) if why.kind() != io::ErrorKind::BrokenPipe => {
            return Err(Error::Other(format!("cannot write the report: {why}")));
        }
        _ => {}
    }
    Ok(if chosen.is_some() { EXIT_OK } else { EXIT_FAILED })
}

fn about_host(facts: &Facts) -> Vec<Item> {
    let lockdown = match facts.lockdown {
        Lockdown::None => "none",
        Lockdown::Integrity => "integrity, which allows tracing",
        Lockdown::Confidentiality => "confidentiality, which forbids reading the kernel",
    };
    let (found, remedy) = match facts.privilege {
        Privilege::Enough => ("enough".into(), ""),
        Privilege::Missing => ("neither root nor CAP_BPF and CAP_PERFMON".into(), "run it with sudo"),
        Privilege::MissingOne(name) => (format!("{name} is missing"), "add it, or run it with sudo"),
        Privilege::UserNamespace => (
            "root of a user namespace, who may not trace the host".into(),
            "run it outside of it, and a container with root's own engine, not rootless",
        ),
        Privilege::Seccomp => (
            "a seccomp filter refuses the system call bpf".into(),
            "start the container with --security-opt seccomp=unconfined, or the service without SystemCallFilter=",
        ),
    };
    vec![
        Item { good: facts.privilege == Privilege::Enough, what: "privilege", found, remedy },
        Item {
            good: facts.btf,
            what: "type information (BTF)",
            found: if facts.btf { tracer::BTF_PATH } else { "missing" }.into(),
            remedy: "use a kernel built with CONFIG_DEBUG_INFO_BTF=y",
        },
        Item {
            good: facts.lockdown != Lockdown::Confidentiality,
            what: "lockdown",
            found: lockdown.into(),
            remedy: "boot with lockdown=integrity; /sys/kernel/security/lockdown shows the mode",
        },
    ]
}

fn about_hooks(hooks: HookSet, result: &Result<Hooks, String>, chosen: Option<HookSet>) -> Item {
    let found = match result {
        Ok(Hooks { unseen, .. }) => {
            let used = if chosen == Some(hooks) { "works, and is what opentop uses" } else { "works" };
            let but = if unseen.is_empty() { "" } else { "; it does not see " };
            let unseen = unseen.iter().map(|Unseen { what, why }| format!("{what} ({why})"));
            format!("{used}{but}{}", unseen.collect::<Vec<_>>().join(" and "))
        }
        Err(why) => why.clone(),
    };
    Item {
        good: result.is_ok(),
        what: hooks.name(),
        found,
        remedy: if chosen.is_some() { "not needed, another works" } else { "ring buffers need Linux 5.8 or later" },
    }
}

fn report(
    out: &mut dyn Write,
    facts: &Facts,
    items: &[Item],
    chosen: Option<(HookSet, &str)>,
    configuration: &[Source],
) -> io::Result<()> {
    writeln!(out, "opentop {} on Linux {}", env!("CARGO_PKG_VERSION"), facts.kernel)?;
    let configuration: Vec<_> = configuration.iter().map(|source| escape(source.to_string().as_bytes())).collect();
    writeln!(out, "      {:<24} {}", "configuration", configuration.join(", "))?;
    for item in items {
        writeln!(out, "  {} {:<24} {}", if item.good { "ok " } else { "no " }, item.what, item.found)?;
        if !item.good {
            writeln!(out, "      {:<24} → {}", "", item.remedy)?;
        }
    }
    if !facts.host_pids {
        writeln!(
            out,
            "  !   pid namespace            this is a container: start it with --pid=host to see pids as here"
        )?;
    }
    if tracer::cgroup_mount().is_none() {
        let found =
            "no v2 hierarchy is mounted: cgroups, containers and units have no names, and --cgroup cannot be used";
        writeln!(out, "  !   {:<24} {found}", "cgroups")?;
    }
    writeln!(out, "  !   {:<24} {NOT_SEEN}", "not seen")?;
    match chosen {
        Some((hooks, reason)) => writeln!(out, "opentop can run here; hooks: {}: {reason}", hooks.name()),
        None => writeln!(out, "opentop cannot run here"),
    }
}
