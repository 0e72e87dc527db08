//! Reading a recording, line by line.

use super::Header;
use super::line::{Kind, LostLine, OpenLine, SummaryLine, Texts};
use crate::escape::escape;
use crate::event::{CgroupName, OpenEvent};
use crate::source::{Lost, Totals};
use serde::Deserialize;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// What a zstd frame begins with.
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// No line is longer: two paths of 4 KiB, each byte of which may take six, and their exact bytes.
const LONGEST_LINE: u64 = 1 << 20;

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
}

/// What a line tells.
#[derive(Debug)]
pub enum Item<'a> {
    /// An open, with the name of its cgroup where no open before had it.
    Open(OpenEvent<'a>, Option<CgroupName>),
    /// Opens lost, by cause.
    Lost { cause: String, count: u64 },
    /// The totals at the end. Anything may still follow.
    Summary(Totals),
    /// A line of a later version, which this one does not know.
    Unknown,
}

/// A recording, or the plain output of `opentop -o json`, being read.
pub struct Reader {
    lines: Lines,
    /// The current line has been read ahead.
    ahead: bool,
    header: Option<Header>,
    parser: Parser,
}

impl Reader {
    /// Opens a file, `-` being the standard input. What is no recording is an error at once.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        let file = escape(path.as_os_str().as_encoded_bytes());
        if path == Path::new("-") {
            return Self::new(io::stdin(), file);
        }
        match File::open(path) {
            Ok(input) => Self::new(input, file),
            Err(error) => Err(ReadError::Io { file, error }),
        }
    }

    /// Reads from `input`, which errors call `file` (displayable).
    pub fn new(input: impl Read + Send + 'static, file: String) -> Result<Self, ReadError> {
        let mut lines = Lines::new(input, file)?;
        if !lines.advance()? {
            return Err(lines.garbage("it is empty".into()));
        }
        let header = match parse::<Kind<'_>>(&lines.line).map(|line| line.kind == "header") {
            Ok(true) => Some(parse::<Header>(&lines.line)),
            Ok(false) => None,
            Err(what) => Some(Err(what)),
        };
        let header = header.transpose().map_err(|what| lines.garbage(what))?;
        let header = header.map(|header| displayable(&header));
        Ok(Self { lines, ahead: header.is_none(), header, parser: Parser::default() })
    }

    /// Where the recording comes from, all texts displayable. Plain JSON Lines have no header.
    #[must_use]
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
    line: Vec<u8>,
    /// Number of the line, from 1.
    number: u64,
}

impl Lines {
    fn new(input: impl Read + Send + 'static, file: String) -> Result<Self, ReadError> {
        match decompressed(input) {
            Ok(input) => Ok(Self { file, input, line: Vec::new(), number: 0 }),
            Err(error) => Err(ReadError::Io { file, error }),
        }
    }

    /// Reads the next line that is not blank. False at the end.
    fn advance(&mut self) -> Result<bool, ReadError> {
        loop {
            self.line.clear();
            match self.input.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut self.line) {
                Ok(0) => return Ok(false),
                Ok(_) => self.number += 1,
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(self.ends_early(self.number)),
                Err(error) => return Err(ReadError::Io { file: self.file.clone(), error }),
            }
            if self.line.len() as u64 == LONGEST_LINE {
                return Err(self.garbage("a line without an end".into()));
            }
            if !self.line.trim_ascii().is_empty() {
                return Ok(true);
            }
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
    cgroups: HashMap<Vec<u8>, u64>,
    told: Lost,
    summed_up: bool,
}

impl Parser {
    fn item(&mut self, line: &[u8]) -> Result<Item<'_>, String> {
        match parse::<Kind<'_>>(line)?.kind.as_ref() {
            "open" => {
                let event = parse::<OpenLine<'_>>(line)?.event(&mut self.texts)?;
                let (cgroup, new) = self.intern();
                Ok(Item::Open(OpenEvent { cgroup, ..self.texts.complete(event) }, new))
            }
            "lost" => {
                let LostLine { cause, count } = parse(line)?;
                let unknown = || format!("no cause {:?}", escape(cause.as_bytes()));
                let known = self.told.cause_mut(&cause).ok_or_else(unknown)?;
                *known = known.saturating_add(count);
                Ok(Item::Lost { cause, count })
            }
            "summary" => {
                self.summed_up = true;
                Ok(Item::Summary(parse::<SummaryLine>(line)?.totals(self.told)))
            }
            _ => Ok(Item::Unknown),
        }
    }

    /// The id of the cgroup in the texts, and its name if it is new. No path is id 0, which has no name.
    fn intern(&mut self) -> (u64, Option<CgroupName>) {
        let path = &self.texts.cgroup;
        if path.is_empty() {
            return (0, None);
        }
        if let Some(id) = self.cgroups.get(path) {
            return (*id, None);
        }
        let id = self.cgroups.len() as u64 + 1;
        self.cgroups.insert(path.clone(), id);
        (id, Some(CgroupName { id, path: path.clone() }))
    }
}

/// `input` without its compression, if it has any.
fn decompressed(mut input: impl Read + Send + 'static) -> io::Result<Box<dyn BufRead + Send>> {
    let mut magic = Vec::new();
    input.by_ref().take(ZSTD_MAGIC.len() as u64).read_to_end(&mut magic)?;
    let compressed = magic == ZSTD_MAGIC;
    let input = BufReader::new(io::Cursor::new(magic).chain(input));
    Ok(if compressed { Box::new(BufReader::new(zstd::Decoder::with_buffer(input)?)) } else { Box::new(input) })
}

fn parse<'a, T: Deserialize<'a>>(line: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(line).map_err(|error| {
        // Its "at line 1 column 7" counts in our line, which has a number of its own.
        let what = escape(error.to_string().as_bytes());
        let what = what.split(" at line ").next().unwrap_or_default();
        format!("{what} (column {})", error.column())
    })
}

fn displayable(header: &Header) -> Header {
    let safe = |text: &str| escape(text.as_bytes());
    Header {
        opentop: safe(&header.opentop),
        host: safe(&header.host),
        kernel: safe(&header.kernel),
        boot_time: safe(&header.boot_time),
        hooks: safe(&header.hooks),
    }
}
