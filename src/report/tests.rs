use super::*;
use crate::event::{Op, sample};

fn report(events: &[OpenEvent<'_>]) -> Report {
    let mut report = Report::new(ROOM, None);
    events.iter().for_each(|event| report.add(event));
    report.end();
    report
}

fn named(path: &[u8], found: bool) -> OpenEvent<'_> {
    OpenEvent { path, name: path, ret: if found { 3 } else { -libc::ENOENT }, ..sample() }
}

fn of(pid: u32, event: OpenEvent<'_>) -> OpenEvent<'_> {
    OpenEvent { pid, tid: pid, ..event }
}

/// Searches as (program, name, never, found, tries, found path).
fn searches(report: &Report) -> Vec<(String, String, u64, u64, u32, String)> {
    let name = |id| String::from_utf8_lossy(report.names().get(id)).into_owned();
    let results = report.searches().results();
    results
        .map(|(program, base, s)| {
            let path = if s.found > 0 { name(s.found_path) } else { String::new() };
            (name(program), name(base), s.never, s.found, s.tries, path)
        })
        .collect()
}

#[test]
fn a_search_ends_where_the_name_is_found_whatever_is_tried_between() {
    let report = report(&[
        named(b"/a/x.so", false),
        named(b"/a/x.a", false),
        named(b"/etc/passwd", true),
        named(b"/b/x.so", false),
        named(b"/b/x.a", false),
        named(b"/c/x.so", true),
        of(200, named(b"/a/x.so", false)),
    ]);
    let found = ("cat".to_owned(), "x.so".to_owned(), 1, 1, 3, "/c/x.so".to_owned());
    let never = ("cat".to_owned(), "x.a".to_owned(), 1, 0, 0, String::new());
    assert_eq!(searches(&report), [found, never]);
}

#[test]
fn to_create_a_file_is_not_to_find_it() {
    let exclusive = (libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL) as u64;
    let report = report(&[named(b"/run/lock", false), OpenEvent { flags: exclusive, ..named(b"/run/lock", true) }]);
    assert_eq!(searches(&report)[0].2, 1, "never found");
}

#[test]
fn a_file_is_told_by_what_was_done_with_it_and_by_whom() {
    let write = (libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC) as u64;
    let exec = OpenEvent { op: Op::Exec, fd_known: false, ret: 0, ..named(b"/usr/bin/cc", true) };
    let report = report(&[
        of(1, OpenEvent { comm: b"make", ..named(b"/src/Makefile", true) }),
        of(2, OpenEvent { ppid: 1, comm: b"cc", ..exec }),
        of(2, OpenEvent { ppid: 1, comm: b"a thread", flags: write, ..named(b"/src/a.o", true) }),
        of(2, OpenEvent { ppid: 1, ret: -libc::EACCES, uid: 7, ..named(b"/root/x", true) }),
    ]);
    let name = |id| String::from_utf8_lossy(report.names().get(id)).into_owned();
    let files: Vec<_> = report
        .records()
        .map(|(program, path, record)| {
            let kinds: Vec<_> = record.counts.kinds().iter().map(Kind::name).collect();
            format!("{} {} {} {} {}", name(program), name(path), kinds.join("+"), record.errno, record.uid)
        })
        .collect();
    // Who executed a program opened its file; what the program opens it does under its own name.
    assert_eq!(
        files,
        [
            "make /src/Makefile read 0 0",
            "make /usr/bin/cc executed 0 0",
            "cc /src/a.o written+replaced 0 0",
            "cc /root/x denied 13 7"
        ]
    );
}

#[test]
fn names_without_room_are_counted_and_nothing_grows() {
    const MIB: usize = 1 << 20;
    let mut report = Report::new(MIB, None);
    let long = "x".repeat(4000);
    for n in 0..10_000u32 {
        let path = format!("/{long}/{n}");
        report.add(&of(n % 100 + 1, named(path.as_bytes(), n % 2 == 0)));
    }
    report.end();
    let kept: u64 = report.records().map(|(.., record)| record.counts.opens).sum();
    assert!(kept > 100, "{kept}");
    assert_eq!(kept + report.left_out().opens, 10_000);
    assert_eq!(report.counts().opens, 10_000);
    assert_eq!((report.counts().get(Kind::Read), report.counts().get(Kind::Missing)), (5000, 5000));
    let used = report.names().bytes() + report.records().len() * RECORD_BYTES;
    assert!(used <= MIB, "{used}");
}

#[test]
fn the_same_file_again_and_again_and_the_slowest_are_told() {
    let slow = |ns| OpenEvent { latency: Some(std::time::Duration::from_nanos(ns)), ..named(b"/slow", true) };
    let mut events = vec![named(b"/etc/hosts", true); 12];
    events.extend([slow(5), slow(7)]);
    let report = report(&events);
    let most = report.repeats().most(10);
    assert_eq!((most.len(), most[0].opens, report.names().get(most[0].path)), (1, 12, &b"/etc/hosts"[..]));
    assert_eq!(report.slowest().iter().map(|slow| slow.latency.as_nanos()).collect::<Vec<_>>(), [7, 5]);
}
