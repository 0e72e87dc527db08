mod opened;
mod ring;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::bpf::as_bytes;

/// What the BPF side writes, in parts that a test can vary.
#[derive(Clone, Debug)]
struct Record {
    header: open_event,
    name: Vec<u8>,
    opened: Vec<u8>,
    /// Innermost component first, as the walk finds them.
    dir: Vec<&'static str>,
    real: Vec<&'static str>,
}

fn record(name: &[u8], flags: &[event_flags], dir: &[&'static str]) -> Record {
    let mut header = open_event {
        ts_ns: 1_000,
        start_ns: 500,
        cgroup: 77,
        latency_ns: 0,
        uring_key: 0,
        pid: 10,
        tid: 11,
        ppid: 9,
        uid: 33,
        ret: 3,
        flags: libc::O_CLOEXEC as u64,
        mode: 0o644,
        event_flags: flags.iter().fold(0, |all, bit| all | bit.0 as u16),
        name_len: 0,
        opened_len: 0,
        dir_len: 0,
        real_len: 0,
        op: Op::Openat as u8,
        comm: [0; 16],
        leader_comm: [0; 16],
    };
    set_comm(&mut header, b"nginx");
    Record { header, name: name.to_vec(), opened: Vec::new(), dir: dir.to_vec(), real: Vec::new() }
}

fn set_comm(header: &mut open_event, comm: &[u8]) {
    for (to, from) in header.comm.iter_mut().zip(comm) {
        *to = *from as _;
    }
}

impl Record {
    fn bytes(&self) -> Vec<u8> {
        let walked = |parts: &[&str]| parts.iter().flat_map(|part| part.bytes().chain([0])).collect::<Vec<u8>>();
        let (dir, real) = (walked(&self.dir), walked(&self.real));
        let mut header = self.header;
        [header.name_len, header.dir_len, header.real_len] = [&self.name, &dir, &real].map(|text| text.len() as u16);
        header.opened_len = self.opened.len() as u8;
        [as_bytes(&header), &self.name, &self.opened, &dir, &real].concat()
    }

    /// The batch that it decodes to, alone.
    #[track_caller]
    fn decoded(&self) -> Batch {
        let mut batch = Batch::default();
        Decoder::default().decode(&self.bytes(), &mut batch).unwrap();
        assert_eq!(batch.len(), 1);
        batch
    }
}

#[track_caller]
fn assert_path(record: &Record, path: &str, kind: PathKind) {
    let batch = record.decoded();
    let event = batch.get(0).unwrap();
    assert_eq!((event.path, event.path_kind), (path.as_bytes(), kind));
    assert_eq!(event.name, record.name);
}

#[test]
fn every_field_arrives() {
    let mut whole = record(b"/etc/hosts", &[], &[]);
    whole.header.latency_ns = 1_500;
    let mut decoder = Decoder { clock_offset_ns: 1_000_000, ..Decoder::default() };
    let mut batch = Batch::default();
    decoder.decode(&whole.bytes(), &mut batch).unwrap();
    let expected = OpenEvent {
        source: crate::event::Source::HERE,
        received_ns: 0,
        ts_ns: 1_000,
        time_ns: 1_001_000,
        start_ns: 500,
        pid: 10,
        tid: 11,
        ppid: 9,
        uid: 33,
        ret: 3,
        fd_known: true,
        flags: libc::O_CLOEXEC as u64,
        mode: 0o644,
        op: Op::Openat,
        path_kind: PathKind::Absolute,
        dir_deleted: false,
        latency: Some(Duration::from_nanos(1_500)),
        cgroup: 77,
        comm: b"nginx",
        leader_comm: b"",
        name: b"/etc/hosts",
        path: b"/etc/hosts",
        opened_name: b"",
        real_path: b"",
        real_path_kind: RealPathKind::Whole,
    };
    assert_eq!(batch.get(0), Some(expected));
}

#[test]
fn a_thread_that_is_called_otherwise_has_the_name_of_its_process_too() {
    for (leader, leader_comm, process) in
        [(&b""[..], &b""[..], &b"nginx"[..]), (b"nginx", b"", b"nginx"), (b"java", b"java", b"java")]
    {
        let mut record = record(b"/x", &[], &[]);
        for (to, from) in record.header.leader_comm.iter_mut().zip(leader) {
            *to = *from as _;
        }
        let batch = record.decoded();
        let event = batch.get(0).unwrap();
        assert_eq!((event.comm, event.leader_comm, event.process()), (&b"nginx"[..], leader_comm, process));
    }
}

#[test]
fn absolute_names_are_folded_and_nothing_else() {
    for (name, path) in [
        ("/etc/hosts", "/etc/hosts"),
        ("/", "/"),
        ("//etc///hosts", "/etc/hosts"),
        ("/etc/./hosts", "/etc/hosts"),
        ("/etc/ssl/../hosts", "/etc/hosts"),
        ("/../../etc", "/etc"),
        ("/etc/", "/etc"),
        ("/..", "/"),
        ("/etc/..hidden/.x", "/etc/..hidden/.x"),
        ("/a/...", "/a/..."),
    ] {
        assert_path(&record(name.as_bytes(), &[], &[]), path, PathKind::Absolute);
    }
}

#[test]
fn relative_names_are_joined_from_the_innermost_directory_outwards() {
    let relative = |name: &str, dir: &[&'static str]| record(name.as_bytes(), &[event_flags::EVENT_RELATIVE], dir);
    for (name, dir, path) in [
        ("hosts", &["etc"][..], "/etc/hosts"),
        ("app.log", &["nginx", "log", "var"], "/var/log/nginx/app.log"),
        ("../passwd", &["ssl", "etc"], "/etc/passwd"),
        ("../../../../x", &["b", "a"], "/x"),
        (".", &["b", "a"], "/a/b"),
        ("vmlinuz", &[], "/vmlinuz"),
    ] {
        assert_path(&relative(name, dir), path, PathKind::Joined);
    }
}

#[test]
fn a_handle_has_the_path_of_its_file_and_no_name() {
    assert_path(&record(b"", &[event_flags::EVENT_FROM_FILE], &["hosts", "etc"]), "/etc/hosts", PathKind::Handle);
    assert_path(&record(b"", &[event_flags::EVENT_FROM_FILE], &[]), "/", PathKind::Handle);
}

#[test]
fn a_deleted_directory_is_told() {
    let deleted = record(b"x", &[event_flags::EVENT_RELATIVE, event_flags::EVENT_DIR_DELETED], &["gone", "tmp"]);
    assert_path(&deleted, "/tmp/gone/x", PathKind::Joined);
    assert!(deleted.decoded().get(0).unwrap().dir_deleted);
}

#[test]
fn what_is_outside_of_the_root_is_no_absolute_path() {
    let outside = record(b"x", &[event_flags::EVENT_RELATIVE, event_flags::EVENT_DIR_OUTSIDE], &["b", "a"]);
    assert_path(&outside, "(unreachable)/a/b/x", PathKind::Unreadable);
}

#[test]
fn what_was_cut_is_told() {
    let cut_dir = record(b"x", &[event_flags::EVENT_RELATIVE, event_flags::EVENT_DIR_CUT], &["b", "a"]);
    assert_path(&cut_dir, "/.../a/b/x", PathKind::Truncated);
    assert_path(&record(b"/long", &[event_flags::EVENT_NAME_CUT], &[]), "/long", PathKind::Truncated);
}

#[test]
fn a_name_whose_directory_is_unknown_stands_alone() {
    let unknown = record(b"../x", &[event_flags::EVENT_RELATIVE, event_flags::EVENT_DIR_UNKNOWN], &[]);
    assert_path(&unknown, "../x", PathKind::Unreadable);
}

#[test]
fn a_name_that_cannot_be_read_is_no_empty_name() {
    assert_path(&record(b"", &[event_flags::EVENT_NAME_UNREADABLE], &[]), "", PathKind::Unreadable);
    // An empty name is real, and ENOENT wherever the process is.
    let empty = Record {
        header: open_event { ret: -libc::ENOENT, ..record(b"", &[], &[]).header },
        ..record(b"", &[event_flags::EVENT_RELATIVE], &["tmp"])
    };
    assert_path(&empty, "", PathKind::Absolute);
    assert_eq!(empty.decoded().get(0).unwrap().errno(), Some(libc::ENOENT));
}

#[test]
fn an_unknown_descriptor_is_none_and_a_failure_has_none() {
    let unknown = record(b"/x", &[event_flags::EVENT_FD_UNKNOWN], &[]).decoded();
    assert_eq!((unknown.get(0).unwrap().fd(), unknown.get(0).unwrap().failed()), (None, false));
    let mut failed = record(b"/x", &[], &[]);
    failed.header.ret = i32::MIN;
    let failed = failed.decoded();
    assert_eq!((failed.get(0).unwrap().fd(), failed.get(0).unwrap().errno()), (None, Some(i32::MAX)));
}

#[test]
fn command_names_end_at_their_nul_or_fill_their_field() {
    for (comm, name) in [
        (&b"cat\0left over"[..], &b"cat"[..]),
        (b"0123456789abcdef", b"0123456789abcdef"),
        (b"\0hidden", b""),
        (b"a\x1b[2Jb", b"a\x1b[2Jb"),
        (b"\xff\xfe", b"\xff\xfe"),
    ] {
        let mut named = record(b"/x", &[], &[]);
        named.header.comm = [0; 16];
        set_comm(&mut named.header, comm);
        let batch = named.decoded();
        assert_eq!(batch.get(0).unwrap().comm, name);
    }
}

#[test]
fn hostile_names_are_kept_byte_for_byte() {
    let hostile = record(b"a\x1b]0;x\x07\n\xff", &[event_flags::EVENT_RELATIVE], &["tmp"]).decoded();
    let event = hostile.get(0).unwrap();
    assert_eq!(event.path, b"/tmp/a\x1b]0;x\x07\n\xff");
    assert_eq!((event.name, event.base_name(), event.dir()), (&event.path[5..], &event.path[5..], &b"/tmp"[..]));
}

#[test]
fn the_longest_name_below_the_longest_directory_is_kept_whole() {
    let name = vec![b'n'; 4095];
    let dir = ["d".repeat(255).leak() as &'static str; 15];
    let long = record(&name, &[event_flags::EVENT_RELATIVE], &dir).decoded();
    let event = long.get(0).unwrap();
    assert_eq!((event.path.len(), event.name.len()), (15 * 256 + 1 + 4095, 4095));
}

#[test]
fn decoding_again_leaves_nothing_of_what_came_before() {
    let (mut decoder, mut batch) = (Decoder::default(), Batch::default());
    for name in ["/a/very/long/../name", "/b", ""] {
        decoder.decode(&record(name.as_bytes(), &[], &[]).bytes(), &mut batch).unwrap();
    }
    let paths: Vec<_> = batch.iter().map(|event| event.path.to_owned()).collect();
    assert_eq!(paths, [&b"/a/very/name"[..], b"/b", b""]);
}

/// Decodes into a batch that holds an event already, and sees that an error leaves it as it was.
#[track_caller]
fn refused(bytes: &[u8]) -> DecodeError {
    let (mut decoder, mut batch) = (Decoder::default(), Batch::default());
    let good = record(b"/good", &[], &[]).bytes();
    decoder.decode(&good, &mut batch).unwrap();
    let error = decoder.decode(bytes, &mut batch).unwrap_err();
    assert_eq!((batch.len(), batch.get(0).unwrap().path), (1, &b"/good"[..]));
    // What failed must not leak into what comes next.
    decoder.decode(&good, &mut batch).unwrap();
    assert_eq!(batch.get(0), batch.get(1));
    error
}

#[test]
fn a_record_cut_at_any_length_is_refused_with_the_reason() {
    let whole = record(b"hosts", &[event_flags::EVENT_RELATIVE], &["ssl", "etc"]).bytes();
    let header = size_of::<open_event>();
    for len in 0..whole.len() {
        let expected = if len < header {
            DecodeError::Short(len)
        } else {
            DecodeError::Names { have: len - header, claimed: whole.len() - header }
        };
        assert_eq!(refused(&whole[..len]), expected);
    }
}

#[test]
fn lengths_beyond_the_record_are_refused() {
    for (name_len, dir_len) in [(u16::MAX, 0), (0, u16::MAX), (u16::MAX, u16::MAX), (3, 0), (2, 1)] {
        let header = open_event { name_len, dir_len, ..record(b"", &[], &[]).header };
        let bytes = [as_bytes(&header), b"/x"].concat();
        let claimed = usize::from(name_len) + usize::from(dir_len);
        assert_eq!(refused(&bytes), DecodeError::Names { have: 2, claimed });
    }
}

#[test]
fn unknown_ways_of_opening_are_refused() {
    for op in [Op::ALL.len() as u8, u8::MAX] {
        let mut strange = record(b"/x", &[], &[]);
        strange.header.op = op;
        assert_eq!(refused(&strange.bytes()), DecodeError::Op(op));
    }
}

#[test]
fn the_ways_of_opening_are_those_of_the_header() {
    use crate::bpf::types::op;
    let ops = [
        (op::OP_OPEN, Op::Open),
        (op::OP_OPENAT, Op::Openat),
        (op::OP_OPENAT2, Op::Openat2),
        (op::OP_CREAT, Op::Creat),
        (op::OP_OPEN_BY_HANDLE_AT, Op::OpenByHandleAt),
        (op::OP_IO_URING, Op::IoUring),
        (op::OP_EXEC, Op::Exec),
        (op::OP_KERNEL, Op::Kernel),
        (op::OP_STAT, Op::Stat),
        (op::OP_ACCESS, Op::Access),
        (op::OP_READLINK, Op::Readlink),
    ];
    for (wire, here) in ops {
        assert_eq!(Op::ALL.get(wire.0 as usize), Some(&here));
    }
    assert_eq!(ops.len(), Op::ALL.len());
}

#[test]
fn bytes_behind_the_names_are_not_read() {
    // The ring buffer rounds records up to eight bytes.
    let mut padded = record(b"/x", &[], &[]).bytes();
    padded.extend([0xff; 7]);
    let mut batch = Batch::default();
    Decoder::default().decode(&padded, &mut batch).unwrap();
    assert_eq!(batch.get(0).unwrap().path, b"/x");
}

/// Decodes whatever it is. If it is a record, all that came of it can be asked for.
fn survives(bytes: &[u8]) -> Result<(), TestCaseError> {
    let mut batch = Batch::default();
    if Decoder::default().decode(bytes, &mut batch).is_err() {
        prop_assert!(batch.is_empty());
        return Ok(());
    }
    // The first half of an open by io_uring makes no event yet.
    prop_assert!(batch.len() <= 1);
    for event in batch.iter() {
        let _ = (event.base_name(), event.dir(), event.errno(), event.fd());
    }
    Ok(())
}

proptest! {
    #[test]
    fn garbage_never_panics(bytes in vec(any::<u8>(), 0..400)) {
        survives(&bytes)?;
    }

    #[test]
    fn garbage_with_believable_lengths_never_panics(
        header in vec(any::<u8>(), size_of::<open_event>()),
        name in vec(any::<u8>(), 0..300),
        dir in vec(any::<u8>(), 0..300),
        op in 0..Op::ALL.len() as u8,
    ) {
        let mut header = from_bytes::<open_event>(&header).unwrap();
        (header.name_len, header.dir_len, header.op) = (name.len() as u16, dir.len() as u16, op);
        survives(&[as_bytes(&header), &name, &dir].concat())?;
    }

    #[test]
    fn any_name_gives_its_bytes_back(name in vec(1..=u8::MAX, 1..300)) {
        let batch = record(&name, &[], &[]).decoded();
        prop_assert_eq!(batch.get(0).unwrap().name, name);
    }

    #[test]
    fn folding_leaves_an_absolute_path_without_dots(name in "/[./a]{0,12}") {
        let batch = record(name.as_bytes(), &[], &[]).decoded();
        let path = batch.get(0).unwrap().path;
        let path = str::from_utf8(path).unwrap();
        prop_assert!(path.starts_with('/'));
        prop_assert!(path == "/" || path[1..].split('/').all(|part| !matches!(part, "" | "." | "..")), "{}", path);
    }
}
