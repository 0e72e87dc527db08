//! The screen on a real terminal, without root but for `history` and `live`: driven through a replayed recording. Every
//! way to end it gives the terminal back.

mod bait;
mod history;
mod live;
mod pty;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use pty::Pty;
use rustix::process::Signal;

/// A recording of `seconds` seconds with `per_second` opens each, as plain JSON Lines; removed when dropped.
struct Recording(PathBuf);

impl Recording {
    fn new(name: &str, seconds: u64, per_second: u64) -> Self {
        let path = std::env::temp_dir().join(format!("opentop-screen-{}-{name}.jsonl", std::process::id()));
        let mut lines = String::new();
        for n in 0..seconds * per_second {
            let ts = 1_000_000_000 * n / per_second.max(1);
            let (errno, fd) = if n % 10 == 0 { ("\"ENOENT\"", "null") } else { ("null", "3") };
            let comm = ["nginx", "postgres", "cron"][n as usize % 3];
            let _ = writeln!(
                lines,
                "{{\"type\":\"open\",\"time\":\"2026-01-02T03:04:05.{:09}Z\",\"ts_ns\":{ts},\"pid\":{},\"tid\":7,\
                 \"ppid\":1,\"uid\":0,\"comm\":\"{comm}\",\"op\":\"openat\",\"flags\":[\"O_RDONLY\"],\"mode\":null,\
                 \"fd\":{fd},\"errno\":{errno},\"name\":\"file-{n}\",\"path\":\"/srv/data/file-{n}\",\
                 \"path_kind\":\"joined\",\"latency_ns\":null,\"cgroup\":\"/\",\"container\":null}}",
                ts % 1_000_000_000,
                100 + n % 3,
            );
        }
        std::fs::write(&path, lines).expect("writing a recording");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("a path in UTF-8")
    }

    /// Replays it on a terminal of 80 by 24, and waits for the last event.
    fn play(&self) -> Pty {
        let pty = Pty::start(env!("CARGO_BIN_EXE_opentop"), &["replay", "--speed", "0", self.path()], 80, 24);
        pty.wait_for("end of the recording", |text| text.contains("ENDED"));
        pty
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn a_stranger_finds_filter_details_group_and_quit() {
    let recording = Recording::new("stranger", 2, 50);
    let mut pty = recording.play();
    pty.wait_for("the newest event", |text| text.contains("/srv/data/file-99"));
    pty.keys("/err:any");
    pty.wait_for("matching events only", |text| text.contains("matched 10 of 100 seen") && !text.contains("file-99"));
    pty.keys("\r");
    pty.keys("k\r");
    pty.wait_for("details", |text| text.contains("failed: ENOENT (2)") && text.contains("as given"));
    pty.keys("q\x1b");
    pty.wait_for("no filter", |text| text.contains("no filter"));
    pty.keys("b");
    pty.wait_for("ranking of commands", |text| text.contains("top commands (exact)"));
    pty.keys(" ");
    pty.wait_for("that there is nothing to pause", |text| text.contains("it has ended"));
    pty.keys("?");
    pty.wait_for("help", |text| text.contains("quit or close a popup"));
    pty.keys("qq");
    assert_eq!(pty.wait_for_end().0, Some(0));
    pty.assert_restored();
}

#[test]
fn every_signal_gives_the_terminal_back() {
    let recording = Recording::new("signals", 1, 50);
    for signal in [Signal::TERM, Signal::HUP, Signal::INT, Signal::QUIT] {
        let mut pty = recording.play();
        pty.keys("m");
        pty.wait_for_screen("mouse", |screen| screen.mouse_protocol_mode() != vt100::MouseProtocolMode::None);
        pty.signal(signal);
        assert_eq!(pty.wait_for_end().0, Some(128 + signal.as_raw()));
        pty.assert_restored();
    }
}

#[test]
fn control_c_quits_in_every_mode() {
    let recording = Recording::new("control-c", 1, 50);
    for mode in ["", "/", "?", "\r", "f"] {
        let mut pty = recording.play();
        pty.keys(mode);
        pty.keys("\x03");
        assert_eq!(pty.wait_for_end().0, Some(0), "{mode:?}");
        pty.assert_restored();
    }
}

#[test]
fn a_suspended_screen_gives_the_terminal_back_and_returns() {
    let recording = Recording::new("suspend", 1, 50);
    let mut pty = recording.play();
    pty.keys("\x1a");
    pty.wait_until_stopped();
    pty.assert_restored();
    pty.signal(Signal::CONT);
    pty.wait_for_screen("the screen again", |screen| {
        screen.alternate_screen() && screen.contents().contains("file-49") && screen.bracketed_paste()
    });
    pty.keys("q");
    assert_eq!(pty.wait_for_end().0, Some(0));
    pty.assert_restored();
}

#[test]
fn a_screen_that_others_stopped_takes_the_terminal_again() {
    let recording = Recording::new("stop", 1, 50);
    let mut pty = recording.play();
    pty.signal(Signal::STOP);
    pty.wait_until_stopped();
    pty.set_modes_as_before();
    let painted = pty.bytes().len();
    pty.signal(Signal::CONT);
    let whole = |bytes: &[u8]| String::from_utf8_lossy(&bytes[painted..]).contains("file-49");
    let start = Instant::now();
    while !whole(&pty.bytes()) || !pty.is_raw() {
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "raw: {}, painted anew: {}",
            pty.is_raw(),
            whole(&pty.bytes())
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    pty.keys("q");
    assert_eq!(pty.wait_for_end().0, Some(0));
    pty.assert_restored();
}

#[test]
fn a_terminal_that_hangs_up_ends_it() {
    let recording = Recording::new("hang-up", 1, 50);
    let mut pty = recording.play();
    pty.hang_up();
    assert_eq!(pty.wait_for_end().0, Some(128 + Signal::HUP.as_raw()));
}

#[test]
fn a_reader_that_stalls_stops_nothing_but_the_picture() {
    let recording = Recording::new("stall", 60, 4000);
    let args = ["replay", "--speed", "10", recording.path()];
    let pty = Pty::start(env!("CARGO_BIN_EXE_opentop"), &args, 200, 50);
    pty.wait_for("events", |text| text.contains("file-"));
    pty.stall(true);
    // A recording that is read to its end was shown to its end.
    let start = Instant::now();
    while !pty.has_read(&recording.0) {
        assert!(start.elapsed() < Duration::from_mins(1), "the reader holds the events up");
        std::thread::sleep(Duration::from_millis(50));
    }
    pty.stall(false);
    pty.wait_for("end of the recording", |text| text.contains("ENDED"));
}

#[test]
fn it_ends_when_told_while_the_reader_stalls() {
    let recording = Recording::new("stall-end", 60, 4000);
    let args = ["replay", "--speed", "10", recording.path()];
    let mut pty = Pty::start(env!("CARGO_BIN_EXE_opentop"), &args, 200, 50);
    pty.wait_for("events", |text| text.contains("file-"));
    pty.stall(true);
    std::thread::sleep(Duration::from_secs(3));
    pty.signal(Signal::TERM);
    assert_eq!(pty.wait_for_end().0, Some(128 + Signal::TERM.as_raw()));
    pty.stall(false);
    pty.assert_restored();
}

#[test]
fn two_hundred_resizes_are_survived() {
    let recording = Recording::new("resize", 1, 50);
    let mut pty = recording.play();
    pty.resize_at_random(200, Duration::from_millis(5));
    pty.resize(80, 24);
    pty.keys("\x0c");
    pty.wait_for("the whole screen", |text| text.contains("q quit") && text.contains("file-49"));
    pty.keys("q");
    assert_eq!(pty.wait_for_end().0, Some(0));
    pty.assert_restored();
}

#[test]
fn a_terminal_of_any_size_is_drawn_on_and_given_back() {
    let recording = Recording::new("sizes", 1, 50);
    let args = ["replay", "--speed", "0", recording.path()];
    for (width, height) in [(65535, 65535), (65535, 1), (1, 65535), (0, 0)] {
        let mut pty = Pty::start(env!("CARGO_BIN_EXE_opentop"), &args, width, height);
        pty.wait_for_screen("the screen", vt100::Screen::alternate_screen);
        pty.resize(80, 24);
        pty.wait_for("end of the recording", |text| text.contains("ENDED") && text.contains("file-49"));
        let painted = pty.bytes().len();
        pty.resize(width, height);
        pty.keys("\x0c?");
        let start = Instant::now();
        while pty.bytes().len() == painted {
            assert!(start.elapsed() < Duration::from_secs(30), "nothing is drawn at {width}x{height}");
            std::thread::sleep(Duration::from_millis(10));
        }
        pty.keys("qq");
        assert_eq!(pty.wait_for_end().0, Some(0), "{width}x{height}");
        pty.assert_restored();
    }
}

#[test]
fn a_paste_without_an_end_does_not_take_the_keys_for_good() {
    let recording = Recording::new("paste", 1, 50);
    let mut pty = recording.play();
    pty.keys("/");
    pty.keys("\x1b[200~qqq");
    pty.wait_for("what was pasted", |text| text.contains("/ qqq"));
    pty.keys("\rq");
    assert_eq!(pty.wait_for_end().0, Some(0));
    pty.assert_restored();
}

#[test]
fn the_screen_is_never_cleared_after_the_start() {
    let recording = Recording::new("clear", 2, 200);
    let mut pty = recording.play();
    pty.keys("/a\r?q\rqkkk F");
    pty.resize(100, 30);
    pty.keys("q");
    pty.wait_for_end();
    let bytes = String::from_utf8_lossy(&pty.bytes()).into_owned();
    assert!(!bytes.contains("\x1b[2J") && !bytes.contains("\x1b[J"));
    assert_eq!(bytes.matches("\x1b[?1049h").count(), 1);
}

/// The screen in this very process, for [`a_panic_gives_the_terminal_back`].
#[test]
#[ignore = "runs on a terminal that another test makes"]
fn panicking_screen() {
    struct Panics;
    impl opentop::tui::Control for Panics {
        fn filter(&mut self, _: &opentop::filter::KernelFilter, _: &str) -> bool {
            panic!("as the test wants it")
        }
    }
    let (messages, received) = crossbeam_channel::bounded(1);
    let worker = std::env::var_os("OPENTOP_TEST_WORKER_PANICS").is_some();
    let thread = std::thread::Builder::new().name("tracer".into()).spawn(move || {
        let _messages = messages;
        if worker {
            std::thread::sleep(Duration::from_millis(300));
            panic!("as the test wants it");
        }
        std::thread::park();
    });
    let ended = opentop::tui::run(setup(), received, crossbeam_channel::never(), Panics).expect("a terminal");
    assert!(thread.is_ok());
    println!("ended: {ended:?}");
}

fn setup() -> opentop::tui::app::Setup {
    opentop::tui::app::Setup {
        version: "0",
        host: "test".into(),
        kernel: String::new(),
        hooks: opentop::message::Hooks::default(),
        replay: None,
        command: None,
        scope: None,
        since_ns: None,
        history: opentop::history::log::Bound::bytes(1 << 20),
        filter: String::new(),
        filter_in_kernel: false,
        group: opentop::ranking::openers::Group::Process,
        sort: opentop::ranking::Sort::Rate,
        interval: Duration::from_millis(200),
        colour: true,
        ascii: false,
        highlights: Vec::new(),
        columns: opentop::tui::app::choice::Columns::default(),
        own_settings: None,
        saves: false,
        mouse: false,
        hidden_processes: Some("not known: this is a recording"),
        shows_self: false,
        names: opentop::names::Names::without_users(),
        time_zone: jiff::tz::TimeZone::UTC,
    }
}

#[test]
fn a_panic_gives_the_terminal_back_and_is_told_afterwards() {
    let test = std::env::current_exe().expect("the path of this test");
    let args = ["--ignored", "--exact", "panicking_screen", "--nocapture"];
    let mut pty = Pty::start(test.to_str().expect("UTF-8"), &args, 80, 24);
    pty.wait_for("the screen", |text| text.contains("q quit"));
    pty.keys("/a\r");
    assert_ne!(pty.wait_for_end().0, Some(0));
    pty.assert_restored();
    pty.wait_for("what went wrong", |text| text.contains("bug in") && text.contains("as the test wants it"));
}

#[test]
fn a_worker_that_panics_ends_the_screen() {
    let test = std::env::current_exe().expect("the path of this test");
    let args = [
        "OPENTOP_TEST_WORKER_PANICS=1",
        test.to_str().expect("UTF-8"),
        "--ignored",
        "--exact",
        "panicking_screen",
        "--nocapture",
    ];
    let mut pty = Pty::start("/usr/bin/env", &args, 80, 24);
    pty.wait_for("what went wrong", |text| text.contains("bug in the tracer thread"));
    pty.wait_for("how it ended", |text| text.contains("ended: Failed"));
    pty.wait_for_end();
    pty.assert_restored();
}
