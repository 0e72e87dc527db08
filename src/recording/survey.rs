//! Reads ahead of whoever plays a recording: how long it is, what was opened when, and where to read it from.
//!
//! Lines are not parsed but looked through for two of their fields, which takes a tenth of the time; what is wrong in
//! them is found by whoever plays them. Bounded: the timeline and the index have a size at most.

use super::compression::{WINDOW_LOG_MAX, ZSTD_MAGIC};
use super::index::{Frame, Index};
use super::input::Input;
use super::line::{CENTURY, EVENT_LINES, LONGEST_LINE};
use crate::history::timeline::Timeline;
use memchr::memmem;
use std::collections::VecDeque;
use std::io::{self, BufRead as _, BufReader, Read};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation as _, OutBuffer};

/// Text between two places to read from at most.
const STEP: u64 = 4 << 20;
const CHUNK: usize = 128 << 10;
/// How often what is known so far is sent, and lines between two looks at the clock.
const SEND_EVERY: Duration = Duration::from_millis(250);
const LOOK_EVERY: u64 = 1 << 14;

/// What a survey has found, for whoever goes elsewhere in the file.
pub(super) type Found = Arc<OnceLock<Index>>;

/// A recording to be looked through.
pub struct Survey {
    input: Input,
    found: Found,
}

impl Survey {
    pub(super) fn new(input: Input, found: Found) -> Self {
        Self { input, found }
    }

    /// Looks through all of it. `send` gets what is known so far, and in the end how long it is, in nanoseconds; false
    /// ends it. What cannot be read is an end too: whoever plays it says why. Of a recording whose lines are not as
    /// opentop writes them, though they mean the same, nothing more is sent.
    pub fn run(self, mut send: impl FnMut(&Timeline, Option<u64>) -> bool) {
        let Ok(text) = Text::new(self.input) else { return };
        let mut found = Findings::default();
        let mut lines = BufReader::with_capacity(CHUNK, text);
        let (mut line, mut sent) = (Vec::new(), Instant::now());
        loop {
            line.clear();
            match lines.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line) {
                // Told to leave.
                Err(error) if error.kind() == io::ErrorKind::TimedOut => return,
                Ok(1..) if line.len() as u64 != LONGEST_LINE => {}
                _ => break,
            }
            found.enter_frames(&mut lines.get_mut().frames);
            if !found.add(&line) {
                return;
            }
            if found.lines.is_multiple_of(LOOK_EVERY) && sent.elapsed() >= SEND_EVERY {
                sent = Instant::now();
                if !send(&found.timeline, None) {
                    return;
                }
            }
        }
        let length = found.index.frames.first().map(|first| found.index.last_ns.saturating_sub(first.ts_ns));
        // Set before it is sent, so that whoever goes somewhere by it goes there fast.
        let _ = self.found.set(found.index);
        send(&found.timeline, length.or(Some(0)));
    }
}

#[derive(Default)]
struct Findings {
    timeline: Timeline,
    index: Index,
    /// Lines and bytes of text so far.
    lines: u64,
    text: u64,
    /// Where the current frame begins, in the text and in the file.
    frame: (u64, u64),
    /// Where to read from, with the time of the next event; and where the last such place was.
    next: Option<Frame>,
    last: u64,
}

impl Findings {
    /// Goes on to the frame that the next line is in. Frames that end within a line are one with the next.
    fn enter_frames(&mut self, frames: &mut VecDeque<(u64, u64)>) {
        let mut is_new = self.lines == 0;
        while let Some(frame) = frames.front().filter(|(text, _)| *text <= self.text) {
            (self.frame, is_new) = (*frame, true);
            frames.pop_front();
        }
        if is_new || self.text - self.last >= STEP {
            let (offset, skip) = (self.frame.1, self.text - self.frame.0);
            (self.next, self.last) = (Some(Frame { offset, skip, line: self.lines, ts_ns: 0 }), self.text);
        }
    }

    /// False where the line may be an event that cannot be sent here.
    fn add(&mut self, line: &[u8]) -> bool {
        let event = event(line);
        if let Some((ts_ns, failed)) = event {
            self.timeline.add_at(ts_ns, failed);
            self.index.last_ns = self.index.last_ns.max(ts_ns);
            if let Some(frame) = self.next.take() {
                self.index.push(Frame { ts_ns, ..frame });
            }
        }
        self.lines += 1;
        self.text += line.len() as u64;
        // The last line of a recording that was cut off is no whole one.
        event.is_some() || is_other(line) || !line.ends_with(b"\n")
    }
}

/// Whether opentop writes such lines of what is no event.
fn is_other(line: &[u8]) -> bool {
    line.starts_with(br#"{"type":""#) && EVENT_LINES.iter().all(|(start, _)| !line.starts_with(start))
        || line.trim_ascii().is_empty()
}

/// Recorded time of the event in this line, if it is one as opentop writes it, and whether it failed.
fn event(line: &[u8]) -> Option<(u64, bool)> {
    // In a text within the line the quotes have backslashes before them.
    const ERROR: &[u8] = br#""errno":""#;
    const TIME: &[u8] = br#""ts_ns":"#;
    const TIME_WITHIN: usize = 128;
    let (start, _) = EVENT_LINES.iter().find(|(start, _)| line.starts_with(start))?;
    let rest = &line[start.len()..];
    let at = memmem::find(&rest[..rest.len().min(TIME_WITHIN)], TIME)?;
    let digits = &rest[at + TIME.len()..];
    let digits = &digits[..digits.iter().position(|byte| !byte.is_ascii_digit())?];
    let ts_ns = str::from_utf8(digits).ok()?.parse().ok().filter(|ts_ns| *ts_ns <= CENTURY)?;
    Some((ts_ns, memmem::find(rest, ERROR).is_some()))
}

/// The text of a file, which knows where the frames that it is in begin.
struct Text {
    input: Input,
    /// `None` where it is not compressed.
    decoder: Option<Decoder<'static>>,
    buffer: Vec<u8>,
    used: usize,
    /// Of the buffer's first byte, in the file.
    offset: u64,
    /// The decoder may have more without another byte.
    has_more: bool,
    /// Bytes of text so far.
    text: u64,
    /// Where frames begin, but for the first, in the text and in the file.
    frames: VecDeque<(u64, u64)>,
}

impl Text {
    fn new(mut input: Input) -> io::Result<Self> {
        let mut buffer = Vec::new();
        input.by_ref().take(ZSTD_MAGIC.len() as u64).read_to_end(&mut buffer)?;
        let mut decoder = None;
        if buffer == ZSTD_MAGIC {
            let decoder = decoder.insert(Decoder::new()?);
            decoder.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX))?;
        }
        Ok(Self { input, decoder, buffer, used: 0, offset: 0, has_more: false, text: 0, frames: VecDeque::new() })
    }

    fn fill(&mut self) -> io::Result<usize> {
        (self.offset, self.used) = (self.offset + self.used as u64, 0);
        self.buffer.resize(CHUNK, 0);
        let read = self.input.read(&mut self.buffer);
        self.buffer.truncate(read.as_ref().map_or(0, |read| *read));
        read
    }
}

impl Read for Text {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.used == self.buffer.len() && !self.has_more && self.fill()? == 0 {
                return Ok(0);
            }
            let ahead = &self.buffer[self.used..];
            let Some(decoder) = &mut self.decoder else {
                let read = ahead.len().min(bytes.len());
                bytes[..read].copy_from_slice(&ahead[..read]);
                self.used += read;
                return Ok(read);
            };
            let (mut input, mut output) = (InBuffer::around(ahead), OutBuffer::around(&mut *bytes));
            let rest = decoder.run(&mut input, &mut output)?;
            let written = output.pos();
            self.used += input.pos();
            self.text += written as u64;
            self.has_more = written == bytes.len();
            if rest == 0 {
                decoder.reinit()?;
                self.has_more = false;
                // Of frames without text, of which a file can have millions, the last is as good.
                if self.frames.back().is_some_and(|(text, _)| *text == self.text) {
                    self.frames.pop_back();
                }
                self.frames.push_back((self.text, self.offset + self.used as u64));
            }
            if written > 0 {
                return Ok(written);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::Interrupt;

    #[test]
    fn frames_without_text_are_not_remembered_one_by_one() {
        let (empty, line) = (zstd::encode_all(&b""[..], 1).unwrap(), zstd::encode_all(&b"{}\n"[..], 1).unwrap());
        let path = std::env::temp_dir().join(format!("opentop-frames-{}", std::process::id()));
        let bytes = [&line[..], &empty.repeat(50_000), &line].concat();
        std::fs::write(&path, &bytes).unwrap();
        let mut text = Text::new(Input::open(&path, Interrupt::default()).unwrap()).unwrap();
        std::fs::remove_file(&path).unwrap();
        let mut read = Vec::new();
        text.read_to_end(&mut read).unwrap();
        // Where the second line begins, and where all ends.
        let begins = [(3, bytes.len() - line.len()), (6, bytes.len())].map(|(text, at)| (text, at as u64));
        assert_eq!(read, b"{}\n{}\n");
        assert_eq!(text.frames, begins);
    }
}
