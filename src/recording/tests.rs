use super::*;
use crate::event::{Batch, CgroupName, Op, PathKind, RealPathKind, sample};
use crate::message::{Cause, Hooks, Lost};
use crate::recording::Item;
use proptest::prelude::*;
use std::fs::File;
use std::io::Cursor;
use std::sync::atomic::{AtomicU32, Ordering};

mod hostile;
mod processes;
mod replay;
mod seek;

/// The longest time, in nanoseconds, that is believed.
const CENTURY: u64 = 3_153_600_000_000_000_000;

/// A name for a file of one test, which is removed at the end.
struct Temp(PathBuf);

impl Temp {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("opentop-record-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn header() -> Header {
    let [opentop, host, kernel, boot_time, hooks] =
        ["0.1.0", "web-3", "6.18", "2026-01-02T03:04:05Z", "syscall exit"].map(str::to_owned);
    Header { opentop, host, kernel, boot_time, hooks: Hooks::named(&hooks), protocol: None, excerpt: None }
}

fn totals(opens: u64) -> Totals {
    let lost = Lost { ring: 3, ..Lost::default() };
    Totals { opens: opens + 3, failed: 1, delivered: opens, lost, ..Totals::default() }
}

/// `count` opens, ten milliseconds apart.
fn opens(count: u64) -> Batch {
    let mut batch = Batch::default();
    for n in 0..count {
        let ns = n * 10_000_000;
        batch.push(&OpenEvent { ts_ns: ns, time_ns: sample().time_ns + ns, tid: n as u32, ..sample() });
    }
    batch
}

/// The recording of `batch` as JSON Lines.
fn plain(batch: &Batch, names: &Names) -> Vec<u8> {
    let mut json = Json::new(Vec::new());
    json.raw_line(&serde_json::to_string(&header()).unwrap()).unwrap();
    for event in batch.iter() {
        json.open(&event, names).unwrap();
    }
    json.lost(Cause::Ring, 3).unwrap();
    json.summary(&totals(batch.len() as u64), "syscall exit").unwrap();
    json.into_inner().unwrap()
}

fn record(batch: &Batch, names: &Names) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut recorder = Recorder::begin(&mut bytes, &header()).unwrap();
    for event in batch.iter() {
        recorder.open(&event, names).unwrap();
    }
    recorder.lost(Cause::Ring, 3).unwrap();
    recorder.summary(&totals(batch.len() as u64), "syscall exit").unwrap();
    let lookups = batch.lookups() as u64;
    assert_eq!(recorder.finish().unwrap(), Recorded { opens: batch.len() as u64 - lookups, lookups });
    bytes
}

fn reader(bytes: &[u8]) -> Result<Reader, ReadError> {
    Reader::new(Cursor::new(bytes.to_vec()), "f".into())
}

/// All opens of a recording, and how it ends.
fn read(bytes: &[u8]) -> (Batch, Result<(), ReadError>) {
    let mut batch = Batch::default();
    let mut reader = match reader(bytes) {
        Ok(reader) => reader,
        Err(error) => return (batch, Err(error)),
    };
    loop {
        match reader.next_item() {
            Ok(Some(Item::Open(event, cgroup))) => {
                batch.push(&event);
                cgroup.into_iter().for_each(|cgroup| batch.name_cgroup(cgroup));
            }
            Ok(Some(_)) => {}
            Ok(None) => return (batch, Ok(())),
            Err(error) => return (batch, Err(error)),
        }
    }
}

#[test]
fn a_container_keeps_the_name_that_it_had() {
    let id = "0123456789abcdef".repeat(4);
    for container in ["docker:web-1", "docker:0123456789ab"] {
        let line = format!(
            "{{\"type\":\"open\",\"ts_ns\":5,\"pid\":7,\"comm\":\"a\",\"op\":\"openat\",\"path_kind\":\"absolute\",\
             \"name\":\"/x\",\"path\":\"/x\",\"cgroup\":\"/docker/{id}\",\"container\":\"{container}\"}}"
        );
        let mut reader = Reader::new(Cursor::new(line.into_bytes()), "x".into()).unwrap();
        let Some(Item::Open(_, Some(cgroup))) = reader.next_item().unwrap() else { panic!("no open with a cgroup") };
        let mut names = Names::without_users();
        names.learn(&cgroup);
        let known = names.cgroup(cgroup.id).unwrap();
        assert_eq!(known.container.as_deref(), Some(container.as_bytes()));
        assert_eq!(known.container_id.as_deref(), Some(id.as_bytes()));
    }
}

#[test]
fn a_name_that_became_known_late_is_the_name_from_then_on() {
    let cgroup = format!("/kubepods/pod2b1a8c3e-5f1d-4a8e-9d6b-0c7e1f2a3b4c/{}", "0123456789abcdef".repeat(4));
    let line = |container: &str| {
        format!(
            "{{\"type\":\"open\",\"ts_ns\":5,\"pid\":7,\"comm\":\"a\",\"op\":\"openat\",\"path_kind\":\"absolute\",\
             \"name\":\"/x\",\"path\":\"/x\",\"cgroup\":\"{cgroup}\",\"container\":\"kubernetes:{container}\"}}"
        )
    };
    let containers = ["0123456789ab", "prod/web-1/0123456789ab", "prod/web-1/nginx", "prod/web-1/nginx"];
    let lines = containers.map(line).join("\n");
    let mut reader = Reader::new(Cursor::new(lines.into_bytes()), "x".into()).unwrap();
    let mut names = Names::without_users();
    let mut ids = Vec::new();
    let mut named = 0;
    for container in containers {
        let Some(Item::Open(event, cgroup)) = reader.next_item().unwrap() else { panic!("no open") };
        ids.push(event.cgroup);
        named += usize::from(cgroup.is_some());
        cgroup.iter().for_each(|cgroup| names.learn(cgroup));
        let known = names.cgroup(event.cgroup).unwrap();
        assert_eq!(known.container, Some(format!("kubernetes:{container}").into_bytes()));
    }
    assert_eq!((ids, named), (vec![1; 4], 3));
    assert_eq!(names.cgroup(1).unwrap().pod().unwrap().name, b"web-1");
}

fn read_error(bytes: &[u8]) -> String {
    read(bytes).1.unwrap_err().to_string()
}

fn hostile() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "[a-z/.]{0,20}".prop_map(String::into_bytes),
        any::<String>().prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..30),
        Just(b"\x1b]0;x\x07\n\\x41\"\xff".to_vec()),
    ]
}

/// What a thread can be called.
fn hostile_comm() -> impl Strategy<Value = Vec<u8>> {
    hostile().prop_map(|bytes| bytes[..bytes.len().min(15)].to_vec())
}

prop_compose! {
    /// An event as it can come from decoding.
    fn event_parts()(
        ids in [0..1u32 << 22, 0..1u32 << 22, 0..1u32 << 22],
        uid: u32,
        flags: u64,
        times in [0..CENTURY, 0..u64::MAX, 0..CENTURY],
        ret in prop_oneof![0..1_000_000i32, -140..0i32, Just(-512)],
        fd_known: bool,
        dir_deleted: bool,
        mode in 0..0o7777u16,
        kinds in (0..Op::ALL.len(), 0..PathKind::ALL.len(), 0..RealPathKind::ALL.len()),
        latency in prop::option::of(0..CENTURY),
        texts in (hostile_comm(), hostile_comm(), hostile(), hostile(), hostile(), hostile())
            .prop_map(<[Vec<u8>; 6]>::from),
        cgroup in 0..4u64,
    ) -> (OpenEvent<'static>, [Vec<u8>; 6]) {
        let [pid, tid, ppid] = ids;
        let [ts_ns, time_ns, start_ns] = times;
        let (op, path_kind, real_path_kind) = (Op::ALL[kinds.0], PathKind::ALL[kinds.1], RealPathKind::ALL[kinds.2]);
        // A look-up has none.
        let flags = if op.is_lookup() { 0 } else { flags };
        let latency = latency.map(Duration::from_nanos);
        // A failed open has no descriptor to know, and one that is unknown none to show.
        let (fd_known, ret) = if ret < 0 { (true, ret) } else { (fd_known, if fd_known { ret } else { 0 }) };
        let event = OpenEvent {
            ts_ns, time_ns, start_ns, pid, tid, ppid, uid, ret, fd_known, flags, mode, op, path_kind,
            dir_deleted, latency, cgroup, real_path_kind, ..sample()
        };
        let mode = event.mode_used().unwrap_or_default();
        (OpenEvent { mode, ..event }, texts)
    }
}

/// `event` with its texts; without a readable directory the name stands for the path.
fn complete<'a>(event: &OpenEvent<'static>, texts: &'a [Vec<u8>; 6]) -> OpenEvent<'a> {
    let [comm, leader_comm, name, path, opened_name, real_path] = texts;
    // What is not there is of no kind.
    let real_path_kind = if real_path.is_empty() { RealPathKind::Whole } else { event.real_path_kind };
    // Only an empty name has an empty path.
    let path = if event.path_kind == PathKind::Unreadable || path.is_empty() { name } else { path };
    // A program's name is kept where it is not its thread's.
    let leader_comm: &[u8] = if leader_comm == comm { b"" } else { leader_comm };
    OpenEvent { comm, leader_comm, name, path, opened_name, real_path, real_path_kind, ..*event }
}

fn cgroup_names() -> Names {
    let mut names = Names::without_users();
    for (id, path) in [(1, &b"/user.slice"[..]), (2, br"/a\x2db.slice"), (3, b"/\xff\x1b")] {
        names.learn(&CgroupName { name: None, id, path: path.to_vec() });
    }
    names
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// What is written is read again: every field of every event, whatever the names are made of.
    #[test]
    fn a_recording_gives_the_same_events(parts in prop::collection::vec(event_parts(), 0..20)) {
        let names = cgroup_names();
        let mut batch = Batch::default();
        for (event, texts) in &parts {
            batch.push(&complete(event, texts));
        }
        for bytes in [plain(&batch, &names), record(&batch, &names)] {
            let (read, end) = read(&bytes);
            prop_assert!(end.is_ok(), "{:?}", end);
            prop_assert_eq!(read.len(), batch.len());
            let mut learnt = Names::without_users();
            read.cgroups().iter().for_each(|cgroup| learnt.learn(cgroup));
            for (read, written) in read.iter().zip(batch.iter()) {
                prop_assert_eq!(learnt.cgroup(read.cgroup), names.cgroup(written.cgroup));
                prop_assert_eq!(OpenEvent { cgroup: written.cgroup, ..read }, written);
            }
        }
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>, at in 0usize..4000, byte: u8) {
        let _ = read(&bytes);
        for mut bytes in [plain(&opens(5), &cgroup_names()), record(&opens(5), &cgroup_names())] {
            let at = at % bytes.len();
            bytes[at] = byte;
            let (read, end) = read(&bytes);
            prop_assert!(read.len() <= 5);
            if let Err(error) = end {
                prop_assert!(!error.to_string().chars().any(char::is_control), "{}", error);
            }
        }
    }
}

#[test]
fn a_cut_recording_gives_all_before_the_cut() {
    let whole = plain(&opens(5), &cgroup_names());
    let first_line = whole.iter().position(|b| *b == b'\n').unwrap() + 1;
    for cut in first_line..whole.len() {
        let (read, end) = read(&whole[..cut]);
        let lines = whole[..cut].iter().filter(|b| **b == b'\n').count() as u64;
        // A line that lacks nothing but its end is whole.
        let whole_line = whole[cut] == b'\n';
        let opens = (lines - 1 + u64::from(whole_line)).min(5);
        assert_eq!(read.len() as u64, opens, "cut at {cut}");
        match end {
            Err(ReadError::EndsEarly { line, .. }) => assert_eq!(line, lines + u64::from(whole_line), "cut at {cut}"),
            Ok(()) if cut == whole.len() - 1 => {}
            other => panic!("cut at {cut}: {other:?}"),
        }
    }
}

#[test]
fn a_killed_recording_is_readable_up_to_its_last_flush() {
    let file = Temp::new();
    let mut recorder =
        Recorder::begin_with(Compressed::new(File::create(&file.0).unwrap(), Duration::ZERO, None).unwrap(), &header())
            .unwrap();
    let (mut killed, mut flushed) = (Vec::new(), 0);
    for event in opens(50).iter() {
        recorder.open(&event, &cgroup_names()).unwrap();
        recorder.flush().unwrap();
        flushed += 1;
        killed = std::fs::read(&file.0).unwrap();
        let (read, end) = read(&killed);
        assert_eq!(read.len(), flushed);
        assert!(matches!(end, Err(ReadError::EndsEarly { .. })), "{end:?}");
    }
    assert_eq!(reader(&killed).unwrap().header(), Some(&header()));
    // Cut within a block, nothing can be said but that it ends early.
    for cut in killed.len() - 40..killed.len() {
        let (read, end) = read(&killed[..cut]);
        assert!(read.len() <= 50 && matches!(end, Err(ReadError::EndsEarly { .. })), "{end:?}");
    }
}

#[test]
fn flushes_reach_the_file_once_in_a_while() {
    let file = Temp::new();
    let mut recorder = Recorder::begin(File::create(&file.0).unwrap(), &header()).unwrap();
    let begun = std::fs::metadata(&file.0).unwrap().len();
    assert!(begun > 0);
    recorder.open(&sample(), &cgroup_names()).unwrap();
    recorder.flush().unwrap();
    assert_eq!(std::fs::metadata(&file.0).unwrap().len(), begun);
    recorder.finish().unwrap();
    assert!(std::fs::metadata(&file.0).unwrap().len() > begun);
}

#[test]
fn a_file_is_replaced_only_when_asked() {
    let file = Temp::new();
    drop(create(&file.0, false).unwrap().keep().unwrap());
    let refused = create(&file.0, false).unwrap_err();
    assert!(matches!(refused, RecordError::Exists(_)));
    assert!(refused.to_string().contains("--force"), "{refused}");
    drop(create(&file.0, true).unwrap().keep().unwrap());
    let directory = create(&std::env::temp_dir(), true).unwrap_err();
    assert!(matches!(directory, RecordError::NotRegular(_)));
    let nowhere = create(&file.0.join("x"), false).unwrap_err();
    assert!(matches!(nowhere, RecordError::Write { .. }));
}

#[test]
fn what_is_no_recording_is_told_with_its_line() {
    assert_eq!(read_error(b""), "f, line 1: not a recording of opentop: it is empty");
    assert_eq!(read_error(b"PID COMM\n"), "f, line 1: not a recording of opentop: expected value (column 1)");
    assert!(read_error(b"{\"a\":1}\n").starts_with("f, line 1: not a recording of opentop: missing field `type`"));
    let mut recording = plain(&opens(2), &cgroup_names());
    recording.extend_from_slice(b"\n{\"type\":\"open\",\"pid\":1}\n");
    assert!(read_error(&recording).starts_with("f, line 7: not a recording of opentop: missing field `ts_ns`"));
    for (right, wrong, message) in [
        ("\"openat\"", "\"op\\u001bn\"", r#"op cannot be "op\x1bn""#),
        ("\"absolute\"", "\"x\"", "path_kind cannot be \"x\""),
        ("\"O_RDONLY\"", "\"O_X\"", "flag cannot be \"O_X\""),
        ("\"2026-", "\"2O26-", "time cannot be \"2O26-01-02T03:04:05.123456789Z\""),
        ("\"errno\":null", "\"errno\":\"EX\"", "errno cannot be \"EX\""),
        ("\"pid\":100", "\"pid\":-1", "invalid value: integer `-1`, expected u32"),
    ] {
        let recording = String::from_utf8(plain(&opens(1), &cgroup_names())).unwrap().replace(right, wrong);
        let error = read_error(recording.as_bytes());
        assert!(error.contains(message) && error.contains("line "), "{error}\n want: {message}");
    }
    assert!(read_error(&[b'x'; (1 << 20) + 1]).contains("a line of 256 KiB without an end"));
}

#[test]
fn later_versions_may_say_more_and_others_less() {
    let lines = concat!(
        r#"{"type":"open","ts_ns":5,"pid":7,"comm":"a","op":"openat","#,
        r#""path_kind":"joined","name":"x","path":"/x","mood":{"a":[1]}}"#,
        "\n\n",
        r#"{"type":"weather","sunny":true}"#,
        "\n",
        r#"{"type":"summary","opens":1,"failed":0,"delivered":1,"dropped":0,"hooks":"h"}"#,
    );
    let (batch, end) = read(lines.as_bytes());
    end.unwrap();
    let event = batch.get(0).unwrap();
    assert_eq!((event.pid, event.tid, event.time_ns, event.fd_known), (7, 7, 5, false));
    assert_eq!(reader(lines.as_bytes()).unwrap().header(), None);
}

#[test]
fn a_header_cannot_reach_the_terminal_either() {
    let hostile = Header { host: "\u{1b}[2J".into(), ..header() };
    let mut line = serde_json::to_vec(&hostile).unwrap();
    line.push(b'\n');
    assert_eq!(reader(&line).unwrap().header(), Some(&Header { host: r"\x1b[2J".into(), ..header() }));
}

#[test]
fn the_header_tells_this_host() {
    let header = Header::of_host(&Hooks::named("hooks"));
    let up = std::fs::read_to_string("/proc/uptime").unwrap();
    let up: f64 = up.split(' ').next().unwrap().parse().unwrap();
    let booted: jiff::Timestamp = header.boot_time.parse().unwrap();
    let seconds = jiff::Timestamp::now().duration_since(booted).as_secs_f64();
    assert!((seconds - up).abs() < 2.0, "booted {seconds} s ago, up {up} s");
    assert_eq!(header.opentop, env!("CARGO_PKG_VERSION"));
    assert!(!header.host.is_empty() && !header.kernel.is_empty());
}
