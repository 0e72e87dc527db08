//! Opens and failures over time, with a cursor, the marks, and where the memory begins.

use ratatui::buffer::Buffer;
use ratatui::style::Style;
use std::time::Duration;
use unicode_width::UnicodeWidthStr as _;

use super::context::Context;
use super::popup::{centred, frame, inner};
use crate::clock::time;
use crate::format::{group_digits, uptime};
use crate::history::timeline::Interval;
use crate::tui::app::App;
use crate::tui::app::timeline::Cursor;

/// Columns of the names in front.
const NAMES: u16 = 7;
const HEIGHT: u16 = 7;
const TIME: &str = "%H:%M:%S";

pub(super) fn render(app: &App, at: &Cursor, context: &Context<'_>, buf: &mut Buffer) {
    let area = centred(app.size.width, HEIGHT, app.size);
    let Some(span) = app.time_span() else {
        frame(area, "timeline: no event yet", "", context, buf);
        return;
    };
    let count = app.time_columns();
    let timeline = app.recorded.as_ref().map_or(&app.timeline, |(timeline, _)| timeline);
    let columns = timeline.columns(span, count);
    let clock = |ts_ns| time(app.timeline.time_of(ts_ns), context.time_zone, TIME);
    frame(area, &title(app), "", context, buf);
    let column_of = |ts_ns: u64| {
        let after = u128::from(ts_ns.saturating_sub(span.0)) * count as u128;
        ((after / u128::from((span.1 - span.0).max(1))) as usize).min(count - 1)
    };
    let cursor = column_of(at.ts_ns);
    let mut markers = vec![' '; count];
    if let Some(begins) = app.memory_begins().filter(|_| app.playback.is_none()) {
        markers[column_of(begins)] = '[';
    }
    app.marks.iter().filter(|mark| (span.0..=span.1).contains(mark)).for_each(|mark| markers[column_of(*mark)] = '\'');
    markers[cursor] = if markers[cursor] == '\'' { '"' } else { '^' };
    let cursor_line = if at.typed.is_empty() {
        under_cursor(&clock(at.ts_ns), at.ts_ns.saturating_sub(span.0), columns[cursor], count)
    } else {
        format!("go to {}_", at.typed)
    };
    let theme = &context.theme;
    let ends = (clock(span.0), clock(span.1));
    let gap = count.saturating_sub(ends.0.len() + ends.1.len());
    let memory = if app.playback.is_none() { "   [ memory begins" } else { "" };
    let lines = [
        ("opens", bars(&columns, |column| column.opens, context), Style::new()),
        ("failed", bars(&columns, |column| column.failed, context), theme.bad),
        ("", markers.into_iter().collect(), theme.key),
        ("", format!("{}{}{}", ends.0, " ".repeat(gap), ends.1), theme.faint),
        ("at", format!("{cursor_line}{memory}"), theme.title),
    ];
    let inner = inner(area);
    for (y, (name, text, style)) in (inner.top()..inner.bottom()).zip(lines) {
        buf.set_stringn(inner.x, y, name, usize::from(inner.width), theme.faint);
        let room = usize::from(inner.width.saturating_sub(NAMES));
        buf.set_stringn(inner.x + NAMES.min(inner.width), y, text, room, style);
    }
}

/// What the bars are of.
fn title(app: &App) -> String {
    match &app.playback {
        Some(_) if app.recorded.as_ref().is_some_and(|(_, length_ns)| length_ns.is_some()) => {
            "timeline of the whole recording".to_owned()
        }
        Some(_) if app.recorded.is_some() => "timeline of what was read so far".to_owned(),
        Some(playback) if playback.from_ns > 0 => {
            format!("timeline, of what was replayed from {} on", uptime(Duration::from_nanos(playback.from_ns)))
        }
        Some(_) => "timeline, of what was replayed".to_owned(),
        None => "timeline".to_owned(),
    }
}

/// What there is at the cursor, in as many words as fit `width`: the time of day, that since the start, the counts.
fn under_cursor(clock: &str, since_ns: u64, interval: Interval, width: usize) -> String {
    let (opens, failed) = (group_digits(interval.opens), group_digits(interval.failed));
    let since = uptime(Duration::from_nanos(since_ns));
    let texts = [
        format!("{clock} +{since}  {opens} opens, {failed} failed"),
        format!("{clock}  {opens} opens, {failed} failed"),
        format!("{clock}  {opens}, failed {failed}"),
    ];
    texts.into_iter().find(|text| text.width() <= width).unwrap_or_else(|| clock.to_owned())
}

/// The highest is a whole one; what is not nothing is to be seen.
fn bars(columns: &[Interval], number: fn(&Interval) -> u64, context: &Context<'_>) -> String {
    let highest = columns.iter().map(number).max().unwrap_or(0).max(1) as f64;
    let bar = |column: &Interval| match number(column) {
        0 => ' ',
        number => context.theme.glyphs.bar(number as f64 / highest),
    };
    columns.iter().map(bar).collect()
}
