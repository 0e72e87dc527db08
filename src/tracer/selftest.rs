//! Whether hooks that were attached see anything: that a kernel takes a program does not mean that it runs it.

use std::fs::File;
use std::time::Duration;

use super::counters;
use crate::bpf::OpentopSkel;

/// A failing open of ours must come to the BPF side's count of our own. On a busy kernel its run may be missed for
/// it, so that one try is not the last word.
pub(super) fn sees_opens(skel: &OpentopSkel<'_>) -> bool {
    const TRIES: usize = 10;
    const PAUSE: Duration = Duration::from_millis(5);
    let before = own_opens(skel);
    for attempt in 0..TRIES {
        if attempt > 0 {
            std::thread::sleep(PAUSE);
        }
        let _ = File::open("/.opentop-looks-at-itself");
        if own_opens(skel) > before {
            return true;
        }
    }
    false
}

fn own_opens(skel: &OpentopSkel<'_>) -> u64 {
    counters::totals(skel).map_or(0, |totals| totals.own)
}
