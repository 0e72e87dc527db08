//! Which events of a [`Log`] a filter holds for.

use super::log::Log;
use crate::filter::Filter;
use crate::names::Names;
use std::collections::VecDeque;
use std::ops::Range;

/// Which events of a [`Log`] a filter holds for. An empty filter holds for the recent ones and costs nothing per event.
#[derive(Clone, Debug, Default)]
pub struct Matches {
    filter: Filter,
    /// Ids that match, oldest first; unused while the filter is empty.
    ids: VecDeque<u64>,
    /// The ids of the recent events that were looked at.
    known: Range<u64>,
    seen: u64,
    matched: u64,
}

impl Matches {
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// What `filter` holds for in `log`, of which nothing is looked at yet: see [`Matches::extend`] and
    /// [`Matches::advance`]. `seen` and `matched` count from the start of what is there.
    pub fn of(filter: Filter, log: &Log) -> Self {
        let first = if filter.is_empty() { log.range().start } else { log.first() };
        Self { filter, known: first..first, ..Self::default() }
    }

    /// Looks at up to `limit` events further. True when all of `log` is looked at.
    pub fn advance(&mut self, log: &Log, names: &Names, limit: usize) -> bool {
        self.look(log, names, limit);
        self.known.end == log.range().end
    }

    /// Looks at the events that are new in `log`. To be called after every push, before the log is trimmed. Returns how
    /// many of them match.
    pub fn extend(&mut self, log: &Log, names: &Names) -> u64 {
        self.look(log, names, usize::MAX)
    }

    fn look(&mut self, log: &Log, names: &Names, limit: usize) -> u64 {
        let (first, end) = (self.known.end, log.range().end);
        let before = self.matched;
        if self.filter.is_empty() {
            self.known.end = end;
            self.seen += end - first;
            self.matched += end - first;
            return end - first;
        }
        let mut looked = 0;
        for (id, event) in log.iter_from(first).take(limit) {
            looked += 1;
            self.known.end = id + 1;
            if self.filter.matches(&event, names) {
                self.ids.push_back(id);
                self.matched += 1;
            }
        }
        if looked < limit {
            self.known.end = end;
        }
        self.seen += looked as u64;
        self.matched - before
    }

    /// Lets go of what is no longer in `log`. To be called whenever that has let events go.
    pub fn trim(&mut self, log: &Log) {
        let recent = log.range().start;
        self.known = recent.min(self.known.end)..self.known.end;
        let gone = self.ids.partition_point(|id| *id < log.first());
        self.ids.drain(..gone);
        // Room for a storm that is over.
        if self.ids.capacity() > 4 * self.ids.len() + 1024 {
            self.ids.shrink_to(2 * self.ids.len());
        }
    }

    /// Makes what was found in an earlier state of `log` one of now: what did not match the filter before may have left
    /// it meanwhile.
    pub fn catch_up(&mut self, log: &Log) {
        self.trim(log);
        let recent = self.ids.partition_point(|id| *id < log.range().start);
        let newer = self.ids.split_off(recent);
        self.ids.retain(|id| log.get(*id).is_some());
        self.ids.extend(newer);
    }

    /// Bytes of memory.
    pub fn memory(&self) -> usize {
        self.ids.capacity() * size_of::<u64>()
    }

    /// The ids that match, in order; `None` while the filter is empty and holds for all.
    pub fn ids(&self) -> Option<&VecDeque<u64>> {
        (!self.filter.is_empty()).then_some(&self.ids)
    }

    /// How many events match, of those that are there.
    pub fn len(&self) -> usize {
        if self.filter.is_empty() { (self.known.end - self.known.start) as usize } else { self.ids.len() }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The id of the match at `index`, the oldest at 0.
    pub fn nth(&self, index: usize) -> Option<u64> {
        if self.filter.is_empty() {
            return self.known.clone().nth(index);
        }
        self.ids.get(index).copied()
    }

    /// The index of the first match at or behind `id`: where to go on when `id` itself has left.
    pub fn lower_bound(&self, id: u64) -> usize {
        if self.filter.is_empty() {
            return (id.clamp(self.known.start, self.known.end) - self.known.start) as usize;
        }
        self.ids.partition_point(|known| *known < id)
    }

    /// Events that the filter has been asked about, those that were let go included.
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// Events that it held for, those that were let go included.
    pub fn matched(&self) -> u64 {
        self.matched
    }

    /// Events that it held for and that were let go since.
    pub fn let_go(&self) -> u64 {
        self.matched - self.len() as u64
    }
}
