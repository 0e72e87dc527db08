//! From one screenful to the next in as few bytes as possible.
//!
//! Pure: two buffers in, bytes out. Rows that only moved up or down are moved by the terminal itself (DECSTBM and SU
//! or SD), blanks at the end of a row are erased, and colours are the sixteen that every terminal has, in their short
//! form. A storm over a slow line is what this is for.

use std::io::Write as _;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use unicode_width::UnicodeWidthStr as _;

use super::rows::{row, row_mut};
use super::shift::find_shift;

/// Unchanged cells that are cheaper to print again than to jump over.
const GAP: u16 = 4;

/// A screen of which nothing is known: whatever is painted over it is painted whole.
pub fn unknown(area: ratatui::layout::Rect) -> Buffer {
    Buffer::filled(area, unknown_cell())
}

/// Nothing else ever has every modifier, so no cell is equal to this one.
fn unknown_cell() -> Cell {
    let mut cell = Cell::new(" ");
    cell.modifier = Modifier::all();
    cell
}

/// Appends to `out` what turns a terminal that shows `shown` into one that shows `next`. Both have the same area.
/// Nothing is appended where nothing changed; otherwise the cursor ends up anywhere and the style is plain.
pub fn paint(shown: &mut Buffer, next: &Buffer, out: &mut Vec<u8>) {
    if let Some(shift) = find_shift(shown, next) {
        shift.apply(shown);
        shift.write(out);
    }
    let mut pen = Pen { out, at: None, style: Style::PLAIN };
    for y in next.area.top()..next.area.bottom() {
        invalidate_broken(row_mut(shown, y), row(next, y));
        paint_row(shown, next, y, &mut pen);
    }
    pen.plain();
}

fn paint_row(shown: &Buffer, next: &Buffer, y: u16, pen: &mut Pen<'_>) {
    let (old, new) = (row(shown, y), row(next, y));
    let end = blank_from(new);
    let mut x = 0;
    while x < new.len() {
        let width = new[x].symbol().width().max(1);
        // A wide character covers the cells behind it; those are compared with it, and never painted.
        let span = x..(x + width).min(new.len());
        if old[span.clone()] != new[span] {
            if x >= end {
                return pen.erase_rest(x as u16, y);
            }
            pen.print(x as u16, y, &new[x], width as u16, new);
        }
        x += width;
    }
}

/// Terminals differ in what they leave of a wide character that is partly overwritten, so none of it is known.
fn invalidate_broken(old: &mut [Cell], new: &[Cell]) {
    for x in 0..old.len() {
        let width = old[x].symbol().width();
        if width > 1 && old[x] != new[x] {
            let end = (x + width).min(old.len());
            old[x..end].fill(unknown_cell());
        }
    }
}

/// The first cell from which on all are plain blanks.
fn blank_from(cells: &[Cell]) -> usize {
    let blank = Cell::new(" ");
    cells.iter().rposition(|cell| *cell != blank).map_or(0, |last| last + 1)
}

/// The part of a cell's style that is painted.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Style {
    fg: Color,
    bg: Color,
    modifier: Modifier,
}

impl Style {
    const PLAIN: Style = Style { fg: Color::Reset, bg: Color::Reset, modifier: Modifier::empty() };

    fn of(cell: &Cell) -> Style {
        Style { fg: cell.fg, bg: cell.bg, modifier: cell.modifier }
    }
}

/// Where the terminal's cursor is and how it writes.
struct Pen<'a> {
    out: &'a mut Vec<u8>,
    at: Option<(u16, u16)>,
    style: Style,
}

impl Pen<'_> {
    fn print(&mut self, x: u16, y: u16, cell: &Cell, width: u16, row: &[Cell]) {
        self.go(x, y, row);
        self.set(Style::of(cell));
        self.out.extend_from_slice(cell.symbol().as_bytes());
        // Terminals disagree about the width of anything unusual, so only of the usual the place behind is known.
        let known = width == 1 && cell.symbol().is_ascii() || cell.symbol().chars().all(is_box_or_block);
        self.at = (known && usize::from(x + width) < row.len()).then_some((x + width, y));
    }

    fn erase_rest(&mut self, x: u16, y: u16) {
        self.go(x, y, &[]);
        self.plain();
        self.out.extend_from_slice(b"\x1b[K");
    }

    /// Moves the cursor, by printing again what lies between where that is shorter.
    fn go(&mut self, x: u16, y: u16, row: &[Cell]) {
        match self.at {
            Some(at) if at == (x, y) => {}
            Some((from, same)) if same == y && from < x => {
                let between = row.get(usize::from(from)..usize::from(x)).unwrap_or_default();
                let plain = |cell: &Cell| cell.symbol().is_ascii() && Style::of(cell) == self.style;
                if x - from <= GAP && between.len() == usize::from(x - from) && between.iter().all(plain) {
                    between.iter().for_each(|cell| self.out.extend_from_slice(cell.symbol().as_bytes()));
                } else {
                    let _ = write!(self.out, "\x1b[{}C", x - from);
                }
            }
            _ => {
                let _ = write!(self.out, "\x1b[{};{}H", y + 1, x + 1);
            }
        }
        self.at = Some((x, y));
    }

    fn plain(&mut self) {
        self.set(Style::PLAIN);
    }

    fn set(&mut self, style: Style) {
        if style == self.style {
            return;
        }
        let mut codes = Vec::with_capacity(4);
        if style == Style::PLAIN {
            codes.push(0);
        } else {
            if !style.modifier.contains(self.style.modifier) {
                codes.push(0);
                self.style = Style::PLAIN;
            }
            let added = style.modifier.difference(self.style.modifier);
            codes.extend(MODIFIERS.iter().filter(|(modifier, _)| added.contains(*modifier)).map(|(_, code)| *code));
            if style.fg != self.style.fg {
                codes.push(30 + colour_code(style.fg));
            }
            if style.bg != self.style.bg {
                codes.push(40 + colour_code(style.bg));
            }
        }
        self.style = style;
        self.out.extend_from_slice(b"\x1b[");
        for (i, code) in codes.iter().enumerate() {
            let separator = if i > 0 { ";" } else { "" };
            match code {
                0 if codes.len() == 1 => {}
                _ => {
                    let _ = write!(self.out, "{separator}{code}");
                }
            }
        }
        self.out.push(b'm');
    }
}

const MODIFIERS: [(Modifier, u8); 5] = [
    (Modifier::BOLD, 1),
    (Modifier::DIM, 2),
    (Modifier::ITALIC, 3),
    (Modifier::UNDERLINED, 4),
    (Modifier::REVERSED, 7),
];

/// The distance from 30 (foreground) or 40 (background). Anything but the sixteen colours is the default colour.
fn colour_code(colour: Color) -> u8 {
    match colour {
        Color::Black => 0,
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 60,
        Color::LightRed => 61,
        Color::LightGreen => 62,
        Color::LightYellow => 63,
        Color::LightBlue => 64,
        Color::LightMagenta => 65,
        Color::LightCyan => 66,
        Color::White => 67,
        _ => 9,
    }
}

/// Characters of the screen's own drawing; every terminal gives them one cell.
fn is_box_or_block(c: char) -> bool {
    matches!(c, '\u{2500}'..='\u{259f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use ratatui::layout::Rect;
    use ratatui::style::Style as Look;

    fn buffer(rows: &[&str], width: u16) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, rows.len() as u16));
        for (y, text) in rows.iter().enumerate() {
            buffer.set_string(0, y as u16, text, Look::new());
        }
        buffer
    }

    fn bytes(shown: &Buffer, next: &Buffer) -> String {
        let mut out = Vec::new();
        paint(&mut shown.clone(), next, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn nothing_changed_costs_nothing() {
        let screen = buffer(&["one", "two"], 8);
        assert_eq!(bytes(&screen, &screen), "");
    }

    #[test]
    fn only_what_changed_is_painted() {
        let (old, new) = (buffer(&["count 1,204", "x"], 20), buffer(&["count 1,311", "x"], 20));
        assert_eq!(bytes(&old, &new), "\x1b[1;9H311");
        assert_eq!(bytes(&new, &buffer(&["count", "x"], 20)), "\x1b[1;7H\x1b[K");
    }

    #[test]
    fn colours_are_short_and_end_plain() {
        let mut red = buffer(&["ab"], 4);
        red.set_style(Rect::new(0, 0, 1, 1), Look::new().fg(Color::Red).add_modifier(Modifier::BOLD));
        assert_eq!(bytes(&unknown(red.area), &red), "\x1b[1;1H\x1b[1;31ma\x1b[mb\x1b[K");
    }

    #[test]
    fn a_list_that_moves_up_is_moved_by_the_terminal() {
        let old = buffer(&["head", "row 1", "row 2", "row 3", "row 4", "foot"], 10);
        let new = buffer(&["head", "row 2", "row 3", "row 4", "row 5", "foot"], 10);
        assert_eq!(bytes(&old, &new), "\x1b[2;5r\x1b[1S\x1b[r\x1b[5;1Hrow 5");
        assert_eq!(bytes(&new, &old), "\x1b[2;5r\x1b[1T\x1b[r\x1b[2;1Hrow 1");
    }

    /// What a terminal shows: its text and, per cell, whether it is reverse.
    fn seen(parser: &vt100::Parser, width: u16, height: u16) -> Vec<String> {
        let cell = |x, y| parser.screen().cell(y, x).unwrap().clone();
        let show = |x, y| {
            format!(
                "{}{}",
                cell(x, y).contents(),
                if cell(x, y).inverse() && !cell(x, y).is_wide_continuation() { "!" } else { "" }
            )
        };
        (0..height)
            .map(|y| (0..width).map(|x| show(x, y)).map(|s| if s.is_empty() { " ".into() } else { s }).collect())
            .collect()
    }

    fn screens() -> impl Strategy<Value = Vec<Vec<(String, bool)>>> {
        let row = (
            prop::sample::select(vec!["", "a", "aa b", "row 1", "row 2", "漢字 x", "x漢", "é", "     z", "────"]),
            any::<bool>(),
        );
        let screen = prop::collection::vec(row.prop_map(|(text, bold)| (text.to_owned(), bold)), 6);
        prop::collection::vec(screen, 1..6)
    }

    proptest! {
        #[test]
        fn a_terminal_shows_what_was_drawn(screens in screens()) {
            let area = Rect::new(0, 0, 9, 6);
            let mut parser = vt100::Parser::new(6, 9, 0);
            let mut shown = unknown(area);
            for screen in screens {
                let mut next = Buffer::empty(area);
                for (y, (text, reverse)) in screen.iter().enumerate() {
                    let look = if *reverse { Look::new().add_modifier(Modifier::REVERSED) } else { Look::new() };
                    next.set_string(0, y as u16, text, look);
                }
                let mut out = Vec::new();
                paint(&mut shown, &next, &mut out);
                parser.process(&out);
                shown = next.clone();
                let mut fresh = vt100::Parser::new(6, 9, 0);
                let mut whole = Vec::new();
                paint(&mut unknown(area), &next, &mut whole);
                fresh.process(&whole);
                prop_assert_eq!(seen(&parser, 9, 6), seen(&fresh, 9, 6));
                for (y, (text, _)) in screen.iter().enumerate() {
                    let line: String = seen(&parser, 9, 6)[y].replace('!', "");
                    prop_assert_eq!(line.replace(' ', ""), text.replace(' ', ""));
                }
            }
        }
    }
}
