//! What is needed to write down an event or a row.

use jiff::tz::TimeZone;

use super::theme::Theme;
use crate::names::Names;
use crate::tui::app::App;

/// What is needed to write down an event or a row.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub names: &'a Names,
    pub time_zone: &'a TimeZone,
    pub theme: Theme,
    /// Columns by which paths are scrolled to the side.
    pub horizontal_scroll: usize,
}

impl<'a> Context<'a> {
    pub(super) fn of(app: &'a App) -> Self {
        Self {
            names: &app.names,
            time_zone: &app.setup.time_zone,
            theme: Theme::of(&app.setup),
            horizontal_scroll: usize::from(app.events.horizontal_scroll),
        }
    }
}
