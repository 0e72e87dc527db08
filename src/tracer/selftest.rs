//! Whether hooks that were attached see anything: that a kernel takes a program does not mean that it runs it.

use std::fs::File;
use std::time::Duration;

use libbpf_rs::{MapCore as _, MapFlags};

use crate::bpf::types::totals;
use crate::bpf::{OpentopSkel, from_bytes};

/// A failing open must come to the kernel side's counts: as hidden, as filtered, or, where opentop shows itself, as the
/// open of a process. On a busy kernel the program may be skipped for it, so that one try is not the last word.
pub(super) fn sees_opens(skel: &OpentopSkel<'_>) -> libbpf_rs::Result<bool> {
    const TRIES: usize = 10;
    const PAUSE: Duration = Duration::from_millis(5);
    let before = left_out(skel)?;
    for attempt in 0..TRIES {
        if attempt > 0 {
            std::thread::sleep(PAUSE);
        }
        let _ = File::open("/.opentop-looks-at-itself");
        if left_out(skel)? > before || skel.maps.processes.keys().next().is_some() && before == 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Opens that were seen, and belong to nobody who is shown.
fn left_out(skel: &OpentopSkel<'_>) -> libbpf_rs::Result<u64> {
    let value = skel.maps.bss_totals.lookup(&0u32.to_ne_bytes(), MapFlags::ANY)?;
    let totals = value.as_deref().and_then(from_bytes::<totals>);
    Ok(totals.map_or(0, |totals| totals.hidden + totals.filtered + totals.overflow))
}
