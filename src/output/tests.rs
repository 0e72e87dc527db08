use super::*;
use crate::escape::escape;
use crate::event::{CgroupName, Op, RealPathKind, sample};
use crate::message::{Cause, Lookups};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::time::Duration;

fn names() -> Names {
    let mut names = Names::without_users();
    let id = "0123456789abcdef".repeat(4);
    names.learn(&CgroupName { name: None, id: 1, path: b"/user.slice".into() });
    names.learn(&CgroupName { name: None, id: 2, path: format!("/system.slice/docker-{id}.scope").into() });
    names.learn(&CgroupName { name: None, id: 3, path: br"/system.slice/system-a\x2db.slice/x.service".into() });
    names
}

fn totals() -> Totals {
    let lost = Lost { ring: 10, queue: 2, missed: 1, ..Lost::default() };
    Totals { opens: 1000, failed: 10, delivered: 988, filtered: 0, hidden: 5, lookups: Lookups::default(), lost }
}

/// What `write` puts out in the form that `form` makes.
fn written<'a, O: Output + 'a>(
    lines: &'a mut Vec<u8>,
    form: fn(&'a mut Vec<u8>) -> O,
    write: impl FnOnce(&mut dyn Output),
) {
    let mut output = form(lines);
    write(&mut output);
    output.flush().unwrap();
}

fn text(write: impl FnOnce(&mut dyn Output)) -> String {
    let mut lines = Vec::new();
    written(&mut lines, Text::new, write);
    String::from_utf8(lines).unwrap()
}

fn json(write: impl FnOnce(&mut dyn Output)) -> String {
    let mut lines = Vec::new();
    written(&mut lines, Json::new, write);
    String::from_utf8(lines).unwrap()
}

fn csv(write: impl FnOnce(&mut dyn Output)) -> String {
    let mut lines = Vec::new();
    written(&mut lines, Csv::new, write);
    String::from_utf8(lines).unwrap()
}

fn json_open(event: &OpenEvent<'_>) -> Value {
    serde_json::from_str(&json(|out| out.open(event, &names()).unwrap())).unwrap()
}

#[test]
fn json_names_the_pod_where_there_is_one() {
    let mut names = names();
    let path = format!("/kubepods/pod2b1a8c3e-5f1d-4a8e-9d6b-0c7e1f2a3b4c/{}", "0123456789abcdef".repeat(4));
    names.learn(&CgroupName { name: Some(b"prod/web-1/nginx".into()), id: 7, path: path.into() });
    let line = json(|out| out.open(&OpenEvent { cgroup: 7, ..sample() }, &names).unwrap());
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&line["pod"], &line["namespace"]), (&json!("web-1"), &json!("prod")));
    assert_eq!(line["container"], "kubernetes:prod/web-1/nginx");
    assert_eq!(json_open(&OpenEvent { cgroup: 2, ..sample() }).get("pod"), None);
}

#[test]
fn text_has_the_columns_that_are_asked_for() {
    let columns: Vec<_> = TextColumn::ALL.into_iter().map(|(column, ..)| column).collect();
    let mut lines = Vec::new();
    let later = OpenEvent { ts_ns: sample().ts_ns + 1, comm: b"\x1b", leader_comm: b"", ret: -2, ..sample() };
    let mut out = Text::of(&columns, &mut lines);
    out.header().unwrap();
    out.open(&sample(), &names()).unwrap();
    out.open(&later, &names()).unwrap();
    out.flush().unwrap();
    drop(out);
    let lines = String::from_utf8(lines).unwrap();
    let rows: Vec<Vec<_>> = lines.lines().map(|line| line.split_whitespace().collect()).collect();
    // No cell is empty, so that the columns can be counted.
    assert!(rows.iter().all(|row| row.len() == columns.len() + 1), "{lines}");
    assert_eq!(rows[0][..4], ["TIME(s)", "TIME", "BETWEEN(s)", "COMM"]);
    assert_eq!((rows[1][2], rows[2][2], rows[2][3]), ("0.000000000", "0.000000001", r"\x1b"));
    assert!(rows[1][1].ends_with('Z') && rows[1][1].len() == 30, "{lines}");
}

#[test]
fn text_lines() {
    let later = OpenEvent { ts_ns: sample().ts_ns + 12_000_345_678, ret: -libc::ENOENT, ..sample() };
    let earlier = OpenEvent { ts_ns: sample().ts_ns - 1, comm: "漢字".as_bytes(), fd_known: false, ..sample() };
    let unreadable = OpenEvent { name: b"", path: b"", path_kind: PathKind::Unreadable, ..later };
    let relative = OpenEvent { name: b"a/b", path: b"a/b", ..unreadable };
    let outside = OpenEvent { path: b"(unreachable)/x/a/b", ..relative };
    let empty = OpenEvent { name: b"", path: b"/home/", path_kind: PathKind::Joined, ..later };
    let cut = OpenEvent { path_kind: PathKind::Truncated, ..sample() };
    let link = OpenEvent { opened_name: b"hosts\x1b.old", ..sample() };
    let led = OpenEvent { real_path: b"/run/x\x07", ..link };
    let deleted = OpenEvent { real_path: sample().path, real_path_kind: RealPathKind::Deleted, ..sample() };
    let same = OpenEvent { real_path: sample().path, ..sample() };
    let changed = OpenEvent { ret: 3, opened_name: b"shadow", ..unreadable };
    let shown = text(|out| {
        out.header().unwrap();
        for event in
            [sample(), later, earlier, unreadable, relative, outside, empty, cut, link, led, deleted, same, changed]
        {
            out.open(&event, &names()).unwrap();
        }
        out.lost(Cause::Ring, 12).unwrap();
        out.summary(&totals(), "syscall exit").unwrap();
    });
    insta::assert_snapshot!(shown, @r#"
    TIME(s)        COMM             PID     FD       ERR          FILE
    0.000000000    cat              100     3        -            /etc/hosts
    12.000345678   cat              100     -        ENOENT       /etc/hosts
    -0.000000001   漢字             100     -        -            /etc/hosts
    12.000345678   cat              100     -        ENOENT       (unreadable)
    12.000345678   cat              100     -        ENOENT       a/b (directory unknown)
    12.000345678   cat              100     -        ENOENT       (unreachable)/x/a/b
    12.000345678   cat              100     -        ENOENT       ""
    0.000000000    cat              100     3        -            /etc/hosts (cut)
    0.000000000    cat              100     3        -            /etc/hosts -> hosts\x1b.old
    0.000000000    cat              100     3        -            /etc/hosts -> /run/x\x07
    0.000000000    cat              100     3        -            /etc/hosts -> /etc/hosts (deleted)
    0.000000000    cat              100     3        -            /etc/hosts
    12.000345678   cat              100     3        -            (unreadable) -> shadow
    # lost 12 (ring)
    # opens 1000, failed 10, delivered 988, dropped 12, hidden 5, lost 10 (ring), lost 2 (queue), lost 1 (missed), hooks: syscall exit
    "#);
}

/// A look-up has no flags, and the name of its call pushes nothing out of its column.
#[test]
fn look_ups_in_text() {
    let columns = [TextColumn::Flags, TextColumn::Fd, TextColumn::Err];
    let mut shown = Vec::new();
    let mut out = Text::of(&columns, &mut shown);
    out.header().unwrap();
    for op in [Op::Access, Op::Readlink, Op::Stat, Op::Openat] {
        out.open(&OpenEvent { op, ret: -libc::ENOENT, flags: 0, ..sample() }, &names()).unwrap();
    }
    out.flush().unwrap();
    drop(out);
    insta::assert_snapshot!(String::from_utf8(shown).unwrap(), @r"
    FLAGS                    FD       ERR          FILE
    -                        access   ENOENT       /etc/hosts
    -                        readlink ENOENT       /etc/hosts
    -                        stat     ENOENT       /etc/hosts
    O_RDONLY                 -        ENOENT       /etc/hosts
    ");
}

#[test]
fn json_has_the_fields_of_the_contract_in_their_order() {
    let event = OpenEvent { cgroup: 1, latency: Some(Duration::from_nanos(1234)), ..sample() };
    let line = json(|out| out.open(&event, &names()).unwrap());
    insta::assert_snapshot!(line, @r#"{"type":"open","time":"2026-01-02T03:04:05.123456789Z","ts_ns":1000000000,"pid":100,"tid":100,"ppid":1,"uid":0,"process":"cat","comm":"cat","op":"openat","flags":["O_RDONLY","O_CLOEXEC"],"mode":null,"fd":3,"errno":null,"name":"/etc/hosts","path":"/etc/hosts","path_kind":"absolute","opened_name":null,"real_path":null,"latency_ns":1234,"cgroup":"/user.slice","container":null,"start_ns":500000000}"#);
}

#[test]
fn json_values_of_each_kind() {
    let create = OpenEvent { flags: (libc::O_WRONLY | libc::O_CREAT) as u64, mode: 0o644, cgroup: 2, ..sample() };
    let open = json_open(&create);
    assert_eq!(open["mode"], 0o644);
    assert_eq!(open["flags"], json!(["O_WRONLY", "O_CREAT"]));
    assert_eq!(open["container"], "docker:0123456789ab");

    let failed = json_open(&OpenEvent { ret: -libc::ENOENT, cgroup: 99, ..sample() });
    assert_eq!((&failed["fd"], &failed["errno"]), (&Value::Null, &json!("ENOENT")));
    assert_eq!((&failed["cgroup"], &failed["container"]), (&Value::Null, &Value::Null));

    let unknown = json_open(&OpenEvent { fd_known: false, cgroup: 3, dir_deleted: true, ..sample() });
    assert_eq!((&unknown["fd"], &unknown["errno"]), (&Value::Null, &Value::Null));
    assert_eq!(unknown["cgroup"], r"/system.slice/system-a\x2db.slice/x.service");
    assert_eq!(unknown["dir_deleted"], json!(true));

    let no_dir = OpenEvent { name: b"a", path: b"a", path_kind: PathKind::Unreadable, ..sample() };
    assert_eq!((&json_open(&no_dir)["name"], &json_open(&no_dir)["path"]), (&json!("a"), &Value::Null));
    let fault = OpenEvent { name: b"", path: b"", ..no_dir };
    assert_eq!(json_open(&fault)["name"], Value::Null);
    let handle = OpenEvent { name: b"", path_kind: PathKind::Handle, ..sample() };
    assert_eq!((&json_open(&handle)["name"], &json_open(&handle)["path"]), (&Value::Null, &json!("/etc/hosts")));
    let link = json_open(&OpenEvent { opened_name: b"\xff", ..sample() });
    assert_eq!((&link["opened_name"], &link["opened_name_b64"]), (&json!("\\xff"), &json!("/w==")));
    let led = json_open(&OpenEvent { real_path: b"/x/\xff", real_path_kind: RealPathKind::Outside, ..sample() });
    assert_eq!((&led["real_path"], &led["real_path_b64"]), (&json!("/x/\\xff"), &json!("L3gv/w==")));
    assert_eq!((&led["real_path_kind"], link.get("real_path_kind")), (&json!("outside"), None));
    let empty = OpenEvent { name: b"", path: b"/tmp", path_kind: PathKind::Joined, ..sample() };
    assert_eq!(json_open(&empty)["name"], "");
}

#[test]
fn json_losses_and_summary() {
    let lines = json(|out| {
        let before = Lost { ring: 4, ..Lost::default() };
        out.lost_since(&before, &totals().lost).unwrap();
        out.summary(&totals(), "fexit \"open\"").unwrap();
    });
    insta::assert_snapshot!(lines, @r#"
    {"type":"lost","cause":"ring","count":6}
    {"type":"lost","cause":"queue","count":2}
    {"type":"lost","cause":"missed","count":1}
    {"type":"summary","opens":1000,"failed":10,"delivered":988,"dropped":12,"hooks":"fexit \"open\"","filtered":0,"hidden":5,"lookups":0,"lookups_failed":0,"lookups_delivered":0,"lookups_filtered":0,"lost":{"ring":10,"queue":2,"garbled":0,"io_uring":0,"missed":1,"overflow":0,"cgroup":0,"tree":0,"lookups":0,"rate":0,"link":0,"other":0}}
    "#);
}

#[test]
fn no_name_is_a_formula_to_a_spreadsheet_and_all_stay_different() {
    let texts = ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", "＝1", "＠x", "=\",\"", "\\x3d1+1", "a=1", ""];
    let cells: Vec<_> = texts
        .map(|text| {
            let event = OpenEvent { comm: text.as_bytes(), path: text.as_bytes(), name: text.as_bytes(), ..sample() };
            let event = OpenEvent { opened_name: text.as_bytes(), leader_comm: b"program", ..event };
            let row = csv(|out| out.open(&event, &names()).unwrap());
            let comm = row.split(",0,program,").nth(1).unwrap().split(",openat").next().unwrap().to_owned();
            let cell =
                comm.strip_prefix('"').and_then(|cell| cell.strip_suffix('"')).unwrap_or(&comm).replace("\"\"", "\"");
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠']), "{row}");
            assert_eq!(crate::escape::unescape(&cell), text.as_bytes());
            cell
        })
        .into();
    assert_eq!(cells[0], r"\x3d1+1");
}

#[test]
fn csv_rows() {
    let event = OpenEvent {
        comm: b"a,b",
        leader_comm: b"program",
        name: b"\"q\"",
        path: b"/x/\"q\"",
        path_kind: PathKind::Joined,
        opened_name: b"hosts.old",
        real_path: b"/x/hosts.old",
        cgroup: 2,
        ..sample()
    };
    let failed =
        OpenEvent { ret: -libc::EACCES, flags: (libc::O_WRONLY | libc::O_CREAT) as u64, mode: 0o600, ..sample() };
    let rows = csv(|out| {
        out.header().unwrap();
        out.open(&event, &names()).unwrap();
        out.open(&failed, &names()).unwrap();
        out.lost(Cause::Queue, 3).unwrap();
        out.summary(&totals(), "syscall exit").unwrap();
    });
    let columns = rows.lines().next().unwrap().split(',').count();
    for row in rows.lines().filter(|row| !row.contains('"')) {
        assert_eq!(row.split(',').count(), columns, "{row}");
    }
    insta::assert_snapshot!(rows, @r#"
    type,time,ts_ns,pid,tid,ppid,uid,process,comm,op,flags,mode,fd,errno,name,path,path_kind,opened_name,real_path,real_path_kind,latency_ns,cgroup,container,host,received,cause,count
    open,2026-01-02T03:04:05.123456789Z,1000000000,100,100,1,0,program,"a,b",openat,O_RDONLY|O_CLOEXEC,,3,,"""q""","/x/""q""",joined,hosts.old,/x/hosts.old,whole,,/system.slice/docker-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.scope,docker:0123456789ab,,,,
    open,2026-01-02T03:04:05.123456789Z,1000000000,100,100,1,0,cat,cat,openat,O_WRONLY|O_CREAT,384,,EACCES,/etc/hosts,/etc/hosts,absolute,,,,,,,,,,
    lost,,,,,,,,,,,,,,,,,,,,,,,,,queue,3
    summary,,,,,,,,,,,,,,,,,,,,,,,,,opens,1000
    summary,,,,,,,,,,,,,,,,,,,,,,,,,failed,10
    summary,,,,,,,,,,,,,,,,,,,,,,,,,delivered,988
    summary,,,,,,,,,,,,,,,,,,,,,,,,,dropped,12
    summary,,,,,,,,,,,,,,,,,,,,,,,,,filtered,0
    summary,,,,,,,,,,,,,,,,,,,,,,,,,hidden,5
    summary,,,,,,,,,,,,,,,,,,,,,,,,,lookups,0
    summary,,,,,,,,,,,,,,,,,,,,,,,,,lookups_failed,0
    summary,,,,,,,,,,,,,,,,,,,,,,,,,lookups_delivered,0
    summary,,,,,,,,,,,,,,,,,,,,,,,,,lookups_filtered,0
    "#);
}

/// A pipe that nobody reads any more.
pub(super) struct Closed;

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_closed_pipe_is_told() {
    let mut out = Text::new(Closed);
    out.open(&sample(), &names()).unwrap();
    assert_eq!(out.flush().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    let mut out = Json::new(Closed);
    let refused = (0..1000).find_map(|_| out.open(&sample(), &names()).err()).unwrap();
    assert_eq!(refused.kind(), io::ErrorKind::BrokenPipe);
}

proptest! {
    /// No byte of a name can be obeyed by a terminal, in any form, and JSON gives the exact bytes back.
    #[test]
    fn hostile_names_are_harmless_and_whole(
        name in prop::collection::vec(prop_oneof![any::<u8>(), Just(0x1b), Just(b'"'), Just(b'\\'), Just(b'\n')], 1..40),
        more: String,
    ) {
        let name = [&name[..], more.as_bytes()].concat();
        let shown = escape(&name);
        let event = OpenEvent { comm: &name[1..], leader_comm: &name, name: &name, path: &name, ..sample() };
        let lines = [
            json(|out| out.open(&event, &names()).unwrap()),
            text(|out| out.open(&event, &names()).unwrap()),
            csv(|out| out.open(&event, &names()).unwrap()),
        ];
        for line in &lines {
            let body = line.strip_suffix('\n').unwrap();
            prop_assert!(!body.chars().any(|c| c.is_control() || crate::escape::is_invisible(c)), "{:?}", body);
        }
        let open: Value = serde_json::from_str(&lines[0]).unwrap();
        for (key, bytes) in [("name", "name_b64"), ("path", "path_b64"), ("process", "process_b64")] {
            match str::from_utf8(&name) {
                Ok(name) => prop_assert_eq!(open[key].as_str(), Some(name)),
                Err(_) => {
                    use base64::Engine as _;
                    let exact = base64::prelude::BASE64_STANDARD.decode(open[bytes].as_str().unwrap()).unwrap();
                    prop_assert_eq!(&exact, &name);
                    prop_assert_eq!(open[key].as_str(), Some(shown.as_str()));
                }
            }
            prop_assert_eq!(open.get(bytes).is_some(), str::from_utf8(&name).is_err());
        }
    }

    #[test]
    fn numbers_are_decimal(number: u64) {
        let mut out = Vec::new();
        push_number(&mut out, number);
        prop_assert_eq!(String::from_utf8(out).unwrap(), number.to_string());
    }

    #[test]
    fn times_are_those_of_the_calendar(time_ns: u64) {
        let (mut out, mut clock) = (Vec::new(), Clock::default());
        clock.push(&mut out, time_ns);
        let shown = String::from_utf8(out).unwrap();
        let parsed: jiff::Timestamp = shown.parse().unwrap();
        prop_assert_eq!(parsed.as_nanosecond(), i128::from(time_ns));
        prop_assert_eq!(shown.len(), "2026-01-02T03:04:05.123456789Z".len());
    }
}

/// Not asserted but printed: `cargo test --release --lib measurement_of_output -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn measurement_of_output() {
    fn measure(name: &str, output: &mut dyn Output) {
        let (names, start, count) = (names(), std::time::Instant::now(), 1_000_000);
        for n in 0..count {
            let time_ns = sample().time_ns + n * 1000;
            output.open(&OpenEvent { pid: n as u32, time_ns, ts_ns: n * 1000, cgroup: 2, ..sample() }, &names).unwrap();
        }
        println!("{name}: {} ns an open", start.elapsed().as_nanos() as u64 / count);
    }
    measure("text", &mut Text::new(io::sink()));
    measure("json", &mut Json::new(io::sink()));
    measure("csv", &mut Csv::new(io::sink()));
}
