//! Where the frames of a recording are: its last bytes, a skippable frame of zstd, which `zstdcat` passes over.
//!
//! ```text
//! magic u32 │ length u32 │ frames: offset, line, ts_ns (u64 each) ... │ last_ns u64 │ frames u64 │ "opentopi"
//! ```
//!
//! All numbers are little-endian. Nothing depends on an index being right: one that is missing, cut or wrong in itself
//! is as none, and what a wrong offset leads to must be a frame, whose lines are read as any others.

use super::line::CENTURY;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

/// One of the magic numbers of frames that a decoder skips.
const SKIPPABLE: [u8; 4] = 0x184D_2A5D_u32.to_le_bytes();
const MARK: [u8; 8] = *b"opentopi";
const HEAD: usize = 8;
const TAIL: usize = 24;
const FRAME: usize = 24;
/// Of more frames than this only some are in the index: 1.5 MiB of it.
const FRAMES_MAX: usize = 1 << 16;

/// A frame, and what it begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Frame {
    /// In the file.
    pub offset: u64,
    /// Bytes of text from there that are before it; none in an index that is written.
    pub skip: u64,
    /// Lines before it.
    pub line: u64,
    /// Recorded time of its first event.
    pub ts_ns: u64,
}

/// Some of the frames, in order, the first always; none where there is no event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Index {
    pub frames: Vec<Frame>,
    /// Recorded time of the latest event.
    pub last_ns: u64,
}

impl Index {
    pub(super) fn push(&mut self, frame: Frame) {
        if self.frames.len() >= FRAMES_MAX {
            let mut keep = [false, true].into_iter().cycle();
            self.frames.retain(|_| keep.next() == Some(false));
        }
        self.frames.push(frame);
    }

    /// The frame to read from for what was recorded at `ts_ns`. CPUs hand in their events in turn, so that a frame can
    /// begin with some that are a little later than others in it.
    pub(super) fn frame_before(&self, ts_ns: u64) -> Frame {
        let behind = self.frames.partition_point(|frame| frame.ts_ns < ts_ns);
        self.frames.get(behind.saturating_sub(1)).copied().unwrap_or_default()
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let length = self.frames.len() * FRAME + TAIL;
        let mut bytes = Vec::with_capacity(HEAD + length);
        bytes.extend_from_slice(&SKIPPABLE);
        bytes.extend_from_slice(&(length as u32).to_le_bytes());
        for number in self.frames.iter().flat_map(|frame| [frame.offset, frame.line, frame.ts_ns]) {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        for number in [self.last_ns, self.frames.len() as u64] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&MARK);
        bytes
    }

    /// The index at the end of a file of `size` bytes, if there is one that can be right.
    pub(super) fn read(file: &impl FileExt, size: u64) -> io::Result<Option<Self>> {
        let Some(tail_at) = size.checked_sub(TAIL as u64) else { return Ok(None) };
        let mut tail = [0; TAIL];
        file.read_exact_at(&mut tail, tail_at)?;
        let count = number(&tail, 8..16);
        if tail[16..] != MARK || count > FRAMES_MAX as u64 {
            return Ok(None);
        }
        let length = count as usize * FRAME + TAIL;
        let Some(at) = size.checked_sub((HEAD + length) as u64) else { return Ok(None) };
        let mut bytes = vec![0; HEAD + length];
        file.read_exact_at(&mut bytes, at)?;
        let frames = bytes[HEAD..HEAD + length - TAIL].chunks_exact(FRAME).map(|frame| Frame {
            offset: number(frame, 0..8),
            skip: 0,
            line: number(frame, 8..16),
            ts_ns: number(frame, 16..24),
        });
        let index = Self { frames: frames.collect(), last_ns: number(&tail, 0..8) };
        let head_is_right = bytes[..4] == SKIPPABLE && bytes[4..HEAD] == (length as u32).to_le_bytes();
        Ok(Some(index).filter(|index| head_is_right && index.can_be_right(at)))
    }

    fn can_be_right(&self, end: u64) -> bool {
        let first = self.frames.first().is_none_or(|frame| (frame.offset, frame.line) == (0, 0));
        let in_order =
            self.frames.windows(2).all(|pair| pair[0].offset < pair[1].offset && pair[0].line < pair[1].line);
        let inside = self.frames.last().is_none_or(|frame| frame.offset < end && frame.line < 1 << 53);
        first && in_order && inside && self.times_can_be_right()
    }

    /// CPUs hand in their events in turn, a little out of order.
    fn times_can_be_right(&self) -> bool {
        const SLACK: u64 = 1_000_000_000;
        let times = self.frames.iter().map(|frame| frame.ts_ns).chain([self.last_ns]);
        self.last_ns <= CENTURY && times.clone().zip(times.skip(1)).all(|(one, next)| one <= next.saturating_add(SLACK))
    }
}

fn number(bytes: &[u8], at: Range<usize>) -> u64 {
    bytes[at].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}
