//! One line on the terminal that tells how a recording goes.

use std::io::{self, Write as _};
use std::time::Instant;

use crate::event::Batch;
use crate::format::{compact, group_digits};
use crate::message::{Counts, Hooks, Lost};
use crate::output::Writer;
use crate::output::lines::Consumer;

/// Passes everything on, and tells about it with each reading of the counters.
pub(super) struct Progress<'a> {
    consumer: &'a mut dyn Consumer,
    writer: &'a Writer,
    start: Instant,
    events: u64,
}

impl<'a> Progress<'a> {
    pub fn new(consumer: &'a mut dyn Consumer, writer: &'a Writer) -> Self {
        Self { consumer, writer, start: Instant::now(), events: 0 }
    }

    fn text(&self) -> String {
        let lost = self.consumer.lost();
        format!(
            "recording for {} s: {} events, {} bytes, {} lost; ^C ends it",
            self.start.elapsed().as_secs(),
            group_digits(self.events),
            group_digits(self.writer.written()),
            compact(lost.dropped() + lost.skipped)
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
