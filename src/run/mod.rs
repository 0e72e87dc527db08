//! Runs what the command line asks for: a source in a thread of its own, a consumer in this one.

mod at_end;
mod command;
mod command_terminal;
mod diff;
mod identify;
mod inquirer;
mod lines;
mod metrics;
mod page;
mod progress;
mod record;
mod remote;
mod replay;
mod report;
mod rotation;
mod screen;

use std::io;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, never};

use crate::child::{Program, Streams};
use crate::cli::OutputForm;
use crate::clock::Moment;
use crate::config::{AtEnd, Origin, Show};
use crate::error::{EXIT_OK, Error};
use crate::escape::escape;
use crate::filter::{CheckedBy, Filter};
use crate::message::{Hooks, Message};
use crate::recording::Header;
use crate::remote::hosts::StatusTo;
use crate::tracer::{self, Command, Options, Tracer};
use at_end::{EndReport, with_end_report};
use command::{Run, no_thread};
use command_terminal::CommandTerminal;
use inquirer::Inquirer;
use lines::{Source, draft, keep, write_lines, writer};
use screen::{Live, Shown, screen};

pub(crate) use diff::diff;
pub(crate) use metrics::metrics;
pub(crate) use record::{record, record_in_files};
pub(crate) use remote::agent;
pub(crate) use replay::replay;
pub(crate) use report::{report, report_command};

/// Batches that may wait for the screen, or for a player's consumer: 8 MiB at most. The ring buffer holds what comes
/// after.
const WAITING: usize = 16;

/// Batches that may wait for what writes lines: 64 MiB at most. It keeps no history, and whoever traces a storm on a
/// busy host wants the burst.
const WAITING_FOR_LINES: usize = 128;

/// Traces, and shows it.
///
/// # Errors
/// If the host cannot be traced, or the output cannot be written.
pub(crate) fn live(mut origin: Origin, mut show: Show, command: &Program, at_end: Option<AtEnd>) -> Result<u8, Error> {
    let (shows_self, remote, scope) = match &mut origin {
        Origin::Here(options) => {
            let uname = rustix::system::uname();
            show.selection.names.learn_own_host(&escape(uname.nodename().to_bytes()));
            if show.form == OutputForm::Tui {
                // Whoever looks at the screen may want to look on.
                options.ends_with.clear();
            }
            // Rankings and the other lines have nowhere to tell it.
            options.identity &= !show.batch && matches!(show.form, OutputForm::Tui | OutputForm::Json);
            (options.show_self, false, scope(options))
        }
        Origin::Hosts(_, start) => (start.show_self, true, None),
    };
    let limit = show.selection.limits.duration;
    let status_to = if show.form == OutputForm::Tui { StatusTo::Screen } else { StatusTo::Lines };
    trace(origin, status_to, |messages, commands, hooks| match show.form {
        OutputForm::Tui => {
            // While there are the privileges that it needs.
            let inquirer = Inquirer::start()?;
            let (terminal, events) = command_terminal::start(command, show.quiet, commands)?.unzip();
            let events = events.unwrap_or_else(never);
            let label = terminal.as_ref().map(CommandTerminal::label);
            let header = Header::of_host(hooks);
            let hidden_processes = if remote {
                Some("on another host: not to be seen from here")
            } else {
                (!tracer::sees_host_pids()).then_some("not to be seen from this pid namespace")
            };
            let start = Some(Moment::now());
            let shown = Shown { header, file: None, command: label, scope, shows_self, hidden_processes, start };
            let control = Live { remote, commands, terminal: terminal.as_ref(), inquirer: &inquirer };
            let (filter, names) = (show.selection.filter.clone(), show.selection.names.clone());
            let end_report = at_end.map(|at_end| EndReport::new(at_end, command, (&filter, names), hooks));
            let code = until(limit, &|| stop(commands), || {
                with_end_report(end_report, messages, &|| stop(commands), |messages| {
                    screen(show, shown, (messages, events), control)
                })
            });
            match terminal {
                Some(terminal) => terminal.leave(code),
                None => code,
            }
        }
        _ => live_lines(&show, (command, scope.is_some()), at_end, (messages, commands), hooks),
    })
}

/// Writes lines, of opens or of rankings.
fn live_lines(
    show: &Show,
    (command, scoped): (&Program, bool),
    at_end: Option<AtEnd>,
    (messages, commands): (&Receiver<Message>, &Sender<Command>),
    hooks: &Hooks,
) -> Result<u8, Error> {
    let draft = show.out.as_ref().map(draft).transpose()?;
    let to_stdout = draft.is_none();
    let streams = if to_stdout && show.form != OutputForm::Text { Streams::OutputToStderr } else { Streams::Inherited };
    let run = Run { command, streams, limit: show.selection.limits.duration, commands };
    let mut end_report =
        at_end.map(|at_end| EndReport::new(at_end, command, show.selection.filter_with_names(), hooks));
    run.lines(
        || keep(draft),
        |file, ends| {
            let source = Source { hooks, start: Some(Moment::now()), scoped, messages };
            let collect = end_report.as_mut().map(|end_report| &mut end_report.collect);
            let code = write_lines(&writer(file)?, show, &source, collect, ends)?;
            end_report.map_or(Ok(()), |end_report| end_report.write(Some(ends)))?;
            Ok(code)
        },
    )
}

/// Traces this host, or others.
fn trace(
    origin: Origin,
    status_to: StatusTo,
    consume: impl FnOnce(&Receiver<Message>, &Sender<Command>, &Hooks) -> Result<u8, Error>,
) -> Result<u8, Error> {
    let waiting = match status_to {
        StatusTo::Screen => WAITING,
        StatusTo::Lines => WAITING_FOR_LINES,
    };
    match origin {
        Origin::Here(options) => trace_here(options, waiting, consume),
        Origin::Hosts(target, start) => remote::trace(target, start, status_to, waiting, consume),
    }
}

/// Traces in a thread of its own while `consume` takes the messages in this one, `waiting` of which it may be late. All
/// hooks are in place before `consume` begins, and nothing is left of them when this returns.
fn trace_here(
    options: Options,
    waiting: usize,
    consume: impl FnOnce(&Receiver<Message>, &Sender<Command>, &Hooks) -> Result<u8, Error>,
) -> Result<u8, Error> {
    let (messages, received) = bounded(waiting);
    let (commands, commanded) = bounded(8);
    let (ready, started) = bounded(1);
    let identity = options.identity;
    thread::scope(|scope| {
        let tracer = thread::Builder::new().name("tracer".into()).spawn_scoped(scope, move || {
            let mut storage = tracer::storage();
            let tracer = Tracer::start(&mut storage, options)?;
            let _ = ready.send(tracer.hooks());
            tracer.run(&messages, &commanded)
        });
        let tracer = tracer.map_err(no_thread)?;
        let consumed = started.recv().ok().map(|hooks| {
            let received = if identity { identify::identify(scope, received)? } else { received };
            consume(&received, &commands, &hooks)
        });
        // Whatever the tracer is at, it ends when nobody listens.
        drop(commands);
        let traced = tracer.join().unwrap_or_else(|_| Err(Error::Other("the tracing thread panicked".into())));
        match consumed {
            // What broke the source explains more than what the consumer saw of it.
            Some(consumed) => traced.and(consumed),
            None => traced.map(|()| EXIT_OK),
        }
    })
}

/// What was written of `what`. That a reader is gone is no error: it has all it wanted.
fn unless_unread(written: io::Result<()>, what: &str) -> Result<(), Error> {
    match written {
        Err(why) if why.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::Other(format!("cannot write the {what}: {why}")))
        }
        _ => Ok(()),
    }
}

fn stop(commands: &Sender<Command>) {
    // A full channel holds a stop already, or the tracer is gone.
    let _ = commands.try_send(Command::Stop);
}

/// What alone is traced, where the filter does not say it.
fn scope(options: &Options) -> Option<String> {
    let pids: Vec<_> = options.filter.pids.iter().map(u32::to_string).collect();
    let tree = match pids.as_slice() {
        _ if options.follow_own => Some("the command and its descendants".to_owned()),
        [pid] if options.extras.children => Some(format!("pid {pid} and its descendants")),
        [first, .., last] if options.extras.children => {
            Some(format!("{} pids, {first} to {last}, and their descendants", pids.len()))
        }
        _ => None,
    };
    let cgroup = options.cgroup.as_ref().map(|path| format!("cgroup {}", escape(path.as_os_str().as_encoded_bytes())));
    let parts: Vec<_> = tree.into_iter().chain(cgroup).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Calls `stop` when the time is up, unless `show` returns before.
fn until<T>(limit: Option<Duration>, stop: &(dyn Fn() + Sync), show: impl FnOnce() -> T) -> T {
    let (running, ended) = bounded::<()>(0);
    thread::scope(|scope| {
        if let Some(limit) = limit {
            scope.spawn(move || {
                if ended.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                    stop();
                }
            });
        }
        let shown = show();
        drop(running);
        shown
    })
}

/// Whether the kernel does all of the filter, so that its counts are of what the filter wants.
fn in_kernel(filter: &Filter) -> bool {
    filter.checked_by().iter().all(|(_, by)| *by == CheckedBy::Kernel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_stops_the_source_once_and_an_early_end_calls_it_off() {
        let (stops, stopped) = bounded(2);
        let stop = || stops.send(()).unwrap();
        let waited = until(Some(Duration::from_millis(1)), &stop, || stopped.recv_timeout(Duration::from_secs(10)));
        assert_eq!(waited, Ok(()));
        assert_eq!(until(Some(Duration::from_hours(1)), &stop, || 7), 7);
        assert_eq!(until(None, &stop, || 8), 8);
        assert!(stopped.is_empty());
    }
}
