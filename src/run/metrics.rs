//! Counters for Prometheus, over HTTP or as a file.

use std::fs::Permissions;
use std::io::{self, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};

use super::command::{no_signals, no_thread};
use super::{WAITING, stop, trace_here};
use crate::config::MetricsTo;
use crate::error::{self, EXIT_OK, Error};
use crate::message::Message;
use crate::metrics::{Metrics, http};
use crate::output::ending::{Answer, Ends};
use crate::privileges::{self, Role};
use crate::signals::Handlers;
use crate::tracer::{Command, Options};
use crate::user_file::{self, Draft};

/// How long a new series stays at 0 in a file: whoever reads it does so by a clock of their own.
const SETTLE: Duration = Duration::from_mins(2);

/// Where the page goes.
enum Sink<'a> {
    Listener(TcpListener),
    File(&'a Path),
}

/// Traces without events, and tells the counters until a signal comes.
///
/// # Errors
/// If the host cannot be traced, or nobody could be told.
pub(crate) fn metrics(options: Options, to: &MetricsTo, idle: Duration) -> Result<u8, Error> {
    let sink = match to {
        MetricsTo::Http(address) => {
            let listener = TcpListener::bind(address);
            let listener = listener.map_err(|why| Error::Other(format!("--listen {address}: {}", refused(&why))))?;
            if !address.ip().is_loopback() {
                error::print(format!(
                    "--listen {address}: whoever reaches this port can read which commands and containers open how \
                     many files; nothing asks for a password"
                ));
            }
            Sink::Listener(listener)
        }
        MetricsTo::File(path) => Sink::File(path),
    };
    let latency = options.extras.latency;
    trace_here(options, WAITING, |messages, commands, hooks| {
        let settle = if matches!(sink, Sink::File(_)) { SETTLE.min(idle / 2) } else { Duration::ZERO };
        let metrics = Mutex::new(Metrics::new(hooks.clone(), latency, idle, settle));
        publish(&sink, &metrics, messages, commands)
    })
}

fn refused(why: &io::Error) -> String {
    match why.kind() {
        io::ErrorKind::AddrInUse => "another program listens there: choose another port, or end it".to_owned(),
        io::ErrorKind::AddrNotAvailable => "this host does not have that address".to_owned(),
        _ => why.to_string(),
    }
}

fn publish(
    sink: &Sink<'_>,
    metrics: &Mutex<Metrics>,
    messages: &Receiver<Message>,
    commands: &Sender<Command>,
) -> Result<u8, Error> {
    let handlers = Handlers::install().map_err(no_signals)?;
    privileges::keep_only(Role::Consumer)?;
    let signals = handlers.listen().map_err(no_signals)?;
    let stop = || stop(commands);
    let ends = Ends { signals: &signals.received, answer: &|_| Answer::End, limit: None, stop: &stop };
    let page = || metrics.lock().unwrap_or_else(PoisonError::into_inner).page();
    ends.watched(None, || match sink {
        Sink::Listener(listener) => {
            let (end, other) = UnixStream::pair().map_err(no_thread)?;
            thread::scope(|scope| {
                let server = thread::Builder::new().name("http".into());
                let server = server.spawn_scoped(scope, || {
                    // Without a server nothing is told, so that the tracing need not go on.
                    http::serve(listener, &other, page).inspect_err(|_| stop())
                });
                let server = server.map_err(no_thread)?;
                let read = consume(metrics, messages, || Ok(()));
                drop(end);
                let served = server.join().unwrap_or_else(|_| Err(io::Error::other("its thread panicked")));
                served.map_err(|why| Error::Other(format!("cannot serve the metrics: {why}")))?;
                read
            })
        }
        Sink::File(path) => {
            let mut file = TextFile { path, written: false, failing: false };
            file.write(&page())?;
            let read = consume(metrics, messages, || file.write(&page()));
            file.remove();
            read
        }
    })
}

/// Takes what comes; calls `publish` after each reading of the counters.
fn consume(
    metrics: &Mutex<Metrics>,
    messages: &Receiver<Message>,
    mut publish: impl FnMut() -> Result<(), Error>,
) -> Result<u8, Error> {
    for message in messages {
        let mut metrics = metrics.lock().unwrap_or_else(PoisonError::into_inner);
        match message {
            Message::Opens(batch) => batch.cgroups().iter().for_each(|cgroup| metrics.learn(cgroup)),
            Message::Hooks(hooks) => metrics.set_hooks(hooks),
            Message::Counts(counts) => {
                metrics.read(counts, Instant::now());
                drop(metrics);
                publish()?;
            }
            // Of other hosts and of replays.
            Message::Host(_) | Message::Playback(_) => {}
            Message::End => return Ok(EXIT_OK),
            Message::Failed(why) => return Err(Error::Other(why)),
        }
    }
    Ok(EXIT_OK)
}

/// A file for the node exporter's textfile collector: whole at any time. At a clean end it goes, since what is in it
/// would be shown for ever.
struct TextFile<'a> {
    path: &'a Path,
    written: bool,
    failing: bool,
}

impl TextFile<'_> {
    /// The first time it must work; later a disk may be full for a while, which is said once.
    fn write(&mut self, page: &str) -> Result<(), Error> {
        let written = self.replace(page);
        let failed = written.map_err(|why| Error::Other(format!("--textfile {}: {why}", self.path.display())));
        if !self.written {
            failed?;
            self.written = true;
            return Ok(());
        }
        if let Err(why) = &failed
            && !self.failing
        {
            error::print(format!("{why}; tried again every interval"));
        }
        self.failing = failed.is_err();
        Ok(())
    }

    fn replace(&self, page: &str) -> io::Result<()> {
        // This thread is the caller's already.
        let draft = Draft::create(self.path, true, None)?;
        let mut file = draft.file()?;
        file.write_all(page.as_bytes())?;
        file.set_permissions(Permissions::from_mode(0o644))?;
        draft.keep().map(drop)
    }

    fn remove(&self) {
        // Whoever has removed it was quicker.
        let _ = user_file::remove(self.path);
    }
}
