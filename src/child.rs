//! The command behind `--`: started when the hooks are in place, so that not even its first open is missed.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;

use crossbeam_channel::{Receiver, bounded};

use crate::error::{EXIT_SIGNAL, Error};
use crate::escape::escape;

/// A command that was started, and is waited for by nobody yet.
#[derive(Debug)]
pub struct Started(std::process::Child);

/// A running command.
#[derive(Debug)]
pub struct Child {
    ended: Receiver<ExitStatus>,
}

/// Starts `command`, a program and its arguments. `quiet`: the terminal is somebody else's, so its input and output are
/// left to nothing.
///
/// # Errors
/// If it cannot be started.
pub fn start(command: &[OsString], quiet: bool) -> Result<Started, Error> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(Error::Usage("-- needs a command behind it".into()));
    };
    let mut starter = Command::new(program);
    starter.args(arguments);
    if quiet {
        starter.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    }
    let name = escape(program.as_encoded_bytes());
    starter.spawn().map(Started).map_err(|why| Error::Other(format!("cannot run {name}: {why}")))
}

impl Started {
    /// Waits for its end in a thread, and calls `on_end` then.
    pub fn watch(self, on_end: impl FnOnce() + Send + 'static) -> Child {
        let Started(mut process) = self;
        let (sender, ended) = bounded(1);
        thread::spawn(move || {
            if let Ok(status) = process.wait() {
                let _ = sender.send(status);
            }
            on_end();
        });
        Child { ended }
    }
}

impl Child {
    /// The exit status as a shell has it, if the command has ended.
    #[must_use]
    pub fn exit_code(&self) -> Option<u8> {
        let status = self.ended.try_recv().ok()?;
        let code = status.code().unwrap_or_else(|| i32::from(EXIT_SIGNAL) + status.signal().unwrap_or_default());
        Some(code as u8)
    }
}
