//! Where messages come from: the kernel or a recording. Both feed the same channel, so that every screen and output
//! works on either.

use crate::event::{Batch, Source};
use crate::format::group_digits;

/// All that ever reaches the consumer of a source.
#[derive(Debug)]
pub enum Message {
    /// Opens, and look-ups where they are asked for, oldest first.
    Opens(Batch),
    /// The hooks in use from now on: others than those of the start.
    Hooks(Hooks),
    /// The exact counts, about once a second, and once more at the end.
    Counts(Counts),
    /// What there is to know of one of several hosts.
    Host(HostNews),
    /// Where a replay is that can be asked for things, whenever that changes and with all counts.
    Playback(Playback),
    /// The source has ended: a recording was read to its end, or the tracer was told to stop.
    End,
    /// The source broke; the text is for the user.
    Failed(String),
}

/// What becomes known of one of several hosts, which [`Source::host`] numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostNews {
    State {
        host: u8,
        state: HostState,
    },
    /// What it calls a user. Any text: whoever shows it escapes it.
    User {
        host: u8,
        uid: u32,
        name: String,
    },
    /// This connection will tell nothing more: its processes are known no longer.
    Gone(Source),
}

/// How a host is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostState {
    pub link: Link,
    /// Why it is not live, or what it is said to run: one line, displayable.
    pub text: String,
    /// All of its connections together.
    pub totals: Totals,
    /// Bytes that came, compressed.
    pub bytes: u64,
}

/// The link to a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Link {
    /// Its turn to log in has not come, or it is being logged in.
    #[default]
    Connecting,
    Live,
    /// Live, and has lately lost opens to a slow link.
    Behind,
    /// There is no connection; the text says why, and what to do.
    Lost,
}

impl Link {
    pub fn name(self) -> &'static str {
        match self {
            Link::Connecting => "connecting",
            Link::Live => "live",
            Link::Behind => "behind",
            Link::Lost => "lost",
        }
    }

    /// Whether its opens are seen.
    pub fn is_up(self) -> bool {
        matches!(self, Link::Live | Link::Behind)
    }
}

/// Where a replay is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Playback {
    /// Nanoseconds of recorded time since the first event of the recording.
    pub at_ns: u64,
    /// CLOCK_MONOTONIC of that event.
    pub first_ns: u64,
    /// All of it; `None` where the recording does not say so and was not yet read to its end.
    pub length_ns: Option<u64>,
    /// What came and is counted begins here: 0, or where the last seek went to.
    pub from_ns: u64,
    /// How often was sought: what came before another one is not of this count.
    pub seeks: u64,
    /// 1 as recorded, 0 as fast as it can be read.
    pub speed: f64,
    pub paused: bool,
    /// It can go to another time: it is a file, no pipe.
    pub seekable: bool,
}

/// What a replay can be asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PlaybackCommand {
    Pause(bool),
    /// Twice as fast, or half.
    Faster,
    Slower,
    /// One event more, while it is paused.
    Step,
    /// Nanoseconds of recorded time since the first event.
    Seek(u64),
}

/// The hooks in use. Their text, as summaries and recordings have it, is `SET, with look-ups, without WHAT and WHAT, after SET missed N runs in M opens`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hooks {
    /// The name of the hook set; of a recording, all that it says of its hooks.
    pub set: String,
    /// Why it was chosen; empty where that is not known.
    pub reason: &'static str,
    /// What this kernel does not let them see of what they see elsewhere.
    pub unseen: Vec<Unseen>,
    /// Sets that were left while running, since they lost opens.
    pub left: Vec<Left>,
    /// Look-ups are seen too.
    pub lookups: bool,
}

/// What hooks do not see, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unseen {
    pub what: &'static str,
    pub why: String,
}

/// What [`Unseen::what`] is where look-ups are asked for and cannot be seen.
pub const LOOKUPS: &str = "look-ups";

/// A hook set that was left: so many runs of it were missed in the span of so many opens that it was judged by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    pub set: &'static str,
    pub missed: u64,
    pub opens: u64,
}

impl std::fmt::Display for Left {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { set, missed, opens } = self;
        write!(f, "after {set} missed {} runs in {} opens", group_digits(*missed), group_digits(*opens))
    }
}

impl Hooks {
    /// Those that a text names.
    pub fn named(text: &str) -> Self {
        Self { set: text.to_owned(), ..Self::default() }
    }

    /// What they do not see, if there is something.
    pub fn without(&self) -> Option<String> {
        let what: Vec<_> = self.unseen.iter().map(|unseen| unseen.what).collect();
        (!what.is_empty()).then(|| format!("without {}", what.join(" and ")))
    }

    /// What is to be said of each set that was left, in short.
    pub fn after(&self) -> impl Iterator<Item = String> {
        self.left.iter().map(|left| format!("after {} lost opens", left.set))
    }
}

impl std::fmt::Display for Hooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.set)?;
        f.write_str(if self.lookups { ", with look-ups" } else { "" })?;
        self.without().iter().try_for_each(|limit| write!(f, ", {limit}"))?;
        self.left.iter().try_for_each(|left| write!(f, ", {left}"))
    }
}

/// What was counted since the start, apart from the stream of events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Nanoseconds of CLOCK_MONOTONIC when the counts were read.
    pub ts_ns: u64,
    /// At least every process that opened something since the last reading, dead ones included once more after their death.
    pub processes: Vec<ProcessCount>,
    /// Processes that others descend from, whether they open anything or not: each that is a parent of a process in here, or
    /// an ancestor of one, is told at least once, as far as it is known. Only where somebody asks for it.
    pub ancestors: Vec<Ancestor>,
    /// How often opens ended with each error since the start; 0 is success. At least those that have changed since the last
    /// reading.
    pub results: Vec<(i32, u64)>,
    /// Opens that ended with errors which are not counted one by one.
    pub other_errors: u64,
    /// How long opens took; only where that is measured and nothing but counts is asked for.
    pub latencies: Option<Box<Latencies>>,
    pub totals: Totals,
}

/// How many opens took how long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latencies {
    pub sum_ns: u64,
    /// By the bounds of [`LATENCY_BOUNDS_NS`], each without those of the one before; the last took longer than all of them.
    pub opens: [u64; LATENCY_BOUNDS_NS.len() + 1],
}

/// Bounds of the buckets of [`Latencies`] in nanoseconds, each included in its own.
pub const LATENCY_BOUNDS_NS: [u64; 12] = [
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    100_000,
    1_000_000,
    10_000_000,
    100_000_000,
    1_000_000_000,
    10_000_000_000,
    60_000_000_000,
];

/// A process that others descend from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ancestor {
    pub pid: u32,
    /// Nanoseconds of CLOCK_MONOTONIC, to a hundredth of a second.
    pub start_ns: u64,
    pub ppid: u32,
    pub comm: Vec<u8>,
}

/// One process's opens since the start. The pid alone does not name a process; with the start time it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessCount {
    pub source: Source,
    pub pid: u32,
    /// Nanoseconds of CLOCK_MONOTONIC.
    pub start_ns: u64,
    pub ppid: u32,
    pub uid: u32,
    /// Command name of the main thread.
    pub comm: Vec<u8>,
    pub opens: u64,
    pub failed: u64,
    /// What of it was opened in its first cgroup and in the next that it was moved to. The rest is of others, and counted as
    /// [`Lost::cgroup`].
    pub cgroups: [CgroupCount; 2],
    /// The process has ended; its counts are final.
    pub ended: bool,
}

/// What a process has opened while it was in a cgroup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CgroupCount {
    /// Id in the default hierarchy; 0: none.
    pub cgroup: u64,
    pub opens: u64,
    pub failed: u64,
}

/// `opens = delivered + lost.total() + filtered`, at any moment at which the source is quiet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Opens counted in the kernel, failed ones included.
    pub opens: u64,
    pub failed: u64,
    /// Events that were handed to the consumer.
    pub delivered: u64,
    /// Opens that a kernel-side filter left out of events and process counts.
    pub filtered: u64,
    /// Opens of opentop itself, which nobody sees and nothing else counts.
    pub hidden: u64,
    pub lookups: Lookups,
    pub lost: Lost,
}

impl Totals {
    /// Both together.
    pub fn plus(&self, other: &Self) -> Self {
        let (lookups, more) = (&self.lookups, &other.lookups);
        let mut lost = self.lost;
        other.lost.by_cause().into_iter().for_each(|(cause, count)| lost.add(cause, count));
        Self {
            opens: self.opens.saturating_add(other.opens),
            failed: self.failed.saturating_add(other.failed),
            delivered: self.delivered.saturating_add(other.delivered),
            filtered: self.filtered.saturating_add(other.filtered),
            hidden: self.hidden.saturating_add(other.hidden),
            lookups: Lookups {
                made: lookups.made.saturating_add(more.made),
                failed: lookups.failed.saturating_add(more.failed),
                delivered: lookups.delivered.saturating_add(more.delivered),
                filtered: lookups.filtered.saturating_add(more.filtered),
            },
            lost,
        }
    }

    /// What was counted since `before`.
    pub fn since(&self, before: &Self) -> Self {
        let (lookups, then) = (&self.lookups, &before.lookups);
        Self {
            opens: self.opens.saturating_sub(before.opens),
            failed: self.failed.saturating_sub(before.failed),
            delivered: self.delivered.saturating_sub(before.delivered),
            filtered: self.filtered.saturating_sub(before.filtered),
            hidden: self.hidden.saturating_sub(before.hidden),
            lookups: Lookups {
                made: lookups.made.saturating_sub(then.made),
                failed: lookups.failed.saturating_sub(then.failed),
                delivered: lookups.delivered.saturating_sub(then.delivered),
                filtered: lookups.filtered.saturating_sub(then.filtered),
            },
            lost: self.lost.since(&before.lost),
        }
    }
}

/// Look-ups, which nothing else in the totals counts: `made = delivered + lost.lookups + filtered`, as with opens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lookups {
    /// Counted in the kernel, failed ones included.
    pub made: u64,
    pub failed: u64,
    pub delivered: u64,
    pub filtered: u64,
}

/// Losses by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// Counted, but the ring buffer had no room for the event.
    pub ring: u64,
    /// Counted and read, but the consumer had not taken it when everything ended.
    pub queue: u64,
    /// Read, but not decodable: a bug, never silent.
    pub garbled: u64,
    /// Asked for by io_uring among so many others that it was forgotten what, until it was done.
    pub io_uring: u64,
    /// Not even counted: the kernel missed a run of the program. Not part of [`Totals::opens`].
    pub missed: u64,
    /// Counted in the totals, but the map of processes had no room; the event itself is not lost.
    pub overflow: u64,
    /// Counted for a process which was in more cgroups than it has counts for: missing from those of the cgroups alone.
    pub cgroup: u64,
    /// Processes that descend from a followed one and found no room among those: how often they open is not known.
    pub tree: u64,
    /// Look-ups that were counted but not delivered, for whatever cause. No opens.
    pub lookups: u64,
    /// Delivered, and not written, since `--rate-limit` allowed no more lines.
    pub rate: u64,
    /// Read on another host, and not sent, since the link to it was slow.
    pub link: u64,
    /// Lost for a cause that this version does not know: in a recording by a later one.
    pub other: u64,
}

impl Lost {
    /// Events that were counted but not delivered.
    pub fn dropped(&self) -> u64 {
        self.dropped_by_cause().map(|(_, count)| count).sum()
    }

    /// The causes by which events were counted but not delivered.
    pub fn dropped_by_cause(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.by_cause()
            .into_iter()
            .filter(|(cause, _)| !matches!(*cause, "missed" | "overflow" | "cgroup" | "tree" | "lookups"))
    }

    /// What was lost since `before`.
    pub fn since(&self, before: &Self) -> Self {
        let mut lost = *self;
        for (cause, count) in before.by_cause() {
            if let Some(now) = lost.cause_mut(cause) {
                *now = now.saturating_sub(count);
            }
        }
        lost
    }

    /// The name of the cause as in [`Lost::by_cause`]; `other` for one that is not among them.
    pub fn known_cause(cause: &str) -> &'static str {
        let known = Self::default().by_cause().into_iter().find(|(known, _)| *known == cause);
        known.map_or("other", |(known, _)| known)
    }

    /// Adds to the cause with this name, as far as numbers go.
    pub fn add(&mut self, cause: &str, count: u64) {
        if let Some(known) = self.cause_mut(cause) {
            *known = known.saturating_add(count);
        }
    }

    /// The count of the cause with this name, as in [`Lost::by_cause`].
    pub fn cause_mut(&mut self, cause: &str) -> Option<&mut u64> {
        match cause {
            "ring" => Some(&mut self.ring),
            "queue" => Some(&mut self.queue),
            "garbled" => Some(&mut self.garbled),
            "io_uring" => Some(&mut self.io_uring),
            // What recordings of earlier versions call it, too.
            "missed" | "skipped" => Some(&mut self.missed),
            "overflow" => Some(&mut self.overflow),
            "cgroup" => Some(&mut self.cgroup),
            "tree" => Some(&mut self.tree),
            "lookups" => Some(&mut self.lookups),
            "rate" => Some(&mut self.rate),
            "link" => Some(&mut self.link),
            "other" => Some(&mut self.other),
            _ => None,
        }
    }

    /// The causes with their names (`cause` in JSON), those that lost nothing included.
    pub fn by_cause(&self) -> [(&'static str, u64); 12] {
        [
            ("ring", self.ring),
            ("queue", self.queue),
            ("garbled", self.garbled),
            ("io_uring", self.io_uring),
            ("missed", self.missed),
            ("overflow", self.overflow),
            ("cgroup", self.cgroup),
            ("tree", self.tree),
            ("lookups", self.lookups),
            ("rate", self.rate),
            ("link", self.link),
            ("other", self.other),
        ]
    }
}
