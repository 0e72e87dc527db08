//! The forms of lines: text, JSON, CSV.

use super::common::tracer::Tracer;
use super::common::{Scratch, needs_root};
use super::until_shown;
use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use serde_json::Value;
use std::fs::File;
use std::io::Read as _;
use std::time::{Duration, Instant};

#[test]
#[ignore = "needs root: make test"]
fn text_is_lines_under_a_header_without_escape_bytes() {
    needs_root();
    let scratch = Scratch::new();
    let hostile = scratch.file("hostile \x1b[2J\n\u{202e}name", "");
    let missing = scratch.join("missing-file");
    for args in [&[][..], &["-o", "text"], &["-o", "text", "--color", "auto"]] {
        let mut tracer = Tracer::start(args);
        let line = tracer.wait_until(|line| line.contains("hostile"), || drop(File::open(&hostile)));
        assert!(line.ends_with(r"/hostile \x1b[2J\x0a\u{202e}name"), "{line:?}");
        let failed = until_shown(&mut tracer, &missing);
        let ended = tracer.stop().well();
        let columns: Vec<_> = ended.lines[0].split_whitespace().collect();
        assert_eq!(columns, ["TIME(s)", "COMM", "PID", "FD", "ERR", "FILE"], "the header comes first");
        let fields: Vec<_> = failed.split_whitespace().rev().take(4).collect();
        assert_eq!(fields[..3], [missing.to_str().expect("plain"), "ENOENT", "-"], "{failed:?}");
        assert_eq!(fields[3], std::process::id().to_string(), "{failed:?}");
        assert!(ended.lines[1].starts_with("0.000000000 "), "the first event's time: {:?}", ended.lines[1]);
        let last = ended.lines.last().expect("a summary");
        assert!(last.starts_with("# ") && last.contains("delivered"), "{last:?}");
        assert!(ended.lines.iter().all(|line| !line.chars().any(char::is_control)), "a control character");
    }
}

#[test]
#[ignore = "needs root: make test"]
fn a_terminal_that_can_nothing_gets_no_escape_byte() {
    needs_root();
    let scratch = Scratch::new();
    let canary = scratch.file("canary-of-a-dumb-terminal", "");
    let pty = native_pty_system().openpty(PtySize { rows: 24, cols: 200, ..Default::default() }).expect("a terminal");
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_opentop"));
    command.args(["-d", "2"]);
    command.env("TERM", "dumb");
    let mut child = pty.slave.spawn_command(command).expect("starting opentop");
    drop(pty.slave);
    let mut reader = pty.master.try_clone_reader().expect("the terminal's output");
    let output = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // The terminal's end is EIO.
        let _ = reader.read_to_end(&mut bytes);
        bytes
    });
    let mut status = None;
    let start = Instant::now();
    while status.is_none() && start.elapsed() < Duration::from_secs(20) {
        drop(File::open(&canary));
        std::thread::sleep(Duration::from_millis(10));
        status = child.try_wait().expect("waiting for opentop");
    }
    let _ = child.kill();
    let bytes = output.join().expect("reading the terminal");
    let text = String::from_utf8_lossy(&bytes);
    assert!(!bytes.contains(&0x1b), "an escape byte in {text:?}");
    assert!(text.contains("canary-of-a-dumb-terminal"), "{text:?}");
    assert!(status.is_some_and(|status| status.success()), "{text:?}");
}

#[test]
#[ignore = "needs root: make test"]
fn json_has_the_fields_of_the_contract_in_their_order() {
    const FIELDS: [&str; 22] = [
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
        "latency_ns",
        "cgroup",
        "container",
    ];
    needs_root();
    let scratch = Scratch::new();
    let before = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let wall = jiff::Timestamp::now();
    let tracer = Tracer::json(&[], &scratch.file("canary", ""));
    let ended = tracer.stop().well();
    let after = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let monotonic = |time: rustix::time::Timespec| time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64;

    let (summary, lines) = ended.lines.split_last().expect("lines");
    assert!(summary.starts_with(r#"{"type":"summary","opens":"#), "{summary}");
    // What others do meanwhile can be more than the ring holds.
    let (lost, opens): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line.starts_with(r#"{"type":"lost","#));
    assert!(lost.iter().all(|line| line.starts_with(r#"{"type":"lost","cause":""#)), "{lost:?}");
    assert!(!opens.is_empty(), "{lines:?}");
    for line in opens {
        let mut at = 0;
        for field in FIELDS {
            let key = format!("\"{field}\":");
            at = line[at..].find(&key).map_or_else(|| panic!("no {key} in {line}"), |found| at + found);
        }
        let Value::Object(fields) = serde_json::from_str(line).expect("JSON") else { panic!("no object: {line}") };
        assert_eq!(fields["type"], "open");
    }
    for open in ended.opens() {
        assert!((monotonic(before)..=monotonic(after)).contains(&open.ts_ns), "{open:?}");
        let time: jiff::Timestamp = open.time.parse().expect("RFC 3339");
        assert_eq!(open.time.len(), "2026-01-02T03:04:05.123456789Z".len());
        let off = time.as_nanosecond() - wall.as_nanosecond() - i128::from(open.ts_ns - monotonic(before));
        assert!(off.abs() < 50_000_000, "the wall clock is {off} ns off: {open:?}");
    }
}

/// The fields of one row of CSV (RFC 4180). No field here holds a line end.
fn csv_fields(row: &str) -> Vec<String> {
    let (mut fields, mut quoted) = (vec![String::new()], false);
    let mut chars = row.chars().peekable();
    while let Some(c) = chars.next() {
        let field = fields.last_mut().expect("one at least");
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => field.extend(chars.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            _ => field.push(c),
        }
    }
    assert!(!quoted, "an open quote in {row:?}");
    fields
}

#[test]
#[ignore = "needs root: make test"]
fn csv_has_a_header_and_as_many_fields_in_each_row() {
    needs_root();
    let scratch = Scratch::new();
    let hostile = scratch.file("a,\"b\",\x1b[2J\nc", "");
    let mut tracer = Tracer::start(["-o", "csv"]);
    let row = tracer.wait_until(|line| line.contains("/a,"), || drop(File::open(&hostile)));
    let ended = tracer.stop().well();
    let header = csv_fields(&ended.lines[0]);
    let of = |row: &str, column: &str| {
        let at = header.iter().position(|name| name == column).unwrap_or_else(|| panic!("no column {column}"));
        csv_fields(row)[at].clone()
    };
    assert_eq!(of(&row, "type"), "open");
    assert_eq!(of(&row, "pid"), std::process::id().to_string());
    assert_eq!(opentop::escape::unescape(&of(&row, "path")), hostile.as_os_str().as_encoded_bytes());
    assert_eq!(of(&row, "flags"), "O_RDONLY|O_CLOEXEC");
    assert!(ended.lines.iter().all(|row| csv_fields(row).len() == header.len()));
}
