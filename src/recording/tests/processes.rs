//! Which programs processes run, in recordings.

use super::*;
use crate::event::ProcessName;
use crate::filter::Filter;
use crate::message::Message;
use crate::output::lines::{Consumer as _, Lines};
use crossbeam_channel::{never, unbounded};

/// Writes `batches` to `output` as a consumer does.
fn write(output: &mut dyn Output, batches: &[Batch]) {
    let (filter, hooks) = (Filter::default(), String::new());
    let (names, totals, rate) = (Names::without_users(), Totals::default(), None);
    let mut lines = Lines { output, filter: &filter, names, hooks, totals, rate };
    for batch in batches {
        lines.opens(batch, u64::MAX).unwrap();
    }
    lines.end().unwrap();
}

fn recording(batches: &[Batch]) -> Vec<u8> {
    let mut recorded = Vec::new();
    let mut recorder = Recorder::begin(&mut recorded, &header()).unwrap();
    write(&mut recorder, batches);
    recorder.finish().unwrap();
    recorded
}

/// What a replay gives, with the bytes of the largest batch.
fn played(bytes: &[u8]) -> (Vec<Batch>, usize) {
    let (messages, received) = unbounded();
    replay(reader(bytes).unwrap(), 0.0, Duration::from_secs(1), &messages, &never());
    drop(messages);
    let batches: Vec<_> = received
        .iter()
        .filter_map(|message| if let Message::Opens(batch) = message { Some(batch) } else { None })
        .collect();
    let largest = batches.iter().map(Batch::memory).max().unwrap_or(0);
    (batches, largest)
}

fn texts(json: &[u8], kind: &str) -> Vec<[serde_json::Value; 3]> {
    let lines =
        str::from_utf8(json).unwrap().lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let lines = lines.filter(|line| line["type"] == kind);
    lines.map(|line| [&line["exe"], &line["parent"], &line["exe_b64"]].map(Clone::clone)).collect()
}

fn child() -> OpenEvent<'static> {
    OpenEvent { pid: 7, start_ns: 9, ppid: 3, ..sample() }
}

fn named(pid: u32, exe: Option<&[u8]>) -> ProcessName {
    let OpenEvent { source, start_ns, ppid, .. } = child();
    ProcessName { source, pid, start_ns, ppid, exe: exe.map(<[u8]>::to_vec), parent: Some(b"make".into()) }
}

#[test]
fn a_recording_tells_a_process_once_and_its_replay_each_time() {
    let mut batch = opens(0);
    batch.name_process(named(7, Some(b"/bin/s\x1bh")));
    batch.push(&child());
    batch.push(&child());
    batch.name_process(named(7, Some(b"/bin/ca\xfft")));
    batch.push(&OpenEvent { op: Op::Exec, ret: 0, path: b"/bin/ca\xfft", name: b"ca\xfft", ..child() });
    batch.push(&child());
    batch.name_process(named(8, None));
    batch.push(&OpenEvent { pid: 8, ..child() });
    let recorded = recording(&[batch]);
    let lines = zstd::decode_all(&recorded[..]).unwrap();
    let processes = texts(&lines, "process");
    let value = |text: &str| serde_json::Value::from(text);
    let before = [value("/bin/s\x1bh"), value("make"), serde_json::Value::Null];
    let after = [value(r"/bin/ca\xfft"), value("make"), value("L2Jpbi9jYf90")];
    let other = [serde_json::Value::Null, value("make"), serde_json::Value::Null];
    assert_eq!(processes, [before.clone(), after.clone(), other.clone()]);
    assert!(!lines.contains(&0x1b) && texts(&lines, "open").iter().flatten().all(serde_json::Value::is_null));

    let mut json = Json::new(Vec::new());
    write(&mut json, &played(&recorded).0);
    assert_eq!(texts(&json.into_inner().unwrap(), "open"), [before.clone(), before, after.clone(), after, other]);
}

/// So that a replay that begins in the middle knows them.
#[test]
fn each_frame_tells_its_processes_anew() {
    let mut batch = Batch::default();
    batch.name_process(named(7, Some(b"/bin/sh")));
    (0..FRAME_EVENTS + 3).for_each(|_| batch.push(&child()));
    let processes = texts(&zstd::decode_all(&recording(&[batch])[..]).unwrap(), "process");
    assert_eq!(processes.len(), 2);
}

#[test]
fn a_step_takes_along_what_is_told_of_its_process() {
    let mut batch = Batch::default();
    batch.name_cgroup(CgroupName { id: 5, path: b"/a".into(), name: None });
    for pid in [7, 8] {
        batch.name_process(named(pid, None));
        batch.push(&OpenEvent { pid, ..child() });
    }
    batch.name_process(named(9, None));
    let (first, rest) = batch.split_first();
    assert_eq!((first.len(), first.cgroups().len(), first.processes()), (1, 1, batch.processes_at(0)));
    let at = |(index, process): &(usize, ProcessName)| (*index, process.pid);
    assert_eq!(rest.processes().iter().map(at).collect::<Vec<_>>(), [(0, 8), (1, 9)]);
    assert_eq!((rest.len(), rest.cgroups().len()), (1, 0));
}

#[test]
fn without_it_nothing_is_told() {
    let mut json = Json::new(Vec::new());
    write(&mut json, &played(&recording(&[opens(3)])).0);
    let text = String::from_utf8(json.into_inner().unwrap()).unwrap();
    assert!(!text.contains("\"exe\"") && !text.contains("\"parent\""), "{text}");
}

#[test]
fn lines_that_do_harm_are_refused_or_bounded() {
    for (line, message) in [
        (r#"{"type":"process","pid":4294967295,"start_ns":1}"#.to_owned(), "pid cannot be"),
        (r#"{"type":"process","pid":1,"start_ns":18446744073709551615}"#.to_owned(), "start_ns cannot be"),
        (r#"{"type":"process","pid":1,"ppid":99999999}"#.to_owned(), "ppid cannot be"),
        (r#"{"type":"process","pid":1,"exe":7}"#.to_owned(), "invalid type"),
        (r#"{"type":"process","pid":1,"exe_b64":"?"}"#.to_owned(), "base64 cannot be"),
        (format!(r#"{{"type":"process","pid":1,"exe":"{}"}}"#, "A".repeat(12_289)), "exe has 12289 bytes"),
        (format!(r#"{{"type":"process","pid":1,"parent":"{}"}}"#, "A".repeat(65)), "parent has 65 bytes"),
    ] {
        let bytes = format!("{}\n{line}\n", r#"{"type":"header"}"#);
        let why = reader(bytes.as_bytes()).unwrap().next_item().unwrap_err().to_string();
        assert!(why.contains(message), "{line:.60}: {why}");
    }
    let exe = "A".repeat(12_000);
    let lines = (1..2000).map(|pid| format!("{{\"type\":\"process\",\"pid\":{pid},\"exe\":\"{exe}\"}}\n"));
    let many: String = std::iter::once("{\"type\":\"header\"}\n".to_owned()).chain(lines).collect();
    let (batches, largest) = played(many.as_bytes());
    let named: usize = batches.iter().map(|batch| batch.processes().len()).sum();
    assert!(named > 1900 && largest < 1 << 20, "{named} in batches of {largest}");
}
