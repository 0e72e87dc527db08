//! What is traced: this host, or others.

use super::selection::{Selection, selection};
use super::values::{cgroup, hooks, ring_bytes, running, seconds};
use crate::cli::Trace;
use crate::error::Error;
use crate::filter::Filter;
use crate::names::Names;
use crate::remote::args::RemoteArgs;
use crate::remote::target::Target;
use crate::remote::wire::{CONTROL_MAX, Start};
use crate::tracer::{Extras, Options, sees_host_pids};

/// Processes that `--tree` follows at most; their descendants need room in the kernel too.
const TREES_MAX: usize = 1024;

/// Where opens come from, live.
#[derive(Debug)]
pub enum Origin {
    Here(Options),
    Hosts(Target, Start),
}

/// What to trace, and which opens of it.
pub(super) fn origin(trace: &Trace, remote: &RemoteArgs) -> Result<(Selection, Origin), Error> {
    let Some(target) = Target::new(remote)? else {
        let selection = selection(&trace.filters, Names::of_host(), follows(trace))?;
        let options = options(trace, &selection)?;
        return Ok((selection, Origin::Here(options)));
    };
    let of_this_host = [
        ("--tree", trace.tree),
        ("--cgroup", trace.cgroup.is_some()),
        ("-- COMMAND", !trace.run.is_empty()),
        ("--verbose", trace.verbose),
    ];
    if let Some((what, _)) = of_this_host.into_iter().find(|(_, given)| *given) {
        let what = format!("{what} is of this host, and --host shows others: leave one out");
        return Err(Error::Unfit { options: &["cgroup", "verbose", "host", "hosts"], what });
    }
    // Users have other numbers on other hosts, which tell theirs only later.
    let selection = selection(&trace.filters, Names::of_hosts(&target.hosts), false)?;
    hooks(&trace.hooks)?;
    ring_bytes(&trace.ring)?;
    let filter = selection.filter.written_out();
    if filter.len() > CONTROL_MAX / 2 {
        return Err(Error::Usage("the filter is too long to be sent to other hosts".into()));
    }
    let start = Start {
        filter,
        interval: trace.filters.interval,
        ring: trace.ring.clone(),
        hooks: trace.hooks.clone(),
        latency: trace.latency,
        resolve: trace.resolve,
        lookups: trace.lookups,
        identity: trace.identity,
        show_self: trace.show_self,
        ..Start::default()
    };
    Ok((selection, Origin::Hosts(target, start)))
}

/// Whether processes are followed into their children. Which those are only the BPF side knows.
pub(super) fn follows(trace: &Trace) -> bool {
    trace.tree || !trace.run.is_empty()
}

/// How to trace this host.
pub(super) fn options(trace: &Trace, selection: &Selection) -> Result<Options, Error> {
    let mut filter = selection.filter.kernel_part();
    let pids = trace.filters.pids();
    if trace.tree {
        let given = pids.len();
        if given > TREES_MAX {
            return Err(Error::Usage(format!("--tree follows at most {TREES_MAX} processes, and --pid names {given}")));
        }
        filter.pids.clone_from(&pids);
    }
    running(&pids)?;
    Ok(Options {
        ring_bytes: ring_bytes(&trace.ring)?,
        // The command will be a child of this process, whose own opens are hidden.
        follow_own: !trace.run.is_empty(),
        show_self: trace.show_self,
        verbose: trace.verbose,
        filter,
        interval: selection.interval,
        hooks: hooks(&trace.hooks)?,
        identity: trace.identity,
        extras: Extras {
            children: follows(trace),
            latency: trace.latency,
            resolve: trace.resolve,
            lookups: trace.lookups,
            ..Options::default().extras
        },
        cgroup: trace.cgroup.as_deref().map(cgroup).transpose().map_err(Error::of("cgroup"))?,
        ends_with: if trace.tree || !sees_host_pids() { Vec::new() } else { pids },
        ..Options::default()
    })
}

/// What the far side is to trace. Nothing of what it is told is trusted more than a command line.
///
/// # Errors
/// If it makes no sense here.
pub(crate) fn of_agent(start: &Start) -> Result<(Options, Filter, Names), Error> {
    let names = Names::of_host().called(&start.host);
    let filter = Filter::parse(&start.filter, &names).map_err(|why| Error::Usage(format!("the filter: {why}")))?;
    let options = Options {
        ring_bytes: ring_bytes(&start.ring)?,
        show_self: start.show_self,
        filter: filter.kernel_part(),
        interval: seconds("interval", start.interval)?,
        hooks: hooks(&start.hooks)?,
        identity: start.identity,
        extras: Extras {
            latency: start.latency,
            resolve: start.resolve,
            lookups: start.lookups,
            ..Options::default().extras
        },
        ..Options::default()
    };
    Ok((options, filter, names))
}
