//! Runs what the command line asks for: a source in a thread of its own, a consumer in this one.

use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::child::{self, Program};
use crate::cli::OutputForm;
use crate::clock::Moment;
use crate::config::{Limits, Show};
use crate::error::{self, EXIT_OK, EXIT_SIGNAL, Error};
use crate::escape;
use crate::filter::{Filter, KernelFilter, Place};
use crate::format::group_digits;
use crate::message::{Hooks, Lost, Message, Totals};
use crate::output::ending;
use crate::output::lines::{Consumer, Lines, consume};
use crate::output::rankings::{Order, Tables};
use crate::output::{self, Csv, Json, Output, TableOutput, Text, Unwritten, Writer, losses};
use crate::privileges::{self, Role};
use crate::recording::{self, Header, Input, Interrupt, ReadError, Reader, Recorder};
use crate::tracer::{self, Command, Options, Tracer};
use crate::tui::{self, app, app::Ended};

/// The shortest time between two frames that no key asked for.
const FRAME: Duration = Duration::from_millis(200);

/// Batches that may wait for the screen, or for a player's consumer: 16 MiB at most. The ring buffer holds what comes
/// after.
const WAITING: usize = 32;

/// Batches that may wait for what writes lines: 64 MiB at most. It keeps no history, and whoever traces a storm on a busy
/// host wants the burst.
const WAITING_FOR_LINES: usize = 128;

/// Traces, and shows it.
///
/// # Errors
/// If the host cannot be traced, or the output cannot be written.
pub(crate) fn live(options: Options, show: Show, command: &Program) -> Result<u8, Error> {
    let shows_self = options.show_self;
    let waiting = if show.form == OutputForm::Tui { WAITING } else { WAITING_FOR_LINES };
    trace(options, waiting, |messages, commands, hooks| match show.form {
        OutputForm::Tui => {
            if let (Some(command), ()) = start_command(command, true, || Ok(()))? {
                command.watch(|| {});
            }
            let header = Header::of_host(hooks);
            let shown = Shown { header, file: None, shows_self, start: Some(Moment::now()) };
            until(show.limits.duration, &|| stop(commands), || screen(show, shown, messages, Live(commands)))
        }
        _ => with_command(
            command,
            commands,
            || Ok(()),
            |()| write_stdout(show, hooks, Some(Moment::now()), messages, &|| stop(commands)),
        ),
    })
}

/// Starts `command`, if there is one, and then calls `started`. Both have all the rights that opentop has; this thread has no
/// need of them from now on.
fn start_command<T>(
    command: &Program,
    quiet: bool,
    started: impl FnOnce() -> Result<T, Error>,
) -> Result<(Option<child::Started>, T), Error> {
    let child = if command.line.is_empty() { None } else { Some(child::start(command, quiet)?) };
    let value = started()?;
    privileges::keep_only(Role::Consumer)?;
    Ok((child, value))
}

/// Writes lines while `command` runs, if there is one, with what `started` returns once it does. Its exit status is opentop's, unless a limit ended the lines
/// before; then it runs on.
fn with_command<T>(
    command: &Program,
    commands: &Sender<Command>,
    started: impl FnOnce() -> Result<T, Error>,
    write: impl FnOnce(T) -> Result<u8, Error>,
) -> Result<u8, Error> {
    let (command, value) = start_command(command, false, started)?;
    let Some(command) = command else { return write(value) };
    let commands = commands.clone();
    let child = command.watch(move || stop(&commands));
    let code = write(value)?;
    Ok(child.exit_code().unwrap_or(code))
}

/// Traces into a recording.
///
/// # Errors
/// As [`live`]; or if the file cannot be written.
pub(crate) fn record(file: &Path, replace: bool, options: Options, show: Show, command: &Program) -> Result<u8, Error> {
    trace(options, WAITING_FOR_LINES, |messages, commands, hooks| {
        let draft = recording::create(file, replace).map_err(|why| Error::Other(why.to_string()))?;
        // What cannot even be started leaves no recording behind, and an old one as it was.
        let name = file.display();
        let broken = |why: io::Error| Error::Other(format!("cannot write the recording {name}: {why}"));
        with_command(
            command,
            commands,
            || draft.keep().map_err(broken),
            |kept| {
                let writer = Writer::start(kept.try_clone().map_err(broken)?).map_err(broken)?;
                let mut recorder = Recorder::begin(&writer, &Header::of_host(hooks)).map_err(broken)?;
                let ((opens, lost), unwritten) = written(&writer, show.limits, &|| stop(commands), || {
                    let mut lines = lines(&mut recorder, &show, hooks);
                    consume(&mut lines, show.limits.count, messages, &|| stop(commands))?;
                    let lost = lines.lost();
                    Ok((recorder.finish().map_err(broken)?, lost))
                })
                .map_err(|why| {
                    Error::Other(format!("the recording {name} is cut off, but can be read so far: {why}"))
                })?;
                if unwritten != Unwritten::default() {
                    let bytes = group_digits(unwritten.bytes);
                    return Err(Error::Other(format!(
                        "the recording {name} lacks its last {bytes} bytes: the disk took none"
                    )));
                }
                kept.sync_all().map_err(broken)?;
                let lost = losses(&lost).map_or("none was lost".into(), |lost| format!("lost {lost}"));
                let (opens, bytes) = (group_digits(opens), group_digits(writer.written()));
                error::tell(format!("recorded {opens} opens in {name}, {bytes} bytes; {lost}"));
                Ok(EXIT_OK)
            },
        )
    })
}

/// Traces in a thread of its own while `consume` takes the messages in this one, `waiting` of which it may be late. All
/// hooks are in place before `consume` begins, and nothing is left of them when this returns.
fn trace(
    options: Options,
    waiting: usize,
    consume: impl FnOnce(&Receiver<Message>, &Sender<Command>, &Hooks) -> Result<u8, Error>,
) -> Result<u8, Error> {
    let (messages, received) = bounded(waiting);
    let (commands, commanded) = bounded(8);
    let (ready, started) = bounded(1);
    thread::scope(|scope| {
        let tracer = thread::Builder::new().name("tracer".into()).spawn_scoped(scope, move || {
            let mut storage = tracer::storage();
            let tracer = Tracer::start(&mut storage, options)?;
            let _ = ready.send(tracer.hooks());
            tracer.run(&messages, &commanded)
        });
        let tracer = tracer.map_err(|why| Error::Other(format!("cannot start a thread: {why}")))?;
        let consumed = started.recv().ok().map(|hooks| consume(&received, &commands, &hooks));
        // Whatever the tracer is at, it ends when nobody listens.
        drop((received, commands));
        let traced = tracer.join().unwrap_or_else(|_| Err(Error::Other("the tracing thread panicked".into())));
        match consumed {
            // What broke the source explains more than what the consumer saw of it.
            Some(consumed) => traced.and(consumed),
            None => traced.map(|()| EXIT_OK),
        }
    })
}

fn stop(commands: &Sender<Command>) {
    // A full channel holds a stop already, or the tracer is gone.
    let _ = commands.try_send(Command::Stop);
}

/// Shows a recording.
///
/// # Errors
/// If it cannot be read, or the output cannot be written.
pub(crate) fn replay(file: &Path, speed: f64, mut show: Show) -> Result<u8, Error> {
    let interrupt = Interrupt::default();
    let start = Instant::now();
    let unreadable = |why: ReadError| Error::Other(why.to_string());
    let input = Input::open(file, interrupt.clone()).map_err(unreadable)?;
    // Not a byte of it is looked at before.
    privileges::keep_only(Role::Consumer)?;
    // Even the first line may never come.
    let reader = until(show.limits.duration, &|| interrupt.set(), || Reader::of_file(input)).map_err(unreadable)?;
    show.limits.duration = show.limits.duration.map(|duration| duration.saturating_sub(start.elapsed()));
    let header = reader.header().cloned().unwrap_or_default();
    let (messages, received) = bounded(WAITING);
    let (stop, stopped) = bounded(1);
    let interval = show.interval;
    thread::scope(|scope| {
        let player = scope.spawn(move || recording::replay(reader, speed, interval, &messages, &stopped));
        let end = || {
            interrupt.set();
            let _ = stop.try_send(());
        };
        let consumed = match show.form {
            OutputForm::Tui => {
                let shown = Shown { header, file: Some(file), shows_self: false, start: None };
                until(show.limits.duration, &end, || screen(show, shown, &received, tui::NoControl))
            }
            _ => write_stdout(show, &header.hooks, None, &received, &end),
        };
        end();
        drop((received, stop));
        let replayed = player.join().map_err(|_| Error::Other("the replaying thread panicked".into()))?;
        if let Some(note) = replayed.note {
            error::tell(note);
        }
        consumed
    })
}

/// Has large pieces of memory go back to the system when they are freed. glibc would keep them once it has freed the first,
/// and the history, which comes and goes in such pieces, would leave holes half as large as itself.
fn return_freed_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: mallopt(3) takes no pointers, and setting a threshold leaves what is allocated alone.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 128 << 10);
    }
}

/// Shows the screen until the user, a signal or the source ends it.
fn screen(
    show: Show,
    source: Shown<'_>,
    messages: &Receiver<Message>,
    control: impl tui::Control,
) -> Result<u8, Error> {
    return_freed_memory();
    let setup = app::Setup {
        version: env!("CARGO_PKG_VERSION"),
        host: source.header.host,
        kernel: source.header.kernel,
        hooks: source.header.hooks,
        replay: source.file.map(|file| escape::escape(file.as_os_str().as_encoded_bytes())),
        since_ns: source.start.map(|start| start.ts_ns),
        history: show.history,
        filter: show.filter.source(),
        filter_in_kernel: source.file.is_none() && in_kernel(&show.filter),
        group: show.group,
        sort: show.sort,
        interval: FRAME,
        colour: show.colour,
        ascii: show.ascii,
        mouse: false,
        shows_self: source.shows_self,
        names: show.names,
        time_zone: jiff::tz::TimeZone::system(),
    };
    let ended = tui::run(setup, messages.clone(), control).map_err(|why| Error::Other(format!("{why:#}")))?;
    match ended {
        Ended::Quit => Ok(EXIT_OK),
        Ended::Signal(signal) => Ok(EXIT_SIGNAL + signal as u8),
        Ended::Gone => Ok(EXIT_SIGNAL + signal_hook::consts::SIGHUP as u8),
        Ended::Failed(why) => Err(Error::Other(why)),
    }
}

/// What the screen shows: the header of a recording, or what it would be.
struct Shown<'a> {
    header: Header,
    /// The recording; `None` when live.
    file: Option<&'a Path>,
    shows_self: bool,
    /// When counting began, where known.
    start: Option<Moment>,
}

/// The live side, as the screen may ask things of it.
struct Live<'a>(&'a Sender<Command>);

impl tui::Control for Live<'_> {
    fn filter(&mut self, filter: &KernelFilter) -> bool {
        self.0.try_send(Command::Filter(filter.clone())).is_ok()
    }
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
    filter.places().iter().all(|(_, place)| *place == Place::Kernel)
}

/// Writes opens or rankings to stdout. `start` is when counting began; `None` with a recording.
fn write_stdout(
    show: Show,
    hooks: &Hooks,
    start: Option<Moment>,
    messages: &Receiver<Message>,
    stop: &(dyn Fn() + Sync),
) -> Result<u8, Error> {
    let writer = output::stdout().map_err(|why| Error::Other(format!("cannot write to stdout: {why}")))?;
    let (lost, unwritten) = written(&writer, show.limits, stop, || {
        if show.batch {
            write_tables(&writer, &show, hooks, start, messages, stop)
        } else {
            write_opens(&writer, &show, hooks, messages, stop)
        }
    })?;
    if unwritten == Unwritten::default() {
        return Ok(EXIT_OK);
    }
    let lost = losses(&lost).map_or(String::new(), |lost| format!("; lost before that: {lost}"));
    let lines = group_digits(unwritten.lines);
    Err(Error::Other(format!("nobody read the output at its end: {lines} lines were not written{lost}")))
}

/// Writes rankings; returns what was lost.
fn write_tables(
    out: &Writer,
    show: &Show,
    hooks: &Hooks,
    start: Option<Moment>,
    messages: &Receiver<Message>,
    stop: &dyn Fn(),
) -> Result<Lost, Error> {
    let mut output: Box<dyn TableOutput + '_> = match show.form {
        OutputForm::Json => Box::new(Json::new(out)),
        OutputForm::Csv => Box::new(Csv::of_tables(out)),
        OutputForm::Text | OutputForm::Tui => Box::new(Text::new(out)),
    };
    let order = Order {
        group: show.group,
        sort: show.sort,
        filter: &show.filter,
        filtered_in_kernel: start.is_some() && in_kernel(&show.filter),
    };
    let mut tables = Tables::new(&mut *output, order, show.names.clone(), &hooks.to_string(), start);
    consume(&mut tables, show.limits.count, messages, stop)?;
    Ok(tables.lost())
}

/// Writes opens; returns what was lost.
fn write_opens(
    out: &Writer,
    show: &Show,
    hooks: &Hooks,
    messages: &Receiver<Message>,
    stop: &dyn Fn(),
) -> Result<Lost, Error> {
    let mut output: Box<dyn Output + '_> = match show.form {
        OutputForm::Json => Box::new(Json::new(out)),
        OutputForm::Csv => Box::new(Csv::new(out)),
        OutputForm::Text | OutputForm::Tui => Box::new(Text::new(out)),
    };
    let mut lines = lines(&mut *output, show, hooks);
    consume(&mut lines, show.limits.count, messages, stop)?;
    Ok(lines.lost())
}

fn lines<'a>(output: &'a mut dyn Output, show: &'a Show, hooks: &Hooks) -> Lines<'a> {
    Lines {
        output,
        filter: &show.filter,
        names: show.names.clone(),
        hooks: hooks.to_string(),
        totals: Totals::default(),
    }
}

/// Lets `write` hand everything to `writer`, and waits until that is written: for as long as the reader takes it, or nobody
/// has asked for the end. Returns what was not written, too. That a reader is gone is no error: it has all it wanted.
fn written<T>(
    writer: &Writer,
    limits: Limits,
    stop: &(dyn Fn() + Sync),
    write: impl FnOnce() -> Result<T, Error>,
) -> Result<(T, Unwritten), Error> {
    ending::watched(writer, limits.duration, stop, || {
        let written = write()?;
        match writer.finish() {
            Ok(unwritten) => Ok((written, unwritten)),
            Err(why) if why.kind() == io::ErrorKind::BrokenPipe => Ok((written, Unwritten::default())),
            Err(why) => Err(Error::Other(format!("cannot write the output: {why}"))),
        }
    })?
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
        assert_eq!(until(Some(Duration::from_secs(3600)), &stop, || 7), 7);
        assert_eq!(until(None, &stop, || 8), 8);
        assert!(stopped.is_empty());
    }
}
