//! Who opens most, by what only the events tell: file, directory, container, error, or anything under a filter.
//!
//! Bounded: when too many different keys come by, the half that opened least is dropped, and with it the certainty.
//! Whatever is still in the table may have opened up to [`Tally::error_bound`] times more than it says, never less; as
//! long as nothing was dropped that is 0 and the table is exact for the events it was given.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};

use super::latency::Histogram;
use super::openers::{Group, Key, Row, per_second};
use crate::event::OpenEvent;
use crate::names::{Cgroup, Names};

/// Keys that stay when the table is cut to half; up to twice as many are in it.
const KEPT: usize = 8192;
/// Bytes of names and histograms at which the table is cut to half too: paths can be long. Names count twice, as rows
/// repeat them.
const BYTES_MAX: usize = 4 << 20;

#[derive(Debug)]
struct Entry {
    key: Key<'static>,
    comm: Vec<u8>,
    uid: Option<u32>,
    opens: u64,
    failed: u64,
    /// `opens` at the last reading, and what came of it.
    before: u64,
    rate: Option<f64>,
    last: u64,
    latency: Option<Box<Histogram>>,
}

impl Entry {
    /// Bytes of what it has beside itself.
    fn bytes(&self) -> usize {
        text_bytes(&self.key) + self.latency.as_ref().map_or(0, |_| size_of::<Histogram>())
    }

    /// Median and 99th percentile, in nanoseconds, where any was measured.
    fn percentiles(&self) -> Option<(u64, u64)> {
        self.latency.as_ref().map(|latency| (latency.percentile(50), latency.percentile(99)))
    }

    fn row(&self) -> Row {
        Row {
            comm: self.comm.clone(),
            uid: self.uid,
            opens: self.opens,
            failed: self.failed,
            rate: self.rate,
            last: Some(self.last),
            latency: self.percentiles(),
            ..Row::new(self.key.clone())
        }
    }
}

/// All that was counted, whatever its key: no key is dropped from this.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Matching {
    pub events: u64,
    pub failed: u64,
    /// Events a second between the last two readings.
    pub rate: Option<f64>,
}

/// Counts per key of one [`Group`].
#[derive(Debug)]
pub struct Tally {
    group: Group,
    /// Entries by the hash of their key, or by the next free number where two keys have the same.
    index: HashMap<u64, usize>,
    hasher: RandomState,
    entries: Vec<Entry>,
    bytes: usize,
    error_bound: u64,
    all: Matching,
    /// Its events at the last reading.
    before: u64,
    read_ns: Option<u64>,
    /// Entries that have opened something since the last reading, and those that had done so at it.
    touched: Vec<usize>,
    active: Vec<usize>,
}

impl Tally {
    pub fn new(group: Group) -> Self {
        Self {
            group,
            index: HashMap::new(),
            hasher: RandomState::new(),
            entries: Vec::new(),
            bytes: 0,
            error_bound: 0,
            all: Matching::default(),
            before: 0,
            read_ns: None,
            touched: Vec::new(),
            active: Vec::new(),
        }
    }

    pub fn group(&self) -> Group {
        self.group
    }

    /// How many events were counted.
    pub fn events(&self) -> u64 {
        self.all.events
    }

    pub fn all(&self) -> Matching {
        self.all
    }

    /// By how much a row may be too low.
    pub fn error_bound(&self) -> u64 {
        self.error_bound
    }

    /// Counts one event.
    pub fn add(&mut self, id: u64, event: &OpenEvent<'_>, names: &Names) {
        if event.is_lookup() {
            return;
        }
        self.all.events += 1;
        self.all.failed += u64::from(event.failed());
        if self.entries.len() >= 2 * KEPT || self.bytes >= BYTES_MAX {
            self.evict();
        }
        let key = key_of(self.group, event, names);
        let at = match self.find(&key) {
            Ok(at) => at,
            Err(free) => self.insert(free, key.into_owned(), event),
        };
        let entry = &mut self.entries[at];
        if entry.opens == entry.before {
            self.touched.push(at);
        }
        entry.opens += 1;
        entry.failed += u64::from(event.failed());
        entry.last = id;
        if entry.comm != event.process() {
            // A process has its present name; a file opened by several commands has none.
            let present = if self.group == Group::Process { event.process() } else { b"" };
            entry.comm.clear();
            entry.comm.extend_from_slice(present);
        }
        if entry.uid != Some(event.uid) {
            entry.uid = None;
        }
        if let Some(latency) = event.latency {
            let histogram = entry.latency.get_or_insert_with(|| {
                self.bytes += size_of::<Histogram>();
                Box::default()
            });
            histogram.add(latency.as_nanos() as u64);
        }
    }

    /// The entry of a key, or the number under which it is to be put.
    fn find(&self, key: &Key<'_>) -> Result<usize, u64> {
        let mut hash = self.hasher.hash_one(key);
        while let Some(&at) = self.index.get(&hash) {
            if self.entries[at].key == *key {
                return Ok(at);
            }
            hash = hash.wrapping_add(1);
        }
        Err(hash)
    }

    fn insert(&mut self, free: u64, key: Key<'static>, event: &OpenEvent<'_>) -> usize {
        self.bytes += text_bytes(&key);
        self.index.insert(free, self.entries.len());
        self.entries.push(Entry {
            key,
            comm: event.process().to_owned(),
            uid: Some(event.uid),
            opens: 0,
            failed: 0,
            before: 0,
            rate: None,
            last: 0,
            latency: None,
        });
        self.entries.len() - 1
    }

    /// Drops the half that opened least. What is dropped may come again and is then counted from 0.
    fn evict(&mut self) {
        let half = self.entries.len() / 2;
        let (_, most, _) = self.entries.select_nth_unstable_by_key(half, |entry| std::cmp::Reverse(entry.opens));
        self.error_bound += most.opens;
        self.entries.truncate(half);
        self.bytes = self.entries.iter().map(Entry::bytes).sum();
        let indexes = |of: fn(&Entry) -> bool| (0..half).filter(|at| of(&self.entries[*at])).collect();
        (self.touched, self.active) =
            (indexes(|entry| entry.opens > entry.before), indexes(|entry| entry.rate > Some(0.0)));
        self.index.clear();
        for at in 0..half {
            if let Err(free) = self.find(&self.entries[at].key) {
                self.index.insert(free, at);
            }
        }
    }

    /// Works out the rates since the last reading, of those that have changed. `ts_ns` is CLOCK_MONOTONIC.
    pub fn read(&mut self, ts_ns: u64) {
        let seconds = self.read_ns.map_or(0.0, |before| ts_ns.saturating_sub(before) as f64 / 1e9);
        self.read_ns = Some(ts_ns);
        self.all.rate = per_second(self.all.events - self.before, seconds);
        self.before = self.all.events;
        let before = std::mem::replace(&mut self.active, std::mem::take(&mut self.touched));
        for at in before {
            self.entries[at].rate = per_second(0, seconds);
        }
        for at in &self.active {
            let entry = &mut self.entries[*at];
            entry.rate = per_second(entry.opens - entry.before, seconds);
            entry.before = entry.opens;
        }
    }

    /// The rows, in no order.
    pub fn rows(&self) -> Vec<Row> {
        self.entries.iter().map(Entry::row).collect()
    }

    /// The rows of those that opened something between the last two readings.
    pub fn active_rows(&self) -> Vec<Row> {
        self.active.iter().map(|at| self.entries[*at].row()).collect()
    }

    /// What was measured for `key`: see [`Row::latency`].
    pub fn latency(&self, key: &Key<'static>) -> Option<(u64, u64)> {
        self.entries[self.find(key).ok()?].percentiles()
    }
}

fn text_bytes(key: &Key<'_>) -> usize {
    match key {
        Key::Text(text) => 2 * text.len(),
        _ => 0,
    }
}

/// The row that an event belongs to.
pub fn key_of<'a>(group: Group, event: &OpenEvent<'a>, names: &'a Names) -> Key<'a> {
    match group {
        Group::Process => Key::Process { source: event.source, pid: event.pid, start_ns: event.start_ns },
        // When it started no event tells.
        Group::Parent => Key::Process { source: event.source, pid: event.ppid, start_ns: 0 },
        Group::Comm => Key::Text(event.process().into()),
        Group::File => Key::Text(event.path.into()),
        Group::Dir => Key::Text(event.dir().into()),
        Group::User => Key::User(event.source.host(), event.uid),
        Group::Container => Key::Text(names.cgroup(event.cgroup).map_or(&b""[..], |cgroup| cgroup.group()).into()),
        Group::Unit => Key::Text(names.cgroup(event.cgroup).map_or(&b""[..], Cgroup::unit_or_path).into()),
        Group::Error => Key::Error(event.errno().unwrap_or(0)),
        Group::Host => Key::Host(event.source.host()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::sample;

    fn text(text: &'static str) -> Key<'static> {
        Key::Text(text.as_bytes().into())
    }

    fn rows(tally: &Tally) -> Vec<(Key<'static>, u64)> {
        let mut rows: Vec<_> = tally.rows().into_iter().map(|row| (row.key, row.opens)).collect();
        rows.sort_by_key(|(_, opens)| std::cmp::Reverse(*opens));
        rows
    }

    fn tally(group: Group, paths: &[&str]) -> Tally {
        let mut tally = Tally::new(group);
        for (id, path) in paths.iter().enumerate() {
            tally.add(id as u64, &OpenEvent { path: path.as_bytes(), ..sample() }, &Names::without_users());
        }
        tally
    }

    #[test]
    fn files_and_directories() {
        let paths = ["/etc/hosts", "/etc/passwd", "/etc/hosts", "/tmp/x"];
        assert_eq!(rows(&tally(Group::File, &paths))[0], (text("/etc/hosts"), 2));
        assert_eq!(rows(&tally(Group::Dir, &paths))[0], (text("/etc"), 3));
        assert_eq!(tally(Group::File, &paths).error_bound(), 0);
    }

    #[test]
    fn errors_and_success() {
        let mut tally = Tally::new(Group::Error);
        for ret in [3, -libc::ENOENT, -libc::ENOENT] {
            tally.add(0, &OpenEvent { ret, ..sample() }, &Names::without_users());
        }
        assert_eq!(rows(&tally), [(Key::Error(libc::ENOENT), 2), (Key::Error(0), 1)]);
    }

    #[test]
    fn a_file_of_two_commands_has_no_command() {
        let mut tally = tally(Group::File, &["/etc/hosts"]);
        assert_eq!(tally.rows()[0].comm, b"cat");
        tally.add(9, &OpenEvent { comm: b"dd", uid: 5, ..sample() }, &Names::without_users());
        assert_eq!((tally.rows()[0].comm.len(), tally.rows()[0].uid, tally.rows()[0].last), (0, None, Some(9)));
    }

    #[test]
    fn rates_are_differences_over_time() {
        let mut tally = tally(Group::File, &["/a", "/a"]);
        tally.read(1_000_000_000);
        tally.add(0, &OpenEvent { path: b"/a", ..sample() }, &Names::without_users());
        tally.read(1_500_000_000);
        assert_eq!(tally.rows()[0].rate, Some(2.0));
        assert_eq!(tally.all(), Matching { events: 3, failed: 0, rate: Some(2.0) });
    }

    #[test]
    fn a_flood_of_names_takes_bounded_room_and_the_error_is_told() {
        let mut tally = Tally::new(Group::File);
        for n in 0..200_000u64 {
            let path = if n % 10 == 0 { "/often".to_owned() } else { format!("/once/{n}") };
            tally.add(n, &OpenEvent { path: path.as_bytes(), ..sample() }, &Names::without_users());
        }
        assert!(tally.entries.len() <= 2 * KEPT);
        assert!(tally.error_bound() > 0);
        let (key, opens) = rows(&tally).remove(0);
        assert_eq!(key, text("/often"));
        assert!(
            opens <= 20_000 && opens + tally.error_bound() >= 20_000,
            "{opens} of 20,000, {} error_bound",
            tally.error_bound()
        );
    }

    #[test]
    fn latencies_of_many_take_bounded_room() {
        let mut tally = Tally::new(Group::File);
        let latency = Some(std::time::Duration::from_micros(1));
        for n in 0..50_000u64 {
            let path = format!("/{n}");
            tally.add(n, &OpenEvent { path: path.as_bytes(), latency, ..sample() }, &Names::without_users());
        }
        assert!(tally.bytes < BYTES_MAX + 1000, "{} bytes", tally.bytes);
        assert_eq!(tally.bytes, tally.entries.iter().map(Entry::bytes).sum::<usize>());
        assert!(tally.error_bound() > 0);
    }

    #[test]
    fn long_names_take_bounded_room() {
        let mut tally = Tally::new(Group::File);
        for n in 0..8000u64 {
            let path = format!("/{n}/{}", "x".repeat(4000));
            tally.add(n, &OpenEvent { path: path.as_bytes(), ..sample() }, &Names::without_users());
        }
        assert!(tally.bytes < BYTES_MAX + 8000, "{} bytes", tally.bytes);
    }
}
