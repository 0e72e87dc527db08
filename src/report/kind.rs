//! What an open came to, from its flags and its result alone: nothing is guessed.

use crate::event::{Op, OpenEvent};

/// What an open did, or why it did nothing. One that succeeds can be several things at once: `O_RDWR | O_TRUNC` reads,
/// writes and replaces. The names are a contract (fields in JSON).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Opened for reading: `O_RDONLY` or `O_RDWR`, and not a directory that was asked for as one.
    Read,
    /// Opened for writing: `O_WRONLY` or `O_RDWR`.
    Written,
    /// It was not there before: `O_EXCL` with `O_CREAT`, or `O_TMPFILE`.
    Created,
    /// What it held is gone, if it was there at all: `O_TRUNC`.
    Replaced,
    /// A directory, opened as one to be read: `O_DIRECTORY`.
    Listed,
    /// Only named, neither read nor written: `O_PATH`.
    Named,
    /// The program that was started.
    Executed,
    /// No such file or directory: ENOENT, or ENOTDIR.
    Missing,
    /// Not allowed: EACCES or EPERM.
    Denied,
    /// Any other error.
    Failed,
}

/// How many kinds there are.
const KINDS: usize = 10;

/// The flag that the kernel sets where it opens a file to execute it (`__FMODE_EXEC`).
const FMODE_EXEC: u64 = 0x20;

impl Kind {
    pub const ALL: [Kind; KINDS] = [
        Kind::Read,
        Kind::Written,
        Kind::Created,
        Kind::Replaced,
        Kind::Listed,
        Kind::Named,
        Kind::Executed,
        Kind::Missing,
        Kind::Denied,
        Kind::Failed,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Kind::Read => "read",
            Kind::Written => "written",
            Kind::Created => "created",
            Kind::Replaced => "replaced",
            Kind::Listed => "listed",
            Kind::Named => "named",
            Kind::Executed => "executed",
            Kind::Missing => "missing",
            Kind::Denied => "denied",
            Kind::Failed => "failed",
        }
    }
}

/// A set of [`Kind`]s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds(u16);

impl Kinds {
    /// What `event` came to. A look-up that succeeds is none of it.
    pub fn of(event: &OpenEvent<'_>) -> Self {
        match event.errno() {
            Some(libc::ENOENT | libc::ENOTDIR) => return Self::from(Kind::Missing),
            Some(libc::EACCES | libc::EPERM) => return Self::from(Kind::Denied),
            // It is there, and no link.
            Some(libc::EINVAL) if event.op == Op::Readlink => return Self::default(),
            Some(_) => return Self::from(Kind::Failed),
            None => {}
        }
        if event.is_lookup() {
            return Self::default();
        }
        let has = |flag: i32| event.flags & flag as u64 == flag as u64;
        if event.op == Op::Exec || (event.op == Op::Kernel && event.flags & FMODE_EXEC != 0) {
            return Self::from(Kind::Executed);
        }
        if has(libc::O_PATH) {
            return Self::from(Kind::Named);
        }
        let access = event.flags & libc::O_ACCMODE as u64;
        let writes = access == libc::O_WRONLY as u64 || access == libc::O_RDWR as u64;
        let reads = access == libc::O_RDONLY as u64 || access == libc::O_RDWR as u64;
        let unnamed = has(libc::O_TMPFILE);
        let mut kinds = Self::default();
        for (holds, kind) in [
            (reads && (unnamed || !has(libc::O_DIRECTORY)), Kind::Read),
            (reads && !unnamed && has(libc::O_DIRECTORY), Kind::Listed),
            (writes, Kind::Written),
            (unnamed || has(libc::O_CREAT | libc::O_EXCL), Kind::Created),
            (has(libc::O_TRUNC), Kind::Replaced),
        ] {
            if holds {
                kinds.0 |= 1 << kind as u16;
            }
        }
        kinds
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn has(self, kind: Kind) -> bool {
        self.0 & 1 << kind as u16 != 0
    }

    pub fn iter(self) -> impl Iterator<Item = Kind> {
        Kind::ALL.into_iter().filter(move |kind| self.has(*kind))
    }
}

impl From<Kind> for Kinds {
    fn from(kind: Kind) -> Self {
        Self(1 << kind as u16)
    }
}

/// How often each kind came, and how many opens that were: fewer than the sum, as one open can be several things.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub opens: u64,
    /// Look-ups, which are no opens.
    pub lookups: u64,
    by_kind: [u32; KINDS],
}

impl Counts {
    pub fn add(&mut self, kinds: Kinds, lookup: bool) {
        *(if lookup { &mut self.lookups } else { &mut self.opens }) += 1;
        for kind in kinds.iter() {
            let count = &mut self.by_kind[kind as usize];
            *count = count.saturating_add(1);
        }
    }

    /// Counts that were counted elsewhere.
    pub fn of(opens: u64, lookups: u64, of_kind: impl Fn(Kind) -> u64) -> Self {
        Self { opens, lookups, by_kind: Kind::ALL.map(|kind| u32::try_from(of_kind(kind)).unwrap_or(u32::MAX)) }
    }

    pub fn merge(&mut self, other: &Self) {
        self.opens = self.opens.saturating_add(other.opens);
        self.lookups = self.lookups.saturating_add(other.lookups);
        for (count, more) in self.by_kind.iter_mut().zip(other.by_kind) {
            *count = count.saturating_add(more);
        }
    }

    pub fn get(&self, kind: Kind) -> u64 {
        self.by_kind[kind as usize].into()
    }

    /// The kinds that came at least once.
    pub fn kinds(&self) -> Kinds {
        let bits = Kind::ALL.into_iter().filter(|kind| self.get(*kind) > 0);
        Kinds(bits.fold(0, |bits, kind| bits | 1 << kind as u16))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::sample;

    #[track_caller]
    fn kinds(flags: i32, ret: i32, op: Op) -> Vec<&'static str> {
        Kinds::of(&OpenEvent { flags: flags as u64, ret, op, ..sample() }).iter().map(Kind::name).collect()
    }

    #[test]
    fn an_open_that_succeeds_is_what_its_flags_say() {
        for (flags, expected) in [
            (libc::O_RDONLY | libc::O_CLOEXEC, &["read"][..]),
            (libc::O_WRONLY, &["written"]),
            (libc::O_RDWR, &["read", "written"]),
            (libc::O_WRONLY | libc::O_CREAT, &["written"]),
            (libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC, &["written", "replaced"]),
            (libc::O_RDWR | libc::O_CREAT | libc::O_EXCL, &["read", "written", "created"]),
            (libc::O_RDWR | libc::O_TMPFILE, &["read", "written", "created"]),
            (libc::O_RDONLY | libc::O_DIRECTORY, &["listed"]),
            (libc::O_PATH | libc::O_DIRECTORY, &["named"]),
        ] {
            assert_eq!(kinds(flags, 3, Op::Openat), expected, "{flags:#o}");
        }
        assert_eq!(kinds(0, 0, Op::Exec), ["executed"]);
        assert_eq!(kinds(FMODE_EXEC as i32, 0, Op::Kernel), ["executed"]);
        assert_eq!(kinds(libc::O_WRONLY, 0, Op::Kernel), ["written"]);
    }

    #[test]
    fn one_that_fails_is_nothing_but_its_error() {
        for (errno, expected) in [
            (libc::ENOENT, "missing"),
            (libc::ENOTDIR, "missing"),
            (libc::EACCES, "denied"),
            (libc::EPERM, "denied"),
            (libc::EEXIST, "failed"),
        ] {
            assert_eq!(kinds(libc::O_RDWR | libc::O_CREAT, -errno, Op::Openat), [expected]);
            assert_eq!(kinds(0, -errno, Op::Exec), [expected]);
        }
    }

    #[test]
    fn counts_add_up() {
        let mut counts = Counts::default();
        counts.add(Kinds::of(&OpenEvent { flags: libc::O_RDWR as u64, ..sample() }), false);
        counts.add(Kinds::of(&OpenEvent { ret: -libc::ENOENT, ..sample() }), false);
        let once = counts;
        counts.merge(&once);
        assert_eq!((counts.opens, counts.get(Kind::Read), counts.get(Kind::Missing)), (4, 2, 2));
        assert_eq!(counts.kinds().iter().map(Kind::name).collect::<Vec<_>>(), ["read", "written", "missing"]);
    }
}
