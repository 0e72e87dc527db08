//! The place in which one way is gone, and the open itself: asked for, done, reported.

use crate::report::{Line, Who, fold};
use crate::sys::{self, Ask, CREAT_FLAGS, Result, Via};
use std::ffi::{CString, c_char, c_int};

/// Why a way could not be gone on this kernel.
#[derive(Debug)]
pub struct Skip(pub String);

/// What a way returns.
pub type Gone = std::result::Result<(), Skip>;

/// A way that only some kernels have: skipped, with the reason, where the kernel refuses it.
pub fn unless<T>(what: &str, result: Result<T>) -> std::result::Result<T, Skip> {
    result.map_err(|errno| Skip(format!("{what}: {}", std::io::Error::from_raw_os_error(errno))))
}

/// Where a way is gone: a directory of its own, which is the working directory, in a process of its own.
#[derive(Debug)]
pub struct Scene {
    pub way: &'static str,
    /// Absolute, without symbolic links.
    pub dir: Vec<u8>,
}

/// A directory that a name can be relative to.
#[derive(Clone, Debug)]
pub struct Dir {
    pub fd: c_int,
    /// Absolute, as the process sees it.
    pub path: Vec<u8>,
}

impl Scene {
    /// `name` in the scene's directory, absolute.
    pub fn path(&self, name: &str) -> Vec<u8> {
        join(&self.dir, name.as_bytes())
    }

    /// An empty regular file that anybody may read and only its owner write.
    #[expect(clippy::unused_self, reason = "the scene's directory is the working directory")]
    pub fn file<'a>(&self, name: &'a str) -> &'a str {
        sys::make_file(name.as_bytes(), 0o644);
        name
    }

    /// A new directory.
    pub fn subdir(&self, name: &str) -> Vec<u8> {
        sys::make_dir(name.as_bytes(), 0o755);
        self.path(name)
    }

    /// A new directory and a descriptor for it. Its opening is reported too.
    pub fn dirfd(&self, name: &str) -> Dir {
        let path = self.subdir(name);
        self.opened_dir(path)
    }

    /// A descriptor for a directory that is there. Its opening is reported too.
    pub fn opened_dir(&self, path: Vec<u8>) -> Dir {
        let fd = self.open(&sys::OPENAT, &path).flags(libc::O_PATH | libc::O_DIRECTORY).label("directory").ok();
        Dir { fd, path }
    }

    /// A new file with something in it. Its opening is reported too.
    pub fn written(&self, name: &str, bytes: &[u8], mode: u32) {
        let fd = self.open(&sys::OPENAT, name).flags(CREAT_FLAGS).mode(mode).label("write").ok();
        sys::write_all(fd, bytes);
        sys::close(fd);
    }

    /// An open of `name`, relative to the scene's directory, read-only unless told otherwise.
    pub fn open<'a>(&'a self, via: &'a Via, name: impl AsRef<[u8]>) -> Open<'a> {
        Open {
            way: self.way.to_owned(),
            via,
            dir: Dir { fd: libc::AT_FDCWD, path: self.dir.clone() },
            name: sys::c_string(name.as_ref()),
            address: None,
            nameless: false,
            dir_deleted: false,
            fd: true,
            flags: via.implied,
            high_flags: 0,
            mode: 0,
            resolve: 0,
            opened: None,
            real: None,
            kind: None,
            who: None,
        }
    }
}

/// `name` in `dir`.
pub fn join(dir: &[u8], name: &[u8]) -> Vec<u8> {
    [dir, b"/", name].concat()
}

/// One open that is going to be done.
#[derive(Debug)]
pub struct Open<'a> {
    way: String,
    via: &'a Via,
    dir: Dir,
    name: CString,
    address: Option<*const c_char>,
    nameless: bool,
    dir_deleted: bool,
    fd: bool,
    flags: c_int,
    high_flags: u32,
    mode: u32,
    resolve: u64,
    opened: Option<&'static str>,
    real: Option<&'static str>,
    kind: Option<&'static str>,
    who: Option<Who>,
}

impl Open<'_> {
    pub fn flags(mut self, flags: c_int) -> Self {
        self.flags = flags;
        self
    }

    pub fn high_flags(mut self, flags: u32) -> Self {
        self.high_flags = flags;
        self
    }

    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    pub fn resolve(mut self, resolve: u64) -> Self {
        self.resolve = resolve;
        self
    }

    /// What is opened, where the name leads to a file that is called otherwise.
    pub fn opens(mut self, name: &'static str) -> Self {
        self.opened = Some(name);
        self
    }

    /// The opened file's own path, where `/proc` is not there to tell.
    pub fn really(mut self, path: &'static str) -> Self {
        self.real = Some(path);
        self
    }

    /// Relative to this directory.
    pub fn at(mut self, dir: &Dir) -> Self {
        self.dir = dir.clone();
        self
    }

    /// Relative to a working directory other than the scene's.
    pub fn from(mut self, path: impl AsRef<[u8]>) -> Self {
        self.dir.path = path.as_ref().to_vec();
        self
    }

    /// The name lies at this address and nowhere else.
    pub fn address(mut self, address: *const c_char) -> Self {
        self.address = Some(address);
        self
    }

    /// The name cannot be read, not even by the kernel.
    pub fn nameless(mut self) -> Self {
        self.nameless = true;
        self.kind("unreadable")
    }

    /// The directory that the name is relative to has been deleted.
    pub fn in_deleted_dir(mut self) -> Self {
        self.dir_deleted = true;
        self
    }

    /// Success gives no descriptor.
    pub fn without_fd(mut self) -> Self {
        self.fd = false;
        self
    }

    /// Tells one open of a way from its others.
    pub fn label(mut self, label: &str) -> Self {
        self.way = format!("{}: {label}", self.way);
        self
    }

    /// Where the path is not simply the name, or the name joined to the directory.
    pub fn kind(mut self, kind: &'static str) -> Self {
        self.kind = Some(kind);
        self
    }

    /// What is different about who opens, known before the call.
    pub fn who(mut self, change: impl FnOnce(&mut Who)) -> Self {
        change(self.who.get_or_insert_with(Who::me));
        self
    }

    /// Opens; the descriptor.
    #[track_caller]
    pub fn ok(self) -> c_int {
        let (way, result) = self.go();
        sys::must(&way, result)
    }

    /// Opens, which has to fail with `errno`.
    #[track_caller]
    pub fn fails(self, errno: c_int) {
        let (way, result) = self.go();
        assert_eq!(result, Err(errno), "{way}: the kernel answered otherwise");
    }

    /// Opens, which may succeed or fail.
    pub fn either(self) -> Result {
        self.go().1
    }

    /// Opens and reports; the way's name and the result.
    fn go(self) -> (String, Result) {
        let who = self.who.clone().unwrap_or_else(Who::me);
        let result = (self.via.call)(&self.ask());
        self.report(who, result);
        (self.way, result)
    }

    /// What the kernel is asked for, as long as this lives.
    pub fn ask(&self) -> Ask {
        let name = self.address.unwrap_or(self.name.as_ptr());
        let Self { flags, high_flags, mode, resolve, .. } = *self;
        Ask { dirfd: self.dir.fd, name, flags, high_flags, mode, resolve }
    }

    /// Reports what came of it, where it was asked for by other means.
    pub fn came_to(self, result: Result) {
        self.report(self.who.clone().unwrap_or_else(Who::me), result);
    }

    fn report(&self, who: Who, result: Result) {
        let name = self.name.as_bytes();
        // An empty name names nothing: no directory makes it more.
        let absolute = name.is_empty() || name.starts_with(b"/");
        let kind = self.kind.unwrap_or(if absolute { "absolute" } else { "joined" });
        let path = match kind {
            "unreadable" => None,
            _ if name.is_empty() => None,
            "absolute" => Some(fold(name)),
            _ => Some(fold(&join(&self.dir.path, name))),
        };
        let lookup = matches!(self.via.op, "stat" | "access" | "readlink");
        let creates = !lookup && self.flags & (libc::O_CREAT | (libc::O_TMPFILE & !libc::O_DIRECTORY)) != 0;
        let told =
            || sys::read_link(format!("/proc/thread-self/fd/{}", result.ok().filter(|_| self.fd)?).as_bytes()).ok();
        let real = self.real.map(|path| path.as_bytes().to_vec()).or_else(told);
        Line {
            way: &self.way,
            who,
            op: self.via.op,
            name: (!self.nameless).then_some(name),
            path: path.as_deref(),
            path_kind: kind,
            opened: self.opened.map(str::as_bytes).filter(|_| result.is_ok()),
            real: real.as_deref(),
            flags: (!lookup).then_some(u64::from(self.high_flags) << 32 | u64::from(self.flags as u32)),
            mode: creates.then_some(self.mode),
            result,
            fd: self.fd,
            dir_deleted: self.dir_deleted,
        }
        .print();
    }
}
