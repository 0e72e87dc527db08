//! The command while it runs: waiting for it and its descendants, and signals for it.

use std::io;
use std::process;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, bounded};
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions, WaitStatus, pidfd_open, pidfd_send_signal};
use signal_hook::consts::{SIGINT, SIGQUIT};

use crate::error::EXIT_SIGNAL;
use crate::output::ending::Answer;
use crate::privileges::{self, Role};
use crate::signals::Caught;
use crate::tracer::descendants;

/// Within this time a second ^C means opentop.
const TWICE: Duration = Duration::from_secs(1);

/// What the command has to end in when it was sent a signal; its last opens are still seen.
pub const GRACE: Duration = Duration::from_millis(500);

/// Processes that are named at most.
const NAMED: usize = 5;

/// What happens to the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// The command has ended; `left`: processes that it has started run on. `how`: as [`Child::how_it_ended`].
    Exited { left: bool, how: String },
    /// The command and all its descendants have ended.
    AllEnded,
}

/// A running command. When it is dropped the command runs on.
#[derive(Debug)]
pub struct Child {
    shared: Arc<Shared>,
    signals: Sender<Signal>,
    interrupted: Mutex<Option<Instant>>,
    /// The signal that was meant for opentop too; 0: none yet.
    ending: AtomicI32,
}

#[derive(Debug)]
struct Shared {
    /// Displayable.
    name: String,
    pid: Pid,
    start: Instant,
    exited: OnceLock<Exit>,
    all_ended: AtomicBool,
}

#[derive(Clone, Copy, Debug)]
struct Exit {
    status: WaitStatus,
    after: Duration,
}

impl Child {
    /// `process` has just been started, and nobody has waited for it. The calling thread can send it signals; a thread
    /// of its own keeps that ability.
    pub(super) fn new(name: &str, process: &process::Child) -> io::Result<Self> {
        let pid = Pid::from_child(process);
        let descriptor = pidfd_open(pid, PidfdFlags::empty())?;
        let (signals, to_send) = bounded::<Signal>(8);
        let (ready, started) = bounded(1);
        thread::Builder::new().name("kill".into()).spawn(move || {
            if ready.send(privileges::keep_only(Role::Signaller)).is_err() {
                return;
            }
            for signal in to_send {
                // One that is stopped takes it only when it goes on. That it has ended is no error.
                let _ = pidfd_send_signal(&descriptor, signal);
                let _ = pidfd_send_signal(&descriptor, Signal::CONT);
            }
        })?;
        started.recv().map_err(io::Error::other)?.map_err(io::Error::other)?;
        let shared = Arc::new(Shared {
            name: name.to_owned(),
            pid,
            start: Instant::now(),
            exited: OnceLock::new(),
            all_ended: AtomicBool::new(false),
        });
        Ok(Self { shared, signals, interrupted: Mutex::new(None), ending: AtomicI32::new(0) })
    }

    /// Waits in a thread until there is no process left of it, and calls `on_news` meanwhile. To be called once.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub fn watch(&self, on_news: impl Fn(News) + Send + 'static) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        thread::Builder::new().name("wait".into()).spawn(move || {
            while let Some((pid, status)) = wait(WaitOptions::empty()) {
                if pid == shared.pid {
                    let _ = shared.exited.set(Exit { status, after: shared.start.elapsed() });
                    on_news(News::Exited { left: are_left(), how: shared.how_it_ended().unwrap_or_default() });
                }
            }
            shared.all_ended.store(true, Ordering::SeqCst);
            on_news(News::AllEnded);
        })?;
        Ok(())
    }

    /// What a signal to opentop means while the command runs: what comes from the terminal the command has got too, and
    /// it is the command's; all else is passed on, and ends opentop once the command has had its time.
    pub fn answer(&self, caught: Caught) -> Answer {
        let runs = self.shared.exited.get().is_none();
        if runs && caught.by_terminal && matches!(caught.signal, SIGINT | SIGQUIT) {
            let mut interrupted = self.interrupted.lock().unwrap_or_else(PoisonError::into_inner);
            let last = interrupted.replace(Instant::now());
            if last.is_none_or(|last| last.elapsed() > TWICE) {
                return Answer::Ignore;
            }
        }
        self.ending.store(caught.signal, Ordering::SeqCst);
        if !runs || matches!(caught.signal, SIGINT | SIGQUIT) && caught.by_terminal {
            return Answer::End;
        }
        if !caught.by_terminal {
            self.signal(caught.signal);
        }
        Answer::EndAfter(GRACE)
    }

    /// The exit status as a shell has it: the command's, or that of the signal that has ended opentop before. `None`:
    /// neither has happened.
    pub fn exit_code(&self) -> Option<u8> {
        let of_signal = |signal: i32| EXIT_SIGNAL.wrapping_add(signal as u8);
        if let Some(Exit { status, .. }) = self.shared.exited.get() {
            let killed = status.terminating_signal().map(of_signal);
            return killed.or_else(|| status.exit_status().map(|status| status as u8));
        }
        let signal = self.ending.load(Ordering::SeqCst);
        (signal != 0).then(|| of_signal(signal))
    }

    /// `make (2714)`.
    pub fn label(&self) -> String {
        self.shared.label()
    }

    /// Sends the command a signal, unless it has ended.
    pub fn signal(&self, signal: i32) {
        if let Some(signal) = Signal::from_named_raw(signal) {
            let _ = self.signals.try_send(signal);
        }
    }

    /// How the command has ended, if it has: `make (2714) ended with status 2 after 12.3 s`.
    pub fn how_it_ended(&self) -> Option<String> {
        self.shared.how_it_ended()
    }

    /// What runs on, if anything does: the command, or what it has started.
    pub fn what_runs_on(&self) -> Option<String> {
        if self.shared.all_ended.load(Ordering::SeqCst) {
            return None;
        }
        let mut left = descendants(&[process::id()]);
        let shared = &self.shared;
        if shared.exited.get().is_none() {
            left.retain(|pid| i32::try_from(*pid) != Ok(shared.pid.as_raw_pid()));
            let others = match left.len() {
                0 => String::new(),
                _ => format!(", with {}", listed(&left)),
            };
            return Some(format!("{} runs on{others}", shared.label()));
        }
        (!left.is_empty())
            .then(|| format!("{} has ended, but {} it has started runs on", shared.label(), listed(&left)))
    }
}

impl Shared {
    fn label(&self) -> String {
        format!("{} ({})", self.name, self.pid)
    }

    fn how_it_ended(&self) -> Option<String> {
        let Exit { status, after } = self.exited.get()?;
        let how = match (status.terminating_signal(), status.exit_status()) {
            (Some(signal), _) => {
                let name = signal_hook::low_level::signal_name(signal).unwrap_or("a signal");
                format!("was killed by {name} ({signal})")
            }
            (None, status) => format!("ended with status {}", status.unwrap_or_default()),
        };
        Some(format!("{} {how} after {:.1} s", self.label(), after.as_secs_f64()))
    }
}

/// `the process 7` or `3 processes (7, 8, 9)`.
fn listed(pids: &[u32]) -> String {
    let shown: Vec<_> = pids.iter().take(NAMED).map(u32::to_string).collect();
    let more = if pids.len() > NAMED { ", ..." } else { "" };
    match pids {
        [pid] => format!("process {pid}"),
        _ => format!("{} processes ({}{more})", pids.len(), shown.join(", ")),
    }
}

/// A child that has ended; `None`: there is none.
fn wait(options: WaitOptions) -> Option<(Pid, WaitStatus)> {
    loop {
        match rustix::process::wait(options) {
            Err(rustix::io::Errno::INTR) => {}
            waited => return waited.ok().flatten(),
        }
    }
}

/// Whether there are children that have not ended. Those that have are waited for.
fn are_left() -> bool {
    while wait(WaitOptions::NOHANG).is_some() {}
    // Nothing has ended: a child runs, or there is none.
    rustix::process::wait(WaitOptions::NOHANG).is_ok()
}
