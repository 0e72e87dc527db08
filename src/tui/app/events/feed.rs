//! A log as a list: what of it matches, with searches folded and with rows where opens are missing.

use crate::event::{Batch, OpenEvent};
use crate::history::fold::Folded;
use crate::history::gaps::{Gap, Gaps};
use crate::history::log::Log;
use crate::history::matches::Matches;
use crate::names::Names;

/// A log, what of it matches, and the rows that it makes.
#[derive(Clone, Debug)]
pub struct Feed {
    pub log: Log,
    pub matches: Matches,
    /// The rows with searches folded; `None`: each event is a row.
    pub(super) folded: Option<Folded>,
    pub(super) gaps: Gaps,
}

/// A row of the list.
#[derive(Clone, Copy, Debug)]
pub enum Row<'a> {
    Event(Shown<'a>),
    /// Here opens are missing.
    Gap(&'a Gap),
}

/// An event, which stands for as many as `tries`.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    pub id: u64,
    pub event: OpenEvent<'a>,
    pub tries: u32,
}

impl Feed {
    /// Takes in a batch and lets go of what there is no room for beside `others` bytes.
    pub(super) fn push(&mut self, batch: Batch, names: &Names, others: usize) -> (u64, u64) {
        let ids = self.log.push(batch);
        let matching = self.matches.extend(&self.log, names);
        self.log.trim(self.matches.ids(), self.indexes(), others);
        self.matches.trim(&self.log);
        if let Some(folded) = &mut self.folded {
            folded.trim(&self.matches);
            folded.extend(&self.log, &self.matches, usize::try_from(matching).unwrap_or(usize::MAX));
        }
        self.gaps.trim(self.log.first());
        (ids.start, matching)
    }

    /// Bytes of what is kept beside the log.
    pub(super) fn indexes(&self) -> usize {
        self.matches.memory() + self.folded.as_ref().map_or(0, Folded::memory)
    }

    /// Shows what a changed filter matches; what came since is looked at now.
    pub(super) fn apply(&mut self, matches: Matches, names: &Names) {
        self.matches = matches;
        self.matches.catch_up(&self.log);
        self.matches.extend(&self.log, names);
        // What left the log before it was looked at.
        self.matches.trim(&self.log);
        self.fold(self.folded.is_some());
    }

    pub(super) fn fold(&mut self, fold: bool) {
        self.folded = fold.then(|| Folded::of(&self.log, &self.matches));
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.events_len() + self.gaps.of(self.matches.filter()).count()
    }

    /// How many rows there are without gaps.
    pub(super) fn events_len(&self) -> usize {
        self.folded.as_ref().map_or_else(|| self.matches.len(), Folded::len)
    }

    /// How many events have no row of their own.
    pub(crate) fn folded_away(&self) -> usize {
        self.folded.as_ref().map_or(0, |folded| self.matches.len() - folded.len())
    }

    /// The gaps and the rows that they take, each before the first event that came in its time.
    fn gaps(&self) -> impl Iterator<Item = (usize, &Gap)> {
        let gaps = self.gaps.of(self.matches.filter()).enumerate();
        gaps.map(|(before, gap)| (before + self.lower_bound(gap.first), gap))
    }

    /// The index among the events of the first one from `id` on.
    fn lower_bound(&self, id: u64) -> usize {
        match &self.folded {
            Some(folded) => folded.lower_bound(id),
            None => self.matches.lower_bound(id),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Row `index`, the oldest at 0.
    pub fn row(&self, index: usize) -> Option<Row<'_>> {
        let mut before = 0;
        for (at, gap) in self.gaps().take_while(|(at, _)| *at <= index) {
            if at == index {
                return Some(Row::Gap(gap));
            }
            before += 1;
        }
        self.event(index - before).map(Row::Event)
    }

    /// All events that match, searches not folded, the oldest first.
    pub fn events(&self) -> impl Iterator<Item = OpenEvent<'_>> {
        (0..self.matches.len()).filter_map(|index| self.log.get(self.matches.nth(index)?))
    }

    /// The event of row `index`, where it is one.
    pub fn event_of_row(&self, index: usize) -> Option<Shown<'_>> {
        match self.row(index)? {
            Row::Event(shown) => Some(shown),
            Row::Gap(_) => None,
        }
    }

    /// The event at `index`, gaps not counted.
    pub(super) fn event(&self, index: usize) -> Option<Shown<'_>> {
        let (id, tries) = match &self.folded {
            Some(folded) => folded.get(index).map(|run| (run.last, run.tries))?,
            None => (self.matches.nth(index)?, 1),
        };
        Some(Shown { id, event: self.log.get(id)?, tries })
    }

    /// What names row `index` as long as it is kept; see [`Feed::row_of`].
    pub(super) fn name(&self, index: usize) -> u64 {
        if let Some((_, gap)) = self.gaps().find(|(at, _)| *at == index) {
            return gap.first;
        }
        let index = index - self.gaps().take_while(|(at, _)| *at < index).count();
        self.event_name(index).unwrap_or(u64::MAX)
    }

    /// The same of the event at `index`, gaps not counted.
    pub(super) fn event_name(&self, index: usize) -> Option<u64> {
        match &self.folded {
            Some(folded) => folded.get(index).map(|run| run.first),
            None => self.matches.nth(index),
        }
    }

    /// The row of that name, or the one that came after it.
    pub(super) fn row_of(&self, name: u64) -> usize {
        let index = self.lower_bound(name);
        let before = self.gaps().enumerate().take_while(|(before, (at, _))| at - before <= index).count();
        index + before
    }
}
