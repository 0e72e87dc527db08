//! Terms joined: by blanks, where all must hold, by `OR`, and by brackets.

use super::FilterError;
use super::term::Term;
use super::words::{Token, Word, tokens};
use crate::event::OpenEvent;
use crate::names::Names;
use std::borrow::Cow;

/// The longest expression, in bytes, and the most terms of one, named filters written out: each is tried on every open,
/// and a regex takes memory.
const EXPRESSION_MAX: usize = 64 * 1024;
const TERMS_MAX: usize = 100;

/// Bytes that the regexes of an expression take together at most, those of its named filters included. While it is tried on
/// texts each takes a small multiple of its own.
const MEMORY_MAX: usize = 8 << 20;

/// How other languages join terms, and how it is done here. Searched for, they would find next to nothing, or everything.
const OTHER_JOINTS: [(&[&str], &str); 3] = [
    (&["or", "|", "||"], "write OR between terms"),
    (&["AND", "and", "&", "&&"], "leave it out: all terms must hold"),
    (&["NOT", "not"], "write ! before a term"),
];

/// Filters by name within those of a name at most.
const NAMES_DEPTH_MAX: usize = 8;

/// What must hold together with others.
#[derive(Clone, Debug)]
pub(super) enum Part {
    Term(Term),
    /// In brackets: of one of the branches all parts must hold; negated, of none.
    Any {
        negated: bool,
        branches: Vec<Vec<Part>>,
    },
    /// A filter by its name.
    Named {
        negated: bool,
        name: String,
        parts: Vec<Part>,
    },
}

impl Part {
    fn holds(&self, event: &OpenEvent<'_>, names: &Names) -> bool {
        match self {
            Part::Term(term) => term.holds(event, names),
            Part::Any { negated, branches } => branches.iter().any(|parts| all_hold(parts, event, names)) != *negated,
            Part::Named { negated, parts, .. } => all_hold(parts, event, names) != *negated,
        }
    }

    /// Written so that it is one part wherever it stands.
    pub(super) fn source(&self) -> Cow<'_, str> {
        let not = |negated: bool| if negated { "!" } else { "" };
        match self {
            Part::Term(term) => term.source().into(),
            Part::Any { negated, branches } => format!("{}({})", not(*negated), alternatives(branches)).into(),
            Part::Named { negated, name, .. } => format!("{}@{name}", not(*negated)).into(),
        }
    }

    /// The same with no name in it.
    fn written_out(&self) -> String {
        let not = |negated: bool| if negated { "!" } else { "" };
        match self {
            Part::Term(term) => term.source().to_owned(),
            Part::Any { negated, branches } => {
                let branches: Vec<_> = branches.iter().map(|parts| written_out(parts)).collect();
                format!("{}({})", not(*negated), branches.join(" OR "))
            }
            Part::Named { negated, parts, .. } => format!("{}({})", not(*negated), written_out(parts)),
        }
    }

    fn negate(self) -> Self {
        match self {
            Part::Term(term) => Part::Term(term.negate()),
            Part::Any { negated, branches } => Part::Any { negated: !negated, branches },
            Part::Named { negated, name, parts } => Part::Named { negated: !negated, name, parts },
        }
    }
}

pub(super) fn all_hold(parts: &[Part], event: &OpenEvent<'_>, names: &Names) -> bool {
    parts.iter().all(|part| part.holds(event, names))
}

/// The expression that gives these parts.
pub(super) fn source(parts: &[Part]) -> String {
    match parts {
        // Alone it needs no brackets.
        [Part::Any { negated: false, branches }] => alternatives(branches),
        _ => parts.iter().map(Part::source).collect::<Vec<_>>().join(" "),
    }
}

/// The same for somebody who does not know the names in it.
pub(super) fn written_out(parts: &[Part]) -> String {
    parts.iter().map(Part::written_out).collect::<Vec<_>>().join(" ")
}

fn alternatives(branches: &[Vec<Part>]) -> String {
    let branch = |parts: &Vec<Part>| parts.iter().map(Part::source).collect::<Vec<_>>().join(" ");
    branches.iter().map(branch).collect::<Vec<_>>().join(" OR ")
}

/// All terms, wherever they stand.
pub(super) fn terms(parts: &[Part]) -> Vec<&Term> {
    fn of(part: &Part) -> Vec<&Term> {
        match part {
            Part::Term(term) => vec![term],
            Part::Any { branches, .. } => branches.iter().flat_map(|parts| terms(parts)).collect(),
            Part::Named { parts, .. } => terms(parts),
        }
    }
    parts.iter().flat_map(of).collect()
}

/// Adds the terms that must hold where `part` does. `all`: it holds as well where they do.
pub(super) fn required<'a>(part: &'a Part, terms: &mut Vec<&'a Term>, all: &mut bool) {
    match part {
        Part::Term(term) => terms.push(term),
        Part::Named { negated: false, parts, .. } => parts.iter().for_each(|part| required(part, terms, all)),
        Part::Any { .. } | Part::Named { .. } => *all = false,
    }
}

pub(super) fn parse(expression: &str, names: &Names) -> Result<Vec<Part>, FilterError> {
    parse_within(expression, names, 0, &mut Size::default())
}

/// What an expression comes to, named filters written out.
#[derive(Default)]
struct Size {
    terms: usize,
    /// Bytes of its regexes.
    memory: usize,
}

/// It stands for a name within so many others, `depth`. `size` is that of all of them.
fn parse_within(expression: &str, names: &Names, depth: usize, size: &mut Size) -> Result<Vec<Part>, FilterError> {
    if expression.len() > EXPRESSION_MAX {
        let what = format!("the expression has {} bytes, and {EXPRESSION_MAX} are the limit", expression.len());
        return Err(FilterError { column: 0, what });
    }
    let mut parser = Parser { tokens: tokens(expression)?.into_iter(), names, depth, size };
    let mut parts = Vec::new();
    add_group(&mut parts, false, parser.branches(None)?);
    Ok(parts)
}

/// Adds what stands in brackets, without them where they say nothing.
fn add_group(parts: &mut Vec<Part>, negated: bool, mut branches: Vec<Vec<Part>>) {
    match branches.as_mut_slice() {
        [alone] if !negated => parts.append(alone),
        [alone] if alone.len() == 1 => match alone.pop().map(Part::negate) {
            Some(Part::Any { negated: false, branches }) => add_group(parts, false, branches),
            part => parts.extend(part),
        },
        _ => parts.push(Part::Any { negated, branches }),
    }
}

struct Parser<'a> {
    tokens: std::vec::IntoIter<Token>,
    names: &'a Names,
    depth: usize,
    size: &'a mut Size,
}

impl Parser<'_> {
    /// Reads up to the end, or to the bracket that closes the one at this column.
    fn branches(&mut self, open: Option<usize>) -> Result<Vec<Vec<Part>>, FilterError> {
        let error = |column, what: &str| Err(FilterError { column, what: what.to_owned() });
        let (mut branches, mut parts) = (Vec::new(), Vec::new());
        let mut or = None;
        let end = loop {
            match self.tokens.next() {
                None => break None,
                Some(Token::Close(column)) => break Some(column),
                Some(Token::Or(column)) if parts.is_empty() => {
                    return error(column, "OR needs a term before it: quote it to search for it");
                }
                Some(Token::Or(column)) => {
                    or = Some(column);
                    branches.push(std::mem::take(&mut parts));
                }
                Some(Token::Open { negated, column }) => {
                    let group = self.branches(Some(column))?;
                    add_group(&mut parts, negated, group);
                }
                Some(Token::Word(word)) => parts.push(self.part(&word)?),
            }
        };
        match (open, end, or) {
            (Some(column), None, _) => {
                return error(column, "this ( is not closed: add a ), or write \\( to search for it");
            }
            (_, _, Some(column)) if parts.is_empty() => return error(column, "OR needs a term behind it"),
            (Some(column), Some(_), None) if parts.is_empty() => return error(column, "nothing in the brackets"),
            _ => branches.push(parts),
        }
        Ok(branches)
    }

    fn part(&mut self, word: &Word) -> Result<Part, FilterError> {
        self.size.terms += 1;
        if self.size.terms > TERMS_MAX {
            let what = format!("more than {TERMS_MAX} terms: join some as (a|b) or N,N");
            return Err(FilterError { column: word.column(0), what });
        }
        let joint = word.source.as_str();
        if let Some((_, instead)) = OTHER_JOINTS.iter().find(|(joints, _)| joints.contains(&joint)) {
            let what = format!("{joint} is no word here: {instead}, or quote it to search for it");
            return Err(FilterError { column: word.column(0), what });
        }
        match word.filter_name() {
            Some((negated, name)) => self.named(word, negated, name),
            None => self.term(word).map(Part::Term),
        }
    }

    fn term(&mut self, word: &Word) -> Result<Term, FilterError> {
        let term = Term::parse(word, self.names)?;
        self.size.memory += term.memory();
        if self.size.memory > MEMORY_MAX {
            let what =
                format!("the regexes up to this one take more than {} MiB: repeat fewer times", MEMORY_MAX >> 20);
            return Err(FilterError { column: word.column(0), what });
        }
        Ok(term)
    }

    fn named(&mut self, word: &Word, negated: bool, name: &str) -> Result<Part, FilterError> {
        let error = |what| FilterError { column: word.column(usize::from(negated)), what };
        let Some(expression) = self.names.filter(name) else {
            let known: Vec<_> = self.names.filters().map(|(name, _)| format!("@{name}")).collect();
            let known = if known.is_empty() {
                "the configuration has none".to_owned()
            } else {
                format!("there are {}", known.join(" "))
            };
            return Err(error(format!("no filter is called @{name}, {known}: quote it to search for it")));
        };
        if self.depth == NAMES_DEPTH_MAX {
            return Err(error(format!("too many filters within each other: does @{name} stand for itself?")));
        }
        let parts = parse_within(expression, self.names, self.depth + 1, self.size)
            .map_err(|why| error(format!("@{name} is no filter: {}", why.what)))?;
        Ok(Part::Named { negated, name: name.to_owned(), parts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_regexes_are_bounded_together() {
        let terms = |count, regex: &str| {
            let terms: Vec<_> = (0..count).map(|n| format!("!file:{}", regex.replace('N', &n.to_string()))).collect();
            terms.join(" ")
        };
        let mut names = Names::without_users();
        let huge = terms(99, "XN[a-z]{3000}");
        assert!(parse(&terms(1, "XN[a-z]{3000}"), &names).is_ok());
        let error = parse(&huge, &names).map(drop).unwrap_err();
        assert!(error.column > 100 && error.what.contains("more than 8 MiB"), "{error}");
        names.name_filter("huge", &huge);
        let error = parse("@huge", &names).map(drop).unwrap_err();
        assert!(error.what.contains("@huge is no filter") && error.what.contains("more than 8 MiB"), "{error}");
        // What people write is far from it.
        assert!(parse(&terms(99, r"^/(usr|opt|Nix)/lib/.*\.(so|py|conf)(\.[0-9]+)*$"), &names).is_ok());
        assert!(parse(&terms(20, r"(cache|\w+-N)/.*_tmp"), &names).is_ok());
    }
}
