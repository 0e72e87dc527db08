//! Opens by io_uring, which come in two records.

use super::*;

/// The halves of an open by io_uring.
fn by_ring(request: u64) -> (Record, Record) {
    let mut submitted = record(b"hosts", &[event_flags::EVENT_RELATIVE, event_flags::EVENT_SUBMITTED], &["etc"]);
    let mut completed = record(b"", &[event_flags::EVENT_COMPLETED], &[]);
    for half in [&mut submitted, &mut completed] {
        (half.header.uring_key, half.header.op) = (request, Op::IoUring as u8);
    }
    set_comm(&mut completed.header, b"iou-wrk-10");
    (completed.header.ts_ns, completed.header.ret) = (4_000, -libc::EACCES);
    (submitted, completed)
}

#[test]
fn an_open_by_io_uring_is_what_was_submitted_with_its_result() {
    let (mut decoder, mut batch) = (Decoder::default(), Batch::default());
    let (submitted, completed) = by_ring(0xffff_8880_0000_0001);
    decoder.decode(&submitted.bytes(), &mut batch).unwrap();
    assert!(batch.is_empty());
    decoder.decode(&record(b"/between", &[], &[]).bytes(), &mut batch).unwrap();
    decoder.decode(&completed.bytes(), &mut batch).unwrap();
    assert_eq!((batch.len(), batch.get(0).unwrap().path), (2, &b"/between"[..]));
    let event = batch.get(1).unwrap();
    assert_eq!((event.path, event.comm, event.op), (&b"/etc/hosts"[..], &b"nginx"[..], Op::IoUring));
    assert_eq!((event.errno(), event.ts_ns, event.latency), (Some(libc::EACCES), 4_000, None));
    // The same request serves the next open.
    decoder.decode(&submitted.bytes(), &mut batch).unwrap();
    let latency = Record { header: open_event { latency_ns: 1, ..completed.header }, ..completed };
    decoder.decode(&latency.bytes(), &mut batch).unwrap();
    assert_eq!(batch.get(2).unwrap().latency, Some(Duration::from_micros(3)));
}

#[test]
fn a_ring_opens_under_another_name_and_into_a_slot() {
    let opens = |slot: u16| {
        let (mut decoder, mut batch) = (Decoder::default(), Batch::default());
        let (mut submitted, mut completed) = by_ring(7);
        submitted.header.event_flags |= slot;
        (completed.opened, completed.header.ret) = (b"other".to_vec(), 0);
        (completed.real, completed.header.event_flags) =
            (vec!["other"], completed.header.event_flags | event_flags::EVENT_REAL.0 as u16);
        decoder.decode(&submitted.bytes(), &mut batch).unwrap();
        decoder.decode(&completed.bytes(), &mut batch).unwrap();
        batch
    };
    assert_eq!(opens(0).get(0).unwrap().opened_name, b"other");
    assert_eq!(opens(0).get(0).unwrap().real_path, b"/other");
    let into_slot = opens(event_flags::EVENT_FD_UNKNOWN.0 as u16);
    assert_eq!(into_slot.get(0).unwrap().real_path, b"");
    assert_eq!((into_slot.get(0).unwrap().opened_name, into_slot.get(0).unwrap().fd()), (&b""[..], None));
}

#[test]
fn a_result_without_its_request_is_reported_all_the_same() {
    let (_, mut completed) = by_ring(7);
    completed.header.latency_ns = 3_999;
    let batch = completed.decoded();
    assert_eq!((batch.get(0).unwrap().errno(), batch.get(0).unwrap().name), (Some(libc::EACCES), &b""[..]));
    assert_eq!(batch.get(0).unwrap().latency, None);
}

#[test]
fn a_request_that_is_cut_short_is_refused_with_its_result() {
    let (mut decoder, mut batch) = (Decoder::default(), Batch::default());
    let (submitted, completed) = by_ring(7);
    let bytes = submitted.bytes();
    let kept = size_of::<open_event>() + 3;
    decoder.decode(&bytes[..kept], &mut batch).unwrap();
    let error = decoder.decode(&completed.bytes(), &mut batch).unwrap_err();
    assert_eq!(error, DecodeError::Names { have: 3, claimed: bytes.len() - size_of::<open_event>() });
    assert!(batch.is_empty());
}

#[test]
fn requests_that_never_complete_take_bounded_room() {
    let (mut decoder, mut batch) = (Decoder::default(), Batch::default());
    let (submitted, completed) = by_ring(0);
    let half = |half: &Record, request: u64, pid: u32, name: usize| {
        let header = open_event { uring_key: request, pid, ..half.header };
        Record { header, name: vec![b'n'; name], ..half.clone() }.bytes()
    };
    decoder.decode(&half(&submitted, u64::MAX, 7, 10), &mut batch).unwrap();
    for request in 0..100_000 {
        decoder.decode(&half(&submitted, request, 1, 4000), &mut batch).unwrap();
        assert!(decoder.pending.bytes() < 2 << 20, "{} bytes", decoder.pending.bytes());
    }
    // What was evicted is a loss, and what other processes submitted is not.
    let evicted = decoder.decode(&half(&completed, 99_000, 1, 0), &mut batch);
    assert_eq!(evicted, Err(DecodeError::Evicted { lookup: false }));
    decoder.decode(&half(&completed, 99_999, 1, 0), &mut batch).unwrap();
    decoder.decode(&half(&completed, u64::MAX, 7, 0), &mut batch).unwrap();
    assert_eq!(batch.iter().map(|event| event.name.len()).collect::<Vec<_>>(), [4000, 10]);
    // Nor do many processes together take more.
    for request in 0..10_000 {
        decoder.decode(&half(&submitted, request, request as u32, 4000), &mut batch).unwrap();
    }
    assert!(decoder.pending.bytes() <= 4 << 20);
}

#[test]
fn a_request_that_is_used_again_is_not_evicted() {
    let (mut decoder, mut batch) = (Decoder::default(), Batch::default());
    let (submitted, completed) = by_ring(3);
    for _ in 0..100_000 {
        decoder.decode(&submitted.bytes(), &mut batch).unwrap();
    }
    decoder.decode(&completed.bytes(), &mut batch).unwrap();
    assert_eq!(batch.get(0).unwrap().path, b"/etc/hosts");
}
