//! opentop: top for file opens.

pub mod bpf;
mod check;
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
pub mod tracer;

use std::io;
use std::path::Path;
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};

use cli::{Cli, OutputForm};
use config::{Config, Show, Surroundings};
use error::{EXIT_OK, Error};
use lines::Lines;
use output::{Csv, Json, Output, Text};
use record::{Header, Reader, Recorder};
use signals::EndSignals;
use source::Message;
use tracer::{Command, Options, Tracer};

/// Batches that may wait for the consumer. The ring buffer holds what comes after.
const WAITING: usize = 64;

/// Does what the command line asks for. The value is the exit status.
///
/// # Errors
/// If it cannot be done; the error says what, why, and what to do, and its exit status.
pub fn run(cli: Cli) -> Result<u8, Error> {
    match Config::new(cli, Surroundings::gather())? {
        Config::Live { options, show } => live(options, show),
        Config::Record { file, replace, options, show } => record(&file, replace, options, show),
        Config::Replay { file, speed, show } => replay(&file, speed, show),
        Config::Check => check::run(&mut io::stdout().lock(), &Options::default()),
    }
}

fn live(options: Options, show: Show) -> Result<u8, Error> {
    trace(options, |messages, commands, hooks| match show.form {
        OutputForm::Tui => screen(show, messages),
        form => write_lines(&mut *writer(form), show, hooks, messages, &|| stop(commands)),
    })
}

fn record(file: &Path, replace: bool, options: Options, show: Show) -> Result<u8, Error> {
    trace(options, |messages, commands, hooks| {
        let recorder = Recorder::create(file, &Header::of_host(hooks), replace);
        let mut recorder = recorder.map_err(|why| Error::Other(why.to_string()))?;
        let code = write_lines(&mut recorder, show, hooks, messages, &|| stop(commands))?;
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
    let hooks = reader.header().map(|header| header.hooks.clone()).unwrap_or_default();
    let (messages, received) = bounded(WAITING);
    let (stop, stopped) = bounded(1);
    thread::scope(|scope| {
        let player = scope.spawn(move || record::replay(reader, speed, &messages, &stopped));
        let consumed = match show.form {
            OutputForm::Tui => screen(show, &received),
            form => write_lines(&mut *writer(form), show, &hooks, &received, &|| {
                let _ = stop.try_send(());
            }),
        };
        drop((received, stop));
        let replayed = player.join().map_err(|_| Error::Other("the replaying thread panicked".into()))?;
        if let Some(note) = replayed.note {
            eprintln!("opentop: {note}");
        }
        consumed
    })
}

fn screen(_show: Show, _messages: &Receiver<Message>) -> Result<u8, Error> {
    Err(Error::Other("the screen".into()))
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
