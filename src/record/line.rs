//! One line of a recording, parsed. A recording may come from anywhere, so nothing in it is trusted: a value
//! that cannot be is an error.

use crate::escape::escape;
use crate::event::{Op, OpenEvent, PathKind, errno_number, flag_bits};
use crate::source::{Lost, Totals};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Duration;

/// What each line has.
#[derive(Deserialize)]
pub(super) struct Kind<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Cow<'a, str>,
}

#[derive(Deserialize)]
pub(super) struct LostLine {
    pub(super) cause: String,
    pub(super) count: u64,
}

#[derive(Deserialize)]
pub(super) struct SummaryLine {
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
    lost: Option<HashMap<String, u64>>,
}

impl SummaryLine {
    /// The totals; losses that the line does not tell by cause are those told before.
    pub(super) fn totals(&self, told: Lost) -> Totals {
        let lost = self.lost.as_ref().map_or(told, |causes| {
            let mut lost = Lost::default();
            for (cause, count) in causes {
                if let Some(known) = lost.cause_mut(cause) {
                    *known = *count;
                }
            }
            lost
        });
        let Self { opens, failed, delivered, filtered, hidden, .. } = *self;
        Totals { opens, failed, delivered, filtered, hidden, lost }
    }
}

/// An open as it stands in the line. Fields that are not needed may be missing.
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
    latency_ns: Option<u64>,
    pub(super) cgroup: Option<Cow<'a, str>>,
    #[serde(default)]
    start_ns: u64,
    #[serde(default)]
    dir_deleted: bool,
    #[serde(default)]
    comm_b64: Option<Cow<'a, str>>,
    name_b64: Option<Cow<'a, str>>,
    path_b64: Option<Cow<'a, str>>,
    cgroup_b64: Option<Cow<'a, str>>,
}

/// The texts of one open, kept from line to line.
#[derive(Debug, Default)]
pub(super) struct Texts {
    comm: Vec<u8>,
    name: Vec<u8>,
    path: Vec<u8>,
    pub(super) cgroup: Vec<u8>,
}

impl OpenLine<'_> {
    /// The event without its texts, which go to `texts`. Errors say which value is wrong.
    pub(super) fn event(&self, texts: &mut Texts) -> Result<OpenEvent<'static>, String> {
        let kind = PathKind::from_name(&self.path_kind).ok_or_else(|| wrong("path_kind", &self.path_kind))?;
        put(&mut texts.comm, Some(&self.comm), self.comm_b64.as_deref())?;
        put(&mut texts.name, self.name.as_deref(), self.name_b64.as_deref())?;
        match self.path {
            Some(_) => put(&mut texts.path, self.path.as_deref(), self.path_b64.as_deref())?,
            None => texts.path.clone_from(&texts.name),
        }
        put(&mut texts.cgroup, self.cgroup.as_deref(), self.cgroup_b64.as_deref())?;
        Ok(OpenEvent {
            ts_ns: self.ts_ns,
            time_ns: self.time_ns()?,
            start_ns: self.start_ns,
            pid: self.pid,
            tid: self.tid.unwrap_or(self.pid),
            ppid: self.ppid,
            uid: self.uid,
            ret: self.ret()?,
            fd_known: self.fd.is_some() || self.errno.is_some(),
            flags: self.flags.iter().try_fold(0, |flags, name| flag(name).map(|bits| flags | bits))?,
            mode: self.mode.unwrap_or_default(),
            op: Op::from_name(&self.op).ok_or_else(|| wrong("op", &self.op))?,
            path_kind: kind,
            dir_deleted: self.dir_deleted,
            latency: self.latency_ns.map(Duration::from_nanos),
            cgroup: 0,
            comm: b"",
            name: b"",
            path: b"",
        })
    }

    /// Without a wall-clock time the boot stands for the epoch.
    fn time_ns(&self) -> Result<u64, String> {
        let Some(time) = &self.time else { return Ok(self.ts_ns) };
        let parsed = time.parse::<jiff::Timestamp>().map_err(|_| wrong("time", time))?;
        u64::try_from(parsed.as_nanosecond()).map_err(|_| wrong("time", time))
    }

    fn ret(&self) -> Result<i32, String> {
        match (&self.errno, self.fd) {
            (Some(errno), _) => errno_number(errno).map(|errno| -errno).ok_or_else(|| wrong("errno", errno)),
            (None, Some(fd)) => i32::try_from(fd).map_err(|_| wrong("fd", &fd.to_string())),
            (None, None) => Ok(0),
        }
    }
}

impl Texts {
    /// `event` with its texts.
    pub(super) fn complete<'a>(&'a self, event: OpenEvent<'static>) -> OpenEvent<'a> {
        OpenEvent { comm: &self.comm, name: &self.name, path: &self.path, ..event }
    }
}

/// Makes `out` a text, or its exact bytes where they are given.
fn put(out: &mut Vec<u8>, text: Option<&str>, exact: Option<&str>) -> Result<(), String> {
    out.clear();
    match exact {
        Some(exact) => BASE64_STANDARD.decode_vec(exact, out).map_err(|_| wrong("base64", exact)),
        None => {
            out.extend_from_slice(text.unwrap_or_default().as_bytes());
            Ok(())
        }
    }
}

/// The bits behind a name that [`crate::event::flag_names`] gives.
fn flag(name: &str) -> Result<u32, String> {
    if name == "O_ACCMODE" {
        return Ok(libc::O_ACCMODE as u32);
    }
    let number = name.strip_prefix("0x").and_then(|hex| u32::from_str_radix(hex, 16).ok());
    number.or_else(|| flag_bits(name).map(|(bits, _)| bits)).ok_or_else(|| wrong("flag", name))
}

/// Says that a value is wrong; the value is a stranger's text.
fn wrong(what: &str, value: &str) -> String {
    let shown = escape(&value.as_bytes()[..value.floor_char_boundary(40)]);
    format!("{what} cannot be \"{shown}\"")
}
