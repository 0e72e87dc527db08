//! What a kernel makes of opentop: with which hooks it works, which ways of opening it sees, whether a storm loses
//! opens unreported, and what other calls pay. Run in a virtual machine by `scripts/kernels.sh`, which reads the lines
//! that begin with RESULT: what stands behind `row` is the end of a row of its table.
#![allow(clippy::print_stdout, reason = "the result of a program")]

#[path = "../common/mod.rs"]
mod common;

use common::storm::{opens_by_pid, storm};
use common::tracer::Tracer;
use common::ways::go_every_way;
use common::{Scratch, example, needs_root, succeed};
use opentop::tracer::{Facts, HookSet, Options, try_all};
use std::panic::catch_unwind;

/// The worst case: more processes than CPUs interrupt each other within the same open.
const STORM: [&str; 7] = ["--opens", "120000", "--procs", "40", "--cpu", "0", "--missing"];

fn main() {
    needs_root();
    let tried = try_all(&Facts::gather(), &Options::default());
    let chosen = tried.iter().find(|(_, result)| result.is_ok()).map(|(hooks, _)| *hooks);
    let mut good = Vec::new();
    for (hooks, result) in tried {
        match result {
            Err(why) => println!("RESULT row {} | - | - | - | - | {}", hooks.name(), why.replace(['|', '\n'], " ")),
            Ok(()) => match catch_unwind(|| Found::with(hooks)) {
                Ok(found) => {
                    found.report(chosen == Some(hooks));
                    good.extend((found.seen == found.made).then_some(hooks));
                }
                Err(_) => println!("RESULT bad {} broke", hooks.name()),
            },
        }
    }
    match (chosen, &good[..]) {
        (None, _) => println!("RESULT bad no hooks work"),
        (Some(hooks), [better, ..]) if !good.contains(&hooks) => {
            println!("RESULT bad {} loses opens, {} does not", hooks.name(), better.name());
        }
        _ => {}
    }
    println!("RESULT end");
}

/// What was found out about one hook set.
struct Found {
    hooks: HookSet,
    ways: String,
    ways_well: bool,
    made: u64,
    seen: u64,
    reported_lost: u64,
    /// Price of an unrelated call beside opentop, in that without.
    unrelated: f64,
}

impl Found {
    fn with(hooks: HookSet) -> Self {
        let gone = go_every_way(&["--hooks", hooks.option()]);
        if !gone.is_well() {
            println!("{}", gone.complaint());
        }
        let seen = gone.expected.len() - gone.missing.len() - gone.unseen.len();
        let ways = format!("{seen} of {}", gone.expected.len());

        let scratch = Scratch::new();
        let before = unrelated(&scratch);
        let tracer = Tracer::json(&["--hooks", hooks.option()], &scratch.file("canary", ""));
        let beside = unrelated(&scratch);
        let made = storm(&scratch, &STORM);
        let ended = tracer.stop().well();
        Self {
            hooks,
            ways,
            ways_well: gone.is_well(),
            made: made.values().sum(),
            seen: opens_by_pid(&ended.opens(), &made).values().sum(),
            reported_lost: ended.summary().lost.values().sum(),
            unrelated: beside / before,
        }
    }

    fn report(&self, chosen: bool) {
        let Self { hooks, ways, made, seen, reported_lost, unrelated, .. } = self;
        let name = if chosen { format!("**{}**", hooks.name()) } else { hooks.name().to_owned() };
        println!("RESULT row {name} | {ways} | {made} | {seen} | {reported_lost} | × {unrelated:.2}");
        if !self.ways_well {
            println!("RESULT bad {} does not see every way", hooks.name());
        }
        if seen + reported_lost < *made {
            println!("RESULT bad {} loses opens unreported", hooks.name());
        }
    }
}

/// What a call costs that opens nothing.
fn unrelated(scratch: &Scratch) -> f64 {
    let lines = succeed(example("cost", ["calls".as_ref(), scratch.path()]));
    let price = lines.iter().find_map(|line| line.strip_prefix("unrelated ")).expect("a line of cost");
    price.parse().expect("nanoseconds")
}
