//! When lines come to an end before their source does: a signal, the time that was set, a reader that is gone.
//!
//! Whoever writes the lines may be waiting for their reader, and whoever makes them for a pipe that gives nothing. So a
//! thread of its own looks after the end.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, after, bounded, never, select, tick};

use crate::error::Error;
use crate::output::Writer;
use crate::signals::EndSignals;

/// How often it is looked whether the reader is gone or takes what it is given.
const LOOK: Duration = Duration::from_millis(100);

/// Once the end is asked for, a reader that takes nothing for so long gets no more...
const STALLED: Duration = Duration::from_millis(400);

/// ... and after so long no reader does.
const AT_THE_LATEST: Duration = Duration::from_secs(10);

/// Calls `write` while a thread waits for a signal, for the end of `limit`, and for the reader of `writer` to go. Each of them
/// calls `stop`, which has to make the source end. A reader that takes nothing then is waited for no longer.
///
/// # Errors
/// If signals cannot be handled.
pub(crate) fn watched<T>(
    writer: &Writer,
    limit: Option<Duration>,
    stop: &(dyn Fn() + Sync),
    write: impl FnOnce() -> T,
) -> Result<T, Error> {
    let signals = EndSignals::new();
    let signals = signals.map_err(|why: io::Error| Error::Other(format!("cannot handle signals: {why}")))?;
    let (running, over) = bounded::<()>(0);
    let ends = Ends { signals: &signals.received, limit, over };
    Ok(thread::scope(|scope| {
        scope.spawn(|| ends.watch(writer, stop));
        let written = write();
        drop(running);
        written
    }))
}

/// What can end the lines.
struct Ends<'a> {
    signals: &'a Receiver<i32>,
    limit: Option<Duration>,
    /// Closed when they have ended.
    over: Receiver<()>,
}

impl Ends<'_> {
    fn watch(&self, writer: &Writer, stop: &dyn Fn()) {
        let (deadline, look) = (self.limit.map_or_else(never, after), tick(LOOK));
        let mut reading = Reading { asked: None, moved: Instant::now(), written: 0 };
        loop {
            let asked = select! {
                recv(self.over) -> _ => return,
                recv(self.signals) -> _ => true,
                recv(deadline) -> _ => true,
                recv(look) -> _ => false,
            };
            if asked {
                reading.asked.get_or_insert_with(Instant::now);
            }
            if asked || writer.is_broken() {
                stop();
            }
            if reading.is_over(Instant::now(), writer.written(), writer.waiting()) {
                writer.abandon();
            }
        }
    }
}

/// What is known of the reader.
struct Reading {
    /// When the end was first asked for.
    asked: Option<Instant>,
    /// When the reader last took something, or had nothing to take.
    moved: Instant,
    written: u64,
}

impl Reading {
    /// Whether the end was asked for and the reader has had its time. `written` bytes are written, `waiting` wait.
    fn is_over(&mut self, now: Instant, written: u64, waiting: u64) -> bool {
        if waiting == 0 || written != self.written {
            (self.moved, self.written) = (now, written);
        }
        let Some(asked) = self.asked else { return false };
        now.duration_since(asked.max(self.moved)) >= STALLED || now.duration_since(asked) >= AT_THE_LATEST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_takes_nothing_is_given_up_once_the_end_is_asked_for() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut reading = Reading { asked: None, moved: start, written: 0 };
        assert!(!reading.is_over(at(60_000), 0, 9), "nobody has asked");
        reading.asked = Some(at(60_000));
        assert!(!reading.is_over(at(60_399), 0, 9), "it has its time from then on");
        assert!(!reading.is_over(at(60_400), 1, 8), "it takes something");
        assert!(!reading.is_over(at(60_799), 1, 8));
        assert!(reading.is_over(at(60_800), 1, 8), "and then nothing");
        let mut slow = Reading { asked: Some(start), moved: start, written: 0 };
        assert!((1..100).all(|n| !slow.is_over(at(n * 100), n, 1_000_000)), "slow is not stalled");
        assert!(slow.is_over(at(10_000), 100, 1_000_000), "but not for ever");
        let mut done = Reading { asked: Some(start), moved: start, written: 0 };
        assert!(!done.is_over(at(9_000), 0, 0), "there is nothing to take");
    }
}
