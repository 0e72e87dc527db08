//! What the screen is held to, measured on the real kernel, as a table.
//!
//! `cargo test --test goals` is the short form, which may run a debug build beside whatever else: few repetitions, and
//! no duration, share of a processor or rate decides. They are measured all the same. `make screen` is the full form,
//! with the release build on a quiet machine. Needs root.
#![allow(clippy::print_stdout, reason = "the table is what this program is for")]

#[path = "../screen/pty.rs"]
#[allow(dead_code, reason = "each test program uses its own part")]
mod pty;
#[path = "../screen/tmux.rs"]
mod tmux;

mod bytes;
mod ends;
mod load;
mod picture;
mod speed;
mod through_tmux;

use std::process::ExitCode;

use pty::Pty;

/// What is measured, how thoroughly.
struct World {
    /// The program under test.
    opentop: String,
    full: bool,
}

impl World {
    /// Starts opentop live on a terminal of this size, and waits until it counts.
    fn live(&self, args: &[&str], width: u16, height: u16) -> Pty {
        let pty = Pty::start(&self.opentop, args, width, height);
        pty.wait_for("screen", |text| text.contains("opentop"));
        pty
    }

    /// `long` in the full form, else `short`.
    fn pick<T>(&self, long: T, short: T) -> T {
        if self.full { long } else { short }
    }
}

/// What came out.
struct Measured {
    /// For the table.
    text: String,
    /// What does not depend on how fast the machine is. `None`: the goal is about nothing of that kind.
    right: Option<bool>,
    /// Durations, shares of a processor, rates.
    quick: Option<bool>,
}

impl Measured {
    /// A goal whose every part can be judged anywhere.
    fn right(right: bool, text: impl Into<String>) -> Self {
        Self { text: text.into(), right: Some(right), quick: None }
    }

    /// A goal that is about nothing but how quick it is.
    fn quick(quick: bool, text: impl Into<String>) -> Self {
        Self { text: text.into(), right: None, quick: Some(quick) }
    }

    /// What cannot be had here.
    fn not_tried(text: impl Into<String>) -> Self {
        Self { text: text.into(), right: None, quick: None }
    }

    /// With a part that is about how quick it is.
    fn and_quick(self, quick: bool) -> Self {
        Self { quick: Some(quick), ..self }
    }

    /// Whether the goal holds, if that can be told here, and the words for it.
    fn verdict(&self, full: bool) -> (Option<bool>, &'static str) {
        match (self.right, self.quick) {
            (Some(false), _) => (Some(false), "**no**"),
            (_, Some(false)) if full => (Some(false), "**no**"),
            (None, None) => (None, "not tried"),
            (None, _) if !full => (None, "not judged here"),
            (_, Some(_)) if !full => (Some(true), "yes; times not judged here"),
            _ => (Some(true), "yes"),
        }
    }
}

/// A goal: its number, what it asks for, how it is measured.
type Goal = (&'static str, &'static str, fn(&World) -> Measured);

const GOALS: [Goal; 18] = [
    ("1", "key echo at 100,000 opens/s: median ≤ 20 ms, p99 ≤ 50 ms", speed::key_echo),
    ("1", "a filter over 100,000 kept events ≤ 100 ms", speed::filter),
    ("2", "storm, 80x24 ≤ 15 kB/s", bytes::storm_small),
    ("2", "storm, 200x50 ≤ 35 kB/s", bytes::storm_large),
    ("2", "10 opens/s ≤ 3 kB/s", bytes::trickle),
    ("2", "quiet ≤ 0.1 kB/s", bytes::quiet),
    ("2", "paused in a storm ≤ 0.1 kB/s", bytes::paused),
    ("3", "no byte of a hostile name reaches the terminal", picture::hostile),
    ("4", "restored ≤ 500 ms by q, ^C, TERM, HUP, INT, QUIT", ends::every_end),
    ("5", "terminal gone: ended ≤ 2 s, no spinning", ends::gone),
    ("5", "reader stalled 10 s: events still drained, ends ≤ 1 s", ends::stalled),
    ("6", "paused: rows identical, totals rise, tail back ≤ 200 ms", picture::pause),
    ("7", "generated = shown + filtered + dropped", picture::sum),
    ("8", "40x10 usable, 1x1 and 200 resizes survived", picture::sizes),
    ("9", "every prefix of random regexes: no exit, no key > 50 ms", speed::prefixes),
    ("10", "no terminal, TERM=dumb: no escape byte", picture::no_terminal),
    ("11", "own cpu: quiet < 1 %, storm ≤ 100 %; memory ≤ 128 MiB", speed::own_cost),
    ("-", "the same through tmux", through_tmux::through_tmux),
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |what: &str| args.iter().filter(|arg| !arg.starts_with('-')).all(|arg| what.contains(arg.as_str()));
    if args.iter().any(|arg| arg == "--list") {
        return ExitCode::SUCCESS;
    }
    assert!(rustix::process::geteuid().is_root(), "the goals are measured on the real kernel: run this as root");
    let opentop = std::env::var("OPENTOP").unwrap_or_else(|_| env!("CARGO_BIN_EXE_opentop").to_owned());
    let opentop = std::fs::canonicalize(&opentop).unwrap_or_else(|why| panic!("{opentop}: {why}"));
    let opentop = opentop.to_str().expect("a path in UTF-8").to_owned();
    let world = World { opentop, full: args.iter().any(|arg| arg == "--full") };
    println!("| # | goal | measured | holds |\n|---|---|---|---|");
    let (mut passed, mut failed) = (0, 0);
    for (number, what, measure) in GOALS.into_iter().filter(|(_, what, _)| wanted(what)) {
        // What was waited for and never came is told by a panic; the goals after it are measured nevertheless.
        let measured = std::panic::catch_unwind(|| measure(&world))
            .unwrap_or_else(|_| Measured::right(false, "broken off: see what was printed before"));
        let (holds, word) = measured.verdict(world.full);
        println!("| {number} | {what} | {} | {word} |", measured.text);
        passed += u32::from(holds == Some(true));
        failed += u32::from(holds == Some(false));
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
