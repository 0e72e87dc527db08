//! Every way to open a file is reported exactly once, with what the program asked for and what the kernel answered.
//!
//! The program `opener` goes the ways and says what must be reported; each way has a process of its own that opens
//! nothing else, so that every event of such a process is either expected or wrong.

mod common;

use common::lines::{Expected, Line, Open};
use common::tracer::Tracer;
use common::ways::{Gone, go_every_way, seen_by};
use common::{Scratch, needs_root, opener, succeed};
use std::collections::HashSet;
use std::fs::File;

#[test]
#[ignore = "needs root: make test"]
fn every_way_is_reported_once_and_rightly() {
    let gone = all_ways(&[]);
    assert!(gone.opens.iter().all(|open| open.real_path.is_none()), "nobody has asked for real paths");
}

#[test]
#[ignore = "needs root: make test"]
fn the_raw_hooks_see_the_same() {
    all_ways(&["--hooks", "raw"]);
}

#[test]
#[ignore = "needs root: make test"]
fn measuring_latency_changes_nothing_else() {
    let gone = all_ways(&["--latency"]);
    for open in &gone.opens {
        let measured = open.latency_ns.is_some_and(|ns| ns > 0);
        assert_eq!(measured, !gone.has_no_latency(open), "latency: {open:?}");
    }
    assert_eq!(gone.measured_anew(), [""; 0]);
}

/// More than opentop keeps times for, by somebody who needs no privileges for it.
#[test]
#[ignore = "needs root: make test"]
fn latency_is_measured_whatever_opens_others_never_return_from() {
    needs_root();
    let scratch = Scratch::new();
    let (before, after) = (scratch.file("before", ""), scratch.file("after", ""));
    let mut tracer = Tracer::json(&["--latency"], &before);
    succeed(opener(["abandon", scratch.path().to_str().expect("a plain path"), "--opens", "25000"]));
    let seen = |line: &str| Line::parse(line).open().is_some_and(|open| open.is_at(&after));
    let line = tracer.wait_until(seen, || drop(File::open(&after)));
    tracer.stop();
    assert!(Line::parse(&line).open().expect("an open").latency_ns.is_some(), "{line}");
}

#[test]
#[ignore = "needs root: make test"]
fn real_paths_are_those_of_the_opened_files() {
    let gone = all_ways(&["--resolve"]);
    assert!(gone.wrong_real_paths().is_empty(), "{:#?}", gone.wrong_real_paths());
    for kind in ["whole", "deleted"] {
        assert!(gone.opens.iter().any(|open| open.real_path_kind.as_deref() == Some(kind)), "{kind}");
    }
    let led = |open: &&Open| open.path.is_some() && open.real_path.is_some() && open.real_path != open.path;
    assert!(gone.opens.iter().any(|open| led(&open) && open.opened_name.is_some()), "a link");
    assert!(gone.opens.iter().any(|open| led(&open) && open.opened_name.is_none()), "a directory that is a link");
}

/// Goes every way beside opentop with these arguments, all of which must be reported rightly.
#[track_caller]
fn all_ways(args: &[&str]) -> Gone {
    needs_root();
    let gone = go_every_way(args);
    // Where core dumps go is the host's choice.
    let lacks = gone.skipped.iter().any(|skipped| skipped.way != "core dump");
    assert!(!lacks, "this kernel lacks ways that it had: {:#?}", gone.skipped);
    assert!(gone.is_well(), "{}", gone.complaint());
    assert!(gone.cut.is_empty(), "cut short: {:#?}", gone.cut);
    for what in &gone.without {
        let count = |all: &[Expected]| all.iter().filter(|expected| seen_by(expected) == Some(what)).count();
        assert!(count(&gone.expected) > 0, "there is no way that needs {what}");
        assert_eq!(count(&gone.unseen), count(&gone.expected), "{what}: said not to be seen, and seen");
    }
    gone
}

#[test]
fn every_way_has_a_name_of_its_own() {
    let names = succeed(opener(["list"]));
    let different: HashSet<&String> = names.iter().collect();
    assert_eq!(different.len(), names.len());
    assert!(names.len() > 100, "{} ways", names.len());
}
