//! The filter bar: the prompt, or the filter in force, and what it lets through.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr as _;

use super::Context;
use super::format::{cut, exact};
use super::line;
use crate::app::prompt::Prompt;
use crate::app::{App, Mode};
use crate::filter::Place;

/// Draws the bar; returns the place of the cursor while the prompt is open.
pub(super) fn render(app: &App, context: &Context<'_>, area: Rect, buf: &mut Buffer) -> Option<Position> {
    let found = found(app);
    match &app.mode {
        Mode::Prompt(prompt) => Some(draw_prompt(app, prompt, &found, context, area, buf)),
        _ => {
            draw_filter(app, &found, context, area, buf);
            None
        }
    }
}

/// How much the filter lets through; nothing where there is none.
fn found(app: &App) -> String {
    let matches = &app.events.live().matches;
    if matches.filter().is_empty() {
        return format!("{} events kept", exact(matches.len() as u64));
    }
    format!("matched {} of {} seen", exact(matches.matched()), exact(matches.seen()))
}

fn draw_prompt(
    app: &App,
    prompt: &Prompt,
    found: &str,
    context: &Context<'_>,
    area: Rect,
    buf: &mut Buffer,
) -> Position {
    let end = |text: &str| buf_width(area).saturating_sub(text.width() + 2);
    // What is wrong with the line is said in the footer; where there is none, here.
    let (note, style) = match &prompt.error {
        Some(error) if app.layout().footer.is_none() => {
            (cut(&error.to_string(), buf_width(area) / 2, context.theme.glyphs.elided), context.theme.bad)
        }
        Some(_) => (format!("last good: {found}"), context.theme.faint),
        None => (found.to_owned(), context.theme.faint),
    };
    // The line that is typed has the first half of the bar for sure.
    let half = buf_width(area) / 2;
    let room = end(&note).saturating_sub(2).max(half.saturating_sub(2)) as u16;
    let (text, cursor) = prompt.view(room);
    buf.set_stringn(area.x, area.y, "/ ", buf_width(area), context.theme.key);
    buf.set_stringn(
        area.x + 2.min(area.width),
        area.y,
        text,
        usize::from(room.min(area.width.saturating_sub(2))),
        Style::new(),
    );
    line::draw_right(&[note], style, 2 + cursor, area, buf);
    let x = (area.x + 2 + cursor).min(area.right().saturating_sub(1));
    Position::new(x, area.y)
}

fn draw_filter(app: &App, found: &str, context: &Context<'_>, area: Rect, buf: &mut Buffer) {
    let theme = &context.theme;
    let mut x = area.x;
    let mut put = |text: &str, style: Style| {
        let room = usize::from(area.right().saturating_sub(x));
        (x, _) = buf.set_stringn(x, area.y, text, room, style);
    };
    put("/ ", theme.key);
    if app.filter.is_empty() && app.scope.is_none() {
        put("no filter", theme.faint);
    }
    if let Some(scope) = &app.scope {
        put(&format!("only {} (Esc: all)  ", scope.label), theme.title);
    }
    for (term, place) in app.filter.places() {
        put(term.source(), theme.title);
        let by_kernel = place == Place::Kernel && app.kernel_filters();
        put(if by_kernel { " (kernel) " } else { " " }, theme.faint);
    }
    let used = x - area.x;
    line::draw_right(&[found], theme.faint, used, area, buf);
}

fn buf_width(area: Rect) -> usize {
    usize::from(area.width)
}
