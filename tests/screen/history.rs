//! What the screen remembers of a busy host, and what that costs. On the real kernel, so these need root.

use std::fs::File;
use std::time::Duration;

use super::pty::Pty;

fn live(args: &[&str]) -> Pty {
    assert!(rustix::process::geteuid().is_root(), "these tests trace the real kernel: run them as root");
    let pty = Pty::start(env!("CARGO_BIN_EXE_opentop"), args, 100, 30);
    pty.wait_for("the start", |text| text.contains("opens/s"));
    pty
}

/// The most memory that was ever resident, in MiB.
fn peak(pty: &Pty) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", pty.pid.as_raw_nonzero())).expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") >> 10
}

/// How many events the filter was asked about, as the bar has it.
fn seen(pty: &Pty) -> u64 {
    let text = pty.text();
    let count = text.split("matched 1 of ").nth(1).and_then(|rest| rest.split(' ').next());
    count.and_then(|count| count.replace(',', "").parse().ok()).unwrap_or(0)
}

#[test]
#[ignore = "needs root: make test"]
fn a_rare_match_outlives_a_storm_of_others() {
    let mut pty = live(&["-f", "history-rare"]);
    let _ = File::open("/etc/history-rare.conf");
    pty.wait_for("the match", |text| text.contains("/etc/history-rare.conf"));
    // More than there is room for, however many of them are lost on a busy host.
    let mut rounds = 0..30;
    while seen(&pty) < 700_000 {
        assert!(rounds.next().is_some(), "{}", pty.text());
        (0..100_000).for_each(|n| drop(File::open(format!("/etc/history-other-{}", n % 100))));
        std::thread::sleep(Duration::from_millis(500));
    }
    pty.keys("\x1b");
    pty.wait_for("all events", |text| text.contains("no filter"));
    pty.keys("/history-rare\r");
    pty.wait_for("the match again", |text| text.contains("matched 1 of") && text.contains("/etc/history-rare.conf"));
}

#[test]
#[ignore = "needs root: make test"]
fn names_of_any_length_take_bounded_memory_even_while_a_view_is_held() {
    let mut pty = live(&["--group-by", "file"]);
    let dir = format!("/tmp/{}", "long-name/".repeat(380));
    let open = |count: u32| (0..count).for_each(|n| drop(File::open(format!("{dir}{n}"))));
    open(60_000);
    pty.keys(" ");
    pty.wait_for("the pause", |text| text.contains("PAUSED"));
    open(60_000);
    pty.keys(" /long-name\r");
    pty.wait_for("a filter", |text| text.contains("matched"));
    open(60_000);
    pty.keys("/.*x\x1b");
    // More than there is room for, however many of them are lost on a busy host.
    let mut rounds = 0..30;
    while !pty.text().contains("let go") {
        assert!(rounds.next().is_some(), "{}", pty.text());
        open(60_000);
        std::thread::sleep(Duration::from_millis(500));
    }
    pty.keys("R");
    pty.wait_for("a report", |text| text.contains("report of"));
    open(60_000);
    pty.keys("qFp/x\r");
    open(60_000);
    let peak = peak(&pty);
    assert!(peak < 128, "{peak} MiB");
}
