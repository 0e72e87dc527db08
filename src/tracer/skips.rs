//! Opens that the kernel did not even show to a program: it skips a program that is busy in an interrupted task.

use std::fs;
use std::os::fd::{AsFd as _, AsRawFd as _, RawFd};

use libbpf_rs::{Link, Object};

/// The kernel's counters of skipped runs: of a program `recursion_misses` (5.12), of a link of probes `missed` (6.7).
///
/// They stand in the description of a descriptor. A skipped run need not have been an open where a program sees every
/// system call, so this is the most that can have been lost.
#[derive(Debug, Default)]
pub(super) struct Skips(Vec<RawFd>);

impl Skips {
    /// Watches the loaded programs of `object` and `links` too, which both outlive this.
    pub(super) fn watch(&mut self, object: &Object, links: &[Link]) {
        let programs = object.progs_mut().filter(|program| program.autoload()).map(|p| p.as_fd().as_raw_fd());
        self.0.extend(programs.chain(links.iter().map(|link| link.as_fd().as_raw_fd())));
    }

    /// Runs skipped so far.
    pub(super) fn read(&self) -> u64 {
        self.0
            .iter()
            .filter_map(|fd| fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).ok())
            .map(|i| skipped(&i))
            .sum()
    }
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
