//! The forms of output that are flooded: how opentop is started, what becomes of what it writes.

use crate::Made;
use crate::common::{Running, Scratch, TIMEOUT};
use crate::pty::Pty;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// What was made, what it took, and what was told.
pub type Flooded = (Made, Memory, Seen);

/// A form of output.
#[derive(Clone, Copy)]
pub struct Form {
    pub name: &'static str,
    pub in_short: bool,
    /// Flooded for as long as asked for; others for a tenth of that.
    longest: bool,
    /// Starts opentop, floods, ends opentop. `whose`: options by which only the flood's opens are counted.
    pub run: fn(opentop: &str, whose: &[&str], scratch: &Scratch, flood: &dyn Fn() -> Made) -> Flooded,
}

pub const FORMS: [Form; 9] = [
    Form { name: "screen", in_short: true, longest: true, run: |o, w, _, flood| on_screen(o, w, false, flood) },
    Form {
        name: "screen, not read",
        in_short: false,
        longest: false,
        run: |o, w, _, flood| on_screen(o, w, true, flood),
    },
    Form { name: "json", in_short: true, longest: false, run: |o, _, s, flood| as_lines(o, &["-o", "json"], s, flood) },
    Form {
        name: "text",
        in_short: false,
        longest: false,
        run: |o, _, s, flood| as_lines(o, &["-o", "text"], s, flood),
    },
    Form { name: "csv", in_short: false, longest: false, run: |o, _, s, flood| as_lines(o, &["-o", "csv"], s, flood) },
    Form {
        name: "json, not read",
        in_short: false,
        longest: false,
        run: |o, w, _, flood| not_read(o, &[w, &["-o", "json"]].concat(), flood),
    },
    Form { name: "record", in_short: false, longest: false, run: recorded },
    Form {
        name: "batch by file",
        in_short: false,
        longest: false,
        run: |o, w, _, flood| in_batches(o, &[w, &["-b", "-g", "file", "-o", "json"]].concat(), flood),
    },
    Form {
        name: "batch by command",
        in_short: false,
        longest: false,
        run: |o, w, _, flood| in_batches(o, &[w, &["-b", "-g", "comm", "-o", "json"]].concat(), flood),
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
    /// Opens of the flood; where only sums are told, of all whom opentop was asked to show.
    pub opens: u64,
    /// Opens that it says were lost, whoever made them.
    pub lost: u64,
}

impl Seen {
    /// Whether all that were made were seen or may be among the lost, and none twice. `only_its`: nobody else's opens
    /// are among those that were seen.
    pub fn accounts_for(&self, made: u64, only_its: bool) -> bool {
        (self.opens <= made || !only_its) && self.opens + self.lost >= made
    }
}

fn on_screen(opentop: &str, whose: &[&str], stalled: bool, flood: &dyn Fn() -> Made) -> Flooded {
    // So wide that the header has the whole sum.
    let mut pty = Pty::start(opentop, whose, 200, 30);
    pty.wait_for("screen", |text| text.contains("opentop"));
    pty.stall(stalled);
    let made = std::thread::scope(|scope| {
        let (flooding, over) = channel();
        let looking = scope.spawn(|| look_around(&mut pty, whose, over));
        let made = flood();
        drop(flooding);
        looking.join().expect("the user");
        made
    });
    let memory = Memory::of(pty.pid.as_raw_pid() as u32);
    pty.stall(false);
    let start = Instant::now();
    let seen = loop {
        let seen = sum_of(&pty.text());
        // Counts are read once a second; what is not there by then is missing.
        if seen.opens + seen.lost >= made.made || start.elapsed() > SETTLED {
            break seen;
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    pty.signal(Signal::TERM);
    pty.wait_for_end();
    (made, memory, seen)
}

/// How long a view is held, and not.
const LOOK: Duration = Duration::from_secs(1);

/// Filters, holds the view, lets go of both, until the flood is over: memory is short when a view holds what was, and
/// what is new comes beside it. Those `whose` opens are counted stay the same.
fn look_around(pty: &mut Pty, whose: &[&str], over: Receiver<()>) {
    let whose = whose.last().map_or(String::new(), |user| format!("uid:{user}"));
    let (hold, let_go) = (format!("/\x15{whose} opentop-flood\r "), format!(" /\x15{whose}\r"));
    for (keys, held) in [(hold, true), (let_go, false)].iter().cycle() {
        pty.keys(keys);
        if over.recv_timeout(LOOK) == Err(RecvTimeoutError::Disconnected) && !held {
            return;
        }
    }
}

/// Time after which no count changes any more.
const SETTLED: Duration = Duration::from_secs(20);

/// What the header says: `opens N = events N + dropped N (...)  not even counted N`.
fn sum_of(screen: &str) -> Seen {
    let line = screen.lines().nth(1).unwrap_or_default();
    let number = |word: &str| line.split_once(word).map_or(0, |(_, rest)| first_number(rest));
    Seen { opens: number("= events "), lost: number("+ dropped ") + number("not even counted ") }
}

/// The number that `text` begins with, its digits grouped or not.
fn first_number(text: &str) -> u64 {
    let digits = text.chars().take_while(|c| c.is_ascii_digit() || *c == ',').filter(char::is_ascii_digit);
    digits.collect::<String>().parse().unwrap_or(0)
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
    let mut summary = String::new();
    let opens = tokens(input, |line| {
        each(line);
        if !has(line, TOKEN) && has(line, b"dropped") {
            summary = String::from_utf8_lossy(line).into_owned();
        }
    });
    Seen { opens, lost: lost(&summary) }
}

/// How many lines tell of a flood.
fn tokens(input: impl Read, mut each: impl FnMut(&[u8])) -> u64 {
    let mut input = BufReader::with_capacity(1 << 20, input);
    let (mut line, mut opens) = (Vec::new(), 0);
    while input.read_until(b'\n', &mut line).is_ok_and(|len| len > 0) {
        each(&line);
        opens += u64::from(has(&line, TOKEN));
        line.clear();
    }
    opens
}

fn has(line: &[u8], word: &[u8]) -> bool {
    line.windows(word.len()).any(|window| window == word)
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
        assert!(start.elapsed() < TIMEOUT, "opentop sees nothing");
    }
    let made = flood();
    let memory = Memory::of(running.0.id());
    interrupt(&running);
    let seen = reading.join().expect("the reading thread");
    (made, memory, seen)
}

/// Waits until opentop holds links to hooks.
fn wait_for_hooks(pid: u32) {
    let start = Instant::now();
    let holds = || {
        let infos = std::fs::read_dir(format!("/proc/{pid}/fdinfo")).expect("a running opentop").flatten();
        infos.filter_map(|info| std::fs::read_to_string(info.path()).ok()).any(|info| info.contains("link_id:"))
    };
    while !holds() {
        assert!(start.elapsed() < TIMEOUT, "opentop attaches nothing");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The pipe fills up, and that is all that is taken before the end. What opentop could not write it says on stderr.
fn not_read(opentop: &str, args: &[&str], flood: &dyn Fn() -> Made) -> Flooded {
    let mut command = Command::new(opentop);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = Running::start(&mut command);
    wait_for_hooks(running.0.id());
    let made = flood();
    let memory = Memory::of(running.0.id());
    interrupt(&running);
    running.0.wait().expect("waiting for opentop");
    let written = tokens(running.0.stdout.take().expect("a pipe"), |_| ());
    let said = std::io::read_to_string(running.0.stderr.take().expect("a pipe")).expect("what it says");
    let (_, told) = said.split_once("at its end: ").unwrap_or_else(|| panic!("nothing said of what is lost: {said:?}"));
    let lost = told.split_once("; lost before that: ").map_or(0, |(_, causes)| {
        // "12 because ..., 3 because ...": a cause begins with its number.
        causes.split(", ").map(first_number).sum()
    });
    (made, memory, Seen { opens: written, lost: first_number(told) + lost })
}

/// Tables are read, and what the summary says behind them.
fn in_batches(opentop: &str, args: &[&str], flood: &dyn Fn() -> Made) -> Flooded {
    let mut running = start(opentop, args);
    let stdout = running.0.stdout.take().expect("a pipe");
    let reading = std::thread::spawn(move || BufReader::new(stdout).lines().map_while(Result::ok).last());
    wait_for_hooks(running.0.id());
    let made = flood();
    let memory = Memory::of(running.0.id());
    interrupt(&running);
    let summary = reading.join().expect("the reading thread").expect("a summary");
    let summary: Summary = serde_json::from_str(&summary).unwrap_or_else(|why| panic!("{why}: {summary}"));
    let lost = summary.dropped + summary.lost.get("missed").copied().unwrap_or(0);
    (made, memory, Seen { opens: summary.delivered, lost })
}

/// The last line of JSON.
#[derive(serde::Deserialize)]
struct Summary {
    delivered: u64,
    dropped: u64,
    #[serde(default)]
    lost: std::collections::HashMap<String, u64>,
}

fn recorded(opentop: &str, _: &[&str], scratch: &Scratch, flood: &dyn Fn() -> Made) -> Flooded {
    let file = scratch.join("flood.zst");
    let mut running = start(opentop, &["record", path(&file)]);
    wait_for_file(&file);
    let made = flood();
    let memory = Memory::of(running.0.id());
    interrupt(&running);
    running.0.wait().expect("waiting for opentop");
    let recording = zstd::Decoder::new(File::open(&file).expect("a recording")).expect("zstd");
    (made, memory, count(recording, |_| ()))
}

/// A recording is begun when all hooks are in place.
fn wait_for_file(file: &Path) {
    let start = Instant::now();
    while !file.exists() {
        assert!(start.elapsed() < TIMEOUT, "no recording is begun");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn path(file: &Path) -> &str {
    file.to_str().expect("a plain path")
}
