//! The top openers: one row each, the head says what the numbers are and how exact.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr as _;

use super::context::Context;
use super::line;
use crate::escape::escape;
use crate::format::{compact, cut, duration, fitting, group_digits, percent, rate};
use crate::ranking::descriptors::Level;
use crate::ranking::openers::{Group, Row};
use crate::ranking::{Basis, Ranking, described, label, pid, title_of, user};
use crate::tui::app::App;
use crate::tui::app::action::Focus;
use crate::tui::app::choice::OpenersColumn;
use crate::tui::app::columns::{self, Column, Placed};

pub(super) fn render(app: &App, context: &Context<'_>, area: Rect, buf: &mut Buffer) {
    let placed = columns::openers(area, app.ranking.group, app.column_extras(), app.columns.ranking.as_ref());
    head(app, &placed, context, area, buf);
    let (rows, height) = (app.ranking.rows(), usize::from(area.height) - 1);
    let scroll = app.selection.scroll(rows.len(), height);
    for (y, index) in (area.y + 1..).zip(scroll.rows(rows.len(), height)) {
        let row = &rows[index];
        for at in &placed {
            let text = cell(app, row, at, context);
            let bad = match at.column.cell {
                OpenersColumn::Failed | OpenersColumn::FailedShare => row.failed > 0,
                OpenersColumn::Descriptors | OpenersColumn::Growth => {
                    row.descriptors.is_some_and(|level| level.grows || level.is_full())
                }
                _ => false,
            };
            let style = if bad { context.theme.bad } else { Style::new() };
            line::write(at, y, &text, style, context.theme.glyphs.elided, buf);
        }
        if index == scroll.selected && app.focus == Focus::Openers {
            line::select(area, y, context, buf);
        }
    }
    if rows.is_empty() {
        line::draw_nothing(nothing(app), area, context, buf);
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

fn head(app: &App, placed: &[Placed<'_, OpenersColumn>], context: &Context<'_>, area: Rect, buf: &mut Buffer) {
    let theme = &context.theme;
    let style = if app.focus == Focus::Openers { theme.head } else { theme.head_faint };
    let ranking = &app.ranking;
    if app.focus == Focus::Openers {
        buf.set_stringn(area.x, area.y, theme.glyphs.focus, usize::from(area.width), style);
    }
    let title = |column: &Column<OpenersColumn>| {
        let title = if column.cell == OpenersColumn::Name { title_of(ranking.group) } else { column.title };
        let is_sorted = column.cell.sort() == Some(ranking.sort);
        let arrow = if is_sorted { line::sort_arrow(ranking.sort, ranking.reversed, &theme.glyphs) } else { "" };
        format!("{title}{arrow}")
    };
    let used = line::draw_titles(placed, title, style, area, buf);
    line::draw_right(&titles(ranking, unseen(app)), style, used, area, buf);
}

fn plural(group: Group) -> &'static str {
    match group {
        Group::Process => "processes",
        Group::Parent => "parents",
        Group::Comm => "commands",
        Group::File => "files",
        Group::Dir => "directories",
        Group::User => "users",
        Group::Container => "containers",
        Group::Unit => "units",
        Group::Error => "errors",
        Group::Host => "hosts",
    }
}

/// Opens that are in no row since they were lost: only the kernel counts those, and a recording is made of events.
fn unseen(app: &App) -> u64 {
    if app.setup.replay.is_some() { app.meter.totals().lost.dropped() } else { 0 }
}

/// What is ranked and how far the numbers can be trusted, the longest text first.
///
/// Of what the kernel was told to leave out nobody has counts per process; the header has their sum.
fn titles(ranking: &Ranking, unseen: u64) -> Vec<String> {
    let what = format!("top {}", plural(ranking.group));
    let basis = match ranking.basis() {
        Basis::Counts { error_bound } => Basis::Counts { error_bound: error_bound.saturating_add(unseen) },
        basis @ Basis::Events { .. } => basis,
    };
    match basis {
        Basis::Counts { error_bound: 0 } if ranking.is_as_filtered() => {
            let words = ["exact counts of what matches ", "only what matches "].map(str::to_owned);
            [format!("{what} (exact counts of what matches) ")].into_iter().chain(words).collect()
        }
        Basis::Counts { error_bound: 0 } => vec![format!("{what} (exact) "), "exact ".to_owned()],
        Basis::Counts { error_bound } => {
            let lack = format!("{} opens have no row", group_digits(error_bound));
            vec![format!("{what} ({lack}) "), format!("{lack} "), "not exact ".to_owned()]
        }
        Basis::Events { events, error_bound: 0 } => {
            let from = format!("from {} events", group_digits(events));
            vec![format!("{what} ({from}) "), format!("{from} "), "from events ".to_owned()]
        }
        Basis::Events { events, error_bound } => {
            let from = format!("from {} events", group_digits(events));
            let error_bound = format!("up to {} too low", group_digits(error_bound));
            vec![format!("{what} ({from}, {error_bound}) "), format!("{error_bound} "), "not exact ".to_owned()]
        }
    }
}

fn cell(app: &App, row: &Row, at: &Placed<'_, OpenersColumn>, context: &Context<'_>) -> String {
    match at.column.cell {
        OpenersColumn::Host => context.names.host(row.host).to_owned(),
        OpenersColumn::Pid => pid(&row.key).map_or_else(String::new, |pid| pid.to_string()),
        OpenersColumn::User => user(row, context.names).unwrap_or_default().into_owned(),
        OpenersColumn::Rate => row.rate.map_or_else(|| "-".to_owned(), rate),
        OpenersColumn::Processes => {
            if row.processes == 0 {
                String::new()
            } else {
                fitting(row.processes, usize::from(at.width))
            }
        }
        OpenersColumn::Total => fitting(row.opens, usize::from(at.width)),
        OpenersColumn::Failed => fitting(row.failed, usize::from(at.width)),
        OpenersColumn::FailedShare => percent(row.failed_share()),
        OpenersColumn::Median => row.latency.map_or_else(String::new, |(median, _)| duration(median)),
        OpenersColumn::P99 => row.latency.map_or_else(String::new, |(_, p99)| duration(p99)),
        OpenersColumn::Descriptors => row.descriptors.map_or_else(String::new, |level| descriptors(&level)),
        OpenersColumn::Growth => row.descriptors.map_or_else(String::new, |level| growth_shown(&level)),
        OpenersColumn::Name if row.ended && pid(&row.key).is_some() => {
            ended(&label(app.ranking.group, row, context.names), usize::from(at.width), context)
        }
        OpenersColumn::Name => described(app.ranking.group, row, context.names),
        OpenersColumn::Last => {
            let event = row.last.and_then(|id| app.events.live().log.get(id));
            escape(event.map_or(&row.last_path, |event| event.path))
        }
    }
}

/// As `812/1024`, with a mark where it grows.
fn descriptors(&Level { open, limit, grows, .. }: &Level) -> String {
    // Of small numbers every digit counts.
    let shown = |number: u64| if number < 100_000 { number.to_string() } else { compact(number) };
    let mark = if grows { "+" } else { "" };
    format!("{}/{}{mark}", shown(open), limit.map_or_else(|| "-".to_owned(), shown))
}

/// As `+4.0/s`, or that there is no room to grow.
fn growth_shown(level: &Level) -> String {
    match level.growth {
        _ if level.is_full() => "full".to_owned(),
        Some(growth) if growth.abs() >= 0.05 => format!("{growth:+.1}/s"),
        Some(_) => "0".to_owned(),
        None => String::new(),
    }
}

/// The name of a process that has ended, marked at any width.
pub(super) fn ended(name: &str, width: usize, context: &Context<'_>) -> String {
    const WORD: &str = " (ended)";
    let glyphs = &context.theme.glyphs;
    // A word of which the name beside it is no longer to be recognized is no help.
    if width >= name.width().min(8) + WORD.len() {
        return format!("{}{WORD}", cut(name, width - WORD.len(), glyphs.elided));
    }
    format!("{} {}", cut(name, width.saturating_sub(2), glyphs.elided), glyphs.ended)
}
