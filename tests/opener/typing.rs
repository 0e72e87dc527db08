//! Tries to type into the terminal at stdin, by every way to call ioctl that the kernel offers.

use std::ffi::c_long;

use crate::sys;

/// Above the 32 bits of a request that the kernel looks at.
const HIGH: u64 = 0xdead_beef << 32;

/// Goes them all, and gives a line for each: its name, and the number of the error or 0.
pub fn try_all() -> Vec<String> {
    let tty = must_open(c"/dev/tty");
    let mut lines = Vec::new();
    for (terminal, fd) in [("stdin", libc::STDIN_FILENO), ("/dev/tty", tty)] {
        for (request, number) in [("TIOCSTI", libc::TIOCSTI), ("TIOCLINUX", libc::TIOCLINUX)] {
            for (way, call) in WAYS {
                lines.push(format!("{request} {terminal} {way}: {}", call(fd, number).err().unwrap_or(0)));
            }
        }
    }
    lines
}

type Call = fn(i32, u64) -> sys::Result;

#[cfg(target_arch = "x86_64")]
const WAYS: &[(&str, Call)] = &[
    ("ioctl", |fd, request| ioctl(libc::SYS_ioctl, fd, request)),
    ("high bits", |fd, request| ioctl(libc::SYS_ioctl, fd, HIGH | request)),
    ("x32", |fd, request| ioctl(0x4000_0000 | 0x202, fd, request)),
    ("x32's number alone", |fd, request| ioctl(0x202, fd, request)),
    ("x32 of the old number", |fd, request| ioctl(0x4000_0000 | libc::SYS_ioctl, fd, request)),
    ("int 0x80", |fd, request| crate::compat::ioctl(fd as u32, request as u32, b'x')),
];
#[cfg(not(target_arch = "x86_64"))]
const WAYS: &[(&str, Call)] = &[
    ("ioctl", |fd, request| ioctl(libc::SYS_ioctl, fd, request)),
    ("high bits", |fd, request| ioctl(libc::SYS_ioctl, fd, HIGH | request)),
];

fn ioctl(number: c_long, fd: i32, request: u64) -> sys::Result {
    let byte = b'x';
    // SAFETY: the kernel reads one byte, which lives.
    sys::result(unsafe { libc::syscall(number, fd, request, &raw const byte) })
}

fn must_open(path: &std::ffi::CStr) -> i32 {
    // SAFETY: a live C string.
    sys::must("open", sys::result(unsafe { libc::open(path.as_ptr(), libc::O_RDWR) }.into()))
}
