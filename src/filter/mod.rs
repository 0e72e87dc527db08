//! The filter language: of `-F`, of the `/` prompt, and what every filtering option is turned into.
//!
//! ```text
//! nginx !err:ENOENT file:"\.conf$" pid:1,2 lat:>1ms
//! ```
//!
//! Terms are separated by blanks and all must hold; `!` before one negates it. `OR` stands between alternatives and
//! binds less tightly than a blank, brackets group: `(comm:cat OR comm:less) !err:any`. `@NAME` stands for a filter
//! that the configuration gives that name. A term is `FIELD:VALUE` (see [`FIELDS`]) or a bare regex, which matches the
//! command or the path. Values with commas are alternatives. A regex ignores case unless an upper-case letter stands in
//! it; `=` before a text asks for exactly that text (`comm:=cat`). Names are matched as they are, not as they are
//! shown: a name with an ESC is found by `\x1b`, one with a backslash by `\\`, and the byte 0xff, which is no
//! character, by `(?-u:\xff)`. How words are split, and what quotes and backslashes do, is told in `words`.
//!
//! A filter never stops the opens from being counted. The terms that the kernel can check are handed to it as
//! [`KernelFilter`]; [`Filter::matches`] checks all of them again, since the history is older than the filter.

mod complete;
mod expression;
mod field;
mod glob;
mod kernel;
mod pattern;
mod range;
mod term;
mod words;

pub use complete::{Completion, complete};
pub use field::{FIELDS, Field, NO_USER};
pub use kernel::{CheckedBy, KernelFilter};
pub use term::Term;
pub use words::is_name;

use crate::event::OpenEvent;
use crate::names::Names;
use expression::Clause;
use std::fmt;

/// What is wrong with a filter: one line that says where, what, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {}: {what}", .column + 1)]
pub struct FilterError {
    /// Index of the character where it goes wrong.
    pub column: usize,
    pub what: String,
}

/// What is wrong with the value of one term, and at which byte of it.
#[derive(Debug, PartialEq, Eq)]
struct Problem {
    at: usize,
    what: String,
}

impl Problem {
    fn new(at: usize, what: impl Into<String>) -> Self {
        Self { at, what: what.into() }
    }
}

/// The alternatives of `value`, which commas separate.
fn list<T>(value: &str, mut parse: impl FnMut(&str) -> Result<T, String>) -> Result<Vec<T>, Problem> {
    let mut at = 0;
    let mut parsed = Vec::new();
    for part in value.split(',') {
        parsed.push(parse(part).map_err(|what| Problem::new(at, what))?);
        at += part.len() + 1;
    }
    Ok(parsed)
}

/// The clauses that must all hold. The empty filter holds for every open.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    clauses: Vec<Clause>,
}

impl Filter {
    /// Reads an expression. Users and named filters are looked up in `names` now, so an unknown one is an error.
    ///
    /// # Errors
    /// If it is no expression, or longer, deeper or of more terms than one may be.
    pub fn parse(expression: &str, names: &Names) -> Result<Self, FilterError> {
        Ok(Self { clauses: expression::parse(expression, names)? })
    }

    pub fn from_terms(terms: Vec<Term>) -> Self {
        Self { clauses: terms.into_iter().map(Clause::Term).collect() }
    }

    /// Both filters at once.
    pub fn and(mut self, other: Self) -> Self {
        self.clauses.extend(other.clauses);
        self
    }

    /// With this term as well, and without its opposite.
    pub fn with(mut self, term: Term) -> Self {
        let opposite = term.clone().negate();
        self.clauses.retain(|clause| clause.source(false) != opposite.source());
        if !self.clauses.iter().any(|clause| clause.source(false) == term.source()) {
            self.clauses.push(Clause::Term(term));
        }
        self
    }

    pub fn is_empty(&self) -> bool {
        self.clauses.is_empty()
    }

    /// Whether the filter holds for `event`. `names` must know the event's cgroup, where one is asked for.
    pub fn matches(&self, event: &OpenEvent<'_>, names: &Names) -> bool {
        expression::all_hold(&self.clauses, event, names)
    }

    /// The filter in its own language; [`Filter::parse`] gives the same filter back.
    pub fn source(&self) -> String {
        expression::source(&self.clauses)
    }

    /// The same for another host, whose configuration may have other filters by these names.
    pub fn written_out(&self) -> String {
        expression::written_out(&self.clauses)
    }

    /// What the kernel can check before an event is made. Every open that the whole filter holds for passes it: of
    /// alternatives the kernel checks none.
    pub fn kernel_part(&self) -> KernelFilter {
        let mut kernel = KernelFilter::default();
        for term in self.required() {
            kernel.add(term);
        }
        kernel
    }

    /// What is to be known about how it is matched: a line for each name that is longer than the kernel keeps them, and
    /// for each regex that looks like a glob.
    pub fn remarks(&self) -> impl Iterator<Item = String> {
        expression::terms(&self.clauses).into_iter().filter_map(Term::remark)
    }

    /// Whether it asks how long opens took.
    pub fn asks_latency(&self) -> bool {
        expression::terms(&self.clauses).into_iter().any(Term::asks_latency)
    }

    /// Whether a term with this source is among those that must hold.
    pub fn has(&self, source: &str) -> bool {
        self.required().into_iter().any(|term| term.source() == source)
    }

    /// The terms that the kernel can check.
    pub fn kernel_terms(&self) -> Vec<String> {
        let mut kernel = KernelFilter::default();
        self.required().into_iter().filter(|term| kernel.add(term)).map(|term| term.source().to_owned()).collect()
    }

    /// Each clause as it is written, and who can check it first.
    pub fn checked_by(&self) -> Vec<(String, CheckedBy)> {
        let mut kernel = KernelFilter::default();
        let mut checked_by = |clause: &Clause| {
            let (mut terms, mut all) = (Vec::new(), true);
            expression::required(clause, &mut terms, &mut all);
            // Each is to be handed over, whatever becomes of the others.
            let taken = terms.into_iter().filter(|term| !kernel.add(term)).count() == 0;
            if taken && all { CheckedBy::Kernel } else { CheckedBy::Userspace }
        };
        self.clauses.iter().map(|clause| (clause.source(false), checked_by(clause))).collect()
    }

    /// The terms that must hold whatever else does.
    fn required(&self) -> Vec<&Term> {
        let mut terms = Vec::new();
        self.clauses.iter().for_each(|clause| expression::required(clause, &mut terms, &mut true));
        terms
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source())
    }
}

#[cfg(test)]
mod tests;
