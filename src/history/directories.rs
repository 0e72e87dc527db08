//! Opens by what is in a directory: each child with the sums of all that is below it.

use std::collections::HashMap;

use crate::event::{OpenEvent, PathKind};

/// Bytes of names and counts.
const BYTES_MAX: usize = 1 << 20;
/// Bytes of a child beside its name, and what a map takes for it at most.
const CHILD_BYTES: usize = 2 * (size_of::<Vec<u8>>() + size_of::<Child>());

/// How a path begins whose directory lies deeper than what could be read.
const BEGINNING_CUT: &[u8] = b"/.../";

/// What was opened below a child.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Child {
    pub opens: u64,
    pub failed: u64,
    /// Opens per second between the last two readings.
    pub rate: Option<f64>,
    /// Something below it was opened, too.
    pub is_directory: bool,
    /// Its opens at the last reading.
    before: u64,
}

impl Child {
    pub(super) fn add(&mut self, failed: bool) {
        self.opens += 1;
        self.failed += u64::from(failed);
    }

    /// The rate since the last reading, those `seconds` ago, if there was one.
    pub(super) fn read(&mut self, seconds: Option<f64>) {
        self.rate = seconds.map(|seconds| (self.opens - self.before) as f64 / seconds);
        self.before = self.opens;
    }

    /// Takes in what was counted apart.
    pub(super) fn merge(&mut self, other: &Child) {
        self.opens += other.opens;
        self.failed += other.failed;
        self.before += other.before;
        self.rate = match (self.rate, other.rate) {
            (Some(a), Some(b)) => Some(a + b),
            (a, b) => a.or(b),
        };
    }

    /// What failed of the opens; 0 where there were none.
    pub fn failed_share(&self) -> f64 {
        self.failed as f64 / self.opens.max(1) as f64
    }
}

/// The children of one directory. Those for which there is no room are counted together.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    /// The names on the way to it from the root.
    names: Vec<Vec<u8>>,
    children: HashMap<Vec<u8>, Child>,
    bytes: usize,
    pub others: Child,
    /// Opens whose path is not known, or known in part only: of the root alone.
    pub unknown: Child,
    read_ns: Option<u64>,
}

impl Directory {
    pub fn new(names: Vec<Vec<u8>>) -> Self {
        Self { names, ..Self::default() }
    }

    /// Counts an open that is in the directory or below it. The path is taken as it is written: where links lead is not
    /// known of what was not opened.
    pub fn add(&mut self, event: &OpenEvent<'_>) {
        let Some(path) = known_path(event) else {
            if self.names.is_empty() {
                self.unknown.add(event.failed());
            }
            return;
        };
        let mut parts = path.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".");
        if !self.names.iter().all(|name| parts.next() == Some(name.as_slice())) {
            return;
        }
        // The directory itself was opened.
        let name = parts.next().unwrap_or(b".");
        let child = self.child(name);
        child.add(event.failed());
        child.is_directory |= parts.next().is_some();
    }

    fn child(&mut self, name: &[u8]) -> &mut Child {
        if !self.children.contains_key(name) {
            let bytes = self.bytes + name.len() + CHILD_BYTES;
            if bytes > BYTES_MAX {
                return &mut self.others;
            }
            self.bytes = bytes;
        }
        self.children.entry(name.to_vec()).or_default()
    }

    /// Works the rates out at this time, CLOCK_MONOTONIC.
    pub fn read(&mut self, ts_ns: u64) {
        let Ok(seconds) = passed(&mut self.read_ns, ts_ns) else { return };
        for child in self.children.values_mut().chain([&mut self.others, &mut self.unknown]) {
            child.read(seconds);
        }
    }

    /// The children, in no order.
    pub fn children(&self) -> impl Iterator<Item = (&[u8], Child)> {
        self.children.iter().map(|(name, child)| (name.as_slice(), *child))
    }
}

/// The path of an event from the root on, if it is known.
pub(super) fn known_path<'a>(event: &OpenEvent<'a>) -> Option<&'a [u8]> {
    let begins = event.path_kind != PathKind::Truncated || !event.path.starts_with(BEGINNING_CUT);
    (event.path.starts_with(b"/") && begins).then_some(event.path)
}

/// Seconds since the last reading, `None` at the first; an error where no time has passed.
pub(super) fn passed(read_ns: &mut Option<u64>, ts_ns: u64) -> Result<Option<f64>, ()> {
    match read_ns.replace(ts_ns) {
        Some(before) if ts_ns <= before => Err(()),
        before => Ok(before.map(|before| (ts_ns - before) as f64 / 1e9)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::sample;

    fn add(directory: &mut Directory, path: &str, ret: i32) {
        directory.add(&OpenEvent { path: path.as_bytes(), ret, ..sample() });
    }

    fn rows(directory: &Directory) -> Vec<(String, u64, u64, bool)> {
        let row = |(name, child): (&[u8], Child)| {
            (String::from_utf8_lossy(name).into_owned(), child.opens, child.failed, child.is_directory)
        };
        let mut rows: Vec<_> = directory.children().map(row).collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.1));
        rows
    }

    #[test]
    fn a_child_has_the_sums_of_all_below_it() {
        let mut root = Directory::default();
        let mut usr = Directory::new(vec![b"usr".to_vec()]);
        for directory in [&mut root, &mut usr] {
            for (path, ret) in [("/usr/lib/a", 3), ("//usr/./lib/x/b", -2), ("/usr", 3), ("/usrx", 3), ("rel", 3)] {
                add(directory, path, ret);
            }
        }
        assert_eq!(rows(&root), [("usr".into(), 3, 1, true), ("usrx".into(), 1, 0, false)]);
        assert_eq!(rows(&usr), [("lib".into(), 2, 1, true), (".".into(), 1, 0, false)]);
        assert_eq!((root.unknown.opens, usr.unknown.opens), (1, 0));
    }

    #[test]
    fn rates_are_those_between_two_readings() {
        let mut root = Directory::default();
        add(&mut root, "/a", 3);
        let rate = |root: &Directory| root.children().next().unwrap().1.rate;
        root.read(1_000_000_000);
        assert_eq!(rate(&root), None);
        (0..10).for_each(|_| add(&mut root, "/a", 3));
        root.read(3_000_000_000);
        root.read(3_000_000_000);
        assert_eq!(rate(&root), Some(5.0));
    }

    #[test]
    fn what_has_no_room_is_counted_together() {
        let mut root = Directory::default();
        let long = "x".repeat(200);
        for n in 0..20_000 {
            add(&mut root, &format!("/{n}{long}/f"), -2);
        }
        let kept: u64 = root.children().map(|(_, child)| child.opens).sum();
        assert!(kept < 10_000 && root.bytes <= BYTES_MAX, "{kept} {}", root.bytes);
        assert_eq!((kept + root.others.opens, root.others.failed), (20_000, root.others.opens));
        // One that is known is counted still.
        add(&mut root, &format!("/0{long}/f"), 3);
        assert!(rows(&root)[0].0.starts_with("0xx") && rows(&root)[0].1 == 2);
    }

    /// What is cut at its beginning lies in no directory that is known, and what is cut at its end still does.
    #[test]
    fn of_a_path_without_its_beginning_no_directory_is_known() {
        let mut root = Directory::default();
        for (path, path_kind) in
            [("/.../a/b", PathKind::Truncated), ("/.../a/b", PathKind::Absolute), ("/usr/lon", PathKind::Truncated)]
        {
            root.add(&OpenEvent { path: path.as_bytes(), path_kind, ..sample() });
        }
        assert_eq!((root.unknown.opens, rows(&root).len()), (1, 2));
    }
}
