//! What a command prints, before the emulator of its terminal reads it.
//!
//! The emulator repeats as often as it is told, by loops on the thread that draws, and it keeps a title of any length.
//! So control sequences reach it whole, short, and with no number larger than the terminal; strings (titles, the
//! clipboard, graphics) do not, as nothing of them is shown.

const ESC: u8 = 0x1b;
const CAN: u8 = 0x18;
const SUB: u8 = 0x1a;
const BEL: u8 = 0x07;

/// Bytes between `ESC [` and the last byte of a control sequence. Longer ones mean nothing to anybody.
const BODY_MAX: usize = 64;

/// Where the byte before has left us. The names are those of ECMA-48 and of DEC's parsers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Ground,
    /// Behind ESC, and behind what may stand between it and its last byte.
    Escape,
    /// A control sequence, behind `ESC [`.
    Sequence,
    /// A string of the operating system (`ESC ]`), which BEL ends too.
    System,
    /// Any other string, and what is too long, until its end.
    Text,
}

/// Reads a stream that may be cut anywhere.
#[derive(Debug, Default)]
pub(crate) struct Sanitizer {
    state: State,
    /// Of the sequence that has begun, without ESC and `[`.
    body: Vec<u8>,
    /// That has become too long.
    too_long: bool,
}

impl Sanitizer {
    /// What of `bytes` a terminal of at most `limit` columns and rows may read.
    pub(crate) fn pass(&mut self, bytes: &[u8], limit: u16) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        bytes.iter().for_each(|byte| self.pass_byte(*byte, limit, &mut out));
        out
    }

    fn pass_byte(&mut self, byte: u8, limit: u16, out: &mut Vec<u8>) {
        match (self.state, byte) {
            (_, ESC) => self.begin(State::Escape),
            (State::Ground, _) => out.push(byte),
            (_, CAN | SUB) | (State::System, BEL) => self.begin(State::Ground),
            (State::System | State::Text, _) => {}
            // Other controls work as if the sequence were not there.
            (_, 0..0x20) => out.push(byte),
            (State::Escape, _) => self.escape(byte, out),
            (State::Sequence, 0x20..0x40) => self.keep(byte),
            (State::Sequence, 0x40..0x7f) => {
                if !self.too_long {
                    out.extend([ESC, b'[']);
                    bounded(&self.body, byte, limit, out);
                    out.push(byte);
                }
                self.begin(State::Ground);
            }
            (State::Sequence, _) => {}
        }
    }

    fn escape(&mut self, byte: u8, out: &mut Vec<u8>) {
        match (byte, self.body.is_empty()) {
            (b'[', true) => self.begin(State::Sequence),
            (b']', true) => self.begin(State::System),
            (b'P' | b'X' | b'^' | b'_', true) => self.begin(State::Text),
            (0x20..0x30, _) => self.keep(byte),
            (0x30..0x7f, _) => {
                if !self.too_long {
                    out.push(ESC);
                    out.extend_from_slice(&self.body);
                    out.push(byte);
                }
                self.begin(State::Ground);
            }
            _ => {}
        }
    }

    fn begin(&mut self, state: State) {
        *self = Self { state, body: std::mem::take(&mut self.body), too_long: false };
        self.body.clear();
    }

    fn keep(&mut self, byte: u8) {
        if self.body.len() < BODY_MAX {
            self.body.push(byte);
        } else {
            self.too_long = true;
        }
    }
}

/// The numbers of a control sequence that ends with `last`, none above `limit`. Colours and modes are no counts.
fn bounded(body: &[u8], last: u8, limit: u16, out: &mut Vec<u8>) {
    if last == b'm' || body.first().is_some_and(|first| (b'<'..=b'?').contains(first)) {
        return out.extend_from_slice(body);
    }
    for part in body.chunk_by(|a, b| a.is_ascii_digit() && b.is_ascii_digit()) {
        let number = str::from_utf8(part).ok().filter(|text| text.as_bytes()[0].is_ascii_digit());
        match number.map(|text| text.parse::<u16>().unwrap_or(u16::MAX)) {
            Some(number) if number > limit => out.extend_from_slice(limit.to_string().as_bytes()),
            _ => out.extend_from_slice(part),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_passes(input: &str, expected: &str) {
        let whole = Sanitizer::default().pass(input.as_bytes(), 80);
        assert_eq!(String::from_utf8_lossy(&whole), expected, "{input:?}");
        let mut cut = Sanitizer::default();
        let bytes: Vec<u8> = input.bytes().flat_map(|byte| cut.pass(&[byte], 80)).collect();
        assert_eq!(bytes, whole, "{input:?} byte by byte");
    }

    #[test]
    fn numbers_are_no_larger_than_the_terminal() {
        assert_passes(
            "\x1b[65535@\x1b[00099L\x1b[999;7H\x1b[99999999999999999999T",
            "\x1b[80@\x1b[80L\x1b[80;7H\x1b[80T",
        );
        assert_passes("\x1b[38;2;255;128;99mx\x1b[?1049h\x1b[>4;1m", "\x1b[38;2;255;128;99mx\x1b[?1049h\x1b[>4;1m");
        assert_passes("\x1b[12\n345C", "\n\x1b[80C");
    }

    #[test]
    fn strings_are_left_out_and_what_is_behind_them_is_not() {
        assert_passes(
            "a\x1b]0;title\x07b\x1b]52;c;eA==\x1b\\c\x1bPq#0\x1b\\d\x1b_Gx\x18e\x1b^p\x1af",
            "ab\x1b\\c\x1b\\def",
        );
        assert_passes("\x1b]0;title\x1b[999A", "\x1b[80A");
        assert_passes("\x1b(B\x1b#8\x1bM\x1b \x1bc", "\x1b(B\x1b#8\x1bM\x1bc");
        assert_passes("\x1b[1\x1b[2Jé漢\x1b[3\x18X", "\x1b[2Jé漢X");
    }

    #[test]
    fn nothing_that_has_no_end_is_kept() {
        let mut sanitizer = Sanitizer::default();
        for start in ["\x1b]0;", "\x1bP", "\x1b_", "\x1b[", "\x1b "] {
            assert!(sanitizer.pass(start.as_bytes(), 80).is_empty());
            for _ in 0..1 << 10 {
                assert!(sanitizer.pass(&[b'!'; 1 << 16], 80).is_empty());
            }
            assert!(sanitizer.body.capacity() <= 2 * BODY_MAX);
        }
        assert_eq!(sanitizer.pass(b"\x18there", 80), b"there");
    }
}
