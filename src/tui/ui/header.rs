//! The header: what is going on on the whole, what was lost, and what watching costs.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::context::Context;
use super::line::{self, Segment};
use super::theme::Theme;
use crate::format::{compact, duration, group_digits, percent, rate, uptime};
use crate::message::{Cause, Totals};
use crate::tui::app::App;

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
    let plain = Style::new();
    let dropped = totals.lost.dropped() + totals.lost.missed;
    let new = app.events.new_since();
    let playback = app.playback.filter(|_| !app.ended);
    let (state, new) = match (app.paused, app.events.is_following()) {
        (true, _) => ("PAUSED", format!(" +{} new", group_digits(new))),
        (false, false) => ("HELD", format!(" +{} new", group_digits(new))),
        (false, true) if app.ended => ("ENDED", String::new()),
        (false, true) if playback.is_some_and(|playback| playback.paused) => ("PAUSED", String::new()),
        (false, true) => ("", String::new()),
    };
    let origin = setup.replay.as_ref().map(|file| format!("replay of {file}")).unwrap_or_default();
    let set =
        Some(&setup.hooks.set).filter(|set| !set.is_empty()).map(|set| format!("hooks: {set}")).unwrap_or_default();
    // What a set never sees gives way to everything, what it has lost does not.
    let without = setup.hooks.without().into_iter().map(|limit| Segment::new(10, plain, limit));
    let limits = without.chain(setup.hooks.after().map(|limit| Segment::new(6, plain, limit)));
    let (command, weight) = match &app.command {
        Some(command) => match &command.ended {
            Some(how) => (how.clone(), 1),
            None => (format!("{} runs", command.label), 4),
        },
        None => (String::new(), 4),
    };
    let segments = vec![
        Segment::new(1, theme.title, "opentop"),
        Segment::new(0, theme.head, format!("{state}{new}")).or(0, state),
        Segment::new(1, theme.title, position(app)),
        Segment::new(3, plain, from(app)),
        Segment::new(4, plain, origin),
        Segment::new(weight, theme.title, command),
        hosts(app, context),
        Segment::new(8, plain, setup.host.clone()),
        Segment::new(9, plain, setup.kernel.clone()),
        Segment::new(7, plain, format!("elapsed {}", uptime(app.meter.elapsed()))),
        opens(app, theme),
        Segment::new(5, plain, bars(app, context)),
        Segment::new(3, plain, format!("failed {}%", percent(app.failed_share()))),
        Segment::new(
            if dropped > 0 { 1 } else { 4 },
            if dropped > 0 { theme.bad } else { plain },
            format!("dropped {}", compact(dropped)),
        ),
        Segment::new(6, plain, set),
    ];
    segments.into_iter().chain(limits).collect()
}

/// The rate of the whole host, and that of what matches, by the kernel's counts or by the events: neither ever stands
/// for the other.
fn opens(app: &App, theme: &Theme) -> Segment {
    let host = format!("{} opens/s", rate(app.meter.host_rate()));
    if !app.is_narrowed() {
        return Segment::new(2, theme.title, host);
    }
    // What was dropped may have matched, and only the kernel's counts have it.
    let least = if app.counts_events() && app.meter.totals().lost.dropped() > 0 { "at least " } else { "" };
    let matching = app.matching_rate().map_or_else(|| "-".to_owned(), |matching| format!("{least}{}", rate(matching)));
    let both = format!("{host} on the host, {matching} match");
    Segment::new(3, theme.title, both).or(2, format!("{host}, {matching} match"))
}

/// Where a replay is, of how much, and how fast it is.
fn position(app: &App) -> String {
    let Some(playback) = app.playback else { return String::new() };
    let time = |ns| uptime(Duration::from_nanos(ns));
    let speed = match playback.speed {
        0.0 => " max".to_owned(),
        1.0 => String::new(),
        speed => format!(" x{speed}"),
    };
    format!("{}/{}{speed}", time(playback.at_ns), playback.length_ns.map_or("?".to_owned(), time))
}

/// What the counts of a replay leave out.
fn from(app: &App) -> String {
    let from = app.playback.map(|playback| playback.from_ns).filter(|from_ns| *from_ns > 0);
    from.map_or_else(String::new, |from_ns| format!("from {} on", uptime(Duration::from_nanos(from_ns))))
}

/// How many of several hosts are seen; `i` tells of each.
fn hosts(app: &App, context: &Context<'_>) -> Segment {
    match app.hosts_up() {
        Some((up, all)) if up < all => Segment::new(1, context.theme.bad, format!("hosts {up}/{all}")),
        Some((up, all)) => Segment::new(3, Style::new(), format!("hosts {up}/{all}")),
        None => Segment::new(8, Style::new(), String::new()),
    }
}

/// The sum that must come out even, what is lost beyond it, own cost, what is hidden.
fn second(app: &App, context: &Context<'_>) -> Vec<Segment> {
    let (theme, totals) = (&context.theme, app.meter.totals());
    let lost = &totals.lost;
    let own = match (app.meter.own_share, app.meter.own_ns_per_open) {
        (Some(share), Some(ns)) => format!("own cpu {}% {}/open", percent(share.min(9.99)), duration(ns as u64)),
        (Some(share), None) => format!("own cpu {}%", percent(share.min(9.99))),
        (None, _) => String::new(),
    };
    let unless_zero =
        |number: u64, text: &str| if number > 0 { format!("{text} {}", group_digits(number)) } else { String::new() };
    let hidden = if app.setup.shows_self { 0 } else { totals.hidden };
    let style = if lost.dropped() > 0 { theme.bad } else { Style::new() };
    let sums = sums(&totals).into_iter();
    let sum = sums.fold(Segment::none(style), |segment, (rank, text)| segment.or(rank, text));
    vec![
        sum,
        Segment::new(1, theme.bad, unless_zero(lost.missed, "not even counted")),
        Segment::new(1, theme.bad, unless_zero(lost.overflow, "missing from the ranking")),
        Segment::new(1, theme.bad, unless_zero(lost.lookups, "look-ups lost")),
        Segment::new(2, Style::new(), unless_zero(totals.lookups.made, "look-ups")),
        Segment::new(3, Style::new(), own),
        Segment::new(4, Style::new(), unless_zero(hidden, "own opens hidden")),
    ]
}

/// Every open that was counted was delivered, dropped (by cause) or filtered: ever shorter, each with its rank.
fn sums(totals: &Totals) -> Vec<(u8, String)> {
    let lost = &totals.lost;
    let causes: Vec<_> = lost.dropped_by_cause().filter(|(_, count)| *count > 0).collect();
    let sum = |number: fn(u64) -> String, causes: &str| {
        let seen = totals.delivered + lost.dropped() + totals.filtered;
        let rest = [("filtered", totals.filtered), ("not yet read", totals.opens.saturating_sub(seen))];
        let rest = rest.into_iter().filter(|(_, count)| *count > 0);
        let rest: String = rest.map(|(what, count)| format!(" + {what} {}", number(count))).collect();
        let [opens, events, dropped] = [totals.opens, totals.delivered, lost.dropped()].map(number);
        format!("opens {opens} = events {events} + dropped {dropped}{causes}{rest}")
    };
    let dropped = format!("dropped {}", compact(lost.dropped()));
    let first = (1..=causes.len()).rev().map(|shown| (2, sum(group_digits, &list_causes(&causes, shown))));
    first.chain([(1, sum(group_digits, "")), (0, sum(compact, "")), (0, dropped)]).collect()
}

/// The first `shown` causes with their counts, and how many more there are.
fn list_causes(causes: &[(Cause, u64)], shown: usize) -> String {
    match causes {
        [(cause, _)] => format!(" ({cause})"),
        _ => {
            let listed: Vec<_> =
                causes[..shown].iter().map(|(cause, count)| format!("{cause} {}", group_digits(*count))).collect();
            let more = if shown < causes.len() { format!(", +{} more", causes.len() - shown) } else { String::new() };
            format!(" ({}{more})", listed.join(", "))
        }
    }
}

/// The last rates as bars, the highest of them a whole one. The events alone have none of what matches.
fn bars(app: &App, context: &Context<'_>) -> String {
    if app.counts_events() {
        return String::new();
    }
    let highest = app.meter.rates(BARS).fold(0.0, f64::max);
    if highest <= 0.0 {
        return String::new();
    }
    app.meter.rates(BARS).map(|rate| context.theme.glyphs.bar(rate / highest)).collect()
}
