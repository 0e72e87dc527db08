//! Where the list of events has gaps, as the kernel left out what did not match the filter that was in force then.

use std::collections::VecDeque;

use jiff::tz::TimeZone;

use crate::clock::time;
use crate::filter::Filter;
use crate::format::group_digits;

/// Gaps that are remembered. There is one for each filter that was kept, as long as its events are there.
const MOST: usize = 64;

/// A time during which the kernel left opens out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The terms that they did not match.
    pub terms: Vec<String>,
    /// Nanoseconds since the Unix epoch; `None`: since the start.
    pub from_ns: Option<u64>,
    /// `None`: it goes on.
    pub until_ns: Option<u64>,
    /// How many opens were left out, as far as they are counted by now.
    pub left_out: u64,
    /// Other opens that are always left out, as those of processes that are not followed, are among them.
    pub at_most: bool,
    /// The ids that events had at its start and at its end.
    pub first: u64,
    end: Option<u64>,
    /// All of it is counted.
    settled: bool,
}

impl Gap {
    /// Whether something of it is missing in a list of what `filter` holds for.
    pub fn is_in(&self, filter: &Filter) -> bool {
        self.left_out > 0 && !self.terms.iter().all(|term| filter.has(term))
    }

    /// What the kernel left out, in words.
    pub fn describe(&self, zone: &TimeZone) -> String {
        let at = |time_ns: u64| time(time_ns, zone, "%H:%M:%S");
        let (left, when) = match (self.from_ns.map(at), self.until_ns.map(at)) {
            (None, None) => ("leaves", "from the start on".to_owned()),
            (Some(from), None) => ("leaves", format!("from {from} on")),
            (None, Some(until)) => ("left", format!("until {until}")),
            (Some(from), Some(until)) => ("left", format!("from {from} to {until}")),
        };
        let count = if self.at_most { "up to " } else { "" };
        let opens = group_digits(self.left_out);
        // The time last: where there is room for less, the rows around tell it too.
        format!("the kernel {left} out {count}{opens} opens that do not match {}, {when}", self.terms.join(" "))
    }
}

/// The gaps, oldest first, and how much was left out on the whole.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gaps {
    gaps: VecDeque<Gap>,
    left_out: u64,
    always: bool,
}

impl Gaps {
    /// From now on the kernel leaves out what does not match `terms`, if there are any. `id` is that of the next event.
    pub(crate) fn change(&mut self, terms: Vec<String>, time_ns: Option<u64>, id: u64) {
        let last = self.gaps.back_mut().filter(|gap| gap.end.is_none());
        if last.as_ref().is_some_and(|gap| gap.terms == terms) {
            return;
        }
        if let Some(last) = last {
            (last.until_ns, last.end) = (time_ns, Some(id));
        }
        if terms.is_empty() {
            return;
        }
        let gap = Gap {
            terms,
            from_ns: time_ns,
            until_ns: None,
            left_out: 0,
            at_most: self.always,
            first: id,
            end: None,
            settled: false,
        };
        self.gaps.push_back(gap);
        if self.gaps.len() > MOST {
            self.gaps.pop_front();
        }
    }

    /// Takes in how much the kernel has left out since the start.
    pub(crate) fn count(&mut self, left_out: u64) {
        let new = left_out.saturating_sub(std::mem::replace(&mut self.left_out, left_out));
        match self.gaps.back_mut().filter(|gap| !gap.settled) {
            Some(gap) => {
                gap.left_out += new;
                // What was left out just before its end is in the first counts behind it.
                gap.settled = gap.end.is_some();
            }
            None => self.always |= new > 0,
        }
    }

    /// Begins anew with the first event: what is left out goes on.
    pub(crate) fn restart(&mut self) {
        self.gaps.retain(|gap| gap.end.is_none());
        for gap in &mut self.gaps {
            (gap.first, gap.left_out) = (0, 0);
        }
    }

    /// Forgets those of which no event is left from `first` on.
    pub(crate) fn trim(&mut self, first: u64) {
        self.gaps.retain(|gap| gap.end.is_none_or(|end| end >= first));
    }

    /// Those that a list of what `filter` holds for has, oldest first.
    pub(crate) fn of<'a>(&'a self, filter: &'a Filter) -> impl Iterator<Item = &'a Gap> {
        self.gaps.iter().filter(|gap| gap.is_in(filter))
    }
}
