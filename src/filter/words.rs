//! An expression is split into words here, and a word can be written so that it is one.
//!
//! Blanks end a word; quotes (`"` or `'`) keep them, and are left out of the word. A backslash keeps the character
//! behind it from meaning anything here, and both stay in the word: `\d`, `\.` and `\ ` reach the regex as typed.

use super::FilterError;

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
    /// Index of the word's first character.
    start: usize,
}

impl Word {
    /// The index in the expression of the character at byte `at` of the text.
    pub(super) fn column(&self, at: usize) -> usize {
        self.columns.get(at).or(self.columns.last()).copied().unwrap_or(self.start)
    }

    fn new(start: usize) -> Self {
        Self { text: String::new(), source: String::new(), bare: usize::MAX, columns: Vec::new(), start }
    }

    fn push(&mut self, c: char, column: usize) {
        self.text.push(c);
        self.source.push(c);
        self.columns.resize(self.text.len(), column);
    }

    fn quote(&mut self, c: char) {
        self.source.push(c);
        self.bare = self.bare.min(self.text.len());
    }
}

/// The words of `expression`. Errors give the index of a character in it.
pub(super) fn split(expression: &str) -> Result<Vec<Word>, FilterError> {
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
                word.push(c, column);
                if let Some((column, c)) = chars.next() {
                    word.push(c, column);
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
            _ => word.push(c, column),
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
    let mut open = text.chars().find_map(|c| around(c, None));
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
