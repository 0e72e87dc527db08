//! Opens that a signal interrupts, and those that a filter of system calls (seccomp) answers instead of the kernel.

use super::{Way, ways};
use crate::report::Who;
use crate::scene::{Gone, Scene, Skip, unless};
use crate::sys::{self, CREAT_FLAGS, OPENAT};
use std::ffi::{c_int, c_long, c_void};
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};

pub const WAYS: &[Way] = ways![
    "EINTR" => eintr,
    "made again after a signal" => made_again,
    "made again after a signal whose handler opens" => made_again_beside_others,
    "killed while it waits" => killed,
    "seccomp errno" => seccomp_errno,
    "seccomp trap" => seccomp_trap,
    "seccomp kill" => seccomp_kill,
    "seccomp's signal from elsewhere" => signal_from_elsewhere,
    "seccomp notify" => seccomp_notify,
];

fn handle(signal: c_int, handler: extern "C" fn(c_int), flags: c_int) {
    // SAFETY: the handlers here only make system calls, the struct is live and all zeroes are valid in it.
    let ret = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as *const () as usize;
        action.sa_flags = flags;
        libc::sigaction(signal, &raw const action, std::ptr::null_mut())
    };
    sys::must("sigaction", sys::result(ret.into()));
}

fn alarm_after(ms: libc::suseconds_t, again: bool) {
    let time = libc::timeval { tv_sec: 0, tv_usec: ms * 1000 };
    let never = libc::timeval { tv_sec: 0, tv_usec: 0 };
    let timer = libc::itimerval { it_interval: if again { time } else { never }, it_value: time };
    // SAFETY: the struct is live.
    let ret = unsafe { libc::setitimer(libc::ITIMER_REAL, &raw const timer, std::ptr::null_mut()) };
    sys::must("setitimer", sys::result(ret.into()));
}

extern "C" fn nothing(_: c_int) {}

/// A signal ends an open that waits for the other end of a FIFO.
fn eintr(scene: &Scene) -> Gone {
    sys::make_fifo(b"fifo", 0o600);
    handle(libc::SIGALRM, nothing, 0);
    alarm_after(10, true);
    let result = scene.open(&OPENAT, "fifo").either();
    // SAFETY: no pointers.
    unsafe { libc::signal(libc::SIGALRM, libc::SIG_IGN) };
    assert_eq!(result, Err(libc::EINTR), "a FIFO nobody reads");
    Ok(())
}

/// Where each signal writes a byte.
static PIPE: AtomicI32 = AtomicI32::new(-1);

extern "C" fn write_byte(_: c_int) {
    // SAFETY: one byte of a constant.
    unsafe { libc::write(PIPE.load(Ordering::Relaxed), b"x".as_ptr().cast(), 1) };
}

/// How often [`open_missing`] was called.
static OPENED: AtomicUsize = AtomicUsize::new(0);

extern "C" fn open_missing(signal: c_int) {
    // SAFETY: a constant that ends with NUL.
    unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, c"missing".as_ptr(), 0) };
    OPENED.fetch_add(1, Ordering::Relaxed);
    write_byte(signal);
}

/// The kernel makes the same call once more after each signal: for the program, and so for opentop, it is one open.
fn made_again(scene: &Scene) -> Gone {
    again_with(scene, write_byte)
}

fn made_again_beside_others(scene: &Scene) -> Gone {
    again_with(scene, open_missing)?;
    for _ in 0..OPENED.load(Ordering::Relaxed) {
        scene.open(&OPENAT, "missing").label("of the handler").came_to(Err(libc::ENOENT));
    }
    Ok(())
}

fn again_with(scene: &Scene, handler: extern "C" fn(c_int)) -> Gone {
    sys::make_fifo(b"fifo", 0o600);
    let mut pipe = [0; 2];
    // SAFETY: there is room for two descriptors.
    sys::must("pipe", sys::result(unsafe { libc::pipe(pipe.as_mut_ptr()) }.into()));
    let writer = sys::fork(|| {
        let mut bytes = [0_u8; 1];
        for _ in 0..3 {
            // SAFETY: the buffer is live and has one byte.
            let read = unsafe { libc::read(pipe[0], bytes.as_mut_ptr().cast::<c_void>(), 1) };
            assert_eq!(read, 1, "a signal's byte");
        }
        scene.open(&OPENAT, "fifo").flags(libc::O_WRONLY).label("writer").ok();
        0
    });
    PIPE.store(pipe[1], Ordering::Relaxed);
    handle(libc::SIGALRM, handler, libc::SA_RESTART);
    alarm_after(10, true);
    let result = scene.open(&OPENAT, "fifo").either();
    // SAFETY: no pointers.
    unsafe { libc::signal(libc::SIGALRM, libc::SIG_IGN) };
    sys::must("an open that is made again", result);
    assert_eq!(sys::wait(writer), 0, "the writer's status");
    Ok(())
}

/// Whoever is killed sees no result; the signal is what ended the open.
fn killed(scene: &Scene) -> Gone {
    sys::make_fifo(b"fifo", 0o600);
    let child = sys::fork(|| {
        alarm_after(300, false);
        // Reported by the parent.
        let _ = (OPENAT.call)(&scene.open(&OPENAT, "fifo").ask());
        0
    });
    assert_eq!(sys::try_wait(child), Err(libc::SIGALRM), "how the child ended");
    by_child(scene, child, libc::EINTR);
    Ok(())
}

/// Reports an open of the FIFO or file by a child that could not do so itself.
fn by_child(scene: &Scene, child: libc::pid_t, errno: c_int) {
    let parent = Who::me().pid;
    let who = |who: &mut Who| (who.pid, who.tid, who.ppid) = (child, Some(child), Some(parent));
    scene.open(&OPENAT, if errno == libc::EINTR { "fifo" } else { "there" }).who(who).came_to(Err(errno));
}

/// Has seccomp answer every openat of this thread with `action`. The listener's descriptor, where there is one.
fn filter(action: u32, flags: c_long) -> sys::Result {
    let (load, equal, answer) = (
        (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16,
        (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16,
        (libc::BPF_RET | libc::BPF_K) as u16,
    );
    let instruction = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let mut program = [
        instruction(load, 0, 0, 0),
        instruction(equal, 0, 1, libc::SYS_openat as u32),
        instruction(answer, 0, 0, action),
        instruction(answer, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: the program is live and as long as it says.
    sys::result(unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program) })
}

fn seccomp_errno(scene: &Scene) -> Gone {
    scene.file("there");
    unless("seccomp", filter(libc::SECCOMP_RET_ERRNO | libc::EACCES as u32, 0))?;
    // On x86 the number of an open of 32-bit programs.
    // SAFETY: no pointers.
    unsafe { libc::lseek(-1, 0, libc::SEEK_CUR) };
    scene.open(&OPENAT, "there").fails(libc::EACCES);
    Ok(())
}

/// The program is told by a signal, and what then looks like a result is the register as it was.
fn seccomp_trap(scene: &Scene) -> Gone {
    scene.file("there");
    handle(libc::SIGSYS, nothing, 0);
    unless("seccomp", filter(libc::SECCOMP_RET_TRAP, 0))?;
    let open = scene.open(&OPENAT, "there");
    let _ = (OPENAT.call)(&open.ask());
    open.came_to(Err(libc::ENOSYS));
    Ok(())
}

/// Whether the kernel kills by a signal, which a process takes when the call has returned. No other trace of that is
/// left.
fn is_seen_when_killed() -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = release.split(['.', '-']).map_while(|number| number.parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(5), Some(16))
}

fn seccomp_kill(scene: &Scene) -> Gone {
    if !is_seen_when_killed() {
        return Err(Skip("before 5.16 the kernel ends a process that seccomp kills within the call".into()));
    }
    scene.file("there");
    let child = sys::fork(|| {
        sys::must("seccomp", filter(libc::SECCOMP_RET_KILL_PROCESS, 0));
        let _ = (OPENAT.call)(&scene.open(&OPENAT, "there").ask());
        0
    });
    assert_eq!(sys::try_wait(child), Err(libc::SIGSYS), "how the child ended");
    by_child(scene, child, libc::ENOSYS);
    Ok(())
}

/// linux/fcntl.h
const F_SETSIG: c_int = 10;
const F_SETOWN_EX: c_int = 15;
const F_NOTIFY: c_int = 1026;
const F_OWNER_TID: c_int = 0;
const DN_CREATE: c_int = 4;

/// The signal of seccomp comes from elsewhere, here from a directory that is watched, during an open whose descriptor
/// is the number of its call: an open all the same.
fn signal_from_elsewhere(scene: &Scene) -> Gone {
    let dir = scene.open(&OPENAT, ".").flags(libc::O_DIRECTORY).label("directory").ok();
    handle(libc::SIGSYS, nothing, 0);
    let number = libc::SYS_openat as c_int;
    // SAFETY: no pointers.
    while unsafe { libc::dup(dir) } < number {}
    sys::close(number);
    // SAFETY: no pointers.
    let owner = [F_OWNER_TID, unsafe { libc::gettid() }];
    // SAFETY: the pointer is to a live struct of two integers.
    unsafe {
        sys::must("F_SETSIG", sys::result(libc::fcntl(dir, F_SETSIG, libc::SIGSYS).into()));
        unless("dnotify", sys::result(libc::fcntl(dir, F_NOTIFY, DN_CREATE).into()))?;
        sys::must("F_SETOWN_EX", sys::result(libc::fcntl(dir, F_SETOWN_EX, owner.as_ptr()).into()));
    }
    let fd = scene.open(&OPENAT, "new").flags(CREAT_FLAGS).mode(0o600).ok();
    assert_eq!(fd, number, "the descriptor");
    Ok(())
}

/// A descriptor that the supervisor makes up.
const MADE_UP: i32 = 1000;

/// Another thread answers, with a number that is no descriptor.
fn seccomp_notify(scene: &Scene) -> Gone {
    scene.file("there");
    let listener = AtomicI32::new(-1);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while listener.load(Ordering::Acquire) < 0 {
                std::thread::yield_now();
            }
            answer(listener.load(Ordering::Acquire));
        });
        let flags = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER as c_long;
        listener.store(sys::must("seccomp", filter(libc::SECCOMP_RET_USER_NOTIF, flags)), Ordering::Release);
        assert_eq!(scene.open(&OPENAT, "there").without_fd().either(), Ok(MADE_UP));
    });
    Ok(())
}

/// Answers one call.
fn answer(listener: c_int) {
    const RECV: libc::Ioctl = 0xc050_2100_u32 as libc::Ioctl;
    const SEND: libc::Ioctl = 0xc018_2101_u32 as libc::Ioctl;
    // SAFETY: both are plain numbers, live, and as long as the request's number says.
    unsafe {
        let mut asked: libc::seccomp_notif = std::mem::zeroed();
        sys::must("SECCOMP_IOCTL_NOTIF_RECV", sys::result(libc::ioctl(listener, RECV, &raw mut asked).into()));
        let mut answer: libc::seccomp_notif_resp = std::mem::zeroed();
        (answer.id, answer.val) = (asked.id, MADE_UP.into());
        sys::must("SECCOMP_IOCTL_NOTIF_SEND", sys::result(libc::ioctl(listener, SEND, &raw mut answer).into()));
    }
}
