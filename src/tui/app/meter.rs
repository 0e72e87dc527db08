//! What the header says of the whole: rate, totals, losses, and what opentop itself costs.

use std::collections::VecDeque;
use std::time::Duration;

use crate::message::Totals;

/// Readings of which the rate is remembered.
const RATES: usize = 32;

/// The totals at the last reading and what follows from those before it.
#[derive(Debug, Default)]
pub struct Meter {
    totals: Totals,
    /// The totals at the last reset.
    base: Totals,
    read_ns: Option<u64>,
    /// Opens a second, the latest last.
    rates: VecDeque<f64>,
    /// At the last reading, with what a filter in the kernel left out.
    host_rate: f64,
    elapsed: Duration,
    /// Processor time at the last tick, and the opens then.
    cpu: Option<(Duration, Duration, u64)>,
    /// Share of one processor.
    pub own_share: Option<f64>,
    /// Own processor time for each open.
    pub own_ns_per_open: Option<f64>,
}

impl Meter {
    /// `since_ns` is when counting began, CLOCK_MONOTONIC, if known.
    pub fn new(since_ns: Option<u64>) -> Self {
        Self { read_ns: since_ns, ..Self::default() }
    }

    /// That of a replay that went elsewhere.
    pub fn after_seek(elapsed: Duration) -> Self {
        Self { elapsed, ..Self::default() }
    }

    /// Takes in the totals read at `ts_ns`.
    pub fn read(&mut self, ts_ns: u64, totals: Totals) {
        let seconds = self.read_ns.map_or(0.0, |before| ts_ns.saturating_sub(before) as f64 / 1e9);
        if seconds > 0.0 {
            let new = passed(&totals).saturating_sub(passed(&self.totals));
            self.rates.push_back(new as f64 / seconds);
            self.host_rate = totals.opens.saturating_sub(self.totals.opens) as f64 / seconds;
            if self.rates.len() > RATES {
                self.rates.pop_front();
            }
        }
        self.read_ns = Some(ts_ns);
        self.totals = totals;
    }

    /// Takes in how long opentop runs and how much processor time it has used.
    pub fn tick(&mut self, elapsed: Duration, cpu: Duration) {
        self.elapsed = elapsed;
        let opens = self.totals.opens;
        if let Some((then, used, opens_then)) = self.cpu {
            let (wall, own) = (elapsed.saturating_sub(then), cpu.saturating_sub(used));
            if wall < Duration::from_millis(500) {
                return;
            }
            let new = opens.saturating_sub(opens_then);
            self.own_share = Some(own.as_secs_f64() / wall.as_secs_f64());
            self.own_ns_per_open = (new > 0).then(|| own.as_nanos() as f64 / new as f64);
        }
        self.cpu = Some((elapsed, cpu, opens));
    }

    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// All that was counted since the start.
    pub fn since_start(&self) -> Totals {
        self.totals
    }

    /// What was counted since the last reset.
    pub fn totals(&self) -> Totals {
        self.totals.since(&self.base)
    }

    /// Share of failed opens since the last reset, 0 to 1, of those that pass a filter in the kernel.
    pub fn failed_share(&self) -> f64 {
        let totals = self.totals();
        if passed(&totals) == 0 { 0.0 } else { totals.failed as f64 / passed(&totals) as f64 }
    }

    /// Opens a second at the last reading, without those that a filter in the kernel left out.
    pub fn rate(&self) -> f64 {
        self.rates.back().copied().unwrap_or(0.0)
    }

    /// Opens a second on the whole host at the last reading.
    pub fn host_rate(&self) -> f64 {
        self.host_rate
    }

    /// The last `count` rates, the latest last.
    pub fn rates(&self, count: usize) -> impl Iterator<Item = f64> {
        self.rates.iter().skip(self.rates.len().saturating_sub(count)).copied()
    }

    /// Counts from here on.
    pub fn reset(&mut self) {
        self.base = self.totals;
    }
}

fn passed(totals: &Totals) -> u64 {
    totals.opens.saturating_sub(totals.filtered)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(opens: u64) -> Totals {
        Totals { opens, failed: opens / 2, ..Totals::default() }
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "whole numbers are exact")]
    fn the_rate_is_the_difference_over_time() {
        let mut meter = Meter::new(Some(0));
        meter.read(2_000_000_000, totals(100));
        meter.read(3_000_000_000, totals(400));
        assert_eq!(meter.rates(9).collect::<Vec<_>>(), [50.0, 300.0]);
        assert_eq!(meter.rate(), 300.0);
    }

    #[test]
    fn what_the_kernel_filters_is_in_no_rate() {
        let mut meter = Meter::new(Some(0));
        meter.read(1_000_000_000, Totals { filtered: 90, ..totals(100) });
        meter.read(2_000_000_000, Totals { filtered: 190, ..totals(210) });
        assert_eq!(meter.rates(9).collect::<Vec<_>>(), [10.0, 10.0]);
        assert_eq!(meter.host_rate().round() as u64, 110);
    }

    #[test]
    fn a_reset_is_a_new_start_but_the_whole_is_kept() {
        let mut meter = Meter::new(None);
        meter.read(1, totals(100));
        meter.reset();
        meter.read(2, totals(130));
        assert_eq!((meter.totals().opens, meter.totals().failed, meter.since_start().opens), (30, 15, 130));
    }

    #[test]
    fn own_cost() {
        let mut meter = Meter::new(None);
        meter.tick(Duration::from_secs(1), Duration::from_millis(10));
        meter.read(1, totals(10_000));
        meter.tick(Duration::from_secs(2), Duration::from_millis(30));
        assert_eq!((meter.own_share, meter.own_ns_per_open), (Some(0.02), Some(2000.0)));
    }
}
