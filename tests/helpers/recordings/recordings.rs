//! Writes recordings of any size to stdout, to measure what reads them: like those of a build, or as an attacker would
//! make them.

use std::io::{self, BufWriter, Write as _};
use std::process::ExitCode;

use serde_json::json;
use zstd::stream::write::Encoder;

/// Makes the open with this number out of the one before.
type Make = fn(u64, &mut Open);

/// How the names of a recording are made, by the word that asks for it.
const MODES: [(&str, Make); 4] = [("build", build), ("distinct", distinct), ("long", long), ("processes", processes)];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let mode = args.first().and_then(|name| MODES.iter().find(|(mode, _)| mode == name));
    let count = args.get(1).and_then(|count| count.parse().ok());
    let (Some((_, make)), Some(count)) = (mode, count) else {
        eprintln!("usage: recordings {} COUNT > FILE", MODES.map(|(mode, _)| mode).join("|"));
        return ExitCode::from(2);
    };
    match write(*make, count) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("recordings: {why}");
            ExitCode::FAILURE
        }
    }
}

/// What differs from open to open.
#[derive(Default)]
struct Open {
    path: String,
    pid: u32,
    missing: bool,
    executed: bool,
}

fn write(make: Make, count: u64) -> io::Result<()> {
    let mut out = Encoder::new(BufWriter::new(io::stdout().lock()), 1)?;
    writeln!(out, "{}", json!({"type": "header", "host": "made", "hooks": "made"}))?;
    let (mut open, mut failed) = (Open::default(), 0);
    for n in 0..count {
        make(n, &mut open);
        failed += u64::from(open.missing);
        let Open { path, pid, missing, executed } = &open;
        let (ts_ns, second, nanos) = (1_000_000_000 + n * 1000, n / 1_000_000 % 60, n % 1_000_000 * 1000);
        let (op, flags) = if *executed { ("exec", "") } else { ("openat", r#","O_CLOEXEC""#) };
        let fd = if *missing || *executed { "null" } else { "3" };
        let errno = if *missing { r#""ENOENT""# } else { "null" };
        writeln!(
            out,
            "{{\"type\":\"open\",\"time\":\"2026-01-02T03:04:{second:02}.{nanos:09}Z\",\"ts_ns\":{ts_ns},\"pid\":{pid},\
             \"tid\":{pid},\"ppid\":1,\"uid\":1000,\"comm\":\"cc1\",\"op\":\"{op}\",\"flags\":[\"O_RDONLY\"{flags}],\
             \"mode\":null,\"fd\":{fd},\"errno\":{errno},\"name\":\"{path}\",\"path\":\"{path}\",\
             \"path_kind\":\"absolute\",\"opened_name\":null,\"latency_ns\":null,\"cgroup\":null,\"container\":null,\
             \"start_ns\":{pid}}}"
        )?;
    }
    writeln!(
        out,
        "{}",
        json!({"type": "summary", "opens": count, "failed": failed, "delivered": count, "dropped": 0})
    )?;
    out.finish()?.flush()
}

/// Compilers that look for headers in two directories, 400 opens each.
fn build(n: u64, open: &mut Open) {
    let (process, step) = (n / 400, n % 400);
    let header = (step / 2 + process * 7) % 3000;
    open.pid = 1000 + (process % 4_000_000) as u32;
    open.executed = step == 0;
    open.missing = step % 2 == 1;
    let dir = if open.missing { "/home/user/project/include" } else { "/usr/include/x86_64-linux-gnu" };
    open.path = match step {
        0 => "/usr/lib/gcc/x86_64-linux-gnu/12/cc1".to_owned(),
        _ => format!("{dir}/part{}/header{header}.h", header % 40),
    };
}

/// Another name each time.
fn distinct(n: u64, open: &mut Open) {
    build(n, open);
    open.path = format!("/tmp/{}/{n}", n % 1000);
}

/// Another name of 4 KiB each time.
fn long(n: u64, open: &mut Open) {
    build(n, open);
    open.path = format!("/{}{n}", "x/".repeat(2040));
}

/// Another process, which executes another program, each time.
fn processes(n: u64, open: &mut Open) {
    open.pid = 1 + (n % 4_000_000) as u32;
    (open.executed, open.missing) = (true, false);
    open.path = format!("/bin/{n}");
}
