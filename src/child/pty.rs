//! A terminal for a command while the screen has the real one.

use std::io;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use std::os::unix::process::CommandExt as _;

use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::Winsize;

/// What the terminal understands.
const TERM: &str = "xterm-256color";

/// A new terminal: opentop's side, and that of the command.
pub(crate) fn open(columns: u16, rows: u16) -> io::Result<(OwnedFd, OwnedFd)> {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&ours)?;
    unlockpt(&ours)?;
    resize(&ours, columns, rows);
    // Not by its name, which may mean another one in this mount namespace.
    let theirs = ioctl_tiocgptpeer(&ours, OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    Ok((ours, theirs))
}

/// Tells the command how large its terminal is; it may not care.
pub(crate) fn resize(terminal: &OwnedFd, columns: u16, rows: u16) {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    let _ = rustix::termios::tcsetwinsize(terminal, size);
}

/// Makes this the command's terminal, of a session of its own: neither keys nor signals of any other reach it.
pub(super) fn attach(starter: &mut Command, terminal: &OwnedFd) -> io::Result<()> {
    let end = || terminal.try_clone().map(Stdio::from);
    starter.stdin(end()?).stdout(end()?).stderr(end()?);
    starter.env("TERM", TERM).env_remove("LINES").env_remove("COLUMNS");
    let lead = || {
        rustix::process::setsid()?;
        Ok(rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?)
    };
    // SAFETY: between fork and exec only system calls are made; nothing is allocated and no lock taken.
    unsafe { starter.pre_exec(lead) };
    Ok(())
}
