//! The screen map: where everything is, for drawing and for the keys that need to know how long a page is.
//!
//! ```text
//! header    one line, two where there is room
//! openers   a head and rows
//! events    a head and rows
//! bar       the filter; while it is empty only where there is room
//! footer    the keys
//! ```

use ratatui::layout::{Rect, Size};

use crate::tui::app::action::{Focus, Panels};

/// Where everything is. What has no place is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    pub header: Option<Rect>,
    pub openers: Option<Rect>,
    pub events: Option<Rect>,
    pub bar: Option<Rect>,
    pub footer: Option<Rect>,
}

/// Lines of a popup, and how many of them a screen shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    pub lines: usize,
    pub height: usize,
}

impl Extent {
    /// The first line that is seen when it is scrolled to its end.
    pub fn top_max(self) -> usize {
        self.lines.saturating_sub(self.height)
    }
}

/// From this height on there is room for a second header line and an empty bar.
const ROOMY: u16 = 16;
/// Rows, heads included, below which two panels are too many.
const TWO_PANELS_MIN: u16 = 9;

impl Layout {
    /// `must_bar`: the bar has something that must be seen. Beside the events the ranking gets no more than its `rows`.
    pub fn new(size: Size, panels: Panels, focus: Focus, must_bar: bool, rows: usize) -> Self {
        let mut rest = Rect::new(0, 0, size.width, size.height);
        if rest.is_empty() {
            return Self::default();
        }
        let roomy = size.height >= ROOMY;
        let footer = (size.height >= 5 && (roomy || size.height >= 8 || !must_bar)).then(|| from_bottom(&mut rest, 1));
        let bar = (roomy || (must_bar && size.height >= 2)).then(|| from_bottom(&mut rest, 1));
        let header = (rest.height >= 3).then(|| from_top(&mut rest, if roomy { 2 } else { 1 }));
        let (openers, events) = split(rest, panels, focus, rows);
        Self { header, openers, events, bar, footer }
    }

    /// Rows of events without their head.
    pub fn events_rows(&self) -> usize {
        rows(self.events)
    }

    /// Rows of openers without their head.
    pub fn openers_rows(&self) -> usize {
        rows(self.openers)
    }

    /// The panel and its row at screen row `y`.
    pub fn row_at(&self, y: u16) -> Option<(Focus, usize)> {
        let row = |area: Option<Rect>| {
            let area = area?;
            (area.top() + 1..area.bottom()).contains(&y).then(|| usize::from(y - area.top() - 1))
        };
        row(self.openers).map(|row| (Focus::Openers, row)).or_else(|| row(self.events).map(|row| (Focus::Events, row)))
    }
}

fn split(body: Rect, panels: Panels, focus: Focus, rows: usize) -> (Option<Rect>, Option<Rect>) {
    let one = match (panels, focus) {
        (Panels::Both, _) if body.height >= TWO_PANELS_MIN => {
            let mut rest = body;
            let most = (body.height * 2 / 5).max(4);
            // A head, and a row that says why there is none.
            let openers = from_top(&mut rest, most.min(u16::try_from(rows).unwrap_or(most).saturating_add(1).max(2)));
            return (Some(openers), Some(rest));
        }
        (Panels::Both, focus) => focus,
        (Panels::Events, _) => Focus::Events,
        (Panels::Openers, _) => Focus::Openers,
    };
    let body = (!body.is_empty()).then_some(body);
    if one == Focus::Events { (None, body) } else { (body, None) }
}

fn rows(area: Option<Rect>) -> usize {
    area.map_or(0, |area| usize::from(area.height.saturating_sub(1)))
}

fn from_top(rest: &mut Rect, height: u16) -> Rect {
    let taken = Rect { height: height.min(rest.height), ..*rest };
    *rest = Rect { y: rest.y + taken.height, height: rest.height - taken.height, ..*rest };
    taken
}

fn from_bottom(rest: &mut Rect, height: u16) -> Rect {
    let height = height.min(rest.height);
    rest.height -= height;
    Rect { y: rest.bottom(), height, ..*rest }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parts(layout: Layout) -> Vec<Rect> {
        [layout.header, layout.openers, layout.events, layout.bar, layout.footer].into_iter().flatten().collect()
    }

    #[test]
    fn the_everyday_screen_has_everything() {
        let layout = Layout::new(Size::new(80, 24), Panels::Both, Focus::Events, false, 99);
        assert_eq!(parts(layout).iter().map(|area| area.height).collect::<Vec<_>>(), [2, 8, 12, 1, 1]);
        assert_eq!((layout.openers_rows(), layout.events_rows()), (7, 11));
        assert_eq!(layout.row_at(3), Some((Focus::Openers, 0)));
        assert_eq!(layout.row_at(10), None);
        assert_eq!(layout.row_at(11), Some((Focus::Events, 0)));
    }

    #[test]
    fn the_ranking_takes_no_more_than_its_rows() {
        let rows = |rows| {
            let layout = Layout::new(Size::new(80, 24), Panels::Both, Focus::Events, false, rows);
            (layout.openers_rows(), layout.events_rows())
        };
        assert_eq!([0, 1, 3, 7, 8].map(rows), [(1, 17), (1, 17), (3, 15), (7, 11), (7, 11)]);
    }

    #[test]
    fn a_small_screen_shows_the_panel_that_has_the_focus() {
        let layout = Layout::new(Size::new(40, 10), Panels::Both, Focus::Events, true, 99);
        assert_eq!(layout.openers, None);
        assert_eq!(layout.events_rows(), 6);
        assert!(layout.bar.is_some() && layout.footer.is_some());
    }

    proptest! {
        #[test]
        fn every_row_belongs_to_one_part(
            (width, height) in (0u16..300, 0u16..100),
            must_bar: bool,
            events: bool,
            panels in 0usize..3,
            rows in 0usize..30,
        ) {
            let panels = [Panels::Events, Panels::Openers, Panels::Both][panels];
            let focus = if events { Focus::Events } else { Focus::Openers };
            let layout = Layout::new(Size::new(width, height), panels, focus, must_bar, rows);
            let mut y = 0;
            for area in parts(layout) {
                prop_assert_eq!((area.x, area.y, area.width), (0, y, width));
                prop_assert!(area.height > 0);
                y += area.height;
            }
            prop_assert!(y == height || width == 0);
        }
    }
}
