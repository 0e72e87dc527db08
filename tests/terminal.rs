//! `opentop -- COMMAND` at a terminal. Without the screen the terminal is the command's, its signals too; beside the
//! screen the command has one of its own.

mod common;
#[path = "screen/pty.rs"]
#[allow(dead_code, reason = "each test program uses its own part")]
mod pty;

use std::time::Duration;

use common::{Scratch, needs_root, opentop, stdout};
use pty::Pty;

fn start(args: &[&str]) -> Pty {
    Pty::start(env!("CARGO_BIN_EXE_opentop"), args, 80, 24)
}

#[test]
#[ignore = "needs root: make test"]
fn an_interrupt_from_the_terminal_is_the_commands() {
    needs_root();
    let scratch = Scratch::new();
    let (recording, file) = (scratch.join("recording"), scratch.file("after", ""));
    let script =
        format!("trap 'echo caught; : <{}; exit 7' INT; echo ready; while :; do sleep 0.05; done", file.display());
    let mut pty = start(&["record", recording.to_str().expect("UTF-8"), "--", "sh", "-c", &script]);
    pty.wait_for("the command", |text| text.contains("ready"));
    pty.keys("\x03");
    pty.wait_for("its handler", |text| text.contains("caught"));
    assert_eq!(pty.wait_for_end().0, Some(7));
    let text = common::output(opentop(["replay", "-o", "text"]).arg(&recording));
    assert!(stdout(&text).contains("/after"), "{}", stdout(&text));
}

#[test]
#[ignore = "needs root: make test"]
fn a_second_interrupt_at_once_ends_opentop_and_says_what_runs_on() {
    needs_root();
    let script = "trap '' INT; echo ready $$; exec sleep 600";
    let mut pty = start(&["-o", "text", "-f", "^/no/such/file$", "--", "sh", "-c", script]);
    pty.wait_for("the command", |text| text.contains("ready"));
    pty.keys("\x03");
    std::thread::sleep(Duration::from_millis(1200));
    pty.keys("\x03");
    std::thread::sleep(Duration::from_millis(100));
    pty.keys("\x03");
    assert_eq!(pty.wait_for_end().0, Some(130));
    pty.wait_for("what runs on", |text| text.contains(") runs on"));
    let text = pty.text();
    let pid = text.split_once("ready ").and_then(|(_, rest)| rest.split_whitespace().next()).expect("its pid");
    let pid = rustix::process::Pid::from_raw(pid.parse().expect("a number")).expect("a pid");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it runs on");
}

/// It reads keys, sets modes and owns the foreground, as an editor does.
#[test]
#[ignore = "needs root: make test"]
fn the_terminal_is_the_commands() {
    needs_root();
    let scratch = Scratch::new();
    let recording = scratch.join("recording");
    let script =
        "stty raw -echo; printf ready; key=$(dd bs=1 count=1 2>/dev/null | od -An -tx1); stty sane; echo \"key$key\"";
    let mut pty = start(&["record", recording.to_str().expect("UTF-8"), "--", "sh", "-c", script]);
    pty.wait_for("the command", |text| text.contains("ready"));
    pty.keys("\x03");
    pty.wait_for("the key", |text| text.contains("key 03"));
    assert_eq!(pty.wait_for_end().0, Some(0));
}

#[test]
#[ignore = "needs root: make test"]
fn a_recording_tells_how_it_goes() {
    needs_root();
    let scratch = Scratch::new();
    let recording = scratch.join("recording");
    let recording = recording.to_str().expect("UTF-8");
    for options in [&[][..], &["--max-size", "1M"]] {
        let mut pty = start(&[&["record", "-i", "0.1", recording], options].concat());
        pty.wait_for("its progress", |text| text.contains(" lost; ^C ends it"));
        pty.keys("\x03");
        assert_eq!(pty.wait_for_end().0, Some(0), "{options:?}");
        pty.wait_for("what it has", |text| text.contains("opentop: recorded ") && !text.contains("^C ends it"));
    }
}

#[test]
fn a_recording_is_not_written_to_a_terminal() {
    let mut pty = start(&["record", "-"]);
    assert_eq!(pty.wait_for_end().0, Some(2));
    pty.wait_for("why not", |text| text.contains("opentop record - | opentop replay -"));
}

#[test]
#[ignore = "needs root: make test"]
fn beside_the_screen_a_command_is_read_and_answered_and_its_status_is_opentops() {
    needs_root();
    let script = "read -r key </dev/tty; printf '\\033]0;title\\007\\033[31mhello \\342\\200\\256 %s' \"$key\"; exit 7";
    let mut pty = start(&["--", "sh", "-c", script]);
    pty.wait_for("the command in the header", |text| text.contains("sh (") && text.contains(") runs"));
    // These are the screen's.
    pty.keys("zz");
    pty.keys("o\rbob\r");
    pty.wait_for("what it printed", |text| text.contains("hello? bob"));
    pty.wait_for("its end", |text| text.contains(") ended with status 7 after "));
    let shown = String::from_utf8_lossy(&pty.bytes()).into_owned();
    assert!(!shown.contains("\x1b]0;") && !shown.contains('\u{202e}'), "{shown:?}");
    pty.keys("\x1d");
    pty.keys("q");
    pty.wait_for("the screen without it", |text| text.contains("ended with status 7") && text.contains("q quit"));
    pty.keys("q");
    assert_eq!(pty.wait_for_end().0, Some(7));
    pty.assert_restored();
}

#[test]
#[ignore = "needs root: make test"]
fn somebody_else_may_open_the_terminal_beside_the_screen() {
    needs_root();
    let script = "cd /; read -r key <$(tty); echo \"$(id -un) $(stat -c %U $(tty)) $key\" >/dev/tty";
    let mut pty = start(&["--as", "nobody", "--", "sh", "-c", script]);
    pty.wait_for("the command", |text| text.contains(") runs"));
    pty.keys("o\rkey\r");
    pty.wait_for("what it printed", |text| text.contains("nobody nobody key"));
    pty.wait_for("its end", |text| text.contains(") ended with status 0 after "));
    pty.keys("qqq");
    assert_eq!(pty.wait_for_end().0, Some(0));
}

#[test]
#[ignore = "needs root: make test"]
fn quitting_the_screen_hangs_up_on_the_command_once_that_is_meant() {
    needs_root();
    let mut pty = start(&["--quiet", "--", "sh", "-c", "trap 'exit 9' HUP; while :; do sleep 0.05; done"]);
    pty.wait_for("the command", |text| text.contains(") runs"));
    pty.keys("q");
    pty.wait_for("the question", |text| text.contains("still runs: q again hangs up on it"));
    pty.keys("q");
    assert_eq!(pty.wait_for_end().0, Some(9));
    let mut pty = start(&["--", "sh", "-c", "trap '' HUP TERM; while :; do sleep 0.05; done"]);
    pty.wait_for("the command", |text| text.contains(") runs"));
    pty.signal(rustix::process::Signal::TERM);
    assert_eq!(pty.wait_for_end().0, Some(143));
    pty.wait_for("what runs on", |text| text.contains(") runs on"));
    let text = pty.text();
    let (_, pid) = text.rsplit_once("opentop: sh (").expect("what runs on");
    let pid = rustix::process::Pid::from_raw(pid.split(')').next().and_then(|pid| pid.parse().ok()).expect("a number"));
    rustix::process::kill_process(pid.expect("a pid"), rustix::process::Signal::KILL).expect("it runs on");
}
