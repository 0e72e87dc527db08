//! Drawing: from the state to a screenful of cells. Nothing here changes anything.
//!
//! One panel, one file. [`crate::tui::app::layout`] is the map of the screen, [`crate::tui::app::columns`] places the
//! columns of both tables, [`crate::format`] and [`theme`] say how things are written and how they look.

mod bar;
mod choose;
mod command;
pub(crate) mod context;
mod details;
mod directories;
pub(crate) mod events;
mod footer;
mod header;
mod help;
mod hosts;
mod line;
pub mod openers;
mod pick;
mod popup;
mod report;
pub mod theme;
mod timeline;
mod tree;
mod who;

use ratatui::buffer::Buffer;
use ratatui::layout::Position;

use crate::tui::app::layout::Extent;
use crate::tui::app::{App, Mode};
use context::Context;

/// Draws the whole screen into `buf`, which is blank and as large as the app believes. Returns where the cursor is to
/// be seen, if anywhere, and how much of an open popup is.
pub fn render(app: &App, buf: &mut Buffer) -> (Option<Position>, Extent) {
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
    if let Some(view) = &app.below {
        over(app, view, &context, buf);
    }
    let (in_popup, popup) = over(app, &app.mode, &context, buf);
    (in_popup.or(cursor), popup)
}

/// Draws what lies over the panels, if anything.
fn over(app: &App, mode: &Mode, context: &Context<'_>, buf: &mut Buffer) -> (Option<Position>, Extent) {
    let mut cursor = None;
    let popup = match mode {
        Mode::Browse | Mode::Prompt(_) | Mode::Write(_) => None,
        Mode::Hosts { scroll } => Some((scroll, hosts::popup(app, context))),
        Mode::Help { scroll, find } => Some((scroll, help::popup(app, find, context))),
        Mode::Details { scroll, who, .. } => Some((scroll, details::popup(app, who.as_deref(), context))),
        Mode::Opener { scroll, who, row, whose } => Some((scroll, who::popup(app, who, row, whose, context))),
        Mode::Report { scroll, page, .. } => Some((scroll, report::popup(app, page.as_ref(), context))),
        Mode::Tree(tree) => {
            app.tree_area().iter().for_each(|area| tree::render(app, tree, context, *area, buf));
            None
        }
        Mode::Directories(view) => {
            app.tree_area().iter().for_each(|area| directories::render(app, view, context, *area, buf));
            None
        }
        Mode::Timeline(at) => {
            timeline::render(app, at, context, buf);
            None
        }
        Mode::Pick(pick) => {
            pick::render(pick, app.size, context, buf);
            None
        }
        Mode::Columns(chooser) => {
            choose::render(app, chooser, context, buf);
            None
        }
        Mode::Command { typing } => {
            cursor = command::render(app, *typing, context, buf);
            None
        }
    };
    let drawn = popup.map(|(scroll, popup)| popup::render(&popup, *scroll, context, buf));
    (cursor, drawn.unwrap_or_default())
}

#[cfg(test)]
mod tests;
