//! Columns: a column is a title, a width, the screens it is shown on, and a function that writes a cell.

use std::ops::Range;
use std::ops::RangeFrom;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::line::padded;

/// A column of a table whose cells `F` writes.
#[derive(Debug)]
pub(super) struct Column<F> {
    pub title: &'static str,
    /// 0: whatever the others leave.
    pub width: u16,
    pub right: bool,
    /// Widths of the table with which it is shown.
    pub at: Range<u16>,
    pub cell: F,
}

/// Shown from this width on.
pub(super) const fn from(at: RangeFrom<u16>) -> Range<u16> {
    at.start..u16::MAX
}

/// A column and where it goes.
#[derive(Debug)]
pub(super) struct Placed<'a, F> {
    pub column: &'a Column<F>,
    pub x: u16,
    pub width: u16,
}

/// The marker of the selected row takes the first column of the screen.
pub(super) const MARKER: u16 = 1;

/// Places side by side those of `columns` that are shown, a blank between them.
pub(super) fn place<'a, F>(columns: impl Iterator<Item = &'a Column<F>>, area: Rect) -> Vec<Placed<'a, F>> {
    let shown: Vec<_> = columns.filter(|column| column.at.contains(&area.width)).collect();
    let fixed: u16 = shown.iter().map(|column| column.width).sum();
    let gaps = shown.len().saturating_sub(1) as u16;
    let rest = area.width.saturating_sub(MARKER + fixed + gaps);
    let mut x = area.x + MARKER.min(area.width);
    let mut placed = Vec::with_capacity(shown.len());
    for column in shown {
        let width = if column.width == 0 { rest } else { column.width };
        let width = width.min(area.right().saturating_sub(x));
        if width == 0 {
            break;
        }
        placed.push(Placed { column, x, width });
        x = (x + width + 1).min(area.right());
    }
    placed
}

/// Writes `text` into the cell of a column in row `y`.
pub(super) fn write<F>(at: &Placed<'_, F>, y: u16, text: &str, style: Style, mark: &str, buf: &mut Buffer) {
    // Colours on blanks would be seen by nobody and sent nevertheless.
    let style = if text.is_empty() { Style::new() } else { style };
    let width = usize::from(at.width);
    buf.set_stringn(at.x, y, padded(text, width, at.column.right, mark), width, style);
}
