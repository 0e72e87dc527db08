//! `opentop -- COMMAND`, `--tree`, and recordings: from the first open on, with all descendants, the same lines again.

mod common;

use common::lines::Open;
use common::tracer::{Ended, Tracer};
use common::{Running, Scratch, needs_root, opener, opentop, stderr, stdout};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

const NOBODY: u32 = 65_534;

/// A shell script that is run below opentop.
fn below(options: &[&str], script: &str) -> Ended {
    Tracer::start([options, &["-o", "json", "--", "/bin/sh", "-c", script]].concat()).wait()
}

fn at<'a>(opens: &'a [Open], path: &Path) -> Vec<&'a Open> {
    opens.iter().filter(|open| open.is_at(path)).collect()
}

#[test]
fn a_command_is_seen_from_its_first_open_on() {
    needs_root();
    let scratch = Scratch::new();
    let (file, missing) = (scratch.file("file", ""), scratch.join("missing"));
    let script = format!("exec 9<'{}'; exec 8<'{}'; true", file.display(), missing.display());
    let ended = below(&[], &script);
    let opens = ended.opens();
    let is_program = |open: &&Open| open.path.as_deref().is_some_and(|path| path.ends_with("/sh"));
    let first = opens.iter().find(is_program).expect("the program");
    assert_eq!((first.op.as_str(), first.errno.as_deref()), ("exec", None), "{first:?}");
    // Where the kernel's own opens are seen, the program's interpreter comes before it.
    assert!(opens.iter().take_while(|open| *open != first).all(|open| open.op == "exec"), "{opens:#?}");
    assert!(opens.iter().any(|open| open.path.as_deref() == Some("/etc/ld.so.cache")), "the loader's opens");
    let [opened] = at(&opens, &file)[..] else { panic!("{opens:#?}") };
    let [failed] = at(&opens, &missing)[..] else { panic!("{opens:#?}") };
    assert_eq!((opened.pid, failed.pid), (first.pid, first.pid));
    assert_eq!(failed.errno.as_deref(), Some("ENOENT"));
    assert_eq!(ended.summary().dropped, 0);
}

#[test]
fn all_descendants_of_a_command_are_seen_and_nobody_else() {
    needs_root();
    let scratch = Scratch::new();
    let [own, child, orphan, other] = ["own", "child", "orphan", "other"].map(|name| scratch.file(name, ""));
    let _other = Running::start(&mut opener(["first".as_ref(), other.as_os_str()]));
    // The orphan's parent is gone before the orphan opens its file, and opentop's child is still there.
    let script = format!(
        ": <'{}'; (: <'{}'); (sh -c 'sleep 0.2; : <{}' &); sleep 0.6",
        own.display(),
        child.display(),
        orphan.display()
    );
    let ended = below(&[], &script);
    let opens = ended.opens();
    for path in [&own, &child, &orphan] {
        assert_eq!(at(&opens, path).len(), 1, "{}", path.display());
    }
    assert!(at(&opens, &other).is_empty(), "an open of a stranger");
    assert!(ended.summary().filtered > 0, "strangers are counted apart");
}

#[test]
fn its_status_is_the_commands_own() {
    needs_root();
    for (script, status) in [("true", 0), ("exit 3", 3), ("exit 77", 77)] {
        let ended = below(&[], script);
        assert_eq!(ended.status.code(), Some(status), "{script}: {}", ended.stderr);
        assert_eq!(ended.stderr, "", "{script}");
        ended.summary();
    }
}

#[test]
fn a_command_that_cannot_be_started_is_an_error() {
    needs_root();
    let output = common::output(&mut opentop(["-o", "json", "--", "/no/such/program"]));
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(text.starts_with("opentop: ") && text.contains("/no/such/program"), "{text:?}");
    assert_eq!(text.lines().count(), 1, "{text:?}");
}

/// The command's own words and opentop's lines do not run into each other.
#[test]
fn the_commands_output_is_kept() {
    needs_root();
    let output = common::output(&mut opentop(["-o", "json", "--", "sh", "-c", "echo error >&2"]));
    assert_eq!(stderr(&output), "error\n");
    assert!(stdout(&output).lines().all(|line| line.starts_with('{')));
}

#[test]
fn a_tree_is_followed_through_children_that_come_later() {
    needs_root();
    let scratch = Scratch::new();
    let [own, child, grandchild, other] = ["own", "child", "grandchild", "other"].map(|name| scratch.file(name, ""));
    let _other = Running::start(&mut opener(["first".as_ref(), other.as_os_str()]));
    let script = format!(
        "while :; do : <'{}'; (: <'{}'; (: <'{}'); :); sleep 0.02; done",
        own.display(),
        child.display(),
        grandchild.display()
    );
    let parent = Running::start(Command::new("sh").args(["-c", &script]));
    let mut tracer = Tracer::start(["-o", "json", "--tree", "-p", &parent.0.id().to_string()]);
    for name in ["/own\"", "/child\"", "/grandchild\"", "/own\"", "/child\"", "/grandchild\""] {
        tracer.wait_until(|line| line.contains(name), || ());
    }
    let opens = tracer.stop().well().opens();
    assert!(at(&opens, &other).is_empty(), "an open of a stranger");
    assert!(opens.iter().any(|open| open.ppid != parent.0.id() && open.pid != parent.0.id()), "no grandchild");
}

#[test]
fn a_recording_replays_as_it_was() {
    needs_root();
    let scratch = Scratch::new();
    let recording = scratch.join("recording.zst");
    let names: Vec<String> =
        ["plain", "hostile \x1b[2J\n", "\u{202e}right to left", "漢字"].map(str::to_owned).to_vec();
    let paths: Vec<_> = names.iter().map(|name| scratch.file(name, "")).collect();
    let list = paths.iter().map(|path| format!(": <'{}';", path.display())).collect::<String>();
    let mut record = opentop(["record"]);
    record.arg(&recording).args(["--", "sh", "-c", &list]);
    let output = common::output(&mut record);
    assert!(output.status.success(), "{}: {}", output.status, stderr(&output));

    let live = replayed(&recording);
    for path in &paths {
        assert_eq!(at(&live, path).len(), 1, "{path:?} in {live:#?}");
    }
    // A recording of the replay says the same, and so do its JSON lines.
    let lines = scratch.join("lines.json");
    let file = std::fs::File::create(&lines).expect("a new file");
    let status = opentop(["replay", "-o", "json"]).arg(&recording).stdout(file).status().expect("starting opentop");
    assert!(status.success());
    assert_eq!(replayed(&lines), live);
    let filtered = common::output(opentop(["replay", "-o", "json", "-f", "plain$"]).arg(&recording));
    let opens = stdout(&filtered).lines().filter(|line| line.contains(r#""type":"open""#)).count();
    assert_eq!(opens, 1);
}

/// The opens of a recording.
#[track_caller]
fn replayed(path: &Path) -> Vec<Open> {
    let tracer = Tracer::start(["replay".as_ref(), "-o".as_ref(), "json".as_ref(), path.as_os_str()]);
    tracer.wait().well().opens()
}

/// The recorded demo needs no privileges, in any form.
#[test]
fn the_demo_replays_in_every_form() {
    needs_root();
    // Copies, since the source directory may be closed to others.
    let scratch = Scratch::new();
    let [program, demo] = [env!("CARGO_BIN_EXE_opentop"), "assets/demo.jsonl.zst"].map(|from| {
        let copy = scratch.join(Path::new(from).file_name().expect("a file"));
        common::copy_program(&Path::new(env!("CARGO_MANIFEST_DIR")).join(from), &copy);
        copy
    });
    let opens = replayed(&demo).len();
    assert!(opens > 100, "{opens} opens");
    for (form, is_open) in [
        ("text", (|line: &str| !line.starts_with('#') && !line.starts_with("TIME(s)")) as fn(&str) -> bool),
        ("csv", |line: &str| line.starts_with("open,")),
    ] {
        let mut replay = Command::new(&program);
        let output = common::output(replay.args(["replay", "-o", form]).arg(&demo).uid(NOBODY).gid(NOBODY));
        assert!(output.status.success(), "{form}: {}", stderr(&output));
        assert_eq!(stdout(&output).lines().filter(|line| is_open(line)).count(), opens, "{form}");
    }
}
