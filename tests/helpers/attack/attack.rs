//! Opens whatever could fill a tracer's memory or confuse its counts, as fast as one process can, and says how often it
//! did.
//!
//! Each mode is one kind of flood. All names hold a token of this process, so that its opens can be told from all
//! others. Started as root it becomes nobody first, but for the modes that need root to be possible at all.

mod modes;
#[allow(dead_code, reason = "made for the opener, which uses all of it")]
#[path = "../../opener/sys.rs"]
mod sys;
#[allow(dead_code, reason = "made for the opener, which uses all of it")]
#[path = "../../opener/uring.rs"]
mod uring;

use modes::{MODES, Mode};
use std::ffi::CStr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Whom an attacker without privileges is: nobody.
const NOBODY: u32 = 65534;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words[..] {
        ["list"] => {
            MODES.iter().for_each(|mode| say(&format!("{}{}", mode.name, if mode.as_root { " root" } else { "" })));
        }
        [name, dir, seconds] => match (MODES.iter().find(|mode| mode.name == name), seconds.parse()) {
            (Some(mode), Ok(seconds)) => attack(mode, dir, Duration::from_secs(seconds)),
            _ => return usage(),
        },
        _ => return usage(),
    }
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!(
        "usage: attack list (those that stay root say so) | attack MODE DIR SECONDS; DIR is a directory that nobody \
         may write to, too"
    );
    ExitCode::from(2)
}

fn say(line: &str) {
    sys::write_all(libc::STDOUT_FILENO, format!("{line}\n").as_bytes());
}

fn attack(mode: &Mode, dir: &str, lasts: Duration) {
    sys::change_dir(dir.as_bytes());
    // SAFETY: no pointers but an empty list.
    unsafe {
        if libc::geteuid() == 0 && !mode.as_root {
            let dropped = [libc::setgroups(0, std::ptr::null()), libc::setgid(NOBODY), libc::setuid(NOBODY)];
            assert_eq!(dropped, [0; 3], "becoming nobody");
        }
    }
    let mut flood =
        Flood { token: format!("opentop-flood-{}", std::process::id()), end: Instant::now() + lasts, made: 0 };
    (mode.run)(&mut flood);
    say(&format!(r#"{{"made":{}}}"#, flood.made));
}

/// Opens that are made until the time is over.
#[derive(Debug)]
pub struct Flood {
    /// What all names begin with, behind the slash of an absolute one.
    pub token: String,
    end: Instant,
    /// Opens whose call has returned, or whose completion has come.
    pub made: u64,
}

impl Flood {
    pub fn is_over(&self) -> bool {
        Instant::now() >= self.end
    }

    /// Makes openings of names until the time is over: `name` gets a number that is always another.
    pub fn open_all(&mut self, mut name: impl FnMut(u64) -> Vec<u8>) {
        while !self.is_over() {
            for _ in 0..64 {
                let name = sys::c_string(&name(self.made));
                self.open(&name);
            }
        }
    }

    pub fn open(&mut self, name: &CStr) {
        open(name);
        self.made += 1;
    }
}

/// Opens a name, which may exist or not.
pub fn open(name: &CStr) {
    let ask = sys::Ask { dirfd: libc::AT_FDCWD, name: name.as_ptr(), flags: 0, mode: 0, resolve: 0, high_flags: 0 };
    if let Ok(fd) = (sys::OPENAT.call)(&ask) {
        sys::close(fd);
    }
}
