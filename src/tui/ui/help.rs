//! The help screen, made from the table of keys and the table of filter fields.

use unicode_width::UnicodeWidthStr as _;

use super::context::Context;
use super::popup::{Line, Popup, label_room_of, text_width};
use crate::filter::FIELDS;
use crate::format::wrap_words;
use crate::tui::app::keymap::{Key, PROMPT_HELP, SECTIONS};
use crate::tui::app::{App, Find};

const WIDTH: u16 = 78;
const LABEL_WIDTH: usize = 18;

/// What a filter is made of beside its fields.
const FORMS: [(&str, &str); 4] = [
    ("REGEX", "command or path"),
    ("A OR B", "one of both; binds less tightly than a blank"),
    ("(A OR B) !(C D)", "brackets group, ! negates the group"),
    ("@NAME", "a filter of the configuration"),
];

/// The words of the header, the bar and the titles.
const GLOSSARY: [(&str, &str); 23] = [
    ("opens/s", "opens a second on the whole host, failed ones too"),
    ("... match", "those that the filter holds for: by the kernel where it checks all of it, else from the events"),
    ("failed", "share of opens that ended with an error, under a filter of those that match"),
    ("dropped", "opens that were counted, and of which the event was lost; ranking and sums stay exact"),
    ("not even counted", "opens that the hooks missed: the sums are too low by as much"),
    ("events", "opens that arrived here with their names"),
    ("not yet read", "opens that wait in the ring buffer, or are counted at this moment"),
    ("filtered", "opens that the kernel was told to leave out, counted and never sent"),
    ("own cpu", "what watching costs: share of one processor, and time for an open"),
    ("own opens hidden", "opens of opentop itself; --self shows them"),
    ("hooks", "how opens are seen; opentop check tells which work here"),
    ("FDS, GROWTH", "open descriptors of the limit, and how fast they leak: s sorts by them, as does --leaks"),
    ("look-ups", "stat, access, readlink: no opens, and counted apart; a shows them"),
    ("PAUSED, HELD", "the rows stand still, and +N came meanwhile; Space or F goes on"),
    ("(exact)", "counted by the kernel for each process, whatever was dropped"),
    ("(from N events)", "counted here from the events that are kept"),
    ("(from N of M events)", "of M events that came, or were lost, N are kept and counted"),
    ("(others)", "names for which there was no room"),
    ("TYPE nfs4?", "by its path; nobody could ask whether its process, which is gone, had this mount"),
    ("(ended)", "the process is gone"),
    ("matched N of M", "of M events that came, N matched; what is let go had no more room"),
    ("(kernel)", "this part of the filter is checked before an event is made"),
    ("RW", "opened to read, to write; x: a program that was started"),
];

/// A line of the help: a label, and a text that is empty for a title.
type Entry = (String, &'static str);

pub(super) fn popup(app: &App, find: &Find, context: &Context<'_>) -> Popup {
    let widths = (label_room_of(WIDTH, app.size), text_width(WIDTH, app.size, LABEL_WIDTH));
    let found = found(entries(), &find.text.to_lowercase());
    let mut lines: Vec<_> = found.into_iter().flat_map(|(label, text)| lines(&label, text, widths, context)).collect();
    if lines.is_empty() {
        lines.push(Line { label: "nothing has this word".to_owned(), ..Line::default() });
    }
    let title = match (find.typing, find.text.as_str()) {
        (false, "") => format!("opentop {}: help", app.setup.version),
        (typing, text) => format!("help: / {text}{}", if typing { "_" } else { "" }),
    };
    Popup::new(title, lines, WIDTH, app.size)
}

fn entries() -> Vec<Entry> {
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
    entries.push(("Type a filter".to_owned(), ""));
    entries.extend(PROMPT_HELP.map(|(keys, does)| (format!(" {keys}"), does)));
    entries.push(("Filters: all terms must hold, ! negates one".to_owned(), ""));
    entries.extend(FORMS.map(|(form, about)| (format!(" {form}"), about)));
    entries.extend(FIELDS.iter().map(|field| (format!(" {}:{}", field.names[0], field.value), field.about)));
    entries.push(("What the words mean".to_owned(), ""));
    entries.extend(GLOSSARY.map(|(word, about)| (format!(" {word}"), about)));
    entries
}

/// Those with `text` in them, in lower case, below their titles.
fn found(entries: Vec<Entry>, text: &str) -> Vec<Entry> {
    let mut title = None;
    let mut found = Vec::new();
    for entry in entries {
        if entry.1.is_empty() {
            title = Some(entry);
        } else if entry.0.to_lowercase().contains(text) || entry.1.to_lowercase().contains(text) {
            found.extend(title.take());
            found.push(entry);
        }
    }
    found
}

/// A title, or a label and as many lines of text as it needs, below the label where that is too long to stand beside.
fn lines(label: &str, text: &str, (room, width): (usize, usize), context: &Context<'_>) -> Vec<Line> {
    let alone = |label: String, style| Line { label, style, ..Line::default() };
    if text.is_empty() {
        return wrap_words(label, room.min(LABEL_WIDTH) + width)
            .into_iter()
            .map(|label| alone(label, context.theme.title))
            .collect();
    }
    // A wider one would move the texts of all, which are wrapped for this width.
    let below = label.width() > room.min(LABEL_WIDTH);
    let line = |(at, text)| {
        let label = if at == 0 && !below { label } else { "" };
        Line { label: format!("{label:LABEL_WIDTH$}"), text, ..Line::default() }
    };
    let lines = wrap_words(text, width).into_iter().enumerate().map(line);
    below.then(|| alone(label.to_owned(), context.theme.key)).into_iter().chain(lines).collect()
}
