//! Who opens most: groups, sorting, exact counts from the kernel, counts from events, latencies.
//!
//! The rows are worked out once for each reading of the counts, so that whoever shows them only reads, and a pause is
//! no more than not working them out.

pub mod descriptors;
mod latency;
pub mod openers;
mod sort;
pub mod sum;
pub(crate) mod tally;

use std::cmp::Ordering;

use crate::event::{OpenEvent, Source};
use crate::message::Counts;
use crate::names::Names;
use descriptors::Watched;
use openers::{Branch, Group, Id, Key, Openers, Row};
use sort::order_of;
use tally::{Matching, Tally};

pub use sort::{Sort, described, label, pid, title_of, user};

/// Where the numbers of the rows come from, and so how exact they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// The kernel's counts. They are exact, unless something found no room there: then the rows lack as many opens as
    /// `error_bound`.
    Counts { error_bound: u64 },
    /// The events that came here; a row may lack as many as `error_bound`.
    Events { events: u64, error_bound: u64 },
}

impl Basis {
    /// Whether each row has all its opens.
    pub fn is_exact(self) -> bool {
        self == Basis::Counts { error_bound: 0 }
    }
}

/// Opens that are counted in the totals, and not for every group.
#[derive(Clone, Copy, Debug, Default)]
struct Unranked {
    /// Of processes that found no room to be counted in.
    process: u64,
    /// Of processes that were in too many cgroups.
    cgroup: u64,
    /// With errors that are not counted one by one.
    error: u64,
}

/// The ranking and its state.
#[derive(Debug)]
pub struct Ranking {
    openers: Openers,
    /// Counts from events, where the group, the filter or measured latencies need them.
    tally: Option<Tally>,
    pub group: Group,
    pub sort: Sort,
    pub reversed: bool,
    /// What processes have open, where somebody looks.
    pub watched: Watched,
    rows: Vec<Row>,
    /// What the rows were worked out from.
    basis: Basis,
    /// They lack what a filter in the kernel left out.
    as_filtered: bool,
    filtered: bool,
    latency: bool,
    read_ns: u64,
    /// What the kernel had left out at the last reading, and at the last reset.
    left_out: (u64, u64),
    /// The same of opens that have no row in some group.
    unranked: (Unranked, Unranked),
    /// Counts were read since the start or the last reset; the rows are worked out from such.
    was_read: bool,
    has_counts: bool,
}

impl Ranking {
    /// `since_ns`: see [`Openers::new`].
    pub fn new(group: Group, sort: Sort, latency: bool, since_ns: Option<u64>) -> Self {
        Self {
            openers: Openers::new(since_ns),
            tally: None,
            group,
            sort,
            reversed: false,
            watched: Watched::default(),
            rows: Vec::new(),
            basis: Basis::Counts { error_bound: 0 },
            as_filtered: false,
            filtered: false,
            latency,
            read_ns: since_ns.unwrap_or(0),
            left_out: (0, 0),
            unranked: Default::default(),
            was_read: false,
            has_counts: false,
        }
    }

    /// A ranking that is only ever asked for those that opened something lately: see [`Ranking::refresh_active`].
    pub fn of_active(group: Group, sort: Sort, since_ns: Option<u64>) -> Self {
        Self { openers: Openers::for_active(group, since_ns), ..Self::new(group, sort, false, since_ns) }
    }

    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// When the counts were read last, CLOCK_MONOTONIC nanoseconds.
    pub fn read_ns(&self) -> u64 {
        self.read_ns
    }

    /// The parents of a process as the counts know them, the nearest first: pid and name.
    pub fn ancestry(&self, id: Id) -> Vec<(u32, Vec<u8>)> {
        self.openers.ancestry(id)
    }

    pub fn basis(&self) -> Basis {
        self.basis
    }

    /// Whether the rows, or that there are none, rest on any counts at all.
    pub fn has_counts(&self) -> bool {
        self.has_counts || matches!(self.basis, Basis::Events { events: 1.., .. })
    }

    /// What was counted under the filter, where that is done by the events.
    pub fn matching(&self) -> Option<Matching> {
        self.tally.as_ref().filter(|_| self.filtered).map(Tally::all)
    }

    /// Whether the exact counts are those of what passed a filter in the kernel.
    pub fn is_as_filtered(&self) -> bool {
        self.as_filtered
    }

    /// From the next [`Ranking::apply`] on latencies are ranked too.
    pub fn measure_latency(&mut self) {
        self.latency = true;
    }

    /// Whether the kernel's counts are not enough for such a ranking.
    pub fn needs_events(&self, group: Group, filtered: bool) -> bool {
        filtered || !group.is_counted() || self.latency
    }

    /// Whether every single event is to be handed to [`Ranking::add`].
    pub fn wants_events(&self) -> bool {
        self.tally.is_some()
    }

    /// Counts an open; a look-up is none.
    pub fn add(&mut self, id: u64, event: &OpenEvent<'_>, names: &Names) {
        if let Some(tally) = &mut self.tally {
            tally.add(id, event, names);
        }
    }

    /// Takes in a reading of the counts. The rows stay as they are: see [`Ranking::refresh`].
    pub fn read(&mut self, counts: Counts) {
        self.read_ns = counts.ts_ns;
        self.left_out.0 = counts.totals.filtered;
        let lost = counts.totals.lost;
        self.unranked.0 = Unranked { process: lost.overflow, cgroup: lost.cgroup, error: counts.other_errors };
        self.was_read = true;
        if let Some(tally) = &mut self.tally {
            tally.read(counts.ts_ns);
        }
        self.openers.read(counts);
    }

    /// A connection to a host has ended: see [`Openers::lose`].
    pub fn lose(&mut self, source: Source) {
        self.openers.lose(source);
    }

    /// Notes the latest event of its process, for the rows that are counted without events.
    pub fn note_last(&mut self, id: u64, event: &OpenEvent<'_>) {
        self.openers.note_last(id, event);
    }

    /// Ranks by another group or under another filter. `tally` has counted the events so far, where it needs events.
    pub fn apply(&mut self, group: Group, filtered: bool, tally: Option<Tally>, names: &Names) {
        (self.group, self.filtered, self.tally) = (group, filtered, tally);
        if let Some(tally) = &mut self.tally {
            // What came before has no rate.
            tally.read(self.read_ns);
        }
        self.refresh(names);
    }

    /// Opens that the group has no row for, by the kernel's counts.
    fn unranked(&self) -> u64 {
        let (now, base) = self.unranked;
        let without_process = now.process.saturating_sub(base.process);
        match self.group {
            Group::Error => now.error.saturating_sub(base.error),
            Group::Container | Group::Unit => {
                without_process + now.cgroup.saturating_sub(base.cgroup) + self.openers.without_cgroup()
            }
            _ => without_process,
        }
    }

    /// Works the rows out anew.
    pub fn refresh(&mut self, names: &Names) {
        self.work_out(Tally::rows, Openers::rows, names);
    }

    /// Works out the rows of those that opened something between the last two readings.
    pub fn refresh_active(&mut self, names: &Names) {
        self.work_out(Tally::active_rows, Openers::active_rows, names);
    }

    fn work_out(
        &mut self,
        of_events: fn(&Tally) -> Vec<Row>,
        of_counts: fn(&Openers, Group, &Names) -> Vec<Row>,
        names: &Names,
    ) {
        let needs_events = self.filtered || !self.group.is_counted();
        self.has_counts = self.was_read;
        self.as_filtered = self.left_out.0 > self.left_out.1;
        // Not beside the new ones, as both can be many.
        self.rows = Vec::new();
        (self.rows, self.basis) = match &self.tally {
            Some(tally) if needs_events => {
                (of_events(tally), Basis::Events { events: tally.events(), error_bound: tally.error_bound() })
            }
            _ => {
                let error_bound = self.unranked();
                (of_counts(&self.openers, self.group, names), Basis::Counts { error_bound })
            }
        };
        if let (Some(tally), Basis::Counts { .. }) = (&self.tally, self.basis) {
            self.rows.iter_mut().for_each(|row| row.latency = tally.latency(&key_of_events(self.group, &row.key)));
        }
        if let (Group::Parent, Basis::Events { .. }) = (self.group, self.basis) {
            for row in &mut self.rows {
                let Key::Process { source, pid, .. } = row.key else { continue };
                let name = self.openers.parent_name((source, pid));
                name.unwrap_or_default().clone_into(&mut row.comm);
            }
        }
        // No event tells of the end of its process.
        for row in &mut self.rows {
            if let Key::Process { source, pid, start_ns } = row.key {
                row.ended = self.openers.has_ended(((source, pid), start_ns));
                let watched = self.group == Group::Process && !row.ended && source == Source::HERE;
                row.descriptors = watched.then(|| self.watched.level((pid, start_ns))).flatten();
            }
        }
        self.order(names);
    }

    /// Sorts the rows.
    pub fn order(&mut self, names: &Names) {
        let compare = self.comparing(names);
        self.rows.sort_by(compare);
    }

    /// Which of two rows comes first.
    fn comparing<'a>(&self, names: &'a Names) -> impl Fn(&Row, &Row) -> Ordering + use<'a> {
        let (group, sort, descending) = (self.group, self.sort, self.sort.is_descending() != self.reversed);
        move |a, b| {
            let by_column = sort.compare(group, a, b, names);
            let by_column = if descending { by_column.reverse() } else { by_column };
            // Ties never change places: the larger first, then the older.
            by_column.then_with(|| b.opens.cmp(&a.opens)).then_with(|| order_of(a).cmp(&order_of(b)))
        }
    }

    /// The tree of who started whom, with all that the kernel has counted: each branch before those below it.
    pub fn tree(&self, names: &Names) -> Vec<Branch> {
        self.openers.tree(self.comparing(names))
    }

    /// Counts from 0.
    pub fn reset(&mut self, names: &Names) {
        self.openers.reset();
        self.left_out.1 = self.left_out.0;
        self.unranked.1 = self.unranked.0;
        self.was_read = false;
        self.tally = self.tally.as_ref().map(|tally| Tally::new(tally.group()));
        self.refresh(names);
    }
}

/// The key by which events are counted for a row.
fn key_of_events(group: Group, key: &Key<'static>) -> Key<'static> {
    match key {
        Key::Process { source, pid, .. } if group == Group::Parent => {
            Key::Process { source: *source, pid: *pid, start_ns: 0 }
        }
        key => key.clone(),
    }
}

#[cfg(test)]
mod tests;
