//! What a command prints on the terminal that opentop makes for it.

use super::Input;
use crate::tui::app::command::{Command, terminal_size};
use crate::tui::app::sanitize::Sanitizer;
use ratatui::layout::Size;

pub(super) const WORDS: &[&str] = &[
    "\u{1b}",
    "\u{1b}[",
    "\u{1b}]0;",
    "\u{1b}P",
    "\u{1b}_",
    "\u{1b}\\",
    "\u{1b}(B",
    "\u{1b}c",
    "\u{7}",
    "\u{18}",
    "\u{1a}",
    "\u{9b}",
    "\u{9c}",
    "65535",
    "99999999",
    "0",
    ";",
    ":",
    "?",
    ">",
    " ",
    "@",
    "A",
    "H",
    "J",
    "K",
    "L",
    "M",
    "P",
    "S",
    "T",
    "X",
    "b",
    "m",
    "r",
    "?1049h",
    "?6h",
    "?7l",
    "4h",
    "\r\n",
    "\t",
    "\u{8}",
    "e\u{301}",
    "漢",
    "x",
];

/// The first bytes say how large the screen is, and into how large reads the others are cut.
pub(super) fn run(input: &[u8]) {
    let mut input = Input(input);
    let mut size = || Size::new(input.byte().into(), input.byte().into());
    let (screen, later) = (size(), size());
    let read = usize::from(input.byte()).max(1);
    let bytes = input.0;
    let terminal = terminal_size(screen);
    let limit = terminal.width.max(terminal.height);
    let whole = Sanitizer::default().pass(bytes, limit);
    let mut cut = Sanitizer::default();
    let same: Vec<u8> = bytes.chunks(read).flat_map(|read| cut.pass(read, limit)).collect();
    assert_eq!(whole, same, "in one read and in reads of {read}");
    assert!(whole.len() <= bytes.len(), "{} bytes became {}", bytes.len(), whole.len());
    assert_tame(&whole, limit);
    let mut command = Command::new("sh (7)".into(), screen);
    command.print(bytes);
    command.resize(later);
    command.scroll(1);
    command.print(bytes);
}

/// Every sequence is whole, none opens a string, and no count is above the limit.
fn assert_tame(mut bytes: &[u8], limit: u16) {
    while let Some(at) = bytes.iter().position(|byte| *byte == 0x1b) {
        let sequence = &bytes[at + 1..];
        let is_long = sequence.first() == Some(&b'[');
        let last = sequence
            .iter()
            .skip(usize::from(is_long))
            .position(|byte| if is_long { (0x40..0x7f).contains(byte) } else { (0x30..0x7f).contains(byte) });
        let last = last.expect("a whole sequence") + usize::from(is_long);
        let (body, end) = (&sequence[..last], sequence[last]);
        assert!(body.iter().all(|byte| (0x20..0x7f).contains(byte)), "{body:?}");
        assert!(!body.is_empty() || !b"]P^_X".contains(&end), "a string");
        let counts = is_long && end != b'm' && !body.get(1).is_some_and(|first| (b'<'..=b'?').contains(first));
        if counts {
            let text = str::from_utf8(body).expect("ASCII");
            let numbers = text.split(|c: char| !c.is_ascii_digit()).filter(|number| !number.is_empty());
            numbers.for_each(|number| assert!(number.parse::<u16>().is_ok_and(|number| number <= limit), "{text}"));
        }
        bytes = &sequence[last + 1..];
    }
}
