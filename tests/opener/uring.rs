//! io_uring without a library: one request at a time, submitted and waited for.

use crate::sys::{self, Ask, OpenHow, Result, Via};
use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicU32, Ordering};

pub const OPENAT: Via = Via { op: "io_uring", implied: 0, call: |ask| alone(Request::openat(ask), 0) };
pub const OPENAT2: Via = Via { op: "io_uring", implied: 0, call: |ask| openat2(ask, 0) };
/// Handed to a worker thread at once.
pub const OPENAT_ASYNC: Via =
    Via { op: "io_uring", implied: 0, call: |ask| alone(Request::openat(ask).with(ASYNC), 0) };
pub const OPENAT2_ASYNC: Via = Via { op: "io_uring", implied: 0, call: |ask| openat2(ask, ASYNC) };
/// Taken from the ring by a kernel thread; the program makes no system call for it.
pub const OPENAT_POLLED: Via =
    Via { op: "io_uring", implied: 0, call: |ask| alone(Request::openat(ask), SETUP_SQPOLL) };

pub const STATX: Via = Via { op: "stat", implied: 0, call: |ask| statx(ask, 0) };
/// Handed to a worker thread at once.
pub const STATX_ASYNC: Via = Via { op: "stat", implied: 0, call: |ask| statx(ask, ASYNC) };

const OP_TIMEOUT: u8 = 11;
const OP_OPENAT: u8 = 18;
const OP_STATX: u8 = 21;
const OP_OPENAT2: u8 = 28;
/// IOSQE_IO_LINK: the next request waits for this one, and is cancelled if it fails.
pub const LINK: u8 = 1 << 2;
/// IOSQE_ASYNC
pub const ASYNC: u8 = 1 << 4;
/// IORING_TIMEOUT_ETIME_SUCCESS (5.16): what is linked behind a timeout comes when that is over.
const TIMEOUT_SUCCEEDS: u32 = 1 << 5;
/// IORING_REGISTER_FILES
const REGISTER_FILES: u32 = 2;
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
pub struct Request {
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
    buffer: u16,
    personality: u16,
    /// Where in the ring's own table to put the file, counted from 1; 0: a descriptor.
    file_slot: u32,
    rest: [u64; 2],
}

impl Request {
    pub fn openat(ask: &Ask) -> Self {
        Self {
            opcode: OP_OPENAT,
            fd: ask.dirfd,
            address: ask.name.addr() as u64,
            len: ask.mode,
            open_flags: ask.flags as u32,
            ..Self::default()
        }
    }

    /// Holds up the request behind it. `time` must live until the request is submitted.
    pub fn timeout(time: &libc::timespec) -> Self {
        Self {
            opcode: OP_TIMEOUT,
            fd: -1,
            address: std::ptr::from_ref(time).addr() as u64,
            len: 1,
            open_flags: TIMEOUT_SUCCEEDS,
            ..Self::default()
        }
        .with(LINK)
    }

    /// `how` must live until the request is submitted.
    fn openat2(ask: &Ask, how: &OpenHow) -> Self {
        Self {
            opcode: OP_OPENAT2,
            fd: ask.dirfd,
            address: ask.name.addr() as u64,
            offset: std::ptr::from_ref(how).addr() as u64,
            len: size_of::<OpenHow>() as u32,
            ..Self::default()
        }
    }

    /// With flags of the request itself.
    pub fn with(self, flags: u8) -> Self {
        Self { flags, ..self }
    }

    /// Into the first place of the ring's own table.
    pub fn into_slot(self) -> Self {
        Self { file_slot: 1, ..self }
    }
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
    Ring::new(1, 0).map(|ring| ring.params.features)
}

/// One open through a ring of its own.
fn alone(request: Request, setup: u32) -> Result {
    let ring = sys::must("io_uring_setup", Ring::new(1, setup));
    ring.run(&[request]).remove(0)
}

fn statx(ask: &Ask, flags: u8) -> Result {
    let mut found = [0_u64; 32];
    let request = Request {
        opcode: OP_STATX,
        fd: ask.dirfd,
        address: ask.name.addr() as u64,
        offset: found.as_mut_ptr().addr() as u64,
        open_flags: ask.flags as u32,
        ..Request::default()
    };
    alone(request.with(flags), 0)
}

fn openat2(ask: &Ask, flags: u8) -> Result {
    let how = OpenHow::from(ask);
    alone(Request::openat2(ask, &how).with(flags), 0)
}

/// All requests through one ring in one go; their results in the same order.
pub fn together(requests: &[Request]) -> Vec<Result> {
    sys::must("io_uring_setup", try_together(requests))
}

/// The same, where there may be no memory for another ring: the kernel frees those of before in its own time.
pub fn try_together(requests: &[Request]) -> Result<Vec<Result>> {
    Ring::new(requests.len() as u32, 0).map(|ring| ring.run(requests))
}

/// Submits all requests to a ring of their own, and leaves them there. They are cancelled when the ring is dropped.
pub fn left_pending(requests: &[Request]) -> Result<Ring> {
    let ring = Ring::new(requests.len() as u32, 0)?;
    ring.fill(requests);
    ring.enter(requests.len() as u32, 0);
    Ok(ring)
}

/// An open into the ring's own table of files, which gives no descriptor (5.15).
pub fn into_slot(request: Request) -> Result {
    let ring = sys::must("io_uring_setup", Ring::new(1, 0));
    let free: [c_int; 1] = [-1];
    // SAFETY: a table with as many places as said.
    let ret = unsafe { libc::syscall(libc::SYS_io_uring_register, ring.fd, REGISTER_FILES, &raw const free, 1) };
    sys::must("io_uring_register", sys::result(ret));
    ring.run(&[request.into_slot()]).remove(0)
}

/// A ring, mapped.
#[derive(Debug)]
pub struct Ring {
    fd: c_int,
    params: Params,
    sq: Mapping,
    cq: Mapping,
    requests: Mapping,
}

impl Ring {
    fn new(entries: u32, flags: u32) -> Result<Self> {
        let mut params = Params { flags, ..Default::default() };
        // SAFETY: `params` is live and as large as the kernel takes it to be.
        let fd = sys::result(unsafe { libc::syscall(libc::SYS_io_uring_setup, entries, &raw mut params) })?;
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

    /// Submits the requests and waits for their results. The ring must be new.
    fn run(&self, requests: &[Request]) -> Vec<Result> {
        let count = requests.len() as u32;
        self.fill(requests);
        while self.completed() < count {
            self.enter(count, count);
        }
        let mut results = vec![Ok(0); requests.len()];
        for at in 0..count {
            let place = self.params.cq.word5 + at * size_of::<Completion>() as u32;
            // SAFETY: the kernel has moved the tail past this completion.
            let completion = unsafe { self.cq.at::<Completion>(place).read() };
            let result = if completion.result < 0 { Err(-completion.result) } else { Ok(completion.result) };
            results[completion.user_data as usize] = result;
        }
        results
    }

    /// Puts the requests where the kernel finds them.
    fn fill(&self, requests: &[Request]) {
        let count = requests.len() as u32;
        assert!(count <= self.params.sq_entries);
        for (at, request) in (0..).zip(requests) {
            let request = Request { user_data: at.into(), ..*request };
            // SAFETY: the mappings are as long as the kernel said, the offsets are the kernel's own, and the ring is
            // new: all its places are free and nobody else uses them.
            unsafe {
                self.requests.at::<Request>(at * size_of::<Request>() as u32).write(request);
                self.sq.at::<u32>(self.params.sq.word6 + at * size_of::<u32>() as u32).write(at);
            }
        }
        // SAFETY: the offset is the kernel's own.
        unsafe { (*self.sq.at::<AtomicU32>(self.params.sq.tail)).store(count, Ordering::Release) };
    }

    fn completed(&self) -> u32 {
        // SAFETY: the offset is the kernel's own.
        unsafe { (*self.cq.at::<AtomicU32>(self.params.cq.tail)).load(Ordering::Acquire) }
    }

    /// Submits, and waits until so many have completed.
    fn enter(&self, submit: u32, complete: u32) {
        let flags = ENTER_GETEVENTS | if self.params.flags & SETUP_SQPOLL != 0 { ENTER_SQ_WAKEUP } else { 0 };
        // SAFETY: no signal mask is passed.
        let ret = unsafe {
            libc::syscall(
                libc::SYS_io_uring_enter,
                self.fd,
                submit,
                complete,
                flags,
                std::ptr::null::<c_void>(),
                0_usize,
            )
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
