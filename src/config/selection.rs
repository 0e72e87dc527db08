//! Which opens, and until when: the filters and limits of the command line.

use std::time::Duration;

use super::values::{seconds, start_of};
use crate::cli::Filters;
use crate::error::{self, Error};
use crate::filter::{Filter, FilterError, Term};
use crate::names::Names;
use crate::ranking::Sort;

/// Which opens, wherever they come from, and until when.
#[derive(Debug)]
pub struct Selection {
    pub filter: Filter,
    pub names: Names,
    pub limits: Limits,
    /// Lines of opens in a second, at most.
    pub rate: Option<u64>,
    pub interval: Duration,
}

impl Selection {
    /// The filter, with the names that it needs.
    pub fn filter_with_names(&self) -> (&Filter, Names) {
        (&self.filter, self.names.clone())
    }
}

/// When to stop unasked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    pub count: Option<u64>,
    pub duration: Option<Duration>,
}

pub(super) fn selection(filters: &Filters, mut names: Names, follows: bool) -> Result<Selection, Error> {
    filters.define.iter().for_each(|(name, expression)| names.name_filter(name, expression));
    Ok(Selection {
        filter: filter(filters, &names, follows)?,
        names,
        limits: Limits {
            count: filters.count,
            duration: filters.duration.map(|secs| seconds("duration", secs)).transpose()?,
        },
        rate: None,
        interval: seconds("interval", filters.interval)?,
    })
}

/// Refuses what asks how long opens took, where nobody measures it.
pub(super) fn needs_latency(measured: bool, filter: &Filter, sort: Option<Sort>) -> Result<(), Error> {
    const WHY: &str = "how long opens take is not measured: add --latency";
    match sort {
        _ if measured => Ok(()),
        _ if filter.asks_latency() => {
            Err(Error::Unfit { options: &["filter", "latency"], what: format!("--filter with lat: {WHY}") })
        }
        Some(sort) if sort.is_of_latencies() => {
            Err(Error::Unfit { options: &["sort", "latency"], what: format!("--sort {}: {WHY}", sort.name()) })
        }
        _ => Ok(()),
    }
}

/// Each filtering option is one term; all of them must hold, and the expression too. Where processes are followed the
/// pids are left to the BPF side.
fn filter(filters: &Filters, names: &Names, follows: bool) -> Result<Filter, Error> {
    let pids = filters.pids().iter().map(u32::to_string).collect::<Vec<_>>().join(",");
    let options = [
        ("pid", "pid", (!pids.is_empty() && !follows).then_some(pids.as_str())),
        ("user", "uid", filters.user.as_deref()),
        ("comm", "comm", filters.comm.as_deref()),
        ("file", "file", filters.file.as_deref()),
        ("failed", "err", filters.failed.then_some("any")),
        ("errno", "err", filters.errno.as_deref()),
    ];
    let mut terms = Vec::new();
    for (option, field, value) in options {
        let Some(value) = value else { continue };
        // Where in the value it goes wrong is no column of what was typed.
        let wrong = |why: FilterError| Error::value(option, start_of(value), why.what);
        terms.push(Term::new(field, value, names).map_err(wrong)?);
    }
    let expression = filters.filter.as_deref().unwrap_or_default();
    let parsed = Filter::parse(expression, names)
        .map_err(|why| Error::of("filter")(Error::Usage(format!("--filter: {why}"))))?;
    let filter = Filter::from_terms(terms).and(parsed);
    filter.remarks().for_each(error::print);
    Ok(filter)
}
