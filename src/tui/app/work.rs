//! Looking through the history, which [`crate::tui`] does in a thread of its own: what a changed filter shows, what a
//! changed ranking counts.
//!
//! The screen's thread has nothing to compute and so hears a key at once, even where the processors are busy. A
//! [`Work`] is a value: a clone of the log, which shares the events, and what is asked about it. It goes out as an
//! effect and its [`Done`] comes back as an event. Only one is out at a time, as its clone keeps events from going: who
//! asks for something else meanwhile has it abandoned and waits for the worker. What the app asks and what it makes of
//! the answer is here too.

use std::sync::Arc;

use super::directories::counted::Counted;
use super::selection::Selection;
use super::{App, Dirty, Effect, Mode, PORTION, first_for, look_through, report};
use crate::filter::Filter;
use crate::history::log::Log;
use crate::history::matches::Matches;
use crate::names::Names;
use crate::ranking::openers::Group;
use crate::ranking::tally::Tally;

/// What is to be worked out.
#[derive(Clone, Debug)]
pub struct Work {
    /// Counts up.
    pub number: u64,
    pub live: Log,
    /// The log of a view that is held still.
    pub held: Option<Log>,
    pub names: Arc<Names>,
    /// What the rows are to show; `None`: they stay as they are.
    pub shown: Option<Filter>,
    pub ranked: Ranked,
    /// What is to be reported of the live log, if anything.
    pub report: Option<report::Asked>,
    /// What else is to be counted in the live log, if anything; nothing is counted in it as yet.
    pub counted: Option<Counted>,
}

/// No two are asked for under one number.
impl PartialEq for Work {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

/// What is to be ranked.
#[derive(Clone, Debug)]
pub struct Ranked {
    pub group: Group,
    pub filter: Filter,
    /// Of the counts that the kernel keeps, the filter leaves something out.
    pub filtered: bool,
    /// The events are needed for it.
    pub from_events: bool,
}

/// What the thread that does it is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WorkerState {
    Idle,
    Busy,
    /// With what is no longer of use.
    Abandoned,
}

/// What came out.
#[derive(Debug)]
pub struct Done {
    pub live: Option<Matches>,
    pub held: Option<Matches>,
    pub ranked: Ranked,
    pub tally: Option<Tally>,
    pub report: Option<report::Page>,
    pub counted: Option<Counted>,
    /// The id behind the last event that was looked at.
    pub end: u64,
}

impl Work {
    /// Works it out, unless it is not `wanted` any more.
    pub fn run(self, wanted: impl Fn() -> bool) -> Option<Done> {
        let rows = |log: &Log| match &self.shown {
            Some(filter) => matches(filter, log, &self.names, &wanted).map(Some),
            None => Some(None),
        };
        let held = match &self.held {
            Some(log) => rows(log)?,
            None => None,
        };
        let live = rows(&self.live)?;
        let tally = if self.ranked.from_events { Some(self.tally(&wanted)?) } else { None };
        let report = match &self.report {
            Some(asked) => Some(asked.run(&self.live, &self.names, &wanted)?),
            None => None,
        };
        let counted = match self.counted {
            Some(counted) => Some(counted.of(&self.live, &self.names, &wanted)?),
            None => None,
        };
        Some(Done { live, held, ranked: self.ranked, tally, report, counted, end: self.live.range().end })
    }

    fn tally(&self, wanted: &impl Fn() -> bool) -> Option<Tally> {
        let mut tally = Tally::new(self.ranked.group);
        let filter = &self.ranked.filter;
        look_through(&self.live, first_for(filter, &self.live), wanted, |id, event| {
            if filter.matches(event, &self.names) {
                tally.add(id, event, &self.names);
            }
        })?;
        Some(tally)
    }
}

fn matches(filter: &Filter, log: &Log, names: &Names, wanted: &impl Fn() -> bool) -> Option<Matches> {
    let mut matches = Matches::of(filter.clone(), log);
    while !matches.advance(log, names, PORTION) {
        if !wanted() {
            return None;
        }
    }
    Some(matches)
}

impl App {
    /// The filter or the scope has changed.
    pub(super) fn apply_filter(&mut self) {
        self.rows_due = true;
        self.rank_by(self.group);
    }

    /// The ranking is to be by `group`, under the filter in force.
    pub(super) fn rank_by(&mut self, group: Group) {
        self.group = group;
        self.work_due = true;
    }

    /// Asks for the rows and the ranking, where they are due and the worker is idle; else has it abandon what it is at.
    pub(super) fn work(&mut self) -> Option<Effect> {
        match self.worker {
            _ if !self.work_due => return None,
            WorkerState::Abandoned => return None,
            WorkerState::Busy => {
                self.worker = WorkerState::Abandoned;
                return Some(Effect::Abandon);
            }
            WorkerState::Idle => {}
        }
        self.work_due = false;
        let scope = self.scope.as_ref().map(|scope| scope.term.clone());
        let shown = self.filter.clone().and(Filter::from_terms(scope.into_iter().collect()));
        let by_kernel = self.setup.filter_in_kernel && self.filter.source() == self.setup.filter;
        let filtered = !self.filter.is_empty() && !by_kernel;
        self.asked += 1;
        self.worker = WorkerState::Busy;
        Some(Effect::Work(Box::new(Work {
            number: self.asked,
            live: self.events.live().log.clone(),
            held: self.events.held_log().cloned(),
            names: Arc::clone(&self.names),
            report: self.report_asked(&shown),
            counted: self.counts_asked(&shown),
            shown: self.rows_due.then_some(shown),
            ranked: Ranked {
                group: self.group,
                filter: self.filter.clone(),
                filtered,
                from_events: self.ranking.needs_events(self.group, filtered),
            },
        })))
    }

    /// Shows what was asked for, unless something else is wanted by now.
    pub(super) fn apply(&mut self, done: Option<Done>) {
        let state = std::mem::replace(&mut self.worker, WorkerState::Idle);
        let Some(done) = done.filter(|_| state == WorkerState::Busy) else { return };
        let height = self.events_height();
        if let Some(live) = done.live {
            self.rows_due = !self.events.apply(live, done.held, &self.names, height);
        }
        let mut tally = done.tally;
        if let Some(tally) = &mut tally {
            for (id, event) in self.events.live().log.since(done.end) {
                if done.ranked.filter.matches(&event, &self.names) {
                    tally.add(id, &event, &self.names);
                }
            }
        }
        if done.ranked.group != self.ranking.group {
            self.selection = Selection::default();
        }
        if let Mode::Report { page, .. } = &mut self.mode
            && done.report.is_some()
        {
            *page = done.report;
        }
        self.take_counted(done.counted, done.end);
        self.ranking.apply(done.ranked.group, done.ranked.filtered, tally, &self.names);
        self.selection.follow(self.ranking.rows());
        self.work_due |= self.rows_due;
        self.touch(Dirty::Now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Batch, OpenEvent, sample};
    use crate::history::log::Bound;
    use crate::tui::worker::Worker;

    fn work(number: u64) -> Work {
        let mut batch = Batch::default();
        for n in 0..20_000u32 {
            batch.push(&OpenEvent { pid: n % 10, ..sample() });
        }
        let mut live = Log::new(Bound::bytes(64 << 20));
        live.push(batch);
        let names = Arc::new(Names::without_users());
        let filter = Filter::parse("pid:7", &names).unwrap();
        let ranked = Ranked { group: Group::File, filter: filter.clone(), filtered: true, from_events: true };
        Work { number, live, held: None, names, shown: Some(filter), ranked, report: None, counted: None }
    }

    #[test]
    fn rows_and_counts_come_out() {
        let done = work(1).run(|| true).unwrap();
        assert_eq!(done.live.map(|matches| matches.len()), Some(2000));
        assert_eq!(done.tally.map(|tally| tally.events()), Some(2000));
        assert_eq!((done.end, done.held.is_none()), (20_000, true));
    }

    #[test]
    fn what_is_not_wanted_any_more_is_left() {
        assert!(work(1).run(|| false).is_none());
    }

    #[test]
    fn the_thread_answers_whatever_becomes_of_it_and_ends_with_its_owner() {
        let worker = Worker::start().unwrap();
        for number in 1..=20 {
            worker.ask(work(number));
            if number % 2 == 0 {
                worker.abandon();
            }
            let done = worker.done().recv().unwrap();
            assert!(done.is_some() || number % 2 == 0);
        }
        worker.ask(work(21));
        drop(worker);
    }
}
