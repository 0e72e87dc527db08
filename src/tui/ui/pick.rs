//! The menu of what to include or exclude of the selected event.

use ratatui::buffer::Buffer;
use ratatui::layout::{Rect, Size};
use ratatui::style::Style;

use super::context::Context;
use super::popup::{centred, frame, inner};
use crate::format::elide;
use crate::tui::app::Pick;
use crate::tui::app::scroll::Scroll;

const WIDTH: u16 = 60;

pub(super) fn render(pick: &Pick, screen: Size, context: &Context<'_>, buf: &mut Buffer) {
    let area = centred(WIDTH, pick.choices.len() as u16 + 2, screen);
    let title = if pick.include { "show only this" } else { "show everything but this" };
    frame(area, title, "", context, buf);
    let (inner, theme) = (inner(area), &context.theme);
    let (len, height) = (pick.choices.len(), usize::from(inner.height));
    let rows = Scroll { top: 0, selected: pick.selected }.rows(len, height);
    for (y, index) in (inner.y..).zip(rows) {
        let choice = &pick.choices[index];
        let width = usize::from(inner.width);
        let negated = if pick.include { "" } else { "!" };
        let term = choice.term.source();
        let text = match (pick.include, term.strip_prefix('!')) {
            (false, Some(positive)) => positive.to_owned(),
            _ => format!("{negated}{term}"),
        };
        buf.set_stringn(inner.x, y, choice.key.to_string(), width, theme.key);
        let text = format!("{:<9}  {text}", choice.what);
        let room = width.saturating_sub(3);
        let x = inner.x + 3.min(inner.width);
        buf.set_stringn(x, y, elide(&text, room, theme.glyphs.elided), room, Style::new());
        if index == pick.selected {
            buf.set_style(Rect { y, height: 1, ..inner }, theme.selected);
            buf.set_stringn(area.x, y, ">", usize::from(area.width), theme.selected);
        }
    }
}
