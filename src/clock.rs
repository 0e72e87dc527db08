//! The two clocks: CLOCK_MONOTONIC, which events are stamped with, and the time of day.

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
    #[must_use]
    pub fn now() -> Self {
        Self { ts_ns: read(ClockId::Monotonic), time_ns: read(ClockId::Realtime) }
    }

    /// Nanoseconds since the Unix epoch when CLOCK_MONOTONIC was `ts_ns`.
    #[must_use]
    pub fn time_of(self, ts_ns: u64) -> u64 {
        ts_ns.saturating_add_signed(self.offset_ns())
    }

    /// The Unix epoch minus CLOCK_MONOTONIC.
    #[must_use]
    pub fn offset_ns(self) -> i64 {
        self.time_ns.wrapping_sub(self.ts_ns) as i64
    }
}

fn read(clock: ClockId) -> u64 {
    let now = rustix::time::clock_gettime(clock);
    now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}
