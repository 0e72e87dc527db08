//! One line of a recording, parsed. A recording may come from anywhere, so nothing in it is trusted: a value that no
//! kernel gives is an error.

use crate::escape::escape;
use crate::event::{Op, OpenEvent, PathKind, ProcessName, RealPathKind, Source, errno_number, flag_bits};
use crate::message::{Cause, Lookups, Lost, Totals};
pub(crate) use crate::names::CONTAINER_NAME_MAX as CONTAINER_MAX;
use crate::names::process::COMMAND_MAX;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Duration;

/// No line is longer: a name, a path and a cgroup, each byte of which may take six, and their exact bytes.
pub(super) const LONGEST_LINE: u64 = 256 << 10;

/// What the line of an open and that of a look-up begin with, as opentop writes them.
pub(super) const EVENT_LINES: [(&[u8], &str); 2] =
    [(br#"{"type":"open","#, "open"), (br#"{"type":"lookup","#, "lookup")];

/// The longest texts that the kernel gives, in bytes before anything is escaped: a command name without its NUL;
/// PATH_MAX for a name; a path is one behind a directory, both of them with what stands for their missing parts; a
/// cgroup.
pub(crate) const COMM_MAX: usize = 15;
const NAME_MAX: usize = 4096;
pub(crate) const PATH_MAX: usize = 3 * 4096;
const COMPONENT_MAX: usize = 255;
pub(crate) const CGROUP_MAX: usize = 4096;

/// No host is up for longer, in nanoseconds. Twice that still fits 64 bits, so that times can be added.
pub(super) const CENTURY: u64 = 100 * 365 * 24 * 3600 * 1_000_000_000;

/// The kernel's PID_MAX_LIMIT.
pub(crate) const PID_MAX: u32 = 1 << 22;

/// The kernel's MAX_ERRNO.
const ERRNO_MAX: i32 = 4095;

/// More flags than there are bits.
const FLAGS_MAX: usize = 32;

/// The largest count: JSON readers agree on integers up to here, and the sum of a thousand does not overflow.
pub(crate) const COUNT_MAX: u64 = 1 << 53;

/// What each line has.
#[derive(Deserialize)]
pub(crate) struct Kind<'a> {
    #[serde(rename = "type", borrow)]
    pub(crate) kind: Cow<'a, str>,
}

#[derive(Deserialize)]
pub(super) struct LostLine<'a> {
    #[serde(borrow)]
    cause: Cow<'a, str>,
    count: u64,
}

impl LostLine<'_> {
    /// A cause that this version knows, and the count.
    pub(super) fn known(&self) -> Result<(Cause, u64), String> {
        Ok((Cause::from_name(&self.cause), at_most("count", self.count, COUNT_MAX)?))
    }
}

#[derive(Deserialize)]
pub(crate) struct SummaryLine<'a> {
    opens: u64,
    #[serde(default)]
    failed: u64,
    #[serde(default)]
    delivered: u64,
    #[serde(default)]
    filtered: u64,
    #[serde(default)]
    hidden: u64,
    #[serde(default)]
    lookups: u64,
    #[serde(default)]
    lookups_failed: u64,
    #[serde(default)]
    lookups_delivered: u64,
    #[serde(default)]
    lookups_filtered: u64,
    #[serde(default)]
    #[serde(borrow)]
    lost: Option<HashMap<Cow<'a, str>, u64>>,
}

impl SummaryLine<'_> {
    /// The totals; losses that the line does not tell by cause are those told before.
    pub(crate) fn totals(&self, so_far: Lost) -> Result<Totals, String> {
        let lost = match &self.lost {
            None => so_far,
            Some(causes) => {
                let mut lost = Lost::default();
                for (cause, count) in causes {
                    let known = lost.count_mut(Cause::from_name(cause));
                    *known = known.saturating_add(at_most("lost", *count, COUNT_MAX)?);
                }
                lost
            }
        };
        let count = |what, count| at_most(what, count, COUNT_MAX);
        Ok(Totals {
            opens: count("opens", self.opens)?,
            failed: count("failed", self.failed)?,
            delivered: count("delivered", self.delivered)?,
            filtered: count("filtered", self.filtered)?,
            hidden: count("hidden", self.hidden)?,
            lookups: Lookups {
                made: count("lookups", self.lookups)?,
                failed: count("lookups_failed", self.lookups_failed)?,
                delivered: count("lookups_delivered", self.lookups_delivered)?,
                filtered: count("lookups_filtered", self.lookups_filtered)?,
            },
            lost,
        })
    }
}

/// What a recording tells of a process.
#[derive(Deserialize)]
pub(super) struct ProcessLine<'a> {
    pid: u32,
    #[serde(default)]
    start_ns: u64,
    #[serde(default)]
    ppid: u32,
    #[serde(borrow)]
    exe: Option<Cow<'a, str>>,
    parent: Option<Cow<'a, str>>,
    exe_b64: Option<Cow<'a, str>>,
    parent_b64: Option<Cow<'a, str>>,
}

impl ProcessLine<'_> {
    pub(super) fn process(&self) -> Result<ProcessName, String> {
        let text = |text: &Option<Cow<'_, str>>, exact: &Option<Cow<'_, str>>, most| {
            let mut bytes = Vec::new();
            put(&mut bytes, text.as_deref(), exact.as_deref(), most)?;
            Ok::<_, String>((text.is_some() || exact.is_some()).then_some(bytes))
        };
        Ok(ProcessName {
            source: Source::HERE,
            pid: at_most("pid", self.pid, PID_MAX)?,
            start_ns: at_most("start_ns", self.start_ns, CENTURY)?,
            ppid: at_most("ppid", self.ppid, PID_MAX)?,
            exe: text(&self.exe, &self.exe_b64, ("exe", PATH_MAX))?,
            parent: text(&self.parent, &self.parent_b64, ("parent", COMMAND_MAX))?,
        })
    }
}

/// An open or a look-up as it stands in the line. Fields that are not needed may be missing.
#[derive(Deserialize)]
pub(super) struct OpenLine<'a> {
    time: Option<Cow<'a, str>>,
    ts_ns: u64,
    pid: u32,
    tid: Option<u32>,
    #[serde(default)]
    ppid: u32,
    #[serde(default)]
    uid: u32,
    #[serde(borrow)]
    comm: Cow<'a, str>,
    process: Option<Cow<'a, str>>,
    #[serde(borrow)]
    op: Cow<'a, str>,
    #[serde(borrow, default)]
    flags: Vec<&'a str>,
    mode: Option<u16>,
    fd: Option<u32>,
    errno: Option<Cow<'a, str>>,
    name: Option<Cow<'a, str>>,
    path: Option<Cow<'a, str>>,
    path_kind: Cow<'a, str>,
    opened_name: Option<Cow<'a, str>>,
    real_path: Option<Cow<'a, str>>,
    real_path_kind: Option<Cow<'a, str>>,
    latency_ns: Option<u64>,
    pub(super) cgroup: Option<Cow<'a, str>>,
    container: Option<Cow<'a, str>>,
    #[serde(default)]
    start_ns: u64,
    #[serde(default)]
    dir_deleted: bool,
    #[serde(default)]
    comm_b64: Option<Cow<'a, str>>,
    process_b64: Option<Cow<'a, str>>,
    name_b64: Option<Cow<'a, str>>,
    path_b64: Option<Cow<'a, str>>,
    opened_name_b64: Option<Cow<'a, str>>,
    real_path_b64: Option<Cow<'a, str>>,
    cgroup_b64: Option<Cow<'a, str>>,
}

/// The texts of one open, kept from line to line.
#[derive(Debug, Default)]
pub(super) struct Texts {
    comm: Vec<u8>,
    leader_comm: Vec<u8>,
    name: Vec<u8>,
    path: Vec<u8>,
    opened_name: Vec<u8>,
    real_path: Vec<u8>,
    pub(super) cgroup: Vec<u8>,
    /// The container's name, behind the name of who runs it.
    pub(super) container: Vec<u8>,
    second: Second,
}

/// A second, as a text without its decimals and in nanoseconds since the epoch.
#[derive(Debug, Default)]
struct Second {
    text: String,
    ns: u64,
}

impl OpenLine<'_> {
    /// The event without its texts, which go to `texts`. Errors say which value is wrong.
    pub(super) fn event(&self, texts: &mut Texts) -> Result<OpenEvent<'static>, String> {
        let kind = PathKind::from_name(&self.path_kind).ok_or_else(|| wrong("path_kind", &self.path_kind))?;
        put(&mut texts.comm, Some(&self.comm), self.comm_b64.as_deref(), ("comm", COMM_MAX))?;
        let process = (self.process.as_deref(), self.process_b64.as_deref());
        put(&mut texts.leader_comm, process.0, process.1, ("process", COMM_MAX))?;
        if texts.leader_comm == texts.comm {
            texts.leader_comm.clear();
        }
        put(&mut texts.name, self.name.as_deref(), self.name_b64.as_deref(), ("name", NAME_MAX))?;
        match self.path {
            Some(_) => put(&mut texts.path, self.path.as_deref(), self.path_b64.as_deref(), ("path", PATH_MAX))?,
            None => texts.path.clone_from(&texts.name),
        }
        let opened_name = (self.opened_name.as_deref(), self.opened_name_b64.as_deref());
        put(&mut texts.opened_name, opened_name.0, opened_name.1, ("opened_name", COMPONENT_MAX))?;
        let real_path = (self.real_path.as_deref(), self.real_path_b64.as_deref());
        put(&mut texts.real_path, real_path.0, real_path.1, ("real_path", PATH_MAX))?;
        put(&mut texts.cgroup, self.cgroup.as_deref(), self.cgroup_b64.as_deref(), ("cgroup", CGROUP_MAX))?;
        let container = self.container.as_deref().and_then(|container| Some(container.split_once(':')?.1));
        put(&mut texts.container, container, None, ("container", CONTAINER_MAX))?;
        let real_path_kind = self.real_path_kind.as_deref().map_or(Ok(RealPathKind::Whole), |kind| {
            RealPathKind::from_name(kind).ok_or_else(|| wrong("real_path_kind", kind))
        })?;
        at_most("flags", self.flags.len(), FLAGS_MAX)?;
        Ok(OpenEvent {
            source: Source::HERE,
            received_ns: 0,
            ts_ns: at_most("ts_ns", self.ts_ns, CENTURY)?,
            time_ns: self.time_ns(&mut texts.second)?,
            start_ns: at_most("start_ns", self.start_ns, CENTURY)?,
            pid: at_most("pid", self.pid, PID_MAX)?,
            tid: at_most("tid", self.tid.unwrap_or(self.pid), PID_MAX)?,
            ppid: at_most("ppid", self.ppid, PID_MAX)?,
            uid: self.uid,
            ret: self.ret()?,
            fd_known: self.fd.is_some() || self.errno.is_some(),
            flags: self.flags.iter().try_fold(0, |flags, name| flag(name).map(|bits| flags | bits))?,
            mode: self.mode.unwrap_or_default(),
            op: Op::from_name(&self.op).ok_or_else(|| wrong("op", &self.op))?,
            path_kind: kind,
            dir_deleted: self.dir_deleted,
            latency: self.latency()?,
            cgroup: 0,
            comm: b"",
            leader_comm: b"",
            name: b"",
            path: b"",
            opened_name: b"",
            real_path: b"",
            real_path_kind,
        })
    }

    /// Without a wall-clock time the boot stands for the epoch. `known`: the second that was parsed last, in which most
    /// lines are too.
    fn time_ns(&self, known: &mut Second) -> Result<u64, String> {
        let Some(time) = &self.time else { return Ok(self.ts_ns) };
        let (second, nanos) = match split_second(time) {
            Some((second, nanos)) if second == known.text => return Ok(known.ns + nanos),
            Some((second, nanos)) => (Some(second), nanos),
            None => (None, 0),
        };
        let parsed = time.parse::<jiff::Timestamp>().map_err(|_| wrong("time", time))?;
        let ns = u64::try_from(parsed.as_nanosecond()).map_err(|_| wrong("time", time))?;
        if let Some(second) = second.filter(|_| ns >= nanos) {
            second.clone_into(&mut known.text);
            known.ns = ns - nanos;
        }
        Ok(ns)
    }

    fn latency(&self) -> Result<Option<Duration>, String> {
        let latency = self.latency_ns.map(|latency| at_most("latency_ns", latency, CENTURY)).transpose()?;
        Ok(latency.map(Duration::from_nanos))
    }

    fn ret(&self) -> Result<i32, String> {
        match (&self.errno, self.fd) {
            (Some(name), _) => {
                let errno = errno_number(name).filter(|errno| *errno <= ERRNO_MAX);
                errno.map(|errno| -errno).ok_or_else(|| wrong("errno", name))
            }
            (None, Some(fd)) => i32::try_from(fd).map_err(|_| wrong("fd", &fd.to_string())),
            (None, None) => Ok(0),
        }
    }
}

impl Texts {
    /// `event` with its texts.
    pub(super) fn complete<'a>(&'a self, event: OpenEvent<'static>) -> OpenEvent<'a> {
        let Self { comm, leader_comm, name, path, opened_name, real_path, .. } = self;
        OpenEvent { comm, leader_comm, name, path, opened_name, real_path, ..event }
    }
}

/// The second and the nanoseconds of a time that is written as opentop writes it: `2026-01-02T03:04:05.123456789Z`.
fn split_second(time: &str) -> Option<(&str, u64)> {
    let (second, rest) = time.split_at_checked("2026-01-02T03:04:05".len())?;
    let nanos = rest.strip_prefix('.')?.strip_suffix('Z')?;
    let digits = nanos.len() == 9 && nanos.bytes().all(|byte| byte.is_ascii_digit());
    Some((second, nanos.parse().ok().filter(|_| digits)?))
}

/// Makes `out` a text, or its exact bytes where they are given. The field's name and its longest value are for the
/// error.
pub(crate) fn put(
    out: &mut Vec<u8>,
    text: Option<&str>,
    exact: Option<&str>,
    (field, longest): (&str, usize),
) -> Result<(), String> {
    out.clear();
    match exact {
        Some(exact) => BASE64_STANDARD.decode_vec(exact, out).map_err(|_| wrong("base64", exact))?,
        None => out.extend_from_slice(text.unwrap_or_default().as_bytes()),
    }
    if out.len() > longest {
        return Err(format!("{field} has {} bytes, and never more than {longest}", out.len()));
    }
    Ok(())
}

pub(crate) fn at_most<T: PartialOrd + std::fmt::Display>(field: &str, value: T, most: T) -> Result<T, String> {
    if value <= most { Ok(value) } else { Err(format!("{field} cannot be {value}: it is {most} at most")) }
}

/// The bits behind a name that [`crate::event::flag_names`] gives.
fn flag(name: &str) -> Result<u64, String> {
    if name == "O_ACCMODE" {
        return Ok(libc::O_ACCMODE as u64);
    }
    let number = name.strip_prefix("0x").and_then(|hex| u64::from_str_radix(hex, 16).ok());
    number.or_else(|| flag_bits(name).map(|(bits, _)| bits)).ok_or_else(|| wrong("flag", name))
}

/// Says that a value is wrong; the value is a stranger's text.
pub(crate) fn wrong(what: &str, value: &str) -> String {
    let shown = escape(&value.as_bytes()[..value.floor_char_boundary(40)]);
    format!("{what} cannot be \"{shown}\"")
}
