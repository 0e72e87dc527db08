//! What the terminal sends, byte by byte, as keys, pastes and mouse events.
//!
//! A pure state machine, so that the thread that reads can always be interrupted and no key depends on how the bytes
//! were cut into reads. ESC directly followed by a character is two keys (somebody pressed Esc and typed on), never
//! an Alt combination; Backspace, `^H` and DEL are one key, and so are CR and LF.

use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::tui::input::{Input, Mouse, MouseKind};

/// How long a lone ESC waits for the rest of a sequence: longer than a sequence takes over SSH, shorter than one
/// notices.
const ESCAPE_WAIT: Duration = Duration::from_millis(30);
/// How long a paste waits for more. One whose end never comes must not take every key from then on.
const PASTE_WAIT: Duration = Duration::from_secs(1);
/// The longest paste that is kept; what is longer is cut.
pub(crate) const PASTE_MAX: usize = 64 * 1024;
/// No sequence that means anything is longer; what is longer is dropped.
const SEQUENCE_MAX: usize = 64;
const PASTE_END: &[u8] = b"\x1b[201~";

/// Bytes that are not yet a whole key, and the paste under way.
#[derive(Debug, Default)]
pub struct Decoder {
    pending: Vec<u8>,
    paste: Option<Vec<u8>>,
}

/// How much of the input made what.
enum Step {
    /// So many bytes are used up, and meant this.
    Done(usize, Option<Input>),
    PasteStarts(usize),
    /// More bytes are needed to tell.
    Incomplete,
}

impl Decoder {
    /// Reads `bytes` on from where the last call stopped and appends what they mean to `out`.
    pub fn feed(&mut self, bytes: &[u8], out: &mut Vec<Input>) {
        self.pending.extend_from_slice(bytes);
        self.drain(out, false);
    }

    /// How long bytes wait for others, if they do. If none come they are what they are: see [`Decoder::flush`].
    pub fn wait(&self) -> Option<Duration> {
        match &self.paste {
            Some(_) => Some(PASTE_WAIT),
            None => (!self.pending.is_empty()).then_some(ESCAPE_WAIT),
        }
    }

    /// Takes the pending bytes as they stand: a lone ESC was the key Esc, and a paste without an end has ended.
    pub fn flush(&mut self, out: &mut Vec<Input>) {
        match self.paste.take() {
            Some(paste) => out.push(pasted(paste)),
            None => self.drain(out, true),
        }
        self.pending.clear();
    }

    fn drain(&mut self, out: &mut Vec<Input>, last: bool) {
        let mut at = 0;
        while at < self.pending.len() {
            if let Some(paste) = &mut self.paste {
                at += take_paste(paste, &self.pending[at..]);
                if !paste.ends_with(PASTE_END) {
                    continue;
                }
                paste.truncate(paste.len() - PASTE_END.len());
                out.extend(self.paste.take().map(pasted));
                continue;
            }
            match step(&self.pending[at..], last) {
                Step::Done(len, typed) => {
                    at += len;
                    out.extend(typed);
                }
                Step::PasteStarts(len) => {
                    at += len;
                    self.paste = Some(Vec::new());
                }
                Step::Incomplete => break,
            }
        }
        self.pending.drain(..at);
    }
}

fn pasted(mut paste: Vec<u8>) -> Input {
    paste.truncate(PASTE_MAX);
    Input::Paste(String::from_utf8_lossy(&paste).into_owned())
}

/// Moves bytes to the paste up to its end sequence, and says how many. Beyond the limit only the tail is kept current,
/// so that the end sequence is still found.
fn take_paste(paste: &mut Vec<u8>, bytes: &[u8]) -> usize {
    for (at, &byte) in bytes.iter().enumerate() {
        if paste.len() >= PASTE_MAX + PASTE_END.len() {
            paste.remove(PASTE_MAX);
        }
        paste.push(byte);
        if paste.ends_with(PASTE_END) {
            return at + 1;
        }
    }
    bytes.len()
}

fn step(bytes: &[u8], last: bool) -> Step {
    match bytes {
        [0x1b] if !last => Step::Incomplete,
        [0x1b, b'[', rest @ ..] => control_sequence(rest, last),
        [0x1b, b'O'] if !last => Step::Incomplete,
        [0x1b, b'O', code, ..] if single_shift(*code).is_some() => Step::Done(3, single_shift(*code).map(key)),
        [0x1b, ..] => Step::Done(1, Some(key(KeyCode::Esc))),
        [byte, ..] if byte.is_ascii() => Step::Done(1, Some(Input::Key(ascii(*byte)))),
        _ => utf8(bytes, last),
    }
}

fn key(code: KeyCode) -> Input {
    Input::Key(KeyEvent::new(code, KeyModifiers::NONE))
}

fn ascii(byte: u8) -> KeyEvent {
    let control = |c: u8| KeyEvent::new(KeyCode::Char(char::from(c)), KeyModifiers::CONTROL);
    let plain = |code| KeyEvent::new(code, KeyModifiers::NONE);
    match byte {
        b'\r' | b'\n' => plain(KeyCode::Enter),
        b'\t' => plain(KeyCode::Tab),
        0x08 | 0x7f => plain(KeyCode::Backspace),
        0 => control(b' '),
        0x01..=0x1a => control(byte - 1 + b'a'),
        0x1c..=0x1f => control(byte - 0x1c + b'\\'),
        _ => plain(KeyCode::Char(char::from(byte))),
    }
}

fn utf8(bytes: &[u8], last: bool) -> Step {
    let len = match bytes[0] {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return Step::Done(1, None),
    };
    match bytes.get(..len).map(str::from_utf8) {
        Some(Ok(text)) => Step::Done(len, text.chars().next().map(|c| key(KeyCode::Char(c)))),
        Some(Err(_)) => Step::Done(1, None),
        None if last => Step::Done(1, None),
        None => Step::Incomplete,
    }
}

/// ESC O and one letter: cursor and function keys in application mode.
fn single_shift(code: u8) -> Option<KeyCode> {
    match code {
        b'P'..=b'S' => Some(KeyCode::F(code - b'P' + 1)),
        b'M' => Some(KeyCode::Enter),
        _ => cursor_key(code),
    }
}

fn cursor_key(code: u8) -> Option<KeyCode> {
    Some(match code {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'H' => KeyCode::Home,
        b'F' => KeyCode::End,
        b'Z' => KeyCode::BackTab,
        _ => return None,
    })
}

/// The number before a `~`.
fn numbered_key(number: u16) -> Option<KeyCode> {
    Some(match number {
        1 | 7 => KeyCode::Home,
        2 => KeyCode::Insert,
        3 => KeyCode::Delete,
        4 | 8 => KeyCode::End,
        5 => KeyCode::PageUp,
        6 => KeyCode::PageDown,
        11..=15 => KeyCode::F(number as u8 - 10),
        17..=21 => KeyCode::F(number as u8 - 11),
        23 | 24 => KeyCode::F(number as u8 - 12),
        _ => return None,
    })
}

/// `rest` follows ESC and `[`: parameters up to a final byte.
fn control_sequence(rest: &[u8], last: bool) -> Step {
    const INTRO: usize = 2;
    if let [b'[', code, ..] = rest {
        // The Linux console's F1 to F5.
        let code = matches!(code, b'A'..=b'E').then(|| KeyCode::F(code - b'A' + 1));
        return Step::Done(INTRO + 2, code.map(key));
    }
    let within = &rest[..rest.len().min(SEQUENCE_MAX)];
    let Some(end) = within.iter().position(|byte| !matches!(byte, b' '..=b'?' | b'[')) else {
        if within.len() == SEQUENCE_MAX {
            return Step::Done(INTRO + SEQUENCE_MAX, None);
        }
        // Somebody typed Esc and `[`, or the rest is lost.
        return if last { Step::Done(INTRO + rest.len(), Some(key(KeyCode::Esc))) } else { Step::Incomplete };
    };
    let (body, code) = (&rest[..end], rest[end]);
    let used = INTRO + end + 1;
    if !matches!(code, b'@'..=b'~') {
        // A control character or a letter beyond ASCII: no sequence, the Esc stands alone.
        return Step::Done(1, Some(key(KeyCode::Esc)));
    }
    let (mouse, body) = match body.strip_prefix(b"<") {
        Some(body) => (true, body),
        None => (false, body),
    };
    let numbers = parameters(body);
    match (code, numbers[0]) {
        (b'M' | b'm', _) if mouse => Step::Done(used, mouse_event(numbers, code == b'M')),
        (b'~', 200) => Step::PasteStarts(used),
        (b'~', number) => Step::Done(used, numbered_key(number).map(|code| with_modifiers(code, numbers[1]))),
        (b'P'..=b'S', 0 | 1) => Step::Done(used, Some(with_modifiers(KeyCode::F(code - b'P' + 1), numbers[1]))),
        _ => Step::Done(used, cursor_key(code).map(|code| with_modifiers(code, numbers[1]))),
    }
}

/// Up to three decimal parameters, 0 where missing or not a number.
fn parameters(body: &[u8]) -> [u16; 3] {
    let mut numbers = [0; 3];
    for (number, text) in numbers.iter_mut().zip(body.split(|&byte| byte == b';')) {
        *number = str::from_utf8(text).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    }
    numbers
}

/// xterm's modifier parameter is a bit set plus one: 1 shift, 2 alt, 4 control.
fn with_modifiers(code: KeyCode, parameter: u16) -> Input {
    let bits = parameter.saturating_sub(1);
    let mut modifiers = KeyModifiers::NONE;
    modifiers.set(KeyModifiers::SHIFT, bits & 1 != 0);
    modifiers.set(KeyModifiers::CONTROL, bits & 4 != 0);
    Input::Key(KeyEvent::new(code, modifiers))
}

fn mouse_event([button, column, row]: [u16; 3], pressed: bool) -> Option<Input> {
    let kind = match button {
        0 if pressed => MouseKind::Click,
        64 => MouseKind::WheelUp,
        65 => MouseKind::WheelDown,
        _ => return None,
    };
    Some(Input::Mouse(Mouse { kind, column: column.saturating_sub(1), row: row.saturating_sub(1) }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn typed(bytes: &[u8]) -> Vec<Input> {
        let mut decoder = Decoder::default();
        let mut out = Vec::new();
        decoder.feed(bytes, &mut out);
        decoder.flush(&mut out);
        out
    }

    fn codes(bytes: &[u8]) -> Vec<KeyCode> {
        let code = |typed| match typed {
            Input::Key(key) => key.code,
            other => panic!("{other:?} is no key"),
        };
        typed(bytes).into_iter().map(code).collect()
    }

    #[test]
    fn keys_by_their_bytes() {
        for (bytes, code) in [
            (&b"a"[..], KeyCode::Char('a')),
            (b"\r", KeyCode::Enter),
            (b"\n", KeyCode::Enter),
            (b"\x7f", KeyCode::Backspace),
            (b"\x08", KeyCode::Backspace),
            (b"\x1b", KeyCode::Esc),
            (b"\x1b[A", KeyCode::Up),
            (b"\x1bOB", KeyCode::Down),
            (b"\x1b[1~", KeyCode::Home),
            (b"\x1b[6~", KeyCode::PageDown),
            (b"\x1bOP", KeyCode::F(1)),
            (b"\x1b[[D", KeyCode::F(4)),
            (b"\x1b[15~", KeyCode::F(5)),
            (b"\x1b[17~", KeyCode::F(6)),
            (b"\x1b[21~", KeyCode::F(10)),
            (b"\x1b[24~", KeyCode::F(12)),
            (b"\x1b[Z", KeyCode::BackTab),
            ("漢".as_bytes(), KeyCode::Char('漢')),
            ("🦀".as_bytes(), KeyCode::Char('🦀')),
        ] {
            assert_eq!(codes(bytes), [code], "{bytes:?}");
        }
    }

    #[test]
    fn control_is_a_modifier_and_never_the_bare_letter() {
        let control = |c| vec![Input::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL))];
        assert_eq!(typed(b"\x11"), control('q'));
        assert_eq!(typed(b"\x03"), control('c'));
        let up = KeyEvent::new(KeyCode::Up, KeyModifiers::CONTROL);
        assert_eq!(typed(b"\x1b[1;5A"), [Input::Key(up)]);
    }

    #[test]
    fn escape_and_a_letter_are_two_keys() {
        assert_eq!(codes(b"\x1b/"), [KeyCode::Esc, KeyCode::Char('/')]);
        assert_eq!(codes(b"\x1b\x1b"), [KeyCode::Esc, KeyCode::Esc]);
        assert_eq!(codes(b"\x1bOx"), [KeyCode::Esc, KeyCode::Char('O'), KeyCode::Char('x')]);
    }

    #[test]
    fn unknown_sequences_mean_nothing() {
        assert_eq!(typed(b"\x1b[?1;2c\x1b[I\x1b[99~\x1b[12;40Ra"), typed(b"a"));
    }

    #[test]
    fn a_paste_is_one_event_however_long_and_whatever_is_in_it() {
        assert_eq!(typed(b"\x1b[200~q\x1b[A\n\x1b[201~x"), [Input::Paste("q\x1b[A\n".into()), typed(b"x").remove(0)]);
        let long = [&b"\x1b[200~"[..], &[b'y'; PASTE_MAX * 2], b"\x1b[201~"].concat();
        assert_eq!(typed(&long), [Input::Paste("y".repeat(PASTE_MAX))]);
    }

    #[test]
    fn a_paste_without_an_end_ends_when_nothing_comes() {
        let (mut decoder, mut out) = (Decoder::default(), Vec::new());
        decoder.feed(b"\x1b[200~ab", &mut out);
        assert_eq!((decoder.wait(), out.len()), (Some(PASTE_WAIT), 0));
        decoder.flush(&mut out);
        decoder.feed(b"q", &mut out);
        assert_eq!((out, decoder.wait()), (vec![Input::Paste("ab".into()), typed(b"q").remove(0)], None));
    }

    #[test]
    fn the_mouse_counts_cells_from_zero() {
        let at = |kind| [Input::Mouse(Mouse { kind, column: 9, row: 4 })];
        assert_eq!(typed(b"\x1b[<0;10;5M"), at(MouseKind::Click));
        assert_eq!(typed(b"\x1b[<65;10;5M"), at(MouseKind::WheelDown));
        assert_eq!(typed(b"\x1b[<0;10;5m"), []);
    }

    proptest! {
        #[test]
        fn how_the_bytes_are_cut_does_not_matter(
            pieces in prop::collection::vec(prop::sample::select(vec![
                &b"a"[..], b"\x1b[A", b"\x1bOP", b"\x1b[15~", b"\xe6\xbc\xa2", b"\x1b[200~q\x1b[201~",
                b"\x1b[<0;1;1M", b"\x03",
            ]), 0..12),
            cut in 0usize..64,
        ) {
            let bytes = pieces.concat();
            let cut = cut.min(bytes.len());
            let (mut decoder, mut out) = (Decoder::default(), Vec::new());
            decoder.feed(&bytes[..cut], &mut out);
            decoder.feed(&bytes[cut..], &mut out);
            decoder.flush(&mut out);
            prop_assert_eq!(out, typed(&bytes));
        }

        #[test]
        fn no_bytes_panic_or_pile_up(reads: Vec<Vec<u8>>) {
            let (mut decoder, mut out) = (Decoder::default(), Vec::new());
            for read in reads {
                decoder.feed(&read, &mut out);
                prop_assert!(decoder.pending.len() < SEQUENCE_MAX + 2);
            }
        }
    }
}
