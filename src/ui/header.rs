//! The header: what is going on on the whole, what was lost, and what watching costs.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::Context;
use super::format::{compact, duration, exact, percent, rate, uptime};
use super::line::{self, Segment};
use crate::app::App;

/// Readings in the little graph.
const BARS: usize = 8;

pub(super) fn render(app: &App, context: &Context<'_>, area: Rect, buf: &mut Buffer) {
    line::draw(first(app, context), area, buf);
    if area.height > 1 {
        line::draw(second(app, context), Rect { y: area.y + 1, ..area }, buf);
    }
}

fn first(app: &App, context: &Context<'_>) -> Vec<Segment> {
    let (setup, theme, totals) = (&app.setup, &context.theme, app.meter.totals());
    let plain = ratatui::style::Style::new();
    let share = if totals.opens == 0 { 0.0 } else { totals.failed as f64 / totals.opens as f64 };
    let dropped = totals.lost.dropped() + totals.lost.skipped;
    let new = app.events.new_since();
    let state = match (app.paused, app.events.is_following()) {
        (true, _) => format!("PAUSED +{} new", exact(new)),
        (false, false) => format!("HELD +{} new", exact(new)),
        (false, true) if app.ended => "ENDED".to_owned(),
        (false, true) => String::new(),
    };
    let origin = setup.replay.as_ref().map(|file| format!("replay of {file}")).unwrap_or_default();
    vec![
        Segment::new(1, theme.title, "opentop"),
        Segment::new(0, theme.head, state),
        Segment::new(4, plain, origin),
        Segment::new(6, plain, setup.host.clone()),
        Segment::new(9, plain, setup.kernel.clone()),
        Segment::new(5, plain, format!("up {}", uptime(app.meter.elapsed()))),
        Segment::new(2, theme.title, format!("{} opens/s", rate(app.meter.rate()))),
        Segment::new(7, plain, bars(app, context)),
        Segment::new(4, plain, format!("failed {}%", percent(share))),
        Segment::new(
            if dropped > 0 { 1 } else { 5 },
            if dropped > 0 { theme.bad } else { plain },
            format!("dropped {}", compact(dropped)),
        ),
        Segment::new(8, plain, setup.hooks.clone()),
    ]
}

/// The sum that must come out even, then what is lost by cause, own cost, what is hidden.
fn second(app: &App, context: &Context<'_>) -> Vec<Segment> {
    let (theme, totals) = (&context.theme, app.meter.totals());
    let plain = ratatui::style::Style::new();
    let sum = format!(
        "opens {} = events {} + dropped {} + filtered {}",
        exact(totals.opens),
        exact(totals.delivered),
        exact(totals.lost.dropped()),
        exact(totals.filtered)
    );
    let causes: Vec<_> = totals.lost.by_cause().into_iter().filter(|(_, lost)| *lost > 0).collect();
    let lost: Vec<_> = causes.iter().map(|(cause, lost)| format!("{cause} {}", exact(*lost))).collect();
    let lost = if lost.is_empty() { String::new() } else { format!("lost: {}", lost.join(" ")) };
    let own = match (app.meter.own_share, app.meter.own_ns_per_open) {
        (Some(share), Some(ns)) => format!("own cpu {}% {}/open", percent(share.min(9.99)), duration(ns as u64)),
        (Some(share), None) => format!("own cpu {}%", percent(share)),
        (None, _) => String::new(),
    };
    let hidden = match (app.setup.shows_self, totals.hidden) {
        (true, _) | (_, 0) => String::new(),
        (false, hidden) => format!("own opens hidden {}", exact(hidden)),
    };
    vec![
        Segment::new(1, plain, sum),
        Segment::new(2, theme.bad, lost),
        Segment::new(3, plain, own),
        Segment::new(4, plain, hidden),
    ]
}

/// The last rates as bars, the highest of them a whole one.
fn bars(app: &App, context: &Context<'_>) -> String {
    let highest = app.meter.rates(BARS).fold(0.0, f64::max);
    if highest <= 0.0 {
        return String::new();
    }
    let bars: Vec<char> = context.theme.glyphs.bars.chars().collect();
    let bar = |rate: f64| bars[((rate / highest * bars.len() as f64) as usize).min(bars.len() - 1)];
    app.meter.rates(BARS).map(bar).collect()
}
