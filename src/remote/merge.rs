//! The sum of what hosts count: for whoever ranks and adds up, they are one source.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::event::Source;
use crate::message::{Counts, HostNews, HostState, Link, Message, ProcessCount, Totals};

/// What names a process.
type ProcessKey = (Source, u32, u64);

/// Running processes of one host: as many as its kernel counts one by one.
const RUNNING_MAX: usize = 1 << 15;

/// Processes that wait for the next reading: of all hosts, each of which has the same share, and of one.
const WAITING_MAX: usize = 1 << 17;
const WAITING_OF_ONE_MAX: usize = 1 << 16;

/// Errors that are counted one by one.
const RESULTS_MAX: usize = 1024;

/// All hosts together.
#[derive(Debug, Default)]
pub(super) struct Merge {
    hosts: Vec<Host>,
    processes: HashMap<ProcessKey, ProcessCount>,
    results: BTreeMap<i32, u64>,
    other_errors: u64,
    totals: Totals,
    /// What is to be told before the next counts.
    news: Vec<HostNews>,
}

/// One of them.
#[derive(Debug, Default)]
struct Host {
    state: HostState,
    announced: HostState,
    /// Of this connection: what was counted last, and who runs.
    counts: Counts,
    running: HashSet<ProcessKey>,
    /// Its processes that wait for the next reading.
    waiting: usize,
    /// It has failed, and was never live.
    hopeless: bool,
}

impl Merge {
    pub(super) fn new(hosts: usize) -> Self {
        Self { hosts: (0..hosts).map(|_| Host::default()).collect(), ..Self::default() }
    }

    fn host(&mut self, number: u8) -> Option<&mut Host> {
        usize::from(number).checked_sub(1).and_then(|at| self.hosts.get_mut(at))
    }

    /// A host is in this state now.
    pub(super) fn state(&mut self, number: u8, link: Link, text: String) {
        let Some(host) = self.host(number) else { return };
        (host.state.link, host.state.text) = (link, text);
        match link {
            Link::Lost => host.hopeless |= host.state.bytes == 0,
            _ if link.is_up() => host.hopeless = false,
            _ => {}
        }
    }

    pub(super) fn link(&mut self, number: u8) -> Link {
        self.host(number).map_or(Link::Lost, |host| host.state.link)
    }

    pub(super) fn received(&mut self, number: u8, bytes: u64) {
        if let Some(host) = self.host(number) {
            host.state.bytes += bytes;
        }
    }

    /// The connection has ended; the next counts anew.
    pub(super) fn gone(&mut self, source: Source) {
        if let Some(host) = self.host(source.host()) {
            host.counts = Counts::default();
            host.running.clear();
            self.news.push(HostNews::Gone(source));
        }
    }

    /// Takes in what a host counts of a process. Gives it back where the host has used up its share, which it has anew
    /// once the next reading is made: one that tells too much makes itself wait, and no other.
    ///
    /// # Errors
    /// If no host has so many.
    pub(super) fn process(&mut self, count: ProcessCount) -> Result<Option<ProcessCount>, String> {
        let key = (count.source, count.pid, count.start_ns);
        let share = (WAITING_MAX / self.hosts.len().max(1)).min(WAITING_OF_ONE_MAX);
        let is_new = !self.processes.contains_key(&key);
        let Some(host) = self.host(count.source.host()) else { return Ok(None) };
        if is_new && host.waiting >= share {
            return Ok(Some(count));
        }
        if count.ended {
            host.running.remove(&key);
        } else if host.running.insert(key) && host.running.len() > RUNNING_MAX {
            return Err(format!("more than {RUNNING_MAX} processes run at once"));
        }
        host.waiting += usize::from(is_new);
        self.processes.insert(key, count);
        Ok(None)
    }

    /// Takes in the rest of a reading; how many opens a slow link has lost since the one before.
    pub(super) fn counts(&mut self, number: u8, counts: Counts) -> u64 {
        let Some(host) = self.host(number) else { return 0 };
        let before = std::mem::replace(&mut host.counts, counts.clone());
        let new = counts.totals.since(&before.totals);
        host.state.totals = host.state.totals.plus(&new);
        self.totals = self.totals.plus(&new);
        let other_errors = counts.other_errors.saturating_sub(before.other_errors);
        self.other_errors = self.other_errors.saturating_add(other_errors);
        let before: HashMap<_, _> = before.results.into_iter().collect();
        for (errno, opens) in &counts.results {
            let new = opens.saturating_sub(before.get(errno).copied().unwrap_or(0));
            let has_room = self.results.len() < RESULTS_MAX || self.results.contains_key(errno);
            let into = if has_room { self.results.entry(*errno).or_default() } else { &mut self.other_errors };
            *into = into.saturating_add(new);
        }
        new.lost.link
    }

    /// Whether no host was ever reached, and each has been tried: then why.
    pub(super) fn hopeless(&self) -> Option<Vec<(usize, &str)>> {
        let all = self.hosts.iter().all(|host| host.hopeless && host.state.bytes == 0);
        all.then(|| self.hosts.iter().map(|host| host.state.text.as_str()).enumerate().collect())
    }

    /// What is new of the hosts: their states, and what numbers go with them where `numbers` are wanted too. Those
    /// whose state is another now come along, to be told in words.
    pub(super) fn news(&mut self, numbers: bool) -> (Vec<Message>, Vec<(usize, HostState)>) {
        let (mut news, mut changed) = (std::mem::take(&mut self.news), Vec::new());
        for (at, host) in self.hosts.iter_mut().enumerate() {
            let other = (host.state.link, &host.state.text) != (host.announced.link, &host.announced.text);
            if other {
                changed.push((at, host.state.clone()));
            }
            if other || (numbers && host.state != host.announced) {
                host.announced = host.state.clone();
                news.push(HostNews::State { host: at as u8 + 1, state: host.state.clone() });
            }
        }
        (news.into_iter().map(Message::Host).collect(), changed)
    }

    /// A reading of all hosts at this moment of this host.
    pub(super) fn reading(&mut self, ts_ns: u64) -> Counts {
        self.hosts.iter_mut().for_each(|host| host.waiting = 0);
        Counts {
            ts_ns,
            processes: std::mem::take(&mut self.processes).into_values().collect(),
            results: self.results.iter().map(|(errno, opens)| (*errno, *opens)).collect(),
            other_errors: self.other_errors,
            totals: self.totals,
            ..Counts::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(opens: u64, results: &[(i32, u64)]) -> Counts {
        let totals = Totals { opens, delivered: opens, ..Totals::default() };
        Counts { results: results.to_vec(), totals, ..Counts::default() }
    }

    fn process(source: Source, pid: u32, opens: u64) -> ProcessCount {
        ProcessCount {
            source,
            pid,
            start_ns: 1,
            ppid: 1,
            uid: 0,
            comm: b"cat".to_vec(),
            opens,
            failed: 0,
            cgroups: Default::default(),
            ended: false,
        }
    }

    #[test]
    fn hosts_are_added_up_and_a_connection_that_begins_anew_takes_nothing_back() {
        let mut merge = Merge::new(2);
        merge.counts(1, counts(100, &[(0, 90), (2, 10)]));
        merge.counts(2, counts(7, &[(0, 7)]));
        merge.counts(1, counts(110, &[(0, 99), (2, 11)]));
        let reading = merge.reading(5);
        assert_eq!((reading.ts_ns, reading.totals.opens), (5, 117));
        assert_eq!(reading.results, [(0, 106), (2, 11)]);
        merge.gone(Source::new(1, 1));
        merge.counts(1, counts(3, &[(0, 3)]));
        let reading = merge.reading(6);
        assert_eq!((reading.totals.opens, reading.results[0]), (120, (0, 109)));
        assert_eq!(merge.hosts[0].state.totals.opens, 113);
    }

    #[test]
    fn the_same_pid_on_two_hosts_is_two_processes_and_none_may_have_any_number() {
        let mut merge = Merge::new(2);
        merge.process(process(Source::new(1, 1), 7, 5)).unwrap();
        merge.process(process(Source::new(2, 1), 7, 6)).unwrap();
        assert_eq!(merge.reading(0).processes.len(), 2);
        let mut told = (1..=RUNNING_MAX as u32 + 1).map(|pid| merge.process(process(Source::new(1, 1), pid, 1)));
        assert!(told.any(|told| told.is_err()));
        assert!(merge.process(process(Source::new(2, 1), 8, 6)).is_ok(), "another host is not harmed");
    }

    #[test]
    fn who_tells_of_too_many_processes_waits_and_makes_nobody_else_wait() {
        let hosts = 64;
        let mut merge = Merge::new(usize::from(hosts));
        let ended = |host, pid| ProcessCount { ended: true, ..process(Source::new(host, 1), pid, 1) };
        let told = (1..=u32::MAX).take_while(|pid| merge.process(ended(1, *pid)).unwrap().is_none()).count();
        assert_eq!(told, WAITING_MAX / usize::from(hosts));
        for host in 2..=hosts {
            assert!((1..=told as u32).all(|pid| merge.process(ended(host, pid)).unwrap().is_none()), "{host}");
        }
        assert!(merge.process(ended(1, 1)).unwrap().is_none(), "this one waits already");
        let refused = merge.process(ended(1, told as u32 + 1)).unwrap().unwrap();
        assert_eq!(merge.reading(0).processes.len(), WAITING_MAX);
        assert!(merge.process(refused).unwrap().is_none(), "now there is room");
    }

    #[test]
    fn news_are_told_once() {
        let mut merge = Merge::new(2);
        merge.state(2, Link::Live, "ok".into());
        assert_eq!(merge.news(false).0.len(), 1);
        merge.received(2, 1);
        assert!(merge.news(false).0.is_empty());
        let (news, changed) = merge.news(true);
        assert_eq!((news.len(), changed.len()), (1, 0));
        let mut merge = Merge::new(2);
        assert!(merge.hopeless().is_none());
        merge.state(1, Link::Lost, "no".into());
        merge.state(2, Link::Lost, "no".into());
        assert!(merge.hopeless().is_some());
        merge.received(2, 1);
        assert!(merge.hopeless().is_none());
    }
}
