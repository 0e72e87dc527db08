//! Recordings: the JSON Lines of the `json` output behind one header line, compressed with zstd.
//!
//! Each few MiB of it are a zstd frame of their own, and a skippable frame at the end says where those are ([`index`]).
//!
//! Nothing but this module knows that a recording is anything else than a source of messages. `zstdcat FILE | jq` reads
//! one as well, and what `opentop -o json` has written can be replayed as it is.

mod compression;
mod index;
mod input;
pub(crate) mod line;
mod pace;
pub(crate) mod parser;
mod read;
mod replay;
mod survey;
mod tally;
mod write;

pub use input::{Input, Interrupt};
pub use parser::Item;
pub use read::{ReadError, Reader};
pub use replay::{Controls, replay, replay_with};

use crate::clock;
use crate::event::OpenEvent;
use crate::format::group_digits;
use crate::message::{Cause, Hooks, HostState, Totals};
use crate::names::Names;
use crate::names::processes::Announced;
use crate::output::{Json, Output};
use crate::privileges::Caller;
use crate::user_file::Draft;
use compression::STREAM_WINDOW_LOG;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use write::{Compressed, FLUSH_EVERY, FRAME_EVENTS};

/// Where and when a recording was made: its first line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "header", default)]
pub struct Header {
    /// Version of opentop.
    pub opentop: String,
    pub host: String,
    /// Kernel release.
    pub kernel: String,
    /// RFC 3339, in UTC: the zero of `ts_ns`, but for the time that the host slept.
    pub boot_time: String,
    /// The hooks in use.
    #[serde(serialize_with = "as_text", deserialize_with = "named")]
    pub hooks: Hooks,
    /// Of a stream to another host: which lines there are beside those of a recording.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<u32>,
    /// Of what is not all that was seen: what it is an excerpt of, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<String>,
}

fn as_text<S: Serializer>(hooks: &Hooks, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(hooks)
}

fn named<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Hooks, D::Error> {
    String::deserialize(deserializer).map(|text| Hooks::named(&text))
}

impl Header {
    /// The header of a recording that begins here and now.
    pub fn of_host(hooks: &Hooks) -> Self {
        let uname = rustix::system::uname();
        let up = Duration::from_nanos(clock::since_boot());
        let booted = jiff::Timestamp::now().saturating_sub(up).and_then(|time| time.round(jiff::Unit::Second));
        Self {
            opentop: env!("CARGO_PKG_VERSION").to_owned(),
            host: uname.nodename().to_string_lossy().into_owned(),
            kernel: uname.release().to_string_lossy().into_owned(),
            boot_time: booted.map(|time| time.to_string()).unwrap_or_default(),
            hooks: hooks.clone(),
            protocol: None,
            excerpt: None,
        }
    }
}

/// Why a recording cannot be begun.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error("{} exists already: choose another name, or replace it with --force", .0.display())]
    Exists(PathBuf),
    #[error("{} is not a regular file, which is all that --force replaces: choose another name", .0.display())]
    NotRegular(PathBuf),
    #[error("cannot write {}: {error}", path.display())]
    Write { path: PathBuf, error: io::Error },
}

/// A new file for a recording, which will belong to whoever called sudo. `replace`: an old one may go, once the new one
/// is kept.
pub fn create(path: &Path, replace: bool) -> Result<Draft, RecordError> {
    Draft::create(path, replace, Caller::of_sudo()).map_err(|error| match (error.kind(), path.to_owned()) {
        (io::ErrorKind::AlreadyExists, path) if replace => RecordError::NotRegular(path),
        (io::ErrorKind::AlreadyExists, path) => RecordError::Exists(path),
        (_, path) => RecordError::Write { path, error },
    })
}

/// Writes a recording. It can be read up to its last second even if nothing ends it.
pub struct Recorder<W: Write> {
    json: Json<Compressed<W>>,
    recorded: Recorded,
    announced: Announced,
    /// Recorded time of the latest event.
    last_ns: u64,
}

/// How much is in a recording.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    pub opens: u64,
    pub lookups: u64,
}

impl Recorded {
    pub fn add(&mut self, other: Self) {
        self.opens += other.opens;
        self.lookups += other.lookups;
    }
}

impl std::fmt::Display for Recorded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} opens", group_digits(self.opens))?;
        match self.lookups {
            0 => Ok(()),
            lookups => write!(f, " and {} look-ups", group_digits(lookups)),
        }
    }
}

impl<W: Write> Recorder<W> {
    /// Begins a recording.
    pub fn begin(out: W, header: &Header) -> io::Result<Self> {
        Self::begin_with(Compressed::new(out, FLUSH_EVERY, None)?, header)
    }

    /// Begins one that is read while it is written, by somebody who is to need little memory for it.
    pub fn begin_stream(out: W, header: &Header) -> io::Result<Self> {
        Self::begin_with(Compressed::new(out, Duration::ZERO, Some(STREAM_WINDOW_LOG))?, header)
    }

    /// Writes a line that only a stream has, which is JSON already.
    pub fn raw_line(&mut self, json: &str) -> io::Result<()> {
        self.json.raw_line(json)
    }

    fn begin_with(compressed: Compressed<W>, header: &Header) -> io::Result<Self> {
        let mut json = Json::with_process_lines(compressed);
        json.raw_line(&serde_json::to_string(header)?)?;
        json.flush()?;
        Ok(Self { json, recorded: Recorded::default(), announced: Announced::default(), last_ns: 0 })
    }

    /// Ends the recording. Without this it reads as one that was cut off. Returns how much is in it.
    pub fn finish(self) -> io::Result<Recorded> {
        self.json.into_inner()?.finish(self.last_ns)?;
        Ok(self.recorded)
    }
}

impl<W: Write> Output for Recorder<W> {
    fn open(&mut self, event: &OpenEvent<'_>, names: &Names) -> io::Result<()> {
        let recorded = &mut self.recorded;
        *(if event.is_lookup() { &mut recorded.lookups } else { &mut recorded.opens }) += 1;
        if (recorded.opens + recorded.lookups - 1).is_multiple_of(FRAME_EVENTS) {
            self.json.handed_on()?.begin_frame(event.ts_ns)?;
            // Whoever begins to read here knows nothing of before.
            self.announced = Announced::default();
        }
        self.last_ns = self.last_ns.max(event.ts_ns);
        if let Some(processes) = names.processes()
            && let Some(process) = self.announced.news(event, processes.of(event))
        {
            self.json.process(&process)?;
        }
        self.json.open(event, names)
    }

    fn lost(&mut self, cause: Cause, count: u64) -> io::Result<()> {
        self.json.lost(cause, count)
    }

    fn summary(&mut self, totals: &Totals, hooks: &str) -> io::Result<()> {
        self.json.summary(totals, hooks)
    }

    fn host(&mut self, name: &str, state: &HostState) -> io::Result<()> {
        self.json.host(name, state)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.json.flush()
    }
}

#[cfg(test)]
mod tests;
