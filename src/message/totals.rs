//! How many opens and look-ups there were, and what of them was lost, by cause.

use crate::event::OpenEvent;

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
    /// Counts an open, or a look-up, that was delivered.
    pub fn add(&mut self, event: &OpenEvent<'_>) {
        let failed = u64::from(event.failed());
        if event.is_lookup() {
            self.lookups.made += 1;
            self.lookups.failed += failed;
            self.lookups.delivered += 1;
        } else {
            self.opens += 1;
            self.failed += failed;
            self.delivered += 1;
        }
    }

    /// Both together.
    pub fn plus(&self, other: &Self) -> Self {
        self.with(other, u64::saturating_add)
    }

    /// What was counted since `before`.
    pub fn since(&self, before: &Self) -> Self {
        self.with(before, u64::saturating_sub)
    }

    fn with(&self, other: &Self, op: fn(u64, u64) -> u64) -> Self {
        let (lookups, others) = (&self.lookups, &other.lookups);
        let mut lost = self.lost;
        for (cause, count) in other.lost.by_cause() {
            *lost.count_mut(cause) = op(*lost.count_mut(cause), count);
        }
        Self {
            opens: op(self.opens, other.opens),
            failed: op(self.failed, other.failed),
            delivered: op(self.delivered, other.delivered),
            filtered: op(self.filtered, other.filtered),
            hidden: op(self.hidden, other.hidden),
            lookups: Lookups {
                made: op(lookups.made, others.made),
                failed: op(lookups.failed, others.failed),
                delivered: op(lookups.delivered, others.delivered),
                filtered: op(lookups.filtered, others.filtered),
            },
            lost,
        }
    }

    /// The totals by the names that a summary gives them; the first four always tell something, the others not always.
    pub fn by_name(&self) -> [(&'static str, u64); 10] {
        [
            ("opens", self.opens),
            ("failed", self.failed),
            ("delivered", self.delivered),
            ("dropped", self.lost.dropped()),
            ("filtered", self.filtered),
            ("hidden", self.hidden),
            ("lookups", self.lookups.made),
            ("lookups_failed", self.lookups.failed),
            ("lookups_delivered", self.lookups.delivered),
            ("lookups_filtered", self.lookups.filtered),
        ]
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
    pub fn dropped_by_cause(&self) -> impl Iterator<Item = (Cause, u64)> {
        self.by_cause().into_iter().filter(|(cause, _)| cause.drops())
    }

    /// All causes, those that lost nothing included.
    pub fn by_cause(mut self) -> [(Cause, u64); Cause::ALL.len()] {
        Cause::ALL.map(|cause| (cause, *self.count_mut(cause)))
    }

    /// The count of a cause.
    pub fn count_mut(&mut self, cause: Cause) -> &mut u64 {
        match cause {
            Cause::Ring => &mut self.ring,
            Cause::Queue => &mut self.queue,
            Cause::Garbled => &mut self.garbled,
            Cause::IoUring => &mut self.io_uring,
            Cause::Missed => &mut self.missed,
            Cause::Overflow => &mut self.overflow,
            Cause::Cgroup => &mut self.cgroup,
            Cause::Tree => &mut self.tree,
            Cause::Lookups => &mut self.lookups,
            Cause::Rate => &mut self.rate,
            Cause::Link => &mut self.link,
            Cause::Other => &mut self.other,
        }
    }
}

/// Why something was lost: what each means, the fields of [`Lost`] tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    Ring,
    Queue,
    Garbled,
    IoUring,
    Missed,
    Overflow,
    Cgroup,
    Tree,
    Lookups,
    Rate,
    Link,
    Other,
}

impl Cause {
    pub const ALL: [Self; 12] = [
        Self::Ring,
        Self::Queue,
        Self::Garbled,
        Self::IoUring,
        Self::Missed,
        Self::Overflow,
        Self::Cgroup,
        Self::Tree,
        Self::Lookups,
        Self::Rate,
        Self::Link,
        Self::Other,
    ];

    /// Its name, `cause` in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ring => "ring",
            Self::Queue => "queue",
            Self::Garbled => "garbled",
            Self::IoUring => "io_uring",
            Self::Missed => "missed",
            Self::Overflow => "overflow",
            Self::Cgroup => "cgroup",
            Self::Tree => "tree",
            Self::Lookups => "lookups",
            Self::Rate => "rate",
            Self::Link => "link",
            Self::Other => "other",
        }
    }

    /// What it means, for a document.
    pub fn about(self) -> &'static str {
        match self {
            Self::Ring => "counted, but the ring buffer had no room for the event: --ring makes it larger",
            Self::Queue => "counted and read, but not yet shown or written when everything ended",
            Self::Garbled => "read, but not understood: a bug",
            Self::IoUring => "done by io_uring, of so many requests at once that it was forgotten what was asked for",
            Self::Missed => "not even counted: the kernel did not run the program (see coverage)",
            Self::Overflow => {
                "counted in the totals, but not for a process: there were too many; its event is not lost"
            }
            Self::Cgroup => "counted for a process, but not for the third or later cgroup that it was in",
            Self::Tree => "processes of a followed tree that found no room in it: how often they open is not known",
            Self::Lookups => "look-ups that were counted but not delivered; no opens",
            Self::Rate => "left out by --rate-limit",
            Self::Link => "read on another host and not sent, since the link to it was slow",
            Self::Other => "a cause of a later version",
        }
    }

    /// The cause with this name; `Other` for one that is not known.
    pub fn from_name(name: &str) -> Self {
        // What recordings of earlier versions call it.
        let name = if name == "skipped" { "missed" } else { name };
        Self::ALL.into_iter().find(|cause| cause.name() == name).unwrap_or(Self::Other)
    }

    /// Whether what is lost by it are events that were counted.
    fn drops(self) -> bool {
        !matches!(self, Self::Missed | Self::Overflow | Self::Cgroup | Self::Tree | Self::Lookups)
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
