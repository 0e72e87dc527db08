//! What lies in `assets/`, and the documents, are up to date and say the truth.

mod generate;

use std::collections::BTreeSet;
use std::path::PathBuf;

use assert_cmd::Command;
use serde_json::Value;

fn asset(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "assets", name].iter().collect()
}

/// The lines that a replay of the demo prints.
fn demo(args: &[&str]) -> Vec<Value> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_opentop"));
    let output = command.arg("replay").arg(asset("demo.jsonl.zst")).args(args).args(["-o", "json"]).unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = output.stdout.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).expect("a line of JSON")).collect()
}

fn of_type<'a>(lines: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    lines.iter().filter(move |line| line["type"] == kind)
}

#[test]
fn generated_files_are_up_to_date() {
    for (name, content) in generate::files() {
        let there = std::fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(&name)).unwrap_or_default();
        assert!(there == content, "{name} is out of date: cargo run --example assets");
    }
}

/// Every kind of input has a program that searches for more.
#[test]
fn every_corpus_has_a_fuzz_target() {
    let names = |dir: &str| -> BTreeSet<String> {
        let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(dir);
        let entries = std::fs::read_dir(&dir).unwrap_or_else(|why| panic!("{}: {why}", dir.display()));
        let stem = |entry: std::io::Result<std::fs::DirEntry>| {
            entry.expect("an entry").path().file_stem().expect("a name").to_string_lossy().into_owned()
        };
        entries.map(stem).collect()
    };
    assert_eq!(names("tests/corpus"), names("fuzz/fuzz_targets"));
}

#[test]
fn the_man_page_names_the_fields_that_the_lines_have() {
    let documented: BTreeSet<_> = generate::JSON_FIELDS.iter().map(|(name, _)| *name).collect();
    let optional: BTreeSet<_> = generate::OPTIONAL.iter().flat_map(|(names, _)| names.split(' ')).collect();
    let lines = demo(&["-n", "500"]);
    assert_eq!(of_type(&lines, "open").count(), 500);
    for open in of_type(&lines, "open") {
        let present: BTreeSet<_> = open.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(documented.difference(&present).count(), 0, "{open}");
        assert!(present.difference(&documented).all(|name| optional.contains(name)), "{open}");
    }
}

#[test]
fn the_lines_of_a_report_are_documented() {
    const KINDS: &str = "type opens lookups read written created replaced listed named executed missing denied failed \
         delivered dropped hooks filtered hidden lookups_failed lookups_delivered lookups_filtered lost path_b64 \
         name_b64 program_b64";
    let output = Command::new(env!("CARGO_BIN_EXE_opentop"))
        .args(["report", "-o", "json"])
        .arg(asset("demo.jsonl.zst"))
        .unwrap();
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    for line in &lines {
        let kind = line["type"].as_str().unwrap_or_default();
        let about = generate::REPORT_LINES.iter().find(|(documented, _)| *documented == kind);
        let (_, about) = about.unwrap_or_else(|| panic!("{kind} is not documented"));
        let words: BTreeSet<_> =
            about.split(|c: char| !c.is_alphanumeric() && c != '_').chain(KINDS.split(' ')).collect();
        for field in line.as_object().unwrap().keys() {
            assert!(words.contains(field.as_str()), "{field} of {kind} is not documented");
        }
    }
    assert!(["report", "file", "search", "program", "summary"].iter().all(|kind| of_type(&lines, kind).count() > 0));
}

#[test]
fn the_demo_is_whole_and_varied() {
    let lines = demo(&[]);
    let opens: Vec<_> = of_type(&lines, "open").collect();
    let summary = of_type(&lines, "summary").last().unwrap();
    assert_eq!(summary["delivered"].as_u64(), Some(opens.len() as u64));
    assert_eq!(summary["dropped"], 0);
    let distinct = |field: &str| opens.iter().map(|open| open[field].to_string()).collect::<BTreeSet<_>>();
    assert!(distinct("comm").len() >= 15, "{:?}", distinct("comm"));
    assert!(distinct("errno").len() >= 3, "{:?}", distinct("errno"));
    assert!(distinct("uid").len() >= 3, "{:?}", distinct("uid"));
    let times: Vec<u64> = opens.iter().filter_map(|open| open["ts_ns"].as_u64()).collect();
    let seconds = (times.iter().max().unwrap() - times.iter().min().unwrap()) / 1_000_000_000;
    assert!((25..=60).contains(&seconds), "{seconds} s");
}
