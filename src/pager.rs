//! The pager, for pages that are longer than the terminal: `$PAGER`, or less as git starts it.
//!
//! It is a program of the user's choice, so it is only ever started with no more rights than he has.

use std::io;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

/// A running pager, which shows what is written to it.
#[derive(Debug)]
pub struct Pager(Child);

impl Pager {
    /// Starts it, with the end of the pipe to write to. `None` where there is none to start, or none is wanted.
    pub fn start() -> Option<(Self, OwnedFd)> {
        let chosen = std::env::var("PAGER").ok();
        let mut words = chosen.as_deref().unwrap_or("less").split_whitespace();
        let program = words.next().filter(|program| *program != "cat")?;
        let mut command = Command::new(program);
        command.args(words).stdin(Stdio::piped());
        // As git has it: less ends by itself where all fits the screen, shows colours, and leaves the page there.
        for (name, value) in [("LESS", "FRX"), ("LV", "-c")] {
            if std::env::var_os(name).is_none() {
                command.env(name, value);
            }
        }
        let mut child = command.spawn().ok()?;
        let pipe = child.stdin.take()?;
        Some((Self(child), pipe.into()))
    }

    /// Waits until the user has seen enough. Nothing may hold the pipe any more.
    ///
    /// # Errors
    /// If it cannot be waited for.
    pub fn wait(mut self) -> io::Result<()> {
        self.0.wait().map(drop)
    }
}
