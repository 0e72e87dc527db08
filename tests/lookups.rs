//! Look-ups: every call that looks a file up by its name is reported once and rightly, and counted apart from opens.

mod common;

use common::lines::Line;
use common::tracer::Tracer;
use common::ways::{Gone, look_up_every_way};
use common::{Scratch, needs_root, opener, opentop, output, stderr, stdout, succeed};
use serde_json::Value;

#[test]
#[ignore = "needs root: make test"]
fn every_way_to_look_up_is_reported_once_and_rightly() {
    all_ways(&[]);
}

#[test]
#[ignore = "needs root: make test"]
fn the_raw_hooks_see_the_same() {
    all_ways(&["--hooks", "raw"]);
}

/// As every hook set must on a kernel that has everything; which calls there are differs with the kernel.
#[track_caller]
fn all_ways(args: &[&str]) {
    needs_root();
    let gone: Gone = look_up_every_way(args);
    assert!(gone.skipped.is_empty(), "this kernel lacks ways that it had: {:#?}", gone.skipped);
    assert!(gone.is_well() && gone.cut.is_empty() && gone.unseen.is_empty(), "{}", gone.complaint());
    for op in ["stat", "access", "readlink"] {
        assert!(gone.opens.iter().filter(|event| event.op == op).count() > 3, "{op}");
    }
}

/// What a shell asks for before it opens, and what is opened, of a command.
const SEARCH: &str =
    "for d in /etc /usr/local/etc /opt; do test -r $d/nothere.conf; done; cat /nothere.conf 2>/dev/null; :";

#[test]
#[ignore = "needs root: make test"]
fn a_search_without_an_open_is_seen_where_look_ups_are_asked_for() {
    needs_root();
    let tried = |args: &[&str]| {
        let command = ["-x", "-o", "json", "-f", "nothere", "--", "sh", "-c", SEARCH];
        let output = output(&mut opentop(args.iter().chain(&command)));
        let lines: Vec<Line> = stdout(&output).lines().map(Line::parse).collect();
        let lookups = lines.iter().filter(|line| matches!(line, Line::Lookup(_))).count();
        let opens = lines.iter().filter(|line| matches!(line, Line::Open(_))).count();
        let summary = lines.into_iter().find_map(|line| if let Line::Summary(sum) = line { Some(sum) } else { None });
        (lookups, opens, summary.unwrap_or_else(|| panic!("no summary: {}", stderr(&output))))
    };
    let (lookups, opens, summary) = tried(&["--lookups"]);
    assert_eq!((lookups, opens), (3, 1));
    assert!(summary.lookups_failed >= 3 && summary.hooks.contains("with look-ups"), "{summary:?}");
    let (lookups, opens, summary) = tried(&[]);
    assert_eq!((lookups, opens), (0, 1));
    assert_eq!((summary.lookups, summary.lookups_delivered), (0, 0));
}

#[test]
#[ignore = "needs root: make test"]
fn look_ups_are_delivered_or_reported_lost_and_no_open_is_counted_for_them() {
    const MADE: u64 = 40_000;
    needs_root();
    for ring in ["64M", "64K"] {
        let scratch = Scratch::new();
        let tracer = Tracer::json(&["--lookups", "--ring", ring], &scratch.file("canary", ""));
        let made = MADE.to_string();
        let dir = scratch.dir("looked-up");
        let lines = succeed(opener(["stat".as_ref(), dir.as_os_str(), "--lookups".as_ref(), made.as_ref()]));
        let pid = serde_json::from_str::<Value>(&lines[0]).expect("JSON")["pid"].as_u64().expect("a pid");
        let ended = tracer.stop().well();
        let (lookups, summary) = (ended.lookups(), ended.summary());
        let lost = summary.lost["lookups"];
        assert_eq!(summary.lookups, summary.lookups_delivered + lost + summary.lookups_filtered, "{summary:?}");
        assert_eq!(summary.lookups_delivered, lookups.len() as u64);
        assert_eq!(summary.opens, summary.delivered + summary.dropped + summary.filtered, "{summary:?}");
        assert_eq!(summary.delivered, ended.opens().len() as u64);
        // The program looks at its directory first.
        let ours = |path: Option<Vec<u8>>| path.is_some_and(|path| path.windows(9).any(|part| part == b"/missing-"));
        let seen = lookups.iter().filter(|event| u64::from(event.pid) == pid && ours(event.path())).count() as u64;
        let missed = summary.lost["missed"];
        assert!(seen <= MADE && seen + lost + missed >= MADE, "{seen} of {MADE} seen, {lost} and {missed} lost");
        assert!(summary.lookups_failed >= MADE - missed, "{summary:?}");
        assert_eq!(lost > 0, ring == "64K", "{lost} lost with a ring of {ring}");
    }
}

#[test]
#[ignore = "needs root: make test"]
fn a_recording_keeps_them() {
    needs_root();
    let scratch = Scratch::new();
    let file = scratch.join("recording");
    let path = file.to_str().expect("UTF-8");
    let recorded = output(&mut opentop(["record", "--lookups", "-f", "nothere", path, "--", "sh", "-c", SEARCH]));
    assert!(stderr(&recorded).contains("recorded 1 opens and 3 look-ups in"), "{}", stderr(&recorded));
    let replayed = stdout(&output(&mut opentop(["replay", "-o", "json", path])));
    let kinds: Vec<_> = replayed.lines().map(|line| Line::parse(line).event().map(|event| event.op)).collect();
    let ops: Vec<_> = kinds.iter().flatten().map(String::as_str).collect();
    assert_eq!(ops.iter().filter(|op| **op == "access").count(), 3, "{ops:?}");
    assert_eq!(ops.len(), 4, "{ops:?}");
    let text = stdout(&output(&mut opentop(["replay", "-o", "text", path])));
    let is_there = |line: &str| line.split_whitespace().skip(3).eq(["access", "ENOENT", "/opt/nothere.conf"]);
    assert!(text.lines().any(is_there), "{text}");
}
