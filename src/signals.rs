//! Signals as messages, for whoever writes lines. The screen has its own, see [`crate::tui::terminal`].

use std::io;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, bounded};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::iterator::{Handle, SignalsInfo};
use signal_hook::low_level::siginfo::Cause;

/// A signal that asks for an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caught {
    pub signal: i32,
    /// It comes from the terminal, whose whole foreground has got it; otherwise somebody has sent it to opentop alone.
    pub by_terminal: bool,
}

/// Handlers of the signals that ask for an end. Nothing is lost of what comes before anybody listens.
#[derive(Debug)]
pub struct Handlers {
    signals: SignalsInfo<WithOrigin>,
    /// Those that were ignored when opentop was started.
    pub ignored: Vec<i32>,
}

/// Receives those signals, until dropped.
#[derive(Debug)]
pub struct EndSignals {
    pub received: Receiver<Caught>,
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Handlers {
    /// # Errors
    /// If the handlers cannot be installed.
    pub fn install() -> io::Result<Self> {
        let all = [SIGINT, SIGTERM, SIGHUP, SIGQUIT];
        let ignored: Vec<_> = all.into_iter().filter(|signal| is_ignored(*signal)).collect();
        // A shell has those of the keyboard ignored by what it starts in the background, where kill(1) still means it;
        // nohup(1) means that opentop is to outlive its terminal.
        let wanted = all.into_iter().filter(|signal| *signal != SIGHUP || !ignored.contains(signal));
        Ok(Self { signals: SignalsInfo::new(wanted)?, ignored })
    }

    /// Starts the thread that passes them on; it has the rights that the calling thread has now.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn listen(self) -> io::Result<EndSignals> {
        let mut signals = self.signals;
        let handle = signals.handle();
        let (sender, received) = bounded(8);
        let thread = thread::Builder::new().name("signals".into()).spawn(move || {
            for origin in signals.forever() {
                let caught = Caught { signal: origin.signal, by_terminal: matches!(origin.cause, Cause::Kernel) };
                // A full channel means that the end has been asked for already.
                let _ = sender.try_send(caught);
            }
        })?;
        Ok(EndSignals { received, handle, thread: Some(thread) })
    }
}

fn is_ignored(signal: i32) -> bool {
    // SAFETY: all zeros is a sigaction.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: without a new action only the old one is written, to a place of its type.
    let known = unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut action) } == 0;
    known && action.sa_sigaction == libc::SIG_IGN
}

impl Drop for EndSignals {
    fn drop(&mut self) {
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
