//! A recording's bytes, from a file, a pipe or the standard input, read so that it can be left at any moment.

use super::ReadError;
use crate::escape::escape;
use crate::user_file::act_as;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How often a wait for bytes looks whether it is to end.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// Tells a reader in another thread to leave, even while it waits for bytes that never come.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// An open file of which nothing was read yet.
#[derive(Debug)]
pub struct Input {
    file: File,
    /// Displayable.
    name: String,
    interrupt: Interrupt,
    watch: Watch,
    /// Where to read next, whoever else reads from the same file; `None`: where that is.
    position: Option<u64>,
}

/// What is seen of an input while somebody else reads it, and may be changed.
#[derive(Clone, Debug, Default)]
pub struct Watch(Arc<Watched>);

#[derive(Debug, Default)]
struct Watched {
    bytes: AtomicU64,
    /// How long nothing may come; 0: for ever.
    silence_ms: AtomicU64,
}

impl Watch {
    /// Bytes read so far.
    pub fn bytes(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }

    /// Something has to come at least as often from now on.
    pub fn expect_every(&self, silence: Duration) {
        self.0.silence_ms.store(silence.as_millis() as u64, Ordering::Relaxed);
    }

    /// How long nothing may come.
    fn silence(&self) -> Option<Duration> {
        Some(self.0.silence_ms.load(Ordering::Relaxed)).filter(|silence| *silence > 0).map(Duration::from_millis)
    }
}

impl Input {
    /// Opens a file, `-` being the standard input. A pipe that nobody writes to yet is opened too.
    pub fn open(path: &Path, interrupt: Interrupt) -> Result<Self, ReadError> {
        let name = escape(path.as_os_str().as_encoded_bytes());
        let file = if path == Path::new("-") {
            io::stdin().as_fd().try_clone_to_owned().map(File::from)
        } else {
            let mut options = OpenOptions::new();
            options.read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
            act_as(None, || options.open(path))
        };
        match file {
            Ok(file) => Ok(Self { file, name, interrupt, watch: Watch::default(), position: None }),
            Err(error) => Err(ReadError::Io { file: name, error }),
        }
    }

    /// A pipe. `name` is what errors call it, displayable.
    pub fn of_pipe(pipe: OwnedFd, name: String, interrupt: Interrupt) -> Self {
        Self { file: File::from(pipe), name, interrupt, watch: Watch::default(), position: None }
    }

    pub fn watch(&self) -> Watch {
        self.watch.clone()
    }

    /// The same file from this offset on; whoever reads the other is not disturbed.
    pub(super) fn at(&self, offset: u64) -> io::Result<Self> {
        Ok(Self { position: Some(offset), ..self.try_clone()? })
    }

    pub(super) fn try_clone(&self) -> io::Result<Self> {
        Ok(Self {
            file: self.file.try_clone()?,
            name: self.name.clone(),
            interrupt: self.interrupt.clone(),
            watch: self.watch.clone(),
            position: self.position,
        })
    }

    /// The file and its size, where it is one that can be read from anywhere.
    pub(super) fn regular(&self) -> Option<(&File, u64)> {
        let meta = self.file.metadata().ok().filter(|meta| meta.is_file() && self.name != "-")?;
        Some((&self.file, meta.len()))
    }

    /// What errors call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }
}

impl Read for Input {
    /// Waits for bytes. An error of its own kind, never `Interrupted`, which callers would try again, when told to
    /// leave.
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let begun = Instant::now();
        while !self.interrupt.is_set() {
            if let Some(silence) = self.watch.silence().filter(|silence| begun.elapsed() > *silence) {
                let seconds = silence.as_secs();
                return Err(io::Error::other(format!(
                    "nothing has come for {seconds} s: the link or the host is down"
                )));
            }
            let mut ready = [PollFd::new(&self.file, PollFlags::IN)];
            match rustix::event::poll(&mut ready, Some(&LOOK)) {
                Ok(0) | Err(Errno::INTR) => continue,
                Ok(_) => {}
                Err(error) => return Err(error.into()),
            }
            let read = match self.position {
                Some(position) => rustix::io::pread(&self.file, &mut *bytes, position),
                None => rustix::io::read(&self.file, &mut *bytes),
            };
            // Somebody else who reads from the same pipe can have been faster.
            match read {
                Err(Errno::AGAIN | Errno::INTR) => {}
                read => {
                    let read = read?;
                    self.position = self.position.map(|position| position + read as u64);
                    self.watch.0.bytes.fetch_add(read as u64, Ordering::Relaxed);
                    return Ok(read);
                }
            }
        }
        Err(io::ErrorKind::TimedOut.into())
    }
}
