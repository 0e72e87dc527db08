//! `opentop report` and `opentop diff` from outside.

mod common;

use common::{Scratch, output, stderr, stdout};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn opentop(args: &[&str], files: &[&Path]) -> Output {
    output(common::opentop(args).args(files))
}

/// An open by `cc1` as a line of JSON; `errno` may be empty.
fn open(path: &str, errno: &str, flags: &[&str]) -> Value {
    json!({
        "type": "open", "ts_ns": 5, "pid": 7, "start_ns": 1, "comm": "cc1", "op": "openat", "path_kind": "absolute",
        "name": path, "path": path, "flags": flags, "errno": Some(errno).filter(|errno| !errno.is_empty()),
    })
}

/// A recording of these lines.
fn recording(scratch: &Scratch, name: &str, lines: &[Value], lost: u64) -> PathBuf {
    let opens = lines.len();
    let summary = json!({"type": "summary", "opens": opens, "delivered": opens, "lost": {"ring": lost}});
    let lines: Vec<_> = lines.iter().chain([&summary]).map(Value::to_string).collect();
    scratch.file(name, &(lines.join("\n") + "\n"))
}

fn lines(output: &Output) -> Vec<Value> {
    stdout(output).lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

#[test]
fn a_report_of_a_recording() {
    let scratch = Scratch::new();
    let opens = [
        open("/a/x.h", "ENOENT", &["O_RDONLY"]),
        open("/b/x.h", "", &["O_RDONLY"]),
        open("/b/x.o", "", &["O_WRONLY", "O_CREAT", "O_TRUNC"]),
        open("/no/config", "ENOENT", &["O_RDONLY"]),
        open("/secret", "EACCES", &["O_RDONLY"]),
    ];
    let file = recording(&scratch, "a.jsonl", &opens, 3);
    let report = opentop(&["report"], &[&file]);
    assert_eq!((report.status.code(), stderr(&report)), (Some(0), String::new()));
    let page = stdout(&report);
    let first = page.lines().next().unwrap_or_default();
    assert!(first.contains("5 opens by 1 process") && first.contains("LOST: 3 "), "{page}");
    for line in
        ["  /no/config ", "  /b/x.h ", "  /secret ", "MISSING 1 name", "DENIED", "REPLACED 1 path", "READ 1 path"]
    {
        assert!(page.lines().any(|shown| shown.starts_with(line)), "{line:?} in\n{page}");
    }
    let json = lines(&opentop(&["report", "-o", "json", "-F", "!file:secret"], &[&file]));
    let files: Vec<_> = json.iter().filter(|line| line["type"] == "file").collect();
    assert_eq!((json[0]["version"].as_u64(), json[0]["opens"].as_u64(), files.len()), (Some(1), Some(4), 4));
}

#[test]
fn a_report_that_a_count_ended_says_so_in_every_form() {
    let scratch = Scratch::new();
    let opens = ["/etc/one", "/etc/two"].map(|path| open(path, "", &["O_RDONLY"]));
    let file = recording(&scratch, "two", &opens, 0);
    let text = |args: &[&str]| {
        let output = opentop(args, &[&file]);
        String::from_utf8([output.stdout, output.stderr].concat()).expect("UTF-8")
    };
    for form in ["text", "json", "depfile"] {
        let says = match form {
            "text" => "ENDED by -n",
            "json" => "\"limited\":true",
            _ => "-n let in",
        };
        assert!(text(&["report", "-o", form, "-n", "1"]).contains(says), "{form}");
        assert!(!text(&["report", "-o", form]).contains(says), "{form}");
    }
    let output = opentop(&["diff", "-n", "1"], &[&file, &file]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("-n ended it"), "{output:?}");
}

#[test]
fn a_report_of_what_was_cut_off_says_so_in_every_form() {
    let scratch = Scratch::new();
    let whole = format!("{}\n", open("/etc/one", "", &["O_RDONLY"]));
    let file = scratch.file("cut.jsonl", &(whole.repeat(2) + &whole[..20]));
    for (form, says) in [("text", "CUT OFF"), ("json", "\"cut_off\":true"), ("depfile", "recording was cut off")] {
        let report = opentop(&["report", "-o", form], &[&file]);
        let page = if form == "depfile" { stderr(&report) } else { stdout(&report) };
        assert!(page.contains(says) && stderr(&report).contains("ends early, after line 2"), "{form}: {report:?}");
    }
}

#[test]
fn a_diff_ends_with_0_1_or_2_as_diff_does() {
    let scratch = Scratch::new();
    let both = open("/usr/include/x.h", "", &["O_RDONLY"]);
    let before = [both.clone(), open("/proc/12/stat", "", &["O_RDONLY"]), open("/i/y.h", "", &["O_RDONLY"])];
    let after = [both, open("/proc/4567/stat", "", &["O_RDONLY"]), open("/i/y.h", "ENOENT", &["O_RDONLY"])];
    let [a, b] = [("a", &before), ("b", &after)].map(|(name, opens)| recording(&scratch, name, opens, 0));
    let same = opentop(&["diff"], &[&a, &a]);
    assert_eq!((same.status.code(), stdout(&same), stderr(&same)), (Some(0), String::new(), String::new()));
    let different = opentop(&["diff"], &[&a, &b]);
    let page = stdout(&different);
    assert_eq!(different.status.code(), Some(1), "{page}");
    let row = page.lines().find(|line| line.starts_with("  /i/y.h ")).unwrap_or_default();
    assert!(row.contains("read → missing") && row.ends_with("cc1"), "{page}");
    assert!(!page.contains("/proc"), "{page}");
    let raw = lines(&opentop(&["diff", "--raw", "-o", "json"], &[&a, &b]));
    let found: Vec<_> = raw[1..].iter().map(|line| (line["what"].as_str(), line["path"].as_str())).collect();
    assert_eq!(
        found,
        [
            (Some("changed"), Some("/i/y.h")),
            (Some("only_before"), Some("/proc/12/stat")),
            (Some("only_after"), Some("/proc/4567/stat"))
        ]
    );
    let trouble = opentop(&["diff"], &[&a, &scratch.join("none")]);
    assert_eq!((trouble.status.code(), stderr(&trouble).lines().count()), (Some(2), 1));
    assert_eq!(opentop(&["diff", "--factor", "0"], &[&a, &b]).status.code(), Some(2));
}

/// Names that have no end must not become memory: much more than the bound of a report, in names of 4 KiB.
#[test]
fn names_without_end_take_a_bounded_amount_of_memory() {
    let scratch = Scratch::new();
    let file = scratch.join("long");
    let made = common::example("recordings", ["long", "100000"])
        .stdout(std::fs::File::create(&file).expect("a new file"))
        .status()
        .expect("recordings starts");
    assert!(made.success());
    let mut limited = Command::new("prlimit");
    // Of address space, which is more than what is resident.
    limited.args(["--data=268435456", env!("CARGO_BIN_EXE_opentop"), "report", "-o", "json"]).arg(&file);
    let report = output(&mut limited);
    assert_eq!(report.status.code(), Some(0), "{}", stderr(&report));
    let head: Value = serde_json::from_str(stdout(&report).lines().next().unwrap_or_default()).expect("JSON");
    let (all, left_out) = (head["opens"].as_u64(), head["opens_without_room"].as_u64());
    assert!(all == Some(100_000) && left_out > Some(10_000) && left_out < Some(99_000), "{head}");
}

/// A script in a directory of its own, recorded.
fn recorded(scratch: &Scratch, name: &str, script: &str) -> PathBuf {
    let file = scratch.join(name);
    let mut command = common::opentop(["record"]);
    command.arg(&file).args(["--", "/bin/sh", "-c", script]).current_dir(scratch.path());
    let recorded = output(&mut command);
    assert!(recorded.status.success(), "{}", stderr(&recorded));
    file
}

const SCRIPT: &str = "cat read; cat gone; echo x > new; echo y >> kept; mkdir -p dir; ls dir; test -e never; true";

#[test]
#[ignore = "needs root: make test"]
fn the_lists_of_a_command_are_what_it_did() {
    common::needs_root();
    let scratch = Scratch::new();
    for name in ["read", "kept"] {
        scratch.file(name, "x\n");
    }
    let file = recorded(&scratch, "run", SCRIPT);
    let json =
        lines(&opentop(&["report", "-o", "json", "-F", &format!("file:^{}/", scratch.path().display())], &[&file]));
    let files = json.iter().filter(|line| line["type"] == "file");
    let mut touched: Vec<_> = files
        .map(|line| {
            let kinds = ["read", "written", "created", "replaced", "listed", "missing"];
            let kinds: Vec<_> = kinds.into_iter().filter(|kind| line[kind] == 1).collect();
            let path = line["path"].as_str().unwrap_or_default();
            let name = path.strip_prefix(&format!("{}/", scratch.path().display())).unwrap_or(path);
            format!("{} {name} {}", line["program"].as_str().unwrap_or_default(), kinds.join("+"))
        })
        .collect();
    touched.sort();
    assert_eq!(
        touched,
        ["cat gone missing", "cat read read", "ls dir listed", "sh kept written", "sh new written+replaced"]
    );
    let all = lines(&opentop(&["report", "-o", "json"], &[&file]));
    let programs: Vec<_> = all.iter().filter(|line| line["type"] == "program").collect();
    let cat = programs.iter().find(|line| line["program"].as_str().is_some_and(|name| name.ends_with("/cat")));
    let cat = cat.unwrap_or_else(|| panic!("{programs:?}"));
    let parent = programs.iter().find(|line| line["id"] == cat["parent"]);
    assert_eq!((cat["runs"].as_u64(), parent.map(|line| &line["program"])), (Some(2), Some(&json!("/bin/sh"))));
}

#[test]
#[ignore = "needs root: make test"]
fn a_command_is_run_and_reported_with_its_status() {
    common::needs_root();
    let scratch = Scratch::new();
    let mut command = common::opentop(["report", "--", "/bin/sh", "-c", "echo said; cat gone; exit 3"]);
    let report = output(command.current_dir(scratch.path()));
    let page = stdout(&report);
    assert_eq!(report.status.code(), Some(3), "{page}");
    assert!(page.starts_with("said\n/bin/sh -") && page.contains(" opens by 2 processes in "), "{page}");
    let gone = scratch.join("gone");
    let row = page.lines().find(|line| line.trim_start().starts_with(&gone.display().to_string())).unwrap_or_default();
    assert!(row.ends_with("never  cat"), "{page}");
    let mut command = common::opentop(["report", "-o", "json", "--", "/bin/sh", "-c", "echo said"]);
    let report = output(&mut command);
    assert_eq!((stderr(&report).as_str(), &lines(&report)[0]["type"]), ("said\n", &json!("report")));
    for wrong in [&["report"][..], &["report", "x", "--", "true"], &["report", "--latency", "x"]] {
        assert_eq!(opentop(wrong, &[]).status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
#[ignore = "needs root: make test"]
fn two_runs_of_the_same_do_not_differ_and_one_without_a_file_by_exactly_that() {
    common::needs_root();
    let scratch = Scratch::new();
    for name in ["read", "kept"] {
        scratch.file(name, "x\n");
    }
    scratch.dir("dir");
    let [first, second] = ["first", "second"].map(|name| recorded(&scratch, name, SCRIPT));
    let same = opentop(&["diff"], &[&first, &second]);
    assert_eq!((same.status.code(), stdout(&same)), (Some(0), String::new()));
    std::fs::remove_file(scratch.join("read")).expect("it was there");
    let third = recorded(&scratch, "third", SCRIPT);
    let differences = lines(&opentop(&["diff", "--raw", "-o", "json"], &[&first, &third]));
    let found: Vec<_> = differences[1..].iter().map(|line| (line["what"].as_str(), line["path"].as_str())).collect();
    let path = scratch.join("read");
    // The pids below /proc and the names of temporary files are the only other differences.
    assert!(found.contains(&(Some("changed"), path.to_str())), "{found:?}");
    assert_eq!(
        lines(&opentop(&["diff", "-o", "json"], &[&first, &third])).len(),
        2,
        "the first line and one difference"
    );
}

/// Wherever opentop's own lines go, the page does not get between them.
#[test]
#[ignore = "needs root: make test"]
fn a_report_is_told_at_the_end_of_any_run_of_a_command() {
    common::needs_root();
    let scratch = Scratch::new();
    let out = scratch.join("out");
    let out = out.to_str().expect("UTF-8");
    for (options, on_stdout) in [
        (&["-o", "text"][..], false),
        (&["-o", "json"], false),
        (&["-o", "json", "-b", "-i", "9"], false),
        (&["-o", "json", "-O", out, "--force"], true),
        (&["record", out, "--force"], true),
        (&["record", "-"], false),
        (&["record", out, "--max-size", "1M"], true),
    ] {
        let mut command = common::opentop(options);
        command.args(["--report", "--", "/bin/sh", "-c", "cat gone; exit 3"]).current_dir(scratch.path());
        let run = output(&mut command);
        assert_eq!(run.status.code(), Some(3), "{options:?}: {}", stderr(&run));
        let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let [page, other] =
            if on_stdout { [&run.stdout, &run.stderr] } else { [&run.stderr, &run.stdout] }.map(|b| lossy(b));
        let head = page.lines().find(|line| line.starts_with("/bin/sh -c cat gone; exit 3: ")).unwrap_or_default();
        assert!(head.contains(" by 2 processes in ") && !other.contains("MISSING"), "{options:?}: {page}\n{other}");
        assert!(
            page.lines().any(|line| line.trim_start().starts_with(&scratch.join("gone").display().to_string())),
            "{page}"
        );
    }
    // With --count the report is of the opens that were written.
    let mut command = common::opentop(["-o", "text", "-n", "2", "--report", "--", "/bin/sh", "-c", "cat gone"]);
    let page = stderr(&output(&mut command));
    assert!(page.contains(": 2 opens by "), "{page}");
    assert_eq!(opentop(&["--report", "-d", "1"], &[]).status.code(), Some(2));
}

/// What was reported is compared as what was recorded is.
#[test]
fn reports_are_compared_with_each_other_and_with_recordings() {
    let scratch = Scratch::new();
    let both = [open("/a", "", &["O_RDONLY"]), open("/proc/12/stat", "", &["O_RDONLY"])];
    let mut odd = open("shown", "", &["O_RDONLY"]);
    odd["path_b64"] = json!("L//+");
    let before = [&both[..], &[open("/b", "", &["O_RDONLY"]), odd.clone()]].concat();
    let mut after = [&both[..], &[open("/b", "EACCES", &["O_RDONLY"]), odd, open("/new", "", &["O_WRONLY"])]].concat();
    after[1] = open("/proc/4567/stat", "", &["O_RDONLY"]);
    let files = [("before", &before, 0), ("after", &after, 3)].map(|(name, opens, lost)| {
        let file = recording(&scratch, name, opens, lost);
        let json = stdout(&opentop(&["report", "-o", "json"], &[&file]));
        [file, scratch.file(&format!("{name}.json"), &json)]
    });
    let [[recorded_before, before], [recorded_after, after]] = &files;
    let differences = |before: &Path, after: &Path| {
        let diff = opentop(&["diff", "-o", "json"], &[before, after]);
        assert!(stderr(&diff).contains("is not all there was; opens lost: 3 "), "{}", stderr(&diff));
        assert_eq!(diff.status.code(), Some(1));
        lines(&diff).split_off(1)
    };
    let expected = differences(recorded_before, recorded_after);
    let paths: Vec<_> = expected.iter().map(|line| (line["what"].as_str(), line["path"].as_str())).collect();
    assert_eq!(paths, [(Some("changed"), Some("/b")), (Some("only_after"), Some("/new"))]);
    for (left, right) in [(before, after), (recorded_before, after), (before, recorded_after)] {
        assert_eq!(differences(left, right), expected, "{left:?} {right:?}");
    }
    assert_eq!(opentop(&["diff"], &[before, recorded_before]).status.code(), Some(0));
    // What a report cannot be asked for, and what is none.
    let later = scratch.file("later", "{\"type\":\"report\",\"version\":2}\n");
    let wrong = scratch
        .file("wrong", "{\"type\":\"report\",\"version\":1}\n{\"type\":\"file\",\"path\":\"/a\",\"errno\":\"E\"}\n");
    for (args, files) in
        [(&["diff", "-x"][..], [before.as_path(), after]), (&["diff"], [before, &later]), (&["diff"], [&wrong, before])]
    {
        let refused = opentop(args, &files);
        assert_eq!((refused.status.code(), stderr(&refused).lines().count()), (Some(2), 1), "{}", stderr(&refused));
    }
    for args in [&["report"][..], &["replay", "-o", "text"]] {
        let refused = opentop(args, &[before]);
        assert!(refused.status.code() == Some(1) && stderr(&refused).contains("it is a report"), "{args:?}");
    }
}
