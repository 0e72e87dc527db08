//! When lines come to an end before their source does: a signal, the time that was set, a reader that is gone.
//!
//! Whoever writes the lines may be waiting for their reader, and whoever makes them for a pipe that gives nothing. So a
//! thread of its own looks after the end.

use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, after, bounded, never, select, tick};

use crate::output::Writer;
use crate::signals::Caught;

/// How often it is looked whether the reader is gone or takes what it is given.
const LOOK: Duration = Duration::from_millis(100);

/// A look that comes so long after the one before is late.
const LATE: Duration = Duration::from_millis(200);

/// Once the end is asked for, a reader that takes nothing for so long gets no more...
const STALLED: Duration = Duration::from_millis(400);

/// ... and after so long no reader does.
const AT_THE_LATEST: Duration = Duration::from_secs(10);

/// What a signal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Ignore,
    End,
    EndAfter(Duration),
}

/// What can end the lines.
pub(crate) struct Ends<'a> {
    pub signals: &'a Receiver<Caught>,
    pub answer: &'a (dyn Fn(Caught) -> Answer + Sync),
    pub limit: Option<Duration>,
    /// Has to make the source end.
    pub stop: &'a (dyn Fn() + Sync),
}

impl Ends<'_> {
    /// Calls `write` while a thread waits for a signal, for the end of the limit, and for the reader of `writer` to go.
    /// Each of them stops the source. A reader that takes nothing then is waited for no longer.
    pub(crate) fn watched<T>(&self, writer: Option<&Writer>, write: impl FnOnce() -> T) -> T {
        let (running, over) = bounded::<()>(0);
        thread::scope(|scope| {
            scope.spawn(move || self.watch(writer, &over));
            let written = write();
            drop(running);
            written
        })
    }

    /// Returns when `over` is closed.
    fn watch(&self, writer: Option<&Writer>, over: &Receiver<()>) {
        let (deadline, look) = (self.limit.map_or_else(never, after), tick(LOOK));
        let mut patience = never();
        let mut reading = Reading::default();
        loop {
            let asked = select! {
                recv(over) -> _ => return,
                recv(self.signals) -> caught => match caught.map(self.answer) {
                    Ok(Answer::Ignore) => false,
                    Ok(Answer::EndAfter(time)) => {
                        patience = after(time);
                        false
                    }
                    Ok(Answer::End) | Err(_) => true,
                },
                recv(patience) -> _ => true,
                recv(deadline) -> _ => true,
                recv(look) -> _ => false,
            };
            if asked {
                reading.asked.get_or_insert_with(Instant::now);
            }
            if asked || writer.is_some_and(Writer::is_broken) {
                (self.stop)();
            }
            let Some(writer) = writer else { continue };
            if reading.is_over(Instant::now(), writer.written(), writer.is_held_up()) {
                writer.abandon();
            }
        }
    }
}

/// What is known of the reader.
#[derive(Default)]
struct Reading {
    /// When the end was first asked for.
    asked: Option<Instant>,
    /// When it was first seen that the reader holds the writer up; not while it takes something.
    stalled: Option<Instant>,
    looked: Option<Instant>,
    written: u64,
}

impl Reading {
    /// Whether the end was asked for and the reader has had its time. `written` bytes are written. `held_up`: more
    /// would be, but for the reader. Where this is looked at late, the host has no time for anybody, the reader
    /// neither.
    fn is_over(&mut self, now: Instant, written: u64, held_up: bool) -> bool {
        let moved = std::mem::replace(&mut self.written, written) != written;
        let late = self.looked.replace(now).is_some_and(|before| now.duration_since(before) >= LATE);
        if late && held_up {
            self.stalled = Some(now);
        } else if moved || !held_up {
            self.stalled = None;
        } else {
            self.stalled.get_or_insert(now);
        }
        let Some(asked) = self.asked else { return false };
        let stalled = self.stalled.is_some_and(|since| now.duration_since(asked.max(since)) >= STALLED);
        stalled || now.duration_since(asked) >= AT_THE_LATEST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a reader that takes nothing is given up at one of these looks, milliseconds after `start`.
    fn is_given_up(reading: &mut Reading, start: Instant, mut looks: impl Iterator<Item = u64>, written: u64) -> bool {
        looks.any(|ms| reading.is_over(start + Duration::from_millis(ms), written, true))
    }

    #[test]
    fn a_reader_that_takes_nothing_is_given_up_once_the_end_is_asked_for() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let every = |from: u64, to| (from..=to).step_by(100);
        let mut reading = Reading::default();
        assert!(!is_given_up(&mut reading, start, every(0, 60_000), 0), "nobody has asked");
        reading.asked = Some(at(60_000));
        assert!(!is_given_up(&mut reading, start, every(60_100, 60_300), 0), "it has its time from then on");
        assert!(!is_given_up(&mut reading, start, every(60_400, 60_800), 1), "it takes something");
        assert!(is_given_up(&mut reading, start, every(60_900, 60_900), 1), "and then nothing");
        let mut slow = Reading { asked: Some(start), ..Reading::default() };
        assert!((1..100).all(|n| !slow.is_over(at(n * 100), n, true)), "slow is not stalled");
        assert!(slow.is_over(at(10_000), 100, true), "but not for ever");
        let mut free = Reading { asked: Some(start), ..Reading::default() };
        assert!((1..100).all(|n| !free.is_over(at(n * 100), 0, false)), "it is not the reader who is waited for");
    }

    #[test]
    fn a_reader_is_not_given_up_for_what_the_host_is_late_with() {
        let start = Instant::now();
        let mut starved = Reading { asked: Some(start), ..Reading::default() };
        assert!(!is_given_up(&mut starved, start, (0..9_900).step_by(250), 5));
        assert!(is_given_up(&mut starved, start, std::iter::once(10_000), 5), "but not for ever");
        let mut once = Reading { asked: Some(start), ..Reading::default() };
        assert!(!is_given_up(&mut once, start, [0, 900, 1_000, 1_100, 1_200].into_iter(), 5));
        assert!(is_given_up(&mut once, start, std::iter::once(1_300), 5));
    }
}
