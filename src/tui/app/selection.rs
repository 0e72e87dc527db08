//! Which row of the ranking is selected, while rows come, go and change places.

use super::action::Motion;
use super::scroll::Scroll;
use crate::ranking::openers::{Key, Row};

/// The selected row and the window around it.
#[derive(Debug, Default)]
pub struct Selection {
    scroll: Scroll,
    /// The row the user chose; the first one until he does.
    chosen: Option<Key<'static>>,
}

impl Selection {
    /// Stays on its row. To be called whenever the rows have changed.
    pub fn follow(&mut self, rows: &[Row]) {
        if let Some(chosen) = &self.chosen
            && let Some(at) = rows.iter().position(|row| row.key == *chosen)
        {
            self.scroll.selected = at;
        }
    }

    pub fn scroll(&self, rows: usize, height: usize) -> Scroll {
        self.scroll.settled(rows, height)
    }

    pub fn row<'a>(&self, rows: &'a [Row]) -> Option<&'a Row> {
        self.scroll.selected_of(rows)
    }

    /// Moves the selection. On the first row it is nobody's choice: whoever is first is selected.
    pub fn go(&mut self, motion: Motion, rows: &[Row], height: usize) {
        self.select(self.scroll.moved(motion, rows.len(), height), rows);
    }

    /// Selects row `index` of the window.
    pub fn select_row(&mut self, index: usize, rows: &[Row], height: usize) {
        self.select(self.scroll.at_row(index, rows.len(), height), rows);
    }

    fn select(&mut self, scroll: Scroll, rows: &[Row]) {
        self.scroll = scroll;
        self.chosen = (scroll.selected > 0).then(|| self.row(rows).map(|row| row.key.clone())).flatten();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(pids: &[u32]) -> Vec<Row> {
        pids.iter()
            .map(|&pid| Row::new(Key::Process { source: crate::event::Source::HERE, pid, start_ns: u64::from(pid) }))
            .collect()
    }

    fn selected(selection: &Selection, rows: &[Row]) -> Option<u32> {
        selection.row(rows).and_then(|row| crate::ranking::pid(&row.key))
    }

    #[test]
    fn the_selection_stays_on_its_row_when_the_ranking_changes() {
        let mut selection = Selection::default();
        selection.go(Motion::Down, &rows(&[1, 2, 3]), 2);
        assert_eq!(selected(&selection, &rows(&[1, 2, 3])), Some(2));
        let later = rows(&[3, 4, 1, 2]);
        selection.follow(&later);
        assert_eq!(selected(&selection, &later), Some(2));
        assert_eq!(selection.scroll(4, 2).rows(4, 2), 2..4);
    }

    #[test]
    fn the_first_row_is_nobodys_choice() {
        let mut selection = Selection::default();
        selection.follow(&rows(&[2, 1]));
        assert_eq!(selected(&selection, &rows(&[2, 1])), Some(2));
    }
}
