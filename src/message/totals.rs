//! How many opens and look-ups there were, and what of them was lost, by cause.

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
