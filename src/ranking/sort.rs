//! What the rows of a ranking are called, and their order.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::openers::{Group, Key, Row};
use crate::escape::escape;
use crate::event::{errno_name, errno_words};
use crate::names::Names;

/// What the rows are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    Rate,
    Total,
    Processes,
    /// By how many opens failed, and by the share of those that did.
    Failed,
    FailedShare,
    Pid,
    User,
    Name,
    Median,
    P99,
    Descriptors,
    Growth,
}

impl Sort {
    /// Whether it is by what somebody has to look at while processes run.
    pub fn is_live(self) -> bool {
        matches!(self, Sort::Descriptors | Sort::Growth)
    }

    /// Whether it is by how long opens took.
    pub fn is_of_latencies(self) -> bool {
        matches!(self, Sort::Median | Sort::P99)
    }

    /// All of them with their names on the command line.
    pub const ALL: [(Sort, &'static str); 12] = [
        (Sort::Rate, "rate"),
        (Sort::Total, "total"),
        (Sort::Processes, "processes"),
        (Sort::Failed, "failed"),
        (Sort::FailedShare, "failed%"),
        (Sort::Pid, "pid"),
        (Sort::User, "user"),
        (Sort::Name, "name"),
        (Sort::Median, "p50"),
        (Sort::P99, "p99"),
        (Sort::Descriptors, "fds"),
        (Sort::Growth, "growth"),
    ];

    pub fn from_name(name: &str) -> Option<Sort> {
        Sort::ALL.into_iter().find(|(_, known)| *known == name).map(|(sort, _)| sort)
    }

    pub fn name(self) -> &'static str {
        Sort::ALL.into_iter().find(|(sort, _)| *sort == self).map_or("", |(_, name)| name)
    }

    /// Numbers start with the largest, names with the first.
    pub(crate) fn is_descending(self) -> bool {
        !matches!(self, Sort::Pid | Sort::User | Sort::Name)
    }

    pub(super) fn compare(self, group: Group, a: &Row, b: &Row, names: &Names) -> Ordering {
        match self {
            Sort::Rate => a.rate.unwrap_or(0.0).total_cmp(&b.rate.unwrap_or(0.0)),
            Sort::Total => a.opens.cmp(&b.opens),
            Sort::Processes => a.processes.cmp(&b.processes),
            Sort::Failed => a.failed.cmp(&b.failed),
            Sort::FailedShare => a.failed_share().total_cmp(&b.failed_share()),
            Sort::Pid => pid(&a.key).cmp(&pid(&b.key)),
            Sort::User => user(a, names).cmp(&user(b, names)),
            Sort::Name => label(group, a, names).cmp(&label(group, b, names)),
            Sort::Descriptors => open(a).cmp(&open(b)),
            Sort::Growth => leak(a, b),
            Sort::Median => a.latency.map(|(median, _)| median).cmp(&b.latency.map(|(median, _)| median)),
            Sort::P99 => a.latency.map(|(_, p99)| p99).cmp(&b.latency.map(|(_, p99)| p99)),
        }
    }
}

/// What the user of a row is called, displayable.
pub fn user<'a>(row: &Row, names: &'a Names) -> Option<Cow<'a, str>> {
    row.uid.map(|uid| names.user_of(row.host, uid))
}

fn open(row: &Row) -> Option<u64> {
    row.descriptors.map(|level| level.open)
}

/// Whoever has reached the limit is worse off than all that grow; of those that grow alike it is who is nearest to it.
/// What is not known is behind all that is.
fn leak(a: &Row, b: &Row) -> Ordering {
    let is_full = |row: &Row| row.descriptors.is_some_and(|level| level.is_full());
    let growth = |row: &Row| row.descriptors.and_then(|level| level.growth).unwrap_or(f64::NEG_INFINITY);
    let share = |row: &Row| row.descriptors.map_or(0.0, |level| level.share());
    let by_growth = growth(a).total_cmp(&growth(b)).then_with(|| share(a).total_cmp(&share(b)));
    is_full(a).cmp(&is_full(b)).then(by_growth)
}

/// Ties never change places: the older first.
pub(super) fn order_of(row: &Row) -> (u64, u32, &[u8], i64) {
    let host = i64::from(row.host);
    match &row.key {
        Key::Process { pid, start_ns, .. } => (*start_ns, *pid, b"", host),
        Key::User(_, uid) => (0, *uid, b"", host),
        Key::Host(host) => (0, 0, b"", i64::from(*host)),
        Key::Error(errno) => (0, 0, b"", i64::from(*errno)),
        Key::Text(text) => (0, 0, text, 0),
        Key::Rest => (u64::MAX, 0, b"", 0),
    }
}

/// The pid of a row that is a process.
pub fn pid(key: &Key<'_>) -> Option<u32> {
    match key {
        Key::Process { pid, .. } => Some(*pid),
        _ => None,
    }
}

/// What a row of `group` is called, displayable.
pub fn label(group: Group, row: &Row, names: &Names) -> String {
    match &row.key {
        Key::Process { pid: 0, .. } if row.comm.is_empty() => "(none)".to_owned(),
        Key::Process { .. } if row.comm.is_empty() => "(unknown)".to_owned(),
        Key::Process { .. } => escape(&row.comm),
        Key::User(host, uid) => names.user_of(*host, *uid).into_owned(),
        Key::Host(host) => names.own_host(*host).to_owned(),
        Key::Error(0) => "(no error)".to_owned(),
        Key::Error(errno) => errno_name(*errno).into_owned(),
        Key::Text(text) if text.is_empty() => "(unknown)".to_owned(),
        // The root's cgroup, which is neither.
        Key::Text(text) if group == Group::Container && **text == *b"/" => "(no container)".to_owned(),
        Key::Text(text) if group == Group::Unit && **text == *b"/" => "(no unit)".to_owned(),
        Key::Text(text) => escape(text),
        Key::Rest if row.comm.is_empty() => "(ended processes)".to_owned(),
        Key::Rest => format!("{} (ended processes)", escape(&row.comm)),
    }
}

/// What the row is, and of an error what it means.
pub fn described(group: Group, row: &Row, names: &Names) -> String {
    let words = match row.key {
        Key::Error(errno) => errno_words(errno).map(|words| format!("  {words}")),
        _ => None,
    };
    label(group, row, names) + &words.unwrap_or_default()
}

/// The head of the column with the names of such rows.
pub fn title_of(group: Group) -> &'static str {
    match group {
        Group::Process | Group::Comm => "COMMAND",
        Group::Parent => "PARENT",
        Group::File => "FILE",
        Group::Dir => "DIRECTORY",
        Group::User => "USER",
        Group::Container => "CONTAINER OR UNIT",
        Group::Unit => "UNIT",
        Group::Error => "ERROR",
        Group::Host => "HOST",
    }
}
