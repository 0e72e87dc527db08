//! Those that opened something between the last two readings, without a look at all others: a recording can have a
//! million readings and tens of thousands of processes.

use std::collections::HashMap;

use crate::names::Names;

use super::row::{add, key_of, key_of_sum};
use super::{EndedSum, Group, Key, Openers, Process, Row, Sum, SumKey};

/// The sums of commands or users, kept up to date with each process that changes. There are no more of them than
/// processes and sums of ended ones.
#[derive(Debug)]
pub(super) struct Grouped {
    group: Group,
    sums: HashMap<Key<'static>, GroupSum>,
}

#[derive(Debug, Default)]
struct GroupSum {
    sum: Sum,
    processes: u64,
    /// Processes that have not ended.
    running: usize,
}

impl Grouped {
    /// Takes in what `process` has opened, under the name that it has now.
    pub(super) fn enter(&mut self, host: u8, process: &Process) {
        let sum = process.counts.sum();
        if sum.opens > 0 {
            let into = self.sums.entry(self.key_of(host, process)).or_default();
            into.processes += 1;
            into.running += usize::from(!process.ended);
            into.sum = into.sum.plus(sum);
        }
    }

    /// Takes that out again, as it was taken in.
    pub(super) fn leave(&mut self, host: u8, process: &Process) {
        let sum = process.counts.sum();
        let key = self.key_of(host, process);
        let Some(from) = self.sums.get_mut(&key).filter(|_| sum.opens > 0) else { return };
        from.processes -= 1;
        from.running -= usize::from(!process.ended);
        from.sum = from.sum.less(sum);
        if from.sum.opens == 0 {
            self.sums.remove(&key);
        }
    }

    /// Takes in the sum of a process that is not kept one by one any more.
    pub(super) fn add(&mut self, (host, comm, uid, parent): &SumKey, ended: EndedSum) {
        let into = self.sums.entry(key_of_sum(self.group, *host, comm, *uid, *parent)).or_default();
        into.sum = into.sum.plus(ended.sum);
        into.processes += ended.processes;
    }

    fn key_of(&self, host: u8, process: &Process) -> Key<'static> {
        key_of_sum(self.group, host, &process.comm, process.uid, process.parent)
    }
}

impl Openers {
    /// As [`Openers::new`], for [`Openers::active_rows`] by `group`; up to a reset.
    pub fn for_active(group: Group, since_ns: Option<u64>) -> Self {
        let by_sums = matches!(group, Group::Parent | Group::Comm | Group::User | Group::Host);
        Self { grouped: by_sums.then(|| Grouped { group, sums: HashMap::new() }), ..Self::new(since_ns) }
    }

    /// The rows of those that opened something between the last two readings, in no order, with all that they opened.
    pub fn active_rows(&self, group: Group, names: &Names) -> Vec<Row> {
        if !group.has_processes() {
            let mut rows = self.rows(group, names);
            rows.retain(|row| row.rate > Some(0.0));
            return rows;
        }
        let counted = self.in_last_reading.iter().filter_map(|key| Some((*key, self.processes.get(key)?)));
        let rows = counted
            .filter(|(_, process)| process.counts.new_in(self.readings) > 0)
            .filter_map(|(key, process)| self.process_row(key, process));
        let Some(Grouped { group, sums }) = &self.grouped else { return rows.collect() };
        let mut groups: HashMap<Key<'static>, Row> = HashMap::new();
        for row in rows {
            let key = key_of(*group, &row);
            let new = || self.row_of_group(*group, &row, key.clone());
            add(*group, groups.entry(key.clone()).or_insert_with(new), &row);
        }
        let whole = groups.into_values().map(|row| match sums.get(&row.key) {
            Some(&GroupSum { sum, processes, running }) => {
                Row { opens: sum.opens, failed: sum.failed, processes, ended: running == 0, ..row }
            }
            None => row,
        });
        whole.collect()
    }
}
