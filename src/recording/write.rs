//! The compressed bytes of a recording: zstd frames, and the index of them at the end.

use super::index::{Frame, Index};
use std::io::{self, Write};
use std::time::{Duration, Instant};
use zstd::stream::write::Encoder;

/// Each flush ends a block and costs compression, so the many that an output gets must not all reach the file.
pub(super) const FLUSH_EVERY: Duration = Duration::from_secs(1);

/// Events of a frame: a few MiB of lines, which are read in some hundredths of a second.
pub(super) const FRAME_EVENTS: u64 = 1 << 14;

/// A compressed file that is flushed from time to time.
pub(super) struct Compressed<W: Write> {
    /// `None` once a frame could not be ended.
    encoder: Option<Encoder<'static, Counted<W>>>,
    /// Of the frames, as a power of two, where it is not the usual one.
    window_log: Option<u32>,
    flush_every: Duration,
    flushed: Option<Instant>,
    dirty: bool,
    /// Lines so far.
    lines: u64,
    index: Index,
}

impl<W: Write> Compressed<W> {
    pub(super) fn new(out: W, flush_every: Duration, window_log: Option<u32>) -> io::Result<Self> {
        let encoder = Some(encoder(Counted { out, bytes: 0 }, window_log)?);
        Ok(Self { encoder, window_log, flush_every, flushed: None, dirty: false, lines: 0, index: Index::default() })
    }

    /// What comes from now on, of this recorded time and later, can be read without what came before. The first of them
    /// stay with the header.
    pub(super) fn begin_frame(&mut self, ts_ns: u64) -> io::Result<()> {
        let (mut offset, mut line) = (0, 0);
        if !self.index.frames.is_empty() {
            let out = self.take_encoder()?.finish()?;
            (offset, line) = (out.bytes, self.lines);
            self.encoder = Some(encoder(out, self.window_log)?);
        }
        self.index.push(Frame { offset, skip: 0, line, ts_ns });
        Ok(())
    }

    /// Ends the last frame and writes the index. `last_ns`: recorded time of the latest event.
    pub(super) fn finish(mut self, last_ns: u64) -> io::Result<()> {
        let mut out = self.take_encoder()?.finish()?.out;
        self.index.last_ns = last_ns;
        out.write_all(&self.index.to_bytes())?;
        out.flush()
    }

    fn take_encoder(&mut self) -> io::Result<Encoder<'static, Counted<W>>> {
        self.encoder.take().ok_or_else(broken)
    }
}

fn broken() -> io::Error {
    io::Error::other("what came before could not be written")
}

fn encoder<W: Write>(out: W, window_log: Option<u32>) -> io::Result<Encoder<'static, W>> {
    let mut encoder = Encoder::new(out, zstd::DEFAULT_COMPRESSION_LEVEL)?;
    encoder.include_checksum(true)?;
    window_log.map_or(Ok(()), |window_log| encoder.window_log(window_log))?;
    Ok(encoder)
}

impl<W: Write> Write for Compressed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.dirty = true;
        let written = self.encoder.as_mut().ok_or_else(broken)?.write(bytes)?;
        self.lines += bytes[..written].iter().filter(|byte| **byte == b'\n').count() as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let due = self.flushed.is_none_or(|last| last.elapsed() >= self.flush_every);
        if self.dirty && due {
            self.encoder.as_mut().ok_or_else(broken)?.flush()?;
            (self.flushed, self.dirty) = (Some(Instant::now()), false);
        }
        Ok(())
    }
}

/// Knows how much was written.
struct Counted<W> {
    out: W,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
