//! Counters for Prometheus: what is counted since the start, in a bounded number of series. No pid, no path of a file
//! is ever a label.

pub mod http;
pub mod slots;
pub mod text;

use std::collections::HashMap;
use std::fs;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::escape::escape;
use crate::event::{CgroupName, errno_name};
use crate::message::{Counts, Hooks, LATENCY_BOUNDS_NS, ProcessCount};
use crate::names::{Cgroup, Names};
use crate::ranking::sum::Sum;
use slots::{Rules, Slots};
use text::Page;

/// Series of each family at most, besides the one of the others.
const COMMANDS: usize = 50;
const CONTAINERS: usize = 200;
const UNITS: usize = 50;

/// Errors that have a series of their own from the start on. They are those that open(2) and execve(2) know.
const ERRNOS: [i32; 30] = [
    libc::ENOENT,
    libc::EACCES,
    libc::EPERM,
    libc::ENOTDIR,
    libc::EISDIR,
    libc::EEXIST,
    libc::ELOOP,
    libc::ENAMETOOLONG,
    libc::EMFILE,
    libc::ENFILE,
    libc::ENOMEM,
    libc::ENOSPC,
    libc::EROFS,
    libc::ETXTBSY,
    libc::ENXIO,
    libc::ENODEV,
    libc::EINVAL,
    libc::EBADF,
    libc::EFAULT,
    libc::EINTR,
    libc::EAGAIN,
    libc::EBUSY,
    libc::EDQUOT,
    libc::EFBIG,
    libc::EIO,
    libc::EOPNOTSUPP,
    libc::ESTALE,
    libc::EOVERFLOW,
    libc::ENOEXEC,
    libc::EXDEV,
];

/// What those that have no series of their own are called.
const OTHER: &str = "other";

/// A container, in the order of its labels.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Container {
    namespace: String,
    pod: String,
    container: String,
    runtime: String,
}

impl Container {
    fn of(cgroup: &Cgroup) -> Option<Self> {
        let text = |bytes: Option<&[u8]>| bytes.map(escape).unwrap_or_default();
        let pod = cgroup.pod();
        Some(Self {
            namespace: text(pod.map(|pod| pod.namespace)),
            pod: text(pod.map(|pod| pod.name)),
            container: escape(cgroup.container_name()?),
            runtime: text(cgroup.runtime()),
        })
    }

    fn other() -> Self {
        let empty = String::new;
        Self { namespace: empty(), pod: empty(), container: OTHER.to_owned(), runtime: empty() }
    }

    fn labels(&self) -> Vec<(&'static str, &str)> {
        vec![
            ("namespace", &self.namespace),
            ("pod", &self.pod),
            ("container", &self.container),
            ("runtime", &self.runtime),
        ]
    }
}

/// What of a process has been counted here.
#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    all: Sum,
    cgroups: [Sum; 2],
}

/// All that the page tells.
#[derive(Debug)]
pub struct Metrics {
    hooks: Hooks,
    started: SystemTime,
    measures_latency: bool,
    names: Names,
    /// Processes that have not ended, of which the BPF side has room for so many.
    processes: HashMap<(u32, u64), Counted>,
    counts: Counts,
    commands: Slots<String>,
    containers: Slots<Container>,
    units: Slots<String>,
}

impl Metrics {
    /// Slots are left and begin to count as told in [`Rules`].
    pub fn new(hooks: Hooks, measures_latency: bool, idle: Duration, settle: Duration) -> Self {
        let rules = |slots| Rules { slots, idle, settle };
        Self {
            hooks,
            started: SystemTime::now(),
            measures_latency,
            names: Names::without_users(),
            processes: HashMap::new(),
            counts: Counts::default(),
            commands: Slots::new(rules(COMMANDS)),
            containers: Slots::new(rules(CONTAINERS)),
            units: Slots::new(rules(UNITS)),
        }
    }

    pub fn set_hooks(&mut self, hooks: Hooks) {
        self.hooks = hooks;
    }

    pub fn learn(&mut self, cgroup: &CgroupName) {
        self.names.learn(cgroup);
    }

    /// Takes a reading of the counters.
    pub fn read(&mut self, mut counts: Counts, now: Instant) {
        for process in std::mem::take(&mut counts.processes) {
            self.count(&process, now);
        }
        let total = Sum::from(&counts.totals);
        self.commands.tick(total, now);
        self.containers.tick(total, now);
        self.units.tick(total, now);
        self.counts = counts;
    }

    fn count(&mut self, process: &ProcessCount, now: Instant) {
        let key = (process.pid, process.start_ns);
        let before = self.processes.get(&key).copied().unwrap_or_default();
        let counted = Counted { all: Sum::from(process), cgroups: process.cgroups.each_ref().map(Sum::from) };
        if process.ended {
            self.processes.remove(&key);
        } else {
            self.processes.insert(key, counted);
        }
        // A command that calls itself so is one of the others.
        let command = escape(&process.comm);
        if command != OTHER {
            self.commands.add(command, counted.all.less(before.all), now);
        }
        for at in 0..2 {
            let opened = counted.cgroups[at].less(before.cgroups[at]);
            let Some(cgroup) = self.names.cgroup(process.cgroups[at].cgroup) else { continue };
            match (Container::of(cgroup), &cgroup.unit) {
                (Some(container), _) => self.containers.add(container, opened, now),
                (None, Some(unit)) => self.units.add(escape(unit), opened, now),
                (None, None) => {}
            }
        }
    }

    /// The page. Whatever is on it is taken for seen.
    pub fn page(&mut self) -> String {
        let mut page = Page::default();
        let totals = self.counts.totals;
        page.single("opentop_opens_total", "counter", "Opens that were tried, failed ones included.", totals.opens);
        page.single("opentop_open_failures_total", "counter", "Opens that failed.", totals.failed);
        self.errors(&mut page);
        self.families(&mut page);
        if self.measures_latency {
            self.latencies(&mut page);
        }
        page.single(
            "opentop_events_delivered_total",
            "counter",
            "Events of opens that were delivered: none, since only counts are asked for.",
            totals.delivered,
        );
        page.single("opentop_events_filtered_total", "counter", "Opens that a filter left out.", totals.filtered);
        page.metric(
            "opentop_events_lost_total",
            "counter",
            "What was lost, by cause; what each means the manual tells.",
        );
        for (cause, count) in totals.lost.by_cause() {
            page.series("opentop_events_lost_total", &[("cause", cause.name())], count);
        }
        let families = [
            ("command", self.commands.len(), self.commands.evictions()),
            ("container", self.containers.len(), self.containers.evictions()),
            ("unit", self.units.len(), self.units.evictions()),
        ];
        page.metric("opentop_series", "gauge", "Values that have series of their own, by family.");
        families.iter().for_each(|(family, len, _)| page.series("opentop_series", &[("family", family)], len));
        page.metric("opentop_series_evictions_total", "counter", "Values that lost their series after being idle.");
        for (family, _, evictions) in families {
            page.series("opentop_series_evictions_total", &[("family", family)], evictions);
        }
        let build = [("version", env!("CARGO_PKG_VERSION")), ("hooks", &self.hooks.set)];
        page.metric("opentop_build_info", "gauge", "The version, and the hooks in use.");
        page.series("opentop_build_info", &build, 1);
        self.process(&mut page);
        page.finish()
    }

    fn errors(&self, page: &mut Page) {
        let name = "opentop_open_errors_total";
        page.metric(name, "counter", "Opens that failed, by error.");
        let counted: HashMap<i32, u64> = self.counts.results.iter().copied().collect();
        for errno in ERRNOS {
            page.series(name, &[("errno", &errno_name(errno))], counted.get(&errno).unwrap_or(&0));
        }
        let unnamed = counted.iter().filter(|(errno, _)| **errno != 0 && !ERRNOS.contains(errno));
        let other = self.counts.other_errors + unnamed.map(|(_, count)| count).sum::<u64>();
        page.series(name, &[("errno", OTHER)], other);
    }

    fn families(&mut self, page: &mut Page) {
        let by_command: Vec<_> = with_others(&mut self.commands, OTHER.to_owned());
        let by_unit: Vec<_> = with_others(&mut self.units, OTHER.to_owned());
        let by_container = with_others(&mut self.containers, Container::other());
        let commands = by_command.iter().map(|(command, sum)| (vec![("command", command.as_str())], *sum)).collect();
        let units = by_unit.iter().map(|(unit, sum)| (vec![("unit", unit.as_str())], *sum)).collect();
        let containers = by_container.iter().map(|(container, sum)| (container.labels(), *sum)).collect();
        family(page, "command", "command name", commands);
        family(page, "container", "container", containers);
        family(page, "unit", "systemd unit, outside of containers", units);
    }

    fn latencies(&self, page: &mut Page) {
        let name = "opentop_open_duration_seconds";
        page.metric(name, "histogram", "How long opens took, from call to result.");
        let (bucket, mut sum) = (format!("{name}_bucket"), 0);
        let latencies = self.counts.latencies.as_deref().copied().unwrap_or_default();
        let bounds = LATENCY_BOUNDS_NS.iter().map(|ns| (*ns as f64 / 1e9).to_string());
        for (bound, opens) in bounds.chain(["+Inf".to_owned()]).zip(latencies.opens) {
            sum += opens;
            page.series(&bucket, &[("le", &bound)], sum);
        }
        page.series(&format!("{name}_sum"), &[], latencies.sum_ns as f64 / 1e9);
        page.series(&format!("{name}_count"), &[], sum);
    }

    /// What this process takes, by the names that exporters use.
    fn process(&self, page: &mut Page) {
        let cpu = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        let cpu = cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9;
        page.single("process_cpu_seconds_total", "counter", "CPU time that opentop took, in seconds.", cpu);
        let started = self.started.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        page.single("process_start_time_seconds", "gauge", "When opentop was started, in seconds since 1970.", started);
        let pages = fs::read_to_string("/proc/self/statm").ok();
        let pages = pages.and_then(|statm| statm.split(' ').nth(1)?.parse::<u64>().ok());
        if let Some(pages) = pages {
            let bytes = pages * rustix::param::page_size() as u64;
            page.single("process_resident_memory_bytes", "gauge", "Memory that opentop takes, in bytes.", bytes);
        }
    }
}

/// The values and what they opened, the others last.
fn with_others<K: Clone + Eq + std::hash::Hash + Ord>(slots: &mut Slots<K>, other: K) -> Vec<(K, Sum)> {
    let mut series: Vec<_> = slots.publish().into_iter().map(|(value, sum)| (value.clone(), sum)).collect();
    series.push((other, slots.others()));
    series
}

/// Opens and failures by the values of one label, or of several.
fn family(page: &mut Page, family: &str, by: &str, rows: Vec<(Vec<(&str, &str)>, Sum)>) {
    let (opens, failures) = (format!("opentop_{family}_opens_total"), format!("opentop_{family}_failures_total"));
    page.metric(&opens, "counter", &format!("Opens by {by}; other is all the rest."));
    rows.iter().for_each(|(labels, sum)| page.series(&opens, labels, sum.opens));
    page.metric(&failures, "counter", &format!("Opens that failed, by {by}; other is all the rest."));
    rows.iter().for_each(|(labels, sum)| page.series(&failures, labels, sum.failed));
}

#[cfg(test)]
mod tests;
