//! Two threads that wait for the user: one for the terminal's bytes, one for signals. Both end when told to.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use rustix::event::{EventfdFlags, PollFd, PollFlags};
use rustix::fs::{Mode, OFlags};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGWINCH};
use signal_hook::iterator::{Handle, Signals};

use super::decode::Decoder;
use crate::tui::input::Input;

/// The threads. Dropping it ends and joins them.
#[derive(Debug)]
pub struct InputThreads {
    wake: OwnedFd,
    signals: Handle,
    threads: Vec<JoinHandle<()>>,
}

impl InputThreads {
    /// Starts both threads; what they hear comes out of the receiver.
    ///
    /// # Errors
    /// Where there is no terminal to read from, or a thread or handler cannot be set up.
    pub fn start() -> io::Result<(Self, Receiver<Input>)> {
        let tty = open_tty()?;
        let wake = rustix::event::eventfd(0, EventfdFlags::CLOEXEC)?;
        let woken = wake.try_clone()?;
        let (tx, rx) = bounded(256);
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP, SIGCONT])?;
        let handle = signals.handle();
        let to_app = tx.clone();
        let spawn =
            |name: &str, body: Box<dyn FnOnce() + Send>| std::thread::Builder::new().name(name.into()).spawn(body);
        let pass_on = move || {
            for signal in signals.forever() {
                if to_app.send(Input::Signal(signal)).is_err() {
                    return;
                }
            }
        };
        let threads =
            vec![spawn("signals", Box::new(pass_on))?, spawn("input", Box::new(move || read_keys(&tty, &woken, &tx)))?];
        Ok((Self { wake, signals: handle, threads }, rx))
    }
}

impl Drop for InputThreads {
    fn drop(&mut self) {
        self.signals.close();
        let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn open_tty() -> io::Result<OwnedFd> {
    let stdin = rustix::stdio::stdin();
    if rustix::termios::isatty(stdin) {
        return Ok(rustix::io::dup(stdin)?);
    }
    Ok(rustix::fs::open("/dev/tty", OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?)
}

/// Reads until woken or until the terminal is gone.
fn read_keys(tty: &OwnedFd, wake: &OwnedFd, tx: &Sender<Input>) {
    let mut decoder = Decoder::default();
    let mut typed = Vec::new();
    let mut bytes = [0u8; 4096];
    loop {
        match wait(tty, wake, decoder.wait()) {
            Ready::Woken => return,
            Ready::Gone => return drop(tx.send(Input::Gone)),
            Ready::Nothing => decoder.flush(&mut typed),
            Ready::Bytes => match rustix::io::read(tty, &mut bytes) {
                Ok(0) => return drop(tx.send(Input::Gone)),
                Ok(len) => decoder.feed(&bytes[..len], &mut typed),
                Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
                Err(_) => return drop(tx.send(Input::Gone)),
            },
        }
        for event in typed.drain(..) {
            if tx.send(event).is_err() {
                return;
            }
        }
    }
}

enum Ready {
    Bytes,
    Nothing,
    Woken,
    Gone,
}

fn wait(tty: &OwnedFd, wake: &OwnedFd, timeout: Option<Duration>) -> Ready {
    let mut fds = [PollFd::from_borrowed_fd(tty.as_fd(), PollFlags::IN), PollFd::new(wake, PollFlags::IN)];
    let timeout = timeout.and_then(|timeout| rustix::time::Timespec::try_from(timeout).ok());
    match rustix::event::poll(&mut fds, timeout.as_ref()) {
        Ok(_) if !fds[1].revents().is_empty() => Ready::Woken,
        Ok(_) if fds[0].revents().intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) => Ready::Gone,
        Ok(_) if fds[0].revents().contains(PollFlags::IN) => Ready::Bytes,
        Ok(_) | Err(rustix::io::Errno::INTR) => Ready::Nothing,
        Err(_) => Ready::Gone,
    }
}
