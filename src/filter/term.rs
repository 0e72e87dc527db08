//! One condition of a filter.

use super::field::{self, Test};
use super::pattern::{self, COMM_MAX, Pattern};
use super::words::{Word, quote};
use super::{FilterError, Problem, glob};
use crate::event::OpenEvent;
use crate::names::Names;

/// One condition.
#[derive(Clone, Debug)]
pub struct Term {
    pub(super) negated: bool,
    pub(super) test: Test,
    source: String,
}

impl Term {
    /// The term `FIELD:VALUE`, as an option gives it: `value` is taken as it stands, without quotes, and a leading `!`
    /// negates. `field` is a name from [`super::FIELDS`]. The error's column counts in `value`.
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

    /// The term that holds for the path `path` and all below it.
    ///
    /// # Errors
    /// Where there is no such field, or the path is too long.
    pub fn below(field: &str, path: &[u8], names: &Names) -> Result<Self, FilterError> {
        Self::new(field, &pattern::below(path), names)
    }

    /// The opposite term.
    pub fn negate(self) -> Self {
        let source = match self.source.strip_prefix('!') {
            Some(rest) => rest.to_owned(),
            None => format!("!{}", self.source),
        };
        Self { negated: !self.negated, source, ..self }
    }

    /// Bytes that its regex takes.
    pub(super) fn memory(&self) -> usize {
        self.test.pattern().map_or(0, Pattern::memory)
    }

    /// The term in the filter language.
    pub fn source(&self) -> &str {
        &self.source
    }

    pub(super) fn parse(word: &Word, names: &Names) -> Result<Self, FilterError> {
        let (negated, rest) = negation(&word.text, word.bare);
        let skipped = word.text.len() - rest.len();
        let bare = word.bare.saturating_sub(skipped);
        let (at, test) = match field_prefix(rest, bare) {
            Some(name) => match field::find(name) {
                Some(field) => (skipped + name.len() + 1, field.test(&rest[name.len() + 1..], names)),
                None => (skipped, Err(Problem::new(0, field::unknown(name)))),
            },
            None => (skipped, field::bare(rest, word.bare != usize::MAX)),
        };
        let error = |p: Problem| FilterError { column: word.column(at + p.at), what: p.what };
        let test = test.map_err(error)?;
        // In brackets, a lone one of its own would be taken for one of them.
        let source = if word.is_balanced() {
            word.source.clone()
        } else {
            let before = if negated { "!" } else { "" };
            format!("{before}{}{}", &word.text[skipped..at], quote(&word.text[at..]))
        };
        Ok(Self { negated, test, source })
    }

    pub(super) fn asks_latency(&self) -> bool {
        matches!(self.test, Test::Latency(_))
    }

    /// What is to be known about how it is matched.
    pub(super) fn remark(&self) -> Option<String> {
        match &self.test {
            Test::Comm(_, Some(name)) => Some(format!(
                "the kernel keeps {COMM_MAX} bytes of a command's name: {name:?} finds all that are cut to {:?}",
                String::from_utf8_lossy(&name.as_bytes()[..COMM_MAX])
            )),
            Test::File(pattern) | Test::Dir(pattern) | Test::CommOrPath(pattern) => glob::hint(pattern.regex()?),
            _ => None,
        }
    }

    pub(super) fn holds(&self, event: &OpenEvent<'_>, names: &Names) -> bool {
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
