//! What must be reported of an open, as one JSON line with opentop's own field names.
//!
//! The names of flags and errors and the folding of paths are written here a second time on purpose: a test that
//! borrowed them from opentop would agree with its mistakes.

use crate::sys;
use std::ffi::c_int;
use std::fmt::Write as _;

/// Who opens. `None` is what the way cannot know.
#[derive(Clone, Debug)]
pub struct Who {
    pub pid: i32,
    pub tid: Option<i32>,
    pub ppid: Option<i32>,
    pub uid: u32,
    pub comm: Option<Vec<u8>>,
}

impl Who {
    /// This thread, as the host numbers it: `/proc` may belong to an outer pid namespace, `getpid` does not.
    pub fn me() -> Self {
        // SAFETY: none of these takes a pointer.
        let (pid, tid, ppid, uid) = unsafe { (libc::getpid(), libc::gettid(), libc::getppid(), libc::getuid()) };
        let (host_pid, host_tid) = host_ids().unwrap_or((pid, tid));
        let ppid = (host_pid == pid).then_some(ppid);
        Self { pid: host_pid, tid: Some(host_tid), ppid, uid, comm: Some(comm()) }
    }
}

/// Pid and tid from `/proc/thread-self`, a link to `PID/task/TID`.
fn host_ids() -> Option<(i32, i32)> {
    let link = String::from_utf8(sys::read_link(b"/proc/thread-self").ok()?).ok()?;
    let (pid, tid) = link.split_once("/task/")?;
    Some((pid.parse().ok()?, tid.parse().ok()?))
}

fn comm() -> Vec<u8> {
    let mut comm = [0_u8; 16];
    // SAFETY: PR_GET_NAME writes 16 bytes at most, its NUL included.
    sys::must("prctl", sys::result(unsafe { libc::prctl(libc::PR_GET_NAME, comm.as_mut_ptr()) }.into()));
    comm.into_iter().take_while(|&byte| byte != 0).collect()
}

/// One open that was done.
#[derive(Debug)]
pub struct Line<'a> {
    pub way: &'a str,
    pub who: Who,
    pub op: &'a str,
    /// As the program gave it; `None` where it cannot be read.
    pub name: Option<&'a [u8]>,
    pub path: Option<&'a [u8]>,
    pub path_kind: &'a str,
    /// The last name of the opened file, where it is another than was asked for.
    pub opened: Option<&'a [u8]>,
    /// The opened file's own path as `/proc` has it, ` (deleted)` included; `None` where that cannot be seen.
    pub real: Option<&'a [u8]>,
    /// `None` where the call has no flags.
    pub flags: Option<u64>,
    /// Permission bits, where the flags make them count.
    pub mode: Option<u32>,
    pub result: sys::Result,
    /// False where success gives no descriptor.
    pub fd: bool,
    /// The directory that the name is relative to is deleted.
    pub dir_deleted: bool,
}

impl Line<'_> {
    /// Writes the line to standard output in one piece.
    pub fn print(&self) {
        let mut json = Json::new();
        json.text("way", self.way.as_bytes());
        json.text("op", self.op.as_bytes());
        json.number("pid", Some(self.who.pid.into()));
        json.number("tid", self.who.tid.map(i64::from));
        json.number("ppid", self.who.ppid.map(i64::from));
        json.number("uid", Some(self.who.uid.into()));
        json.bytes("comm", self.who.comm.as_deref());
        json.bytes("name", self.name);
        json.bytes("path", self.path);
        json.text("path_kind", self.path_kind.as_bytes());
        json.bytes("opened_name", self.opened);
        json.bytes("real_path", self.real);
        json.list("flags", self.flags.map(flag_names));
        json.number("mode", self.mode.map(i64::from));
        json.number("fd", self.result.ok().filter(|_| self.fd).map(i64::from));
        json.bytes("errno", self.result.err().map(|errno| errno_name(errno).as_bytes()));
        json.raw("dir_deleted", if self.dir_deleted { "true" } else { "false" });
        json.print();
    }
}

/// Says on standard output that a way could not be gone, and why.
pub fn print_skipped(way: &str, reason: &str) {
    let mut json = Json::new();
    json.text("way", way.as_bytes());
    json.text("skipped", reason.as_bytes());
    json.print();
}

/// An absolute path without `.`, `..` and empty components.
pub fn fold(path: &[u8]) -> Vec<u8> {
    let mut kept: Vec<&[u8]> = Vec::new();
    for component in path.split(|&byte| byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." => drop(kept.pop()),
            _ => kept.push(component),
        }
    }
    if kept.is_empty() {
        return b"/".to_vec();
    }
    kept.into_iter().flat_map(|component| [b"/", component].concat()).collect()
}

/// One JSON object, field by field.
#[derive(Debug)]
pub struct Json(String);

impl Json {
    pub fn new() -> Self {
        Self(String::from("{"))
    }

    pub fn number(&mut self, key: &str, value: Option<i64>) {
        self.raw(key, &value.map_or("null".to_owned(), |value| value.to_string()));
    }

    pub fn text(&mut self, key: &str, value: &[u8]) {
        self.bytes(key, Some(value));
    }

    /// A text; where it is not UTF-8, `KEY_b64` carries the exact bytes beside it.
    pub fn bytes(&mut self, key: &str, value: Option<&[u8]>) {
        let Some(value) = value else { return self.raw(key, "null") };
        self.raw(key, &quoted(&String::from_utf8_lossy(value)));
        if str::from_utf8(value).is_err() {
            self.raw(&format!("{key}_b64"), &quoted(&base64(value)));
        }
    }

    pub fn list(&mut self, key: &str, values: Option<Vec<String>>) {
        let Some(values) = values else { return self.raw(key, "null") };
        let values: Vec<String> = values.iter().map(|value| quoted(value)).collect();
        self.raw(key, &format!("[{}]", values.join(",")));
    }

    /// A value that is JSON already.
    pub fn raw(&mut self, key: &str, value: &str) {
        let comma = if self.0.len() > 1 { "," } else { "" };
        let _ = write!(self.0, "{comma}{}:{value}", quoted(key));
    }

    pub fn print(&self) {
        sys::write_all(libc::STDOUT_FILENO, format!("{}}}\n", self.0).as_bytes());
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\0'..='\x1f' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            _ => out.push(c),
        }
    }
    out + "\""
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().enumerate().fold(0_u32, |word, (at, &byte)| word | u32::from(byte) << (16 - 8 * at));
        for at in 0..4 {
            let digit = char::from(DIGITS[(word >> (18 - 6 * at) & 63) as usize]);
            out.push(if at <= chunk.len() { digit } else { '=' });
        }
    }
    out
}

/// O_LARGEFILE as the kernel has it; glibc says 0 on 64-bit systems.
#[cfg(target_arch = "aarch64")]
pub const O_LARGEFILE: c_int = 0o400_000;
#[cfg(not(target_arch = "aarch64"))]
pub const O_LARGEFILE: c_int = 0o100_000;

/// A flag that no kernel knows.
pub const O_UNKNOWN: c_int = 0x4000_0000;

/// The flags that the ways here use, those that contain others first.
const FLAGS: [(c_int, &str); 18] = [
    (libc::O_TMPFILE, "O_TMPFILE"),
    (libc::O_SYNC, "O_SYNC"),
    (libc::O_DSYNC, "O_DSYNC"),
    (libc::O_CREAT, "O_CREAT"),
    (libc::O_EXCL, "O_EXCL"),
    (libc::O_NOCTTY, "O_NOCTTY"),
    (libc::O_TRUNC, "O_TRUNC"),
    (libc::O_APPEND, "O_APPEND"),
    (libc::O_NONBLOCK, "O_NONBLOCK"),
    (libc::O_ASYNC, "O_ASYNC"),
    (libc::O_DIRECT, "O_DIRECT"),
    (O_LARGEFILE, "O_LARGEFILE"),
    (libc::O_DIRECTORY, "O_DIRECTORY"),
    (libc::O_NOFOLLOW, "O_NOFOLLOW"),
    (libc::O_NOATIME, "O_NOATIME"),
    (libc::O_CLOEXEC, "O_CLOEXEC"),
    (libc::O_PATH, "O_PATH"),
    (O_UNKNOWN, "0x40000000"),
];

/// A flag that only openat2 has room for.
const O_HIGH: (u64, &str) = (1 << 40, "0x10000000000");

fn flag_names(flags: u64) -> Vec<String> {
    let access = libc::O_ACCMODE as u64;
    let mut names = vec![["O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE"][(flags & access) as usize]];
    let mut rest = flags & !access;
    for (bits, name) in FLAGS.map(|(bits, name)| (bits as u64, name)).into_iter().chain([O_HIGH]) {
        if rest & bits == bits {
            names.push(name);
            rest &= !bits;
        }
    }
    assert_eq!(rest, 0, "flags {flags:#x} have bits without a name here");
    names.into_iter().map(str::to_owned).collect()
}

/// The errors that the ways here meet.
const ERRORS: &[(c_int, &str)] = &[
    (libc::EPERM, "EPERM"),
    (libc::ENOENT, "ENOENT"),
    (libc::ENXIO, "ENXIO"),
    (libc::E2BIG, "E2BIG"),
    (libc::EBADF, "EBADF"),
    (libc::EAGAIN, "EAGAIN"),
    (libc::EACCES, "EACCES"),
    (libc::EFAULT, "EFAULT"),
    (libc::EBUSY, "EBUSY"),
    (libc::EEXIST, "EEXIST"),
    (libc::EXDEV, "EXDEV"),
    (libc::ENODEV, "ENODEV"),
    (libc::ENOTDIR, "ENOTDIR"),
    (libc::EISDIR, "EISDIR"),
    (libc::EINVAL, "EINVAL"),
    (libc::ENFILE, "ENFILE"),
    (libc::EMFILE, "EMFILE"),
    (libc::ETXTBSY, "ETXTBSY"),
    (libc::EFBIG, "EFBIG"),
    (libc::EROFS, "EROFS"),
    (libc::ENAMETOOLONG, "ENAMETOOLONG"),
    (libc::ENOSYS, "ENOSYS"),
    (libc::ELOOP, "ELOOP"),
    (libc::EOVERFLOW, "EOVERFLOW"),
    (libc::EOPNOTSUPP, "EOPNOTSUPP"),
    (libc::ESTALE, "ESTALE"),
    (libc::ECANCELED, "ECANCELED"),
    (libc::ENOMEM, "ENOMEM"),
    (libc::EINTR, "EINTR"),
];

fn errno_name(errno: c_int) -> &'static str {
    let known = ERRORS.iter().find(|(number, _)| *number == errno);
    known.map_or_else(|| panic!("errno {errno} has no name here"), |(_, name)| *name)
}
