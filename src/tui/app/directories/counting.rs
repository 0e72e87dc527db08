//! What is counted for the view of directories: the history by the worker, and what comes as it comes.

use super::counted::{Counted, Counts};
use super::{At, Directories, Listing};
use crate::filter::Filter;
use crate::history::directories::Directory;
use crate::history::mounts::ByMount;
use crate::tui::app::who::{Answer, Question};
use crate::tui::app::work::WorkerState;
use crate::tui::app::{App, Dirty, Effect};

impl App {
    /// What is to be counted, where a directory or the mounts are looked at.
    pub(in crate::tui::app) fn counts_asked(&self, filter: &Filter) -> Option<Counted> {
        let counts = match &self.directories()?.at {
            At::Directory(names) => Counts::Directory(Directory::new(names.clone())),
            At::Mounts(Listing::Known(mounts)) => Counts::Mounts(ByMount::new(mounts.clone())),
            At::Mounts(Listing::Asked | Listing::Unknown(_)) => return None,
        };
        Some(Counted::new(filter.clone(), counts))
    }

    /// Takes in what was counted up to the event `end`.
    pub(in crate::tui::app) fn take_counted(&mut self, counted: Option<Counted>, end: u64) {
        let Some(mut counted) = counted else { return };
        for (_, event) in self.events.live().log.since(end) {
            counted.add(&event, &self.names);
        }
        if let Some(view) = self.directories_mut() {
            view.counted = Some(counted);
        }
    }

    /// Counts the events since `first`, unless the view stands still or the worker counts them.
    pub(in crate::tui::app) fn count_new(&mut self, first: u64) {
        if self.paused || self.worker != WorkerState::Idle || self.work_due {
            return;
        }
        let Some(mut counted) = self.directories_mut().and_then(|view| view.counted.take()) else { return };
        for (_, event) in self.events.live().log.since(first) {
            counted.add(&event, &self.names);
        }
        if let Some(view) = self.directories_mut() {
            view.counted = Some(counted);
        }
    }

    pub(in crate::tui::app) fn read_counted(&mut self, ts_ns: u64) {
        if self.paused {
            return;
        }
        if let Some(counted) = self.directories_mut().and_then(|view| view.counted.as_mut()) {
            counted.read(ts_ns);
        }
    }

    /// Counts anew what came during a pause.
    pub(in crate::tui::app) fn count_again(&mut self) {
        self.work_due |= self.directories().is_some();
    }

    /// What is to be asked for the mounts.
    pub(in crate::tui::app) fn ask_for_mounts(&self) -> Option<Effect> {
        let Directories { at: At::Mounts(listing), counted, .. } = self.directories()? else { return None };
        if !matches!(listing, Listing::Known(_)) {
            return self.setup.hidden_processes.is_none().then_some(Effect::Ask(Question::Mounts));
        }
        let ids = counted.as_ref()?.by_mount()?.to_look_at();
        (!ids.is_empty() && !self.paused).then_some(Effect::Ask(Question::SharesMounts(ids)))
    }

    /// Takes in an answer about the mounts, where they are looked at.
    pub(in crate::tui::app) fn take_mounts(&mut self, answer: Answer) {
        let Some(Directories { at: At::Mounts(listing), counted, .. }) = self.directories_mut() else { return };
        let mut is_known = false;
        match (answer, counted.as_mut().map(|counted| &mut counted.counts)) {
            (Answer::Mounts(mounts), _) if !matches!(listing, Listing::Known(_)) => {
                is_known = mounts.is_ok();
                *listing = mounts.map_or_else(Listing::Unknown, Listing::Known);
            }
            (Answer::SharesMounts(seen), Some(Counts::Mounts(by_mount))) => by_mount.learn(seen),
            _ => return,
        }
        self.work_due |= is_known;
        self.touch(Dirty::Now);
    }
}
