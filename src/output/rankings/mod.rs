//! The ranking as lines: a table for each reading of the counts, like `top -b`.

use std::io;

use crate::clock::Moment;
use crate::event::Batch;
use crate::filter::Filter;
use crate::message::{Counts, Hooks, HostNews, Lost, Totals};
use crate::names::Names;
use crate::output::lines::Consumer;
use crate::output::{Table, TableOutput};
use crate::ranking::openers::Group;
use crate::ranking::tally::Tally;
use crate::ranking::{Ranking, Sort};

/// What to rank, and how.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    pub group: Group,
    pub sort: Sort,
    /// Which opens are ranked.
    pub filter: &'a Filter,
    /// The kernel counts only what the filter holds for, so that its counts can be used as they are.
    pub filtered_in_kernel: bool,
    /// Only some processes are traced, whatever the filter.
    pub scoped: bool,
}

/// A table each time that the counts are read, of what was opened since the table before.
pub struct Tables<'a> {
    output: &'a mut dyn TableOutput,
    order: Order<'a>,
    names: Names,
    hooks: String,
    /// When counting began; with a recording, its first open.
    start: Option<Moment>,
    ranking: Ranking,
    totals: Totals,
    read_ns: u64,
    written: u64,
    /// How long opens took is known.
    latency: bool,
}

impl<'a> Tables<'a> {
    /// `start` is when counting began, where that is known; `hooks` stand in the summary.
    pub fn new(
        output: &'a mut dyn TableOutput,
        order: Order<'a>,
        names: Names,
        hooks: &str,
        start: Option<Moment>,
    ) -> Self {
        let ranking = ranking(&order, start, &names);
        let read_ns = start.map_or(0, |start| start.ts_ns);
        let (totals, hooks) = (Totals::default(), hooks.to_owned());
        Self { output, order, names, hooks, start, ranking, totals, read_ns, written: 0, latency: false }
    }

    /// From here on latencies are ranked too, for which every event is needed.
    fn rank_latencies(&mut self) {
        self.ranking.measure_latency();
        if !self.ranking.wants_events() {
            let (group, filtered) = (self.order.group, self.order.needs_events());
            self.ranking.apply(group, filtered, Some(Tally::new(group)), &self.names);
        }
    }
}

impl Order<'_> {
    /// The kernel's counts are not of what the filter holds for.
    fn needs_events(&self) -> bool {
        !self.filtered_in_kernel && !self.filter.is_empty()
    }
}

/// Events of a batch among which a latency is looked for: where it is measured, nearly every event has one.
const LATENCY_SCAN: usize = 16;

/// An empty ranking.
fn ranking(order: &Order<'_>, start: Option<Moment>, names: &Names) -> Ranking {
    let mut ranking = Ranking::of_active(order.group, order.sort, start.map(|start| start.ts_ns));
    let filtered = order.needs_events();
    let tally = ranking.needs_events(order.group, filtered).then(|| Tally::new(order.group));
    ranking.apply(order.group, filtered, tally, names);
    ranking
}

impl Consumer for Tables<'_> {
    fn begin(&mut self) -> io::Result<()> {
        self.output.table_header()?;
        self.output.flush()
    }

    fn hooks(&mut self, hooks: &Hooks) {
        self.hooks = hooks.to_string();
    }

    fn opens(&mut self, batch: &Batch, _: u64) -> io::Result<u64> {
        batch.cgroups().iter().for_each(|cgroup| self.names.learn(cgroup));
        if let (None, Some(first)) = (self.start, batch.get(0)) {
            let start = Moment { ts_ns: first.ts_ns, time_ns: first.time_ns };
            self.ranking = ranking(&self.order, Some(start), &self.names);
            (self.start, self.read_ns) = (Some(start), start.ts_ns);
        }
        if !self.latency && batch.iter().take(LATENCY_SCAN).any(|event| event.latency.is_some()) {
            self.latency = true;
            self.rank_latencies();
        }
        if self.ranking.wants_events() {
            for event in batch.iter().filter(|event| self.order.filter.matches(event, &self.names)) {
                self.ranking.add(0, &event, &self.names);
            }
        }
        Ok(0)
    }

    fn host(&mut self, news: &HostNews) -> io::Result<()> {
        match news {
            HostNews::User { host, uid, name } => self.names.learn_user(*host, *uid, name),
            HostNews::State { host, state } => self.output.host(self.names.host(*host), state)?,
            HostNews::Gone(source) => self.ranking.lose(*source),
        }
        Ok(())
    }

    fn counts(&mut self, counts: Counts, left: u64) -> io::Result<u64> {
        self.output.lost_since(&self.totals.lost, &counts.totals.lost)?;
        let before = std::mem::replace(&mut self.totals, counts.totals);
        let since_ns = std::mem::replace(&mut self.read_ns, counts.ts_ns);
        self.ranking.read(counts);
        let Some(start) = self.start.filter(|_| left > 0 && self.read_ns > since_ns) else { return Ok(0) };
        self.ranking.refresh_active(&self.names);
        self.written += 1;
        let rows: Vec<_> = self.ranking.rows().iter().filter(|row| row.rate > Some(0.0)).collect();
        self.output.table(
            &Table {
                number: self.written,
                ts_ns: self.read_ns,
                time_ns: start.time_of(self.read_ns),
                span_ns: self.read_ns - since_ns,
                group: self.order.group,
                basis: self.ranking.basis(),
                narrowed: self.order.scoped || !self.order.filter.is_empty(),
                // A recording's own totals, at its end, can be any.
                opens: self.totals.opens.saturating_sub(before.opens),
                failed: self.totals.failed.saturating_sub(before.failed),
                dropped: self.totals.lost.dropped().saturating_sub(before.lost.dropped()),
                latency: self.latency,
                rows: &rows,
            },
            &self.names,
        )?;
        self.output.flush()?;
        Ok(1)
    }

    fn end(&mut self) -> io::Result<()> {
        self.output.summary(&self.totals, &self.hooks)?;
        self.output.flush()
    }

    fn lost(&self) -> Lost {
        self.totals.lost
    }
}

#[cfg(test)]
mod tests;
