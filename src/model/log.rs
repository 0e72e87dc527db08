//! The history: the latest opens in the order they came, each with an id that never changes.
//!
//! Ids count from 0 and have no gaps, so a selection or a scroll position is one number that stays right while events
//! come and go. [`Log`] keeps whole batches as they arrive; only small ones are copied together. [`Matches`] keeps
//! beside it which of them a filter holds for.

use crate::event::{Batch, OpenEvent};
use crate::filter::Filter;
use crate::names::Names;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

/// Events up to which a chunk takes in further batches.
const CHUNK: usize = 4096;

/// Batches of at least this many events become a chunk of their own, uncopied.
const LARGE: usize = 1024;

#[derive(Clone, Debug)]
struct Chunk {
    first: u64,
    batch: Arc<Batch>,
}

impl Chunk {
    fn end(&self) -> u64 {
        self.first + self.batch.len() as u64
    }
}

/// The latest events, at most `capacity` of them. Memory holds those and at most one chunk more. A clone shares the
/// events: that is how a view is held still while the log goes on.
#[derive(Clone, Debug)]
pub struct Log {
    chunks: VecDeque<Chunk>,
    capacity: u64,
    end: u64,
}

impl Log {
    /// A history of `capacity` events, at least one.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { chunks: VecDeque::new(), capacity: capacity.max(1) as u64, end: 0 }
    }

    /// Takes the events in and lets the oldest go. Returns their ids.
    pub fn push(&mut self, mut batch: Batch) -> Range<u64> {
        let first = self.end;
        self.end += batch.len() as u64;
        let full = self.chunk_size();
        let last = self.chunks.back_mut().and_then(|last| Arc::get_mut(&mut last.batch));
        match last {
            _ if batch.is_empty() => {}
            Some(last) if batch.len() < LARGE && last.len() < full => last.append(&batch),
            _ => {
                batch.shrink();
                self.chunks.push_back(Chunk { first, batch: Arc::new(batch) });
            }
        }
        let start = self.range().start;
        while self.chunks.front().is_some_and(|chunk| chunk.end() <= start) {
            self.chunks.pop_front();
        }
        first..self.end
    }

    /// The event with this id, if it is kept.
    #[must_use]
    pub fn get(&self, id: u64) -> Option<OpenEvent<'_>> {
        if !self.range().contains(&id) {
            return None;
        }
        let chunk = &self.chunks[self.chunk_at(id)];
        chunk.batch.get((id - chunk.first) as usize)
    }

    /// The ids that are kept.
    #[must_use]
    pub fn range(&self) -> Range<u64> {
        self.end.saturating_sub(self.capacity)..self.end
    }

    /// How many events are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        let kept = self.range();
        (kept.end - kept.start) as usize
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.end == 0
    }

    /// Bytes that the events take.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.batch.memory()).sum()
    }

    /// The events from `id` on, with their ids. Those of the last push are all there, even beyond the capacity.
    pub fn iter_from(&self, id: u64) -> impl Iterator<Item = (u64, OpenEvent<'_>)> {
        self.chunks.range(self.chunk_at(id)..).flat_map(move |chunk| {
            let skipped = id.saturating_sub(chunk.first);
            (chunk.first + skipped..).zip(chunk.batch.iter_from(skipped as usize))
        })
    }

    /// Index of the chunk with `id`, or of the next one.
    fn chunk_at(&self, id: u64) -> usize {
        self.chunks.partition_point(|chunk| chunk.end() <= id)
    }

    /// A small history has small chunks, so that one chunk more stays little.
    fn chunk_size(&self) -> usize {
        CHUNK.min(self.capacity as usize / 8)
    }
}

/// Which events of a [`Log`] a filter holds for. An empty filter costs nothing per event.
#[derive(Clone, Debug, Default)]
pub struct Matches {
    filter: Filter,
    /// Ids that match, oldest first; unused while the filter is empty.
    ids: VecDeque<u64>,
    /// The ids known: those of the log, when it was last looked at.
    known: Range<u64>,
    seen: u64,
    matched: u64,
}

impl Matches {
    #[must_use]
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// What `filter` holds for in `log`, of which nothing is looked at yet: see [`Matches::extend`] and
    /// [`Matches::advance`]. `seen` and `matched` count from the start of what is kept.
    #[must_use]
    pub fn of(filter: Filter, log: &Log) -> Self {
        let start = log.range().start;
        Self { filter, known: start..start, ..Self::default() }
    }

    /// Takes another filter and looks through all of the history.
    pub fn refilter(&mut self, filter: Filter, log: &Log, names: &Names) {
        *self = Self::of(filter, log);
        self.extend(log, names);
    }

    /// Looks at up to `limit` events further. True when all of `log` is looked at.
    pub fn advance(&mut self, log: &Log, names: &Names, limit: u64) -> bool {
        self.look(log, names, limit);
        self.known.end == log.range().end
    }

    /// Looks at the events that are new in `log` and lets go of those that have left it. To be called after every
    /// push. Returns how many new ones match.
    pub fn extend(&mut self, log: &Log, names: &Names) -> u64 {
        self.look(log, names, u64::MAX)
    }

    fn look(&mut self, log: &Log, names: &Names, limit: u64) -> u64 {
        let (kept, first) = (log.range(), self.known.end);
        let limit = if self.filter.is_empty() { u64::MAX } else { limit };
        let end = kept.end.min(first.saturating_add(limit));
        self.known = kept.start..end;
        self.seen += end - first;
        let matching = if self.filter.is_empty() { end - first } else { self.collect(first..end, log, names) };
        self.matched += matching;
        matching
    }

    fn collect(&mut self, new: Range<u64>, log: &Log, names: &Names) -> u64 {
        let mut matching = 0;
        for (id, event) in log.iter_from(new.start).take_while(|(id, _)| *id < new.end) {
            if self.filter.matches(&event, names) {
                self.ids.push_back(id);
                matching += 1;
            }
        }
        let gone = self.ids.partition_point(|id| *id < self.known.start);
        self.ids.drain(..gone);
        matching
    }

    /// How many events match, of those kept.
    #[must_use]
    pub fn len(&self) -> usize {
        if self.filter.is_empty() { (self.known.end - self.known.start) as usize } else { self.ids.len() }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The id of the match at `index`, the oldest at 0.
    #[must_use]
    pub fn nth(&self, index: usize) -> Option<u64> {
        if self.filter.is_empty() {
            return self.known.clone().nth(index);
        }
        self.ids.get(index).copied()
    }

    /// The index of `id`, if it matches and is kept.
    #[must_use]
    pub fn position(&self, id: u64) -> Option<usize> {
        let index = self.lower_bound(id);
        (self.nth(index) == Some(id)).then_some(index)
    }

    /// The index of the first match at or behind `id`: where to go on when `id` itself has left.
    #[must_use]
    pub fn lower_bound(&self, id: u64) -> usize {
        if self.filter.is_empty() {
            return (id.clamp(self.known.start, self.known.end) - self.known.start) as usize;
        }
        self.ids.partition_point(|known| *known < id)
    }

    /// Events that the filter has been asked about, those no longer kept included.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// Events that it held for, those no longer kept included.
    #[must_use]
    pub fn matched(&self) -> u64 {
        self.matched
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::sample;
    use proptest::prelude::*;
    use std::time::Instant;

    /// `count` opens with pid and time counting up from `first`.
    fn batch(first: u64, count: usize) -> Batch {
        let mut batch = Batch::default();
        for n in first..first + count as u64 {
            let path = format!("/srv/file-{n}");
            batch.push(&OpenEvent {
                pid: n as u32,
                ts_ns: n,
                time_ns: 3 * n,
                path: path.as_bytes(),
                name: path.as_bytes(),
                ..sample()
            });
        }
        batch
    }

    fn filter(expression: &str) -> Filter {
        Filter::parse(expression, &Names::without_users()).unwrap()
    }

    fn check(log: &Log, matches: &Matches, wanted: impl Fn(u64) -> bool) {
        for (id, event) in log.range().map(|id| (id, log.get(id).unwrap())) {
            assert_eq!((event.pid, event.ts_ns, event.time_ns), (id as u32, id, 3 * id));
            assert_eq!(event.path, format!("/srv/file-{id}").as_bytes());
        }
        let ids: Vec<u64> = log.range().filter(|id| wanted(*id)).collect();
        assert_eq!(matches.len(), ids.len());
        for (index, id) in ids.iter().enumerate() {
            assert_eq!(matches.nth(index), Some(*id));
            assert_eq!(matches.position(*id), Some(index));
        }
        assert_eq!(matches.nth(ids.len()), None);
        assert_eq!(log.get(log.range().end), None);
        let all = 0..log.range().end;
        assert_eq!(matches.seen(), all.end);
        assert_eq!(matches.matched(), all.filter(|id| wanted(*id)).count() as u64);
    }

    proptest! {
        /// Whatever comes in whatever portions: the newest are kept under their ids, and the matches are theirs.
        #[test]
        fn the_latest_are_kept(
            capacity in 1usize..3000,
            sizes in prop::collection::vec(prop_oneof![4 => 0usize..20, 1 => 900usize..1200, 1 => 0usize..5000], 1..12),
        ) {
            let (mut log, names) = (Log::new(capacity), Names::without_users());
            let (mut all, mut some) = (Matches::default(), Matches::default());
            some.refilter(filter("file:7$"), &log, &names);
            for size in sizes {
                let before = log.range().end;
                prop_assert_eq!(log.push(batch(before, size)), before..before + size as u64);
                all.extend(&log, &names);
                some.extend(&log, &names);
                prop_assert!(log.len() <= capacity);
            }
            check(&log, &all, |_| true);
            check(&log, &some, |id| id % 10 == 7);
        }
    }

    #[test]
    fn one_event_at_a_time_is_as_compact() {
        let mut log = Log::new(50_000);
        for n in 0..100_000 {
            log.push(batch(n, 1));
        }
        assert_eq!(log.range(), 50_000..100_000);
        let each = log.memory() / log.len();
        assert!(each < 300, "{each} bytes an event");
        assert!(log.chunks.len() < 20, "{} chunks", log.chunks.len());
    }

    #[test]
    fn a_clone_holds_still() {
        let mut log = Log::new(100);
        log.push(batch(0, 10));
        let held = log.clone();
        log.push(batch(10, 10));
        log.push(batch(20, 500));
        assert_eq!(held.range(), 0..10);
        assert_eq!(held.get(9).map(|event| event.pid), Some(9));
        assert_eq!(log.range(), 420..520);
    }

    #[test]
    fn memory_is_bounded() {
        let mut log = Log::new(10_000);
        for n in 0..100 {
            log.push(batch(n * 700, 700));
        }
        let held: usize = log.chunks.iter().map(|chunk| chunk.batch.len()).sum();
        assert!((10_000..10_000 + 2 * CHUNK).contains(&held), "{held} events held");
    }

    #[test]
    fn portions_make_no_difference() {
        let (mut log, names) = (Log::new(1000), Names::without_users());
        log.push(batch(0, 900));
        let mut matches = Matches::of(filter("file:7$"), &log);
        while !matches.advance(&log, &names, 70) {
            // The log goes on meanwhile, and lets go of what was not looked at yet.
            let end = log.range().end;
            if end < 1500 {
                log.push(batch(end, 50));
            }
        }
        assert_eq!(matches.len(), 100);
        assert!((0..matches.len()).filter_map(|at| matches.nth(at)).all(|id| id % 10 == 7));
    }

    #[test]
    fn refiltering_counts_what_is_kept() {
        let (mut log, names) = (Log::new(100), Names::without_users());
        log.push(batch(0, 250));
        let mut matches = Matches::default();
        matches.refilter(filter("pid:>=200"), &log, &names);
        assert_eq!((matches.seen(), matches.matched(), matches.len()), (100, 50, 50));
        assert_eq!(matches.filter().source(), "pid:>=200");
        log.push(batch(250, 80));
        assert_eq!(matches.extend(&log, &names), 80);
        assert_eq!((matches.seen(), matches.matched(), matches.len()), (180, 130, 100));
        assert_eq!((matches.position(229), matches.lower_bound(229), matches.lower_bound(231)), (None, 0, 1));
        matches.refilter(Filter::default(), &log, &names);
        assert_eq!(
            (matches.seen(), matches.len(), matches.lower_bound(5), matches.lower_bound(999)),
            (100, 100, 0, 100)
        );
    }

    /// Not asserted but printed: `cargo test --release --lib refilter_speed -- --ignored --nocapture`.
    #[test]
    #[ignore = "a measurement"]
    fn refilter_speed() {
        let (mut log, names) = (Log::new(100_000), Names::without_users());
        for n in 0..100 {
            log.push(batch(n * 1000, 1000));
        }
        for expression in ["srv", "conf$", "Nginx", "file-9.*[13]$", r"file:\d7$", "comm:cat file:1$", "é", "pid:7"] {
            let (filter, start) = (filter(expression), Instant::now());
            let mut matches = Matches::default();
            matches.refilter(filter, &log, &names);
            println!("{expression:16} {:6} matches in {:?}", matches.len(), start.elapsed());
        }
    }
}
