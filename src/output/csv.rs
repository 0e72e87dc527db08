//! CSV (RFC 4180, lines ended by LF) with the columns of the JSON form.
//!
//! CSV has no escapes of its own, so texts are the displayable ones, which give the exact bytes back when unescaped;
//! a lone `\` stands as `\\` in them, and a first character that would make a text a formula to a spreadsheet is
//! escaped too. Flags are joined by `|`, what has no value is empty. Losses are rows of type `lost`, and the totals are
//! one row of type `summary` each; both use the last two columns. The hooks stand in no column.

use super::{Clock, FlagTexts, Output, Sink, Table, TableOutput, known_name, known_path, push_number, real_path};
use crate::escape::{escape_of, escaped, is_plain};
use crate::event::{OpenEvent, errno_name, flag_names};
use crate::message::{Cause, Totals};
use crate::names::Names;
use crate::ranking::{label, pid};
use std::io::{self, Write};

const COLUMNS: [&str; 27] = [
    "type",
    "time",
    "ts_ns",
    "pid",
    "tid",
    "ppid",
    "uid",
    "process",
    "comm",
    "op",
    "flags",
    "mode",
    "fd",
    "errno",
    "name",
    "path",
    "path_kind",
    "opened_name",
    "real_path",
    "real_path_kind",
    "latency_ns",
    "cgroup",
    "container",
    "host",
    "received",
    "cause",
    "count",
];

/// Columns of tables as CSV.
const TABLE_COLUMNS: [&str; 16] = [
    "type",
    "table",
    "time",
    "rank",
    "group",
    "pid",
    "name",
    "opens_per_s",
    "opens",
    "failed",
    "ended",
    "processes",
    "p50_ns",
    "p99_ns",
    "cause",
    "count",
];

/// Opens or tables, losses and the summary as CSV.
#[derive(Debug)]
pub struct Csv<W> {
    sink: Sink<W>,
    clock: Clock,
    /// The last two are `cause` and `count`.
    columns: &'static [&'static str],
    flags: FlagTexts,
}

impl<W: Write> Csv<W> {
    pub fn new(out: W) -> Self {
        Self::with_columns(out, &COLUMNS)
    }

    /// For tables instead of opens.
    pub fn of_tables(out: W) -> Self {
        Self::with_columns(out, &TABLE_COLUMNS)
    }

    fn with_columns(out: W, columns: &'static [&'static str]) -> Self {
        let flags = FlagTexts::new(|flags| flag_names(flags).collect::<Vec<_>>().join("|"));
        Self { sink: Sink::new(out), clock: Clock::default(), columns, flags }
    }

    fn count(&mut self, kind: &str, cause: &str, count: u64) -> io::Result<()> {
        let lines = &mut self.sink.lines;
        lines.extend_from_slice(kind.as_bytes());
        // All columns stay empty but the first and the last two, whose commas they bring along.
        lines.resize(lines.len() + self.columns.len() - 3, b',');
        text(lines, cause);
        number(lines, Some(count));
        self.sink.end_line()
    }
}

impl<W: Write> Output for Csv<W> {
    fn header(&mut self) -> io::Result<()> {
        self.sink.lines.extend_from_slice(self.columns.join(",").as_bytes());
        self.sink.end_line()
    }

    fn open(&mut self, event: &OpenEvent<'_>, names: &Names) -> io::Result<()> {
        let cgroup = names.cgroup(event.cgroup);
        let row = &mut self.sink.lines;
        row.extend_from_slice(if event.is_lookup() { b"lookup,".as_slice() } else { b"open," });
        self.clock.push(row, event.time_ns);
        number(row, Some(event.ts_ns));
        for id in [event.pid, event.tid, event.ppid, event.uid] {
            number(row, Some(id.into()));
        }
        name(row, event.process());
        name(row, event.comm);
        text(row, event.op.name());
        text(row, if event.is_lookup() { "" } else { self.flags.get(event.flags) });
        number(row, event.mode_used().map(u64::from));
        number(row, event.fd().map(|fd| u64::from(fd.unsigned_abs())));
        text(row, &event.errno().map(errno_name).unwrap_or_default());
        name(row, known_name(event).unwrap_or_default());
        name(row, known_path(event).unwrap_or_default());
        text(row, event.path_kind.name());
        text(row, &escaped(event.opened_name));
        name(row, event.real_path);
        text(row, real_path(event).map_or("", |_| event.real_path_kind.name()));
        number(row, event.latency.map(|latency| latency.as_nanos() as u64));
        name(row, cgroup.map_or(b"", |cgroup| &cgroup.path));
        name(row, cgroup.and_then(|cgroup| cgroup.container.as_deref()).unwrap_or_default());
        name(row, names.host(event.source.host()).as_bytes());
        row.push(b',');
        if event.received_ns > 0 {
            self.clock.push(row, event.received_ns);
        }
        row.extend_from_slice(b",,");
        self.sink.end_line()
    }

    fn lost(&mut self, cause: Cause, count: u64) -> io::Result<()> {
        self.count("lost", cause.name(), count)
    }

    fn summary(&mut self, totals: &Totals, _: &str) -> io::Result<()> {
        totals.by_name().into_iter().try_for_each(|(name, count)| self.count("summary", name, count))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

impl<W: Write> TableOutput for Csv<W> {
    fn table_header(&mut self) -> io::Result<()> {
        self.header()
    }

    /// One row for each row.
    fn table(&mut self, table: &Table<'_>, names: &Names) -> io::Result<()> {
        for (row, rank) in table.rows.iter().zip(1..) {
            let out = &mut self.sink.lines;
            out.extend_from_slice(b"opener,");
            push_number(out, table.number);
            out.push(b',');
            self.clock.push(out, table.time_ns);
            number(out, Some(rank));
            text(out, table.group.name());
            number(out, pid(&row.key).map(u64::from));
            text(out, &label(table.group, row, names));
            text(out, &format!("{:.3}", row.rate.unwrap_or_default()));
            number(out, Some(row.opens));
            number(out, Some(row.failed));
            text(out, if row.ended { "true" } else { "false" });
            number(out, (row.processes > 0).then_some(row.processes));
            number(out, row.latency.map(|(median, _)| median));
            number(out, row.latency.map(|(_, p99)| p99));
            out.extend_from_slice(b",,");
            self.sink.end_line()?;
        }
        Ok(())
    }
}

fn number(row: &mut Vec<u8>, number: Option<u64>) {
    row.push(b',');
    if let Some(number) = number {
        push_number(row, number);
    }
}

/// Appends the displayable form of a name.
fn name(row: &mut Vec<u8>, name: &[u8]) {
    let formula = name.first().is_some_and(|first| FORMULA.contains(&char::from(*first)));
    if is_plain(name) && !formula && !name.contains(&b',') && !name.contains(&b'"') {
        row.push(b',');
        row.extend_from_slice(name);
    } else {
        text(row, &escaped(name));
    }
}

/// First characters that make a spreadsheet take a text for a formula; a tab or a line end is escaped anyhow.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// Appends a displayable text, which no spreadsheet takes for a formula.
fn text(row: &mut Vec<u8>, text: &str) {
    row.push(b',');
    match text.chars().next() {
        Some(first) if FORMULA.contains(&first) => quoted(row, &text.replacen(first, &escape_of(first), 1)),
        _ => quoted(row, text),
    }
}

/// Appends `text` in quotes where it needs them.
fn quoted(row: &mut Vec<u8>, text: &str) {
    if text.contains([',', '"']) {
        row.push(b'"');
        row.extend_from_slice(text.replace('"', "\"\"").as_bytes());
        row.push(b'"');
    } else {
        row.extend_from_slice(text.as_bytes());
    }
}
