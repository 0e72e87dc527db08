//! The rows of a screenful of cells.

use ratatui::buffer::{Buffer, Cell};

pub(super) fn row(buffer: &Buffer, y: u16) -> &[Cell] {
    &buffer.content[row_range(buffer, y)]
}

pub(super) fn row_mut(buffer: &mut Buffer, y: u16) -> &mut [Cell] {
    let range = row_range(buffer, y);
    &mut buffer.content[range]
}

fn row_range(buffer: &Buffer, y: u16) -> std::ops::Range<usize> {
    let width = usize::from(buffer.area.width);
    let at = usize::from(y - buffer.area.y) * width;
    at..at + width
}
