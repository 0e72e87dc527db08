//! A row of the ranking: what it is for, what names it, and its numbers.

use std::borrow::Cow;

use super::families::Id;
use crate::event::Source;
use crate::ranking::descriptors::Level;

/// What the ranking has one row for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    Process,
    Comm,
    Parent,
    File,
    Dir,
    User,
    Container,
    Unit,
    Error,
    Host,
}

impl Group {
    /// All of them, in the order in which the key steps through.
    pub const ALL: [Group; 10] = [
        Group::Process,
        Group::Comm,
        Group::Parent,
        Group::File,
        Group::Dir,
        Group::User,
        Group::Container,
        Group::Unit,
        Group::Error,
        Group::Host,
    ];

    /// As on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Group::Process => "process",
            Group::Parent => "parent",
            Group::Comm => "comm",
            Group::File => "file",
            Group::Dir => "dir",
            Group::User => "user",
            Group::Container => "container",
            Group::Unit => "unit",
            Group::Error => "error",
            Group::Host => "host",
        }
    }

    pub fn from_name(name: &str) -> Option<Group> {
        Group::ALL.into_iter().find(|group| group.name() == name)
    }

    /// Whether the kernel's counts are enough for it. The others need the events.
    pub fn is_counted(self) -> bool {
        !matches!(self, Group::File | Group::Dir)
    }

    /// Whether its rows are made of those of processes.
    pub fn has_processes(self) -> bool {
        matches!(self, Group::Process | Group::Parent | Group::Comm | Group::User | Group::Host)
    }
}

/// What names a row: stays the same while the row's numbers and place change.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key<'a> {
    Process {
        source: Source,
        pid: u32,
        /// Nanoseconds of CLOCK_MONOTONIC.
        start_ns: u64,
    },
    /// Of the host with this number.
    User(u8, u32),
    /// One of several hosts.
    Host(u8),
    /// An errno; 0 is success.
    Error(i32),
    /// A command, path, directory or container.
    Text(Cow<'a, [u8]>),
    /// What is only kept as a sum.
    Rest,
}

impl Key<'_> {
    pub fn into_owned(self) -> Key<'static> {
        match self {
            Key::Process { source, pid, start_ns } => Key::Process { source, pid, start_ns },
            Key::User(host, uid) => Key::User(host, uid),
            Key::Host(host) => Key::Host(host),
            Key::Error(errno) => Key::Error(errno),
            Key::Text(text) => Key::Text(Cow::Owned(text.into_owned())),
            Key::Rest => Key::Rest,
        }
    }
}

/// One row of the ranking.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub key: Key<'static>,
    /// Command name, where the row has one.
    pub comm: Vec<u8>,
    pub uid: Option<u32>,
    /// The number of the host that all of it is of; 0 where there is but one, or no one host.
    pub host: u8,
    pub opens: u64,
    pub failed: u64,
    /// Opens a second between the last two readings; `None` before there were two.
    pub rate: Option<f64>,
    /// Processes that the row is the sum of, where that is counted; 0 where it is not.
    pub processes: u64,
    /// The parent of a process: its pid and its start, which is 0 where nothing else is known of it.
    pub parent: Id,
    /// All processes of the row have ended.
    pub ended: bool,
    /// Id of the latest event known of it.
    pub last: Option<u64>,
    /// Path of that event; empty where only the log has it.
    pub last_path: Vec<u8>,
    /// Median and 99th percentile of what was measured, in nanoseconds.
    pub latency: Option<(u64, u64)>,
    /// What a process has open, where somebody looked.
    pub descriptors: Option<Level>,
}

impl Row {
    /// A row without numbers.
    pub fn new(key: Key<'static>) -> Self {
        Row {
            key,
            comm: Vec::new(),
            uid: None,
            host: 0,
            opens: 0,
            failed: 0,
            rate: None,
            processes: 0,
            parent: Id::default(),
            ended: false,
            last: None,
            last_path: Vec::new(),
            latency: None,
            descriptors: None,
        }
    }

    pub(super) fn add_numbers(&mut self, row: &Row) {
        self.processes += row.processes;
        self.opens += row.opens;
        self.failed += row.failed;
        self.rate = match (self.rate, row.rate) {
            (Some(sum), Some(rate)) => Some(sum + rate),
            (known, None) | (None, known) => known,
        };
    }

    /// Share of failed opens, 0 to 1.
    pub fn failed_share(&self) -> f64 {
        if self.opens == 0 { 0.0 } else { self.failed as f64 / self.opens as f64 }
    }
}

/// The row of a process.
pub(super) fn process_key(((source, pid), start_ns): Id) -> Key<'static> {
    Key::Process { source, pid, start_ns }
}

/// The row that a process or a sum of ended ones belongs to.
pub(super) fn key_of(group: Group, row: &Row) -> Key<'static> {
    match group {
        Group::Process => row.key.clone(),
        _ => key_of_sum(group, row.host, &row.comm, row.uid, row.parent),
    }
}

/// The row of several processes that one with these attributes belongs to.
pub(super) fn key_of_sum(group: Group, host: u8, comm: &[u8], uid: Option<u32>, parent: Id) -> Key<'static> {
    match group {
        Group::Parent => process_key(parent),
        Group::User => uid.map_or(Key::Rest, |uid| Key::User(host, uid)),
        Group::Host => Key::Host(host),
        _ => Key::Text(comm.to_owned().into()),
    }
}

/// A rate, where time has passed.
pub(in crate::ranking) fn per_second(new: u64, seconds: f64) -> Option<f64> {
    (seconds > 0.0).then(|| new as f64 / seconds)
}

/// Adds the numbers of `row` to the row of its group.
pub(super) fn add(group: Group, sum: &mut Row, row: &Row) {
    sum.add_numbers(row);
    sum.ended &= row.ended;
    if row.last > sum.last {
        sum.last = row.last;
        sum.last_path.clone_from(&row.last_path);
    }
    if group != Group::Parent && sum.comm != row.comm {
        sum.comm.clear();
    }
    // A number is another user on another host.
    if sum.uid != row.uid || sum.host != row.host {
        sum.uid = None;
    }
    if sum.host != row.host {
        sum.host = 0;
    }
}
