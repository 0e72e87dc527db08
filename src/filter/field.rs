//! The fields of the filter language, one table, and what can be asked of an open.

use super::pattern::Pattern;
use super::range::Ranges;
use super::{Problem, list};
use crate::escape::escape;
use crate::event::{Op, OpenEvent, errno_names, errno_number, flag_bits, open_flag_names};
use crate::names::{Cgroup, Names};
use crate::near;

/// A field: what it is called, what it takes, how its value is read.
#[derive(Debug)]
pub struct Field {
    /// The name, and after it other names for the same.
    pub names: &'static [&'static str],
    /// What stands behind the colon.
    pub value: &'static str,
    /// What it holds for.
    pub about: &'static str,
    parse: fn(&str, &Names) -> Result<Test, Problem>,
}

/// All fields, in the order of the help.
pub const FIELDS: [Field; 17] = [
    Field {
        names: &["comm"],
        value: "REGEX",
        about: "name of the program or thread",
        parse: |value, _| Pattern::of_comm(value).map(|(pattern, cut)| Test::Comm(pattern, cut.map(str::to_owned))),
    },
    Field {
        names: &["file", "path"],
        value: "REGEX",
        about: "path or name, as asked for or opened",
        parse: |value, _| Pattern::parse(value).map(Test::File),
    },
    Field {
        names: &["dir"],
        value: "REGEX",
        about: "path without its last component",
        parse: |value, _| Pattern::parse(value).map(Test::Dir),
    },
    Field {
        names: &["pid"],
        value: "N[,N]",
        about: "process; also 100..200 or >1000, as in all numbers",
        parse: |value, _| Ranges::numbers(value).map(Test::Pid),
    },
    Field { names: &["tid"], value: "N[,N]", about: "thread", parse: |value, _| Ranges::numbers(value).map(Test::Tid) },
    Field {
        names: &["ppid"],
        value: "N[,N]",
        about: "parent process",
        parse: |value, _| Ranges::numbers(value).map(Test::Ppid),
    },
    Field { names: &["uid", "user"], value: "NAME|UID", about: "user", parse: users },
    Field { names: &["err", "errno"], value: "NAME|N|any", about: "error; any: every failed open", parse: errors },
    Field { names: &["op"], value: "NAME", about: "way of opening: openat, io_uring, exec ...", parse: ops },
    Field {
        names: &["flag", "flags"],
        value: "NAME|read|write",
        about: "O_CREAT ...; read, write: opened for it",
        parse: flags,
    },
    Field {
        names: &["fd"],
        value: "N[,N]",
        about: "descriptor",
        parse: |value, _| Ranges::numbers(value).map(Test::Fd),
    },
    Field {
        names: &["lat", "latency"],
        value: ">1ms",
        about: "time the open took, where measured",
        parse: |value, _| Ranges::durations(value).map(Test::Latency),
    },
    Field {
        names: &["container"],
        value: "REGEX",
        about: "container, as runtime:name; = alone: in none",
        parse: |value, _| Pattern::parse(value).map(Test::Container),
    },
    Field {
        names: &["pod"],
        value: "REGEX",
        about: "Kubernetes pod: its name, or namespace/name",
        parse: |value, _| Pattern::parse(value).map(Test::Pod),
    },
    Field {
        names: &["unit"],
        value: "REGEX",
        about: "systemd service or scope",
        parse: |value, _| Pattern::parse(value).map(Test::Unit),
    },
    Field {
        names: &["cgroup"],
        value: "REGEX",
        about: "path of the cgroup",
        parse: |value, _| Pattern::parse(value).map(Test::Cgroup),
    },
    Field {
        names: &["host"],
        value: "REGEX",
        about: "host, as --host calls it",
        parse: |value, _| Pattern::parse(value).map(Test::Host),
    },
];

impl Field {
    pub(super) fn test(&self, value: &str, names: &Names) -> Result<Test, Problem> {
        if value.is_empty() {
            return Err(Problem::new(0, format!("{}: wants a value: {}", self.names[0], self.value)));
        }
        (self.parse)(value, names)
    }
}

/// The field called `name`.
pub(super) fn find(name: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|field| field.names.iter().any(|known| known.eq_ignore_ascii_case(name)))
}

/// What to say about a field that does not exist.
pub(super) fn unknown(name: &str) -> String {
    let all = FIELDS.iter().flat_map(|field| field.names.iter().copied());
    let hint = near::hint(name, all);
    let known: Vec<_> = FIELDS.iter().map(|field| field.names[0]).collect();
    format!("no field {name:?}: {hint}quote the word to search for it, or use {}", known.join(" "))
}

/// What joins a field to its value in other languages, the longest first, and what it is here.
const OTHER_JOINTS: [(&str, &str, &str); 8] = [
    ("!=", "!", ""),
    ("==", "", ""),
    ("=~", "", ""),
    (">=", "", ">="),
    ("<=", "", "<="),
    ("=", "", ""),
    (">", "", ">"),
    ("<", "", "<"),
];

/// What to say about a word that is a field and its value with something else than a colon between them.
fn other_joint(word: &str) -> Option<Problem> {
    let name = &word[..word.bytes().take_while(u8::is_ascii_alphabetic).count()];
    let (joint, not, before) = OTHER_JOINTS
        .into_iter()
        .find(|(joint, ..)| word[name.len()..].starts_with(joint))
        .filter(|_| find(name).is_some())?;
    let value = &word[name.len() + joint.len()..];
    let what =
        format!("did you mean {not}{name}:{before}{} ? Quote the word to search for it", escape(value.as_bytes()));
    Some(Problem::new(name.len(), what))
}

/// The test of a term without a field. `quoted`: some of it, so that it means what it says.
pub(super) fn bare(value: &str, quoted: bool) -> Result<Test, Problem> {
    if let Some(problem) = other_joint(value).filter(|_| !quoted) {
        return Err(problem);
    }
    if value.is_empty() {
        return Err(Problem::new(0, "nothing to search for: write a regex or FIELD:VALUE"));
    }
    Pattern::parse(value).map(Test::CommOrPath)
}

/// What a term asks of an open.
#[derive(Clone, Debug)]
pub(super) enum Test {
    CommOrPath(Pattern),
    /// With the whole name that was asked for, where the kernel keeps only a part of it.
    Comm(Pattern, Option<String>),
    File(Pattern),
    Dir(Pattern),
    Pid(Ranges),
    Tid(Ranges),
    Ppid(Ranges),
    User(Vec<u32>),
    Failed,
    Errno(Vec<i32>),
    Op(Vec<Op>),
    Flag(Vec<FlagTest>),
    Fd(Ranges),
    Latency(Ranges),
    Container(Pattern),
    Pod(Pattern),
    Unit(Pattern),
    Cgroup(Pattern),
    Host(Pattern),
}

impl Test {
    pub(super) fn pattern(&self) -> Option<&Pattern> {
        match self {
            Test::CommOrPath(pattern) | Test::Comm(pattern, _) | Test::File(pattern) | Test::Dir(pattern) => {
                Some(pattern)
            }
            Test::Container(pattern) | Test::Pod(pattern) | Test::Unit(pattern) => Some(pattern),
            Test::Cgroup(pattern) | Test::Host(pattern) => Some(pattern),
            _ => None,
        }
    }

    pub(super) fn holds(&self, event: &OpenEvent<'_>, names: &Names) -> bool {
        let cgroup = || names.cgroup(event.cgroup);
        // Where there is none, `=` with nothing behind it holds.
        let matches = |pattern: &Pattern, text: Option<&[u8]>| match text {
            Some(text) => pattern.matches(text),
            None => pattern.is_nothing(),
        };
        match self {
            Test::CommOrPath(pattern) => {
                matches_comm(pattern, event) || pattern.matches(event.path) || matches_target(pattern, event)
            }
            Test::Comm(pattern, _) => matches_comm(pattern, event),
            Test::File(pattern) => pattern.matches_either(event.path, event.name) || matches_target(pattern, event),
            Test::Dir(pattern) => pattern.matches(event.dir()),
            Test::Pid(pids) => pids.contains(event.pid.into()),
            Test::Tid(tids) => tids.contains(event.tid.into()),
            Test::Ppid(ppids) => ppids.contains(event.ppid.into()),
            Test::User(uids) => uids.binary_search(&event.uid).is_ok(),
            Test::Failed => event.failed(),
            Test::Errno(errnos) => event.errno().is_some_and(|errno| errnos.contains(&errno)),
            Test::Op(ops) => ops.contains(&event.op),
            Test::Flag(flags) => !event.is_lookup() && flags.iter().any(|flag| flag.holds(event.flags)),
            Test::Fd(fds) => event.fd().is_some_and(|fd| fds.contains(u64::from(fd.unsigned_abs()))),
            Test::Latency(times) => event.latency.is_some_and(|time| times.contains(time.as_nanos() as u64)),
            Test::Container(pattern) => {
                let cgroup = cgroup();
                matches(pattern, cgroup.and_then(|c| c.container.as_deref()))
                    || cgroup.and_then(|c| c.container_id.as_deref()).is_some_and(|id| pattern.matches(id))
            }
            Test::Pod(pattern) => match cgroup().and_then(Cgroup::pod) {
                Some(pod) => pattern.matches_either(pod.name, pod.full_name),
                None => pattern.is_nothing(),
            },
            Test::Unit(pattern) => matches(pattern, cgroup().and_then(|c: &Cgroup| c.unit.as_deref())),
            Test::Host(pattern) => pattern.matches(names.host(event.source.host()).as_bytes()),
            Test::Cgroup(pattern) => matches(pattern, cgroup().map(|c| c.path.as_slice())),
        }
    }
}

/// Whether it matches the name of the thread or that of its process.
fn matches_comm(pattern: &Pattern, event: &OpenEvent<'_>) -> bool {
    pattern.matches(event.comm) || (!event.leader_comm.is_empty() && pattern.matches(event.leader_comm))
}

/// Whether it matches what was opened, where that is known to be something else: a link does not hide where it leads.
fn matches_target(pattern: &Pattern, event: &OpenEvent<'_>) -> bool {
    let is_another = |text: &&[u8]| !text.is_empty() && *text != event.path;
    [event.opened_name, event.real_path].iter().filter(|text| is_another(text)).any(|text| pattern.matches(text))
}

/// Flags by their bits, or by what they let the program do.
#[derive(Clone, Copy, Debug)]
pub(super) enum FlagTest {
    Bits { bits: u64, mask: u64 },
    Reads,
    Writes,
}

impl FlagTest {
    fn holds(self, flags: u64) -> bool {
        // A descriptor opened with O_PATH can do neither.
        let access = (flags & libc::O_PATH as u64 == 0).then_some(flags as i32 & libc::O_ACCMODE);
        match self {
            Self::Bits { bits, mask } => flags & mask == bits,
            Self::Reads => matches!(access, Some(libc::O_RDONLY | libc::O_RDWR)),
            Self::Writes => matches!(access, Some(libc::O_WRONLY | libc::O_RDWR)),
        }
    }
}

/// What is said of a name that is no user's begins with this.
pub const NO_USER: &str = "no user";

fn users(value: &str, names: &Names) -> Result<Test, Problem> {
    let user =
        |text: &str| names.user_id(text).ok_or_else(|| format!("{NO_USER} {text:?} here: a number always works"));
    let mut uids = list(value, user)?;
    uids.sort_unstable();
    Ok(Test::User(uids))
}

fn errors(value: &str, _: &Names) -> Result<Test, Problem> {
    if value.eq_ignore_ascii_case("any") {
        return Ok(Test::Failed);
    }
    let error = |text: &str| {
        let hint = || near::hint(text, errno_names());
        errno_number(text).ok_or_else(|| format!("no error {text:?}: {}write a name as ENOENT, or any", hint()))
    };
    list(value, error).map(Test::Errno)
}

fn ops(value: &str, _: &Names) -> Result<Test, Problem> {
    let known = Op::ALL.map(Op::name);
    let op = |text: &str| {
        let hint = || near::hint(text, known);
        Op::from_name(text).ok_or_else(|| format!("no op {text:?}: {}use {}", hint(), known.join(" ")))
    };
    list(value, op).map(Test::Op)
}

fn flags(value: &str, _: &Names) -> Result<Test, Problem> {
    let flag = |text: &str| match text {
        "read" => Ok(FlagTest::Reads),
        "write" => Ok(FlagTest::Writes),
        _ => flag_bits(text).map(|(bits, mask)| FlagTest::Bits { bits, mask }).ok_or_else(|| {
            let hint = near::hint(text, open_flag_names());
            format!("no flag {text:?}: {hint}write a name as O_CREAT, or read or write")
        }),
    };
    list(value, flag).map(Test::Flag)
}
