//! The events as the user looks at them: following the newest, or held still.
//!
//! The log goes on in any case. A held view is a clone of it, which shares the events: rows that are looked at do not
//! disappear, however fast new ones come, and nothing moves until the user asks for it.

mod feed;

use super::action::Motion;
use super::scroll::Scroll;
use crate::event::Batch;
use crate::filter::Filter;
use crate::history::gaps::Gaps;
use crate::history::log::{Bound, Log};
use crate::history::matches::Matches;
use crate::names::Names;

pub use feed::{Feed, Row, Shown};

#[derive(Debug)]
struct Held {
    feed: Feed,
    scroll: Scroll,
    /// What had matched when the view was taken.
    matched: u64,
}

/// The live events and, while the user looks around, the held ones.
#[derive(Debug)]
pub struct Events {
    live: Feed,
    held: Option<Held>,
    /// Columns by which paths are scrolled to the side.
    pub horizontal_scroll: u16,
}

impl Events {
    pub fn new(bound: Bound) -> Self {
        let live = Feed { log: Log::new(bound), matches: Matches::default(), folded: None, gaps: Gaps::default() };
        Self { live, held: None, horizontal_scroll: 0 }
    }

    /// Takes in a batch. Returns the id of its first event and how many of its events match.
    pub fn push(&mut self, batch: Batch, names: &Names) -> (u64, u64) {
        let held = self.held.as_ref().map_or(0, |held| held.feed.indexes());
        self.live.push(batch, names, held)
    }

    /// From now on the kernel leaves out what does not match `terms`. `time_ns`: the time of day, if it was not always
    /// so.
    pub fn left_out_from(&mut self, terms: Vec<String>, time_ns: Option<u64>) {
        let next = self.live.log.range().end;
        self.live.gaps.change(terms, time_ns, next);
    }

    /// Takes in how many opens the kernel has left out since the start.
    pub fn count_left_out(&mut self, left_out: u64) {
        self.live.gaps.count(left_out);
    }

    pub fn live(&self) -> &Feed {
        &self.live
    }

    /// What is on the screen.
    pub fn shown(&self) -> &Feed {
        self.held.as_ref().map_or(&self.live, |held| &held.feed)
    }

    pub fn is_following(&self) -> bool {
        self.held.is_none()
    }

    /// Where the window is; following, its end.
    pub fn scroll(&self, height: usize) -> Scroll {
        match &self.held {
            Some(held) => held.scroll.settled(held.feed.len(), height),
            None => Scroll::at_end(self.live.len(), height),
        }
    }

    /// Matching events that came since the view was held.
    pub fn new_since(&self) -> u64 {
        self.held.as_ref().map_or(0, |held| self.live.matches.matched().saturating_sub(held.matched))
    }

    /// The selected event: following, the newest.
    pub fn selected(&self) -> Option<Shown<'_>> {
        let feed = self.shown();
        match &self.held {
            Some(held) => feed.event_of_row(held.scroll.selected),
            None => feed.event_of_row(feed.len().checked_sub(1)?),
        }
    }

    /// The selected row, be it an event or not.
    #[must_use]
    pub fn selected_row(&self) -> Option<Row<'_>> {
        let feed = self.shown();
        feed.row(self.held.as_ref().map_or_else(|| feed.len().checked_sub(1), |held| Some(held.scroll.selected))?)
    }

    /// Holds the view as it is.
    pub fn hold(&mut self, height: usize) {
        if self.held.is_none() {
            let (feed, scroll) = (self.live.clone(), self.scroll(height));
            self.held = Some(Held { feed, scroll, matched: self.live.matches.matched() });
        }
    }

    /// Follows the newest again.
    pub fn follow(&mut self) {
        self.held = None;
    }

    /// Moves the selection. Upwards the view is held; at the end of a held view the events that came since join it,
    /// unless `still`.
    pub fn go(&mut self, motion: Motion, height: usize, still: bool) {
        // Held, a list without rows would stay without them, whatever comes.
        let stays = matches!(motion, Motion::Down | Motion::PageDown | Motion::HalfDown) || self.live.is_empty();
        if self.held.is_none() && stays {
            return;
        }
        self.hold(height);
        if !still && self.at_end() && matches!(motion, Motion::Down | Motion::PageDown | Motion::HalfDown) {
            self.join_new();
        }
        if let Some(held) = &mut self.held {
            held.scroll = held.scroll.moved(motion, held.feed.len(), height);
        }
    }

    fn at_end(&self) -> bool {
        self.held.as_ref().is_some_and(|held| held.scroll.selected + 1 >= held.feed.len())
    }

    fn join_new(&mut self) {
        let Some(held) = &mut self.held else { return };
        let (top, selected) = (held.feed.name(held.scroll.top), held.feed.name(held.scroll.selected));
        held.feed = self.live.clone();
        held.matched = self.live.matches.matched();
        held.scroll = Scroll { top: held.feed.row_of(top), selected: held.feed.row_of(selected) };
    }

    /// Selects the first row of this time, CLOCK_MONOTONIC, or of a later one.
    pub fn go_to(&mut self, ts_ns: u64, height: usize) {
        self.hold(height);
        let Some(held) = &mut self.held else { return };
        let feed = &held.feed;
        let (mut low, mut high) = (0, feed.events_len());
        while low < high {
            let middle = usize::midpoint(low, high);
            let before = feed.event(middle).is_some_and(|row| row.event.ts_ns < ts_ns);
            (low, high) = if before { (middle + 1, high) } else { (low, middle) };
        }
        let selected = feed.event_name(low).map_or(feed.len(), |id| feed.row_of(id));
        held.scroll = Scroll { top: selected.saturating_sub(height / 2), selected }.settled(feed.len(), height);
    }

    /// Selects row `index` of the window.
    pub fn select_row(&mut self, index: usize, height: usize) {
        self.hold(height);
        if let Some(held) = &mut self.held {
            held.scroll = held.scroll.at_row(index, held.feed.len(), height);
        }
    }

    /// The log of a view that is held still.
    pub fn held_log(&self) -> Option<&Log> {
        self.held.as_ref().map(|held| &held.feed.log)
    }

    /// Shows what a changed filter matches. The selection stays on its event, or goes to the next that matches. False
    /// where the view was held meanwhile, so that its own matches are missing.
    pub fn apply(&mut self, live: Matches, held: Option<Matches>, names: &Names, height: usize) -> bool {
        // Where only those of a held view were missing, the live ones go on as they are.
        if live.filter().source() != self.live.matches.filter().source() {
            self.live.apply(live, names);
        }
        let Some(view) = &mut self.held else { return true };
        let Some(matches) = held else { return false };
        let selected = view.feed.name(view.scroll.selected);
        view.feed.apply(matches, names);
        let selected = view.feed.row_of(selected);
        view.scroll = Scroll { selected, ..view.scroll }.settled(view.feed.len(), height);
        let live = &self.live.matches;
        let came_since = live.len() - live.lower_bound(view.feed.log.range().end);
        view.matched = live.matched() - came_since as u64;
        true
    }

    /// Goes to the next (or previous) row that `wanted` holds for. False where there is none.
    pub fn search(&mut self, wanted: &Filter, forwards: bool, names: &Names, height: usize) -> bool {
        let feed = self.shown();
        let len = feed.len();
        let from = self.scroll(height).selected;
        let holds = |&index: &usize| feed.event_of_row(index).is_some_and(|row| wanted.matches(&row.event, names));
        let found = if forwards { (from + 1..len).find(holds) } else { (0..from.min(len)).rev().find(holds) };
        let Some(found) = found else { return false };
        self.hold(height);
        if let Some(held) = &mut self.held {
            held.scroll = Scroll { selected: found, ..held.scroll }.settled(len, height);
        }
        true
    }

    pub fn is_folded(&self) -> bool {
        self.live.folded.is_some()
    }

    /// Folds searches, or unfolds them. The selection stays on its event.
    pub fn fold(&mut self, fold: bool, height: usize) {
        self.live.fold(fold);
        let Some(held) = &mut self.held else { return };
        let selected = held.feed.name(held.scroll.selected);
        held.feed.fold(fold);
        // A row that is folded away is in the run that began before it.
        let at = held.feed.row_of(selected);
        let selected = if held.feed.name(at) == selected { at } else { at.saturating_sub(1) };
        held.scroll = Scroll { selected, ..held.scroll }.settled(held.feed.len(), height);
    }

    /// Forgets all events; what was asked for of the view stays.
    pub fn clear(&mut self, bound: Bound) {
        let (folded, mut gaps) = (self.is_folded(), std::mem::take(&mut self.live.gaps));
        gaps.restart();
        *self = Self { horizontal_scroll: self.horizontal_scroll, ..Self::new(bound) };
        self.live.gaps = gaps;
        self.live.fold(folded);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::sample;

    /// The answer to a changed filter comes when all that it was asked about has left the history.
    #[test]
    fn a_late_answer_makes_no_rows_of_what_has_left() {
        let names = Names::without_users();
        let filter = |line: &str| Filter::parse(line, &names).unwrap();
        let batch = |len: usize| {
            let mut batch = Batch::default();
            (0..len).for_each(|_| batch.push(&sample()));
            batch
        };
        let mut events = Events::new(Bound { bytes: 1 << 20, events: 50 });
        events.push(batch(1), &names);
        let asked = |line: &str, events: &Events| {
            let mut matches = Matches::of(filter(line), &events.live().log);
            while !matches.advance(&events.live().log, &names, 1000) {}
            matches
        };
        let some = asked("comm:nobody", &events);
        events.apply(some, None, &names, 20);
        let all = asked("", &events);
        for _ in 0..5 {
            events.push(batch(30), &names);
        }
        events.apply(all, None, &names, 20);
        let feed = events.live();
        assert_eq!(feed.len() as u64, feed.log.range().end - feed.log.range().start);
        assert!((0..feed.len()).all(|index| feed.row(index).is_some()));
    }
}
