//! System calls, bare: no retry, no hidden open, the errno as the kernel gave it.

use std::ffi::{CString, c_char, c_int, c_long};
use std::io;

/// What a call returned, or its errno.
pub type Result<T = c_int> = std::result::Result<T, c_int>;

/// What a call is asked for. Fields that a call does not have are ignored by it.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    pub dirfd: c_int,
    pub name: *const c_char,
    pub flags: c_int,
    /// Of openat2: bits beyond the 32 that the others have.
    pub high_flags: u32,
    pub mode: u32,
    pub resolve: u64,
}

/// One way to ask: `op` as opentop reports it, the flags that the call stands for, and the call.
#[derive(Clone, Copy, Debug)]
pub struct Via {
    pub op: &'static str,
    pub implied: c_int,
    pub call: fn(&Ask) -> Result,
}

pub const OPENAT: Via = Via { op: "openat", implied: 0, call: openat };
pub const OPENAT2: Via = Via { op: "openat2", implied: 0, call: openat2 };
#[cfg(target_arch = "x86_64")]
pub const OPEN: Via = Via { op: "open", implied: 0, call: open };
#[cfg(target_arch = "x86_64")]
pub const CREAT: Via = Via { op: "creat", implied: CREAT_FLAGS, call: creat };

/// What `creat` stands for.
pub const CREAT_FLAGS: c_int = libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC;

/// `struct open_how` of `linux/openat2.h`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct OpenHow {
    pub flags: u64,
    pub mode: u64,
    pub resolve: u64,
}

impl From<&Ask> for OpenHow {
    fn from(ask: &Ask) -> Self {
        Self {
            flags: u64::from(ask.high_flags) << 32 | u64::from(ask.flags as u32),
            mode: ask.mode.into(),
            resolve: ask.resolve,
        }
    }
}

/// The errno of the last call that failed.
pub fn errno() -> c_int {
    io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

/// A raw return value as a result.
pub fn result(ret: c_long) -> Result {
    if ret < 0 { Err(errno()) } else { Ok(ret as c_int) }
}

/// Bytes as the kernel takes them. None of the names here holds a NUL.
pub fn c_string(bytes: &[u8]) -> CString {
    CString::new(bytes).expect("a name without NUL")
}

#[cfg(target_arch = "x86_64")]
fn open(ask: &Ask) -> Result {
    // SAFETY: the kernel checks the pointer itself.
    result(unsafe { libc::syscall(libc::SYS_open, ask.name, ask.flags, ask.mode) })
}

#[cfg(target_arch = "x86_64")]
fn creat(ask: &Ask) -> Result {
    // SAFETY: the kernel checks the pointer itself.
    result(unsafe { libc::syscall(libc::SYS_creat, ask.name, ask.mode) })
}

fn openat(ask: &Ask) -> Result {
    // SAFETY: the kernel checks the pointer itself.
    result(unsafe { libc::syscall(libc::SYS_openat, ask.dirfd, ask.name, ask.flags, ask.mode) })
}

fn openat2(ask: &Ask) -> Result {
    let how = OpenHow::from(ask);
    // SAFETY: `how` outlives the call and has the size given; the kernel checks the name's pointer itself.
    result(unsafe { libc::syscall(libc::SYS_openat2, ask.dirfd, ask.name, &raw const how, size_of::<OpenHow>()) })
}

/// `struct file_handle` with room for the largest handle.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Handle {
    pub bytes: u32,
    pub kind: c_int,
    pub data: [u8; Handle::MAX],
}

impl Handle {
    /// MAX_HANDLE_SZ.
    pub const MAX: usize = 128;

    /// The handle of the file at `path`.
    pub fn of(path: &[u8]) -> Result<Self> {
        let mut handle = Self { bytes: Self::MAX as u32, kind: 0, data: [0; Self::MAX] };
        let (path, mut mount_id) = (c_string(path), 0 as c_int);
        // SAFETY: every pointer is to a live local; `bytes` says how much room `data` has.
        let ret = unsafe {
            let (handle, mount_id) = (&raw mut handle, &raw mut mount_id);
            libc::syscall(libc::SYS_name_to_handle_at, libc::AT_FDCWD, path.as_ptr(), handle, mount_id, 0)
        };
        result(ret).map(|_| handle)
    }

    pub fn open(&self, mount_fd: c_int, flags: c_int) -> Result {
        // SAFETY: the handle is live and as long as it says.
        result(unsafe { libc::syscall(libc::SYS_open_by_handle_at, mount_fd, &raw const *self, flags) })
    }
}

/// Fails loudly: setting up a way must work, or nothing would be tested.
#[track_caller]
pub fn must<T>(what: &str, result: Result<T>) -> T {
    match result {
        Ok(value) => value,
        Err(errno) => panic!("{what}: {}", io::Error::from_raw_os_error(errno)),
    }
}

/// Calls that take one path.
macro_rules! path_call {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $type:ty),*) = $call:expr;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        pub fn $name(path: &[u8] $(, $arg: $type)*) {
            let path = c_string(path);
            // SAFETY: the path is a live C string.
            let ret = unsafe { $call(path.as_ptr() $(, $arg)*) };
            must(concat!(stringify!($name), " ", stringify!($call)), result(ret.into()));
        }
    )*};
}

path_call! {
    /// Makes an empty regular file without opening it.
    make_file(mode: u32) = make_node;
    make_fifo(mode: u32) = libc::mkfifo;
    make_dir(mode: u32) = libc::mkdir;
    remove_dir() = libc::rmdir;
    remove_file() = libc::unlink;
    change_dir() = libc::chdir;
    change_root() = libc::chroot;
    /// Makes a file longer (a hole) without opening it.
    #[cfg(target_arch = "x86_64")]
    set_len(len: i64) = libc::truncate;
}

unsafe fn make_node(path: *const c_char, mode: u32) -> c_int {
    // SAFETY: the caller gives a live C string.
    unsafe { libc::mknod(path, libc::S_IFREG | mode, 0) }
}

#[track_caller]
pub fn symlink(target: &[u8], path: &[u8]) {
    let (target, path) = (c_string(target), c_string(path));
    // SAFETY: both are live C strings.
    must("symlink", result(unsafe { libc::symlink(target.as_ptr(), path.as_ptr()) }.into()));
}

#[track_caller]
pub fn rename(from: &[u8], to: &[u8]) {
    let (from, to) = (c_string(from), c_string(to));
    // SAFETY: both are live C strings.
    must("rename", result(unsafe { libc::rename(from.as_ptr(), to.as_ptr()) }.into()));
}

/// The target of a symbolic link.
pub fn read_link(path: &[u8]) -> Result<Vec<u8>> {
    let (path, mut target) = (c_string(path), vec![0_u8; 4096]);
    // SAFETY: the path is a live C string and the buffer as long as said.
    let ret = unsafe { libc::readlink(path.as_ptr(), target.as_mut_ptr().cast(), target.len()) };
    target.truncate(result(ret as c_long)? as usize);
    Ok(target)
}

pub fn close(fd: c_int) {
    // SAFETY: every caller owns the descriptor and does not use it again.
    must("close", result(unsafe { libc::close(fd) }.into()));
}

/// Writes all of `bytes`, however many calls that takes.
pub fn write_all(fd: c_int, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        // SAFETY: the buffer is live and as long as said.
        let ret = unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) };
        bytes = &bytes[must("write", result(ret as c_long)) as usize..];
    }
}

/// Runs `child` in a child process that ends with what it returns. The pid of the child.
pub fn fork(child: impl FnOnce() -> c_int) -> libc::pid_t {
    // SAFETY: the process has one thread whenever it forks, so that the child may do anything.
    match must("fork", result(unsafe { libc::fork() }.into())) {
        0 => {
            let status = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child)).unwrap_or(PANICKED);
            // SAFETY: ends the process at once; nothing of the parent's is run or flushed twice.
            unsafe { libc::_exit(status) }
        }
        pid => pid,
    }
}

/// Exit status of a child that panicked (and has said why).
pub const PANICKED: c_int = 101;

/// The exit status of a child, or the signal that killed it.
pub fn try_wait(pid: libc::pid_t) -> std::result::Result<c_int, c_int> {
    let mut status = 0;
    // SAFETY: `status` is a live local.
    must("waitpid", result(unsafe { libc::waitpid(pid, &raw mut status, 0) }.into()));
    if libc::WIFEXITED(status) { Ok(libc::WEXITSTATUS(status)) } else { Err(libc::WTERMSIG(status)) }
}

/// The exit status of a child that no signal may kill.
#[track_caller]
pub fn wait(pid: libc::pid_t) -> c_int {
    try_wait(pid).unwrap_or_else(|signal| panic!("child {pid} was killed by signal {signal}"))
}

/// Gives this process mounts of its own, which the host does not see.
pub fn private_mounts() -> Result<()> {
    // SAFETY: no pointers.
    result(unsafe { libc::unshare(libc::CLONE_NEWNS) }.into())?;
    mount(b"none", b"/", b"", libc::MS_REC | libc::MS_PRIVATE)
}

pub fn mount(source: &[u8], target: &[u8], fs: &[u8], flags: libc::c_ulong) -> Result<()> {
    let (source, target, fs) = (c_string(source), c_string(target), c_string(fs));
    // SAFETY: all are live C strings; no data is passed.
    let ret = unsafe { libc::mount(source.as_ptr(), target.as_ptr(), fs.as_ptr(), flags, std::ptr::null()) };
    result(ret.into()).map(|_| ())
}

/// Binds this process to one processor.
pub fn pin(cpu: usize) {
    // SAFETY: the set is plain bits, all of them valid, and as long as said.
    let ret = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set)
    };
    must("sched_setaffinity", result(ret.into()));
}
