//! Bytes to the terminal without ever waiting for it.
//!
//! What the terminal takes at once is written at once. The rest of a frame goes to a thread; while a slow or stopped
//! reader takes its time no further frame is made, so nothing piles up and no frame is ever cut. The caller goes on
//! with its work and hears when the frame is out.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use rustix::event::{EventfdFlags, PollFd, PollFlags};
use rustix::fs::{Mode, OFlags};

/// What the writing thread and its owner share.
#[derive(Debug)]
struct Shared {
    tty: OwnedFd,
    /// The terminal is opened anew, so that a write never waits.
    direct: bool,
    /// Readable when the frame under way is to be dropped.
    wake: OwnedFd,
    abort: AtomicBool,
}

/// The thread and what is known of it.
#[derive(Debug)]
pub struct Writer {
    shared: Arc<Shared>,
    /// `None` once the thread is told to end.
    frames: Option<Sender<Vec<u8>>>,
    written: Receiver<Vec<u8>>,
    spare: Option<Vec<u8>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread that writes to the terminal behind standard output.
    ///
    /// # Errors
    /// Where the terminal cannot be opened or the thread not be started.
    pub fn start() -> io::Result<Self> {
        let (tty, direct) = open_tty()?;
        let shared = Arc::new(Shared {
            tty,
            direct,
            wake: rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
            abort: AtomicBool::new(false),
        });
        let (frames, to_write) = bounded::<Vec<u8>>(1);
        let (done, written) = bounded(1);
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("writer".into()).spawn(move || {
            for mut frame in to_write {
                let _ = write_until(&theirs, &frame, None);
                frame.clear();
                if done.send(frame).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { shared, frames: Some(frames), written, spare: Some(Vec::new()), thread: Some(thread) })
    }

    /// An empty buffer for the next frame, unless the last one is still being written.
    pub fn buffer(&mut self) -> Option<Vec<u8>> {
        self.spare.take().or_else(|| self.written.try_recv().ok())
    }

    /// Writes a frame: as much as goes at once, the rest by the thread.
    pub fn submit(&mut self, mut frame: Vec<u8>) {
        if self.shared.direct {
            let written = rustix::io::write(&self.shared.tty, &frame).unwrap_or(0);
            frame.drain(..written);
        }
        match &self.frames {
            Some(frames) if !frame.is_empty() => {
                let _ = frames.send(frame);
            }
            _ => self.spare = Some(frame),
        }
    }

    /// Tells when a frame is out: receives the buffer, to be given back to [`Writer::recycle`].
    pub fn written(&self) -> &Receiver<Vec<u8>> {
        &self.written
    }

    pub fn recycle(&mut self, buffer: Vec<u8>) {
        self.spare = Some(buffer);
    }

    pub fn is_idle(&self) -> bool {
        self.spare.is_some()
    }

    /// Waits for the frame under way, drops what is left of it after `patience`, and then writes `bytes` within the
    /// same patience.
    ///
    /// # Errors
    /// Where the terminal is gone or takes nothing.
    pub fn write_now(&mut self, bytes: &[u8], patience: Duration) -> io::Result<()> {
        if self.spare.is_none() {
            self.spare = self.written.recv_timeout(patience).ok();
        }
        if self.spare.is_none() {
            self.abort_frame();
            // The frame may have stopped within a sequence: throw away what is on its way, and cancel.
            let _ = rustix::termios::tcflush(&self.shared.tty, rustix::termios::QueueSelector::OFlush);
            write_until(&self.shared, b"\x18", Some(Instant::now() + patience))?;
        }
        write_until(&self.shared, bytes, Some(Instant::now() + patience))
    }

    fn abort_frame(&mut self) {
        self.shared.abort.store(true, Ordering::SeqCst);
        let _ = rustix::io::write(&self.shared.wake, &1u64.to_ne_bytes());
        self.spare = self.written.recv_timeout(Duration::from_millis(100)).ok();
        self.shared.abort.store(false, Ordering::SeqCst);
        let _ = rustix::io::read(&self.shared.wake, &mut [0u8; 8]);
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if self.spare.is_none() {
            self.abort_frame();
        }
        self.frames = None;
        // Only where the terminal could not be opened anew may a write block for good; then the process's end ends it.
        if self.spare.is_some()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}

/// Opens the terminal anew, so that not waiting for it is not forced upon everyone else who has it open.
fn open_tty() -> io::Result<(OwnedFd, bool)> {
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let opened = rustix::fs::open("/proc/self/fd/1", flags, Mode::empty())
        .or_else(|_| rustix::fs::open("/dev/tty", flags, Mode::empty()));
    match opened {
        Ok(tty) => Ok((tty, true)),
        // Somebody else's terminal after `su`: it is ours to use, but not to open.
        Err(_) => Ok((rustix::io::dup(rustix::stdio::stdout())?, false)),
    }
}

/// Writes all of `bytes`, or as much as goes until the deadline or until told to stop.
fn write_until(shared: &Shared, mut bytes: &[u8], deadline: Option<Instant>) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(&shared.tty, bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::AGAIN) => {
                let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
                if left.is_some_and(|left| left.is_zero()) {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                wait(shared, left)?;
            }
            Err(error) => return Err(error.into()),
        }
        if deadline.is_none() && shared.abort.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::Interrupted.into());
        }
    }
    Ok(())
}

fn wait(shared: &Shared, timeout: Option<Duration>) -> io::Result<()> {
    let mut fds =
        [PollFd::from_borrowed_fd(shared.tty.as_fd(), PollFlags::OUT), PollFd::new(&shared.wake, PollFlags::IN)];
    let timeout = timeout.and_then(|timeout| rustix::time::Timespec::try_from(timeout).ok());
    match rustix::event::poll(&mut fds, timeout.as_ref()) {
        Ok(_) if fds[0].revents().intersects(PollFlags::HUP | PollFlags::ERR) => Err(io::ErrorKind::BrokenPipe.into()),
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
