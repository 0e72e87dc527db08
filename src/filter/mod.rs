//! The filter language: of `-F`, of the `/` prompt, and what every filtering option is turned into.
//!
//! ```text
//! nginx !err:ENOENT file:"\.conf$" pid:1,2 lat:>1ms
//! ```
//!
//! Terms are separated by blanks and all must hold; `!` before one negates it. A term is `FIELD:VALUE` (see
//! [`FIELDS`]) or a bare regex, which matches the command or the path. Values with commas are alternatives. A regex
//! ignores case unless an upper-case letter stands in it; `=` before a text asks for exactly that text (`comm:=cat`).
//! Names are matched as they are, not as they are shown: a name with an ESC is found by `\x1b`, one with a backslash by
//! `\\`, and the byte 0xff, which is no character, by `(?-u:\xff)`.
//! How words are split, and what quotes and backslashes do, is told in `words`.
//!
//! A filter never stops the opens from being counted. The terms that the kernel can check are handed to it as
//! [`KernelFilter`]; [`Filter::matches`] checks all of them again, since the history is older than the filter.

mod field;
mod pattern;
mod range;
mod words;

pub use field::{FIELDS, Field};

use crate::event::OpenEvent;
use crate::names::Names;
use field::Test;
use pattern::COMM_MAX;
use std::fmt;
use words::{Word, quote};

/// What is wrong with a filter: one line that says where, what, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {}: {what}", .column + 1)]
pub struct FilterError {
    /// Index of the character where it goes wrong.
    pub column: usize,
    pub what: String,
}

/// The longest expression, in bytes, and the most terms of one: each is tried on every open, and a regex takes memory.
const EXPRESSION_MAX: usize = 64 * 1024;
const TERMS_MAX: usize = 100;

/// As many ids of a kind have room in the kernel (`IDS` in `src/bpf/maps.h`); a longer list is checked here.
const KERNEL_IDS_MAX: usize = 1024;

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

/// One condition.
#[derive(Clone, Debug)]
pub struct Term {
    negated: bool,
    test: Test,
    source: String,
}

impl Term {
    /// The term `FIELD:VALUE`, as an option gives it: `value` is taken as it stands, without quotes, and a leading `!`
    /// negates. `field` is a name from [`FIELDS`]. The error's column counts in `value`.
    ///
    /// # Errors
    /// Where there is no such field, or `value` means nothing in it.
    pub fn new(field: &str, value: &str, names: &Names) -> Result<Self, FilterError> {
        let column = |at: usize| value[..value.floor_char_boundary(at)].chars().count();
        let (negated, rest) = negation(value, usize::MAX);
        let skipped = value.len() - rest.len();
        let found = field::find(field).ok_or_else(|| Problem::new(0, field::unknown(field)));
        let test = found
            .and_then(|found| found.test(rest, names))
            .map_err(|problem| FilterError { column: column(skipped + problem.at), what: problem.what })?;
        let source = format!("{}{field}:{}", if negated { "!" } else { "" }, quote(rest));
        Ok(Self { negated, test, source })
    }

    /// The term that holds for exactly `text` in a field of text: what is selected on a screen. A text that cannot be
    /// typed, or would not be one word again, is asked for by a regex of its bytes.
    ///
    /// # Errors
    /// Where there is no such field.
    pub fn exact(field: &str, text: &[u8], names: &Names) -> Result<Self, FilterError> {
        Self::new(field, &pattern::exactly(text), names)
    }

    /// The opposite term.
    pub fn negate(self) -> Self {
        let source = match self.source.strip_prefix('!') {
            Some(rest) => rest.to_owned(),
            None => format!("!{}", self.source),
        };
        Self { negated: !self.negated, source, ..self }
    }

    /// The term in the filter language.
    pub fn source(&self) -> &str {
        &self.source
    }

    fn parse(word: &Word, names: &Names) -> Result<Self, FilterError> {
        let (negated, rest) = negation(&word.text, word.bare);
        let skipped = word.text.len() - rest.len();
        let bare = word.bare.saturating_sub(skipped);
        let (at, test) = match field_prefix(rest, bare) {
            Some(name) => match field::find(name) {
                Some(field) => (skipped + name.len() + 1, field.test(&rest[name.len() + 1..], names)),
                None => (skipped, Err(Problem::new(0, field::unknown(name)))),
            },
            None => (skipped, field::bare(rest)),
        };
        let error = |p: Problem| FilterError { column: word.column(at + p.at), what: p.what };
        Ok(Self { negated, test: test.map_err(error)?, source: word.source.clone() })
    }

    fn holds(&self, event: &OpenEvent<'_>, names: &Names) -> bool {
        self.test.holds(event, names) != self.negated
    }
}

/// Takes the `!` off `text`, of which the first `bare` bytes stand outside of quotes.
fn negation(text: &str, bare: usize) -> (bool, &str) {
    match text.strip_prefix('!') {
        Some(rest) if bare > 0 => (true, rest),
        _ => (false, text),
    }
}

/// The name before the colon, where `text` starts with something like a field's name outside of quotes.
fn field_prefix(text: &str, bare: usize) -> Option<&str> {
    let (name, _) = text.split_once(':')?;
    let like_a_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && name.len() < bare;
    like_a_name.then_some(name)
}

/// The terms that must all hold. The empty filter holds for every open.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    terms: Vec<Term>,
}

impl Filter {
    /// Reads an expression. Users are looked up in `names` now, so an unknown one is an error.
    ///
    /// # Errors
    /// If it is no expression, or longer than an expression or a list of terms may be.
    pub fn parse(expression: &str, names: &Names) -> Result<Self, FilterError> {
        if expression.len() > EXPRESSION_MAX {
            let what = format!("the expression has {} bytes, and {EXPRESSION_MAX} are the limit", expression.len());
            return Err(FilterError { column: 0, what });
        }
        let words = words::split(expression)?;
        if let Some(word) = words.get(TERMS_MAX) {
            let what = format!("{} terms, and {TERMS_MAX} are the limit: join some as (a|b) or N,N", words.len());
            return Err(FilterError { column: word.column(0), what });
        }
        let terms = words.iter().map(|word| Term::parse(word, names)).collect::<Result<_, _>>()?;
        Ok(Self { terms })
    }

    pub fn from_terms(terms: Vec<Term>) -> Self {
        Self { terms }
    }

    /// Both filters at once.
    pub fn and(mut self, other: Self) -> Self {
        self.terms.extend(other.terms);
        self
    }

    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether the filter holds for `event`. `names` must know the event's cgroup, where one is asked for.
    pub fn matches(&self, event: &OpenEvent<'_>, names: &Names) -> bool {
        self.terms.iter().all(|term| term.holds(event, names))
    }

    /// The filter in its own language; [`Filter::parse`] gives the same filter back.
    pub fn source(&self) -> String {
        self.terms.iter().map(Term::source).collect::<Vec<_>>().join(" ")
    }

    /// What the kernel can check before an event is made. Every open that the whole filter holds for passes it.
    pub fn kernel_part(&self) -> KernelFilter {
        let mut kernel = KernelFilter::default();
        for term in &self.terms {
            kernel.take(term);
        }
        kernel
    }

    /// What is to be known about how it is matched: a line for each name that is longer than the kernel keeps them.
    pub fn remarks(&self) -> impl Iterator<Item = String> {
        self.terms.iter().filter_map(|term| match &term.test {
            Test::Comm(_, Some(name)) => Some(format!(
                "the kernel keeps {COMM_MAX} bytes of a command's name: {name:?} finds all that are cut to {:?}",
                String::from_utf8_lossy(&name.as_bytes()[..COMM_MAX])
            )),
            _ => None,
        })
    }

    /// Whether a term with this source is among those that must hold.
    pub fn has(&self, source: &str) -> bool {
        self.terms.iter().any(|term| term.source == source)
    }

    /// The terms that the kernel can check.
    pub fn kernel_terms(&self) -> Vec<String> {
        let by_kernel = self.checked_by().into_iter().filter(|(_, by)| *by == CheckedBy::Kernel);
        by_kernel.map(|(term, _)| term.source.clone()).collect()
    }

    /// Each term, and who can check it first.
    pub fn checked_by(&self) -> Vec<(&Term, CheckedBy)> {
        let mut kernel = KernelFilter::default();
        self.terms
            .iter()
            .map(|term| (term, if kernel.take(term) { CheckedBy::Kernel } else { CheckedBy::Userspace }))
            .collect()
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source())
    }
}

/// Who can check a term first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckedBy {
    /// The BPF side: opens that fail it cost no event.
    Kernel,
    /// Opentop, on each event.
    Userspace,
}

/// Conditions for the kernel; all must hold, an empty list or `None` is no condition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KernelFilter {
    /// Process ids, one of which it must be.
    pub pids: Vec<u32>,
    /// User ids, one of which it must be.
    pub uids: Vec<u32>,
    /// Only failed opens, or only those that succeeded.
    pub failed: Option<bool>,
    /// Errnos, one of which it must have failed with.
    pub errnos: Vec<i32>,
}

impl KernelFilter {
    /// No condition at all.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds the condition of `term`, if the kernel can check it and nothing else has taken its place.
    fn take(&mut self, term: &Term) -> bool {
        match &term.test {
            Test::Failed if self.failed.is_none() => self.failed = Some(!term.negated),
            _ if term.negated => return false,
            Test::Pid(pids) if self.pids.is_empty() => match pids.singles() {
                Some(pids) if pids.len() <= KERNEL_IDS_MAX => self.pids = pids,
                _ => return false,
            },
            Test::User(uids) if self.uids.is_empty() && uids.len() <= KERNEL_IDS_MAX => self.uids.clone_from(uids),
            Test::Errno(errnos) if self.errnos.is_empty() && errnos.len() <= KERNEL_IDS_MAX => {
                self.errnos.clone_from(errnos);
            }
            _ => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests;
