//! A window onto a list, and a selection within it. Pure arithmetic: nothing here knows what the rows are.

use super::action::Motion;

/// The first visible row and the selected one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scroll {
    pub top: usize,
    pub selected: usize,
}

impl Scroll {
    /// The end of a list of `len` rows in a window of `height`.
    pub fn at_end(len: usize, height: usize) -> Self {
        Self { top: 0, selected: len.saturating_sub(1) }.settled(len, height)
    }

    /// After a motion. The selection stays within the list and the window around the selection.
    pub fn moved(self, motion: Motion, len: usize, height: usize) -> Self {
        let page = height.saturating_sub(1).max(1);
        let half = (height / 2).max(1);
        let selected = match motion {
            Motion::Up => self.selected.saturating_sub(1),
            Motion::Down => self.selected.saturating_add(1),
            Motion::PageUp => self.selected.saturating_sub(page),
            Motion::PageDown => self.selected.saturating_add(page),
            Motion::HalfUp => self.selected.saturating_sub(half),
            Motion::HalfDown => self.selected.saturating_add(half),
            Motion::First => 0,
            Motion::Last => usize::MAX,
        };
        Self { selected, ..self }.settled(len, height)
    }

    /// With row `index` of the window selected.
    pub fn at_row(self, index: usize, len: usize, height: usize) -> Self {
        let scroll = self.settled(len, height);
        Self { selected: scroll.top + index, ..scroll }.settled(len, height)
    }

    /// The selected one of `rows`, or the last where there are fewer by now.
    pub fn selected_of<T>(self, rows: &[T]) -> Option<&T> {
        rows.get(self.selected).or(rows.last())
    }

    /// The nearest window that shows the selection and wastes no row.
    pub fn settled(self, len: usize, height: usize) -> Self {
        let selected = self.selected.min(len.saturating_sub(1));
        let last_top = len.saturating_sub(height);
        let lowest = (selected + 1).saturating_sub(height.max(1));
        Self { top: self.top.max(lowest).min(selected).min(last_top.max(lowest)), selected }
    }

    /// The rows that are visible.
    pub fn rows(self, len: usize, height: usize) -> std::ops::Range<usize> {
        let settled = self.settled(len, height);
        settled.top..(settled.top + height).min(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_list_whose_length_nobody_knows_has_an_end_too() {
        let last = Scroll::default().moved(Motion::Last, usize::MAX, 10);
        for motion in [Motion::Down, Motion::PageDown, Motion::HalfDown] {
            assert_eq!(last.moved(motion, usize::MAX, 10), last);
        }
    }

    #[test]
    fn pages_keep_a_row_in_view() {
        let start = Scroll::default();
        assert_eq!(start.moved(Motion::PageDown, 100, 10), Scroll { top: 0, selected: 9 });
        assert_eq!(Scroll { top: 0, selected: 9 }.moved(Motion::PageDown, 100, 10), Scroll { top: 9, selected: 18 });
        assert_eq!(start.moved(Motion::Last, 100, 10), Scroll { top: 90, selected: 99 });
        assert_eq!(Scroll::at_end(100, 10).moved(Motion::First, 100, 10), start);
        assert_eq!(Scroll::at_end(100, 10).moved(Motion::Up, 100, 10), Scroll { top: 90, selected: 98 });
    }

    #[test]
    fn an_empty_list_has_no_rows() {
        assert_eq!(Scroll { top: 5, selected: 7 }.settled(0, 10), Scroll::default());
        assert_eq!(Scroll::default().rows(0, 10), 0..0);
    }

    fn motion() -> impl Strategy<Value = Motion> {
        use Motion::{Down, First, HalfDown, HalfUp, Last, PageDown, PageUp, Up};
        prop::sample::select(vec![Up, Down, PageUp, PageDown, HalfUp, HalfDown, First, Last])
    }

    proptest! {
        #[test]
        fn the_selection_is_visible_and_no_row_is_wasted(
            steps in prop::collection::vec((motion(), 0usize..200, 0usize..60), 1..40),
        ) {
            let mut scroll = Scroll::default();
            for (motion, len, height) in steps {
                scroll = scroll.moved(motion, len, height);
                let rows = scroll.rows(len, height);
                prop_assert_eq!(rows.len(), len.min(height));
                prop_assert!(len == 0 || height == 0 || rows.contains(&scroll.selected));
                prop_assert_eq!(scroll.settled(len, height), scroll);
            }
        }
    }
}
