//! Columns: a column is a title, a width, the screens it is shown on, and what stands in its cells.

use std::ops::{Range, RangeFrom};

use ratatui::layout::Rect;

use super::choice::{Chosen, OpenersColumn};
use crate::ranking::Sort;
use crate::ranking::openers::Group;

/// A column of a table whose cells hold what `F` says.
#[derive(Debug)]
pub(crate) struct Column<F> {
    pub title: &'static str,
    /// 0: whatever the others leave.
    pub width: u16,
    pub right: bool,
    /// Widths of the table with which it is shown.
    pub at: Range<u16>,
    pub cell: F,
}

/// Shown from this width on.
pub(crate) const fn from(at: RangeFrom<u16>) -> Range<u16> {
    at.start..u16::MAX
}

/// A column and where it goes.
#[derive(Debug)]
pub(crate) struct Placed<'a, F> {
    pub column: &'a Column<F>,
    pub x: u16,
    pub width: u16,
}

/// The marker of the selected row takes the first column of the screen.
pub(crate) const MARKER: u16 = 1;

/// Lays out side by side those of `columns` that are shown, a blank between them.
pub(crate) fn lay_out<'a, F>(columns: impl Iterator<Item = &'a Column<F>>, area: Rect) -> Vec<Placed<'a, F>> {
    let shown = columns.filter(|column| column.at.contains(&area.width));
    lay_out_widths(&shown.map(|column| (column, column.width)).collect::<Vec<_>>(), area)
}

/// Lays out columns of these widths from left to right; one of 0 takes what the others leave.
fn lay_out_widths<'a, F>(columns: &[(&'a Column<F>, u16)], area: Rect) -> Vec<Placed<'a, F>> {
    let taken: usize = columns.iter().map(|(_, width)| usize::from(*width) + 1).sum();
    let rest = (usize::from(area.width.saturating_sub(MARKER)) + 1).saturating_sub(taken) as u16;
    let mut x = area.x + MARKER.min(area.width);
    let mut placed = Vec::with_capacity(columns.len());
    for &(column, width) in columns {
        let width = if width == 0 { rest } else { width }.min(area.right().saturating_sub(x));
        if width > 0 {
            placed.push(Placed { column, x, width });
        }
        x = (x + width + 1).min(area.right());
    }
    placed
}

/// Lays out what was chosen of `table`, in that order: `is` tells which column has a name. Where there is no room the
/// last give way, but for the one that takes what the others leave.
pub(crate) fn lay_out_chosen<'a, F>(
    table: &[&'a Column<F>],
    chosen: &Chosen,
    is: impl Fn(&Column<F>, &str) -> bool,
    area: Rect,
) -> Vec<Placed<'a, F>> {
    /// Of a column that would take the rest, where another does; and the least of the rest.
    const NAME: u16 = 24;
    const REST_MIN: u16 = 12;
    let widest = |name: &str| {
        let forms = table.iter().copied().filter(|column| is(column, name));
        forms.max_by_key(|column| if column.width == 0 { u16::MAX } else { column.width })
    };
    let shown = chosen.0.iter().filter(|choice| choice.shown);
    let mut columns: Vec<(&Column<F>, u16)> =
        shown.filter_map(|choice| Some((widest(choice.name)?, choice.width))).collect();
    for (column, width) in &mut columns {
        *width = if *width == 0 { column.width } else { *width };
    }
    let rest = columns.iter().rposition(|(_, width)| *width == 0);
    let mut columns: Vec<_> = columns
        .into_iter()
        .enumerate()
        .map(|(at, (column, width))| (column, if width == 0 && Some(at) != rest { NAME } else { width }))
        .collect();
    let room = usize::from(area.width.saturating_sub(MARKER));
    let needed = |columns: &[(&Column<F>, u16)]| {
        columns.iter().map(|(_, width)| usize::from(if *width == 0 { REST_MIN } else { *width }) + 1).sum::<usize>()
    };
    while needed(&columns) > room + 1
        && let Some(at) = columns.iter().rposition(|(_, width)| *width > 0).filter(|_| columns.len() > 1)
    {
        columns.remove(at);
    }
    lay_out_widths(&columns, area)
}

const fn column(
    cell: OpenersColumn,
    title: &'static str,
    width: u16,
    right: bool,
    at: Range<u16>,
) -> Column<OpenersColumn> {
    Column { title, width, right, at, cell }
}

/// For rows that are names: the name takes the rest.
static NAMED: [Column<OpenersColumn>; 7] = [
    column(OpenersColumn::Rate, "OPENS/s", 8, true, from(20..)),
    column(OpenersColumn::Total, "TOTAL", 11, true, from(36..)),
    column(OpenersColumn::Failed, "FAILED", 8, true, from(36..)),
    column(OpenersColumn::FailedShare, "FAIL%", 6, true, from(44..)),
    column(OpenersColumn::Median, "P50", 7, true, from(70..)),
    column(OpenersColumn::P99, "P99", 7, true, from(70..)),
    column(OpenersColumn::Name, "", 0, false, from(0..)),
];

/// For rows that are processes, commands or users: beside the name there is room for the latest file.
static COUNTED: [Column<OpenersColumn>; 15] = [
    column(OpenersColumn::Host, "HOST", 10, false, from(44..)),
    column(OpenersColumn::Pid, "PID", 7, true, from(30..)),
    column(OpenersColumn::User, "USER", 8, false, from(54..)),
    column(OpenersColumn::Rate, "OPENS/s", 8, true, from(20..)),
    column(OpenersColumn::Total, "TOTAL", 11, true, from(40..)),
    column(OpenersColumn::Processes, "PROCS", 6, true, from(56..)),
    column(OpenersColumn::Failed, "FAILED", 8, true, from(40..)),
    column(OpenersColumn::FailedShare, "FAIL%", 6, true, from(48..)),
    column(OpenersColumn::Median, "P50", 7, true, from(76..)),
    column(OpenersColumn::P99, "P99", 7, true, from(76..)),
    column(OpenersColumn::Descriptors, "FDS", 11, true, from(60..)),
    column(OpenersColumn::Growth, "GROWTH", 8, true, from(60..)),
    column(OpenersColumn::Name, "", 0, false, 0..110),
    column(OpenersColumn::Name, "", 24, false, from(110..)),
    column(OpenersColumn::Last, "LAST FILE", 0, false, from(110..)),
];

/// Columns that there is not always something for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Extras {
    /// Latencies are measured.
    pub latency: bool,
    /// Somebody can look at what processes have open.
    pub descriptors: bool,
    /// It is asked for.
    pub by_descriptors: bool,
    /// How many opens failed is asked for.
    pub by_failed: bool,
    /// There are several hosts.
    pub hosts: bool,
}

/// From this width on there is room for what processes have open, asked for or not.
const DESCRIPTORS_FROM: u16 = 100;

/// Up to this width how many failed takes the place of their share, where it is asked for.
const BOTH_FAILED_FROM: u16 = 100;

/// The columns of the ranking, placed; those that were `chosen`, where any were.
pub(crate) fn openers(
    area: Rect,
    group: Group,
    extras: Extras,
    chosen: Option<&Chosen>,
) -> Vec<Placed<'static, OpenersColumn>> {
    let table: &'static [Column<OpenersColumn>] = if group.has_processes() { &COUNTED } else { &NAMED };
    let known = table.iter().filter(move |column| match column.cell {
        OpenersColumn::Median | OpenersColumn::P99 => extras.latency,
        OpenersColumn::Failed => extras.by_failed || chosen.is_some(),
        OpenersColumn::FailedShare => !extras.by_failed || chosen.is_some() || area.width >= BOTH_FAILED_FROM,
        // Where there is little room it makes way for the names, unless it is asked for.
        OpenersColumn::Descriptors | OpenersColumn::Growth => {
            let room = extras.by_descriptors || chosen.is_some() || area.width >= DESCRIPTORS_FROM;
            extras.descriptors && group == Group::Process && room
        }
        OpenersColumn::Pid => matches!(group, Group::Process | Group::Parent),
        OpenersColumn::Host => extras.hosts && group != Group::Host,
        OpenersColumn::User => group == Group::Process,
        OpenersColumn::Processes => group != Group::Process,
        _ => true,
    });
    match chosen {
        Some(chosen) => {
            let known: Vec<_> = known.collect();
            lay_out_chosen(&known, chosen, |column, name| column.cell.name() == name, area)
        }
        None => lay_out(known, area),
    }
}

/// The one so many steps behind `sort`; before the first comes the last.
pub(super) fn next_sort(sorts: &[Sort], sort: Sort, step: isize) -> Option<Sort> {
    let at = sorts.iter().position(|known| *known == sort).unwrap_or(0) as isize;
    sorts.get((at + step).rem_euclid(sorts.len().max(1) as isize) as usize).copied()
}

/// The names of the columns that a screen of this width shows.
pub(crate) fn shown(width: u16, group: Group, extras: Extras, chosen: Option<&Chosen>) -> Vec<&'static str> {
    openers(Rect::new(0, 0, width, 1), group, extras, chosen).iter().map(|placed| placed.column.cell.name()).collect()
}

/// What the columns that a screen of this width shows can be sorted by, from left to right. Where there is one of what
/// failed both of them are to be had.
pub(crate) fn sorts(width: u16, group: Group, extras: Extras, chosen: Option<&Chosen>) -> Vec<Sort> {
    let placed = openers(Rect::new(0, 0, width, 1), group, extras, chosen);
    let mut sorts = Vec::new();
    for sort in placed.iter().filter_map(|placed| placed.column.cell.sort()) {
        let failed = matches!(sort, Sort::Failed | Sort::FailedShare);
        let these = if failed { vec![Sort::Failed, Sort::FailedShare] } else { vec![sort] };
        sorts.extend(these.into_iter().filter(|sort| !sorts.contains(sort)).collect::<Vec<_>>());
    }
    sorts
}
