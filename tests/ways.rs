//! Every way to open a file is reported exactly once, with what the program asked for and what the kernel answered.
//!
//! The program `opener` goes the ways and says what must be reported; each way has a process of its own that opens
//! nothing else, so that every event of such a process is either expected or wrong.

mod common;

use common::lines::{Expected, Open};
use common::tracer::Tracer;
use common::{Scratch, needs_root, opener, succeed};
use std::collections::HashSet;
use std::fmt::Write as _;

/// Opens that the hooks of this kernel cannot see: the way (or the beginning of its name), `op`, and why.
const UNSEEN: &[(&str, &str, &str)] = &[
    (
        "exec with an interpreter: interpreter",
        "exec",
        "the kernel opens it itself, within the call that starts the program",
    ),
    ("exec of a script: interpreter", "exec", "the kernel opens it itself, within the call that starts the script"),
];

fn is_unseen(expected: &Expected, (way, op, _): &(&str, &str, &str)) -> bool {
    expected.way.starts_with(way) && expected.op() == *op
}

#[test]
fn every_way_is_reported_once_and_rightly() {
    go_every_way(&[]);
}

#[test]
fn the_raw_hooks_see_the_same() {
    go_every_way(&["--hooks", "raw"]);
}

#[test]
fn measuring_latency_changes_nothing_else() {
    for open in go_every_way(&["--latency"]) {
        assert!(open.latency_ns.is_some_and(|ns| ns > 0), "no latency: {open:?}");
    }
}

/// Goes every way beside opentop with these arguments; what opentop reported of them.
#[track_caller]
fn go_every_way(args: &[&str]) -> Vec<Open> {
    needs_root();
    let scratch = Scratch::new();
    let tracer = Tracer::json(args, &scratch.file("canary", ""));
    let lines = succeed(opener(["ways".as_ref(), scratch.dir("ways").as_os_str()]));
    let ended = tracer.stop().well();

    let expected: Vec<Expected> = lines.iter().map(|line| Expected::parse(line)).collect();
    let skipped: Vec<_> = expected.iter().filter(|expected| expected.skipped().is_some()).collect();
    assert!(skipped.is_empty(), "this kernel lacks ways that it had: {skipped:#?}");
    let pids: HashSet<u32> = expected.iter().map(Expected::pid).collect();
    let opens: Vec<Open> = ended.opens().into_iter().filter(|open| pids.contains(&open.pid)).collect();

    let Compared { missing, unexpected } = compare(expected.clone(), opens.clone());
    let (unseen, missing): (Vec<_>, Vec<_>) =
        missing.into_iter().partition(|expected| UNSEEN.iter().any(|row| is_unseen(expected, row)));
    assert!(missing.is_empty() && unexpected.is_empty(), "{}", complaint(&missing, &unexpected));
    for row in UNSEEN {
        let all = expected.iter().filter(|expected| is_unseen(expected, row)).count();
        let not_seen = unseen.iter().filter(|expected| is_unseen(expected, row)).count();
        assert!(all > 0, "there is no way {row:?}: remove it from the table");
        assert_eq!(not_seen, all, "{row:?} is seen now: remove it from the table");
    }
    opens
}

#[test]
fn every_way_has_a_name_of_its_own() {
    let names = succeed(opener(["list"]));
    let different: HashSet<&String> = names.iter().collect();
    assert_eq!(different.len(), names.len());
    assert!(names.len() > 100, "{} ways", names.len());
}

/// What was expected and did not come, what came and was not expected.
struct Compared {
    missing: Vec<Expected>,
    unexpected: Vec<Open>,
}

fn compare(expected: Vec<Expected>, mut opens: Vec<Open>) -> Compared {
    let mut missing = Vec::new();
    for expected in expected {
        match opens.iter().position(|open| expected.differences(open).is_empty()) {
            Some(at) => drop(opens.remove(at)),
            None => missing.push(expected),
        }
    }
    Compared { missing, unexpected: opens }
}

/// Each open that did not come, with the fields in which the likeliest of the others differs.
fn complaint(missing: &[Expected], unexpected: &[Open]) -> String {
    let mut text = format!("{} opens missing, {} unexpected\n", missing.len(), unexpected.len());
    for expected in missing {
        let fields = serde_json::Value::from(expected.fields.clone());
        let _ = writeln!(text, "missing: {}: {fields}", expected.way);
        let same_process = unexpected.iter().filter(|open| open.pid == expected.pid());
        if let Some(nearest) = same_process.min_by_key(|open| expected.differences(open).len()) {
            let _ = writeln!(text, "    differs in {:?} from {nearest:?}", expected.differences(nearest));
        }
    }
    for open in unexpected {
        let _ = writeln!(text, "unexpected: {open:?}");
    }
    text
}
