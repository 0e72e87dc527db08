//! What a terminal sends: keys, pastes, garbage; and the prompt that it is typed into.

use super::Input;
use crate::tui::app::prompt::{History, LINE_MAX, Prompt};
use crate::tui::input::Input as InputEvent;
use crate::tui::terminal::decode::{Decoder, PASTE_MAX};
use crossterm::event::KeyCode;

pub(super) const WORDS: &[&str] = &[
    "\u{1b}",
    "\u{1b}[",
    "\u{1b}O",
    "\u{1b}[A",
    "\u{1b}OP",
    "\u{1b}[200~",
    "\u{1b}[201~",
    "\u{1b}[<0;9;9M",
    "\u{1b}[1;5A",
    "[",
    "~",
    ";",
    "99999999",
    "\r",
    "\t",
    "\x7f",
    "\x03",
    "\x15",
    "\x19",
    "\x17",
    "\x0b",
    "q",
    "é",
    "漢",
    "\u{9b}",
    "\u{202e}",
    "M",
];

/// Keys and pastes that are typed into the prompt, each of which is drawn: that costs.
const INTO_THE_PROMPT: usize = 200;

/// The first byte says into how large reads the others are cut.
pub(super) fn run(input: &[u8]) {
    let mut input = Input(input);
    let size = usize::from(input.byte()).max(1);
    let bytes = input.0;
    let (mut decoder, mut out) = (Decoder::default(), Vec::new());
    decoder.feed(bytes, &mut out);
    let (mut cut, mut same) = (Decoder::default(), Vec::new());
    bytes.chunks(size).for_each(|read| cut.feed(read, &mut same));
    // The key that follows garbage is that key, however the garbage ended.
    for (decoder, out) in [(&mut decoder, &mut out), (&mut cut, &mut same)] {
        decoder.flush(out);
        decoder.feed(b"\x1b[201~", out);
        decoder.flush(out);
        decoder.feed(b"q", out);
        let last = out.last();
        assert!(matches!(last, Some(InputEvent::Key(key)) if key.code == KeyCode::Char('q')), "q became {last:?}");
    }
    assert_eq!(out, same, "in one read and in reads of {size}");
    assert!(out.len() <= bytes.len() + 1);
    type_into_the_prompt(&out);
}

fn type_into_the_prompt(typed: &[InputEvent]) {
    let (mut prompt, mut history) = (Prompt::open("err:any"), History::default());
    for typed in typed.iter().take(INTO_THE_PROMPT) {
        match typed {
            InputEvent::Key(key) if key.code == KeyCode::Enter => history.add(prompt.line()),
            InputEvent::Key(key) => drop(prompt.edit(*key, &history)),
            InputEvent::Paste(text) => {
                assert!(text.len() <= 3 * PASTE_MAX, "a paste of {} bytes", text.len());
                prompt.paste(text, &history);
            }
            InputEvent::Mouse(_) | InputEvent::Signal(_) | InputEvent::Gone => {}
        }
        let characters = prompt.line().chars().count();
        assert!(characters <= LINE_MAX, "{characters} characters in the prompt");
        assert!(!prompt.line().contains(char::is_control), "{:?}", prompt.line());
    }
    let (view, cursor) = prompt.view(40);
    assert!(cursor <= 40, "the cursor at {cursor} of {view:?}");
}
