//! The consumers that write lines: opens as text, JSON, CSV or a recording here, rankings in
//! [`crate::output::rankings`].

use std::io;

use crossbeam_channel::Receiver;

use crate::error::Error;
use crate::event::Batch;
use crate::filter::Filter;
use crate::message::{Counts, Hooks, HostNews, Lost, Message, Totals};
use crate::names::Names;
use crate::output::{Output, RateLimit};

/// How the lines came to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The source ended, or was asked to by a limit or a signal; the summary is written.
    Done,
    /// Nobody reads the lines any more. That is no error.
    ClosedPipe,
}

/// What is written about the messages of a source. `left` is how many things of the kind that `--count` counts may
/// still be written; what a method returns is how many it wrote.
pub trait Consumer {
    fn begin(&mut self) -> io::Result<()>;
    /// The hooks in use, for the summary.
    fn hooks(&mut self, hooks: &Hooks);
    fn opens(&mut self, batch: &Batch, left: u64) -> io::Result<u64>;
    fn counts(&mut self, counts: Counts, left: u64) -> io::Result<u64>;
    /// What became known of one of several hosts.
    fn host(&mut self, _news: &HostNews) -> io::Result<()> {
        Ok(())
    }
    /// The source has ended; the last counts were given to [`Consumer::counts`].
    fn end(&mut self) -> io::Result<()>;
    /// The losses so far.
    fn lost(&self) -> Lost;
}

/// Writes until the source ends. It is told to by `stop` when `count` things are written; its last messages still
/// arrive.
///
/// # Errors
/// If the source breaks or the output cannot be written.
pub fn consume(
    consumer: &mut dyn Consumer,
    count: Option<u64>,
    messages: &Receiver<Message>,
    stop: &dyn Fn(),
) -> Result<Ended, Error> {
    match write(consumer, count, messages, stop) {
        Ok(()) => Ok(Ended::Done),
        Err(Halt::Output(why)) if why.kind() == io::ErrorKind::BrokenPipe => Ok(Ended::ClosedPipe),
        Err(Halt::Output(why)) => Err(Error::Other(format!("cannot write the output: {why}"))),
        Err(Halt::Source(why)) => Err(Error::Other(why)),
    }
}

fn write(
    consumer: &mut dyn Consumer,
    count: Option<u64>,
    messages: &Receiver<Message>,
    stop: &dyn Fn(),
) -> Result<(), Halt> {
    consumer.begin()?;
    let mut left = count.unwrap_or(u64::MAX);
    if left == 0 {
        stop();
    }
    for message in messages {
        let written = match message {
            Message::Opens(batch) => consumer.opens(&batch, left)?,
            Message::Counts(counts) => consumer.counts(counts, left)?,
            Message::Hooks(hooks) => {
                consumer.hooks(&hooks);
                0
            }
            Message::Host(news) => {
                consumer.host(&news)?;
                0
            }
            // Only a screen asks for it.
            Message::Playback(_) => 0,
            Message::End => return Ok(consumer.end()?),
            Message::Failed(why) => return Err(Halt::Source(why)),
        };
        left -= written;
        if left == 0 && written > 0 {
            stop();
        }
    }
    Err(Halt::Source("the source ended without a word".into()))
}

/// Why the lines end before the source does.
pub(crate) enum Halt {
    Output(io::Error),
    Source(String),
}

impl From<io::Error> for Halt {
    fn from(why: io::Error) -> Self {
        Halt::Output(why)
    }
}

/// A line for each open that the filter holds for.
pub struct Lines<'a> {
    pub output: &'a mut dyn Output,
    pub filter: &'a Filter,
    pub names: Names,
    /// The hooks in use, for the summary.
    pub hooks: String,
    pub totals: Totals,
    pub rate: Option<RateLimit>,
}

impl Consumer for Lines<'_> {
    fn begin(&mut self) -> io::Result<()> {
        self.output.header()?;
        self.output.flush()
    }

    fn hooks(&mut self, hooks: &Hooks) {
        self.hooks = hooks.to_string();
    }

    fn opens(&mut self, batch: &Batch, left: u64) -> io::Result<u64> {
        batch.cgroups().iter().for_each(|cgroup| self.names.learn(cgroup));
        let mut written = 0;
        for (index, event) in batch.iter().enumerate() {
            if written == left {
                break;
            }
            self.names.learn_processes(batch, batch.processes_at(index));
            if self.filter.matches(&event, &self.names) && self.rate.as_mut().is_none_or(|rate| rate.admits(&event)) {
                self.output.open(&event, &self.names)?;
                written += 1;
            }
        }
        self.names.learn_processes(batch, batch.processes_at(batch.len()));
        self.output.flush()?;
        Ok(written)
    }

    fn host(&mut self, news: &HostNews) -> io::Result<()> {
        match news {
            HostNews::User { host, uid, name } => self.names.learn_user(*host, *uid, name),
            HostNews::State { host, state } => {
                self.output.host(self.names.host(*host), state)?;
                self.output.flush()?;
            }
            HostNews::Gone(_) => {}
        }
        Ok(())
    }

    fn counts(&mut self, mut counts: Counts, _: u64) -> io::Result<u64> {
        if let Some(rate) = &self.rate {
            rate.apply(&mut counts.totals);
        }
        self.output.lost_since(&self.totals.lost, &counts.totals.lost)?;
        self.output.flush()?;
        self.totals = counts.totals;
        self.output.counted(&self.totals, &self.hooks)?;
        Ok(0)
    }

    fn end(&mut self) -> io::Result<()> {
        self.output.summary(&self.totals, &self.hooks)?;
        self.output.flush()
    }

    fn lost(&self) -> Lost {
        self.totals.lost
    }
}
