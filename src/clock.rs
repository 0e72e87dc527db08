//! The two clocks: CLOCK_MONOTONIC, which events are stamped with, and the time of day.
//!
//! The kernel stamps by the clock of the host. A process in a time namespace is shown a clock that is shifted, which is
//! undone here.

use std::fs;
use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rustix::time::ClockId;

/// One moment on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Nanoseconds of CLOCK_MONOTONIC, as `bpf_ktime_get_ns()` reads it.
    pub ts_ns: u64,
    /// Nanoseconds since the Unix epoch.
    pub time_ns: u64,
}

impl Moment {
    /// This moment.
    pub fn now() -> Self {
        Self { ts_ns: monotonic(), time_ns: read(ClockId::Realtime) }
    }

    /// Nanoseconds since the Unix epoch when CLOCK_MONOTONIC was `ts_ns`.
    pub fn time_of(self, ts_ns: u64) -> u64 {
        ts_ns.saturating_add_signed(self.offset_ns())
    }

    /// The Unix epoch minus CLOCK_MONOTONIC.
    pub fn offset_ns(self) -> i64 {
        self.time_ns.wrapping_sub(self.ts_ns) as i64
    }
}

/// A time of day, nanoseconds since the Unix epoch, in the words of `strftime(3)`.
pub fn time(time_ns: u64, zone: &TimeZone, format: &str) -> String {
    match Timestamp::from_nanosecond(i128::from(time_ns)) {
        Ok(time) => time.to_zoned(zone.clone()).strftime(format).to_string(),
        Err(_) => "?".to_owned(),
    }
}

/// Nanoseconds of the host's CLOCK_BOOTTIME: since its start, the time that it slept included.
pub fn since_boot() -> u64 {
    read(ClockId::Boottime).saturating_add_signed(-*BOOT_SHIFT)
}

static BOOT_SHIFT: LazyLock<i64> = LazyLock::new(|| shift("boottime"));

/// Nanoseconds of the host's CLOCK_MONOTONIC when this process's CLOCK_BOOTTIME was at so many ticks, as
/// `/proc/PID/stat` counts them; to a tick, where the host has not slept since.
pub fn monotonic_of_ticks(ticks: u64) -> u64 {
    // The kernel's USER_HZ, which is part of its ABI: 100 on every processor that opentop is built for.
    const TICK_NS: u64 = 1_000_000_000 / 100;
    let since_boot_ns = ticks.saturating_mul(TICK_NS).saturating_add_signed(-*BOOT_SHIFT);
    since_boot_ns.saturating_sub(slept())
}

/// Nanoseconds that the host has slept since its start: CLOCK_MONOTONIC leaves them out.
pub fn slept() -> u64 {
    since_boot().saturating_sub(monotonic())
}

fn monotonic() -> u64 {
    static SHIFT: LazyLock<i64> = LazyLock::new(|| shift("monotonic"));
    read(ClockId::Monotonic).saturating_add_signed(-*SHIFT)
}

fn read(clock: ClockId) -> u64 {
    let now = rustix::time::clock_gettime(clock);
    now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}

/// Nanoseconds by which this process's time namespace shifts a clock; 0 where the kernel has no such namespaces.
fn shift(clock: &str) -> i64 {
    shift_in(&fs::read_to_string("/proc/self/timens_offsets").unwrap_or_default(), clock).unwrap_or(0)
}

/// The shift in the text of `/proc/self/timens_offsets`: a clock, seconds and nanoseconds in each line.
fn shift_in(offsets: &str, clock: &str) -> Option<i64> {
    let mut fields = offsets
        .lines()
        .map(str::split_whitespace)
        .find_map(|mut fields| (fields.next() == Some(clock)).then_some(fields))?;
    let (seconds, nanos): (i64, i64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    seconds.checked_mul(1_000_000_000)?.checked_add(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shift_of_a_time_namespace_is_read() {
        let offsets = "monotonic      864000         5\nboottime     -3600         0\n";
        assert_eq!(shift_in(offsets, "monotonic"), Some(864_000_000_000_005));
        assert_eq!(shift_in(offsets, "boottime"), Some(-3_600_000_000_000));
        assert_eq!(shift_in("", "monotonic"), None);
    }
}
