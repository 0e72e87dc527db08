//! What programs touched: what they read, wrote, created and replaced, what they did not find and what they were
//! denied.
//!
//! A [`Report`] takes opens, of a recording or live, and keeps one record for each program and path. It is exact for
//! the opens that it was given as long as there is room for their names; how many opens had names for which there was
//! none is counted. What it holds is shown by [`crate::output::report`].

mod diff;
mod inputs;
mod kind;
mod names;
mod noise;
mod processes;
mod read;
mod repeats;
mod searches;
mod slowest;

pub use diff::{Difference, What, diff};
pub use inputs::Inputs;
pub use kind::{Counts, Kind, Kinds};
pub use names::Names;
pub use noise::{PATTERNS, fold, is_temporary};
pub use processes::Processes;
pub use read::{VERSION, read};
pub use repeats::Repeats;
pub use searches::{Search, Searches};
pub use slowest::{Slow, Slowest};

use indexmap::IndexMap;

use crate::event::{OpenEvent, PathKind};
use crate::message::Totals;

/// Where a report ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Where its source does.
    Whole,
    /// As many opens were taken in as were asked for.
    Limited,
    /// The recording was cut off, or is still being written.
    CutOff,
}

/// Bytes of the names and records of a report, if nobody says otherwise.
pub const ROOM: usize = 144 << 20;

/// What a record takes: itself and its place in the table, with room to grow.
const RECORD_BYTES: usize = 2 * (size_of::<(Record, (u32, u32))>() + size_of::<u64>()) + 16;

/// The name of programs whose own found no room; the first of all names.
const OTHERS: &[u8] = b"(others)";

/// What one program did with one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    pub counts: Counts,
    /// Error of the latest open that failed; 0 if none did.
    pub errno: u16,
    pub path_kind: PathKind,
    /// Real user of the latest open.
    pub uid: u32,
}

impl Record {
    /// Error of the latest open that failed.
    pub fn errno(&self) -> Option<i32> {
        (self.errno != 0).then_some(self.errno.into())
    }
}

/// How many opens had a path that is not, or may not be, the one that was meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Doubtful {
    /// Relative to a directory that was deleted.
    pub dir_deleted: u64,
    /// Longer than what could be read.
    pub truncated: u64,
    /// The name or its directory could not be read.
    pub unreadable: u64,
}

/// What opens came to, by program and path.
#[derive(Debug)]
pub struct Report {
    room: usize,
    fold: Option<Fold>,
    folded: Vec<u8>,
    names: Names,
    /// By the names of the program and of the path.
    records: IndexMap<(u32, u32), Record>,
    processes: Processes,
    /// By the index of the program.
    short_names: Vec<u32>,
    searches: Searches,
    repeats: Repeats,
    slowest: Slowest,
    /// Only where it is asked for.
    inputs: Option<Inputs>,
    counts: Counts,
    /// Of opens whose names found no room.
    left_out: Counts,
    doubtful: Doubtful,
    /// Times of the first and the latest open, in nanoseconds since the epoch.
    span: Option<(u64, u64)>,
    /// The source's own totals, with its losses.
    totals: Totals,
    /// Where it ends.
    ending: Ending,
}

/// Writes a name to the vector, with what differs from run to run replaced.
pub type Fold = fn(&[u8], &mut Vec<u8>);

impl Report {
    /// An empty report whose names and records take at most `room` bytes.
    pub fn new(room: usize, fold: Option<Fold>) -> Self {
        let mut names = Names::default();
        names.intern(OTHERS, room);
        Self {
            room,
            fold,
            folded: Vec::new(),
            names,
            records: IndexMap::new(),
            processes: Processes::default(),
            short_names: Vec::new(),
            searches: Searches::default(),
            repeats: Repeats::default(),
            slowest: Slowest::default(),
            inputs: None,
            counts: Counts::default(),
            left_out: Counts::default(),
            doubtful: Doubtful::default(),
            span: None,
            totals: Totals::default(),
            ending: Ending::Whole,
        }
    }

    /// Keeps what each file was made from, too, in at most `room` bytes more.
    pub fn with_inputs(self, room: usize) -> Self {
        Self { inputs: Some(Inputs::new(room)), ..self }
    }

    /// Takes in one open, or look-up.
    pub fn add(&mut self, event: &OpenEvent<'_>) {
        let kinds = Kinds::of(event);
        self.counts.add(kinds, event.is_lookup());
        self.doubtful.dir_deleted += u64::from(event.dir_deleted);
        self.doubtful.truncated += u64::from(event.path_kind == PathKind::Truncated);
        self.doubtful.unreadable += u64::from(event.path_kind == PathKind::Unreadable);
        let (first, last) = self.span.unwrap_or((event.time_ns, event.time_ns));
        self.span = Some((first.min(event.time_ns), last.max(event.time_ns)));
        let mut folded = std::mem::take(&mut self.folded);
        let path = match self.fold {
            Some(fold) => {
                folded.clear();
                fold(event.path, &mut folded);
                &folded
            }
            None => event.path,
        };
        if self.record(event, path, kinds).is_none() {
            self.left_out.add(kinds, event.is_lookup());
        }
        self.folded = folded;
    }

    /// Takes in what another report has recorded of a program and a path.
    fn merge(&mut self, program: &[u8], path: &[u8], record: &Record) {
        let mut folded = std::mem::take(&mut self.folded);
        folded.clear();
        match self.fold {
            Some(fold) => fold(path, &mut folded),
            None => folded.extend_from_slice(path),
        }
        let mut opens = record.counts;
        opens.lookups = 0;
        self.counts.merge(&opens);
        if self.merge_record(program, &folded, record).is_none() {
            self.left_out.merge(&record.counts);
        }
        self.folded = folded;
    }

    /// `None` where there is no room.
    fn merge_record(&mut self, program: &[u8], path: &[u8], record: &Record) -> Option<()> {
        let room = self.room.saturating_sub((self.records.len() + 1) * RECORD_BYTES);
        let key = (self.names.intern(program, room)?, self.names.intern(path, room)?);
        let known = self.records.entry(key).or_insert(Record { counts: Counts::default(), ..*record });
        known.counts.merge(&record.counts);
        if record.errno != 0 {
            known.errno = record.errno;
        }
        Some(())
    }

    /// Takes note of who runs what, from an open that is not to be counted.
    pub fn follow(&mut self, event: &OpenEvent<'_>) {
        let room = self.room.saturating_sub(self.records.len() * RECORD_BYTES);
        let name = if event.starts_program() { event.path } else { event.process() };
        let name = self.names.intern(name, room);
        self.processes.follow(event, name.unwrap_or_default());
    }

    /// `None` where there is no room.
    fn record(&mut self, event: &OpenEvent<'_>, path: &[u8], kinds: Kinds) -> Option<()> {
        let room = self.room.saturating_sub(self.records.len() * RECORD_BYTES);
        let id = self.names.intern(path, room);
        let executed = event.starts_program();
        let comm = if executed { id } else { self.names.intern(event.process(), room) };
        // Without room for its own name it is one of the others; nothing of it is recorded then.
        let process = self.processes.add(event, comm.unwrap_or_default());
        let (id, _) = id.zip(comm)?;
        let program = self.program_name(process.program, executed, room);
        // Of a look-up that finds something only the search for it tells.
        if !(event.is_lookup() && kinds.is_empty()) {
            self.keep(event, kinds, (program, id), room)?;
        }
        if !event.is_lookup() {
            self.repeats.add(process.serial, id, (event.pid, program));
            if let Some(inputs) = &mut self.inputs {
                inputs.add(process.serial, id, kinds);
            }
        }
        if let Some(latency) = event.latency {
            self.slowest.add(Slow { latency, path: id, program, pid: event.pid });
        }
        let base = self.names.intern(last_component(path), room)?;
        self.searches.add(process.serial, program, base, id, event, kinds);
        Some(())
    }

    /// Adds to what a program did with a path, by the numbers of their names.
    fn keep(&mut self, event: &OpenEvent<'_>, kinds: Kinds, key: (u32, u32), room: usize) -> Option<()> {
        let record = match self.records.get_mut(&key) {
            Some(record) => record,
            None if room < RECORD_BYTES + self.names.bytes() => return None,
            None => self.records.entry(key).or_insert(Record {
                counts: Counts::default(),
                errno: 0,
                path_kind: event.path_kind,
                uid: event.uid,
            }),
        };
        record.counts.add(kinds, event.is_lookup());
        record.uid = event.uid;
        if let Some(errno) = event.errno() {
            record.errno = errno as u16;
        }
        Some(())
    }

    /// The number of the name of a program without its directory. Who executed it opened it.
    fn program_name(&mut self, program: u32, executed: bool, room: usize) -> u32 {
        let programs = self.processes.programs();
        for program in &programs[self.short_names.len()..] {
            let base = last_component(self.names.get(program.name)).to_owned();
            self.short_names.push(self.names.intern(&base, room).unwrap_or(program.name));
        }
        let opener = programs[program as usize].parent.filter(|_| executed).unwrap_or(program);
        self.short_names[opener as usize]
    }

    /// The totals that the source tells.
    pub fn set_totals(&mut self, totals: Totals) {
        self.totals = totals;
    }

    pub fn set_ending(&mut self, ending: Ending) {
        self.ending = ending;
    }

    /// Whether something may have come later that is not in it.
    pub fn ending(&self) -> Ending {
        self.ending
    }

    /// Nothing comes any more: what is being searched for still was not found.
    pub fn end(&mut self) {
        self.searches.end();
    }

    pub fn names(&self) -> &Names {
        &self.names
    }

    /// What each program did with each path, by the numbers of their names, in the order of their first opens.
    pub fn records(&self) -> impl ExactSizeIterator<Item = (u32, u32, &Record)> {
        self.records.iter().map(|((program, path), record)| (*program, *path, record))
    }

    /// What a program did with a path, if anything.
    pub fn record_of(&self, program: u32, path: u32) -> Option<&Record> {
        self.records.get(&(program, path))
    }

    pub fn processes(&self) -> &Processes {
        &self.processes
    }

    pub fn searches(&self) -> &Searches {
        &self.searches
    }

    pub fn repeats(&self) -> &Repeats {
        &self.repeats
    }

    /// What each file was made from, where that was asked for.
    pub fn inputs(&self) -> Option<&Inputs> {
        self.inputs.as_ref()
    }

    /// The opens that took longest, where that was measured; slowest first.
    pub fn slowest(&self) -> Vec<Slow> {
        self.slowest.sorted()
    }

    /// All opens that were taken in, those included whose names found no room.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Opens that are in no record, since there was no room for their names.
    pub fn left_out(&self) -> &Counts {
        &self.left_out
    }

    pub fn doubtful(&self) -> &Doubtful {
        &self.doubtful
    }

    /// From the first open to the latest, in nanoseconds.
    pub fn span_ns(&self) -> u64 {
        self.span.map_or(0, |(first, last)| last - first)
    }

    pub fn totals(&self) -> &Totals {
        &self.totals
    }
}

/// What is behind the last slash, those at the end not counted; all of it where nothing is.
pub fn last_component(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
    let base = path[..end].rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    if base.is_empty() { path } else { base }
}

#[cfg(test)]
mod tests;
