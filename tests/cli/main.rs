//! The command line from outside: exit codes, errors, how it ends.

#[path = "../common/mod.rs"]
mod common;
mod forms;

use common::lines::Open;
use common::tracer::Tracer;
use common::{Running, Scratch, needs_root, opener, opentop, stderr, stdout};
use rustix::process::Signal;
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const NOBODY: u32 = 65_534;

fn run(args: &[&str]) -> Output {
    common::output(&mut opentop(args))
}

/// One line on stderr that begins with the program's name, and nothing else anywhere.
#[track_caller]
fn one_clear_line(output: &Output) -> String {
    let text = stderr(output);
    assert_eq!(stdout(output), "", "stdout beside {text:?}");
    assert_eq!(text.lines().count(), 1, "{text:?}");
    assert!(text.starts_with("opentop: ") && text.ends_with('\n'), "{text:?}");
    text
}

#[test]
fn wrong_usage_ends_with_2_and_says_what_is_wrong() {
    // The arguments, and a word of theirs that the error must name.
    for (args, word) in [
        (&["--no-such-option"][..], "--no-such-option"),
        (&["no-such-command"], "no-such-command"),
        (&["make", "-s"], "in '-- make'"),
        (&["recrod", "x"], "a similar subcommand exists: 'record'"),
        (&["-x", "check"], "as in 'opentop check'"),
        (&["-i", "5m"], "give seconds"),
        (&["-p", "one"], "one"),
        (&["-p", "0"], "no process id"),
        (&["-p", " "], "no process id"),
        (&["-p", "1 x"], "\"x\""),
        (&["-u", "no-such-user"], "no-such-user"),
        (&["-c", "a(b"], "a(b"),
        (&["-f", "[z-a]"], "[z-a]"),
        (&["-e", "ENOSUCHERROR"], "ENOSUCHERROR"),
        (&["-F", "no_such_field:x"], "no_such_field"),
        (&["-n", "many"], "give a whole number"),
        (&["-n", "-1"], "-1"),
        (&["-d", "long"], "long"),
        (&["-d", "-1"], "-1"),
        (&["-o", "xml"], "xml"),
        (&["--ring", "12X"], "12X"),
        (&["--color", "perhaps"], "perhaps"),
        (&["replay"], "FILE"),
        (&["replay", "--speed", "max", "x"], "give a number"),
        (&["metrics", "--listen", "9499"], "give an address and a port"),
    ] {
        let output = run(args);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {text}");
        assert_eq!(stdout(&output), "", "{args:?}");
        assert!(text.contains(word), "{args:?}: {text:?} does not name {word:?}");
        assert!(!text.contains("panicked"), "{args:?}: {text}");
    }
}

#[test]
fn a_configuration_is_read_and_what_is_wrong_in_it_told_with_its_line() {
    let scratch = Scratch::new();
    let file = scratch.path().join("c.toml");
    let recording = scratch.path().join("r");
    std::fs::write(&recording, "").unwrap();
    let replay = |arguments: &[&str]| {
        let mut command = opentop(["replay"]);
        command.arg(&recording).args(arguments);
        common::output(&mut command)
    };
    let given = ["--config", file.to_str().unwrap()];
    for (text, expected) in [
        ("\nsort = 'x'\n", "c.toml, line 2: invalid value 'x' for '--sort <COLUMN>'"),
        ("x = \n", "c.toml, line 1: "),
        ("filter = 'err:ENOPE'", "c.toml, line 1: --filter: column 5: no error"),
        ("history = '7T'", "c.toml, line 1: --history 7T"),
    ] {
        std::fs::write(&file, text).unwrap();
        let output = replay(&given);
        assert_eq!(output.status.code(), Some(2));
        assert!(one_clear_line(&output).contains(expected), "{output:?}");
    }
    std::fs::write(&file, "[filters]\nmissing = 'err:ENOENT OR err:ENOTDIR'\n").unwrap();
    let output = replay(&[&given[..], &["-F", "@missing @nobody"]].concat());
    assert!(one_clear_line(&output).contains("no filter is called @nobody, there are @missing"), "{output:?}");
}

/// It keeps nothing from starting: what is wrong with it is one line on stderr. Links are followed, as managers of such
/// files make them.
#[test]
fn a_users_own_configuration_is_read_where_it_makes_sense() {
    let scratch = Scratch::new();
    let own = scratch.dir("config").join("opentop.toml");
    let recording = scratch.file("r", ONE_OPEN);
    let replay = || {
        let mut command = opentop(["replay", "-o", "csv"]);
        command.arg(&recording).env("XDG_CONFIG_HOME", scratch.join("config")).env_remove("SUDO_UID");
        common::output(&mut command)
    };
    let target = scratch.file("dotfiles.toml", "failed = true");
    std::os::unix::fs::symlink(&target, &own).unwrap();
    let output = replay();
    assert_eq!((stdout(&output).contains(",/f,"), stderr(&output)), (false, String::new()), "{output:?}");
    for (text, expected) in [
        ("sort = 'x'", "/config/opentop.toml, line 1: invalid value 'x' for '--sort <COLUMN>'"),
        ("ring = '1G'", "/config/opentop.toml, line 1: ring is not taken from a user's file"),
        ("filter = 'err:ENOPE'", "/config/opentop.toml, line 1: --filter: column 5: no error"),
        ("x", "/config/opentop.toml, line 1: "),
    ] {
        std::fs::write(&target, text).unwrap();
        let output = replay();
        let said = stderr(&output);
        assert_eq!((output.status.code(), stdout(&output).contains(",/f,")), (Some(0), true), "{said}");
        assert!(said.lines().count() == 1 && said.contains(expected), "{said:?}");
        assert!(said.ends_with("; going on without it\n"), "{said:?}");
    }
    std::fs::remove_file(&own).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &own).unwrap();
    assert!(stderr(&replay()).contains("opentop.toml: it is no regular file; going on"));
}

/// An open and the end as `opentop -o json` writes them.
const ONE_OPEN: &str = concat!(
    r#"{"type":"open","time":"2026-01-02T03:04:05.123456789Z","ts_ns":1,"pid":1,"tid":1,"ppid":0,"uid":0,"#,
    r#""process":"a","comm":"a","op":"openat","flags":["O_RDONLY"],"mode":null,"fd":3,"errno":null,"name":"f","#,
    r#""path":"/f","path_kind":"absolute","opened_name":null,"real_path":null,"latency_ns":null,"cgroup":"/","#,
    r#""container":null,"start_ns":1}"#,
    "\n",
    r#"{"type":"summary","opens":1,"failed":0,"delivered":1,"dropped":0,"hooks":"syscall exit"}"#,
    "\n"
);

/// What is written to a pipe that nobody reads is written for nobody; a full disk is an error.
#[test]
fn nobody_reading_is_no_error_of_any_command() {
    let scratch = Scratch::new();
    let recording = scratch.file("r", ONE_OPEN);
    let file = recording.to_str().unwrap();
    for args in [
        &["--help"][..],
        &["--version"],
        &["replay", "--help"],
        &["replay", "-o", "text", file],
        &["replay", "-o", "json", file],
        &["replay", "-o", "csv", file],
        &["replay", "-b", file],
        &["report", file],
        &["report", "-o", "json", file],
        &["diff", file, file, "-o", "json"],
        &["check"],
    ] {
        let alone = run(args).status.code();
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let closed =
            common::ended(opentop(args).stdout(writer).stderr(Stdio::piped()).spawn().expect("starting opentop"));
        let said = stderr(&closed);
        assert!(!said.contains("ipe") && !said.contains("panicked"), "{args:?}: {said}");
        assert_eq!(closed.status.code(), alone, "{args:?}: {said}");
        let full = File::options().write(true).open("/dev/full").expect("/dev/full");
        let full = common::ended(opentop(args).stdout(full).stderr(Stdio::piped()).spawn().expect("starting opentop"));
        // As diff(1) has it.
        assert_eq!(full.status.code(), Some(if args[0] == "diff" { 2 } else { 1 }), "{args:?}");
        assert!(stderr(&full).contains("No space left"), "{args:?}: {}", stderr(&full));
    }
}

#[test]
fn help_and_version_are_output_not_errors() {
    for (args, word) in
        [(&["--help"][..], "--filter"), (&["-h"], "--filter"), (&["--version"], env!("CARGO_PKG_VERSION"))]
    {
        let output = run(args);
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert!(stdout(&output).contains(word), "{args:?}");
        assert_eq!(stderr(&output), "", "{args:?}");
    }
}

#[test]
fn a_recording_that_is_missing_is_named() {
    let output = run(&["replay", "-o", "json", "/no/such/recording"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(one_clear_line(&output).contains("/no/such/recording"));
}

/// Opens `path` until `tracer` shows a line that holds its last component.
#[track_caller]
fn until_shown(tracer: &mut Tracer, path: &Path) -> String {
    let name = path.file_name().and_then(|name| name.to_str()).expect("a plain name").to_owned();
    tracer.wait_until(|line| line.contains(&name), || drop(File::open(path)))
}

/// A copy of opentop, since the build directory may be closed to others.
fn copy_for_others(scratch: &Scratch) -> PathBuf {
    let copy = scratch.join("opentop");
    common::copy_program(env!("CARGO_BIN_EXE_opentop").as_ref(), &copy);
    copy
}

#[test]
#[ignore = "needs root: make test"]
fn without_root_it_says_what_is_needed() {
    needs_root();
    let scratch = Scratch::new();
    let copy = copy_for_others(&scratch);
    for args in [&["-o", "json"][..], &["-o", "text"], &[]] {
        let mut command = Command::new(&copy);
        let output = common::output(command.args(args).uid(NOBODY).gid(NOBODY).current_dir("/"));
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        let text = one_clear_line(&output);
        assert!(text.contains("root") && text.contains("sudo"), "{text:?}");
    }
}

#[test]
#[ignore = "needs root: make test"]
fn two_capabilities_are_enough_for_root_and_for_others() {
    needs_root();
    let scratch = Scratch::new();
    let copy = copy_for_others(&scratch);
    let canary = scratch.file("canary-of-two-capabilities", "");
    let nobody = [format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"), "--clear-groups".into()];
    for (who, ids) in [("root", &[][..]), ("nobody", &nobody)] {
        let command = || {
            let mut command = Command::new("setpriv");
            for kind in ["bounding-set", "inh-caps", "ambient-caps"] {
                command.arg(format!("--{kind}=-all,+bpf,+perfmon"));
            }
            command.args(ids).arg(&copy).current_dir("/").stdin(Stdio::null());
            command
        };
        let checked = common::output(command().arg("check"));
        assert_eq!(checked.status.code(), Some(0), "{who}: {}{}", stdout(&checked), stderr(&checked));
        let mut traced = command();
        traced.args(["-o", "json"]);
        let mut tracer = Tracer::of(traced);
        let shown = until_shown(&mut tracer, &canary);
        let pid = serde_json::from_str::<Value>(&shown).expect("JSON")["pid"].as_u64();
        assert_eq!(pid, Some(std::process::id().into()), "{who}: {shown}");
        assert!(tracer.stop().well().summary().opens > 0, "{who}");
    }
}

#[test]
#[ignore = "needs root: make test"]
fn a_screen_without_a_terminal_is_refused() {
    needs_root();
    let output = run(&["-o", "tui", "-d", "1"]);
    assert!(matches!(output.status.code(), Some(1 | 2)), "{:?}", output.status);
    assert!(one_clear_line(&output).contains("terminal"));
}

#[test]
#[ignore = "needs root: make test"]
fn a_closed_pipe_ends_it_quietly() {
    needs_root();
    let scratch = Scratch::new();
    let file = scratch.file("file", "");
    for args in [&[][..], &["-o", "json"], &["-o", "csv"]] {
        let mut child = opentop(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starting opentop");
        // As `head -1` does: one line, and gone.
        let mut reader = BufReader::new(child.stdout.take().expect("a pipe"));
        let start = Instant::now();
        let opener = std::thread::spawn({
            let file = file.clone();
            move || {
                while start.elapsed() < Duration::from_secs(5) {
                    drop(File::open(&file));
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        });
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line");
        assert!(line.ends_with('\n'), "{line:?}");
        drop(reader);
        let output = common::ended(child);
        assert!(start.elapsed() < Duration::from_secs(5), "{args:?}: it ended late");
        assert_eq!(output.status.code(), Some(0), "{args:?}: {:?}", output.status);
        assert_eq!(stderr(&output), "", "{args:?}");
        opener.join().expect("the opening thread");
    }
}

#[test]
#[ignore = "needs root: make test"]
fn a_full_disk_is_an_error() {
    needs_root();
    let full = File::options().write(true).open("/dev/full").expect("/dev/full");
    let mut command = opentop(["-o", "json", "-d", "10"]);
    let output = common::ended(command.stdout(full).stderr(Stdio::piped()).spawn().expect("starting opentop"));
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert_eq!(text.lines().count(), 1, "{text:?}");
    assert!(text.contains("space"), "{text:?}");
}

#[test]
#[ignore = "needs root: make test"]
fn a_count_ends_it_after_so_many_events() {
    needs_root();
    let scratch = Scratch::new();
    let file = scratch.file("file", "");
    let _opening = Running::start(&mut opener(["first".as_ref(), file.as_os_str()]));
    for count in [1, 7, 500] {
        let ended = Tracer::start(["-o", "json", "-n", &count.to_string()]).wait().well();
        assert_eq!(ended.opens().len(), count);
        assert!(ended.summary().delivered >= count as u64);
    }
    let ended = Tracer::start(["-o", "text", "-n", "3"]).wait().well();
    let lines = ended.lines.iter().filter(|line| !line.starts_with('#')).count();
    assert_eq!(lines, 1 + 3, "the header and the events: {:?}", ended.lines);
}

#[test]
#[ignore = "needs root: make test"]
fn signals_end_it_with_the_summary() {
    needs_root();
    let scratch = Scratch::new();
    let canary = scratch.file("canary", "");
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let tracer = Tracer::json(&[], &canary);
        tracer.signal(signal);
        let start = Instant::now();
        let ended = tracer.wait();
        assert!(start.elapsed() < Duration::from_secs(2), "{signal:?}: it ended late");
        assert_eq!(ended.stderr, "", "{signal:?}");
        assert!(ended.summary().delivered > 0, "{signal:?}");
        if signal == Signal::INT {
            assert_eq!(ended.status.code(), Some(0), "Ctrl-C is how it is meant to be ended");
        }
    }
}

#[test]
#[ignore = "needs root: make test"]
fn its_own_opens_are_hidden() {
    needs_root();
    let scratch = Scratch::new();
    let tracer = Tracer::json(&[], &scratch.file("canary", ""));
    let pid = tracer.pid();
    let opens: Vec<Open> = tracer.stop().well().opens();
    assert!(opens.iter().all(|open| open.pid != pid));
}
