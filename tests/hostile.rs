//! Command lines that mean harm: what opentop says of them reaches a terminal as text, is one line, and comes soon.

mod common;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::process::Output;

use common::{Scratch, needs_root, opentop, output, stderr};

/// Moves the cursor, sets the title, opens a C1 sequence, turns the text around, hides, breaks the line, and is no
/// UTF-8.
const EVIL: &[u8] = b"x\x1b[2J\x1b]0;owned\x07\xc2\x9b31m\xe2\x80\xae\xe2\x80\x8b\r\ny\xff";

fn evil(before: &str) -> OsString {
    OsStr::from_bytes(&[before.as_bytes(), EVIL].concat()).to_owned()
}

/// The same without what is no UTF-8, which clap says nothing about.
fn evil_text(before: &str) -> OsString {
    OsStr::from_bytes(&[before.as_bytes(), &EVIL[..EVIL.len() - 1]].concat()).to_owned()
}

/// Nothing in `output` is hidden, moves anything or is obeyed.
#[track_caller]
fn assert_displayable(output: &Output, of: &dyn std::fmt::Debug) {
    let text = String::from_utf8([&output.stdout[..], &output.stderr].concat()).expect("UTF-8");
    let bad = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202e}' | '\u{200b}');
    assert!(!text.contains(bad), "{of:?}: {text:?}");
    assert!(!text.contains("\ny"), "a line that an argument has begun, {of:?}: {text:?}");
}

#[test]
#[ignore = "needs root: make test"]
fn no_argument_reaches_the_terminal_as_it_is() {
    needs_root();
    let scratch = Scratch::new();
    let missing = scratch.join("missing").join(evil(""));
    let live = |option: &str, value: OsString| vec![option.into(), value];
    let mut refused: Vec<(u8, Vec<OsString>)> = vec![
        (1, vec!["replay".into(), missing.clone().into()]),
        (1, vec!["record".into(), missing.into()]),
        (1, vec!["-o".into(), "text".into(), "--".into(), evil("/no/")]),
        (1, live("--cgroup", evil("/no/"))),
        (2, vec![evil_text("--")]),
        (2, vec![evil_text("")]),
        (2, vec![evil("--")]),
        (2, vec!["replay".into(), "a".into(), evil_text("")]),
    ];
    for option in ["--user", "-F", "--file", "--errno", "--hooks", "--ring", "--history", "-o", "-p", "-d", "-g", "-s"]
    {
        // An open bracket, for those that take any regex.
        refused.push((2, live(option, evil_text("("))));
    }
    for (status, args) in refused {
        let output = output(&mut opentop(&args));
        assert_eq!(output.status.code(), Some(status.into()), "{args:?}: {}", stderr(&output));
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{args:?}");
        assert_displayable(&output, &args);
    }
}

#[test]
fn a_recording_that_is_none_says_so_in_text() {
    let scratch = Scratch::new();
    let file = scratch.join(evil(""));
    std::fs::write(&file, EVIL).expect("a file");
    let output = output(&mut opentop(["replay".as_ref(), file.as_os_str()]));
    assert_eq!(output.status.code(), Some(1));
    assert_displayable(&output, &file);
}

#[test]
fn what_is_too_much_is_refused_by_its_limit() {
    let many = |count: usize, what: &str| vec![what; count].join(" ");
    let long = "a".repeat(64 * 1024 + 1);
    let nested = format!("{}a{}", "(".repeat(3000), ")".repeat(3000));
    for (args, limit) in [
        (["-F", &long], "65536 are the limit"),
        (["-F", &many(30_000, "a")], "more than 100 terms"),
        (["-F", &many(101, "err:any")], "more than 100 terms"),
        (["-F", &nested], "nest"),
        (["-f", r"(\w{100}){100}"], "too large"),
        (["-c", &"a".repeat(120_000)], "too large"),
        (["-u", &"x".repeat(100_000)], "no user"),
    ] {
        let output = output(&mut opentop(["-o", "text"].iter().chain(&args)));
        let text = stderr(&output);
        let start: String = text.chars().take(300).collect();
        assert_eq!(output.status.code(), Some(2), "{start}");
        assert!(text.contains(limit) && text.lines().count() == 1 && text.len() < 4200, "no {limit} in {start}");
    }
    let pids = (1..=1025).map(|pid| pid.to_string()).collect::<Vec<_>>().join(",");
    let output = output(&mut opentop(["-o", "text", "--tree", "-p", &pids]));
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("at most 1024"), "{}", stderr(&output));
}

/// More than there is room for in the kernel is found among all opens.
#[test]
#[ignore = "needs root: make test"]
fn five_thousand_pids_and_users_are_taken() {
    needs_root();
    let numbers = |from: u32| (from..from + 5000).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    let uid = rustix::process::geteuid().as_raw();
    let scratch = Scratch::new();
    let file = scratch.file("file", "");
    let expression = format!("pid:{}", numbers(4_000_000));
    // One of them has to run, or there would be nothing to trace; and it opens nothing that is found here.
    let pids = format!("{},{}", numbers(4_000_000), std::process::id());
    for (args, found) in [
        (["-u", &numbers(uid)], true),
        (["-u", &numbers(uid + 1)], false),
        (["-p", &pids], false),
        (["-F", &expression], false),
    ] {
        let opener = "while :; do : <\"$0\"; sleep 0.05; done";
        let _opens = common::Running::start(std::process::Command::new("sh").arg("-c").arg(opener).arg(&file));
        let output = output(&mut opentop(["-o", "text", "-d", "1"].iter().chain(&args)));
        assert!(output.status.success(), "{}", stderr(&output));
        assert_eq!(common::stdout(&output).contains(file.to_str().expect("UTF-8")), found, "{}", args[0]);
    }
}
