//! How several hosts are: the state of each, what it has counted and lost, and where there is none, why and what to do.

use super::context::Context;
use super::popup::{Line, Popup, text_width};
use crate::format::{compact, head, wrap_words};
use crate::message::{HostState, Link};
use crate::output::losses;
use crate::tui::app::App;

const WIDTH: u16 = 100;
/// Of a host's name; a longer one is cut.
const NAME_WIDTH: usize = 16;

pub(super) fn popup(app: &App, context: &Context<'_>) -> Popup {
    let width = text_width(WIDTH, app.size, NAME_WIDTH);
    let mut lines = Vec::new();
    for (state, number) in app.hosts.iter().zip(1..) {
        let style = if state.link.is_up() { context.theme.title } else { context.theme.bad };
        let name = head(context.names.host(number), NAME_WIDTH);
        for (at, text) in about(state).iter().flat_map(|text| wrap_words(text, width)).enumerate() {
            let label = if at == 0 { name } else { "" };
            let style = if at == 0 { style } else { ratatui::style::Style::new() };
            lines.push(Line { label: format!("{label:NAME_WIDTH$}"), text, style });
        }
    }
    let (up, all) = app.hosts_up().unwrap_or_default();
    Popup::new(format!("hosts: {up} of {all} are seen"), lines, WIDTH, app.size)
}

/// The state and its numbers, and what there is to say about it.
fn about(state: &HostState) -> Vec<String> {
    let HostState { link, text, totals, bytes } = state;
    let counted = match *bytes {
        0 => link.name().to_owned(),
        bytes => format!(
            "{}, {} opens, {} events, {} bytes received",
            link.name(),
            compact(totals.opens),
            compact(totals.delivered),
            compact(bytes)
        ),
    };
    let text = match link {
        Link::Lost => format!("{text}; it is tried again"),
        _ => text.clone(),
    };
    let lost = losses(&totals.lost).map(|lost| format!("lost {lost}"));
    [Some(counted), Some(text).filter(|text| !text.is_empty()), lost].into_iter().flatten().collect()
}
