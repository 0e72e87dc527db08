//! What may be thrown at the code that reads a stranger's bytes, and what must hold of it whatever the bytes are.
//!
//! Each [`Target`] takes any bytes and panics where a promise is broken. The tests below throw a fixed number of inputs
//! at each; `make fuzz` searches further, guided by coverage. Inputs that once broke a promise are kept below
//! `tests/corpus`, a directory for each target, and are tried first by both. None of this is part of a normal build.

mod filter;
mod output;
mod record;
mod recording;
mod terminal;

use crate::escape::{escape, escaped, is_invisible, unescape};

/// Something that reads a stranger's bytes.
#[derive(Debug)]
pub struct Target {
    pub name: &'static str,
    /// Reads any bytes.
    ///
    /// # Panics
    /// If a promise does not hold.
    pub run: fn(&[u8]),
    /// What stands in inputs that mean something.
    pub words: &'static [&'static str],
}

/// All targets.
pub const TARGETS: [Target; 6] = [
    Target { name: "record", run: record::run, words: record::WORDS },
    Target { name: "recording", run: recording::run, words: recording::WORDS },
    Target { name: "filter", run: filter::run, words: filter::WORDS },
    Target { name: "terminal", run: terminal::run, words: terminal::WORDS },
    Target { name: "output", run: output::run, words: output::WORDS },
    Target {
        name: "escape",
        run: run_escape,
        words: &["\\", "\\x1b", "\\u{202e}", "\u{202e}", "é", "\u{9b}", "\u{200b}"],
    },
];

/// Runs the target called `name`, which must exist.
///
/// # Panics
/// If there is no such target, or a promise does not hold.
pub fn run(name: &str, input: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target of this name");
    (target.run)(input);
}

/// Escaped text is safe to show, gives back the exact bytes, and is at most so much longer.
fn run_escape(input: &[u8]) {
    let shown = escaped(input);
    assert_displayable(&shown);
    assert_eq!(unescape(&shown), input, "the bytes behind {shown:?}");
    assert!(shown.len() <= 4 * input.len(), "{} bytes became {}", input.len(), shown.len());
    // Text that nobody has escaped may come back from a user or a file.
    let typed = unescape(&String::from_utf8_lossy(input));
    assert!(typed.len() <= 3 * input.len());
    assert_eq!(unescape(&escape(&typed)), typed);
}

/// No character that a terminal could obey or that a reader could not see.
#[track_caller]
fn assert_displayable(text: &str) {
    let unsafe_char = text.chars().find(|c| c.is_control() || is_invisible(*c));
    assert_eq!(unsafe_char, None, "in {text:?}");
}

/// The same for bytes that are written out: lines of displayable text.
#[track_caller]
fn assert_lines(bytes: &[u8]) {
    let text = str::from_utf8(bytes).expect("UTF-8 is written");
    text.split('\n').for_each(assert_displayable);
}

/// Takes values from the front of an input; past its end everything is zero or empty.
#[derive(Debug)]
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn bytes(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn byte(&mut self) -> u8 {
        self.bytes(1).first().copied().unwrap_or_default()
    }

    fn number(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }

    /// A line without its end.
    fn line(&mut self) -> &'a [u8] {
        let line = self.0.split(|&byte| byte == b'\n').next().unwrap_or_default();
        self.bytes(line.len() + 1);
        line
    }
}

#[cfg(test)]
mod tests;
