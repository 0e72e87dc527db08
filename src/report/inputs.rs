//! What each written file was made from: all that the processes which wrote it had read, as far as those can be told
//! apart.
//!
//! A temporary file is no input of its own: what it was made from is, through as many of them as there are. So an
//! object file that an assembler wrote depends on what the compiler read, whose output the assembler has read.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::{IndexMap, IndexSet};

use super::{Kind, Kinds, Names, is_temporary};

/// Bytes that a use takes, with its place in the set and room to grow.
const USE_BYTES: usize = 64;

/// What looking at a name takes beside its bytes, as if it were text.
const LOOK_BYTES: usize = 64;

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
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// What each file that was written and is no temporary one was made from; the files in the order in which they were
    /// written first. Those that the same processes wrote share a rule, so that what one process has read is not told
    /// once for each of its files.
    ///
    /// Processes that share temporary files can have more in common than rules can tell: when `room` bytes of names
    /// have been looked at, the rules that are left have no inputs.
    pub fn rules<'a>(&'a self, names: &'a Names, room: usize) -> impl Iterator<Item = Rule> + 'a {
        let mut uses = Uses::default();
        let mut targets = IndexSet::new();
        for &(process, path, written) in &self.uses {
            if NO_FILES.iter().any(|dir| names.get(path).starts_with(dir)) {
                continue;
            }
            if written {
                uses.writers.entry(path).or_default().push(process);
                targets.insert(path);
            } else {
                uses.reads.entry(process).or_default().push(path);
            }
        }
        uses.writers.values_mut().for_each(|writers| writers.sort_unstable());
        let mut groups = IndexMap::<Vec<u32>, Vec<u32>>::new();
        for target in targets.into_iter().filter(|path| !is_temporary(names.get(*path))) {
            groups.entry(uses.writers[&target].clone()).or_default().push(target);
        }
        let mut looked_at = 0;
        groups.into_iter().flat_map(move |(writers, targets)| {
            if looked_at >= room {
                return [Some(Rule { targets, inputs: None }), None].into_iter().flatten();
            }
            let inputs = uses.inputs(&writers, names, &mut looked_at);
            // A file that was read as well is no input of its own, nor are those of its kind each other's: make would
            // drop these circles one by one, and say so each time.
            let (circular, plain) = targets.into_iter().partition::<Vec<_>, _>(|target| inputs.contains(target));
            let others = &inputs - &circular.iter().copied().collect();
            let rule =
                |targets: Vec<u32>, inputs| (!targets.is_empty()).then_some(Rule { targets, inputs: Some(inputs) });
            [rule(plain, inputs), rule(circular, others)].into_iter().flatten()
        })
    }
}

/// Files that were made from the same, by the numbers of their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub targets: Vec<u32>,
    /// `None` where there was no room to find out.
    pub inputs: Option<BTreeSet<u32>>,
}

/// Who used which file.
#[derive(Debug, Default)]
struct Uses {
    /// Serial numbers of the processes that wrote a path.
    writers: BTreeMap<u32, Vec<u32>>,
    /// Paths that a process read.
    reads: BTreeMap<u32, Vec<u32>>,
}

impl Uses {
    /// What files of these writers were made from. The bytes of the names that were looked at are added up.
    fn inputs(&self, writers: &[u32], names: &Names, looked_at: &mut usize) -> BTreeSet<u32> {
        let (mut found, mut seen, mut open) = (BTreeSet::new(), BTreeSet::new(), vec![writers]);
        while let Some(writers) = open.pop() {
            for path in writers.iter().filter_map(|process| self.reads.get(process)).flatten() {
                *looked_at += names.get(*path).len() + LOOK_BYTES;
                if !seen.insert(*path) {
                    continue;
                }
                match self.writers.get(path) {
                    Some(writers) if is_temporary(names.get(*path)) => open.push(writers),
                    _ => drop(found.insert(*path)),
                }
            }
        }
        found
    }
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
        let rules = inputs.rules(report.names(), room);
        let list = |ids: Vec<u32>| ids.into_iter().map(name).collect::<Vec<_>>().join(" ");
        let rules = rules.map(|rule| {
            let inputs = rule.inputs.map_or("?".into(), |inputs| list(inputs.into_iter().collect()));
            format!("{}: {inputs}", list(rule.targets))
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
    fn files_of_the_same_processes_share_a_rule() {
        let opens = [
            (1, "/in", false),
            (1, "/both", false),
            (1, "/again", false),
            (1, "/a", true),
            (2, "/b", true),
            (1, "/both", true),
            (1, "/again", true),
            (1, "/c", true),
            (2, "/ab", true),
            (1, "/ab", true),
        ];
        assert_eq!(
            rules(&opens, ROOM).0,
            ["/a /c: /in /both /again", "/both /again: /in", "/b: ", "/ab: /in /both /again"]
        );
    }

    #[test]
    fn rules_are_as_long_as_what_was_used() {
        let names: Vec<_> = (0..40_000).map(|n| (format!("/from/{n}"), format!("/to/{n}"))).collect();
        let opens: Vec<_> = names.iter().flat_map(|(from, to)| [(1, &from[..], false), (1, &to[..], true)]).collect();
        let (rules, left_out) = rules(&opens, ROOM);
        let [rule] = &rules[..] else { panic!("{} rules", rules.len()) };
        assert_eq!((rule.split(' ').count(), left_out), (80_000, 0));
    }

    /// Each output's compiler reads the one temporary file that was made from all inputs.
    #[test]
    fn shared_temporary_files_are_followed_as_far_as_there_is_room() {
        let (count, room) = (1000, 1 << 20);
        let (from, to) = (|n| format!("/from/{n}"), |n| format!("/to/{n}"));
        let mut opens: Vec<_> = (0..count).map(|n| (1, from(n), false)).collect();
        opens.push((1, "/tmp/ccAb12Cd.s".into(), true));
        opens.extend((0..count).flat_map(|n| [(n + 2, "/tmp/ccAb12Cd.s".into(), false), (n + 2, to(n), true)]));
        let opens: Vec<_> = opens.iter().map(|(pid, path, written)| (*pid, &path[..], *written)).collect();
        let (rules, left_out) = rules(&opens, room);
        let text: usize = rules.iter().map(String::len).sum();
        let (told, not) = rules.iter().partition::<Vec<_>, _>(|rule| !rule.ends_with(": ?"));
        assert_eq!((told.len() + not.len(), left_out), (count as usize, 0));
        assert!(!told.is_empty() && !not.is_empty() && text < 2 * room, "{} and {}, {text}", told.len(), not.len());
    }

    #[test]
    fn what_finds_no_room_is_counted() {
        let opens: Vec<_> = (0..100).map(|n| (n + 1, "/a", false)).collect();
        assert_eq!(rules(&opens, 10 * USE_BYTES).1, 90);
    }
}
