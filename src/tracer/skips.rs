//! Opens that the kernel did not even show to a program: it skips a program that is busy in an interrupted task.

use std::fs;
use std::os::fd::{AsFd as _, AsRawFd as _, RawFd};

use libbpf_rs::{Link, Object};

/// The kernel's counters of skipped runs: of a program `recursion_misses` (5.12), of a link of probes `missed` (6.7).
///
/// They stand in the description of a descriptor. A skipped run need not have been an open where a program sees every
/// system call, so this is the most that can have been lost.
#[derive(Debug, Default)]
pub(super) struct Skips {
    programs: Vec<RawFd>,
    links: Vec<RawFd>,
    /// What links had missed when they were closed.
    closed: u64,
}

impl Skips {
    /// Watches the loaded programs of `object` too, which outlives this.
    pub(super) fn watch_programs(&mut self, object: &Object) {
        let programs = object.progs_mut().filter(|program| program.autoload());
        self.programs.extend(programs.map(|program| program.as_fd().as_raw_fd()));
    }

    /// Watches `links` too, until they are forgotten.
    pub(super) fn watch_links(&mut self, links: &[Link]) {
        self.links.extend(links.iter().map(|link| link.as_fd().as_raw_fd()));
    }

    /// Keeps what `links` have missed, before they are closed.
    pub(super) fn forget_links(&mut self, links: &[Link]) {
        for fd in links.iter().map(|link| link.as_fd().as_raw_fd()) {
            self.closed += read(fd);
            self.links.retain(|watched| *watched != fd);
        }
    }

    /// Runs skipped so far.
    pub(super) fn read(&self) -> u64 {
        self.closed + self.programs.iter().chain(&self.links).map(|fd| read(*fd)).sum::<u64>()
    }
}

fn read(fd: RawFd) -> u64 {
    fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).map_or(0, |info| skipped(&info))
}

fn skipped(fdinfo: &str) -> u64 {
    let fields = fdinfo.lines().filter_map(|line| line.split_once(':'));
    let counters = fields.filter(|(name, _)| matches!(*name, "recursion_misses" | "missed"));
    counters.filter_map(|(_, count)| count.trim().parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_counters_are_read() {
        assert_eq!(skipped("pos:\t0\nprog_type:\t26\nrecursion_misses:\t12\nverified_insns:\t9\n"), 12);
        assert_eq!(skipped("link_type:\tkprobe_multi\nfunc_cnt:\t7\nmissed:\t3\n"), 3);
        assert_eq!(skipped(""), 0);
    }
}
