use super::*;
use crate::message::{Message, Playback, PlaybackCommand};
use crate::recording::replay::{Controls, replay_with};
use crate::recording::write::FRAME_EVENTS;
use crossbeam_channel::{bounded, unbounded};
use std::path::PathBuf;

const EVENTS: u64 = 3 * FRAME_EVENTS + 7;
const STEP_NS: u64 = 10_000_000;

/// A file with these bytes, which goes with it.
struct Recording(Temp);

impl Recording {
    fn of(bytes: &[u8]) -> Self {
        let file = Temp::new();
        std::fs::write(&file.0, bytes).unwrap();
        Self(file)
    }

    fn open(&self) -> Reader {
        let path: PathBuf = self.0.0.clone();
        Reader::of_file(Input::open(&path, Interrupt::default()).unwrap()).unwrap()
    }
}

fn recorded() -> Vec<u8> {
    record(&opens(EVENTS), &cgroup_names())
}

/// The times of the events that are read from now on, up to so many.
fn times(reader: &mut Reader, most: usize) -> Vec<u64> {
    let mut times = Vec::new();
    while times.len() < most
        && let Some(item) = reader.next_item().unwrap()
    {
        if let Item::Open(event, _) = item {
            times.push(event.ts_ns);
        }
    }
    times
}

#[test]
fn a_recording_is_read_from_close_before_any_time() {
    let file = Recording::of(&recorded());
    let mut reader = file.open();
    assert_eq!(reader.span_ns(), Some((0, (EVENTS - 1) * STEP_NS)));
    for event in [EVENTS - 1, 2 * FRAME_EVENTS + 5, FRAME_EVENTS, 1, 0, u64::MAX / STEP_NS] {
        reader.seek(event * STEP_NS).unwrap();
        let first = times(&mut reader, 1)[0] / STEP_NS;
        assert!(first <= event && event.min(EVENTS) - first <= FRAME_EVENTS, "{first} for {event}");
        let rest = times(&mut reader, usize::MAX);
        assert_eq!(rest.last().copied().unwrap_or(first * STEP_NS), (EVENTS - 1) * STEP_NS);
    }
}

#[test]
fn a_recording_without_an_index_is_read_from_its_start() {
    let whole = recorded();
    let cut = &whole[..whole.len() - 1];
    for bytes in [plain(&opens(9), &cgroup_names()), cut.to_vec()] {
        let file = Recording::of(&bytes);
        let mut reader = file.open();
        assert_eq!(reader.span_ns(), None);
        times(&mut reader, 5);
        reader.seek(8 * STEP_NS).unwrap();
        assert_eq!(times(&mut reader, 1), [0]);
    }
}

/// The forms that have no index: as earlier versions wrote them, cut off, and not compressed.
fn without_index() -> [Vec<u8>; 3] {
    let whole = recorded();
    let text = zstd::decode_all(&*whole).unwrap();
    [zstd::encode_all(&*text, 1).unwrap(), whole[..whole.len() - 1].to_vec(), text]
}

/// Looks through a file, and gives what is told in the end: opens, failures and length.
fn surveyed(reader: &Reader) -> (u64, u64, Option<u64>) {
    let mut last = (0, 0, None);
    reader.survey().unwrap().run(|timeline, length_ns| {
        let all = timeline.columns(timeline.span_ns().unwrap_or_default(), 1)[0];
        last = (all.opens, all.failed, length_ns);
        true
    });
    last
}

#[test]
fn what_has_no_index_is_looked_through_and_then_read_from_close_before_any_time() {
    let failed = opens(EVENTS).iter().filter(OpenEvent::failed).count() as u64;
    for bytes in without_index() {
        let file = Recording::of(&bytes);
        let mut reader = file.open();
        // Neither disturbs the other.
        let before = times(&mut reader, 5);
        assert_eq!(surveyed(&reader), (EVENTS, failed, Some((EVENTS - 1) * STEP_NS)));
        assert_eq!(times(&mut reader, 1)[0], before[4] + STEP_NS);
        assert_eq!(reader.span_ns(), Some((0, (EVENTS - 1) * STEP_NS)));
        for event in [EVENTS - 1, 2 * FRAME_EVENTS + 5, FRAME_EVENTS, 1, 0] {
            reader.seek(event * STEP_NS).unwrap();
            let first = times(&mut reader, 1)[0] / STEP_NS;
            assert!(first <= event && event - first <= FRAME_EVENTS, "{first} for {event}");
            let rest = times(&mut reader, (EVENTS - 1 - first) as usize);
            assert_eq!(rest.last().copied().unwrap_or(first * STEP_NS), (EVENTS - 1) * STEP_NS);
        }
    }
}

#[test]
fn what_is_changed_meanwhile_is_read_from_its_start() {
    let [old, ..] = without_index();
    let file = Recording::of(&old);
    let mut reader = file.open();
    surveyed(&reader);
    // As long as before, and less in it.
    let mut other = record(&opens(9), &cgroup_names());
    other.resize(old.len(), 0);
    std::fs::write(&file.0.0, &other).unwrap();
    reader.seek((EVENTS - 1) * STEP_NS).unwrap();
    assert_eq!(times(&mut reader, 1), [0]);
}

#[test]
fn a_survey_ends_when_told_and_at_what_is_no_recording() {
    for bytes in without_index() {
        let file = Recording::of(&bytes);
        let interrupt = Interrupt::default();
        let reader = Reader::of_file(Input::open(&file.0.0, interrupt.clone()).unwrap()).unwrap();
        // Cut within a frame or a line, and followed by what is none.
        let half = Recording::of(&[&bytes[..bytes.len() / 2], &[b'x'; 1 << 20][..]].concat());
        assert!(surveyed(&half.open()).0 <= EVENTS);
        let mut calls = 0;
        interrupt.set();
        reader.survey().unwrap().run(|_, _| {
            calls += 1;
            true
        });
        assert_eq!((calls, reader.span_ns()), (0, None));
    }
}

/// As other programs write JSON again.
#[test]
fn of_lines_that_a_survey_does_not_know_it_tells_nothing() {
    let [.., text] = without_index();
    let text = String::from_utf8(text).unwrap();
    let tenth = &text.lines().nth(9).unwrap()[..40];
    let cut = text.lines().take(9).chain(["", tenth]).collect::<Vec<_>>().join("\n");
    for (text, events) in [
        (text.replace("\":", "\": "), 0),
        (text.replacen("\"ts_ns\":", &format!("\"x\":\"{}\",\"ts_ns\":", "x".repeat(200)), 1), 0),
        (cut, 8),
    ] {
        let reader = Recording::of(text.as_bytes());
        let mut reader = reader.open();
        let (opens, _, length_ns) = surveyed(&reader);
        assert_eq!((opens, length_ns.is_some()), (events, events > 0));
        assert_eq!(times(&mut reader, 3), [0, STEP_NS, 2 * STEP_NS]);
    }
}

/// Whatever the index says, what is read is what is there, or an error.
#[test]
fn a_hostile_index_leads_nowhere_else() {
    let whole = recorded();
    let size = 4 * 24 + 24;
    let at = whole.len() - size;
    for (offset, number) in
        [(24, 1), (24, u64::MAX), (48, 9), (8, 1 << 60), (size - 16, u64::MAX), (size - 16, 1), (40, 0)]
    {
        let mut bytes = whole.clone();
        bytes[at + offset..at + offset + 8].copy_from_slice(&u64::to_le_bytes(number));
        let file = Recording::of(&bytes);
        let mut reader = file.open();
        for event in [0, FRAME_EVENTS + 3, EVENTS - 1] {
            reader.seek(event * STEP_NS).unwrap();
            let read = times(&mut reader, usize::MAX);
            assert_eq!(read.last(), Some(&((EVENTS - 1) * STEP_NS)), "{number} at {offset}");
        }
    }
}

/// Times that no host has, or in no order, would be shown as the recording's length.
#[test]
fn an_index_whose_times_cannot_be_right_is_as_none() {
    let whole = recorded();
    let size = 4 * 24 + 24;
    let at = whole.len() - size;
    let (first, second, last) = (16, 40, size - 24);
    for (offset, ts_ns) in [(last, 1 << 63), (first, u64::MAX), (second, CENTURY), (last, 0)] {
        let mut bytes = whole.clone();
        bytes[at + offset..at + offset + 8].copy_from_slice(&u64::to_le_bytes(ts_ns));
        assert_eq!(Recording::of(&bytes).open().span_ns(), None, "{ts_ns} at {offset}");
    }
}

#[test]
fn zstd_passes_over_the_index() {
    let text = zstd::decode_all(&*recorded()).unwrap();
    assert_eq!(text.iter().filter(|byte| **byte == b'\n').count() as u64, EVENTS + 3);
    assert!(text.ends_with(b"}\n"));
}

/// A replay that is paused from its start, stepped and sent elsewhere.
#[test]
fn a_replay_does_what_it_is_asked_for() {
    let file = Recording::of(&recorded());
    let (reader, (sender, messages)) = (file.open(), unbounded());
    let ((stop, stopped), (ask, asked)) = (bounded::<()>(1), unbounded());
    ask.send(PlaybackCommand::Pause(true)).unwrap();
    let player = std::thread::spawn(move || {
        let controls = Controls { stop: &stopped, commands: Some(&asked) };
        replay_with(reader, 1.0, Duration::from_secs(1), &sender, controls)
    });
    let next_opens = || loop {
        if let Message::Opens(batch) = messages.recv_timeout(Duration::from_secs(20)).unwrap() {
            return batch.iter().map(|event| event.ts_ns / STEP_NS).collect::<Vec<_>>();
        }
    };
    let next_place = || loop {
        if let Message::Playback(at) = messages.recv_timeout(Duration::from_secs(20)).unwrap() {
            return at;
        }
    };
    let length_ns = Some((EVENTS - 1) * STEP_NS);
    let paused = Playback { length_ns, speed: 1.0, paused: true, seekable: true, ..Playback::default() };
    assert_eq!(next_place(), Playback { paused: false, ..paused });
    assert_eq!(next_place(), paused);
    ask.send(PlaybackCommand::Step).unwrap();
    assert_eq!(next_opens(), [0]);
    let to = 2 * FRAME_EVENTS;
    ask.send(PlaybackCommand::Seek(to * STEP_NS)).unwrap();
    // Paused, it shows the event that is there.
    assert_eq!(next_opens(), [to]);
    let Message::Counts(counts) = messages.recv().unwrap() else { panic!("no counts") };
    assert_eq!(counts.totals.opens, 1);
    let at = next_place();
    assert_eq!((at.at_ns, at.from_ns, at.seeks, at.paused), (to * STEP_NS, to * STEP_NS, 1, true));
    ask.send(PlaybackCommand::Faster).unwrap();
    assert_eq!(next_place().speed.to_string(), "2");
    // To the last event, and once more after the end.
    for _ in 0..2 {
        ask.send(PlaybackCommand::Seek(u64::MAX)).unwrap();
        ask.send(PlaybackCommand::Pause(false)).unwrap();
        assert_eq!(next_opens(), [EVENTS - 1]);
        while !matches!(messages.recv_timeout(Duration::from_secs(20)).unwrap(), Message::End) {}
    }
    drop(stop);
    player.join().unwrap();
}

/// Without an index nobody knows where the end is before it was reached.
#[test]
fn a_time_beyond_the_end_is_the_end() {
    let file = Recording::of(&plain(&opens(9), &cgroup_names()));
    let (reader, (sender, messages)) = (file.open(), unbounded());
    let ((stop, stopped), (ask, asked)) = (bounded::<()>(1), unbounded());
    ask.send(PlaybackCommand::Seek(u64::MAX)).unwrap();
    let player = std::thread::spawn(move || {
        let controls = Controls { stop: &stopped, commands: Some(&asked) };
        replay_with(reader, 1.0, Duration::from_secs(1), &sender, controls)
    });
    let next = || messages.recv_timeout(Duration::from_secs(20)).unwrap();
    while !matches!(next(), Message::End) {}
    let Message::Playback(at) = next() else { panic!("no position") };
    let end_ns = 8 * STEP_NS;
    assert_eq!((at.length_ns, at.at_ns, at.from_ns), (Some(end_ns), end_ns, end_ns));
    drop(stop);
    player.join().unwrap();
}
