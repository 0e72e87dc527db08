//! What the far side is told, on stdin, and that it is told nothing any more.
//!
//! A thread reads it. When stdin ends, or nothing has come for too long, that is as if a signal had asked for the end;
//! and should the end take too long then, the process ends at once: whatever hangs, nothing is left tracing.

use std::io;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;

use super::FAR_SILENCE;
use super::wire::{CONTROL_MAX, Control, PROTOCOL, Start};
use crate::error::{EXIT_FAILED, Error};
use crate::privileges::{self, Role};
use crate::signals::Caught;

/// How long the first line may take, which a slow link is still setting up.
const FIRST: Duration = Duration::from_secs(10);

/// How long the end may take. With [`FAR_SILENCE`] and one look it is still about two seconds for a link that breaks.
const END: Duration = Duration::from_millis(1_500);

/// How often it is looked at the time.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// What comes from the near side.
#[derive(Debug)]
pub(crate) struct Controls {
    pub start: Start,
    /// Filters and the like.
    pub received: Receiver<Control>,
    /// The end.
    pub ends: Receiver<Caught>,
    over: Arc<AtomicBool>,
}

impl Controls {
    /// Starts to listen, and waits for the first line.
    ///
    /// # Errors
    /// If there is none, or one of another version.
    pub(crate) fn listen() -> Result<Self, Error> {
        let ((controls, received), (ended, ends)) = (bounded(16), bounded(2));
        let over = Arc::new(AtomicBool::new(false));
        let theirs = Arc::clone(&over);
        let listen = move || {
            // It reads what comes from elsewhere.
            if privileges::keep_only(Role::Consumer).is_ok() {
                listen(&controls);
            }
            // Whoever waits for the first line must hear of it too.
            drop(controls);
            let _ = ended.try_send(Caught { signal: libc::SIGTERM, by_terminal: false });
            thread::sleep(END);
            if !theirs.load(Ordering::Relaxed) {
                process::exit(EXIT_FAILED.into());
            }
        };
        let started = thread::Builder::new().name("control".into()).spawn(listen);
        started.map_err(|why| Error::Other(format!("cannot start a thread: {why}")))?;
        match received.recv() {
            Ok(Control::Start(start)) if start.protocol == PROTOCOL => Ok(Self { start, received, ends, over }),
            Ok(Control::Start(start)) => Err(Error::Other(format!(
                "opentop {} there speaks protocol {PROTOCOL}, and the one here {}: bring the same version to both \
                 hosts",
                env!("CARGO_PKG_VERSION"),
                start.protocol
            ))),
            _ => Err(Error::Usage(
                "opentop agent is what opentop --host starts on other hosts, and talks to: use that".into(),
            )),
        }
    }
}

impl Drop for Controls {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

/// Passes on what comes, until nothing does.
fn listen(controls: &Sender<Control>) {
    let stdin = io::stdin();
    let (mut heard, mut silence) = (Instant::now(), FIRST);
    let (mut line, mut bytes) = (Vec::new(), [0; 4096]);
    loop {
        match rustix::event::poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&LOOK)) {
            Ok(0) | Err(Errno::INTR) if heard.elapsed() < silence => continue,
            Ok(1..) => {}
            _ => return,
        }
        let read = match rustix::io::read(&stdin, &mut bytes) {
            Ok(0) => return,
            Ok(read) => read,
            Err(Errno::AGAIN | Errno::INTR) => continue,
            Err(_) => return,
        };
        heard = Instant::now();
        for byte in &bytes[..read] {
            if *byte != b'\n' {
                line.push(*byte);
                if line.len() > CONTROL_MAX {
                    return;
                }
                continue;
            }
            match serde_json::from_slice(&line) {
                Ok(Control::Heartbeat | Control::Unknown) => {}
                Ok(control) => {
                    // Somebody who changes the filter faster than it can be taken gets the one of now with the next.
                    let _ = controls.try_send(control);
                }
                Err(_) => return,
            }
            silence = FAR_SILENCE;
            line.clear();
        }
    }
}
