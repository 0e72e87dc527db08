//! The footer: a message to the user, or the keys that matter now.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr as _;

use super::Context;
use super::format::cut;
use crate::app::{App, Mode, keymap};

pub(super) fn render(app: &App, context: &Context<'_>, area: Rect, buf: &mut Buffer) {
    let theme = &context.theme;
    let width = usize::from(area.width);
    if let Mode::Prompt(prompt) = &app.mode
        && let Some(error) = &prompt.error
    {
        let text = cut(&error.to_string(), width, theme.glyphs.elided);
        buf.set_stringn(area.x, area.y, text, width, theme.bad);
        return;
    }
    if let Some(status) = app.status() {
        buf.set_stringn(area.x, area.y, cut(status, width, theme.glyphs.elided), width, theme.title);
        return;
    }
    let mut x = area.x;
    for (key, word) in hints(app) {
        let needed = key.width() + 1 + word.width();
        if usize::from(area.right().saturating_sub(x)) < needed {
            break;
        }
        (x, _) = buf.set_stringn(x, area.y, &key, width, theme.key);
        (x, _) = buf.set_stringn(x + 1, area.y, &word, width, theme.faint);
        x = x.saturating_add(2);
    }
}

fn hints(app: &App) -> Vec<(String, String)> {
    let fixed =
        |hints: &[(&str, &str)]| hints.iter().map(|(key, word)| ((*key).to_owned(), (*word).to_owned())).collect();
    match &app.mode {
        Mode::Browse => keymap::hints(app.focus).map(|(key, word)| (key, browse_word(app, word).to_owned())).collect(),
        Mode::Prompt(_) => fixed(&[("Enter", "keep"), ("Esc", "back"), ("Up", "earlier"), ("^U", "erase")]),
        Mode::Help { .. } => fixed(&[("q", "close"), ("Up Down", "scroll")]),
        Mode::Details { .. } => fixed(&[("q", "close"), ("y", "copy the path"), ("Up Down", "scroll")]),
        Mode::Pick(_) => fixed(&[("Enter", "take it"), ("Esc", "close"), ("Up Down", "choose")]),
    }
}

/// The same key goes on that paused.
fn browse_word<'a>(app: &App, word: &'a str) -> &'a str {
    if word == "pause" && app.paused { "go on" } else { word }
}
