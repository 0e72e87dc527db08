//! What each written file was made from: all that the processes which wrote it had read, as far as those can be told apart.
//!
//! A temporary file is no input of its own: what it was made from is, through as many of them as there are. So an object file
//! that an assembler wrote depends on what the compiler read, whose output the assembler has read.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexSet;

use super::{Kind, Kinds, Names, is_temporary};

/// Bytes that a use takes, with its place in the set and room to grow.
const USE_BYTES: usize = 64;

/// Trees of files that are no files.
const NO_FILES: [&[u8]; 3] = [b"/proc/", b"/sys/", b"/dev/"];

/// Which process read or wrote what.
#[derive(Debug)]
pub struct Inputs {
    /// Serial number of the process, number of the path, whether it was written.
    uses: IndexSet<(u32, u32, bool)>,
    most: usize,
    left_out: u64,
}

impl Inputs {
    /// Nothing yet; what will be known takes at most `room` bytes.
    #[must_use]
    pub fn new(room: usize) -> Self {
        Self { uses: IndexSet::new(), most: room / USE_BYTES, left_out: 0 }
    }

    pub(super) fn add(&mut self, process: u32, path: u32, kinds: Kinds) {
        let written = kinds.has(Kind::Written) || kinds.has(Kind::Replaced);
        for (holds, written) in [(written, true), (kinds.has(Kind::Read), false)] {
            let one = (process, path, written);
            if !holds || self.uses.contains(&one) {
                continue;
            }
            if self.uses.len() >= self.most {
                self.left_out += 1;
            } else {
                self.uses.insert(one);
            }
        }
    }

    /// Uses for which there was no room.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Each file that was written and is no temporary one, with what it was made from; by their numbers, the files in the
    /// order in which they were written first. Each set is made when it is asked for: all of them together can be as many as
    /// what a process has read times what it has written.
    pub fn rules<'a>(&'a self, names: &'a Names) -> impl Iterator<Item = (u32, BTreeSet<u32>)> + 'a {
        let (mut writers, mut reads) = (BTreeMap::<u32, Vec<u32>>::new(), BTreeMap::<u32, Vec<u32>>::new());
        let mut targets = IndexSet::new();
        for &(process, path, written) in &self.uses {
            if NO_FILES.iter().any(|dir| names.get(path).starts_with(dir)) {
                continue;
            }
            if written {
                writers.entry(path).or_default().push(process);
                targets.insert(path);
            } else {
                reads.entry(process).or_default().push(path);
            }
        }
        targets.retain(|path| !is_temporary(names.get(*path)));
        targets.into_iter().map(move |target| (target, inputs(target, &writers, &reads, names)))
    }
}

/// What `target` was made from.
fn inputs(
    target: u32,
    writers: &BTreeMap<u32, Vec<u32>>,
    reads: &BTreeMap<u32, Vec<u32>>,
    names: &Names,
) -> BTreeSet<u32> {
    let (mut found, mut seen, mut open) = (BTreeSet::new(), BTreeSet::from([target]), vec![target]);
    while let Some(file) = open.pop() {
        let processes = writers.get(&file).into_iter().flatten();
        for path in processes.filter_map(|process| reads.get(process)).flatten() {
            if !seen.insert(*path) {
                continue;
            }
            if is_temporary(names.get(*path)) && writers.contains_key(path) {
                open.push(*path);
            } else {
                found.insert(*path);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{OpenEvent, sample};
    use crate::report::{ROOM, Report};

    /// Rules of opens given as (process, path, written).
    fn rules(opens: &[(u32, &str, bool)], room: usize) -> (Vec<String>, u64) {
        let mut report = Report::new(ROOM, None).with_inputs(room);
        for (pid, path, written) in opens {
            let flags = if *written { libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC } else { libc::O_RDONLY };
            let event = OpenEvent { pid: *pid, path: path.as_bytes(), flags: flags as u64, ..sample() };
            report.add(&event);
        }
        report.end();
        let name = |id: u32| String::from_utf8_lossy(report.names().get(id)).into_owned();
        let inputs = report.inputs().unwrap();
        let rules = inputs.rules(report.names());
        let rules = rules.map(|(target, inputs)| {
            let inputs: Vec<_> = inputs.iter().map(|input| name(*input)).collect();
            format!("{}: {}", name(target), inputs.join(" "))
        });
        (rules.collect(), inputs.left_out())
    }

    #[test]
    fn temporary_files_stand_for_what_they_were_made_from() {
        let opens = [
            (1, "/tmp/ccAb12Cd.s", true),
            (2, "/src/a.c", false),
            (2, "/usr/include/x.h", false),
            (2, "/tmp/ccAb12Cd.s", true),
            (3, "/proc/filesystems", false),
            (3, "/tmp/ccAb12Cd.s", false),
            (3, "/src/a.o", true),
            (4, "/src/a.o", false),
            (4, "/src/prog", true),
        ];
        let (rules, left_out) = rules(&opens, ROOM);
        assert_eq!(rules, ["/src/a.o: /src/a.c /usr/include/x.h", "/src/prog: /src/a.o"]);
        assert_eq!(left_out, 0);
    }

    #[test]
    fn files_that_are_made_from_each_other_end_too() {
        let opens = [
            (1, "/tmp/a.tmp", true),
            (1, "/tmp/b.tmp", false),
            (2, "/tmp/b.tmp", true),
            (2, "/tmp/a.tmp", false),
            (3, "/tmp/a.tmp", false),
            (3, "/out", true),
            (3, "/out", false),
        ];
        assert_eq!(rules(&opens, ROOM).0, ["/out: "]);
    }

    #[test]
    fn what_finds_no_room_is_counted() {
        let opens: Vec<_> = (0..100).map(|n| (n + 1, "/a", false)).collect();
        assert_eq!(rules(&opens, 10 * USE_BYTES).1, 90);
    }
}
