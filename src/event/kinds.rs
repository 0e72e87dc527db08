//! By which call an open was made, and where its paths come from.

/// By which call a file was opened, or only looked up. The names are a contract (`op` in JSON).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Op {
    Open,
    Openat,
    Openat2,
    Creat,
    OpenByHandleAt,
    IoUring,
    Exec,
    Kernel,
    Stat,
    Access,
    Readlink,
}

impl Op {
    /// All of them, in the order of `enum op` in `opentop.h`.
    pub const ALL: [Op; 11] = [
        Op::Open,
        Op::Openat,
        Op::Openat2,
        Op::Creat,
        Op::OpenByHandleAt,
        Op::IoUring,
        Op::Exec,
        Op::Kernel,
        Op::Stat,
        Op::Access,
        Op::Readlink,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Op::Open => "open",
            Op::Openat => "openat",
            Op::Openat2 => "openat2",
            Op::Creat => "creat",
            Op::OpenByHandleAt => "open_by_handle_at",
            Op::IoUring => "io_uring",
            Op::Exec => "exec",
            Op::Kernel => "kernel",
            Op::Stat => "stat",
            Op::Access => "access",
            Op::Readlink => "readlink",
        }
    }

    /// Whether a file was looked up by its name, and not opened.
    pub fn is_lookup(self) -> bool {
        matches!(self, Op::Stat | Op::Access | Op::Readlink)
    }

    pub fn from_name(name: &str) -> Option<Op> {
        Op::ALL.into_iter().find(|op| op.name() == name)
    }
}

/// Where a path comes from, so that nothing is guessed silently. The names are a contract (`path_kind` in JSON).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum PathKind {
    /// The program gave an absolute name.
    Absolute,
    /// Joined from the working directory or the directory descriptor.
    Joined,
    /// The path of the file that a handle opened; there was no name.
    Handle,
    /// The name or its directory is longer than what could be read.
    Truncated,
    /// The name or its directory could not be read.
    Unreadable,
}

impl PathKind {
    /// All of them.
    pub const ALL: [PathKind; 5] =
        [PathKind::Absolute, PathKind::Joined, PathKind::Handle, PathKind::Truncated, PathKind::Unreadable];

    pub fn name(self) -> &'static str {
        match self {
            PathKind::Absolute => "absolute",
            PathKind::Joined => "joined",
            PathKind::Handle => "handle",
            PathKind::Truncated => "truncated",
            PathKind::Unreadable => "unreadable",
        }
    }

    pub fn from_name(name: &str) -> Option<PathKind> {
        PathKind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// What is to be known of the opened file's own path. The names are a contract (`real_path_kind` in JSON).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum RealPathKind {
    /// It is that, and whole.
    Whole,
    /// The file lies deeper than what could be read: the beginning of the path is missing.
    Truncated,
    /// The file is deleted, or never had a name (`O_TMPFILE`): nothing is found by this path any more.
    Deleted,
    /// The process's root does not contain the file.
    Outside,
}

impl RealPathKind {
    /// All of them.
    pub const ALL: [RealPathKind; 4] =
        [RealPathKind::Whole, RealPathKind::Truncated, RealPathKind::Deleted, RealPathKind::Outside];

    pub fn name(self) -> &'static str {
        match self {
            RealPathKind::Whole => "whole",
            RealPathKind::Truncated => "truncated",
            RealPathKind::Deleted => "deleted",
            RealPathKind::Outside => "outside",
        }
    }

    pub fn from_name(name: &str) -> Option<RealPathKind> {
        RealPathKind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}
