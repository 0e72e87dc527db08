//! The footer: a message to the user, or the keys that matter now.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr as _;

use super::context::Context;
use crate::format::cut_words;
use crate::tui::app::action::Focus;
use crate::tui::app::directories::At;
use crate::tui::app::prompt::Prompt;
use crate::tui::app::{App, Find, Mode, keymap};

/// The place behind quit and help.
const AFTER_HELP: usize = 2;
/// The place behind those, filter and pause.
const AFTER_PAUSE: usize = 4;

pub(super) fn render(app: &App, context: &Context<'_>, area: Rect, buf: &mut Buffer) {
    let theme = &context.theme;
    let width = usize::from(area.width);
    if let Mode::Prompt(prompt) = &app.mode
        && let Some((text, style)) = about_line(app, prompt, context)
    {
        buf.set_stringn(area.x, area.y, cut_words(&text, width, theme.glyphs.elided), width, style);
        return;
    }
    if let Some(status) = app.status() {
        buf.set_stringn(area.x, area.y, cut_words(status, width, theme.glyphs.elided), width, theme.title);
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

/// What is to be said about the line that is typed.
fn about_line(app: &App, prompt: &Prompt, context: &Context<'_>) -> Option<(String, Style)> {
    if !prompt.candidates.is_empty() {
        return Some((prompt.candidates.join(" "), context.theme.key));
    }
    match &prompt.error {
        Some(error) => Some((error.to_string(), context.theme.bad)),
        None => app.filter.remarks().next().map(|remark| (remark, context.theme.title)),
    }
}

fn hints(app: &App) -> Vec<(String, String)> {
    let fixed =
        |hints: &[(&str, &str)]| hints.iter().map(|(key, word)| ((*key).to_owned(), (*word).to_owned())).collect();
    match &app.mode {
        Mode::Browse => browse(app),
        Mode::Prompt(_) => {
            fixed(&[("Enter", "keep"), ("Tab", "complete"), ("Esc", "back"), ("Up", "earlier"), ("^U", "erase")])
        }
        Mode::Write(_) => fixed(&[("Enter", "write"), ("Esc", "back"), ("^U", "erase")]),
        Mode::Help { find: Find { typing: true, .. }, .. } => fixed(&[("Enter", "done"), ("Esc", "all again")]),
        Mode::Help { .. } => fixed(&[("q", "close"), ("/", "search"), ("Up Down", "scroll")]),
        Mode::Report { .. } | Mode::Hosts { .. } | Mode::Opener { .. } => {
            fixed(&[("q", "close"), ("Up Down", "scroll")])
        }
        Mode::Details { .. } if app.events.selected().is_none() => fixed(&[("q", "close"), ("Up Down", "scroll")]),
        Mode::Details { .. } => fixed(&[("q", "close"), ("y", "copy the path"), ("Up Down", "scroll")]),
        Mode::Tree(_) => fixed(&[("q", "close"), ("Enter", "open, close"), ("d", "details"), ("Up Down", "move")]),
        Mode::Directories(view) => {
            let keys = [("q", "close"), ("Enter", "in"), ("Backspace", "up"), ("/", "filter")];
            let own = match view.at {
                At::Directory(_) => &[("f", "only this"), ("m", "mounts")][..],
                At::Mounts(_) => &[("m", "directories")],
            };
            let pause = if app.paused { "go on" } else { "pause" };
            fixed(&[&keys, own, &[("s", "sort"), ("Space", pause)]].concat())
        }
        Mode::Command { typing: true } => fixed(&[("^]", "stop typing to the command")]),
        Mode::Command { .. } if app.command.as_ref().is_some_and(|command| command.ended.is_some()) => {
            fixed(&[("q", "close"), ("Up Down", "scroll")])
        }
        Mode::Command { typing: false } => {
            fixed(&[("q", "close"), ("Enter", "type to the command"), ("Up Down", "scroll")])
        }
        Mode::Columns(_) => fixed(&[
            ("q", "close"),
            ("Space", "on, off"),
            ("< >", "order"),
            ("+ -", "width"),
            ("Tab", "other table"),
            ("w", "save"),
            ("r", "as usual"),
        ]),
        Mode::Timeline(_) => fixed(&[
            ("q", "close"),
            ("Enter", "go there"),
            ("Left Right", "move"),
            ("'", "mark"),
            ("n N", "marks"),
            ("12:03:10 +30s", "type a time"),
        ]),
        Mode::Pick(_) => fixed(&[("Enter", "choose"), ("Esc", "close"), ("Up Down", "move")]),
    }
}

/// The hints of the table, of which some depend on what is going on.
fn browse(app: &App) -> Vec<(String, String)> {
    let mut hints: Vec<_> = keymap::hints(app.focus).map(|(key, word)| (key, word.to_owned())).collect();
    let printed = app.command.as_ref().is_some_and(|command| command.printed);
    set_hint(&mut hints, "output", printed.then_some(("output", AFTER_PAUSE)));
    // How to leave a view that is held still is what one looks for next.
    let held = app.focus == Focus::Events && !app.events.is_following() && !app.paused;
    set_hint(&mut hints, "follow", held.then_some(("follow", AFTER_HELP)));
    let back = if app.scope.is_some() { "all again" } else { "no filter" };
    let narrowed = app.scope.is_some() || !app.filter.is_empty();
    set_hint(&mut hints, "back", narrowed.then_some((back, AFTER_PAUSE + usize::from(held))));
    // The same key goes on that paused. What has ended cannot be paused.
    let paused = app.paused || app.playback.is_some_and(|playback| playback.paused);
    let of_use = !app.ended || app.paused;
    let word = (if paused { "go on" } else { "pause" }, AFTER_PAUSE - 1 + usize::from(held));
    set_hint(&mut hints, "pause", of_use.then_some(word));
    if app.playback.is_some() && !app.ended {
        let keys = [(".", "step"), ("[ ]", "speed")].map(|(key, word)| (key.to_owned(), word.to_owned()));
        hints.splice(AFTER_PAUSE.min(hints.len())..AFTER_PAUSE.min(hints.len()), keys);
    }
    hints
}

/// Gives the hint of this word in the table another word and another position, or takes it out where it is of no use.
fn set_hint(hints: &mut Vec<(String, String)>, word: &str, to: Option<(&str, usize)>) {
    let Some(at) = hints.iter().position(|(_, known)| known == word) else { return };
    let (key, _) = hints.remove(at);
    if let Some((word, at)) = to {
        hints.insert(at.min(hints.len()), (key, word.to_owned()));
    }
}
