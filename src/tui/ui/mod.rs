//! Drawing: from the state to a screenful of cells. Nothing here changes anything.
//!
//! One panel, one file; `layout` is the map of the screen, `columns` places the columns of both tables, `format` and
//! `theme` say how things are written and how they look.

mod bar;
mod columns;
mod details;
pub(crate) mod events;
mod footer;
pub mod format;
mod header;
mod help;
pub mod layout;
mod line;
pub mod openers;
mod pick;
mod popup;
pub mod theme;

use jiff::tz::TimeZone;
use ratatui::buffer::Buffer;
use ratatui::layout::Position;

use crate::names::Names;
use crate::tui::app::{App, Mode};
use theme::Theme;

/// What is needed to write down an event or a row.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub names: &'a Names,
    pub time_zone: &'a TimeZone,
    pub theme: Theme,
    /// Columns by which paths are scrolled to the side.
    pub sideways: usize,
}

impl<'a> Context<'a> {
    fn of(app: &'a App) -> Self {
        Self {
            names: &app.names,
            time_zone: &app.setup.time_zone,
            theme: Theme::of(&app.setup),
            sideways: usize::from(app.events.sideways),
        }
    }
}

/// Draws the whole screen into `buf`, which is blank and as large as the app believes. Returns where the cursor is to
/// be seen, if anywhere.
pub fn render(app: &App, buf: &mut Buffer) -> Option<Position> {
    let (layout, context) = (app.layout(), Context::of(app));
    for (area, draw) in [
        (layout.header, header::render as fn(&App, &Context<'_>, _, &mut Buffer)),
        (layout.openers, openers::render),
        (layout.events, events::render),
        (layout.footer, footer::render),
    ] {
        if let Some(area) = area {
            draw(app, &context, area, buf);
        }
    }
    let cursor = layout.bar.and_then(|area| bar::render(app, &context, area, buf));
    match &app.mode {
        Mode::Browse | Mode::Prompt(_) => {}
        Mode::Help { scroll } => popup::render(&help::popup(app, &context), *scroll, &context, buf),
        Mode::Details { scroll, .. } => popup::render(&details::popup(app, &context), *scroll, &context, buf),
        Mode::Pick(pick) => pick::render(pick, app.size, &context, buf),
    }
    cursor
}

/// Lines of the open popup, and how many of them fit.
#[must_use]
pub fn popup_extent(app: &App) -> (usize, usize) {
    let context = Context::of(app);
    let popup = match &app.mode {
        Mode::Help { .. } => help::popup(app, &context),
        Mode::Details { .. } => details::popup(app, &context),
        Mode::Browse | Mode::Prompt(_) | Mode::Pick(_) => return (0, 0),
    };
    (popup.lines.len(), usize::from(popup.inner().height))
}

#[cfg(test)]
mod tests;
