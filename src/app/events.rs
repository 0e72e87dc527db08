//! The events as the user looks at them: following the newest, or held still.
//!
//! The log goes on in any case. A held view is a clone of it, which shares the events: rows that are looked at do not
//! disappear, however fast new ones come, and nothing moves until the user asks for it.

use super::action::Motion;
use super::scroll::Scroll;
use crate::event::{Batch, OpenEvent};
use crate::filter::Filter;
use crate::model::log::{Log, Matches};
use crate::names::Names;

/// A log and what of it matches.
#[derive(Clone, Debug)]
pub struct Feed {
    pub log: Log,
    pub matches: Matches,
}

impl Feed {
    fn refilter(&mut self, filter: &Filter, names: &Names) {
        self.matches.refilter(filter.clone(), &self.log, names);
    }

    /// The event in row `index` of what matches.
    #[must_use]
    pub fn row(&self, index: usize) -> Option<(u64, OpenEvent<'_>)> {
        let id = self.matches.nth(index)?;
        Some((id, self.log.get(id)?))
    }
}

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
    pub sideways: u16,
}

impl Events {
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let live = Feed { log: Log::new(capacity), matches: Matches::default() };
        Self { live, held: None, sideways: 0 }
    }

    /// Takes in a batch. Returns the id of its first event and how many of its events match.
    pub fn push(&mut self, batch: Batch, names: &Names) -> (u64, u64) {
        let ids = self.live.log.push(batch);
        (ids.start, self.live.matches.extend(&self.live.log, names))
    }

    #[must_use]
    pub fn live(&self) -> &Feed {
        &self.live
    }

    /// What is on the screen.
    #[must_use]
    pub fn shown(&self) -> &Feed {
        self.held.as_ref().map_or(&self.live, |held| &held.feed)
    }

    #[must_use]
    pub fn is_following(&self) -> bool {
        self.held.is_none()
    }

    /// Where the window is; following, its end.
    #[must_use]
    pub fn scroll(&self, height: usize) -> Scroll {
        match &self.held {
            Some(held) => held.scroll.settled(held.feed.matches.len(), height),
            None => Scroll::at_end(self.live.matches.len(), height),
        }
    }

    /// Matching events that came since the view was held.
    #[must_use]
    pub fn new_since(&self) -> u64 {
        self.held.as_ref().map_or(0, |held| self.live.matches.matched() - held.matched)
    }

    /// The selected event: following, the newest.
    #[must_use]
    pub fn selected(&self) -> Option<(u64, OpenEvent<'_>)> {
        let feed = self.shown();
        match &self.held {
            Some(held) => feed.row(held.scroll.selected),
            None => feed.row(feed.matches.len().checked_sub(1)?),
        }
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
        if self.held.is_none() && matches!(motion, Motion::Down | Motion::PageDown | Motion::HalfDown) {
            return;
        }
        self.hold(height);
        if !still && self.at_end() && matches!(motion, Motion::Down | Motion::PageDown | Motion::HalfDown) {
            self.join_new();
        }
        if let Some(held) = &mut self.held {
            held.scroll = held.scroll.moved(motion, held.feed.matches.len(), height);
        }
    }

    fn at_end(&self) -> bool {
        self.held.as_ref().is_some_and(|held| held.scroll.selected + 1 >= held.feed.matches.len())
    }

    fn join_new(&mut self) {
        let Some(held) = &mut self.held else { return };
        let id = |index| held.feed.matches.nth(index).unwrap_or(0);
        let (top, selected) = (id(held.scroll.top), id(held.scroll.selected));
        held.feed = self.live.clone();
        held.matched = self.live.matches.matched();
        let place = |id| held.feed.matches.lower_bound(id);
        held.scroll = Scroll { top: place(top), selected: place(selected) };
    }

    /// Selects row `index` of the window.
    pub fn select_row(&mut self, index: usize, height: usize) {
        self.hold(height);
        if let Some(held) = &mut self.held {
            let scroll = held.scroll.settled(held.feed.matches.len(), height);
            held.scroll = Scroll { selected: scroll.top + index, ..scroll }.settled(held.feed.matches.len(), height);
        }
    }

    /// Shows what `filter` holds for. The selection stays on its event, or goes to the next that matches.
    pub fn refilter(&mut self, filter: &Filter, names: &Names, height: usize) {
        let selected = self.selected().map(|(id, _)| id);
        self.live.refilter(filter, names);
        let Some(held) = &mut self.held else { return };
        held.feed.refilter(filter, names);
        let came_since = self.live.matches.len() - self.live.matches.lower_bound(held.feed.log.range().end);
        held.matched = self.live.matches.matched() - came_since as u64;
        let selected = selected.map_or(0, |id| held.feed.matches.lower_bound(id));
        held.scroll = Scroll { selected, ..held.scroll }.settled(held.feed.matches.len(), height);
    }

    /// Goes to the next (or previous) row that `wanted` holds for. False where there is none.
    pub fn search(&mut self, wanted: &Filter, forwards: bool, names: &Names, height: usize) -> bool {
        let feed = self.shown();
        let len = feed.matches.len();
        let from = self.scroll(height).selected;
        let holds = |&index: &usize| feed.row(index).is_some_and(|(_, event)| wanted.matches(&event, names));
        let found = if forwards { (from + 1..len).find(holds) } else { (0..from.min(len)).rev().find(holds) };
        let Some(found) = found else { return false };
        self.hold(height);
        if let Some(held) = &mut self.held {
            held.scroll = Scroll { selected: found, ..held.scroll }.settled(len, height);
        }
        true
    }

    /// Forgets all events.
    pub fn clear(&mut self, capacity: usize, filter: &Filter, names: &Names) {
        *self = Self { sideways: self.sideways, ..Self::new(capacity) };
        self.live.refilter(filter, names);
    }
}
