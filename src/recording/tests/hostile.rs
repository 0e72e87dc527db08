//! Recordings that somebody made to do harm.

use super::*;
use crate::filter::Filter;
use crate::message::{Cause, Message};
use crate::output::lines::{Consumer, Lines};
use crate::output::rankings::{Order, Tables};
use crate::output::{Csv, Text};
use crate::ranking::Sort;
use crate::ranking::openers::Group;
use crate::recording::Item;
use crate::recording::replay::Replayed;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use crossbeam_channel::{bounded, never, unbounded};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::thread;

/// An open with every field, as JSON.
fn line() -> serde_json::Map<String, serde_json::Value> {
    let recording = String::from_utf8(plain(&opens(1), &cgroup_names())).unwrap();
    serde_json::from_str(recording.lines().nth(1).unwrap()).unwrap()
}

/// A recording of one open in which `field` has another value, written as it is.
fn with(field: &str, value: &str) -> Vec<u8> {
    let mut fields: Vec<String> =
        line().iter().filter(|(key, _)| *key != field).map(|(key, value)| format!("\"{key}\":{value}")).collect();
    fields.push(format!("\"{field}\":{value}"));
    format!("{{{}}}\n{}\n", fields.join(","), r#"{"type":"summary","opens":1}"#).into_bytes()
}

#[test]
fn what_no_kernel_gives_is_refused() {
    let long = |len| format!("\"{}\"", "A".repeat(len));
    for (field, value, message) in [
        ("comm", long(16), "comm has 16 bytes, and never more than 15"),
        ("process", long(16), "process has 16 bytes, and never more than 15"),
        ("comm_b64", format!("\"{}\"", BASE64_STANDARD.encode([0xff; 16])), "comm has 16 bytes"),
        ("name", long(4097), "name has 4097 bytes"),
        ("path", long(12289), "path has 12289 bytes"),
        ("cgroup", long(4097), "cgroup has 4097 bytes"),
        ("ts_ns", u64::MAX.to_string(), "ts_ns cannot be 18446744073709551615"),
        ("start_ns", (CENTURY + 1).to_string(), "start_ns cannot be"),
        ("latency_ns", u64::MAX.to_string(), "latency_ns cannot be"),
        ("pid", (u32::MAX).to_string(), "pid cannot be 4294967295"),
        ("tid", (u32::MAX).to_string(), "tid cannot be"),
        ("ppid", (u32::MAX).to_string(), "ppid cannot be"),
        ("fd", (u32::MAX).to_string(), "fd cannot be"),
        ("errno", "\"2147483647\"".into(), "errno cannot be"),
        ("mode", "65536".into(), "invalid value"),
        ("flags", format!("[{}]", ["\"O_RDONLY\""; 33].join(",")), "flags cannot be 33"),
        ("time", "\"1900-01-01T00:00:00Z\"".into(), "time cannot be"),
        ("time", "\"9999-01-01T00:00:00Z\"".into(), "time cannot be"),
        ("pid", "1.0".into(), "invalid type"),
        ("pid", "1e400".into(), "number out of range"),
        ("pid", "18446744073709551616".into(), "invalid type"),
        ("comm", "\"\u{0}\"".into(), "control character"),
    ] {
        let error = read_error(&with(field, &value));
        assert!(error.contains(message) && error.contains("line 1"), "{field} {value:.40}: {error}");
    }
    for (count, message) in [("1", None), ("9007199254740993", Some("cannot be 9007199254740993"))] {
        for line in [
            format!("{{\"type\":\"lost\",\"cause\":\"ring\",\"count\":{count}}}\n{{\"type\":\"summary\",\"opens\":1}}"),
            format!("{{\"type\":\"summary\",\"opens\":{count}}}\n"),
            format!("{{\"type\":\"summary\",\"opens\":1,\"lost\":{{\"ring\":{count}}}}}\n"),
        ] {
            let end = read(line.as_bytes()).1.map_err(|error| error.to_string());
            assert_eq!(end.is_err(), message.is_some(), "{line}");
            assert!(end.err().unwrap_or_default().contains(message.unwrap_or_default()), "{line}");
        }
    }
}

#[test]
fn an_error_is_short_however_long_the_value() {
    for field in ["pid", "time", "op", "path_kind", "errno", "comm_b64", "fd"] {
        let error = read_error(&with(field, &format!("\"{}\"", "\\u001b".repeat(20_000))));
        assert!(error.len() < 400 && !error.chars().any(char::is_control), "{} bytes: {error:.500}", error.len());
    }
    let header = Header { host: "h".repeat(100_000), ..header() };
    let read = reader(format!("{}\n", serde_json::to_string(&header).unwrap()).as_bytes()).unwrap();
    assert_eq!(read.header().unwrap().host, format!("{}…", "h".repeat(256)));
}

#[test]
fn zero_bytes_duplicates_and_depth_are_no_way_in() {
    let (batch, end) = read(&with("name", r#""a\u0000b\ud83d\ude00""#));
    end.unwrap();
    assert_eq!(batch.get(0).unwrap().name, "a\0b😀".as_bytes());
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(read(&with("mood", &deep)).0.len(), 1, "a field that is not known, however deep");
    assert!(read_error(&with("flags", &deep)).contains("line 1"));
    let twice = String::from_utf8(with("pid", "1")).unwrap().replacen('{', "{\"pid\":2,", 1);
    assert!(read_error(twice.as_bytes()).contains("duplicate field `pid`"));
    let mut invalid = with("name", "\"?\"");
    let at = invalid.iter().position(|b| *b == b'?').unwrap();
    invalid[at] = 0xff;
    assert!(read_error(&invalid).contains("line 1"));
}

#[test]
fn causes_of_later_versions_count_as_other() {
    let lines = concat!(
        r#"{"type":"lost","cause":"moon","count":2}"#,
        "\n",
        r#"{"type":"lost","cause":"sun","count":3}"#,
        "\n",
        r#"{"type":"summary","opens":9,"lost":{"moon":4,"sun":1,"ring":2}}"#,
        "\n"
    );
    let mut reader = reader(lines.as_bytes()).unwrap();
    for expected in [2, 3] {
        assert!(matches!(reader.next_item(), Ok(Some(Item::Lost { cause: Cause::Other, count })) if count == expected));
    }
    let Ok(Some(Item::Summary(totals))) = reader.next_item() else { panic!("no summary") };
    assert_eq!((totals.lost.other, totals.lost.ring, totals.lost.dropped()), (5, 2, 7));
}

#[test]
fn cgroups_without_end_become_one() {
    let mut recording = Vec::new();
    for n in 0..3000 {
        recording.extend(with("cgroup", &format!("\"/{n}{}\"", "x".repeat(4000))));
    }
    let (batch, end) = read(&recording);
    end.unwrap();
    assert_eq!(batch.len(), 3000);
    let bytes: usize = batch.cgroups().iter().map(|cgroup| cgroup.path.len()).sum();
    assert!(bytes < (4 << 20) + 4096, "{bytes}");
    assert_eq!(batch.cgroups().last().unwrap().path, b"(other)");
    assert!(batch.iter().all(|event| event.cgroup > 0));
}

#[test]
fn a_window_of_gigabytes_is_refused() {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(27).unwrap();
    encoder.write_all(&plain(&opens(1), &cgroup_names())).unwrap();
    let error = read_error(&encoder.finish().unwrap());
    assert!(error.contains("too much memory"), "{error}");
    let mut encoder = zstd::Encoder::new(Vec::new(), 19).unwrap();
    encoder.write_all(&plain(&opens(1), &cgroup_names())).unwrap();
    assert!(read(&encoder.finish().unwrap()).1.is_ok(), "zstd -19");
}

/// Bytes without an end.
struct Endless(&'static [u8]);

impl Read for Endless {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let whole = bytes.len() - bytes.len() % self.0.len();
        bytes[..whole].chunks_mut(self.0.len()).for_each(|chunk| chunk.copy_from_slice(self.0));
        Ok(whole)
    }
}

#[test]
fn a_recording_without_an_end_is_left_when_nobody_wants_it() {
    // Blank lines, lines that are not known, losses: nothing that makes an event. And one line without an end.
    for endless in ["\n", "{\"type\":\"x\"}\n", "{\"type\":\"lost\",\"cause\":\"ring\",\"count\":9007199254740992}\n"] {
        let begin = Cursor::new(b"{\"type\":\"x\"}\n".to_vec());
        let reader = Reader::new(begin.chain(Endless(endless.as_bytes())), "f".into()).unwrap();
        let ((messages, received), (stop, stopped)) = (bounded(2), bounded(1));
        let player = thread::spawn(move || replay(reader, 0.0, Duration::from_secs(1), &messages, &stopped));
        stop.send(()).unwrap();
        assert_eq!(received.iter().count(), 2, "counts and the end");
        assert_eq!(player.join().unwrap(), Replayed::default());
    }
    let error = Reader::new(Endless(b"x"), "f".into()).unwrap_err();
    assert!(error.to_string().contains("without an end"), "{error}");
}

#[test]
fn a_pipe_that_gives_nothing_is_left_when_nobody_wants_it() {
    let path = Temp::new();
    rustix::fs::mknodat(rustix::fs::CWD, &path.0, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    for beginning in [&b""[..], b"{\"type\":", b"{\"type\":\"x\"}\n", &[0x28, 0xb5, 0x2f, 0xfd]] {
        let interrupt = Interrupt::default();
        // Nobody has the pipe open for writing yet.
        let input = Input::open(&path.0, interrupt.clone()).unwrap();
        let mut writer = std::fs::OpenOptions::new().write(true).open(&path.0).unwrap();
        writer.write_all(beginning).unwrap();
        let reading = thread::spawn(move || {
            let mut reader = Reader::of_file(input)?;
            while reader.next_item()?.is_some() {}
            Ok::<_, ReadError>(())
        });
        thread::sleep(Duration::from_millis(20));
        assert!(!reading.is_finished(), "it waits for more");
        interrupt.set();
        let end = reading.join().unwrap();
        assert!(matches!(end, Err(ReadError::Interrupted { .. })), "{end:?}");
        drop(OwnedFd::from(writer));
    }
    // Lines that are there already do not hold up the end.
    let interrupt = Interrupt::default();
    let mut writer = std::fs::OpenOptions::new().read(true).write(true).open(&path.0).unwrap();
    writer
        .write_all(&zstd::encode_all(&[b"{\"type\":\"x\"}\n".as_slice(), &[b'\n'; 1 << 20]].concat()[..], 1).unwrap())
        .unwrap();
    let mut reader = Reader::of_file(Input::open(&path.0, interrupt.clone()).unwrap()).unwrap();
    assert!(reader.next_item().unwrap().is_some() && reader.next_item().unwrap().is_some());
    interrupt.set();
    let end = reader.next_item().unwrap_err();
    assert!(matches!(end, ReadError::Interrupted { .. }), "{end:?}");
    drop((reader, writer));
    // With an end it is read to it.
    let input = Input::open(&path.0, Interrupt::default()).unwrap();
    let whole = record(&opens(3), &cgroup_names());
    let writing = thread::spawn({
        let path = path.0.clone();
        move || std::fs::write(path, whole).unwrap()
    });
    let mut reader = Reader::of_file(input).unwrap();
    let mut items = 0;
    while reader.next_item().unwrap().is_some() {
        items += 1;
    }
    writing.join().unwrap();
    assert_eq!(items, 3 + 2, "opens, a loss, the summary");
}

/// Replays through every line form; what came out.
fn shown(recording: &[u8]) -> Vec<u8> {
    let Ok(reader) = reader(recording) else { return Vec::new() };
    let (sender, messages) = unbounded();
    replay(reader, 0.0, Duration::from_secs(1), &sender, &never());
    drop(sender);
    let (mut text, mut json, mut csv, mut table) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    {
        let filter = Filter::default();
        let (mut text, mut json) = (Text::new(&mut text), Json::new(&mut json));
        let (mut csv, mut table) = (Csv::new(&mut csv), Text::new(&mut table));
        let outputs: [&mut dyn Output; 3] = [&mut text, &mut json, &mut csv];
        let [text, json, csv] = outputs.map(|output| Lines {
            output,
            filter: &filter,
            names: Names::without_users(),
            hooks: String::new(),
            totals: Totals::default(),
            rate: None,
        });
        let order =
            Order { group: Group::File, sort: Sort::Total, filter: &filter, filtered_in_kernel: false, scoped: false };
        let tables = Tables::new(&mut table, order, Names::without_users(), "", None);
        let (mut text, mut json, mut csv, mut tables) = (text, json, csv, tables);
        let mut consumers: [&mut dyn Consumer; 4] = [&mut text, &mut json, &mut csv, &mut tables];
        for message in messages {
            for consumer in &mut consumers {
                match &message {
                    Message::Opens(batch) => drop(consumer.opens(batch, u64::MAX).unwrap()),
                    Message::Counts(counts) => drop(consumer.counts(counts.clone(), u64::MAX).unwrap()),
                    Message::Hooks(_) | Message::Host(_) | Message::Playback(_) => {}
                    Message::End | Message::Failed(_) => consumer.end().unwrap(),
                }
            }
        }
    }
    [text, json, csv, table].concat()
}

/// A value of a kind that its field does not expect, or at its limit.
fn any_value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<u64>().prop_map(|number| number.to_string()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| number.to_string()),
        prop::sample::select(vec![
            "0",
            "-0",
            "1e999",
            "-1",
            "1.5",
            "true",
            "null",
            "[]",
            "{}",
            "\"\"",
            "3153600000000000000",
            "4194304",
            "9007199254740992",
            "\"\\u0000\"",
            "\"\\u009b\"",
            "\"\\ud800\"",
            "[\"O_CREAT\"]",
            "\"ENOENT\"",
            "\"4095\"",
            "\"truncated\"",
            "\"unreadable\"",
            "\"io_uring\"",
            "\"2554-07-21T23:34:33Z\"",
            "\"1970-01-01T00:00:00Z\"",
            "\"GxtbMko=\"",
        ])
        .prop_map(str::to_owned),
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
        (1usize..20_000).prop_map(|len| format!("\"{}\"", "\u{202e}".repeat(len / 3))),
    ]
}

const FIELDS: [&str; 30] = [
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
    "latency_ns",
    "cgroup",
    "start_ns",
    "dir_deleted",
    "process_b64",
    "comm_b64",
    "name_b64",
    "path_b64",
    "cgroup_b64",
    "opened_name",
    "real_path",
    "real_path_kind",
    "real_path_b64",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Lines with values of any kind are shown or refused; nothing that a terminal could obey comes out.
    #[test]
    fn any_value_is_shown_safely_or_refused(changes in prop::collection::vec((0..FIELDS.len(), any_value()), 1..8)) {
        let recording: Vec<u8> = changes.iter().flat_map(|(field, value)| with(FIELDS[*field], value)).collect();
        let shown = shown(&recording);
        let text = String::from_utf8(shown).unwrap();
        prop_assert!(!text.chars().any(|c| c != '\n' && (c.is_control() || crate::escape::is_invisible(c))));
        if let Err(error) = read(&recording).1 {
            let error = error.to_string();
            prop_assert!(error.len() < 600 && !error.chars().any(char::is_control), "{}", error);
        }
    }

    /// Times that step back, stand still or leap by a century end at full speed as at any other.
    #[test]
    fn times_of_any_kind_come_to_an_end(
        times in prop::collection::vec(prop_oneof![0..CENTURY, 0..2_000_000_000u64, Just(CENTURY)], 1..40),
        totals in [0..1u64 << 53, 0..1u64 << 53, 0..1u64 << 53],
    ) {
        let mut recording: Vec<u8> = Vec::new();
        for ts_ns in &times {
            let line = with("ts_ns", &ts_ns.to_string());
            recording.extend(line.split_inclusive(|b| *b == b'\n').next().unwrap());
        }
        let [opens, failed, ring] = totals;
        let end = format!(
            "{{\"type\":\"lost\",\"cause\":\"ring\",\"count\":{ring}}}\n\
             {{\"type\":\"summary\",\"opens\":{opens},\"failed\":{failed},\"lost\":{{\"ring\":{ring},\
             \"queue\":{opens}}}}}\n"
        );
        recording.extend(end.into_bytes());
        let text = String::from_utf8(shown(&recording)).unwrap();
        prop_assert_eq!(text.matches("\"type\":\"open\"").count(), times.len());
        let fast = reader(&recording).unwrap();
        let ((messages, received), (_stop, stopped)) = (unbounded(), bounded(1));
        // Every pause is cut to a minute, which at this speed is nothing.
        prop_assert_eq!(replay(fast, 1e12, Duration::from_millis(1), &messages, &stopped).opens, times.len() as u64);
        prop_assert!(received.len() < 10_000, "{}", received.len());
    }
}
