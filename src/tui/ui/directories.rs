//! A directory: a row for each of its children, with the sums of all below it. Or the mounts.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::{Clear, Widget as _};
use unicode_width::UnicodeWidthStr as _;

use super::context::Context;
use super::line;
use crate::escape::escape;
use crate::format::{elide, fitting, group_digits, percent, rate};
use crate::history::directories::Child;
use crate::tui::app::App;
use crate::tui::app::columns::{Column, Placed};
use crate::tui::app::directories::{At, Cell, Directories, Listing, Name, path_of};

pub(super) fn render(app: &App, view: &Directories, context: &Context<'_>, area: Rect, buf: &mut Buffer) {
    Clear.render(area, buf);
    let theme = &context.theme;
    let placed = view.columns(area);
    head(app, view, &placed, context, area, buf);
    let (rows, height) = (view.rows(), usize::from(area.height.saturating_sub(1)));
    let scroll = view.scroll(&rows, height);
    for (y, index) in (area.y + 1..area.bottom()).zip(scroll.rows(rows.len(), height)) {
        let (name, child) = &rows[index];
        for at in &placed {
            let is_bad = matches!(at.column.cell, Cell::Failed | Cell::FailedShare) && child.failed > 0;
            let style = if is_bad { theme.bad } else { Style::new() };
            let text = cell(view, name, child, at);
            line::write(at, y, &text, style, theme.glyphs.elided, buf);
        }
        if index == scroll.selected {
            line::select(area, y, context, buf);
        }
    }
    if rows.is_empty() {
        line::draw_nothing(nothing(app, view), area, context, buf);
    }
}

/// Why there are no rows.
fn nothing<'a>(app: &App, view: &'a Directories) -> &'a str {
    match (&view.at, &view.counted) {
        (At::Mounts(Listing::Asked), _) => "asking /proc ...",
        (At::Mounts(Listing::Unknown(why)), _) => why,
        (_, None) => "counting ...",
        (_, Some(_)) if app.events.live().matches.filter().is_empty() => "no open here yet",
        (_, Some(_)) => "no open here matches",
    }
}

/// The titles; behind that of the last column what is looked at, and from how many events the counts are.
fn head(
    app: &App,
    view: &Directories,
    placed: &[Placed<'_, Cell>],
    context: &Context<'_>,
    area: Rect,
    buf: &mut Buffer,
) {
    let theme = &context.theme;
    let title = |column: &Column<Cell>| {
        let title = match (column.cell, &view.at) {
            (Cell::Name, At::Directory(_)) => "IN",
            (Cell::Name, At::Mounts(_)) => "MOUNT",
            _ => column.title,
        };
        let is_sorted = column.cell.sort() == Some(view.sort);
        let arrow = if is_sorted { line::sort_arrow(view.sort, view.reversed, &theme.glyphs) } else { "" };
        format!("{title}{arrow}")
    };
    let used = line::draw_titles(placed, title, theme.head, area, buf);
    let path = match &view.at {
        At::Directory(names) => escape(&path_of(names)),
        At::Mounts(_) => String::new(),
    };
    // How far the numbers can be trusted is said in any case.
    let basis = basis(app, view);
    let reserved = basis.last().map_or(0, |text| text.width() + line::GAP);
    let room = usize::from(area.width.saturating_sub(used + 1)).saturating_sub(reserved);
    let path = elide(&path, room, theme.glyphs.elided);
    let (end, _) = buf.set_stringn(area.x + used + 1, area.y, &path, room, theme.head);
    line::draw_right(&basis, theme.head, end - area.x, area, buf);
}

/// How far the numbers can be trusted, the longest text first.
fn basis(app: &App, view: &Directories) -> Vec<String> {
    let Some(counted) = &view.counted else { return Vec::new() };
    let live = app.events.live();
    let came = live.log.range().end + app.meter.totals().lost.dropped();
    let is_filtered = !live.matches.filter().is_empty();
    // How many match is known where the filter has seen all that came.
    let (counted, all) = if is_filtered && live.matches.seen() == came {
        (counted.matching, live.matches.matched())
    } else {
        (counted.events, came)
    };
    let is_part = counted < all;
    let of = if is_part { format!(" of {}", group_digits(all)) } else { String::new() };
    let short = if is_part { "not all " } else { "events " };
    let filtered = if is_filtered { ", filtered" } else { "" };
    let events = format!("{}{of} events", group_digits(counted));
    vec![format!("from {events}{filtered} "), format!("from {events} "), format!("{events} "), short.to_owned()]
}

fn cell(view: &Directories, name: &Name, child: &Child, at: &Placed<'_, Cell>) -> String {
    match at.column.cell {
        Cell::Rate => child.rate.map_or_else(|| "-".to_owned(), rate),
        Cell::Total => fitting(child.opens, usize::from(at.width)),
        Cell::Failed => fitting(child.failed, usize::from(at.width)),
        Cell::FailedShare => percent(child.failed_share()),
        Cell::Type => view.kind(name),
        Cell::Name => view.label(name, child.is_directory),
    }
}
