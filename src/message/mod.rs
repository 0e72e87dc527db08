//! Where messages come from: the kernel or a recording. Both feed the same channel, so that every screen and output
//! works on either.

mod hooks;
mod totals;

pub use hooks::{Hooks, LOOKUPS, Left, Unseen};
pub use totals::{Cause, Lookups, Lost, Totals};

use crate::event::{Batch, Source};

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

/// What was counted since the start, apart from the stream of events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Nanoseconds of CLOCK_MONOTONIC when the counts were read.
    pub ts_ns: u64,
    /// At least every process that opened something since the last reading, dead ones included once more after their
    /// death.
    pub processes: Vec<ProcessCount>,
    /// Processes that others descend from, whether they open anything or not: each that is a parent of a process in
    /// here, or an ancestor of one, is told at least once, as far as it is known. Only where somebody asks for it.
    pub ancestors: Vec<Ancestor>,
    /// How often opens ended with each error since the start; 0 is success. At least those that have changed since the
    /// last reading.
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
    /// By the bounds of [`LATENCY_BOUNDS_NS`], each without those of the one before; the last took longer than all of
    /// them.
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
    /// What of it was opened in its first cgroup and in the next that it was moved to. The rest is of others, and
    /// counted as [`Lost::cgroup`].
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
