//! How recorded time passes while it is replayed.

use std::time::{Duration, Instant};

/// The speeds that can be asked for.
const SPEED_MAX: f64 = 1024.0;
const SPEED_MIN: f64 = 1.0 / 64.0;

/// The longest time that nothing is sent: a longer pause of the recording is cut to this.
const PAUSE_MAX: Duration = Duration::from_mins(1);

/// A clock of recorded time.
#[derive(Debug)]
pub(super) struct Pace {
    /// 1 as recorded, 0 as fast as it can be read.
    speed: f64,
    /// When playing started, and the recorded time then.
    started: Option<(Instant, u64)>,
    /// Recorded time since then that nobody waits through.
    cut_ns: u64,
}

impl Pace {
    pub(super) fn new(speed: f64) -> Self {
        Self { speed, started: None, cut_ns: 0 }
    }

    pub(super) fn speed(&self) -> f64 {
        self.speed
    }

    /// So much recorded time passes in `time`, as far as numbers go.
    pub(super) fn recorded_ns(&self, time: Duration) -> u64 {
        (time.as_nanos() as f64 * self.speed) as u64
    }

    pub(super) fn is_started(&self) -> bool {
        self.started.is_some()
    }

    /// It is `now_ns`.
    pub(super) fn start(&mut self, now_ns: u64) {
        (self.started, self.cut_ns) = (Some((Instant::now(), now_ns)), 0);
    }

    /// What comes next is from somewhere else.
    pub(super) fn stop(&mut self) {
        (self.started, self.cut_ns) = (None, 0);
    }

    /// Twice as fast. As fast as possible is faster than anything.
    pub(super) fn faster(&mut self) {
        self.speed = if self.speed == 0.0 { 1.0 } else { (self.speed * 2.0).min(SPEED_MAX.max(self.speed)) };
    }

    /// Half as fast.
    pub(super) fn slower(&mut self) {
        self.speed = if self.speed == 0.0 { 1.0 } else { (self.speed / 2.0).max(SPEED_MIN.min(self.speed)) };
    }

    /// The recorded time that it is now, or was when it was paused; `None` before the start.
    pub(super) fn now_ns(&self, paused: bool) -> Option<u64> {
        let (started, first_ns) = self.started?;
        let passed = if paused { 0 } else { self.recorded_ns(started.elapsed()) };
        Some(first_ns.saturating_add(self.cut_ns).saturating_add(passed))
    }

    /// When this recorded time is to be shown; `None` if no clock reaches it.
    pub(super) fn due(&self, ts_ns: u64) -> Option<Instant> {
        let Some((started, first_ns)) = self.started.filter(|_| self.speed > 0.0) else { return Some(Instant::now()) };
        let passed = Duration::from_nanos(ts_ns.saturating_sub(first_ns).saturating_sub(self.cut_ns));
        let after = passed.as_secs_f64() / self.speed;
        Duration::try_from_secs_f64(after).ok().and_then(|after| started.checked_add(after))
    }

    /// Leaves out the beginning of a pause from `now_ns` to `ts_ns` that is too long: until when, if so.
    pub(super) fn cut(&mut self, now_ns: u64, ts_ns: u64) -> Option<u64> {
        let resumes_ns = ts_ns.saturating_sub(self.recorded_ns(PAUSE_MAX));
        if self.speed == 0.0 || resumes_ns <= now_ns {
            return None;
        }
        self.cut_ns += resumes_ns - now_ns;
        Some(resumes_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_of_a_century_is_cut_to_a_minute() {
        const YEAR: u64 = 365 * 24 * 3600 * 1_000_000_000;
        const MINUTE: u64 = 60_000_000_000;
        for (speed, most) in [(1.0, MINUTE), (10.0, 10 * MINUTE), (1e300, u64::MAX)] {
            let mut pace = Pace::new(speed);
            assert_eq!((pace.cut(0, most.min(MINUTE)), pace.cut_ns), (None, 0), "at {speed}");
            let cut = (99 * YEAR).saturating_sub(most);
            assert_eq!((pace.cut(0, 99 * YEAR).unwrap_or(0), pace.cut_ns), (cut, cut), "at {speed}");
        }
    }
}
