//! The rows of the counted groups: of processes and of the sums of ended ones, of cgroups, of results.

use std::collections::HashMap;

use super::row::{Group, Key, Row, add, key_of, per_second, process_key};
use super::{EndedSum, Id, Openers, Process};
use crate::names::{Cgroup, Names};
use crate::ranking::sum::Sum;

impl Openers {
    /// The rows for one of the counted groups, in no order.
    pub fn rows(&self, group: Group, names: &Names) -> Vec<Row> {
        match group {
            Group::Container => self.cgroup_rows(names, Cgroup::group),
            Group::Unit => self.cgroup_rows(names, Cgroup::unit_or_path),
            Group::Error => self.result_rows(),
            _ => self.rows_of_processes(group),
        }
    }

    /// A container or a unit has a cgroup, and often further ones below that.
    fn cgroup_rows(&self, names: &Names, called: fn(&Cgroup) -> &[u8]) -> Vec<Row> {
        let mut rows: HashMap<Key<'static>, (Sum, u64)> = HashMap::new();
        for (cgroup, sum, new) in self.cgroups.iter(self.readings) {
            let name = names.cgroup(cgroup).map_or(&b""[..], called);
            let (row, row_new) = rows.entry(Key::Text(name.to_owned().into())).or_default();
            *row = row.plus(sum);
            *row_new += new;
        }
        rows.into_iter().map(|(key, (sum, new))| self.sum_row(key, sum, new)).collect()
    }

    fn result_rows(&self) -> Vec<Row> {
        let sums = self.results.iter(self.readings);
        sums.map(|(errno, sum, new)| self.sum_row(Key::Error(errno), sum, new)).collect()
    }

    fn sum_row(&self, key: Key<'static>, Sum { opens, failed }: Sum, new: u64) -> Row {
        Row { opens, failed, rate: per_second(new, self.seconds), ..Row::new(key) }
    }

    fn rows_of_processes(&self, group: Group) -> Vec<Row> {
        let mut indexes = HashMap::new();
        let mut out: Vec<Row> = Vec::new();
        for row in self.process_rows().chain(self.sum_rows()) {
            let key = key_of(group, &row);
            let at = *indexes.entry(key.clone()).or_insert_with(|| {
                out.push(self.row_of_group(group, &row, key));
                out.len() - 1
            });
            add(group, &mut out[at], &row);
        }
        out
    }

    /// The row of a group, without numbers as yet, that `first` is the first process of.
    pub(super) fn row_of_group(&self, group: Group, first: &Row, key: Key<'static>) -> Row {
        let comm = match group {
            Group::Parent => self.families.get(first.parent).map_or_else(Vec::new, |kin| kin.comm.clone()),
            _ => first.comm.clone(),
        };
        Row { ended: true, comm, uid: first.uid, host: first.host, parent: first.parent, ..Row::new(key) }
    }

    pub(super) fn process_rows(&self) -> impl Iterator<Item = Row> {
        self.processes.iter().filter_map(|(key, process)| self.process_row(*key, process))
    }

    pub(super) fn process_row(&self, key: Id, process: &Process) -> Option<Row> {
        let Sum { opens, failed } = process.counts.sum();
        let new = process.counts.new_in(self.readings);
        (opens > 0).then(|| Row {
            comm: process.comm.clone(),
            uid: process.uid,
            host: key.0.0.host(),
            opens,
            failed,
            rate: per_second(new, self.seconds),
            processes: 1,
            parent: process.parent,
            ended: process.ended,
            last: process.last.as_ref().map(|(id, _)| *id),
            last_path: process.last.as_ref().map_or_else(Vec::new, |(_, path)| path.clone()),
            ..Row::new(process_key(key))
        })
    }

    pub(super) fn sum_rows(&self) -> impl Iterator<Item = Row> {
        self.sums.iter().map(|((host, comm, uid, parent), EndedSum { sum, processes })| Row {
            host: *host,
            comm: comm.clone(),
            uid: *uid,
            opens: sum.opens,
            failed: sum.failed,
            processes: *processes,
            parent: *parent,
            ended: true,
            ..Row::new(Key::Rest)
        })
    }
}
