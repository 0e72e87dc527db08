//! A popup: a frame in the middle of the screen around lines that can be scrolled.

use ratatui::buffer::Buffer;
use ratatui::layout::{Rect, Size};
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr as _;

use super::context::Context;
use crate::format::{head, wrap};
use crate::tui::app::layout::Extent;

/// A line: a word in front, and text behind it.
#[derive(Debug, Default)]
pub(super) struct Line {
    pub label: String,
    pub text: String,
    pub style: Style,
}

/// What a popup shows.
#[derive(Debug)]
pub(super) struct Popup {
    pub title: String,
    pub lines: Vec<Line>,
    pub area: Rect,
}

impl Popup {
    pub(super) fn new(title: String, lines: Vec<Line>, width: u16, screen: Size) -> Self {
        let height = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX);
        Self { title, lines, area: centred(width, height, screen) }
    }
}

/// Columns of the words in front of fields.
const LABEL_WIDTH: usize = 9;

/// A popup of fields: a word of at most nine columns, and a text that is wrapped by `wrapped`.
pub(super) fn fields_popup(
    title: String,
    fields: &[(&'static str, String)],
    wrapped: fn(&str, usize) -> Vec<String>,
    width: u16,
    screen: Size,
) -> Popup {
    let room = text_width(width, screen, LABEL_WIDTH);
    let mut lines = Vec::new();
    for (label, text) in fields {
        for (at, text) in wrapped(text, room).into_iter().enumerate() {
            let label = if at == 0 { label } else { "" };
            // Padded, so that all texts start in the same column.
            lines.push(Line { label: format!("{label:LABEL_WIDTH$}"), text, ..Line::default() });
        }
    }
    Popup::new(title, lines, width, screen)
}

/// Breaks behind a blank where there is one in the second half of a line, and else anywhere: names keep all their
/// blanks.
pub(super) fn wrap_anywhere(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = text;
    loop {
        let full = wrap(rest, width).first().map_or(0, |line| line.len());
        let blank = rest[..full].rfind(' ').map_or(0, |at| at + 1);
        let end = if full == rest.len() || 2 * blank < full { full } else { blank };
        lines.push(rest[..end].to_owned());
        rest = &rest[end..];
        if rest.is_empty() {
            return lines;
        }
    }
}

/// From this height on a popup leaves the footer free, which tells how to close it.
const FOOTER_FROM: u16 = 8;
/// Fewer columns beside a popup show nothing that could be read.
const BESIDE_MIN: u16 = 8;

/// A popup's area: as large as wanted, as the screen allows.
pub(super) fn centred(width: u16, height: u16, screen: Size) -> Rect {
    let free = if screen.height >= FOOTER_FROM { screen.height - 1 } else { screen.height };
    let width = if screen.width < width + 2 * BESIDE_MIN { screen.width } else { width };
    let height = height.min(free);
    Rect::new((screen.width - width) / 2, (free - height) / 2, width, height)
}

/// A frame takes a cell on each side, and two at the left and right where there is room.
pub(super) fn inner(area: Rect) -> Rect {
    let side = if area.width > 30 { 2 } else { 1 };
    Rect::new(
        area.x + side.min(area.width),
        area.y + 1.min(area.height),
        area.width.saturating_sub(2 * side),
        area.height.saturating_sub(2),
    )
}

/// Draws the popup with its lines from `scroll` on, as far as it can be scrolled.
pub(super) fn render(popup: &Popup, scroll: usize, context: &Context<'_>, buf: &mut Buffer) -> Extent {
    let inner = inner(popup.area);
    let height = usize::from(inner.height);
    let extent = Extent { lines: popup.lines.len(), height };
    let scroll = scroll.min(extent.top_max());
    let more = if popup.lines.len() > height {
        format!(" {}-{} of {} ", scroll + 1, (scroll + height).min(popup.lines.len()), popup.lines.len())
    } else {
        String::new()
    };
    frame(popup.area, &popup.title, &more, context, buf);
    let label_width = popup.lines.iter().filter(|line| !line.text.is_empty()).map(|line| line.label.width()).max();
    let label_width = label_width.unwrap_or(0).min(label_room(inner));
    for (y, line) in (inner.y..inner.bottom()).zip(popup.lines.iter().skip(scroll)) {
        let width = usize::from(inner.width);
        if line.text.is_empty() {
            buf.set_stringn(inner.x, y, &line.label, width, line.style);
            continue;
        }
        buf.set_stringn(inner.x, y, head(&line.label, label_width), label_width, context.theme.key);
        let behind = label_width + 2;
        let room = width.saturating_sub(behind);
        buf.set_stringn(inner.x + behind.min(width) as u16, y, &line.text, room, line.style);
    }
    extent
}

/// The columns that text has beside labels of this width.
pub(super) fn text_width(width: u16, screen: Size, label_width: usize) -> usize {
    let inner = inner(centred(width, 3, screen));
    usize::from(inner.width).saturating_sub(label_width.min(label_room(inner)) + 2).max(1)
}

/// The columns that labels have at most in a popup of this width.
pub(super) fn label_room_of(width: u16, screen: Size) -> usize {
    label_room(inner(centred(width, 3, screen)))
}

fn label_room(inner: Rect) -> usize {
    usize::from(inner.width) / 3 + 1
}

/// Draws a frame and blanks what is inside.
pub(super) fn frame(area: Rect, title: &str, more: &str, context: &Context<'_>, buf: &mut Buffer) {
    let [top_left, top_right, bottom_right, bottom_left, horizontal, vertical] = context.theme.glyphs.frame;
    if area.width < 2 || area.height < 2 {
        return;
    }
    let bar = horizontal.repeat(usize::from(area.width) - 2);
    let blank = " ".repeat(usize::from(area.width) - 2);
    // What is half covered of a wide character to the left is no longer there.
    if area.x > 0 {
        for y in area.top()..area.bottom() {
            let left = &mut buf[(area.x - 1, y)];
            if left.symbol().width() > 1 {
                left.set_symbol(" ");
            }
        }
    }
    for y in area.top()..area.bottom() {
        let (left, middle, right) = match y {
            y if y == area.top() => (top_left, &bar, top_right),
            y if y == area.bottom() - 1 => (bottom_left, &bar, bottom_right),
            _ => (vertical, &blank, vertical),
        };
        let line = format!("{left}{middle}{right}");
        buf.set_style(Rect { y, height: 1, ..area }, Style::reset());
        buf.set_string(area.x, y, line, Style::reset());
    }
    let room = usize::from(area.width).saturating_sub(4);
    buf.set_stringn(area.x + 2, area.y, head(&format!(" {title} "), room), room, context.theme.title);
    let x = area.right().saturating_sub(2 + more.width() as u16);
    if more.width() <= room {
        buf.set_string(x, area.bottom() - 1, more, context.theme.faint);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_break_between_words_and_paths_anywhere_and_no_blank_is_lost() {
        assert_eq!(wrap_anywhere("not known: this is a recording", 24), ["not known: this is a ", "recording"]);
        assert_eq!(wrap_anywhere("/a b/cccccccccccc", 10), ["/a b/ccccc", "ccccccc"]);
        for text in ["", " ", "a  b   c    d", "漢字 漢字漢字 漢"] {
            assert_eq!(wrap_anywhere(text, 4).concat(), text);
        }
    }
}
