//! Untrusted bytes to displayable, reversible text: the only way of a name to any terminal.
//!
//! File names and command names are an attacker's text. Everything that a terminal could obey or that a reader could
//! not see is escaped here when it is shown or written; until then a name is the bytes that the kernel saw:
//!
//! * C0 controls, DEL and bytes that are not UTF-8 become `\xNN`;
//! * C1 controls, bidirectional overrides, zero-width and other invisible characters become `\u{N}`;
//! * a backslash becomes `\\`, so that [`unescape`] gives back the exact bytes and two names never look the same.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The displayable form of `bytes`: themselves where they are plain.
pub fn escaped(bytes: &[u8]) -> Cow<'_, str> {
    if is_plain(bytes)
        && let Ok(text) = str::from_utf8(bytes)
    {
        return text.into();
    }
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            escape_char(c, &mut out);
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out.into()
}

/// The displayable form of `bytes`, as [`escaped`].
pub fn escape(bytes: &[u8]) -> String {
    escaped(bytes).into_owned()
}

/// The exact bytes that [`escape`] made `text` from. Text that `escape` cannot have made is kept as it stands.
pub fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        let (bytes, len) = unescape_one(&rest[at..]);
        out.extend_from_slice(&bytes);
        rest = &rest[at + len..];
    }
    out.extend_from_slice(rest.as_bytes());
    out
}

/// Reads the escape that `text` starts with: its bytes, and how long it was.
fn unescape_one(text: &str) -> (Vec<u8>, usize) {
    let as_is = (vec![b'\\'], 1);
    match text.as_bytes().get(1) {
        Some(b'\\') => (vec![b'\\'], 2),
        Some(b'x') => match text.get(2..4).and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => (vec![byte], 4),
            None => as_is,
        },
        Some(b'u') => {
            let scalar = text
                .get(2..)
                .and_then(|rest| rest.strip_prefix('{'))
                .and_then(|rest| rest.split_once('}'))
                .and_then(|(hex, _)| Some((hex.len(), char::from_u32(u32::from_str_radix(hex, 16).ok()?)?)));
            match scalar {
                Some((digits, c)) => (c.to_string().into_bytes(), digits + 4),
                None => as_is,
            }
        }
        _ => as_is,
    }
}

/// Whether `bytes` are printable ASCII without a backslash, as nearly all names are: they need no escape. Without an
/// early end, the compiler makes it a few vector instructions.
#[expect(clippy::needless_bitwise_bool, reason = "nothing branches")]
pub fn is_plain(bytes: &[u8]) -> bool {
    !bytes.iter().fold(false, |special, &b| special | !(b' '..=b'~').contains(&b) | (b == b'\\'))
}

/// Whether nothing in `text` is hidden, obeyed by a terminal or moved by it. Unlike [`escaped`] it lets backslashes be.
pub fn is_shown_as_it_is(text: &str) -> bool {
    !text.chars().any(|c| matches!(c, '\0'..='\x1f' | '\x7f') || is_invisible(c))
}

/// A sentence that holds names from anywhere, displayable on one line. Unlike [`escape`] it lets backslashes be, since
/// some of the names may have been escaped already.
pub fn message(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push(c),
            _ => escape_char(c, &mut out),
        }
    }
    out
}

fn escape_char(c: char, out: &mut String) {
    match c {
        '\\' => out.push_str("\\\\"),
        '\0'..='\x1f' | '\x7f' => out.push_str(&escape_of(c)),
        _ if is_invisible(c) => out.push_str(&escape_of(c)),
        _ => out.push(c),
    }
}

/// The escape of any character, displayable or not; [`unescape`] gives it back.
pub fn escape_of(c: char) -> String {
    if c.is_ascii() { format!("\\x{:02x}", u32::from(c)) } else { format!("\\u{{{:x}}}", u32::from(c)) }
}

/// Characters that a reader cannot see or that reorder what he sees: C1 controls, the format characters (Cf) of
/// Unicode, line separators, fillers that look like nothing, spaces that look like a space.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{80}'..='\u{9f}'
        | '\u{a0}' | '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
        | '\u{890}' | '\u{891}' | '\u{8e2}'
        | '\u{115f}' | '\u{1160}' | '\u{1680}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{2000}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{205f}'..='\u{206f}'
        | '\u{2800}' | '\u{3000}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn plain_text_is_untouched() {
        for text in ["", "/usr/lib/x86_64-linux-gnu/libc.so.6", "é 漢 🦀"] {
            assert_eq!(escaped(text.as_bytes()), text);
        }
        assert!(matches!(escaped(b"/etc/hosts"), Cow::Borrowed(_)));
    }

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        assert_eq!(escape(b"a\x1b[2Jb\nc\x7f"), r"a\x1b[2Jb\x0ac\x7f");
        assert_eq!(escape("\u{9b}31m\u{202e}txt\u{200b}".as_bytes()), r"\u{9b}31m\u{202e}txt\u{200b}");
        assert_eq!(escape(b"\xff\xc3("), r"\xff\xc3(");
    }

    #[test]
    fn a_message_is_one_line_and_escapes_nothing_twice() {
        assert_eq!(message("a\u{1b}[2J \u{9b} \u{202e}\n é \\x1b"), r"a\x1b[2J \u{9b} \u{202e}\x0a é \x1b");
    }

    #[test]
    fn names_that_differ_stay_different() {
        assert_eq!(escape(br"\x1b"), r"\\x1b");
        assert_ne!(escape(br"\x1b"), escape(b"\x1b"));
        assert_ne!(escape("\u{80}".as_bytes()), escape(b"\x80"));
    }

    #[test]
    fn text_that_is_no_escape_stays() {
        assert_eq!(unescape(r"\q \x1 \u{zz} \"), br"\q \x1 \u{zz} \".to_vec());
    }

    proptest! {
        #[test]
        fn escaping_is_reversible(bytes: Vec<u8>) {
            prop_assert_eq!(unescape(&escape(&bytes)), bytes);
        }

        #[test]
        fn unicode_is_reversible_and_safe(text: String) {
            let shown = escape(text.as_bytes());
            prop_assert_eq!(unescape(&shown), text.into_bytes());
            prop_assert!(!shown.chars().any(|c| c.is_control() || is_invisible(c)));
        }

        #[test]
        fn unescape_never_panics(text: String) {
            let _ = unescape(&text);
        }
    }
}
