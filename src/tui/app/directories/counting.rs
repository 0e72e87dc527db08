//! What is counted for the view of directories: the history by the worker, and what comes as it comes.

use super::{At, Directories};
use crate::event::OpenEvent;
use crate::filter::Filter;
use crate::history::directories::{Child, Directory};
use crate::history::log::Log;
use crate::history::mounts::{ByMount, Place};
use crate::names::Names;
use crate::tui::app::who::{Answer, Question};
use crate::tui::app::work::WorkerState;
use crate::tui::app::{App, Dirty, Effect, Mode, PORTION};

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
    Place(Place),
}

/// Counts of the events that a filter lets through.
#[derive(Clone, Debug)]
pub struct Counted {
    filter: Filter,
    counts: Counts,
    /// How many events were looked at, and how many of them match.
    pub(crate) events: u64,
    pub(crate) matching: u64,
}

impl Counted {
    fn add(&mut self, event: &OpenEvent<'_>, names: &Names) {
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
        let from = if self.filter.is_empty() { log.range().start } else { 0 };
        for (at, (_, event)) in log.iter_from(from).enumerate() {
            if at % PORTION == 0 && !wanted() {
                return None;
            }
            self.add(&event, names);
        }
        Some(self)
    }

    /// Works the rates out at this time, CLOCK_MONOTONIC.
    fn read(&mut self, ts_ns: u64) {
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
            Counts::Mounts(by_mount) => by_mount.places().map(|(place, child)| (Name::Place(place), child)).collect(),
        }
    }

    pub(crate) fn by_mount(&self) -> Option<&ByMount> {
        match &self.counts {
            Counts::Mounts(by_mount) => Some(by_mount),
            Counts::Directory(_) => None,
        }
    }
}

impl App {
    /// What is to be counted, where a directory or the mounts are looked at.
    pub(in crate::tui::app) fn counts_asked(&self, filter: &Filter) -> Option<Counted> {
        let Mode::Directories(Directories { at, .. }) = &self.mode else { return None };
        let counts = match at {
            At::Directory(names) => Counts::Directory(Directory::new(names.clone())),
            At::Mounts(Ok(mounts)) => Counts::Mounts(ByMount::new(mounts.clone())),
            At::Mounts(Err(_)) => return None,
        };
        Some(Counted { filter: filter.clone(), counts, events: 0, matching: 0 })
    }

    /// Takes in what was counted up to the event `end`.
    pub(in crate::tui::app) fn take_counted(&mut self, counted: Option<Counted>, end: u64) {
        let (Mode::Directories(view), Some(mut counted)) = (&mut self.mode, counted) else { return };
        for (_, event) in self.events.live().log.since(end) {
            counted.add(&event, &self.names);
        }
        view.counted = Some(counted);
    }

    /// Counts the events since `first`, unless the view stands still or the worker counts them.
    pub(in crate::tui::app) fn count_new(&mut self, first: u64) {
        let Mode::Directories(Directories { counted: Some(counted), .. }) = &mut self.mode else { return };
        if self.paused || self.worker != WorkerState::Idle || self.work_due {
            return;
        }
        for (_, event) in self.events.live().log.since(first) {
            counted.add(&event, &self.names);
        }
    }

    pub(in crate::tui::app) fn read_counted(&mut self, ts_ns: u64) {
        if let Mode::Directories(Directories { counted: Some(counted), .. }) = &mut self.mode
            && !self.paused
        {
            counted.read(ts_ns);
        }
    }

    /// Counts anew what came during a pause.
    pub(in crate::tui::app) fn count_again(&mut self) {
        self.work_due |= matches!(self.mode, Mode::Directories(_));
    }

    /// What is to be asked for the mounts.
    pub(in crate::tui::app) fn ask_for_mounts(&self) -> Option<Effect> {
        let Mode::Directories(Directories { at: At::Mounts(mounts), counted, .. }) = &self.mode else { return None };
        if mounts.is_err() {
            return self.setup.hidden_processes.is_none().then_some(Effect::Ask(Question::Mounts));
        }
        let ids = counted.as_ref()?.by_mount()?.to_look_at();
        (!ids.is_empty() && !self.paused).then_some(Effect::Ask(Question::SharesMounts(ids)))
    }

    /// Takes in an answer about the mounts, where they are looked at.
    pub(in crate::tui::app) fn take_mounts(&mut self, answer: Answer) {
        let Mode::Directories(Directories { at: At::Mounts(mounts), counted, .. }) = &mut self.mode else { return };
        match (answer, counted.as_mut().map(|counted| &mut counted.counts)) {
            (Answer::Mounts(told), _) if mounts.is_err() => {
                self.work_due |= told.is_ok();
                *mounts = told;
            }
            (Answer::SharesMounts(seen), Some(Counts::Mounts(by_mount))) => by_mount.learn(seen),
            _ => return,
        }
        self.touch(Dirty::Now);
    }
}
