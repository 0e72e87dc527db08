//! The tree of who started whom: a row for each process, or for many that have ended.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::{Clear, Widget as _};

use super::context::Context;
use super::line;
use super::openers::ended;
use crate::format::{fitting, group_digits, percent, rate};
use crate::ranking::label;
use crate::ranking::openers::{Branch, Group};
use crate::tui::app::App;
use crate::tui::app::columns::{Column, from, lay_out};
use crate::tui::app::tree::Tree;

type Cell = fn(&Branch, &Tree, usize, &Context<'_>) -> String;

const fn column(title: &'static str, width: u16, at: std::ops::Range<u16>, cell: Cell) -> Column<Cell> {
    Column { title, width, right: width > 0, at, cell }
}

static COLUMNS: [Column<Cell>; 6] = [
    column("PID", 7, from(30..), |branch, _, _, _| {
        crate::ranking::pid(&branch.row.key).map_or_else(String::new, |pid| pid.to_string())
    }),
    column("OPENS/s", 8, from(44..), |branch, _, _, _| branch.row.rate.map_or_else(|| "-".to_owned(), rate)),
    column("TOTAL", 8, from(20..), |branch, _, width, _| fitting(branch.row.opens, width)),
    column("PROCS", 6, from(36..), |branch, _, width, _| fitting(branch.row.processes, width)),
    column("FAIL%", 6, from(56..), |branch, _, _, _| percent(branch.row.failed_share())),
    column("COMMAND", 0, from(0..), name),
];

/// Columns by which a branch is further right than the one that it is on, and the furthest.
const STEP: usize = 2;

pub(super) fn render(app: &App, tree: &Tree, context: &Context<'_>, area: Rect, buf: &mut Buffer) {
    Clear.render(area, buf);
    let theme = &context.theme;
    let placed = lay_out(COLUMNS.iter(), area);
    let used = line::draw_titles(&placed, |column| column.title, theme.head, area, buf);
    let exact = if app.ranking.is_as_filtered() { "exact counts of what matches" } else { "exact, all opens" };
    line::draw_right(&[format!("who started whom ({exact}) "), "sums ".to_owned()], theme.head, used, area, buf);
    let (rows, height) = (tree.rows(), usize::from(area.height.saturating_sub(1)));
    let scroll = tree.scroll(rows.len(), height);
    for (y, index) in (area.y + 1..area.bottom()).zip(scroll.rows(rows.len(), height)) {
        for at in &placed {
            let text = (at.column.cell)(rows[index], tree, usize::from(at.width), context);
            line::write(at, y, &text, Style::new(), theme.glyphs.elided, buf);
        }
        if index == scroll.selected {
            line::select(area, y, context, buf);
        }
    }
    if rows.is_empty() {
        line::draw_nothing("counting ...", area, context, buf);
    }
}

/// The name behind blanks for its depth, of which no more than half of the width is used, and a mark of what is below.
fn name(branch: &Branch, tree: &Tree, width: usize, context: &Context<'_>) -> String {
    let mark = match (branch.has_children, tree.is_closed(branch)) {
        (false, _) => "  ",
        (true, true) => "+ ",
        (true, false) => "- ",
    };
    let indent = (STEP * branch.depth).min(width / 2);
    let label = label(Group::Process, &branch.row, context.names);
    let room = width.saturating_sub(indent + mark.len());
    let named = match branch.folded {
        0 if branch.row.ended => ended(&label, room, context),
        0 => label,
        folded => {
            let comm = crate::escape::escape(&branch.row.comm);
            format!("{} {} {comm}, ended", group_digits(folded), context.theme.glyphs.times)
        }
    };
    format!("{}{mark}{named}", " ".repeat(indent))
}
