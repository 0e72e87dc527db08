//! The kinds of floods.

use crate::sys::{self, Ask, c_string};
use crate::uring::{self, Request};
use crate::{Flood, open};
use std::ffi::CString;
use std::io::{Read as _, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A kind of flood.
#[derive(Debug)]
pub struct Mode {
    pub name: &'static str,
    /// It cannot be done without root.
    pub as_root: bool,
    pub run: fn(&mut Flood),
}

const fn anybody(name: &'static str, run: fn(&mut Flood)) -> Mode {
    Mode { name, as_root: false, run }
}

pub const MODES: [Mode; 13] = [
    anybody("long", long),
    anybody("controls", controls),
    anybody("deep", deep),
    anybody("files", files),
    anybody("dirs", dirs),
    anybody("uring", by_uring),
    anybody("timed", timed),
    anybody("pending", pending),
    anybody("forks", forks),
    anybody("comms", comms),
    anybody("mix", mix),
    Mode { name: "users", as_root: true, run: users },
    Mode { name: "cgroups", as_root: true, run: cgroups },
];

/// PATH_MAX without its NUL.
const LONGEST: usize = 4095;
/// NAME_MAX
const COMPONENT: usize = 255;

/// `/TOKEN/` and components of `fill` up to the longest name there is, which ends in the number.
fn longest(token: &str, fill: &str, number: u64) -> Vec<u8> {
    let (mut name, end) = (format!("/{token}"), format!("/{number:016}"));
    let each = COMPONENT / fill.len() * fill.len();
    while name.len() + 1 + each + end.len() <= LONGEST {
        name.push('/');
        name.push_str(&fill.repeat(each / fill.len()));
    }
    (name + &end).into_bytes()
}

/// The longest names.
fn long(flood: &mut Flood) {
    let token = flood.token.clone();
    flood.open_all(|number| longest(&token, "x", number));
}

/// The longest names, of which every byte becomes four when it is shown.
fn controls(flood: &mut Flood) {
    let token = flood.token.clone();
    flood.open_all(|number| longest(&token, "\x1b", number));
}

/// Short names relative to a directory whose own path is far longer than any name.
fn deep(flood: &mut Flood) {
    const DEPTH: usize = 1500;
    let start = Instant::now();
    let dir = "d".repeat(200).into_bytes();
    for _ in 0..DEPTH {
        sys::make_dir(&dir, 0o777);
        sys::change_dir(&dir);
    }
    // Only what comes now is the flood.
    flood.end += start.elapsed();
    let token = flood.token.clone();
    flood.open_all(|number| format!("{token}-{number}").into_bytes());
    for _ in 0..DEPTH {
        sys::change_dir(b"..");
        sys::remove_dir(&dir);
    }
}

/// Another file each time: as many rows as there are opens, where files are ranked.
fn files(flood: &mut Flood) {
    let token = flood.token.clone();
    flood.open_all(|number| format!("/{token}/{number}").into_bytes());
}

/// The same for directories, with names of a kilobyte.
fn dirs(flood: &mut Flood) {
    let token = flood.token.clone();
    let fill = format!("/{}", "y".repeat(COMPONENT)).repeat(4);
    flood.open_all(|number| format!("/{token}/{number}{fill}/x").into_bytes());
}

fn asks(names: &[CString]) -> impl Iterator<Item = Request> {
    names.iter().map(|name| {
        Request::openat(&Ask {
            dirfd: libc::AT_FDCWD,
            name: name.as_ptr(),
            flags: 0,
            mode: 0,
            resolve: 0,
            high_flags: 0,
        })
    })
}

/// Names for the requests of one ring.
fn names(flood: &Flood, count: u64) -> Vec<CString> {
    (0..count).map(|number| c_string(&longest(&flood.token, "u", flood.made + number))).collect()
}

/// Makes so many opens by these requests, if there is memory for the ring.
fn through_a_ring(flood: &mut Flood, requests: &[Request], opens: usize) {
    match uring::try_together(requests) {
        Ok(_) => flood.made += opens as u64,
        Err(_) => std::thread::sleep(Duration::from_millis(10)),
    }
}

/// Many at once, through a ring that is made for them and goes.
fn by_uring(flood: &mut Flood) {
    while !flood.is_over() {
        let names = names(flood, 128);
        through_a_ring(flood, &asks(&names).collect::<Vec<_>>(), names.len());
    }
}

/// Each behind a timeout, so that many are under way for a while.
fn timed(flood: &mut Flood) {
    let time = libc::timespec { tv_sec: 0, tv_nsec: 20_000_000 };
    while !flood.is_over() {
        let names = names(flood, 512);
        let requests: Vec<_> = asks(&names).flat_map(|ask| [Request::timeout(&time), ask]).collect();
        through_a_ring(flood, &requests, names.len());
    }
}

/// Each behind a timeout that does not end: as many as the rings of one process hold. None of them is ever made.
fn pending(flood: &mut Flood) {
    let time = libc::timespec { tv_sec: 3600, tv_nsec: 0 };
    let names = names(flood, 1024);
    let requests: Vec<_> = asks(&names).flat_map(|ask| [Request::timeout(&time), ask]).collect();
    let mut rings = Vec::new();
    while !flood.is_over() {
        match uring::left_pending(&requests) {
            Ok(ring) if rings.len() < 256 => rings.push(ring),
            // No more descriptors or memory for this process: those that there are wait for the end.
            _ => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

/// A process for each open.
fn forks(flood: &mut Flood) {
    let name = c_string(format!("/{}/fork", flood.token).as_bytes());
    while !flood.is_over() {
        in_a_child(flood, || open(&name));
    }
}

/// Threads that call themselves something else before each open.
fn comms(flood: &mut Flood) {
    const THREADS: u64 = 8;
    let (made, end, token) = (AtomicU64::new(0), flood.end, flood.token.clone());
    let name = c_string(format!("/{token}/comm").as_bytes());
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (made, name) = (&made, &name);
            scope.spawn(move || {
                for number in 0_u64.. {
                    let comm = c_string(format!("\x1b{thread}-{number:x}").as_bytes());
                    // SAFETY: a live C string; the kernel takes 16 bytes at most.
                    unsafe { libc::prctl(libc::PR_SET_NAME, comm.as_ptr()) };
                    open(name);
                    made.fetch_add(1, Ordering::Relaxed);
                    if number % 64 == 0 && Instant::now() >= end {
                        return;
                    }
                }
            });
        }
    });
    flood.made += made.into_inner();
}

/// All that anybody can do and that can be counted, at once.
fn mix(flood: &mut Flood) {
    let (mut counts, count) = std::io::pipe().expect("a pipe");
    let modes = MODES.iter().filter(|mode| !mode.as_root && !["mix", "pending"].contains(&mode.name));
    let children: Vec<_> = modes
        .map(|mode| {
            sys::fork(|| {
                // Nobody stops the parts of a flood that was stopped.
                // SAFETY: no pointers.
                unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
                let mut own = Flood { token: format!("{}-{}", flood.token, mode.name), ..*flood };
                (mode.run)(&mut own);
                i32::from((&count).write_all(&own.made.to_ne_bytes()).is_err())
            })
        })
        .collect();
    children.into_iter().for_each(|child| assert_eq!(sys::wait(child), 0, "a part of the mix"));
    drop(count);
    let mut bytes = [0; 8];
    while counts.read_exact(&mut bytes).is_ok() {
        flood.made += u64::from_ne_bytes(bytes);
    }
}

/// Another user for each open.
fn users(flood: &mut Flood) {
    let name = c_string(format!("/{}/user", flood.token).as_bytes());
    while !flood.is_over() {
        let uid = 100_000 + flood.made as u32;
        in_a_child(flood, || {
            // SAFETY: no pointers.
            assert_eq!(unsafe { libc::setuid(uid) }, 0, "becoming {uid}");
            open(&name);
        });
    }
}

/// Another cgroup for each open.
fn cgroups(flood: &mut Flood) {
    sys::must("private mounts", sys::private_mounts().map(|()| 0));
    sys::make_dir(b"cgroups", 0o755);
    sys::must("mount", sys::mount(b"none", b"cgroups", b"cgroup2", 0).map(|()| 0));
    let name = c_string(format!("/{}/cgroup", flood.token).as_bytes());
    while !flood.is_over() {
        let dir = format!("cgroups/attack-{}-{}-{}", std::process::id(), flood.made, "c".repeat(200));
        sys::make_dir(dir.as_bytes(), 0o755);
        in_a_child(flood, || {
            std::fs::write(format!("{dir}/cgroup.procs"), "0").expect("moving to a cgroup");
            open(&name);
        });
        sys::remove_dir(dir.as_bytes());
    }
}

/// One open in a process of its own, which has ended when this returns.
fn in_a_child(flood: &mut Flood, open: impl FnOnce()) {
    let child = sys::fork(|| {
        open();
        0
    });
    assert_eq!(sys::wait(child), 0, "a child of the flood");
    flood.made += 1;
}
