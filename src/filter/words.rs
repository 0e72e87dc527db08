//! An expression is split into words here, and a word can be written so that it is one.
//!
//! Blanks end a word; quotes (`"` or `'`) keep them, and are left out of the word. A backslash keeps the character
//! behind it from meaning anything here, and both stay in the word: `\d`, `\.` and `\ ` reach the regex as typed.
//!
//! A word that is `OR` joins those around it. Regexes have brackets too: one at the start of a word opens a group where
//! nothing in the word closes it, as in `(a OR b)`, or where a field follows, as in `(comm:a)`; what is closed within
//! its word, as in `(a|b)`, is a regex. One at the end of a word that nothing in it has opened closes the group.

use super::{FilterError, field};

/// What an expression is made of.
#[derive(Debug)]
pub(super) enum Token {
    Word(Word),
    Or(usize),
    /// Columns as those of errors.
    Open {
        negated: bool,
        column: usize,
    },
    Close(usize),
}

/// Brackets within each other at most.
pub(super) const DEPTH_MAX: usize = 20;

/// The tokens of `expression`. Errors give the index of a character in it.
pub(super) fn tokens(expression: &str) -> Result<Vec<Token>, FilterError> {
    let mut tokens = Vec::new();
    let mut depth = 0_usize;
    for mut word in split(expression)? {
        if word.source == "OR" {
            tokens.push(Token::Or(word.column(0)));
            continue;
        }
        while let Some((negated, column)) = word.take_open() {
            depth += 1;
            if depth > DEPTH_MAX {
                let what = format!("more than {DEPTH_MAX} brackets within each other: write \\( to search for it");
                return Err(FilterError { column, what });
            }
            tokens.push(Token::Open { negated, column });
        }
        let mut closes = Vec::new();
        while closes.len() < depth
            && let Some(column) = word.take_close()
        {
            closes.push(column);
        }
        depth -= closes.len();
        if !word.source.is_empty() {
            tokens.push(Token::Word(word));
        }
        tokens.extend(closes.into_iter().rev().map(Token::Close));
    }
    Ok(tokens)
}

/// One word of an expression.
#[derive(Debug)]
pub(super) struct Word {
    /// Without its quotes.
    pub(super) text: String,
    /// As typed.
    pub(super) source: String,
    /// Bytes of `text` before the first quote: only there can `!` and a field name stand.
    pub(super) bare: usize,
    /// Where each byte of `text` was typed: its character's index in the expression.
    columns: Vec<usize>,
    /// Of each byte of `text`: it is neither quoted nor behind a backslash nor in the square brackets of a regex.
    plain: Vec<bool>,
    class: Class,
    /// Index of the word's first character.
    start: usize,
}

impl Word {
    /// The index in the expression of the character at byte `at` of the text.
    pub(super) fn column(&self, at: usize) -> usize {
        self.columns.get(at).or(self.columns.last()).copied().unwrap_or(self.start)
    }

    fn new(start: usize) -> Self {
        Self {
            text: String::new(),
            source: String::new(),
            bare: usize::MAX,
            columns: Vec::new(),
            plain: Vec::new(),
            class: Class::Outside,
            start,
        }
    }

    fn push(&mut self, c: char, column: usize, plain: bool) {
        self.text.push(c);
        self.source.push(c);
        self.columns.resize(self.text.len(), column);
        self.plain.resize(self.text.len(), plain);
    }

    /// Whether every bracket in it has its counterpart there, so that it stays one word in a group.
    pub(super) fn is_balanced(&self) -> bool {
        let mut depth = 0_usize;
        for (_, bracket) in self.brackets() {
            match bracket {
                '(' => depth += 1,
                _ if depth == 0 => return false,
                _ => depth -= 1,
            }
        }
        depth == 0 && self.class == Class::Outside
    }

    /// The name behind `@` where the word stands for a filter, and whether it is negated.
    pub(super) fn filter_name(&self) -> Option<(bool, &str)> {
        let (negated, rest) = match self.text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, self.text.as_str()),
        };
        let name = rest.strip_prefix('@').filter(|name| is_name(name))?;
        (self.bare == usize::MAX).then_some((negated, name))
    }

    /// The plain round brackets.
    fn brackets(&self) -> impl Iterator<Item = (usize, char)> {
        let plain = |(at, _): &(usize, char)| self.plain.get(*at).copied().unwrap_or(false);
        self.text.char_indices().filter(|(_, c)| matches!(c, '(' | ')')).filter(plain)
    }

    /// Takes off the bracket that opens a group, where there is one: whether it is negated, and its column.
    fn take_open(&mut self) -> Option<(bool, usize)> {
        let at = usize::from(self.text.starts_with('!'));
        let brackets: Vec<_> = self.brackets().skip_while(|(bracket, _)| *bracket < at).collect();
        let (first, behind) = brackets.split_first()?;
        if self.bare <= at || *first != (at, '(') {
            return None;
        }
        let mut depth = 1_usize;
        let closed = behind.iter().any(|(_, bracket)| {
            depth = if *bracket == '(' { depth + 1 } else { depth - 1 };
            depth == 0
        });
        let inner = self.text[at + 1..].trim_start_matches(['!', '(']);
        let has_field = inner.split_once(':').is_some_and(|(name, _)| field::find(name).is_some());
        if closed && !has_field {
            return None;
        }
        let column = self.column(at);
        self.text.drain(..=at);
        self.source.drain(..=at);
        self.columns.drain(..=at);
        self.plain.drain(..=at);
        self.bare = self.bare.saturating_sub(if self.bare == usize::MAX { 0 } else { at + 1 });
        self.start = column + 1;
        Some((at == 1, column))
    }

    /// Takes off the bracket that closes a group, where there is one: its column.
    fn take_close(&mut self) -> Option<usize> {
        let last = self.text.len().checked_sub(1)?;
        let mut depth = 0_usize;
        let mut closes = false;
        for (at, bracket) in self.brackets() {
            closes = at == last && bracket == ')' && depth == 0;
            depth = if bracket == '(' { depth + 1 } else { depth.saturating_sub(1) };
        }
        if !closes || !self.source.ends_with(')') {
            return None;
        }
        self.text.pop();
        self.source.pop();
        self.plain.pop();
        self.columns.pop()
    }

    fn quote(&mut self, c: char) {
        self.source.push(c);
        self.bare = self.bare.min(self.text.len());
    }
}

/// Whether a filter can be called so.
pub fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
}

/// Where a character stands to the square brackets of a regex.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Outside,
    /// Behind `[` or `[^`: a `]` is a character of it.
    First,
    Inside,
}

impl Class {
    fn after(self, c: char) -> Self {
        match (self, c) {
            (Class::Outside, '[') => Class::First,
            (Class::Outside, _) | (Class::Inside, ']') => Class::Outside,
            (Class::First, '^') => Class::First,
            _ => Class::Inside,
        }
    }
}

/// The words of `expression`, brackets and all. Errors give the index of a character in it.
fn split(expression: &str) -> Result<Vec<Word>, FilterError> {
    let mut words = Vec::new();
    let mut word: Option<Word> = None;
    let mut open: Option<(char, usize)> = None;
    let mut chars = expression.chars().enumerate();
    while let Some((column, c)) = chars.next() {
        if open.is_none() && c.is_whitespace() {
            words.extend(word.take());
            continue;
        }
        let word = word.get_or_insert_with(|| Word::new(column));
        match (c, open) {
            ('\\', _) => {
                word.push(c, column, false);
                if let Some((column, c)) = chars.next() {
                    word.push(c, column, false);
                }
                if open.is_none() {
                    word.class = word.class.after('\\');
                }
            }
            (quote, Some((opened, _))) if quote == opened => {
                word.quote(c);
                open = None;
            }
            ('"' | '\'', None) => {
                word.quote(c);
                open = Some((c, column));
            }
            _ => {
                word.push(c, column, open.is_none() && word.class == Class::Outside);
                if open.is_none() {
                    word.class = word.class.after(c);
                }
            }
        }
    }
    if let Some((quote, column)) = open {
        return Err(FilterError {
            column,
            what: format!("this {quote} is not closed: add another, or write \\{quote}"),
        });
    }
    words.extend(word);
    Ok(words)
}

/// `text` written so that [`split`] gives it back as one word, or as part of one.
pub(super) fn quote(text: &str) -> String {
    // The quote that `c` needs around it, where the one that is open does not do.
    let around = |c: char, open: Option<char>| match c {
        '"' => Some('\''),
        '\'' => Some('"'),
        _ if c.is_whitespace() => open.or(Some('"')),
        _ => open,
    };
    // A bracket without its counterpart would be one of a group.
    let lone = || split(text).is_ok_and(|words| words.iter().any(|word| !word.is_balanced())).then_some('"');
    let mut open = text.chars().find_map(|c| around(c, None)).or_else(lone);
    let mut out = String::from_iter(open);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let wanted = around(c, open);
        if wanted != open {
            out.extend(open);
            out.extend(wanted);
            open = wanted;
        }
        out.push(c);
        if c == '\\' {
            out.extend(chars.next());
        }
    }
    out.extend(open);
    if out.is_empty() { "\"\"".to_owned() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(expression: &str) -> Vec<String> {
        split(expression).unwrap().into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn words_and_quotes() {
        assert_eq!(texts(""), [""; 0]);
        assert_eq!(texts("  a  b "), ["a", "b"]);
        assert_eq!(texts(r#"file:"a b" 'c "d'"#), ["file:a b", r#"c "d"#]);
        assert_eq!(texts(r#"a"b c"d"#), ["ab cd"]);
        assert_eq!(texts(r#""""#), [""]);
    }

    #[test]
    fn a_backslash_stays() {
        assert_eq!(texts(r"\d+\.so a\ b"), [r"\d+\.so", r"a\ b"]);
        assert_eq!(texts(r#"\"a \' "x\"y z""#), [r#"\"a"#, r"\'", r#"x\"y z"#]);
        assert_eq!(texts(r"a\"), [r"a\"]);
    }

    #[test]
    fn columns_are_those_of_the_expression() {
        let words = split(r#"é file:"a b("#.replace('(', "(\"").as_str()).unwrap();
        let at = words[1].text.find('(').unwrap();
        assert_eq!(words[1].column(at), 11);
        assert_eq!(words[1].column(99), 11);
        assert_eq!(split("a  \"\"").unwrap()[1].column(0), 3);
    }

    #[test]
    fn an_open_quote_is_an_error_that_says_where() {
        assert_eq!(split("ab 'c d").unwrap_err().column, 3);
        assert!(split(r#""a\""#).is_err());
    }

    proptest! {
        #[test]
        fn what_is_quoted_is_one_word(text in r#"[a\\"' .\t(é=!:]*"#) {
            // A backslash at the end would take the closing quote along; no regex ends in one.
            prop_assume!(text.chars().rev().take_while(|c| *c == '\\').count() % 2 == 0);
            let words = split(&quote(&text)).unwrap();
            prop_assert_eq!(words.len(), 1);
            prop_assert_eq!(&words[0].text, &text);
        }

        #[test]
        fn splitting_never_panics(text: String) {
            if let Ok(words) = split(&text) {
                for word in words {
                    let _ = word.column(word.text.len());
                }
            }
        }
    }
}
