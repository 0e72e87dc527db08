//! Whether hooks that were attached see anything: that a kernel takes a program does not mean that it runs it.

use std::fs::{self, File};
use std::time::Duration;

use super::counters;
use crate::bpf::OpentopSkel;
use crate::bpf::types::totals;

const NOWHERE: &str = "/.opentop-looks-at-itself";

/// A failing open of ours must come to the BPF side's count of our own.
pub(super) fn sees_opens(skel: &OpentopSkel<'_>) -> bool {
    is_counted(skel, |totals| totals.own, || drop(File::open(NOWHERE)))
}

/// The same for a look-up.
pub(super) fn sees_lookups(skel: &OpentopSkel<'_>) -> bool {
    is_counted(skel, |totals| totals.lookups_own, || drop(fs::metadata(NOWHERE)))
}

/// Whether what is `done` makes a count grow. On a busy kernel its run may be missed for it, so that one try is not the
/// last word.
fn is_counted(skel: &OpentopSkel<'_>, count: fn(&totals) -> u64, done: fn()) -> bool {
    const TRIES: usize = 10;
    const PAUSE: Duration = Duration::from_millis(5);
    let counted = || counters::totals(skel).map_or(0, |totals| count(&totals));
    let before = counted();
    for attempt in 0..TRIES {
        if attempt > 0 {
            std::thread::sleep(PAUSE);
        }
        done();
        if counted() > before {
            return true;
        }
    }
    false
}
