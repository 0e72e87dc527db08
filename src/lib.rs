//! opentop: top for file opens.

pub mod app;
pub mod bpf;
mod check;
mod child;
pub mod cli;
pub mod config;
pub mod container;
pub mod error;
pub mod escape;
pub mod event;
pub mod filter;
mod lines;
pub mod model;
pub mod names;
pub mod output;
pub mod record;
mod signals;
pub mod source;
pub mod terminal;
pub mod tracer;
pub mod ui;

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

use app::Ended;
use child::Child;
use cli::{Cli, OutputForm};
use config::{Config, Show, Surroundings};
use error::{EXIT_OK, EXIT_SIGNAL, Error};
use filter::KernelFilter;
use lines::Lines;
use output::{Csv, Json, Output, Text};
use record::{Header, Reader, Recorder};
use signals::EndSignals;
use source::Message;
use tracer::{Command, Options, Tracer};

/// The shortest time between two frames that no key asked for.
const FRAME: Duration = Duration::from_millis(200);

/// Batches that may wait for the consumer. The ring buffer holds what comes after.
const WAITING: usize = 64;

/// Does what the command line asks for. The value is the exit status.
///
/// # Errors
/// If it cannot be done; the error says what, why, and what to do, and its exit status.
pub fn run(cli: Cli) -> Result<u8, Error> {
    match Config::new(cli, Surroundings::gather())? {
        Config::Live { options, show, command } => live(options, show, &command),
        Config::Record { file, replace, options, show, command } => record(&file, replace, options, show, &command),
        Config::Replay { file, speed, show } => replay(&file, speed, show),
        Config::Check => check::run(&mut io::stdout().lock(), &Options::default()),
    }
}

fn live(options: Options, show: Show, command: &[OsString]) -> Result<u8, Error> {
    let (shows_self, latency) = (options.show_self, options.extras.latency);
    trace(options, |messages, commands, hooks| match show.form {
        OutputForm::Tui => {
            if !command.is_empty() {
                Child::start(command, true, || {})?;
            }
            let shown = Shown { header: Header::of_host(hooks), file: None, shows_self, latency };
            screen(show, shown, messages, Live(commands))
        }
        form => with_command(command, commands, || {
            write_lines(&mut *writer(form), show, hooks, messages, &|| stop(commands))
        }),
    })
}

/// Writes lines while `command` runs, if there is one. Its exit status is opentop's, unless a limit ended the lines
/// before; then it runs on.
fn with_command(
    command: &[OsString],
    commands: &Sender<Command>,
    write: impl FnOnce() -> Result<u8, Error>,
) -> Result<u8, Error> {
    if command.is_empty() {
        return write();
    }
    let commands = commands.clone();
    let child = Child::start(command, false, move || stop(&commands))?;
    let code = write()?;
    Ok(child.exit_code().unwrap_or(code))
}

fn record(file: &Path, replace: bool, options: Options, show: Show, command: &[OsString]) -> Result<u8, Error> {
    trace(options, |messages, commands, hooks| {
        let recorder = Recorder::create(file, &Header::of_host(hooks), replace);
        let mut recorder = recorder.map_err(|why| Error::Other(why.to_string()))?;
        let code =
            with_command(command, commands, || write_lines(&mut recorder, show, hooks, messages, &|| stop(commands)))?;
        recorder.finish().map_err(|why| Error::Other(format!("cannot finish the recording: {why}")))?;
        Ok(code)
    })
}

/// Traces in a thread of its own while `consume` takes the messages in this one. The kernel side is loaded before
/// `consume` begins, and gone when this returns.
fn trace(
    options: Options,
    consume: impl FnOnce(&Receiver<Message>, &Sender<Command>, &str) -> Result<u8, Error>,
) -> Result<u8, Error> {
    let (messages, received) = bounded(WAITING);
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
        let consumed = started.recv().ok().map(|hooks| consume(&received, &commands, hooks.name()));
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

fn replay(file: &Path, speed: f64, show: Show) -> Result<u8, Error> {
    let reader = Reader::open(file).map_err(|why| Error::Other(why.to_string()))?;
    let header = reader.header().cloned().unwrap_or_default();
    let (messages, received) = bounded(WAITING);
    let (stop, stopped) = bounded(1);
    thread::scope(|scope| {
        let player = scope.spawn(move || record::replay(reader, speed, &messages, &stopped));
        let consumed = match show.form {
            OutputForm::Tui => {
                let shown = Shown { header, file: Some(file), shows_self: false, latency: true };
                screen(show, shown, &received, app::NoControl)
            }
            form => write_lines(&mut *writer(form), show, &header.hooks, &received, &|| {
                let _ = stop.try_send(());
            }),
        };
        drop((received, stop));
        let replayed = player.join().map_err(|_| Error::Other("the replaying thread panicked".into()))?;
        if let Some(note) = replayed.note {
            error::tell(note);
        }
        consumed
    })
}

/// Shows the screen until the user, a signal or the source ends it.
fn screen(
    show: Show,
    source: Shown<'_>,
    messages: &Receiver<Message>,
    control: impl app::Control,
) -> Result<u8, Error> {
    let setup = app::Setup {
        version: env!("CARGO_PKG_VERSION"),
        host: source.header.host,
        kernel: source.header.kernel,
        hooks: source.header.hooks,
        replay: source.file.map(|file| escape::escape(file.as_os_str().as_encoded_bytes())),
        since_ns: None,
        history: show.history,
        filter: show.filter.source(),
        group: show.group,
        sort: show.sort,
        interval: FRAME,
        colour: show.colour,
        ascii: show.ascii,
        mouse: false,
        latency: source.latency,
        shows_self: source.shows_self,
        names: show.names,
        time_zone: jiff::tz::TimeZone::system(),
    };
    let outcome = app::run(setup, messages.clone(), control).map_err(|why| Error::Other(format!("{why:#}")))?;
    match outcome.ended {
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
    /// Latencies were measured, or may have been.
    latency: bool,
}

/// The live side, as the screen may ask things of it.
struct Live<'a>(&'a Sender<Command>);

impl app::Control for Live<'_> {
    fn filter(&mut self, filter: &KernelFilter) -> bool {
        self.0.try_send(Command::Filter(filter.clone())).is_ok()
    }
}

fn writer(form: OutputForm) -> Box<dyn Output> {
    let out = io::stdout();
    match form {
        OutputForm::Json => Box::new(Json::new(out)),
        OutputForm::Csv => Box::new(Csv::new(out)),
        OutputForm::Text | OutputForm::Tui => Box::new(Text::new(out)),
    }
}

fn write_lines(
    output: &mut dyn Output,
    show: Show,
    hooks: &str,
    messages: &Receiver<Message>,
    stop: &dyn Fn(),
) -> Result<u8, Error> {
    let signals = EndSignals::new().map_err(|why| Error::Other(format!("cannot handle signals: {why}")))?;
    let lines = Lines { output, filter: &show.filter, names: show.names, limits: show.limits, hooks, stop };
    lines.run(messages, &signals.received)?;
    Ok(EXIT_OK)
}
