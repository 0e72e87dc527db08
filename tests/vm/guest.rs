//! What a kernel makes of opentop: with which hooks it works, which ways of opening it sees, whether a storm loses
//! opens unreported, and what other calls pay. Run in a virtual machine by `scripts/kernels.sh`, which reads the lines
//! that begin with RESULT: what stands behind `row` is the end of a row of its table.
#![allow(clippy::print_stdout, reason = "the result of a program")]

#[path = "../common/mod.rs"]
mod common;

use common::lines::Open;
use common::storm::{opens_by_pid, storm};
use common::tracer::Tracer;
use common::ways::{Gone, go, go_every_way, look_up_every_way};
use common::{Running, Scratch, example, needs_root, opentop, output, stdout, succeed};
use opentop::tracer::HookSet;
use std::panic::catch_unwind;
use std::process::Command;

/// The worst case: more processes than CPUs interrupt each other within the same open.
const STORM: [&str; 6] = ["--procs", "40", "--cpu", "0", "--missing", "--opens"];

/// Room for the whole storm: an emulated machine opens in bursts, and what counts here is what the hooks lose.
const RING: &str = "64M";

/// As tests/vm/init has it.
const BUSYBOX: &str = "/bin/busybox";

/// What `opentop check` says of a hook set that it could use, and of the one that is chosen.
const WORKS: &str = "works";
const USED: &str = "works, and is what opentop uses";

/// Whether the kernel's command line says so: only the hooks that opentop chooses by itself, and a smaller storm.
fn is_short() -> bool {
    std::env::var_os("short").is_some()
}

fn main() {
    needs_root();
    let checked = check();
    let has_trampolines = checked.iter().any(|(hooks, found)| *hooks == HookSet::Functions && found.starts_with(WORKS));
    let measure = |hooks| measure(hooks, has_trampolines);
    let chosen = measure(None);
    programs_under_load();
    storms_under_load();
    if !is_short() {
        compare(&checked, chosen.as_ref(), measure);
    }
    println!("RESULT end");
}

/// Measures each other hook set that works, and holds what opentop chose against them.
fn compare(checked: &[(HookSet, String)], chosen: Option<&Found>, measure: impl Fn(Option<HookSet>) -> Option<Found>) {
    let used = checked.iter().find(|(_, found)| found.contains(USED)).map(|(hooks, _)| *hooks);
    if let Some(chosen) = chosen
        && chosen.hooks.split(',').next() != used.map(HookSet::name)
    {
        println!("RESULT bad the hooks are {}, check says {used:?}", chosen.hooks);
    }
    let mut others = Vec::new();
    for (hooks, found) in checked.iter().filter(|(hooks, _)| used != Some(*hooks)) {
        if found.starts_with(WORKS) {
            others.extend(measure(Some(*hooks)));
        } else {
            println!("RESULT row {} | - | - | - | - | - | {}", hooks.name(), found.replace('|', " "));
        }
    }
    if let (Some(chosen), Some(better)) = (chosen, others.iter().find(|found| found.lost_nothing()))
        && !chosen.lost_nothing()
    {
        println!("RESULT bad {} loses opens, {} does not", chosen.hooks, better.hooks);
    }
}

/// What `opentop check` says of each hook set.
fn check() -> Vec<(HookSet, String)> {
    let output = output(&mut opentop(["check"]));
    let text = stdout(&output);
    if !output.status.success() {
        println!("RESULT bad check: {}\n{text}", output.status);
    }
    let found = |line: &str| {
        let line = line.strip_prefix("  ok  ").or(line.strip_prefix("  no  "))?;
        let found = |hooks: &HookSet| line.strip_prefix(hooks.name()).filter(|found| !found.starts_with(" ("));
        HookSet::ALL.into_iter().find_map(|hooks| Some((hooks, found(&hooks)?.trim().to_owned())))
    };
    text.lines().filter_map(found).collect()
}

/// Measures opentop with these hooks, or with those that it chooses, and prints the row.
fn measure(hooks: Option<HookSet>, has_trampolines: bool) -> Option<Found> {
    let found = catch_unwind(|| Found::with(hooks.map_or("auto", HookSet::option))).ok();
    match &found {
        Some(found) => found.report(hooks.is_none(), has_trampolines),
        None => println!("RESULT bad {} broke", hooks.map_or("what opentop chooses", HookSet::name)),
    }
    found
}

/// Storms in a row by far more processes than CPUs, while every CPU is kept busy by another program: the hooks that
/// opentop chooses lose none of it, and it keeps them.
fn storms_under_load() {
    let (storms, opens) = if is_short() { (2, "30000") } else { (10, "120000") };
    let spin = || Running::start(Command::new("sh").args(["-c", "while :; do :; done"]));
    let (mut sums, mut hooks) = ([0; 4], String::new());
    for number in 1..=storms {
        let scratch = Scratch::new();
        let tracer = Tracer::json(&["--ring", RING], &scratch.file("canary", ""));
        let busy = [spin(), spin()];
        let made = storm(&scratch, &["--procs", "60", "--cpu", "0", "--missing", "--opens", opens]);
        // What reads the lines here has no precedence, and must come to the last of them in time.
        drop(busy);
        let ended = tracer.stop().well();
        let summary = ended.summary();
        let seen: u64 = opens_by_pid(&ended.opens(), &made).values().sum();
        let (made, missed): (u64, u64) = (made.values().sum(), summary.lost["missed"]);
        if seen > made || seen + missed + summary.dropped < made {
            println!(
                "RESULT bad storm {number}: {made} made, {seen} seen, {missed} missed, {} dropped",
                summary.dropped
            );
        }
        if missed > 0 || summary.hooks.contains("after") {
            println!("RESULT bad storm {number}: {missed} missed by {}", summary.hooks);
        }
        for (sum, count) in sums.iter_mut().zip([made, seen, missed, summary.dropped]) {
            *sum += count;
        }
        hooks = summary.hooks;
    }
    let [made, seen, missed, dropped] = sums;
    println!(
        "RESULT row **{hooks}**, {storms} storms beside busy loops | - | {made} | {seen} | {missed} | {dropped} | -"
    );
}

/// Programs started by far more shells than one CPU runs at once: the hooks that opentop chooses either see each start,
/// or tell that one was missed.
fn programs_under_load() {
    const SHELLS: usize = 40;
    const EACH: usize = 20;
    let scratch = Scratch::new();
    let tracer = Tracer::json(&["--ring", RING], &scratch.file("canary", ""));
    let turns = |turns: usize| (0..turns).map(|turn| turn.to_string()).collect::<Vec<_>>().join(" ");
    let script = format!(
        "for shell in {}; do (for turn in {}; do {BUSYBOX} true; done) & done; wait",
        turns(SHELLS),
        turns(EACH)
    );
    let mut shells = Command::new(BUSYBOX);
    shells.args(["taskset", "1", BUSYBOX, "sh", "-c", &script]);
    succeed(shells);
    let ended = tracer.stop().well();
    let (opens, summary) = (ended.opens(), ended.summary());
    let started = |open: &&Open| open.op == "exec" && open.errno.is_none() && open.path.as_deref() == Some(BUSYBOX);
    // That of taskset, and of the shell that it becomes, too.
    let (made, seen) = ((SHELLS * EACH + 2) as u64, opens.iter().filter(started).count() as u64);
    let (hooks, missed, dropped) = (&summary.hooks, summary.lost["missed"], summary.dropped);
    if seen > made || seen + missed + dropped < made {
        println!("RESULT bad programs: {made} started, {seen} seen, {missed} missed, {dropped} dropped");
    }
    if missed > 0 && hooks.contains(HookSet::Probes.name()) {
        println!("RESULT bad programs: {missed} missed by {hooks}");
    }
    println!(
        "RESULT row **{hooks}**, programs started by {SHELLS} shells | - | {made} | {seen} | {missed} | {dropped} | -"
    );
}

/// What was found out about one hook set.
struct Found {
    /// As the summary calls them.
    hooks: String,
    gone: Gone,
    made: u64,
    seen: u64,
    /// What the kernel did not show to the hooks, by its own count.
    missed: u64,
    /// What the hooks saw, and came no further.
    dropped: u64,
    /// Price of an unrelated call beside opentop, in that without.
    unrelated: f64,
    /// Opens by system calls that `--latency` did not measure.
    unmeasured: Vec<Open>,
    /// Ways whose latency is not that since their beginning.
    measured_anew: Vec<&'static str>,
    /// Every way to look a file up, with `--lookups`.
    looked_up: Gone,
    /// Opens to which `--resolve` gave a wrong path.
    misled: Vec<Open>,
}

impl Found {
    fn with(hooks: &str) -> Self {
        let scratch = Scratch::new();
        let opens = if is_short() { "30000" } else { "120000" };
        let tracer = Tracer::json(&["--hooks", hooks, "--ring", RING], &scratch.file("canary", ""));
        let beside = unrelated();
        let gone = go(&scratch);
        let made = storm(&scratch, &[&STORM[..], &[opens]].concat());
        let ended = tracer.stop().well();
        let without = unrelated();
        let (opens, summary) = (ended.opens(), ended.summary());
        let second = go_every_way(&["--hooks", hooks, "--latency", "--resolve"]);
        Self {
            looked_up: look_up_every_way(&["--hooks", hooks]),
            gone: Gone::new(&gone, &opens, &summary.hooks),
            hooks: summary.hooks,
            made: made.values().sum(),
            seen: opens_by_pid(&opens, &made).values().sum(),
            missed: summary.lost["missed"],
            dropped: summary.dropped,
            unrelated: beside / without,
            unmeasured: unmeasured(&second),
            measured_anew: second.measured_anew(),
            misled: second.wrong_real_paths().into_iter().map(|(_, open)| open.clone()).collect(),
        }
    }

    /// The hooks saw everything. What an emulated machine is too slow to take from them is another matter.
    fn lost_nothing(&self) -> bool {
        self.seen + self.dropped >= self.made && self.gone.is_well()
    }

    fn report(&self, chosen: bool, has_trampolines: bool) {
        let Self { hooks, gone, made, seen, missed, dropped, unrelated, .. } = self;
        let name = if chosen { format!("**{hooks}**") } else { hooks.clone() };
        let (all, cut) = (gone.expected.len(), gone.cut.len());
        let ways = all - gone.missing.len() - gone.unseen.len();
        println!(
            "RESULT row {name} | {ways} of {all}, {cut} cut | {made} | {seen} | {missed} | {dropped} | × {unrelated:.2}"
        );
        let missing = gone.missing.len() as u64 + made - seen;
        let lost = missed + dropped;
        if missing > lost {
            println!("RESULT bad {hooks}: {missing} opens are missing, {lost} reported lost");
        }
        if !self.looked_up.is_well() {
            println!("RESULT bad {hooks}: look-ups are missing or wrong");
            println!("{}", self.looked_up.complaint());
        }
        if !gone.is_well() {
            println!("{}", gone.complaint());
        }
        // A kernel with trampolines has everything that opentop can look at.
        if hooks.contains("without") && has_trampolines {
            println!("RESULT bad {hooks}: this kernel takes fexit programs");
        }
        // Of an open whose beginning the kernel missed nobody knows the latency.
        if let [first, ..] = &self.unmeasured[..]
            && *missed == 0
        {
            println!("RESULT bad {hooks}: {} opens without a latency, {first:?}", self.unmeasured.len());
        }
        if let [first, ..] = &self.measured_anew[..]
            && *missed == 0
        {
            println!("RESULT bad {hooks}: a wrong latency of '{first}'");
        }
        if let [first, ..] = &self.misled[..] {
            println!("RESULT bad {hooks}: {} wrong real paths, {first:?}", self.misled.len());
        }
        if !gone.unexpected.is_empty() {
            println!("RESULT bad {hooks}: {} opens reported that were not made so", gone.unexpected.len());
        }
    }
}

/// What came without a latency although it was asked for, of the opens that programs ask for and the hooks do not lose.
fn unmeasured(gone: &Gone) -> Vec<Open> {
    gone.opens.iter().filter(|open| open.latency_ns.is_none() && !gone.has_no_latency(open)).cloned().collect()
}

/// What a call costs that opens nothing: the least of a few, since an emulated machine has its moods.
fn unrelated() -> f64 {
    let price = || {
        let lines = succeed(example("cost", ["unrelated"]));
        let ns = lines.iter().find_map(|line| line.strip_prefix("unrelated ")?.parse().ok());
        ns.expect("a line of cost")
    };
    (0..3).map(|_| price()).fold(f64::INFINITY, f64::min)
}
