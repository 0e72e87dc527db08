//! When the next frame is due.
//!
//! What the user does is drawn at once. What happens by itself waits: few frames are calm to look at, and a line that
//! carries them may be slow. A frame that cost many bytes makes the next one wait longer.

use std::time::Duration;

use ratatui::layout::Size;

use super::Dirty;

/// Bytes a second for frames that nobody asked for, on a screen of 80 by 24, and for each further cell.
const BYTES_PER_SECOND: u64 = 12_000;
const BYTES_PER_CELL: f64 = 2.4;
/// Where only few rows are new, twice as many frames are as calm.
const FEW_ROWS: u64 = 5;

/// Counters alone are worth a frame now and then, less often where the rows are held still.
const COUNTERS: Duration = Duration::from_millis(950);
const STILL: Duration = Duration::from_secs(2);

/// What moves on the screen by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Motion {
    /// Nothing but counters.
    Still,
    /// So many rows are new since the last frame.
    Rows(u64),
}

/// What the last frame was like.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    /// When it was drawn, since the start.
    pub at: Option<Duration>,
    /// What it cost.
    pub bytes: usize,
}

impl Pace {
    /// The moment for the next frame; `None` as long as there is nothing to draw.
    pub fn due(self, dirty: Dirty, motion: Motion, interval: Duration, size: Size) -> Option<Duration> {
        match (dirty, self.at) {
            (Dirty::Clean, _) => None,
            (Dirty::Now, _) | (_, None) => Some(Duration::ZERO),
            (Dirty::Data, Some(at)) => {
                let gap = match motion {
                    Motion::Still => STILL.max(interval),
                    Motion::Rows(0) => COUNTERS.max(interval),
                    Motion::Rows(fresh) if fresh <= FEW_ROWS => interval / 2,
                    Motion::Rows(_) => interval,
                };
                Some(at + gap.max(self.paid_off(size)))
            }
        }
    }

    fn paid_off(self, size: Size) -> Duration {
        let cells = f64::from(size.width) * f64::from(size.height);
        let rate = BYTES_PER_SECOND as f64 + (cells - 1920.0).max(0.0) * BYTES_PER_CELL;
        Duration::from_secs_f64(self.bytes as f64 / rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size { width: 80, height: 24 };
    const INTERVAL: Duration = Duration::from_millis(200);

    fn due(dirty: Dirty, fresh: u64, bytes: usize) -> Option<Duration> {
        Pace { at: Some(Duration::from_secs(1)), bytes }.due(dirty, Motion::Rows(fresh), INTERVAL, SIZE)
    }

    #[test]
    fn a_key_is_drawn_at_once_and_nothing_is_drawn_for_nothing() {
        assert_eq!(due(Dirty::Now, 0, 3000), Some(Duration::ZERO));
        assert_eq!(due(Dirty::Clean, 0, 0), None);
        assert_eq!(Pace::default().due(Dirty::Data, Motion::Rows(100), INTERVAL, SIZE), Some(Duration::ZERO));
    }

    #[test]
    fn data_waits_for_its_turn() {
        assert_eq!(due(Dirty::Data, 1, 100), Some(Duration::from_millis(1100)));
        assert_eq!(due(Dirty::Data, 50, 1000), Some(Duration::from_millis(1200)));
    }

    #[test]
    fn a_still_screen_hardly_needs_frames() {
        let pace = Pace { at: Some(Duration::from_secs(1)), bytes: 100 };
        let due = pace.due(Dirty::Data, Motion::Still, INTERVAL, SIZE);
        assert_eq!(due, Some(Duration::from_secs(3)));
        let due = pace.due(Dirty::Data, Motion::Rows(0), INTERVAL, SIZE);
        assert_eq!(due, Some(Duration::from_millis(1950)));
    }

    #[test]
    fn dear_frames_are_rare() {
        assert_eq!(due(Dirty::Data, 50, 6000), Some(Duration::from_millis(1500)));
    }
}
