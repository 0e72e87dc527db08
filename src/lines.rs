//! The consumer that writes lines: text, JSON, CSV, a recording.

use std::io;

use crossbeam_channel::{Receiver, after, never, select};

use crate::config::Limits;
use crate::error::Error;
use crate::filter::Filter;
use crate::names::Names;
use crate::output::Output;
use crate::source::{Counts, Message, Totals};

/// How the lines came to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The source ended, or was asked to by a limit or a signal; the summary is written.
    Done,
    /// Nobody reads the lines any more. That is no error.
    ClosedPipe,
}

/// Everything that the lines depend on.
pub struct Lines<'a> {
    pub output: &'a mut dyn Output,
    pub filter: &'a Filter,
    pub names: Names,
    pub limits: Limits,
    /// The hooks in use, for the summary.
    pub hooks: &'a str,
    /// Tells the source to stop; its last messages still arrive.
    pub stop: &'a dyn Fn(),
}

impl std::fmt::Debug for Lines<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lines").field("filter", &self.filter).field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Lines<'_> {
    /// Writes until the source ends. A value of `signals`, or a limit, tells it to.
    ///
    /// # Errors
    /// If the source breaks or the output cannot be written.
    pub fn run(mut self, messages: &Receiver<Message>, signals: &Receiver<i32>) -> Result<Ended, Error> {
        match self.write(messages, signals) {
            Ok(()) => Ok(Ended::Done),
            Err(Halt::Output(why)) if why.kind() == io::ErrorKind::BrokenPipe => Ok(Ended::ClosedPipe),
            Err(Halt::Output(why)) => Err(Error::Other(format!("cannot write the output: {why}"))),
            Err(Halt::Source(why)) => Err(Error::Other(why)),
        }
    }

    fn write(&mut self, messages: &Receiver<Message>, signals: &Receiver<i32>) -> Result<(), Halt> {
        self.output.header()?;
        self.output.flush()?;
        let deadline = self.limits.duration.map_or_else(never, after);
        let mut left = self.limits.count.unwrap_or(u64::MAX);
        let mut last = Totals::default();
        if left == 0 {
            (self.stop)();
        }
        loop {
            select! {
                recv(messages) -> message => match message {
                    Ok(Message::Opens(batch)) => {
                        batch.cgroups.iter().for_each(|cgroup| self.names.learn(cgroup));
                        let wanted = batch.iter().filter(|event| self.filter.matches(event, &self.names));
                        let mut written = 0;
                        for event in wanted.take(usize::try_from(left).unwrap_or(usize::MAX)) {
                            self.output.open(&event, &self.names)?;
                            written += 1;
                        }
                        self.output.flush()?;
                        left -= written;
                        if left == 0 && written > 0 {
                            (self.stop)();
                        }
                    }
                    Ok(Message::Counts(Counts { totals, .. })) => {
                        self.output.lost_since(&last.lost, &totals.lost)?;
                        self.output.flush()?;
                        last = totals;
                    }
                    Ok(Message::End) => break,
                    Ok(Message::Failed(why)) => return Err(Halt::Source(why)),
                    Err(_) => return Err(Halt::Source("the source ended without a word".into())),
                },
                recv(signals) -> _ => (self.stop)(),
                recv(deadline) -> _ => (self.stop)(),
            }
        }
        self.output.summary(&last, self.hooks)?;
        self.output.flush()?;
        Ok(())
    }
}

/// Why the lines end before the source does.
enum Halt {
    Output(io::Error),
    Source(String),
}

impl From<io::Error> for Halt {
    fn from(why: io::Error) -> Self {
        Halt::Output(why)
    }
}
