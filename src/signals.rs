//! Signals as messages, for whoever writes lines. The screen has its own, see [`crate::tui::terminal`].

use std::io;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, bounded};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

/// Receives the signals that ask for an end, until dropped.
#[derive(Debug)]
pub struct EndSignals {
    pub received: Receiver<i32>,
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl EndSignals {
    /// # Errors
    /// If the handlers cannot be installed.
    pub fn new() -> io::Result<Self> {
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGQUIT])?;
        let handle = signals.handle();
        let (sender, received) = bounded(8);
        let thread = thread::Builder::new().name("signals".into()).spawn(move || {
            for signal in signals.forever() {
                // A full channel means that the end has been asked for already.
                let _ = sender.try_send(signal);
            }
        })?;
        Ok(Self { received, handle, thread: Some(thread) })
    }
}

impl Drop for EndSignals {
    fn drop(&mut self) {
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
