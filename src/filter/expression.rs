//! Terms joined: by blanks, where all must hold, by `OR`, and by brackets.

use super::FilterError;
use super::term::Term;
use super::words::{Token, Word, tokens};
use crate::event::OpenEvent;
use crate::names::Names;

/// The longest expression, in bytes, and the most terms of one, named filters written out: each is tried on every open,
/// and a regex takes memory.
const EXPRESSION_MAX: usize = 64 * 1024;
const TERMS_MAX: usize = 100;

/// Bytes that the regexes of an expression take together at most, those of its named filters included. While it is
/// tried on texts each takes a small multiple of its own.
const MEMORY_MAX: usize = 8 << 20;

/// How other languages join terms, and how it is done here. Searched for, they would find next to nothing, or
/// everything.
const OTHER_JOINTS: [(&[&str], &str); 3] = [
    (&["or", "|", "||"], "write OR between terms"),
    (&["AND", "and", "&", "&&"], "leave it out: all terms must hold"),
    (&["NOT", "not"], "write ! before a term"),
];

/// Filters by name within those of a name at most.
const NAMES_DEPTH_MAX: usize = 8;

/// What must hold together with others.
#[derive(Clone, Debug)]
pub(super) enum Clause {
    Term(Term),
    /// In brackets: of one of the branches all clauses must hold; negated, of none.
    Any {
        negated: bool,
        branches: Vec<Vec<Clause>>,
    },
    /// A filter by its name.
    Named {
        negated: bool,
        name: String,
        clauses: Vec<Clause>,
    },
}

impl Clause {
    fn holds(&self, event: &OpenEvent<'_>, names: &Names) -> bool {
        match self {
            Clause::Term(term) => term.holds(event, names),
            Clause::Any { negated, branches } => {
                branches.iter().any(|clauses| all_hold(clauses, event, names)) != *negated
            }
            Clause::Named { negated, clauses, .. } => all_hold(clauses, event, names) != *negated,
        }
    }

    /// Written so that it is one clause wherever it stands. A named filter is written by its name, or `written_out`.
    pub(super) fn source(&self, written_out: bool) -> String {
        let (negated, inner) = match self {
            Clause::Term(term) => return term.source().to_owned(),
            Clause::Named { negated, name, .. } if !written_out => (negated, format!("@{name}")),
            Clause::Named { negated, clauses, .. } => (negated, format!("({})", joined(clauses, written_out))),
            Clause::Any { negated, branches } => (negated, format!("({})", alternatives(branches, written_out))),
        };
        if *negated { format!("!{inner}") } else { inner }
    }

    fn negate(self) -> Self {
        match self {
            Clause::Term(term) => Clause::Term(term.negate()),
            Clause::Any { negated, branches } => Clause::Any { negated: !negated, branches },
            Clause::Named { negated, name, clauses } => Clause::Named { negated: !negated, name, clauses },
        }
    }
}

pub(super) fn all_hold(clauses: &[Clause], event: &OpenEvent<'_>, names: &Names) -> bool {
    clauses.iter().all(|clause| clause.holds(event, names))
}

/// The expression that gives these clauses.
pub(super) fn source(clauses: &[Clause]) -> String {
    match clauses {
        // Alone it needs no brackets.
        [Clause::Any { negated: false, branches }] => alternatives(branches, false),
        _ => joined(clauses, false),
    }
}

/// The same for somebody who does not know the names in it.
pub(super) fn written_out(clauses: &[Clause]) -> String {
    joined(clauses, true)
}

fn joined(clauses: &[Clause], written_out: bool) -> String {
    clauses.iter().map(|clause| clause.source(written_out)).collect::<Vec<_>>().join(" ")
}

fn alternatives(branches: &[Vec<Clause>], written_out: bool) -> String {
    branches.iter().map(|clauses| joined(clauses, written_out)).collect::<Vec<_>>().join(" OR ")
}

/// All terms, wherever they stand.
pub(super) fn terms(clauses: &[Clause]) -> Vec<&Term> {
    fn of(clause: &Clause) -> Vec<&Term> {
        match clause {
            Clause::Term(term) => vec![term],
            Clause::Any { branches, .. } => branches.iter().flat_map(|clauses| terms(clauses)).collect(),
            Clause::Named { clauses, .. } => terms(clauses),
        }
    }
    clauses.iter().flat_map(of).collect()
}

/// Adds the terms that must hold where `clause` does. `all`: it holds as well where they do.
pub(super) fn required<'a>(clause: &'a Clause, terms: &mut Vec<&'a Term>, all: &mut bool) {
    match clause {
        Clause::Term(term) => terms.push(term),
        Clause::Named { negated: false, clauses, .. } => clauses.iter().for_each(|clause| required(clause, terms, all)),
        Clause::Any { .. } | Clause::Named { .. } => *all = false,
    }
}

pub(super) fn parse(expression: &str, names: &Names) -> Result<Vec<Clause>, FilterError> {
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
fn parse_within(expression: &str, names: &Names, depth: usize, size: &mut Size) -> Result<Vec<Clause>, FilterError> {
    if expression.len() > EXPRESSION_MAX {
        let what = format!("the expression has {} bytes, and {EXPRESSION_MAX} are the limit", expression.len());
        return Err(FilterError { column: 0, what });
    }
    let mut parser = Parser { tokens: tokens(expression)?.into_iter(), names, depth, size };
    let mut clauses = Vec::new();
    add_group(&mut clauses, false, parser.branches(None)?);
    Ok(clauses)
}

/// Adds what stands in brackets, without them where they say nothing.
fn add_group(clauses: &mut Vec<Clause>, negated: bool, mut branches: Vec<Vec<Clause>>) {
    match branches.as_mut_slice() {
        [alone] if !negated => clauses.append(alone),
        [alone] if alone.len() == 1 => match alone.pop().map(Clause::negate) {
            Some(Clause::Any { negated: false, branches }) => add_group(clauses, false, branches),
            clause => clauses.extend(clause),
        },
        _ => clauses.push(Clause::Any { negated, branches }),
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
    fn branches(&mut self, open: Option<usize>) -> Result<Vec<Vec<Clause>>, FilterError> {
        let error = |column, what: &str| Err(FilterError { column, what: what.to_owned() });
        let (mut branches, mut clauses) = (Vec::new(), Vec::new());
        let mut or = None;
        let end = loop {
            match self.tokens.next() {
                None => break None,
                Some(Token::Close(column)) => break Some(column),
                Some(Token::Or(column)) if clauses.is_empty() => {
                    return error(column, "OR needs a term before it: quote it to search for it");
                }
                Some(Token::Or(column)) => {
                    or = Some(column);
                    branches.push(std::mem::take(&mut clauses));
                }
                Some(Token::Open { negated, column }) => {
                    let group = self.branches(Some(column))?;
                    add_group(&mut clauses, negated, group);
                }
                Some(Token::Word(word)) => clauses.push(self.clause(&word)?),
            }
        };
        match (open, end, or) {
            (Some(column), None, _) => {
                return error(column, "this ( is not closed: add a ), or write \\( to search for it");
            }
            (_, _, Some(column)) if clauses.is_empty() => return error(column, "OR needs a term behind it"),
            (Some(column), Some(_), None) if clauses.is_empty() => return error(column, "nothing in the brackets"),
            _ => branches.push(clauses),
        }
        Ok(branches)
    }

    fn clause(&mut self, word: &Word) -> Result<Clause, FilterError> {
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
            None => self.term(word).map(Clause::Term),
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

    fn named(&mut self, word: &Word, negated: bool, name: &str) -> Result<Clause, FilterError> {
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
        let clauses = parse_within(expression, self.names, self.depth + 1, self.size)
            .map_err(|why| error(format!("@{name} is no filter: {}", why.what)))?;
        Ok(Clause::Named { negated, name: name.to_owned(), clauses })
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
