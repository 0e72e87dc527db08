//! The menu of columns.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::context::Context;
use super::popup::{centred, frame, inner};
use crate::tui::app::App;
use crate::tui::app::choice::Table;
use crate::tui::app::choose::Chooser;
use crate::tui::app::scroll::Scroll;

const WIDTH: u16 = 40;

pub(super) fn render(app: &App, chooser: &Chooser, context: &Context<'_>, buf: &mut Buffer) {
    let len = chooser.chosen.0.len();
    let area = centred(WIDTH, len as u16 + 2, app.size);
    let (title, more) = match chooser.table {
        Table::Events => ("columns of the events", format!(" t: times {} ", app.columns.times.name())),
        Table::Ranking => ("columns of the ranking", String::new()),
    };
    frame(area, title, &more, context, buf);
    let (inner, theme) = (inner(area), &context.theme);
    let width = usize::from(inner.width);
    let rows = Scroll { top: 0, selected: chooser.selected }.settled(len, usize::from(inner.height));
    for (y, index) in (inner.y..).zip(rows.rows(len, usize::from(inner.height))) {
        let choice = &chooser.chosen.0[index];
        let mark = if choice.shown { "[x]" } else { "[ ]" };
        let size = if choice.width == 0 { String::new() } else { format!("{} wide", choice.width) };
        buf.set_stringn(inner.x, y, format!("{mark} {:<12} {size}", choice.name), width, Style::new());
        if index == chooser.selected {
            buf.set_style(Rect { y, height: 1, ..inner }, theme.selected);
            buf.set_stringn(area.x, y, ">", usize::from(area.width), theme.selected);
        }
    }
}
