//! io_uring without a library: one request at a time, submitted and waited for.

use crate::sys::{self, Ask, OpenHow, Result, Via};
use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicU32, Ordering};

pub const OPENAT: Via = Via { op: "io_uring", implied: 0, call: |ask| open(ask, OP_OPENAT, 0, 0) };
pub const OPENAT2: Via = Via { op: "io_uring", implied: 0, call: |ask| open(ask, OP_OPENAT2, 0, 0) };
/// Handed to a worker thread at once.
pub const OPENAT_ASYNC: Via = Via { op: "io_uring", implied: 0, call: |ask| open(ask, OP_OPENAT, ASYNC, 0) };
pub const OPENAT2_ASYNC: Via = Via { op: "io_uring", implied: 0, call: |ask| open(ask, OP_OPENAT2, ASYNC, 0) };
/// Taken from the ring by a kernel thread; the program makes no system call for it.
pub const OPENAT_POLLED: Via = Via { op: "io_uring", implied: 0, call: |ask| open(ask, OP_OPENAT, 0, SETUP_SQPOLL) };

const OP_OPENAT: u8 = 18;
const OP_OPENAT2: u8 = 28;
/// IOSQE_ASYNC
const ASYNC: u8 = 1 << 4;
const SETUP_SQPOLL: u32 = 1 << 1;
const ENTER_GETEVENTS: u32 = 1;
const ENTER_SQ_WAKEUP: u32 = 2;
const OFFSET_SQ_RING: i64 = 0;
const OFFSET_CQ_RING: i64 = 0x800_0000;
const OFFSET_SQES: i64 = 0x1000_0000;

/// `struct io_sqring_offsets` and `struct io_cqring_offsets`, which differ in the middle only.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
struct Offsets {
    head: u32,
    tail: u32,
    ring_mask: u32,
    ring_entries: u32,
    /// sq: flags; cq: overflow
    word4: u32,
    /// sq: dropped; cq: cqes
    word5: u32,
    /// sq: array; cq: flags
    word6: u32,
    reserved: u32,
    user_addr: u64,
}

/// `struct io_uring_params`
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
struct Params {
    sq_entries: u32,
    cq_entries: u32,
    flags: u32,
    sq_thread_cpu: u32,
    sq_thread_idle: u32,
    features: u32,
    wq_fd: u32,
    reserved: [u32; 3],
    sq: Offsets,
    cq: Offsets,
}

/// `struct io_uring_sqe`, as far as opens use it.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
struct Request {
    opcode: u8,
    flags: u8,
    ioprio: u16,
    fd: i32,
    /// Where the `open_how` of OPENAT2 lies.
    offset: u64,
    /// Where the name lies.
    address: u64,
    /// Mode of OPENAT, size of the `open_how` of OPENAT2.
    len: u32,
    open_flags: u32,
    user_data: u64,
    rest: [u64; 3],
}

/// `struct io_uring_cqe`
#[derive(Clone, Copy, Debug)]
#[repr(C)]
struct Completion {
    user_data: u64,
    result: i32,
    flags: u32,
}

/// IORING_FEAT_SQPOLL_NONFIXED (5.11): a polled ring takes any descriptor.
pub const FEATURE_POLLED_OPENS: u32 = 1 << 7;

/// Whether this kernel lets this process use io_uring: the features it has.
pub fn features() -> Result<u32> {
    Ring::new(0).map(|ring| ring.params.features)
}

/// One open through a ring of its own.
fn open(ask: &Ask, opcode: u8, flags: u8, setup: u32) -> Result {
    let how = OpenHow::from(ask);
    let mut request = Request { opcode, flags, fd: ask.dirfd, address: ask.name.addr() as u64, ..Default::default() };
    if opcode == OP_OPENAT2 {
        request.offset = (&raw const how).addr() as u64;
        request.len = size_of::<OpenHow>() as u32;
    } else {
        request.len = ask.mode;
        request.open_flags = ask.flags as u32;
    }
    let ring = sys::must("io_uring_setup", Ring::new(setup));
    ring.run(&request)
}

/// A ring with one place, mapped.
#[derive(Debug)]
struct Ring {
    fd: c_int,
    params: Params,
    sq: Mapping,
    cq: Mapping,
    requests: Mapping,
}

impl Ring {
    fn new(flags: u32) -> Result<Self> {
        let mut params = Params { flags, ..Default::default() };
        // SAFETY: `params` is live and as large as the kernel takes it to be.
        let fd = sys::result(unsafe { libc::syscall(libc::SYS_io_uring_setup, 1, &raw mut params) })?;
        let sq_len = params.sq.word6 as usize + params.sq_entries as usize * size_of::<u32>();
        let cq_len = params.cq.word5 as usize + params.cq_entries as usize * size_of::<Completion>();
        Ok(Self {
            fd,
            params,
            sq: Mapping::new(fd, OFFSET_SQ_RING, sq_len)?,
            cq: Mapping::new(fd, OFFSET_CQ_RING, cq_len)?,
            requests: Mapping::new(fd, OFFSET_SQES, params.sq_entries as usize * size_of::<Request>())?,
        })
    }

    /// Submits the request and waits for its result.
    fn run(&self, request: &Request) -> Result {
        // SAFETY: the mappings are as long as the kernel said, the offsets are the kernel's own, and the ring is new:
        // place 0 is free and nobody else uses it.
        unsafe {
            self.requests.at::<Request>(0).write(*request);
            self.sq.at::<u32>(self.params.sq.word6).write(0);
            (*self.sq.at::<AtomicU32>(self.params.sq.tail)).store(1, Ordering::Release);
        }
        while self.completed() == 0 {
            self.enter();
        }
        // SAFETY: the kernel has moved the tail past completion 0.
        let completion = unsafe { self.cq.at::<Completion>(self.params.cq.word5).read() };
        if completion.result < 0 { Err(-completion.result) } else { Ok(completion.result) }
    }

    fn completed(&self) -> u32 {
        // SAFETY: the offset is the kernel's own.
        unsafe { (*self.cq.at::<AtomicU32>(self.params.cq.tail)).load(Ordering::Acquire) }
    }

    fn enter(&self) {
        let flags = ENTER_GETEVENTS | if self.params.flags & SETUP_SQPOLL != 0 { ENTER_SQ_WAKEUP } else { 0 };
        // SAFETY: no signal mask is passed.
        let ret = unsafe {
            libc::syscall(libc::SYS_io_uring_enter, self.fd, 1, 1, flags, std::ptr::null::<c_void>(), 0_usize)
        };
        sys::must("io_uring_enter", sys::result(ret));
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        sys::close(self.fd);
    }
}

/// A shared mapping of a part of the ring.
#[derive(Debug)]
struct Mapping {
    start: *mut c_void,
    len: usize,
}

impl Mapping {
    fn new(fd: c_int, offset: i64, len: usize) -> Result<Self> {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let kind = libc::MAP_SHARED | libc::MAP_POPULATE;
        // SAFETY: a new mapping at an address that the kernel chooses.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), len, access, kind, fd, offset) };
        if start == libc::MAP_FAILED { Err(sys::errno()) } else { Ok(Self { start, len }) }
    }

    /// The `T` at `offset`, which must lie inside.
    fn at<T>(&self, offset: u32) -> *mut T {
        assert!(offset as usize + size_of::<T>() <= self.len);
        self.start.wrapping_byte_add(offset as usize).cast()
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is this one's own and nothing points into it any more.
        unsafe { libc::munmap(self.start, self.len) };
    }
}
