//! opentop's JSON lines, read as the contract says.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use opentop::escape::escape;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// One line of `opentop -o json`.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Line {
    Open(Box<Open>),
    Lookup(Box<Open>),
    Lost { cause: String, count: u64 },
    Summary(Summary),
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Open {
    pub time: String,
    pub ts_ns: u64,
    #[serde(default)]
    pub pid: u32,
    pub tid: u32,
    pub ppid: u32,
    pub uid: u32,
    pub comm: String,
    pub comm_b64: Option<String>,
    pub op: String,
    pub flags: Vec<String>,
    pub mode: Option<u32>,
    pub fd: Option<i32>,
    pub errno: Option<String>,
    pub name: Option<String>,
    pub name_b64: Option<String>,
    pub path: Option<String>,
    pub path_b64: Option<String>,
    pub path_kind: String,
    pub opened_name: Option<String>,
    pub real_path: Option<String>,
    pub real_path_b64: Option<String>,
    pub real_path_kind: Option<String>,
    #[serde(default)]
    pub dir_deleted: bool,
    pub latency_ns: Option<u64>,
    pub cgroup: Option<String>,
    pub container: Option<String>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Summary {
    pub opens: u64,
    pub failed: u64,
    pub delivered: u64,
    pub dropped: u64,
    pub filtered: u64,
    #[serde(default)]
    pub hidden: u64,
    #[serde(default)]
    pub lookups: u64,
    #[serde(default)]
    pub lookups_failed: u64,
    #[serde(default)]
    pub lookups_delivered: u64,
    #[serde(default)]
    pub lookups_filtered: u64,
    pub hooks: String,
    pub lost: HashMap<String, u64>,
}

impl Line {
    /// # Panics
    /// If the line is not what the contract says.
    #[track_caller]
    pub fn parse(line: &str) -> Self {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in the line {line:?}"))
    }

    /// An open or a look-up.
    pub fn event(self) -> Option<Open> {
        match self {
            Line::Open(event) | Line::Lookup(event) => Some(*event),
            _ => None,
        }
    }

    pub fn open(self) -> Option<Open> {
        match self {
            Line::Open(open) => Some(*open),
            _ => None,
        }
    }
}

impl Open {
    pub fn comm(&self) -> Vec<u8> {
        exact(Some(&self.comm), self.comm_b64.as_deref()).unwrap_or_default()
    }

    pub fn name(&self) -> Option<Vec<u8>> {
        exact(self.name.as_deref(), self.name_b64.as_deref())
    }

    pub fn path(&self) -> Option<Vec<u8>> {
        exact(self.path.as_deref(), self.path_b64.as_deref())
    }

    pub fn real_path(&self) -> Option<Vec<u8>> {
        exact(self.real_path.as_deref(), self.real_path_b64.as_deref())
    }

    pub fn is_at(&self, path: impl AsRef<std::path::Path>) -> bool {
        self.path().as_deref() == Some(path.as_ref().as_os_str().as_encoded_bytes())
    }
}

/// The exact bytes of a text. Where they are not UTF-8, the text beside them must be their displayable form.
fn exact(text: Option<&str>, base64: Option<&str>) -> Option<Vec<u8>> {
    let Some(base64) = base64 else { return text.map(|text| text.as_bytes().to_vec()) };
    let bytes = BASE64_STANDARD.decode(base64).expect("base64");
    assert_eq!(text, Some(escape(&bytes).as_str()), "the text beside the exact bytes");
    assert!(str::from_utf8(&bytes).is_err(), "base64 of what is UTF-8");
    Some(bytes)
}

/// What `opener ways` says about one open, or that a way could not be gone.
#[derive(Clone, Debug)]
pub struct Expected {
    pub way: String,
    pub fields: Map<String, Value>,
}

impl Expected {
    /// # Panics
    /// If the line is not one of `opener ways`.
    #[track_caller]
    pub fn parse(line: &str) -> Self {
        let mut fields: Map<String, Value> = serde_json::from_str(line).expect("a line of opener");
        let way = fields.remove("way").and_then(|way| way.as_str().map(str::to_owned)).expect("the way's name");
        Self { way, fields }
    }

    pub fn skipped(&self) -> Option<&str> {
        self.fields.get("skipped")?.as_str()
    }

    pub fn op(&self) -> &str {
        self.fields["op"].as_str().unwrap_or_default()
    }

    pub fn pid(&self) -> u32 {
        self.fields["pid"].as_u64().and_then(|pid| pid.try_into().ok()).unwrap_or_default()
    }

    /// The exact bytes of a text.
    pub fn bytes(&self, key: &str) -> Option<Vec<u8>> {
        if let Some(base64) = self.fields.get(&format!("{key}_b64")) {
            return BASE64_STANDARD.decode(base64.as_str().unwrap_or_default()).ok();
        }
        self.fields[key].as_str().map(|text| text.as_bytes().to_vec())
    }

    /// The fields in which `open` is not what is expected; empty if it is just that.
    pub fn differences(&self, open: &Open) -> Vec<&'static str> {
        let json = |key: &str| &self.fields[key];
        // What the program could not know beforehand is null, and may be anything.
        let known = |key: &str, value: Value| json(key).is_null() || *json(key) == value;
        [
            ("op", *json("op") == open.op),
            ("pid", *json("pid") == open.pid),
            ("tid", known("tid", open.tid.into())),
            ("ppid", known("ppid", open.ppid.into())),
            ("uid", *json("uid") == open.uid),
            ("comm", self.bytes("comm").is_none_or(|comm| comm == open.comm())),
            ("name", same_text(self.bytes("name"), open.name(), self.truncated())),
            ("path", same_text(self.bytes("path"), open.path(), self.truncated())),
            ("path_kind", *json("path_kind") == open.path_kind),
            ("opened_name", *json("opened_name") == Value::from(open.opened_name.clone())),
            ("dir_deleted", *json("dir_deleted") == open.dir_deleted),
            ("flags", known("flags", open.flags.clone().into())),
            ("mode", *json("mode") == Value::from(open.mode)),
            ("fd", *json("fd") == Value::from(open.fd)),
            ("errno", *json("errno") == Value::from(open.errno.clone())),
        ]
        .into_iter()
        .filter_map(|(field, same)| (!same).then_some(field))
        .collect()
    }

    /// Whether the real path of `open` is what `/proc` says of the descriptor, where that could be seen. What lies in
    /// no directory has none.
    pub fn is_really(&self, open: &Open) -> bool {
        let Some(told) = self.bytes("real_path") else {
            return self.fields["errno"].is_null() || open.real_path.is_none();
        };
        if !told.starts_with(b"/") && !told.starts_with(b"(unreachable)/") || told.starts_with(b"/memfd:") {
            return open.real_path.is_none();
        }
        let whole = told.strip_suffix(b" (deleted)").unwrap_or(&told);
        let real = open.real_path().unwrap_or_default();
        match open.real_path_kind.as_deref() {
            Some("truncated") => real.strip_prefix(b"/...").is_some_and(|end| !end.is_empty() && whole.ends_with(end)),
            Some("deleted") => whole != told && real == whole,
            Some("whole" | "outside") => real == told,
            _ => false,
        }
    }

    fn truncated(&self) -> bool {
        self.fields["path_kind"] == "truncated"
    }
}

/// What is reported as truncated must still be a piece of the truth, and not an empty one; `/...` stands for what is
/// missing at its beginning.
fn same_text(expected: Option<Vec<u8>>, reported: Option<Vec<u8>>, truncated: bool) -> bool {
    match (expected, reported) {
        (Some(whole), Some(piece)) if truncated => {
            let piece = piece.strip_prefix(b"/...").unwrap_or(&piece);
            !piece.is_empty() && whole.windows(piece.len()).any(|window| window == piece)
        }
        (expected, reported) => expected == reported,
    }
}
