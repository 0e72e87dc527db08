//! Opens that the kernel did not even show to a program: it missed a program that is busy in an interrupted task.
//!
//! The kernel counts them: of a program as `recursion_misses` (5.12), of a link of probes as `missed` (6.7).
//! A missed run need not have been an open where a program sees every system call, so this is the most that can have
//! been lost.

use std::fs;
use std::os::fd::{AsFd as _, AsRawFd as _};

use libbpf_rs::query::LinkTypeInfo;
use libbpf_rs::{Link, Object};

use super::hooks;

/// Missed runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct MissedRuns {
    /// Of the programs and probes of a hook set: those can be helped by another set.
    pub(super) of_set: u64,
    /// Of all that see opens.
    pub(super) all: u64,
}

/// Runs that a hook set missed while so many opens were made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Losses {
    pub(super) missed: u64,
    pub(super) opens: u64,
}

impl Losses {
    /// What came since `before`.
    pub(super) fn since(self, before: Self) -> Self {
        Self { missed: self.missed.saturating_sub(before.missed), opens: self.opens.saturating_sub(before.opens) }
    }

    /// Whether fewer runs are missed for an open.
    pub(super) fn is_less_than(self, other: Self) -> bool {
        let product = |missed: u64, opens: u64| u128::from(missed) * u128::from(opens.max(1));
        product(self.missed, other.opens) < product(other.missed, self.opens)
    }
}

impl MissedRuns {
    /// Adds those of the loaded programs of `object`.
    pub(super) fn add_programs(&mut self, object: &Object) {
        for program in object.progs_mut().filter(|program| program.autoload()) {
            let name = program.name().to_string_lossy();
            let path = format!("/proc/self/fdinfo/{}", program.as_fd().as_raw_fd());
            let runs = fs::read_to_string(path).map_or(0, |info| missed_runs(&info));
            self.of_set += if hooks::is_of_set(&name) { runs } else { 0 };
            self.all += if hooks::sees_opens(&name) { runs } else { 0 };
        }
    }

    /// Adds those of the links of a hook set, as far as they see opens: probes at the return of functions.
    pub(super) fn add_links(&mut self, links: &[Link]) {
        /// linux/bpf.h
        const BPF_F_KPROBE_MULTI_RETURN: u32 = 1;
        let runs = missed_by(links, |flags| flags & BPF_F_KPROBE_MULTI_RETURN != 0);
        self.of_set += runs;
        self.all += runs;
    }

    /// Adds those of the links of optional hooks, all of which see opens.
    pub(super) fn add_optional(&mut self, links: &[Link]) {
        self.all += missed_by(links, |_| true);
    }
}

/// What the probes among `links` have missed, of those with flags that count.
fn missed_by(links: &[Link], counts: impl Fn(u32) -> bool) -> u64 {
    let missed = |link: &Link| match link.info().map(|info| info.info) {
        Ok(LinkTypeInfo::KprobeMulti(probes)) if counts(probes.flags) => probes.missed,
        _ => 0,
    };
    links.iter().map(missed).sum()
}

fn missed_runs(fdinfo: &str) -> u64 {
    let fields = fdinfo.lines().filter_map(|line| line.split_once(':'));
    let counters = fields.filter(|(name, _)| *name == "recursion_misses");
    counters.filter_map(|(_, count)| count.trim().parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_compared_by_the_opens_of_their_time() {
        let losses = |missed, opens| Losses { missed, opens };
        assert!(losses(10, 2000).is_less_than(losses(10, 1000)));
        assert!(!losses(10, 1000).is_less_than(losses(10, 1000)));
        assert!(losses(0, 1000).is_less_than(losses(1, 1_000_000)));
        assert!(!losses(500, 1000).is_less_than(losses(2, 1000)));
        // Opens that were all missed are not even counted.
        assert!(losses(10, 1000).is_less_than(losses(10, 0)));
        assert_eq!(losses(12, 3000).since(losses(2, 1000)), losses(10, 2000));
    }

    #[test]
    fn the_kernels_counter_is_read() {
        assert_eq!(missed_runs("pos:\t0\nprog_type:\t26\nrecursion_misses:\t12\nverified_insns:\t9\n"), 12);
        assert_eq!(missed_runs(""), 0);
    }
}
