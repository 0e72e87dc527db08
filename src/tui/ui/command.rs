//! The command's terminal, over all but the footer.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier, Style};
use unicode_width::UnicodeWidthStr as _;

use super::context::Context;
use super::popup;
use crate::escape::is_shown_as_it_is;
use crate::tui::app::App;

/// Draws the terminal in its frame; returns where the command's cursor is, while keys go to it.
pub(super) fn render(app: &App, typing: bool, context: &Context<'_>, buf: &mut Buffer) -> Option<Position> {
    let command = app.command.as_ref()?;
    let screen = command.screen();
    let area = Rect::new(0, 0, app.size.width, app.size.height.saturating_sub(1));
    let title = command.ended.as_ref().unwrap_or(&command.label);
    let more = match screen.scrollback() {
        0 => String::new(),
        1 => " 1 row up ".to_owned(),
        rows => format!(" {rows} rows up "),
    };
    popup::frame(area, title, &more, context, buf);
    let inner = Rect::new(1, 1, area.width.saturating_sub(2), area.height.saturating_sub(2)).intersection(buf.area);
    for y in 0..inner.height {
        for x in 0..inner.width {
            let Some(cell) = screen.cell(y, x) else { continue };
            let to = &mut buf[(inner.x + x, inner.y + y)];
            to.set_style(style(cell, app.setup.colour));
            let text = cell.contents();
            let fits =
                text.width() == if cell.is_wide() { 2 } else { 1 } && x + u16::from(cell.is_wide()) < inner.width;
            if text.is_empty() {
                to.set_symbol(" ");
            } else {
                to.set_symbol(if fits && is_shown_as_it_is(text) { text } else { "?" });
            }
        }
    }
    let (row, column) = screen.cursor_position();
    let at = Position::new(inner.x + column.min(inner.width.saturating_sub(1)), inner.y + row);
    (typing && !screen.hide_cursor() && inner.contains(at)).then_some(at)
}

/// The colours that every terminal has; all others are drawn as its own.
const SIXTEEN: [Color; 16] = [
    Color::Black,
    Color::Red,
    Color::Green,
    Color::Yellow,
    Color::Blue,
    Color::Magenta,
    Color::Cyan,
    Color::Gray,
    Color::DarkGray,
    Color::LightRed,
    Color::LightGreen,
    Color::LightYellow,
    Color::LightBlue,
    Color::LightMagenta,
    Color::LightCyan,
    Color::White,
];

fn style(cell: &vt100::Cell, colour: bool) -> Style {
    let of = |colour| match colour {
        vt100::Color::Idx(index) => SIXTEEN.get(usize::from(index)).copied().unwrap_or(Color::Reset),
        vt100::Color::Default | vt100::Color::Rgb(..) => Color::Reset,
    };
    let modifiers = [
        (cell.bold(), Modifier::BOLD),
        (cell.dim(), Modifier::DIM),
        (cell.italic(), Modifier::ITALIC),
        (cell.underline(), Modifier::UNDERLINED),
        (cell.inverse(), Modifier::REVERSED),
    ];
    let modifiers = modifiers.into_iter().filter(|(is, _)| *is).map(|(_, modifier)| modifier).collect();
    let style = Style::reset().add_modifier(modifiers);
    if colour { style.fg(of(cell.fgcolor())).bg(of(cell.bgcolor())) } else { style }
}
