//! The standard output, as it was when the program started, and the standard error.

use std::io;
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Writer;

/// Whether it was closed. The standard library opens /dev/null in its place before `main`, so that nobody could tell
/// later.
static CLOSED: AtomicBool = AtomicBool::new(false);

extern "C" fn look() {
    // SAFETY: F_GETFD takes no pointer, and a descriptor that is not open is an error.
    CLOSED.store(unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFD) } == -1, Ordering::Relaxed);
}

// SAFETY: the section holds functions that the C library calls before `main`; this one needs nothing set up.
#[unsafe(link_section = ".init_array")]
#[used]
static LOOK: extern "C" fn() = look;

/// Starts writing to the standard output.
///
/// # Errors
/// If it is closed, or the thread that writes cannot be started.
pub fn stdout() -> io::Result<Writer> {
    if CLOSED.load(Ordering::Relaxed) {
        return Err(io::Error::other("it is closed; redirect it to a file or a pipe"));
    }
    Writer::start(io::stdout().as_fd().try_clone_to_owned()?)
}

/// Starts writing to the standard error.
///
/// # Errors
/// If the thread that writes cannot be started.
pub fn stderr() -> io::Result<Writer> {
    Writer::start(io::stderr().as_fd().try_clone_to_owned()?)
}
