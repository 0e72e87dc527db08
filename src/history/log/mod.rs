//! The history: the latest opens in the order they came, each with an id that never changes, bounded in bytes.
//!
//! Ids count from 0, so a selection or a scroll position is one number that stays right while events come and go.
//! [`Log`] keeps whole batches as they arrive; only small ones are copied together. [`super::matches::Matches`] keeps
//! beside it which of them a filter holds for, and those outlive the others: what leaves the history and matches is
//! kept apart.
//!
//! ```text
//! ids   3  17 18  90     │ 1000 1001 1002 1003 ...
//!       kept: what matched│ recent: everything, without gaps
//! ```

use crate::event::{Batch, OpenEvent};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Events up to which a chunk takes in further batches.
const CHUNK: usize = 4096;
/// Chunks of which a full history has at least this many, as letting one go is to make little difference.
const CHUNKS: usize = 64;
/// Batches of at least this many events become a chunk of their own, uncopied.
const LARGE: usize = 1024;

/// How much a history may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// Bytes of memory, those of views that are held still included.
    pub bytes: usize,
    /// The latest events, and as many older ones that match.
    pub events: u64,
}

impl Bound {
    /// Of bytes alone.
    pub fn bytes(bytes: usize) -> Self {
        Self { bytes, events: u64::MAX }
    }

    /// Bytes up to which the live history grows. The rest is for what comes while a view or a search holds all of them,
    /// of which at least [`Bound::least`] is kept.
    fn most(self) -> usize {
        self.bytes / 4 * 3
    }

    fn least(self) -> usize {
        self.bytes / 16
    }

    /// Bytes of all logs above which the live history makes room. What is left then is for a live history that is as
    /// small as it gets and another of that kind, held by a view that is newer than what a search still holds.
    fn crowded(self) -> usize {
        self.bytes - 2 * self.least()
    }
}

/// Bytes that a log and all its clones hold together, what they share counted once.
#[derive(Clone, Debug, Default)]
struct Total(Arc<AtomicUsize>);

/// Events with their ids.
#[derive(Debug)]
struct Chunk {
    first: u64,
    /// The id of each event where there are gaps between them; else they count from `first`.
    ids: Vec<u64>,
    batch: Batch,
    /// What of `total` is this chunk's.
    bytes: usize,
    total: Total,
}

impl Chunk {
    fn new(first: u64, ids: Vec<u64>, batch: Batch, total: &Total) -> Arc<Self> {
        let mut chunk = Self { first, ids, batch, bytes: 0, total: total.clone() };
        chunk.batch.clear_names();
        chunk.shrink();
        Arc::new(chunk)
    }

    fn append(&mut self, ids: &[u64], batch: &Batch) {
        self.ids.extend_from_slice(ids);
        self.batch.append(batch);
        self.count();
    }

    fn shrink(&mut self) {
        self.batch.shrink();
        self.ids.shrink_to_fit();
        self.count();
    }

    fn count(&mut self) {
        let before = self.bytes;
        self.bytes = self.batch.memory() + self.ids.capacity() * size_of::<u64>() + size_of::<Self>();
        self.total.0.fetch_add(self.bytes, Ordering::Relaxed);
        self.total.0.fetch_sub(before, Ordering::Relaxed);
    }

    /// The id behind the last one.
    fn end(&self) -> u64 {
        self.ids.last().map_or(self.first + self.batch.len() as u64, |last| last + 1)
    }

    /// The index of the first event with this id or a later one.
    fn lower_bound(&self, id: u64) -> usize {
        if self.ids.is_empty() {
            return id.saturating_sub(self.first) as usize;
        }
        self.ids.partition_point(|known| *known < id)
    }

    fn id(&self, index: usize) -> u64 {
        self.ids.get(index).copied().unwrap_or(self.first + index as u64)
    }

    fn iter_from(&self, id: u64) -> impl Iterator<Item = (u64, OpenEvent<'_>)> {
        let at = self.lower_bound(id);
        (at..).map(|index| self.id(index)).zip(self.batch.iter_from(at))
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        self.total.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// The latest events, and older ones that match. A clone shares the events: that is how a view is held still while the
/// log goes on.
#[derive(Clone, Debug)]
pub struct Log {
    kept: VecDeque<Arc<Chunk>>,
    recent: VecDeque<Arc<Chunk>>,
    /// The ids of the recent ones; the first chunk may have some more.
    start: u64,
    end: u64,
    bound: Bound,
    total: Total,
}

impl Log {
    /// An empty history.
    pub fn new(bound: Bound) -> Self {
        let (kept, recent) = (VecDeque::new(), VecDeque::new());
        let bound = Bound { events: bound.events.max(1), ..bound };
        Self { kept, recent, start: 0, end: 0, bound, total: Total::default() }
    }

    /// Takes the events in and returns their ids. [`Log::trim`] lets the oldest go.
    pub fn push(&mut self, batch: Batch) -> Range<u64> {
        let first = self.end;
        self.end += batch.len() as u64;
        append(&mut self.recent, self.bound, &self.total, (first, &[]), batch);
        first..self.end
    }

    /// Lets the oldest events go until the history is as large as it may be. Those that match, whose ids
    /// in order are `matching` where there is a filter, stay longer, as long as they take no more than half of it.
    /// `indexes` are the bytes of what is kept beside this log, and `others` beside its clones. Letting go of what a
    /// clone shares frees nothing, so a short pause or a search costs no history: only when there is no room for all
    /// together, this log makes some.
    pub fn trim(&mut self, matching: Option<&VecDeque<u64>>, indexes: usize, others: usize) {
        let until = self.end.saturating_sub(self.bound.events);
        if self.start < until {
            self.let_go(until, matching);
        }
        while count(&self.kept) > self.bound.events {
            self.kept.pop_front();
        }
        while self.is_over(indexes, others) {
            let share = if matching.is_none() { 0 } else { self.memory() / 2 };
            let next = self.recent.front().map(|chunk| chunk.end()).filter(|end| *end < self.end);
            match next {
                Some(end) if memory(&self.kept) <= share => self.let_go(end, matching),
                _ if self.kept.pop_front().is_some() => {}
                Some(end) => self.let_go(end, matching),
                None => break,
            }
        }
    }

    fn is_over(&self, indexes: usize, others: usize) -> bool {
        let (own, all) = (self.memory() + indexes, self.total.0.load(Ordering::Relaxed) + indexes + others);
        own > self.bound.most() || (all > self.bound.crowded() && own > self.bound.least())
    }

    /// Lets go of the recent events before `until`, which is a recent id, but for those that match.
    fn let_go(&mut self, until: u64, matching: Option<&VecDeque<u64>>) {
        let (mut ids, mut batch) = (Vec::new(), Batch::default());
        for id in matching.into_iter().flat_map(|ids| within(ids, self.start..until)) {
            if let Some(event) = self.get(id) {
                ids.push(id);
                batch.push(&event);
            }
        }
        if let Some(&first) = ids.first() {
            append(&mut self.kept, self.bound, &self.total, (first, &ids), batch);
        }
        self.start = until;
        while self.recent.front().is_some_and(|chunk| chunk.end() <= until) {
            self.recent.pop_front();
        }
    }

    /// The event with this id, if it is still here.
    pub fn get(&self, id: u64) -> Option<OpenEvent<'_>> {
        let chunks = if id < self.start { &self.kept } else { &self.recent };
        let chunk = chunks.get(chunk_at(chunks, id))?;
        let index = chunk.lower_bound(id);
        (chunk.id(index) == id).then(|| chunk.batch.get(index)).flatten()
    }

    /// The ids from which on all events are here.
    pub fn range(&self) -> Range<u64> {
        self.start..self.end
    }

    /// The oldest id that is here.
    pub fn first(&self) -> u64 {
        self.kept.front().map_or(self.start, |chunk| chunk.first)
    }

    /// Whether there never was an event.
    pub fn is_empty(&self) -> bool {
        self.end == 0
    }

    /// Bytes that the events take.
    pub fn memory(&self) -> usize {
        memory(&self.kept) + memory(&self.recent)
    }

    /// The events from `id` on, those kept for their match first, with their ids.
    pub fn iter_from(&self, id: u64) -> impl Iterator<Item = (u64, OpenEvent<'_>)> {
        let kept = self.kept.range(chunk_at(&self.kept, id)..).flat_map(move |chunk| chunk.iter_from(id));
        kept.chain(self.since(id.max(self.start)))
    }

    /// The recent events from `id` on. Those of the last push are all there, even if they are more than may be kept.
    pub fn since(&self, id: u64) -> impl Iterator<Item = (u64, OpenEvent<'_>)> {
        self.recent.range(chunk_at(&self.recent, id)..).flat_map(move |chunk| chunk.iter_from(id))
    }
}

/// Index of the chunk with `id`, or of the next one.
fn chunk_at(chunks: &VecDeque<Arc<Chunk>>, id: u64) -> usize {
    chunks.partition_point(|chunk| chunk.end() <= id)
}

/// Those of `ids`, which are in order, that lie in `range`.
fn within(ids: &VecDeque<u64>, range: Range<u64>) -> impl Iterator<Item = u64> {
    let from = ids.partition_point(|id| *id < range.start);
    ids.range(from..).copied().take_while(move |id| *id < range.end)
}

fn memory(chunks: &VecDeque<Arc<Chunk>>) -> usize {
    chunks.iter().map(|chunk| chunk.bytes).sum()
}

fn count(chunks: &VecDeque<Arc<Chunk>>) -> u64 {
    chunks.iter().map(|chunk| chunk.batch.len() as u64).sum()
}

/// Appends `batch` to the last chunk, if there is room and nobody shares it, or as a new one. A small history has small
/// chunks.
fn append(chunks: &mut VecDeque<Arc<Chunk>>, bound: Bound, total: &Total, (first, ids): (u64, &[u64]), batch: Batch) {
    let full = usize::try_from(bound.events / 8).unwrap_or(CHUNK).min(CHUNK);
    let last = chunks.back_mut().and_then(Arc::get_mut);
    match last {
        _ if batch.is_empty() => return,
        Some(last) if batch.len() < LARGE && last.batch.len() < full && last.bytes < bound.bytes / CHUNKS => {
            last.append(ids, &batch);
            return;
        }
        Some(last) => last.shrink(),
        None => {}
    }
    chunks.push_back(Chunk::new(first, ids.to_vec(), batch, total));
}

#[cfg(test)]
mod tests;
