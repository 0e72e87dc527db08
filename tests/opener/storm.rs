//! Many opens, exactly counted.

use crate::report::Json;
use crate::sys::{self, Ask, OPENAT};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::time::{Duration, Instant};

/// What a storm is to be.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Opens in all, or seconds.
    pub amount: u64,
    /// Processes that share the work.
    pub procs: u64,
    /// Threads that share the work of a process.
    pub threads: u64,
    /// Open names that are not there.
    pub missing: bool,
    /// The processor that all of them share.
    pub cpu: Option<usize>,
}

/// One process's opens, the fastest that can be done: nothing but the call, and its descriptor closed.
#[derive(Debug)]
struct Opener {
    /// A C string; a name that is missing ends in a number.
    name: Vec<u8>,
    missing: bool,
}

impl Opener {
    /// Digits of the number at the end of a missing name.
    const DIGITS: usize = 9;

    /// Opens the file `there` in the working directory, or files that are not there.
    fn new(missing: bool) -> Self {
        let name = if missing { format!("missing-{:0>1$}\0", 0, Self::DIGITS) } else { "there\0".to_owned() };
        Self { name: name.into_bytes(), missing }
    }

    fn open(&mut self, number: u64) {
        if self.missing {
            let digits = self.name.len() - 1 - Self::DIGITS;
            let width = Self::DIGITS;
            let _ = write!(&mut self.name[digits..], "{number:0>width$}");
        }
        let ask = Ask {
            dirfd: libc::AT_FDCWD,
            name: self.name.as_ptr().cast(),
            flags: 0,
            high_flags: 0,
            mode: 0,
            resolve: 0,
        };
        match (OPENAT.call)(&ask) {
            Ok(fd) => sys::close(fd),
            Err(errno) => assert!(self.missing && errno == libc::ENOENT, "an open of the storm failed: {errno}"),
        }
    }
}

/// Makes the file that the openers open, and moves to its directory.
fn prepare(dir: &[u8], plan: &Plan) {
    sys::change_dir(dir);
    if !plan.missing {
        sys::make_file(b"there", 0o644);
    }
    if let Some(cpu) = plan.cpu {
        sys::pin(cpu);
    }
}

/// Opens exactly `plan.amount` times, by processes that start together; prints how often each has.
pub fn storm(dir: &[u8], plan: &Plan) {
    prepare(dir, plan);
    let [start, go] = pipe();
    let share = |number: u64| plan.amount / plan.procs + u64::from(number < plan.amount % plan.procs);
    let children: Vec<(libc::pid_t, u64)> = (0..plan.procs)
        .map(|number| {
            let opens = share(number);
            let child = || {
                sys::close(go);
                wait_for_the_end(start);
                open_by_threads(opens, plan);
                0
            };
            (sys::fork(child), opens)
        })
        .collect();
    sys::close(go);
    for (pid, opens) in children {
        assert_eq!(sys::wait(pid), 0, "a process of the storm");
        let mut json = Json::new();
        json.number("pid", Some(pid.into()));
        json.number("opens", Some(opens as i64));
        json.print();
    }
}

/// Opens `plan.amount` times by each of `plan.procs` processes that live for about 2 ms, four at a time. They are
/// called `brief`.
pub fn brief(dir: &[u8], plan: &Plan) {
    prepare(dir, plan);
    few_at_a_time(plan.procs, 4, || {
        // SAFETY: a C string.
        unsafe { libc::prctl(libc::PR_SET_NAME, c"brief".as_ptr()) };
        let mut opener = Opener::new(plan.missing);
        (0..plan.amount).for_each(|number| opener.open(number));
        std::thread::sleep(Duration::from_millis(2));
        0
    });
}

/// Begins `opens` opens that never return: each by a process that waits for the writer of a pipe, is interrupted by a
/// timer so that the open would be made again, and ends instead.
pub fn abandon(dir: &[u8], opens: u64) {
    extern "C" fn end(_signal: libc::c_int) {
        // SAFETY: ends the process at once.
        unsafe { libc::_exit(0) }
    }
    sys::change_dir(dir);
    sys::make_fifo(b"fifo", 0o600);
    // SAFETY: all zero is a valid action; the handler only makes a system call.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = end as *const () as usize;
        action.sa_flags = libc::SA_RESTART;
        sys::must(
            "sigaction",
            sys::result(libc::sigaction(libc::SIGALRM, &raw const action, std::ptr::null_mut()).into()),
        );
    }
    let name = sys::c_string(b"fifo");
    few_at_a_time(opens, 64, || {
        let after = libc::timeval { tv_sec: 0, tv_usec: 10_000 };
        let once = libc::itimerval { it_interval: libc::timeval { tv_sec: 0, tv_usec: 0 }, it_value: after };
        // SAFETY: a live timer.
        unsafe { libc::setitimer(libc::ITIMER_REAL, &raw const once, std::ptr::null_mut()) };
        let ask = Ask { dirfd: libc::AT_FDCWD, name: name.as_ptr(), flags: 0, high_flags: 0, mode: 0, resolve: 0 };
        i32::from((OPENAT.call)(&ask).is_ok())
    });
}

/// Runs `child` as `procs` processes, of which so many live at a time.
fn few_at_a_time(procs: u64, living_at_most: usize, child: impl Fn() -> i32) {
    let mut living = std::collections::VecDeque::new();
    let wait_for = |child| assert_eq!(sys::wait(child), 0, "a brief process");
    for _ in 0..procs {
        if living.len() == living_at_most {
            living.pop_front().into_iter().for_each(wait_for);
        }
        living.push_back(sys::fork(&child));
    }
    living.into_iter().for_each(wait_for);
}

/// Opens this often. The main thread makes its share in three parts: before the others come, beside them, and after.
fn open_by_threads(opens: u64, plan: &Plan) {
    let others = plan.threads - 1;
    let each = opens / plan.threads;
    let own = opens - others * each;
    let mut opener = Opener::new(plan.missing);
    let mut open = |from, to| (from..to).for_each(|number| opener.open(number));
    open(0, own / 3);
    std::thread::scope(|scope| {
        for _ in 0..others {
            scope.spawn(|| {
                let mut opener = Opener::new(plan.missing);
                (0..each).for_each(|number| opener.open(number));
            });
        }
        open(own / 3, own / 3 * 2);
    });
    open(own / 3 * 2, own);
}

/// The reading and the writing end of a pipe.
fn pipe() -> [i32; 2] {
    let mut ends = [0; 2];
    // SAFETY: room for two descriptors.
    sys::must("pipe", sys::result(unsafe { libc::pipe(ends.as_mut_ptr()) }.into()));
    ends
}

/// Returns when the last writer has closed the pipe.
fn wait_for_the_end(fd: i32) {
    let mut byte = 0_u8;
    // SAFETY: room for one byte.
    let ret = unsafe { libc::read(fd, (&raw mut byte).cast(), 1) };
    assert_eq!(ret, 0, "the pipe holds nothing");
}

/// Opens for `plan.amount` seconds as fast as one process can; prints how often and how long one took.
pub fn flat_out(dir: &[u8], plan: &Plan) {
    /// Between two looks at the clock, which must not cost.
    const ROUND: u64 = 256;
    prepare(dir, plan);
    let mut opener = Opener::new(plan.missing);
    let start = Instant::now();
    let end = start + Duration::from_secs(plan.amount);
    let mut opens = 0;
    while Instant::now() < end {
        (opens..opens + ROUND).for_each(|number| opener.open(number));
        opens += ROUND;
    }
    let ns = start.elapsed().as_nanos() as u64 / opens.max(1);
    let mut json = Json::new();
    json.number("pid", Some(std::process::id().into()));
    json.number("opens", Some(opens as i64));
    json.number("ns_per_open", Some(ns as i64));
    json.print();
}

/// Opens `path` every millisecond until it is killed.
pub fn first(path: &[u8]) {
    let name = sys::c_string(path);
    loop {
        let ask = Ask { dirfd: libc::AT_FDCWD, name: name.as_ptr(), flags: 0, high_flags: 0, mode: 0, resolve: 0 };
        if let Ok(fd) = (OPENAT.call)(&ask) {
            sys::close(fd);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Looks up so many different names in `dir` that are not there; prints the number of this process.
pub fn look_up(dir: &[u8], count: u64) {
    let dir = std::path::Path::new(std::ffi::OsStr::from_bytes(dir));
    for number in 0..count {
        assert!(std::fs::symlink_metadata(dir.join(format!("missing-{number}"))).is_err());
    }
    let mut json = Json::new();
    json.number("pid", Some(std::process::id().into()));
    json.print();
}
