//! A run around a command: started, waited for, told of.

use std::io;
use std::time::Duration;

use crossbeam_channel::Sender;

use super::stop;
use crate::child::{self, Child, News, Program, Streams};
use crate::cli::Until;
use crate::error::{self, Error};
use crate::output::ending::{Answer, Ends};
use crate::privileges::{self, Role};
use crate::signals::Handlers;
use crate::tracer::Command;

/// Starts `command`, if there is one, and then calls `started`. Both have all the rights that opentop has; this thread
/// has no need of them from now on.
pub(super) fn start_command<T>(
    command: &Program,
    streams: &Streams,
    ignored: &[i32],
    started: impl FnOnce() -> Result<T, Error>,
) -> Result<(Option<Child>, T), Error> {
    let child = if command.line.is_empty() { None } else { Some(child::start(command, streams, ignored)?) };
    let value = started()?;
    privileges::keep_only(Role::Consumer)?;
    Ok((child, value))
}

/// A run that writes lines while a command runs, if there is one.
pub(super) struct Run<'a> {
    pub command: &'a Program,
    pub streams: Streams,
    pub limit: Option<Duration>,
    pub commands: &'a Sender<Command>,
}

impl Run<'_> {
    /// Calls `write` with what `started` returns once the command runs. The command's exit status is opentop's, unless
    /// the lines have ended before; what runs on then is said.
    pub fn lines<T>(
        &self,
        started: impl FnOnce() -> Result<T, Error>,
        write: impl FnOnce(T, &Ends<'_>) -> Result<u8, Error>,
    ) -> Result<u8, Error> {
        let handlers = Handlers::install().map_err(no_signals)?;
        let (child, value) = start_command(self.command, &self.streams, &handlers.ignored, started)?;
        let signals = handlers.listen().map_err(no_signals)?;
        let stop = || stop(self.commands);
        let ends = Ends { signals: &signals.received, answer: &|_| Answer::End, limit: self.limit, stop: &stop };
        let Some(child) = child else { return write(value, &ends) };
        child.watch(self.on_news()).map_err(no_thread)?;
        let code = write(value, &Ends { answer: &|caught| child.answer(caught), ..ends });
        if let Some(left) = child.what_runs_on().filter(|_| !self.has_ended(&child)) {
            error::print(left);
        }
        Ok(child.exit_code().unwrap_or(code?))
    }

    /// Whether all has ended that was to be waited for.
    fn has_ended(&self, child: &Child) -> bool {
        self.command.until == Until::Exit && child.how_it_ended().is_some()
    }

    /// Ends the tracing with the command.
    fn on_news(&self) -> impl Fn(News) + Send + 'static {
        let (commands, until) = (self.commands.clone(), self.command.until);
        move |news| match (news, until) {
            (News::AllEnded, _) | (News::Exited { .. }, Until::Exit) => stop(&commands),
            (News::Exited { left: true, how }, Until::All) => {
                error::print(format!("{how}; what it has started runs on, and so does opentop: ^C ends it"));
            }
            (News::Exited { left: false, .. }, Until::All) => {}
        }
    }
}

pub(super) fn no_signals(why: io::Error) -> Error {
    Error::Other(format!("cannot handle signals: {why}"))
}

pub(super) fn no_thread(why: io::Error) -> Error {
    Error::Other(format!("cannot start a thread: {why}"))
}
