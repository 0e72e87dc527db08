//! One event in full: every field, the name as given and the path, neither cut.

use std::time::Duration;

use super::context::Context;
use super::popup::{Popup, fields_popup, wrap_anywhere};
use super::who;
use crate::clock::time;
use crate::escape::{escape, escaped};
use crate::event::{OpenEvent, errno_name, errno_words};
use crate::format::{duration, group_digits, uptime, wrap_words};
use crate::history::gaps::Gap;
use crate::tui::app::App;
use crate::tui::app::events::{Row, Shown};
use crate::tui::app::who::Who;

const WIDTH: u16 = 100;
const DATE: &str = "%Y-%m-%d %H:%M:%S%.9f %Z";

pub(super) fn popup(app: &App, who: Option<&Who>, context: &Context<'_>) -> Popup {
    // Names keep all their blanks, sentences need not.
    let (title, fields, wrap): (_, _, fn(&str, usize) -> Vec<String>) = match app.events.selected_row() {
        Some(Row::Event(row)) => {
            (format!("event {}", group_digits(row.id + 1)), fields(&row, who, context), wrap_anywhere)
        }
        Some(Row::Gap(gap)) => ("opens that are missing here".to_owned(), missing(gap, context), wrap_words),
        None => ("event".to_owned(), Vec::new(), wrap_anywhere),
    };
    fields_popup(title, &fields, wrap, WIDTH, app.size)
}

/// What the kernel left out.
fn missing(gap: &Gap, context: &Context<'_>) -> Vec<(&'static str, String)> {
    let at = |time_ns| time(time_ns, context.time_zone, DATE);
    let opens = group_digits(gap.left_out);
    let count = if gap.at_most {
        format!("at most {opens}, those of processes that are not followed among them")
    } else {
        opens
    };
    vec![
        ("missing", format!("opens that do not match {}", gap.terms.join(" "))),
        ("how many", count),
        ("from", gap.from_ns.map_or_else(|| "the start".to_owned(), at)),
        ("until", gap.until_ns.map_or_else(|| "now: it goes on".to_owned(), at)),
        ("why", "this was the filter, and the kernel left them out: they were counted and never sent here".to_owned()),
    ]
}

/// When the process started: with its pid this names one process.
fn started(event: &OpenEvent<'_>, context: &Context<'_>) -> String {
    // A recording need not tell it.
    if event.start_ns == 0 {
        return "-".to_owned();
    }
    let age = event.ts_ns.saturating_sub(event.start_ns);
    let before = if age < 60_000_000_000 { duration(age) } else { uptime(Duration::from_nanos(age)) };
    format!("{}, {before} before", time(event.time_ns.saturating_sub(age), context.time_zone, DATE))
}

fn result(event: &OpenEvent<'_>) -> String {
    match (event.errno(), event.fd()) {
        (Some(errno), _) => {
            let words = errno_words(errno).map(|words| format!(": {words}")).unwrap_or_default();
            format!("failed: {} ({errno}){words}", errno_name(errno))
        }
        (None, Some(fd)) => format!("descriptor {fd}"),
        (None, None) => "opened; the descriptor is not known".to_owned(),
    }
}

fn command(event: &OpenEvent<'_>) -> String {
    match event.leader_comm {
        b"" => escape(event.comm),
        leader => format!("{} (thread {})", escape(leader), escape(event.comm)),
    }
}

fn fields(row: &Shown<'_>, who: Option<&Who>, context: &Context<'_>) -> Vec<(&'static str, String)> {
    let event = &row.event;
    let or_none = |text: String| if text.is_empty() { "-".to_owned() } else { text };
    let quoted = |text: &[u8]| if text.is_empty() { "\"\"".to_owned() } else { escape(text) };
    let deleted = if event.dir_deleted { ", its directory is deleted" } else { "" };
    let flags: Vec<_> = event.flag_names().collect();
    let has_escapes = [event.path, event.name, event.opened_name, event.real_path, event.comm, event.leader_comm]
        .iter()
        .any(|text| *escaped(text).as_bytes() != **text);
    let cgroup = context.names.cgroup(event.cgroup);
    let label = cgroup.and_then(|cgroup| cgroup.container.as_ref().or(cgroup.unit.as_ref()));
    let mut fields = vec![
        ("path", quoted(event.path)),
        ("as given", quoted(event.name)),
        ("path is", format!("{}{deleted}", event.path_kind.name())),
        ("result", result(event)),
        ("command", command(event)),
        ("process", format!("{} (thread {}, parent {})", event.pid, event.tid, event.ppid)),
        ("started", started(event, context)),
        ("user", format!("{} ({})", context.names.user_of(event.source.host(), event.uid), event.uid)),
        ("op", event.op.name().to_owned()),
        ("flags", or_none(flags.join(" "))),
        ("mode", event.mode_used().map_or_else(|| "-".to_owned(), |mode| format!("{mode:04o}"))),
        ("time", time(event.time_ns, context.time_zone, DATE)),
        ("monotonic", format!("{}.{:09} s", event.ts_ns / 1_000_000_000, event.ts_ns % 1_000_000_000)),
        ("latency", event.latency.map_or_else(|| "-".to_owned(), |latency| duration(latency.as_nanos() as u64))),
        ("container", or_none(label.map(|label| escape(label)).unwrap_or_default())),
        ("cgroup", or_none(cgroup.map(|cgroup| escape(&cgroup.path)).unwrap_or_default())),
    ];
    if has_escapes {
        fields.push(("escapes", "\\ starts an escape in the texts above".to_owned()));
    }
    let behind = fields.iter().position(|(label, _)| *label == "started").unwrap_or(fields.len());
    let (denied, who): (Vec<_>, Vec<_>) =
        who.map_or_else(Vec::new, who::fields).into_iter().partition(|(label, _)| *label == who::DENIED);
    fields.splice(behind..behind, who);
    // Why it failed is what is asked of a screen with little room.
    let tries = (row.tries > 1).then(|| ("tries", format!("{} for this name, this the last", row.tries)));
    let behind = fields.iter().position(|(label, _)| *label == "result").map_or(fields.len(), |at| at + 1);
    fields.splice(behind..behind, denied.into_iter().chain(tries));
    if !event.opened_name.is_empty() {
        fields.insert(2, ("opened", escape(event.opened_name)));
    }
    if !event.real_path.is_empty() {
        fields.insert(2, ("real path", format!("{} ({})", escape(event.real_path), event.real_path_kind.name())));
    }
    fields
}
