//! Recordings from elsewhere: read to their end, plain and compressed, and replayed.

use super::assert_displayable;
use crate::message::Message;
use crate::recording::Item;
use crate::recording::{Reader, replay};
use crossbeam_channel::bounded;
use std::io::Cursor;
use std::time::Duration;

pub(super) const WORDS: &[&str] = &[
    "{\"type\":\"header\",\"opentop\":\"0.1.0\",\"host\":\"h\",\"kernel\":\"k\",\"boot_time\":\"2026-01-01T00:00:00Z\",\
     \"hooks\":\"x\"}\n",
    "{\"type\":\"open\",\"ts_ns\":1,\"pid\":1,\"comm\":\"cat\",\"op\":\"openat\",\"path_kind\":\"absolute\",\
     \"name\":\"/x\",\"path\":\"/x\"}\n",
    "{\"type\":\"open\",\"time\":\"2026-01-01T00:00:01Z\",\"ts_ns\":18446744073709551615,\"pid\":4294967295,\"tid\":1,\
     \"ppid\":1,\"uid\":0,\"comm\":\"a\\u001b\",\"op\":\"openat\",\"flags\":[\"O_RDONLY\"],\"mode\":null,\"fd\":3,\
     \"errno\":null,\"name\":null,\"path\":null,\"path_kind\":\"unreadable\",\"latency_ns\":1,\"cgroup\":\"/a\",\
     \"start_ns\":1}\n",
    "{\"type\":\"lost\",\"cause\":\"ring\",\"count\":18446744073709551615}\n",
    "{\"type\":\"summary\",\"opens\":1,\"failed\":18446744073709551615,\"lost\":{\"ring\":1,\"\":2}}\n",
    "\"name_b64\":\"/w==\",",
    "\"errno\":\"ENOENT\",",
    "\"errno\":\"2147483648\",",
    "\"fd\":4294967295,",
    "\"flags\":[\"0x7\"],",
    "{}",
    "\n",
    "{\"type\":",
    "\"",
    "\\u0000",
    "\\ud800",
    ",",
    "}",
    "null",
    "-1",
    "1e999",
    "[[[[",
];

/// Messages for a replay without an event: the last counts, and the end.
const MESSAGES: usize = 16;

pub(super) fn run(input: &[u8]) {
    let plain = read(input);
    if !input.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        let packed = zstd::encode_all(input, 1).expect("room in memory");
        assert_eq!(read(&packed), plain, "compressed or not, it is the same recording");
    }
    replayed(input, plain);
}

/// How many items there are up to the end or the first error.
fn read(bytes: &[u8]) -> usize {
    let Ok(mut reader) = reader(bytes) else { return 0 };
    if let Some(header) = reader.header() {
        let texts = [&header.opentop, &header.host, &header.kernel, &header.boot_time, &header.hooks.set];
        texts.into_iter().for_each(|text| assert_displayable(text));
    }
    let mut items = 0;
    loop {
        match reader.next_item() {
            Ok(Some(item)) => check(&item),
            Ok(None) => return items,
            Err(error) => {
                assert_displayable(&error.to_string());
                return items;
            }
        }
        items += 1;
    }
}

fn reader(bytes: &[u8]) -> Result<Reader, crate::recording::ReadError> {
    Reader::new(Cursor::new(bytes.to_vec()), "fuzz".into()).inspect_err(|error| assert_displayable(&error.to_string()))
}

fn check(item: &Item<'_>) {
    if let Item::Open(event, _) = item {
        assert!(event.fd().is_none_or(|fd| fd >= 0));
    }
}

/// A replay ends, says so, and sends no more than its events and the counts between them.
fn replayed(bytes: &[u8], items: usize) {
    let Ok(reader) = reader(bytes) else { return };
    let (messages, received) = bounded(64);
    let (stop, stopped) = bounded(1);
    std::thread::scope(|scope| {
        scope.spawn(move || replay(reader, 0.0, Duration::from_secs(1), &messages, &stopped));
        let (mut opens, mut others, mut ended) = (0, 0, false);
        for message in &received {
            match message {
                Message::Opens(batch) => opens += batch.len(),
                Message::End | Message::Failed(_) => ended = true,
                _ => others += 1,
            }
            if others > 2 * items + MESSAGES {
                let _ = stop.send(());
                panic!("{others} messages for {items} items");
            }
        }
        assert!(ended, "the end is told");
        assert!(opens <= items, "{opens} opens of {items} items");
    });
}
