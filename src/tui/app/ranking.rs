//! The top openers as the user looks at them: grouped, sorted, one row selected.
//!
//! The rows are worked out once for each reading of the counts, so that drawing only reads them and a pause is no more
//! than not working them out.

use std::cmp::Ordering;

use super::action::Motion;
use super::scroll::Scroll;
use crate::escape::escape;
use crate::event::{OpenEvent, errno_name};
use crate::message::Counts;
use crate::names::Names;
use crate::ranking::openers::{Group, Key, Openers, Row};
use crate::ranking::tally::Tally;

/// What the rows are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    Rate,
    Total,
    Failed,
    Pid,
    User,
    Name,
    Median,
    P99,
}

impl Sort {
    /// All of them with their names on the command line.
    pub const ALL: [(Sort, &'static str); 8] = [
        (Sort::Rate, "rate"),
        (Sort::Total, "total"),
        (Sort::Failed, "failed"),
        (Sort::Pid, "pid"),
        (Sort::User, "user"),
        (Sort::Name, "name"),
        (Sort::Median, "p50"),
        (Sort::P99, "p99"),
    ];

    #[must_use]
    pub fn from_name(name: &str) -> Option<Sort> {
        Sort::ALL.into_iter().find(|(_, known)| *known == name).map(|(sort, _)| sort)
    }

    /// Numbers start with the largest, names with the first.
    fn is_descending(self) -> bool {
        !matches!(self, Sort::Pid | Sort::User | Sort::Name)
    }

    fn compare(self, a: &Row, b: &Row, names: &Names) -> Ordering {
        match self {
            Sort::Rate => a.rate.unwrap_or(0.0).total_cmp(&b.rate.unwrap_or(0.0)),
            Sort::Total => a.opens.cmp(&b.opens),
            Sort::Failed => a.failed_share().total_cmp(&b.failed_share()),
            Sort::Pid => pid(&a.key).cmp(&pid(&b.key)),
            Sort::User => a.uid.map(|uid| names.user(uid)).cmp(&b.uid.map(|uid| names.user(uid))),
            Sort::Name => label(a, names).cmp(&label(b, names)),
            Sort::Median => a.latency.map(|(median, _)| median).cmp(&b.latency.map(|(median, _)| median)),
            Sort::P99 => a.latency.map(|(_, p99)| p99).cmp(&b.latency.map(|(_, p99)| p99)),
        }
    }
}

/// The pid of a row that is a process.
#[must_use]
pub fn pid(key: &Key<'_>) -> Option<u32> {
    match key {
        Key::Process { pid, .. } => Some(*pid),
        _ => None,
    }
}

/// What a row is called, displayable.
#[must_use]
pub fn label(row: &Row, names: &Names) -> String {
    match &row.key {
        Key::Process { .. } => escape(&row.comm),
        Key::User(uid) => names.user(*uid).into_owned(),
        Key::Error(0) => "(no error)".to_owned(),
        Key::Error(errno) => errno_name(*errno).into_owned(),
        Key::Text(text) if text.is_empty() => "(unknown)".to_owned(),
        Key::Text(text) => escape(text),
        Key::Rest if row.comm.is_empty() => "(ended processes)".to_owned(),
        Key::Rest => format!("{} (ended processes)", escape(&row.comm)),
    }
}

/// The head of the column with the names of such rows.
#[must_use]
pub fn title_of(group: Group) -> &'static str {
    match group {
        Group::Process | Group::Comm => "COMMAND",
        Group::File => "FILE",
        Group::Dir => "DIRECTORY",
        Group::User => "USER",
        Group::Container => "CONTAINER OR UNIT",
        Group::Error => "ERROR",
    }
}

/// Where the numbers of the rows come from, and so how exact they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// The kernel's counts. They are exact, unless processes found no room there: then the rows lack as many opens as
    /// `unsure`.
    Counts { unsure: u64 },
    /// The events that came here; a row may lack as many as `unsure`.
    Events { events: u64, unsure: u64 },
}

impl Basis {
    /// Whether each row has all its opens.
    #[must_use]
    pub fn is_exact(self) -> bool {
        self == Basis::Counts { unsure: 0 }
    }
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
    rows: Vec<Row>,
    /// What the rows were worked out from.
    basis: Basis,
    /// They lack what a filter in the kernel left out.
    as_filtered: bool,
    scroll: Scroll,
    /// The row the user chose; the first one until he does.
    chosen: Option<Key<'static>>,
    filtered: bool,
    latency: bool,
    read_ns: u64,
    /// What the kernel had left out at the last reading, and at the last reset.
    left_out: (u64, u64),
    /// The same of opens whose processes found no room to be counted in.
    unranked: (u64, u64),
    /// Counts were read since the start or the last reset; the rows are worked out from such.
    was_read: bool,
    has_counts: bool,
}

impl Ranking {
    /// `since_ns`: see [`Openers::new`].
    #[must_use]
    pub fn new(group: Group, sort: Sort, latency: bool, since_ns: Option<u64>) -> Self {
        Self {
            openers: Openers::new(since_ns),
            tally: None,
            group,
            sort,
            reversed: false,
            rows: Vec::new(),
            basis: Basis::Counts { unsure: 0 },
            as_filtered: false,
            scroll: Scroll::default(),
            chosen: None,
            filtered: false,
            latency,
            read_ns: since_ns.unwrap_or(0),
            left_out: (0, 0),
            unranked: (0, 0),
            was_read: false,
            has_counts: false,
        }
    }

    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    #[must_use]
    pub fn basis(&self) -> Basis {
        self.basis
    }

    /// Whether the rows, or that there are none, rest on any counts at all.
    #[must_use]
    pub fn has_counts(&self) -> bool {
        self.has_counts || matches!(self.basis, Basis::Events { events: 1.., .. })
    }

    /// Whether the exact counts are those of what passed a filter in the kernel.
    #[must_use]
    pub fn is_as_filtered(&self) -> bool {
        self.as_filtered
    }

    /// From the next [`Ranking::take_over`] on latencies are ranked too.
    pub fn measure_latency(&mut self) {
        self.latency = true;
    }

    /// Whether the kernel's counts are not enough for such a ranking.
    #[must_use]
    pub fn needs_events(&self, group: Group, filtered: bool) -> bool {
        filtered || !group.is_counted() || self.latency
    }

    /// Whether every single event is to be handed to [`Ranking::add`].
    #[must_use]
    pub fn wants_events(&self) -> bool {
        self.tally.is_some()
    }

    pub fn add(&mut self, id: u64, event: &OpenEvent<'_>, names: &Names) {
        if let Some(tally) = &mut self.tally {
            tally.add(id, event, names);
        }
    }

    /// Takes in a reading of the counts. The rows stay as they are: see [`Ranking::refresh`].
    pub fn read(&mut self, counts: Counts) {
        self.read_ns = counts.ts_ns;
        self.left_out.0 = counts.totals.filtered;
        self.unranked.0 = counts.totals.lost.overflow;
        self.was_read = true;
        if let Some(tally) = &mut self.tally {
            tally.read(counts.ts_ns);
        }
        self.openers.read(counts);
    }

    /// Notes the latest event of its process, for the rows that are counted without events.
    pub fn note_last(&mut self, id: u64, event: &OpenEvent<'_>) {
        self.openers.note_last(id, event);
    }

    /// Ranks by another group or under another filter. `tally` has counted the events so far, where it needs events.
    pub fn take_over(&mut self, group: Group, filtered: bool, tally: Option<Tally>, names: &Names) {
        if group != self.group {
            self.chosen = None;
            self.scroll = Scroll::default();
        }
        (self.group, self.filtered, self.tally) = (group, filtered, tally);
        if let Some(tally) = &mut self.tally {
            // What came before has no rate.
            tally.read(self.read_ns);
        }
        self.refresh(names);
    }

    /// Works the rows out anew.
    pub fn refresh(&mut self, names: &Names) {
        let needs_events = self.filtered || !self.group.is_counted();
        self.has_counts = self.was_read;
        self.as_filtered = self.left_out.0 > self.left_out.1;
        (self.rows, self.basis) = match &self.tally {
            Some(tally) if needs_events => {
                (tally.rows(), Basis::Events { events: tally.events(), unsure: tally.unsure() })
            }
            _ => {
                let unsure = self.unranked.0.saturating_sub(self.unranked.1);
                (self.openers.rows(self.group), Basis::Counts { unsure })
            }
        };
        if let (Some(tally), Basis::Counts { .. }) = (&self.tally, self.basis) {
            self.rows.iter_mut().for_each(|row| row.latency = tally.latency(&row.key));
        }
        // No event tells of the end of its process.
        for row in &mut self.rows {
            if let Key::Process { pid, start_ns } = row.key {
                row.ended = self.openers.has_ended(pid, start_ns);
            }
        }
        self.order(names);
    }

    /// Sorts the rows; the selection stays on its row.
    pub fn order(&mut self, names: &Names) {
        let descending = self.sort.is_descending() != self.reversed;
        self.rows.sort_by(|a, b| {
            let by_column = self.sort.compare(a, b, names);
            let by_column = if descending { by_column.reverse() } else { by_column };
            // Ties never change places: the larger first, then the older.
            by_column.then_with(|| b.opens.cmp(&a.opens)).then_with(|| order_of(a).cmp(&order_of(b)))
        });
        if let Some(chosen) = &self.chosen
            && let Some(at) = self.rows.iter().position(|row| row.key == *chosen)
        {
            self.scroll.selected = at;
        }
    }

    #[must_use]
    pub fn scroll(&self, height: usize) -> Scroll {
        self.scroll.settled(self.rows.len(), height)
    }

    #[must_use]
    pub fn selected(&self) -> Option<&Row> {
        self.rows.get(self.scroll.selected.min(self.rows.len().checked_sub(1)?))
    }

    /// Moves the selection. On the first row it is nobody's choice: whoever is first is selected.
    pub fn go(&mut self, motion: Motion, height: usize) {
        self.select(self.scroll.moved(motion, self.rows.len(), height));
    }

    /// Selects row `index` of the window.
    pub fn select_row(&mut self, index: usize, height: usize) {
        let scroll = self.scroll(height);
        self.select(Scroll { selected: scroll.top + index, ..scroll }.settled(self.rows.len(), height));
    }

    fn select(&mut self, scroll: Scroll) {
        self.scroll = scroll;
        self.chosen = (scroll.selected > 0).then(|| self.selected().map(|row| row.key.clone())).flatten();
    }

    /// Counts from 0.
    pub fn reset(&mut self, names: &Names) {
        self.openers.reset();
        self.left_out.1 = self.left_out.0;
        self.unranked.1 = self.unranked.0;
        self.was_read = false;
        self.tally = self.tally.as_ref().map(|tally| Tally::new(tally.group()));
        self.chosen = None;
        self.scroll = Scroll::default();
        self.refresh(names);
    }
}

fn order_of(row: &Row) -> (u64, u32, &[u8], i64) {
    match &row.key {
        Key::Process { pid, start_ns } => (*start_ns, *pid, b"", 0),
        Key::User(uid) => (0, *uid, b"", 0),
        Key::Error(errno) => (0, 0, b"", i64::from(*errno)),
        Key::Text(text) => (0, 0, text, 0),
        Key::Rest => (u64::MAX, 0, b"", 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::ProcessCount;

    fn counts(second: u64, opens: &[(u32, u64)]) -> Counts {
        let process = |&(pid, opens): &(u32, u64)| ProcessCount {
            pid,
            start_ns: u64::from(pid),
            ppid: 1,
            uid: 0,
            comm: format!("c{pid}").into_bytes(),
            opens,
            failed: 0,
            ended: false,
        };
        Counts { ts_ns: second * 1_000_000_000, processes: opens.iter().map(process).collect(), ..Counts::default() }
    }

    fn ranking(sort: Sort, opens: &[(u32, u64)]) -> Ranking {
        let mut ranking = Ranking::new(Group::Process, sort, false, Some(0));
        ranking.read(counts(1, opens));
        ranking.refresh(&Names::without_users());
        ranking
    }

    fn pids(ranking: &Ranking) -> Vec<u32> {
        ranking.rows().iter().filter_map(|row| pid(&row.key)).collect()
    }

    #[test]
    fn numbers_start_with_the_largest_and_names_with_the_first() {
        let opens = [(3, 10), (1, 30), (2, 20)];
        assert_eq!(pids(&ranking(Sort::Rate, &opens)), [1, 2, 3]);
        assert_eq!(pids(&ranking(Sort::Name, &opens)), [1, 2, 3]);
        let mut reversed = ranking(Sort::Total, &opens);
        reversed.reversed = true;
        reversed.order(&Names::without_users());
        assert_eq!(pids(&reversed), [3, 2, 1]);
    }

    #[test]
    fn rows_that_are_equal_never_change_places() {
        let opens: Vec<_> = (1..50).map(|pid| (pid, 5)).collect();
        let expected: Vec<_> = (1..50).collect();
        assert_eq!(pids(&ranking(Sort::Rate, &opens)), expected);
    }

    #[test]
    fn the_selection_stays_on_its_row_when_the_ranking_changes() {
        let mut ranking = ranking(Sort::Total, &[(1, 30), (2, 20), (3, 10)]);
        ranking.go(Motion::Down, 2);
        assert_eq!(ranking.selected().and_then(|row| pid(&row.key)), Some(2));
        ranking.read(counts(2, &[(1, 30), (2, 20), (3, 90), (4, 80)]));
        ranking.refresh(&Names::without_users());
        assert_eq!(pids(&ranking), [3, 4, 1, 2]);
        assert_eq!(ranking.selected().and_then(|row| pid(&row.key)), Some(2));
        assert_eq!(ranking.scroll(2).rows(4, 2), 2..4);
    }

    #[test]
    fn the_first_row_is_nobodys_choice() {
        let mut ranking = ranking(Sort::Total, &[(1, 30), (2, 20)]);
        ranking.read(counts(2, &[(1, 30), (2, 90)]));
        ranking.refresh(&Names::without_users());
        assert_eq!(ranking.selected().and_then(|row| pid(&row.key)), Some(2));
    }
}
