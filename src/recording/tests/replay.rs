use super::*;
use crate::message::Message;
use crate::recording::replay::Replayed;
use crossbeam_channel::{Receiver, bounded, never, unbounded};
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

/// Replays at full speed and gives all messages.
fn replayed(bytes: &[u8]) -> (Vec<Message>, Replayed) {
    let (sender, receiver) = unbounded();
    let replayed = replay(reader(bytes).unwrap(), 0.0, SECOND, &sender, &never());
    drop(sender);
    (receiver.iter().collect(), replayed)
}

/// The kinds of messages: how many opens, the total of each count, the end.
fn kinds(messages: &[Message]) -> Vec<String> {
    let kind = |message: &Message| match message {
        Message::Opens(batch) => format!("opens {}", batch.len()),
        Message::Counts(counts) => format!("counts {} at {}", counts.totals.opens, counts.ts_ns / 1_000_000),
        Message::Hooks(hooks) => format!("hooks {hooks}"),
        Message::Host(news) => format!("{news:?}"),
        Message::Playback(at) => format!("{} of {:?}", at.at_ns / 1_000_000, at.length_ns),
        Message::End => "end".into(),
        Message::Failed(what) => format!("failed: {what}"),
    };
    messages.iter().map(kind).collect()
}

#[test]
fn a_replay_tells_opens_counts_and_the_end() {
    let (messages, replayed) = replayed(&record(&opens(250), &cgroup_names()));
    let expected =
        ["opens 100", "counts 100 at 1000", "opens 100", "counts 200 at 2000", "opens 50", "counts 253 at 2490", "end"];
    assert_eq!(kinds(&messages), expected);
    assert_eq!(replayed, Replayed { opens: 250, latency: false, note: None });
    let Some(Message::Counts(counts)) = messages.iter().rev().nth(1) else { panic!("no counts") };
    assert_eq!(counts.totals, totals(250));
    assert_eq!(counts.processes.iter().map(|process| process.opens).sum::<u64>(), 250);
}

#[test]
fn a_replay_of_half_a_recording_says_so() {
    let whole = plain(&opens(3), &cgroup_names());
    let (messages, cut) = replayed(&whole[..whole.len() - 5]);
    assert_eq!(kinds(&messages), ["opens 3", "counts 6 at 20", "end"]);
    assert_eq!(cut.note.unwrap(), "f ends early, after line 5: the recording was cut off, or is still being written");
    let mut broken = whole;
    broken.extend_from_slice(b"?\n");
    let (messages, broken) = replayed(&broken);
    let failed = "failed: f, line 7: not a recording of opentop: expected value (column 1)";
    assert_eq!(kinds(&messages), ["opens 3", "counts 6 at 20", failed]);
    assert_eq!(broken.opens, 3);
}

/// Replays in a thread of its own, with a channel of little room.
fn in_background(bytes: Vec<u8>, speed: f64) -> (Receiver<Message>, impl FnOnce() -> Replayed) {
    let (sender, receiver) = bounded(2);
    let (stop, stopped) = bounded(1);
    let reader = reader(&bytes).unwrap();
    let thread = std::thread::spawn(move || replay(reader, speed, SECOND, &sender, &stopped));
    (receiver, move || {
        drop(stop);
        thread.join().unwrap()
    })
}

#[test]
fn a_replay_keeps_the_time_of_the_recording() {
    let begun = Instant::now();
    let (messages, stop) = in_background(plain(&opens(41), &cgroup_names()), 2.0);
    let messages: Vec<Message> = messages.iter().collect();
    // 400 ms of recording.
    assert!(begun.elapsed() >= Duration::from_millis(200), "{:?}", begun.elapsed());
    let batches = messages.iter().filter(|message| matches!(message, Message::Opens(_))).count();
    assert!((8..=14).contains(&batches), "{:?}", kinds(&messages));
    assert_eq!(stop().opens, 41);
}

#[test]
fn a_replay_can_be_stopped_while_it_waits() {
    // Waiting for a time that is a year away, and for room in the channel.
    for speed in [1e-9, 0.0] {
        let (messages, stop) = in_background(plain(&opens(500), &cgroup_names()), speed);
        let begun = Instant::now();
        if speed > 0.0 {
            let _ = messages.recv_timeout(Duration::from_millis(100));
        }
        let replayed = stop();
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
        assert!(replayed.opens < 500);
    }
}

#[test]
fn a_replay_ends_with_its_consumer() {
    let (messages, stop) = in_background(plain(&opens(500), &cgroup_names()), 0.0);
    let first = messages.recv().unwrap();
    assert!(matches!(first, Message::Opens(_)));
    drop(messages);
    assert!(stop().opens < 500);
}
