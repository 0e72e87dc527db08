//! JSON Lines: one object a line, its field names a contract.
//!
//! Written by hand straight into the buffer, since a storm brings hundreds of thousands of lines a second. Texts are
//! the true names, not the displayable ones; characters that a terminal could obey are written as `\uNNNN`. Only bytes
//! that are not UTF-8 cannot be: the text then is the displayable one, and `FIELD_b64` carries the bytes.

use super::{
    Clock, FlagTexts, Output, Sink, Table, TableOutput, known_name, known_path, opened_name, push_number, real_path,
};
use crate::escape::{self, escaped, is_invisible};
use crate::event::{OpenEvent, ProcessName, Source, errno_name, flag_names};
use crate::message::{Cause, HostState, Lost, Totals};
use crate::names::processes::Named;
use crate::names::{Cgroup, Names};
use crate::ranking::openers::{Group, Key, Row};
use crate::ranking::{Basis, label};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use std::io::{self, Write};

/// Opens, losses and the summary as JSON Lines.
#[derive(Debug)]
pub struct Json<W> {
    sink: Sink<W>,
    clock: Clock,
    flags: FlagTexts,
    /// What is known of processes has lines of its own.
    process_lines: bool,
}

impl<W: Write> Json<W> {
    pub fn new(out: W) -> Self {
        let (clock, flags) = (Clock::default(), FlagTexts::new(flag_array));
        Self { sink: Sink::new(out), clock, flags, process_lines: false }
    }

    /// One whose opens have no names of processes: [`Json::process`] tells them.
    pub(crate) fn with_process_lines(out: W) -> Self {
        Self { process_lines: true, ..Self::new(out) }
    }

    /// Tells of a process.
    pub(crate) fn process(&mut self, process: &ProcessName) -> io::Result<()> {
        let named = Named { exe: process.exe.as_deref(), parent: process.parent.as_deref() };
        let mut line = self.line("process");
        for (key, number) in
            [("pid", process.pid.into()), ("start_ns", process.start_ns), ("ppid", process.ppid.into())]
        {
            line.number(key, number);
        }
        push_named(&mut line, named);
        self.end_line()
    }

    /// Writes a line that is JSON already.
    pub fn raw_line(&mut self, json: &str) -> io::Result<()> {
        self.sink.lines.extend_from_slice(json.as_bytes());
        self.sink.end_line()
    }

    /// The writer underneath, with everything handed on to it.
    pub fn into_inner(mut self) -> io::Result<W> {
        self.flush()?;
        Ok(self.sink.out)
    }

    /// The writer underneath, that all lines so far are handed on to, though not flushed.
    pub(crate) fn handed_on(&mut self) -> io::Result<&mut W> {
        self.sink.write_out()?;
        Ok(&mut self.sink.out)
    }

    /// Begins a line of the type `kind`; [`Json::end_line`] ends it.
    pub(super) fn line(&mut self, kind: &str) -> Object<'_> {
        Object::start(&mut self.sink.lines, kind)
    }

    pub(super) fn end_line(&mut self) -> io::Result<()> {
        self.sink.lines.push(b'}');
        self.sink.end_line()
    }
}

fn push_named(line: &mut Object<'_>, Named { exe, parent }: Named<'_>) {
    line.name("exe", exe);
    line.name("parent", parent);
}

impl<W: Write> Output for Json<W> {
    fn open(&mut self, event: &OpenEvent<'_>, names: &Names) -> io::Result<()> {
        let cgroup = names.cgroup(event.cgroup);
        let cgroup_path = cgroup.map(|cgroup| cgroup.path.as_slice());
        let (name, path) = (known_name(event), known_path(event));
        let mut line = Object::start(&mut self.sink.lines, if event.is_lookup() { "lookup" } else { "open" });
        self.clock.push(line.quoted("time"), event.time_ns);
        line.unquote();
        line.number("ts_ns", event.ts_ns);
        for (key, number) in [("pid", event.pid), ("tid", event.tid), ("ppid", event.ppid), ("uid", event.uid)] {
            line.number(key, number.into());
        }
        line.text("process", Some(event.process()));
        line.text("comm", Some(event.comm));
        line.word("op", event.op.name());
        line.json("flags", if event.is_lookup() { "[]" } else { self.flags.get(event.flags) });
        line.number_or_null("mode", event.mode_used().map(u64::from));
        line.number_or_null("fd", event.fd().map(|fd| u64::from(fd.unsigned_abs())));
        line.errno(event.errno());
        line.text("name", name);
        line.text("path", path);
        line.word("path_kind", event.path_kind.name());
        line.text("opened_name", opened_name(event));
        line.text("real_path", real_path(event));
        if real_path(event).is_some() {
            line.word("real_path_kind", event.real_path_kind.name());
        }
        line.number_or_null("latency_ns", event.latency.map(|latency| latency.as_nanos() as u64));
        line.text("cgroup", cgroup_path);
        line.text("container", cgroup.and_then(|cgroup| cgroup.container.as_deref()));
        line.number("start_ns", event.start_ns);
        if let Some(id) = cgroup.and_then(|cgroup| cgroup.container_id.as_deref()) {
            line.text("container_id", Some(id));
        }
        if let Some(pod) = cgroup.and_then(Cgroup::pod) {
            line.text("pod", Some(pod.name));
            line.text("namespace", Some(pod.namespace));
        }
        if event.source != Source::HERE {
            line.text("host", Some(names.host(event.source.host()).as_bytes()));
        }
        if event.received_ns > 0 {
            self.clock.push(line.quoted("received"), event.received_ns);
            line.unquote();
        }
        if event.dir_deleted {
            line.json("dir_deleted", "true");
        }
        if let Some(processes) = names.processes().filter(|_| !self.process_lines) {
            push_named(&mut line, processes.of(event));
        }
        line.bytes("name", name);
        line.bytes("path", path);
        line.bytes("opened_name", opened_name(event));
        line.bytes("real_path", real_path(event));
        line.bytes("process", Some(event.process()));
        line.bytes("comm", Some(event.comm));
        line.bytes("cgroup", cgroup_path);
        self.end_line()
    }

    fn lost(&mut self, cause: Cause, count: u64) -> io::Result<()> {
        let mut line = self.line("lost");
        line.word("cause", cause.name());
        line.number("count", count);
        self.end_line()
    }

    fn summary(&mut self, totals: &Totals, hooks: &str) -> io::Result<()> {
        let mut line = self.line("summary");
        let counts = totals.by_name();
        let (first, more) = counts.split_at(4);
        first.iter().for_each(|(name, count)| line.number(name, *count));
        line.text("hooks", Some(hooks.as_bytes()));
        more.iter().for_each(|(name, count)| line.number(name, *count));
        line.losses(&totals.lost);
        self.end_line()
    }

    fn host(&mut self, name: &str, state: &HostState) -> io::Result<()> {
        let HostState { link, text, totals, bytes } = state;
        let mut line = self.line("host");
        line.text("host", Some(name.as_bytes()));
        line.word("state", link.name());
        line.text("text", Some(text.as_bytes()));
        for (key, count) in
            [("opens", totals.opens), ("delivered", totals.delivered), ("dropped", totals.lost.dropped())]
        {
            line.number(key, count);
        }
        line.losses(&totals.lost);
        line.number("bytes", *bytes);
        self.end_line()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

fn flag_array(flags: u64) -> String {
    let names: Vec<_> = flag_names(flags).map(|name| format!("\"{name}\"")).collect();
    format!("[{}]", names.join(","))
}

/// One JSON object that is being written.
pub(super) struct Object<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Object<'a> {
    pub(super) fn start(out: &'a mut Vec<u8>, kind: &str) -> Self {
        out.extend_from_slice(b"{\"type\":\"");
        out.extend_from_slice(kind.as_bytes());
        out.push(b'"');
        Self { out }
    }

    fn key(&mut self, key: &str) {
        self.out.extend_from_slice(b",\"");
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    /// An object of what `write` writes, which is one field at least.
    pub(super) fn object(&mut self, key: &str, write: impl FnOnce(&mut Self)) {
        self.key(key);
        let begun = self.out.len();
        write(self);
        // In the place of the comma before its first field.
        self.out[begun] = b'{';
        self.out.push(b'}');
    }

    /// A value that is JSON already.
    pub(super) fn json(&mut self, key: &str, json: &str) {
        self.key(key);
        self.out.extend_from_slice(json.as_bytes());
    }

    pub(super) fn boolean(&mut self, key: &str, value: bool) {
        self.json(key, if value { "true" } else { "false" });
    }

    pub(super) fn number(&mut self, key: &str, number: u64) {
        self.key(key);
        push_number(self.out, number);
    }

    pub(super) fn number_or_null(&mut self, key: &str, number: Option<u64>) {
        match number {
            Some(number) => self.number(key, number),
            None => self.json(key, "null"),
        }
    }

    pub(super) fn errno(&mut self, errno: Option<i32>) {
        match errno {
            Some(errno) => self.word("errno", &errno_name(errno)),
            None => self.json("errno", "null"),
        }
    }

    /// Opens a string that the caller writes; [`Object::unquote`] closes it.
    pub(super) fn quoted(&mut self, key: &str) -> &mut Vec<u8> {
        self.key(key);
        self.out.push(b'"');
        self.out
    }

    pub(super) fn unquote(&mut self) {
        self.out.push(b'"');
    }

    /// A string that needs no escapes.
    pub(super) fn word(&mut self, key: &str, word: &str) {
        self.quoted(key).extend_from_slice(word.as_bytes());
        self.unquote();
    }

    /// A text; where it is not UTF-8, its displayable form.
    pub(super) fn text(&mut self, key: &str, text: Option<&[u8]>) {
        let Some(text) = text else { return self.json(key, "null") };
        let out = self.quoted(key);
        if is_plain(text) {
            out.extend_from_slice(text);
        } else {
            match str::from_utf8(text) {
                Ok(text) => push_escaped(out, text),
                Err(_) => push_escaped(out, &escaped(text)),
            }
        }
        self.unquote();
    }

    /// The exact bytes of the text `key` where it is not UTF-8, as `KEY_b64`.
    pub(super) fn bytes(&mut self, key: &str, text: Option<&[u8]>) {
        if let Some(text) = text.filter(|text| !text.is_ascii() && str::from_utf8(text).is_err()) {
            self.word(&format!("{key}_b64"), &BASE64_STANDARD.encode(text));
        }
    }

    /// A text, and its exact bytes where it is not UTF-8.
    pub(super) fn name(&mut self, key: &str, text: Option<&[u8]>) {
        self.text(key, text);
        self.bytes(key, text);
    }

    /// An object of numbers, by cause.
    fn losses(&mut self, lost: &Lost) {
        let counts = lost.by_cause().map(|(cause, count)| format!("\"{cause}\":{count}"));
        self.json("lost", &format!("{{{}}}", counts.join(",")));
    }
}

/// Whether a text needs no escapes in JSON: printable ASCII without `"` and `\`.
fn is_plain(text: &[u8]) -> bool {
    escape::is_plain(text) && !text.contains(&b'"')
}

fn push_escaped(out: &mut Vec<u8>, text: &str) {
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend([b'\\', c as u8]),
            _ if c.is_control() || is_invisible(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    out.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
                }
            }
            _ => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

impl<W: Write> TableOutput for Json<W> {
    /// One object for the table and one for each row.
    fn table(&mut self, table: &Table<'_>, names: &Names) -> io::Result<()> {
        let mut line = Object::start(&mut self.sink.lines, "table");
        line.number("table", table.number);
        self.clock.push(line.quoted("time"), table.time_ns);
        line.unquote();
        line.number("ts_ns", table.ts_ns);
        line.number("span_ns", table.span_ns);
        line.word("group", table.group.name());
        let (events, error_bound) = match table.basis {
            Basis::Counts { error_bound } => (None, (error_bound > 0).then_some(error_bound)),
            Basis::Events { events, error_bound } => (Some(events), Some(error_bound)),
        };
        line.boolean("exact", table.basis.is_exact());
        line.number_or_null("events", events);
        line.number_or_null("error_bound", error_bound);
        line.number("opens", table.opens);
        line.number("failed", table.failed);
        line.number("dropped", table.dropped);
        line.number("rows", table.rows.len() as u64);
        self.end_line()?;
        for (row, rank) in table.rows.iter().zip(1..) {
            let mut line = Object::start(&mut self.sink.lines, "opener");
            line.number("table", table.number);
            line.number("rank", rank);
            name_row(&mut line, table.group, row, names);
            if row.host > 0 && !matches!(row.key, Key::Host(_)) {
                line.text("host", Some(names.host(row.host).as_bytes()));
            }
            line.json("opens_per_s", &format!("{:.3}", row.rate.unwrap_or_default()));
            line.number("opens", row.opens);
            line.number("failed", row.failed);
            if let Some((median, p99)) = row.latency {
                line.number("p50_ns", median);
                line.number("p99_ns", p99);
            }
            line.boolean("ended", row.ended);
            if table.group != Group::Process && row.processes > 0 {
                line.number("processes", row.processes);
            }
            self.end_line()?;
        }
        Ok(())
    }
}

/// Appends what the row is: for a process its ids, else a field with the name of the group.
fn name_row(line: &mut Object<'_>, group: Group, row: &Row, names: &Names) {
    match &row.key {
        Key::Process { pid, start_ns, .. } => {
            line.number("pid", (*pid).into());
            line.number("start_ns", *start_ns);
            line.text("comm", Some(&row.comm));
            line.number_or_null("uid", row.uid.map(u64::from));
            line.bytes("comm", Some(&row.comm));
        }
        Key::User(host, uid) => {
            line.number("uid", (*uid).into());
            line.text("user", Some(names.user_of(*host, *uid).as_bytes()));
        }
        Key::Error(0) => line.json("error", "null"),
        Key::Text(text) if text.is_empty() => line.json(group.name(), "null"),
        Key::Text(text) => line.name(group.name(), Some(text)),
        Key::Host(host) => line.text("host", Some(names.own_host(*host).as_bytes())),
        Key::Error(_) | Key::Rest => line.text(group.name(), Some(label(group, row, names).as_bytes())),
    }
}
