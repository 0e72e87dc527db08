//! Rankings as lines, on the real kernel: what they count is what was opened.

mod common;

use common::{Scratch, needs_root, opentop, stdout};
use serde_json::Value;

/// The lines that `opentop -b -o json ARGS` prints.
#[track_caller]
fn lines(args: &[&str]) -> Vec<Value> {
    needs_root();
    let output = common::output(opentop(["-b", "-o", "json"]).args(args));
    assert!(output.status.success(), "{}", common::stderr(&output));
    stdout(&output).lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

fn of_type<'a>(lines: &'a [Value], kind: &'a str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["type"] == kind).collect()
}

/// A shell that opens `path` exactly `times` times, and a file that is not there once.
fn script(path: &str, times: u32) -> String {
    format!("i=0; while [ $i -lt {times} ]; do : <{path}; i=$((i+1)); done; (: <{path}.missing) 2>&-; exit 0")
}

#[test]
#[ignore = "needs root: make test"]
fn files_are_counted_one_by_one() {
    let scratch = Scratch::new();
    let path = scratch.path().join("often");
    std::fs::write(&path, "").expect("a file");
    let path = path.to_str().expect("a plain path");
    // No reading comes before the command ends: the last one, at the end, has it all.
    let lines = lines(&["-i", "600", "-g", "file", "--", "sh", "-c", &script(path, 300)]);
    let table = of_type(&lines, "table");
    assert_eq!(table.len(), 1);
    assert_eq!((table[0]["group"].as_str(), table[0]["exact"].as_bool()), (Some("file"), Some(false)));
    let openers = of_type(&lines, "opener");
    let first = openers.first().expect("a row");
    assert_eq!((first["file"].as_str(), first["opens"].as_u64()), (Some(path), Some(300)), "{first}");
    let missing = openers.iter().find(|row| row["file"].as_str() == Some(&format!("{path}.missing")));
    assert_eq!(missing.map(|row| (row["opens"].as_u64(), row["failed"].as_u64())), Some((Some(1), Some(1))));
}

#[test]
#[ignore = "needs root: make test"]
fn processes_are_counted_by_the_kernel() {
    let lines = lines(&["-i", "600", "-g", "process", "-s", "total", "--", "sh", "-c", &script("/dev/null", 2000)]);
    assert_eq!(of_type(&lines, "table")[0]["exact"], true);
    let summary = of_type(&lines, "summary")[0];
    let openers = of_type(&lines, "opener");
    let opens: u64 = openers.iter().filter_map(|row| row["opens"].as_u64()).sum();
    assert!(openers[0]["opens"].as_u64() >= Some(2000), "{}", openers[0]);
    // What the kernel left out for not being the command's is in the summary alone.
    let number = |field: &str| summary[field].as_u64().unwrap_or_default();
    assert_eq!(opens, number("opens") - number("filtered"), "{summary}");
}

#[test]
#[ignore = "needs root: make test"]
fn there_are_as_many_tables_as_asked_for() {
    let lines = lines(&["-n", "3", "-i", "0.2"]);
    let spans: Vec<_> = of_type(&lines, "table").iter().filter_map(|table| table["span_ns"].as_u64()).collect();
    assert_eq!(spans.len(), 3);
    assert!(spans.iter().all(|span| *span >= 100_000_000), "{spans:?}");
}

#[test]
#[ignore = "needs root: make test"]
fn a_script_that_runs_thousands_is_on_top_by_its_name() {
    use std::os::unix::fs::PermissionsExt as _;
    const RUNS: u64 = 2000;
    let scratch = Scratch::new();
    let script = scratch.path().join("crowd.sh");
    let text = format!("#!/bin/sh\ni=0; while [ $i -lt {RUNS} ]; do cat /dev/null; i=$((i+1)); done\n");
    std::fs::write(&script, text).expect("a script");
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).expect("a script that can be run");
    let lines = lines(&["-i", "600", "-g", "parent", "-s", "total", "--", script.to_str().expect("a plain path")]);
    assert_eq!(of_type(&lines, "table")[0]["exact"], true);
    let first = of_type(&lines, "opener")[0];
    assert_eq!((first["comm"].as_str(), first["processes"].as_u64()), (Some("crowd.sh"), Some(RUNS)), "{first}");
    assert!(first["opens"].as_u64() >= Some(RUNS), "{first}");
}
