//! `opentop -- COMMAND`, `--tree`, and recordings: from the first open on, with all descendants, the same lines again.

mod common;

use common::lines::Open;
use common::tracer::{Ended, Tracer};
use common::{Running, Scratch, needs_root, opener, opentop, stderr, stdout};
use rustix::process::{Pid, Signal};
use std::io::Write as _;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

const NOBODY: u32 = 65_534;

/// A shell script that is run below opentop.
fn below(options: &[&str], script: &str) -> Ended {
    Tracer::start([options, &["-o", "json", "--", "/bin/sh", "-c", script]].concat()).wait()
}

fn at<'a>(opens: &'a [Open], path: &Path) -> Vec<&'a Open> {
    opens.iter().filter(|open| open.is_at(path)).collect()
}

#[test]
#[ignore = "needs root: make test"]
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
#[ignore = "needs root: make test"]
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
#[ignore = "needs root: make test"]
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
#[ignore = "needs root: make test"]
fn a_command_that_cannot_be_started_is_an_error() {
    needs_root();
    let output = common::output(&mut opentop(["-o", "json", "--", "/no/such/program"]));
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(text.starts_with("opentop: ") && text.contains("/no/such/program"), "{text:?}");
    assert_eq!(text.lines().count(), 1, "{text:?}");
}

/// Nothing but JSON is on a stdout that a machine reads, whatever the command prints; for people both stay together.
#[test]
#[ignore = "needs root: make test"]
fn the_commands_output_is_kept_apart_from_lines_for_machines() {
    needs_root();
    let script = "printf 'no line end'; echo error >&2";
    for form in ["json", "csv"] {
        let output = common::output(&mut opentop(["-o", form, "--", "sh", "-c", script]));
        assert_eq!(stderr(&output), "no line enderror\n", "{form}");
        assert!(!stdout(&output).contains("no line end"), "{form}");
    }
    let output = common::output(&mut opentop(["-o", "json", "--", "sh", "-c", script]));
    assert!(stdout(&output).lines().all(|line| line.starts_with('{') && line.ends_with('}')));
    let text = common::output(&mut opentop(["-o", "text", "--", "sh", "-c", script]));
    assert_eq!((stderr(&text).as_str(), stdout(&text).contains("no line end")), ("error\n", true));
}

#[test]
#[ignore = "needs root: make test"]
fn lines_go_to_a_file_and_the_command_keeps_its_streams() {
    needs_root();
    let scratch = Scratch::new();
    let out = scratch.join("lines");
    let run = |options: &[&str]| {
        let mut command = opentop(["-o", "json", "-O"]);
        command.arg(&out).args(options).args(["--", "cat", "-"]).stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starting opentop");
        // Where it is refused nobody reads this.
        let _ = child.stdin.take().expect("a pipe").write_all(b"from stdin");
        common::ended(child)
    };
    let first = run(&[]);
    assert_eq!((first.status.code(), stdout(&first).as_str(), stderr(&first).as_str()), (Some(0), "from stdin", ""));
    let lines = std::fs::read_to_string(&out).expect("the lines");
    assert!(lines.lines().last().is_some_and(|line| line.contains(r#""type":"summary""#)), "{lines}");
    let again = run(&[]);
    assert_eq!(again.status.code(), Some(1));
    assert!(stderr(&again).contains("--force") && stdout(&again).is_empty(), "{}", stderr(&again));
    assert_eq!(std::fs::read_to_string(&out).expect("the lines"), lines, "nothing is replaced unasked");
    assert_eq!(run(&["--force"]).status.code(), Some(0));
}

/// What opentop looks for is not the command's.
#[test]
#[ignore = "needs root: make test"]
fn the_search_for_the_command_is_not_seen() {
    needs_root();
    let scratch = Scratch::new();
    let not_executable = scratch.dir("first");
    std::fs::write(not_executable.join("true"), "").expect("a file");
    let path = format!("/nope1:{}::/nope2:/usr/bin:/bin", not_executable.display());
    let mut command = opentop(["-o", "json", "--", "true"]);
    let ended = Tracer::of({
        command.env("PATH", path);
        command
    })
    .wait()
    .well();
    let first = &ended.opens()[0];
    assert_eq!((first.op.as_str(), first.errno.as_deref()), ("exec", None), "{first:?}");
    assert!(!ended.lines.iter().any(|line| line.contains("/nope") || line.contains("/first")), "{:#?}", ended.lines);
}

#[test]
#[ignore = "needs root: make test"]
fn a_command_that_a_signal_kills_gives_its_number() {
    needs_root();
    for (signal, status) in [("TERM", 143), ("KILL", 137), ("INT", 130)] {
        let ended = below(&[], &format!("kill -{signal} $$"));
        assert_eq!((ended.status.code(), ended.stderr.as_str()), (Some(status), ""), "{signal}");
        ended.summary();
    }
}

/// Daemons leave their parent, session and terminal, and belong to the command nevertheless.
#[test]
#[ignore = "needs root: make test"]
fn opentop_goes_on_until_the_last_descendant_has_ended() {
    needs_root();
    let scratch = Scratch::new();
    let file = scratch.file("late", "");
    let script = format!("(setsid sh -c 'sleep 0.5; : <{}' >/dev/null 2>&1 &) ; exit 3", file.display());
    let ended = below(&[], &script);
    assert_eq!(ended.status.code(), Some(3), "{}", ended.stderr);
    assert_eq!(at(&ended.opens(), &file).len(), 1, "{:#?}", ended.lines);
    assert!(
        ended.stderr.contains(") ended with status 3 after ") && ended.stderr.lines().count() == 1,
        "{}",
        ended.stderr
    );
    let ended = below(&["--until", "exit"], &script);
    assert_eq!((ended.status.code(), ended.stderr.as_str()), (Some(3), ""));
    assert!(at(&ended.opens(), &file).is_empty(), "{:#?}", ended.lines);
}

/// What is sent to opentop alone reaches the command as well.
#[test]
#[ignore = "needs root: make test"]
fn a_signal_to_opentop_reaches_the_command() {
    needs_root();
    let scratch = Scratch::new();
    let [ready, caught] = ["ready", "caught"].map(|name| scratch.file(name, ""));
    for (signal, name, ignores) in [
        (Signal::TERM, "TERM", false),
        (Signal::HUP, "HUP", false),
        (Signal::INT, "INT", false),
        (Signal::TERM, "TERM", true),
    ] {
        let handler = if ignores { String::new() } else { format!(": <'{}'; exit 5", caught.display()) };
        // What runs on holds none of the test's pipes.
        let script = format!(
            "exec >/dev/null 2>&1; trap \"{handler}\" {name}; : <'{}'; for _ in $(seq 1200); do sleep 0.05; done",
            ready.display()
        );
        let traced = opentop(["-o", "json", "--", "/bin/sh", "-c", &script]);
        // Whoever starts the tests in the background of a shell has them ignore it.
        let mut command = Command::new("env");
        command.arg("--default-signal=INT").arg(traced.get_program()).args(traced.get_args()).stdin(Stdio::null());
        command.env("SUDO_UID", NOBODY.to_string()).env("SUDO_GID", NOBODY.to_string());
        let mut tracer = Tracer::of(command);
        tracer.wait_until(|line| line.contains("/ready\""), || ());
        tracer.signal(signal);
        let ended = tracer.wait();
        if ignores {
            // Its time is over, and it runs on, which is said.
            assert_eq!(ended.status.code(), Some(143), "{}", ended.stderr);
            let (_, pid) = ended.stderr.split_once("/bin/sh (").unwrap_or_else(|| panic!("{}", ended.stderr));
            let (pid, rest) = pid.split_once(')').expect("its pid");
            assert!(rest.starts_with(" runs on") && ended.stderr.lines().count() == 1, "{}", ended.stderr);
            let pid = Pid::from_raw(pid.parse().expect("a number")).expect("a pid");
            rustix::process::kill_process(pid, Signal::KILL).expect("it runs on");
        } else {
            assert_eq!((ended.status.code(), ended.stderr.as_str()), (Some(5), ""), "{name}");
            assert_eq!(at(&ended.opens(), &caught).len(), 1, "its last open is seen: {name}");
        }
    }
}

#[test]
#[ignore = "needs root: make test"]
fn a_limit_leaves_the_command_running_and_says_so() {
    needs_root();
    for limit in [["-d", "0.3"], ["-n", "1"]] {
        let args = ["-o", "text"].into_iter().chain(limit).chain(["--", "sh", "-c", "exec sleep 600 >/dev/null 2>&1"]);
        let output = common::output(&mut opentop(args));
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(0), "{said}");
        let pid = said.strip_prefix("opentop: sh (").and_then(|rest| rest.strip_suffix(") runs on\n"));
        let pid = pid.and_then(|pid| pid.parse().ok()).and_then(Pid::from_raw).unwrap_or_else(|| panic!("{said}"));
        rustix::process::kill_process(pid, Signal::KILL).expect("it runs on");
    }
}

#[test]
#[ignore = "needs root: make test"]
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
#[ignore = "needs root: make test"]
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
#[ignore = "needs root: make test"]
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

/// The shell is there while its child is asked about, and the child's program is told by its start.
#[test]
#[ignore = "needs root: make test"]
fn processes_are_told_with_what_they_run_and_who_started_them() {
    needs_root();
    let scratch = Scratch::new();
    let (file, recording) = (scratch.file("file", "x"), scratch.join("recording"));
    let script = format!("cat '{}'; true", file.display());
    let live = common::output(&mut opentop(["--identity", "-o", "json", "--", "sh", "-c", &script]));
    let mut record = opentop(["record", "--identity"]);
    let recorded = common::output(record.arg(&recording).args(["--", "sh", "-c", &script]));
    assert!(recorded.status.success(), "{}", stderr(&recorded));
    let replayed = common::output(opentop(["replay", "-o", "json"]).arg(&recording));
    for output in [live, replayed] {
        let lines = stdout(&output);
        let lines = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
        let path = file.to_str().expect("a plain name");
        let opened: Vec<_> = lines.filter(|line| line["path"] == path).collect();
        let [opened] = &opened[..] else { panic!("{opened:?}: {}", stderr(&output)) };
        let exe = opened["exe"].as_str().expect("a file");
        assert_eq!(std::fs::canonicalize(exe).expect("exe"), std::fs::canonicalize("/bin/cat").expect("cat"));
        assert_eq!(opened["parent"], "sh");
    }
}
