//! Counts of events by directory or by mount.

use crate::event::OpenEvent;
use crate::filter::Filter;
use crate::history::directories::{Child, Directory};
use crate::history::log::Log;
use crate::history::mounts::{ByMount, MountKey};
use crate::names::Names;
use crate::tui::app::{first_for, look_through};

/// Counts by what a row is.
#[derive(Clone, Debug)]
pub(crate) enum Counts {
    Directory(Directory),
    Mounts(ByMount),
}

/// What a row is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    Child(Vec<u8>),
    /// Children for which there was no room.
    Others,
    /// Whose path is not known.
    Unknown,
    Mount(MountKey),
}

/// Counts of the events that a filter lets through.
#[derive(Clone, Debug)]
pub struct Counted {
    filter: Filter,
    pub(super) counts: Counts,
    /// How many events were looked at, and how many of them match.
    pub(crate) events: u64,
    pub(crate) matching: u64,
}

impl Counted {
    /// Nothing is counted as yet.
    pub(super) fn new(filter: Filter, counts: Counts) -> Self {
        Self { filter, counts, events: 0, matching: 0 }
    }

    pub(super) fn add(&mut self, event: &OpenEvent<'_>, names: &Names) {
        self.events += 1;
        if !self.filter.matches(event, names) {
            return;
        }
        self.matching += 1;
        match &mut self.counts {
            _ if event.is_lookup() => {}
            Counts::Directory(directory) => directory.add(event),
            Counts::Mounts(by_mount) => by_mount.add(event, names),
        }
    }

    /// Counts what is in `log`, unless it is not `wanted` any more.
    pub(in crate::tui::app) fn of(mut self, log: &Log, names: &Names, wanted: &impl Fn() -> bool) -> Option<Self> {
        look_through(log, first_for(&self.filter, log), wanted, |_, event| self.add(event, names))?;
        Some(self)
    }

    /// Works the rates out at this time, CLOCK_MONOTONIC.
    pub(super) fn read(&mut self, ts_ns: u64) {
        match &mut self.counts {
            Counts::Directory(directory) => directory.read(ts_ns),
            Counts::Mounts(by_mount) => by_mount.read(ts_ns),
        }
    }

    /// What was opened, in no order.
    pub(crate) fn rows(&self) -> Vec<(Name, Child)> {
        match &self.counts {
            Counts::Directory(directory) => {
                let rest = [(Name::Others, directory.others), (Name::Unknown, directory.unknown)];
                let named = directory.children().map(|(name, child)| (Name::Child(name.to_vec()), child));
                named.chain(rest.into_iter().filter(|(_, child)| child.opens > 0)).collect()
            }
            Counts::Mounts(by_mount) => by_mount.counts().map(|(key, child)| (Name::Mount(key), child)).collect(),
        }
    }

    pub(crate) fn by_mount(&self) -> Option<&ByMount> {
        match &self.counts {
            Counts::Mounts(by_mount) => Some(by_mount),
            Counts::Directory(_) => None,
        }
    }
}
