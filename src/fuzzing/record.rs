//! Records of the ring buffer: decoded, kept in a batch, written as text and as JSON, and read again.

use super::{Input, assert_lines};
use crate::bpf::types::open_event;
use crate::bpf::{as_bytes, from_bytes};
use crate::event::{Batch, OpenEvent};
use crate::names::Names;
use crate::output::{Json, Output, Text};
use crate::recording::Item;
use crate::recording::Reader;
use crate::tracer::decode::Decoder;
use std::io::Cursor;

pub(super) const WORDS: &[&str] =
    &["/etc/hosts", "../", "/./", "//", "..", "\0", "tmp\0", "\u{1b}[2J", "\u{202e}", "\\", "é漢", "\x01\x00"];

/// What a record's names may be joined with: `(unreachable)` and slashes.
const JOINED: usize = 32;
/// The input is a sequence of records. A first byte below 16 stands before the length of a record and its raw bytes;
/// any other before a header, whose lengths are then made right, and its names.
pub(super) fn run(input: &[u8]) {
    let (mut decoder, mut batch) = (Decoder::default(), Batch::default());
    let mut input = Input(input);
    let mut given = 0;
    while !input.is_empty() {
        let record = match input.byte() {
            ..16 => {
                let len = input.number().into();
                input.bytes(len).to_vec()
            }
            _ => well_formed(&mut input),
        };
        let before = batch.len();
        given += record.len();
        let decoded = decoder.decode(&record, &mut batch);
        assert!(batch.len() <= before + 1, "one record is one open at most");
        assert!(decoded.is_ok() || batch.len() == before, "a record that is refused leaves nothing");
    }
    let most = 2 * (given + batch.len() * JOINED);
    let texts: usize = batch.iter().map(|event| event.comm.len() + event.path.len() + event.name.len()).sum();
    assert!(texts <= most, "{given} bytes became {texts}");
    batch.iter().for_each(|event| check(&event));
    written(&batch);
}

fn well_formed(input: &mut Input<'_>) -> Vec<u8> {
    let mut header = input.bytes(size_of::<open_event>()).to_vec();
    header.resize(size_of::<open_event>(), 0);
    let mut header: open_event = from_bytes(&header).expect("as long as a header");
    let len = usize::from(input.number() % 4096);
    let name = input.bytes(len);
    let len = usize::from(input.number() % 8192);
    let dir = input.bytes(len);
    (header.name_len, header.dir_len) = (name.len() as u16, dir.len() as u16);
    [as_bytes(&header), name, dir].concat()
}

fn check(event: &OpenEvent<'_>) {
    if event.path.starts_with(b"/") {
        assert!(event.path.starts_with(event.dir()), "{:?} is no directory of {:?}", event.dir(), event.path);
    }
    assert_eq!(event.failed(), event.errno().is_some());
    assert!(event.fd().is_none_or(|fd| fd >= 0));
}

/// What a kernel can say; a recording that says something else is refused.
fn possible(event: &OpenEvent<'_>) -> bool {
    const PID_MAX: u32 = 4 << 20;
    const ERRNO_MAX: i32 = 4095;
    // The kernel ends it by a NUL.
    const COMM_MAX: usize = 15;
    const CENTURY_NS: u64 = 100 * 365 * 86_400 * 1_000_000_000;
    let moments = [event.ts_ns, event.start_ns].into_iter().chain(event.latency.map(|time| time.as_nanos() as u64));
    event.process().len().max(event.comm.len()) <= COMM_MAX
        && event.ret >= -ERRNO_MAX
        && moments.into_iter().all(|ns| ns <= CENTURY_NS)
        && [event.pid, event.tid, event.ppid].iter().all(|pid| *pid <= PID_MAX)
}

/// What is written is safe to show, and the JSON reads as what was written.
fn written(batch: &Batch) {
    let names = Names::without_users();
    let (mut text, mut json) = (Vec::new(), Vec::new());
    for out in [&mut Text::new(&mut text) as &mut dyn Output, &mut Json::new(&mut json)] {
        batch.iter().try_for_each(|event| out.open(&event, &names)).and_then(|()| out.flush()).expect("room in memory");
    }
    assert_lines(&text);
    assert_lines(&json);
    if batch.is_empty() {
        return;
    }
    let mut reader = Reader::new(Cursor::new(json), "fuzz".into()).expect("lines that opentop has written");
    for event in batch.iter() {
        match reader.next_item() {
            Ok(Some(Item::Open(read, _))) => {
                assert_eq!((read.comm, read.process()), (event.comm, event.process()));
                assert_eq!((read.pid, read.uid, read.op), (event.pid, event.uid, event.op));
                assert_eq!((read.name, read.ts_ns, read.time_ns), (event.name, event.ts_ns, event.time_ns));
                assert_eq!(read.fd(), event.fd());
            }
            other if possible(&event) => panic!("{event:?} was read as {other:?}"),
            _ => return,
        }
    }
}
