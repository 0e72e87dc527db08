//! Rows that only moved up or down, found by comparing two screenfuls.

use std::io::Write as _;

use ratatui::buffer::{Buffer, Cell};

use super::rows::row;

/// Moving rows pays from this many rows on that need no painting then.
const ROWS_SAVED_MIN: usize = 2;

/// Rows of the screen that moved: `first..end` go up by `by` rows (down if negative).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shift {
    first: u16,
    end: u16,
    by: i32,
}

impl Shift {
    pub(super) fn write(self, out: &mut Vec<u8>) {
        let (count, code) = (self.by.unsigned_abs(), if self.by > 0 { 'S' } else { 'T' });
        let _ = write!(out, "\x1b[{};{}r\x1b[{count}{code}\x1b[r", self.first + 1, self.end);
    }

    /// Does to the buffer what the terminal does to its rows.
    pub(super) fn apply(self, buffer: &mut Buffer) {
        let width = usize::from(buffer.area.width);
        let rows = &mut buffer.content[usize::from(self.first) * width..usize::from(self.end) * width];
        let cells = self.by.unsigned_abs() as usize * width;
        if self.by > 0 {
            rows.rotate_left(cells);
            let kept = rows.len() - cells;
            rows[kept..].fill(Cell::new(" "));
        } else {
            rows.rotate_right(cells);
            rows[..cells].fill(Cell::new(" "));
        }
    }
}

/// The move of rows that saves most painting, if any saves enough. Rows are compared as a whole: the moved block is
/// the longest run of rows that are found again at the same distance.
pub(super) fn find_shift(shown: &Buffer, next: &Buffer) -> Option<Shift> {
    let hashes =
        |buffer: &Buffer| (0..next.area.height).map(|y| hash(row(buffer, buffer.area.y + y))).collect::<Vec<_>>();
    let (old, new) = (hashes(shown), hashes(next));
    let rows = new.len() as i32;
    let blank = hash(&vec![Cell::new(" "); usize::from(next.area.width)]);
    let mut best: Option<(usize, Shift)> = None;
    for by in (1 - rows..rows).filter(|by| *by != 0) {
        let moved = |y: i32| {
            let from = y + by;
            (0..rows).contains(&from)
                && old[from as usize] == new[y as usize]
                && old[y as usize] != new[y as usize]
                && new[y as usize] != blank
        };
        let mut y = 0;
        while y < rows {
            let start = y;
            while y < rows && moved(y) {
                y += 1;
            }
            let saved = (y - start) as usize;
            if saved >= ROWS_SAVED_MIN && best.is_none_or(|(most, _)| saved > most) {
                let (first, end) = (start.min(start + by), y.max(y + by));
                best = Some((saved, Shift { first: first as u16, end: end as u16, by }));
            }
            y += 1;
        }
    }
    // Rows that the move itself spoils (they stood still) must not outweigh those that it saves.
    best.filter(|(saved, shift)| {
        let still = (shift.first..shift.end).filter(|&y| old[usize::from(y)] == new[usize::from(y)]).count();
        *saved >= still + ROWS_SAVED_MIN
    })
    .map(|(_, shift)| shift)
}

fn hash(cells: &[Cell]) -> u64 {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    cells.hash(&mut hasher);
    hasher.finish()
}
