//! From the bytes of the ring buffer to an event.

mod pending;

use std::time::Duration;

use thiserror::Error;

use crate::bpf::types::{event_flags, open_event};
use crate::bpf::{comm_bytes, from_bytes};
use crate::event::{Batch, Op, OpenEvent, PathKind, RealPathKind, Source};
use pending::{Pending, Submission};

/// Stands before a directory that the process's root does not contain, as `getcwd(2)` has it.
const OUTSIDE: &[u8] = b"(unreachable)";

/// Why a record makes no event: the BPF side cannot have written it, or what belongs to it was let go.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum DecodeError {
    #[error("a record of {0} bytes is too short")]
    Short(usize),
    #[error("a record of {have} bytes claims {claimed} bytes of names")]
    Names { have: usize, claimed: usize },
    #[error("a record has the unknown way of opening {0}")]
    Op(u8),
    /// No bug: there is room for so many.
    #[error("what was submitted to io_uring was evicted, as too much else was")]
    Evicted { lookup: bool },
}

/// Decodes records into batches. It keeps the buffers that building a path needs.
#[derive(Debug, Default)]
pub struct Decoder {
    /// Unix epoch minus CLOCK_MONOTONIC, in nanoseconds: what makes wall-clock times of timestamps.
    pub clock_offset_ns: i64,
    path: Vec<u8>,
    real: Vec<u8>,
    folded: Vec<u8>,
    pending: Pending,
}

impl Decoder {
    /// Appends the open in `record` to `batch`, if it is a whole one: an open by io_uring comes in two records, and
    /// makes an event with the second.
    ///
    /// # Errors
    /// If `record` is not what `opentop.h` describes; `batch` is unchanged then.
    pub fn decode(&mut self, record: &[u8], batch: &mut Batch) -> Result<(), DecodeError> {
        let (header, names) = split(record)?;
        let flags = EventFlags(u32::from(header.event_flags));
        if flags.has(event_flags::EVENT_SUBMITTED) {
            self.pending.add(header.uring_key, header.pid, record);
            return Ok(());
        }
        let texts = Texts::new(&header, names)?;
        if !flags.has(event_flags::EVENT_COMPLETED) {
            return self.append(&header, texts, batch);
        }
        match self.pending.remove(header.uring_key) {
            Submission::Known(record) => {
                let (submitted, names) = split(&record)?;
                let arguments = Texts::new(&submitted, names)?;
                // Where the ring has a slot for it the result is no descriptor, and says nothing of a file.
                if EventFlags(u32::from(submitted.event_flags)).has(event_flags::EVENT_FD_UNKNOWN) {
                    let result = open_event { event_flags: 0, ..header };
                    return self.append(&completed(submitted, &result), arguments, batch);
                }
                let texts = Texts { opened: texts.opened, real: texts.real, ..arguments };
                self.append(&completed(submitted, &header), texts, batch)
            }
            Submission::Evicted => Err(DecodeError::Evicted { lookup: header.op as usize >= Op::Stat as usize }),
            // When it was submitted, and so how long it took, is not known.
            Submission::Unknown => self.append(&open_event { latency_ns: 0, ..header }, texts, batch),
        }
    }

    fn append(&mut self, header: &open_event, texts: Texts<'_>, batch: &mut Batch) -> Result<(), DecodeError> {
        let flags = EventFlags(u32::from(header.event_flags));
        let op = *Op::ALL.get(header.op as usize).ok_or(DecodeError::Op(header.op))?;
        let Texts { name, opened, dir, real } = texts;
        // The name of a file without one, made in the directory that was asked for.
        let nameless = header.flags & TMPFILE == TMPFILE;

        self.path.clear();
        absolute_path(name, dir, flags, &mut self.path);
        self.real.clear();
        let real_path_kind = real_path(real, flags, &mut self.real);
        let path = fold(&self.path, &mut self.folded);
        batch.push(&OpenEvent {
            source: Source::HERE,
            received_ns: 0,
            ts_ns: header.ts_ns,
            time_ns: header.ts_ns.saturating_add_signed(self.clock_offset_ns),
            start_ns: header.start_ns,
            pid: header.pid,
            tid: header.tid,
            ppid: header.ppid,
            uid: header.uid,
            ret: header.ret,
            fd_known: !flags.has(event_flags::EVENT_FD_UNKNOWN),
            flags: header.flags,
            mode: header.mode,
            op,
            path_kind: path_kind(name, flags),
            dir_deleted: flags.has(event_flags::EVENT_DIR_DELETED),
            latency: (header.latency_ns != 0).then(|| Duration::from_nanos(header.latency_ns)),
            cgroup: header.cgroup,
            comm: comm_bytes(&header.comm),
            leader_comm: comm_bytes(&header.leader_comm),
            name,
            path,
            opened_name: if nameless || !differs(opened, name) { b"" } else { opened },
            real_path: &self.real,
            real_path_kind,
        });
        Ok(())
    }
}

const TMPFILE: u64 = libc::O_TMPFILE as u64;

/// What lies behind the header of a record.
#[derive(Clone, Copy)]
struct Texts<'a> {
    name: &'a [u8],
    opened: &'a [u8],
    dir: &'a [u8],
    real: &'a [u8],
}

impl<'a> Texts<'a> {
    fn new(header: &open_event, bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let lens = [header.name_len, header.opened_len.into(), header.dir_len, header.real_len].map(usize::from);
        let too_long = DecodeError::Names { have: bytes.len(), claimed: lens.iter().sum() };
        let (name, rest) = bytes.split_at_checked(lens[0]).ok_or(too_long)?;
        let (opened, rest) = rest.split_at_checked(lens[1]).ok_or(too_long)?;
        let (dir, rest) = rest.split_at_checked(lens[2]).ok_or(too_long)?;
        let real = rest.get(..lens[3]).ok_or(too_long)?;
        let opened = opened.split(|&byte| byte == 0).next().unwrap_or_default();
        Ok(Self { name, opened, dir, real })
    }
}

/// Whether a file of this last name is another than was asked for. `.` and `..` name no file, and the root of a mount
/// and what lies in no directory have no name of their own.
fn differs(opened: &[u8], name: &[u8]) -> bool {
    let end = name.iter().rposition(|&byte| byte != b'/').map_or(0, |last| last + 1);
    let asked = name[..end].rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    let names_a_file = name.is_empty() || !matches!(asked, b"" | b"." | b"..");
    names_a_file && asked != opened && !matches!(opened, b"" | b"/")
}

/// What is known of the opened file, and so comes with the result.
const OF_RESULT: u16 = (event_flags::EVENT_FD_UNKNOWN.0
    | event_flags::EVENT_REAL.0
    | event_flags::EVENT_REAL_CUT.0
    | event_flags::EVENT_REAL_DELETED.0
    | event_flags::EVENT_REAL_OUTSIDE.0) as u16;

/// What was submitted, with the result of its completion.
fn completed(submitted: open_event, result: &open_event) -> open_event {
    open_event {
        ts_ns: result.ts_ns,
        ret: result.ret,
        latency_ns: if result.latency_ns == 0 { 0 } else { result.ts_ns.saturating_sub(submitted.ts_ns) },
        event_flags: submitted.event_flags | result.event_flags & OF_RESULT,
        ..submitted
    }
}

#[derive(Clone, Copy)]
struct EventFlags(u32);

impl EventFlags {
    fn has(self, bit: event_flags) -> bool {
        self.0 & bit.0 != 0
    }
}

fn split(record: &[u8]) -> Result<(open_event, &[u8]), DecodeError> {
    match (from_bytes::<open_event>(record), record.get(size_of::<open_event>()..)) {
        (Some(header), Some(names)) => Ok((header, names)),
        _ => Err(DecodeError::Short(record.len())),
    }
}

fn path_kind(name: &[u8], flags: EventFlags) -> PathKind {
    let unreadable = flags.has(event_flags::EVENT_NAME_UNREADABLE)
        || flags.has(event_flags::EVENT_DIR_UNKNOWN)
        || flags.has(event_flags::EVENT_DIR_OUTSIDE);
    let truncated = flags.has(event_flags::EVENT_NAME_CUT) || flags.has(event_flags::EVENT_DIR_CUT);
    match () {
        () if unreadable => PathKind::Unreadable,
        () if truncated => PathKind::Truncated,
        () if flags.has(event_flags::EVENT_FROM_FILE) => PathKind::Handle,
        () if flags.has(event_flags::EVENT_RELATIVE) && !name.is_empty() => PathKind::Joined,
        () => PathKind::Absolute,
    }
}

/// Joins the directory's components, which come innermost first, and the name. An absolute or an empty name and one
/// whose directory is unknown stand alone.
fn absolute_path(name: &[u8], dir: &[u8], flags: EventFlags, path: &mut Vec<u8>) {
    let from_file = flags.has(event_flags::EVENT_FROM_FILE);
    let relative = flags.has(event_flags::EVENT_RELATIVE) && !name.is_empty();
    if !(from_file || relative) || flags.has(event_flags::EVENT_DIR_UNKNOWN) {
        path.extend_from_slice(name);
        return;
    }
    if flags.has(event_flags::EVENT_DIR_OUTSIDE) {
        path.extend_from_slice(OUTSIDE);
    } else if flags.has(event_flags::EVENT_DIR_CUT) {
        path.extend_from_slice(b"/...");
    }
    push_components(dir, path);
    if !from_file {
        path.push(b'/');
        path.extend_from_slice(name);
    }
    if path.is_empty() {
        path.push(b'/');
    }
}

/// Appends components that come innermost first.
fn push_components(components: &[u8], path: &mut Vec<u8>) {
    for component in components.split(|&byte| byte == 0).rev().filter(|component| !component.is_empty()) {
        path.push(b'/');
        path.extend_from_slice(component);
    }
}

/// The opened file's own path from its components. What lies in no directory has none.
fn real_path(components: &[u8], flags: EventFlags, path: &mut Vec<u8>) -> RealPathKind {
    let outside = flags.has(event_flags::EVENT_REAL_OUTSIDE);
    if !flags.has(event_flags::EVENT_REAL) || (outside && components.is_empty()) {
        return RealPathKind::Whole;
    }
    let kind = match () {
        () if outside => RealPathKind::Outside,
        () if flags.has(event_flags::EVENT_REAL_CUT) => RealPathKind::Truncated,
        () if flags.has(event_flags::EVENT_REAL_DELETED) => RealPathKind::Deleted,
        () => RealPathKind::Whole,
    };
    match kind {
        RealPathKind::Outside => path.extend_from_slice(OUTSIDE),
        RealPathKind::Truncated => path.extend_from_slice(b"/..."),
        RealPathKind::Deleted | RealPathKind::Whole => {}
    }
    push_components(components, path);
    if path.is_empty() {
        path.push(b'/');
    }
    kind
}

/// Removes `.`, `..` and repeated slashes by text alone; symbolic links are not followed.
fn fold<'a>(path: &'a [u8], folded: &'a mut Vec<u8>) -> &'a [u8] {
    if !path.starts_with(b"/") || !needs_folding(path) {
        return path;
    }
    folded.clear();
    for component in path.split(|&byte| byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." => {
                let parent = folded.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
                folded.truncate(parent);
            }
            _ => {
                folded.push(b'/');
                folded.extend_from_slice(component);
            }
        }
    }
    if folded.is_empty() {
        folded.push(b'/');
    }
    folded
}

fn needs_folding(path: &[u8]) -> bool {
    let dotted = path.windows(2).any(|pair| matches!(pair, b"//" | b"/."));
    dotted || (path.len() > 1 && path.ends_with(b"/"))
}

#[cfg(test)]
mod tests;
