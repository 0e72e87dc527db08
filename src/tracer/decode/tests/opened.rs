//! What is told of the opened file itself.

use super::*;

#[test]
fn what_was_opened_is_told_where_it_is_called_otherwise() {
    for (name, opened, told) in [
        ("/etc/alternatives/editor", "vim.basic", "vim.basic"),
        ("editor", "editor", ""),
        ("/etc/alternatives//editor//", "editor", ""),
        ("link/", "dir", "dir"),
        ("/", "/", ""),
        ("/proc", "/", ""),
        ("a/..", "b", ""),
        (".", "b", ""),
        ("b/...", "b", "b"),
        ("/proc/self/fd/3", "", ""),
        ("tail", "ail", "ail"),
        ("renamed", "new\0med", "new"),
    ] {
        let record = Record { opened: opened.as_bytes().to_vec(), ..record(name.as_bytes(), &[], &[]) };
        assert_eq!(record.decoded().get(0).unwrap().opened_name, told.as_bytes(), "{name} -> {opened}");
    }
    let unreadable = Record { opened: b"shadow".to_vec(), ..record(b"", &[event_flags::EVENT_NAME_UNREADABLE], &[]) };
    assert_eq!(unreadable.decoded().get(0).unwrap().opened_name, b"shadow");
    let mut nameless = Record { opened: b"#17".to_vec(), ..record(b"/tmp", &[], &[]) };
    nameless.header.flags = TMPFILE;
    assert_eq!(nameless.decoded().get(0).unwrap().opened_name, b"");
}

#[test]
fn the_real_path_is_that_of_the_opened_file() {
    let [real, cut, deleted, outside] = [
        event_flags::EVENT_REAL,
        event_flags::EVENT_REAL_CUT,
        event_flags::EVENT_REAL_DELETED,
        event_flags::EVENT_REAL_OUTSIDE,
    ];
    for (flags, components, path, kind) in [
        (&[real][..], &["vim.basic", "bin", "usr"][..], "/usr/bin/vim.basic", RealPathKind::Whole),
        (&[real], &[], "/", RealPathKind::Whole),
        (&[real, deleted], &["#17", "tmp"], "/tmp/#17", RealPathKind::Deleted),
        (&[real, cut, deleted], &["f", "d"], "/.../d/f", RealPathKind::Truncated),
        (&[real, outside], &["f"], "(unreachable)/f", RealPathKind::Outside),
        // A pipe, a memfd.
        (&[real, outside], &[], "", RealPathKind::Whole),
        (&[], &[], "", RealPathKind::Whole),
    ] {
        let flags = [flags, &[event_flags::EVENT_RELATIVE]].concat();
        let record = Record { real: components.to_vec(), ..record(b"link", &flags, &["etc"]) };
        let batch = record.decoded();
        let event = batch.get(0).unwrap();
        assert_eq!((event.real_path, event.real_path_kind), (path.as_bytes(), kind), "{flags:?}");
        assert_eq!((event.path, event.path_kind), (&b"/etc/link"[..], PathKind::Joined), "{flags:?}");
    }
}
