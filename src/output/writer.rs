//! Bytes on their way to a descriptor whose reader may be slow, stalled or gone.
//!
//! A thread of its own does the writing, so that only that thread ever waits for the reader: a terminal that is
//! stopped, a pipe that is full, one that somebody else has made non-blocking. What waits to be written is bounded.
//! When the end has been asked for and the reader takes nothing, the writer is abandoned: then nobody waits any more,
//! and what was not written is counted. The descriptor's flags are left as they are, since others may share it.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded, select};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;

/// Chunks that may wait, and bytes in each of them.
const WAITING: usize = 16;
const CHUNK: usize = 64 << 10;

/// Bytes of one write. A pipe takes so many at once where it takes any (PIPE_BUF), so that a slow reader is seen to
/// read.
const PIECE: usize = 4096;

/// A descriptor that is being written to. `&Writer` is [`Write`].
#[derive(Debug)]
pub struct Writer {
    shared: Arc<Shared>,
    /// An empty chunk is the end.
    chunks: Sender<Vec<u8>>,
    done: Receiver<()>,
    /// Closed when nobody is to wait any more.
    abandoned: Receiver<()>,
}

/// What the writing thread, its owner and whoever watches it share.
#[derive(Debug)]
struct Shared {
    file: File,
    handed: Amount,
    written: Amount,
    /// Why the thread ended early.
    error: OnceLock<Errno>,
    abandon: Mutex<Option<Sender<()>>>,
}

#[derive(Debug, Default)]
struct Amount {
    bytes: AtomicU64,
    lines: AtomicU64,
}

impl Amount {
    fn add(&self, bytes: &[u8]) {
        self.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
        self.lines.fetch_add(lines as u64, Ordering::Relaxed);
    }
}

/// What was handed to a writer and not written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unwritten {
    pub bytes: u64,
    /// Line ends among them.
    pub lines: u64,
}

impl Writer {
    /// Starts the thread that writes to `file`.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(file: impl Into<OwnedFd>) -> io::Result<Self> {
        let (abandon, abandoned) = bounded(0);
        let shared = Arc::new(Shared {
            file: File::from(file.into()),
            handed: Amount::default(),
            written: Amount::default(),
            error: OnceLock::new(),
            abandon: Mutex::new(Some(abandon)),
        });
        let ((chunks, to_write), (running, done)) = (bounded::<Vec<u8>>(WAITING), bounded(0));
        let theirs = Arc::clone(&shared);
        // It is not joined when abandoned: a write can then only be ended by the end of the process.
        thread::Builder::new().name("writer".into()).spawn(move || {
            let written =
                to_write.iter().take_while(|chunk| !chunk.is_empty()).try_for_each(|chunk| theirs.write_all(&chunk));
            let _ = written.map_err(|error| theirs.error.set(error));
            drop(running);
        })?;
        Ok(Self { shared, chunks, done, abandoned })
    }

    /// Bytes written so far.
    pub fn written(&self) -> u64 {
        self.shared.written.bytes.load(Ordering::Relaxed)
    }

    /// Bytes that wait to be written.
    pub fn waiting(&self) -> u64 {
        self.shared.handed.bytes.load(Ordering::Relaxed).saturating_sub(self.written())
    }

    /// Whether something waits to be written and the descriptor takes nothing now.
    pub fn is_held_up(&self) -> bool {
        self.waiting() > 0 && !self.polled(PollFlags::OUT).contains(PollFlags::OUT)
    }

    /// Whether so much waits that whoever hands on much more may have to wait too.
    pub fn is_half_full(&self) -> bool {
        self.chunks.len() > WAITING / 2
    }

    /// Whether nothing can be written any more: the reader is gone, or writing has failed.
    pub fn is_broken(&self) -> bool {
        let gone = self.polled(PollFlags::empty()).intersects(PollFlags::ERR | PollFlags::HUP);
        gone || self.shared.error.get().is_some()
    }

    fn polled(&self, flags: PollFlags) -> PollFlags {
        let mut fds = [PollFd::new(&self.shared.file, flags)];
        let polled = rustix::event::poll(&mut fds, Some(&Timespec::default()));
        polled.map_or(PollFlags::empty(), |_| fds[0].revents())
    }

    /// Waits until what was written to a file is on its disk.
    ///
    /// # Errors
    /// If it cannot get there.
    pub fn sync(&self) -> io::Result<()> {
        self.shared.file.sync_all()
    }

    /// From now on nobody waits for the reader.
    pub fn abandon(&self) {
        *self.shared.abandon.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Waits until everything is written, or until abandoned; what was not.
    ///
    /// # Errors
    /// Why writing has failed.
    pub fn finish(&self) -> io::Result<Unwritten> {
        select! {
            send(self.chunks, Vec::new()) -> _ => {}
            recv(self.abandoned) -> _ => {}
        }
        select! {
            recv(self.done) -> _ => {}
            recv(self.abandoned) -> _ => {}
        }
        self.shared.error.get().map_or_else(|| Ok(self.unwritten()), |error| Err((*error).into()))
    }

    fn unwritten(&self) -> Unwritten {
        let Shared { handed, written, .. } = &*self.shared;
        let missing = |handed: &AtomicU64, written: &AtomicU64| {
            handed.load(Ordering::Relaxed).saturating_sub(written.load(Ordering::Relaxed))
        };
        Unwritten { bytes: missing(&handed.bytes, &written.bytes), lines: missing(&handed.lines, &written.lines) }
    }
}

impl Write for &Writer {
    /// Waits for room, unless abandoned: then all is taken, and counted as not written. Nothing may follow
    /// [`Writer::finish`].
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let chunk = &bytes[..bytes.len().min(CHUNK)];
        if chunk.is_empty() {
            return Ok(0);
        }
        self.shared.handed.add(chunk);
        let sent = select! {
            send(self.chunks, chunk.to_vec()) -> sent => sent.is_ok(),
            recv(self.abandoned) -> _ => true,
        };
        if sent {
            return Ok(chunk.len());
        }
        // The thread has ended.
        Err(self.shared.error.get().copied().unwrap_or(Errno::PIPE).into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn write_all(&self, mut bytes: &[u8]) -> Result<(), Errno> {
        while !bytes.is_empty() {
            match rustix::io::write(&self.file, &bytes[..bytes.len().min(PIECE)]) {
                Ok(0) => return Err(Errno::IO),
                Ok(written) => {
                    let (written, rest) = bytes.split_at(written);
                    self.written.add(written);
                    bytes = rest;
                }
                Err(Errno::INTR) => {}
                // Somebody who shares the descriptor has made it non-blocking.
                Err(Errno::AGAIN) => {
                    let _ = rustix::event::poll(&mut [PollFd::new(&self.file, PollFlags::OUT)], None);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::OFlags;
    use std::io::Read as _;
    use std::time::Duration;

    /// More than waits on the way.
    const MUCH: usize = (WAITING + 3) * CHUNK;

    fn pipe() -> (File, Writer) {
        let (reader, writer) = io::pipe().unwrap();
        (OwnedFd::from(reader).into(), Writer::start(writer).unwrap())
    }

    #[test]
    fn all_arrives_in_order_however_slow_the_reader() {
        let (mut reader, writer) = pipe();
        let sent: Vec<u8> = (0..MUCH).map(|n| n as u8).collect();
        let expected = sent.clone();
        let reading = thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            let mut read = Vec::new();
            reader.read_to_end(&mut read).unwrap();
            read
        });
        (&writer).write_all(&sent).unwrap();
        assert_eq!(writer.finish().unwrap(), Unwritten::default());
        drop(writer);
        assert!(reading.join().unwrap() == expected);
    }

    #[test]
    fn a_descriptor_that_others_made_non_blocking_is_waited_for_and_left_so() {
        let (mut reader, pipe) = io::pipe().unwrap();
        let other = pipe.try_clone().unwrap();
        rustix::fs::fcntl_setfl(&other, OFlags::NONBLOCK).unwrap();
        let writer = Writer::start(pipe).unwrap();
        let writing = thread::spawn(move || {
            (&writer).write_all(&[b'\n'; MUCH]).unwrap();
            writer.finish().unwrap()
        });
        let (mut read, mut bytes) = (0, [0; 8192]);
        while read < MUCH {
            rustix::event::poll(&mut [PollFd::new(&reader, PollFlags::IN)], None).unwrap();
            read += reader.read(&mut bytes).unwrap();
        }
        assert_eq!(writing.join().unwrap(), Unwritten::default());
        assert!(rustix::fs::fcntl_getfl(&other).unwrap().contains(OFlags::NONBLOCK));
    }

    #[test]
    fn abandoned_it_waits_for_nobody_and_counts_what_is_missing() {
        let (reader, writer) = pipe();
        thread::scope(|scope| {
            let writing = scope.spawn(|| (&writer).write_all(&[b'\n'; MUCH]));
            while writer.written() == 0 || (writer.waiting() as usize) < WAITING * CHUNK {
                thread::yield_now();
            }
            assert!(!writing.is_finished() && !writer.is_broken());
            writer.abandon();
            writing.join().unwrap().unwrap();
        });
        let written = writer.written();
        let unwritten = writer.finish().unwrap();
        assert_eq!(unwritten, Unwritten { bytes: MUCH as u64 - written, lines: MUCH as u64 - written });
        drop(reader);
    }

    #[test]
    fn a_reader_that_is_gone_is_noticed_while_nothing_is_written() {
        let (reader, writer) = pipe();
        assert!(!writer.is_broken());
        drop(reader);
        assert!(writer.is_broken());
        let refused = (0..100).find_map(|_| (&writer).write_all(&[b'x'; CHUNK]).err()).unwrap();
        assert_eq!(refused.kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn an_error_is_told_at_the_end_at_the_latest() {
        let writer = Writer::start(File::options().write(true).open("/dev/full").unwrap()).unwrap();
        (&writer).write_all(b"x").unwrap();
        assert_eq!(writer.finish().unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}
