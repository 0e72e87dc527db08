//! The report of the history, a page in a popup.

use ratatui::style::Style;

use super::context::Context;
use super::popup::{Line, Popup};
use crate::tui::app::App;
use crate::tui::app::report::{Page, WIDTH};

pub(super) fn popup(app: &App, page: Option<&Page>, context: &Context<'_>) -> Popup {
    let Some(page) = page else {
        let line = Line { label: "working it out ...".into(), ..Line::default() };
        return Popup::new("report".to_owned(), vec![line], WIDTH, app.size);
    };
    let line = |text: &String| {
        // Titles stand further left than what is below them.
        let style = if text.starts_with(' ') { Style::default() } else { context.theme.title };
        Line { label: text.clone(), style, ..Line::default() }
    };
    Popup::new(page.title.clone(), page.lines.iter().map(line).collect(), WIDTH, app.size)
}
