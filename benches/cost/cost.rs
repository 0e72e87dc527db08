//! What `make bench` measures with: the price of a call, and the least that a tracer can add to it.

use std::ffi::CString;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use libbpf_rs::{MapCore as _, ObjectBuilder, RingBufferBuilder};

const USAGE: &str = "\
usage: cost calls DIR               print what a failed open, an open and an unrelated call cost, in ns
       cost unrelated               only the last
       cost floor OBJECT PROGRAM    attach a program of floor.bpf.c until killed, and drop its records";

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["calls", dir] => calls(Path::new(dir)),
        ["unrelated"] => {
            print("unrelated", price(unrelated));
            Ok(())
        }
        ["floor", object, program] => floor(Path::new(object), program),
        _ => bail!("{USAGE}"),
    }
}

/// Prints what a call costs.
#[allow(clippy::print_stdout, reason = "the result of a program")]
fn print(call: &str, ns: f64) {
    println!("{call} {ns:.0}");
}

/// Prints one line a call.
fn calls(dir: &Path) -> Result<()> {
    let there = dir.join("there");
    std::fs::write(&there, "")?;
    let there = CString::new(there.into_os_string().into_encoded_bytes())?;
    let missing = CString::new(dir.join("missing").into_os_string().into_encoded_bytes())?;
    print("failed", price(|| _ = black_box(open(&missing))));
    print("opened", price(|| close(black_box(open(&there)))));
    print("lookup", price(|| _ = black_box(look_up(&missing))));
    print("unrelated", price(unrelated));
    Ok(())
}

/// Nanoseconds of one call: the median of short rounds, so that what else the machine does is left out.
fn price(mut call: impl FnMut()) -> f64 {
    const CALLS: u32 = 200;
    const ROUNDS: usize = 15;
    const TIME: Duration = Duration::from_millis(400);
    let start = Instant::now();
    let mut rounds = Vec::new();
    while rounds.len() < ROUNDS || start.elapsed() < TIME {
        let round = Instant::now();
        (0..CALLS).for_each(|_| call());
        rounds.push(round.elapsed().as_nanos() as f64 / f64::from(CALLS));
    }
    rounds.sort_by(f64::total_cmp);
    rounds[rounds.len() / 2]
}

fn look_up(name: &CString) -> libc::c_int {
    // SAFETY: a C string that outlives the call.
    unsafe { libc::access(name.as_ptr(), libc::F_OK) }
}

fn open(name: &CString) -> libc::c_int {
    // SAFETY: a C string that outlives the call.
    unsafe { libc::openat(libc::AT_FDCWD, name.as_ptr(), libc::O_RDONLY) }
}

fn close(fd: libc::c_int) {
    // SAFETY: nobody else knows the descriptor.
    unsafe { libc::close(fd) };
}

fn unrelated() {
    // SAFETY: takes nothing, and glibc does not answer it without the kernel.
    black_box(unsafe { libc::syscall(libc::SYS_getppid) });
}

/// Runs one program of the object, with a consumer that looks as often as opentop does and keeps nothing.
fn floor(object: &Path, program: &str) -> Result<()> {
    const PAUSE: Duration = Duration::from_millis(10);
    let mut open = ObjectBuilder::default().open_file(object)?;
    for mut each in open.progs_mut() {
        let wanted = each.name() == program;
        each.set_autoload(wanted);
    }
    let loaded = open.load()?;
    let each = loaded.progs_mut().find(|each| each.name() == program).context("no such program")?;
    let _link = each.attach()?;
    let events = loaded.maps().find(|map| map.name() == "events").context("no ring buffer")?;
    let mut ring = RingBufferBuilder::new();
    ring.add(&events, |_| 0)?;
    let ring = ring.build()?;
    loop {
        ring.consume()?;
        std::thread::sleep(PAUSE);
    }
}
