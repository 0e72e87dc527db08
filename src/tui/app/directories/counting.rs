//! What is counted for the view of directories: the history by the worker, and what comes as it comes.

use super::counted::{Counted, Counts};
use super::{At, Directories};
use crate::filter::Filter;
use crate::history::directories::Directory;
use crate::history::mounts::ByMount;
use crate::tui::app::who::{Answer, Question};
use crate::tui::app::work::WorkerState;
use crate::tui::app::{App, Dirty, Effect, Mode};

impl App {
    /// What is to be counted, where a directory or the mounts are looked at.
    pub(in crate::tui::app) fn counts_asked(&self, filter: &Filter) -> Option<Counted> {
        let Mode::Directories(Directories { at, .. }) = &self.mode else { return None };
        let counts = match at {
            At::Directory(names) => Counts::Directory(Directory::new(names.clone())),
            At::Mounts(Ok(mounts)) => Counts::Mounts(ByMount::new(mounts.clone())),
            At::Mounts(Err(_)) => return None,
        };
        Some(Counted::new(filter.clone(), counts))
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
