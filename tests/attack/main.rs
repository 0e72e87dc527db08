//! What an attacker can do to opentop's memory and counts, on the real kernel, as a table.
//!
//! `cargo test --test attack` is the short form: each kind of flood for a moment, on the screen and as JSON. `make
//! attack` is the full form, with every form of output, read and not read; ARGS says for how many seconds the screen is
//! flooded, and with which floods alone. On the screen a view is held and a filter is in force half the time. Two
//! things decide: resident memory stays below a limit, and every open that was made is seen or reported as lost. Needs
//! root.
#![allow(clippy::print_stdout, reason = "the table is what this program is for")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../screen/pty.rs"]
#[allow(dead_code, reason = "each test program uses its own part")]
mod pty;

mod forms;

use common::{Scratch, example, needs_root, stderr, succeed};
use forms::{FORMS, Form};
use serde::Deserialize;
use std::process::ExitCode;

/// What opentop may take, whoever opens whatever for however long.
const MOST_MIB: u64 = 128;

/// Modes of which nobody can say how often they have opened: what they ask for is cancelled in the end.
const UNCOUNTED: [&str; 1] = ["pending"];

/// Who floods, but for the modes that stay root.
const NOBODY: &str = "65534";

/// What a flood says when it is over.
#[derive(Debug, Deserialize)]
struct Made {
    made: u64,
}

fn main() -> ExitCode {
    needs_root();
    let args: Vec<String> = std::env::args().skip(1).collect();
    let full =
        args.iter().any(|arg| arg == "--full").then(|| args.iter().find_map(|arg| arg.parse().ok()).unwrap_or(300));
    let only: Vec<&String> = args.iter().filter(|arg| !arg.starts_with("--") && arg.parse::<u64>().is_err()).collect();
    let opentop = std::env::var("OPENTOP").unwrap_or_else(|_| env!("CARGO_BIN_EXE_opentop").to_owned());
    println!("| flood | form | seconds | made | seen | reported lost | resident MiB | of it anonymous | holds |");
    println!("|---|---|--:|--:|--:|--:|--:|--:|---|");
    let modes = succeed(example("attack", ["list"]));
    let mut good = true;
    let modes = modes.iter().map(|mode| mode.split_once(' ').map_or((mode.as_str(), false), |(mode, _)| (mode, true)));
    for (mode, as_root) in modes.filter(|(mode, _)| only.is_empty() || only.iter().any(|only| only == mode)) {
        for form in FORMS.iter().filter(|form| full.is_some() || form.in_short) {
            good &= row(&opentop, mode, as_root, form, form.seconds(full));
        }
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Measures one combination and prints its row. True if everything holds.
fn row(opentop: &str, mode: &str, as_root: bool, form: &Form, seconds: u64) -> bool {
    let scratch = Scratch::new();
    let dir = scratch.dir("flood");
    std::fs::set_permissions(&dir, std::os::unix::fs::PermissionsExt::from_mode(0o777)).expect("a directory for all");
    let flood = || {
        // As long as it takes: longer than anything else that a test waits for.
        let mut attack = example("attack", [mode, dir.to_str().expect("a plain path"), &seconds.to_string()]);
        let output = attack.output().expect("starting the flood");
        assert!(output.status.success(), "{mode}: {}\n{}", output.status, stderr(&output));
        serde_json::from_slice::<Made>(&output.stdout).expect("what was made")
    };
    // Whose opens are counted, where a form tells sums alone: nobody else but the flood is nobody.
    let whose: &[&str] = if as_root { &[] } else { &["-u", NOBODY] };
    let (made, memory, seen) = (form.run)(opentop, whose, &scratch, &flood);
    let counted = !UNCOUNTED.contains(&mode);
    let accounted = !counted || seen.accounts_for(made.made, !as_root);
    let small = memory.peak_mib < MOST_MIB;
    println!(
        "| {mode} | {} | {seconds} | {} | {} | {} | {} | {} | {} |",
        form.name,
        if counted { made.made.to_string() } else { "-".into() },
        seen.opens,
        seen.lost,
        memory.peak_mib,
        memory.anonymous_mib,
        match (small, accounted) {
            (true, true) => "yes",
            (false, _) => "NO: memory",
            (true, false) => "NO: the counts are wrong",
        }
    );
    small && accounted
}
