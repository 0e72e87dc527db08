//! What a text is matched by: a regex with smart case, or `=` and the exact text.

use super::{Problem, glob};
use crate::escape::is_shown_as_it_is;
use regex_automata::meta::{self, Regex};
use regex_syntax::ast::{self, Ast, ClassSetItem};
use regex_syntax::hir;
use std::fmt::Write as _;

/// Compiled size at most. A larger regex takes longer to build than a key press may take to show.
const SIZE_LIMIT: usize = 1 << 20;

/// What a regex remembers of the texts that it is tried on, at most. Where it would need more it is slower.
const CACHE_LIMIT: usize = 128 << 10;

/// Groups and repetitions within each other at most.
const NEST_LIMIT: u32 = 50;

/// The longest name of a command: TASK_COMM_LEN without its NUL.
pub(super) const COMM_MAX: usize = 15;

/// Bytes of the name of a file, which a command's name is the beginning of.
const NAME_MAX: usize = 255;

/// A compiled regex or an exact text.
#[derive(Clone, Debug)]
pub(super) enum Pattern {
    Exact(Vec<u8>),
    /// `anchored`: it looks around, so that matching a part of a text says nothing about the whole.
    Regex {
        source: Box<str>,
        regex: Regex,
        anchored: bool,
    },
}

impl Pattern {
    /// `=TEXT` is exactly TEXT; everything else is a regex, case-sensitive if an upper-case letter stands in it.
    pub(super) fn parse(value: &str) -> Result<Self, Problem> {
        if let Some(exact) = value.strip_prefix('=') {
            return Self::exact(exact);
        }
        let mut parser = ast::parse::ParserBuilder::new().nest_limit(NEST_LIMIT).build();
        let ast = parser.parse(value).map_err(|error| match glob::hint(value) {
            Some(hint) => Problem::new(error.span().start.offset, hint),
            None => bad_regex(error.kind(), error.span()),
        })?;
        let sensitive = ast::visit(&ast, UpperCase::default()).unwrap_or_else(|never| match never {});
        let hir = hir::translate::TranslatorBuilder::new()
            .case_insensitive(!sensitive)
            // Names are bytes: a regex may ask for those that are no character.
            .utf8(false)
            .build()
            .translate(value, &ast)
            .map_err(|error| bad_regex(error.kind(), error.span()))?;
        let limits =
            meta::Config::new().utf8_empty(false).nfa_size_limit(Some(SIZE_LIMIT)).hybrid_cache_capacity(CACHE_LIMIT);
        let regex = Regex::builder()
            .configure(limits)
            .build_from_hir(&hir)
            .map_err(|_| Problem::new(0, "the regex is too large: repeat fewer times"))?;
        Ok(Self::Regex { source: value.into(), regex, anchored: !hir.properties().look_set().is_empty() })
    }

    /// For the name of a command, of which the kernel keeps [`COMM_MAX`] bytes: a longer one stands for those that
    /// begin with as much of it, and is returned as well. It is one as `=NAME`, or without anything that makes it a
    /// regex but for `^` and `$` around it.
    pub(super) fn of_comm(value: &str) -> Result<(Self, Option<&str>), Problem> {
        const TOO_LARGE: &str = "the name is too large: no file has one of more than 255 bytes";
        if let Some(name) = value.strip_prefix('=').filter(|name| name.len() > COMM_MAX) {
            if name.len() > NAME_MAX {
                return Err(Problem::new(0, TOO_LARGE));
            }
            Self::exact(name)?;
            return Ok((Self::Exact(name.as_bytes()[..COMM_MAX].to_owned()), Some(name)));
        }
        let name = value.strip_prefix('^').unwrap_or(value);
        let name = name.strip_suffix('$').unwrap_or(name);
        let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.:@/ ".contains(&byte));
        if !plain || name.len() <= COMM_MAX {
            Ok((Self::parse(value)?, None))
        } else if name.len() > NAME_MAX {
            Err(Problem::new(0, TOO_LARGE))
        } else {
            Ok((Self::parse(&format!("^{}$", &name[..COMM_MAX]))?, Some(name)))
        }
    }

    /// A backslash keeps what stands behind it from meaning anything, and at the end that would be the next term.
    fn exact(text: &str) -> Result<Self, Problem> {
        let lone = text.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1;
        if lone {
            return Err(Problem::new(text.len(), "a backslash at the end: write a regex, in which it is \\\\"));
        }
        Ok(Self::Exact(text.as_bytes().to_owned()))
    }

    /// Whether it asks for no text at all.
    pub(super) fn is_nothing(&self) -> bool {
        matches!(self, Self::Exact(text) if text.is_empty())
    }

    /// Bytes that it takes, without those of what it remembers of texts.
    pub(super) fn memory(&self) -> usize {
        match self {
            Self::Exact(text) => text.len(),
            Self::Regex { regex, .. } => regex.memory_usage(),
        }
    }

    /// The regex as it was written.
    pub(super) fn regex(&self) -> Option<&str> {
        match self {
            Self::Exact(_) => None,
            Self::Regex { source, .. } => Some(source),
        }
    }

    pub(super) fn matches(&self, text: &[u8]) -> bool {
        match self {
            Self::Exact(exact) => text == exact,
            Self::Regex { regex, .. } => regex.is_match(text),
        }
    }

    /// Whether it matches `whole` or `part`, where a part that is the end of the whole need not be tried again.
    pub(super) fn matches_either(&self, whole: &[u8], part: &[u8]) -> bool {
        self.matches(whole) || (self.sees_more_in_parts() || !whole.ends_with(part)) && self.matches(part)
    }

    fn sees_more_in_parts(&self) -> bool {
        match self {
            Self::Exact(_) => true,
            Self::Regex { anchored, .. } => *anchored,
        }
    }
}

/// The value that matches exactly `text`. Where it has what is not shown as it is, or ends in a backslash, which would
/// take what follows along, it is a regex of its bytes.
pub(super) fn exactly(text: &[u8]) -> String {
    match str::from_utf8(text) {
        Ok(text) if is_shown_as_it_is(text) && !text.ends_with('\\') => format!("={text}"),
        _ => begins_with(text) + "$",
    }
}

/// The value that matches a path and all below it.
pub(super) fn below(path: &[u8]) -> String {
    if path == b"/" { "^/".to_owned() } else { begins_with(path) + "(/|$)" }
}

fn begins_with(text: &[u8]) -> String {
    let mut regex = "(?-iu)^".to_owned();
    for &byte in text {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'_' | b'-' => regex.push(byte.into()),
            b'.' => regex.push_str("\\."),
            _ => {
                let _ = write!(regex, "\\x{byte:02x}");
            }
        }
    }
    regex
}

fn bad_regex(what: &impl ToString, span: &ast::Span) -> Problem {
    // Some of the messages of regex-syntax run over several sentences; the first says what it is.
    let what = what.to_string();
    let first = what.split([';', '\n']).next().unwrap_or_default().trim_end_matches(['.', ',']);
    Problem::new(span.start.offset, format!("bad regex: {first}"))
}

/// Whether an upper-case letter is asked for. Decided on the parsed regex: `\S` and `\x1B` ask for none.
#[derive(Default)]
struct UpperCase {
    found: bool,
}

impl UpperCase {
    fn literal(&mut self, literal: &ast::Literal) {
        self.found |= literal.kind == ast::LiteralKind::Verbatim && literal.c.is_uppercase();
    }
}

impl ast::Visitor for UpperCase {
    type Output = bool;
    type Err = std::convert::Infallible;

    fn finish(self) -> Result<bool, Self::Err> {
        Ok(self.found)
    }

    fn visit_pre(&mut self, ast: &Ast) -> Result<(), Self::Err> {
        if let Ast::Literal(literal) = ast {
            self.literal(literal);
        }
        Ok(())
    }

    fn visit_class_set_item_pre(&mut self, item: &ClassSetItem) -> Result<(), Self::Err> {
        match item {
            ClassSetItem::Literal(literal) => self.literal(literal),
            ClassSetItem::Range(range) => {
                self.literal(&range.start);
                self.literal(&range.end);
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_and_what_is_below_it_are_asked_for_exactly() {
        for path in [&b"/"[..], b"/a", b"/a b/[x].c(", b"/a\\", b"/\xff\x1b"] {
            let pattern = Pattern::parse(&below(path)).unwrap();
            let with = |more: &[u8]| [path, more].concat();
            assert!(pattern.matches(path) && pattern.matches(&with(b"/x/y")), "{path:?}");
            assert_eq!(pattern.matches(&with(b"x")), path == b"/", "{path:?}");
            assert!(!pattern.matches(&with(b"x").to_ascii_uppercase()) || path == b"/", "{path:?}");
            assert!(!pattern.matches(b"x/a"), "{path:?}");
        }
    }

    fn matches(pattern: &str, text: &str) -> bool {
        Pattern::parse(pattern).unwrap().matches(text.as_bytes())
    }

    #[test]
    fn case_is_smart() {
        for (pattern, text, expected) in [
            ("passwd", "/etc/PASSWD", true),
            ("Passwd", "/etc/passwd", false),
            ("Passwd", "/etc/Passwd", true),
            (r"\S+\.conf", "/ETC/X.CONF", true),
            (r"\W[a-c]d", "/BD", true),
            (r"\W[A-C]d", "/bd", false),
            (r"\x41b", "aB", true),
            (r"(?-i)passwd", "PASSWD", false),
            ("É", "é", false),
            ("é", "É", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn exact_means_exact() {
        assert!(matches("=a.c", "a.c"));
        assert!(!matches("=a.c", "abc"));
        assert!(!matches("=a.c", "A.C"));
        assert!(!matches("=a", "aa"));
        assert!(matches(r"\=a", "x=a"));
    }

    #[test]
    fn a_part_counts_only_where_it_can_differ() {
        let either = |pattern: &str, whole: &str, part: &str| {
            Pattern::parse(pattern).unwrap().matches_either(whole.as_bytes(), part.as_bytes())
        };
        assert!(either("^hosts", "/etc/hosts", "hosts"));
        assert!(either("=hosts", "/etc/hosts", "hosts"));
        assert!(!either("hots", "/etc/hosts", "hosts"));
        assert!(either(r"\.\./", "/etc/hosts", "../hosts"));
    }

    #[test]
    fn errors_are_one_line_and_say_where() {
        for (pattern, at) in
            [("ab(", 2), ("a[b", 1), ("*", 0), (r"a\", 1), (r"\p{Nonsense}", 0), ("(?=a)", 0), (r"(a)\1", 3)]
        {
            let problem = Pattern::parse(pattern).unwrap_err();
            assert_eq!(problem.at, at, "{pattern}: {problem:?}");
            assert!(!problem.what.contains('\n') && problem.what.len() < 90, "{problem:?}");
        }
        let large = Pattern::parse(r"(\w{50}){50}").unwrap_err();
        assert!(large.what.contains("too large"), "{large:?}");
    }
}
