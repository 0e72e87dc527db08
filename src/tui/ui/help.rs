//! The help screen, made from the table of keys and the table of filter fields.

use unicode_width::UnicodeWidthStr as _;

use super::context::Context;
use super::popup::{Line, Popup, label_room_of, text_width};
use crate::filter::FIELDS;
use crate::format::wrap_words;
use crate::tui::app::App;
use crate::tui::app::keymap::{Key, PROMPT_HELP, SECTIONS};

const WIDTH: u16 = 78;
const LABEL_WIDTH: usize = 18;

/// What a filter is made of beside its fields.
const FORMS: [(&str, &str); 4] = [
    ("REGEX", "command or path"),
    ("A OR B", "one of both; binds less tightly than a blank"),
    ("(A OR B) !(C D)", "brackets group, ! negates the group"),
    ("@NAME", "a filter of the configuration"),
];

pub(super) fn popup(app: &App, context: &Context<'_>) -> Popup {
    let mut entries = Vec::new();
    for (at, section) in SECTIONS.iter().enumerate() {
        // What comes first is what a stranger looks for; on a small screen a title would push some of it out.
        if at > 0 {
            entries.push((section.title.to_owned(), ""));
        }
        for binding in section.bindings {
            let keys: Vec<_> = binding.keys.iter().copied().map(Key::label).collect();
            entries.push((format!(" {}", keys.join(" ")), binding.does));
        }
    }
    entries.push(("In the filter prompt".to_owned(), ""));
    entries.extend(PROMPT_HELP.map(|(keys, does)| (format!(" {keys}"), does)));
    entries.push(("Filters: all terms must hold, ! negates one".to_owned(), ""));
    entries.extend(FORMS.map(|(form, about)| (format!(" {form}"), about)));
    entries.extend(FIELDS.iter().map(|field| (format!(" {}:{}", field.names[0], field.value), field.about)));
    let widths = (label_room_of(WIDTH, app.size), text_width(WIDTH, app.size, LABEL_WIDTH));
    let lines = entries.into_iter().flat_map(|(label, text)| lines(&label, text, widths, context)).collect();
    Popup::new(format!("opentop {}: keys", app.setup.version), lines, WIDTH, app.size)
}

/// A title, or a label and as many lines of text as it needs, below the label where that is too long to stand beside.
fn lines(label: &str, text: &str, (room, width): (usize, usize), context: &Context<'_>) -> Vec<Line> {
    let alone = |style| Line { label: label.to_owned(), style, ..Line::default() };
    if text.is_empty() {
        return vec![alone(context.theme.title)];
    }
    let below = label.width() > room;
    let line = |(at, text)| {
        let label = if at == 0 && !below { label } else { "" };
        Line { label: format!("{label:LABEL_WIDTH$}"), text, ..Line::default() }
    };
    let lines = wrap_words(text, width).into_iter().enumerate().map(line);
    below.then(|| alone(context.theme.key)).into_iter().chain(lines).collect()
}
