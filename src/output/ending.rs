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
    /// Calls `write` while a thread waits for a signal, for the end of the limit, and for the reader of `writer` to go. Each of
    /// them stops the source. A reader that takes nothing then is waited for no longer.
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
        let mut reading = Reading { asked: None, moved: Instant::now(), written: 0 };
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
