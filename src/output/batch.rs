//! The ranking at one moment as lines: one table, three forms.
//!
//! A table has the rows that opened something since the table before it, and tells how exact they are.

use super::json::Object;
use super::{Csv, Json, Output, Text, push_number};
use crate::names::Names;
use crate::ranking::openers::{Group, Key, Row};
use crate::tui::app::ranking::{Basis, label, pid, title_of};
use std::io::{self, Write};

/// The ranking at one moment. Its counts are those of all opens, whatever the filter, since the table before.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a> {
    /// Counts from 1.
    pub number: u64,
    /// Nanoseconds of CLOCK_MONOTONIC.
    pub ts_ns: u64,
    /// Nanoseconds since the Unix epoch of the same moment.
    pub time_ns: u64,
    /// Nanoseconds since the table before, or since the start.
    pub span_ns: u64,
    pub group: Group,
    pub basis: Basis,
    pub opens: u64,
    pub failed: u64,
    /// Opens that were counted, but whose events were lost.
    pub dropped: u64,
    /// First comes first.
    pub rows: &'a [&'a Row],
}

/// Where tables are written to. Losses and the summary are told as between opens.
pub trait TableOutput: Output {
    /// What stands before all tables, if this form has such a thing.
    fn table_header(&mut self) -> io::Result<()>;
    fn table(&mut self, table: &Table<'_>, names: &Names) -> io::Result<()>;
}

impl<W: Write> TableOutput for Text<W> {
    fn table_header(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// A headline, the titles, the rows, and a blank line.
    fn table(&mut self, table: &Table<'_>, names: &Names) -> io::Result<()> {
        let seconds = table.span_ns as f64 / 1e9;
        let share = 100.0 * table.failed as f64 / (table.opens.max(1)) as f64;
        self.last(&format!(
            "{} {:.1} opens/s, {share:.1}% failed, {} dropped; top by {}, {}",
            wall_second(table.time_ns),
            table.opens as f64 / seconds,
            table.dropped,
            table.group.name(),
            exactness(table.basis),
        ))?;
        let process = table.group == Group::Process;
        let ids = if process { format!("{:>7} {:<12} ", "PID", "USER") } else { String::new() };
        self.last(&format!("{ids}{:>10} {:>11} {:>6}  {}", "OPENS/s", "TOTAL", "FAIL%", title_of(table.group)))?;
        for row in table.rows {
            let user = row.uid.map(|uid| names.user(uid)).unwrap_or_default();
            let ids = pid(&row.key).map(|pid| format!("{pid:>7} {user:<12} ")).unwrap_or_default();
            let (rate, share) = (row.rate.unwrap_or_default(), 100.0 * row.failed_share());
            self.last(&format!("{ids}{rate:>10.1} {:>11} {share:>6.1}  {}", row.opens, label(row, names)))?;
        }
        self.last("")
    }
}

fn exactness(basis: Basis) -> String {
    match basis {
        Basis::Counts { unsure: 0 } => "exact".to_owned(),
        Basis::Counts { unsure } => format!("{unsure} opens of processes that found no room have no row"),
        Basis::Events { events, unsure: 0 } => format!("from {events} events"),
        Basis::Events { events, unsure } => format!("from {events} events, rows up to {unsure} too low"),
    }
}

/// A wall-clock time in whole seconds, UTC.
fn wall_second(time_ns: u64) -> String {
    jiff::Timestamp::from_second((time_ns / 1_000_000_000) as i64).unwrap_or_default().to_string()
}

impl<W: Write> TableOutput for Json<W> {
    fn table_header(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// One object for the table and one for each row.
    fn table(&mut self, table: &Table<'_>, names: &Names) -> io::Result<()> {
        let mut line = Object::start(&mut self.sink.lines, "table");
        line.number("table", table.number);
        self.clock.push(line.quoted("time"), table.time_ns);
        line.unquote();
        line.number("ts_ns", table.ts_ns);
        line.number("span_ns", table.span_ns);
        line.word("group", table.group.name());
        let (events, unsure) = match table.basis {
            Basis::Counts { unsure } => (None, (unsure > 0).then_some(unsure)),
            Basis::Events { events, unsure } => (Some(events), Some(unsure)),
        };
        line.json("exact", if table.basis.is_exact() { "true" } else { "false" });
        line.number_or_null("events", events);
        line.number_or_null("unsure", unsure);
        line.number("opens", table.opens);
        line.number("failed", table.failed);
        line.number("dropped", table.dropped);
        line.number("rows", table.rows.len() as u64);
        line.end();
        self.sink.end_line()?;
        for (row, rank) in table.rows.iter().zip(1..) {
            let mut line = Object::start(&mut self.sink.lines, "opener");
            line.number("table", table.number);
            line.number("rank", rank);
            name_row(&mut line, table.group, row, names);
            line.json("opens_per_s", &format!("{:.3}", row.rate.unwrap_or_default()));
            line.number("opens", row.opens);
            line.number("failed", row.failed);
            line.json("ended", if row.ended { "true" } else { "false" });
            line.end();
            self.sink.end_line()?;
        }
        Ok(())
    }
}

/// Appends what the row is: for a process its ids, else a field with the name of the group.
fn name_row(line: &mut Object<'_>, group: Group, row: &Row, names: &Names) {
    match &row.key {
        Key::Process { pid, start_ns } => {
            line.number("pid", (*pid).into());
            line.number("start_ns", *start_ns);
            line.text("comm", Some(&row.comm));
            line.number_or_null("uid", row.uid.map(u64::from));
            line.bytes("comm_b64", Some(&row.comm));
        }
        Key::User(uid) => {
            line.number("uid", (*uid).into());
            line.text("user", Some(names.user(*uid).as_bytes()));
        }
        Key::Error(0) => line.json("error", "null"),
        Key::Text(text) if text.is_empty() => line.json(group.name(), "null"),
        Key::Text(text) => {
            line.text(group.name(), Some(text));
            line.bytes(&format!("{}_b64", group.name()), Some(text));
        }
        Key::Error(_) | Key::Rest => line.text(group.name(), Some(label(row, names).as_bytes())),
    }
}

/// Columns of tables as CSV.
pub(super) const TABLE_COLUMNS: [&str; 13] = [
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
    "cause",
    "count",
];

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
            super::csv::number(out, Some(rank));
            super::csv::text(out, table.group.name());
            super::csv::number(out, pid(&row.key).map(u64::from));
            super::csv::text(out, &label(row, names));
            super::csv::text(out, &format!("{:.3}", row.rate.unwrap_or_default()));
            super::csv::number(out, Some(row.opens));
            super::csv::number(out, Some(row.failed));
            super::csv::text(out, if row.ended { "true" } else { "false" });
            out.extend_from_slice(b",,");
            self.sink.end_line()?;
        }
        Ok(())
    }
}
