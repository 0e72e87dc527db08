//! Every way to open a file, gone beside a running opentop, and what came of it.

use super::lines::{Expected, Open};
use super::tracer::Tracer;
use super::{Scratch, opener, succeed};
use std::collections::HashSet;
use std::fmt::Write as _;

/// What opentop says of hooks that do without something, in its summary. Hooks on the functions of calls have no name
/// for what they do not see: calls that a filter of system calls answers, so that no function is run.
const WITHOUT: [&str; 5] =
    ["opens by io_uring", "programs that are started", "the kernel's own opens", "functions (", "look-ups by io_uring"];

/// What of these sees an open; none: any hook does.
pub fn seen_by(expected: &Expected) -> Option<&'static str> {
    let [rings, programs, kernel, functions, looking_rings] = WITHOUT;
    match expected.op() {
        _ if expected.way.starts_with("seccomp") => Some(functions),
        "stat" if expected.way.starts_with("io_uring") => Some(looking_rings),
        "io_uring" => Some(rings),
        "kernel" => Some(kernel),
        "exec" if expected.way.ends_with(": interpreter") => Some(kernel),
        "exec" => Some(programs),
        _ => None,
    }
}

/// What `opener ways` did, and what opentop said.
#[derive(Debug)]
pub struct Gone {
    /// The opens of the ways that could be gone.
    pub expected: Vec<Expected>,
    /// The ways that this kernel does not have.
    pub skipped: Vec<Expected>,
    /// What was reported of the processes that went the ways.
    pub opens: Vec<Open>,
    /// What the hooks are said to do without.
    pub without: Vec<&'static str>,
    /// What the hooks are said not to see, and was not reported.
    pub unseen: Vec<Expected>,
    /// What was reported with a path that is marked as cut short, and otherwise rightly.
    pub cut: Vec<Open>,
    /// What should have been reported, and was not.
    pub missing: Vec<Expected>,
    /// What was reported, and was not expected.
    pub unexpected: Vec<Open>,
}

/// Goes every way beside opentop with these arguments.
#[track_caller]
pub fn go_every_way(args: &[&str]) -> Gone {
    let scratch = Scratch::new();
    let tracer = Tracer::json(args, &scratch.file("canary", ""));
    let lines = go(&scratch);
    let ended = tracer.stop().well();
    Gone::new(&lines, &ended.opens(), &ended.summary().hooks)
}

/// Goes every way in a directory of its own; what `opener` says of it.
#[track_caller]
pub fn go(scratch: &Scratch) -> Vec<String> {
    succeed(opener(["ways".as_ref(), scratch.dir("ways").as_os_str()]))
}

/// Looks files up in every way beside opentop with these arguments and `--lookups`.
#[track_caller]
pub fn look_up_every_way(args: &[&str]) -> Gone {
    let scratch = Scratch::new();
    let tracer = Tracer::json(&[&["--lookups"], args].concat(), &scratch.file("canary", ""));
    let lines = succeed(opener(["lookups".as_ref(), scratch.dir("ways").as_os_str()]));
    let ended = tracer.stop().well();
    // What the program looks at to know its own number is not one of the ways.
    let own = |event: &Open| event.path().is_some_and(|path| path.starts_with(b"/proc/"));
    let events: Vec<Open> = ended.events().into_iter().filter(|event| !own(event)).collect();
    Gone::new(&lines, &events, &ended.summary().hooks)
}

impl Gone {
    /// What opentop, with these hooks, reported of the ways that were gone.
    pub fn new(lines: &[String], opens: &[Open], hooks: &str) -> Self {
        let (skipped, expected): (Vec<_>, Vec<_>) =
            lines.iter().map(|line| Expected::parse(line)).partition(|expected| expected.skipped().is_some());
        let pids: HashSet<u32> = expected.iter().map(Expected::pid).collect();
        let opens: Vec<Open> = opens.iter().filter(|open| pids.contains(&open.pid)).cloned().collect();
        let (missing, unexpected) =
            compare(&expected, opens.clone(), |expected, open| expected.differences(open).is_empty());
        let (missing, rest) = compare(&missing, unexpected.clone(), is_cut);
        let (unexpected, cut) = unexpected.into_iter().partition(|open| rest.contains(open));
        let without: Vec<_> = WITHOUT.into_iter().filter(|what| hooks.contains(what)).collect();
        let unseeable = |expected: &Expected| seen_by(expected).is_some_and(|what| without.contains(&what));
        let (unseen, missing) = missing.into_iter().partition(unseeable);
        Self { expected, skipped, opens, without, unseen, cut, missing, unexpected }
    }

    /// No latency is known of this open: the kernel refused it before it was submitted to a ring, or made it itself, or
    /// a filter of system calls answered before the call began.
    pub fn has_no_latency(&self, open: &Open) -> bool {
        if open.op == "io_uring" && open.name.is_none() {
            return true;
        }
        let same = |expected: &&Expected| expected.differences(open).is_empty();
        let [_, _, kernel, functions, _] = WITHOUT;
        let unmeasured = |expected| seen_by(expected).is_some_and(|what| [kernel, functions].contains(&what));
        // Its call does begin: only the signal is like seccomp's.
        let begins = |expected: &Expected| expected.way.starts_with("seccomp's");
        self.expected.iter().find(same).is_some_and(|expected| !begins(expected) && unmeasured(expected))
    }

    /// Of the ways in which the kernel makes a call again after signals, those whose latency is not that since the
    /// first time.
    pub fn measured_anew(&self) -> Vec<&'static str> {
        // They wait for the third of signals that are 10 ms apart, of which the first can come before they begin.
        const LEAST_NS: u64 = 20_000_000;
        let mut ways = vec!["made again after a signal", "made again after a signal whose handler opens"];
        let is_of = |open: &Open, way| {
            self.expected.iter().any(|expected| expected.way == way && expected.differences(open).is_empty())
        };
        let latency = |way| self.opens.iter().filter(|open| is_of(open, way)).filter_map(|open| open.latency_ns).max();
        ways.retain(|way| latency(*way) < Some(LEAST_NS));
        ways
    }

    /// What was reported with a wrong real path, where that was asked for.
    pub fn wrong_real_paths(&self) -> Vec<(&Expected, &Open)> {
        let same = |(expected, open): &(&Expected, &Open)| expected.differences(open).is_empty();
        let pairs = || self.expected.iter().flat_map(|expected| self.opens.iter().map(move |open| (expected, open)));
        let pairs: Vec<_> = pairs().filter(same).collect();
        let is_right = |of: &Open| pairs.iter().any(|(expected, open)| *open == of && expected.is_really(open));
        pairs.iter().copied().filter(|(_, open)| !is_right(open)).collect()
    }

    /// Everything that could be seen was reported once and rightly, and nothing else.
    pub fn is_well(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty()
    }

    /// Each open that did not come, with the fields in which the likeliest of the others differs.
    pub fn complaint(&self) -> String {
        let mut text = format!("{} opens missing, {} unexpected\n", self.missing.len(), self.unexpected.len());
        for expected in &self.missing {
            let fields = serde_json::Value::from(expected.fields.clone());
            let _ = writeln!(text, "missing: {}: {fields}", expected.way);
            let same_process = self.unexpected.iter().filter(|open| open.pid == expected.pid());
            if let Some(nearest) = same_process.min_by_key(|open| expected.differences(open).len()) {
                let _ = writeln!(text, "    differs in {:?} from {nearest:?}", expected.differences(nearest));
            }
        }
        for open in &self.unexpected {
            let _ = writeln!(text, "unexpected: {open:?}");
        }
        text
    }
}

/// What was expected and did not come, and what came and was not expected.
fn compare(
    expected: &[Expected],
    mut opens: Vec<Open>,
    same: impl Fn(&Expected, &Open) -> bool,
) -> (Vec<Expected>, Vec<Open>) {
    let mut missing = Vec::new();
    for expected in expected {
        match opens.iter().position(|open| same(expected, open)) {
            Some(at) => drop(opens.remove(at)),
            None => missing.push(expected.clone()),
        }
    }
    (missing, opens)
}

/// Right but for the path, and of that the end is there.
fn is_cut(expected: &Expected, open: &Open) -> bool {
    let all_else = expected.differences(open).iter().all(|field| ["path", "path_kind"].contains(field));
    all_else && open.path_kind == "truncated" && ends_alike(expected.bytes("path"), open.path())
}

fn ends_alike(whole: Option<Vec<u8>>, piece: Option<Vec<u8>>) -> bool {
    let (Some(whole), Some(piece)) = (whole, piece) else { return false };
    piece.strip_prefix(b"/...").is_some_and(|end| !end.is_empty() && whole.ends_with(end))
}
