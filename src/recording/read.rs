//! Reading a recording, line by line.

use super::Header;
use super::compression::{STREAM_WINDOW_LOG, WINDOW_LOG_MAX, ZSTD_MAGIC, decompressed};
use super::index::{Frame, Index};
use super::input::{Input, Interrupt};
use super::line::{COUNT_MAX, EVENT_LINES, Kind, LONGEST_LINE, LostLine, OpenLine, ProcessLine, SummaryLine, Texts};
use super::survey::{Found, Survey};
use crate::escape::escape;
use crate::event::{CgroupName, OpenEvent, ProcessName};
use crate::message::{Cause, Hooks, Lost, Totals};
use crate::names::{CGROUPS_BYTES, CGROUPS_BYTES_OF_ONE, CONTAINER_NAME_MAX, Cgroup, cgroup_bytes};
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read};

/// The name of those cgroups that come when there is no room for their names.
const OTHER_CGROUPS: &[u8] = b"(other)";

/// The longest text of a header, and of what an error says of a line.
const HEADER_TEXT_MAX: usize = 256;
const ERROR_TEXT_MAX: usize = 200;

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

/// What a line tells.
#[derive(Debug)]
pub enum Item<'a> {
    /// An open or a look-up, with the name of its cgroup where no open before had it.
    Open(OpenEvent<'a>, Option<CgroupName>),
    /// Which program a process runs whose events follow.
    Process(ProcessName),
    /// Opens lost.
    Lost { cause: Cause, count: u64 },
    /// The totals at the end. Anything may still follow.
    Summary(Totals),
    /// A line of another type: of a report, of a later version. Or a blank one.
    Other(&'a [u8]),
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
    /// What stands for the index, once somebody has looked through the file.
    found: Found,
}

impl Seekable {
    fn of(input: &Input) -> Option<Self> {
        let (file, size) = input.regular()?;
        let index = Index::read(file, size).ok().flatten().unwrap_or_default();
        Some(Self { input: input.try_clone().ok()?, index, found: Found::default() })
    }

    fn index(&self) -> &Index {
        if self.index.frames.is_empty() { self.found.get().unwrap_or(&self.index) } else { &self.index }
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
        (self.parser.texts.cgroup, self.parser.texts.container) = (path, container);
        self.parser.intern()
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
        let parser = Parser { most, ..Parser::default() };
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

    /// Reads on from some line before what was recorded at `ts_ns`: close before it where it is known what is where, else
    /// from the start.
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
        (self.parser.told, self.parser.summed_up) = (Lost::default(), false);
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

/// What is known from the lines before, to understand the next.
#[derive(Default)]
struct Parser {
    texts: Texts,
    /// By their paths, with the names of their containers, which may become known late.
    cgroups: HashMap<Vec<u8>, (u64, Vec<u8>)>,
    cgroup_bytes: usize,
    /// The most of those.
    most: usize,
    told: Lost,
    summed_up: bool,
}

impl Parser {
    fn item<'a>(&'a mut self, line: &'a [u8]) -> Result<Item<'a>, String> {
        if line.trim_ascii().is_empty() {
            return Ok(Item::Other(line));
        }
        // Nearly all lines are such, and need not be parsed twice.
        let known = EVENT_LINES.iter().find(|(start, _)| line.starts_with(start));
        let kind =
            known.map_or_else(|| parse::<Kind<'_>>(line).map(|line| line.kind), |(_, kind)| Ok((*kind).into()))?;
        match kind.as_ref() {
            kind @ ("open" | "lookup") => {
                let event = parse::<OpenLine<'_>>(line)?.event(&mut self.texts)?;
                if event.is_lookup() != (kind == "lookup") {
                    return Err(format!("{} is the op of no {kind}", event.op.name()));
                }
                let (cgroup, new) = self.intern();
                Ok(Item::Open(OpenEvent { cgroup, ..self.texts.complete(event) }, new))
            }
            "lost" => {
                let (cause, count) = parse::<LostLine<'_>>(line)?.known()?;
                let told = self.told.count_mut(cause);
                *told = told.saturating_add(count).min(COUNT_MAX);
                Ok(Item::Lost { cause, count })
            }
            "summary" => {
                self.summed_up = true;
                Ok(Item::Summary(parse::<SummaryLine<'_>>(line)?.totals(self.told)?))
            }
            "process" => Ok(Item::Process(parse::<ProcessLine<'_>>(line)?.process()?)),
            _ => Ok(Item::Other(line)),
        }
    }

    /// The id of the cgroup in the texts, and its name if it is new. No path is id 0, which has no name.
    fn intern(&mut self) -> (u64, Option<CgroupName>) {
        let mut path = self.texts.cgroup.as_slice();
        if path.is_empty() {
            return (0, None);
        }
        let room = self.most.saturating_sub(cgroup_bytes(OTHER_CGROUPS, None) + self.cgroup_bytes);
        let known = self.cgroups.get(path);
        if known.is_some_and(|(_, container)| *container == self.texts.container) {
            return (known.map_or(0, |(id, _)| *id), None);
        }
        if cgroup_bytes(path, Some(&[0; CONTAINER_NAME_MAX])) > room {
            match known {
                Some((id, _)) => return (*id, None),
                None => path = OTHER_CGROUPS,
            }
        }
        let id = match self.cgroups.get(path) {
            Some((id, _)) if path == OTHER_CGROUPS => return (*id, None),
            Some((id, _)) => *id,
            None => self.cgroups.len() as u64 + 1,
        };
        // So that the names forget none of them, however often they are named anew.
        self.cgroup_bytes += cgroup_bytes(path, None);
        self.cgroups.insert(path.to_owned(), (id, self.texts.container.clone()));
        let derived = Cgroup::new(path).container.unwrap_or_default();
        let name = Some(self.texts.container.clone());
        let name = name.filter(|name| {
            !name.is_empty() && derived.splitn(2, |byte| *byte == b':').nth(1) != Some(name) && path != OTHER_CGROUPS
        });
        self.cgroup_bytes += name.as_ref().map_or(0, |name| 2 * name.len());
        (id, Some(CgroupName { name, id, path: path.to_owned() }))
    }
}

pub(crate) fn parse<'a, T: Deserialize<'a>>(line: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(line).map_err(|error| {
        // Its "at line 1 column 7" counts in our line, which has a number of its own.
        let what = escape(error.to_string().as_bytes());
        let what = what.rsplit_once(" at line ").map_or(&*what, |(what, _)| what);
        format!("{} (column {})", cut(what, ERROR_TEXT_MAX), error.column())
    })
}

/// The text, or as much of it as is wanted, with a mark.
fn cut(text: &str, longest: usize) -> Cow<'_, str> {
    if text.len() <= longest {
        text.into()
    } else {
        format!("{}…", &text[..text.floor_char_boundary(longest)]).into()
    }
}

fn displayable(header: &Header) -> Header {
    let safe = |text: &str| cut(&escape(text.as_bytes()), HEADER_TEXT_MAX).into_owned();
    Header {
        opentop: safe(&header.opentop),
        host: safe(&header.host),
        kernel: safe(&header.kernel),
        boot_time: safe(&header.boot_time),
        hooks: Hooks::named(&safe(&header.hooks.set)),
        protocol: header.protocol,
        excerpt: header.excerpt.as_deref().map(safe),
    }
}
