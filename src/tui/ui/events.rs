//! The events, newest last.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::context::Context;
use super::line;
use super::theme::Theme;
use crate::clock::time;
use crate::escape::{escape, escaped};
use crate::event::{OpenEvent, PathKind, errno_name};
use crate::format::{behind, cut, duration, group_digits};
use crate::history::gaps::Gap;
use crate::names::Cgroup;
use crate::tui::app::action::Focus;
use crate::tui::app::choice::Times;
use crate::tui::app::columns::{self, Column, Placed, from};
use crate::tui::app::events::{Row, Shown};
use crate::tui::app::{App, Mode};

type Cell = fn(&Shown<'_>, &Context<'_>) -> String;

const fn column(title: &'static str, width: u16, right: bool, at: std::ops::Range<u16>, cell: Cell) -> Column<Cell> {
    Column { title, width, right, at, cell }
}

const TIME: &str = "TIME";
const HOST: &str = "HOST";
const ERR: &str = "ERR";
const FD: &str = "FD";
const PATH: &str = "PATH";
const LATENCY: &str = "LATENCY";

/// From left to right. The path takes the rest.
static COLUMNS: [Column<Cell>; 20] = [
    column(HOST, 10, false, from(40..), |row, context| context.names.host(row.event.source.host()).to_owned()),
    column(TIME, 12, false, from(60..), |row, context| time(row.event.time_ns, context.time_zone, "%H:%M:%S%.3f")),
    column("PID", 7, true, from(50..), |row, _| row.event.pid.to_string()),
    column("TID", 7, true, from(180..), |row, _| row.event.tid.to_string()),
    column("PPID", 7, true, from(180..), |row, _| row.event.ppid.to_string()),
    column("USER", 8, false, from(120..), |row, context| {
        context.names.user_of(row.event.source.host(), row.event.uid).into_owned()
    }),
    column("COMM", 9, false, 24..76, |row, _| escape(row.event.comm)),
    column("COMM", 12, false, 76..100, |row, _| escape(row.event.comm)),
    column("COMM", 15, false, from(100..), |row, _| escape(row.event.comm)),
    column("OP", 8, false, from(110..), |row, _| row.event.op.name().to_owned()),
    column("RW", 2, false, from(0..), |row, _| row.event.access().to_owned()),
    column("FLAGS", 16, false, from(140..), |row, _| flags(&row.event)),
    column(LATENCY, 7, true, from(76..), |row, _| {
        row.event.latency.map_or_else(String::new, |latency| duration(latency.as_nanos() as u64))
    }),
    column(FD, 4, true, from(64..), |row, _| fd(&row.event)),
    column(FD, FD_OR_CALL, true, from(64..), |row, _| fd(&row.event)),
    column(ERR, 6, false, 30..76, error),
    column(ERR, 7, false, 76..120, error),
    column(ERR, 12, false, from(120..), error),
    column("CONTAINER", 20, false, from(170..), container),
    column(PATH, 0, false, from(0..), path),
];

fn error(row: &Shown<'_>, _: &Context<'_>) -> String {
    row.event.errno().map_or_else(String::new, |errno| errno_name(errno).into_owned())
}

/// The width of the descriptors where there are look-ups too.
const FD_OR_CALL: u16 = 8;

/// The descriptor; of a look-up, which has none, the call.
fn fd(event: &OpenEvent<'_>) -> String {
    match event.fd() {
        _ if event.is_lookup() => event.op.name().to_owned(),
        fd => fd.map_or_else(String::new, |fd| fd.to_string()),
    }
}

fn placed(app: &App, area: Rect) -> Vec<Placed<'static, Cell>> {
    let latency = app.latency;
    // Of both widths of this column one is in use.
    let fits = |column: &&Column<Cell>| column.title != FD || (column.width == FD_OR_CALL) == app.setup.hooks.lookups;
    if let Some(chosen) = &app.columns.events {
        let known: Vec<_> = COLUMNS.iter().filter(fits).collect();
        return columns::lay_out_chosen(&known, chosen, |column, name| column.title.eq_ignore_ascii_case(name), area);
    }
    // On the everyday screen there is no room for both; ERR tells already which opens got no descriptor.
    let fd = !latency || area.width >= 90;
    let shown = |column: &&Column<Cell>| match column.title {
        HOST => !app.hosts.is_empty(),
        LATENCY => latency,
        FD => fd,
        _ => true,
    };
    columns::lay_out(COLUMNS.iter().filter(fits).filter(shown), area)
}

pub(super) fn render(app: &App, context: &Context<'_>, area: Rect, buf: &mut Buffer) {
    let placed = placed(app, area);
    head(app, &placed, context, area, buf);
    let feed = app.events.shown();
    let height = usize::from(area.height) - 1;
    let scroll = app.events.scroll(height);
    for (y, index) in (area.y + 1..).zip(scroll.rows(feed.len(), height)) {
        match feed.row(index) {
            Some(Row::Event(row)) => {
                let plain = highlight(app, &row);
                for at in &placed {
                    let style = if at.column.title == ERR { context.theme.bad } else { plain };
                    let text = match relative_time(app, at, &row, index) {
                        Some(text) => text,
                        None => (at.column.cell)(&row, context),
                    };
                    line::write(at, y, &text, style, context.theme.glyphs.elided, buf);
                }
            }
            Some(Row::Gap(gap)) => draw_gap(gap, context, Rect { y, height: 1, ..area }, buf),
            None => continue,
        }
        let visible = app.focus == Focus::Events && !app.events.is_following();
        if index == scroll.selected && visible {
            line::select(area, y, context, buf);
        }
    }
    if feed.is_empty() {
        line::draw_nothing(nothing(app), area, context, buf);
    }
}

/// What the column of times tells where that is not the time of day: seconds since the first event, or since the row
/// above.
fn relative_time(app: &App, at: &Placed<'_, Cell>, row: &Shown<'_>, index: usize) -> Option<String> {
    let event = |row: Row<'_>| match row {
        Row::Event(row) => Some(row.event.ts_ns),
        Row::Gap(_) => None,
    };
    let feed = app.events.shown();
    let from = match app.columns.times {
        _ if at.column.title != TIME => return None,
        Times::Wall => return None,
        Times::Start => feed.log.iter_from(0).next().map(|(_, event)| event.ts_ns),
        Times::Between => index.checked_sub(1).and_then(|above| feed.row(above)).and_then(event),
    };
    let now = row.event.ts_ns;
    let apart = now.abs_diff(from.unwrap_or(now));
    let sign = if from.is_some_and(|from| now < from) { "-" } else { "+" };
    Some(format!("{sign}{}.{:06}", apart / 1_000_000_000, apart % 1_000_000_000 / 1000))
}

/// How the row looks beside what it says of itself.
fn highlight(app: &App, row: &Shown<'_>) -> Style {
    let found = app.setup.highlights.iter().find(|highlight| highlight.filter.matches(&row.event, &app.names));
    found.map_or_else(Style::new, |highlight| Theme::highlighted(&app.setup, highlight.colour))
}

/// A line across the list that says what is missing.
fn draw_gap(gap: &Gap, context: &Context<'_>, area: Rect, buf: &mut Buffer) {
    let dash = context.theme.glyphs.frame[4].repeat(2);
    let room = usize::from(area.width.saturating_sub(columns::MARKER));
    let text = format!("{dash} {} {dash}", gap.describe(context.time_zone));
    buf.set_stringn(
        area.x + columns::MARKER,
        area.y,
        cut(&text, room, context.theme.glyphs.elided),
        room,
        context.theme.bad,
    );
}

/// Why there are no rows.
fn nothing(app: &App) -> &'static str {
    match (app.events.shown().log.is_empty(), app.ended) {
        (false, _) if app.scope.is_some() => "no event of it is kept: Esc shows all",
        (false, _) if matches!(app.mode, Mode::Browse) => "no event matches: Esc clears the filter",
        (false, _) => "no event matches",
        (true, false) => "waiting for the first opens ...",
        (true, true) => "there were no opens",
    }
}

fn head(app: &App, placed: &[Placed<'_, Cell>], context: &Context<'_>, area: Rect, buf: &mut Buffer) {
    let style = if app.focus == Focus::Events { context.theme.head } else { context.theme.head_faint };
    if app.focus == Focus::Events {
        buf.set_stringn(area.x, area.y, context.theme.glyphs.focus, usize::from(area.width), style);
    }
    let title = |column: &Column<Cell>| if column.title == TIME { app.columns.times.title() } else { column.title };
    let used = line::draw_titles(placed, title, style, area, buf);
    line::draw_right(&[state(app)], style, used, area, buf);
}

fn state(app: &App) -> String {
    let of = app.scope.as_ref().map(|scope| format!(" of {}", scope.label)).unwrap_or_default();
    let feed = app.events.shown();
    if app.events.is_following() {
        return format!("events{of} ");
    }
    if feed.is_empty() {
        return format!("events{of}, none ");
    }
    let row = app.events.scroll(app.layout().events_rows()).selected + 1;
    format!("events{of}, {} of {} ", group_digits(row as u64), group_digits(feed.len() as u64))
}

/// The flags without their prefix, and without what nearly every open has.
fn flags(event: &OpenEvent<'_>) -> String {
    let usual = ["O_CLOEXEC", "O_LARGEFILE"];
    let names = event.flag_names().filter(|name| !usual.contains(&name.as_ref()));
    names.map(|name| name.trim_start_matches("O_").to_owned()).collect::<Vec<_>>().join("|")
}

fn container(row: &Shown<'_>, context: &Context<'_>) -> String {
    match context.names.cgroup(row.event.cgroup).map(Cgroup::group) {
        None => String::new(),
        Some(b"/") => "none".to_owned(),
        Some(name) => escape(name),
    }
}

/// The path, or what is known of it, marked; of a folded search, what came of it.
fn path(row: &Shown<'_>, context: &Context<'_>) -> String {
    let event = &row.event;
    let mut text = if row.tries > 1 { search(event, row.tries) } else { whole(event) };
    if let Some((target, remark)) = event.target() {
        text.extend([" ", context.theme.glyphs.arrow, " ", &*escaped(target), remark]);
    }
    behind(&text, context.horizontal_scroll).to_owned()
}

fn search(event: &OpenEvent<'_>, tries: u32) -> String {
    let (name, dir) = (escaped(event.base_name()), escaped(event.dir()));
    match event.errno() {
        None => format!("{name}: tried {tries}, found in {dir}"),
        Some(libc::ENOENT | libc::ENOTDIR) => format!("{name}: tried {tries}, never found"),
        Some(errno) => format!("{name}: tried {tries}, {} in {dir}", errno_name(errno)),
    }
}

fn whole(event: &OpenEvent<'_>) -> String {
    let note = match event.path_kind {
        PathKind::Truncated => " (cut)",
        PathKind::Unreadable if event.path.is_empty() => "(unreadable)",
        PathKind::Unreadable => " (directory unknown)",
        _ if event.dir_deleted => " (directory deleted)",
        _ => "",
    };
    let path = if event.path.is_empty() && note.is_empty() { "\"\"".into() } else { escaped(event.path) };
    format!("{path}{note}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_menu_of_columns_knows_which_are_shown() {
        use crate::tui::app::choice::EVENT_COLUMNS;
        for width in 0..250 {
            let area = Rect::new(0, 0, width, 1);
            let usual = COLUMNS
                .iter()
                .filter(|column| column.title != HOST && (column.title != FD || column.width != FD_OR_CALL));
            let shown = columns::lay_out(usual, area);
            let shown: Vec<_> = shown.iter().map(|placed| placed.column.title.to_lowercase()).collect();
            let known: Vec<_> =
                EVENT_COLUMNS.iter().filter(|(_, from)| width >= *from).map(|(name, _)| *name).collect();
            assert!(
                known.starts_with(&shown.iter().map(String::as_str).collect::<Vec<_>>()),
                "{width}: {known:?} {shown:?}"
            );
        }
    }
}
