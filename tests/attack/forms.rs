//! The forms of output that are flooded: how opentop is started, what becomes of what it writes.

use crate::Made;
use crate::common::{PATIENCE, Running, Scratch};
use crate::pty::Pty;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// What was made, what it took, and what was told, where the form tells it.
pub type Flooded = (Made, Memory, Option<Seen>);

/// A form of output.
#[derive(Clone, Copy)]
pub struct Form {
    pub name: &'static str,
    pub in_short: bool,
    /// Flooded for as long as asked for; others for a tenth of that.
    longest: bool,
    /// Starts opentop, floods, ends opentop.
    pub run: fn(opentop: &str, scratch: &Scratch, flood: &dyn Fn() -> Made) -> Flooded,
}

pub const FORMS: [Form; 9] = [
    Form { name: "screen", in_short: true, longest: true, run: |o, _, flood| on_screen(o, false, flood) },
    Form { name: "screen, not read", in_short: false, longest: false, run: |o, _, flood| on_screen(o, true, flood) },
    Form { name: "json", in_short: true, longest: false, run: |o, s, flood| as_lines(o, &["-o", "json"], s, flood) },
    Form { name: "text", in_short: false, longest: false, run: |o, s, flood| as_lines(o, &["-o", "text"], s, flood) },
    Form { name: "csv", in_short: false, longest: false, run: |o, s, flood| as_lines(o, &["-o", "csv"], s, flood) },
    Form {
        name: "json, not read",
        in_short: false,
        longest: false,
        run: |o, _, flood| not_read(o, &["-o", "json"], flood),
    },
    Form { name: "record", in_short: false, longest: false, run: recorded },
    Form {
        name: "batch by file",
        in_short: false,
        longest: false,
        run: |o, _, flood| in_batches(o, &["-b", "-g", "file", "-o", "json"], flood),
    },
    Form {
        name: "batch by command",
        in_short: false,
        longest: false,
        run: |o, _, flood| in_batches(o, &["-b", "-g", "comm", "-o", "json"], flood),
    },
];

impl Form {
    /// `full`: seconds for the form that is flooded longest.
    pub fn seconds(&self, full: Option<u64>) -> u64 {
        match full {
            None => 2,
            Some(seconds) if self.longest => seconds,
            Some(seconds) => (seconds / 10).max(2),
        }
    }
}

/// Resident memory: the most there was, and how much of it was nobody else's in the end.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    pub peak_mib: u64,
    pub anonymous_mib: u64,
}

impl Memory {
    fn of(pid: u32) -> Self {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a running opentop");
        let kib = |key: &str| {
            let line = status.lines().find(|line| line.starts_with(key)).expect("a line of the status");
            line.split_whitespace().nth(1).and_then(|number| number.parse::<u64>().ok()).expect("a number")
        };
        Self { peak_mib: kib("VmHWM:").div_ceil(1024), anonymous_mib: kib("RssAnon:").div_ceil(1024) }
    }
}

/// What opentop has told of a flood.
#[derive(Debug)]
pub struct Seen {
    /// Opens of the flood.
    pub opens: u64,
    /// Opens that it says were lost, whoever made them.
    pub lost: u64,
}

impl Seen {
    /// Whether all that were made were seen or may be among the lost, and none twice.
    pub fn accounts_for(&self, made: u64) -> bool {
        self.opens <= made && self.opens + self.lost >= made
    }
}

fn on_screen(opentop: &str, stalled: bool, flood: &dyn Fn() -> Made) -> Flooded {
    let mut pty = Pty::start(opentop, &[], 100, 30);
    pty.wait_for("screen", |text| text.contains("opentop"));
    pty.stall(stalled);
    let made = flood();
    let memory = Memory::of(pty.pid.as_raw_pid() as u32);
    pty.stall(false);
    pty.signal(Signal::TERM);
    pty.wait_for_end();
    (made, memory, None)
}

/// Started with its output in a pipe.
fn start(opentop: &str, args: &[&str]) -> Running {
    Running::start(Command::new(opentop).args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()))
}

/// Ends opentop as Ctrl-C does.
fn interrupt(running: &Running) {
    kill_process(Pid::from_child(&running.0), Signal::INT).expect("a running opentop");
}

/// All names of a flood begin with this, whoever makes it.
const TOKEN: &[u8] = b"opentop-flood-";

/// Counts the lines that tell of a flood, and learns from the summary what was lost. `each` gets every line.
fn count(input: impl Read, mut each: impl FnMut(&[u8])) -> Seen {
    let has = |line: &[u8], word: &[u8]| line.windows(word.len()).any(|window| window == word);
    let mut input = BufReader::with_capacity(1 << 20, input);
    let (mut line, mut opens, mut summary) = (Vec::new(), 0, String::new());
    while input.read_until(b'\n', &mut line).is_ok_and(|len| len > 0) {
        each(&line);
        if has(&line, TOKEN) {
            opens += 1;
        } else if has(&line, b"dropped") {
            summary = String::from_utf8_lossy(&line).into_owned();
        }
        line.clear();
    }
    Seen { opens, lost: lost(&summary) }
}

/// The number of dropped opens in a summary, whatever its form: the first number behind the word.
fn lost(summary: &str) -> u64 {
    let Some((_, rest)) = summary.split_once("dropped") else { panic!("no summary: {summary:?}") };
    let digits = rest.trim_start_matches(|c: char| !c.is_ascii_digit());
    digits.split(|c: char| !c.is_ascii_digit()).next().and_then(|number| number.parse().ok()).expect("a number")
}

fn as_lines(opentop: &str, args: &[&str], scratch: &Scratch, flood: &dyn Fn() -> Made) -> Flooded {
    let mut running = start(opentop, args);
    let canary = scratch.file("canary", "");
    let stdout = running.0.stdout.take().expect("a pipe");
    let (tell, told) = channel::<()>();
    let at = canary.as_os_str().as_encoded_bytes().to_vec();
    let reading = std::thread::spawn(move || {
        let mut tell = Some(tell);
        count(stdout, |line| {
            if tell.is_some() && line.windows(at.len()).any(|window| window == at) {
                tell = None;
            }
        })
    });
    // The channel closes when the canary was seen.
    let start = Instant::now();
    while told.recv_timeout(Duration::from_millis(20)) == Err(RecvTimeoutError::Timeout) {
        drop(File::open(&canary));
        assert!(start.elapsed() < PATIENCE, "opentop sees nothing");
    }
    let made = flood();
    let memory = Memory::of(running.0.id());
    interrupt(&running);
    let seen = reading.join().expect("the reading thread");
    (made, memory, Some(seen))
}

/// Waits until opentop holds links to hooks.
fn wait_for_hooks(pid: u32) {
    let start = Instant::now();
    let holds = || {
        let infos = std::fs::read_dir(format!("/proc/{pid}/fdinfo")).expect("a running opentop").flatten();
        infos.filter_map(|info| std::fs::read_to_string(info.path()).ok()).any(|info| info.contains("link_id:"))
    };
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "opentop attaches nothing");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The pipe fills up, and that is all that is ever taken.
fn not_read(opentop: &str, args: &[&str], flood: &dyn Fn() -> Made) -> Flooded {
    let running = start(opentop, args);
    wait_for_hooks(running.0.id());
    let made = flood();
    (made, Memory::of(running.0.id()), None)
}

/// Tables are read and thrown away.
fn in_batches(opentop: &str, args: &[&str], flood: &dyn Fn() -> Made) -> Flooded {
    let mut running = start(opentop, args);
    let mut stdout = running.0.stdout.take().expect("a pipe");
    let reading = std::thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
    wait_for_hooks(running.0.id());
    let made = flood();
    let memory = Memory::of(running.0.id());
    interrupt(&running);
    reading.join().expect("the reading thread").expect("reading tables");
    (made, memory, None)
}

fn recorded(opentop: &str, scratch: &Scratch, flood: &dyn Fn() -> Made) -> Flooded {
    let file = scratch.join("flood.zst");
    let mut running = start(opentop, &["record", path(&file)]);
    wait_for_file(&file);
    let made = flood();
    let memory = Memory::of(running.0.id());
    interrupt(&running);
    running.0.wait().expect("waiting for opentop");
    let recording = zstd::Decoder::new(File::open(&file).expect("a recording")).expect("zstd");
    (made, memory, Some(count(recording, |_| ())))
}

/// A recording is begun when all hooks are in place.
fn wait_for_file(file: &Path) {
    let start = Instant::now();
    while !file.exists() {
        assert!(start.elapsed() < PATIENCE, "no recording is begun");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn path(file: &Path) -> &str {
    file.to_str().expect("a plain path")
}
