//! The help screen, made from the table of keys and the table of filter fields.

use unicode_width::UnicodeWidthStr as _;

use super::Context;
use super::popup::{Line, Popup};
use crate::app::App;
use crate::app::keymap::{Key, PROMPT_HELP, SECTIONS};
use crate::filter::FIELDS;

const WIDTH: u16 = 76;

pub(super) fn popup(app: &App, context: &Context<'_>) -> Popup {
    let title = |text: &str| Line { label: text.to_owned(), text: String::new(), style: context.theme.title };
    let line = |label: String, text: &str| Line { label, text: text.to_owned(), ..Line::default() };
    let mut lines = Vec::new();
    for section in &SECTIONS {
        lines.push(title(section.title));
        for binding in section.bindings {
            let keys: Vec<_> = binding.keys.iter().copied().map(Key::label).collect();
            lines.push(line(format!(" {}", keys.join(" ")), binding.does));
        }
    }
    lines.push(title("In the filter prompt"));
    lines.extend(PROMPT_HELP.map(|(keys, does)| line(format!(" {keys}"), does)));
    lines.push(title("Filters: all terms must hold, ! before one negates it"));
    lines.push(line(" REGEX".to_owned(), "command or path"));
    for field in &FIELDS {
        lines.push(line(format!(" {}:{}", field.names[0], field.value), field.about));
    }
    let version = app.setup.version;
    let widest = lines.iter().map(|line| line.label.width() + line.text.width() + 8).max().unwrap_or(0) as u16;
    Popup::new(format!("opentop {version}: keys"), lines, WIDTH.max(widest), app.size)
}
