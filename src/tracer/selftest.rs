//! Whether hooks that were attached see anything: that a kernel takes a program does not mean that it runs it.

use std::fs::File;
use std::time::Duration;

use libbpf_rs::{MapCore as _, MapFlags};

use crate::bpf::types::totals;
use crate::bpf::{OpentopSkel, from_bytes};

/// A failing open of ours must come to the BPF side's count of our own. On a busy kernel its run may be missed for
/// it, so that one try is not the last word.
pub(super) fn sees_opens(skel: &OpentopSkel<'_>) -> libbpf_rs::Result<bool> {
    const TRIES: usize = 10;
    const PAUSE: Duration = Duration::from_millis(5);
    let before = own_opens(skel)?;
    for attempt in 0..TRIES {
        if attempt > 0 {
            std::thread::sleep(PAUSE);
        }
        let _ = File::open("/.opentop-looks-at-itself");
        if own_opens(skel)? > before {
            return Ok(true);
        }
    }
    Ok(false)
}

fn own_opens(skel: &OpentopSkel<'_>) -> libbpf_rs::Result<u64> {
    let value = skel.maps.bss_totals.lookup(&0u32.to_ne_bytes(), MapFlags::ANY)?;
    Ok(value.as_deref().and_then(from_bytes::<totals>).map_or(0, |totals| totals.own))
}
