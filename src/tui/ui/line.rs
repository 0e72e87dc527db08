//! One line of texts side by side, of which the less important give way when there is no room.

use std::borrow::Cow;
use std::collections::VecDeque;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr as _;

use super::context::Context;
use super::theme::Glyphs;
use crate::format::{cut, elide};
use crate::ranking::Sort;
use crate::tui::app::columns::{Column, Placed};

/// A text that is shown whole or not at all, or a shorter one in its place.
#[derive(Debug)]
pub(super) struct Segment {
    /// Each with its rank, the longest first: the higher, the sooner it gives way to the next, and the last to nothing.
    texts: VecDeque<(u8, String)>,
    style: Style,
}

impl Segment {
    pub(super) fn new(rank: u8, style: Style, text: impl Into<String>) -> Self {
        Self { texts: [(rank, text.into())].into(), style }
    }

    /// Without a text as yet.
    pub(super) fn none(style: Style) -> Self {
        Self { texts: VecDeque::new(), style }
    }

    /// With a shorter text for where the others have no room.
    pub(super) fn or(mut self, rank: u8, shorter: impl Into<String>) -> Self {
        self.texts.push_back((rank, shorter.into()));
        self
    }

    fn rank(&self) -> u8 {
        self.texts.front().map_or(0, |(rank, _)| *rank)
    }

    fn text(&self) -> &str {
        self.texts.front().map_or("", |(_, text)| text)
    }
}

/// Two blanks between texts.
pub(super) const GAP: usize = 2;

/// Draws what fits of `segments` from the left of `area`'s first line.
pub(super) fn draw(mut segments: Vec<Segment>, area: Rect, buf: &mut Buffer) {
    segments.retain(|segment| !segment.text().is_empty());
    while total(&segments) > usize::from(area.width) {
        let Some(at) = (0..segments.len()).max_by_key(|&at| segments[at].rank()) else { break };
        segments[at].texts.pop_front();
        segments.retain(|segment| !segment.text().is_empty());
    }
    let mut x = area.x;
    for segment in &segments {
        let room = usize::from(area.right().saturating_sub(x));
        let (end, _) = buf.set_stringn(x, area.y, segment.text(), room, segment.style);
        x = end.saturating_add(GAP as u16);
    }
}

fn total(segments: &[Segment]) -> usize {
    let gaps = GAP * segments.len().saturating_sub(1);
    segments.iter().map(|segment| segment.text().width()).sum::<usize>() + gaps
}

/// Draws the first of `texts` that fits at the right end of the line, of which `used` columns are taken.
pub(super) fn draw_right<T: AsRef<str>>(texts: &[T], style: Style, used: u16, area: Rect, buf: &mut Buffer) {
    let room = usize::from(area.width.saturating_sub(used)).saturating_sub(GAP);
    if let Some(text) = texts.iter().map(AsRef::as_ref).find(|text| text.width() <= room) {
        buf.set_string(area.right() - text.width() as u16, area.y, text, style);
    }
}

/// `text` in exactly `width` columns: a path loses its middle, anything else its end.
pub(super) fn padded(text: &str, width: usize, right: bool, ellipsis: &str) -> String {
    let text = if text.contains('/') { elide(text, width, ellipsis) } else { cut(text, width, ellipsis) };
    let blanks = " ".repeat(width - text.width().min(width));
    if right { blanks + &text } else { text + &blanks }
}

/// Writes the titles of columns into the first line of `area`. Returns the columns of the screen that are used.
pub(super) fn draw_titles<'a, F, T: Into<Cow<'a, str>>>(
    placed: &'a [Placed<'_, F>],
    title: impl Fn(&'a Column<F>) -> T,
    style: Style,
    area: Rect,
    buf: &mut Buffer,
) -> u16 {
    buf.set_style(Rect { height: 1, ..area }, style);
    let mut used = 0;
    for at in placed {
        let title = title(at.column).into();
        write(at, area.y, &title, style, "", buf);
        used = at.x - area.x + title.width() as u16;
    }
    used
}

/// What stands behind the title of a column that rows are sorted by.
pub(super) fn sort_arrow(sort: Sort, reversed: bool, glyphs: &Glyphs) -> &'static str {
    if sort.is_descending() == reversed { glyphs.rising } else { glyphs.falling }
}

/// Marks the selected row, for those who see colours and those who do not.
pub(super) fn select(area: Rect, y: u16, context: &Context<'_>, buf: &mut Buffer) {
    buf.set_style(Rect { y, height: 1, ..area }, context.theme.selected);
    buf.set_stringn(area.x, y, ">", usize::from(area.width), context.theme.selected);
}

/// Writes below the titles why there are no rows.
pub(super) fn draw_nothing(why: &str, area: Rect, context: &Context<'_>, buf: &mut Buffer) {
    if area.height > 1 {
        let room = usize::from(area.width.saturating_sub(1));
        buf.set_stringn(area.x + 1, area.y + 1, why, room, context.theme.faint);
    }
}

/// Writes `text` into the cell of a column in row `y`.
pub(super) fn write<F>(at: &Placed<'_, F>, y: u16, text: &str, style: Style, ellipsis: &str, buf: &mut Buffer) {
    // Colours on blanks would be seen by nobody and sent nevertheless.
    let style = if text.is_empty() { Style::new() } else { style };
    let width = usize::from(at.width);
    buf.set_stringn(at.x, y, padded(text, width, at.column.right, ellipsis), width, style);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(width: u16) -> String {
        let area = Rect::new(0, 0, width, 1);
        let mut buf = Buffer::empty(area);
        let segments = [(0, "name"), (9, "least"), (3, "some more"), (9, "last")];
        let mut segments = segments.map(|(rank, text)| Segment::new(rank, Style::new(), text));
        segments[2].texts.push_back((2, "more".to_owned()));
        draw(segments.into(), area, &mut buf);
        (0..width).map(|x| buf[(x, 0)].symbol().to_owned()).collect::<String>().trim_end().to_owned()
    }

    #[test]
    fn the_least_important_gives_way_first() {
        assert_eq!(line(40), "name  least  some more  last");
        assert_eq!(line(22), "name  least  some more");
        assert_eq!(line(15), "name  some more");
        assert_eq!(line(14), "name  more");
        assert_eq!(line(5), "name");
        assert_eq!(line(2), "");
        assert_eq!(line(0), "");
    }
}
