//! The help screen, made from the table of keys and the table of filter fields.

use super::Context;
use super::format::wrap_words;
use super::popup::{Line, Popup, text_width};
use crate::app::App;
use crate::app::keymap::{Key, PROMPT_HELP, SECTIONS};
use crate::filter::FIELDS;

const WIDTH: u16 = 78;
const LABEL_WIDTH: usize = 18;

pub(super) fn popup(app: &App, context: &Context<'_>) -> Popup {
    let mut entries = Vec::new();
    for section in &SECTIONS {
        entries.push((section.title.to_owned(), ""));
        for binding in section.bindings {
            let keys: Vec<_> = binding.keys.iter().copied().map(Key::label).collect();
            entries.push((format!(" {}", keys.join(" ")), binding.does));
        }
    }
    entries.push(("In the filter prompt".to_owned(), ""));
    entries.extend(PROMPT_HELP.map(|(keys, does)| (format!(" {keys}"), does)));
    entries.push(("Filters: all terms must hold, ! negates one".to_owned(), ""));
    entries.push((" REGEX".to_owned(), "command or path"));
    entries.extend(FIELDS.iter().map(|field| (format!(" {}:{}", field.names[0], field.value), field.about)));
    let width = text_width(WIDTH, app.size, LABEL_WIDTH);
    let lines = entries.into_iter().flat_map(|(label, text)| lines(&label, text, width, context)).collect();
    Popup::new(format!("opentop {}: keys", app.setup.version), lines, WIDTH, app.size)
}

/// A title, or a label and as many lines of text as it needs.
fn lines(label: &str, text: &str, width: usize, context: &Context<'_>) -> Vec<Line> {
    if text.is_empty() {
        return vec![Line { label: label.to_owned(), style: context.theme.title, ..Line::default() }];
    }
    let line = |(at, text)| {
        let label = if at == 0 { label } else { "" };
        Line { label: format!("{label:LABEL_WIDTH$}"), text, ..Line::default() }
    };
    wrap_words(text, width).into_iter().enumerate().map(line).collect()
}
