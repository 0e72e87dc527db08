//! The live screen under sudo: it goes on with next to no rights, from one hook set to the next filter, and through a
//! stop.

use rustix::process::Signal;

use super::pty::Pty;

#[test]
#[ignore = "needs root: make test"]
fn a_live_screen_under_sudo_filters_stops_and_ends_without_its_rights() {
    assert!(rustix::process::geteuid().is_root(), "this test loads BPF programs: run it as root");
    let args = ["SUDO_UID=65534", "SUDO_GID=65534", env!("CARGO_BIN_EXE_opentop")];
    let mut pty = Pty::start("/usr/bin/env", &args, 120, 30);
    pty.wait_for("the screen", |text| text.contains("q quit"));
    // A filter that the kernel does: its maps are changed by a thread that is nobody's.
    pty.keys("/uid:0\r");
    pty.wait_for("a filter in the kernel", |text| text.contains("/ uid:0"));
    let _opens = std::process::Command::new("cat").arg("/etc/hostname").output().expect("cat");
    pty.wait_for("an open", |text| text.contains("/etc/hostname"));
    pty.keys("\x1a");
    pty.wait_until_stopped();
    pty.assert_restored();
    pty.signal(Signal::CONT);
    pty.wait_for_screen("the screen again", vt100::Screen::alternate_screen);
    pty.keys("q");
    assert_eq!(pty.wait_for_end().0, Some(0));
    pty.assert_restored();
}

#[test]
#[ignore = "needs root: make test"]
fn a_report_is_shown_on_the_screen_and_told_when_it_is_closed() {
    assert!(rustix::process::geteuid().is_root(), "this test loads BPF programs: run it as root");
    let args = ["--report", "--", "sh", "-c", "cat /no/such/file; exit 3"];
    let mut pty = Pty::start(env!("CARGO_BIN_EXE_opentop"), &args, 80, 50);
    pty.wait_for("the end", |text| text.contains("ended with status 3"));
    pty.keys("R");
    pty.wait_for("a report", |text| text.contains("report of all ") && text.contains("/no/such/file"));
    pty.keys("qq");
    assert_eq!(pty.wait_for_end().0, Some(3));
    pty.assert_restored();
    pty.wait_for("the page", |text| {
        text.contains("/no/such/file") && text.contains("READ ") && text.contains("PROGRAMS")
    });
}

#[test]
#[ignore = "needs root: make test"]
fn a_command_that_floods_its_terminal_holds_up_neither_events_nor_keys() {
    let mut pty = flooded(&[]);
    pty.wait_for("an event", |text| text.contains("/no/such/flood"));
    pty.keys("o");
    pty.wait_for("the panel", |text| text.contains(" sh ("));
    pty.keys("o?");
    pty.wait_for("the help", |text| text.contains("quit or close"));
    pty.keys("qq");
    pty.wait_for("the question", |text| text.contains("q again hangs up on it"));
    pty.keys("q");
    pty.wait_for_end();
    pty.assert_restored();
}

/// A screen whose command opens files, and writes the largest counts, and a title without an end, as fast as it can.
fn flooded(options: &[&str]) -> Pty {
    assert!(rustix::process::geteuid().is_root(), "this test loads BPF programs: run it as root");
    let flood = r"printf '\033[65535L\033[65535@\033[65535T\033]0;'; printf '%8000s'";
    let opens = "while :; do cat /no/such/flood 2>&-; done";
    let script = format!("({opens}) & while :; do {flood}; done");
    let args = [options, &["--", "sh", "-c", &script]].concat();
    Pty::start(env!("CARGO_BIN_EXE_opentop"), &args, 120, 30)
}

#[test]
fn a_command_that_floods_its_terminal_holds_up_no_end() {
    let mut pty = flooded(&[]);
    pty.wait_for("an event", |text| text.contains("/no/such/flood"));
    pty.signal(Signal::TERM);
    pty.wait_for_end();
    pty.assert_restored();
    let mut pty = flooded(&["-d", "2"]);
    pty.wait_for("an event", |text| text.contains("/no/such/flood"));
    pty.wait_for("the end of the time", |text| text.contains("ENDED"));
    pty.keys("qq");
    pty.wait_for_end();
    pty.assert_restored();
}

/// With next to no rights left: their programs are loaded only when the key is pressed.
#[test]
#[ignore = "needs root: make test"]
fn a_key_turns_look_ups_on_and_off_while_it_runs() {
    assert!(rustix::process::geteuid().is_root(), "this test loads BPF programs: run it as root");
    let args = ["SUDO_UID=65534", "SUDO_GID=65534", env!("CARGO_BIN_EXE_opentop"), "-x", "-f", "/no/such/look-up"];
    let mut pty = Pty::start("/usr/bin/env", &args, 120, 30);
    pty.wait_for("the hint", |text| text.contains("stat, access not shown (a)"));
    pty.keys("a");
    pty.wait_for("the word", |text| text.contains("stat, access and readlink are shown from now on"));
    let _missing = std::fs::metadata("/no/such/look-up");
    pty.wait_for("a look-up", |text| {
        text.lines().any(|line| line.contains("stat") && line.contains("/no/such/look-up"))
    });
    pty.wait_for("no hint", |text| !text.contains("not shown (a)"));
    pty.keys("a");
    pty.wait_for("the word", |text| text.contains("only opens are shown from now on"));
    let _missing = std::fs::metadata("/no/such/look-up-2");
    let _missing = std::fs::File::open("/no/such/look-up-3");
    pty.wait_for("an open", |text| text.contains("/no/such/look-up-3"));
    assert!(!pty.text().contains("/no/such/look-up-2"), "{}", pty.text());
    pty.keys("q");
    assert_eq!(pty.wait_for_end().0, Some(0));
    pty.assert_restored();
}
