//! 32-bit system calls from a 64-bit program: `int 0x80`, with everything pointed to below 4 GiB.

use crate::sys::{Ask, CREAT_FLAGS, OpenHow, Result, Via};
use std::arch::asm;
use std::ffi::{CStr, c_void};

pub const OPEN: Via = Via {
    op: "open",
    implied: 0,
    call: |ask| with_low(ask, |low, name| call(low, 5, [name, ask.flags as u32, ask.mode, 0])),
};
pub const OPENAT: Via = Via {
    op: "openat",
    implied: 0,
    call: |ask| with_low(ask, |low, name| call(low, 295, [ask.dirfd as u32, name, ask.flags as u32, ask.mode])),
};
pub const OPENAT2: Via = Via {
    op: "openat2",
    implied: 0,
    call: |ask| {
        with_low(ask, |low, name| call(low, 437, [ask.dirfd as u32, name, low.how as u32, size_of::<OpenHow>() as u32]))
    },
};
pub const CREAT: Via = Via {
    op: "creat",
    implied: CREAT_FLAGS,
    call: |ask| with_low(ask, |low, name| call(low, 8, [name, ask.mode, 0, 0])),
};

/// Calls that look up. The answer goes where an `open_how` would lie, behind which the page has room.
pub mod lookup {
    use super::{Via, call, with_low};

    macro_rules! via {
        ($op:literal, |$ask:ident, $name:ident, $room:ident| $number:literal, $args:expr) => {
            Via {
                op: $op,
                implied: 0,
                call: |$ask| {
                    with_low($ask, |low, $name| {
                        let $room = low.how as u32;
                        call(low, $number, $args)
                    })
                },
            }
        };
    }
    pub const OLDSTAT: Via = via!("stat", |_ask, name, room| 18, [name, room, 0, 0]);
    pub const OLDLSTAT: Via = via!("stat", |_ask, name, room| 84, [name, room, 0, 0]);
    pub const STAT: Via = via!("stat", |_ask, name, room| 106, [name, room, 0, 0]);
    pub const LSTAT: Via = via!("stat", |_ask, name, room| 107, [name, room, 0, 0]);
    pub const STAT64: Via = via!("stat", |_ask, name, room| 195, [name, room, 0, 0]);
    pub const LSTAT64: Via = via!("stat", |_ask, name, room| 196, [name, room, 0, 0]);
    pub const FSTATAT64: Via = via!("stat", |ask, name, room| 300, [ask.dirfd as u32, name, room, 0]);
    /// Its fifth argument, the room, is none: what is there is EFAULT.
    pub const STATX: Via = via!("stat", |ask, name, _room| 383, [ask.dirfd as u32, name, 0, 0x7ff]);
    pub const ACCESS: Via = via!("access", |_ask, name, _room| 33, [name, 4, 0, 0]);
    pub const FACCESSAT: Via = via!("access", |ask, name, _room| 307, [ask.dirfd as u32, name, 4, 0]);
    pub const FACCESSAT2: Via = via!("access", |ask, name, _room| 439, [ask.dirfd as u32, name, 4, 0]);
    pub const READLINK: Via = via!("readlink", |_ask, name, room| 85, [name, room, 24, 0]);
    pub const READLINKAT: Via = via!("readlink", |ask, name, room| 305, [ask.dirfd as u32, name, room, 24]);
}

/// Ends with 0 if the kernel answers 32-bit calls; where it does not, SIGSEGV kills the caller.
pub fn probe() -> i32 {
    let page = LowPage::new();
    // 20 is getpid.
    i32::from(call(&page, 20, [0; 4]).is_err())
}

/// Calls by number with nothing but zeroes, whatever comes of it.
pub fn without_arguments(numbers: &[u32]) {
    let page = LowPage::new();
    for number in numbers {
        let _ = call(&page, *number, [0; 4]);
    }
}

/// ioctl with a pointer to one byte.
pub fn ioctl(fd: u32, request: u32, byte: u8) -> Result {
    let page = LowPage::new();
    // SAFETY: the page has room for it.
    unsafe { page.start.cast::<u8>().write(byte) };
    call(&page, 54, [fd, request, page.start.addr() as u32, 0])
}

/// Memory below 4 GiB: a name, and an `open_how` behind it.
#[derive(Debug)]
struct LowPage {
    start: *mut c_void,
    how: usize,
}

impl LowPage {
    const NAME: usize = 8192;
    const LEN: usize = Self::NAME + size_of::<OpenHow>();

    fn new() -> Self {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_32BIT;
        // SAFETY: a new mapping at an address that the kernel chooses.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), Self::LEN, access, kind, -1, 0) };
        assert_ne!(start, libc::MAP_FAILED, "no memory below 4 GiB");
        Self { start, how: start.addr() + Self::NAME }
    }
}

impl Drop for LowPage {
    fn drop(&mut self) {
        // SAFETY: the mapping is this one's own.
        unsafe { libc::munmap(self.start, Self::LEN) };
    }
}

/// Copies what the call points to below 4 GiB; `then` gets the page and the name's address.
fn with_low(ask: &Ask, then: impl FnOnce(&LowPage, u32) -> Result) -> Result {
    let page = LowPage::new();
    // SAFETY: every name here is a live C string, and shorter than its part of the page.
    unsafe {
        let name = CStr::from_ptr(ask.name).to_bytes_with_nul();
        assert!(name.len() <= LowPage::NAME);
        page.start.cast::<u8>().copy_from_nonoverlapping(name.as_ptr(), name.len());
        page.start.wrapping_byte_add(LowPage::NAME).cast::<OpenHow>().write(OpenHow::from(ask));
    }
    then(&page, page.start.addr() as u32)
}

/// What the upper halves of registers hold; the kernel does not look at them.
const HIGH: u64 = 0xdead_beef << 32;

/// The page is a parameter so that it lives as long as the call.
fn call(_page: &LowPage, number: u32, args: [u32; 4]) -> Result {
    let ret: i64;
    // SAFETY: the kernel checks every pointer. rbx belongs to the compiler and is put back; some kernels
    // clear r8 to r11.
    unsafe {
        asm!(
            "xchg {first:r}, rbx",
            "int 0x80",
            "xchg {first:r}, rbx",
            first = inout(reg) HIGH | u64::from(args[0]) => _,
            inlateout("rax") HIGH | u64::from(number) => ret,
            in("rcx") HIGH | u64::from(args[1]),
            in("rdx") HIGH | u64::from(args[2]),
            in("rsi") HIGH | u64::from(args[3]),
            in("edi") 0,
            out("r8") _,
            out("r9") _,
            out("r10") _,
            out("r11") _,
        );
    }
    let ret = ret as i32;
    if ret < 0 { Err(-ret) } else { Ok(ret) }
}
