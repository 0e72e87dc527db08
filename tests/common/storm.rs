//! Many opens, exactly counted.

use super::lines::Open;
use super::{Scratch, opener, succeed};
use serde::Deserialize;
use std::collections::HashMap;

/// How often a process of the storm has opened.
#[derive(Debug, Deserialize)]
struct Storm {
    pid: u32,
    opens: u64,
}

/// `opener storm` in a directory of its own: what each of its processes did.
pub fn storm(scratch: &Scratch, args: &[&str]) -> HashMap<u32, u64> {
    storm_in(scratch, "storm", args)
}

/// The same, in a directory with this name.
pub fn storm_in(scratch: &Scratch, name: &str, args: &[&str]) -> HashMap<u32, u64> {
    let dir = scratch.dir(name);
    let command = opener([&["storm", dir.to_str().expect("a plain path")], args].concat());
    let parse = |line: &String| serde_json::from_str::<Storm>(line).expect("a line of opener");
    succeed(command).iter().map(parse).map(|storm| (storm.pid, storm.opens)).collect()
}

/// How many of the opens each of these processes made.
pub fn opens_by_pid(opens: &[Open], pids: &HashMap<u32, u64>) -> HashMap<u32, u64> {
    let mut counts = HashMap::new();
    for open in opens.iter().filter(|open| pids.contains_key(&open.pid)) {
        *counts.entry(open.pid).or_default() += 1;
    }
    counts
}
