//! One line per open, for eyes and for grep.

use super::{Clock, Output, Sink, Table, TableOutput, known_name, known_path, push_nanos, push_number};
use crate::escape::{escaped, is_plain};
use crate::event::{OpenEvent, PathKind, Source, errno_name};
use crate::format::duration;
use crate::message::{Cause, Totals};
use crate::names::Names;
use crate::ranking::openers::{Group, Key, Row};
use crate::ranking::{Basis, described, pid, title_of, user};
use std::io::{self, Write};
use unicode_width::UnicodeWidthStr as _;

use TextColumn as Column;

/// A column before the file. A longer text pushes the others to the right; none is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextColumn {
    /// Seconds since the first open.
    Time,
    /// Time of day in UTC.
    Wall,
    /// Seconds since the open before.
    Between,
    Comm,
    Process,
    Pid,
    Tid,
    Ppid,
    User,
    Op,
    Flags,
    Mode,
    Latency,
    Fd,
    Err,
    Container,
    Unit,
}

impl TextColumn {
    /// Each with its name on the command line, its title and its width.
    pub const ALL: [(TextColumn, &'static str, &'static str, usize); 17] = [
        (Column::Time, "time", "TIME(s)", 14),
        (Column::Wall, "wall", "TIME", 30),
        (Column::Between, "between", "BETWEEN(s)", 14),
        (Column::Comm, "comm", "COMM", 16),
        (Column::Process, "process", "PROCESS", 16),
        (Column::Pid, "pid", "PID", 7),
        (Column::Tid, "tid", "TID", 7),
        (Column::Ppid, "ppid", "PPID", 7),
        (Column::User, "user", "USER", 12),
        (Column::Op, "op", "OP", 8),
        (Column::Flags, "flags", "FLAGS", 24),
        (Column::Mode, "mode", "MODE", 5),
        (Column::Latency, "latency", "LATENCY(us)", 11),
        // Room for the name of a look-up.
        (Column::Fd, "fd", "FD", 8),
        (Column::Err, "err", "ERR", 12),
        (Column::Container, "container", "CONTAINER", 24),
        (Column::Unit, "unit", "UNIT", 24),
    ];

    /// Those of a line where nobody asks for others, as a BCC trace-open has them.
    pub const USUAL: [TextColumn; 5] = [Column::Time, Column::Comm, Column::Pid, Column::Fd, Column::Err];

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, known, ..)| *known == name).map(|(column, ..)| column)
    }

    fn title(self) -> &'static str {
        Self::ALL.into_iter().find(|(column, ..)| *column == self).map_or("", |(_, _, title, _)| title)
    }

    fn width(self) -> usize {
        Self::ALL.into_iter().find(|(column, ..)| *column == self).map_or(0, |(.., width)| width)
    }
}

/// `TIME(s) COMM PID FD ERR FILE`, or other columns before the file. The time counts from the first open; what has no
/// value is `-`. A look-up has its call instead of a descriptor. What was lost and the totals stand in lines that begin
/// with `#`.
#[derive(Debug)]
pub struct Text<W> {
    sink: Sink<W>,
    /// With their widths.
    columns: Vec<(Column, usize)>,
    first_ns: Option<u64>,
    last_ns: Option<u64>,
    clock: Clock,
    cell: Vec<u8>,
}

impl<W: Write> Text<W> {
    pub fn new(out: W) -> Self {
        Self::of(&Column::USUAL, out)
    }

    /// With these columns before the file.
    pub fn of(columns: &[Column], out: W) -> Self {
        let columns = columns.iter().map(|column| (*column, column.width())).collect();
        Self { sink: Sink::new(out), columns, first_ns: None, last_ns: None, clock: Clock::default(), cell: Vec::new() }
    }

    /// Appends the text of a column and fills up its width.
    fn column(&mut self, width: usize, text: &str) {
        let lines = &mut self.sink.lines;
        lines.extend_from_slice(text.as_bytes());
        let fill = width.saturating_sub(text.width());
        lines.resize(lines.len() + fill + 1, b' ');
    }

    /// Appends the displayable form of a name as [`Text::column`].
    fn name(&mut self, width: usize, name: &[u8]) {
        if name.is_empty() {
            return self.column(width, "-");
        }
        if !is_plain(name) {
            return self.column(width, &escaped(name));
        }
        let end = self.sink.lines.len() + name.len().max(width) + 1;
        self.sink.lines.extend_from_slice(name);
        self.sink.lines.resize(end, b' ');
    }

    /// Appends a column of ASCII that `write` writes.
    fn number(&mut self, width: usize, write: impl FnOnce(&mut Vec<u8>)) {
        self.cell.clear();
        write(&mut self.cell);
        let cell = std::mem::take(&mut self.cell);
        self.column(width, str::from_utf8(&cell).unwrap_or_default());
        self.cell = cell;
    }

    /// Appends what the column says of `event`.
    fn cell(&mut self, column: Column, width: usize, event: &OpenEvent<'_>, names: &Names) {
        let cgroup = || names.cgroup(event.cgroup);
        match column {
            Column::Time => {
                let (now_ns, first_ns) = (since(event), self.first_ns.unwrap_or(since(event)));
                self.number(width, |cell| push_seconds(cell, now_ns, first_ns));
            }
            Column::Between => {
                let (now_ns, last_ns) = (since(event), self.last_ns.unwrap_or(since(event)));
                self.number(width, |cell| push_seconds(cell, now_ns, last_ns));
            }
            Column::Wall => {
                let mut clock = std::mem::take(&mut self.clock);
                self.number(width, |cell| clock.push(cell, event.time_ns));
                self.clock = clock;
            }
            Column::Comm => self.name(width, event.comm),
            Column::Process => self.name(width, event.process()),
            Column::Pid => self.number(width, |cell| push_number(cell, event.pid.into())),
            Column::Tid => self.number(width, |cell| push_number(cell, event.tid.into())),
            Column::Ppid => self.number(width, |cell| push_number(cell, event.ppid.into())),
            Column::User => self.column(width, &names.user_of(event.source.host(), event.uid)),
            Column::Op => self.column(width, event.op.name()),
            Column::Flags => match event.flag_names().collect::<Vec<_>>().join("|") {
                none if none.is_empty() => self.column(width, "-"),
                flags => self.column(width, &flags),
            },
            Column::Mode => {
                self.column(width, &event.mode_used().map_or_else(|| "-".to_owned(), |mode| format!("{mode:04o}")));
            }
            Column::Latency => match event.latency {
                Some(latency) => self.column(width, &format!("{:.1}", latency.as_nanos() as f64 / 1e3)),
                None => self.column(width, "-"),
            },
            Column::Fd => match event.fd() {
                Some(fd) => self.number(width, |cell| push_number(cell, u64::from(fd.unsigned_abs()))),
                // There never is a descriptor, and this is no open.
                None if event.is_lookup() => self.column(width, event.op.name()),
                None => self.column(width, "-"),
            },
            Column::Err => self.column(width, &event.errno().map_or("-".into(), errno_name)),
            Column::Container => self.name(width, cgroup().and_then(|c| c.container.as_deref()).unwrap_or_default()),
            Column::Unit => self.name(width, cgroup().and_then(|c| c.unit.as_deref()).unwrap_or_default()),
        }
    }

    pub(super) fn last(&mut self, text: &str) -> io::Result<()> {
        self.sink.lines.extend_from_slice(text.as_bytes());
        self.sink.end_line()
    }
}

impl<W: Write> Output for Text<W> {
    fn header(&mut self) -> io::Result<()> {
        for at in 0..self.columns.len() {
            let (column, width) = self.columns[at];
            self.column(width, column.title());
        }
        self.last("FILE")
    }

    fn open(&mut self, event: &OpenEvent<'_>, names: &Names) -> io::Result<()> {
        self.first_ns.get_or_insert(since(event));
        for at in 0..self.columns.len() {
            let (column, width) = self.columns[at];
            self.cell(column, width, event, names);
        }
        self.last_ns = Some(since(event));
        let (file, remark) = shown_file(event);
        if event.source != Source::HERE {
            // As scp(1) has it.
            self.sink.lines.extend_from_slice(names.host(event.source.host()).as_bytes());
            self.sink.lines.push(b':');
        }
        self.sink.lines.extend_from_slice(escaped(file).as_bytes());
        self.sink.lines.extend_from_slice(remark.as_bytes());
        if let Some((target, remark)) = event.target() {
            self.sink.lines.extend_from_slice(b" -> ");
            self.sink.lines.extend_from_slice(escaped(target).as_bytes());
            self.sink.lines.extend_from_slice(remark.as_bytes());
        }
        self.sink.end_line()
    }

    fn lost(&mut self, cause: Cause, count: u64) -> io::Result<()> {
        self.last(&format!("# lost {count} ({cause})"))
    }

    fn summary(&mut self, totals: &Totals, hooks: &str) -> io::Result<()> {
        let counts = totals.by_name();
        let (always, if_any) = counts.split_at(4);
        let if_any = if_any.iter().filter(|(_, count)| *count > 0);
        let counts = always.iter().chain(if_any).map(|(name, count)| format!("{name} {count}"));
        let lost = totals.lost.by_cause().into_iter().filter(|(_, count)| *count > 0);
        let lost = lost.map(|(cause, count)| format!("lost {count} ({cause})"));
        let parts: Vec<String> = counts.chain(lost).collect();
        self.last(&format!("# {}, hooks: {hooks}", parts.join(", ")))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

/// What times between events are told by: other hosts have other clocks, so that theirs are those of the arrival.
fn since(event: &OpenEvent<'_>) -> u64 {
    if event.received_ns > 0 { event.received_ns } else { event.ts_ns }
}

/// Appends the seconds from `first_ns` to `ts_ns`. CPUs hand in their events in turn, so that one can be a little
/// older than the first.
fn push_seconds(cell: &mut Vec<u8>, ts_ns: u64, first_ns: u64) {
    if ts_ns < first_ns {
        cell.push(b'-');
    }
    let nanos = ts_ns.abs_diff(first_ns);
    push_number(cell, nanos / 1_000_000_000);
    cell.push(b'.');
    push_nanos(cell, nanos % 1_000_000_000);
}

/// What to show of the file, and a remark where that is not the whole truth.
fn shown_file<'a>(event: &OpenEvent<'a>) -> (&'a [u8], &'static str) {
    match (known_name(event), known_path(event)) {
        (None, None) => (b"", "(unreadable)"),
        (Some(b""), _) => (b"", "\"\""),
        // Outside of the process's root: the path says so itself.
        (Some(name), None) if event.path != name => (event.path, ""),
        (Some(name), None) => (name, " (directory unknown)"),
        (_, Some(path)) if event.path_kind == PathKind::Truncated => (path, " (cut)"),
        (_, Some(path)) if event.dir_deleted => (path, " (directory deleted)"),
        (_, Some(path)) => (path, ""),
    }
}

impl<W: Write> TableOutput for Text<W> {
    /// A headline, the titles, the rows, and a blank line.
    fn table(&mut self, table: &Table<'_>, names: &Names) -> io::Result<()> {
        let seconds = table.span_ns as f64 / 1e9;
        let share = 100.0 * table.failed as f64 / (table.opens.max(1)) as f64;
        // Nobody is to take the host's numbers for those of what matches.
        let (of_host, matching) = if table.narrowed {
            // A sum of none is -0.0.
            let rate = table.rows.iter().filter_map(|row| row.rate).fold(0.0, |sum, rate| sum + rate);
            (" on the host", format!("{rate:.1}/s match, "))
        } else {
            ("", String::new())
        };
        self.last(&format!(
            "{} {:.1} opens/s{of_host}, {share:.1}% failed, {} dropped; {matching}top by {}, {}",
            wall_second(table.time_ns),
            table.opens as f64 / seconds,
            table.dropped,
            table.group.name(),
            exactness(table.basis),
        ))?;
        let ids = match table.group {
            Group::Process => format!("{:>7} {:<12} ", "PID", "USER"),
            Group::Parent => format!("{:>7} ", "PID"),
            _ => String::new(),
        };
        let sums = table.group.has_processes() && table.group != Group::Process;
        let processes = if sums { format!("{:>8} ", "PROCS") } else { String::new() };
        let title = title_of(table.group);
        let times = if table.latency { format!(" {:>7} {:>7}", "P50", "P99") } else { String::new() };
        let numbers = format!("{:>10} {:>11} {processes}{:>9} {:>6}{times}", "OPENS/s", "TOTAL", "FAILED", "FAIL%");
        self.last(&format!("{ids}{numbers}  {title}"))?;
        for row in table.rows {
            let user = user(row, names).unwrap_or_default();
            let ids = match (pid(&row.key), table.group) {
                (Some(pid), Group::Process) => format!("{pid:>7} {user:<12} "),
                (Some(pid), _) => format!("{pid:>7} "),
                (None, _) => String::new(),
            };
            let processes = match row.processes {
                _ if !sums => String::new(),
                // Under a filter nobody counts them.
                0 => format!("{:>8} ", "-"),
                count => format!("{count:>8} "),
            };
            let (rate, share) = (row.rate.unwrap_or_default(), 100.0 * row.failed_share());
            let of_host = row.host > 0 && !matches!(row.key, Key::Host(_));
            let host = if of_host { format!("{}:", names.host(row.host)) } else { String::new() };
            let described = host + &described(table.group, row, names);
            let times = if table.latency { percentiles(row) } else { String::new() };
            let numbers = format!("{rate:>10.1} {:>11} {processes}{:>9} {share:>6.1}{times}", row.opens, row.failed);
            self.last(&format!("{ids}{numbers}  {described}"))?;
        }
        self.last("")
    }
}

/// How long its opens took, as far as that was measured.
fn percentiles(row: &Row) -> String {
    let shown = |ns: Option<u64>| ns.map_or_else(|| "-".to_owned(), duration);
    let [median, p99] = [row.latency.map(|(median, _)| median), row.latency.map(|(_, p99)| p99)].map(shown);
    format!(" {median:>7} {p99:>7}")
}

fn exactness(basis: Basis) -> String {
    match basis {
        Basis::Counts { error_bound: 0 } => "exact".to_owned(),
        Basis::Counts { error_bound } => format!("{error_bound} opens that found no room have no row"),
        Basis::Events { events, error_bound: 0 } => format!("from {events} events"),
        Basis::Events { events, error_bound } => format!("from {events} events, rows up to {error_bound} too low"),
    }
}

/// A wall-clock time in whole seconds, UTC.
fn wall_second(time_ns: u64) -> String {
    jiff::Timestamp::from_second((time_ns / 1_000_000_000) as i64).unwrap_or_default().to_string()
}
