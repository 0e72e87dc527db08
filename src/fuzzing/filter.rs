//! Filters as users type them, and opens that they are held against.

use super::{Input, assert_displayable};
use crate::event::{Op, OpenEvent, PathKind, RealPathKind};
use crate::filter::{Filter, KernelFilter};
use crate::names::Names;

pub(super) const WORDS: &[&str] = &[
    "comm:",
    "file:",
    "path:",
    "dir:",
    "pid:",
    "uid:",
    "err:",
    "op:",
    "flag:",
    "fd:",
    "lat:",
    "container:",
    "pod:",
    "unit:",
    "cgroup:",
    "=",
    "!",
    " ",
    "\n",
    "\"",
    "'",
    "\\",
    ",",
    "any",
    "ENOENT",
    "openat",
    "O_CREAT",
    "read",
    "root",
    "1..9",
    ">1ms",
    "99999999999999999999",
    "(",
    ")",
    "(a|b)*",
    "[^a]",
    "{1000}",
    "\\p{L}",
    "^/etc",
    "$",
    ".*",
    "OR",
    " OR ",
    "!(",
    " )",
    "@web",
    "[(",
    "(?i)",
    "\u{202e}",
    "\u{1b}[2J",
    "/etc/hosts\n",
    "é",
];

/// The first line is the filter; of the others two each make an open.
pub(super) fn run(input: &[u8]) {
    let mut names = Names::from_passwd(b"root:x:0:0::/root:/bin/sh\nwww:x:33:33::/:/bin/sh\n");
    names.name_filter("web", "uid:www (comm:nginx OR file:^/srv/)");
    let mut input = Input(input);
    let typed = String::from_utf8_lossy(input.line()).into_owned();
    let filter = match Filter::parse(&typed, &names) {
        Ok(filter) => filter,
        Err(error) => {
            assert!(error.column <= typed.chars().count(), "{error} in {typed:?}");
            return assert_displayable(&error.to_string());
        }
    };
    let source = filter.source();
    let again = Filter::parse(&source, &names).unwrap_or_else(|error| panic!("{typed:?} became {source:?}: {error}"));
    assert_eq!(again.source(), source, "the filter of {typed:?}");
    // Brackets must have room for one more.
    let opposite = Filter::parse(&format!("!( {source} )"), &names).ok();
    let kernel = filter.kernel_part();
    assert_eq!(kernel, again.kernel_part(), "{typed:?} and {source:?} in the kernel");
    for number in 0..16 {
        let (comm, path) = (input.line(), input.line());
        let event = event(number, comm, path);
        let matches = filter.matches(&event, &names);
        assert_eq!(matches, again.matches(&event, &names), "{typed:?} and {source:?} for {event:?}");
        if let Some(opposite) = opposite.as_ref().filter(|_| !filter.is_empty()) {
            assert_ne!(matches, opposite.matches(&event, &names), "{source:?} and its opposite for {event:?}");
        }
        assert!(!matches || passes(&kernel, &event), "{typed:?} matches {event:?}, which {kernel:?} leaves out");
        if input.is_empty() {
            break;
        }
    }
}

fn event<'a>(number: i32, comm: &'a [u8], path: &'a [u8]) -> OpenEvent<'a> {
    OpenEvent {
        source: crate::event::Source::HERE,
        received_ns: 0,
        ts_ns: 1,
        time_ns: 1,
        start_ns: 1,
        pid: number.unsigned_abs(),
        tid: number.unsigned_abs(),
        ppid: 1,
        uid: if number % 3 == 0 { 33 } else { 0 },
        ret: if number % 2 == 0 { number } else { -number },
        fd_known: number % 5 != 0,
        flags: u64::from(number.unsigned_abs()),
        mode: 0,
        op: Op::ALL[number as usize % Op::ALL.len()],
        path_kind: PathKind::Absolute,
        dir_deleted: false,
        latency: Some(std::time::Duration::from_micros(300 * u64::from(number.unsigned_abs()))),
        cgroup: 0,
        comm,
        leader_comm: b"",
        name: path,
        path,
        opened_name: b"",
        real_path: b"",
        real_path_kind: RealPathKind::Whole,
    }
}

/// What the kernel does with this part of a filter.
fn passes(kernel: &KernelFilter, event: &OpenEvent<'_>) -> bool {
    (kernel.pids.is_empty() || kernel.pids.contains(&event.pid))
        && (kernel.uids.is_empty() || kernel.uids.contains(&event.uid))
        && kernel.failed.is_none_or(|failed| failed == event.failed())
        && (kernel.errnos.is_empty() || event.errno().is_some_and(|errno| kernel.errnos.contains(&errno)))
}
