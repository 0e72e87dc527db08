use super::*;
use crate::event::{Op, OpenEvent, PathKind, sample};
use crate::names::packages::Packages;
use crate::recording::{Header, Reader};
use crate::report::ROOM;
use proptest::prelude::*;
use serde_json::Value;
use unicode_width::UnicodeWidthStr as _;

const LOOK: Look = Look { width: 80, colour: false, all: false, all_by: "--all", by: By::Dir };

/// A compiler at work, with a hostile name, and a denied one.
fn sample_report() -> Report {
    let write = (libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC) as u64;
    let mut report = Report::new(ROOM, None);
    let mut add = |pid: u32, comm: &'static [u8], path: &[u8], ret: i32, flags: u64, op: Op| {
        let event = OpenEvent { pid, tid: pid, ppid: pid - 1, start_ns: pid.into(), comm, ret, flags, op, ..sample() };
        report.add(&OpenEvent { path, name: path, ..event });
    };
    add(10, b"make", b"/src/Makefile", 3, 0, Op::Openat);
    add(11, b"cc1", b"/usr/bin/cc1", 0, 0, Op::Exec);
    for dir in ["/src/inc", "/usr/local/include", "/usr/include"] {
        add(11, b"cc1", format!("{dir}/config.h").as_bytes(), -libc::ENOENT, 0, Op::Openat);
        let found = if dir == "/usr/include" { 3 } else { -libc::ENOENT };
        add(11, b"cc1", format!("{dir}/stdio.h").as_bytes(), found, 0, Op::Openat);
    }
    for n in 0..30 {
        add(11, b"cc1", format!("/usr/include/bits/{n}.h").as_bytes(), 3, 0, Op::Openat);
    }
    add(11, b"cc1", b"/src/\x1b[2Jevil\xff.o", 4, write, Op::Openat);
    add(11, b"cc1", b"/root/secret", -libc::EACCES, 0, Op::Openat);
    add(11, b"cc1", b"/src/lock", -libc::EEXIST, write, Op::Openat);
    add(11, b"cc1", "/漢字/".repeat(40).as_bytes(), -libc::ENOENT, 0, Op::Openat);
    (0..12).for_each(|_| add(11, b"cc1", b"/proc/self/maps", 5, 0, Op::Openat));
    report.end();
    report
}

fn page(report: &Report, look: Look) -> String {
    let mut page = Vec::new();
    text(&mut page, report, "build.zst", look, Host::default()).unwrap();
    String::from_utf8(page).unwrap()
}

#[test]
fn a_page() {
    let page = page(&sample_report(), LOOK);
    let expected = r"build.zst: 54 opens by 2 processes in 0.0 s; none was lost
44 read, 1 written, 1 replaced, 1 executed, 6 missing, 1 denied, 1 failed

MISSING 2 names, never found in 2 searches
  config.h ";
    assert!(page.starts_with(expected), "{page}");
    for line in [
        "  config.h                                            3 directories, never  cc1",
        "    /src/inc /usr/include /usr/local/include",
        "  /usr/include/stdio.h                                       3rd try  cc1",
        "  /root/secret                                              EACCES  cc1, uid 0",
        "  /src/lock                                                 EEXIST  cc1, uid 0",
        r"  /src/\x1b[2Jevil\xff.o",
        "  /usr/include/bits/                                         30 files, 30 opens",
        "  make                                                       ran before, 1 open",
        "    /usr/bin/cc1                                      1 run, 53 opens, 8 failed",
        "  /proc/self/maps                                           12 opens  cc1 (11)",
    ] {
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(page.lines().any(|shown| words(shown) == words(line)), "{line:?} in\n{page}");
    }
}

#[test]
fn every_page_fits_and_has_nothing_that_a_terminal_obeys() {
    let report = sample_report();
    for width in [60, 80, 133] {
        for (all, by) in [(false, By::Dir), (true, By::Dir), (false, By::Process)] {
            for line in page(&report, Look { width, all, by, ..LOOK }).lines() {
                assert!(line.width() <= width, "{} columns of {width}: {line}", line.width());
                assert!(!line.chars().any(char::is_control), "{line:?}");
            }
        }
    }
    let coloured = page(&report, Look { colour: true, ..LOOK });
    assert!(coloured.contains("\x1b[1mMISSING\x1b[0m") && !coloured.contains("\x1b[2J"), "{coloured}");
}

#[test]
fn packages_are_a_row_each_and_files_of_none_are_shown() {
    let report = sample_report();
    let dir = std::env::temp_dir().join(format!("opentop-report-{}", std::process::id()));
    std::fs::create_dir(&dir).unwrap();
    let files: String = (0..30).map(|n| format!("/usr/include/bits/{n}.h\n")).collect();
    std::fs::write(dir.join("libc6-dev:amd64.list"), files).unwrap();
    let paths = report.records().map(|(_, path, _)| report.names().get(path));
    let packages = Packages::find(paths, &dir);
    std::fs::remove_dir_all(&dir).unwrap();
    let (mut page, mut lines) = (Vec::new(), Vec::new());
    let host = Host { packages: Some(&packages.unwrap()), denied_by: Some(|_, uid| format!("by {uid}")) };
    text(&mut page, &report, "build.zst", Look { by: By::Package, ..LOOK }, host).unwrap();
    json(&mut lines, &report, &Header::default(), "hooks", host).unwrap();
    for line in String::from_utf8(lines).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        if line["type"] == "file" {
            let path = line["path"].as_str().unwrap();
            let package = path.starts_with("/usr/include/bits/").then_some("libc6-dev");
            let why = (path == "/root/secret").then_some("by 0");
            assert_eq!((line["package"].as_str(), line["denied_by"].as_str()), (package, why), "{path}");
        }
    }
    let page = String::from_utf8(page).unwrap();
    let (_, read) = page.split_once("\nREAD ").unwrap();
    let rows: Vec<_> =
        read.lines().skip(1).take(5).map(|row| row.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let none = ["of no package: 3 paths", "/proc/self/maps 12 opens", "/src/Makefile", "/usr/include/stdio.h"];
    assert_eq!(rows, [&["libc6-dev 30 files, 30 opens"][..], &none].concat());
}

#[test]
fn what_was_denied_is_explained_where_that_is_wanted() {
    let host = Host { denied_by: Some(|path, uid| format!("by {} of {uid}", path.len())), ..Host::default() };
    let mut page = Vec::new();
    text(&mut page, &sample_report(), "build.zst", LOOK, host).unwrap();
    let page = String::from_utf8(page).unwrap();
    assert!(page.contains("\n    by 12 of 0\n"), "{page}");
}

#[test]
fn an_empty_report_is_a_page_too() {
    let mut report = Report::new(ROOM, None);
    report.end();
    assert!(page(&report, LOOK).starts_with("build.zst: 0 opens by 0 processes in 0.0 s; none was lost\n"));
}

#[test]
fn losses_stand_in_the_first_line() {
    let mut report = sample_report();
    report.set_totals(Totals { lost: Lost { ring: 3, ..Lost::default() }, ..Totals::default() });
    let page = page(&report, LOOK);
    assert!(
        page.lines().next().is_some_and(|line| line.contains("LOST: 3 because the ring buffer was full")),
        "{page}"
    );
}

#[test]
fn paths_that_may_not_be_what_was_meant_are_told() {
    let mut report = Report::new(ROOM, None);
    for (path_kind, dir_deleted) in
        [(PathKind::Truncated, true), (PathKind::Unreadable, false), (PathKind::Joined, false)]
    {
        report.add(&OpenEvent { path_kind, dir_deleted, ..sample() });
    }
    report.end();
    let page = page(&report, LOOK);
    for line in [
        "1 relative to a directory",
        "1 of names or directories that are longer",
        "1 of names or directories that could",
    ] {
        assert!(page.lines().any(|shown| shown.starts_with(line)), "{line:?} in\n{page}");
    }
}

#[test]
fn json_lines() {
    let mut lines = Vec::new();
    json(&mut lines, &sample_report(), &Header::default(), "hooks", Host::default()).unwrap();
    let text = String::from_utf8(lines).unwrap();
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |kind: &str| lines.iter().filter(|line| line["type"] == kind).collect::<Vec<_>>();
    assert_eq!((lines[0]["type"].as_str(), lines[0]["version"].as_u64()), (Some("report"), Some(1)));
    assert_eq!((lines[0]["opens"].as_u64(), lines[0]["read"].as_u64()), (Some(54), Some(44)));
    assert_eq!(lines[lines.len() - 1]["type"], "summary");
    let opens: u64 = of("file").iter().map(|line| line["opens"].as_u64().unwrap()).sum();
    assert_eq!(opens, 54);
    let evil = of("file").into_iter().find(|line| line["replaced"] == 1).unwrap();
    assert_eq!(evil["path"], r"/src/\x1b[2Jevil\xff.o");
    assert!(evil["path_b64"].is_string());
    let stdio = of("search").into_iter().find(|line| line["name"] == "stdio.h").unwrap();
    assert_eq!((stdio["tries"].as_u64(), stdio["found_path"].as_str()), (Some(3), Some("/usr/include/stdio.h")));
    assert_eq!(of("program").len(), 2);
    assert_eq!((of("repeat").len(), of("repeat")[0]["opens"].as_u64()), (1, Some(12)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever names, results and flags a recording holds, every form fits and obeys no name.
    #[test]
    fn hostile_names_reach_no_terminal(
        opens in prop::collection::vec(
            (
                any::<Vec<u8>>(),
                "[/\\PC\u{1b}\u{9b}\u{202e}]{0,80}",
                -200..5i32,
                any::<u64>(),
                0..Op::ALL.len(),
                1..4u32,
            ),
            0..30,
        ),
        width in 60usize..140,
    ) {
        let mut report = Report::new(ROOM, None).with_inputs(1 << 20);
        for (bytes, text, ret, flags, op, pid) in &opens {
            let (comm, op) = (&bytes[..bytes.len().min(15)], Op::ALL[*op]);
            let path = if pid % 2 == 0 { bytes } else { text.as_bytes() };
            let event = OpenEvent { comm, path, name: path, ret: *ret, flags: *flags, op, ..sample() };
            report.add(&OpenEvent { pid: *pid, ppid: pid - 1, start_ns: (*pid).into(), ..event });
        }
        report.end();
        for (all, by) in [(false, By::Dir), (true, By::Process)] {
            for line in page(&report, Look { width, all, by, ..LOOK }).lines() {
                prop_assert!(line.width() <= width && crate::escape::is_shown_as_it_is(line), "{:?}", line);
            }
        }
        let empty = Report::new(ROOM, None);
        let found = crate::report::diff(&report, &empty, 2.0);
        prop_assert_eq!(found.len(), report.records().len());
        let (mut lines, mut rules, mut differences) = (Vec::new(), Vec::new(), Vec::new());
        json(&mut lines, &report, &Header::default(), "hooks", Host::default()).unwrap();
        depfile(&mut rules, &report).unwrap();
        diff_text(&mut differences, &found, ["a", "b"], Look { width, ..LOOK }).unwrap();
        for line in String::from_utf8(lines.clone()).unwrap().lines() {
            let is_json = serde_json::from_str::<Value>(line).is_ok();
            prop_assert!(is_json && crate::escape::is_shown_as_it_is(line), "{:?}", line);
        }
        // What is read back is what was written.
        let reader = Reader::new(io::Cursor::new(lines), "lines".into()).unwrap();
        let mut again = Report::new(ROOM, None);
        prop_assert_eq!(crate::report::read(reader, &mut again).unwrap(), None);
        prop_assert_eq!(crate::report::diff(&report, &again, 1.0).len(), 0);
        prop_assert_eq!(report.counts(), again.counts());
        for text in [rules, differences] {
            let text = String::from_utf8(text).unwrap();
            prop_assert!(text.lines().all(crate::escape::is_shown_as_it_is), "{:?}", text);
        }
    }
}
