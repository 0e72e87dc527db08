//! One line on the terminal that tells how a recording goes.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Instant;

use crate::child::Program;
use crate::event::Batch;
use crate::format::{compact, group_digits};
use crate::message::{Counts, Hooks, HostNews, Lost};
use crate::output::lines::Consumer;

/// Whether there is a terminal for it. A command has it to itself.
pub(super) fn is_shown(command: &Program) -> bool {
    io::stderr().is_terminal() && command.line.is_empty()
}

/// Calls `consume` with `consumer`, of which the line tells meanwhile if it is `shown`.
pub(super) fn with_progress<T>(
    consumer: &mut dyn Consumer,
    shown: bool,
    bytes: &dyn Fn() -> u64,
    consume: impl FnOnce(&mut dyn Consumer) -> T,
) -> T {
    if shown { consume(&mut Progress::new(consumer, bytes)) } else { consume(consumer) }
}

/// Passes everything on, and tells about it with each reading of the counters.
struct Progress<'a> {
    consumer: &'a mut dyn Consumer,
    /// Bytes written so far.
    bytes: &'a dyn Fn() -> u64,
    start: Instant,
    events: u64,
}

impl<'a> Progress<'a> {
    fn new(consumer: &'a mut dyn Consumer, bytes: &'a dyn Fn() -> u64) -> Self {
        Self { consumer, bytes, start: Instant::now(), events: 0 }
    }

    fn text(&self) -> String {
        let lost = self.consumer.lost();
        format!(
            "recording for {} s: {} events, {} bytes, {} lost; ^C ends it",
            self.start.elapsed().as_secs(),
            group_digits(self.events),
            group_digits((self.bytes)()),
            compact(lost.dropped() + lost.missed)
        )
    }
}

/// Puts `text` in the place of what stands on the line. That the terminal is gone is for others to notice.
fn show(text: &str) {
    let _ = write!(io::stderr(), "\r{text}\x1b[K");
}

impl Consumer for Progress<'_> {
    fn begin(&mut self) -> io::Result<()> {
        self.consumer.begin()
    }

    fn hooks(&mut self, hooks: &Hooks) {
        self.consumer.hooks(hooks);
    }

    fn opens(&mut self, batch: &Batch, left: u64) -> io::Result<u64> {
        let written = self.consumer.opens(batch, left)?;
        self.events += written;
        Ok(written)
    }

    fn counts(&mut self, counts: Counts, left: u64) -> io::Result<u64> {
        let written = self.consumer.counts(counts, left)?;
        show(&self.text());
        Ok(written)
    }

    fn host(&mut self, news: &HostNews) -> io::Result<()> {
        self.consumer.host(news)
    }

    fn end(&mut self) -> io::Result<()> {
        self.consumer.end()
    }

    fn lost(&self) -> Lost {
        self.consumer.lost()
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        show("");
    }
}
