mod syntax;
mod tree;

use super::*;
use crate::event::{CgroupName, Op, PathKind, RealPathKind};
use proptest::prelude::*;
use std::time::Duration;

const CGROUP: u64 = 42;

fn names() -> Names {
    let mut names = Names::from_passwd(b"root:x:0:0::/:\nwww-data:x:33:33::/:\n");
    let id = "0123456789abcdef".repeat(4);
    names.learn(&CgroupName { name: None, id: CGROUP, path: format!("/system.slice/docker-{id}.scope").into() });
    names
}

fn event() -> OpenEvent<'static> {
    OpenEvent {
        source: crate::event::Source::HERE,
        received_ns: 0,
        ts_ns: 1,
        time_ns: 1,
        start_ns: 0,
        pid: 100,
        tid: 101,
        ppid: 1,
        uid: 33,
        ret: -libc::ENOENT,
        fd_known: true,
        flags: (libc::O_RDWR | libc::O_CREAT) as u64,
        mode: 0o644,
        op: Op::Openat,
        path_kind: PathKind::Joined,
        dir_deleted: false,
        latency: Some(Duration::from_micros(1500)),
        cgroup: CGROUP,
        comm: b"Web Content",
        leader_comm: b"firefox-esr",
        name: b"../etc/hosts",
        path: b"/srv/etc/hosts",
        opened_name: b"",
        real_path: b"",
        real_path_kind: RealPathKind::Whole,
    }
}

#[test]
fn pods_are_found_by_name_with_and_without_their_namespace() {
    let mut names = names();
    let path = format!("/kubepods/pod2b1a8c3e-5f1d-4a8e-9d6b-0c7e1f2a3b4c/{}", "0123456789abcdef".repeat(4));
    names.learn(&CgroupName { name: Some(b"prod/web-1/nginx".into()), id: 7, path: path.into() });
    let holds = |expression: &str| parse(expression).matches(&OpenEvent { cgroup: 7, ..event() }, &names);
    for expression in ["pod:^web", "pod:=web-1", "pod:=prod/web-1", "pod:^prod/", "container:/nginx$", "!pod:nginx"] {
        assert!(holds(expression), "{expression}");
    }
    assert!(!holds("pod:^prod$"));
    assert!(!parse("pod:.").matches(&event(), &names), "a container without a pod");
}

fn parse(expression: &str) -> Filter {
    Filter::parse(expression, &names()).unwrap_or_else(|error| panic!("{expression}: {error}"))
}

#[track_caller]
fn holds(expression: &str, expected: bool) {
    assert_eq!(parse(expression).matches(&event(), &names()), expected, "{expression}");
}

#[test]
fn an_empty_filter_holds_always() {
    holds("", true);
    holds("   ", true);
    assert!(parse(" ").is_empty());
}

#[test]
fn what_holds_for_an_open() {
    for expression in [
        "web",
        "srv/etc",
        "^/srv",
        r"\bhosts$",
        "'web content'",
        r"web\ content",
        r#"comm:"web content""#,
        "comm:=\"Web Content\"",
        "comm:^firefox",
        "comm:=firefox-esr",
        "esr",
        "file:hosts$",
        r"file:^\.\./etc",
        "path:=/srv/etc/hosts",
        "dir:^/srv/etc$",
        "pid:100",
        "pid:1,100",
        "pid:>99",
        "tid:101 ppid:1",
        "uid:33",
        "user:www-data,root",
        "err:ENOENT",
        "err:eacces,2",
        "err:any",
        "op:openat,creat",
        "flag:O_CREAT",
        "flag:O_RDWR",
        "flag:write flag:read",
        "lat:>1ms",
        "lat:1ms..2ms",
        "container:^docker:0123",
        "container:=docker:0123456789ab",
        "unit:docker-.*scope$",
        "cgroup:^/system.slice/",
        "!nginx",
        "!err:EACCES !op:creat web",
        "COMM:web",
    ] {
        holds(expression, true);
        assert!(!parse(&format!("!({expression} .)")).matches(&event(), &names()), "not {expression}");
    }
}

#[test]
fn what_does_not_hold_for_it() {
    for expression in [
        "WEB",
        "web nginx",
        "comm:hosts",
        "file:web",
        "dir:hosts",
        "comm:=web",
        "pid:10",
        "pid:<100",
        "uid:0",
        "err:EACCES",
        "!err:any",
        "op:open",
        "flag:O_EXCL",
        "flag:O_RDONLY",
        "fd:>=0",
        "lat:<1ms",
        "container:podman",
        "!web",
    ] {
        holds(expression, false);
    }
}

#[test]
fn a_success_has_a_descriptor_and_no_error() {
    let opened = OpenEvent { ret: 7, latency: None, cgroup: 0, ..event() };
    let holds = |expression: &str| parse(expression).matches(&opened, &names());
    assert!(holds("fd:7") && holds("!err:any") && holds("fd:1..7"));
    assert!(!holds("err:any") && !holds("lat:>0ns") && !holds("container:.") && !holds("fd:8"));
    let elsewhere = OpenEvent { fd_known: false, ..opened };
    assert!(!parse("fd:7").matches(&elsewhere, &names()));
    let path_only = OpenEvent { flags: libc::O_PATH as u64, ..opened };
    assert!(!parse("flag:read").matches(&path_only, &names()));
}

#[test]
fn a_link_does_not_hide_where_it_leads() {
    let link = OpenEvent { path: b"/tmp/x", name: b"/tmp/x", opened_name: b"shadow", ..event() };
    let resolved = OpenEvent { real_path: b"/etc/shadow", ..link };
    for (expression, by_name, by_path) in [
        ("file:^shadow$", true, true),
        ("file:^/etc/shadow$", false, true),
        ("/etc/sha", false, true),
        ("shadow", true, true),
        ("!file:shadow", false, false),
        ("file:^/tmp/x$", true, true),
        ("file:^$", false, false),
    ] {
        assert_eq!(parse(expression).matches(&link, &names()), by_name, "{expression}");
        assert_eq!(parse(expression).matches(&resolved, &names()), by_path, "{expression}, resolved");
    }
}

#[test]
fn options_become_terms() {
    let names = names();
    let term = |field, value| Term::new(field, value, &names).unwrap();
    for (field, value, source, expected) in [
        ("comm", "web content", "comm:\"web content\"", true),
        ("comm", "!^nginx$", "!comm:^nginx$", true),
        ("file", "it's", "file:\"it's\"", false),
        ("err", "ENOENT,EACCES", "err:ENOENT,EACCES", true),
        ("pid", "!100", "!pid:100", false),
    ] {
        let filter = Filter::from_terms(vec![term(field, value)]);
        assert_eq!(filter.source(), source);
        assert_eq!(filter.matches(&event(), &names), expected, "{source}");
        assert_eq!(parse(&filter.source()).matches(&event(), &names), expected, "{source}");
    }
    let both = parse("web").and(Filter::from_terms(vec![term("pid", "100")]));
    assert_eq!(both.to_string(), "web pid:100");
    let bad = Term::new("file", "!é(", &names).unwrap_err();
    assert_eq!(bad.column, 2);
    assert!(Term::new("nofield", "x", &names).is_err());
}

#[test]
fn a_selected_name_is_found_whatever_it_is() {
    for comm in
        ["cat", "a b", "it's", "\"", "'\"", "!x", "=y", "a.c", r"\x1b[2J", r"a\\b", r"\\", "(", "a:b", r"\ ", "\n"]
    {
        is_found_exactly(comm.as_bytes());
    }
}

/// The term for this command name is one line and one word, and holds for nothing else.
#[track_caller]
fn is_found_exactly(comm: &[u8]) {
    let term = Term::exact("comm", comm, &names()).unwrap();
    let written = format!("{} pid:100", term.source());
    let filter = parse(&written);
    assert_eq!(filter.checked_by().len(), 2, "{written}");
    assert!(crate::escape::is_shown_as_it_is(&written), "{written:?}");
    let more = [comm, b"x"].concat();
    let others = [&b"other"[..], &more, &comm[..comm.len().saturating_sub(1)]];
    assert!(filter.matches(&OpenEvent { comm, ..event() }, &names()), "{written}");
    for comm in others.into_iter().filter(|other| *other != comm) {
        assert!(!filter.matches(&OpenEvent { comm, ..event() }, &names()), "{written}");
    }
}

#[test]
fn names_are_matched_as_they_are() {
    let path = b"/dev/by\\x2dlabel\x1b\xff";
    let event = OpenEvent { path, name: path, ..event() };
    let matches = |expression: &str| parse(expression).matches(&event, &names());
    for expression in [r"by\\x2dlabel", r"by.x2d", r"\x1b", r"(?-u:\xff)$", r"file:l\x1b(?-u:\xff)", r"BY|by\\"] {
        assert!(matches(expression), "{expression}");
    }
    for expression in [r"by\x2dlabel", r"\\x1b", r"\\xff", r"file:=/dev/by\x2dlabel"] {
        assert!(!matches(expression), "{expression}");
    }
    let plain = OpenEvent { path: br"/dev/by\x2dlabel.swap", ..event };
    assert!(parse(r"file:=/dev/by\x2dlabel.swap").matches(&plain, &names()));
}

#[test]
fn the_kernel_gets_what_it_can_check() {
    let kernel_of = |expression: &str| parse(expression).kernel_part();
    assert!(kernel_of("web file:x tid:1 !pid:1 !uid:0 !err:ENOENT pid:>5 op:open").is_empty());
    assert_eq!(
        kernel_of("pid:1,2 web uid:www-data err:ENOENT,EACCES err:any"),
        KernelFilter { pids: vec![1, 2], uids: vec![33], failed: Some(true), errnos: vec![libc::ENOENT, libc::EACCES] }
    );
    assert_eq!(kernel_of("!err:any").failed, Some(false));
    // One condition of a kind is handed over; the others are checked in userspace.
    assert_eq!(kernel_of("pid:1,2 pid:2").pids, [1, 2]);
    let filter = parse("pid:1 web pid:2 err:any");
    let checked_by = filter.checked_by();
    let checked_by: Vec<_> = checked_by.iter().map(|(part, by)| (part.as_str(), *by)).collect();
    let (kernel, userspace) = (CheckedBy::Kernel, CheckedBy::Userspace);
    assert_eq!(checked_by, [("pid:1", kernel), ("web", userspace), ("pid:2", userspace), ("err:any", kernel)]);
    // Of alternatives the kernel checks none, of a conjunction in brackets or by name each term.
    assert!(kernel_of("pid:1 OR pid:2").is_empty() && kernel_of("!(pid:1 uid:0)").is_empty());
    assert_eq!(kernel_of("(pid:1 (uid:0 OR web))").pids, [1]);
    let mut names = names();
    names.name_filter("mine", "pid:7 web");
    let named = Filter::parse("@mine err:any", &names).unwrap();
    assert_eq!((named.kernel_part().pids, named.kernel_part().failed), (vec![7], Some(true)));
    assert_eq!(named.kernel_terms(), ["pid:7", "err:any"]);
    assert_eq!(named.checked_by()[0], ("@mine".to_owned(), CheckedBy::Userspace));
}

proptest! {
    #[test]
    fn any_bytes_are_found_exactly(
        comm in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'\\'), Just(b'"'), Just(b' ')], 1..=15),
    ) {
        is_found_exactly(&comm);
    }

    #[test]
    fn no_expression_panics(expression in r#"[a-z:!"'\\(\[=,.> ]{0,24}|.*"#) {
        let names = names();
        match Filter::parse(&expression, &names) {
            Ok(filter) => {
                let held = filter.matches(&event(), &names);
                let again = Filter::parse(&filter.source(), &names).map(|f| f.matches(&event(), &names));
                prop_assert_eq!(again, Ok(held));
            }
            Err(error) => {
                prop_assert!(error.column <= expression.chars().count());
                prop_assert!(!error.to_string().contains('\n'));
            }
        }
    }
}

#[test]
fn a_term_is_added_once_and_undoes_its_opposite() {
    let names = names();
    let term = Term::new("pid", "7", &names).unwrap();
    let with = |line: &str, term: Term| parse(line).with(term).source();
    assert_eq!(with("", term.clone()), "pid:7");
    assert_eq!(with("cat", term.clone()), "cat pid:7");
    assert_eq!(with("cat pid:7", term.clone()), "cat pid:7");
    assert_eq!(with("pid:7 cat", term.negate()), "cat !pid:7");
}

#[test]
fn a_name_that_is_longer_than_the_kernel_keeps_matches_what_it_keeps_and_says_so() {
    let kept = OpenEvent { comm: b"gnome-terminal-", leader_comm: b"", ..event() };
    let another = OpenEvent { comm: b"gnome-terminal", ..kept };
    for expression in [
        "comm:gnome-terminal-server",
        "comm:=gnome-terminal-server",
        "comm:^gnome-terminal-server$",
        "comm:GNOME-terminal-server !pid:1",
    ] {
        let filter = parse(expression);
        let insensitive = !expression.contains("GNOME");
        assert_eq!(filter.matches(&kept, &names()), insensitive, "{expression}");
        assert!(!filter.matches(&another, &names()), "{expression}");
        let remarks: Vec<_> = filter.remarks().collect();
        assert!(remarks[0].to_lowercase().contains("finds all that are cut to \"gnome-terminal-\""), "{remarks:?}");
    }
    for expression in
        ["comm:gnome-terminal-", "comm:=gnome-terminal-", "comm:gnome-(terminal-server)?", "file:a-name-that-is-long"]
    {
        assert_eq!(parse(expression).remarks().count(), 0, "{expression}");
    }
}
