//! The filter bar: the prompt, or the filter in force, and what it lets through.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr as _;

use super::context::Context;
use super::line;
use crate::filter::CheckedBy;
use crate::format::{cut, group_digits};
use crate::tui::app::prompt::Prompt;
use crate::tui::app::write::ENDINGS_HELP;
use crate::tui::app::{App, Mode};

/// Columns from which on an empty bar has room for what to press first.
const ROOM_FOR_HELP: usize = 76;

/// Draws the bar; returns the place of the cursor while the prompt is open.
pub(super) fn render(app: &App, context: &Context<'_>, area: Rect, buf: &mut Buffer) -> Option<Position> {
    let found = found(app);
    match &app.mode {
        Mode::Prompt(prompt) => Some(draw_prompt(app, prompt, &found, context, area, buf)),
        Mode::Write(prompt) => {
            let notes = ENDINGS_HELP.map(str::to_owned);
            Some(draw_line("write to ", prompt, (&notes, context.theme.faint), context, area, buf))
        }
        _ => {
            draw_filter(app, &found, context, area, buf);
            None
        }
    }
}

/// How much the filter lets through, the longest text first.
fn found(app: &App) -> Vec<String> {
    let matches = &app.events.live().matches;
    if matches.filter().is_empty() {
        let kept = group_digits(matches.len() as u64);
        return vec![format!("{kept} events kept"), format!("{kept} kept")];
    }
    let share = format!("{} of {}", group_digits(matches.matched()), group_digits(matches.seen()));
    match matches.let_go() {
        0 => vec![format!("matched {share} seen"), share],
        gone => {
            let gone = format!("{} let go", group_digits(gone));
            vec![format!("matched {share} seen, {gone}"), format!("{share}, {gone}"), share]
        }
    }
}

fn draw_prompt(
    app: &App,
    prompt: &Prompt,
    found: &[String],
    context: &Context<'_>,
    area: Rect,
    buf: &mut Buffer,
) -> Position {
    // What is wrong with the line is said in the footer; where there is none, here.
    let (notes, style) = match &prompt.error {
        Some(error) if app.layout().footer.is_none() => {
            (vec![cut(&error.to_string(), buf_width(area) / 2, context.theme.glyphs.elided)], context.theme.bad)
        }
        Some(_) => (found.iter().map(|text| format!("last good: {text}")).collect(), context.theme.faint),
        None => (found.to_vec(), context.theme.faint),
    };
    let notes = match by_kernel(app) {
        Some(by_kernel) if prompt.error.is_none() => {
            let both =
                by_kernel.iter().flat_map(|by_kernel| notes.iter().map(move |note| format!("{note}; {by_kernel}")));
            both.chain(notes.iter().cloned()).collect()
        }
        _ => notes,
    };
    draw_line("/ ", prompt, (&notes, style), context, area, buf)
}

/// The line that is typed, behind `label`; returns the place of the cursor.
fn draw_line(
    label: &str,
    prompt: &Prompt,
    (notes, style): (&[String], Style),
    context: &Context<'_>,
    area: Rect,
    buf: &mut Buffer,
) -> Position {
    let before = label.len() as u16;
    // The line that is typed has the first half of the bar for sure.
    let half = buf_width(area) / 2;
    let shortest = notes.last().map_or(0, |note| note.width() + line::GAP);
    let room = buf_width(area).saturating_sub(shortest).max(half).saturating_sub(label.len());
    let (text, cursor) = prompt.view(room as u16);
    let (x, _) = buf.set_stringn(area.x, area.y, label, buf_width(area), context.theme.key);
    let (end, _) = buf.set_stringn(x, area.y, text, room, Style::new());
    // The cursor may stand behind the last character.
    let used = (end - area.x).max(before + cursor + 1);
    line::draw_right(notes, style, used, area, buf);
    let x = (area.x + before + cursor).min(area.right().saturating_sub(1));
    Position::new(x, area.y)
}

/// What the kernel will do of the filter once it is kept, and what that means for the history, the longest text first.
fn by_kernel(app: &App) -> Option<[String; 2]> {
    let terms = app.filter.kernel_terms();
    let will = app.setup.replay.is_none() && !terms.is_empty() && !app.kernel_filters();
    let terms = terms.join(" ");
    will.then(|| {
        [
            format!("on Enter the kernel leaves out all but {terms}, and so does the history"),
            format!("on Enter the history gets only {terms}"),
        ]
    })
}

fn draw_filter(app: &App, found: &[String], context: &Context<'_>, area: Rect, buf: &mut Buffer) {
    let (theme, width) = (&context.theme, buf_width(area));
    let mut texts = vec![("/ ".to_owned(), theme.key)];
    if let Some(scope) = &app.setup.scope {
        texts.push((format!("only {scope}  "), theme.title));
    }
    if app.filter.is_empty() && app.scope.is_none() {
        let help = if app.setup.scope.is_none() && width >= ROOM_FOR_HELP {
            ": / narrows by name, Enter tells all, ? helps"
        } else {
            ""
        };
        texts.push((format!("no filter{help}"), theme.faint));
    }
    if let Some(scope) = &app.scope {
        texts.push((format!("only {}  ", scope.label), theme.title));
    }
    for (part, checked_by) in app.filter.checked_by() {
        texts.push((part, theme.title));
        let by_kernel = checked_by == CheckedBy::Kernel && app.kernel_filters();
        texts.push((if by_kernel { " (kernel) " } else { " " }.to_owned(), theme.faint));
    }
    if app.hides_searches() {
        texts.push(("stat, access not shown (a)".to_owned(), theme.key));
    }
    // How much it lets through is seen whatever the filter is, in the short form at least, but on half of the bar.
    let shortest = found.last().map_or(0, |text| text.width() + line::GAP);
    let mut room = width.saturating_sub(shortest).max(width / 2).max(2.min(width));
    let mut x = area.x;
    for (text, style) in texts {
        let part = cut(&text, room, theme.glyphs.elided);
        (x, _) = buf.set_stringn(x, area.y, &part, room, style);
        if part != text {
            break;
        }
        room -= part.width();
    }
    line::draw_right(found, theme.faint, x - area.x, area, buf);
}

fn buf_width(area: Rect) -> usize {
    usize::from(area.width)
}
