//! The top openers: one row each, the head says what the numbers are and how exact.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr as _;

use super::Context;
use super::columns::{self, Column, Placed, from};
use super::format::{cut, duration, exact, fitting, percent, rate};
use super::line;
use crate::escape::escape;
use crate::ranking::openers::{Group, Row};
use crate::tui::app::action::Focus;
use crate::tui::app::ranking::{Basis, Sort, label, pid, title_of};
use crate::tui::app::{App, ranking::Ranking};

/// What stands in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Pid,
    User,
    Rate,
    Total,
    Failed,
    Median,
    P99,
    Name,
    Last,
}

const fn column(what: What, title: &'static str, width: u16, right: bool, at: std::ops::Range<u16>) -> Column<What> {
    Column { title, width, right, at, cell: what }
}

/// For rows that are names: the name takes the rest.
const NAMED: [Column<What>; 6] = [
    column(What::Rate, "OPENS/s", 8, true, from(20..)),
    column(What::Total, "TOTAL", 11, true, from(36..)),
    column(What::Failed, "FAIL%", 6, true, from(44..)),
    column(What::Median, "P50", 7, true, from(70..)),
    column(What::P99, "P99", 7, true, from(70..)),
    column(What::Name, "", 0, false, from(0..)),
];

/// For rows that are processes, commands or users: beside the name there is room for the latest file.
const COUNTED: [Column<What>; 10] = [
    column(What::Pid, "PID", 7, true, from(30..)),
    column(What::User, "USER", 8, false, from(54..)),
    column(What::Rate, "OPENS/s", 8, true, from(20..)),
    column(What::Total, "TOTAL", 11, true, from(40..)),
    column(What::Failed, "FAIL%", 6, true, from(48..)),
    column(What::Median, "P50", 7, true, from(76..)),
    column(What::P99, "P99", 7, true, from(76..)),
    column(What::Name, "", 0, false, 0..110),
    column(What::Name, "", 24, false, from(110..)),
    column(What::Last, "LAST FILE", 0, false, from(110..)),
];

fn columns_of(app: &App, area: Rect) -> Vec<Placed<'static, What>> {
    static NAMED_TABLE: [Column<What>; 6] = NAMED;
    static COUNTED_TABLE: [Column<What>; 10] = COUNTED;
    let table: &'static [Column<What>] = if app.ranking.group.is_counted() { &COUNTED_TABLE } else { &NAMED_TABLE };
    let latency = app.latency;
    let process = app.ranking.group == Group::Process;
    columns::place(
        table.iter().filter(move |column| match column.cell {
            What::Median | What::P99 => latency,
            What::Pid | What::User => process,
            _ => true,
        }),
        area,
    )
}

/// What the visible columns can be sorted by, from left to right.
#[must_use]
pub fn sorts(app: &App) -> Vec<Sort> {
    let area = Rect::new(0, 0, app.size.width, 1);
    columns_of(app, area).iter().filter_map(|placed| sort_of(placed.column.cell)).collect()
}

fn sort_of(what: What) -> Option<Sort> {
    Some(match what {
        What::Pid => Sort::Pid,
        What::User => Sort::User,
        What::Rate => Sort::Rate,
        What::Total => Sort::Total,
        What::Failed => Sort::Failed,
        What::Median => Sort::Median,
        What::P99 => Sort::P99,
        What::Name => Sort::Name,
        What::Last => return None,
    })
}

pub(super) fn render(app: &App, context: &Context<'_>, area: Rect, buf: &mut Buffer) {
    let placed = columns_of(app, area);
    head(app, &placed, context, area, buf);
    let (rows, height) = (app.ranking.rows(), usize::from(area.height) - 1);
    let scroll = app.ranking.scroll(height);
    for (y, index) in (area.y + 1..).zip(scroll.rows(rows.len(), height)) {
        let row = &rows[index];
        for at in &placed {
            let text = cell(app, row, at, context);
            let bad = at.column.cell == What::Failed && row.failed > 0;
            let style = if bad { context.theme.bad } else { ratatui::style::Style::new() };
            columns::write(at, y, &text, style, context.theme.glyphs.elided, buf);
        }
        if index == scroll.selected && app.focus == Focus::Openers {
            select(area, y, context, buf);
        }
    }
    if rows.is_empty() && height > 0 {
        let room = usize::from(area.width.saturating_sub(1));
        buf.set_stringn(area.x + 1, area.y + 1, nothing(app), room, context.theme.faint);
    }
}

/// Why there are no rows.
fn nothing(app: &App) -> &'static str {
    match (app.ranking.has_counts(), app.filter.is_empty(), app.ended) {
        (_, true, true) => "nobody opened anything",
        (true, false, _) => "nobody's opens match",
        _ => "counting ...",
    }
}

/// Marks the selected row, for those who see colours and those who do not.
pub(super) fn select(area: Rect, y: u16, context: &Context<'_>, buf: &mut Buffer) {
    buf.set_style(Rect { y, height: 1, ..area }, context.theme.selected);
    buf.set_stringn(area.x, y, ">", usize::from(area.width), context.theme.selected);
}

fn head(app: &App, placed: &[Placed<'_, What>], context: &Context<'_>, area: Rect, buf: &mut Buffer) {
    let theme = &context.theme;
    let style = if app.focus == Focus::Openers { theme.head } else { theme.head_faint };
    buf.set_style(Rect { height: 1, ..area }, style);
    let ranking = &app.ranking;
    let mut free = 0;
    for at in placed {
        let title = if at.column.cell == What::Name { title_of(ranking.group) } else { at.column.title };
        let sorted = sort_of(at.column.cell) == Some(ranking.sort);
        let names = matches!(ranking.sort, Sort::Pid | Sort::User | Sort::Name);
        let arrow = if ranking.reversed == names { theme.glyphs.falling } else { theme.glyphs.rising };
        let text = if sorted { format!("{title}{arrow}") } else { title.to_owned() };
        columns::write(at, area.y, &text, style, "", buf);
        free = at.x - area.x + text.chars().count() as u16;
    }
    line::draw_right(&titles(ranking), style, free, area, buf);
}

fn plural(group: Group) -> &'static str {
    match group {
        Group::Process => "processes",
        Group::Comm => "commands",
        Group::File => "files",
        Group::Dir => "directories",
        Group::User => "users",
        Group::Container => "containers",
        Group::Error => "errors",
    }
}

/// What is ranked and how far the numbers can be trusted, the longest text first.
///
/// Of what the kernel was told to leave out nobody has counts per process; the header has their sum.
fn titles(ranking: &Ranking) -> Vec<String> {
    let what = format!("top {}", plural(ranking.group));
    match ranking.basis() {
        Basis::Counts { unsure: 0 } if ranking.is_as_filtered() => {
            vec![format!("{what} (exact, as filtered) "), "exact, as filtered ".to_owned(), "as filtered ".to_owned()]
        }
        Basis::Counts { unsure: 0 } => vec![format!("{what} (exact) "), "exact ".to_owned()],
        Basis::Counts { unsure } => {
            let lack = format!("{} opens have no row", exact(unsure));
            vec![format!("{what} ({lack}) "), format!("{lack} "), "not exact ".to_owned()]
        }
        Basis::Events { events, unsure: 0 } => {
            let from = format!("from {} events", exact(events));
            vec![format!("{what} ({from}) "), format!("{from} "), "from events ".to_owned()]
        }
        Basis::Events { events, unsure } => {
            let from = format!("from {} events", exact(events));
            let unsure = format!("up to {} too low", exact(unsure));
            vec![format!("{what} ({from}, {unsure}) "), format!("{unsure} "), "not exact ".to_owned()]
        }
    }
}

fn cell(app: &App, row: &Row, at: &Placed<'_, What>, context: &Context<'_>) -> String {
    match at.column.cell {
        What::Pid => pid(&row.key).map_or_else(String::new, |pid| pid.to_string()),
        What::User => row.uid.map_or_else(String::new, |uid| context.names.user(uid).into_owned()),
        What::Rate => row.rate.map_or_else(|| "-".to_owned(), rate),
        What::Total => fitting(row.opens, usize::from(at.width)),
        What::Failed => percent(row.failed_share()),
        What::Median => row.latency.map_or_else(String::new, |(median, _)| duration(median)),
        What::P99 => row.latency.map_or_else(String::new, |(_, p99)| duration(p99)),
        What::Name if row.ended && pid(&row.key).is_some() => {
            ended(&label(row, context.names), usize::from(at.width), context)
        }
        What::Name => label(row, context.names),
        What::Last => {
            let event = row.last.and_then(|id| app.events.live().log.get(id));
            escape(event.map_or(&row.last_path, |event| event.path))
        }
    }
}

/// The name of a process that has ended, marked at any width.
fn ended(name: &str, width: usize, context: &Context<'_>) -> String {
    const WORD: &str = " (ended)";
    let glyphs = &context.theme.glyphs;
    // A word of which the name beside it is no longer to be recognized is no help.
    if width >= name.width().min(8) + WORD.len() {
        return format!("{}{WORD}", cut(name, width - WORD.len(), glyphs.elided));
    }
    format!("{} {}", cut(name, width.saturating_sub(2), glyphs.elided), glyphs.ended)
}
