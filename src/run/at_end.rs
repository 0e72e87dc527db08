//! A report of what a command touched, beside what else is shown or written of it, and written at the end.

use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded, select};

use super::unless_unread;
use crate::child::Program;
use crate::config::AtEnd;
use crate::error::Error;
use crate::escape::escape;
use crate::filter::Filter;
use crate::message::{Hooks, Message};
use crate::names::Names;
use crate::output;
use crate::output::ending::Ends;
use crate::output::report::{Collect, Host};
use crate::report::{ROOM, Report};

/// What is collected for it.
pub(super) struct EndReport<'a> {
    at_end: AtEnd,
    source: String,
    pub collect: Collect<'a>,
}

impl<'a> EndReport<'a> {
    /// Nothing yet. It will be of what `filter` holds for.
    pub fn new(at_end: AtEnd, command: &Program, (filter, names): (&'a Filter, Names), hooks: &Hooks) -> Self {
        let collect = Collect::new(Report::new(ROOM, None), filter, names, hooks);
        Self { at_end, source: line(command), collect }
    }

    /// Writes the page, and waits until it was read, or until `ends` gives up on that.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(mut self, ends: Option<&Ends<'_>>) -> Result<(), Error> {
        // Lines that nobody reads any more end before their source does.
        self.collect.finish();
        let writer = if self.at_end.to_stdout { output::stdout() } else { output::stderr() };
        let writer = writer.map_err(|why| Error::Other(format!("cannot write the report: {why}")))?;
        let write = || {
            output::report::text(&writer, &self.collect.report, &self.source, self.at_end.look, Host::default())?;
            writer.finish().map(drop)
        };
        let written = match ends {
            Some(ends) => ends.watched(Some(&writer), write),
            None => write(),
        };
        unless_unread(written, "report")
    }
}

/// A command line, displayable.
pub(super) fn line(command: &Program) -> String {
    let words: Vec<_> = command.line.iter().map(|word| escape(word.as_encoded_bytes())).collect();
    words.join(" ")
}

/// Lets `show` have the messages once a report, if one is wanted, has had them. When it has returned `stop` has to end
/// the source; the report is written once all has come that was seen until then.
pub(super) fn with_end_report(
    end_report: Option<EndReport<'_>>,
    messages: &Receiver<Message>,
    stop: &dyn Fn(),
    show: impl FnOnce(&Receiver<Message>) -> Result<u8, Error>,
) -> Result<u8, Error> {
    let Some(mut end_report) = end_report else { return show(messages) };
    let ((to, passed), (open, closed)) = (bounded(1), bounded::<()>(0));
    let collect = &mut end_report.collect;
    let code = thread::scope(|scope| {
        scope.spawn(move || pass_on(collect, messages, &to, &closed));
        let code = show(&passed);
        stop();
        drop((passed, open));
        code
    })?;
    end_report.write(None)?;
    Ok(code)
}

/// Lets `collect` have all messages until the source ends, and passes them on until the receiver is gone or `closed`
/// is.
fn pass_on(collect: &mut Collect<'_>, messages: &Receiver<Message>, to: &Sender<Message>, closed: &Receiver<()>) {
    loop {
        let message = select! {
            recv(messages) -> message => message,
            recv(closed) -> _ => break,
        };
        let Ok(message) = message else { return };
        collect.see(&message);
        if to.send(message).is_err() {
            break;
        }
    }
    messages.iter().for_each(|message| collect.see(&message));
}
