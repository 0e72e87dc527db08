//! Reading a recording, line by line, from its start or from anywhere.

use super::Header;
use super::compression::{STREAM_WINDOW_LOG, WINDOW_LOG_MAX, ZSTD_MAGIC, decompressed};
use super::index::{Frame, Index};
use super::input::{Input, Interrupt};
use super::line::{Kind, LONGEST_LINE};
use super::parser::{Item, Parser, displayable, parse};
use super::survey::{Found, Survey};
use crate::event::CgroupName;
use crate::names::{CGROUPS_BYTES, CGROUPS_BYTES_OF_ONE};
use std::io::{self, BufRead, BufReader, Read};

/// Why a recording cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("cannot read {file}: {error}")]
    Io { file: String, error: io::Error },
    #[error("{file}, line {line}: not a recording of opentop: {what}")]
    Garbage { file: String, line: u64, what: String },
    /// All lines before have been read and are right.
    #[error("{file} ends early, after line {line}: the recording was cut off, or is still being written")]
    EndsEarly { file: String, line: u64 },
    /// Reading was interrupted while it waited, or between two lines.
    #[error("{file}: stopped reading after line {line}, while waiting for more")]
    Interrupted { file: String, line: u64 },
}

/// A recording, or the plain output of `opentop -o json`, being read.
pub struct Reader {
    lines: Lines,
    /// The current line has been read ahead.
    ahead: bool,
    header: Option<Header>,
    is_report: bool,
    parser: Parser,
    /// Where it can be read from anywhere.
    seekable: Option<Seekable>,
}

/// A file that can be read again, and where its frames are; an empty index where it has none.
struct Seekable {
    input: Input,
    index: Index,
    /// What is there, once somebody has looked through the file.
    found: Found,
}

impl Seekable {
    fn of(input: &Input) -> Option<Self> {
        let (file, size) = input.regular()?;
        let index = Index::read(file, size).ok().flatten().unwrap_or_default();
        Some(Self { input: input.try_clone().ok()?, index, found: Found::default() })
    }

    fn index(&self) -> &Index {
        self.found.get().unwrap_or(&self.index)
    }
}

impl Reader {
    /// Reads from an open file. What is no recording is an error at once.
    pub fn of_file(input: Input) -> Result<Self, ReadError> {
        let reader = Self::of_any_file(input)?;
        if reader.is_report {
            return Err(reader.garbage("it is a report, whose lines only opentop diff reads".into()));
        }
        Ok(reader)
    }

    /// The same; it may be a report, too.
    pub fn of_any_file(input: Input) -> Result<Self, ReadError> {
        let (file, interrupt) = (input.name().to_owned(), input.interrupt().clone());
        let seekable = Seekable::of(&input);
        let reader = Self::begin(Lines::new(input, file, interrupt, WINDOW_LOG_MAX)?, CGROUPS_BYTES)?;
        Ok(Self { seekable, ..reader })
    }

    /// Reads what another host sends, which takes no more memory than it must.
    pub fn of_stream(input: Input) -> Result<Self, ReadError> {
        let (file, interrupt) = (input.name().to_owned(), input.interrupt().clone());
        Self::begin(Lines::new(input, file, interrupt, STREAM_WINDOW_LOG)?, CGROUPS_BYTES_OF_ONE)
    }

    /// The number of a cgroup, and its name if none was told before.
    pub fn cgroup(&mut self, path: Vec<u8>, container: Vec<u8>) -> (u64, Option<CgroupName>) {
        self.parser.cgroup(path, container)
    }

    /// Reads from `input`, which errors call `file` (displayable).
    #[cfg(any(test, fuzzing))]
    pub fn new(input: impl Read + Send + 'static, file: String) -> Result<Self, ReadError> {
        Self::begin(Lines::new(input, file, Interrupt::default(), WINDOW_LOG_MAX)?, CGROUPS_BYTES)
    }

    /// `most`: bytes of cgroups that are told apart.
    fn begin(mut lines: Lines, most: usize) -> Result<Self, ReadError> {
        if !lines.advance()? {
            return Err(lines.garbage("it is empty".into()));
        }
        let kind = parse::<Kind<'_>>(&lines.line).map_err(|what| lines.garbage(what))?.kind;
        let is_report = kind == "report";
        let header = (kind == "header").then(|| parse::<Header>(&lines.line));
        let header = header.transpose().map_err(|what| lines.garbage(what))?;
        let header = header.map(|header| displayable(&header));
        let parser = Parser::new(most);
        Ok(Self { lines, ahead: header.is_none(), header, is_report, parser, seekable: None })
    }

    /// Whether [`Reader::seek`] can go anywhere.
    pub fn is_seekable(&self) -> bool {
        self.seekable.is_some()
    }

    /// What looks through the file while it is read, where that can be.
    pub fn survey(&self) -> Option<Survey> {
        let seekable = self.seekable.as_ref()?;
        Some(Survey::new(seekable.input.at(0).ok()?, seekable.found.clone()))
    }

    /// Recorded times of the first and the latest event, where the recording has an index or was looked through.
    pub fn span_ns(&self) -> Option<(u64, u64)> {
        let index = self.seekable.as_ref()?.index();
        Some((index.frames.first()?.ts_ns, index.last_ns))
    }

    /// Reads on from some line before what was recorded at `ts_ns`: close before it where it is known what is where,
    /// else from the start.
    pub fn seek(&mut self, ts_ns: u64) -> Result<(), ReadError> {
        let Some(seekable) = &self.seekable else { return Ok(()) };
        let frame = seekable.index().frame_before(ts_ns);
        if self.lines.go_to(seekable, frame).is_err() {
            // What is no frame is no reason to believe any of the others.
            self.seekable.iter_mut().for_each(|seekable| {
                (seekable.index, seekable.found) = (Index::default(), Found::default());
            });
            let Some(seekable) = &self.seekable else { return Ok(()) };
            if let Err(error) = self.lines.go_to(seekable, Frame::default()) {
                return Err(self.lines.broken(error));
            }
        }
        self.ahead = false;
        self.parser.seek();
        Ok(())
    }

    /// Whether these are the lines of a report in JSON.
    pub fn is_report(&self) -> bool {
        self.is_report
    }

    /// The error of a line that says what it cannot say.
    pub fn garbage(&self, what: String) -> ReadError {
        self.lines.garbage(what)
    }

    /// Where the recording comes from, all texts displayable. Plain JSON Lines have no header.
    pub fn header(&self) -> Option<&Header> {
        self.header.as_ref()
    }

    /// The next line; `None` at the end of a whole recording.
    pub fn next_item(&mut self) -> Result<Option<Item<'_>>, ReadError> {
        if !std::mem::take(&mut self.ahead) && !self.lines.advance()? {
            return if self.parser.summed_up { Ok(None) } else { Err(self.lines.ends_early(self.lines.number)) };
        }
        let lines = &self.lines;
        // Without its end the line may be half a line, and its mistakes may come from that alone.
        let whole = lines.line.last() == Some(&b'\n');
        let error = |what| if whole { lines.garbage(what) } else { lines.ends_early(lines.number - 1) };
        self.parser.item(&lines.line).map(Some).map_err(error)
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader")
            .field("file", &self.lines.file)
            .field("line", &self.lines.number)
            .finish_non_exhaustive()
    }
}

/// The lines of a file, one at a time.
struct Lines {
    file: String,
    input: Box<dyn BufRead + Send>,
    interrupt: Interrupt,
    line: Vec<u8>,
    /// Number of the line, from 1.
    number: u64,
}

impl Lines {
    fn new(
        input: impl Read + Send + 'static,
        file: String,
        interrupt: Interrupt,
        window_log: u32,
    ) -> Result<Self, ReadError> {
        match decompressed(input, window_log) {
            Ok(input) => Ok(Self { file, input, interrupt, line: Vec::new(), number: 0 }),
            Err(_) if interrupt.is_set() => Err(ReadError::Interrupted { file, line: 0 }),
            Err(error) => Err(ReadError::Io { file, error }),
        }
    }

    fn go_to(&mut self, file: &Seekable, frame: Frame) -> io::Result<()> {
        let mut magic = [0; ZSTD_MAGIC.len()];
        file.input.at(frame.offset)?.read_exact(&mut magic)?;
        if magic == ZSTD_MAGIC {
            self.input = decompressed(file.input.at(frame.offset)?, WINDOW_LOG_MAX)?;
            // In a frame of its own each byte needs those before it.
            let skipped = io::copy(&mut self.input.by_ref().take(frame.skip), &mut io::sink())?;
            if skipped < frame.skip {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        } else if frame.offset == 0 {
            self.input = Box::new(BufReader::new(file.input.at(frame.skip)?));
        } else {
            return Err(io::ErrorKind::InvalidData.into());
        }
        self.number = frame.line;
        Ok(())
    }

    /// Reads the next line. False at the end.
    fn advance(&mut self) -> Result<bool, ReadError> {
        self.line.clear();
        // A few bytes can be millions of lines, during which nothing is waited for.
        if self.interrupt.is_set() {
            return Err(self.broken(io::ErrorKind::TimedOut.into()));
        }
        match self.input.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut self.line) {
            Ok(0) => return Ok(false),
            Ok(_) => self.number += 1,
            Err(error) => return Err(self.broken(error)),
        }
        if self.line.len() as u64 == LONGEST_LINE {
            return Err(self.garbage(format!("a line of {} KiB without an end", LONGEST_LINE >> 10)));
        }
        Ok(true)
    }

    fn broken(&self, error: io::Error) -> ReadError {
        let (file, line) = (self.file.clone(), self.number);
        match error.kind() {
            _ if self.interrupt.is_set() => ReadError::Interrupted { file, line },
            io::ErrorKind::UnexpectedEof => self.ends_early(line),
            _ => ReadError::Io { file, error },
        }
    }

    /// The end comes too early, after line `number`.
    fn ends_early(&self, number: u64) -> ReadError {
        ReadError::EndsEarly { file: self.file.clone(), line: number }
    }

    fn garbage(&self, what: String) -> ReadError {
        ReadError::Garbage { file: self.file.clone(), line: self.number.max(1), what }
    }
}
