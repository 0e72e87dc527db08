//! The lines between two hosts that a recording does not have: JSON, one object a line.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};

use crate::escape::escape;
use crate::event::{CgroupName, Source, errno_name, errno_number};
use crate::message::{CgroupCount, Counts, Lost, ProcessCount, Totals};
use crate::names::{Cgroup, Names};
use crate::recording::Reader;
use crate::recording::line::{
    CGROUP_MAX, COMM_MAX, CONTAINER_MAX, COUNT_MAX, Kind, PID_MAX, SummaryLine, at_most, put, wrong,
};
use crate::recording::parser::parse;

/// What both sides must agree on. It changes when a line does that the other side must understand.
pub(crate) const PROTOCOL: u32 = 2;

/// The longest line to the far side; a filter may have half of that.
pub(crate) const CONTROL_MAX: usize = 256 << 10;

const USER_MAX: usize = 256;
/// A process opens no more in a century, and sums of them fit.
const OPENS_MAX: u64 = 1 << 40;
const RESULTS_MAX: usize = 1024;

/// To the far side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Control {
    /// The first line: how to trace.
    Start(Start),
    /// From now on only what this filter holds for is sent.
    Filter {
        filter: String,
    },
    Lookups {
        wanted: bool,
    },
    Heartbeat,
    /// Of a later version.
    #[serde(other)]
    Unknown,
}

/// How the far side is to trace: what its command line would say.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Start {
    pub protocol: u32,
    /// What the near side calls this host.
    pub host: String,
    pub filter: String,
    pub interval: f64,
    pub ring: String,
    pub hooks: String,
    pub latency: bool,
    pub resolve: bool,
    pub lookups: bool,
    pub identity: bool,
    pub show_self: bool,
}

impl Control {
    pub fn line(&self) -> String {
        let mut line = serde_json::to_string(self).unwrap_or_default();
        line.push('\n');
        line
    }
}

/// Bytes that need not be UTF-8.
#[derive(Default, Serialize, Deserialize)]
struct Bytes<'a> {
    #[serde(borrow)]
    text: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    b64: Option<Cow<'a, str>>,
}

impl<'a> Bytes<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        match str::from_utf8(bytes) {
            Ok(text) => Self { text: text.into(), b64: None },
            Err(_) => Self { text: escape(bytes).into(), b64: Some(BASE64_STANDARD.encode(bytes).into()) },
        }
    }

    fn get(&self, field: &str, most: usize) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        put(&mut bytes, Some(&self.text), self.b64.as_deref(), (field, most))?;
        Ok(bytes)
    }
}

#[derive(Serialize, Deserialize)]
struct CgroupLine<'a> {
    #[serde(borrow)]
    path: Bytes<'a>,
    /// What its container is called, where the path does not have that.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    name: Option<Bytes<'a>>,
    opens: u64,
    failed: u64,
}

#[derive(Serialize, Deserialize)]
struct ProcessLine<'a> {
    pid: u32,
    start_ns: u64,
    ppid: u32,
    uid: u32,
    #[serde(borrow)]
    comm: Bytes<'a>,
    opens: u64,
    failed: u64,
    #[serde(default)]
    ended: bool,
    #[serde(borrow, default)]
    cgroups: Vec<CgroupLine<'a>>,
}

#[derive(Deserialize)]
struct CountsLine {
    ts_ns: u64,
    results: BTreeMap<String, u64>,
    other_errors: u64,
}

#[derive(Serialize, Deserialize)]
struct UserLine<'a> {
    uid: u32,
    #[serde(borrow)]
    name: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
struct HooksLine<'a> {
    #[serde(borrow)]
    hooks: Cow<'a, str>,
}

/// A line of this type.
fn typed(kind: &str, line: &impl Serialize) -> String {
    let fields = serde_json::to_string(line).unwrap_or_default();
    format!("{{\"type\":\"{kind}\",{}", fields.strip_prefix('{').unwrap_or("}"))
}

pub(super) fn heartbeat() -> &'static str {
    "{\"type\":\"heartbeat\"}"
}

pub(super) fn user(uid: u32, name: &str) -> String {
    typed("user", &UserLine { uid, name: name.into() })
}

pub(super) fn hooks(hooks: &str) -> String {
    typed("hooks", &HooksLine { hooks: hooks.into() })
}

/// A process's counts. Its cgroups are told by their paths, since numbers say nothing elsewhere.
pub(super) fn process(count: &ProcessCount, names: &Names) -> String {
    let cgroups = count.cgroups.iter().filter(|part| part.opens > 0);
    let line = |part: &CgroupCount| {
        let cgroup = names.cgroup(part.cgroup);
        let name = cgroup.and_then(Cgroup::whole_name);
        let path = Bytes::new(cgroup.map_or(b"", |cgroup| &cgroup.path));
        CgroupLine { path, name: name.map(Bytes::new), opens: part.opens, failed: part.failed }
    };
    let ProcessCount { pid, start_ns, ppid, uid, opens, failed, ended, .. } = *count;
    let comm = Bytes::new(&count.comm);
    typed(
        "process_count",
        &ProcessLine { pid, start_ns, ppid, uid, comm, opens, failed, ended, cgroups: cgroups.map(line).collect() },
    )
}

/// All that is not of one process: the end of a reading, behind its processes and with its totals on the same line.
pub(super) fn counts(counts: &Counts, totals: &Totals) -> String {
    let result = |(errno, opens): &(i32, u64)| {
        (if *errno == 0 { "0".to_owned() } else { errno_name(*errno).into_owned() }, *opens)
    };
    let results: BTreeMap<_, _> = counts.results.iter().map(result).collect();
    let lost: BTreeMap<_, _> = totals.lost.by_cause().map(|(cause, count)| (cause.name(), count)).into();
    let (ts_ns, other_errors) = (counts.ts_ns, counts.other_errors);
    let mut line =
        serde_json::json!({ "ts_ns": ts_ns, "results": results, "other_errors": other_errors, "lost": lost });
    totals.by_name().into_iter().for_each(|(name, count)| line[name] = count.into());
    typed("counts", &line)
}

/// What a line of another host says that no recording does.
#[derive(Debug)]
pub(super) enum HostLine {
    Process(ProcessCount, Vec<CgroupName>),
    /// Without processes.
    Counts(Counts),
    User {
        uid: u32,
        name: String,
    },
    Hooks(String),
    /// Nothing that is understood.
    Unknown,
}

/// Reads such a line. Cgroups get the numbers that the reader has for them, made those of `source`.
pub(super) fn host_line(line: &[u8], reader: &mut Reader, source: Source) -> Result<HostLine, String> {
    if line.trim_ascii().is_empty() {
        return Ok(HostLine::Unknown);
    }
    match parse::<Kind<'_>>(line)?.kind.as_ref() {
        "process_count" => process_count(&parse(line)?, reader, source),
        "counts" => counts_line(line),
        "user" => {
            let user: UserLine<'_> = parse(line)?;
            at_most("length of a user's name", user.name.len(), USER_MAX)?;
            Ok(HostLine::User { uid: user.uid, name: user.name.into_owned() })
        }
        "hooks" => {
            let hooks = escape(parse::<HooksLine<'_>>(line)?.hooks.as_bytes());
            Ok(HostLine::Hooks(hooks[..hooks.floor_char_boundary(CONTAINER_MAX)].to_owned()))
        }
        _ => Ok(HostLine::Unknown),
    }
}

fn process_count(line: &ProcessLine<'_>, reader: &mut Reader, source: Source) -> Result<HostLine, String> {
    let mut cgroups = [CgroupCount::default(); 2];
    at_most("cgroups of a process", line.cgroups.len(), cgroups.len())?;
    let mut new = Vec::new();
    for (count, line) in cgroups.iter_mut().zip(&line.cgroups) {
        let name = line.name.as_ref().map_or_else(|| Ok(Vec::new()), |name| name.get("container", CONTAINER_MAX))?;
        let (number, named) = reader.cgroup(line.path.get("cgroup", CGROUP_MAX)?, name);
        let opens = at_most("opens of a cgroup", line.opens, OPENS_MAX)?;
        *count =
            CgroupCount { cgroup: source.cgroup(number), opens, failed: at_most("failed opens", line.failed, opens)? };
        new.extend(named.map(|named| CgroupName { id: source.cgroup(named.id), ..named }));
    }
    let opens = at_most("opens of a process", line.opens, OPENS_MAX)?;
    let count = ProcessCount {
        source,
        pid: at_most("pid", line.pid, PID_MAX)?,
        start_ns: line.start_ns,
        ppid: at_most("ppid", line.ppid, PID_MAX)?,
        uid: line.uid,
        comm: line.comm.get("comm", COMM_MAX)?,
        opens,
        failed: at_most("failed opens", line.failed, opens)?,
        cgroups,
        ended: line.ended,
    };
    Ok(HostLine::Process(count, new))
}

fn counts_line(line: &[u8]) -> Result<HostLine, String> {
    let counts: CountsLine = parse(line)?;
    at_most("number of results", counts.results.len(), RESULTS_MAX)?;
    let result = |(name, opens): (&String, &u64)| {
        let errno = if name == "0" { Some(0) } else { errno_number(name) };
        Ok((errno.ok_or_else(|| wrong("errno", name))?, at_most("opens of a result", *opens, COUNT_MAX)?))
    };
    Ok(HostLine::Counts(Counts {
        ts_ns: counts.ts_ns,
        results: counts.results.iter().map(result).collect::<Result<_, String>>()?,
        other_errors: at_most("other_errors", counts.other_errors, COUNT_MAX)?,
        totals: parse::<SummaryLine<'_>>(line)?.totals(Lost::default())?,
        ..Counts::default()
    }))
}
